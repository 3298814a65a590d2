//! The `moviola` command: parses the command line, calls one subcommand, shows a failure once.

mod args;
mod cmd;
mod failure;
mod launch;
mod ui;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let outcome = match cli.command {
        args::Command::Record(args) => cmd::record::run(args),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            ui::warn(&failure.text);
            ExitCode::from(failure.code)
        }
    }
}
