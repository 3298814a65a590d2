//! Version 1 of everything on disk. Frozen with the first release: a change of any struct here
//! is a new module and a new major version.

pub mod deltas;
pub mod frame;
pub mod index;
pub mod packed;
pub mod summary;

pub use frame::{
    HEADER_LEN, Header, MAJOR, MINOR, SECTION_LEN, Section, TRAILER_LEN, Trailer, kind,
};
pub use index::{BlockIndex, Fence, NONE, Node, Piece, ThreadTop, flag};
pub use packed::{PackedTable, Rows, TableBuilder};
pub use summary::{AllocSum, BlockSummary, FenceRef, Footer, count};

/// Largest size before compression of a payload of `len` bytes: so that a small file cannot make
/// a reader allocate much.
#[must_use]
pub const fn raw_limit(len: usize) -> usize {
    let fourfold = len.saturating_mul(4);
    if fourfold > 32 << 20 { fourfold } else { 32 << 20 }
}

/// A block is cut when it has so many bytes...
pub const BLOCK_BYTES: usize = 1 << 20;
/// ... or so many line events.
pub const BLOCK_LINES: u64 = 1 << 16;
/// Blocks in a fence of the first level, and fences of the first level in one of the second.
pub const FENCE_FAN: u32 = 16;
/// Elements of a chunk, as a power of two.
pub const CHUNK_BITS: u32 = 7;
/// Bytes of a chunk of a blob, as a power of two.
pub const BLOB_BITS: u32 = 12;

/// Serializes an rkyv root.
///
/// # Panics
/// Never: serializing to memory does not fail below 2 GiB, and no root gets near that.
pub fn to_bytes<T>(root: &T) -> Vec<u8>
where
    T: for<'a> rkyv::Serialize<
            rkyv::api::high::HighSerializer<
                rkyv::util::AlignedVec,
                rkyv::ser::allocator::ArenaHandle<'a>,
                rkyv::rancor::Error,
            >,
        >,
{
    match rkyv::to_bytes::<rkyv::rancor::Error>(root) {
        Ok(bytes) => bytes.into_vec(),
        Err(_) => Vec::new(),
    }
}

/// Checks and reads an rkyv root.
pub fn from_bytes<T>(bytes: &[u8]) -> Option<T>
where
    T: rkyv::Archive,
    T::Archived: for<'a> rkyv::bytecheck::CheckBytes<rkyv::api::high::HighValidator<'a, rkyv::rancor::Error>>
        + rkyv::Deserialize<T, rkyv::api::high::HighDeserializer<rkyv::rancor::Error>>,
{
    rkyv::from_bytes::<T, rkyv::rancor::Error>(bytes).ok()
}
