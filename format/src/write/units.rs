//! Large parts of objects, cut in chunks that are written one by one.
//!
//! A chunk covers fixed absolute positions. The bases get a chunk in full, or only the slots
//! that changed in the block if these are few and the chunk's last full record is not far.

use super::bases::Bases;
use crate::event::{Sink, op};
use crate::model::{Contents, Resolve, SeqPart, Touch, canonical};
use crate::v1::{BLOB_BITS, CHUNK_BITS, NONE, flag};
use rustc_hash::FxHashMap;

/// A part with more slots becomes a rope, and stays one.
const ROPE_SLOTS: u64 = 192;
/// A blob with more bytes becomes a rope.
const ROPE_BYTES: usize = 8192;
/// So many records of changed slots may follow a full one.
const DELTAS_MAX: u8 = 7;
/// Longer ranges are noted as ranges and cut in chunks once a block.
const RANGE_MAX: u64 = 1024;

/// Part tag in a root record: `u8 part, uv first position, uv end position` of a rope.
pub const R_ROPE: u8 = 0x10;
/// As [`R_ROPE`], of a sequence whose elements are found by equality.
pub const R_KEYED: u8 = 0x11;

/// Ends the canonical keys of a chunk; no slot has this number.
pub const KNOWN_END: u8 = 0xff;

/// Number of the first bit of the part in a unit's key.
pub const PART_BITS: u32 = 56;

#[derive(Debug, Clone, Copy)]
struct Unit {
    dirty: u128,
    prev: u32,
    deltas: u8,
    whole: bool,
}

/// Chunks of one object.
#[derive(Debug, Default)]
pub struct Rope {
    parts: u8,
    units: FxHashMap<u64, Unit>,
    dirty: Vec<u64>,
    ranges: Vec<(u8, u64, u64)>,
}

const fn bits(part: u8) -> u32 {
    if part == op::P_BLOB { BLOB_BITS } else { CHUNK_BITS }
}

/// Key of the chunk with an absolute position.
#[must_use]
pub const fn unit_of(part: u8, position: u64) -> u64 {
    (part as u64) << PART_BITS | (position >> bits(part)) & ((1 << PART_BITS) - 1)
}

impl Touch for Option<Box<Rope>> {
    #[inline]
    fn range(&mut self, part: u8, start: u64, end: u64) {
        if let Some(rope) = self
            && rope.parts & (1 << part) != 0
        {
            rope.touch(part, start, end);
        }
    }
}

impl Rope {
    fn touch(&mut self, part: u8, start: u64, end: u64) {
        if end.saturating_sub(start) > RANGE_MAX << (bits(part) - CHUNK_BITS) {
            match self.ranges.last_mut() {
                Some((last, low, high)) if *last == part && start <= *high && end >= *low => {
                    *low = start.min(*low);
                    *high = end.max(*high);
                }
                _ => self.ranges.push((part, start, end)),
            }
            return;
        }
        let mut at = start;
        while at < end {
            let next = ((at >> bits(part)) + 1) << bits(part);
            let mask = if part == op::P_BLOB {
                u128::MAX
            } else {
                let low = at & 127;
                let count = next.min(end) - at;
                (u128::MAX >> (128 - count)) << low
            };
            self.mark(unit_of(part, at), mask);
            at = next;
        }
    }

    fn mark(&mut self, key: u64, mask: u128) {
        let new = Unit { dirty: 0, prev: NONE, deltas: 0, whole: false };
        let unit = self.units.entry(key).or_insert(new);
        if unit.dirty == 0 {
            self.dirty.push(key);
        }
        unit.dirty |= mask;
    }

    /// Cuts ranges in chunks; positions that are no more are left out.
    fn settle(&mut self, contents: &Contents) {
        for (part, start, end) in std::mem::take(&mut self.ranges) {
            let (low, high) = extent(contents, part).unwrap_or((0, 0));
            let (mut at, end) = (start.max(low), end.min(high));
            while at < end {
                self.mark(unit_of(part, at), u128::MAX);
                at = ((at >> bits(part)) + 1) << bits(part);
            }
        }
    }
}

