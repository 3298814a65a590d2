//! Walking over events without building them: what the writer's hot loop and searches use.
//!
//! Accepts exactly what [`super::read`] accepts as far as lengths go; values stay encoded.

use super::op;

/// Bytes of a memory block in an event.
pub(crate) const BLOCK_LEN: usize = 6;

/// Domain and address of an encoded memory block.
#[inline]
pub(crate) fn split_block(bytes: &[u8]) -> (u8, u64) {
    let mut word = [0; 8];
    word[..BLOCK_LEN].copy_from_slice(&bytes[..BLOCK_LEN]);
    let place = u64::from_le_bytes(word);
    ((place & 7) as u8, place & !7)
}

/// A cursor over encoded bytes. Every step gives `None` where the bytes end or make no sense.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Raw<'a> {
    /// A cursor at `at`.
    #[inline]
    #[must_use]
    pub const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Offset of the next byte.
    #[inline]
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Bytes that are left.
    #[inline]
    #[must_use]
    pub const fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// One byte.
    #[inline]
    pub fn u8(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// An unsigned LEB128 integer.
    #[inline]
    pub fn uv(&mut self) -> Option<u64> {
        let first = self.u8()?;
        if first < 0x80 {
            return Some(u64::from(first));
        }
        self.uv_long(first)
    }

    fn uv_long(&mut self, first: u8) -> Option<u64> {
        let mut value = u64::from(first & 0x7f);
        let mut shift = 7;
        loop {
            let byte = self.u8()?;
            if shift >= 63 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
            shift += 7;
        }
    }

    /// A zigzag LEB128 integer.
    #[inline]
    pub fn sv(&mut self) -> Option<i64> {
        let value = self.uv()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Domain and address of a memory block.
    #[inline]
    pub fn block(&mut self) -> Option<(u8, u64)> {
        Some(split_block(self.take(BLOCK_LEN)?))
    }

    /// An integer that must fit 32 bits.
    #[inline]
    pub fn uv32(&mut self) -> Option<u32> {
        u32::try_from(self.uv()?).ok()
    }

    /// A count of things that take at least a byte each.
    #[inline]
    pub fn count(&mut self) -> Option<usize> {
        let count = self.uv()?;
        (count <= self.left() as u64).then_some(count as usize)
    }

    /// `count` bytes.
    #[inline]
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    /// A length and as many bytes.
    #[inline]
    pub fn blob(&mut self) -> Option<&'a [u8]> {
        let count = self.count()?;
        self.take(count)
    }

    /// One value, encoded.
    #[inline]
    pub fn value(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        self.skip_value()?;
        Some(&self.bytes[start..self.at])
    }

    /// Steps over one value.
    #[inline]
    pub fn skip_value(&mut self) -> Option<()> {
        let tag = self.u8()?;
        if tag >= op::V_SMALL {
            return Some(());
        }
        match tag {
            op::V_UNBOUND..=op::V_NOT_IMPLEMENTED => {}
            op::V_INT | op::V_REF => {
                self.uv()?;
            }
            op::V_BIG => {
                self.u8()?;
                self.blob()?;
            }
            op::V_FLOAT => {
                self.take(8)?;
            }
            op::V_COMPLEX => {
                self.take(16)?;
            }
            op::V_STR | op::V_BYTES => {
                self.blob()?;
            }
            op::V_UNKNOWN => {
                super::Reason::from_code(self.u8()?)?;
            }
            _ => return None,
        }
        Some(())
    }

    /// `count` values, encoded.
    #[inline]
    pub fn values(&mut self, count: usize) -> Option<&'a [u8]> {
        let start = self.at;
        for _ in 0..count {
            self.skip_value()?;
        }
        Some(&self.bytes[start..self.at])
    }

    /// The parts of an object up to and including their end mark, encoded.
    pub fn parts(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        loop {
            match self.u8()? {
                op::P_END => return Some(&self.bytes[start..self.at]),
                op::P_SEQ => {
                    let count = self.count()?;
                    self.values(count)?;
                }
                op::P_MAP | op::P_ATTRS | op::P_FIELDS => {
                    let count = self.count()?;
                    self.values(count.checked_mul(2)?)?;
                }
                op::P_SCALAR => self.skip_value()?,
                op::P_BLOB => {
                    self.blob()?;
                }
                op::P_DICT_OF => {
                    self.uv()?;
                }
                _ => return None,
            }
        }
    }
}

