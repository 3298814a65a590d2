//! A random program with a naive model of its state, for tests: nothing here shares code with
//! the crate beyond the encoding of events.

#![allow(dead_code)]

use moviola_format::event::read::CodeDef;
use moviola_format::event::{Kind, Sink, op};
use moviola_format::read::OwnedValue;
use moviola_format::write::{Indexer, Sealed, TraceFile};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// xorshift64*.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object {
    pub kind: u8,
    pub seq: Option<Vec<OwnedValue>>,
    pub map: Option<Vec<(OwnedValue, OwnedValue)>>,
    pub attrs: Option<Vec<(OwnedValue, OwnedValue)>>,
    pub scalar: Option<OwnedValue>,
    pub blob: Option<Vec<u8>>,
    pub unknown: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub activation: u64,
    pub code: u64,
    pub line: i64,
    pub entered: u64,
    pub namespace: Option<OwnedValue>,
    pub locals: BTreeMap<u32, OwnedValue>,
}

/// The state of the program.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub objects: BTreeMap<u64, Object>,
    pub dead: Vec<u64>,
    pub stacks: BTreeMap<u64, Vec<Frame>>,
    pub suspended: BTreeMap<u64, Frame>,
    pub current: u64,
    pub stops: u64,
    pub lines: u64,
    pub activations: u64,
    pub time: u64,
}

/// What the whole run did.
#[derive(Debug, Default)]
pub struct Log {
    pub hits: BTreeMap<(u64, i64), Vec<u64>>,
    pub calls: BTreeMap<u64, Vec<u64>>,
    /// (activation, first stop, last stop, caller)
    pub spans: Vec<(u64, u64, u64, Option<u64>)>,
    /// Positions at which a change shows first, by object.
    pub changes: BTreeMap<u64, Vec<u64>>,
    pub kinds: BTreeMap<u64, u8>,
}

pub const CODES: u64 = 5;
pub const SLOTS: u64 = 70;

pub struct Program {
    rng: Rng,
    pub bytes: Vec<u8>,
    pub state: State,
    pub log: Log,
    next_object: u64,
    /// Asked before each event: whether to keep the state, by stream offset.
    pub wanted_offsets: Vec<usize>,
    pub at_offsets: Vec<(usize, State)>,
    pub sample_every: u64,
    pub at_stops: Vec<State>,
    big_list: u64,
    big_map: u64,
    big_set: u64,
    big_blob: u64,
}

fn text(rng: &mut Rng) -> Vec<u8> {
    let len = rng.below(20) as usize;
    (0..len).map(|_| b'a' + rng.below(26) as u8).collect()
}

pub fn put(out: &mut Vec<u8>, value: &OwnedValue) {
    match value {
        OwnedValue::Unbound => out.u8(op::V_UNBOUND),
        OwnedValue::None => out.u8(op::V_NONE),
        OwnedValue::Bool(value) => out.u8(if *value { op::V_TRUE } else { op::V_FALSE }),
        OwnedValue::Int(value) => out.v_int(*value),
        OwnedValue::Float(value) => out.v_float(*value),
        OwnedValue::Str(text) => out.v_str(text),
        OwnedValue::Bytes(text) => out.v_bytes(text),
        OwnedValue::Ref(id) => out.v_ref(*id),
        other => panic!("not used: {other:?}"),
    }
}

impl Program {
    pub fn new(seed: u64) -> Self {
        let mut this = Self {
            rng: Rng::new(seed),
            bytes: Vec::new(),
            state: State::default(),
            log: Log::default(),
            next_object: 1,
            wanted_offsets: Vec::new(),
            at_offsets: Vec::new(),
            sample_every: 0,
            at_stops: Vec::new(),
            big_list: 0,
            big_map: 0,
            big_set: 0,
            big_blob: 0,
        };
        this.start();
        this
    }

    /// Must precede every event.
    fn event(&mut self, opcode: u8) {
        if self.wanted_offsets.contains(&self.bytes.len()) {
            self.at_offsets.push((self.bytes.len(), self.state.clone()));
        }
        self.bytes.u8(opcode);
    }

    /// Must precede every stop.
    fn before_stop(&mut self) -> u64 {
        if self.sample_every > 0 && self.state.stops.is_multiple_of(self.sample_every) {
            self.at_stops.push(self.state.clone());
        }
        self.state.stops += 1;
        self.state.stops - 1
    }

