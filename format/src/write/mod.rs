//! Making a trace: from events to blocks and their indexes, and from these to a file. Mirrors
//! [`crate::read`].

mod bases;
mod fences;
mod file;
mod frames;
mod heap;
mod hits;
mod indexer;
mod memory;
mod units;

pub use bases::Bases;
pub(crate) use fences::Fences;
pub use file::TraceFile;
pub use indexer::{Indexer, Past, SavedFrame, Sealed};
