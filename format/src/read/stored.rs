//! Objects as they stand in the bases: their state at the end of a block.

use super::store::damaged;
use super::trace::Trace;
use super::types::TraceError;
use crate::event::raw::Raw;
use crate::event::{Kind, Reason, op};
use crate::model::{Contents, Map, Packed, Seq, SeqPart};
use crate::v1::{BLOB_BITS, CHUNK_BITS, flag};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;

const R_ROPE: u8 = 0x10;
const R_KEYED: u8 = 0x11;
const PART_BITS: u32 = 56;
/// Ends the canonical keys of a chunk.
const KNOWN_END: u8 = 0xff;
/// More records of changed slots than the writer makes between two full ones.
const DELTAS_MAX: usize = 64;
/// Slots of a chunk.
const CHUNK: usize = 1 << CHUNK_BITS;

/// A large part that is stored in chunks.
#[derive(Debug, Clone, Copy)]
pub struct Rope {
    pub part: u8,
    pub keyed: bool,
    pub first: u64,
    pub end: u64,
}

/// The record of an object itself.
#[derive(Debug, Clone)]
pub struct Root {
    pub kind: Kind,
    pub class: u64,
    /// `None`: died. Otherwise known, or why not.
    pub unknown: Option<Reason>,
    pub dead: bool,
    /// Parts that are no ropes.
    pub contents: Contents,
    pub ropes: Vec<Rope>,
}

/// A slot of a chunk: an encoded element, or key and value.
type Slot = Option<(Packed, Packed)>;

/// Slots of a rope, and the canonical forms of keys that are references, by position.
type Slots = (Vec<Slot>, FxHashMap<u64, Packed>);

/// A chunk in the course of being read.
struct Chunk {
    slots: Vec<Slot>,
    known: Vec<Option<Packed>>,
    /// Keys, and values too.
    shape: Shape,
}

/// What a slot has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Element,
    Key,
    Item,
}

impl Trace {
    /// An object at the start of block `before`. `None` if it was not seen before.
    pub(super) fn root_before(&self, id: u64, before: usize) -> Result<Option<Root>, TraceError> {
        if id >= 1 << 63 {
            return Ok(None);
        }
        let before = before.min(self.sealed());
        let Some(mut block) = self.last_touch((id, 0), before)? else { return Ok(None) };
        let mut dead = false;
        // A death has no record of its own: the one before tells what it was.
        for _ in 0..2 {
            let Some([flags, _, back, at]) = self.index(block)?.touched.get((id, 0)) else {
                return damaged(0, "an object that is not where the index says");
            };
            if flags & flag::FULL != 0 {
                let (piece, inside) = self.base(block, at)?;
                let Some(mut root) = parse_root(&piece[inside..]) else {
                    return damaged(self.summaries()[block].bases_at, "a base that makes no sense");
                };
                root.dead = dead;
                return Ok(Some(root));
            }
            dead = true;
            let Some(earlier) = usize::try_from(back).ok().and_then(|back| block.checked_sub(back))
            else {
                break;
            };
            if earlier == block {
                break;
            }
            block = earlier;
        }
        damaged(0, "a dead object without its last state")
    }

    /// Reads every record of a block's bases.
    pub(super) fn check_objects(&self, block: usize) -> Result<(), TraceError> {
        for ((id, unit), row) in self.index(block)?.touched.rows() {
            if id >= 1 << 63 || row[0] & (flag::FULL | flag::DELTA) == 0 {
                continue;
            }
            if unit == 0 {
                self.root_before(id, block + 1)?;
            } else if unit >> PART_BITS == u64::from(op::P_BLOB) {
                let (piece, inside) = self.base(block, row[3])?;
                if Raw::new(&piece, inside).blob().is_none() {
                    return damaged(0, "a chunk that makes no sense");
                }
            } else if unit >> PART_BITS == u64::from(op::P_SEQ) {
                // Of a list or a set: one of both must fit.
                if self.chunk(id, unit, block, Shape::Element).is_err() {
                    self.chunk(id, unit, block, Shape::Key)?;
                }
            } else {
                self.chunk(id, unit, block, Shape::Item)?;
            }
        }
        Ok(())
    }

