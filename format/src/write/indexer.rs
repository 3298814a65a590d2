//! Reads the event stream once, keeps the state that indexes need, and seals blocks.
//!
//! The hot loop: no allocation and no copy per event. Must not do I/O.

use super::bases::Bases;
use super::frames::{Frame, Nodes, Stack, Suspended, SuspendedFrames};
use super::heap::Heap;
use super::hits::Hits;
use super::memory::Memory;
use crate::event::raw::Raw;
use crate::event::read::{DecodeError, Event, EventReader};
use crate::event::{Sink, op};
use crate::v1::{
    BLOCK_BYTES, BLOCK_LINES, BlockIndex, BlockSummary, NONE, Node, TableBuilder, ThreadTop, count,
};
use std::collections::BTreeSet;

/// A block without its place in a file.
#[derive(Debug, Default)]
pub struct Sealed {
    /// Bounds and definitions; the offsets are still 0.
    pub summary: BlockSummary,
    /// The index.
    pub index: BlockIndex,
    /// Payload of the bases section.
    pub bases: Vec<u8>,
    /// The block's SOURCE events.
    pub sources: Vec<u8>,
}

/// State in which a recording goes on, for indexing its unwritten end.
#[derive(Debug, Default)]
pub struct Past {
    /// Definitions of all code objects, encoded as CODE events.
    pub codes: Vec<u8>,
    /// The last block.
    pub last: BlockSummary,
    /// Its current thread.
    pub current_thread: u64,
    /// Each thread's number and frames, outermost first.
    pub stacks: Vec<(u64, Vec<SavedFrame>)>,
    /// Suspended activations that the new events may resume.
    pub suspended: Vec<SavedFrame>,
}

/// A frame as it stands in an index.
#[derive(Debug, Clone)]
pub struct SavedFrame {
    /// Its node.
    pub node: Node,
    /// Block and number of the node.
    pub place: (u32, u32),
    /// The node's bytes.
    pub bytes: Vec<u8>,
}

/// The state of an event stream at some point, and the block in the making.
#[derive(Default)]
pub struct Indexer {
    block: u32,
    /// Totals at the block's start.
    start: Clock,
    now: Clock,
    counts: [u64; count::LEN],
    current: u64,
    stack: Stack,
    /// The stacks of the other threads.
    others: Vec<Option<Box<Stack>>>,
    ran: Vec<u64>,
    suspended: SuspendedFrames,
    yielded: Vec<u64>,
    pool: Vec<Vec<u32>>,
    hits: Hits,
    heap: Option<Heap>,
    bases: Bases,
    memory: Memory,
    definitions: Vec<u8>,
    spans: Vec<u8>,
    sources: Vec<u8>,
    audits: BTreeSet<Vec<u8>>,
    exit: Option<(u8, i64)>,
    /// Where blocks are cut, if not at the usual limits.
    limits: Option<(usize, u64)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    stop: u64,
    line: u64,
    activation: u64,
    time: u64,
    stream: u64,
}

/// More threads than any process has.
const THREADS_MAX: u64 = 1 << 20;

impl Indexer {
    /// At the start of a recording.
    #[must_use]
    pub fn new() -> Self {
        let mut this = Self { heap: Some(Heap::default()), ..Self::default() };
        this.begin_block();
        this
    }

    /// At the start of a recording, sealing blocks without bases.
    #[must_use]
    pub fn resume_at_start() -> Self {
        let mut this = Self::default();
        this.begin_block();
        this
    }

    /// Behind the last block of a trace. The result seals blocks without bases.
    #[must_use]
    pub fn resume(past: &Past) -> Self {
        let last = &past.last;
        let now = Clock {
            stop: last.end_stop,
            line: last.end_line,
            activation: last.end_activation,
            time: last.end_time,
            stream: last.stream_start + u64::from(last.raw_len),
        };
        let mut this = Self {
            block: last.number + 1,
            start: now,
            now,
            current: past.current_thread,
            ..Self::default()
        };
        let mut reader = EventReader::new(&past.codes);
        while let Ok(Some(event)) = reader.next_event() {
            if let Event::Code(code) = event {
                this.hits.define(&code);
            }
        }
        for (thread, nodes) in &past.stacks {
            let mut stack = Stack::default();
            for SavedFrame { node, place, bytes } in nodes {
                let state = this.hits.code(node.code);
                let frame = Frame::restored(node, *place, bytes, &state);
                let slots = frame.restored_slots();
                stack.resume(Suspended { frame, slots });
            }
            if *thread == past.current_thread {
                this.stack = stack;
            } else if let Some(other) = this.other(*thread) {
                *other = stack;
            }
        }
        for SavedFrame { node, place, bytes } in &past.suspended {
            let frame = Frame::restored(node, *place, bytes, &this.hits.code(node.code));
            let slots = frame.restored_slots();
            this.suspended.insert(node.activation, Suspended { frame, slots });
        }
        this.begin_block();
        this
    }

