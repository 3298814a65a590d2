//! Commands about time: where a position is, moving between visited and marked ones, the calls of a
//! function, the threads.

use super::watch::PAGE;
use super::{Engine, Output};
use crate::machine::StopKind;
use crate::show::repr;
use crate::timeline::Seek;
use moviola_format::read::{OwnedValue, TraceError};

/// Positions that `back` leads to.
const HISTORY: usize = 1000;

/// Positions that were stood at.
#[derive(Debug, Default)]
pub(super) struct Visited {
    behind: Vec<u64>,
    ahead: Vec<u64>,
}

impl Visited {
    /// A move from one position.
    pub fn leave(&mut self, stop: u64) {
        self.ahead.clear();
        if self.behind.last() != Some(&stop) {
            self.behind.push(stop);
        }
        if self.behind.len() > HISTORY {
            self.behind.remove(0);
        }
    }
}

impl Engine {
    /// Goes to a stop and shows it.
    pub(super) fn go_to(&mut self, stop: u64, out: &mut Output) -> Result<(), TraceError> {
        let thread = self.moment.thread;
        self.arrive(stop)?;
        self.tell_thread(thread, out);
        self.show_stop(out);
        Ok(())
    }

    /// A position as it can be given: `@N`, `start`, `end`, `%50`, `time 1.2s`, or a mark.
    pub(super) fn position_of(&self, text: &str) -> Result<Option<u64>, TraceError> {
        let last = self.time.len().saturating_sub(1);
        if let Some(stop) = self.marks.get(text) {
            return Ok(Some(*stop));
        }
        if let Some(part) = text.strip_prefix('%') {
            let part = part.parse::<f64>().ok().filter(|part| (0.0..=100.0).contains(part));
            return Ok(part.map(|part| (last as f64 * part / 100.0).round() as u64));
        }
        if let Some(time) = text.strip_prefix("time").filter(|t| t.starts_with(char::is_whitespace))
        {
            return match nanos(time.trim()) {
                Some(nanos) => self.time.stop_at_time(nanos),
                None => Ok(None),
            };
        }
        if let Some(number) = text.strip_prefix("bookmark ") {
            let number = number.trim().parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            let bookmarks = self.time.bookmarks()?;
            return Ok(number.and_then(|number| bookmarks.get(number)).copied());
        }
        Ok(match text {
            "start" => Some(self.start),
            "end" => Some(match self.crash {
                Some(crash) => crash,
                None => self.time.finish()?,
            }),
            _ => text.strip_prefix('@').unwrap_or(text).parse().ok(),
        })
    }

    /// `back` and `forward`.
    pub(super) fn do_back(&mut self, back: bool, out: &mut Output) -> Result<bool, TraceError> {
        let here = self.moment.stop;
        let Visited { mut behind, mut ahead } = std::mem::take(&mut self.visited);
        let from = if back { &mut behind } else { &mut ahead };
        let Some(stop) = from.pop() else {
            self.visited = Visited { behind, ahead };
            out.error(if back {
                "No position before this one"
            } else {
                "No position after this one"
            });
            return Ok(false);
        };
        if back {
            ahead.push(here)
        } else {
            behind.push(here)
        }
        self.go_to(stop, out)?;
        self.visited = Visited { behind, ahead };
        Ok(false)
    }

    /// `mark [name]`.
    pub(super) fn do_mark(&mut self, argument: &str, out: &mut Output) {
        let name = match argument {
            "" => (1..).map(|n: usize| n.to_string()).find(|n| !self.marks.contains_key(n)),
            name => Some(name.to_owned()),
        };
        let Some(name) = name else { return };
        if name.starts_with(['@', '%']) || name.contains(char::is_whitespace) {
            let shown = super::breaks::quoted(&name);
            return out.error(format!("Error in argument: {shown}: a mark is one word"));
        }
        out.say(format!("Mark {name} at @{}", self.moment.stop));
        self.marks.insert(name, self.moment.stop);
    }

    /// `marks`.
    pub(super) fn do_marks(&self, out: &mut Output) -> Result<(), TraceError> {
        if self.marks.is_empty() {
            out.say("No marks");
        }
        let mut marks: Vec<(&String, u64)> =
            self.marks.iter().map(|(name, stop)| (name, *stop)).collect();
        marks.sort_by_key(|(_, stop)| *stop);
        for (name, stop) in marks {
            out.say(format!("{name:<12} @{stop:<10} {}", self.entry_of(stop)?));
        }
        Ok(())
    }

    /// `file(line)function()` of a stop.
    pub(super) fn entry_of(&self, stop: u64) -> Result<String, TraceError> {
        let Some(record) = self.time.record(stop)? else { return Ok("?".to_owned()) };
        Ok(match self.time.code(u64::from(record.code)) {
            Some(code) => format!("{}({}){}()", code.filename, record.line, code.name),
            None => format!("?({})", record.line),
        })
    }

