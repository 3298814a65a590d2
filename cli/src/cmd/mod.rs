//! The subcommands, one file each.

pub mod export;
pub mod info;
pub mod record;
pub mod verify;
