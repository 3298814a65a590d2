//! What `python -m trace` reports, from a recording: the lines as they ran, how often each ran,
//! which functions were called, and by whom.
//!
//! The rules are those of `Lib/trace.py`, which is the oracle of the tests. One pass over the
//! events; the program's values are looked at only for the `__file__` of namespaces, and for
//! changed locals if these are asked for.

mod cover;
mod graph;
mod ignore;
mod locals;
mod names;
mod pickle;
mod results;
mod strings;

pub use cover::{Cover, Layout, SummaryFormat, Written, summary};
pub use graph::{dot, mermaid};
pub use ignore::Ignore;
pub use names::{module_name, search_path};
pub use results::{Function, Results};

use crate::export::ExportError;
use crate::heap::Heap;
use crate::machine::{Frame, Machine, Stop, StopKind};
use crate::steps::Steps;
use crate::timeline::Timeline;
use locals::Locals;
use moviola_format::event::Event;
use moviola_format::read::OwnedValue;
use names::Names;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::RangeInclusive;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Print each line that runs.
    pub print: bool,
    /// Count how often each line runs.
    pub count: bool,
    /// Which functions are called; in place of lines.
    pub functions: bool,
    /// Who calls whom; in place of all others.
    pub callers: bool,
    /// Print the time since the start before each line.
    pub timing: bool,
    /// With the lines: which locals changed since the frame's last line.
    pub locals: bool,
    /// Only what this thread did.
    pub thread: Option<u64>,
    /// Only what happened at these stops.
    pub between: Option<RangeInclusive<u64>>,
    /// Each thread by itself: its results, and a heading where the lines go on in another.
    pub per_thread: bool,
}

/// Reports a recording: what was found by thread, or all of it as thread 0. `out` gets the lines,
/// if they are to be printed.
///
/// # Errors
/// If the trace cannot be read, or `out` not be written.
pub fn report(
    time: &Timeline,
    options: &Options,
    ignore: &mut Ignore,
    out: &mut dyn Write,
) -> Result<BTreeMap<u64, Results>, ExportError> {
    let codes = time.trace().codes();
    let start = time.start()?.and_then(|stop| time.record(stop).transpose()).transpose()?;
    let mut pass = Pass {
        time,
        options,
        ignore,
        names: Names::new(time),
        machine: Machine::new(codes),
        // A segment begins in the middle of the program.
        main: start.filter(|_| time.trace().segment().is_none()).map(|record| record.activation),
        base: None,
        threads: FxHashMap::default(),
        traced: FxHashMap::default(),
        files: FxHashMap::default(),
        found: BTreeMap::new(),
        sources: FxHashMap::default(),
        values: options.locals.then(Values::default),
        heading: None,
        in_line: false,
        nanos: 0,
        began: 0,
    };
    let end = options.between.as_ref().map_or(u64::MAX, |stops| *stops.end());
    for block in 0..time.trace().block_count() {
        if time.trace().bounds(block).first_stop > end {
            break;
        }
        let block = time.trace().block(block)?;
        let mut steps = Steps::default();
        while let Some(event) = steps.next(block.raw())? {
            pass.event(&event, out)?;
        }
    }
    Ok(pass.finish())
}

struct Pass<'t, 'o> {
    time: &'t Timeline,
    options: &'o Options,
    ignore: &'o mut Ignore,
    names: Names<'t>,
    machine: Machine,
    /// The activation of the main module; what the main thread does outside of it is not the program.
    main: Option<u64>,
    /// Where the main module's frame is on the main thread's stack.
    base: Option<usize>,
    /// Threads that have come to the program's code.
    threads: FxHashMap<u64, bool>,
    /// Frames whose lines are told, and those that are not.
    traced: FxHashMap<u64, bool>,
    /// `__file__` by namespace and code.
    files: FxHashMap<(u64, u64), Option<String>>,
    found: BTreeMap<u64, Found>,
    /// Lines of the sources that were printed from.
    sources: FxHashMap<String, Vec<String>>,
    /// What is needed for values, if they are told.
    values: Option<Values>,
    /// The thread whose lines were printed last.
    heading: Option<u64>,
    /// Whether the last line has no end yet.
    in_line: bool,
    nanos: u64,
    began: u64,
}

