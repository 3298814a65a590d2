//! Traces of made-up programs for tests: a program in a few words is run by a tiny interpreter
//! that writes what the recorder would, cut into blocks as small as the test wants.

#![allow(dead_code)]

use moviola_format::event::read::CodeDef;
use moviola_format::event::{Kind, Sink, op};
use moviola_format::read::Trace;
use moviola_format::write::{Indexer, TraceFile};

/// Writes the events of a program.
pub struct Script {
    bytes: Vec<u8>,
    codes: u64,
    activations: u64,
    stacks: Vec<Vec<(u64, i64)>>,
    suspended: Vec<(u64, i64)>,
    thread: usize,
    first_lines: Vec<u32>,
    next_object: u64,
}

/// Marks an argument that is an object.
pub const REF: i64 = 1 << 40;
/// `CO_OPTIMIZED | CO_NEWLOCALS`.
pub const FUNCTION: u32 = 3;
/// The same of a generator.
pub const GENERATOR: u32 = 0x23;

impl Script {
    /// A program whose source is `source`, in `/p/main.py`.
    pub fn new(source: &str) -> Self {
        let mut script = Self {
            bytes: Vec::new(),
            codes: 0,
            activations: 0,
            stacks: Vec::new(),
            suspended: Vec::new(),
            thread: 0,
            first_lines: Vec::new(),
            next_object: 1000,
        };
        for (key, value) in [("python", "3.13.0"), ("cwd", "/p"), ("script", "/p/main.py")] {
            script.bytes.u8(op::META);
            script.bytes.str(key);
            script.bytes.str(value);
        }
        script.bytes.u8(op::SOURCE);
        script.bytes.str("/p/main.py");
        script.bytes.uv(0);
        script.bytes.str(source);
        script.thread(0, "MainThread");
        script
    }

    /// A thread begins and is the current one.
    pub fn thread(&mut self, number: u64, name: &str) -> &mut Self {
        self.bytes.u8(op::THREAD_START);
        self.bytes.uv(number);
        self.bytes.uv(100 + number);
        self.bytes.uv(200 + number);
        self.bytes.u8(op::THREAD_NAME);
        self.bytes.uv(number);
        self.bytes.str(name);
        self.thread = number as usize;
        while self.stacks.len() <= self.thread {
            self.stacks.push(Vec::new());
        }
        self
    }

    /// The following events are of this thread.
    pub fn switch(&mut self, number: u64) -> &mut Self {
        if self.thread as u64 != number {
            self.bytes.u8(op::THREAD);
            self.bytes.uv(number);
            self.thread = number as usize;
        }
        self
    }

    /// A code object; gives its id.
    pub fn code(&mut self, name: &str, flags: u32, lines: &[u32], slots: &[&str]) -> u64 {
        let id = self.codes;
        self.codes += 1;
        self.first_lines.push(lines[0]);
        self.bytes.code(&CodeDef {
            id,
            globals: 0,
            first_line: lines[0],
            flags,
            arg_count: slots.len().min(2) as u32,
            filename: b"/p/main.py",
            name: name.as_bytes(),
            qualname: name.as_bytes(),
            slots: slots.iter().map(|slot| (slot.as_bytes(), 0x20)).collect(),
            lines: lines.to_vec(),
        });
        id
    }

    /// A call without arguments; gives the activation.
    pub fn call(&mut self, code: u64) -> u64 {
        self.call_with(code, &[])
    }

    /// A call with ints, or object ids marked with `REF`, in the first slots.
    pub fn call_with(&mut self, code: u64, arguments: &[i64]) -> u64 {
        self.bytes.u8(op::CALL);
        self.bytes.uv(code);
        self.bytes.uv(arguments.len() as u64);
        for (slot, argument) in arguments.iter().enumerate() {
            self.bytes.uv(slot as u64);
            if argument & REF != 0 {
                self.bytes.v_ref((argument ^ REF) as u64);
            } else {
                self.bytes.v_int(*argument);
            }
        }
        let activation = self.activations;
        self.activations += 1;
        let line = i64::from(self.first_lines[code as usize]);
        self.stacks[self.thread].push((activation, line));
        activation
    }

    /// A line event.
    pub fn line(&mut self, line: i64) -> &mut Self {
        let top = self.stacks[self.thread].last_mut().expect("a frame");
        self.bytes.line(line - top.1);
        top.1 = line;
        self
    }

    /// A store of an int to a slot.
    pub fn store(&mut self, slot: u32, value: i64) -> &mut Self {
        self.bytes.local(slot);
        self.bytes.v_int(value);
        self
    }

