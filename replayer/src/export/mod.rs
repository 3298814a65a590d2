//! The JSONL export: every call, line, return and exception with a deep rendering of all locals.
//!
//! One pass forwards over the events, with all objects kept up to date; a frame's snapshot is
//! made again only when a local or an object that it shows has changed. The output is defined by
//! the line oracle (`tests/oracle`), whose renderer is the last word. Nothing is printed here.

mod classes;
mod entry;
mod frame;
pub(crate) mod json;
mod scope;
mod slice;
mod snapshot;

pub use slice::{Sliced, slice};

pub(crate) use scope::absolute;

use crate::heap::Heap;
use crate::machine::{Frame, Machine, Stop, StopKind};
use crate::steps::Steps;
use classes::Classes;
use moviola_format::event::{Event, Kind};
use moviola_format::read::{CodeInfo, Exit, OwnedValue, Trace, TraceError};
use rustc_hash::FxHashMap;
use scope::{Place, Scope};
use snapshot::{Memory, Snapshot};
use std::fmt::Write as _;
use std::io::{self, Write};

/// What to export.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Names of the directory whose code is shown; empty: the script's directory.
    pub roots: Vec<String>,
    /// Leave out all values.
    pub no_locals: bool,
}

/// Why an export stopped.
#[derive(Debug)]
pub enum ExportError {
    /// The trace cannot be read.
    Trace(TraceError),
    /// The output cannot be written.
    Io(io::Error),
}

impl std::fmt::Display for ExportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Trace(error) => error.fmt(f),
            Self::Io(error) => write!(f, "cannot write the export: {error}"),
        }
    }
}

impl std::error::Error for ExportError {}

impl From<TraceError> for ExportError {
    fn from(error: TraceError) -> Self {
        Self::Trace(error)
    }
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A process whose events are exported.
#[derive(Debug, Clone, Copy)]
pub struct Part<'t> {
    /// Its trace.
    pub trace: &'t Trace,
    /// Its name in the streams' labels: P0, P0.1 its first child by fork, ...
    pub label: &'t str,
}

/// Exports the traces of one recording, each process after the one before. The end, which counts
/// the events of all, is left to [`write_end`].
///
/// # Errors
/// If a trace cannot be read or the output not be written.
pub fn export(
    part: Part<'_>,
    options: &Options,
    counts: &mut Vec<String>,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let Part { trace, label } = part;
    let meta = |key: &str| {
        let found = trace.meta().iter().find(|(name, _)| name == key);
        found.map_or("", |(_, value)| value.as_str())
    };
    let facts = Facts {
        cwd: meta("cwd"),
        executable: meta("executable"),
        script: meta("script"),
        python: meta("python"),
        label,
    };
    let names = trace.threads().iter().map(|thread| (thread.number, thread.name.clone()));
    let names = names.filter_map(|(number, name)| Some((number, name?))).collect();
    let mut exporter = Exporter::new(trace.codes(), &facts, options, names);
    for block in 0..trace.block_count() {
        let block = trace.block(block)?;
        let mut steps = Steps::default();
        while let Some(event) = steps.next(block.raw())? {
            exporter.event(&event, out)?;
        }
    }
    exporter.finish(counts, out)?;
    Ok(())
}

/// Writes the last line of an export: how many events each stream had, and how the program ended.
///
/// # Errors
/// If the output cannot be written.
pub fn write_end(
    counts: &[String],
    exit: Option<Exit>,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let mut end = format!("{{\"end\":{{{}}}", counts.join(","));
    if let Some(Exit { kind, code, .. }) = exit {
        let code = if kind == 1 { -code } else { code };
        let _ = write!(end, ",\"rc\":{code}");
    }
    end.push_str("}\n");
    out.write_all(end.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// What the exporter needs of a trace's facts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts<'a> {
    pub cwd: &'a str,
    pub executable: &'a str,
    pub script: &'a str,
    pub python: &'a str,
    pub label: &'a str,
}

/// A frame's export: its number and its last snapshot.
#[derive(Debug)]
struct Act {
    head: String,
    last: Option<String>,
    seen: Vec<u64>,
    clock: u64,
    version: u64,
}

#[derive(Debug)]
struct Stream {
    thread: u64,
    label: String,
    text: Vec<u8>,
    counts: [u64; 4],
}

/// The export under way.
pub(crate) struct Exporter<'c> {
    codes: &'c [CodeInfo],
    places: Vec<Place>,
    machine: Machine,
    heap: Heap,
    scope: Scope,
    memory: Memory,
    acts: FxHashMap<u64, Act>,
    streams: Vec<Stream>,
    names: FxHashMap<u64, String>,
    label: String,
    minor: u32,
    no_locals: bool,
    events: u64,
    act_count: u64,
}

