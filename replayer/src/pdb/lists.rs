//! Commands that run when a breakpoint is hit: `commands ... end`.

use super::input::{Asking, parsed};
use super::{Engine, Output, Reply, help, table};
use moviola_format::read::TraceError;

/// What runs at a breakpoint.
#[derive(Debug, Clone, Default)]
pub(super) struct List {
    lines: Vec<String>,
    /// Whether the stop is not shown.
    silent: bool,
    /// Whether the last line moves on.
    moves: bool,
    /// The list that there was before, in case that the definition is broken off.
    before: Option<Box<List>>,
}

/// Commands after which a list ends (`pdb.Pdb.commands_resuming`), and their twins. `until` is in
/// none of pdb's lists: it moves, and the list goes on.
fn is_resuming(word: &str) -> bool {
    let Some(command) = table::find(word) else { return false };
    matches!(command.names[0], "c" | "s" | "n" | "r" | "q" | "j" | "rc" | "rs" | "rn" | "rf")
}

impl Engine {
    /// `commands [bpnumber]`.
    pub(super) fn do_commands(&mut self, argument: &str, out: &mut Output) {
        let number = if argument.is_empty() {
            self.next_break - 1
        } else {
            match argument.parse::<i64>() {
                Ok(number) => usize::try_from(number).unwrap_or(usize::MAX),
                Err(_) => {
                    if self.time.minor() >= 13 {
                        out.error(format!("Invalid argument: {argument}"));
                        if let Some(command) = table::find("commands") {
                            out.say(help::usage(command));
                        }
                    } else {
                        out.error("Usage: commands [bnum]\n        ...\n        end");
                    }
                    return;
                }
            }
        };
        let known = self.breaks.iter().any(|breakpoint| breakpoint.number == number)
            || self.points.iter().any(|point| point.number == number);
        if !known {
            let problem = match number {
                0 => "Breakpoint number expected".to_owned(),
                number if number >= self.next_break => {
                    format!("Breakpoint number {argument} out of range")
                }
                number => format!("Breakpoint {number} already deleted"),
            };
            out.error(format!("cannot set commands: {problem}"));
            return;
        }
        let before = self.lists.remove(&number).map(|list| Box::new(List { before: None, ..list }));
        self.lists.insert(number, List { before, ..List::default() });
        self.asking = Asking::List(number);
    }

    /// Ctrl-C while something is asked: a list that is being defined is as it was before.
    pub fn break_off(&mut self) -> Reply {
        let mut out = Output::default();
        if let Asking::List(number) = std::mem::replace(&mut self.asking, Asking::Command) {
            let before = self.lists.remove(&number).and_then(|list| list.before);
            self.lists.extend(before.map(|list| (number, *list)));
            out.error("command definition aborted, old commands restored");
        }
        self.reply(out, false)
    }

    /// One line of a list that is being defined (`pdb.Pdb.handle_command_def`).
    pub(super) fn define(&mut self, line: &str) {
        let minor = self.time.minor();
        let Asking::List(number) = self.asking else { return };
        let Some(list) = self.lists.get_mut(&number) else { return };
        let line = line.trim();
        let (word, argument) = parsed(line, minor);
        // What is no command word is passed over, as pdb does.
        if word.is_empty() && !line.starts_with(['!', '?']) {
            return;
        }
        match word {
            "silent" => list.silent = true,
            "end" => self.asking = Asking::Command,
            "EOF" => {
                list.lines.push(word.to_owned());
                self.asking = Asking::Command;
            }
            _ => {
                let argument = argument.trim();
                list.lines.push(match argument.is_empty() {
                    true => word.to_owned(),
                    false => format!("{word} {argument}"),
                });
                if is_resuming(word) {
                    list.moves = true;
                    self.asking = Asking::Command;
                }
            }
        }
    }

    /// Runs the list of the breakpoint that was hit; `false` if it has none.
    pub(super) fn run_list(&mut self, number: usize, out: &mut Output) -> Result<bool, TraceError> {
        let Some(list) = self.lists.get(&number).cloned() else { return Ok(false) };
        let last = self.last.clone();
        let (moving, before) = match list.lines.split_last() {
            Some((moving, before)) if list.moves => (Some(moving), before),
            _ => (None, &list.lines[..]),
        };
        for line in before {
            self.one(line, out);
        }
        self.last = last;
        if !list.silent {
            self.show_entry(self.level, out);
        }
        match moving {
            Some(line) => self.pending = Some(line.clone()),
            // 3.13 shows them with the stack entry of a stop only.
            None if self.time.minor() < 13 => self.show_displays(out),
            None => {}
        }
        Ok(true)
    }
}
