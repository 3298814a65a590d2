//! Commands about the stack and the source: where, up, down, list, longlist, args.

use super::breaks::quoted;
use super::past::Counts;
use super::{Engine, Output};
use crate::machine::StopKind;
use crate::show::repr;
use crate::timeline::Seek;
use moviola_format::read::TraceError;
use std::ops::RangeInclusive;

impl Engine {
    /// `w(here)`.
    pub(super) fn do_where(&self, out: &mut Output) {
        for level in 0..self.stack.len() {
            self.show_entry(level, out);
        }
    }

    /// `u(p) [count]`.
    pub(super) fn do_up(&mut self, argument: &str, out: &mut Output) {
        if self.level == 0 {
            out.error("Oldest frame");
            return;
        }
        let Some(count) = self.count(argument, out) else { return };
        let level = match usize::try_from(count) {
            Ok(count) => self.level.saturating_sub(count),
            Err(_) => 0,
        };
        self.select(level, out);
    }

    /// `d(own) [count]`.
    pub(super) fn do_down(&mut self, argument: &str, out: &mut Output) {
        let newest = self.stack.len().saturating_sub(1);
        if self.level >= newest {
            out.error("Newest frame");
            return;
        }
        let Some(count) = self.count(argument, out) else { return };
        let level = match usize::try_from(count) {
            Ok(count) => self.level.saturating_add(count).min(newest),
            Err(_) => newest,
        };
        self.select(level, out);
    }

    fn count(&self, argument: &str, out: &mut Output) -> Option<i64> {
        if argument.is_empty() {
            return Some(1);
        }
        let count = argument.parse().ok();
        if count.is_none() {
            out.error(format!("Invalid frame count ({argument})"));
        }
        count
    }

    fn select(&mut self, level: usize, out: &mut Output) {
        self.level = level;
        self.listed = None;
        self.show_entry(level, out);
    }

    /// File name of the selected frame's code.
    pub(super) fn current_file(&self) -> String {
        let code = self.stack.get(self.level).and_then(|entry| self.time.code(entry.frame.code));
        code.map_or_else(String::new, |code| code.filename.clone())
    }

    /// Line of the selected frame, `f_lineno`: of one that the exception of the stop leaves or has left, the
    /// last one that it came to.
    pub(super) fn current_line(&self) -> Result<u32, TraceError> {
        let Some(entry) = self.stack.get(self.level) else { return Ok(0) };
        if let Some(last) = entry.last {
            return Ok(last);
        }
        if self.in_chain {
            let activation = entry.frame.activation;
            let seek = Seek::Frame { activation };
            let end = self.time.find_forward(self.moment.stop, seek, |_, record| {
                record.activation == activation
                    && matches!(record.kind, StopKind::Return | StopKind::Unwind)
            })?;
            if let Some(end) = end
                && let Some(record) = self.time.record(end)?
            {
                return Ok(record.line);
            }
        }
        Ok(entry.number())
    }

    /// `l(ist) [first[, last] | .]`.
    pub(super) fn do_list(&mut self, argument: &str, out: &mut Output) -> Result<(), TraceError> {
        let counted =
            argument.strip_prefix("-c").filter(|rest| !rest.starts_with(char::is_alphanumeric));
        let last = if counted.is_some() { "list -c" } else { "list" };
        last.clone_into(&mut self.last);
        let argument = counted.map_or(argument, str::trim);
        let mut last = None;
        let current = i64::from(self.current_line()?);
        let first = if !argument.is_empty() && argument != "." {
            let parsed = match argument.split_once(',') {
                Some((first, end)) => match (first.trim().parse(), end.trim().parse::<i64>()) {
                    (Ok(first), Ok(end)) => {
                        // Less than the first: a count.
                        last = Some(if end < first { first.saturating_add(end) } else { end });
                        Some(first)
                    }
                    _ => None,
                },
                None => argument.parse::<i64>().ok().map(|line| (line.saturating_sub(5)).max(1)),
            };
            let Some(first) = parsed else {
                let shown = quoted(argument);
                out.error(format!("Error in argument: {shown}"));
                return Ok(());
            };
            first
        } else {
            match self.listed {
                Some(listed) if argument != "." => i64::from(listed) + 1,
                _ => (current - 5).max(1),
            }
        };
        let last = last.unwrap_or(first.saturating_add(10));
        let file = self.current_file();
        let lines = self.source(&file).unwrap_or_default();
        let counts = match counted {
            Some(_) => Some(self.counts(first, last)?),
            None => None,
        };
        self.print_lines(&lines, first..=last, &file, counts.as_ref(), out)?;
        let count = lines.len() as i64;
        self.listed = u32::try_from(last.min(count)).ok();
        if count < last {
            out.say("[EOF]");
        }
        Ok(())
    }

