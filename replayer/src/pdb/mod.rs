//! The pdb command engine: a line of input gives lines of output and a new position.
//!
//! Every front end sits on top of [`Engine::execute`]. Texts are pdb's own wherever pdb has the
//! command. Nothing is printed, and nothing recorded reaches a reply unescaped.

mod breaks;
mod chain;
mod complete;
mod display;
mod frames;
mod help;
mod input;
mod lists;
mod motion;
mod open;
mod overview;
mod past;
mod processes;
mod python;
mod scratch;
mod served;
mod show;
mod source;
mod table;
mod tasks;
mod time;
mod tracked;
mod watch;
mod words;
pub(crate) mod world;

use crate::show::{Layout, escape};
use crate::timeline::{Breakpoint, Moment, Timeline};
use input::Asking;
use moviola_format::read::{OwnedValue, Trace, TraceError};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

pub use processes::tree;

/// The prompt at which commands are read.
pub const PROMPT: &str = "(Pdb) ";

/// The answer to a line of input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// Lines to show, safe for a terminal.
    pub lines: Vec<String>,
    /// The user is done.
    pub quit: bool,
    /// What to show before reading the next line.
    pub prompt: String,
}

/// What a command does with its output: the lines so far.
#[derive(Debug, Default)]
struct Output {
    lines: Vec<String>,
}

impl Output {
    /// A message, perhaps of several lines.
    fn say(&mut self, text: impl AsRef<str>) {
        self.lines.extend(text.as_ref().split('\n').map(|line| escape(line, Layout::Lines)));
    }

    /// The text of a value: one line, whatever it holds, but for the indented rows of an array.
    fn say_value(&mut self, text: &str) {
        let mut rest = text;
        for (end, _) in text.match_indices('\n') {
            let after = &text[end..];
            let from = text.len() - rest.len();
            if after.trim_start_matches('\n').starts_with("      ") && end >= from {
                self.lines.push(escape(&text[from..end], Layout::OneLine));
                rest = &after[1..];
            }
        }
        self.lines.push(escape(rest, Layout::OneLine));
    }

    /// An error, marked as pdb marks it.
    fn error(&mut self, text: impl AsRef<str>) {
        self.say(format!("*** {}", text.as_ref()));
    }
}

/// A debugger session on a trace.
#[derive(Debug)]
pub struct Engine {
    time: Timeline,
    moment: Moment,
    /// Selected frame of `stack`.
    level: usize,
    /// The stack shown: the live frames, then those that an exception has left already.
    stack: Vec<crate::timeline::Level>,
    breaks: Vec<Breakpoint>,
    next_break: usize,
    /// Watchpoints and catchpoints.
    points: Vec<watch::Point>,
    marks: BTreeMap<String, u64>,
    visited: time::Visited,
    /// Last line listed.
    listed: Option<u32>,
    last: String,
    asking: Asking,
    /// Lines that come before any other input.
    queue: VecDeque<String>,
    /// What the command list that has run goes on with.
    pending: Option<String>,
    /// Whether the queue is that of the session's start: the stack entry is shown when it is empty.
    starting: bool,
    /// Whether the stack entry of the stop is still to be shown.
    entry_due: bool,
    aliases: BTreeMap<String, String>,
    lists: BTreeMap<usize, lists::List>,
    /// Displayed expressions by frame.
    displays: FxHashMap<u64, Vec<display::Display>>,
    scratch: scratch::Scratch,
    /// The Python that evaluates what the native evaluator cannot.
    python: Rc<RefCell<crate::python::Python>>,
    /// The lines of an unfinished statement of `interact`.
    interaction: String,
    /// Scratch variables that the last move has dropped.
    dropped: Vec<String>,
    /// The asyncio task that steps stay in.
    staying: Option<tasks::Stay>,
    crash: Option<u64>,
    /// The exception that ended the program.
    crash_exception: Option<u64>,
    /// Whether the session stands in the chain of that exception, and where.
    in_chain: bool,
    chain_index: Option<usize>,
    start: u64,
    ran: bool,
    processes: processes::Processes,
    sources: RefCell<FxHashMap<String, Option<Rc<Vec<String>>>>>,
    settings: Settings,
}

/// What a session was started with.
#[derive(Debug, Clone, Default)]
struct Settings {
    /// Patterns of modules that steps pass over.
    skip: Vec<String>,
    /// Where recorded sources lie now: old and new beginnings of paths.
    moved: Vec<(String, String)>,
    /// The directory that the user's relative paths start from.
    here: String,
}

impl Engine {
    /// Opens a session at the uncaught exception that ended the program, or at its first line.
    ///
    /// # Errors
    /// If the trace cannot be read or holds no stop.
    pub fn new(trace: Trace) -> Result<Self, TraceError> {
        Self::on(Timeline::new(trace))
    }

