//! The recording pipeline: shared ring and writer. Must not know CPython.

pub mod family;
pub mod recover;
pub mod ring;
pub mod synthetic;
pub mod writer;

pub use recover::{Recovered, recover};
pub use writer::{Ended, Options, Progress, Report, Writer, new_identity};
