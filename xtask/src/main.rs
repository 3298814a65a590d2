//! `cargo xtask TASK`: everything about the project that is more than one cargo command.
//!
//! One file a task. A tool for developers, not part of what is installed.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod build;
mod fidelity;
mod library;
mod parity;
mod pythons;
mod tally;
mod test;
mod tidy;
mod wheel;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test [--require 3.11,3.12,3.13] [--only STAGE]
    every test, on each Python that is found; --only takes stages by a part of their name
cargo xtask fidelity [--python 3.X] [--rows] [--no-locals] [--no-build] [--show N] [NAMES]
    recordings of the corpus and the samples compared with the oracle, one row a Python, and the
    perturbed programs by name; --rows: one row a program, too
cargo xtask fidelity --random N [--seed S]
    the same with generated programs
cargo xtask bench [--python 3.X] [--repeat N] [--detail full|coverage|branches] [WORKLOADS]
    what recording costs: own, tree and wall against the plain run
cargo xtask library [--python 3.X]
    statements and branches of the whole standard library, its tests too, against coverage.py
cargo xtask pdb-parity [--python 3.X] [--no-build] [--show NAME] [NAMES]
    the sessions of CPython's own test_pdb replayed, against what it expects; --show: how they differ
cargo xtask tidy
    the layout rules
";

/// What a task can fail with: one text for the developer.
type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = args.split_first().map_or(("", &[][..]), |(t, r)| (t.as_str(), r));
    let outcome = match task {
        "bench" => bench::task(rest),
        "fidelity" => fidelity::task(rest),
        "library" => library::task(rest),
        "pdb-parity" => parity::task(rest),
        "test" => test::task(rest),
        "tidy" => tidy::task(),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}
