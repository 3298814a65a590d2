//! Where a program that ended in an uncaught exception raised it, and where it began.

use super::view::Record;
use super::{Seek, Timeline};
use crate::machine::StopKind;
use moviola_format::read::{Status, TraceError};

/// Blocks looked at from the end for the main module's last moment.
const BLOCKS_BACK: usize = 64;

impl Timeline {
    /// The first line of the main script; `None` if no line of it ran.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn start(&self) -> Result<Option<u64>, TraceError> {
        if self.trace().segment().is_some() {
            // It begins wherever it was cut or forked: at the first line that is not a library's.
            return self.find_forward(0, Seek::Anything, |_, record| {
                record.kind == StopKind::Line && !self.is_library(record.code)
            });
        }
        let script = self.meta("script");
        let main = |record: &Record| {
            record.kind == StopKind::Line
                && self.code(u64::from(record.code)).is_some_and(|code| {
                    code.name == "<module>"
                        && !self.is_library(record.code)
                        && (script.is_empty()
                            || !script.ends_with(".py")
                            || self.canonic(&code.filename) == self.canonic(script))
                })
        };
        self.find_forward(0, Seek::Anything, |_, record| main(record))
    }

    /// The stop at which the exception that ended the program was raised, in its innermost frame.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn crash(&self) -> Result<Option<u64>, TraceError> {
        if self.is_empty()
            || self.trace().exit().is_some_and(|exit| (exit.kind, exit.code) == (0, 0))
        {
            return Ok(None);
        }
        let Some(end) = self.last_unwind()? else { return Ok(None) };
        let Some(record) = self.record(end)? else { return Ok(None) };
        let seek = Seek::Frame { activation: record.activation };
        let raised = self.find_backward(end, seek, |_, other| {
            other.activation == record.activation && other.kind == StopKind::Raise
        })?;
        let Some(raised) = raised else { return Ok(None) };
        let Some(exception) = self.record(raised)?.map(|record| record.raised) else {
            return Ok(None);
        };
        if exception == u64::MAX || self.is_system_exit(exception, raised)? {
            return Ok(None);
        }
        self.first_raise(exception, raised).map(Some)
    }

    /// The last stop of the main module: what the interpreter runs at its exit comes after it.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn finish(&self) -> Result<u64, TraceError> {
        let last = self.len().saturating_sub(1);
        let count = self.trace().block_count();
        for block in (count.saturating_sub(BLOCKS_BACK)..count).rev() {
            let view = self.view(block)?;
            let found = view.stops.iter().rposition(|record| {
                record.thread == 0
                    && record.depth == 1
                    && record.kind.is_return()
                    && !self.is_library(record.code)
                    && self.code(u64::from(record.code)).is_some_and(|code| code.name == "<module>")
            });
            if let Some(at) = found {
                return Ok(view.first + at as u64);
            }
            // A module frame that is still there ended with the recording.
            let running = self.trace().stacks_at(block)?;
            if running.threads.iter().any(|stack| stack.thread == 0 && !stack.frames.is_empty()) {
                break;
            }
        }
        Ok(last)
    }

    /// The main thread's module frame being left by an exception, at the end of the recording.
    fn last_unwind(&self) -> Result<Option<u64>, TraceError> {
        let count = self.trace().block_count();
        for block in (count.saturating_sub(BLOCKS_BACK)..count).rev() {
            if self.trace().bounds(block).counts.unwind == 0 {
                continue;
            }
            let view = self.view(block)?;
            let found = view.stops.iter().rposition(|record| {
                record.kind == StopKind::Unwind
                    && record.thread == 0
                    && record.depth == 1
                    && self.code(u64::from(record.code)).is_some_and(|code| {
                        code.name == "<module>" || code.name == "_run_module_as_main"
                    })
            });
            if let Some(at) = found {
                return Ok(Some(view.first + at as u64));
            }
        }
        Ok(None)
    }

    fn is_system_exit(&self, exception: u64, stop: u64) -> Result<bool, TraceError> {
        let state = self.object(exception, stop)?;
        Ok(self.class_name(state.class, stop)? == "SystemExit")
    }

    /// The first time that this exception passed a frame.
    fn first_raise(&self, exception: u64, last: u64) -> Result<u64, TraceError> {
        let mut first = last;
        let mut block = self.trace().block_of_stop(last);
        loop {
            let view = self.view(block)?;
            let found = view
                .stops
                .iter()
                .position(|record| record.kind == StopKind::Raise && record.raised == exception);
            if let Some(at) = found {
                first = first.min(view.first + at as u64);
            }
            let unseen = self.object(exception, view.first)?.status == Status::Unseen;
            if block == 0 || unseen {
                return Ok(first);
            }
            block -= 1;
        }
    }

    /// A start fact of the recording; empty if it is not there.
    #[must_use]
    pub fn meta(&self, key: &str) -> &str {
        meta_of(self.trace(), key)
    }

    /// pdb's canonical form of a file name: absolute, but for made-up names.
    #[must_use]
    pub fn canonic(&self, filename: &str) -> String {
        if filename.starts_with('<') && filename.ends_with('>') {
            return filename.to_owned();
        }
        crate::export::absolute(self.meta("cwd"), filename)
    }

    /// A path without `.`, `..` and slashes that say nothing; relative to the program's directory.
    #[must_use]
    pub fn normal(&self, path: &str) -> String {
        crate::export::absolute(self.meta("cwd"), path)
    }

    /// The id of the dict of the names that were changed in Python's own modules.
    #[must_use]
    pub fn changed_names(&self) -> Option<u64> {
        self.meta("changed").parse().ok()
    }

    /// Python 3's minor version.
    #[must_use]
    pub fn minor(&self) -> u32 {
        self.meta("python").split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(13)
    }
}

/// A start fact of a recording; empty if it is not there.
#[must_use]
pub fn meta_of<'t>(trace: &'t moviola_format::read::Trace, key: &str) -> &'t str {
    let found = trace.meta().iter().find(|(name, _)| name == key);
    found.map_or("", |(_, value)| value.as_str())
}