#[derive(Default)]
struct Values {
    heap: Heap,
    locals: Locals,
}

/// What is found, while the pass goes on.
#[derive(Default)]
struct Found {
    /// Lines by code, in the order of the first.
    order: Vec<(u64, u32)>,
    hits: FxHashMap<(u64, u32), u64>,
    results: Results,
}

impl Pass<'_, '_> {
    fn event(&mut self, event: &Event<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
        if let Event::Time { nanos } = event {
            self.nanos += nanos;
        }
        let stop = self.machine.apply(event);
        if let Some(values) = &mut self.values {
            values.heap.apply(event);
        }
        if let Event::Frame(given) = event {
            // What stood there when the segment began goes on to be told.
            let traced = self.is_traced(given.code)?;
            self.traced.insert(given.activation, traced);
            let thread = self.machine.thread();
            if thread == 0 && !given.suspended && self.machine.stack(thread).len() == 1 {
                // What runs when this frame has ended is not the program.
                (self.main, self.base) = (Some(given.activation), Some(0));
            }
        }
        let Some(stop) = stop else { return Ok(()) };
        let thread = self.machine.thread();
        if let Some(frame) = self.machine.stack(thread).last() {
            let (activation, code) = (frame.activation, frame.code);
            self.stop(thread, activation, code, &stop, out)?;
        }
        if let Some(values) = &mut self.values {
            values.heap.pass_stop();
        }
        Ok(())
    }

    fn stop(
        &mut self,
        thread: u64,
        activation: u64,
        code: u64,
        stop: &Stop,
        out: &mut dyn Write,
    ) -> Result<(), ExportError> {
        let number = self.machine.next_stop() - 1;
        let told = self.options.thread.is_none_or(|only| only == thread)
            && self.options.between.as_ref().is_none_or(|stops| stops.contains(&number));
        if stop.kind.is_call() {
            return self.call(thread, activation, code, told, out);
        }
        let traced = self.traced.get(&activation) == Some(&true);
        let moves = stop.kind == StopKind::Line || stop.kind.is_return();
        if told && traced && moves {
            self.changes(thread, code, out)?;
            if stop.kind == StopKind::Line {
                self.line(thread, code, stop, out)?;
            }
        }
        if matches!(stop.kind, StopKind::Return | StopKind::Unwind) {
            self.traced.remove(&activation);
            if let Some(values) = &mut self.values {
                values.locals.forget(activation);
            }
        }
        Ok(())
    }

    /// Tells the locals that changed, if they are asked for.
    fn changes(&mut self, thread: u64, code: u64, out: &mut dyn Write) -> Result<(), ExportError> {
        let Some(info) = self.names.codes.get(code as usize) else { return Ok(()) };
        let mut text = Vec::new();
        if let (Some(values), Some(frame)) = (&mut self.values, self.machine.stack(thread).last()) {
            values.locals.tell(frame, info, &values.heap, self.time.minor(), &mut text)?;
        }
        if !text.is_empty() {
            self.heading(thread, out)?;
            self.end_line(out)?;
            out.write_all(&text)?;
        }
        Ok(())
    }

    /// Ends a line that `trace` would leave open.
    fn end_line(&mut self, out: &mut dyn Write) -> Result<(), ExportError> {
        if std::mem::take(&mut self.in_line) {
            writeln!(out)?;
        }
        Ok(())
    }

    /// Says in which thread the lines go on, if threads are told apart.
    fn heading(&mut self, thread: u64, out: &mut dyn Write) -> Result<(), ExportError> {
        if self.options.per_thread && self.heading != Some(thread) {
            self.heading = Some(thread);
            let name = thread_name(self.time, thread);
            self.end_line(out)?;
            writeln!(out, " --- thread: {thread}, name: {name}")?;
        }
        Ok(())
    }