    /// `calls FUNCTION [#FROM]`: its calls with their arguments.
    pub(super) fn do_calls(&self, argument: &str, out: &mut Output) -> Result<(), TraceError> {
        let (name, skip) = match argument.split_once('#') {
            Some((name, from)) => (name.trim(), from.trim().parse().unwrap_or(0)),
            None => (argument, 0_usize),
        };
        let codes = self.time.trace().codes();
        let ids: Vec<u32> = codes
            .iter()
            .zip(0_u32..)
            .filter(|(code, _)| code.name == name || code.qualname == name)
            .map(|(_, id)| id)
            .collect();
        if ids.is_empty() {
            let shown = super::breaks::quoted(name);
            out.error(format!("The function {shown} was not called in the recording"));
            return Ok(());
        }
        let (mut from, mut count) = (0, 0);
        while let Some(stop) = self.time.find_forward(from, Seek::Anything, |_, record| {
            record.kind == StopKind::Call && ids.contains(&record.code)
        })? {
            from = stop + 1;
            if count == skip + PAGE {
                out.say(format!("... more: calls {name} #{count}"));
                return Ok(());
            }
            if count >= skip {
                let mark = if stop == self.moment.stop { "->" } else { "  " };
                out.say_value(&format!("{mark} @{stop:<10} {}", self.call_text(stop)?));
            }
            count += 1;
        }
        Ok(())
    }

    /// `file(line)function(a=1, b=2)`.
    fn call_text(&self, stop: u64) -> Result<String, TraceError> {
        let Some(moment) = self.time.innermost(stop)? else { return Ok("?".to_owned()) };
        let Some(level) = moment.stack.last() else { return Ok("?".to_owned()) };
        let Some(code) = self.time.code(level.frame.code) else { return Ok("?".to_owned()) };
        let here = super::world::Here::new(&self.time, stop);
        let scope = super::world::FrameScope::new(here, &moment, level);
        let arguments = code.slots.iter().take(code.arg_count as usize).map(|(name, _)| {
            let value = scope.locals().iter().find(|(known, _)| known == name);
            value.map_or_else(
                || name.clone(),
                |(_, value)| format!("{name}={}", short(value, &here)),
            )
        });
        let arguments: Vec<String> = arguments.collect();
        let file = code.filename.rsplit('/').next().unwrap_or("?");
        Ok(format!("{file}({}){}({})", level.number(), code.name, arguments.join(", ")))
    }

    /// `threads`, `thread N`.
    pub(super) fn do_threads(
        &mut self,
        argument: &str,
        out: &mut Output,
    ) -> Result<bool, TraceError> {
        let threads: Vec<(u64, String, u64, Option<u64>)> = self
            .time
            .trace()
            .threads()
            .iter()
            .map(|thread| {
                let nameless = || if thread.number == 0 { "MainThread" } else { "?" }.to_owned();
                let name = thread.name.clone().unwrap_or_else(nameless);
                (thread.number, name, thread.first_stop, thread.end_stop)
            })
            .collect();
        if argument.is_empty() {
            for (number, name, first, end) in &threads {
                let mark = if *number == self.moment.thread { "->" } else { "  " };
                let state = match end {
                    _ if self.moment.stop < *first => "not begun",
                    Some(end) if self.moment.stop >= *end => "ended",
                    _ => "alive",
                };
                let end = end.map_or_else(|| "the end".to_owned(), |end| format!("@{end}"));
                out.say(format!("{mark} {number:<3} {name:<16} {state:<9} @{first} to {end}"));
            }
            return Ok(false);
        }
        let found = threads
            .iter()
            .find(|(number, name, ..)| number.to_string() == argument || name == argument);
        let Some((number, ..)) = found else {
            let shown = super::breaks::quoted(argument);
            out.error(format!("No thread {shown} in the recording; see threads"));
            return Ok(false);
        };
        let number = u32::try_from(*number).unwrap_or(u32::MAX);
        let here = self.moment.stop;
        let mine = |_: u64, record: &crate::timeline::Record| record.thread == number;
        let stop = match self.time.find_backward(here + 1, Seek::Anything, mine)? {
            Some(stop) => Some(stop),
            None => self.time.find_forward(here, Seek::Anything, mine)?,
        };
        match stop {
            Some(stop) => self.go_to(stop, out)?,
            None => out.error(format!("Thread {number} has no stop in the recording")),
        }
        Ok(false)
    }
}

/// A value in a line with others.
fn short(value: &OwnedValue, objects: &dyn crate::show::Objects) -> String {
    const MAX: usize = 60;
    let text = repr(value, objects);
    match text.char_indices().nth(MAX) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}

/// `1.2s`, `300ms`, `20us`, `5ns`; seconds without a unit.
fn nanos(text: &str) -> Option<u64> {
    let units = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("", 1e9)];
    let (number, unit) = units.iter().find_map(|(unit, nanos)| {
        let number = text.strip_suffix(unit)?.trim().parse::<f64>().ok()?;
        Some((number, nanos))
    })?;
    let nanos = number * unit;
    (nanos >= 0.0 && nanos.is_finite()).then_some(nanos as u64)
}

#[cfg(test)]
mod tests {
    use super::nanos;

    #[test]
    fn times() {
        let found = ["1.2s", "300ms", "20 us", "5ns", "2", "x", "-1s"].map(nanos);
        let want =
            [Some(1_200_000_000), Some(300_000_000), Some(20_000), Some(5), Some(2_000_000_000)];
        assert_eq!(found[..5], want);
        assert_eq!(found[5..], [None, None]);
    }
}
