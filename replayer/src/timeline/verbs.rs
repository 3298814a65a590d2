//! Where each verb goes: pdb's rules forwards, and the same rules mirrored backwards.
//!
//! The rules are those of `bdb.Bdb.stop_here` and the `dispatch_*` methods; breakpoints on the
//! way are not looked at here.

use super::{Moment, Seek, Timeline};
use crate::machine::StopKind;
use moviola_format::event::LINES_MAX;
use moviola_format::read::{OwnedValue, Status, TraceError};

/// `CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR`.
const SUSPENDABLE: u32 = 0x2a0;

/// A verb of pdb or its backward twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// The next stop of any kind.
    Step,
    /// The next stop in this frame or where it returns to.
    Next,
    /// To the frame's return.
    Return,
    /// As next, but not to a smaller line; or to this line.
    Until(Option<u32>),
}

/// Frame that a verb is given in: the selected one.
#[derive(Debug, Clone, Copy)]
pub struct Selected<'m> {
    /// The state.
    pub moment: &'m Moment,
    /// Index of the selected frame in the stack.
    pub level: usize,
}

impl Selected<'_> {
    fn activation(&self) -> u64 {
        self.moment.stack.get(self.level).map_or(u64::MAX, |level| level.frame.activation)
    }

    fn is_top(&self) -> bool {
        self.level + 1 == self.moment.stack.len()
    }

    fn seek(&self) -> Seek {
        Seek::Frame { activation: self.activation() }
    }
}

impl Timeline {
    fn suspendable(&self, code: u32) -> bool {
        self.code(u64::from(code)).is_some_and(|code| code.flags & SUSPENDABLE != 0)
    }

    /// Whether this RAISE is a StopIteration that the interpreter makes to end a loop.
    fn is_internal_stop(&self, stop: u64) -> Result<bool, TraceError> {
        let Some(moment) = self.moment(stop)? else { return Ok(false) };
        self.is_internal(&moment)
    }

    /// Whether the exception of this state is a StopIteration without traceback.
    ///
    /// # Errors
    /// If the trace cannot be read there.
    pub fn is_internal(&self, moment: &Moment) -> Result<bool, TraceError> {
        let Some(OwnedValue::Ref(id)) = &moment.value else { return Ok(false) };
        let state = self.object(*id, moment.stop)?;
        if self.class_name(state.class, moment.stop)? != "StopIteration" {
            return Ok(false);
        }
        let field = |name: &[u8]| {
            let fields = state.fields.iter().flatten();
            let found = fields.filter(|(key, _)| matches!(key, OwnedValue::Str(k) if **k == *name));
            found.map(|(_, value)| value.clone()).next()
        };
        let unraised =
            matches!(field(b"__traceback__"), Some(OwnedValue::None | OwnedValue::Unbound));
        Ok(state.status == Status::Known && unraised && self.may_iterate(moment))
    }

    /// Up to 3.11 an exception on its way had no traceback of its own yet: there the line must
    /// be one that iterates.
    fn may_iterate(&self, moment: &Moment) -> bool {
        if self.minor() > 11 {
            return true;
        }
        let Some(level) = moment.stack.last() else { return true };
        let Some(code) = self.code(level.frame.code) else { return true };
        let Some(source) = self.trace().source(&code.filename) else { return true };
        let line =
            source.lines().nth((level.number() as usize).saturating_sub(1)).unwrap_or_default();
        ["for ", "yield from ", "await ", "async "].iter().any(|word| line.contains(word))
    }

    /// `__name__` of a class object.
    pub(super) fn class_name(&self, class: u64, stop: u64) -> Result<String, TraceError> {
        let state = self.object(class, stop)?;
        let fields = state.fields.iter().flatten();
        let mut named = fields.filter_map(|(key, value)| match (key, value) {
            (OwnedValue::Str(key), OwnedValue::Str(text)) if **key == *b"__name__" => {
                Some(String::from_utf8_lossy(text).into_owned())
            }
            _ => None,
        });
        Ok(named.next().unwrap_or_default())
    }

