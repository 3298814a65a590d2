//! Keys of dicts and elements of sets: a form in which Python-equal values are equal.

use super::error::{R, type_error, unknown, unsupported};
use super::run::Eval;
use super::val::Val;
use crate::show::class::{Class, Lookup};
use moviola_format::event::Kind;
use moviola_format::read::OwnedValue;
use num_bigint::BigInt;
use num_traits::FromPrimitive as _;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Equal for values that Python finds equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Singleton(&'static str),
    Small(i64),
    Int(BigInt),
    Float(u64),
    Complex(u64, u64),
    Str(Arc<[u8]>),
    Bytes(Arc<[u8]>),
    Tuple(Vec<Key>),
    Set(Vec<Key>),
    Range(Vec<BigInt>),
    Id(u64),
    Type(String),
    /// Of a stored NaN: nothing else is equal to it, and no key that is looked up is of this kind.
    Nan,
}

/// Distinct values in order.
#[derive(Default)]
pub(super) struct KeySet {
    index: FxHashMap<Key, usize>,
    values: Vec<Val>,
}

impl KeySet {
    /// Adds a value unless an equal one is there; false if it is.
    pub(super) fn add(&mut self, key: Key, value: Val) -> bool {
        let next = self.values.len();
        if *self.index.entry(key).or_insert(next) != next {
            return false;
        }
        self.values.push(value);
        true
    }

    pub(super) fn has(&self, key: &Key) -> bool {
        self.index.contains_key(key)
    }

    pub(super) fn into_values(self) -> Vec<Val> {
        self.values
    }
}

/// Distinct keys in order, with values.
#[derive(Default)]
pub(super) struct PairSet {
    index: FxHashMap<Key, usize>,
    pairs: Vec<(Val, Val)>,
}

impl PairSet {
    pub(super) fn set(&mut self, key: Key, name: Val, value: Val) {
        let next = self.pairs.len();
        let at = *self.index.entry(key).or_insert(next);
        if at == next {
            self.pairs.push((name, value));
        } else {
            self.pairs[at].1 = value;
        }
    }

    pub(super) fn into_pairs(self) -> Vec<(Val, Val)> {
        self.pairs
    }
}

