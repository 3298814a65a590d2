//! The recording pipeline: shared ring, event encoding and writer. Must not know CPython.
