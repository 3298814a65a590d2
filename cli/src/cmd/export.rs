//! `moviola export`: a trace as JSON lines.

use crate::args::{ExportArgs, ExportFormat};
use crate::failure::{Failure, Outcome};
use crate::open;
use crate::output::Output;
use moviola_replayer::export::{ExportError, Options, export};
use std::path::Path;

/// Runs the subcommand.
pub fn run(args: &ExportArgs) -> Outcome {
    let ExportFormat::Jsonl = args.format;
    let trace = open::trace(&args.trace)?;
    let options = Options {
        roots: args.root.as_deref().map(names_of).transpose()?.unwrap_or_default(),
        no_locals: args.no_locals,
    };
    let mut output = Output::open(args.output.as_deref())?;
    match export(&trace, &options, output.writer()) {
        Ok(()) => {}
        Err(ExportError::Io(e)) if output.is_closed_pipe(&e) => return Ok(0),
        Err(ExportError::Io(e)) => return Err(output.failure(&e)),
        Err(ExportError::Trace(e)) => return Err(open::failure(&args.trace, &e)),
    }
    output.finish()?;
    Ok(0)
}

/// The names that a directory may have in a trace: as given, and without symbolic links. It need
/// not exist here: the trace may come from another machine.
pub fn names_of(root: &Path) -> Result<Vec<String>, Failure> {
    let given = std::path::absolute(root)
        .map_err(|e| Failure::usage(format!("cannot use --root {}: {e}", root.display())))?;
    let mut names = vec![given.display().to_string()];
    if let Ok(real) = given.canonicalize() {
        let real = real.display().to_string();
        if real != names[0] {
            names.push(real);
        }
    }
    Ok(names)
}
