//! Events recoded before compression: ints and object ids as differences from the last ones in
//! the same place of the same kind of event, memory blocks as differences from where they were
//! expected, floats by the operation that made them. Counters, indexes and fresh ids then repeat,
//! and a block takes a third to a half of the room.
//!
//! The coding is exact: what is decoded has every byte of what was encoded.

mod blocks;
mod floats;

use crate::event::raw::{BLOCK_LEN, Raw};
use crate::event::{Sink, op};
use blocks::Blocks;
use floats::Floats;

/// Tag of a float that has a code; only in recoded events.
const V_FLOAT_CODE: u8 = 0x1f;

/// Bytes that are copied at once.
const SHORT: usize = 16;

/// Places in an event that are told apart.
const FIELDS: usize = 8;

struct Coder<'a, const DECODE: bool> {
    input: &'a [u8],
    cursor: Raw<'a>,
    /// Input up to here is in the output.
    copied: usize,
    out: Vec<u8>,
    limit: usize,
    ids: Box<[[u64; FIELDS]; 128]>,
    ints: Box<[[u64; FIELDS]; 128]>,
    floats: Floats,
    blocks: Blocks,
    opcode: usize,
    field: usize,
}

/// Encodes whole events; `None` if they hold a number in more bytes than it needs, or are no
/// events.
#[must_use]
pub fn encode(raw: &[u8]) -> Option<Vec<u8>> {
    Coder::<false>::new(raw, usize::MAX, raw.len()).run()
}

/// Decodes to exactly `len` bytes; `None` if that cannot be.
#[must_use]
pub fn decode(coded: &[u8], len: usize) -> Option<Vec<u8>> {
    Coder::<true>::new(coded, len, len).run().filter(|out| out.len() == len)
}

const fn zigzag(delta: u64) -> u64 {
    let delta = delta as i64;
    ((delta << 1) ^ (delta >> 63)) as u64
}

const fn unzigzag(coded: u64) -> u64 {
    (coded >> 1) ^ (coded & 1).wrapping_neg()
}

const fn canonical_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

impl<'a, const DECODE: bool> Coder<'a, DECODE> {
    fn new(input: &'a [u8], limit: usize, capacity: usize) -> Self {
        Self {
            input,
            cursor: Raw::new(input, 0),
            copied: 0,
            out: Vec::with_capacity(capacity),
            limit,
            ids: Box::new([[0; FIELDS]; 128]),
            ints: Box::new([[0; FIELDS]; 128]),
            floats: Floats::new(),
            blocks: Blocks::new(),
            opcode: 0,
            field: 0,
        }
    }

    fn run(mut self) -> Option<Vec<u8>> {
        let input = self.input;
        let mut at = 0;
        while let Some(&opcode) = input.get(at) {
            // Most events: a line, or a store of a value of one byte.
            if opcode >= op::LINE_FIRST {
                at += 1;
                continue;
            }
            if opcode >= op::LOCAL_FIRST
                && let Some(&tag) = input.get(at + 1)
                && (tag >= op::V_SMALL || tag <= op::V_NOT_IMPLEMENTED)
            {
                at += 2;
                continue;
            }
            self.cursor = Raw::new(input, at + 1);
            self.opcode = usize::from(opcode);
            self.field = 0;
            if opcode >= op::LOCAL_FIRST {
                self.value()?
            } else {
                self.event(opcode)?
            }
            at = self.cursor.at();
        }
        self.flush(self.input.len())?;
        Some(self.out)
    }

    /// Copies the input up to `end`.
    #[inline]
    fn flush(&mut self, end: usize) -> Option<()> {
        let copy = self.input.get(self.copied..end)?;
        if copy.len() > self.limit - self.out.len().min(self.limit) {
            return None;
        }
        // Most copies are of a few bytes: one move of a fixed size is faster than a call.
        match self.input.get(self.copied..self.copied + SHORT) {
            Some(more) if copy.len() <= SHORT => {
                let len = self.out.len() + copy.len();
                self.out.extend_from_slice(more);
                self.out.truncate(len);
            }
            _ => self.out.extend_from_slice(copy),
        }
        self.copied = end;
        Some(())
    }

