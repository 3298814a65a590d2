//! The bytes of a Moviola trace.
//!
//! This crate knows bytes, offsets and checksums. It knows nothing of Python objects beyond
//! their shapes on disk, of debuggers or of terminals.

pub mod event;
pub mod family;
pub mod model;
pub mod read;
pub mod ring;
pub mod v1;
pub mod write;
