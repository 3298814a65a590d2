//! The run as a whole: where it called for a debugger (`bookmarks`), and what went on when (`timeline`).

use super::{Engine, Output};
use crate::machine::StopKind;
use crate::timeline::{Seek, Timeline};
use fancy_regex::Regex;
use moviola_format::read::TraceError;

/// Columns of `timeline`, unless others are asked for.
const COLUMNS: usize = 80;
/// What may be asked for.
const COLUMNS_MAX: usize = 400;
/// Columns of the names in front.
const NAMES: usize = 20;
/// Functions that are shown: those called most often.
const FUNCTIONS: usize = 12;
/// The audit event of `breakpoint()`.
const BREAKPOINT: &str = "^builtins\\.breakpoint$";

impl Engine {
    /// `bookmarks`.
    pub(super) fn do_bookmarks(&self, out: &mut Output) -> Result<(), TraceError> {
        let found = self.time.bookmarks()?;
        if found.is_empty() {
            out.say("The program called no breakpoint() and no pdb.set_trace()");
        }
        for (number, stop) in found.into_iter().enumerate() {
            let mark = if stop == self.moment.stop { "->" } else { "  " };
            out.say(format!("{mark} {:<3} @{stop:<10} {}", number + 1, self.entry_of(stop)?));
        }
        Ok(())
    }

    /// `timeline [COLUMNS | FROM TO]`.
    pub(super) fn do_timeline(&self, argument: &str, out: &mut Output) -> Result<(), TraceError> {
        let time = &self.time;
        let (mut columns, mut start) = (Some(COLUMNS), self.start.min(self.moment.stop));
        let mut last = time.finish()?.max(self.moment.stop);
        match argument.split_once(char::is_whitespace) {
            None if argument.is_empty() => {}
            None => {
                columns = argument.parse().ok().filter(|n| (2 * NAMES..=COLUMNS_MAX).contains(n));
            }
            Some((from, to)) => match (self.position_of(from)?, self.position_of(to.trim())?) {
                (Some(from), Some(to)) if from <= to && to < time.len() => {
                    (start, last) = (from, to)
                }
                _ => columns = None,
            },
        }
        let Some(columns) = columns else {
            let shown = super::breaks::quoted(argument);
            out.error(format!(
                "Error in argument: {shown}; give {} to {COLUMNS_MAX} columns, or two positions",
                2 * NAMES
            ));
            return Ok(());
        };
        let cells = Cells::new(start, last + 1, columns - NAMES - 3);
        let (first, last) = (format!("@{}", cells.start), format!("@{last}"));
        let gap = cells.count.saturating_sub(first.len() + last.len());
        out.say(format!("{:NAMES$} {first}{}{last}", "", " ".repeat(gap)));
        let mut row = |name: &str, text: &str| out.say(format!("{} |{text}|", fitted(name)));
        for thread in time.trace().threads() {
            let nameless = || if thread.number == 0 { "MainThread" } else { "?" }.to_owned();
            let end = thread.end_stop.unwrap_or(u64::MAX);
            let alive =
                cells.fill('-', |from, until| Ok(thread.first_stop < until && end >= from))?;
            row(&thread.name.clone().unwrap_or_else(nameless), &alive);
        }
        for code in self.most_called()? {
            let called = cells.fill('#', |from, until| time.is_called(code, from, until))?;
            row(&format!("{}()", self.name_of(code)), &called);
        }
        let raised = cells.fill('!', |from, until| time.is_raised_in_program(from, until))?;
        row("exceptions", &raised);
        let calls = time.bookmarks()?;
        let mut marks: Vec<u64> = self.marks.values().copied().collect();
        marks.extend(calls);
        if !marks.is_empty() {
            let shown = cells.fill('*', |from, until| {
                Ok(marks.iter().any(|mark| (from..until).contains(mark)))
            })?;
            row("marks, bookmarks", &shown);
        }
        let here = self.moment.stop;
        let here = cells.fill('^', |from, until| Ok((from..until).contains(&here)))?;
        row("here", &here);
        Ok(())
    }

    fn name_of(&self, code: u64) -> String {
        self.time.code(code).map_or_else(String::new, |code| code.qualname.clone())
    }

