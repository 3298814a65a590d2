//! `moviola recover`: one complete file of a trace that was cut off and the ring beside it.

use crate::args::TraceArgs;
use crate::cmd::info::grouped;
use crate::failure::Outcome;
use crate::open;
use crate::ui;
use moviola_format::ring::path_beside;

/// Runs the subcommand.
pub fn run(args: &TraceArgs) -> Outcome {
    let path = &args.trace;
    let complete = open::trace(path)?.is_complete();
    let ring = path_beside(path);
    if complete && !ring.exists() {
        ui::out(&ui::printable_lines(&format!(
            "{}: complete, nothing to recover\n",
            path.display()
        )));
        return Ok(0);
    }
    let recovered = moviola_pipeline::recover(path, path).map_err(|e| open::failure(path, &e))?;
    for warning in &recovered.warnings {
        ui::warn(&format!("`{}`: {warning}", path.display()));
    }
    // Its events are in the file now.
    if ring.exists()
        && let Err(e) = std::fs::remove_file(&ring)
    {
        ui::warn(&format!("cannot remove {}: {e}; it is not needed any more", ring.display()));
    }
    ui::out(&ui::printable_lines(&format!(
        "{}: {} stops, {} lines, {} bytes of events from the ring\n",
        path.display(),
        grouped(recovered.stops),
        grouped(recovered.lines),
        grouped(recovered.ring_bytes)
    )));
    Ok(0)
}
