//! The state at a stop: the thread, its stack, what is returned or raised.

use super::view::{apply, machine_at};
use super::{Timeline, Walker};
use crate::machine::{Frame, StopKind};
use crate::steps::Steps;
use moviola_format::read::{OwnedValue, TraceError};

/// One frame of the stack at a stop.
#[derive(Debug, Clone)]
pub struct Level {
    /// The frame.
    pub frame: Frame,
    /// The line shown.
    pub line: u32,
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
        if stop >= self.len() {
            return Ok(None);
        }
        let block = self.trace.block_of_stop(stop);
        let mut slot = self.walker.borrow_mut();
        let usable = slot
            .take()
            .filter(|walker| walker.block == block && walker.stop.is_none_or(|at| at <= stop));
        let mut walker = match usable {
            Some(walker) => walker,
            None => Walker {
                block,
                machine: machine_at(&self.trace, block)?,
                steps: Steps::default(),
                stop: None,
                value: None,
                line: 0,
                kind: StopKind::Line,
            },
        };
        self.walk(&mut walker, stop)?;
        let thread = walker.machine.thread();
        let mut stack: Vec<Level> = walker
            .machine
            .stack(thread)
            .iter()
            .map(|frame| Level {
                frame: frame.clone(),
                line: u32::try_from(frame.line).unwrap_or(0),
            })
            .collect();
        if let Some(top) = stack.last_mut() {
            top.line = u32::try_from(walker.line).unwrap_or(0);
        }
        let moment = Moment { stop, thread, kind: walker.kind, value: walker.value.clone(), stack };
        *slot = Some(walker);
        Ok(Some(moment))
    }

    fn walk(&self, walker: &mut Walker, stop: u64) -> Result<(), TraceError> {
        if walker.stop == Some(stop) {
            return Ok(());
        }
        let view = self.view(walker.block)?;
        while let Some(event) = walker.steps.next(view.block.raw())? {
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
