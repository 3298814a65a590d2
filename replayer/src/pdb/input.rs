//! Lines of input: the queue, aliases, `;;`, convenience variables, what a line is the answer to.
//!
//! The rules are those of `pdb.Pdb.precmd`, `cmd.Cmd.onecmd` and `cmd.Cmd.parseline`.

use super::{Engine, Output, help, table};
use crate::eval::Scope as _;
use crate::timeline::interrupted;
use std::collections::BTreeMap;

/// What an input line is the answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    Command,
    ClearAll,
    /// A line of the command list of this breakpoint.
    List(usize),
    /// Another line of a statement.
    More,
    /// A line of `interact`.
    Interact,
}

/// Expansions of one line: an alias that stands for itself would never end.
const EXPANSIONS: usize = 1000;

impl Engine {
    /// Takes a line of input and all that it leads to; `true` to quit.
    pub(super) fn input(&mut self, line: &str, out: &mut Output) -> bool {
        if self.asking == Asking::ClearAll {
            self.asking = Asking::Command;
            self.answer_clear_all(line, out);
        } else if self.asking == Asking::Interact {
            self.interact(line, out);
        } else if self.asking == Asking::More {
            self.go_on(line, out);
        } else {
            self.queue.push_front(line.to_owned());
        }
        self.drain(out)
    }

    /// Runs what is in the queue, until something is asked that the queue cannot answer.
    pub(super) fn drain(&mut self, out: &mut Output) -> bool {
        while !matches!(self.asking, Asking::ClearAll | Asking::More | Asking::Interact) {
            let Some(line) = self.queue.pop_front() else { break };
            let Some(line) = self.prepared(&line, out) else { continue };
            let quit = match self.asking {
                Asking::List(_) => {
                    self.define(&line);
                    false
                }
                _ => self.one(&line, out),
            };
            if quit || self.run_pending(out) {
                return true;
            }
        }
        if self.entry_due && self.asking == Asking::Command {
            self.show_status(out);
        }
        false
    }

    /// Runs the command that the list of a breakpoint goes on with, and those that follow from it.
    fn run_pending(&mut self, out: &mut Output) -> bool {
        while let Some(line) = self.pending.take() {
            if self.one(&line, out) {
                return true;
            }
        }
        false
    }

    /// pdb's `precmd`: aliases expanded, what follows `;;` queued, `$name` replaced. `None` after an
    /// error.
    fn prepared(&mut self, line: &str, out: &mut Output) -> Option<String> {
        if line.trim().is_empty() {
            return Some(line.to_owned());
        }
        let mut line = match expanded(line, &self.aliases, self.time.minor()) {
            Ok(line) => line,
            Err(problem) => {
                out.error(problem);
                return None;
            }
        };
        if line.split_whitespace().next() != Some("alias")
            && let Some(at) = line.find(";;")
        {
            let later = line[at + 2..].trim_start().to_owned();
            line.truncate(at);
            line.truncate(line.trim_end().len());
            // Up to 3.12 it goes behind what is queued already.
            if self.time.minor() >= 13 {
                self.queue.push_front(later);
            } else {
                self.queue.push_back(later);
            }
        }
        Some(super::scratch::with_variables(&line, self.time.minor()))
    }

    /// Runs one line, as `cmd.Cmd.onecmd`; `true` to quit.
    pub(super) fn one(&mut self, line: &str, out: &mut Output) -> bool {
        let line = line.trim();
        if line.is_empty() {
            let last = self.last.clone();
            return !last.is_empty() && self.one(&last, out);
        }
        line.clone_into(&mut self.last);
        if line.starts_with('#') {
            // Up to 3.12 it is a statement, and an empty one.
            if self.time.minor() < 13 {
                out.error("SyntaxError: invalid syntax");
            }
            return false;
        }
        if let Some(statement) = line.strip_prefix('!') {
            // 3.11 takes what follows as it is.
            if self.time.minor() < 12 && statement.starts_with(char::is_whitespace) {
                out.error("IndentationError: unexpected indent");
                return false;
            }
            self.statement(statement.trim(), out);
            return false;
        }
        let line = match line.strip_prefix('?') {
            Some(topic) => format!("help {topic}"),
            None => line.to_owned(),
        };
        let (word, argument) = parsed(&line, self.time.minor());
        let Some(command) = table::find(word) else {
            self.statement(&line, out);
            return false;
        };
        if table::OWN.contains(&word) && self.is_variable(word, argument) {
            self.statement(&line, out);
            return false;
        }
        let mut argument = argument.trim();
        if !argument.is_empty() && !command.takes_argument && !table::is_own(command, argument) {
            if self.time.minor() >= 13 {
                out.error(format!("Invalid argument: {argument}"));
                out.say(help::usage(command));
                return false;
            }
            // Up to 3.12 it is passed over.
            argument = "";
        }
        match (command.run)(self, argument, out) {
            Ok(quit) => quit,
            // What pdb says at Ctrl-C.
            Err(error) if interrupted(&error) => {
                self.queue.clear();
                self.pending = None;
                out.say("--KeyboardInterrupt--");
                self.show_entry(self.level, out);
                false
            }
            Err(error) => {
                out.error(format!("cannot read the trace here: {error}"));
                false
            }
        }
    }

