//! `moviola replay`: the debugger on a recorded run.

use crate::args::ReplayArgs;
use crate::failure::{Failure, Outcome};
use crate::open;
use crate::repl;
use crate::ui;
use moviola_format::read::Family;
use moviola_replayer::pdb::Engine;
use moviola_replayer::python::Python;
use std::path::{Path, PathBuf};

/// Runs the subcommand. Exit code 0 when the user quits or the input ends.
pub fn run(args: &ReplayArgs) -> Outcome {
    let mut engine = engine(&args.trace, args.python.as_deref())?;
    if let Some(position) = &args.at {
        engine
            .place(position)
            .map_err(|error| Failure::usage(format!("--at {position}: {error}")))?;
    }
    if args.post_mortem && !engine.crashed() {
        return Err(Failure::usage(
            "--post-mortem: the program did not end in an uncaught exception; \
             without it, the session begins at the start",
        ));
    }
    if let Some(number) = args.exception {
        engine
            .place_at_exception(number)
            .map_err(|error| Failure::usage(format!("--exception {number}: {error}")))?;
    }
    if let Some(number) = args.bookmark {
        engine.place(&format!("bookmark {number}")).map_err(|_| {
            Failure::usage(format!(
                "--bookmark {number}: the program did not call breakpoint() or pdb.set_trace() so often"
            ))
        })?;
    }
    engine.skip(args.skip.clone());
    let moved = args.path_map.iter().map(|map| moved(map)).collect::<Result<Vec<_>, _>>()?;
    engine.moved(moved, &here()?.to_string_lossy());
    repl::run(&mut engine, &args.commands);
    Ok(0)
}

fn here() -> Result<PathBuf, Failure> {
    std::env::current_dir()
        .map_err(|error| Failure::usage(format!("no working directory to start from: {error}")))
}

/// `OLD=NEW`.
fn moved(map: &str) -> Result<(String, String), Failure> {
    match map.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => {
            Ok((old.to_owned(), new.to_owned()))
        }
        _ => Err(Failure::usage(format!("--path-map {map}: give OLD=NEW"))),
    }
}

/// Opens a debugger session; what is missing in the trace is told. `python` evaluates what needs one.
pub fn engine(path: &Path, python: Option<&Path>) -> Result<Engine, Failure> {
    let trace = open::full(path)?;
    let python = Python::new(pythons(python, open::Facts::of(&trace).get("python")));
    for warning in trace.warnings() {
        ui::warn(&format!("`{}`: {warning}", path.display()));
    }
    let family = Family::of(path, &trace);
    for warning in &family.warnings {
        ui::warn(&format!("a child's trace is left out: {warning}"));
    }
    let engine = Engine::new(trace).map_err(|e| open::failure(path, &e))?;
    let engine = engine.with_family(family).with_python(python);
    if !engine.script_ran() && engine.trace().segment().is_none() {
        ui::warn(&format!(
            "`{}`: no line of the script ran (it may not compile); this is Python's own start",
            path.display()
        ));
    }
    Ok(engine)
}

/// Where a Python may be found that evaluates: the one given, or the usual places. The one that a trace names is not among
/// them: a trace may come from anywhere.
fn pythons(given: Option<&Path>, version: &str) -> Vec<PathBuf> {
    if let Some(given) = given {
        return vec![given.to_owned()];
    }
    let minor: String = version.split('.').take(2).collect::<Vec<_>>().join(".");
    let mut found = crate::launch::python::usual_places();
    found.insert(0, PathBuf::from(format!("python{minor}")));
    found
}