    fn start(&mut self) {
        self.event(op::META);
        self.bytes.str("python");
        self.bytes.str("3.13.0");
        for part in 0..3 {
            self.event(op::SOURCE);
            self.bytes.str("main.py");
            self.bytes.uv(part);
            self.bytes.str(&format!("# part {part}\n"));
        }
        self.thread_start(0);
        for id in 0..CODES {
            if self.wanted_offsets.contains(&self.bytes.len()) {
                self.at_offsets.push((self.bytes.len(), self.state.clone()));
            }
            let name = format!("f{id}");
            self.bytes.code(&CodeDef {
                id,
                globals: 0,
                first_line: 10 * id as u32 + 1,
                flags: 0,
                arg_count: 2,
                filename: b"main.py",
                name: name.as_bytes(),
                qualname: name.as_bytes(),
                slots: (0..SLOTS).map(|_| (&b"x"[..], 0x20)).collect(),
                lines: (10 * id as u32 + 1..10 * id as u32 + 9).collect(),
            });
        }
        self.call(0);
        self.big_list = self.object(Kind::List);
        self.big_map = self.object(Kind::Dict);
        self.big_set = self.object(Kind::Set);
        self.big_blob = self.object(Kind::ByteArray);
    }

    fn thread_start(&mut self, thread: u64) {
        self.event(op::THREAD_START);
        self.bytes.uv(thread);
        self.bytes.uv(1000 + thread);
        self.bytes.uv(2000 + thread);
        self.state.current = thread;
        self.state.stacks.entry(thread).or_default();
    }

    fn stack(&mut self) -> &mut Vec<Frame> {
        self.state.stacks.entry(self.state.current).or_default()
    }

    fn value(&mut self) -> OwnedValue {
        match self.rng.below(9) {
            0 => OwnedValue::None,
            1 => OwnedValue::Bool(self.rng.below(2) == 0),
            2 => OwnedValue::Int(self.rng.below(100) as i64 - 50),
            3 => OwnedValue::Int(self.rng.next() as i64),
            4 => OwnedValue::Float(self.rng.below(100) as f64 / 2.0),
            5 => OwnedValue::Str(text(&mut self.rng).into()),
            6 => OwnedValue::Bytes(text(&mut self.rng).into()),
            7 => self.some_object().map_or(OwnedValue::None, OwnedValue::Ref),
            _ => OwnedValue::Int(self.rng.below(10) as i64),
        }
    }

    fn key(&mut self) -> OwnedValue {
        match self.rng.below(6) {
            0 => OwnedValue::Bool(self.rng.below(2) == 0),
            1 => OwnedValue::Float(self.rng.below(100) as f64),
            2 => OwnedValue::Str(format!("k{}", self.rng.below(300)).into_bytes().into()),
            3 => {
                let tuples: Vec<u64> = self.ids(Kind::Tuple);
                if tuples.is_empty() {
                    return OwnedValue::None;
                }
                OwnedValue::Ref(tuples[self.rng.below(tuples.len() as u64) as usize])
            }
            _ => OwnedValue::Int(self.rng.below(400) as i64),
        }
    }

    fn ids(&self, kind: Kind) -> Vec<u64> {
        let all = self.state.objects.iter();
        all.filter(|(_, object)| object.kind == kind as u8).map(|(id, _)| *id).collect()
    }

    fn some_object(&mut self) -> Option<u64> {
        let count = self.state.objects.len() as u64;
        if count == 0 {
            return None;
        }
        let number = self.rng.below(count) as usize;
        self.state.objects.keys().nth(number).copied()
    }

