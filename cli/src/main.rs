//! The `moviola` command: parses the command line, calls one subcommand, shows a failure once.

mod args;
mod cmd;
mod failure;
mod launch;
mod open;
mod output;
mod repl;
mod ui;

use args::Command;
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match args::Cli::parse().command {
        Command::Record(args) => cmd::record::run(args),
        Command::Debug(args) => cmd::debug::run(args),
        Command::Replay(args) => cmd::replay::run(&args),
        Command::Info(args) => cmd::info::run(&args),
        Command::Verify(args) => cmd::verify::run(&args),
        Command::Recover(args) => cmd::recover::run(&args),
        Command::Export(args) => cmd::export::run(&args),
        Command::Coverage(args) => cmd::coverage::run(&args),
        Command::Trace(args) => cmd::trace::run(&args),
        Command::Serve(args) => cmd::serve::run(&args),
        Command::Children { stage } => launch::children::serve(&stage),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            ui::warn(&failure.text);
            ExitCode::from(failure.code)
        }
    }
}
