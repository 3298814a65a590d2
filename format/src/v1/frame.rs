//! The hand-laid parts of the file: header, section headers, trailer. All little-endian.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Major version: a reader of another one refuses.
pub const MAJOR: u16 = 1;
/// Minor version: a reader of an older one reads what it knows.
pub const MINOR: u16 = 0;
/// Bytes of the file header.
pub const HEADER_LEN: usize = 64;
/// Bytes of a section header.
pub const SECTION_LEN: usize = 32;
/// Bytes of the trailer.
pub const TRAILER_LEN: usize = 32;

const MAGIC: [u8; 8] = *b"MOVIOLA\n";
const TRAILER_MAGIC: [u8; 8] = *b"MOVIEND\n";

/// Kinds of sections. Readers skip kinds that they do not know.
pub mod kind {
    /// Events of a block: `u32` raw length, zstd frame.
    pub const BLOCK: [u8; 4] = *b"BLCK";
    /// The same recoded: `u32` raw length, `u32` recoded length, zstd frame; see `deltas`.
    pub const RECODED: [u8; 4] = *b"BLKD";
    /// Contents of objects at the end of a block: zstd frames one after the other.
    pub const BASES: [u8; 4] = *b"BASE";
    /// The SOURCE events of a block again: `u32` raw length, zstd frame.
    pub const SOURCES: [u8; 4] = *b"SRCE";
    /// rkyv `BlockIndex`, compressed as a block.
    pub const INDEX: [u8; 4] = *b"BIDX";
    /// rkyv `BlockSummary`; commits the sections of its block.
    pub const SUMMARY: [u8; 4] = *b"BSUM";
    /// rkyv `Fence`, compressed as a block.
    pub const FENCE: [u8; 4] = *b"FENC";
    /// rkyv `Footer`.
    pub const FOOTER: [u8; 4] = *b"FOOT";
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// The first bytes of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Major version.
    pub major: u16,
    /// Minor version.
    pub minor: u16,
    /// Identity of the recording; the ring has the same.
    pub identity: [u8; 16],
    /// Wall clock at creation, nanoseconds since 1970.
    pub created: u64,
}

impl Header {
    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&self.major.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.minor.to_le_bytes());
        bytes[12..16].copy_from_slice(&(HEADER_LEN as u32).to_le_bytes());
        bytes[16..32].copy_from_slice(&self.identity);
        bytes[32..40].copy_from_slice(&self.created.to_le_bytes());
        let sum = xxh3_64(&bytes[..56]);
        bytes[56..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// From bytes; `None` if they are no header. A foreign major version is read as far as its
    /// number, so that it can be named.
    #[must_use]
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Option<Self> {
        if bytes[..8] != MAGIC {
            return None;
        }
        let major = u16::from_le_bytes([bytes[8], bytes[9]]);
        if major == MAJOR && u64_at(bytes, 56) != xxh3_64(&bytes[..56]) {
            return None;
        }
        let mut identity = [0; 16];
        identity.copy_from_slice(&bytes[16..32]);
        let minor = u16::from_le_bytes([bytes[10], bytes[11]]);
        Some(Self { major, minor, identity, created: u64_at(bytes, 32) })
    }
}

/// The header of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// What it holds.
    pub kind: [u8; 4],
    /// Number of the block, or of the first block of the group.
    pub number: u32,
    /// Bytes that follow the header.
    pub len: u64,
    /// xxh3 of these bytes.
    pub sum: u64,
}

impl Section {
    /// As bytes; the header's own checksum covers the offset that it stands at.
    #[must_use]
    pub fn encode(&self, offset: u64) -> [u8; SECTION_LEN] {
        let mut bytes = [0; SECTION_LEN];
        bytes[..4].copy_from_slice(&self.kind);
        bytes[4..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.len.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.sum.to_le_bytes());
        let sum = xxh3_64_with_seed(&bytes[..24], offset);
        bytes[24..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// From the bytes at `offset`; `None` if they are no section header.
    #[must_use]
    pub fn decode(bytes: &[u8; SECTION_LEN], offset: u64) -> Option<Self> {
        if u64_at(bytes, 24) != xxh3_64_with_seed(&bytes[..24], offset) {
            return None;
        }
        let mut kind = [0; 4];
        kind.copy_from_slice(&bytes[..4]);
        let number = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        Some(Self { kind, number, len: u64_at(bytes, 8), sum: u64_at(bytes, 16) })
    }
}

/// The last bytes of a complete trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// Offset of the footer's section header.
    pub footer_at: u64,
}

impl Trailer {
    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; TRAILER_LEN] {
        let mut bytes = [0; TRAILER_LEN];
        bytes[..8].copy_from_slice(&self.footer_at.to_le_bytes());
        let sum = xxh3_64(&bytes[..16]);
        bytes[16..24].copy_from_slice(&sum.to_le_bytes());
        bytes[24..].copy_from_slice(&TRAILER_MAGIC);
        bytes
    }

    /// From bytes; `None` if they are no trailer.
    #[must_use]
    pub fn decode(bytes: &[u8; TRAILER_LEN]) -> Option<Self> {
        let good = bytes[24..] == TRAILER_MAGIC && u64_at(bytes, 16) == xxh3_64(&bytes[..16]);
        good.then(|| Self { footer_at: u64_at(bytes, 0) })
    }
}
