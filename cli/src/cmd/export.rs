//! `moviola export`: a trace as JSON lines, or a part of it as a trace of its own.

use crate::args::{ExportArgs, ExportFormat};
use crate::failure::{Failure, Outcome};
use crate::launch::target::may_replace;
use crate::open;
use crate::output::Output;
use crate::ui;
use moviola_format::read::{Family, Trace};
use moviola_pipeline::writer::new_identity;
use moviola_replayer::export::{
    ExportError, Options, Part, default_root, export, slice, write_end,
};
use std::path::{Path, PathBuf};

/// Runs the subcommand.
pub fn run(args: &ExportArgs) -> Outcome {
    let trace = open::full(&args.trace)?;
    if args.format == ExportFormat::Trace {
        return part(&trace, args);
    }
    if args.from.is_some() || args.to.is_some() {
        return Err(Failure::usage("--from and --to go with --format trace"));
    }
    let options = Options {
        roots: args.root.as_deref().map(names_of).transpose()?.unwrap_or_default(),
        no_locals: args.no_locals,
    };
    let (parts, options) = parts(&trace, args, options);
    let mut output = Output::open(args.output.as_deref())?;
    let mut write = || {
        let mut counts = Vec::new();
        let part = Part { trace: &trace, label: "P0" };
        export(part, &options, &mut counts, output.writer())?;
        for (label, path) in &parts {
            let trace = Trace::open(path)?;
            export(Part { trace: &trace, label }, &options, &mut counts, output.writer())?;
        }
        write_end(&counts, trace.exit(), output.writer())
    };
    match write() {
        Ok(()) => {}
        Err(ExportError::Io(e)) if output.is_closed_pipe(&e) => return Ok(0),
        Err(ExportError::Io(e)) => return Err(output.failure(&e)),
        Err(ExportError::Trace(e)) => return Err(open::failure(&args.trace, &e)),
    }
    output.finish()?;
    Ok(0)
}

/// The other processes to export with a trace: what comes from it by fork, as the oracle has it,
/// and with `--follow` the Pythons that were started too. All are seen from the program's directory.
fn parts(
    trace: &Trace,
    args: &ExportArgs,
    mut options: Options,
) -> (Vec<(String, PathBuf)>, Options) {
    let family = Family::of(&args.trace, trace);
    let mut parts = Vec::new();
    let mut todo = vec![(family.own, "P0".to_owned())];
    while let Some((number, label)) = todo.pop() {
        let mut forks = 0;
        let mut mine = Vec::new();
        for child in family.children(number) {
            let label = if child.how.starts_with("fork") {
                forks += 1;
                format!("{label}.{forks}")
            } else if args.follow {
                format!("{label}.S{}", child.number)
            } else {
                continue;
            };
            parts.push((label.clone(), child.path.clone()));
            mine.push((child.number, label));
        }
        todo.extend(mine.into_iter().rev());
    }
    if !parts.is_empty() && options.roots.is_empty() {
        let facts = open::Facts::of(trace);
        options.roots.push(default_root(facts.get("script"), facts.get("cwd")));
    }
    parts.sort();
    (parts, options)
}

/// Writes a part of a trace.
fn part(trace: &Trace, args: &ExportArgs) -> Outcome {
    let Some(output) = &args.output else {
        return Err(Failure::usage("--format trace needs -o FILE"));
    };
    if same_file(output, &args.trace) {
        return Err(Failure::usage("the new trace cannot replace the one it is read from"));
    }
    let end = trace.stop_count();
    may_replace(output)?;
    let from = args.from.as_deref().map_or(Ok(0), |given| open::position(given, end))?;
    let to = args.to.as_deref().map_or(Ok(end), |given| open::position(given, end))?;
    if from >= to {
        return Err(Failure::usage(format!("there is nothing from @{from} to @{to}")));
    }
    let sliced = slice(trace, from..to, new_identity(), output)
        .map_err(|e| open::failure(&args.trace, &e))?;
    ui::note(&format!(
        "wrote {}: {} stops, {} line events, {} objects from before",
        output.display(),
        sliced.stops,
        sliced.lines,
        sliced.objects
    ));
    Ok(0)
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
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
