//! Recordings of coverage: which lines ran and which ways control went, each told once (SEEN in
//! `SPEC.md`).
//!
//! From 3.12 on the interpreter tells a line once and a fork until both its ways were seen; where a
//! way leads is read from the code. On 3.11 a trace function is told everything, and only what is new
//! is passed on. Must not run any of the program's code.
#![allow(unsafe_code)]

use super::code::CodeInfo;
#[cfg(Py_3_12)]
use super::code::START;
use crate::cpython::Code;
use crate::rec::Recorder;
use moviola_format::event::{Sink, op};
use rustc_hash::FxHashSet;

/// Something that is told once, of a code object.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Told {
    /// Control went from a line to a line; the same: it ran.
    Line(i32, i32),
    /// Control went from a code unit to another.
    #[cfg_attr(not(Py_3_12), expect(dead_code, reason = "3.11 is told lines"))]
    Unit(usize, usize),
}

/// What a recording of coverage has told, and what it waits for.
#[derive(Default)]
pub struct Seen {
    /// What was told, by code id.
    told: FxHashSet<(u64, Told)>,
    #[cfg(Py_3_12)]
    ways: imp::Ways,
    /// Of each frame: the line that it is at.
    #[cfg(not(Py_3_12))]
    at: rustc_hash::FxHashMap<usize, i32>,
}

impl Seen {
    /// Whether something is told the first time.
    fn is_new(&mut self, code: u64, now: Told) -> bool {
        self.told.insert((code, now))
    }
}

/// A new stream begins, in the child of a fork: everything is told again.
///
/// # Safety
/// Needs the GIL and the recorder.
pub unsafe fn restart(rec: *mut Recorder) {
    // SAFETY: promised by the caller.
    unsafe {
        (*rec).seen.told.clear();
        #[cfg(Py_3_12)]
        (*rec).seen.ways.restart();
    }
}

/// The id of a code object, which has no namespace here, and what is known of it.
unsafe fn known<'i>(rec: *mut Recorder, code: Code) -> (u64, &'i mut CodeInfo) {
    // SAFETY: the code object runs, and keeps its info.
    unsafe {
        (*rec).enter();
        let info = (*rec).codes.info(code);
        ((*info).definition(rec, code, 0), &mut *info)
    }
}

unsafe fn tell(rec: *mut Recorder, code: u64, from: i32, lines: &[i32]) {
    // SAFETY: the recorder is alive; an event has room for these.
    unsafe {
        let out = (*rec).out.begin();
        out.u8(op::SEEN);
        out.uv(code);
        out.sv(i64::from(from));
        out.uv(lines.len() as u64);
        for line in lines {
            out.sv(i64::from(*line));
        }
        out.commit();
    }
}

/// A code object begins to run, perhaps one without a line, as that of an empty module.
///
/// # Safety
/// Needs the GIL and the recorder; `code` must be alive.
#[cfg(Py_3_12)]
pub unsafe fn start(rec: *mut Recorder, code: Code) {
    // SAFETY: promised by the caller.
    unsafe { known(rec, code) };
}

/// A line is about to run.
///
/// # Safety
/// Needs the GIL and the recorder; `code` must be alive.
#[cfg(Py_3_12)]
pub unsafe fn line(rec: *mut Recorder, code: Code, line: i32) {
    // SAFETY: promised by the caller.
    unsafe {
        let (id, _) = known(rec, code);
        if line > 0 && (*rec).seen.is_new(id, Told::Line(line, line)) {
            tell(rec, id, line, &[line]);
        }
    }
}

/// An instruction is about to run, perhaps the first of a line.
///
/// # Safety
/// Needs the GIL and the recorder; `code` must be alive.
#[cfg(Py_3_12)]
pub unsafe fn instruction(rec: *mut Recorder, code: Code, at: usize) {
    // SAFETY: promised by the caller.
    unsafe {
        let info = (*rec).codes.info(code);
        if let Some(unit) = (*info).unit(at)
            && unit.flags & START != 0
        {
            line(rec, code, unit.line);
        }
    }
}

#[cfg(Py_3_12)]
pub use imp::{Map, branch, finish, forked, goes_on, handled, left, raised};

