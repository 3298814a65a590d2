//! Shadow stacks: what is on every thread's stack, and in every suspended generator.
//!
//! Locals are not copied when they are stored: a slot remembers where its value stands, in the
//! block or in the bytes that the frame's last node was written with.

use super::hits::CodeState;
use crate::event::raw::Raw;
use crate::event::{Sink, op};
use crate::v1::{NONE, Node};
use rustc_hash::FxHashMap;

/// Set in a slot: the rest is an offset in the block. Otherwise offset + 1 in the saved bytes.
const IN_BLOCK: u32 = 1 << 31;

/// A frame of a stack or of a suspended generator.
#[derive(Debug, Clone)]
pub struct Frame {
    pub activation: u64,
    /// Stop with which it came onto the stack.
    pub entered: u64,
    pub code: u64,
    pub line: i64,
    /// Its slots: the first is the namespace, then the locals.
    pub slots_at: u32,
    pub slots: u32,
    /// The last block + 1 in which it ran.
    pub epoch: u32,
    /// Block and number of the node with its state.
    pub node: (u32, u32),
    /// Counters of its code's lines.
    pub hits_at: u32,
    pub hits_line: u32,
    pub hits_span: u32,
    saved: Option<Box<[u8]>>,
}

impl Frame {
    /// A frame that begins with a call.
    pub fn new(activation: u64, code: u64, state: &CodeState, entered: u64, epoch: u32) -> Self {
        Self {
            activation,
            entered,
            code,
            line: i64::from(state.first_line),
            slots_at: 0,
            slots: state.slots + 1,
            epoch,
            node: (NONE, NONE),
            hits_at: state.at,
            hits_line: state.line,
            hits_span: state.span,
            saved: None,
        }
    }

    /// A frame as it was saved in a node.
    pub fn restored(node: &Node, place: (u32, u32), bytes: &[u8], state: &CodeState) -> Self {
        let mut frame = Self::new(node.activation, node.code, state, node.entered, 0);
        frame.line = i64::from(node.line);
        frame.node = place;
        frame.saved = Some(bytes.into());
        frame
    }

    /// The slots that go with [`Frame::restored`].
    pub fn restored_slots(&self) -> Vec<u32> {
        let mut slots = vec![0; self.slots as usize];
        let mut cursor = Raw::new(self.saved.as_deref().unwrap_or_default(), 0);
        while let Some(slot) = cursor.uv() {
            let at = cursor.at() as u32;
            if let Some(place) = usize::try_from(slot).ok().and_then(|slot| slots.get_mut(slot)) {
                *place = at + 1;
            }
            if cursor.skip_value().is_none() {
                break;
            }
        }
        slots
    }
}

/// A suspended generator's frame with its slots; none, if they are as the frame was saved.
#[derive(Debug)]
pub struct Suspended {
    pub frame: Frame,
    pub slots: Vec<u32>,
}

/// One thread's stack. The frame that runs is apart from those below it.
#[derive(Debug, Default)]
pub struct Stack {
    pub top: Option<Frame>,
    pub below: Vec<Frame>,
    pub slots: Vec<u32>,
}

impl Stack {
    /// Pushes a frame with empty slots.
    #[inline]
    pub fn push(&mut self, mut frame: Frame) {
        let at = self.slots.len();
        frame.slots_at = at as u32;
        self.slots.resize(at + frame.slots as usize, 0);
        if let Some(top) = self.top.replace(frame) {
            self.below.push(top);
        }
    }

    /// Pops the frame that runs; its slots stay until `drop_slots`.
    #[inline]
    pub fn pop(&mut self) -> Option<Frame> {
        let next = self.below.pop();
        std::mem::replace(&mut self.top, next)
    }

    /// Gives the slots of a popped frame up.
    #[inline]
    pub fn drop_slots(&mut self, frame: &Frame) {
        self.slots.truncate(frame.slots_at as usize);
    }