    /// The functions of the program itself that are called most often, in the order of their first calls.
    fn most_called(&self) -> Result<Vec<u64>, TraceError> {
        let mut found = Vec::new();
        for code in self.time.trace().codes() {
            let own = u32::try_from(code.id).is_ok_and(|id| !self.time.is_library(id));
            let calls = match own && !code.name.starts_with('<') {
                true => self.time.trace().call_hits(code.id).total()?,
                false => 0,
            };
            if calls > 0 {
                found.push((calls, code.id));
            }
        }
        found.sort_by_key(|(calls, _)| std::cmp::Reverse(*calls));
        found.truncate(FUNCTIONS);
        let mut ids: Vec<u64> = found.into_iter().map(|(_, id)| id).collect();
        ids.sort_unstable();
        Ok(ids)
    }
}

/// A name, as wide as the others.
fn fitted(name: &str) -> String {
    match name.char_indices().nth(NAMES) {
        Some(_) => name.chars().take(NAMES - 3).chain("...".chars()).collect(),
        None => format!("{name:NAMES$}"),
    }
}

/// Equal parts of the run, a column each.
struct Cells {
    start: u64,
    end: u64,
    count: usize,
}

impl Cells {
    /// No more columns than positions.
    fn new(start: u64, end: u64, count: usize) -> Self {
        let count = count.min(usize::try_from(end.saturating_sub(start)).unwrap_or(count)).max(1);
        Self { start, end, count }
    }

    fn edge(&self, at: usize) -> u64 {
        let part = u128::from(self.end - self.start) * at as u128 / self.count as u128;
        self.start + u64::try_from(part).unwrap_or(u64::MAX)
    }

    /// A row: `mark` where something is so between two positions, the second excluded.
    fn fill(
        &self,
        mark: char,
        mut is: impl FnMut(u64, u64) -> Result<bool, TraceError>,
    ) -> Result<String, TraceError> {
        (0..self.count)
            .map(|at| Ok(if is(self.edge(at), self.edge(at + 1))? { mark } else { ' ' }))
            .collect()
    }
}

impl Timeline {
    /// Where the program called `breakpoint()` or `pdb.set_trace()`: the lines that did.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub(super) fn bookmarks(&self) -> Result<Vec<u64>, TraceError> {
        let mut found: Vec<u64> = self.trace().bookmarks().iter().map(|mark| mark.stop).collect();
        if let Ok(pattern) = Regex::new(BREAKPOINT) {
            for block in self.trace().audit_blocks("builtins.breakpoint") {
                found.extend(self.audits_in(block, &pattern)?.into_iter().map(|(stop, _)| stop));
            }
        }
        let codes = self.trace().codes().iter();
        for code in codes.filter(|c| c.qualname == "set_trace" && c.filename.ends_with("/pdb.py")) {
            let mut from = 0;
            while let Some(call) = self.next_call(code.id, from, self.len())? {
                found.extend(self.caller_of(call)?);
                from = call + 1;
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Whether an exception passes a line of the program, Python's own library aside.
    fn is_raised_in_program(&self, from: u64, until: u64) -> Result<bool, TraceError> {
        let mut from = from;
        while let Some(stop) = self.next_raise(from, until)? {
            if self.record(stop)?.is_some_and(|record| !self.is_library(record.code)) {
                return Ok(true);
            }
            from = stop + 1;
        }
        Ok(false)
    }

    fn is_called(&self, code: u64, from: u64, until: u64) -> Result<bool, TraceError> {
        Ok(self.next_call(code, from, until)?.is_some())
    }

    /// The first call of a function from `from` on and before `until`.
    fn next_call(&self, code: u64, from: u64, until: u64) -> Result<Option<u64>, TraceError> {
        let mut from = from;
        while from < until.min(self.len()) {
            let block = self.trace().block_of_stop(from);
            let Some(next) = self.trace().call_hits(code).next_block(block)? else {
                return Ok(None);
            };
            from = from.max(self.trace().bounds(next).first_stop);
            let end = self.trace().bounds(next).end_stop.min(until);
            let found = self.find_forward(from, Seek::Anything, |at, record| {
                at >= end || (record.kind == StopKind::Call && u64::from(record.code) == code)
            })?;
            if let Some(found) = found.filter(|at| *at < end) {
                return Ok(Some(found));
            }
            from = end.max(from + 1);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_hold_every_position_once() {
        for (start, end, count) in [(0, 10, 3), (5, 1000, 57), (7, 9, 60), (4, 5, 10)] {
            let cells = Cells::new(start, end, count);
            for stop in start..end {
                let row = cells.fill('x', |from, until| Ok((from..until).contains(&stop))).unwrap();
                assert_eq!(row.matches('x').count(), 1, "{start} {end} {count} {stop}");
                assert_eq!(row.len(), cells.count);
            }
        }
    }
}
