//! When objects and variables change: by the trace's index of changes, and by the stores of a frame.

use super::view::{Record, apply, machine_at};
use super::{Seek, Timeline};
use crate::machine::{Frame, Machine, StopKind};
use crate::steps::Steps;
use moviola_format::event::Event;
use moviola_format::read::TraceError;

impl Timeline {
    /// A frame as it is at a stop, on any thread or suspended; `None` if it is not there then.
    ///
    /// # Errors
    /// If the trace cannot be read there.
    pub fn frame_at(&self, stop: u64, activation: u64) -> Result<Option<Frame>, TraceError> {
        let found = self.with_machine(stop, |machine| machine.frame(activation).cloned())?;
        if let Some(Some(frame)) = found {
            return Ok(Some(frame));
        }
        let block = self.trace().block_of_stop(stop);
        let suspended = self.trace().suspended_at(block, activation)?;
        Ok(suspended.and_then(|frame| {
            let mut machine = Machine::new(self.trace().codes());
            machine.suspend(&frame);
            machine.frame(activation).cloned()
        }))
    }

    /// The last stop before `before` behind which one of the objects changed, so that the change
    /// shows at the next stop.
    ///
    /// # Errors
    /// If the trace cannot be read where the answer is.
    pub fn last_object_change(&self, ids: &[u64], before: u64) -> Result<Option<u64>, TraceError> {
        let mut last = None;
        for id in ids {
            last = last.max(self.trace().last_change(*id, before)?.filter(|stop| *stop < before));
        }
        Ok(last)
    }

