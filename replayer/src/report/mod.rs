//! Reports over a whole recording. Computes only: how they look on a page is up to the caller.

pub mod coverage;
pub mod executed;
pub mod pytrace;
mod statements;
