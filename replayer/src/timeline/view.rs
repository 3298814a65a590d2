//! The stops of one block, as a table: enough to step and to look for breakpoints.

use crate::machine::{Machine, StopKind};
use crate::steps::Steps;
use moviola_format::event::Event;
use moviola_format::read::{DecodedBlock, OwnedValue, Trace, TraceError};
use std::sync::Arc;

/// One stop, without values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// What kind of stop.
    pub kind: StopKind,
    /// The thread.
    pub thread: u32,
    /// The line shown.
    pub line: u32,
    /// The frame's code; `u32::MAX` if unknown.
    pub code: u32,
    /// Frames on the thread's stack.
    pub depth: u32,
    /// The frame.
    pub activation: u64,
    /// Object id of the exception raised; `u64::MAX` at other stops.
    pub raised: u64,
}

/// The stacks just behind a stop, and the place in the block.
#[derive(Debug, Clone)]
pub struct Mark {
    /// The stop.
    pub stop: u64,
    /// The stacks.
    pub machine: Machine,
    /// The events that follow.
    pub steps: Steps,
}

/// Stops between two marks.
const MARK_EVERY: usize = 2048;
/// Frames up to which marks are kept: they copy every stack.
const MARK_FRAMES: usize = 300;

/// The stops of a block.
#[derive(Debug)]
pub struct View {
    /// Number of its first stop.
    pub first: u64,
    /// Its stops.
    pub stops: Vec<Record>,
    /// The decoded block.
    pub block: Arc<DecodedBlock>,
    /// Places to walk from: just behind a stop, ascending.
    pub marks: Vec<Mark>,
}

impl View {
    /// Decodes a block.
    ///
    /// # Errors
    /// If the trace cannot be read there.
    pub fn of(trace: &Trace, number: usize) -> Result<Self, TraceError> {
        let block = trace.block(number)?;
        let bounds = trace.bounds(number);
        let mut machine = machine_at(trace, number)?;
        let mut stops = Vec::with_capacity(
            (bounds.end_stop.saturating_sub(bounds.first_stop) as usize).min(1 << 17),
        );
        let mut steps = Steps::default();
        let mut marks = Vec::new();
        let mut next_mark = MARK_EVERY;
        let mut event = Event::Line { delta: 0 };
        while steps.next_plain(block.raw(), &mut event)? {
            apply(trace, number, &mut machine, &event, |machine, event| {
                let stop = machine.apply(event);
                let Some(stop) = &stop else { return };
                let thread = machine.thread();
                let stack = machine.stack(thread);
                let top = stack.last();
                stops.push(Record {
                    kind: stop.kind,
                    thread: u32::try_from(thread).unwrap_or(u32::MAX),
                    line: u32::try_from(stop.line).unwrap_or(0),
                    code: top.and_then(|top| u32::try_from(top.code).ok()).unwrap_or(u32::MAX),
                    depth: stack.len() as u32,
                    activation: top.map_or(u64::MAX, |top| top.activation),
                    raised: match (stop.kind, &stop.value) {
                        (StopKind::Raise, Some(OwnedValue::Ref(id))) => *id,
                        _ => u64::MAX,
                    },
                });
            })?;
            if stops.len() >= next_mark {
                next_mark = stops.len() + MARK_EVERY;
                if machine.frame_count() <= MARK_FRAMES {
                    marks.push(Mark {
                        stop: bounds.first_stop + stops.len() as u64 - 1,
                        machine: machine.clone(),
                        steps: steps.clone(),
                    });
                }
            }
        }
        Ok(Self { first: bounds.first_stop, stops, block, marks })
    }

    /// The number after its last stop.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + self.stops.len() as u64
    }

    /// A stop of this block.
    #[must_use]
    pub fn get(&self, stop: u64) -> Option<&Record> {
        self.stops.get(usize::try_from(stop.checked_sub(self.first)?).ok()?)
    }
}

/// The stacks at the start of a block.
///
/// # Errors
/// If the trace cannot be read there.
pub fn machine_at(trace: &Trace, number: usize) -> Result<Machine, TraceError> {
    let bounds = trace.bounds(number);
    let stacks = trace.stacks_at(number)?;
    Ok(Machine::resume(trace.codes(), &stacks, bounds.first_stop, bounds.first_activation))
}

/// Applies one event of a block, fetching the frame that a RESUME or THROW names first.
///
/// # Errors
/// If the suspended frame cannot be read.
pub fn apply(
    trace: &Trace,
    number: usize,
    machine: &mut Machine,
    event: &Event<'_>,
    then: impl FnOnce(&mut Machine, &Event<'_>),
) -> Result<(), TraceError> {
    if let Event::Resume { activation } | Event::Throw { activation } = event
        && !machine.is_suspended(*activation)
        && let Some(frame) = trace.suspended_at(number, *activation)?
    {
        machine.suspend(&frame);
    }
    then(machine, event);
    Ok(())
}
