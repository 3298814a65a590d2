//! The subcommands, one file each.

pub mod cost;
pub mod coverage;
pub mod debug;
pub mod export;
pub mod info;
pub mod record;
pub mod recover;
pub mod replay;
pub mod serve;
pub mod trace;
pub mod verify;