    fn object(&mut self, kind: Kind) -> u64 {
        let id = self.next_object;
        self.next_object += 1 + self.rng.below(3);
        let mut object = Object { kind: kind as u8, ..Object::default() };
        let count = self.rng.below(12);
        match kind {
            Kind::List => object.seq = Some((0..count).map(|_| self.value()).collect()),
            Kind::Tuple => {
                let element = |this: &mut Self| match this.rng.below(3) {
                    0 => OwnedValue::Float(this.rng.below(3) as f64),
                    1 => OwnedValue::Str(vec![b'a' + this.rng.below(3) as u8].into()),
                    _ => OwnedValue::Int(this.rng.below(3) as i64),
                };
                object.seq = Some((0..count % 3).map(|_| element(self)).collect());
            }
            Kind::Set => object.seq = Some(Vec::new()),
            Kind::Dict => object.map = Some(Vec::new()),
            Kind::Instance => object.attrs = Some(Vec::new()),
            Kind::Cell => object.scalar = Some(self.value()),
            _ => object.blob = Some(text(&mut self.rng)),
        }
        self.event(op::OBJECT);
        self.bytes.uv(id);
        self.bytes.u8(kind as u8);
        self.bytes.uv(0);
        self.parts(&object);
        self.state.objects.insert(id, object);
        self.log.kinds.insert(id, kind as u8);
        self.changed(id);
        id
    }

    fn parts(&mut self, object: &Object) {
        let out = &mut self.bytes;
        if let Some(seq) = &object.seq {
            out.u8(op::P_SEQ);
            out.uv(seq.len() as u64);
            seq.iter().for_each(|value| put(out, value));
        }
        for (tag, map) in [(op::P_MAP, &object.map), (op::P_ATTRS, &object.attrs)] {
            if let Some(map) = map {
                out.u8(tag);
                out.uv(map.len() as u64);
                for (key, value) in map {
                    put(out, key);
                    put(out, value);
                }
            }
        }
        if let Some(value) = &object.scalar {
            out.u8(op::P_SCALAR);
            put(out, value);
        }
        if let Some(blob) = &object.blob {
            out.u8(op::P_BLOB);
            out.bytes(blob);
        }
        out.u8(op::P_END);
    }

    fn changed(&mut self, id: u64) {
        let moments = self.log.changes.entry(id).or_default();
        if moments.last() != Some(&self.state.stops) {
            moments.push(self.state.stops);
        }
    }

