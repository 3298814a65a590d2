//! A sequence of encoded values.
//!
//! Every element has an absolute position besides its index: position = origin + index. Work at
//! either end leaves the positions of all other elements as they are, so that chunks of positions
//! change only where elements change.

use super::{Packed, Touch};
use std::collections::VecDeque;

/// Position of the first element of a new sequence: room for any number of elements in front.
pub const ORIGIN: u64 = 1 << 40;

/// Elements with their absolute positions.
#[derive(Debug, Clone)]
pub struct Seq {
    /// The elements.
    pub items: VecDeque<Packed>,
    /// Absolute position of the first one.
    pub origin: u64,
}

impl Default for Seq {
    fn default() -> Self {
        Self { items: VecDeque::new(), origin: ORIGIN }
    }
}

impl Seq {
    /// Absolute position behind the last element.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.origin.wrapping_add(self.items.len() as u64)
    }

    /// Appends an element.
    #[inline]
    pub fn push(&mut self, value: &[u8], part: u8, touch: &mut impl Touch) {
        let at = self.end();
        self.items.push_back(Packed::new(value));
        touch.range(part, at, at.wrapping_add(1));
    }

    /// Replaces an element; false if there is none at `index`.
    #[inline]
    pub fn set(&mut self, index: u64, value: &[u8], part: u8, touch: &mut impl Touch) -> bool {
        let found = usize::try_from(index).ok().and_then(|index| self.items.get_mut(index));
        let Some(item) = found else { return false };
        *item = Packed::new(value);
        let at = self.origin.wrapping_add(index);
        touch.range(part, at, at.wrapping_add(1));
        true
    }

    /// Replaces `deleted` elements from `start` by `inserted`; false if there are not so many.
    pub fn splice(
        &mut self,
        start: u64,
        deleted: u64,
        inserted: Vec<Packed>,
        part: u8,
        touch: &mut impl Touch,
    ) -> bool {
        let len = self.items.len() as u64;
        if start > len || deleted > len - start {
            return false;
        }
        let count = inserted.len() as u64;
        let behind = len - start - deleted;
        let (first, gone) = (start as usize, deleted as usize);
        if deleted == count {
            for (item, new) in self.items.range_mut(first..first + gone).zip(inserted) {
                *item = new;
            }
            let at = self.origin.wrapping_add(start);
            touch.range(part, at, at.wrapping_add(count));
        } else if start < behind {
            let head: Vec<Packed> = self.items.drain(..first + gone).take(first).collect();
            for item in inserted.into_iter().rev() {
                self.items.push_front(item);
            }
            for item in head.into_iter().rev() {
                self.items.push_front(item);
            }
            self.origin = self.origin.wrapping_add(deleted).wrapping_sub(count);
            touch.range(part, self.origin, self.origin.wrapping_add(start + count));
        } else {
            let mut tail = self.items.split_off(first + gone);
            self.items.truncate(first);
            self.items.extend(inserted);
            self.items.append(&mut tail);
            touch.range(part, self.origin.wrapping_add(start), self.end());
        }
        true
    }
}
