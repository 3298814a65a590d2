//! A mapping of encoded keys to encoded values in insertion order.
//!
//! Every item has an absolute position, as elements of a [`super::Seq`] have; a deleted item
//! leaves a hole until enough of them are there to close them all.

use super::{Packed, Resolve, Touch, canonical, is_canonical};
use crate::event::op;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// Up to so many items are searched one by one.
const LINEAR_MAX: usize = 8;

/// Items with their absolute positions.
#[derive(Debug, Clone, Default)]
pub struct Map {
    items: VecDeque<Option<(Packed, Packed)>>,
    first: u64,
    live: usize,
    index: Option<Box<FxHashMap<Packed, u64>>>,
    /// Canonical forms of keys that are known already, by position.
    known: Option<Box<FxHashMap<u64, Packed>>>,
}

impl Map {
    /// A map of items without equal keys among them; holes are `None`.
    #[must_use]
    pub fn from_items(first: u64, items: VecDeque<Option<(Packed, Packed)>>) -> Self {
        let live = items.iter().flatten().count();
        Self { items, first, live, index: None, known: None }
    }

    /// Tells the canonical forms of some keys, so that they need not be resolved.
    pub fn set_known(&mut self, known: FxHashMap<u64, Packed>) {
        self.known = Some(Box::new(known));
    }

    /// Number of items.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.live
    }

    /// Whether there are no items.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Absolute position of the first slot.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// Absolute position behind the last slot.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.first.wrapping_add(self.items.len() as u64)
    }

    /// The items in order.
    pub fn iter(&self) -> impl Iterator<Item = &(Packed, Packed)> {
        self.items.iter().flatten()
    }

    /// The slot at an absolute position.
    #[must_use]
    pub fn slot(&self, at: u64) -> Option<&(Packed, Packed)> {
        self.items.get(usize::try_from(at.wrapping_sub(self.first)).ok()?)?.as_ref()
    }

    fn slot_mut(&mut self, at: u64) -> Option<&mut Option<(Packed, Packed)>> {
        self.items.get_mut(usize::try_from(at.wrapping_sub(self.first)).ok()?)
    }

    /// Absolute position of the item with an equal key.
    #[inline]
    pub fn find(&mut self, key: &[u8], resolve: &dyn Resolve) -> Option<u64> {
        if self.items.len() > LINEAR_MAX {
            if self.index.is_none() {
                self.build_index(resolve);
            }
            let index = self.index.as_ref()?;
            if is_canonical(key) {
                return index.get(key).copied();
            }
            return index.get(&canonical(key, resolve)).copied();
        }
        let mut items = self.items.iter();
        let found = if key.first() == Some(&op::V_STR) && is_canonical(key) {
            items.position(|item| item.as_ref().is_some_and(|(other, _)| other.bytes() == key))
        } else {
            let key = canonical(key, resolve);
            items.position(|item| {
                item.as_ref().is_some_and(|(other, _)| canonical(other.bytes(), resolve) == key)
            })
        };
        Some(self.first.wrapping_add(found? as u64))
    }

    fn build_index(&mut self, resolve: &dyn Resolve) {
        let mut index = FxHashMap::default();
        index.reserve(self.live);
        for (slot, item) in self.items.iter().enumerate() {
            if let Some((key, _)) = item {
                index.insert(canonical(key.bytes(), resolve), self.first.wrapping_add(slot as u64));
            }
        }
        self.index = Some(Box::new(index));
    }

    /// Sets the value of a key: an equal key keeps its place, a new one goes to the end.
    #[inline]
    pub fn set(
        &mut self,
        key: &[u8],
        value: &[u8],
        resolve: &dyn Resolve,
        part: u8,
        touch: &mut impl Touch,
    ) {
        if let Some(at) = self.find(key, resolve) {
            if let Some(Some(item)) = self.slot_mut(at) {
                item.1 = Packed::new(value);
            }
            touch.range(part, at, at.wrapping_add(1));
        } else {
            self.push(key, value, resolve, part, touch);
        }
    }

    /// Appends an item whose key is known to be new.
    pub fn push(
        &mut self,
        key: &[u8],
        value: &[u8],
        resolve: &dyn Resolve,
        part: u8,
        touch: &mut impl Touch,
    ) {
        let at = self.next();
        if let Some(known) = &mut self.known {
            known.remove(&at);
        }
        self.items.push_back(Some((Packed::new(key), Packed::new(value))));
        self.live += 1;
        if let Some(index) = &mut self.index {
            index.insert(canonical(key, resolve), at);
        }
        touch.range(part, at, at.wrapping_add(1));
    }

    /// Deletes the item with an equal key; false if there is none.
    pub fn remove(
        &mut self,
        key: &[u8],
        resolve: &dyn Resolve,
        part: u8,
        touch: &mut impl Touch,
    ) -> bool {
        let Some(at) = self.find(key, resolve) else { return false };
        if let Some(slot) = self.slot_mut(at) {
            *slot = None;
        }
        if let Some(index) = &mut self.index {
            index.remove(&canonical(key, resolve));
        }
        self.live -= 1;
        touch.range(part, at, at.wrapping_add(1));
        while self.items.front().is_some_and(Option::is_none) {
            self.items.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        while self.items.back().is_some_and(Option::is_none) {
            self.items.pop_back();
        }
        if self.items.len() > self.live * 2 + 32 {
            self.items.retain(Option::is_some);
            self.index = None;
            self.known = None;
            touch.range(part, self.first, self.next());
        }
        true
    }

    /// Deletes all items.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
