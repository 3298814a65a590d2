//! The command line, as clap reads it. One struct a subcommand; must not act.

use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// Records a run of a Python program and debugs it forwards and backwards.
#[derive(Debug, Parser)]
#[command(name = "moviola", version, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Record one run of a program; the exit code is the program's own
    Record(RecordArgs),
}

/// How to run the program: shared by `record` and `debug`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Write the trace here [default: SCRIPT-YYYYmmdd-HHMMSS.moviola in the working directory]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The Python to run [default: the one beside an installed moviola, $VIRTUAL_ENV, then python3]
    #[arg(long, value_name = "EXE")]
    pub python: Option<PathBuf>,
    /// An option for Python itself, such as -Xdev; can be given several times
    #[arg(long, value_name = "OPT", allow_hyphen_values = true)]
    pub py_opt: Vec<OsString>,
    /// How much is recorded: full, flow (no values) or coverage (lines only)
    #[arg(long, value_name = "LEVEL", value_parser = ["full", "flow", "coverage"])]
    pub detail: Option<String>,
    /// Size of the shared ring in MiB, a power of two
    #[arg(long, value_name = "MIB", default_value_t = 16, hide_default_value = true)]
    pub ring: u64,
    /// SCRIPT, -m MODULE or -c CODE, then the program's arguments
    #[arg(
        value_name = "SCRIPT | -m MODULE | -c CODE",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub target: Vec<OsString>,
}

/// `moviola record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// How to run the program.
    #[command(flatten)]
    pub run: RunArgs,
}
