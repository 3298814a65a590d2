//! The pdb command engine: a line of input gives lines of output and a new position.
//!
//! Every front end sits on top of [`Engine::execute`]. Texts are pdb's own wherever pdb has the
//! command. Nothing is printed, and nothing recorded reaches a reply unescaped.

mod breaks;
mod complete;
mod frames;
mod help;
mod motion;
mod open;
mod processes;
mod show;
mod table;
mod words;
mod world;

use crate::show::{Layout, escape};
use crate::timeline::{Breakpoint, Moment, Timeline, interrupted};
use moviola_format::read::{Trace, TraceError};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
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

/// What an input line is the answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    Command,
    ClearAll,
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
    /// Last line listed.
    listed: Option<u32>,
    last: String,
    asking: Asking,
    crash: Option<u64>,
    start: u64,
    ran: bool,
    processes: processes::Processes,
    sources: RefCell<FxHashMap<String, Option<Rc<Vec<String>>>>>,
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
            listed: None,
            last: String::new(),
            asking: Asking::Command,
            crash,
            start,
            ran: first.is_some(),
            processes: processes::Processes::default(),
            sources: RefCell::default(),
        };
        engine.settle()?;
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

    /// The position.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.moment.stop
    }

    /// What to show when the session opens.
    #[must_use]
    pub fn greeting(&self) -> Reply {
        let mut out = Output::default();
        if self.crash == Some(self.moment.stop) {
            out.say("Uncaught exception. Entering post mortem debugging");
        }
        self.show_stop(&mut out);
        self.reply(out, false)
    }

    /// Runs a line of input.
    pub fn execute(&mut self, line: &str) -> Reply {
        let mut out = Output::default();
        let quit = match self.asking {
            Asking::ClearAll => {
                self.asking = Asking::Command;
                self.answer_clear_all(line, &mut out);
                false
            }
            Asking::Command => self.commands(line, &mut out),
        };
        self.reply(out, quit)
    }

    fn reply(&self, out: Output, quit: bool) -> Reply {
        let prompt = match self.asking {
            Asking::Command => PROMPT,
            Asking::ClearAll => "Clear all breaks? ",
        };
        Reply { lines: out.lines, quit, prompt: prompt.to_owned() }
    }

    fn commands(&mut self, line: &str, out: &mut Output) -> bool {
        let mut line = line.trim().to_owned();
        if line.is_empty() {
            line = self.last.clone();
            if line.is_empty() {
                return false;
            }
        }
        let mut rest = Some(line);
        while let Some(line) = rest {
            let (now, later) = match line.find(";;") {
                Some(at) => {
                    let later = line[at + 2..].trim().to_owned();
                    (line[..at].trim().to_owned(), Some(later))
                }
                None => (line.trim().to_owned(), None),
            };
            if !now.is_empty() {
                self.last.clone_from(&now);
                if self.command(&now, out) {
                    return true;
                }
            }
            rest = later.filter(|line| !line.is_empty());
        }
        false
    }

    /// Runs one command; `true` to quit.
    fn command(&mut self, line: &str, out: &mut Output) -> bool {
        if line.starts_with('#') {
            return false;
        }
        if let Some(statement) = line.strip_prefix('!') {
            self.statement(statement.trim(), out);
            return false;
        }
        let line =
            line.strip_prefix('?').map_or_else(|| line.to_owned(), |topic| format!("help {topic}"));
        let end = line.find(|c: char| !is_command_char(c)).unwrap_or(line.len());
        let (word, argument) = line.split_at(end);
        let Some(command) = table::find(word) else {
            self.statement(&line, out);
            return false;
        };
        let argument = argument.trim();
        if !argument.is_empty() && !command.takes_argument {
            out.error(format!("Invalid argument: {argument}"));
            out.say(help::usage(command));
            return false;
        }
        match (command.run)(self, argument, out) {
            Ok(quit) => quit,
            // What pdb says at Ctrl-C.
            Err(error) if interrupted(&error) => {
                out.say("--KeyboardInterrupt--");
                false
            }
            Err(error) => {
                out.error(format!("cannot read the trace here: {error}"));
                false
            }
        }
    }

    /// Makes `moment` the place where the session stands.
    fn arrive(&mut self, stop: u64) -> Result<(), TraceError> {
        if let Some(moment) = self.time.moment(stop)? {
            self.moment = moment;
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

/// Characters that belong to a command word, so that `c.a` is no `continue`.
fn is_command_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_=.[](),\"'+-*/%@&|<>~^".contains(c)
}
