//! What pdb cannot tell: arguments as they were at the call, where the lines of the stack began, values
//! that were returned before, how often lines run and which of them this call has run.

use super::words::{not_recorded, short_repr};
use super::world::{FrameScope, Here};
use super::{Engine, Output};
use crate::machine::StopKind;
use crate::report::executable_lines;
use crate::show::repr;
use crate::timeline::{Record, Seek};
use moviola_format::event::Reason;
use moviola_format::read::{OwnedValue, TraceError};
use std::collections::{BTreeMap, BTreeSet};

/// What the column of `list -c` says of a line.
#[derive(Debug, Default, Clone, Copy)]
struct Ran {
    /// Times in the whole recording; `None` if the line cannot run.
    times: Option<u64>,
    /// In the selected call, before this position.
    before: bool,
    /// In the selected call, from this position on.
    later: bool,
}

/// The columns of `list -c`, by line.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<u32, Ran>);

impl Counts {
    /// The column of a line, as wide as those of the others.
    pub fn column(&self, line: u32) -> String {
        let ran = self.0.get(&line).copied().unwrap_or_default();
        let times = ran.times.map_or_else(String::new, |times| times.to_string());
        let (before, later) =
            (if ran.before { '<' } else { ' ' }, if ran.later { '>' } else { ' ' });
        format!("{times:>8} {before}{later}\t")
    }
}

impl Engine {
    /// Where to look for the stops of a frame of the stack: one that an exception has left is on no stack
    /// any more, so no index leads to it.
    fn seek(&self, level: usize, activation: u64) -> Seek {
        match level < self.moment.stack.len() {
            true => Seek::Frame { activation },
            false => Seek::Anything,
        }
    }

    /// `w -t`: the stack with the positions at which the current lines began.
    pub(super) fn do_where_times(&self, out: &mut Output) -> Result<(), TraceError> {
        for level in 0..self.stack.len() {
            let activation = self.stack[level].frame.activation;
            let mine = |record: &Record| record.activation == activation;
            let seek = self.seek(level, activation);
            let mut before = self.moment.stop + 1;
            if level >= self.moment.stack.len() {
                // Behind the exception, the frame may have run other lines on its way out.
                let raised = self.time.find_backward(before, seek, |_, record| {
                    mine(record) && record.kind == StopKind::Raise
                })?;
                before = raised.unwrap_or(before);
            }
            let began = self.time.find_backward(before, seek, |_, record| {
                mine(record) && matches!(record.kind, StopKind::Line | StopKind::Call)
            })?;
            let began = match began {
                Some(stop) => format!("  [@{stop}]"),
                None => format!("  [{}]", not_recorded("began before the recording")),
            };
            self.show_entry_with(level, &began, out);
        }
        Ok(())
    }

    /// `a @entry`: the arguments as they were at the call.
    pub(super) fn do_args_at_entry(&self, out: &mut Output) -> Result<(), TraceError> {
        let Some(entry) = self.stack.get(self.level) else { return Ok(()) };
        let Some(code) = self.time.code(entry.frame.code) else { return Ok(()) };
        let activation = entry.frame.activation;
        let seek = self.seek(self.level, activation);
        let call = self.time.find_backward(self.moment.stop + 1, seek, |_, record| {
            record.activation == activation && record.kind == StopKind::Call
        })?;
        let moment = match call {
            Some(call) => self.time.innermost(call)?,
            None => None,
        };
        let level = moment.as_ref().and_then(|moment| moment.stack.last());
        let (Some(moment), Some(level)) = (&moment, level) else {
            out.error(not_recorded("this frame was called before the recording"));
            return Ok(());
        };
        let here = Here::new(&self.time, moment.stop);
        let scope = FrameScope::new(here, moment, level);
        for (name, _) in code.slots.iter().take(code.arg_count as usize) {
            match scope.locals().iter().find(|(local, _)| local == name) {
                Some((_, value)) => out.say_value(&format!("{name} = {}", repr(value, &here))),
                None => out.say(format!("{name} = *** undefined ***")),
            }
        }
        Ok(())
    }