    /// A store of an object to a slot.
    pub fn store_ref(&mut self, slot: u32, id: u64) -> &mut Self {
        self.bytes.local(slot);
        self.bytes.v_ref(id);
        self
    }

    /// A store of "not recorded" to a slot.
    pub fn store_unknown(&mut self, slot: u32) -> &mut Self {
        self.bytes.local(slot);
        self.bytes.v_unknown(moviola_format::event::Reason::Budget);
        self
    }

    /// A new list of ints; gives its id.
    pub fn list(&mut self, items: &[i64]) -> u64 {
        let id = self.next_object;
        self.next_object += 1;
        self.bytes.object(id, Kind::List, 0);
        self.bytes.u8(op::P_SEQ);
        self.bytes.uv(items.len() as u64);
        for item in items {
            self.bytes.v_int(*item);
        }
        self.bytes.u8(op::P_END);
        id
    }

    /// An append to a list.
    pub fn append(&mut self, id: u64, value: i64) -> &mut Self {
        self.bytes.u8(op::SEQ_APPEND);
        self.bytes.uv(id);
        self.bytes.v_int(value);
        self
    }

    /// A return of an int.
    pub fn ret(&mut self, value: i64) -> &mut Self {
        self.bytes.u8(op::RETURN);
        self.bytes.v_int(value);
        self.stacks[self.thread].pop();
        self
    }

    /// A yield of an int.
    pub fn yields(&mut self, value: i64) -> &mut Self {
        self.bytes.u8(op::YIELD);
        self.bytes.v_int(value);
        let frame = self.stacks[self.thread].pop().expect("a frame");
        self.suspended.push(frame);
        self
    }

    /// A generator goes on.
    pub fn resume(&mut self, activation: u64) -> &mut Self {
        self.bytes.u8(op::RESUME);
        self.bytes.uv(activation);
        let at = self.suspended.iter().position(|frame| frame.0 == activation).expect("suspended");
        let frame = self.suspended.remove(at);
        self.stacks[self.thread].push(frame);
        self
    }

    /// A new exception of a made-up class; gives its id.
    pub fn exception(&mut self, name: &str, text: &str) -> u64 {
        let class = self.next_object;
        let args = class + 1;
        let id = class + 2;
        self.next_object += 3;
        self.bytes.object(class, Kind::Class, 0);
        self.bytes.u8(op::P_FIELDS);
        self.bytes.uv(3);
        for (key, value) in [("__module__", "builtins"), ("__qualname__", name), ("__name__", name)]
        {
            self.bytes.v_str(key.as_bytes());
            self.bytes.v_str(value.as_bytes());
        }
        self.bytes.u8(op::P_END);
        self.bytes.object(args, Kind::Tuple, 0);
        self.bytes.u8(op::P_SEQ);
        self.bytes.uv(1);
        self.bytes.v_str(text.as_bytes());
        self.bytes.u8(op::P_END);
        self.bytes.object(id, Kind::Exception, class);
        self.bytes.u8(op::P_FIELDS);
        self.bytes.uv(1);
        self.bytes.v_str(b"args");
        self.bytes.v_ref(args);
        self.bytes.u8(op::P_END);
        id
    }

    /// An exception passes through the current frame.
    pub fn raise(&mut self, id: u64) -> &mut Self {
        self.bytes.u8(op::RAISE);
        self.bytes.v_ref(id);
        self
    }

    /// The current frame is left by an exception.
    pub fn unwind(&mut self) -> &mut Self {
        self.bytes.u8(op::UNWIND);
        self.stacks[self.thread].pop();
        self
    }

    /// The process ends.
    pub fn exit(&mut self, kind: u8, code: i64) -> &mut Self {
        self.bytes.u8(op::EXIT);
        self.bytes.u8(kind);
        self.bytes.sv(code);
        self
    }

    /// The trace, cut into blocks of at most so many bytes.
    pub fn trace(&self, name: &str, block_bytes: usize) -> Trace {
        let folder = std::env::temp_dir().join(format!("moviola-replayer-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary directory");
        let path = folder.join(format!("{name}.moviola"));
        let mut file = TraceFile::create(&path, [7; 16]).expect("a file");
        let mut indexer = Indexer::new().with_limits(block_bytes, 1000);
        let mut start = 0;
        while start < self.bytes.len() {
            let (end, _) = indexer.feed(&self.bytes[start..], 0).expect("events");
            let raw = &self.bytes[start..start + end];
            let sealed = indexer.seal(raw);
            file.append(raw, sealed).expect("a block");
            start += end;
        }
        file.finish(None).expect("an end");
        let trace = Trace::open(&path).expect("a trace");
        std::fs::remove_file(&path).ok();
        trace
    }
}