/// First and end position of a part.
fn extent(contents: &Contents, part: u8) -> Option<(u64, u64)> {
    match part {
        op::P_SEQ => contents.seq.as_ref().map(|seq| match seq {
            SeqPart::Plain(seq) => (seq.origin, seq.end()),
            SeqPart::Keyed(map) => (map.first(), map.next()),
        }),
        op::P_MAP => contents.map.as_ref().map(|map| (map.first(), map.next())),
        op::P_ATTRS => contents.attrs.as_ref().map(|map| (map.first(), map.next())),
        op::P_FIELDS => contents.fields.as_ref().map(|map| (map.first(), map.next())),
        op::P_BLOB => contents.blob.as_ref().map(|blob| (0, blob.len() as u64)),
        _ => None,
    }
}

/// The key in a slot, if it is a reference: how it compares must be written with it.
fn reference_key(contents: &Contents, part: u8, at: u64) -> Option<&[u8]> {
    let map = match part {
        op::P_SEQ => match contents.seq.as_ref()? {
            SeqPart::Plain(_) => return None,
            SeqPart::Keyed(map) => map,
        },
        op::P_MAP => contents.map.as_ref()?,
        op::P_ATTRS => contents.attrs.as_ref()?,
        _ => contents.fields.as_ref()?,
    };
    map.slot(at).map(|(key, _)| key.bytes()).filter(|key| key[0] == op::V_REF)
}

/// Writes the canonical forms of the references among the keys of some slots.
fn put_known(
    contents: &Contents,
    part: u8,
    slots: impl Iterator<Item = u64>,
    resolve: &dyn Resolve,
    out: &mut Vec<u8>,
) {
    if matches!((part, &contents.seq), (op::P_SEQ, Some(SeqPart::Plain(_)))) {
        return;
    }
    for at in slots {
        if let Some(key) = reference_key(contents, part, at) {
            out.push((at & 127) as u8);
            let known = canonical(key, resolve);
            out.bytes(if known.bytes() == key { &[] } else { known.bytes() });
        }
    }
    out.push(KNOWN_END);
}

/// Writes one slot; an empty one as [`op::V_UNBOUND`].
fn put_slot(contents: &Contents, part: u8, at: u64, out: &mut Vec<u8>) {
    let item = match part {
        op::P_SEQ => match &contents.seq {
            Some(SeqPart::Plain(seq)) => {
                let index = usize::try_from(at.wrapping_sub(seq.origin)).unwrap_or(usize::MAX);
                let item = seq.items.get(index);
                out.extend_from_slice(item.map_or(&[op::V_UNBOUND][..], |item| item.bytes()));
                return;
            }
            Some(SeqPart::Keyed(map)) => map.slot(at),
            None => None,
        },
        op::P_MAP => contents.map.as_ref().and_then(|map| map.slot(at)),
        op::P_ATTRS => contents.attrs.as_ref().and_then(|map| map.slot(at)),
        _ => contents.fields.as_ref().and_then(|map| map.slot(at)),
    };
    match item {
        Some((key, value)) => {
            out.extend_from_slice(key.bytes());
            out.extend_from_slice(value.bytes());
        }
        None => out.push(op::V_UNBOUND),
    }
}

