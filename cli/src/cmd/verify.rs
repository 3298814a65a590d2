//! `moviola verify`: reads everything in a trace once.

use crate::args::TraceArgs;
use crate::failure::{BAD_TRACE, Outcome};
use crate::open::{self, Facts};
use crate::ui;

/// Runs the subcommand. Exit code 3 if anything is damaged or missing.
pub fn run(args: &TraceArgs) -> Outcome {
    let trace = open::trace(&args.trace)?;
    let shown = args.trace.display();
    let mut problems: Vec<String> = trace.warnings().to_vec();
    for block in 0..trace.block_count() {
        if let Err(e) = trace.check_block(block) {
            problems.push(format!("block {block}: {e}"));
        }
    }
    if let Err(e) = trace.all_line_hits() {
        problems.push(format!("index: {e}"));
    }
    if problems.is_empty() {
        let same_version = Facts::of(&trace).get("moviola") == env!("CARGO_PKG_VERSION");
        let mut unlike = Vec::new();
        let checked = trace.check_indexes(same_version, |block, what| unlike.push((block, what)));
        problems.extend(unlike.iter().map(|(block, what)| format!("block {block}: {what}")));
        problems.extend(checked.err().map(|e| format!("index: {e}")));
    }
    for problem in &problems {
        ui::warn(&format!("`{shown}`: {problem}"));
    }
    if problems.is_empty() {
        let blocks = trace.block_count();
        ui::out(&ui::printable_lines(&format!("{shown}: {blocks} blocks, no problems\n")));
        return Ok(0);
    }
    Ok(BAD_TRACE)
}
