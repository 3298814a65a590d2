//! What is known of a code object before it runs: which instructions start a line, and which
//! local slots, cells and names the instructions of a line store to (its *line effects*).
//!
//! Made once per code object, kept in its extra data, freed with it. Must not keep the code
//! object alive.
#![allow(unsafe_code)]

use crate::cpython::location::{self, NO_LINE};
use crate::cpython::version::{self as v, opcode as o};
use crate::cpython::{Code, request_extra, set_extra};
use crate::rec::Recorder;
use moviola_format::event::{LINES_MAX, Sink, read::CodeDef};
use pyo3_ffi::PyObject;
use rustc_hash::FxHashMap;

/// The instruction starts a line.
pub const START: u8 = 1;
/// It directly follows a RESUME: its line event always fires.
pub const AFTER_RESUME: u8 = 2;
/// It is a SEND, which is never a backward arrival.
pub const IS_SEND: u8 = 4;
/// It stores to a cell.
pub const CELL_STORE: u8 = 8;
/// It must stay instrumented so that the interpreter does not specialise it.
pub const KEEP: u8 = 16;

/// It is the RESUME at the start of the code, not one after a yield.
pub const FIRST_RESUME: u8 = 32;
/// It yields.
pub const IS_YIELD: u8 = 64;

/// It has no line and begins a run of such: what follows it starts a line even if it is the same
/// (CPython compares with the line of the instruction that ran before).
pub const UNLINED: u8 = 128;

/// The code units that a handler is for, and where it begins.
pub type Handler = (std::ops::Range<usize>, usize);

/// One code unit.
#[derive(Clone, Copy)]
pub struct Unit {
    /// Its line, or `NO_LINE`.
    pub line: i32,
    /// Index into [`CodeInfo::effects`].
    pub effects: u32,
    /// `START`, ...
    pub flags: u8,
    /// The cell slot of a `CELL_STORE`.
    pub slot: u16,
}

/// What the instructions of one line may store to.
#[derive(Default)]
pub struct Effects {
    /// Local slots, each once.
    pub slots: Vec<u16>,
    /// Cell slots (3.11, where cell stores are not observed one by one).
    pub cells: Vec<u16>,
    /// Names stored to the globals or to the frame's namespace, as indexes into `co_names`
    /// (3.11, which cannot watch dicts).
    pub names: Vec<u16>,
    /// Code unit of the first store; what precedes it has changed nothing yet.
    pub first_store: i32,
}

/// The recorder's knowledge of one code object.
pub struct CodeInfo {
    /// Per code unit.
    pub units: Box<[Unit]>,
    /// Per line that stores something; entry 0 is of all other lines.
    pub effects: Vec<Effects>,
    /// Whether entry 0 has stores: those of instructions without a line.
    pub unlined: bool,
    /// `co_flags`.
    pub flags: i32,
    /// `co_firstlineno`.
    pub first_line: i32,
    /// Parameters, including `*args` and `**kwargs`.
    pub arg_count: u16,
    /// Variables, cells and free variables.
    pub slot_count: u16,
    /// Slots that are bound at the call: parameters, cells and free variables.
    pub entry_slots: Vec<u16>,
    /// Of each code unit that is a fork or starts a line: one more than the first way that was seen from
    /// there; 0 if none was. Only in recordings of coverage.
    pub ways: Vec<u32>,
    /// What ways are read from, once somebody has asked for it. Only in recordings of coverage.
    #[cfg(Py_3_12)]
    pub map: Option<Box<super::seen::Map>>,
    /// (globals object id, code id) pairs that were announced.
    definitions: Vec<(u64, u64)>,
    /// The stream they were announced in.
    stream: u32,
}

/// All code objects: where their info is kept, and the ids given.
pub struct Codes {
    extra: usize,
    next_id: u64,
    /// Counts the streams that this process has written; what was announced belongs to one.
    stream: u32,
}

const CO_OPTIMIZED: i32 = 1;
const CO_COROUTINE: i32 = 0x80;
const CO_ITERABLE_COROUTINE: i32 = 0x100;
const CO_VARARGS: i32 = 4;
const CO_VARKEYWORDS: i32 = 8;
const KIND_CELL: u8 = 0x40;
const KIND_FREE: u8 = 0x80;