    /// `rv -n COUNT`: the last values returned in this thread, the latest at the end.
    pub(super) fn do_returned(&self, count: usize, out: &mut Output) -> Result<(), TraceError> {
        let thread = u32::try_from(self.moment.thread).unwrap_or(u32::MAX);
        let mut found = Vec::new();
        let mut before = self.moment.stop + 1;
        let least = if before > self.start { self.start } else { 0 };
        while found.len() < count {
            let stop = self.time.find_backward(before, Seek::Anything, |_, record| {
                record.thread == thread && matches!(record.kind, StopKind::Return | StopKind::Yield)
            })?;
            // What Python does before the program is not the program.
            let Some(stop) = stop.filter(|stop| *stop >= least) else { break };
            found.push(stop);
            before = stop;
        }
        if found.is_empty() {
            out.error("Not yet returned!");
        }
        for stop in found.into_iter().rev() {
            let value = self.time.innermost(stop)?.and_then(|moment| moment.value);
            let value = value.unwrap_or(OwnedValue::Unknown(Reason::Detail));
            let value = short_repr(&value, &Here::new(&self.time, stop));
            let mark = if stop == self.moment.stop { "->" } else { "  " };
            out.say_value(&format!("{mark} @{stop:<10} {}->{value}", self.entry_of(stop)?));
        }
        Ok(())
    }

    /// The columns of `list -c` for these lines of the selected frame's file.
    pub(super) fn counts(&self, first: i64, last: i64) -> Result<Counts, TraceError> {
        let listed = |line: &u32| (first..=last).contains(&i64::from(*line));
        let file = self.default_file();
        let mut counts = Counts::default();
        let mut executable: BTreeSet<u32> = BTreeSet::new();
        executable.extend(
            executable_lines(self.time.trace(), |name| name == file).into_values().flatten(),
        );
        for line in executable.into_iter().filter(listed) {
            counts.0.entry(line).or_default().times = Some(0);
        }
        for code in self.time.trace().codes() {
            if self.time.canonic(&code.filename) != file {
                continue;
            }
            for line in code.lines.iter().copied().filter(listed) {
                let times = self.time.trace().line_hits(code.id, line).total()?;
                let all = &mut counts.0.entry(line).or_default().times;
                *all = Some(all.unwrap_or(0) + times);
            }
        }
        self.mark_call(&mut counts)?;
        Ok(counts)
    }

    /// Which of these lines the selected call has run, and will run.
    fn mark_call(&self, counts: &mut Counts) -> Result<(), TraceError> {
        let Some(entry) = self.stack.get(self.level) else { return Ok(()) };
        let activation = entry.frame.activation;
        let code = self.time.code(entry.frame.code);
        let lines = || code.into_iter().flat_map(|code| code.lines.iter().copied());
        // When all that can be seen was seen, the rest of a long call is not looked at.
        let wanted: BTreeSet<u32> = lines()
            .filter(|line| counts.0.get(line).is_some_and(|ran| ran.times.is_some_and(|n| n > 0)))
            .collect();
        let here = self.moment.stop;
        let seek = self.seek(self.level, activation);
        let mut left = wanted.clone();
        if !left.is_empty() {
            self.time.find_backward(here, seek, |_, record| {
                let mine = record.activation == activation;
                if mine && record.kind == StopKind::Line {
                    left.remove(&record.line);
                }
                left.is_empty() || mine && record.kind == StopKind::Call
            })?;
        }
        for line in wanted.difference(&left) {
            counts.0.entry(*line).or_default().before = true;
        }
        let mut left = wanted.clone();
        // A frame that an exception has left runs no more.
        if !left.is_empty() && self.level < self.moment.stack.len() {
            self.time.find_forward(here, seek, |_, record| {
                let mine = record.activation == activation;
                if mine && record.kind == StopKind::Line {
                    left.remove(&record.line);
                }
                left.is_empty()
                    || mine && matches!(record.kind, StopKind::Return | StopKind::Unwind)
            })?;
            for line in wanted.difference(&left) {
                counts.0.entry(*line).or_default().later = true;
            }
        }
        Ok(())
    }
}

/// The count of `rv -n COUNT`.
pub(super) fn returned_count(argument: &str) -> Option<usize> {
    argument.strip_prefix("-n")?.trim().parse().ok().filter(|count| *count > 0)
}
