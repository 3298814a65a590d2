//! Starting a program under the recorder: find Python, find the extension built for it, stage
//! both into a private directory, spawn, drain the ring until the end.
//!
//! Must not know commands or prompts; what goes wrong comes back as a [`Failure`] or a warning.

pub mod child;
pub mod children;
pub mod extension;
pub mod python;
pub mod sink;
pub mod stage;
pub mod target;

use crate::failure::Failure;
use moviola_pipeline::family::Family;
use moviola_pipeline::ring::Process;
use std::ffi::OsString;
use std::path::PathBuf;

/// What to record and how.
#[derive(Debug)]
pub struct Request {
    /// `--python`.
    pub python: Option<PathBuf>,
    /// Options for the interpreter itself, before the script.
    pub py_opts: Vec<OsString>,
    /// `SCRIPT ARGS`, `-m MODULE ARGS` or `-c CODE ARGS`, as given.
    pub target: Vec<OsString>,
    /// Where the trace goes; `None` for a name made from the script's.
    pub output: Option<PathBuf>,
    /// Options for the recorder, `key=value`.
    pub options: Vec<(String, String)>,
    /// Bytes of the ring.
    pub ring_bytes: u64,
    /// What the program reads.
    pub stdin: child::Stdin,
}

/// A finished recording.
#[derive(Debug)]
pub struct Recorded {
    /// Where the trace is.
    pub trace: PathBuf,
    /// How the program ended.
    pub end: child::End,
    /// Whether anything was recorded.
    pub recorded: bool,
    /// Things to tell, each one line.
    pub warnings: Vec<String>,
    /// Children that still run; their traces are complete when they end.
    pub children_running: usize,
}

/// Records one run of a program.
///
/// # Errors
/// When the recording cannot begin; the program was not started then.
pub fn record(request: &Request) -> Result<Recorded, Failure> {
    let target = target::Target::parse(&request.target)?;
    target::check_py_opts(&request.py_opts)?;
    let python = python::find(request.python.as_deref())?;
    let extension = extension::find(&python)?;
    let trace = target.trace_path(request.output.as_deref())?;
    child::Watch::survive_file_limit();
    let replaced = children::of_trace(&trace);
    let mut sink = sink::Sink::create(&trace, request.ring_bytes)?;
    children::remove(&replaced);
    let stage = stage::Stage::create(&python, &extension)?;
    let options =
        request.options.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(";");
    let family = Family {
        stage: stage.path().to_owned(),
        trace: std::path::absolute(&trace)
            .map_err(|e| Failure::recorder(format!("cannot tell the working directory: {e}")))?,
        options,
        ring_bytes: request.ring_bytes,
        identity: sink.identity(),
        recorder: Process::this(),
    };
    stage.announce(&family)?;
    let env = stage.environment();
    let mut children = children::Children::new(family);
    let watch = child::Watch::begin()
        .map_err(|e| Failure::recorder(format!("cannot watch for signals: {e}")))?;
    let mut child = match child::spawn(&python, &request.py_opts, &target, &env, &request.stdin) {
        Ok(child) => child,
        Err(failure) => {
            sink.abandon();
            return Err(failure);
        }
    };
    watch.follow(&child);
    sink.drain(&mut child, &mut children);
    let end = child.wait();
    watch.finish();
    let finished = sink.finish(end);
    let told = children.finish(stage);
    let mut warnings = finished.warnings;
    warnings.extend(told.warnings);
    Ok(Recorded {
        trace,
        end,
        recorded: finished.recorded,
        warnings,
        children_running: told.running,
    })
}
