//! The recording pipeline: shared ring and writer. Must not know CPython.

pub mod ring;
