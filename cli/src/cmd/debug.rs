//! `moviola debug`: records a program, then replays it from the failure.

use crate::args::DebugArgs;
use crate::cmd::record;
use crate::cmd::replay;
use crate::failure::{Failure, Outcome};
use crate::launch;
use crate::launch::child::Stdin;
use crate::repl;
use crate::ui;
use std::io::IsTerminal;

/// Runs the subcommand.
pub fn run(args: DebugArgs) -> Outcome {
    // A pipe holds the debugger's commands; the program must not take them.
    let stdin = match args.stdin {
        Some(path) => Stdin::File(path),
        None if std::io::stdin().is_terminal() => Stdin::Inherit,
        None => Stdin::Empty,
    };
    let python = args.run.python.clone();
    let recorded = launch::record(&record::request(args.run, stdin)?)?;
    record::tell(&recorded);
    if !recorded.recorded {
        return Err(Failure::recorder(
            "nothing was recorded, so there is nothing to debug; see the line above",
        ));
    }
    let mut engine = replay::engine(&recorded.trace, python.as_deref())?;
    ui::flush();
    repl::run(&mut engine, &args.commands);
    Ok(0)
}