    fn print_lines(
        &self,
        lines: &[String],
        range: RangeInclusive<i64>,
        file: &str,
        counts: Option<&Counts>,
        out: &mut Output,
    ) -> Result<(), TraceError> {
        let file = self.time.canonic(file);
        let current = i64::from(self.current_line()?);
        let raised = self.stack.get(self.level).map_or(0, |entry| i64::from(entry.number()));
        let breaks: Vec<u32> = self
            .breaks
            .iter()
            .filter(|breakpoint| breakpoint.file == file)
            .map(|breakpoint| breakpoint.line)
            .collect();
        for number in (*range.start()).max(1)..=*range.end() {
            let at = usize::try_from(number - 1).unwrap_or(usize::MAX);
            let Some(line) = lines.get(at) else { break };
            let mut text = format!("{number:>3}");
            if text.len() < 4 {
                text.push(' ');
            }
            let here = u32::try_from(number).unwrap_or(0);
            text.push(if breaks.contains(&here) { 'B' } else { ' ' });
            if number == current {
                text.push_str("->");
            } else if number == raised {
                text.push_str(">>");
            }
            let column = counts.map_or_else(String::new, |counts| counts.column(here));
            out.say(format!("{text}\t{column}{}", line.trim_end()));
        }
        Ok(())
    }

    /// Lines without marks, as `source` prints them.
    pub(super) fn print_plain(
        &self,
        lines: &[String],
        first: usize,
        last: usize,
        out: &mut Output,
    ) {
        for (number, line) in (first..=last).zip(lines.iter().skip(first.saturating_sub(1))) {
            out.say(format!("{:<5}\t{}", format!("{number:>3}"), line.trim_end()));
        }
    }

    /// `ll`, `ll -c`.
    pub(super) fn do_longlist(
        &mut self,
        counted: bool,
        out: &mut Output,
    ) -> Result<(), TraceError> {
        let code = self.stack.get(self.level).and_then(|entry| self.time.code(entry.frame.code));
        let Some(code) = code else {
            out.error("could not get source code");
            return Ok(());
        };
        let file = code.filename.clone();
        let Some(lines) = self.source(&file) else {
            out.error("could not get source code");
            return Ok(());
        };
        let (first, last) = if code.name == "<module>" {
            (1, lines.len() as i64)
        } else {
            let mut first = code.first_line as usize;
            // `inspect.findsource` up to 3.12 looks for a `def` from there upwards.
            if self.time.minor() <= 12 {
                while first > 1 && !lines.get(first - 1).is_some_and(|line| begins_function(line)) {
                    first -= 1;
                }
            }
            (first as i64, super::show::block_end(&lines, first) as i64)
        };
        let counts = if counted { Some(self.counts(first, last)?) } else { None };
        self.print_lines(&lines, first..=last, &file, counts.as_ref(), out)
    }

    /// `a(rgs)`.
    pub(super) fn do_args(&self, out: &mut Output) {
        let Some(entry) = self.stack.get(self.level) else { return };
        let Some(code) = self.time.code(entry.frame.code) else { return };
        let here = self.here();
        let Some(scope) = self.scope() else { return };
        for (name, _) in code.slots.iter().take(code.arg_count as usize) {
            match scope.locals().iter().find(|(local, _)| local == name) {
                Some((_, value)) => out.say_value(&format!("{name} = {}", repr(value, &here))),
                None => out.say(format!("{name} = *** undefined ***")),
            }
        }
    }
}

/// Whether a line matches the pattern of `inspect.findsource` for the start of a function: a `def`, an
/// `async def`, anything with a `lambda`, or a decorator.
fn begins_function(line: &str) -> bool {
    let text = line.trim_start();
    let is_def = |text: &str| {
        text.strip_prefix("def").is_some_and(|rest| rest.starts_with(char::is_whitespace))
    };
    let is_async = text
        .strip_prefix("async")
        .is_some_and(|rest| rest.starts_with(char::is_whitespace) && is_def(rest.trim_start()));
    let has_lambda = line.match_indices("lambda").any(|(at, word)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            && after.is_none_or(|c| c == ':' || c.is_whitespace())
    });
    is_def(text) || is_async || has_lambda || text.starts_with('@')
}