    pub fn equal(&self, a: &OwnedValue, b: &OwnedValue) -> bool {
        let number = |value: &OwnedValue| match value {
            OwnedValue::Bool(value) => Some(f64::from(*value)),
            OwnedValue::Int(value) => Some(*value as f64),
            OwnedValue::Float(value) => Some(*value),
            _ => None,
        };
        if let (Some(a), Some(b)) = (number(a), number(b)) {
            return a == b;
        }
        if let (OwnedValue::Ref(a), OwnedValue::Ref(b)) = (a, b) {
            let tuple = |id| match self.state.objects.get(id) {
                Some(object) if object.kind == Kind::Tuple as u8 => object.seq.as_ref(),
                _ => None,
            };
            return match (tuple(a), tuple(b)) {
                (Some(a), Some(b)) => {
                    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.equal(a, b))
                }
                _ => a == b,
            };
        }
        a == b
    }

    fn place(&self, id: u64, key: &OwnedValue) -> Option<usize> {
        let object = &self.state.objects[&id];
        let items = object.map.as_ref().or(object.attrs.as_ref())?;
        items.iter().position(|(other, _)| self.equal(other, key))
    }

    fn change_seq(&mut self, id: u64) {
        let len = self.state.objects[&id].seq.as_ref().map_or(0, Vec::len) as u64;
        let kind = self.rng.below(20);
        if kind < 12 {
            let value = self.value();
            self.event(op::SEQ_APPEND);
            self.bytes.uv(id);
            put(&mut self.bytes, &value);
            self.seq(id).push(value);
        } else if kind < 16 && len > 0 {
            let index = self.rng.below(len);
            let value = self.value();
            self.event(op::SEQ_SET);
            self.bytes.uv(id);
            self.bytes.uv(index);
            put(&mut self.bytes, &value);
            self.seq(id)[index as usize] = value;
        } else if kind == 16 && self.rng.below(40) == 0 {
            self.event(op::CLEAR);
            self.bytes.uv(id);
            self.seq(id).clear();
        } else {
            let start = match self.rng.below(3) {
                0 => 0,
                1 => len,
                _ => self.rng.below(len + 1),
            };
            let deleted = self.rng.below(3).min(len - start);
            let burst = if self.rng.below(30) == 0 { 300 } else { 3 };
            let inserted: Vec<OwnedValue> =
                (0..self.rng.below(burst)).map(|_| self.value()).collect();
            self.event(op::SEQ_SPLICE);
            self.bytes.uv(id);
            self.bytes.uv(start);
            self.bytes.uv(deleted);
            self.bytes.uv(inserted.len() as u64);
            inserted.iter().for_each(|value| put(&mut self.bytes, value));
            self.seq(id).splice(start as usize..(start + deleted) as usize, inserted);
        }
        self.changed(id);
    }

    fn seq(&mut self, id: u64) -> &mut Vec<OwnedValue> {
        self.state.objects.get_mut(&id).unwrap().seq.as_mut().unwrap()
    }

    fn change_set(&mut self, id: u64) {
        let value = self.key();
        let found = self.state.objects[&id].seq.as_ref().unwrap();
        let found = found.iter().position(|other| self.equal(other, &value));
        match found {
            Some(found) => {
                self.event(op::SEQ_REMOVE);
                self.bytes.uv(id);
                put(&mut self.bytes, &value);
                self.seq(id).remove(found);
            }
            None => {
                self.event(op::SEQ_APPEND);
                self.bytes.uv(id);
                put(&mut self.bytes, &value);
                self.seq(id).push(value);
            }
        }
        self.changed(id);
    }

    fn change_map(&mut self, id: u64) {
        let attrs = self.state.objects[&id].attrs.is_some();
        let key = self.key();
        let found = self.place(id, &key);
        let value = self.value();
        let delete = found.is_some() && self.rng.below(3) == 0;
        match (delete, attrs) {
            (true, false) => self.event(op::MAP_DEL),
            (true, true) => self.event(op::ATTR_DEL),
            (false, false) => self.event(op::MAP_SET),
            (false, true) => self.event(op::ATTR_SET),
        }
        self.bytes.uv(id);
        put(&mut self.bytes, &key);
        if !delete {
            put(&mut self.bytes, &value);
        }
        let object = self.state.objects.get_mut(&id).unwrap();
        let items = object.map.as_mut().or(object.attrs.as_mut()).unwrap();
        match (delete, found) {
            (true, Some(found)) => drop(items.remove(found)),
            (false, Some(found)) => items[found].1 = value,
            _ => items.push((key, value)),
        }
        self.changed(id);
    }

    fn change_blob(&mut self, id: u64) {
        let len = self.state.objects[&id].blob.as_ref().unwrap().len() as u64;
        let start = if self.rng.below(4) == 0 { self.rng.below(len + 1) } else { len };
        let deleted = self.rng.below(4).min(len - start);
        let mut data = text(&mut self.rng);
        if self.rng.below(20) == 0 {
            data = data.repeat(80);
        }
        self.event(op::BLOB_SPLICE);
        self.bytes.uv(id);
        self.bytes.uv(start);
        self.bytes.uv(deleted);
        self.bytes.bytes(&data);
        let blob = self.state.objects.get_mut(&id).unwrap().blob.as_mut().unwrap();
        blob.splice(start as usize..(start + deleted) as usize, data);
        self.changed(id);
    }

    fn change_object(&mut self) {
        let id = match self.rng.below(8) {
            0 | 1 => self.big_list,
            2 | 3 => self.big_map,
            4 => self.big_set,
            5 => self.big_blob,
            _ => self.some_object().unwrap(),
        };
        let (kind, unknown) = (self.state.objects[&id].kind, self.state.objects[&id].unknown);
        let big = [self.big_list, self.big_map, self.big_set, self.big_blob].contains(&id);
        if !big && (unknown || self.rng.below(60) == 0) {
            let immutable = kind == Kind::Tuple as u8;
            if unknown || immutable {
                if !immutable {
                    return self.replace(id);
                }
                return;
            }
            match self.rng.below(3) {
                0 => self.replace(id),
                1 => {
                    self.event(op::UNKNOWN);
                    self.bytes.uv(id);
                    self.bytes.u8(4);
                    self.state.objects.get_mut(&id).unwrap().unknown = true;
                    self.changed(id);
                }
                _ => self.die(id),
            }
            return;
        }
        match Kind::from_code(kind).unwrap() {
            Kind::List => self.change_seq(id),
            Kind::Set => self.change_set(id),
            Kind::Dict | Kind::Instance => self.change_map(id),
            Kind::Cell => {
                let value = self.value();
                self.event(op::SCALAR_SET);
                self.bytes.uv(id);
                put(&mut self.bytes, &value);
                self.state.objects.get_mut(&id).unwrap().scalar = Some(value);
                self.changed(id);
            }
            Kind::ByteArray => self.change_blob(id),
            _ => {}
        }
    }

    fn replace(&mut self, id: u64) {
        let mut object = self.state.objects[&id].clone();
        object.unknown = false;
        let values: Vec<OwnedValue> = (0..3).map(|_| self.value()).collect();
        if let Some(seq) = &mut object.seq {
            *seq = if object.kind == Kind::Set as u8 { Vec::new() } else { values };
        }
        self.event(op::REPLACE);
        self.bytes.uv(id);
        self.parts(&object);
        self.state.objects.insert(id, object);
        self.changed(id);
    }

    fn die(&mut self, id: u64) {
        self.event(op::DEATH);
        self.bytes.uv(id);
        self.state.objects.remove(&id);
        self.state.dead.push(id);
        self.changed(id);
    }

    fn call(&mut self, code: u64) {
        let namespace = (self.rng.below(6) == 0).then(|| self.value());
        let args: Vec<(u32, OwnedValue)> =
            (0..self.rng.below(3)).map(|slot| (slot as u32, self.value())).collect();
        self.event(if namespace.is_some() { op::CALL_NS } else { op::CALL });
        let stop = self.before_stop();
        self.bytes.uv(code);
        if let Some(namespace) = &namespace {
            put(&mut self.bytes, namespace);
        }
        self.bytes.uv(args.len() as u64);
        for (slot, value) in &args {
            self.bytes.uv(u64::from(*slot));
            put(&mut self.bytes, value);
        }
        let activation = self.state.activations;
        self.state.activations += 1;
        self.log.calls.entry(code).or_default().push(stop);
        self.stack().push(Frame {
            activation,
            code,
            line: 10 * code as i64 + 1,
            entered: stop,
            namespace,
            locals: args.into_iter().collect(),
        });
    }

    fn leave(&mut self) {
        let suspend = self.rng.below(3) == 0;
        let value = self.value();
        let unwind = !suspend && self.rng.below(5) == 0;
        self.event(match (suspend, unwind) {
            (true, _) => op::YIELD,
            (_, true) => op::UNWIND,
            _ => op::RETURN,
        });
        let stop = self.before_stop();
        if !unwind {
            put(&mut self.bytes, &value);
        }
        let frame = self.stack().pop().unwrap();
        let caller = self.stack().last().map(|frame| frame.activation);
        self.log.spans.push((frame.activation, frame.entered, stop, caller));
        if suspend {
            self.state.suspended.insert(frame.activation, frame);
        }
    }

    fn resume(&mut self) {
        let count = self.state.suspended.len() as u64;
        if count == 0 {
            return;
        }
        let number = self.rng.below(count) as usize;
        let activation = *self.state.suspended.keys().nth(number).unwrap();
        let thrown = self.rng.below(4) == 0;
        self.event(if thrown { op::THROW } else { op::RESUME });
        let stop = self.before_stop();
        self.bytes.uv(activation);
        let mut frame = self.state.suspended.remove(&activation).unwrap();
        frame.entered = stop;
        self.log.calls.entry(frame.code).or_default().push(stop);
        self.stack().push(frame);
    }

    fn line(&mut self) {
        let code = self.stack().last().unwrap().code;
        let count = if self.rng.below(10) == 0 { 1 + self.rng.below(5) } else { 1 };
        let far = self.rng.below(50) == 0;
        let base = 10 * code as i64 + 1;
        let targets: Vec<i64> =
            (0..count).map(|_| if far { 5000 } else { base + self.rng.below(8) as i64 }).collect();
        let first = targets[0] - self.stack().last().unwrap().line;
        if count > 1 {
            self.event(op::LINES);
            self.bytes.uv(count);
        } else {
            // `Sink::line` writes the opcode.
            self.event(0);
            self.bytes.pop();
            self.bytes.line(first);
        }
        let mut line = self.stack().last().unwrap().line;
        for target in targets {
            let stop = self.before_stop();
            if count > 1 {
                self.bytes.sv(target - line);
            }
            line = target;
            self.stack().last_mut().unwrap().line = target;
            self.state.lines += 1;
            self.log.hits.entry((code, target)).or_default().push(stop);
        }
    }

    fn store(&mut self) {
        let slot = self.rng.below(SLOTS) as u32;
        let mut value = self.value();
        if self.rng.below(8) == 0 {
            value = OwnedValue::Unbound;
        }
        self.event(0);
        self.bytes.pop();
        self.bytes.local(slot);
        put(&mut self.bytes, &value);
        let frame = self.stack().last_mut().unwrap();
        match value {
            OwnedValue::Unbound => drop(frame.locals.remove(&slot)),
            value => drop(frame.locals.insert(slot, value)),
        }
    }

    fn switch(&mut self) {
        let threads = self.state.stacks.len() as u64;
        if threads < 4 && self.rng.below(5) == 0 {
            self.thread_start(threads);
            self.call(0);
            return;
        }
        let thread = self.rng.below(threads);
        self.event(op::THREAD);
        self.bytes.uv(thread);
        self.state.current = thread;
    }

    /// One random step.
    pub fn step(&mut self) {
        match self.rng.below(100) {
            0..40 => self.line(),
            40..60 => self.store(),
            60..68 => {
                let code = self.rng.below(CODES);
                if self.stack().len() < 30 {
                    self.call(code);
                }
            }
            68..76 => {
                if self.stack().len() > 1 {
                    self.leave();
                }
            }
            76..79 => self.resume(),
            79 => self.switch(),
            80..84 => {
                let kinds =
                    [Kind::List, Kind::Tuple, Kind::Dict, Kind::Instance, Kind::Cell, Kind::Set];
                let kind = kinds[self.rng.below(6) as usize];
                let id = self.object(kind);
                if self.rng.below(3) == 0 && kind != Kind::Tuple {
                    self.die(id);
                }
            }
            84..98 => self.change_object(),
            98 => {
                self.event(op::TIME);
                let nanos = self.rng.below(1000);
                self.bytes.uv(nanos);
                self.state.time += nanos;
            }
            _ => {
                self.event(op::RAISE);
                self.before_stop();
                self.bytes.u8(op::V_NONE);
            }
        }
    }
}

