//! Reports over a whole recording. Computes only: how they look on a page is up to the caller.

pub mod coverage;
mod executable;
pub mod pytrace;
mod room;

pub use executable::executable_lines;