unsafe extern "C" fn free_info(info: *mut std::ffi::c_void) {
    if !info.is_null() {
        // SAFETY: only `Codes::info` stores there, a box that nothing else owns.
        drop(unsafe { Box::from_raw(info.cast::<CodeInfo>()) });
    }
}

impl Codes {
    /// `None` when the interpreter has no room for extra data (256 users).
    pub fn new() -> Option<Self> {
        Some(Self { extra: request_extra(free_info)?, next_id: 0, stream: 0 })
    }

    /// A new stream begins, in which nothing is announced yet.
    pub fn restart(&mut self) {
        self.next_id = 0;
        self.stream += 1;
    }

    /// The info of a code object, made at its first use.
    ///
    /// # Safety
    /// The code object must be alive and the GIL held.
    #[inline]
    pub unsafe fn info(&self, code: Code) -> *mut CodeInfo {
        // SAFETY: promised by the caller.
        let info = unsafe { code.extra::<CodeInfo>(self.extra) };
        if info.is_null() {
            // SAFETY: as above.
            unsafe { self.make(code) }
        } else {
            info
        }
    }

    #[cold]
    unsafe fn make(&self, code: Code) -> *mut CodeInfo {
        // SAFETY: promised by the caller of `info`.
        unsafe {
            let info = Box::into_raw(Box::new(CodeInfo::analyse(code)));
            if set_extra(code, self.extra, info) {
                info
            } else {
                // No memory for one pointer: leaked, since a frame is going to use it.
                info
            }
        }
    }
}

impl CodeInfo {
    unsafe fn analyse(code: Code) -> Self {
        // SAFETY: promised by the caller of `Codes::info`.
        let (bytes, table, handlers, kinds, first_line, flags, positional, keyword_only) = unsafe {
            (
                code.instructions(),
                code.bytes(v::CODE_LINETABLE),
                location::handlers(code.bytes(v::CODE_EXCEPTIONTABLE)),
                code.bytes(v::CODE_LOCALSPLUSKINDS),
                code.int(v::CODE_FIRSTLINENO),
                code.int(v::CODE_FLAGS),
                code.int(v::CODE_ARGCOUNT),
                code.int(v::CODE_KWONLYARGCOUNT),
            )
        };
        let count = bytes.len() / 2;
        let lines = location::lines(table, first_line, count);
        let args = positional
            + keyword_only
            + i32::from(flags & CO_VARARGS != 0)
            + i32::from(flags & CO_VARKEYWORDS != 0);
        let entry_slots = (0..kinds.len() as u16)
            .filter(|slot| {
                i32::from(*slot) < args || kinds[usize::from(*slot)] & (KIND_CELL | KIND_FREE) != 0
            })
            .collect();
        let mut info = Self {
            units: lines
                .iter()
                .map(|line| Unit { line: *line, effects: 0, flags: 0, slot: 0 })
                .collect(),
            effects: vec![Effects { first_store: i32::MAX, ..Effects::default() }],
            unlined: false,
            flags,
            first_line,
            arg_count: args as u16,
            slot_count: kinds.len() as u16,
            entry_slots,
            ways: Vec::new(),
            #[cfg(Py_3_12)]
            map: None,
            definitions: Vec::new(),
            stream: 0,
        };
        info.mark(&bytes, &lines, &handlers);
        info
    }

