//! What `python -m trace` reports, from a recording: the lines as they ran, how often each ran,
//! which functions were called, and by whom.
//!
//! The rules are those of `Lib/trace.py`, which is the oracle of the tests. One pass over the
//! events; the program's values are not looked at but for the `__file__` of namespaces.

mod cover;
mod ignore;
mod pickle;
mod strings;

pub use cover::{Cover, Layout, SummaryFormat, Written, summary};
pub use ignore::Ignore;

use crate::export::ExportError;
use crate::machine::{Frame, Machine, Stop, StopKind};
use crate::report::coverage::code::decorated_functions;
use crate::steps::Steps;
use crate::timeline::{Timeline, meta_of};
use moviola_format::event::Event;
use moviola_format::read::{CodeInfo, OwnedValue};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::io::Write;

/// A function as `trace` names it: file, module, and name with its class.
pub type Function = (String, String, String);

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
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Results {
    /// Line events by file and line, in the order of the first.
    pub counts: Vec<((String, u32), u64)>,
    /// Functions that were called.
    pub functions: BTreeSet<Function>,
    /// Pairs of caller and called.
    pub callers: BTreeSet<(Function, Function)>,
}

impl Results {
    /// Adds what another run has found.
    pub fn add(&mut self, other: Self) {
        let mut places: FxHashMap<(String, u32), usize> =
            self.counts.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
        for (key, count) in other.counts {
            match places.get(&key) {
                Some(at) => self.counts[*at].1 += count,
                None => {
                    places.insert(key.clone(), self.counts.len());
                    self.counts.push((key, count));
                }
            }
        }
        self.functions.extend(other.functions);
        self.callers.extend(other.callers);
    }

    /// The lists of functions and of calls, as `trace` prints them.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        if !self.functions.is_empty() {
            out.push_str("\nfunctions called:\n");
            for (file, module, function) in &self.functions {
                out.push_str(&format!(
                    "filename: {file}, modulename: {module}, funcname: {function}\n"
                ));
            }
        }
        if self.callers.is_empty() {
            return out;
        }
        out.push_str("\ncalling relationships:\n");
        let (mut last, mut last_called) = ("", "");
        for (caller, called) in &self.callers {
            if caller.0 != last {
                out.push_str(&format!("\n*** {} ***\n", caller.0));
                (last, last_called) = (&caller.0, "");
            }
            if called.0 != caller.0 && last_called != called.0 {
                out.push_str(&format!("  --> {}\n", called.0));
                last_called = &called.0;
            }
            let [a, b, c, d] = [&caller.1, &caller.2, &called.1, &called.2];
            out.push_str(&format!("    {a}.{b} -> {c}.{d}\n"));
        }
        out
    }
}

/// The name that `trace` takes for a file's module.
#[must_use]
pub fn module_name(file: &str) -> &str {
    let base = file.rsplit_once('/').map_or(file, |(_, base)| base);
    // As os.path.splitext: leading dots begin no suffix.
    let stem = base.trim_start_matches('.');
    match stem.rfind('.') {
        Some(dot) => &base[..base.len() - stem.len() + dot],
        None => base,
    }
}

/// Reports a recording. `out` gets the lines, if they are to be printed.
///
/// # Errors
/// If the trace cannot be read, or `out` not be written.
pub fn report(
    time: &Timeline,
    options: &Options,
    ignore: &mut Ignore,
    out: &mut dyn Write,
) -> Result<Results, ExportError> {
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
        order: Vec::new(),
        hits: FxHashMap::default(),
        found: Results::default(),
        sources: FxHashMap::default(),
        nanos: 0,
        began: 0,
    };
    for block in 0..time.trace().block_count() {
        let block = time.trace().block(block)?;
        let mut steps = Steps::default();
        while let Some(event) = steps.next(block.raw())? {
            pass.event(&event, out)?;
        }
    }
    Ok(pass.finish())
}

/// How code objects are named.
struct Names<'t> {
    codes: &'t [CodeInfo],
    time: &'t Timeline,
    script: String,
    /// The script as it was given to Python.
    given: String,
    functions: FxHashMap<u64, Function>,
    /// First lines of functions with decorators, by file.
    decorated: FxHashMap<String, BTreeSet<u32>>,
}

impl<'t> Names<'t> {
    fn new(time: &'t Timeline) -> Self {
        let script = time.canonic(time.meta("script"));
        let argv: Vec<String> = serde_json::from_str(time.meta("argv")).unwrap_or_default();
        let given = argv.into_iter().skip(1).find(|word| {
            let absolute = crate::export::absolute(time.meta("cwd"), word);
            !word.starts_with('-') && time.canonic(&absolute) == script
        });
        Self {
            codes: time.trace().codes(),
            time,
            given: given.unwrap_or_else(|| script.clone()),
            script,
            functions: FxHashMap::default(),
            decorated: FxHashMap::default(),
        }
    }

    /// The name of a file as `trace` has it, which runs the script by the name that it is given.
    fn file(&self, file: &str) -> String {
        if !self.script.is_empty() && self.time.canonic(file) == self.script {
            return self.given.clone();
        }
        file.to_owned()
    }

    fn function(&mut self, code: u64) -> Function {
        if let Some(known) = self.functions.get(&code) {
            return known.clone();
        }
        let Some(info) = self.codes.get(code as usize) else {
            return (String::new(), String::new(), String::new());
        };
        let file = self.file(&info.filename);
        let name = match self.class_of(info) {
            Some(class) => format!("{class}.{}", info.name),
            None => info.name.clone(),
        };
        let function = (file.clone(), module_name(&file).to_owned(), name);
        self.functions.insert(code, function.clone());
        function
    }

