//! All parts of one object, and what each object event does to them.

use super::{Map, Packed, Resolve, Seq, canonical};
use crate::event::raw::{Change, Raw};
use crate::event::{Kind, Sink, op};
use std::collections::VecDeque;

/// Is told which absolute positions of a part got new contents.
pub trait Touch {
    /// Positions `start..end` of `part` (a `P_*` tag).
    fn range(&mut self, part: u8, start: u64, end: u64);
}

impl Touch for () {
    fn range(&mut self, _part: u8, _start: u64, _end: u64) {}
}

/// The sequence part: by index, or (sets) by element.
#[derive(Debug, Clone)]
pub enum SeqPart {
    /// Elements by index.
    Plain(Seq),
    /// Distinct elements, found by equality; the map's values are empty.
    Keyed(Map),
}

impl SeqPart {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Plain(seq) => seq.items.len(),
            Self::Keyed(map) => map.len(),
        }
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in order, encoded.
    pub fn iter(&self) -> Box<dyn Iterator<Item = &[u8]> + '_> {
        match self {
            Self::Plain(seq) => Box::new(seq.items.iter().map(Packed::bytes)),
            Self::Keyed(map) => Box::new(map.iter().map(|(element, _)| element.bytes())),
        }
    }
}

/// Parts of an object.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// Elements.
    pub seq: Option<SeqPart>,
    /// Items of a dict.
    pub map: Option<Map>,
    /// Instance dictionary.
    pub attrs: Option<Map>,
    /// Slots and named C-level fields.
    pub fields: Option<Map>,
    /// One value.
    pub scalar: Option<Packed>,
    /// Raw bytes.
    pub blob: Option<Vec<u8>>,
    /// The object whose attributes are this dict's items.
    pub dict_of: Option<u64>,
}

fn parse_map(cursor: &mut Raw<'_>) -> Option<Map> {
    let count = cursor.count()?;
    let mut items = VecDeque::with_capacity(count);
    for _ in 0..count {
        items.push_back(Some((Packed::new(cursor.value()?), Packed::new(cursor.value()?))));
    }
    Some(Map::from_items(0, items))
}

fn encode_map(tag: u8, map: &Map, out: &mut Vec<u8>) {
    out.push(tag);
    out.uv(map.len() as u64);
    for (key, value) in map.iter() {
        out.extend_from_slice(key.bytes());
        out.extend_from_slice(value.bytes());
    }
}

impl Contents {
    /// Reads encoded parts up to their end mark; `None` if they are malformed.
    #[must_use]
    pub fn parse(kind: Kind, parts: &[u8]) -> Option<Self> {
        let mut contents = Self::default();
        let mut cursor = Raw::new(parts, 0);
        loop {
            match cursor.u8()? {
                op::P_END => return Some(contents),
                op::P_SEQ => {
                    let count = cursor.count()?;
                    contents.seq = Some(if matches!(kind, Kind::Set | Kind::FrozenSet) {
                        let mut items = VecDeque::with_capacity(count);
                        for _ in 0..count {
                            items
                                .push_back(Some((Packed::new(cursor.value()?), Packed::default())));
                        }
                        SeqPart::Keyed(Map::from_items(0, items))
                    } else {
                        let mut seq = Seq::default();
                        seq.items.reserve_exact(count);
                        for _ in 0..count {
                            seq.items.push_back(Packed::new(cursor.value()?));
                        }
                        SeqPart::Plain(seq)
                    });
                }
                op::P_MAP => contents.map = Some(parse_map(&mut cursor)?),
                op::P_ATTRS => contents.attrs = Some(parse_map(&mut cursor)?),
                op::P_FIELDS => contents.fields = Some(parse_map(&mut cursor)?),
                op::P_SCALAR => contents.scalar = Some(Packed::new(cursor.value()?)),
                op::P_BLOB => contents.blob = Some(cursor.blob()?.to_vec()),
                op::P_DICT_OF => contents.dict_of = Some(cursor.uv()?),
                _ => return None,
            }
        }
    }

