//! `moviola record`: runs a program as if Moviola were not there and leaves a trace of it.

use crate::args::{Detail, RecordArgs, RunArgs};
use crate::failure::{Failure, Outcome};
use crate::launch::child::Stdin;
use crate::launch::{self, Recorded, Request};
use crate::ui;

/// Runs the subcommand. The exit code is the program's own.
pub fn run(args: RecordArgs) -> Outcome {
    let mut request = request(args.run, Stdin::Inherit)?;
    match (args.detail, args.branch) {
        (Detail::Full, false) => {}
        (Detail::Full, true) => {
            return Err(Failure::usage(
                "--branch goes with --detail coverage: a full recording has all of it",
            ));
        }
        (Detail::Coverage, branch) => {
            let detail = if branch { "branches" } else { "coverage" };
            request.options.push(("detail".to_owned(), detail.to_owned()));
        }
    }
    let recorded = launch::record(&request)?;
    tell(&recorded);
    Ok(recorded.end.exit_code())
}

/// The recording that the options ask for.
pub fn request(args: RunArgs, stdin: Stdin) -> Result<Request, Failure> {
    let ring_bytes = args.ring.saturating_mul(1 << 20);
    if !args.ring.is_power_of_two() || ring_bytes > moviola_format::ring::CAP_MAX {
        return Err(Failure::usage(format!(
            "--ring {} is not a size: give 1, 2, 4, 8 ... up to 1024 (MiB)",
            args.ring
        )));
    }
    Ok(Request {
        python: args.python,
        py_opts: args.py_opt,
        target: args.target,
        output: args.output,
        options: args
            .no_allocations
            .then(|| ("allocations".to_owned(), "off".to_owned()))
            .into_iter()
            .collect(),
        ring_bytes,
        stdin,
    })
}

/// Says what the user should know about a recording.
pub fn tell(recorded: &Recorded) {
    for warning in &recorded.warnings {
        ui::warn(warning);
    }
    if recorded.recorded {
        ui::note(&format!("recorded to {}", recorded.trace.display()));
        if recorded.children_running > 0 {
            ui::note(&format!(
                "children of the program still run ({}); their traces are complete when they end",
                recorded.children_running
            ));
        }
    }
}
