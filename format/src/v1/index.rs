//! The index of one block, and of a group of blocks.

use super::packed::PackedTable;
use rkyv::{Archive, Deserialize, Serialize};

/// "None" where a block or node number stands.
pub const NONE: u32 = u32::MAX;

/// Bits of the first value of a row of [`BlockIndex::touched`].
pub mod flag {
    /// The object was born in this block.
    pub const BORN: u64 = 1;
    /// The object died in this block.
    pub const DIED: u64 = 2;
    /// The bases hold its full contents at the end of this block.
    pub const FULL: u64 = 4;
    /// The bases hold the slots that changed in this block.
    pub const DELTA: u64 = 8;
}

/// What is asked about one block, besides its bounds.
#[derive(Archive, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockIndex {
    /// The thread that is current at the block's end.
    pub current_thread: u64,
    /// The top frame of every thread that has frames at the block's end.
    pub tops: Vec<ThreadTop>,
    /// Frames that ran in this block and are still there at its end, suspended ones too.
    pub nodes: Vec<Node>,
    /// Locals of the nodes.
    pub node_bytes: Vec<u8>,
    /// (object, unit) -> flags, first change (stops after the block's first), blocks back to the
    /// change before (0: none), offset in the bases. The unit is 0 for the object itself,
    /// `part << 56 | chunk` for a chunk of it. (activation + 2^63, 0) -> 0, 0, back, node for a
    /// suspended activation.
    pub touched: PackedTable,
    /// (code, line) -> line events; (code, 2^40) -> calls, resumes and throws.
    pub hits: PackedTable,
    /// The compressed pieces of the bases.
    pub pieces: Vec<Piece>,
}

/// The stack of a thread.
#[derive(Archive, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadTop {
    /// The thread.
    pub thread: u64,
    /// Block whose index has the node.
    pub block: u32,
    /// Number of the node there.
    pub node: u32,
}

/// A frame as it is at the end of a block, and at every later moment until it runs again.
#[derive(Archive, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Number of the activation.
    pub activation: u64,
    /// Code id, `u64::MAX` if unknown.
    pub code: u64,
    /// The stop with which it came onto the stack.
    pub entered: u64,
    /// The frame's line.
    pub line: u32,
    /// Block of the node of the caller; [`NONE`]: outermost, or suspended.
    pub parent_block: u32,
    /// Number of that node.
    pub parent_node: u32,
    /// Where its bytes begin in `node_bytes`: (`uv` slot + 1 or 0 for the namespace, value)*.
    pub start: u32,
    /// Where they end.
    pub end: u32,
}

/// A compressed piece of the bases.
#[derive(Archive, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Offset of its first byte among the uncompressed bases.
    pub raw_start: u32,
    /// Uncompressed length.
    pub raw_len: u32,
    /// Offset in the section's payload.
    pub at: u32,
    /// Compressed length.
    pub len: u32,
    /// xxh3 of the compressed bytes.
    pub sum: u64,
}

/// Index of a group of 16 blocks (level 1) or 256 (level 2).
#[derive(Archive, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
pub struct Fence {
    /// 1 or 2.
    pub level: u32,
    /// First block of the group.
    pub first_block: u32,
    /// As `BlockIndex::touched`: key -> last block of the group that touched it, counted from
    /// the first.
    pub touched: PackedTable,
    /// As `BlockIndex::hits`: key -> sum over the group.
    pub hits: PackedTable,
}