    /// Where what a thread did is noted.
    fn found(&mut self, thread: u64) -> &mut Found {
        self.found.entry(if self.options.per_thread { thread } else { 0 }).or_default()
    }

    /// Whether the frame that is about to run belongs to the program.
    fn is_inside(&mut self, thread: u64, activation: u64) -> bool {
        let stack = self.machine.stack(thread);
        if thread == 0 && self.main.is_some() {
            if self.main == Some(activation) {
                self.base = Some(stack.len() - 1);
                self.began = self.nanos;
                return true;
            }
            let base = self.base.and_then(|base| stack.get(base));
            return base.is_some_and(|frame| Some(frame.activation) == self.main);
        }
        if self.threads.get(&thread) == Some(&true) {
            return true;
        }
        let begun = self.has_begun(thread);
        self.threads.insert(thread, begun);
        begun
    }

    /// Whether a thread has come to the program's code: `threading` sets the trace function in
    /// `_bootstrap_inner`, before it calls `self.run()`.
    fn has_begun(&self, thread: u64) -> bool {
        let stack = self.machine.stack(thread);
        let code = |frame: &Frame| self.names.codes.get(frame.code as usize);
        let Some(bottom) = stack.first().and_then(code) else { return true };
        if bottom.name != "_bootstrap" || !bottom.filename.ends_with("/threading.py") {
            return true;
        }
        let (Some(inner), Some(called)) = (stack.get(1), stack.get(2)) else { return false };
        let source = code(inner).and_then(|code| self.time.trace().source(&code.filename));
        let line = usize::try_from(inner.line - 1).ok();
        match source.as_deref().zip(line).and_then(|(text, line)| text.lines().nth(line)) {
            Some(line) => line.trim() == "self.run()",
            None => code(called).is_some_and(|code| code.name == "run"),
        }
    }

    fn call(
        &mut self,
        thread: u64,
        activation: u64,
        code: u64,
        told: bool,
        out: &mut dyn Write,
    ) -> Result<(), ExportError> {
        if !self.is_inside(thread, activation) {
            return Ok(());
        }
        if self.options.callers {
            if told {
                let stack = self.machine.stack(thread);
                let caller = stack.len().checked_sub(2).map(|at| stack[at].code);
                let caller = match caller {
                    Some(caller) if Some(activation) != self.main => self.names.function(caller),
                    _ => {
                        let file = format!("{}/trace.py", self.names.stdlib());
                        (file, "trace".to_owned(), "Trace.runctx".to_owned())
                    }
                };
                let called = self.names.function(code);
                let calls = &mut self.found(thread).results.callers;
                *calls.entry((caller, called)).or_default() += 1;
            }
            return Ok(());
        }
        if self.options.functions {
            if told {
                let called = self.names.function(code);
                *self.found(thread).results.functions.entry(called).or_default() += 1;
            }
            return Ok(());
        }
        let traced = self.is_traced(code)?;
        self.traced.insert(activation, traced);
        if told && traced && self.options.print {
            let name = self.names.codes.get(code as usize).map_or("", |info| info.name.as_str());
            let file = self.file(code)?.unwrap_or_default();
            self.heading(thread, out)?;
            let (module, name) = (one_line(module_name(&file)), one_line(name));
            writeln!(out, " --- modulename: {module}, funcname: {name}")?;
            self.in_line = false;
        }
        Ok(())
    }

    /// Whether lines of a code object are told.
    fn is_traced(&mut self, code: u64) -> Result<bool, ExportError> {
        if self.options.callers || self.options.functions {
            return Ok(false);
        }
        let Some(file) = self.file(code)? else { return Ok(false) };
        Ok(!self.ignore.is_ignored(&file, module_name(&file)))
    }