    /// Where a verb leads, breakpoints aside; `None`: to the end of the recording.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn forward(&self, at: Selected<'_>, verb: Verb) -> Result<Option<u64>, TraceError> {
        let moment = at.moment;
        let thread = moment.thread as u32;
        let from = moment.stop + 1;
        // At a return stop the frame is done: pdb then steps.
        let leaving = at.is_top() && moment.kind.is_return();
        if leaving && moment.stack.len() == 1 {
            return self.outside_forward(from, thread);
        }
        match verb {
            Verb::Step => self.step_forward(from, thread),
            Verb::Next | Verb::Until(_) if leaving => self.step_forward(from, thread),
            Verb::Next | Verb::Until(_) if self.passes_over(moment, at.level) => {
                self.out_of_skipped(at, verb)
            }
            Verb::Next => self.in_frame_forward(at, 0),
            Verb::Until(line) => {
                let current = moment.stack.get(at.level).map_or(0, super::Level::number);
                self.in_frame_forward(at, line.unwrap_or(current.saturating_add(1)))
            }
            Verb::Return => self.return_forward(at, leaving && moment.kind != StopKind::Yield),
        }
    }

    fn step_forward(&self, from: u64, thread: u32) -> Result<Option<u64>, TraceError> {
        let mut from = from;
        loop {
            let found = self.find_forward(from, Seek::Anything, |stop, record| {
                record.thread == thread && !self.is_skipped(record.code, stop)
            })?;
            let Some(stop) = found else { return Ok(None) };
            if !self.is_skipped_raise(stop)? {
                return Ok(Some(stop));
            }
            from = stop + 1;
        }
    }

    /// Behind the outermost frame: what the interpreter runs of its own there is passed over.
    fn outside_forward(&self, from: u64, thread: u32) -> Result<Option<u64>, TraceError> {
        self.find_forward(from, Seek::Anything, |stop, record| {
            record.thread == thread
                && !self.is_library(record.code)
                && !self.is_skipped(record.code, stop)
        })
    }

    /// Before the outermost frame, likewise.
    fn outside_backward(&self, before: u64, thread: u32) -> Result<Option<u64>, TraceError> {
        self.find_backward(before, Seek::Anything, |stop, record| {
            record.thread == thread
                && !self.is_library(record.code)
                && !self.is_skipped(record.code, stop)
        })
    }

    /// Code of Python's own, not of the program.
    #[must_use]
    pub fn is_library(&self, code: u32) -> bool {
        self.code(u64::from(code)).is_none_or(|code| {
            code.filename.contains("/lib/python3.") || code.filename.starts_with("<frozen")
        })
    }

    /// pdb passes over a StopIteration inside a generator that has no traceback.
    fn is_skipped_raise(&self, stop: u64) -> Result<bool, TraceError> {
        let Some(record) = self.record(stop)? else { return Ok(false) };
        let raise = record.kind == StopKind::Raise && self.suspendable(record.code);
        Ok(raise && self.is_internal_stop(stop)?)
    }

    fn in_frame_forward(&self, at: Selected<'_>, least: u32) -> Result<Option<u64>, TraceError> {
        let activation = at.activation();
        let code = at.moment.stack.get(at.level).map_or(u64::MAX, |level| level.frame.code);
        let generator = self.code(code).is_some_and(|code| code.flags & SUSPENDABLE != 0);
        let mut from = at.moment.stop + 1;
        let mut ended = false;
        // Of very long code objects the recorder has cut the list of lines.
        let whole = self.code(code).is_some_and(|code| code.lines.len() < LINES_MAX);
        let seek = if least > 0 && !generator && whole {
            let end = self.frame_end(activation, from, self.len())?;
            Seek::Lines { activation, code, least, end }
        } else {
            at.seek()
        };
        loop {
            let found = self.find_forward(from, seek, |_, record| {
                if record.activation == activation {
                    return match record.kind {
                        kind if kind.is_call() => false,
                        StopKind::Line => record.line >= least,
                        StopKind::Raise => record.line >= least,
                        StopKind::Return | StopKind::Unwind => {
                            ended = true;
                            true
                        }
                        _ => !generator,
                    };
                }
                false
            })?;
            let Some(stop) = found else { return Ok(None) };
            if ended && generator {
                return self.after_generator(stop, at.moment.thread as u32);
            }
            if !self.is_skipped_raise(stop)? {
                return Ok(Some(stop));
            }
            from = stop + 1;
        }
    }

    /// In a frame that is passed over, bdb stops at no line: `until` leads to its return, `next` to a
    /// breakpoint or the end, and both of a generator to where its caller sees that it has ended.
    fn out_of_skipped(&self, at: Selected<'_>, verb: Verb) -> Result<Option<u64>, TraceError> {
        let activation = at.activation();
        let code = at.moment.stack.get(at.level).map_or(u64::MAX, |level| level.frame.code);
        let generator = self.code(code).is_some_and(|code| code.flags & SUSPENDABLE != 0);
        if verb == Verb::Next && !generator {
            return Ok(None);
        }
        let end = self.find_forward(at.moment.stop + 1, at.seek(), |_, record| {
            record.activation == activation
                && matches!(record.kind, StopKind::Return | StopKind::Unwind)
        })?;
        match end {
            Some(end) if generator => self.after_generator(end, at.moment.thread as u32),
            end => Ok(end),
        }
    }

    /// A generator has ended at `stop`: pdb stops at the StopIteration in its caller, if there
    /// is one, and otherwise loses its frame; we then stop at the caller's next stop.
    fn after_generator(&self, stop: u64, thread: u32) -> Result<Option<u64>, TraceError> {
        let depth = self.record(stop)?.map_or(0, |record| record.depth);
        self.find_forward(stop + 1, Seek::Anything, |stop, record| {
            record.thread == thread
                && record.depth < depth
                && !record.kind.is_call()
                && !self.is_skipped(record.code, stop)
        })
    }

    fn return_forward(&self, at: Selected<'_>, leaving: bool) -> Result<Option<u64>, TraceError> {
        let activation = at.activation();
        if leaving {
            // `return` at a return stop: to the caller's next stop.
            let depth = at.moment.stack.len() as u32;
            let thread = at.moment.thread as u32;
            let below = at.level.checked_sub(1).and_then(|level| at.moment.stack.get(level));
            let Some(below) = below else { return self.step_forward(at.moment.stop + 1, thread) };
            if self.passes_over(at.moment, at.level - 1) {
                return Ok(None);
            }
            let caller = below.frame.activation;
            let seek = Seek::Frame { activation: caller };
            return self.find_forward(at.moment.stop + 1, seek, |_, record| {
                record.activation == caller && record.depth < depth && !record.kind.is_call()
            });
        }
        let end = self.frame_end(activation, at.moment.stop + 1, self.len())?;
        match end {
            Some(end) => self.stop_iteration_after(end),
            None => Ok(None),
        }
    }

    /// pdb leaves a generator at the StopIteration that its end makes in the caller; where there
    /// is none, its return is the place.
    fn stop_iteration_after(&self, end: u64) -> Result<Option<u64>, TraceError> {
        let Some(record) = self.record(end)? else { return Ok(Some(end)) };
        if record.kind != StopKind::Return || !self.suspendable(record.code) {
            return Ok(Some(end));
        }
        let next =
            self.find_forward(end + 1, Seek::Anything, |_, other| other.thread == record.thread)?;
        let Some(next) = next else { return Ok(Some(end)) };
        let raise = self
            .record(next)?
            .filter(|other| other.kind == StopKind::Raise && other.depth + 1 == record.depth);
        Ok(match raise {
            Some(raise) => Some(next).filter(|_| !self.is_skipped(raise.code, next)),
            None => Some(end),
        })
    }

    /// Where a verb's twin leads, breakpoints aside; `None`: to the start of the recording.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn backward(&self, at: Selected<'_>, verb: Verb) -> Result<Option<u64>, TraceError> {
        let moment = at.moment;
        if moment.stack.len() == 1 && moment.kind == StopKind::Call {
            return self.outside_backward(moment.stop, moment.thread as u32);
        }
        match verb {
            Verb::Step => self.step_backward(at.moment.stop, at.moment.thread as u32),
            Verb::Next => self.in_frame_backward(at, u32::MAX, false),
            Verb::Until(line) => {
                let current = at.moment.stack.get(at.level).map_or(0, super::Level::number);
                self.in_frame_backward(at, line.unwrap_or(current.saturating_sub(1)), true)
            }
            Verb::Return => self.caller_before(at),
        }
    }

    fn step_backward(&self, before: u64, thread: u32) -> Result<Option<u64>, TraceError> {
        let mut before = before;
        loop {
            let found = self.find_backward(before, Seek::Anything, |stop, record| {
                record.thread == thread && !self.is_skipped(record.code, stop)
            })?;
            let Some(stop) = found else { return Ok(None) };
            if !self.is_skipped_raise(stop)? {
                return Ok(Some(stop));
            }
            before = stop;
        }
    }

    /// The frame's previous stop; from its first line, the caller's (or, for `until`, its call).
    fn in_frame_backward(
        &self,
        at: Selected<'_>,
        most: u32,
        stop_at_call: bool,
    ) -> Result<Option<u64>, TraceError> {
        let activation = at.activation();
        if at.is_top() && at.moment.kind == StopKind::Call {
            return self.caller_before(at);
        }
        if self.passes_over(at.moment, at.level) {
            return Ok(None);
        }
        let mut before = at.moment.stop;
        loop {
            let mut entry = false;
            let found = self.find_backward(before, at.seek(), |_, record| {
                if record.activation != activation {
                    return false;
                }
                match record.kind {
                    StopKind::Call => {
                        entry = true;
                        true
                    }
                    StopKind::Line | StopKind::Raise => record.line <= most,
                    _ => false,
                }
            })?;
            match found {
                None => return Ok(None),
                Some(stop) if entry && stop_at_call => return Ok(Some(stop)),
                Some(stop) if entry => return self.caller_of(stop),
                Some(stop) if !self.is_skipped_raise(stop)? => return Ok(Some(stop)),
                Some(stop) => before = stop,
            }
        }
    }

    /// Whether steps do not stop in this frame.
    fn passes_over(&self, moment: &Moment, level: usize) -> bool {
        let code = moment.stack.get(level).map(|level| level.frame.code);
        let code = code.and_then(|code| u32::try_from(code).ok());
        code.is_some_and(|code| self.is_skipped(code, moment.stop))
    }

    /// The stop in the caller from which the selected frame was called or resumed.
    fn caller_before(&self, at: Selected<'_>) -> Result<Option<u64>, TraceError> {
        let Some(level) = at.moment.stack.get(at.level) else { return Ok(None) };
        self.caller_of(level.frame.entered)
    }

    /// The last stop before the call at `entered` in the frame that made it.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn caller_of(&self, entered: u64) -> Result<Option<u64>, TraceError> {
        let Some(moment) = self.moment(entered)? else { return Ok(None) };
        let Some(caller) = moment.stack.len().checked_sub(2) else { return Ok(None) };
        if self.passes_over(&moment, caller) {
            return self.step_backward(entered, moment.thread as u32);
        }
        let caller = moment.stack[caller].frame.activation;
        let seek = Seek::Frame { activation: caller };
        self.find_backward(entered, seek, |_, record| record.activation == caller)
    }
}
