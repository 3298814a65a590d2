//! A dict's items in order, with lookup by Python's equality of keys.

use super::Heap;
use crate::pyfloat::big;
use moviola_format::event::Kind;
use moviola_format::read::OwnedValue;
use num_bigint::BigInt;
use num_traits::{FromPrimitive as _, ToPrimitive as _};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A dict key as far as equality goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// Things that are only equal to themselves.
    Constant(u8),
    /// A number that fits.
    Int(i64),
    /// A number that does not.
    Big(BigInt),
    /// A float that is no whole number.
    Float(u64),
    /// A complex number with an imaginary part.
    Complex(u64, u64),
    /// Text.
    Str(Arc<[u8]>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A tuple of keys.
    Tuple(Vec<Key>),
    /// An object that is equal to itself only.
    Object(u64),
}

impl Key {
    /// The key that a value is.
    #[must_use]
    pub fn of(heap: &Heap, value: &OwnedValue) -> Self {
        Self::nested(heap, value, 0)
    }

    fn nested(heap: &Heap, value: &OwnedValue, depth: u32) -> Self {
        match value {
            OwnedValue::Unbound => Self::Constant(0),
            OwnedValue::None => Self::Constant(1),
            OwnedValue::Ellipsis => Self::Constant(2),
            OwnedValue::NotImplemented => Self::Constant(3),
            OwnedValue::Unknown(reason) => Self::Constant(16 + *reason as u8),
            OwnedValue::Bool(value) => Self::Int(i64::from(*value)),
            OwnedValue::Int(value) => Self::Int(*value),
            OwnedValue::Big { negative, magnitude } => Self::number(big(*negative, magnitude)),
            OwnedValue::Float(value) => Self::float(*value),
            OwnedValue::Complex(re, im) if *im == 0.0 => Self::float(*re),
            OwnedValue::Complex(re, im) => Self::Complex(re.to_bits(), im.to_bits()),
            OwnedValue::Str(text) => Self::Str(Arc::clone(text)),
            OwnedValue::Bytes(bytes) => Self::Bytes(Arc::clone(bytes)),
            OwnedValue::Ref(id) => Self::object(heap, *id, depth),
        }
    }

    fn number(value: BigInt) -> Self {
        value.to_i64().map_or(Self::Big(value), Self::Int)
    }

    fn float(value: f64) -> Self {
        if value.fract() == 0.0
            && let Some(whole) = BigInt::from_f64(value)
        {
            return Self::number(whole);
        }
        Self::Float(value.to_bits())
    }

    fn object(heap: &Heap, id: u64, depth: u32) -> Self {
        let Some(object) = heap.get(id).filter(|object| object.class == 0 && depth < 50) else {
            return Self::Object(id);
        };
        match (object.kind, &object.blob, &object.seq) {
            (Some(Kind::Str), Some(blob), _) => Self::Str(blob.as_slice().into()),
            (Some(Kind::Bytes), Some(blob), _) => Self::Bytes(blob.as_slice().into()),
            (Some(Kind::Int), Some(blob), _) => {
                Self::number(big(object.scalar == Some(OwnedValue::Bool(true)), blob))
            }
            (Some(Kind::Tuple), _, Some(seq)) => {
                Self::Tuple(seq.iter().map(|item| Self::nested(heap, item, depth + 1)).collect())
            }
            _ => Self::Object(id),
        }
    }
}

/// Items in order of insertion.
///
/// Keys are made only at the first keyed change: a tuple that is a key may be introduced just
/// after the dict.
#[derive(Debug, Default)]
pub struct OrderedMap {
    items: Vec<Option<(OwnedValue, OwnedValue)>>,
    index: Option<FxHashMap<Key, usize>>,
    gone: usize,
    /// Items whose value is unset.
    unset: usize,
}

impl OrderedMap {
    /// A map of these items, whose keys differ.
    #[must_use]
    pub fn from_items(items: Vec<(OwnedValue, OwnedValue)>) -> Self {
        let unset = items.iter().filter(|(_, value)| *value == OwnedValue::Unbound).count();
        Self { items: items.into_iter().map(Some).collect(), index: None, gone: 0, unset }
    }

    /// Number of items.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.items.len() - self.gone
    }

    /// Number of items whose value is not unset.
    #[must_use]
    pub const fn set_len(&self) -> usize {
        self.len().saturating_sub(self.unset)
    }

    /// Whether there is no item.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&OwnedValue, &OwnedValue)> {
        self.items.iter().flatten().map(|(key, value)| (key, value))
    }

    /// The value of a str key.
    #[must_use]
    pub fn get_str(&self, name: &[u8]) -> Option<&OwnedValue> {
        if let Some(index) = &self.index {
            let place = *index.get(&Key::Str(name.into()))?;
            return self.items.get(place)?.as_ref().map(|(_, value)| value);
        }
        self.iter()
            .find(|(key, _)| matches!(key, OwnedValue::Str(text) if **text == *name))
            .map(|(_, value)| value)
    }

    /// Sets an item; an equal key keeps its place.
    pub fn set(&mut self, heap: &Heap, key: OwnedValue, value: OwnedValue) {
        let made = Key::of(heap, &key);
        let place = self.items.len();
        let found = *self.index(heap).entry(made).or_insert(place);
        self.unset += usize::from(value == OwnedValue::Unbound);
        if found == place {
            self.items.push(Some((key, value)));
        } else if let Some(Some((_, old))) = self.items.get_mut(found) {
            let was_unset = usize::from(*old == OwnedValue::Unbound);
            self.unset = self.unset.saturating_sub(was_unset);
            *old = value;
        }
    }

    /// Removes an item.
    pub fn remove(&mut self, heap: &Heap, key: &OwnedValue) {
        let made = Key::of(heap, key);
        let Some(place) = self.index(heap).remove(&made) else { return };
        let old = self.items[place].take();
        let was_unset = old.is_some_and(|(_, value)| value == OwnedValue::Unbound);
        self.unset = self.unset.saturating_sub(usize::from(was_unset));
        self.gone += 1;
        if self.gone > 32 && self.gone * 2 > self.items.len() {
            self.items.retain(Option::is_some);
            self.gone = 0;
            self.index = None;
        }
    }

    fn index(&mut self, heap: &Heap) -> &mut FxHashMap<Key, usize> {
        let items = &self.items;
        self.index.get_or_insert_with(|| {
            let keyed = items.iter().enumerate();
            keyed
                .filter_map(|(place, item)| Some((Key::of(heap, &item.as_ref()?.0), place)))
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_are_one_key() {
        let heap = Heap::default();
        let mut map = OrderedMap::default();
        map.set(&heap, OwnedValue::Int(1), OwnedValue::None);
        map.set(&heap, OwnedValue::Float(1.0), OwnedValue::Bool(true));
        map.set(&heap, OwnedValue::Int(2), OwnedValue::None);
        map.remove(&heap, &OwnedValue::Bool(true));
        assert_eq!(map.len(), 1);
        map.set(&heap, OwnedValue::Bool(true), OwnedValue::None);
        let keys: Vec<_> = map.iter().map(|(key, _)| key.clone()).collect();
        assert_eq!(keys, [OwnedValue::Int(2), OwnedValue::Bool(true)]);
    }
}