    /// The first stop from `from` on and before `until` behind which one of the objects changes.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn next_object_change(
        &self,
        ids: &[u64],
        from: u64,
        until: u64,
    ) -> Result<Option<u64>, TraceError> {
        // Whether something changes behind `from` and before `end` tells where, by halving.
        let changes = |end: u64| -> Result<bool, TraceError> {
            Ok(self.last_object_change(ids, end)?.is_some_and(|stop| stop >= from))
        };
        let until = until.min(self.len());
        let (mut none, mut width) = (from, 64);
        let mut some = loop {
            let end = none.saturating_add(width).min(until);
            if changes(end)? {
                break end;
            }
            if end >= until {
                return Ok(None);
            }
            (none, width) = (end, width * 4);
        };
        while some - none > 1 {
            let middle = none + (some - none) / 2;
            if changes(middle)? {
                some = middle;
            } else {
                none = middle;
            }
        }
        Ok(Some(some - 1))
    }

    /// The last stop before `before`, not before `least`, behind which a local variable of the frame was
    /// stored.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn last_store(
        &self,
        activation: u64,
        slots: &[u32],
        before: u64,
        least: u64,
    ) -> Result<Option<u64>, TraceError> {
        let mut limit = before;
        while limit > least {
            // Stores lie behind stops of the frame's own: in the same block, or first in the next.
            let seek = Seek::Frame { activation };
            let mine = |_: u64, record: &Record| record.activation == activation;
            let Some(stop) = self.find_backward(limit, seek, mine)? else { return Ok(None) };
            let block = self.trace().block_of_stop(stop);
            let last = (block + 1).min(self.trace().block_count() - 1);
            for number in (block..=last).rev() {
                let stores = self.stores_in(number, activation, slots)?;
                if let Some(found) = stores.iter().rev().find(|found| **found < before) {
                    return Ok(Some(*found).filter(|found| *found >= least));
                }
            }
            limit = self.trace().bounds(block).first_stop;
        }
        Ok(None)
    }

    /// The first stop from `from` on and before `until` behind which a local variable of the frame is
    /// stored.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn next_store(
        &self,
        activation: u64,
        slots: &[u32],
        from: u64,
        until: u64,
    ) -> Result<Option<u64>, TraceError> {
        let mut start = from;
        while start < until {
            let seek = Seek::Frame { activation };
            let mine = |_: u64, record: &Record| record.activation == activation;
            let Some(stop) = self.find_forward(start, seek, mine)? else { return Ok(None) };
            let block = self.trace().block_of_stop(stop);
            let last = (block + 1).min(self.trace().block_count() - 1);
            for number in block..=last {
                let stores = self.stores_in(number, activation, slots)?;
                if let Some(found) = stores.iter().find(|found| **found >= from) {
                    return Ok(Some(*found).filter(|found| *found < until));
                }
            }
            start = self.trace().bounds(block).end_stop.max(stop + 1);
        }
        Ok(None)
    }

    /// The stop before the first one of a frame from `from` on and before `until`.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn next_entry(
        &self,
        activation: u64,
        from: u64,
        until: u64,
    ) -> Result<Option<u64>, TraceError> {
        // A frame that is not there has not begun, or ended: only its own block can have the call.
        let block = self.trace().block_of_activation(activation);
        let bounds = self.trace().bounds(block);
        if bounds.end_stop <= from {
            return Ok(None);
        }
        let view = self.view(block)?;
        let call = view
            .stops
            .iter()
            .position(|record| record.activation == activation && record.kind == StopKind::Call);
        let call = call.map(|at| view.first + at as u64);
        Ok(call.filter(|call| (from..until).contains(call)).and_then(|call| call.checked_sub(1)))
    }

    /// The stop from `from` on and before `until` at which a frame ends for good.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn frame_end(
        &self,
        activation: u64,
        from: u64,
        until: u64,
    ) -> Result<Option<u64>, TraceError> {
        let mut from = from;
        while from < until {
            // While it is on the stack without interruption, the index knows when that ends.
            let block = self.trace().block_of_stop(from);
            if let Some(span) = self.trace().frame_span(block, activation)? {
                let Some(last) = span.last else { return Ok(None) };
                let record = self.record(last)?;
                if last >= from
                    && record.is_some_and(|record| {
                        record.activation == activation
                            && matches!(record.kind, StopKind::Return | StopKind::Unwind)
                    })
                {
                    return Ok(Some(last).filter(|last| *last < until));
                }
            }
            let view = self.view(block)?;
            let skip = usize::try_from(from.saturating_sub(view.first)).unwrap_or(usize::MAX);
            let found = view.stops.iter().enumerate().skip(skip).find(|(_, record)| {
                record.activation == activation
                    && matches!(record.kind, StopKind::Return | StopKind::Unwind)
            });
            if let Some((at, _)) = found {
                return Ok(Some(view.first + at as u64).filter(|stop| *stop < until));
            }
            let next = self.next_block(block + 1, Seek::Frame { activation })?;
            if next >= self.trace().block_count() {
                return Ok(None);
            }
            from = self.trace().bounds(next).first_stop;
        }
        Ok(None)
    }

    /// The stops behind which a block's events store one of these variables of the frame.
    fn stores_in(
        &self,
        number: usize,
        activation: u64,
        slots: &[u32],
    ) -> Result<Vec<u64>, TraceError> {
        let block = self.trace().block(number)?;
        let mut machine = machine_at(self.trace(), number)?;
        let mut steps = Steps::default();
        let mut found = Vec::new();
        let mut event = Event::Line { delta: 0 };
        while steps.next_plain(block.raw(), &mut event)? {
            apply(self.trace(), number, &mut machine, &event, |machine, event| {
                machine.apply(event);
            })?;
            let Event::Local { slot, .. } = &event else { continue };
            let top = machine.stack(machine.thread()).last();
            if slots.contains(slot) && top.is_some_and(|top| top.activation == activation) {
                found.push(machine.next_stop().saturating_sub(1));
            }
        }
        found.dedup();
        Ok(found)
    }

    /// The first stop at or after this time since the recording began.
    ///
    /// # Errors
    /// If the trace cannot be read there.
    pub fn stop_at_time(&self, nanos: u64) -> Result<Option<u64>, TraceError> {
        let trace = self.trace();
        for number in 0..trace.block_count() {
            let bounds = trace.bounds(number);
            if bounds.end_time < nanos {
                continue;
            }
            let block = trace.block(number)?;
            let (mut now, mut stop) = (bounds.first_time, bounds.first_stop);
            let mut machine = machine_at(trace, number)?;
            let mut steps = Steps::default();
            while let Some(event) = steps.next(block.raw())? {
                if let Event::Time { nanos } = event {
                    now += nanos;
                }
                apply(trace, number, &mut machine, &event, |machine, event| {
                    if machine.apply(event).is_some() {
                        stop = machine.next_stop() - 1;
                    }
                })?;
                if now >= nanos && machine.next_stop() > bounds.first_stop {
                    return Ok(Some(stop));
                }
            }
        }
        Ok(self.len().checked_sub(1))
    }
}
