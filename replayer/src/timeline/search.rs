//! Looking for stops forwards and backwards, jumping over blocks that cannot hold them.

use super::Timeline;
use super::view::Record;
use moviola_format::read::{Frame, TraceError};
use std::sync::Arc;

/// What a search may rely on to skip blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// Every block may hold the stop.
    Anything,
    /// Only stops of this frame count.
    Frame {
        /// The frame.
        activation: u64,
    },
    /// Only stops of this frame at a line from `least` on, and its end.
    Lines {
        /// The frame, which is no generator's.
        activation: u64,
        /// Its code object.
        code: u64,
        /// The first line that counts.
        least: u32,
        /// Where the frame ends, if it does.
        end: Option<u64>,
    },
}

impl Timeline {
    /// The first stop at or after `from` that is wanted.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn find_forward(
        &self,
        from: u64,
        seek: Seek,
        mut wanted: impl FnMut(u64, &Record) -> bool,
    ) -> Result<Option<u64>, TraceError> {
        if from >= self.len() {
            return Ok(None);
        }
        let mut block = self.trace.block_of_stop(from);
        let mut from = from;
        while block < self.trace.block_count() {
            let view = self.view(block)?;
            let skip = usize::try_from(from.saturating_sub(view.first)).unwrap_or(usize::MAX);
            for (at, record) in view.stops.iter().enumerate().skip(skip) {
                let stop = view.first + at as u64;
                if wanted(stop, record) {
                    return Ok(Some(stop));
                }
            }
            block = self.next_block(block + 1, seek)?;
            from = 0;
        }
        Ok(None)
    }

    /// The last stop before `before` that is wanted.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn find_backward(
        &self,
        before: u64,
        seek: Seek,
        mut wanted: impl FnMut(u64, &Record) -> bool,
    ) -> Result<Option<u64>, TraceError> {
        if before == 0 || self.is_empty() {
            return Ok(None);
        }
        let mut block = self.trace.block_of_stop(before - 1);
        let mut before = before;
        loop {
            let view = self.view(block)?;
            let count = usize::try_from(before.saturating_sub(view.first)).unwrap_or(usize::MAX);
            let count = count.min(view.stops.len());
            for (at, record) in view.stops[..count].iter().enumerate().rev() {
                let stop = view.first + at as u64;
                if wanted(stop, record) {
                    return Ok(Some(stop));
                }
            }
            if block == 0 {
                return Ok(None);
            }
            before = u64::MAX;
            block = match seek {
                Seek::Anything => block - 1,
                Seek::Frame { activation } | Seek::Lines { activation, .. } => {
                    self.ran_last(block, activation)?
                }
            };
        }
    }

    /// The frame as it stood at the start of a block, if it was on a stack.
    fn on_stack(&self, block: usize, activation: u64) -> Result<Option<Arc<Frame>>, TraceError> {
        let stacks = self.trace.stacks_at(block)?;
        let mut frames = stacks.threads.iter().flat_map(|stack| stack.frames.iter().rev());
        Ok(frames.find(|frame| frame.activation == activation).map(Arc::clone))
    }

    /// The last block before `block` in which the frame ran; the frame has not ended before.
    fn ran_last(&self, block: usize, activation: u64) -> Result<usize, TraceError> {
        let frame = match self.on_stack(block, activation)? {
            Some(frame) => Some(frame),
            None => self.trace.suspended_at(block, activation)?,
        };
        Ok(frame.map_or(block - 1, |frame| frame.last_block.min(block - 1)))
    }

    /// The first block from `block` on in which the frame runs, as far as the index tells.
    pub(super) fn next_block(&self, block: usize, seek: Seek) -> Result<usize, TraceError> {
        let count = self.trace.block_count();
        let activation = match seek {
            Seek::Anything => return Ok(block),
            Seek::Frame { activation } => activation,
            Seek::Lines { code, least, end, .. } => {
                let mut first = end.map_or(count, |end| self.trace.block_of_stop(end)).max(block);
                let lines = self.code(code).map_or(&[][..], |code| &code.lines);
                for line in lines.iter().filter(|line| **line >= least) {
                    let hit = self.trace.line_hits(code, *line).next_block(block)?;
                    first = first.min(hit.unwrap_or(count));
                }
                return Ok(first);
            }
        };
        if block >= count {
            return Ok(block);
        }
        if self.on_stack(block, activation)?.is_none() {
            // Suspended: nothing happens to it before a resume, which its code counts.
            let Some(frame) = self.trace.suspended_at(block, activation)? else {
                return Ok(block);
            };
            let resumed = self.trace.call_hits(frame.code).next_block(block)?;
            return Ok(resumed.unwrap_or(count));
        }
        // Whether the frame stands still from the start of `block` to the end of `last`.
        let still = |last: usize| -> Result<bool, TraceError> {
            if last + 1 >= count {
                return Ok(false);
            }
            let frame = self.on_stack(last + 1, activation)?;
            Ok(frame.is_some_and(|frame| frame.last_block < block))
        };
        if !still(block)? {
            return Ok(block);
        }
        let (mut quiet, mut width) = (block, 1);
        while quiet + width < count && still(quiet + width)? {
            quiet += width;
            width *= 2;
        }
        let mut busy = (quiet + width).min(count - 1);
        while busy - quiet > 1 {
            let middle = quiet + (busy - quiet) / 2;
            if still(middle)? {
                quiet = middle;
            } else {
                busy = middle;
            }
        }
        Ok(busy)
    }
}
