//! What a stop looks like: its markers and the stack entry.

use super::words::{exception_line, not_recorded};
use super::world::Here;
use super::{Engine, Output};
use crate::machine::StopKind;
use crate::timeline::{Level, Moment, Seek, Timeline};
use moviola_format::event::Reason;
use moviola_format::read::{OwnedValue, TraceError};
use std::rc::Rc;

/// Frames of a traceback followed below the stop.
const LEFT_FRAMES: usize = 200;

impl Engine {
    /// The objects at the position.
    pub(super) fn here(&self) -> Here<'_> {
        Here::new(&self.time, self.moment.stop)
    }

    /// The markers of the stop and its stack entry. From 3.13 on, and at the session's start, the entry
    /// comes when the lines that are queued have run.
    pub(super) fn show_stop(&mut self, out: &mut Output) {
        let dropped = std::mem::take(&mut self.dropped);
        if !dropped.is_empty() {
            let verb = if dropped.len() == 1 { "is as it was" } else { "are as they were" };
            let names = dropped.join(", ");
            out.say(format!("[the recording did not change: {names} {verb} recorded]"));
        }
        match self.moment.kind {
            kind if kind.is_call() => out.say("--Call--"),
            kind if kind.is_return() => out.say("--Return--"),
            StopKind::Raise => {
                let internal = self.time.is_internal(&self.moment).unwrap_or(false);
                let prefix = if internal { "Internal " } else { "" };
                let value = self.value();
                out.say(format!("{prefix}{}", exception_line(&value, &self.here())));
            }
            _ => {}
        }
        self.entry_due = !self.queue.is_empty() && (self.starting || self.time.minor() >= 13);
        if !self.entry_due {
            self.show_status(out);
        }
    }

    /// pdb's `_pdbcmd_print_frame_status`.
    pub(super) fn show_status(&mut self, out: &mut Output) {
        self.entry_due = false;
        self.show_entry(self.level, out);
        self.show_displays(out);
    }

    /// Return value or exception of the stop.
    pub(super) fn value(&self) -> OwnedValue {
        self.moment.value.clone().unwrap_or(OwnedValue::Unknown(Reason::Detail))
    }

    /// One entry of the stack, as pdb prints it.
    pub(super) fn show_entry(&self, level: usize, out: &mut Output) {
        self.show_entry_with(level, "", out);
    }

    /// One entry of the stack with something behind its first line.
    pub(super) fn show_entry_with(&self, level: usize, behind: &str, out: &mut Output) {
        let Some(entry) = self.stack.get(level) else {
            out.say(format!("> {}", not_recorded("the stack at this position")));
            return;
        };
        let arrow = if level == self.level { "> " } else { "  " };
        let (file, name) = match self.time.code(entry.frame.code) {
            Some(code) => (self.time.canonic(&code.filename), code.name.clone()),
            None => (not_recorded("frame from before the recording"), "?".to_owned()),
        };
        let line = entry.line.map_or_else(|| "None".to_owned(), |line| line.to_string());
        let mut text = format!("{arrow}{file}({line}){name}()");
        let top = level + 1 == self.moment.stack.len();
        if top && self.moment.kind.is_return() {
            text.push_str("->");
            text.push_str(&self.returned());
        }
        text.push_str(behind);
        if entry.line.is_none() {
            text.push_str("\n-> Warning: lineno is None");
        } else if let Some(line) = self.source_line(entry) {
            text.push_str("\n-> ");
            text.push_str(line.trim());
        }
        out.say(text);
    }

    fn source_line(&self, entry: &Level) -> Option<String> {
        let code = self.time.code(entry.frame.code)?;
        let lines = self.source(&code.filename)?;
        let line = lines.get(usize::try_from(entry.line?).ok()?.checked_sub(1)?)?;
        Some(line.clone())
    }

    /// The recorded source of a file, line by line.
    pub(super) fn source(&self, filename: &str) -> Option<Rc<Vec<String>>> {
        if let Some(found) = self.sources.borrow().get(filename) {
            return found.clone();
        }
        let trace = self.time.trace();
        let text = trace.source(filename).or_else(|| trace.source(&self.time.canonic(filename)));
        let lines = text.map(|text| {
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
            if lines.last().is_some_and(String::is_empty) {
                lines.pop();
            }
            Rc::new(lines)
        });
        self.sources.borrow_mut().insert(filename.to_owned(), lines.clone());
        lines
    }
}

impl Timeline {
    /// The frames that the exception of this stop has left on its way here, outermost first:
    /// the rest of its traceback.
    ///
    /// # Errors
    /// If the trace cannot be read there.
    pub(super) fn left_by_exception(&self, moment: &Moment) -> Result<Vec<Level>, TraceError> {
        let mut left = Vec::new();
        let Some(OwnedValue::Ref(exception)) = moment.value else { return Ok(left) };
        if moment.kind != StopKind::Raise {
            return Ok(left);
        }
        let thread = moment.thread as u32;
        let mut stop = moment.stop;
        let mut depth = moment.stack.len() as u32;
        while left.len() < LEFT_FRAMES {
            let Some(before) = stop.checked_sub(1) else { break };
            let Some(unwind) = self.record(before)? else { break };
            if unwind.kind != StopKind::Unwind
                || unwind.thread != thread
                || unwind.depth != depth + 1
            {
                break;
            }
            let seek = Seek::Frame { activation: unwind.activation };
            let raised = self.find_backward(before, seek, |_, record| {
                record.activation == unwind.activation && record.kind == StopKind::Raise
            })?;
            let Some(raised) = raised else { break };
            if self.record(raised)?.is_none_or(|record| record.raised != exception) {
                break;
            }
            let Some(inner) = self.moment(raised)? else { break };
            let last = Some(unwind.line);
            left.extend(inner.stack.last().cloned().map(|level| Level { last, ..level }));
            stop = raised;
            depth += 1;
        }
        Ok(left)
    }
}