const KINDS: [&str; 4] = ["call", "line", "return", "exception"];

impl<'c> Exporter<'c> {
    /// An exporter before the first event.
    pub fn new(
        codes: &'c [CodeInfo],
        facts: &Facts<'_>,
        options: &Options,
        names: FxHashMap<u64, String>,
    ) -> Self {
        let mut roots = options.roots.clone();
        if roots.is_empty() {
            roots.push(default_root(facts.script, facts.cwd));
        }
        let scope = Scope::new(&roots, facts.cwd, facts.executable);
        Self {
            codes,
            places: codes.iter().map(|code| scope.place(&code.filename_bytes)).collect(),
            machine: Machine::new(codes),
            heap: Heap::default(),
            scope,
            memory: Memory::default(),
            acts: FxHashMap::default(),
            streams: Vec::new(),
            names,
            label: facts.label.to_owned(),
            minor: facts
                .python
                .split('.')
                .nth(1)
                .and_then(|minor| minor.parse().ok())
                .unwrap_or(13),
            no_locals: options.no_locals,
            events: 0,
            act_count: 0,
        }
    }

    /// Takes one event, LINES expanded. The first thread's stream goes straight to `out`.
    pub fn event(&mut self, event: &Event<'_>, out: &mut dyn Write) -> io::Result<()> {
        if let Event::ThreadName { thread, name } = event {
            let name = String::from_utf8_lossy(name).into_owned();
            self.names.entry(*thread).or_insert(name);
        }
        let stop = self.machine.apply(event);
        self.heap.apply(event);
        if let Event::Frame(given) = event {
            let stack = self.machine.stack(self.machine.thread());
            let caller = if given.suspended { None } else { caller_of(stack) };
            self.begin(given.activation, given.code, caller);
        }
        if let Some(stop) = stop {
            self.stop(&stop, out)?;
            self.heap.pass_stop();
        }
        Ok(())
    }

    /// A frame that may be shown from now on.
    fn begin(&mut self, activation: u64, code: u64, caller: Option<u64>) {
        let Some(info) = self.codes.get(code as usize) else { return };
        let caller = caller.and_then(|code| self.places.get(code as usize));
        let place = &self.places[code as usize];
        let Some(file) = self.scope.shown(&self.heap, info, place, caller) else { return };
        self.act_count += 1;
        let mut head = format!("\"a\":{},\"f\":", self.act_count);
        json::string(&mut head, &file);
        head.push_str(",\"q\":");
        json::string(&mut head, info.qualname.as_bytes());
        let act = Act { head, last: None, seen: Vec::new(), clock: 0, version: u64::MAX };
        self.acts.insert(activation, act);
    }

    fn stop(&mut self, stop: &Stop, out: &mut dyn Write) -> io::Result<()> {
        let thread = self.machine.thread();
        let stack = self.machine.stack(thread);
        let Some(frame) = stack.last() else { return Ok(()) };
        if stop.kind.is_call() && !self.acts.contains_key(&frame.activation) {
            let (activation, code) = (frame.activation, frame.code);
            self.begin(activation, code, caller_of(stack));
        }
        let stack = self.machine.stack(thread);
        let Some(frame) = stack.last() else { return Ok(()) };
        let Some(code) = self.codes.get(frame.code as usize) else { return Ok(()) };
        let Some(act) = self.acts.get_mut(&frame.activation) else { return Ok(()) };
        self.events += 1;
        let kind = match stop.kind {
            kind if kind.is_call() => 0,
            StopKind::Line => 1,
            StopKind::Raise => 3,
            _ => 2,
        };
        let mut text = format!("{{\"s\":{},\"k\":\"{}\",{}", self.events, KINDS[kind], act.head);
        // Instructions without a line: `f_lineno` is None there.
        match stop.line {
            -1 => text.push_str(",\"n\":null"),
            line => {
                let _ = write!(text, ",\"n\":{line}");
            }
        }
        if !self.no_locals {
            let scene = frame::Scene {
                heap: &self.heap,
                scope: &self.scope,
                memory: &mut self.memory,
                minor: self.minor,
            };
            snapshot_of(&mut text, act, frame, code, scene);
            if kind == 2 {
                let value = stop.value.clone().unwrap_or(OwnedValue::None);
                let mut seen = Vec::new();
                let snapshot = Snapshot::new(&self.heap, &self.scope, &mut self.memory, &mut seen);
                text.push_str(",\"rv\":{");
                text.push_str(&snapshot.render(&[(b"rv", value)]));
                text.push('}');
            }
        }
        if kind == 3 {
            text.push_str(",\"ex\":");
            let classes = &mut self.memory.classes;
            let name = exception_name(&self.heap, &self.scope, classes, stop.value.as_ref());
            json::string(&mut text, &name);
        }
        text.push_str("}\n");
        if matches!(stop.kind, StopKind::Return | StopKind::Unwind) {
            let activation = frame.activation;
            self.acts.remove(&activation);
        }
        self.write(thread, kind, text.as_bytes(), out)
    }

