//! Layouts of C types of the standard library (and of numpy's arrays, whose struct is public).
//!
//! Read off running interpreters of 3.11.7, 3.12.1 and 3.13.0 by comparing the words of objects
//! with what their attributes give; numbers only.
#![allow(missing_docs)]

/// `decimal.Decimal`: an `mpd_t` behind the hash.
pub mod decimal {
    pub const FLAGS: isize = 24;
    pub const EXPONENT: isize = 32;
    pub const DIGITS: isize = 40;
    pub const LENGTH: isize = 48;
    pub const WORDS: isize = 64;
    pub const NEGATIVE: u8 = 1;
    pub const INFINITE: u8 = 2;
    pub const QUIET_NAN: u8 = 4;
    pub const SIGNALING_NAN: u8 = 8;
}

/// Objects of `datetime` and `zoneinfo`.
pub mod time {
    pub const ZONE_OFFSET: isize = 16;
    pub const ZONE_NAME: isize = 24;
    pub const DATETIME_TZINFO: isize = 40;
    pub const TIME_TZINFO: isize = 32;
    pub const ZONEINFO_KEY: isize = 16;
}

/// `re.Pattern` and `re.Match`.
pub mod re {
    pub const PATTERN_GROUPS: isize = 24;
    pub const PATTERN_INDEX: isize = 32;
    pub const PATTERN_TEXT: isize = 48;
    pub const PATTERN_FLAGS: isize = 56;
    pub const MATCH_STRING: isize = 24;
    pub const MATCH_PATTERN: isize = 40;
    pub const MATCH_POS: isize = 48;
    pub const MATCH_ENDPOS: isize = 56;
    pub const MATCH_LASTINDEX: isize = 64;
    pub const MATCH_GROUPS: isize = 72;
    pub const MATCH_MARKS: isize = 80;
}

/// `contextvars.ContextVar` and `Token`.
pub mod context {
    pub const VAR_NAME: isize = 16;
    pub const VAR_DEFAULT: isize = 24;
    pub const TOKEN_VAR: isize = 24;
    pub const TOKEN_OLD: isize = 32;
    pub const TOKEN_USED: isize = 40;
}

/// `asyncio.Future` and `Task`.
pub mod asyncio {
    pub const FUTURE_SIZE: isize = if cfg!(Py_3_13) { 104 } else { 128 };
    pub const TASK_SIZE: isize = if cfg!(Py_3_13) { 144 } else { 176 };
    pub const CALLBACK: isize = 24;
    pub const EXCEPTION: isize = 48;
    pub const RESULT: isize = 64;
    pub const STATE: isize = if cfg!(Py_3_13) { 96 } else { 88 };
    pub const WAITER: isize = if cfg!(Py_3_13) { 112 } else { 128 };
    pub const CORO: isize = WAITER + 8;
    pub const NAME: isize = WAITER + 16;
    /// An int; on 3.13 a bit of it.
    pub const MUST_CANCEL: isize = if cfg!(Py_3_13) { 100 } else { 160 };
    pub const MUST_CANCEL_MASK: i32 = if cfg!(Py_3_13) { 4 } else { -1 };
    pub const CANCELS: isize = if cfg!(Py_3_13) { 104 } else { 168 };
    /// The task of a `TaskStepMethWrapper`.
    pub const STEP_TASK: isize = 16;
}

/// Views of dicts, `list[int]`, `int | str`.
pub const VIEW_DICT: isize = 16;
pub const ALIAS_ORIGIN: isize = 16;
pub const ALIAS_ARGS: isize = 24;
pub const ALIAS_STARRED: isize = 48;
pub const UNION_ARGS: isize = 16;

/// `numpy.ndarray` and its `dtype`: the same in numpy 1 and 2.
pub mod numpy {
    pub const DATA: isize = 16;
    pub const NDIM: isize = 24;
    pub const DIMENSIONS: isize = 32;
    pub const STRIDES: isize = 40;
    pub const BASE: isize = 48;
    pub const DESCR: isize = 56;
    pub const FLAGS: isize = 64;
    pub const OWNDATA: i32 = 4;
    pub const DESCR_BYTEORDER: isize = 26;
    pub const DESCR_TYPE: isize = 28;
    pub const NUMBER: isize = 16;
}
