//! What a reader hands out about a trace, apart from values.

use super::value::OwnedValue;
use std::ops::Range;
use std::sync::Arc;

/// Why a trace cannot be opened or a part of it cannot be read.
#[derive(Debug, Clone)]
pub enum TraceError {
    /// The operating system refused.
    Io {
        /// What was done.
        action: &'static str,
        /// What the system said.
        error: Arc<std::io::Error>,
    },
    /// The file does not begin as a trace does.
    NotATrace,
    /// Written by a later major version.
    NewerVersion {
        /// Its major version.
        major: u16,
    },
    /// Bytes that cannot be right.
    Damaged {
        /// Offset in the file (of the section, if it is compressed).
        offset: u64,
        /// What is wrong.
        what: String,
    },
}

impl std::fmt::Display for TraceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io { action, error } => write!(f, "cannot {action}: {error}"),
            Self::NotATrace => write!(f, "not a Moviola trace"),
            Self::NewerVersion { major } => {
                write!(f, "trace of format version {major}; this Moviola reads up to 1")
            }
            Self::Damaged { offset, what } => write!(f, "damaged at byte {offset}: {what}"),
        }
    }
}

impl std::error::Error for TraceError {}

/// How the recorded process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// 0 exit code, 1 signal, 2 uncaught exception.
    pub kind: u8,
    /// Exit code or signal number.
    pub code: i64,
    /// The position.
    pub stop: u64,
}

/// A span that was not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub reason: String,
    /// The position.
    pub stop: u64,
}

/// Where in a longer recording a trace begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Stops of the recording before this trace's first.
    pub stops: u64,
    /// Line events before it.
    pub lines: u64,
}

/// A named moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bookmark {
    /// The name.
    pub name: String,
    /// The position.
    pub stop: u64,
}

/// A child process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Process id.
    pub pid: u64,
    /// Number of the child's trace.
    pub number: u64,
    /// `fork`, `spawn`, ...
    pub how: String,
    /// The position.
    pub stop: u64,
}

/// A code object together with the globals namespace it runs in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodeInfo {
    /// Its number; also its index in [`super::Trace::codes`].
    pub id: u64,
    /// Object id of the globals dict (0: not recorded).
    pub globals: u64,
    /// `co_firstlineno`.
    pub first_line: u32,
    /// `co_flags`.
    pub flags: u32,
    /// Number of parameters, including keyword-only, `*args` and `**kwargs`.
    pub arg_count: u32,
    /// `co_filename`, for display (invalid UTF-8 replaced).
    pub filename: String,
    /// `co_name`, for display.
    pub name: String,
    /// `co_qualname`, for display.
    pub qualname: String,
    /// `co_filename` as recorded.
    pub filename_bytes: Vec<u8>,
    /// Name and kind bits of each slot of `localsplus`.
    pub slots: Vec<(String, u8)>,
    /// The lines that the code object has instructions for, sorted.
    pub lines: Vec<u32>,
}

/// A thread of the recorded process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ThreadInfo {
    /// Its number, in order of first event; also its index in [`super::Trace::threads`].
    pub number: u64,
    /// `threading.get_ident()`.
    pub ident: u64,
    /// `threading.get_native_id()`.
    pub native_id: u64,
    /// Its name, if it became known.
    pub name: Option<String>,
    /// Position of its first event.
    pub first_stop: u64,
    /// Position at which it ended, if it did.
    pub end_stop: Option<u64>,
}

/// How many events of each kind there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)] // The names are those of the events.
pub struct EventCounts {
    pub events: u64,
    pub line: u64,
    pub call: u64,
    pub resume: u64,
    pub throw: u64,
    pub ret: u64,
    pub yields: u64,
    pub unwind: u64,
    pub raise: u64,
    pub handled: u64,
    pub c_call: u64,
    pub c_return: u64,
    pub local: u64,
    pub object: u64,
    pub change: u64,
    pub death: u64,
    pub unknown: u64,
    pub output: u64,
    pub audit: u64,
    pub alloc: u64,
    pub free: u64,
    pub time: u64,
}

/// Where a block begins and ends, in every unit. The `last_*`/`end_*` values are one past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockBounds {
    /// Number of its first stop.
    pub first_stop: u64,
    /// Number of the first stop after it.
    pub end_stop: u64,
    /// Line events before it.
    pub first_line: u64,
    /// Line events up to its end.
    pub end_line: u64,
    /// Number of the first activation that may begin in it.
    pub first_activation: u64,
    /// Number of the first activation that begins after it.
    pub end_activation: u64,
    /// Nanoseconds since the recording began, at its start.
    pub first_time: u64,
    /// The same at its end.
    pub end_time: u64,
    /// Bytes of events.
    pub raw_len: u64,
    /// Events of each kind in it.
    pub counts: EventCounts,
}

/// One frame of a stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Number of the activation.
    pub activation: u64,
    /// Code id; `u64::MAX` if the frame began before the recording.
    pub code: u64,
    /// The frame's line.
    pub line: u32,
    /// The namespace of a module or class body.
    pub namespace: Option<OwnedValue>,
    /// Bound locals by slot, ascending.
    pub locals: Vec<(u32, OwnedValue)>,
    /// The stop (call or resume) with which the frame came onto the stack.
    pub entered: u64,
    /// The last block before the asked one in which the frame ran.
    pub last_block: usize,
}

/// The stack of one thread.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThreadStack {
    /// Number of the thread.
    pub thread: u64,
    /// Frames, outermost first.
    pub frames: Vec<Arc<Frame>>,
}

/// All stacks at the start of a block.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stacks {
    /// The thread that ran last; the stream goes on in it.
    pub current: u64,
    /// Every thread that has frames or is current, by number.
    pub threads: Vec<ThreadStack>,
}

/// The time that an activation is on the stack without interruption: from a call (or resume) to
/// the next return (or yield).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Number of the activation.
    pub activation: u64,
    /// Stop of the call, resume or throw.
    pub first: u64,
    /// Stop of the return, yield or unwind; `None` if it was on the stack to the end.
    pub last: Option<u64>,
    /// The activation below it on the stack.
    pub caller: Option<u64>,
}

/// Elements of a sequence at a position.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// Length of the whole sequence.
    pub len: u64,
    /// The part of the asked range that exists.
    pub range: Range<u64>,
    /// The elements in it.
    pub values: Vec<OwnedValue>,
}