#[cfg(Py_3_12)]
mod imp {
    use super::{Code, CodeInfo, Recorder, Told, known, tell};
    use crate::cpython::objects::Obj;
    use crate::cpython::version::{self as v, opcode as o};
    use crate::cpython::{Frame, location};
    use crate::hooks::code::{Handler, IS_SEND, Unit};
    use crate::hooks::executable::inner_lines;
    use crate::start::Detail;
    use rustc_hash::{FxHashMap, FxHashSet};

    /// Lines of a way beyond these belong to no condition that people write.
    const LINES_MAX: usize = 200;

    /// What is not decided yet.
    #[derive(Default)]
    pub struct Ways {
        /// Ways that lead on unless an exception comes, by code id and line.
        pending: FxHashMap<(u64, i32), Vec<Pending>>,
        /// Handlers that lead to no other line, by code id and code unit.
        quiet: FxHashSet<(u64, usize)>,
        /// Where the last exception was raised: address of the code object, code unit.
        raised: (usize, usize),
        /// A fork is not over yet, in the child.
        forking: bool,
    }

    /// A way that something of its line may still keep from being gone.
    struct Pending {
        /// Address of the frame.
        frame: usize,
        from: usize,
        to: usize,
        /// The lines that come then.
        lines: Vec<i32>,
    }

    impl Ways {
        pub fn restart(&mut self) {
            *self = Self { forking: true, ..Self::default() };
        }
    }

    /// A fork is over, in the child: what the parent has seen comes again. Not earlier: in the middle of
    /// the fork, the interpreter's locks are held.
    ///
    /// # Safety
    /// Needs the GIL; the recorder may be null.
    pub unsafe fn forked(rec: *mut Recorder) {
        // SAFETY: promised by the caller.
        unsafe {
            if !rec.is_null()
                && std::mem::take(&mut (*rec).seen.ways.forking)
                && (*rec).detail != Detail::Full
            {
                crate::process::tools::repair();
            }
        }
    }

    /// A fork went to `to`; both are code units. True when both its ways were seen.
    ///
    /// # Safety
    /// Needs the GIL and the recorder; `code` must be alive.
    pub unsafe fn branch(
        rec: *mut Recorder,
        frame: Frame,
        code: Code,
        from: usize,
        to: usize,
    ) -> bool {
        // SAFETY: promised by the caller.
        unsafe {
            let (id, info) = known(rec, code);
            if info.ways.is_empty() {
                info.ways = vec![0; info.units.len()];
            }
            let Some(first) = info.ways.get(from).copied() else { return true };
            if first == to as u32 + 1 || !follow(rec, frame, code, id, info, from, to) {
                return false;
            }
            info.ways[from] = to as u32 + 1;
            first != 0
        }
    }

    /// Control went from a code unit to another: tells where that leads, once. False if that depends on
    /// whether what is left of the line fails.
    unsafe fn follow(
        rec: *mut Recorder,
        frame: Frame,
        code: Code,
        id: u64,
        info: &mut CodeInfo,
        from: usize,
        to: usize,
    ) -> bool {
        // SAFETY: promised by the callers.
        unsafe {
            let seen = &mut (*rec).seen;
            let told = (id, Told::Unit(from, to));
            if seen.told.contains(&told) {
                return true;
            }
            let (frame, line) = (frame.0 as usize, info.unit(from).map_or(0, |unit| unit.line));
            let pending = seen.ways.pending.entry((id, line)).or_default();
            let is_this = |way: &Pending| (way.from, way.to) == (from, to);
            let lines = match pending.iter().position(is_this) {
                // Another frame is at it.
                Some(at) if pending[at].frame != frame => return false,
                // The same one is there again, or one that has got its place: it went on.
                Some(at) => pending.swap_remove(at).lines,
                None => {
                    let mut way = way(code, info, from, to);
                    if way.fails {
                        let lines = way.lines.clone();
                        pending.push(Pending { frame, from, to, lines });
                    }
                    way.lines.truncate(way.sure);
                    if !way.lines.is_empty() {
                        tell(rec, id, line, &way.lines);
                    }
                    if !way.fails {
                        seen.told.insert(told);
                    }
                    return !way.fails;
                }
            };
            seen.told.insert(told);
            tell(rec, id, line, &lines);
            true
        }
    }