    /// Cuts blocks at other limits than the usual ones: for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_limits(mut self, bytes: usize, lines: u64) -> Self {
        self.limits = Some((bytes, lines));
        self
    }

    /// Number of the block in the making.
    #[must_use]
    pub const fn block(&self) -> u32 {
        self.block
    }

    /// Stops so far.
    #[must_use]
    pub const fn stops(&self) -> u64 {
        self.now.stop
    }

    /// Line events so far.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.now.line
    }

    /// What the stream said about the process's end: kind and code.
    #[must_use]
    pub const fn exit(&self) -> Option<(u8, i64)> {
        self.exit
    }

    /// Objects that are alive.
    #[must_use]
    pub fn live_objects(&self) -> usize {
        self.heap.as_ref().map_or(0, Heap::len)
    }

    fn other(&mut self, thread: u64) -> Option<&mut Stack> {
        if thread >= THREADS_MAX {
            return None;
        }
        let number = thread as usize;
        if number >= self.others.len() {
            self.others.resize_with(number + 1, || None);
        }
        self.others.get_mut(number).map(|other| &mut **other.get_or_insert_default())
    }

    /// Reads events of the block in the making, `raw`, from `at` on, until the bytes end or the
    /// block is full; gives the offset behind the last event and whether the block is full.
    ///
    /// # Errors
    /// On bytes that are no event, with the offset behind the event before; the state is that of
    /// the event before.
    pub fn feed(&mut self, raw: &[u8], at: usize) -> Result<(usize, bool), (usize, DecodeError)> {
        let mut cursor = Raw::new(raw, at);
        let (byte_limit, lines) = self.limits.unwrap_or((BLOCK_BYTES, BLOCK_LINES));
        let line_limit = self.start.line + lines;
        let end = raw.len();
        let mut locals = 0;
        let mut events = 0;
        let result = loop {
            let at = cursor.at();
            if at >= end {
                break Ok((at, at >= byte_limit || self.now.line >= line_limit));
            }
            if at >= byte_limit || self.now.line >= line_limit {
                break Ok((at, true));
            }
            let opcode = raw[at];
            events += 1;
            if opcode >= op::LINE_FIRST {
                self.line(i64::from(opcode) - i64::from(op::LINE_BIAS));
                cursor = Raw::new(raw, at + 1);
                continue;
            }
            cursor = Raw::new(raw, at + 1);
            if opcode >= op::LOCAL_FIRST {
                if cursor.skip_value().is_some() {
                    self.stack.store(u32::from(opcode - op::LOCAL_FIRST), at + 1);
                    locals += 1;
                    continue;
                }
            } else if self.other_event(opcode, raw, at, &mut cursor).is_some() {
                continue;
            }
            events -= 1;
            let error = EventReader::new(&raw[at..]).next_event().err();
            let error = error.unwrap_or(DecodeError::BadNumber { offset: 0 });
            break Err((at, shift(error, at)));
        };
        self.counts[count::EVENTS] += events;
        self.counts[count::LOCAL] += locals;
        result
    }

    #[inline]
    fn line(&mut self, delta: i64) {
        self.now.stop += 1;
        self.now.line += 1;
        let Some(top) = &mut self.stack.top else { return };
        top.line = top.line.wrapping_add(delta);
        let offset = (top.line as u64).wrapping_sub(u64::from(top.hits_line));
        if offset < u64::from(top.hits_span) {
            self.hits.counters[top.hits_at as usize + offset as usize] += 1;
        } else {
            self.hits.odd_line(top.code, top.line as u64);
        }
    }

    #[inline]
    fn stop(&mut self, kind: usize) -> u64 {
        self.counts[kind] += 1;
        self.now.stop += 1;
        self.now.stop - 1
    }

    fn define(&mut self, event: &[u8]) {
        self.definitions.uv(self.now.stop - self.start.stop);
        self.definitions.extend_from_slice(event);
    }

    /// The running frame is another one than before.
    #[inline]
    fn mark_top(&mut self) {
        let epoch = self.block + 1;
        if let Some(top) = &mut self.stack.top
            && top.epoch != epoch
        {
            top.epoch = epoch;
            self.hits.mark(top.code, epoch);
        }
    }

    fn switch(&mut self, thread: u64) -> Option<()> {
        if thread == self.current {
            return Some(());
        }
        let mut stack = std::mem::take(self.other(thread)?);
        std::mem::swap(&mut self.stack, &mut stack);
        let old = self.current;
        *self.other(old)? = stack;
        self.current = thread;
        if !self.ran.contains(&thread) {
            self.ran.push(thread);
        }
        self.mark_top();
        Some(())
    }

    fn span(&mut self, frame: &Frame, last: u64) {
        if frame.entered < self.start.stop {
            self.spans.uv(frame.activation);
            self.spans.uv(frame.entered);
            self.spans.uv(last - frame.entered);
            self.spans.uv(self.stack.top.as_ref().map_or(0, |caller| caller.activation + 1));
        }
    }

    fn leave(&mut self, kind: usize) {
        let stop = self.stop(kind);
        if let Some(frame) = self.stack.pop() {
            self.stack.drop_slots(&frame);
            self.span(&frame, stop);
            self.mark_top();
        }
    }

    fn suspend(&mut self) {
        let stop = self.stop(count::YIELD);
        if let Some(frame) = self.stack.pop() {
            let mut slots = self.pool.pop().unwrap_or_default();
            self.stack.take_slots(&frame, &mut slots);
            self.span(&frame, stop);
            self.yielded.push(frame.activation);
            self.suspended.insert(frame.activation, Suspended { frame, slots });
            self.mark_top();
        }
    }

    fn resume_frame(&mut self, activation: u64) {
        let stop = self.now.stop - 1;
        let epoch = self.block + 1;
        if let Some(mut suspended) = self.suspended.remove(&activation) {
            suspended.frame.entered = stop;
            suspended.frame.epoch = epoch;
            self.hits.call(suspended.frame.code, epoch);
            let buffer = self.stack.resume(suspended);
            if self.pool.len() < 64 {
                self.pool.push(buffer);
            }
        } else {
            // It began before the recording: nothing is known but its number.
            let state = super::hits::CodeState::default();
            self.stack.push(Frame::new(activation, u64::MAX, &state, stop, epoch));
        }
    }

    fn call(&mut self, with_namespace: bool, cursor: &mut Raw<'_>) -> Option<()> {
        let code = cursor.uv()?;
        let mut scan = *cursor;
        if with_namespace {
            scan.skip_value()?;
        }
        let count = scan.count()?;
        let mut check = scan;
        for _ in 0..count {
            check.uv32()?;
            check.skip_value()?;
        }
        let stop = self.stop(count::CALL);
        let epoch = self.block + 1;
        let activation = self.now.activation;
        self.now.activation += 1;
        self.hits.call(code, epoch);
        let state = self.hits.code(code);
        self.stack.push(Frame::new(activation, code, &state, stop, epoch));
        if with_namespace {
            self.stack.store_namespace(cursor.at());
        }
        for _ in 0..count {
            let slot = scan.uv32()?;
            self.stack.store(slot, scan.at());
            scan.skip_value()?;
        }
        *cursor = scan;
        Some(())
    }

    /// A frame of a segment's baseline.
    fn frame(&mut self, fields: &mut Raw<'_>) -> Option<()> {
        let suspended = fields.u8()? == 1;
        let (activation, code, line) = (fields.uv()?, fields.uv()?, fields.uv32()?);
        let epoch = self.block + 1;
        let mut frame = Frame::new(activation, code, &self.hits.code(code), self.now.stop, epoch);
        frame.line = i64::from(line);
        self.hits.mark(code, epoch);
        self.stack.push(frame);
        let namespace = fields.at();
        if fields.value()? != [op::V_UNBOUND] {
            self.stack.store_namespace(namespace);
        }
        for _ in 0..fields.count()? {
            let slot = fields.uv32()?;
            self.stack.store(slot, fields.at());
            fields.skip_value()?;
        }
        if suspended && let Some(frame) = self.stack.pop() {
            let mut slots = self.pool.pop().unwrap_or_default();
            self.stack.take_slots(&frame, &mut slots);
            self.yielded.push(activation);
            self.suspended.insert(activation, Suspended { frame, slots });
        }
        Some(())
    }

    #[inline]
    fn other_event(
        &mut self,
        opcode: u8,
        raw: &[u8],
        at: usize,
        cursor: &mut Raw<'_>,
    ) -> Option<()> {
        match opcode {
            op::ALLOC => {
                let size = cursor.uv()?;
                let (domain, address) = cursor.block()?;
                self.counts[count::ALLOC] += 1;
                self.memory.alloc(domain, address, size);
            }
            op::FREE => {
                let (domain, address) = cursor.block()?;
                self.counts[count::FREE] += 1;
                self.memory.free(domain, address);
            }
            op::CALL => self.call(false, cursor)?,
            op::RETURN => {
                cursor.skip_value()?;
                self.leave(count::RETURN);
            }
            op::OBJECT..=op::UNKNOWN => {
                // The cursor of the whole block, so that offsets are the block's.
                let (id, change) = cursor.change(opcode)?;
                if id >= 1 << 63 {
                    return None;
                }
                let kind = match opcode {
                    op::OBJECT => count::OBJECT,
                    op::DEATH => count::DEATH,
                    op::UNKNOWN => count::UNKNOWN,
                    _ => count::CHANGE,
                };
                self.counts[kind] += 1;
                if let Some(heap) = &mut self.heap {
                    let moment = (self.now.stop - self.start.stop) as u32;
                    heap.change(raw, cursor.at(), id, &change, self.block, moment);
                }
            }
            op::TIME => {
                self.now.time = self.now.time.wrapping_add(cursor.uv()?);
                self.counts[count::TIME] += 1;
            }
            op::YIELD => {
                cursor.skip_value()?;
                self.suspend();
            }
            op::RESUME | op::THROW => {
                let activation = cursor.uv()?;
                self.stop(if opcode == op::RESUME { count::RESUME } else { count::THROW });
                self.resume_frame(activation);
            }
            op::UNWIND => self.leave(count::UNWIND),
            op::CALL_NS => self.call(true, cursor)?,
            _ => self.rare_event(opcode, raw, at, cursor)?,
        }
        Some(())
    }

    #[inline(never)]
    fn rare_event(
        &mut self,
        opcode: u8,
        raw: &[u8],
        at: usize,
        cursor: &mut Raw<'_>,
    ) -> Option<()> {
        let mut fields = *cursor;
        cursor.skip_fields(opcode)?;
        let event = &raw[at..cursor.at()];
        match opcode {
            op::LINE_FAR => self.line(fields.sv()?),
            op::LOCAL_FAR => {
                let slot = fields.uv32()?;
                self.stack.store(slot, fields.at());
                self.counts[count::LOCAL] += 1;
            }
            op::RAISE => {
                self.stop(count::RAISE);
            }
            op::LINES => {
                for _ in 0..fields.count()? {
                    self.line(fields.sv()?);
                }
            }
            op::HANDLED => self.counts[count::HANDLED] += 1,
            op::C_CALL => self.counts[count::C_CALL] += 1,
            op::C_RETURN => self.counts[count::C_RETURN] += 1,
            op::THREAD => self.switch(fields.uv()?)?,
            op::THREAD_START => {
                self.switch(fields.uv()?)?;
                self.define(event);
            }
            op::THREAD_END => {
                let thread = fields.uv()?;
                if thread == self.current {
                    self.stack = Stack::default();
                } else if let Some(other) = self.others.get_mut(thread as usize) {
                    *other = None;
                }
                self.define(event);
            }
            op::CODE => {
                let Ok(Some(Event::Code(code))) = EventReader::new(event).next_event() else {
                    return None;
                };
                if !self.hits.define(&code) {
                    return None;
                }
                self.define(event);
            }
            op::SOURCE => {
                self.counts[count::SOURCE] += 1;
                self.sources.extend_from_slice(event);
                let (filename, part) = (fields.blob()?, fields.uv()?);
                self.definitions.uv(self.now.stop - self.start.stop);
                self.definitions.push(op::SOURCE);
                self.definitions.bytes(filename);
                self.definitions.uv(part);
                self.definitions.bytes(&[]);
            }
            op::EXIT => {
                self.exit = Some((fields.u8()?, fields.sv()?));
                self.define(event);
            }
            op::THREAD_NAME | op::META | op::GAP | op::BOOKMARK | op::CHILD => {
                self.define(event);
            }
            op::OUTPUT => self.counts[count::OUTPUT] += 1,
            op::AUDIT => {
                self.counts[count::AUDIT] += 1;
                let name = fields.blob()?;
                if !self.audits.contains(name) {
                    self.audits.insert(name.to_vec());
                }
            }
            op::SEGMENT => {
                self.now.activation = fields.uv()?;
                let _ = (fields.uv()?, fields.uv()?);
                self.now.time = fields.uv()?;
                self.define(event);
            }
            op::FRAME => self.frame(&mut fields)?,
            op::REALLOC => {
                self.counts[count::ALLOC] += 1;
                let size = fields.uv()?;
                let ((domain, old), (_, new)) = (fields.block()?, fields.block()?);
                self.memory.free(domain, old);
                self.memory.alloc(domain, new, size);
            }
            _ => {}
        }
        Some(())
    }

    /// Ends the block in the making, whose events are `raw`; the next one begins.
    pub fn seal(&mut self, raw: &[u8]) -> Sealed {
        let block = self.block;
        let epoch = block + 1;
        let mut nodes = Nodes::default();
        let current = self.current;
        let ran = std::mem::take(&mut self.ran);
        let mut tops = Vec::new();
        for thread in 0..self.others.len().max(current as usize + 1) as u64 {
            let stack = if thread == current {
                &mut self.stack
            } else if let Some(Some(other)) = self.others.get_mut(thread as usize) {
                other
            } else {
                continue;
            };
            let top = if ran.contains(&thread) {
                nodes.save_stack(stack, block, raw)
            } else {
                stack.top.as_ref().map(|frame| frame.node)
            };
            if let Some((block, node)) = top {
                tops.push(ThreadTop { thread, block, node });
            }
        }
        let mut rows = match &mut self.heap {
            Some(heap) => heap.seal(raw, block, &mut self.bases),
            None => Vec::new(),
        };
        let mut yielded = std::mem::take(&mut self.yielded);
        yielded.sort_unstable();
        yielded.dedup();
        for activation in yielded {
            if activation >= 1 << 63 {
                continue;
            }
            if let Some(Suspended { frame, slots }) = self.suspended.get_mut(&activation)
                && frame.epoch == epoch
            {
                nodes.save(frame, slots, (NONE, NONE), block, raw);
                // Many are never resumed: keep no more than what was saved.
                *slots = Vec::new();
                rows.push(((activation | 1 << 63, 0), [0, 0, 0, u64::from(frame.node.1)]));
            }
        }
        let mut touched = TableBuilder::new(4);
        for (key, values) in &rows {
            touched.push(*key, values);
        }
        let (bases, pieces) = self.bases.finish();
        let index = BlockIndex {
            current_thread: current,
            tops,
            nodes: nodes.nodes,
            node_bytes: nodes.bytes,
            touched: touched.finish(),
            hits: self.hits.seal(),
            pieces,
        };
        let mut counts = std::mem::take(&mut self.counts);
        counts[count::LINE] = self.now.line - self.start.line;
        let mut audits = Vec::new();
        for name in std::mem::take(&mut self.audits) {
            audits.bytes(&name);
        }
        self.now.stream = self.start.stream + raw.len() as u64;
        let summary = BlockSummary {
            number: block,
            raw_len: raw.len() as u32,
            stream_start: self.start.stream,
            first_stop: self.start.stop,
            end_stop: self.now.stop,
            first_line: self.start.line,
            end_line: self.now.line,
            first_activation: self.start.activation,
            end_activation: self.now.activation,
            first_time: self.start.time,
            end_time: self.now.time,
            counts,
            definitions: std::mem::take(&mut self.definitions),
            spans: std::mem::take(&mut self.spans),
            audits,
            alloc: self.memory.seal(),
            ..BlockSummary::default()
        };
        self.start = self.now;
        self.block += 1;
        let sources = std::mem::take(&mut self.sources);
        self.begin_block();
        Sealed { summary, index, bases, sources }
    }

    fn begin_block(&mut self) {
        self.ran.push(self.current);
        self.mark_top();
    }
}

fn shift(error: DecodeError, by: usize) -> DecodeError {
    match error {
        DecodeError::Truncated { offset } => DecodeError::Truncated { offset: offset + by },
        DecodeError::UnknownOpcode { offset, opcode } => {
            DecodeError::UnknownOpcode { offset: offset + by, opcode }
        }
        DecodeError::BadTag { offset, tag } => DecodeError::BadTag { offset: offset + by, tag },
        DecodeError::BadNumber { offset } => DecodeError::BadNumber { offset: offset + by },
    }
}
