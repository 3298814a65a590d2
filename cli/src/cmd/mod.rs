//! The subcommands, one file each.

pub mod coverage;
pub mod export;
pub mod info;
pub mod record;
pub mod recover;
pub mod verify;