    /// What ways are read from.
    pub struct Map {
        /// The instructions, as they were compiled.
        bytes: Vec<u8>,
        handlers: Vec<Handler>,
        /// Lines that lead on in several ways without a fork, sorted: those that hold code objects, such
        /// as a function of one line, and those of `async for`.
        other_forks: Vec<u32>,
    }

    impl Map {
        unsafe fn new(code: Code, units: &[Unit]) -> Self {
            // SAFETY: the code object is alive.
            unsafe {
                let bytes = code.instructions();
                let handlers = location::handlers(code.bytes(v::CODE_EXCEPTIONTABLE));
                let mut other_forks = inner_lines(code);
                let opcodes = bytes.chunks_exact(2).map(|unit| u16::from(unit[0]));
                let ends = opcodes.zip(units).filter(|(code, _)| *code == o::END_ASYNC_FOR);
                other_forks.extend(ends.map(|(_, unit)| unit.line.unsigned_abs()));
                other_forks.sort_unstable();
                other_forks.dedup();
                Self { bytes, handlers, other_forks }
            }
        }
    }

    /// The map of a code object, made at its first use.
    unsafe fn map(code: Code, info: &mut CodeInfo) -> &Map {
        let CodeInfo { map, units, .. } = info;
        // SAFETY: promised by the callers.
        map.get_or_insert_with(|| Box::new(unsafe { Map::new(code, units) }))
    }

    /// Where control leads from a fork or the start of a line.
    struct Way {
        /// The lines that come, up to the next fork, return or raise; the outside, negative, where an
        /// exception that came before leaves the code object.
        lines: Vec<i32>,
        /// So many of them come for sure.
        sure: usize,
        /// Something of the line that it comes from, or of its statement, may fail before it leads on.
        fails: bool,
    }

    unsafe fn way(code: Code, info: &mut CodeInfo, from: usize, to: usize) -> Way {
        let mut way = Way { lines: Vec::new(), sure: 0, fails: false };
        let Some(from) = info.unit(from).map(|unit| unit.line).filter(|line| *line > 0) else {
            return way;
        };
        // SAFETY: promised by the callers.
        unsafe { map(code, info) };
        let Some(Map { bytes, handlers, .. }) = info.map.as_deref() else { return way };
        let (mut at, mut argument, mut steps, mut sure) = (to, 0, 0, true);
        while 2 * at + 1 < bytes.len() && way.lines.len() < LINES_MAX && steps < bytes.len() {
            steps += 1;
            let opcode = bytes[2 * at];
            argument = (argument << 8) | i64::from(bytes[2 * at + 1]);
            let next = at + 1 + v::caches(opcode);
            let code = u16::from(opcode);
            if code == o::EXTENDED_ARG {
                at = next;
                continue;
            }
            let line = info.unit(at).map_or(0, |unit| unit.line);
            if line > 0 && line != from && way.lines.last() != Some(&line) {
                way.lines.push(line);
                way.sure += usize::from(sure);
            }
            let direction = i64::from(v::jump(opcode));
            // What is awaited comes to its end, or an exception does.
            let goes_on = direction == 0 || v::is_always_jump(opcode) || code == o::SEND;
            // A return tells itself, and so does an exception.
            if !goes_on || v::is_end(opcode) {
                break;
            }
            // The statement is not left where its first line comes again.
            way.fails |= !way.lines.is_empty() && line == from;
            if v::is_reraise(opcode) {
                let handler = handlers.iter().find(|(range, _)| range.contains(&at));
                let Some((_, handler)) = handler else {
                    way.lines.push(-info.first_line);
                    way.sure += usize::from(sure);
                    break;
                };
                (at, argument) = (*handler, 0);
                continue;
            }
            let store = [o::STORE_FAST, o::STORE_NAME, o::STORE_GLOBAL, o::END_FOR, o::END_SEND];
            if !v::is_safe(opcode) && !v::is_always_jump(opcode) && !store.contains(&code) {
                way.fails |= way.lines.is_empty() && line == from;
                sure = false;
            }
            let target = next as i64 + direction * argument;
            argument = 0;
            at = usize::try_from(target).unwrap_or(bytes.len());
        }
        way.fails &= way.lines.len() > way.sure;
        way
    }

