//! The one error type of the command line: what went wrong, and the exit code that says so.
//!
//! 0 is fine and 1 a finding (a threshold, a policy), which no subcommand has yet. Must not
//! print; `main` shows a failure once.

use std::fmt;

/// The command line was wrong.
pub const USAGE: u8 = 2;
/// The trace is missing, foreign or damaged.
pub const BAD_TRACE: u8 = 3;
/// The recorder could not start.
pub const NO_RECORDER: u8 = 4;

/// What went wrong, where, and what to do next, with the exit code that belongs to it.
#[derive(Debug)]
pub struct Failure {
    /// The exit code of the process.
    pub code: u8,
    /// The text after `moviola: `.
    pub text: String,
}

impl Failure {
    /// A wrong command line.
    pub fn usage(text: impl Into<String>) -> Self {
        Self { code: USAGE, text: text.into() }
    }

    /// A trace that cannot be used.
    pub fn trace(text: impl Into<String>) -> Self {
        Self { code: BAD_TRACE, text: text.into() }
    }

    /// A recording that cannot begin.
    pub fn recorder(text: impl Into<String>) -> Self {
        Self { code: NO_RECORDER, text: text.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The result of a subcommand: the exit code of the process.
pub type Outcome = Result<u8, Failure>;