    /// Reads all ropes of an object, so that its contents are whole.
    pub(super) fn load_ropes(
        &self,
        id: u64,
        root: &mut Root,
        before: usize,
    ) -> Result<(), TraceError> {
        for rope in std::mem::take(&mut root.ropes) {
            if rope.part == op::P_BLOB {
                root.contents.blob =
                    Some(self.blob_range(id, rope, rope.first..rope.end, before)?);
                continue;
            }
            let (slots, known) = self.rope_slots(id, rope, rope.first..rope.end, before)?;
            if rope.part == op::P_SEQ && !rope.keyed {
                let mut items = VecDeque::with_capacity(slots.len());
                for slot in slots {
                    let Some((item, _)) = slot else {
                        return damaged(0, "a sequence with a hole");
                    };
                    items.push_back(item);
                }
                let seq = Seq { items, origin: rope.first };
                root.contents.seq = Some(SeqPart::Plain(seq));
                continue;
            }
            let mut map = Map::from_items(rope.first, slots.into());
            map.set_known(known);
            match rope.part {
                op::P_SEQ => root.contents.seq = Some(SeqPart::Keyed(map)),
                op::P_MAP => root.contents.map = Some(map),
                op::P_ATTRS => root.contents.attrs = Some(map),
                _ => root.contents.fields = Some(map),
            }
        }
        Ok(())
    }

    /// Units that cover a range of positions, with the blocks that have their last records.
    fn units(
        &self,
        id: u64,
        rope: Rope,
        range: &std::ops::Range<u64>,
        bits: u32,
        before: usize,
    ) -> Result<Vec<(u64, usize)>, TraceError> {
        let before = before.min(self.sealed());
        let (low, high) = (range.start >> bits, range.end.saturating_sub(1) >> bits);
        if high >> PART_BITS != 0 {
            return damaged(0, "positions that no object has");
        }
        let base = u64::from(rope.part) << PART_BITS;
        let wanted = high - low + 1;
        let found = self.last_touches(id, (base | low, base | high), wanted, before)?;
        // Each unit has a row of its own, so that what follows is in proportion to the file.
        if found.len() as u64 != wanted {
            return damaged(0, "a chunk of an object is missing");
        }
        let mut units: Vec<(u64, usize)> = found.into_iter().collect();
        units.sort_unstable();
        Ok(units)
    }

    /// Slots of a rope at the start of block `before`; `range` lies inside the rope.
    pub(super) fn rope_slots(
        &self,
        id: u64,
        rope: Rope,
        range: std::ops::Range<u64>,
        before: usize,
    ) -> Result<Slots, TraceError> {
        let (mut slots, mut known) = (Vec::new(), FxHashMap::default());
        if range.is_empty() {
            return Ok((slots, known));
        }
        let shape = match (rope.part, rope.keyed) {
            (op::P_SEQ, false) => Shape::Element,
            (op::P_SEQ, true) => Shape::Key,
            _ => Shape::Item,
        };
        for (unit, block) in self.units(id, rope, &range, CHUNK_BITS, before)? {
            let chunk = self.chunk(id, unit, block, shape)?;
            let start = (unit & ((1 << PART_BITS) - 1)) << CHUNK_BITS;
            for (at, (slot, key)) in (start..).zip(chunk.slots.into_iter().zip(chunk.known)) {
                if range.contains(&at) {
                    slots.push(slot);
                    if let Some(key) = key {
                        known.insert(at, key);
                    }
                }
            }
        }
        Ok((slots, known))
    }

    /// Bytes of a blob at the start of block `before`.
    pub(super) fn blob_range(
        &self,
        id: u64,
        rope: Rope,
        range: std::ops::Range<u64>,
        before: usize,
    ) -> Result<Vec<u8>, TraceError> {
        let mut bytes = Vec::new();
        if range.is_empty() {
            return Ok(bytes);
        }
        for (unit, block) in self.units(id, rope, &range, BLOB_BITS, before)? {
            let (piece, inside) = self.unit_record(id, unit, block)?.1;
            let Some(chunk) = Raw::new(&piece, inside).blob() else {
                return damaged(0, "a chunk that makes no sense");
            };
            let start = (unit & ((1 << PART_BITS) - 1)) << BLOB_BITS;
            let low = range.start.saturating_sub(start).min(1 << BLOB_BITS) as usize;
            let high = (range.end - start).min(1 << BLOB_BITS) as usize;
            let Some(part) = chunk.get(low..high) else {
                return damaged(0, "a chunk that is too short");
            };
            bytes.extend_from_slice(part);
        }
        Ok(bytes)
    }

    #[allow(clippy::type_complexity)]
    fn unit_record(
        &self,
        id: u64,
        unit: u64,
        block: usize,
    ) -> Result<([u64; 4], (Arc<Vec<u8>>, usize)), TraceError> {
        let Some(row) = self.index(block)?.touched.get((id, unit)) else {
            return damaged(0, "a chunk that is not where the index says");
        };
        Ok((row, self.base(block, row[3])?))
    }