    /// A line begins, in the running frame. True if its way on is known: from its forks, or because
    /// nothing of it can fail, or because it ran before and no exception came.
    ///
    /// # Safety
    /// Needs the GIL and the recorder; the frame must be the running one.
    pub unsafe fn goes_on(rec: *mut Recorder, frame: Frame, line: i32) -> bool {
        // SAFETY: promised by the caller.
        unsafe {
            let code = frame.code();
            let (id, info) = known(rec, code);
            let at = frame.instruction().max(0) as usize;
            if map(code, info).other_forks.binary_search(&line.unsigned_abs()).is_err() {
                // It leads on by its forks, or in one way only, as `while True` does.
                let way = way(code, info, at, at);
                if way.sure > 0 && (*rec).seen.is_new(id, Told::Unit(at, at)) {
                    tell(rec, id, line, &way.lines[..way.sure]);
                }
                return true;
            }
            // The frame is at the line again, or is another that has got its place: it went on.
            let seen = &mut (*rec).seen;
            if let Some(pending) = seen.ways.pending.get_mut(&(id, line)) {
                let is_passed =
                    |way: &mut Pending| way.from == way.to && way.frame == frame.0 as usize;
                for passed in pending.extract_if(.., is_passed).collect::<Vec<_>>() {
                    if seen.told.insert((id, Told::Unit(passed.from, passed.to))) {
                        tell(rec, id, line, &passed.lines);
                    }
                }
            }
            follow(rec, frame, code, id, info, at, at)
        }
    }

    /// The program ends: what is pending has led on, if what comes then has run.
    ///
    /// # Safety
    /// Needs the GIL and the recorder.
    pub unsafe fn finish(rec: *mut Recorder) {
        // SAFETY: promised by the caller.
        unsafe {
            (*rec).enter();
            for ((id, line), ways) in std::mem::take(&mut (*rec).seen.ways.pending) {
                for passed in ways {
                    let next = passed.lines[0];
                    let has_run = (*rec).seen.told.contains(&(id, Told::Line(next, next)));
                    if next < 0 || has_run {
                        tell(rec, id, line, &passed.lines);
                    }
                }
            }
        }
    }

    /// An exception is raised in a frame, or passes through it.
    ///
    /// # Safety
    /// Needs the GIL and the recorder; `code` must be alive.
    pub unsafe fn raised(rec: *mut Recorder, frame: Frame, code: Code, at: usize, exception: Obj) {
        // SAFETY: promised by the caller; the exception is alive.
        unsafe {
            let (id, info) = known(rec, code);
            let Some(unit) = info.unit(at) else { return };
            // What is awaited hands its value over in one of these, which is none of the program's.
            let kind = pyo3_ffi::Py_TYPE(exception);
            let stop = pyo3_ffi::PyExc_StopIteration.cast();
            if unit.flags & IS_SEND != 0 && pyo3_ffi::PyType_IsSubtype(kind, stop) != 0 {
                return;
            }
            let ways = &mut (*rec).seen.ways;
            ways.raised = (code.0 as usize, at);
            if let Some(pending) = ways.pending.get_mut(&(id, unit.line)) {
                pending.retain(|way| way.frame != frame.0 as usize);
            }
        }
    }

    /// A handler begins.
    ///
    /// # Safety
    /// Needs the GIL and the recorder; `code` must be alive.
    pub unsafe fn handled(rec: *mut Recorder, code: Code, at: usize, exception: Obj) {
        // SAFETY: promised by the caller; the exception is alive.
        unsafe {
            let (raiser, from) = (*rec).seen.ways.raised;
            if raiser != code.0 as usize {
                return;
            }
            let (id, info) = known(rec, code);
            let seen = &mut (*rec).seen;
            if seen.ways.quiet.contains(&(id, at)) {
                return;
            }
            // Another exception goes through the end of `async for`.
            let opcode = map(code, info).bytes.get(2 * at).copied().map_or(0, u16::from);
            let stop = pyo3_ffi::PyExc_StopAsyncIteration.cast();
            if opcode == o::END_ASYNC_FOR
                && pyo3_ffi::PyType_IsSubtype(pyo3_ffi::Py_TYPE(exception), stop) == 0
            {
                return;
            }
            if !seen.told.contains(&(id, Told::Unit(from, at))) {
                let way = way(code, info, from, at);
                if way.lines.is_empty() {
                    seen.ways.quiet.insert((id, at));
                    return;
                }
                let line = info.unit(from).map_or(0, |unit| unit.line);
                seen.told.insert((id, Told::Unit(from, at)));
                tell(rec, id, line, &way.lines);
            }
            (*rec).seen.ways.raised = (0, 0);
        }
    }

