//! The state at a stop: the thread, its stack, what is returned or raised.

use super::view::{View, apply, machine_at};
use super::{Timeline, Walker};
use crate::machine::{Frame, Machine, StopKind};
use crate::steps::Steps;
use moviola_format::event::Event;
use moviola_format::read::{OwnedValue, TraceError};

/// One frame of the stack at a stop.
#[derive(Debug, Clone)]
pub struct Level {
    /// The frame.
    pub frame: Frame,
    /// The line shown; `None` where an instruction without a line stands.
    pub line: Option<u32>,
    /// The frame's own line if an exception has left it since: where a `finally` has led it, say.
    pub last: Option<u32>,
}

impl Level {
    /// The line as a number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.line.unwrap_or(0)
    }
}

/// The state at a stop.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The stop.
    pub stop: u64,
    /// Its thread.
    pub thread: u64,
    /// What it is.
    pub kind: StopKind,
    /// Return value or exception.
    pub value: Option<OwnedValue>,
    /// The thread's frames, outermost first.
    pub stack: Vec<Level>,
}

impl Timeline {
    /// The state at a stop; `None` past the end.
    ///
    /// # Errors
    /// If the trace cannot be read there.
    pub fn moment(&self, stop: u64) -> Result<Option<Moment>, TraceError> {
        self.moment_of(stop, usize::MAX)
    }

    /// The state at a stop with only the innermost frame: what a condition looks at.
    ///
    /// # Errors
    /// If the trace cannot be read there.
    pub fn innermost(&self, stop: u64) -> Result<Option<Moment>, TraceError> {
        self.moment_of(stop, 1)
    }

    fn moment_of(&self, stop: u64, levels: usize) -> Result<Option<Moment>, TraceError> {
        self.with_walker(stop, |walker| {
            let thread = walker.machine.thread();
            let frames = walker.machine.stack(thread);
            let mut stack: Vec<Level> = frames[frames.len().saturating_sub(levels)..]
                .iter()
                .map(|frame| Level {
                    frame: frame.clone(),
                    line: u32::try_from(frame.line).ok(),
                    last: None,
                })
                .collect();
            if let Some(top) = stack.last_mut() {
                top.line = u32::try_from(walker.line).ok();
            }
            Moment { stop, thread, kind: walker.kind, value: walker.value.clone(), stack }
        })
    }

    /// Looks at all stacks at a stop; `None` past the end.
    pub(super) fn with_machine<T>(
        &self,
        stop: u64,
        look: impl FnOnce(&Machine) -> T,
    ) -> Result<Option<T>, TraceError> {
        self.with_walker(stop, |walker| look(&walker.machine))
    }

    fn with_walker<T>(
        &self,
        stop: u64,
        look: impl FnOnce(&Walker) -> T,
    ) -> Result<Option<T>, TraceError> {
        if stop >= self.len() {
            return Ok(None);
        }
        let block = self.trace.block_of_stop(stop);
        let view = self.view(block)?;
        let mut slot = self.walker.borrow_mut();
        let usable = slot
            .take()
            .filter(|walker| walker.block == block && walker.stop.is_none_or(|at| at <= stop));
        // A mark tells the stacks behind its stop, not what was shown there.
        let mark = view.marks.iter().rev().find(|mark| mark.stop < stop);
        let nearer =
            |walker: &Walker| mark.is_none_or(|mark| walker.stop.is_some_and(|at| at >= mark.stop));
        let mut walker = match (usable.filter(nearer), mark) {
            (Some(walker), _) => walker,
            (None, Some(mark)) => {
                Walker::at(block, mark.machine.clone(), mark.steps.clone(), Some(mark.stop))
            }
            (None, None) => {
                Walker::at(block, machine_at(&self.trace, block)?, Steps::default(), None)
            }
        };
        self.walk(&view, &mut walker, stop)?;
        let found = look(&walker);
        *slot = Some(walker);
        Ok(Some(found))
    }

    fn walk(&self, view: &View, walker: &mut Walker, stop: u64) -> Result<(), TraceError> {
        if walker.stop == Some(stop) {
            return Ok(());
        }
        let mut event = Event::Line { delta: 0 };
        while walker.steps.next_plain(view.block.raw(), &mut event)? {
            let mut reached = None;
            apply(&self.trace, walker.block, &mut walker.machine, &event, |machine, event| {
                reached = machine.apply(event);
            })?;
            if let Some(found) = reached {
                walker.stop = Some(walker.machine.next_stop() - 1);
                walker.kind = found.kind;
                walker.line = found.line;
                walker.value = found.value;
                if walker.stop == Some(stop) {
                    break;
                }
            }
        }
        Ok(())
    }
}
