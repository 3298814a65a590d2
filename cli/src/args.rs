//! The command line, as clap reads it. One struct a subcommand; must not act.

use clap::{Args, Parser, Subcommand, ValueEnum};
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
    /// Record a program, then replay it from the failure
    Debug(DebugArgs),
    /// Debug a recorded run forwards and backwards, with pdb's commands
    Replay(ReplayArgs),
    /// What is in a trace
    Info(InfoArgs),
    /// Check every block, value and index of a trace
    Verify(TraceArgs),
    /// Join a trace with the ring that a killed recording left behind
    Recover(TraceArgs),
    /// Write a trace in another format
    Export(ExportArgs),
    /// Lines and hit counts of the recorded files
    Coverage(CoverageArgs),
    /// What `python -m trace` tells of a run: lines as they ran, counts, functions, calls
    Trace(TracingArgs),
    /// Answer another program's questions about a trace, over pipes
    Serve(ServeArgs),
    /// Writes children's traces; `record` starts it
    #[command(name = crate::launch::children::SERVER, hide = true)]
    Children {
        /// The recording's private directory.
        stage: PathBuf,
    },
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
    /// Leave out allocations and frees
    #[arg(long)]
    pub no_allocations: bool,
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

/// How much `moviola record` records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Detail {
    /// Everything that the program does, with all values
    Full,
    /// Only which lines ran, not how often: for `moviola coverage`, at next to no cost from Python 3.12 on
    Coverage,
}

/// `moviola record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// How much is recorded
    #[arg(long, value_enum, default_value = "full", hide_default_value = true)]
    pub detail: Detail,
    /// With --detail coverage: which ways control went at each branch, too
    #[arg(long)]
    pub branch: bool,
    /// How to run the program.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `moviola debug`.
#[derive(Debug, Args)]
pub struct DebugArgs {
    /// What the program reads when standard input is not a terminal [default: nothing]
    #[arg(long, value_name = "FILE")]
    pub stdin: Option<PathBuf>,
    /// A debugger command to run first; can be given several times
    #[arg(short = 'x', value_name = "COMMAND", allow_hyphen_values = true)]
    pub commands: Vec<String>,
    /// How to run the program.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `moviola replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// A debugger command to run first; can be given several times
    #[arg(short = 'x', short_alias = 'c', value_name = "COMMAND", allow_hyphen_values = true)]
    pub commands: Vec<String>,
    /// Where to stand at first, such as @1200 [default: the failure, or the start]
    #[arg(long, value_name = "POSITION")]
    pub at: Option<String>,
    /// The Python that evaluates what the debugger cannot by itself [default: the recorded version, else another, on PATH]
    #[arg(long, value_name = "EXE")]
    pub python: Option<PathBuf>,
    /// Stand where the program failed; an error if it did not end in an uncaught exception
    #[arg(long, conflicts_with = "at")]
    pub post_mortem: bool,
    /// Stand where this exception was raised, by its number in `exceptions --all`
    #[arg(long, value_name = "N", conflicts_with_all = ["at", "post_mortem"])]
    pub exception: Option<usize>,
    /// Stand where the program called breakpoint() or pdb.set_trace() for the Nth time, counted from 1
    #[arg(long, value_name = "N", conflicts_with_all = ["at", "post_mortem", "exception"])]
    pub bookmark: Option<usize>,
    /// Do not step into modules of this name, as in 'importlib*'; can be given several times
    #[arg(long, value_name = "GLOB")]
    pub skip: Vec<String>,
    /// The sources that were recorded under OLD lie under NEW: breakpoints find them there; can be given several times
    #[arg(long, value_name = "OLD=NEW")]
    pub path_map: Vec<String>,
    /// The trace
    pub trace: PathBuf,
}

/// `moviola serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The Python that evaluates what the debugger cannot by itself
    #[arg(long, value_name = "EXE")]
    pub python: Option<PathBuf>,
    /// The trace
    pub trace: PathBuf,
}

/// A command on one trace.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// The trace
    pub trace: PathBuf,
}

/// Text for people or JSON for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// A table.
    Text,
    /// One JSON value.
    Json,
}

/// `moviola info`.
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// How to show it
    #[arg(long, value_enum, default_value = "text")]
    pub format: TableFormat,
    /// Also what debugger commands cost: blocks decoded and time, at places all over the trace
    #[arg(long)]
    pub cost: bool,
    /// The trace
    pub trace: PathBuf,
}

/// Formats of `moviola export`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One JSON value a line, an event each.
    Jsonl,
    /// The stops from --from to --to as a trace of their own.
    Trace,
}

/// `moviola export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The format
    #[arg(long, value_enum, default_value = "jsonl")]
    pub format: ExportFormat,
    /// Only code whose file lies under this directory [default: the script's directory]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Leave out the values of locals
    #[arg(long)]
    pub no_locals: bool,
    /// Also the Python processes that were started, not only those that were forked
    #[arg(long)]
    pub follow: bool,
    /// With --format trace: the first stop, @N [default: the start]
    #[arg(long, value_name = "@N")]
    pub from: Option<String>,
    /// With --format trace: the stop behind the last, @N [default: the end]
    #[arg(long, value_name = "@N")]
    pub to: Option<String>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The trace
    pub trace: PathBuf,
}