    /// Marks line starts as CPython's `initialize_lines` (`Python/instrumentation.c`) does, and
    /// collects what each line stores.
    fn mark(&mut self, bytes: &[u8], lines: &[i32], handlers: &[Handler]) {
        let count = lines.len();
        let mut by_line: FxHashMap<i32, u32> = FxHashMap::default();
        let mut unlined = Vec::new();
        let mut current = NO_LINE;
        let mut resumed = false;
        let mut argument = 0usize;
        let mut start = 0;
        let mut at = 0;
        while at < count {
            let opcode = bytes[2 * at];
            let code = u16::from(opcode);
            argument = (argument << 8) | usize::from(bytes[2 * at + 1]);
            let next = at + 1 + v::caches(opcode);
            let line = lines[at];
            if code == o::RESUME {
                resumed = true;
                if argument & 3 == 0 {
                    self.units[at].flags |= FIRST_RESUME;
                }
                if let Some(unit) = self.units.get_mut(next) {
                    unit.flags |= AFTER_RESUME;
                }
            } else if resumed && ![o::END_FOR, o::END_SEND, o::END_ASYNC_FOR].contains(&code) {
                if line != current && line != NO_LINE {
                    self.units[at].flags |= START;
                }
                // Where a backward jump leads is a new line anyway.
                if line != current && line == NO_LINE && v::jump(opcode) >= 0 {
                    self.units[at].flags |= UNLINED;
                }
                current = line;
            }
            if code == o::EXTENDED_ARG {
                at = next;
                continue;
            }
            if code == o::YIELD_VALUE {
                self.units[at].flags |= IS_YIELD;
            }
            if code == o::SEND {
                self.units[at].flags |= IS_SEND;
                self.units[start].flags |= IS_SEND;
            }
            let direction = v::jump(opcode);
            if direction != 0 && resumed && code != o::JUMP_BACKWARD_NO_INTERRUPT {
                let mut target = next as i64 + direction as i64 * argument as i64;
                // A loop or an await that is over goes on behind these, which start no line.
                let over = usize::try_from(target).ok().and_then(|unit| bytes.get(2 * unit));
                if over.is_some_and(|code| [o::END_FOR, o::END_SEND].contains(&u16::from(*code))) {
                    target += 1;
                }
                self.target(target, lines);
            }
            self.effect(at, start, code, argument, line, &mut by_line, &mut unlined);
            argument = 0;
            at = next;
            start = next;
        }
        for (_, target) in handlers {
            self.target(*target as i64, lines);
        }
        for (unit, line) in self.units.iter_mut().zip(lines) {
            unit.effects = by_line.get(line).copied().unwrap_or(0);
        }
        self.unlined = !unlined.is_empty();
        // Instructions without a line run under the line before them, whichever that is.
        for effects in &mut self.effects {
            for slot in &unlined {
                if !effects.slots.contains(slot) {
                    effects.slots.push(*slot);
                    effects.first_store = 0;
                }
            }
        }
    }

    fn target(&mut self, target: i64, lines: &[i32]) {
        if let Ok(target) = usize::try_from(target)
            && target < lines.len()
        {
            self.units[target].flags |= if lines[target] == NO_LINE { UNLINED } else { START };
        }
    }

    #[allow(clippy::too_many_arguments)] // One instruction's facts, used once.
    fn effect(
        &mut self,
        at: usize,
        start: usize,
        code: u16,
        argument: usize,
        line: i32,
        by_line: &mut FxHashMap<i32, u32>,
        unlined: &mut Vec<u16>,
    ) {
        let mut slots = [None, None];
        match code {
            o::STORE_FAST | o::DELETE_FAST | o::LOAD_FAST_AND_CLEAR => {
                slots[0] = Some(argument as u16);
            }
            o::STORE_FAST_LOAD_FAST => slots[0] = Some((argument >> 4) as u16),
            o::STORE_FAST_STORE_FAST => {
                slots = [Some((argument >> 4) as u16), Some((argument & 15) as u16)];
            }
            o::STORE_DEREF | o::DELETE_DEREF => {
                self.units[at].flags |= CELL_STORE;
                self.units[at].slot = argument as u16;
            }
            o::STORE_SUBSCR => {
                self.units[at].flags |= KEEP;
                return;
            }
            o::STORE_GLOBAL
            | o::STORE_NAME
            | o::DELETE_NAME
            | o::DELETE_GLOBAL
            | o::IMPORT_STAR => {}
            _ => return,
        }
        if line == NO_LINE {
            unlined.extend(slots.iter().flatten());
            return;
        }
        let index = *by_line.entry(line).or_insert_with(|| {
            self.effects.push(Effects { first_store: i32::MAX, ..Effects::default() });
            self.effects.len() as u32 - 1
        });
        let effects = &mut self.effects[index as usize];
        effects.first_store = effects.first_store.min(start as i32);
        for slot in slots.into_iter().flatten() {
            if !effects.slots.contains(&slot) {
                effects.slots.push(slot);
            }
        }
        match code {
            o::STORE_DEREF | o::DELETE_DEREF => effects.cells.push(argument as u16),
            o::STORE_FAST
            | o::DELETE_FAST
            | o::LOAD_FAST_AND_CLEAR
            | o::STORE_FAST_LOAD_FAST
            | o::STORE_FAST_STORE_FAST => {}
            _ => effects.names.push(argument as u16),
        }
    }