    fn write(
        &mut self,
        thread: u64,
        kind: usize,
        text: &[u8],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let found = self.streams.iter().position(|stream| stream.thread == thread);
        let at = match found {
            Some(at) => at,
            None => {
                let at = self.streams.len();
                // A program that never imports `threading` has nameless threads, but for one.
                let nameless = if thread == 0 { "MainThread" } else { "dummy" };
                let name = self.names.get(&thread).map_or(nameless, String::as_str);
                let name: String = name
                    .chars()
                    .map(|c| if c.is_alphanumeric() || "-_".contains(c) { c } else { '_' })
                    .collect();
                let label = format!("{}.T{at}.{name}", self.label);
                let mut head = String::from("{\"stream\":");
                json::string(&mut head, label.as_bytes());
                head.push_str("}\n");
                let mut stream = Stream { thread, label, text: Vec::new(), counts: [0; 4] };
                if at == 0 {
                    out.write_all(head.as_bytes())?;
                } else {
                    stream.text = head.into_bytes();
                }
                self.streams.push(stream);
                at
            }
        };
        let stream = &mut self.streams[at];
        stream.counts[kind] += 1;
        if at == 0 {
            out.write_all(text)
        } else {
            stream.text.extend_from_slice(text);
            Ok(())
        }
    }

    /// Writes the other threads' streams, and says how many events each stream had.
    pub fn finish(self, counts: &mut Vec<String>, out: &mut dyn Write) -> io::Result<()> {
        for stream in self.streams {
            out.write_all(&stream.text)?;
            let mut count = String::new();
            json::string(&mut count, stream.label.as_bytes());
            let [call, line, ret, exception] = stream.counts;
            let _ = write!(
                count,
                ":{{\"call\":{call},\"line\":{line},\"return\":{ret},\"exception\":{exception}}}"
            );
            counts.push(count);
        }
        Ok(())
    }
}

/// The code of the frame below the top.
fn caller_of(stack: &[Frame]) -> Option<u64> {
    stack.len().checked_sub(2).and_then(|at| stack.get(at)).map(|frame| frame.code)
}

/// Appends the frame's snapshot, or that it is the same as at its last event.
fn snapshot_of(
    text: &mut String,
    act: &mut Act,
    frame: &Frame,
    code: &CodeInfo,
    mut scene: frame::Scene<'_>,
) {
    let clock = scene.heap.clock();
    let heap = scene.heap;
    let same = act.last.is_some()
        && act.version == frame.version
        && (act.clock == clock
            || act
                .seen
                .iter()
                .all(|id| heap.get(*id).is_none_or(|object| object.changed <= act.clock)));
    if same {
        act.clock = clock;
        text.push_str(",\"=\":1");
        return;
    }
    act.seen.clear();
    let made = scene.render(frame, code, &mut act.seen);
    act.clock = clock;
    act.version = frame.version;
    if act.last.as_ref() == Some(&made) {
        text.push_str(",\"=\":1");
    } else {
        text.push(',');
        text.push_str(&made);
        act.last = Some(made);
    }
}

/// The class of an exception, or of an exception class that was not instantiated yet.
fn exception_name(
    heap: &Heap,
    scope: &Scope,
    classes: &mut Classes,
    value: Option<&OwnedValue>,
) -> Vec<u8> {
    let Some(OwnedValue::Ref(id)) = value else { return b"?".to_vec() };
    let Some(object) = heap.get(*id) else { return b"?".to_vec() };
    let class = if object.kind == Some(Kind::Class) { *id } else { object.class };
    classes.facts(heap, scope, class).name.clone()
}

/// The directory of the script.
pub fn default_root(script: &str, cwd: &str) -> String {
    if script.is_empty() || script.starts_with('-') {
        return cwd.to_owned();
    }
    let absolute =
        if script.starts_with('/') { script.to_owned() } else { format!("{}/{script}", cwd) };
    absolute.rsplit_once('/').map_or(absolute.clone(), |(folder, _)| folder.to_owned())
}