    /// A code object is left, by a return or an exception.
    ///
    /// # Safety
    /// Needs the GIL and the recorder; `code` must be alive.
    pub unsafe fn left(rec: *mut Recorder, code: Code, at: usize) {
        // SAFETY: promised by the caller.
        unsafe {
            let (id, info) = known(rec, code);
            let line_of = |at: usize| info.unit(at).map_or(0, |unit| unit.line);
            let mut from = line_of(at);
            let (raiser, raised) = (*rec).seen.ways.raised;
            if from <= 0 && raiser == code.0 as usize {
                // A handler without a line, as every coroutine has one, has raised it again.
                from = line_of(raised);
            }
            let outside = -info.first_line;
            if from > 0 && (*rec).seen.is_new(id, Told::Line(from, outside)) {
                tell(rec, id, from, &[outside]);
            }
        }
    }
}

#[cfg(not(Py_3_12))]
pub use imp::{Traced, traced};

#[cfg(not(Py_3_12))]
mod imp {
    use super::super::code::{FIRST_RESUME, IS_YIELD};
    use super::{Recorder, Told, known, tell};
    use crate::cpython::Frame;
    use std::ffi::c_int;

    /// What a trace function is told of.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub enum Traced {
        /// A frame is entered or goes on.
        Call,
        /// A line is about to run.
        Line,
        /// A frame is left with a value.
        Return,
        /// A frame is left by an exception.
        Unwind,
        /// Anything else.
        Other,
    }

    impl Traced {
        /// Of the arguments of a trace function.
        pub fn new(what: c_int, arg: *mut pyo3_ffi::PyObject) -> Self {
            match what {
                0 => Self::Call,
                2 => Self::Line,
                3 if arg.is_null() => Self::Unwind,
                3 => Self::Return,
                _ => Self::Other,
            }
        }
    }

    /// A trace function is told something of the running frame.
    ///
    /// # Safety
    /// Needs the GIL and the recorder.
    pub unsafe fn traced(rec: *mut Recorder, frame: Frame, what: Traced, branch: bool) {
        // SAFETY: promised by the caller.
        unsafe {
            let code = frame.code();
            let unit_at = frame.instruction().max(0) as usize;
            let info = (*rec).codes.info(code);
            let Some(unit) = (*info).unit(unit_at) else { return };
            let ways = &mut (*info).ways;
            if what == Traced::Call && ways.is_empty() {
                let (_, info) = known(rec, code);
                info.ways.resize(info.units.len(), 0);
            }
            let ways = &mut (*info).ways;
            let way = ways.get(unit_at).copied().unwrap_or(0);
            if what == Traced::Line && way == 0 {
                let (id, info) = known(rec, code);
                info.ways.resize(info.units.len(), 0);
                info.ways[unit_at] = 1;
                if unit.line > 0 && (*rec).seen.is_new(id, Told::Line(unit.line, unit.line)) {
                    tell(rec, id, unit.line, &[unit.line]);
                }
            }
            if !branch {
                return;
            }
            let at = &mut (*rec).seen.at;
            let outside = -(*info).first_line;
            let key = frame.0 as usize;
            let (from, to) = match what {
                Traced::Call => {
                    if unit.flags & FIRST_RESUME != 0 {
                        at.insert(key, outside);
                    }
                    return;
                }
                Traced::Line => (at.insert(key, unit.line).unwrap_or(outside), unit.line),
                Traced::Return if unit.flags & IS_YIELD != 0 => return,
                Traced::Return | Traced::Unwind => (at.remove(&key).unwrap_or(outside), outside),
                Traced::Other => return,
            };
            if from == to {
                return;
            }
            let (id, _) = known(rec, code);
            if (*rec).seen.is_new(id, Told::Line(from, to)) {
                tell(rec, id, from, &[to]);
            }
        }
    }
}