    #[inline]
    fn number(&mut self, is_id: bool) -> Option<()> {
        let start = self.cursor.at();
        let given = self.cursor.uv()?;
        let table = if is_id { &mut self.ids } else { &mut self.ints };
        let last = &mut table[self.opcode][self.field];
        let put = if DECODE {
            let value = last.wrapping_add(unzigzag(given));
            *last = value;
            if is_id { value } else { zigzag(value) }
        } else {
            if canonical_len(given) != self.cursor.at() - start {
                return None;
            }
            let value = if is_id { given } else { unzigzag(given) };
            let delta = value.wrapping_sub(*last);
            *last = value;
            zigzag(delta)
        };
        self.flush(start)?;
        self.out.uv(put);
        self.copied = self.cursor.at();
        self.field = (self.field + 1).min(FIELDS - 1);
        Some(())
    }

    fn id(&mut self) -> Option<()> {
        self.number(true)
    }

    #[inline]
    fn value(&mut self) -> Option<()> {
        match *self.input.get(self.cursor.at())? {
            op::V_INT => {
                self.cursor.u8()?;
                self.number(false)
            }
            op::V_REF => {
                self.cursor.u8()?;
                self.number(true)
            }
            op::V_FLOAT => self.float(),
            V_FLOAT_CODE if DECODE => self.coded_float(),
            _ => {
                self.field = (self.field + 1).min(FIELDS - 1);
                self.cursor.skip_value()
            }
        }
    }

    fn float(&mut self) -> Option<()> {
        let start = self.cursor.at();
        self.cursor.u8()?;
        let value = f64::from_le_bytes(self.cursor.take(8)?.try_into().ok()?);
        let (opcode, field) = (self.opcode, self.field);
        if DECODE {
            self.floats.note(opcode, field, value);
        } else if let Some(code) = self.floats.code(opcode, field, value) {
            self.flush(start)?;
            self.out.extend([V_FLOAT_CODE, code]);
            self.copied = self.cursor.at();
        }
        self.field = (self.field + 1).min(FIELDS - 1);
        Some(())
    }

    fn coded_float(&mut self) -> Option<()> {
        self.flush(self.cursor.at())?;
        self.cursor.u8()?;
        let code = self.cursor.u8()?;
        let value = self.floats.value(self.opcode, self.field, code)?;
        self.out.v_float(value);
        self.copied = self.cursor.at();
        self.field = (self.field + 1).min(FIELDS - 1);
        Some(())
    }

    /// A memory block; returns its place, address and domain in one.
    fn block(&mut self, expected: u64) -> Option<u64> {
        self.flush(self.cursor.at())?;
        let place = if DECODE {
            let place = expected.wrapping_add(unzigzag(self.cursor.uv()?));
            let bytes = place.to_le_bytes();
            if bytes[BLOCK_LEN..] != [0; 8 - BLOCK_LEN] {
                return None;
            }
            self.out.raw(&bytes[..BLOCK_LEN]);
            place
        } else {
            let (domain, address) = self.cursor.block()?;
            let place = address | u64::from(domain);
            self.out.uv(zigzag(place.wrapping_sub(expected)));
            place
        };
        self.copied = self.cursor.at();
        Some(place)
    }

    /// The fields of ALLOC, FREE and REALLOC.
    fn memory(&mut self, opcode: u8) -> Option<()> {
        let size = if opcode == op::FREE { 0 } else { self.cursor.uv()? };
        let mut expected = self.blocks.latest();
        if opcode != op::ALLOC {
            let old = self.block(expected)?;
            self.blocks.freed(old);
            expected = old;
        }
        if opcode == op::ALLOC {
            expected = self.blocks.next(size);
        }
        if opcode != op::FREE {
            let place = self.block(expected)?;
            self.blocks.given(place, size);
        }
        Some(())
    }

    fn values(&mut self, per_item: usize) -> Option<()> {
        let count = self.cursor.count()?;
        for _ in 0..count.checked_mul(per_item)? {
            self.value()?;
        }
        Some(())
    }

    fn parts(&mut self) -> Option<()> {
        loop {
            match self.cursor.u8()? {
                op::P_END => return Some(()),
                op::P_SEQ => self.values(1)?,
                op::P_MAP | op::P_ATTRS | op::P_FIELDS => self.values(2)?,
                op::P_SCALAR => self.value()?,
                op::P_BLOB => {
                    self.cursor.blob()?;
                }
                op::P_DICT_OF => self.id()?,
                _ => return None,
            }
        }
    }