/// An event about an object, with its values still encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // As at the opcodes.
pub enum Change<'a> {
    Object { kind: u8, class: u64, parts: &'a [u8] },
    Replace { parts: &'a [u8] },
    SeqSet { index: u64, value: &'a [u8] },
    SeqSplice { start: u64, deleted: u64, count: usize, values: &'a [u8] },
    SeqAppend { value: &'a [u8] },
    SeqRemove { value: &'a [u8] },
    MapSet { key: &'a [u8], value: &'a [u8] },
    MapDel { key: &'a [u8] },
    Clear,
    AttrSet { key: &'a [u8], value: &'a [u8] },
    AttrDel { key: &'a [u8] },
    FieldSet { key: &'a [u8], value: &'a [u8] },
    ScalarSet { value: &'a [u8] },
    BlobSplice { start: u64, deleted: u64, data: &'a [u8] },
    Death,
    Unknown { reason: u8 },
}

impl<'a> Raw<'a> {
    /// The fields of an object event whose opcode (`0x30..=0x3f`) was read: its id and the rest.
    #[inline]
    pub fn change(&mut self, opcode: u8) -> Option<(u64, Change<'a>)> {
        let id = self.uv()?;
        let change = match opcode {
            op::OBJECT => Change::Object {
                kind: {
                    let kind = self.u8()?;
                    super::Kind::from_code(kind)?;
                    kind
                },
                class: self.uv()?,
                parts: self.parts()?,
            },
            op::REPLACE => Change::Replace { parts: self.parts()? },
            op::SEQ_SET => Change::SeqSet { index: self.uv()?, value: self.value()? },
            op::SEQ_SPLICE => {
                let (start, deleted, count) = (self.uv()?, self.uv()?, self.count()?);
                Change::SeqSplice { start, deleted, count, values: self.values(count)? }
            }
            op::SEQ_APPEND => Change::SeqAppend { value: self.value()? },
            op::SEQ_REMOVE => Change::SeqRemove { value: self.value()? },
            op::MAP_SET => Change::MapSet { key: self.value()?, value: self.value()? },
            op::MAP_DEL => Change::MapDel { key: self.value()? },
            op::CLEAR => Change::Clear,
            op::ATTR_SET => Change::AttrSet { key: self.value()?, value: self.value()? },
            op::ATTR_DEL => Change::AttrDel { key: self.value()? },
            op::FIELD_SET => Change::FieldSet { key: self.value()?, value: self.value()? },
            op::SCALAR_SET => Change::ScalarSet { value: self.value()? },
            op::BLOB_SPLICE => {
                Change::BlobSplice { start: self.uv()?, deleted: self.uv()?, data: self.blob()? }
            }
            op::DEATH => Change::Death,
            op::UNKNOWN => Change::Unknown {
                reason: {
                    let reason = self.u8()?;
                    super::Reason::from_code(reason)?;
                    reason
                },
            },
            _ => return None,
        };
        Some((id, change))
    }

    /// Steps over the fields of any event but line and local stores, whose opcode was read.
    pub fn skip_fields(&mut self, opcode: u8) -> Option<()> {
        match opcode {
            op::LINE_FAR
            | op::RESUME
            | op::THROW
            | op::AT
            | op::THREAD
            | op::THREAD_END
            | op::TIME => {
                self.uv()?;
            }
            op::LOCAL_FAR => {
                self.uv32()?;
                self.skip_value()?;
            }
            op::CALL | op::CALL_NS => {
                self.uv()?;
                if opcode == op::CALL_NS {
                    self.skip_value()?;
                }
                for _ in 0..self.count()? {
                    self.uv32()?;
                    self.skip_value()?;
                }
            }
            op::RETURN | op::YIELD | op::RAISE | op::HANDLED | op::C_CALL => self.skip_value()?,
            op::UNWIND => {}
            op::LINES => {
                for _ in 0..self.count()? {
                    self.uv()?;
                }
            }
            op::C_RETURN => {
                self.u8()?;
            }
            op::THREAD_START => {
                let _ = (self.uv()?, self.uv()?, self.uv()?);
            }
            op::THREAD_NAME => {
                let _ = (self.uv()?, self.blob()?);
            }
            op::CODE => {
                let _ = (self.uv()?, self.uv()?, self.uv32()?, self.uv32()?, self.uv32()?);
                let _ = (self.blob()?, self.blob()?, self.blob()?);
                for _ in 0..self.count()? {
                    let _ = (self.blob()?, self.u8()?);
                }
                for _ in 0..self.count()? {
                    self.uv()?;
                }
            }
            op::SOURCE => {
                let _ = (self.blob()?, self.uv()?, self.blob()?);
            }
            op::META => {
                let _ = (self.blob()?, self.blob()?);
            }
            op::EXIT => {
                let _ = (self.u8()?, self.uv()?);
            }
            op::GAP | op::BOOKMARK => {
                self.blob()?;
            }
            op::CHILD => {
                let _ = (self.uv()?, self.uv()?, self.blob()?);
            }
            op::OUTPUT => {
                let _ = (self.u8()?, self.blob()?);
            }
            op::AUDIT => {
                self.blob()?;
                let count = self.count()?;
                self.values(count)?;
            }
            op::ALLOC => {
                let _ = (self.uv()?, self.block()?);
            }
            op::FREE => {
                self.block()?;
            }
            op::REALLOC => {
                let _ = (self.uv()?, self.block()?, self.block()?);
            }
            op::SEGMENT => {
                let _ = (self.uv()?, self.uv()?, self.uv()?, self.uv()?);
            }
            op::FRAME => {
                if self.u8()? > 1 {
                    return None;
                }
                let _ = (self.uv()?, self.uv()?, self.uv32()?);
                self.skip_value()?;
                for _ in 0..self.count()? {
                    self.uv32()?;
                    self.skip_value()?;
                }
            }
            op::SEEN => {
                let _ = (self.uv()?, self.uv()?);
                for _ in 0..self.count()? {
                    self.uv()?;
                }
            }
            op::OBJECT..=op::UNKNOWN => {
                self.change(opcode)?;
            }
            _ => return None,
        }
        Some(())
    }
}

/// Decodes one encoded value; `None` if it is not one.
#[must_use]
pub fn decode_value(bytes: &[u8]) -> Option<super::Value<'_>> {
    super::EventReader::new(bytes).any_value().ok()
}
