//! Stacks at block boundaries, suspended activations, and how long a frame was on the stack.

use super::locate::activation_key;
use super::store::damaged;
use super::trace::Trace;
use super::types::{Frame, Span, Stacks, ThreadStack, TraceError};
use super::value::OwnedValue;
use crate::event::raw::{Raw, decode_value};
use crate::v1::{NONE, Node};
use crate::write::{Past, SavedFrame};
use std::sync::Arc;

/// Deeper stacks than any that fits into memory.
const DEPTH_MAX: usize = 1 << 24;

impl Trace {
    fn saved(&self, place: (u32, u32)) -> Result<SavedFrame, TraceError> {
        let index = self.index(place.0 as usize)?;
        let found = index.nodes.get(place.1 as usize).and_then(|node| {
            let bytes = index.node_bytes.get(node.start as usize..node.end as usize)?;
            Some(SavedFrame { node: *node, place, bytes: bytes.to_vec() })
        });
        found.map_or_else(|| damaged(0, "a frame that is not there"), Ok)
    }

    /// A chain of nodes, outermost first.
    fn chain(&self, top: (u32, u32)) -> Result<Vec<SavedFrame>, TraceError> {
        let mut frames = Vec::new();
        let mut place = top;
        while place.0 != NONE {
            let frame = self.saved(place)?;
            let parent = (frame.node.parent_block, frame.node.parent_node);
            // Parents were written before: anything else would be a cycle.
            let older = parent.0 == NONE || parent < place;
            if !older || frames.len() >= DEPTH_MAX {
                return damaged(0, "a stack that makes no sense");
            }
            frames.push(frame);
            place = parent;
        }
        frames.reverse();
        Ok(frames)
    }

    /// All stacks at the start of a block, or (for the number of blocks) at the end.
    ///
    /// # Errors
    /// If an index is damaged.
    pub fn stacks_at(&self, block: usize) -> Result<Stacks, TraceError> {
        let Some(before) = block.checked_sub(1) else { return Ok(Stacks::default()) };
        let index = self.index(before)?;
        let mut stacks = Stacks { current: index.current_thread, threads: Vec::new() };
        for top in &index.tops {
            let frames = self.chain((top.block, top.node))?;
            let frames = frames.iter().map(|frame| Arc::new(frame_of(frame))).collect();
            stacks.threads.push(ThreadStack { thread: top.thread, frames });
        }
        Ok(stacks)
    }

    /// The frame of an activation that is suspended at the start of a block: as it was when it
    /// was last suspended before the block. `None` if it never was.
    ///
    /// # Errors
    /// If an index is damaged.
    pub fn suspended_at(
        &self,
        block: usize,
        activation: u64,
    ) -> Result<Option<Arc<Frame>>, TraceError> {
        let saved = self.saved_suspended(block, activation)?;
        Ok(saved.map(|frame| Arc::new(frame_of(&frame))))
    }

    pub(super) fn saved_suspended(
        &self,
        block: usize,
        activation: u64,
    ) -> Result<Option<SavedFrame>, TraceError> {
        if activation >= 1 << 63 {
            return Ok(None);
        }
        let key = activation_key(activation);
        let Some(touched) = self.last_touch(key, block.min(self.block_count()))? else {
            return Ok(None);
        };
        let Some(row) = self.index(touched)?.touched.get(key) else { return Ok(None) };
        let node = u32::try_from(row[3]).unwrap_or(NONE);
        self.saved((touched as u32, node)).map(Some)
    }

    pub(super) fn saved_stacks(&self, past: &mut Past) -> Result<(), TraceError> {
        let Some(last) = self.block_count().checked_sub(1) else { return Ok(()) };
        let index = self.index(last)?;
        past.current_thread = index.current_thread;
        for top in &index.tops {
            past.stacks.push((top.thread, self.chain((top.block, top.node))?));
        }
        Ok(())
    }

    /// Since when and until when the frame of an activation is on the stack, asked at the start
    /// of a block at which it is there: answers "where does this call begin and end" without a
    /// look at the blocks between. `None` if it is not on the stack there.
    ///
    /// # Errors
    /// If an index is damaged.
    pub fn frame_span(&self, block: usize, activation: u64) -> Result<Option<Span>, TraceError> {
        let spans = self.span_cell().get_or_init(|| self.collect_spans());
        let stop = self.bounds(block.min(self.block_count().saturating_sub(1)));
        let stop = if block < self.block_count() { stop.first_stop } else { stop.end_stop };
        let after =
            spans.partition_point(|span| (span.activation, span.first) < (activation, stop));
        if let Some(span) = after.checked_sub(1).and_then(|at| spans.get(at))
            && span.activation == activation
            && span.last.is_some_and(|last| last >= stop)
        {
            return Ok(Some(*span));
        }
        // On the stack to the end of the recording?
        let Some(before) = block.checked_sub(1) else { return Ok(None) };
        for top in &self.index(before)?.tops {
            let mut place = (top.block, top.node);
            while place.0 != NONE {
                let node = self.node(place)?;
                let parent = (node.parent_block, node.parent_node);
                if node.activation == activation {
                    let caller = match parent.0 {
                        NONE => None,
                        _ => Some(self.node(parent)?.activation),
                    };
                    return Ok(Some(Span { activation, first: node.entered, last: None, caller }));
                }
                if parent.0 != NONE && parent >= place {
                    return damaged(0, "a stack that makes no sense");
                }
                place = parent;
            }
        }
        Ok(None)
    }

    fn node(&self, place: (u32, u32)) -> Result<Node, TraceError> {
        let index = self.index(place.0 as usize)?;
        index
            .nodes
            .get(place.1 as usize)
            .copied()
            .map_or_else(|| damaged(0, "a frame that is not there"), Ok)
    }

    fn collect_spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for block in self.summaries() {
            let mut cursor = Raw::new(&block.spans, 0);
            while let (Some(activation), Some(first), Some(length), Some(caller)) =
                (cursor.uv(), cursor.uv(), cursor.uv(), cursor.uv())
            {
                let last = first.checked_add(length);
                spans.push(Span { activation, first, last, caller: caller.checked_sub(1) });
            }
        }
        spans.sort_unstable_by_key(|span| (span.activation, span.first));
        spans
    }
}

fn frame_of(saved: &SavedFrame) -> Frame {
    let node = &saved.node;
    let mut frame = Frame {
        activation: node.activation,
        code: node.code,
        line: node.line,
        namespace: None,
        locals: Vec::new(),
        entered: node.entered,
        last_block: saved.place.0 as usize,
    };
    let mut cursor = Raw::new(&saved.bytes, 0);
    while let (Some(slot), Some(value)) = (cursor.uv(), cursor.value()) {
        let Some(value) = decode_value(value).map(OwnedValue::from) else { break };
        match u32::try_from(slot).ok().map(|slot| slot.checked_sub(1)) {
            Some(Some(slot)) => frame.locals.push((slot, value)),
            Some(None) => frame.namespace = Some(value),
            None => break,
        }
    }
    frame
}