/// Formats of `moviola coverage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CoverageFormat {
    /// A table by file, with the missing lines.
    Text,
    /// The data file of coverage.py, which its own reports read.
    #[cfg(feature = "coverage-data")]
    Coverage,
    /// The tracefile of lcov and genhtml.
    Lcov,
    /// Cobertura's XML.
    Xml,
    /// The JSON of coverage.py.
    Json,
    /// Copies of the sources with a mark before each line.
    Annotate,
    /// One page with everything.
    Html,
}

/// `moviola coverage`.
#[derive(Debug, Args)]
pub struct CoverageArgs {
    /// The format
    #[arg(long, value_enum, default_value = "text")]
    pub format: CoverageFormat,
    /// Count branches, too
    #[arg(long)]
    pub branch: bool,
    /// Tell which test ran each line, as pytest names them [with html, json, coverage]
    #[arg(long)]
    pub contexts: bool,
    /// Only files of these directories or packages, those that never ran too [default: all but the
    /// standard library and installed packages]
    #[arg(long, alias = "root", value_name = "DIR|PACKAGE", value_delimiter = ',')]
    pub source: Vec<String>,
    /// Only files that match one of these patterns
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub include: Vec<String>,
    /// No files that match one of these patterns
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub omit: Vec<String>,
    /// Exit with 1 if the total per cent is below this
    #[arg(long, value_name = "MIN")]
    pub fail_under: Option<f64>,
    /// Decimals of per cent values
    #[arg(long, value_name = "N")]
    pub precision: Option<usize>,
    /// Leave out files in which nothing is missing [with text]
    #[arg(long)]
    pub skip_covered: bool,
    /// Leave out files without statements [with text, lcov, xml]
    #[arg(long)]
    pub skip_empty: bool,
    /// Sort by name, stmts, miss, branch, brpart or cover; -cover: the highest first [with text]
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// The settings file of coverage.py [default: .coveragerc, .coveragerc.toml, setup.cfg, tox.ini,
    /// pyproject.toml]
    #[arg(long, value_name = "FILE")]
    pub rcfile: Option<PathBuf>,
    /// Write to this file, with annotate into this directory [default: standard output; with coverage
    /// .coverage, with html coverage.html, with annotate beside each source]
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// The traces; what ran in any of them ran, and hits are added up
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,
}

/// How `moviola trace -T` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CallsFormat {
    /// As `python -m trace` writes it
    Text,
    /// A graph for Graphviz
    Dot,
    /// A graph for Mermaid
    Mermaid,
}

/// `moviola trace`: the options of `python -m trace`.
#[derive(Debug, Args)]
pub struct TracingArgs {
    /// Count how often each line ran, and write the counts to MODULE.cover files
    #[arg(short, long)]
    pub count: bool,
    /// Print each line as it ran [the default]
    #[arg(short, long)]
    pub trace: bool,
    /// List the functions that were called
    #[arg(short, long)]
    pub listfuncs: bool,
    /// List who called whom
    #[arg(short = 'T', long)]
    pub trackcalls: bool,
    /// Report from the counts file only; recordings are not counted, they say which lines can run
    #[arg(short, long, conflicts_with = "no_report")]
    pub report: bool,
    /// Write no reports, and no counts file
    #[arg(short = 'R', long)]
    pub no_report: bool,
    /// A counts file: what it has is added, and the sum is written back
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Directory for the .cover files [default: beside each source]
    #[arg(short = 'C', long, value_name = "DIR")]
    pub coverdir: Option<PathBuf>,
    /// Mark lines that could have run and did not with >>>>>>
    #[arg(short, long)]
    pub missing: bool,
    /// Print a summary of each file; with --count or --report
    #[arg(short, long)]
    pub summary: bool,
    /// The Python whose summary it is to be: 3.14 changed it [default: the recorded one]
    #[arg(long, value_name = "3.13|3.14", value_parser = ["3.13", "3.14"])]
    pub version_format: Option<String>,
    /// Print the time since the program's start before each line
    #[arg(short = 'g', long)]
    pub timing: bool,
    /// Leave out these modules and what is in them (commas between; can be given several times)
    #[arg(long, value_name = "MODULE")]
    pub ignore_module: Vec<String>,
    /// Leave out files under these directories (colons between; $prefix and $exec_prefix are Python's own)
    #[arg(long, value_name = "DIR")]
    pub ignore_dir: Vec<String>,
    /// With -t: which locals show another text than at the frame's last line: + new, ~ changed, - gone
    #[arg(long)]
    pub locals_diff: bool,
    /// Only what this thread did, by its number or name
    #[arg(long, value_name = "THREAD")]
    pub thread: Option<String>,
    /// Only what happened from one position to another, both included
    #[arg(long, num_args = 2, value_names = ["@N", "@M"])]
    pub between: Option<Vec<String>>,
    /// Each thread by itself (.cover files: in a directory for each under --coverdir)
    #[arg(long)]
    pub per_thread: bool,
    /// With -l and -T: how often; a generator that goes on is called again
    #[arg(long)]
    pub counts: bool,
    /// How -T is written: dot is for Graphviz
    #[arg(long, value_enum, default_value = "text", hide_default_value = true)]
    pub format: CallsFormat,
    /// The recordings; counts are added up
    pub traces: Vec<PathBuf>,
}
