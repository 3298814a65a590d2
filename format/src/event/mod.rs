//! The event stream: what the recorder appends to the ring and what a block holds.
//!
//! `SPEC.md` has the byte tables. An event is one opcode byte and its fields; integers are
//! LEB128 (`uv`), signed ones zigzag LEB128 (`sv`). [`mod@read`] mirrors [`mod@write`]. The stream has
//! no state of its own besides what a reader keeps anyway: the current thread, each thread's
//! frame stack, and each frame's current line (line events are deltas to it).

/// A code object is recorded with so many lines at most: far more than people write.
pub const LINES_MAX: usize = 20_000;

pub mod op;
pub mod raw;
pub mod read;
pub mod write;

pub use read::{Event, EventReader, Part, Value};
pub use write::Sink;

/// Why a value or the contents of an object are not in the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// A limit of the recording (size, depth, number of objects) was reached.
    Budget = 1,
    /// A C type whose layout the recorder does not know.
    Opaque = 2,
    /// The moment lies in a gap of the recording.
    Gap = 3,
    /// C code may have changed the object and its contents were not read again.
    Suspect = 4,
    /// The detail level of the recording leaves values out.
    Detail = 5,
    /// The value was masked by the redaction rules.
    Redacted = 6,
    /// The frame or object existed before the recording began and was not reached.
    Before = 7,
}

impl Reason {
    /// The reason with this code on disk; `None` for a code of a later version.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Budget,
            2 => Self::Opaque,
            3 => Self::Gap,
            4 => Self::Suspect,
            5 => Self::Detail,
            6 => Self::Redacted,
            7 => Self::Before,
            _ => return None,
        })
    }

    /// The words after `<not recorded: ` in everything that is shown.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Budget => "over the recording's limit",
            Self::Opaque => "opaque C type",
            Self::Gap => "gap in the recording",
            Self::Suspect => "possibly changed by C code",
            Self::Detail => "detail level without values",
            Self::Redacted => "redacted",
            Self::Before => "not seen since the recording began",
        }
    }
}

/// What an object is, as far as a reader must tell kinds apart.
///
/// Exact built-in types have kinds of their own; an instance of a class defined in Python (or a
/// subclass of a built-in type) is [`Kind::Instance`] with the built-in payload in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)] // The names are Python's own.
pub enum Kind {
    List = 1,
    Tuple = 2,
    Dict = 3,
    Set = 4,
    FrozenSet = 5,
    ByteArray = 6,
    /// `str` too long to be inline: `Blob` part with the text (may be followed by appends).
    Str = 7,
    Bytes = 8,
    Int = 9,
    Instance = 10,
    Function = 11,
    Method = 12,
    Cell = 13,
    Class = 14,
    Generator = 15,
    Module = 16,
    Builtin = 17,
    Exception = 18,
    WeakRef = 19,
    Slice = 20,
    Range = 21,
    Deque = 22,
    OrderedDict = 23,
    DefaultDict = 24,
    MemoryView = 25,
    Array = 26,
    Partial = 27,
    StaticMethod = 28,
    ClassMethod = 29,
    Property = 30,
    MappingProxy = 31,
    SimpleNamespace = 32,
    DateTime = 33,
    Opaque = 34,
    Code = 35,
    Frame = 36,
    Traceback = 37,
}

impl Kind {
    /// The kind with this code on disk; `None` for a code of a later version.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        use Kind::*;
        const ALL: [Kind; 37] = [
            List,
            Tuple,
            Dict,
            Set,
            FrozenSet,
            ByteArray,
            Str,
            Bytes,
            Int,
            Instance,
            Function,
            Method,
            Cell,
            Class,
            Generator,
            Module,
            Builtin,
            Exception,
            WeakRef,
            Slice,
            Range,
            Deque,
            OrderedDict,
            DefaultDict,
            MemoryView,
            Array,
            Partial,
            StaticMethod,
            ClassMethod,
            Property,
            MappingProxy,
            SimpleNamespace,
            DateTime,
            Opaque,
            Code,
            Frame,
            Traceback,
        ];
        if code >= 1 && (code as usize) <= ALL.len() { Some(ALL[code as usize - 1]) } else { None }
    }
}
