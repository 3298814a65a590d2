//! Values of the evaluator: recorded ones, and those that an expression makes.

use moviola_format::read::OwnedValue;
use num_bigint::{BigInt, Sign};
use num_traits::ToPrimitive as _;
use std::sync::Arc;

/// Elements made by an expression.
pub type Vals = Arc<Vec<Val>>;
/// Items made by an expression.
pub type Pairs = Arc<Vec<(Val, Val)>>;

/// A value. Recorded objects are references; what an expression makes is held by value.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // Most names are Python's own.
pub enum Val {
    None,
    Bool(bool),
    Ellipsis,
    NotImplemented,
    Int(i64),
    /// Outside 64 bits.
    Big(Arc<BigInt>),
    Float(f64),
    Complex(f64, f64),
    /// UTF-8 with surrogates as three bytes each.
    Str(Arc<[u8]>),
    Bytes(Arc<[u8]>),
    ByteArray(Arc<[u8]>),
    /// A recorded object.
    Ref(u64),
    /// Not recorded, and why. Stands only inside containers.
    Unknown(Arc<str>),
    List(Vals),
    Tuple(Vals),
    /// Elements differ.
    Set(Vals),
    /// Elements differ.
    FrozenSet(Vals),
    /// Keys differ.
    Dict(Pairs),
    /// `dict_keys`, `dict_values`, `dict_items`.
    View(&'static str, Vals),
    /// An iterator of the named type with what it would yield.
    Iter(&'static str, Vals),
    Slice(Arc<[Val; 3]>),
    Range(Arc<[BigInt; 3]>),
    /// A built-in type, `module.name` if not in builtins.
    Type(&'static str),
    /// A built-in function.
    Function(&'static str),
    /// A bound method of a built-in type.
    Method(Arc<(Val, Arc<str>)>),
    /// A recorded function bound to a value.
    Bound(Arc<(Val, u64)>),
}

impl From<&OwnedValue> for Val {
    fn from(value: &OwnedValue) -> Self {
        match value {
            OwnedValue::Unbound => Self::Unknown("no value".into()),
            OwnedValue::None => Self::None,
            OwnedValue::Bool(value) => Self::Bool(*value),
            OwnedValue::Ellipsis => Self::Ellipsis,
            OwnedValue::NotImplemented => Self::NotImplemented,
            OwnedValue::Int(value) => Self::Int(*value),
            OwnedValue::Big { negative, magnitude } => {
                let sign = if *negative { Sign::Minus } else { Sign::Plus };
                Self::int(BigInt::from_bytes_le(sign, magnitude))
            }
            OwnedValue::Float(value) => Self::Float(*value),
            OwnedValue::Complex(re, im) => Self::Complex(*re, *im),
            OwnedValue::Str(text) => Self::Str(Arc::clone(text)),
            OwnedValue::Bytes(bytes) => Self::Bytes(Arc::clone(bytes)),
            OwnedValue::Ref(id) => Self::Ref(*id),
            OwnedValue::Unknown(reason) => Self::Unknown(reason.text().into()),
        }
    }
}

impl From<OwnedValue> for Val {
    fn from(value: OwnedValue) -> Self {
        Self::from(&value)
    }
}

impl Val {
    /// An int of any size.
    #[must_use]
    pub fn int(value: BigInt) -> Self {
        value.to_i64().map_or_else(|| Self::Big(Arc::new(value)), Self::Int)
    }

    /// A length or count.
    #[must_use]
    pub fn count(value: usize) -> Self {
        i64::try_from(value).map_or_else(|_| Self::int(BigInt::from(value)), Self::Int)
    }

    /// A str.
    #[must_use]
    pub fn str(text: &str) -> Self {
        Self::Str(text.as_bytes().into())
    }

    /// A str of text with surrogates.
    #[must_use]
    pub fn text(text: Vec<u8>) -> Self {
        Self::Str(text.into())
    }

    /// A list.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(items))
    }

    /// A tuple.
    #[must_use]
    pub fn tuple(items: Vec<Self>) -> Self {
        Self::Tuple(Arc::new(items))
    }

    /// An int or bool as a big int.
    #[must_use]
    pub fn as_int(&self) -> Option<BigInt> {
        match self {
            Self::Bool(value) => Some(BigInt::from(i64::from(*value))),
            Self::Int(value) => Some(BigInt::from(*value)),
            Self::Big(value) => Some((**value).clone()),
            _ => None,
        }
    }

    /// An int or bool that fits 64 bits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Bool(value) => Some(i64::from(*value)),
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether it is an int or bool.
    #[must_use]
    pub const fn is_int(&self) -> bool {
        matches!(self, Self::Bool(_) | Self::Int(_) | Self::Big(_))
    }
}