    fn event(&mut self, opcode: u8) -> Option<()> {
        match opcode {
            op::LOCAL_FAR => {
                self.cursor.uv32()?;
                self.value()
            }
            op::CALL | op::CALL_NS => {
                self.cursor.uv()?;
                if opcode == op::CALL_NS {
                    self.value()?;
                }
                for _ in 0..self.cursor.count()? {
                    self.cursor.uv32()?;
                    self.value()?;
                }
                Some(())
            }
            op::RETURN | op::YIELD | op::RAISE | op::HANDLED | op::C_CALL => self.value(),
            op::AUDIT => {
                self.cursor.blob()?;
                self.values(1)
            }
            op::OBJECT => {
                self.id()?;
                self.cursor.u8()?;
                self.id()?;
                self.parts()
            }
            op::REPLACE => {
                self.id()?;
                self.parts()
            }
            op::SEQ_SET => {
                self.id()?;
                self.cursor.uv()?;
                self.value()
            }
            op::SEQ_SPLICE => {
                self.id()?;
                self.cursor.uv()?;
                self.cursor.uv()?;
                self.values(1)
            }
            op::SEQ_APPEND | op::SEQ_REMOVE | op::MAP_DEL | op::ATTR_DEL | op::SCALAR_SET => {
                self.id()?;
                self.value()
            }
            op::MAP_SET | op::ATTR_SET | op::FIELD_SET => {
                self.id()?;
                self.value()?;
                self.value()
            }
            op::CLEAR | op::DEATH => self.id(),
            op::BLOB_SPLICE => {
                self.id()?;
                self.cursor.uv()?;
                self.cursor.uv()?;
                self.cursor.blob().map(drop)
            }
            op::UNKNOWN => {
                self.id()?;
                self.cursor.u8().map(drop)
            }
            op::ALLOC | op::FREE | op::REALLOC => self.memory(opcode),
            _ => self.cursor.skip_fields(opcode),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_come_back() {
        let mut raw = Vec::new();
        for value in [0, 1, -1, 1000, i64::MAX, i64::MIN, i64::MIN + 1, 77_777, -77_777] {
            raw.local(3);
            raw.v_int(value);
            raw.u8(op::DEATH);
            raw.uv(value as u64);
            raw.u8(op::RETURN);
            raw.v_ref((value as u64).rotate_left(7));
        }
        let coded = encode(&raw).unwrap();
        assert_eq!(decode(&coded, raw.len()).unwrap(), raw);
        assert!(decode(&coded, raw.len() - 1).is_none());
        assert!(decode(&coded, raw.len() + 1).is_none());
    }

    #[test]
    fn sums_and_reused_blocks_are_short() {
        let (mut raw, mut sum, mut x) = (Vec::new(), 0.0, 0.5_f64);
        for i in 0..1000_u64 {
            x = 3.7 * x * (1.0 - x);
            sum += x;
            for (slot, value) in [(0, x), (1, sum)] {
                raw.local(slot);
                raw.v_float(value);
            }
            raw.u8(op::ALLOC);
            raw.uv(32);
            raw.block(2, 0x7f00_1234_5670 + i % 2 * 32);
            if i > 0 {
                raw.u8(op::FREE);
                raw.block(2, 0x7f00_1234_5670 + (i + 1) % 2 * 32);
            }
            if i % 100 == 0 {
                raw.u8(op::REALLOC);
                raw.uv(i * 1000);
                raw.block(0, 0xffff_ffff_fff8);
                raw.block(0, 0);
            }
        }
        raw.local(1);
        raw.v_float(f64::from_bits(0x7ff8_0000_dead_beef));
        raw.local(1);
        raw.v_float(-0.0);
        let coded = encode(&raw).unwrap();
        assert_eq!(decode(&coded, raw.len()).unwrap(), raw);
        assert!(coded.len() < raw.len() * 3 / 5, "{} of {}", coded.len(), raw.len());
    }

    #[test]
    fn wasteful_numbers_are_left_to_others() {
        assert!(encode(&[op::DEATH, 0x81, 0x00]).is_none());
        assert!(encode(&[op::DEATH, 0x81, 0x01]).is_some());
        assert!(encode(&[op::DEATH]).is_none());
    }
}