    fn chunk(&self, id: u64, unit: u64, block: usize, shape: Shape) -> Result<Chunk, TraceError> {
        let mut deltas = Vec::new();
        let mut block = block;
        loop {
            let (row, (piece, inside)) = self.unit_record(id, unit, block)?;
            if row[0] & flag::FULL != 0 {
                let mut chunk = Chunk { slots: vec![None; CHUNK], known: vec![None; CHUNK], shape };
                let good = chunk.read_full(&piece[inside..]).is_some()
                    && deltas.iter().rev().all(|(piece, inside): &(Arc<Vec<u8>>, usize)| {
                        chunk.read_delta(&piece[*inside..]).is_some()
                    });
                return if good { Ok(chunk) } else { damaged(0, "a chunk that makes no sense") };
            }
            deltas.push((piece, inside));
            let earlier = usize::try_from(row[2]).ok().and_then(|back| block.checked_sub(back));
            match earlier {
                Some(earlier) if earlier < block && deltas.len() <= DELTAS_MAX => block = earlier,
                _ => return damaged(0, "a chunk without a full record"),
            }
        }
    }
}

impl Chunk {
    fn read_slot(&mut self, at: usize, cursor: &mut Raw<'_>) -> Option<()> {
        let first = cursor.value()?;
        let slot = if self.shape != Shape::Element && first == [op::V_UNBOUND] {
            None
        } else if self.shape == Shape::Item {
            Some((Packed::new(first), Packed::new(cursor.value()?)))
        } else {
            Some((Packed::new(first), Packed::default()))
        };
        *self.slots.get_mut(at)? = slot;
        self.known[at] = None;
        Some(())
    }

    fn read_known(&mut self, cursor: &mut Raw<'_>) -> Option<()> {
        if self.shape == Shape::Element {
            return Some(());
        }
        loop {
            let at = cursor.u8()?;
            if at == KNOWN_END {
                return Some(());
            }
            let (key, _) = self.slots.get(usize::from(at))?.as_ref()?;
            let known = cursor.blob()?;
            let known = if known.is_empty() { key.clone() } else { Packed::new(known) };
            self.known[usize::from(at)] = Some(known);
        }
    }

    fn read_full(&mut self, bytes: &[u8]) -> Option<()> {
        let mut cursor = Raw::new(bytes, 0);
        let first = usize::from(cursor.u8()?);
        for at in first..first.checked_add(cursor.count()?)? {
            self.read_slot(at, &mut cursor)?;
        }
        self.read_known(&mut cursor)
    }

    fn read_delta(&mut self, bytes: &[u8]) -> Option<()> {
        let mut cursor = Raw::new(bytes, 0);
        for _ in 0..cursor.count()? {
            let at = usize::from(cursor.u8()?);
            self.read_slot(at, &mut cursor)?;
        }
        self.read_known(&mut cursor)
    }
}

/// Reads the record of an object itself.
fn parse_root(bytes: &[u8]) -> Option<Root> {
    let mut cursor = Raw::new(bytes, 0);
    let kind = Kind::from_code(cursor.u8()?)?;
    let class = cursor.uv()?;
    let reason = cursor.u8()?;
    let mut root = Root {
        kind,
        class,
        unknown: None,
        dead: false,
        contents: Contents::default(),
        ropes: Vec::new(),
    };
    if reason != 0 {
        root.unknown = Some(Reason::from_code(reason)?);
        return Some(root);
    }
    // The parts that are no ropes end where the ropes begin or at the end mark.
    let start = cursor.at();
    let mut plain_end = start;
    loop {
        match *bytes.get(cursor.at())? {
            op::P_END => break,
            R_ROPE | R_KEYED => {
                let keyed = cursor.u8()? == R_KEYED;
                let part = cursor.u8()?;
                let (first, end) = (cursor.uv()?, cursor.uv()?);
                let known = [op::P_SEQ, op::P_MAP, op::P_ATTRS, op::P_FIELDS, op::P_BLOB];
                if first > end || !known.contains(&part) {
                    return None;
                }
                root.ropes.push(Rope { part, keyed, first, end });
            }
            _ => {
                skip_part(&mut cursor)?;
                plain_end = cursor.at();
            }
        }
    }
    let mut parts = bytes.get(start..plain_end)?.to_vec();
    parts.push(op::P_END);
    root.contents = Contents::parse(kind, &parts)?;
    Some(root)
}

fn skip_part(cursor: &mut Raw<'_>) -> Option<()> {
    match cursor.u8()? {
        op::P_SEQ => {
            let count = cursor.count()?;
            cursor.values(count)?;
        }
        op::P_MAP | op::P_ATTRS | op::P_FIELDS => {
            let count = cursor.count()?;
            cursor.values(count.checked_mul(2)?)?;
        }
        op::P_SCALAR => cursor.skip_value()?,
        op::P_BLOB => {
            cursor.blob()?;
        }
        op::P_DICT_OF => {
            cursor.uv()?;
        }
        _ => return None,
    }
    Some(())
}