impl Eval<'_> {
    /// The key of a hashable value.
    pub(super) fn key(&self, value: &Val) -> R<Key> {
        self.key_at(value, 0)
    }

    fn key_at(&self, value: &Val, depth: usize) -> R<Key> {
        self.step(1)?;
        if depth > 100 {
            return unsupported("a key nested too deeply");
        }
        let scalar = self.scalar(value, "__hash__")?;
        if let (Val::Ref(id), false) = (value, matches!(scalar, Val::Ref(_)))
            && self.objects.object_head(*id)?.1 != 0
        {
            self.no_method(value, "__eq__")?;
        }
        Ok(match &scalar {
            Val::None => Key::Singleton("None"),
            Val::Ellipsis => Key::Singleton("Ellipsis"),
            Val::NotImplemented => Key::Singleton("NotImplemented"),
            Val::Bool(value) => Key::Small(i64::from(*value)),
            Val::Int(value) => Key::Small(*value),
            Val::Big(value) => Key::Int((**value).clone()),
            // Its hash is by identity, and so is what finds it.
            number if super::compare::is_nan(number) => return unknown(super::compare::NAN),
            Val::Float(value) => float_key(*value),
            Val::Complex(re, im) if *im == 0.0 => float_key(*re),
            Val::Complex(re, im) => Key::Complex(re.to_bits(), im.to_bits()),
            Val::Str(text) => Key::Str(Arc::clone(text)),
            Val::Bytes(bytes) => Key::Bytes(Arc::clone(bytes)),
            Val::Range(parts) => {
                let len = super::item::range_len(parts);
                let one = BigInt::from(1);
                Key::Range(if len == BigInt::ZERO {
                    vec![]
                } else if len == one {
                    vec![parts[0].clone()]
                } else {
                    vec![len, parts[0].clone(), parts[2].clone()]
                })
            }
            Val::Tuple(items) => {
                Key::Tuple(items.iter().map(|item| self.key_at(item, depth + 1)).collect::<R<_>>()?)
            }
            Val::FrozenSet(items) => self.set_key(items, depth)?,
            Val::Type(name) => Key::Type((*name).to_owned()),
            Val::Function(name) => Key::Type(format!("{name}()")),
            Val::Unknown(reason) => return unknown(reason),
            Val::Ref(id) => return self.ref_key(value, *id, depth),
            Val::Iter(..) | Val::Method(_) | Val::Bound(_) => {
                return unsupported("a key that the expression made");
            }
            Val::List(_)
            | Val::Set(_)
            | Val::Dict(_)
            | Val::ByteArray(_)
            | Val::View(..)
            | Val::Slice(_) => {
                let name = self.type_name(&scalar)?;
                return type_error(format!("unhashable type: '{name}'"));
            }
        })
    }

    fn set_key(&self, items: &[Val], depth: usize) -> R<Key> {
        let mut keys: Vec<Key> =
            items.iter().map(|item| self.key_at(item, depth + 1)).collect::<R<_>>()?;
        keys.sort_by_cached_key(|key| format!("{key:?}"));
        Ok(Key::Set(keys))
    }

    fn ref_key(&self, value: &Val, id: u64, depth: usize) -> R<Key> {
        let (kind, class) = self.objects.object_head(id)?;
        if class == 0 {
            return match kind {
                Kind::Tuple => Ok(Key::Tuple(
                    self.iterate(value)?
                        .iter()
                        .map(|item| self.key_at(item, depth + 1))
                        .collect::<R<_>>()?,
                )),
                Kind::FrozenSet => self.set_key(&self.iterate(value)?, depth),
                Kind::List
                | Kind::Set
                | Kind::Dict
                | Kind::OrderedDict
                | Kind::DefaultDict
                | Kind::Deque
                | Kind::ByteArray
                | Kind::SimpleNamespace => {
                    let name = self.type_name(value)?;
                    type_error(format!("unhashable type: '{name}'"))
                }
                Kind::DateTime | Kind::MemoryView | Kind::Opaque => {
                    unsupported("the hash of an opaque object")
                }
                _ => Ok(Key::Id(id)),
            };
        }
        match kind {
            Kind::Class => return Ok(class_key(value, self)?.unwrap_or(Key::Id(id))),
            Kind::Instance | Kind::Exception => {}
            Kind::DateTime => return unsupported("the hash of an opaque object"),
            _ => return Ok(Key::Id(id)),
        }
        let found = Class::of(value, self.objects)?;
        if let Lookup::Found(_, OwnedValue::None) = found.lookup("__hash__", self.objects)? {
            return type_error(format!("unhashable type: '{}'", found.name()));
        }
        self.no_method(value, "__eq__")?;
        self.no_method(value, "__hash__")?;
        let Class::Recorded(facts) = &found else { return Ok(Key::Id(id)) };
        match facts.base.and_then(|code| u8::try_from(code).ok()).and_then(Kind::from_code) {
            Some(Kind::Tuple) => Ok(Key::Tuple(
                self.iterate(value)?
                    .iter()
                    .map(|item| self.key_at(item, depth + 1))
                    .collect::<R<_>>()?,
            )),
            Some(Kind::FrozenSet) => self.set_key(&self.iterate(value)?, depth),
            Some(_) => type_error(format!("unhashable type: '{}'", found.name())),
            None => Ok(Key::Id(id)),
        }
    }

    /// As `key`, for an element that is already in a set or dict: an element whose equality is
    /// recorded code counts as different from all but itself.
    pub(super) fn stored_key(&self, value: &Val) -> R<Option<Key>> {
        match self.key(value) {
            Err(super::EvalError::Unknown(_)) if super::compare::is_nan(value) => {
                Ok(Some(Key::Nan))
            }
            Ok(key) => Ok(Some(key)),
            Err(super::EvalError::Unsupported(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn class_key(value: &Val, eval: &Eval<'_>) -> R<Option<Key>> {
    Ok(match Class::from_val(value, eval.objects)? {
        Some(Class::Recorded(facts)) if !facts.is_open() && facts.module == "builtins" => {
            Some(Key::Type(facts.qualname.clone()))
        }
        _ => None,
    })
}

fn float_key(value: f64) -> Key {
    if value.fract() == 0.0
        && let Some(int) = BigInt::from_f64(value)
    {
        return match i64::try_from(&int) {
            Ok(small) => Key::Small(small),
            Err(_) => Key::Int(int),
        };
    }
    Key::Float(value.to_bits())
}