/// Makes a rope of each part that is large enough, and says of which; appends the parts to a
/// root record, ropes as their extents.
pub fn encode_root(contents: &mut Contents, rope: &mut Option<Box<Rope>>, out: &mut Vec<u8>) {
    for part in [op::P_SEQ, op::P_MAP, op::P_ATTRS, op::P_FIELDS, op::P_BLOB] {
        let Some((first, end)) = extent(contents, part) else { continue };
        let size = end.wrapping_sub(first);
        let large = if part == op::P_BLOB { size > ROPE_BYTES as u64 } else { size > ROPE_SLOTS };
        if large {
            let rope = rope.get_or_insert_default();
            if rope.parts & (1 << part) == 0 {
                rope.parts |= 1 << part;
                rope.ranges.push((part, first, end));
            }
        }
    }
    let Some(rope) = rope else { return contents.encode(out) };
    // The parts that are no ropes, as ever; then the others.
    let is_rope = |part: u8| rope.parts & (1 << part) != 0;
    let mut kept = Contents::default();
    for part in [op::P_SEQ, op::P_MAP, op::P_ATTRS, op::P_FIELDS, op::P_BLOB] {
        if is_rope(part) {
            match part {
                op::P_SEQ => kept.seq = contents.seq.take(),
                op::P_MAP => kept.map = contents.map.take(),
                op::P_ATTRS => kept.attrs = contents.attrs.take(),
                op::P_FIELDS => kept.fields = contents.fields.take(),
                _ => kept.blob = contents.blob.take(),
            }
        }
    }
    contents.encode(out);
    out.pop();
    for part in [op::P_SEQ, op::P_MAP, op::P_ATTRS, op::P_FIELDS, op::P_BLOB] {
        let Some((first, end)) = extent(&kept, part) else { continue };
        let keyed = matches!((part, &kept.seq), (op::P_SEQ, Some(SeqPart::Keyed(_))));
        out.push(if keyed { R_KEYED } else { R_ROPE });
        out.push(part);
        out.uv(first);
        out.uv(end);
    }
    out.push(op::P_END);
    contents.seq = contents.seq.take().or(kept.seq);
    contents.map = contents.map.take().or(kept.map);
    contents.attrs = contents.attrs.take().or(kept.attrs);
    contents.fields = contents.fields.take().or(kept.fields);
    contents.blob = contents.blob.take().or(kept.blob);
}

/// Writes the chunks that changed; `row` gets (unit, flags, blocks back, offset) of each.
pub fn write_units(
    contents: &Contents,
    rope: &mut Rope,
    block: u32,
    bases: &mut Bases,
    resolve: &dyn Resolve,
    mut row: impl FnMut(u64, u64, u64, u64),
) {
    rope.settle(contents);
    let mut dirty = std::mem::take(&mut rope.dirty);
    dirty.sort_unstable();
    for key in dirty.drain(..) {
        let part = (key >> PART_BITS) as u8;
        let Some(unit) = rope.units.get_mut(&key) else { continue };
        let changed = std::mem::take(&mut unit.dirty);
        let start = (key & ((1 << PART_BITS) - 1)) << bits(part);
        let Some((first, end)) = extent(contents, part) else { continue };
        let (low, high) = (first.max(start), end.min(start + (1 << bits(part))));
        if low >= high {
            continue;
        }
        let (at, out) = bases.begin();
        let count = u64::from(changed.count_ones());
        let mut kind = flag::FULL;
        if part == op::P_BLOB {
            let blob = contents.blob.as_deref().unwrap_or_default();
            out.bytes(&blob[low as usize..high as usize]);
        } else if unit.whole && count * 4 <= high - low && unit.deltas < DELTAS_MAX {
            kind = flag::DELTA;
            let slots = (low..high).filter(|at| changed >> (at & 127) & 1 != 0);
            out.uv(slots.clone().count() as u64);
            for at in slots.clone() {
                out.push((at & 127) as u8);
                put_slot(contents, part, at, out);
            }
            put_known(contents, part, slots, resolve, out);
        } else {
            out.push((low & 127) as u8);
            out.uv(high - low);
            for at in low..high {
                put_slot(contents, part, at, out);
            }
            put_known(contents, part, low..high, resolve, out);
        }
        if kind == flag::FULL {
            unit.whole = true;
            unit.deltas = 0;
        } else {
            unit.deltas += 1;
        }
        let back = if unit.prev == NONE { 0 } else { u64::from(block - unit.prev) };
        unit.prev = block;
        row(key, kind, back, at);
    }
    rope.dirty = dirty;
}
