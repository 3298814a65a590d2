//! Values and object contents that own their data, for readers. Mirrors `event::Value`.

use crate::event::{Kind, Reason, Value};
use std::sync::Arc;

/// A recorded value that owns its data. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnedValue {
    /// No value: an unbound local, an empty cell, a deleted slot.
    Unbound,
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// `...`.
    Ellipsis,
    /// `NotImplemented`.
    NotImplemented,
    /// An int in 64 bits.
    Int(i64),
    /// A larger int.
    Big {
        /// Below zero.
        negative: bool,
        /// Least significant byte first.
        magnitude: Arc<[u8]>,
    },
    /// A float.
    Float(f64),
    /// A complex number.
    Complex(f64, f64),
    /// A str, UTF-8 with surrogates as three bytes each.
    Str(Arc<[u8]>),
    /// A bytes object.
    Bytes(Arc<[u8]>),
    /// An object by id.
    Ref(u64),
    /// Not recorded.
    Unknown(Reason),
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Unbound => Self::Unbound,
            Value::None => Self::None,
            Value::Bool(value) => Self::Bool(value),
            Value::Ellipsis => Self::Ellipsis,
            Value::NotImplemented => Self::NotImplemented,
            Value::Int(value) => Self::Int(value),
            Value::Big { negative, magnitude } => {
                Self::Big { negative, magnitude: magnitude.into() }
            }
            Value::Float(value) => Self::Float(value),
            Value::Complex(re, im) => Self::Complex(re, im),
            Value::Str(bytes) => Self::Str(bytes.into()),
            Value::Bytes(bytes) => Self::Bytes(bytes.into()),
            Value::Ref(id) => Self::Ref(id),
            Value::Unknown(reason) => Self::Unknown(reason),
        }
    }
}

impl OwnedValue {
    /// The same value, borrowed.
    #[must_use]
    pub fn borrow(&self) -> Value<'_> {
        match self {
            Self::Unbound => Value::Unbound,
            Self::None => Value::None,
            Self::Bool(value) => Value::Bool(*value),
            Self::Ellipsis => Value::Ellipsis,
            Self::NotImplemented => Value::NotImplemented,
            Self::Int(value) => Value::Int(*value),
            Self::Big { negative, magnitude } => Value::Big { negative: *negative, magnitude },
            Self::Float(value) => Value::Float(*value),
            Self::Complex(re, im) => Value::Complex(*re, *im),
            Self::Str(bytes) => Value::Str(bytes),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Ref(id) => Value::Ref(*id),
            Self::Unknown(reason) => Value::Unknown(*reason),
        }
    }
}

/// Items of a mapping, in order.
pub type Items = Vec<(OwnedValue, OwnedValue)>;

/// The contents of an object at a position.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectState {
    /// What it is.
    pub kind: Kind,
    /// Object id of its class; 0: the kind's own exact type.
    pub class: u64,
    /// Whether the contents below are what they were, or why not.
    pub status: Status,
    /// Elements.
    pub seq: Option<Vec<OwnedValue>>,
    /// Items of a dict.
    pub map: Option<Items>,
    /// Instance dictionary.
    pub attrs: Option<Items>,
    /// Slots and named C-level fields.
    pub fields: Option<Items>,
    /// A cell's contents, the payload of a subclass of `str` or `int`, a text form.
    pub scalar: Option<OwnedValue>,
    /// Raw bytes of a str, bytes, bytearray, int magnitude, array.
    pub blob: Option<Vec<u8>>,
    /// The dict is the `__dict__` of this object, whose `attrs` are its items.
    pub dict_of: Option<u64>,
}

/// Whether an object's contents are known at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Known.
    Known,
    /// Not recorded; kind and class may still be right.
    Unknown(Reason),
    /// The object was gone. Kind and class are right, the contents are left out.
    Dead,
    /// The object had not been seen yet, or the id was never used, or it lived and died inside
    /// one block and the position is in another. Kind is `Opaque`.
    Unseen,
}