    /// Writes the parts and their end mark.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if let Some(seq) = &self.seq {
            out.push(op::P_SEQ);
            out.uv(seq.len() as u64);
            for value in seq.iter() {
                out.extend_from_slice(value);
            }
        }
        for (tag, map) in
            [(op::P_MAP, &self.map), (op::P_ATTRS, &self.attrs), (op::P_FIELDS, &self.fields)]
        {
            if let Some(map) = map {
                encode_map(tag, map, out);
            }
        }
        if let Some(scalar) = &self.scalar {
            out.push(op::P_SCALAR);
            out.extend_from_slice(scalar.bytes());
        }
        if let Some(blob) = &self.blob {
            out.push(op::P_BLOB);
            out.bytes(blob);
        }
        if let Some(owner) = self.dict_of {
            out.push(op::P_DICT_OF);
            out.uv(owner);
        }
        out.push(op::P_END);
    }

    fn plain(&mut self, touch: &mut impl Touch) -> &mut Seq {
        if let Some(SeqPart::Keyed(map)) = &self.seq {
            let items = map.iter().map(|(element, _)| element.clone()).collect();
            let seq = Seq { items, ..Seq::default() };
            touch.range(op::P_SEQ, seq.origin, seq.end());
            self.seq = Some(SeqPart::Plain(seq));
        }
        match self.seq.get_or_insert_with(|| SeqPart::Plain(Seq::default())) {
            SeqPart::Plain(seq) => seq,
            SeqPart::Keyed(_) => unreachable!("made plain above"),
        }
    }

    /// Applies one event other than birth, death, replacement and loss; false if it does not fit
    /// the contents, which are then no longer what was recorded.
    pub fn apply(
        &mut self,
        change: &Change<'_>,
        resolve: &dyn Resolve,
        touch: &mut impl Touch,
    ) -> bool {
        match *change {
            Change::SeqSet { index, value } => {
                return self.plain(touch).set(index, value, op::P_SEQ, touch);
            }
            Change::SeqSplice { start, deleted, count, values } => {
                if let Some(SeqPart::Keyed(map)) = &mut self.seq
                    && start == map.len() as u64
                    && deleted == 0
                {
                    let mut cursor = Raw::new(values, 0);
                    while let Some(value) = cursor.value() {
                        map.set(value, &[], resolve, op::P_SEQ, touch);
                    }
                    return true;
                }
                let mut inserted = Vec::with_capacity(count);
                let mut cursor = Raw::new(values, 0);
                for _ in 0..count {
                    let Some(value) = cursor.value() else { return false };
                    inserted.push(Packed::new(value));
                }
                return self.plain(touch).splice(start, deleted, inserted, op::P_SEQ, touch);
            }
            Change::SeqAppend { value } => match &mut self.seq {
                Some(SeqPart::Keyed(map)) => map.set(value, &[], resolve, op::P_SEQ, touch),
                _ => self.plain(touch).push(value, op::P_SEQ, touch),
            },
            Change::SeqRemove { value } => return self.remove_element(value, resolve, touch),
            Change::MapSet { key, value } => {
                let map = self.map.get_or_insert_default();
                map.set(key, value, resolve, op::P_MAP, touch);
            }
            Change::MapDel { key } => {
                let map = self.map.get_or_insert_default();
                return map.remove(key, resolve, op::P_MAP, touch);
            }
            Change::Clear => {
                match &mut self.seq {
                    Some(SeqPart::Plain(seq)) => seq.items.clear(),
                    Some(SeqPart::Keyed(map)) => map.clear(),
                    None => {}
                }
                if let Some(map) = &mut self.map {
                    map.clear();
                }
            }
            Change::AttrSet { key, value } => {
                let attrs = self.attrs.get_or_insert_default();
                attrs.set(key, value, resolve, op::P_ATTRS, touch);
            }
            Change::AttrDel { key } => {
                let attrs = self.attrs.get_or_insert_default();
                return attrs.remove(key, resolve, op::P_ATTRS, touch);
            }
            Change::FieldSet { key, value } => {
                let fields = self.fields.get_or_insert_default();
                fields.set(key, value, resolve, op::P_FIELDS, touch);
            }
            Change::ScalarSet { value } => self.scalar = Some(Packed::new(value)),
            Change::BlobSplice { start, deleted, data } => {
                return self.splice_blob(start, deleted, data, touch);
            }
            Change::Object { .. }
            | Change::Replace { .. }
            | Change::Death
            | Change::Unknown { .. } => return false,
        }
        true
    }

    fn remove_element(
        &mut self,
        value: &[u8],
        resolve: &dyn Resolve,
        touch: &mut impl Touch,
    ) -> bool {
        if let Some(SeqPart::Keyed(map)) = &mut self.seq {
            return map.remove(value, resolve, op::P_SEQ, touch);
        }
        let seq = self.plain(touch);
        let key = canonical(value, resolve);
        let found = seq.items.iter().position(|item| canonical(item.bytes(), resolve) == key);
        let Some(found) = found else { return false };
        seq.splice(found as u64, 1, Vec::new(), op::P_SEQ, touch)
    }

    fn splice_blob(
        &mut self,
        start: u64,
        deleted: u64,
        data: &[u8],
        touch: &mut impl Touch,
    ) -> bool {
        let blob = self.blob.get_or_insert_default();
        let len = blob.len() as u64;
        if start > len || deleted > len - start {
            return false;
        }
        if start == len {
            blob.extend_from_slice(data);
        } else {
            blob.splice(start as usize..(start + deleted) as usize, data.iter().copied());
        }
        let end = if deleted == data.len() as u64 { start + deleted } else { blob.len() as u64 };
        touch.range(op::P_BLOB, start, end);
        true
    }
}