    /// The `__file__` of the namespace that a code object runs with.
    fn file(&mut self, code: u64) -> Result<Option<String>, ExportError> {
        let Some(info) = self.names.codes.get(code as usize) else { return Ok(None) };
        let key = (info.globals, code);
        if let Some(known) = self.files.get(&key) {
            return Ok(known.clone());
        }
        let mut file = None;
        let mut known = false;
        if info.globals != 0 {
            let stop = self.machine.next_stop().saturating_sub(1);
            let state = self.time.object(info.globals, stop)?;
            let entries = state.map.as_ref().or(state.attrs.as_ref());
            for (name, value) in entries.into_iter().flatten() {
                if matches!(name, OwnedValue::Str(name) if **name == *b"__file__")
                    && let OwnedValue::Str(text) = value
                {
                    file = Some(String::from_utf8_lossy(text).into_owned());
                }
                known = true;
            }
        }
        // A namespace that is not recorded is one of Python's own modules: those in files have it.
        if !known && !info.filename.starts_with('<') {
            file = Some(info.filename.clone());
        }
        let file = file.map(|file| self.names.file(&file));
        self.files.insert(key, file.clone());
        Ok(file)
    }

    fn line(
        &mut self,
        thread: u64,
        code: u64,
        stop: &Stop,
        out: &mut dyn Write,
    ) -> Result<(), ExportError> {
        let Ok(line) = u32::try_from(stop.line) else { return Ok(()) };
        if self.options.count {
            let found = self.found(thread);
            let hits = found.hits.entry((code, line)).or_insert(0);
            if *hits == 0 {
                found.order.push((code, line));
            }
            *hits += 1;
        }
        if self.options.print {
            self.heading(thread, out)?;
            self.print(code, line, out)?;
        }
        Ok(())
    }

    fn print(&mut self, code: u64, line: u32, out: &mut dyn Write) -> Result<(), ExportError> {
        let Some(info) = self.names.codes.get(code as usize) else { return Ok(()) };
        if self.options.timing {
            write!(out, "{:.2} ", self.nanos.saturating_sub(self.began) as f64 / 1e9)?;
        }
        let base = one_line(info.filename.rsplit('/').next().unwrap_or_default());
        let trace = self.time.trace();
        let source = self.sources.entry(info.filename.clone()).or_insert_with(|| {
            let text = trace.source(&info.filename).unwrap_or_default();
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            text.split('\n').map(str::to_owned).collect()
        });
        let text = source.get(line.saturating_sub(1) as usize);
        let spaces = if self.time.minor() < 13 { 1 } else { 2 };
        match text {
            Some(text) => writeln!(out, "{base}({line}):{:spaces$}{text}", "")?,
            None if spaces == 1 => write!(out, "{base}({line}): ")?,
            None => writeln!(out, "{base}({line})")?,
        }
        // Up to 3.12, `trace` ends no line whose text it does not have.
        self.in_line = text.is_none() && spaces == 1;
        Ok(())
    }

    fn finish(self) -> BTreeMap<u64, Results> {
        let Self { names, found, .. } = self;
        let results = found.into_iter().map(|(thread, mut found)| {
            let mut counts = Results::default();
            for key in found.order {
                let Some(info) = names.codes.get(key.0 as usize) else { continue };
                counts.counts.push(((names.file(&info.filename), key.1), found.hits[&key]));
            }
            // Several code objects may have the same line.
            found.results.add(counts);
            (thread, found.results)
        });
        results.collect()
    }
}

/// The name of a thread, in one line; that of a program that never imported `threading` has none.
#[must_use]
pub fn thread_name(time: &Timeline, thread: u64) -> String {
    let known = time.trace().threads().iter().find(|known| known.number == thread);
    let nameless = if thread == 0 { "MainThread" } else { "?" };
    one_line(known.and_then(|known| known.name.as_deref()).unwrap_or(nameless)).into_owned()
}

/// Recorded text without what would end a line.
fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    for c in text.chars() {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}
