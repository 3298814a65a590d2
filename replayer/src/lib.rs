//! Opens traces and answers questions about them: pdb's commands in both directions, reports,
//! exports. Computes only: nothing here prints, and nothing runs recorded code.

pub mod export;
mod heap;
mod machine;
mod pyfloat;
pub mod report;
mod steps;
pub mod timeline;