/// A path for a test's file.
pub fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("moviola-format-{}-{name}", std::process::id()))
}

pub const IDENTITY: [u8; 16] = *b"identity-of-test";

/// Writes a trace of the events with blocks of `limits`; `finish` adds the footer.
pub fn write(path: &Path, bytes: &[u8], limits: (usize, u64), finish: bool) {
    write_altered(path, bytes, limits, finish, |_, _| ());
}

/// As [`write`], with something done to each block's index before it is written.
pub fn write_altered(
    path: &Path,
    bytes: &[u8],
    limits: (usize, u64),
    finish: bool,
    mut alter: impl FnMut(u32, &mut Sealed),
) {
    let mut file = TraceFile::create(path, IDENTITY).unwrap();
    let mut indexer = Indexer::new().with_limits(limits.0, limits.1);
    let mut start = 0;
    while start < bytes.len() {
        let (end, _) = indexer.feed(&bytes[start..], 0).unwrap();
        let raw = &bytes[start..start + end];
        let mut sealed = indexer.seal(raw);
        alter(sealed.summary.number, &mut sealed);
        file.append(raw, sealed).unwrap();
        start += end;
    }
    if finish {
        file.finish(None).unwrap();
    }
}

/// Leaves a ring file beside a trace, with the events from stream offset `tail` to `head` of
/// `bytes`.
pub fn leave_ring(trace: &Path, bytes: &[u8], tail: usize, head: usize) {
    use moviola_format::ring;
    let cap = (head - tail).max(4096).next_power_of_two();
    let mut file = vec![0; 4096 + cap];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(ring::OFF_MAGIC, &ring::MAGIC);
    put(ring::OFF_VERSION, &ring::VERSION.to_le_bytes());
    put(ring::OFF_DATA, &4096_u32.to_le_bytes());
    put(ring::OFF_CAP, &(cap as u64).to_le_bytes());
    put(ring::OFF_IDENTITY, &IDENTITY);
    put(ring::OFF_HEAD, &(head as u64).to_le_bytes());
    put(ring::OFF_TAIL, &(tail as u64).to_le_bytes());
    put(ring::OFF_CLOSED, &1_u32.to_le_bytes());
    for at in tail..head {
        put(4096 + at % cap, &bytes[at..=at]);
    }
    std::fs::write(ring::path_beside(trace), file).unwrap();
}