    fn on(time: Timeline) -> Result<Self, TraceError> {
        let crash = time.crash()?;
        let first = time.start()?;
        let start = first.unwrap_or(0);
        let stop = crash.unwrap_or(start);
        let Some(moment) = time.moment(stop)? else {
            return Err(TraceError::Damaged {
                offset: 0,
                what: "the recording holds no call and no line".to_owned(),
            });
        };
        let mut engine = Self {
            time,
            level: 0,
            stack: Vec::new(),
            moment,
            breaks: Vec::new(),
            next_break: 1,
            points: Vec::new(),
            marks: BTreeMap::new(),
            visited: time::Visited::default(),
            listed: None,
            last: String::new(),
            asking: Asking::Command,
            queue: VecDeque::new(),
            pending: None,
            starting: false,
            entry_due: false,
            aliases: BTreeMap::new(),
            lists: BTreeMap::new(),
            displays: FxHashMap::default(),
            scratch: scratch::Scratch::default(),
            python: Rc::default(),
            interaction: String::new(),
            dropped: Vec::new(),
            staying: None,
            crash,
            crash_exception: None,
            in_chain: false,
            chain_index: None,
            start,
            ran: first.is_some(),
            processes: processes::Processes::default(),
            sources: RefCell::default(),
            settings: Settings::default(),
        };
        engine.settle()?;
        if crash.is_some()
            && let Some(OwnedValue::Ref(id)) = engine.moment.value
        {
            (engine.crash_exception, engine.in_chain) = (Some(id), true);
        }
        Ok(engine)
    }

    /// Whether a line of the main script is in the trace: there is none if it does not compile.
    #[must_use]
    pub const fn script_ran(&self) -> bool {
        self.ran
    }

    /// The trace.
    #[must_use]
    pub const fn trace(&self) -> &Trace {
        self.time.trace()
    }

    /// Ends the command that runs, when set from a signal handler or another thread; see
    /// [`Timeline::interrupt`].
    #[must_use]
    pub const fn interrupt(&self) -> &std::sync::Arc<std::sync::atomic::AtomicBool> {
        self.time.interrupt()
    }

    /// Steps pass over frames of modules whose names match one of these patterns, as with the `skip` of
    /// [`bdb.Bdb`](https://docs.python.org/3/library/bdb.html).
    pub fn skip(&mut self, patterns: Vec<String>) {
        self.time.skip(&patterns);
        self.settings.skip = patterns;
    }

    /// Breakpoints may be given in sources that have moved: pairs of an old and a new path, of which the
    /// new ones, and those of the user, start from the directory `here` unless they are absolute.
    pub fn moved(&mut self, moved: Vec<(String, String)>, here: &str) {
        self.settings.moved = moved;
        here.clone_into(&mut self.settings.here);
    }

    /// The position.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.moment.stop
    }

    /// Begins the conversation with these lines, as pdb does with those of `.pdbrc` and of `-c`: the stop
    /// is shown behind them.
    pub fn start(&mut self, lines: impl IntoIterator<Item = String>) -> Reply {
        let mut out = Output::default();
        if self.crash == Some(self.moment.stop) {
            out.say("Uncaught exception. Entering post mortem debugging");
        }
        let is_command = |line: &String| !line.trim().is_empty() && !line.trim().starts_with('#');
        self.queue = lines.into_iter().filter(is_command).collect();
        self.starting = true;
        self.show_stop(&mut out);
        let quit = self.drain(&mut out);
        self.starting = false;
        self.reply(out, quit)
    }

    /// Goes to a position, given as to `goto`, without a word.
    ///
    /// # Errors
    /// The debugger's message, if there is no such position.
    pub fn place(&mut self, position: &str) -> Result<(), String> {
        let last = std::mem::take(&mut self.last);
        let moved = self.execute(&format!("goto {position}"));
        self.last = last;
        let mut errors = moved.lines.iter().filter_map(|line| line.strip_prefix("*** "));
        errors.next().map_or(Ok(()), |error| Err(error.to_owned()))
    }

    /// Runs a line of input.
    pub fn execute(&mut self, line: &str) -> Reply {
        let mut out = Output::default();
        let quit = self.input(line, &mut out);
        // Where conditions and watched expressions were told by one, nothing has said so yet.
        if let Some(note) = self.python.borrow_mut().note() {
            out.say(note);
        }
        self.reply(out, quit)
    }

    fn reply(&self, out: Output, quit: bool) -> Reply {
        let prompt = match self.asking {
            Asking::Command => PROMPT,
            Asking::ClearAll => "Clear all breaks? ",
            Asking::List(_) => "(com) ",
            Asking::Interact if self.interaction.is_empty() => ">>> ",
            Asking::Interact => "... ",
            Asking::More => "...   ",
        };
        Reply { lines: out.lines, quit, prompt: prompt.to_owned() }
    }

    /// Makes `moment` the place where the session stands.
    fn arrive(&mut self, stop: u64) -> Result<(), TraceError> {
        if let Some(moment) = self.time.moment(stop)? {
            if moment.stop != self.moment.stop {
                self.visited.leave(self.moment.stop);
            }
            let mut hid = self.scratch.forget();
            hid.retain(|name| self.is_recorded(name));
            self.dropped.extend(hid);
            self.scratch.forget_variables();
            self.moment = moment;
            self.in_chain = self.crash == Some(stop);
            self.chain_index = None;
            self.settle()?;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), TraceError> {
        self.stack = self.moment.stack.clone();
        self.level = self.stack.len().saturating_sub(1);
        self.listed = None;
        let left = self.time.left_by_exception(&self.moment)?;
        self.stack.extend(left);
        Ok(())
    }
}