    /// Whether a word that only this debugger takes for a command is the program's: it is assigned to,
    /// part of an expression, or stands alone and is the name of a variable.
    fn is_variable(&self, word: &str, rest: &str) -> bool {
        let argument = rest.trim_start();
        let assigned = argument.starts_with('=') && !argument.starts_with("==");
        let joined = rest.len() == argument.len() && !rest.is_empty();
        assigned || joined || (argument.is_empty() && self.is_recorded(word))
    }

    /// Whether the recorded frame has a variable of this name.
    pub(super) fn is_recorded(&self, name: &str) -> bool {
        let scope = self.scope();
        scope.is_some_and(|scope| scope.local(name).or_else(|| scope.global(name)).is_some())
    }

    /// `alias [name [command]]`.
    pub(super) fn do_alias(&mut self, argument: &str, out: &mut Output) {
        let words: Vec<&str> = argument.split_whitespace().collect();
        let [name, body @ ..] = words.as_slice() else {
            for (name, body) in &self.aliases {
                out.say(format!("{name} = {body}"));
            }
            return;
        };
        if body.is_empty() {
            match self.aliases.get(*name) {
                Some(body) => out.say(format!("{name} = {body}")),
                None => out.error(format!("Unknown alias '{name}'")),
            }
            return;
        }
        let body = body.join(" ");
        if self.time.minor() >= 13 && !body.contains("%*") {
            let used: Vec<bool> = (1..10).map(|at| body.contains(&format!("%{at}"))).collect();
            if used.iter().skip_while(|used| **used).any(|used| *used) {
                out.error("Replaceable parameters must be consecutive");
                return;
            }
        }
        self.aliases.insert((*name).to_owned(), body);
    }

    /// `unalias name`.
    pub(super) fn do_unalias(&mut self, argument: &str, out: &mut Output) {
        match argument.split_whitespace().next() {
            Some(name) => {
                self.aliases.remove(name);
            }
            None if self.time.minor() >= 13 => {
                out.error("Invalid argument: ");
                if let Some(command) = table::find("unalias") {
                    out.say(help::usage(command));
                }
            }
            None => {}
        }
    }
}

/// The word of a line that names the command, and the rest. From 3.13 on, operators belong to the
/// word, so that `c.a` is no `continue`.
pub(super) fn parsed(line: &str, minor: u32) -> (&str, &str) {
    let more = if minor >= 13 { "=.[](),\"'+-*/%@&|<>~^" } else { "" };
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || more.contains(c);
    line.split_at(line.find(|c| !is_part(c)).unwrap_or(line.len()))
}

/// A line with its aliases expanded.
fn expanded(line: &str, aliases: &BTreeMap<String, String>, minor: u32) -> Result<String, String> {
    let mut line = line.to_owned();
    for _ in 0..EXPANSIONS {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let Some(body) = words.first().and_then(|name| aliases.get(name)) else { return Ok(line) };
        let name = &words[0];
        let mut made = body.clone();
        if minor >= 13 {
            for at in 1..10 {
                let parameter = format!("%{at}");
                if made.contains(&parameter) {
                    let Some(word) = words.get(at) else {
                        return Err(format!("Not enough arguments for alias '{name}'"));
                    };
                    made = made.replace(&parameter, word);
                } else if !made.contains("%*") {
                    if at < words.len() {
                        return Err(format!("Too many arguments for alias '{name}'"));
                    }
                    break;
                }
            }
        } else {
            for (at, word) in words.iter().enumerate().skip(1) {
                made = made.replace(&format!("%{at}"), word);
            }
        }
        line = made.replace("%*", &words[1..].join(" "));
    }
    Err(format!(
        "the aliases of {} stand for each other",
        line.split_whitespace().next().unwrap_or("")
    ))
}