    /// The class in whose namespace the function is. `trace` finds it by who refers to the function:
    /// one that is wrapped by a decorator is in none.
    fn class_of(&mut self, info: &CodeInfo) -> Option<String> {
        const OPTIMIZED: u32 = 1;
        let (owner, _) = info.qualname.rsplit_once('.')?;
        let class = owner.rsplit('.').next()?;
        // The first three become static or class methods by themselves.
        let wrapped = matches!(&*info.name, "__new__" | "__init_subclass__" | "__class_getitem__")
            || info.name.starts_with("<generic parameters");
        if class.starts_with('<') || wrapped || info.flags & OPTIMIZED == 0 {
            return None;
        }
        let trace = self.time.trace();
        let decorated = self.decorated.entry(info.filename.clone()).or_insert_with(|| {
            let source = trace.source(&info.filename);
            source.map(|text| decorated_functions(&text)).unwrap_or_default()
        });
        (!decorated.contains(&info.first_line)).then(|| class.to_owned())
    }

    fn stdlib(&self) -> &str {
        self.time.meta("stdlib")
    }
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
    order: Vec<(u64, u32)>,
    hits: FxHashMap<(u64, u32), u64>,
    found: Results,
    /// Lines of the sources that were printed from.
    sources: FxHashMap<String, Vec<String>>,
    nanos: u64,
    began: u64,
}

impl Pass<'_, '_> {
    fn event(&mut self, event: &Event<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
        if let Event::Time { nanos } = event {
            self.nanos += nanos;
        }
        let stop = self.machine.apply(event);
        if let Event::Frame(given) = event {
            // What stood there when the segment began goes on to be told.
            let traced = self.is_traced(given.code)?;
            self.traced.insert(given.activation, traced);
        }
        let Some(stop) = stop else { return Ok(()) };
        let thread = self.machine.thread();
        let Some(frame) = self.machine.stack(thread).last() else { return Ok(()) };
        let (activation, code) = (frame.activation, frame.code);
        match stop.kind {
            StopKind::Line if self.traced.get(&activation) == Some(&true) => {
                self.line(code, &stop, out)?;
            }
            kind if kind.is_call() => self.call(thread, activation, code, out)?,
            StopKind::Return | StopKind::Unwind => {
                self.traced.remove(&activation);
            }
            _ => {}
        }
        Ok(())
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
        // `threading` sets the trace function in `_bootstrap_inner`, before it calls `run`.
        let name = |frame: &Frame| {
            self.names.codes.get(frame.code as usize).map_or("", |code| code.name.as_str())
        };
        let threading = stack.first().is_some_and(|frame| name(frame) == "_bootstrap");
        let begun = !threading || (stack.len() == 3 && name(&stack[2]) == "run");
        self.threads.insert(thread, begun);
        begun
    }

    fn call(
        &mut self,
        thread: u64,
        activation: u64,
        code: u64,
        out: &mut dyn Write,
    ) -> Result<(), ExportError> {
        if !self.is_inside(thread, activation) {
            return Ok(());
        }
        if self.options.callers {
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
            self.found.callers.insert((caller, called));
            return Ok(());
        }
        if self.options.functions {
            let called = self.names.function(code);
            self.found.functions.insert(called);
            return Ok(());
        }
        let traced = self.is_traced(code)?;
        self.traced.insert(activation, traced);
        if traced && self.options.print {
            let name = self.names.codes.get(code as usize).map_or("", |info| info.name.as_str());
            let file = self.file(code)?.unwrap_or_default();
            writeln!(out, " --- modulename: {}, funcname: {name}", module_name(&file))?;
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

    fn line(&mut self, code: u64, stop: &Stop, out: &mut dyn Write) -> Result<(), ExportError> {
        let Ok(line) = u32::try_from(stop.line) else { return Ok(()) };
        if self.options.count {
            let hits = self.hits.entry((code, line)).or_insert(0);
            if *hits == 0 {
                self.order.push((code, line));
            }
            *hits += 1;
        }
        if self.options.print {
            self.print(code, line, out)?;
        }
        Ok(())
    }

    fn print(&mut self, code: u64, line: u32, out: &mut dyn Write) -> Result<(), ExportError> {
        let Some(info) = self.names.codes.get(code as usize) else { return Ok(()) };
        if self.options.timing {
            write!(out, "{:.2} ", self.nanos.saturating_sub(self.began) as f64 / 1e9)?;
        }
        let base = info.filename.rsplit('/').next().unwrap_or_default();
        let trace = self.time.trace();
        let source = self.sources.entry(info.filename.clone()).or_insert_with(|| {
            let text = trace.source(&info.filename).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        });
        let text = source.get(line.saturating_sub(1) as usize);
        let spaces = if self.time.minor() < 13 { 1 } else { 2 };
        match text {
            Some(text) => writeln!(out, "{base}({line}):{:spaces$}{text}", "")?,
            None if spaces == 1 => write!(out, "{base}({line}): ")?,
            None => writeln!(out, "{base}({line})")?,
        }
        Ok(())
    }

    fn finish(mut self) -> Results {
        let mut counts = Results::default();
        for key in std::mem::take(&mut self.order) {
            let Some(info) = self.names.codes.get(key.0 as usize) else { continue };
            let file = self.names.file(&info.filename);
            counts.counts.push(((file, key.1), self.hits[&key]));
        }
        // Several code objects may have the same line.
        self.found.add(counts);
        self.found
    }
}

/// `sys.path` as the program had it: the script's directory comes first.
#[must_use]
pub fn search_path(time: &Timeline) -> Vec<String> {
    let trace = time.trace();
    let mut path: Vec<String> = serde_json::from_str(meta_of(trace, "path")).unwrap_or_default();
    if let Some((directory, _)) = Names::new(time).given.rsplit_once('/') {
        path.insert(0, directory.to_owned());
    }
    path
}
