//! Opens traces and answers questions about them: pdb's commands in both directions, reports,
//! exports. Computes only: nothing here prints, and nothing runs recorded code.

pub mod eval;
pub mod export;
mod heap;
pub mod machine;
pub mod pdb;
mod pyfloat;
pub mod python;
pub mod report;
pub mod serve;
pub mod show;
mod steps;
pub mod timeline;
mod variables;
