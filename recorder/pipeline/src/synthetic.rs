//! A recording without a program: events like those of a real one, through a real ring and
//! writer. For tests and measurements.

use crate::ring::{Producer, Ring};
use crate::writer::{Ended, Options, Report, Writer, new_identity};
use moviola_format::event::read::CodeDef;
use moviola_format::event::{Kind, Sink, op};
use moviola_format::ring::path_beside;
use std::io;
use std::path::Path;

/// What the made-up program does.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Line events, about.
    pub lines: u64,
    /// Elements that the one big list grows to, and then has replaced at random.
    pub big_list: u64,
    /// Threads that take turns.
    pub threads: u64,
    /// Lines between two turns.
    pub turn: u64,
    /// Lines between two short-lived objects (0: none).
    pub garbage: u64,
    /// Lines between two attribute stores of one of a few hundred instances (0: none).
    pub attributes: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            lines: 1_000_000,
            big_list: 100_000,
            threads: 3,
            turn: 100_000,
            garbage: 20,
            attributes: 15,
        }
    }
}

/// Object id of the big list.
pub const BIG_LIST: u64 = 1;
/// Code objects: `main`, `work`, `leaf`.
const CODES: [&str; 3] = ["main", "work", "leaf"];
const INSTANCES: u64 = 300;

/// Makes the events, whole events in each piece; `put` gets the pieces and may stop it.
pub fn events(shape: Shape, mut put: impl FnMut(&[u8]) -> bool) {
    let mut maker = Maker { shape, out: Vec::new(), random: 1, made: 0, next_id: 1000, len: 0 };
    maker.start();
    while maker.made < shape.lines {
        maker.round();
        if maker.out.len() >= 32 << 10 {
            if !put(&maker.out) {
                return;
            }
            maker.out.clear();
        }
    }
    maker.end();
    put(&maker.out);
}

struct Maker {
    shape: Shape,
    out: Vec<u8>,
    random: u64,
    made: u64,
    next_id: u64,
    len: u64,
}

impl Maker {
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.random >> 33
    }

    fn object(&mut self, id: u64, kind: Kind) {
        self.out.object(id, kind, 0);
    }

    fn start(&mut self) {
        let out = &mut self.out;
        for (key, value) in [("format", "1"), ("python", "3.13.0"), ("argv", "[\"synthetic.py\"]")]
        {
            out.u8(op::META);
            out.str(key);
            out.str(value);
        }
        out.u8(op::SOURCE);
        out.str("synthetic.py");
        out.uv(0);
        let text: String = (1..=60).map(|line| format!("line {line}\n")).collect();
        out.str(&text);
        for (id, name) in CODES.iter().enumerate() {
            let first_line = id as u32 * 20 + 1;
            out.code(&CodeDef {
                id: id as u64,
                globals: 0,
                first_line,
                flags: 3,
                arg_count: 1,
                filename: b"synthetic.py",
                name: name.as_bytes(),
                qualname: name.as_bytes(),
                slots: vec![(b"n", 0x20), (b"i", 0x20), (b"total", 0x20), (b"xs", 0x20)],
                lines: (first_line..first_line + 15).collect(),
            });
        }
        for thread in 0..self.shape.threads.max(1) {
            self.out.u8(op::THREAD_START);
            self.out.uv(thread);
            self.out.uv(100 + thread);
            self.out.uv(200 + thread);
            self.call(0);
            if thread == 0 {
                self.object(BIG_LIST, Kind::List);
                self.out.u8(op::P_SEQ);
                self.out.uv(0);
                self.out.u8(op::P_END);
                self.out.local(3);
                self.out.v_ref(BIG_LIST);
                for id in 0..INSTANCES {
                    self.object(2 + id, Kind::Instance);
                    self.out.u8(op::P_ATTRS);
                    self.out.uv(2);
                    self.out.v_str(b"x");
                    self.out.v_int(0);
                    self.out.v_str(b"count");
                    self.out.v_int(0);
                    self.out.u8(op::P_END);
                }
            }
            self.line(1);
        }
        self.out.u8(op::THREAD);
        self.out.uv(0);
    }

    fn call(&mut self, code: u64) {
        let value = self.random() % 1000;
        self.out.u8(op::CALL);
        self.out.uv(code);
        self.out.uv(1);
        self.out.uv(0);
        self.out.v_int(value as i64);
    }

    fn line(&mut self, delta: i64) {
        self.out.line(delta);
        self.made += 1;
        let made = self.made;
        let every = |n: u64| n > 0 && made.is_multiple_of(n);
        if every(self.shape.garbage) {
            let id = self.next_id;
            self.next_id += 1;
            self.object(id, Kind::Tuple);
            self.out.u8(op::P_SEQ);
            self.out.uv(2);
            self.out.v_int(made as i64);
            self.out.v_float(0.5);
            self.out.u8(op::P_END);
            self.out.local(2);
            self.out.v_ref(id);
            self.out.u8(op::DEATH);
            self.out.uv(id);
        }
        if every(self.shape.attributes) {
            let id = 2 + self.random() % INSTANCES;
            self.out.u8(op::ATTR_SET);
            self.out.uv(id);
            self.out.v_str(b"count");
            self.out.v_int(made as i64);
        }
    }

    /// A loop in `work` that calls `leaf` now and then and changes the big list.
    fn round(&mut self) {
        if self.made % self.shape.turn.max(1) < 40 && self.shape.threads > 1 {
            let thread = self.made / self.shape.turn.max(1) % self.shape.threads;
            self.out.u8(op::THREAD);
            self.out.uv(thread);
        }
        self.call(1);
        let mut total = 0;
        for i in 0..8 {
            self.line(if i == 0 { 1 } else { -3 });
            self.out.local(1);
            self.out.v_int(i);
            self.line(1);
            total += i * 37;
            self.out.local(2);
            self.out.v_int(total);
            self.line(1);
            let value = self.random() % 100_000;
            if self.len < self.shape.big_list {
                self.out.u8(op::SEQ_APPEND);
                self.out.uv(BIG_LIST);
                self.out.v_int(value as i64);
                self.len += 1;
            } else if self.len > 0 && i == 0 {
                let index = self.random() % self.len;
                self.out.u8(op::SEQ_SET);
                self.out.uv(BIG_LIST);
                self.out.uv(index);
                self.out.v_int(value as i64);
            }
            self.line(1);
            if i % 4 == 3 {
                self.call(2);
                self.line(1);
                self.out.u8(op::TIME);
                self.out.uv(150);
                self.line(1);
                self.out.u8(op::RETURN);
                self.out.v_int(i);
            }
        }
        self.out.u8(op::RETURN);
        self.out.v_int(total);
    }

    fn end(&mut self) {
        self.out.u8(op::EXIT);
        self.out.u8(0);
        self.out.sv(0);
    }
}

/// Records the made-up program into a trace file.
///
/// # Errors
/// If ring or trace cannot be made.
pub fn record(trace: &Path, shape: Shape) -> io::Result<Report> {
    let ring_path = path_beside(trace);
    let ring = Ring::create(&ring_path, moviola_format::ring::CAP_DEFAULT, new_identity())?;
    let mut producer = Producer::open(&ring_path)?;
    let cap = ring.cap();
    let mut writer = Writer::new(trace, ring, Options::default())?;
    let mut pending = 0;
    events(shape, |piece| {
        // The ring has one thread here: drain before it is full.
        if pending + piece.len() as u64 > cap / 4 {
            writer.drain();
            pending = 0;
        }
        pending += piece.len() as u64;
        producer.append(piece)
    });
    producer.close();
    Ok(writer.finish(Ended::Unknown))
}
