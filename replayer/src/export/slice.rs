//! A part of a trace as a trace of its own: a segment that opens with a baseline, so that all that
//! can be asked inside it has the answer of the whole.

use crate::machine::{Frame, Machine};
use moviola_format::event::read::EventReader;
use moviola_format::event::{Event, Part, Reason, Sink, Value, op};
use moviola_format::read::{EventCursor, ObjectState, OwnedValue, Status, Step, Trace, TraceError};
use moviola_format::write::{Indexer, TraceFile};
use rustc_hash::FxHashSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Elements, items, fields and bytes that one event holds at most, so that all together stay
/// below the limit of an event (`SPEC.md` section 7).
const SEQ: usize = 256;
const ITEMS: usize = 96;
const BLOB: usize = 8 * 1024;
const SOURCE: usize = 48 * 1024;
/// Bytes of events that are collected before blocks are made of them.
const BUFFER: usize = 4 << 20;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sliced {
    /// Stops in the new trace.
    pub stops: u64,
    /// Line events in it.
    pub lines: u64,
    /// Objects of the baseline.
    pub objects: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// Writes the stops of `range` to a trace of their own with the identity `identity`. Stops and
/// lines are counted anew from 0; object, code, thread and activation numbers stay.
///
/// # Errors
/// If the trace is damaged there or the new one cannot be written.
pub fn slice(
    trace: &Trace,
    range: Range<u64>,
    identity: [u8; 16],
    output: &Path,
) -> Result<Sliced, TraceError> {
    let range = range.start.min(trace.stop_count())..range.end.min(trace.stop_count());
    let mut stream = Stream::create(output, identity)?;
    let mut objects = 0;
    if range.start > 0 {
        let found = Found::scan(trace, &range)?;
        objects = baseline(trace, &range, &found, &mut stream)?;
    }
    each(trace, &range, |raw, step, end| {
        match step.event {
            // One of LINES: only some of them may be in the range.
            Event::Line { delta } => stream.bytes.line(delta),
            _ => stream.bytes.raw(&raw[step.offset..end]),
        }
        stream.flush(BUFFER)
    })?;
    stream.finish(objects)
}

/// Calls `take` for every event of the range, with its block's events and its end there.
fn each(
    trace: &Trace,
    range: &Range<u64>,
    mut take: impl FnMut(&[u8], Step<'_>, usize) -> Result<(), TraceError>,
) -> Result<(), TraceError> {
    // Events behind a stop may lie in the next block already.
    let first = trace.block_of_stop(range.start.saturating_sub(1));
    for number in first..trace.block_count() {
        if trace.bounds(number).first_stop > range.end {
            break;
        }
        let block = trace.block(number)?;
        let mut cursor = block.cursor();
        let mut next = cursor.next()?;
        while let Some(step) = next {
            next = cursor.next()?;
            let end = next.as_ref().map_or(block.raw().len(), |next| next.offset);
            let inside = step.stop >= range.start
                && (step.stop < range.end || (step.stop == range.end && !step.is_stop));
            if inside {
                take(block.raw(), step, end)?;
            }
        }
    }
    Ok(())
}

/// What the events of a range refer to and do not define themselves.
#[derive(Default)]
struct Found {
    objects: FxHashSet<u64>,
    born: FxHashSet<u64>,
    activations: Vec<u64>,
    codes: FxHashSet<u64>,
    /// The first code object that is defined in the range.
    first_code: Option<u64>,
}

impl Found {
    fn scan(trace: &Trace, range: &Range<u64>) -> Result<Self, TraceError> {
        let mut found = Self::default();
        each(trace, range, |_, step, _| {
            found.event(&step.event);
            Ok(())
        })?;
        Ok(found)
    }

    fn object(&mut self, id: u64) {
        if id != 0 && !self.born.contains(&id) {
            self.objects.insert(id);
        }
    }

    fn value(&mut self, value: &Value<'_>) {
        if let Value::Ref(id) = value {
            self.object(*id);
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Local { value, .. } | Event::Return { value } | Event::Yield { value } => {
                self.value(value);
            }
            Event::Call { code, namespace, locals } => {
                self.codes.insert(*code);
                namespace.iter().for_each(|value| self.value(value));
                locals.iter().for_each(|(_, value)| self.value(value));
            }
            Event::Resume { activation } | Event::Throw { activation } => {
                self.activations.push(*activation);
            }
            Event::Raise { exception: value }
            | Event::Handled { exception: value }
            | Event::CCall { callable: value } => self.value(value),
            Event::Audit { args, .. } => args.iter().for_each(|value| self.value(value)),
            Event::Code(code) => {
                self.first_code = Some(self.first_code.map_or(code.id, |id| id.min(code.id)));
                self.object(code.globals);
            }
            Event::Object { id, class, parts, .. } => {
                self.born.insert(*id);
                self.object(*class);
                self.parts(parts);
            }
            Event::Replace { id, parts } => {
                self.object(*id);
                self.parts(parts);
            }
            Event::SeqSplice { id, inserted, .. } => {
                self.object(*id);
                inserted.iter().for_each(|value| self.value(value));
            }
            Event::SeqSet { id, value, .. }
            | Event::SeqAppend { id, value }
            | Event::SeqRemove { id, value }
            | Event::ScalarSet { id, value }
            | Event::MapDel { id, key: value }
            | Event::AttrDel { id, key: value } => {
                self.object(*id);
                self.value(value);
            }
            Event::MapSet { id, key, value }
            | Event::AttrSet { id, key, value }
            | Event::FieldSet { id, key, value } => {
                self.object(*id);
                self.value(key);
                self.value(value);
            }
            Event::Clear { id } | Event::BlobSplice { id, .. } | Event::Unknown { id, .. } => {
                self.object(*id);
            }
            _ => {}
        }
    }

    fn parts(&mut self, parts: &[Part<'_>]) {
        for part in parts {
            match part {
                Part::Seq(values) => values.iter().for_each(|value| self.value(value)),
                Part::Map(items) | Part::Attrs(items) | Part::Fields(items) => {
                    for (key, value) in items {
                        self.value(key);
                        self.value(value);
                    }
                }
                Part::Scalar(value) => self.value(value),
                Part::Blob(_) => {}
                Part::DictOf(id) => self.object(*id),
            }
        }
    }
}

/// Writes what the whole trace knows at the last stop before the range.
fn baseline(
    trace: &Trace,
    range: &Range<u64>,
    found: &Found,
    stream: &mut Stream,
) -> Result<u64, TraceError> {
    let before = range.start - 1;
    let (mut machine, lines, nanos) = machine_behind(trace, before)?;
    let out = &mut stream.bytes;
    out.u8(op::SEGMENT);
    out.uv(machine.next_activation());
    out.uv(range.start);
    out.uv(lines);
    out.uv(nanos);
    for (key, value) in trace.meta() {
        out.u8(op::META);
        out.str(key);
        out.str(value);
    }
    threads(trace, range.start, out);
    definitions(trace, found, stream)?;

    let mut frames = Vec::new();
    for thread in trace.threads() {
        for frame in machine.stack(thread.number) {
            frames.push((Some(thread.number), frame.clone()));
        }
    }
    let block = trace.block_of_stop(before);
    for activation in &found.activations {
        if !machine.is_suspended(*activation)
            && let Some(frame) = trace.suspended_at(block, *activation)?
        {
            machine.suspend(&frame);
        }
    }
    frames.extend(machine.suspended().map(|frame| (None, frame.clone())));

    let mut graph = Graph { trace, stop: before, seen: FxHashSet::default(), queue: Vec::new() };
    found.objects.iter().for_each(|id| graph.need(*id));
    // What was changed in Python's own modules, which nothing refers to.
    let changed = trace.meta().iter().find(|(key, _)| key == "changed");
    changed.and_then(|(_, id)| id.parse().ok()).into_iter().for_each(|id| graph.need(id));
    for (_, frame) in &frames {
        frame.namespace.iter().chain(&frame.locals).for_each(|value| graph.value(value));
    }
    for code in trace.codes() {
        let runs = frames.iter().any(|(_, frame)| frame.code == code.id);
        if runs || found.codes.contains(&code.id) {
            graph.need(code.globals);
        }
    }
    let objects = graph.write(stream)?;
    let mut last = None;
    for (thread, frame) in &frames {
        if let Some(number) = thread.filter(|thread| last != Some(*thread)) {
            stream.bytes.u8(op::THREAD);
            stream.bytes.uv(number);
            last = *thread;
        }
        write_frame(frame, thread.is_none(), &mut stream.bytes);
    }
    stream.bytes.u8(op::THREAD);
    stream.bytes.uv(machine.thread());
    stream.flush(BUFFER)?;
    Ok(objects)
}

/// The stacks behind a stop, line events and time up to it.
fn machine_behind(trace: &Trace, stop: u64) -> Result<(Machine, u64, u64), TraceError> {
    let number = trace.block_of_stop(stop);
    let bounds = trace.bounds(number);
    let stacks = trace.stacks_at(number)?;
    let codes = trace.codes();
    let mut machine = Machine::resume(codes, &stacks, bounds.first_stop, bounds.first_activation);
    let (mut lines, mut nanos) = (bounds.first_line, bounds.first_time);
    let block = trace.block(number)?;
    let mut cursor: EventCursor<'_> = block.cursor();
    while let Some(step) = cursor.next()? {
        if step.stop > stop {
            break;
        }
        match step.event {
            Event::Resume { activation } | Event::Throw { activation }
                if !machine.is_suspended(activation) =>
            {
                if let Some(frame) = trace.suspended_at(number, activation)? {
                    machine.suspend(&frame);
                }
            }
            Event::Line { .. } => lines += 1,
            Event::Time { nanos: passed } => nanos += passed,
            _ => {}
        }
        machine.apply(&step.event);
    }
    machine.settle();
    Ok((machine, lines, nanos))
}

fn threads(trace: &Trace, stop: u64, out: &mut Vec<u8>) {
    for thread in trace.threads().iter().filter(|thread| thread.first_stop < stop) {
        out.u8(op::THREAD_START);
        out.uv(thread.number);
        out.uv(thread.ident);
        out.uv(thread.native_id);
        if let Some(name) = &thread.name {
            out.u8(op::THREAD_NAME);
            out.uv(thread.number);
            out.str(name);
        }
        if thread.end_stop.is_some_and(|end| end < stop) {
            out.u8(op::THREAD_END);
            out.uv(thread.number);
        }
    }
}

/// Code objects that were defined before, and the source of their files.
fn definitions(trace: &Trace, found: &Found, stream: &mut Stream) -> Result<(), TraceError> {
    let events = trace.code_definitions();
    let mut reader = EventReader::new(events);
    let mut files: Vec<&[u8]> = Vec::new();
    loop {
        let start = reader.offset();
        let Ok(Some(Event::Code(code))) = reader.next_event() else { break };
        if found.first_code.is_none_or(|first| code.id < first) {
            stream.bytes.raw(&events[start..reader.offset()]);
            stream.flush(BUFFER)?;
            files.push(code.filename);
        }
    }
    files.sort_unstable();
    files.dedup();
    for file in files {
        let Some(text) = trace.source_bytes(&String::from_utf8_lossy(file)) else { continue };
        let mut parts = text.chunks(SOURCE).collect::<Vec<_>>();
        if parts.is_empty() {
            parts.push(&[]);
        }
        for (number, part) in parts.into_iter().enumerate() {
            stream.bytes.u8(op::SOURCE);
            stream.bytes.bytes(file);
            stream.bytes.uv(number as u64);
            stream.bytes.bytes(part);
            stream.flush(BUFFER)?;
        }
    }
    Ok(())
}

fn write_frame(frame: &Frame, suspended: bool, out: &mut Vec<u8>) {
    let bound = || {
        let slots = frame.locals.iter().enumerate();
        slots.filter(|(_, value)| **value != OwnedValue::Unbound)
    };
    out.u8(op::FRAME);
    out.u8(u8::from(suspended));
    out.uv(frame.activation);
    out.uv(frame.code);
    out.uv(u64::from(u32::try_from(frame.line).unwrap_or(0)));
    out.value(&frame.namespace.as_ref().map_or(Value::Unbound, OwnedValue::borrow));
    out.uv(bound().count() as u64);
    for (slot, value) in bound() {
        out.uv(slot as u64);
        out.value(&value.borrow());
    }
}

/// The objects of a baseline, each once.
struct Graph<'a> {
    trace: &'a Trace,
    stop: u64,
    seen: FxHashSet<u64>,
    queue: Vec<u64>,
}

impl Graph<'_> {
    fn need(&mut self, id: u64) {
        if id != 0 && self.seen.insert(id) {
            self.queue.push(id);
        }
    }

    fn value(&mut self, value: &OwnedValue) {
        if let OwnedValue::Ref(id) = value {
            self.need(*id);
        }
    }

    fn write(mut self, stream: &mut Stream) -> Result<u64, TraceError> {
        let mut count = 0;
        while let Some(id) = self.queue.pop() {
            let object = self.trace.object_at(id, self.stop)?;
            if matches!(object.status, Status::Dead | Status::Unseen) {
                continue;
            }
            self.need(object.class);
            object.dict_of.iter().for_each(|owner| self.need(*owner));
            object.seq.iter().flatten().chain(&object.scalar).for_each(|value| self.value(value));
            for items in [&object.map, &object.attrs, &object.fields].into_iter().flatten() {
                for (key, value) in items {
                    self.value(key);
                    self.value(value);
                }
            }
            count += 1;
            write_object(id, &object, &mut stream.bytes);
            stream.flush(BUFFER)?;
        }
        Ok(count)
    }
}

fn write_items(out: &mut Vec<u8>, items: &[(OwnedValue, OwnedValue)]) {
    out.uv(items.len() as u64);
    for (key, value) in items {
        out.value(&key.borrow());
        out.value(&value.borrow());
    }
}

fn write_object(id: u64, object: &ObjectState, out: &mut Vec<u8>) {
    out.object(id, object.kind, object.class);
    if let Status::Unknown(reason) = object.status {
        out.u8(op::P_END);
        unknown(id, reason, out);
        return;
    }
    let named = [
        (op::P_FIELDS, op::FIELD_SET, &object.fields),
        (op::P_MAP, op::MAP_SET, &object.map),
        (op::P_ATTRS, op::ATTR_SET, &object.attrs),
    ];
    for (part, _, items) in &named {
        if let Some(items) = items {
            out.u8(*part);
            write_items(out, &items[..items.len().min(ITEMS)]);
        }
    }
    if let Some(value) = &object.scalar {
        out.u8(op::P_SCALAR);
        out.value(&value.borrow());
    }
    if let Some(values) = &object.seq {
        out.u8(op::P_SEQ);
        let first = &values[..values.len().min(SEQ)];
        out.uv(first.len() as u64);
        first.iter().for_each(|value| out.value(&value.borrow()));
    }
    if let Some(bytes) = &object.blob {
        out.u8(op::P_BLOB);
        out.bytes(&bytes[..bytes.len().min(BLOB)]);
    }
    if let Some(owner) = object.dict_of {
        out.u8(op::P_DICT_OF);
        out.uv(owner);
    }
    out.u8(op::P_END);
    for (_, code, items) in named {
        for (key, value) in items.iter().flat_map(|items| items.iter().skip(ITEMS)) {
            out.u8(code);
            out.uv(id);
            out.value(&key.borrow());
            out.value(&value.borrow());
        }
    }
    let rest = object.seq.as_deref().and_then(|values| values.get(SEQ..)).unwrap_or_default();
    for (number, values) in rest.chunks(SEQ).enumerate() {
        out.u8(op::SEQ_SPLICE);
        out.uv(id);
        out.uv((SEQ + number * SEQ) as u64);
        out.uv(0);
        out.uv(values.len() as u64);
        values.iter().for_each(|value| out.value(&value.borrow()));
    }
    let rest = object.blob.as_deref().and_then(|bytes| bytes.get(BLOB..)).unwrap_or_default();
    for (number, bytes) in rest.chunks(BLOB).enumerate() {
        out.u8(op::BLOB_SPLICE);
        out.uv(id);
        out.uv((BLOB + number * BLOB) as u64);
        out.uv(0);
        out.bytes(bytes);
    }
}

fn unknown(id: u64, reason: Reason, out: &mut Vec<u8>) {
    out.u8(op::UNKNOWN);
    out.uv(id);
    out.u8(reason as u8);
}

/// Events on their way to a new trace.
struct Stream {
    file: TraceFile,
    indexer: Indexer,
    bytes: Vec<u8>,
}

fn io(action: &'static str) -> impl Fn(std::io::Error) -> TraceError {
    move |error| TraceError::Io { action, error: Arc::new(error) }
}

impl Stream {
    fn create(path: &Path, identity: [u8; 16]) -> Result<Self, TraceError> {
        let file = TraceFile::create(path, identity).map_err(io("make the new trace"))?;
        Ok(Self { file, indexer: Indexer::new(), bytes: Vec::new() })
    }

    /// Makes blocks of all events, once there are `limit` bytes of them.
    fn flush(&mut self, limit: usize) -> Result<(), TraceError> {
        if self.bytes.len() < limit {
            return Ok(());
        }
        let mut raw = self.bytes.as_slice();
        while !raw.is_empty() {
            let (end, _) = self.indexer.feed(raw, 0).map_err(|(at, error)| {
                TraceError::Damaged { offset: at as u64, what: error.to_string() }
            })?;
            let sealed = self.indexer.seal(&raw[..end]);
            self.file.append(&raw[..end], sealed).map_err(io("write the new trace"))?;
            raw = &raw[end..];
        }
        self.bytes.clear();
        Ok(())
    }

    fn finish(mut self, objects: u64) -> Result<Sliced, TraceError> {
        self.flush(1)?;
        self.file.finish(None).map_err(io("write the new trace"))?;
        Ok(Sliced {
            stops: self.indexer.stops(),
            lines: self.indexer.lines(),
            objects,
            bytes: self.file.len(),
        })
    }
}