    /// Notes that slot `slot` of the running frame has the value at `at` in the block.
    #[inline]
    pub fn store(&mut self, slot: u32, at: usize) {
        let Some(top) = &self.top else { return };
        if slot < top.slots - 1 {
            self.slots[(top.slots_at + 1 + slot) as usize] = at as u32 | IN_BLOCK;
        }
    }

    /// The same of its namespace.
    pub fn store_namespace(&mut self, at: usize) {
        if let Some(top) = &self.top {
            self.slots[top.slots_at as usize] = at as u32 | IN_BLOCK;
        }
    }

    /// Takes a popped frame's slots away, into `slots`.
    pub fn take_slots(&mut self, frame: &Frame, slots: &mut Vec<u32>) {
        slots.clear();
        slots.extend_from_slice(&self.slots[frame.slots_at as usize..]);
        self.drop_slots(frame);
    }

    /// Pushes a frame that was suspended.
    pub fn resume(&mut self, suspended: Suspended) -> Vec<u32> {
        let Suspended { mut frame, mut slots } = suspended;
        if slots.is_empty() {
            slots = frame.restored_slots();
        }
        frame.slots_at = self.slots.len() as u32;
        self.slots.extend_from_slice(&slots);
        if let Some(top) = self.top.replace(frame) {
            self.below.push(top);
        }
        slots
    }
}

/// The nodes of a block in the making.
#[derive(Debug, Default)]
pub struct Nodes {
    pub nodes: Vec<Node>,
    pub bytes: Vec<u8>,
}

impl Nodes {
    /// Writes a frame's state as a node and lets its slots point there.
    pub fn save(
        &mut self,
        frame: &mut Frame,
        slots: &mut [u32],
        parent: (u32, u32),
        block: u32,
        raw: &[u8],
    ) {
        let start = self.bytes.len();
        let saved = frame.saved.take().unwrap_or_default();
        for (number, slot) in slots.iter_mut().enumerate() {
            if *slot == 0 {
                continue;
            }
            let mut cursor = if *slot & IN_BLOCK != 0 {
                Raw::new(raw, (*slot & !IN_BLOCK) as usize)
            } else {
                Raw::new(&saved, *slot as usize - 1)
            };
            match cursor.value() {
                Some(value) if value != [op::V_UNBOUND] => {
                    self.bytes.uv(number as u64);
                    *slot = (self.bytes.len() - start) as u32 + 1;
                    self.bytes.extend_from_slice(value);
                }
                _ => *slot = 0,
            }
        }
        frame.saved = Some(self.bytes[start..].into());
        frame.node = (block, self.nodes.len() as u32);
        self.nodes.push(Node {
            activation: frame.activation,
            code: frame.code,
            entered: frame.entered,
            line: u32::try_from(frame.line).unwrap_or(0),
            parent_block: parent.0,
            parent_node: parent.1,
            start: start as u32,
            end: self.bytes.len() as u32,
        });
    }

    /// Saves what ran in the block of a whole stack; gives the node of its top.
    pub fn save_stack(&mut self, stack: &mut Stack, block: u32, raw: &[u8]) -> Option<(u32, u32)> {
        let epoch = block + 1;
        let Stack { top, below, slots } = stack;
        // Frames below one that did not run did not run either.
        let still = below.iter().rposition(|frame| frame.epoch != epoch).map_or(0, |at| at + 1);
        let mut parent = match still {
            0 => (NONE, NONE),
            still => below[still - 1].node,
        };
        for frame in below[still..].iter_mut().chain(top.as_mut()) {
            if frame.epoch == epoch {
                let end = (frame.slots_at + frame.slots) as usize;
                let slots = &mut slots[frame.slots_at as usize..end];
                self.save(frame, slots, parent, block, raw);
            }
            parent = frame.node;
        }
        top.as_ref().map(|frame| frame.node)
    }
}

/// Suspended frames by activation.
pub type SuspendedFrames = FxHashMap<u64, Suspended>;