    /// The id of this code object run with these globals, announced at its first use.
    ///
    /// # Safety
    /// `code` must be the alive code object of this info, `globals` the object id of the
    /// namespace that `namespace_ptr` is.
    #[inline]
    pub unsafe fn definition(&mut self, rec: *mut Recorder, code: Code, globals: u64) -> u64 {
        // SAFETY: the recorder is alive.
        let stream = unsafe { (*rec).codes.stream };
        if self.stream != stream {
            self.stream = stream;
            self.definitions.clear();
            self.ways.clear();
        }
        for (known, id) in &self.definitions {
            if *known == globals {
                return *id;
            }
        }
        // SAFETY: promised by the caller.
        let id = unsafe { define(&mut *rec, code, globals, self) };
        // The newest first: a code object mostly runs with one namespace at a time.
        self.definitions.insert(0, (globals, id));
        self.definitions.truncate(8);
        id
    }

    /// The code unit at an index, `None` outside the code.
    #[inline]
    pub fn unit(&self, at: usize) -> Option<Unit> {
        self.units.get(at).copied()
    }

    /// Whether its frames are those of coroutines.
    pub fn is_coroutine(&self) -> bool {
        self.flags & (CO_COROUTINE | CO_ITERABLE_COROUTINE) != 0
    }

    /// Whether the frame's variables live in slots (a function), not in a namespace.
    pub fn optimized(&self) -> bool {
        self.flags & CO_OPTIMIZED != 0
    }
}

unsafe fn define(rec: &mut Recorder, code: Code, globals: u64, info: &CodeInfo) -> u64 {
    let id = rec.codes.next_id;
    rec.codes.next_id += 1;
    // SAFETY: promised by the caller; all fields of a code object are exact str, tuple and bytes.
    unsafe {
        let names = code.object(v::CODE_LOCALSPLUSNAMES);
        let kinds = code.bytes(v::CODE_LOCALSPLUSKINDS);
        let owned: Vec<Vec<u8>> = (0..kinds.len())
            .map(|slot| text(pyo3_ffi::PyTuple_GET_ITEM(names, slot as isize)))
            .collect();
        let mut lines: Vec<u32> =
            info.units.iter().filter(|unit| unit.line > 0).map(|unit| unit.line as u32).collect();
        lines.sort_unstable();
        lines.dedup();
        // Far more lines or names than the event limit holds are not code that people wrote;
        // what is cut only shortens lists of executable lines.
        lines.truncate(LINES_MAX);
        let filename = text(code.object(v::CODE_FILENAME));
        let name = text(code.object(v::CODE_NAME));
        let qualname = text(code.object(v::CODE_QUALNAME));
        let definition = CodeDef {
            id,
            globals,
            first_line: info.first_line.max(0) as u32,
            flags: info.flags as u32,
            arg_count: u32::from(info.arg_count),
            filename: &filename[..filename.len().min(4096)],
            name: &name[..name.len().min(1024)],
            qualname: &qualname[..qualname.len().min(2048)],
            slots: owned
                .iter()
                .zip(kinds)
                .take(4000)
                .map(|(name, kind)| (&name[..name.len().min(256)], *kind))
                .collect(),
            lines,
        };
        let size: usize = definition.slots.iter().map(|slot| slot.0.len() + 3).sum();
        debug_assert!(size < 1 << 20);
        let mut bytes = Vec::with_capacity(256 + size);
        bytes.code(&definition);
        if bytes.len() < crate::emit::EVENT_MAX {
            let out = rec.out.begin();
            out.raw(&bytes);
            out.commit();
        } else {
            let out = rec.out.begin();
            out.code(&CodeDef { slots: Vec::new(), lines: Vec::new(), ..definition });
            out.commit();
            rec.gap("names and lines of a code object over the event limit");
        }
        crate::process::source::offer(rec, &filename);
        // Made-up files (`exec`) have no source that anybody could ask about, and may be many.
        if name == b"<module>" && !filename.starts_with(b"<") {
            super::executable::tell(rec, code, &filename);
        }
    }
    id
}

/// The UTF-8 of an exact str, surrogates as three bytes.
unsafe fn text(string: *mut PyObject) -> Vec<u8> {
    // SAFETY: promised by the caller.
    unsafe { crate::values::scalars::utf8(string) }
}
