//! `moviola serve`: a trace for other programs, by the protocol of `replayer/src/serve/wire.rs` over standard input and output.

use crate::args::ServeArgs;
use crate::cmd::replay;
use crate::failure::{Failure, Outcome};
use crate::ui;
use moviola_replayer::serve::wire;

/// Runs the subcommand. Exit code 0 when the other side closes the pipe.
pub fn run(args: &ServeArgs) -> Outcome {
    let mut engine = replay::engine(&args.trace, args.python.as_deref())?;
    let mut input = std::io::stdin().lock();
    loop {
        let request = wire::read(&mut input).map_err(|e| {
            Failure::usage(format!(
                "standard input is not the protocol of `moviola serve`: {e}; it is for programs, such as the Python package"
            ))
        })?;
        let Some(request) = request else { return Ok(0) };
        let answer = wire::message(&engine.answer(&request))
            .map_err(|e| Failure::trace(format!("`{}`: {e}", args.trace.display())))?;
        if !(ui::out_bytes(&answer) && ui::flush()) {
            return Ok(0);
        }
    }
}
