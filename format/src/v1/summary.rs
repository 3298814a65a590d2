//! What is known of every block of an open trace: bounds, definitions, where its sections are.

use rkyv::{Archive, Deserialize, Serialize};

/// Indexes of [`BlockSummary::counts`].
#[allow(missing_docs)] // The names are those of the events.
pub mod count {
    pub const EVENTS: usize = 0;
    pub const LINE: usize = 1;
    pub const CALL: usize = 2;
    pub const RESUME: usize = 3;
    pub const THROW: usize = 4;
    pub const RETURN: usize = 5;
    pub const YIELD: usize = 6;
    pub const UNWIND: usize = 7;
    pub const RAISE: usize = 8;
    pub const HANDLED: usize = 9;
    pub const C_CALL: usize = 10;
    pub const C_RETURN: usize = 11;
    pub const LOCAL: usize = 12;
    pub const OBJECT: usize = 13;
    pub const CHANGE: usize = 14;
    pub const DEATH: usize = 15;
    pub const UNKNOWN: usize = 16;
    pub const OUTPUT: usize = 17;
    pub const AUDIT: usize = 18;
    pub const ALLOC: usize = 19;
    pub const FREE: usize = 20;
    pub const TIME: usize = 21;
    pub const SOURCE: usize = 22;
    /// Length of the array.
    pub const LEN: usize = 24;
}

/// Memory of one allocator domain.
#[derive(Archive, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AllocSum {
    /// Bytes allocated and not freed at the block's end.
    pub live_bytes: u64,
    /// The same, in blocks of memory.
    pub live_blocks: u64,
    /// Most bytes at any moment in the block.
    pub peak_bytes: u64,
    /// Bytes allocated since the recording began.
    pub total_bytes: u64,
}

/// One block. `first_*` at its start, `end_*` at its end.
#[derive(Archive, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockSummary {
    /// Its number.
    pub number: u32,
    /// Bytes of events.
    pub raw_len: u32,
    /// Offset of its first event in the event stream.
    pub stream_start: u64,
    /// Stops before it.
    pub first_stop: u64,
    /// Stops up to its end.
    pub end_stop: u64,
    /// Line events before it.
    pub first_line: u64,
    /// Line events up to its end.
    pub end_line: u64,
    /// Activations that began before it.
    pub first_activation: u64,
    /// Activations that began up to its end.
    pub end_activation: u64,
    /// Nanoseconds since the recording began.
    pub first_time: u64,
    /// Nanoseconds since the recording began.
    pub end_time: u64,
    /// Events by kind; see [`count`].
    pub counts: [u64; count::LEN],
    /// Offset of the section with its events.
    pub block_at: u64,
    /// Offset of its bases, 0 if there are none.
    pub bases_at: u64,
    /// Offset of its sources, 0 if there are none.
    pub sources_at: u64,
    /// Offset of its index.
    pub index_at: u64,
    /// (`uv` stops after the first, event)*: codes, threads, metas, exit, gaps, bookmarks,
    /// children, and SOURCE events with their text left out.
    pub definitions: Vec<u8>,
    /// Frames that left the stack in this block and had come onto it before: (`uv` activation,
    /// first stop, last stop - first stop, caller + 1)*.
    pub spans: Vec<u8>,
    /// Names of the audit events in it: (length, bytes)*, sorted.
    pub audits: Vec<u8>,
    /// Allocations, by domain.
    pub alloc: [AllocSum; 3],
}

/// Where a fence is.
#[derive(Archive, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
pub struct FenceRef {
    /// 1 or 2.
    pub level: u32,
    /// First block of the group.
    pub first_block: u32,
    /// Offset of the section.
    pub at: u64,
}

/// Everything that a reader would find by hopping through the file.
#[derive(Archive, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
pub struct Footer {
    /// All blocks.
    pub blocks: Vec<BlockSummary>,
    /// All fences.
    pub fences: Vec<FenceRef>,
    /// Why the trace ends before the recording, if it does.
    pub cut_off: Option<String>,
}
