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
use crate::process::wrap::Gil;
use crate::rec::Recorder;
use crate::start::Detail;
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

/// What was told, of what could be told more often, by code id.
static TOLD: Gil<*mut FxHashSet<(u64, Told)>> = Gil::new(std::ptr::null_mut());

fn told() -> *mut FxHashSet<(u64, Told)> {
    if TOLD.get().is_null() {
        TOLD.set(Box::into_raw(Box::default()));
    }
    TOLD.get()
}

/// Whether something is told the first time.
unsafe fn is_new(code: u64, now: Told) -> bool {
    // SAFETY: made above, used under the GIL in this module alone.
    unsafe { (*told()).insert((code, now)) }
}

/// A new stream begins, in the child of a fork: everything is told again.
///
/// # Safety
/// Needs the GIL and the recorder.
pub unsafe fn restart(rec: *mut Recorder) {
    // SAFETY: as in `is_new`; the recorder is alive.
    unsafe {
        (*told()).clear();
        if (*rec).detail != Detail::Full {
            imp::restart();
        }
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
        if line > 0 && is_new(id, Told::Line(line, line)) {
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
pub use imp::{branch, finish, forked, goes_on, handled, left, raised};

#[cfg(Py_3_12)]
mod imp {
    use super::{Code, CodeInfo, Gil, Recorder, Told, is_new, known, tell, told};
    use crate::cpython::objects::Obj;
    use crate::cpython::version::{self as v, opcode as o};
    use crate::cpython::{Frame, location};
    use crate::hooks::code::IS_SEND;
    use crate::hooks::executable::inner_lines;
    use rustc_hash::FxHashMap;

    /// Lines of a way beyond these belong to no condition that people write.
    const LINES_MAX: usize = 200;

    pub unsafe fn restart() {
        // SAFETY: used under the GIL in this module alone.
        unsafe { (*pending()).clear() };
        RAISED.set((0, 0));
        AGAIN.set(true);
    }

    static AGAIN: Gil<bool> = Gil::new(false);

    /// A fork is over, in the child: what the parent has seen comes again. Not earlier: in the middle of
    /// the fork, the interpreter's locks are held.
    pub fn forked() {
        if AGAIN.get() {
            AGAIN.set(false);
            crate::process::tools::repair();
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
        info: &CodeInfo,
        from: usize,
        to: usize,
    ) -> bool {
        // SAFETY: promised by the callers.
        unsafe {
            if (*told()).contains(&(id, Told::Unit(from, to))) {
                return true;
            }
            let frame = frame.0 as usize;
            match (*pending()).get(&(id, from, to)) {
                // Another frame is at it.
                Some(earlier) if earlier.frame != frame => return false,
                // The same one is there again, or one that has got its place: it went on.
                Some(_) => {}
                None => {
                    let way = way(code, info, from, to);
                    if way.sure > 0 {
                        tell(rec, id, way.from, &way.lines[..way.sure]);
                    }
                    if !way.fails {
                        is_new(id, Told::Unit(from, to));
                        return true;
                    }
                    let pended = Pending { frame, line: way.from, lines: way.lines };
                    (*pending()).insert((id, from, to), pended);
                    return false;
                }
            }
            if let Some(passed) = (*pending()).remove(&(id, from, to))
                && is_new(id, Told::Unit(from, to))
            {
                tell(rec, id, passed.line, &passed.lines);
            }
            true
        }
    }

    /// Where control leads from a fork or the start of a line.
    struct Way {
        /// The line that it comes from.
        from: i32,
        /// The lines that come then, up to the next fork, return or raise; the outside, negative, where
        /// an exception that came before leaves the code object.
        lines: Vec<i32>,
        /// So many of them come for sure.
        sure: usize,
        /// Something of the line that it comes from, or of its statement, may fail before it leads on.
        fails: bool,
    }

    unsafe fn way(code: Code, info: &CodeInfo, from: usize, to: usize) -> Way {
        let line_of = |at: usize| info.unit(at).map_or(0, |unit| unit.line);
        let mut way = Way { from: line_of(from), lines: Vec::new(), sure: 0, fails: false };
        if way.from <= 0 {
            return way;
        }
        // SAFETY: the code object is alive.
        let (bytes, handlers) = unsafe {
            (code.instructions(), location::handlers(code.bytes(v::CODE_EXCEPTIONTABLE)))
        };
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
            let line = line_of(at);
            if line > 0 && line != way.from && way.lines.last() != Some(&line) {
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
            way.fails |= !way.lines.is_empty() && line == way.from;
            let store = [o::STORE_FAST, o::STORE_NAME, o::STORE_GLOBAL, o::END_FOR, o::END_SEND];
            let is_safe = v::is_safe(opcode) || v::is_always_jump(opcode) || store.contains(&code);
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
            if !is_safe {
                way.fails |= way.lines.is_empty() && line == way.from;
                sure = false;
            }
            let target = next as i64 + direction * argument;
            argument = 0;
            at = usize::try_from(target).unwrap_or(bytes.len());
        }
        way.fails &= way.lines.len() > way.sure;
        way
    }

    /// Lines that have run as far as their start, and lead on unless an exception comes: of those that
    /// have no fork to tell it, or lead on from one by more of the line. By code id and code units.
    static PENDING: Gil<*mut FxHashMap<(u64, usize, usize), Pending>> =
        Gil::new(std::ptr::null_mut());

    struct Pending {
        /// Address of the frame.
        frame: usize,
        line: i32,
        /// The lines that come then.
        lines: Vec<i32>,
    }

    fn pending() -> *mut FxHashMap<(u64, usize, usize), Pending> {
        if PENDING.get().is_null() {
            PENDING.set(Box::into_raw(Box::default()));
        }
        PENDING.get()
    }

    /// A line begins, in the running frame. True if its way on is known: from its forks, or because
    /// it ran before and no exception came.
    ///
    /// # Safety
    /// Needs the GIL and the recorder; the frame must be the running one.
    pub unsafe fn goes_on(rec: *mut Recorder, frame: Frame, line: i32) -> bool {
        // SAFETY: promised by the caller.
        unsafe {
            let code = frame.code();
            let (id, info) = known(rec, code);
            let forks = info.other_forks.get_or_insert_with(|| other_forks(code));
            if forks.binary_search(&line.unsigned_abs()).is_err() {
                return true;
            }
            let at = frame.instruction().max(0) as usize;
            // The frame is at the line again, or is another that has got its place: it went on.
            let passed = (*pending()).extract_if(|(code, from, to), pending| {
                let is_line = *code == id && pending.line == line && from == to;
                is_line && pending.frame == frame.0 as usize
            });
            for ((_, unit, _), passed) in passed.collect::<Vec<_>>() {
                if is_new(id, Told::Unit(unit, unit)) {
                    tell(rec, id, passed.line, &passed.lines);
                }
            }
            follow(rec, frame, code, id, info, at, at)
        }
    }

    /// Lines that lead on in several ways without a fork: those that hold code objects, and those of
    /// `async for`.
    unsafe fn other_forks(code: Code) -> Box<[u32]> {
        // SAFETY: the code object is alive.
        unsafe {
            let mut lines = inner_lines(code);
            let bytes = code.instructions();
            let table = code.bytes(v::CODE_LINETABLE);
            let all = location::lines(table, code.int(v::CODE_FIRSTLINENO), bytes.len() / 2);
            let opcodes = bytes.chunks_exact(2).map(|unit| u16::from(unit[0]));
            let ends = opcodes.zip(all).filter(|(opcode, _)| *opcode == o::END_ASYNC_FOR);
            lines.extend(ends.map(|(_, line)| line.unsigned_abs()));
            lines.sort_unstable();
            lines.dedup();
            lines.into()
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
            for ((id, ..), passed) in std::mem::take(&mut *pending()) {
                let next = passed.lines[0];
                if next < 0 || (*told()).contains(&(id, Told::Line(next, next))) {
                    tell(rec, id, passed.line, &passed.lines);
                }
            }
        }
    }

    /// Where the last exception was raised: address of the code object, code unit.
    static RAISED: Gil<(usize, usize)> = Gil::new((0, 0));

    /// An exception is raised in a frame, or passes through it.
    ///
    /// # Safety
    /// Needs the GIL.
    pub unsafe fn raised(rec: *mut Recorder, frame: Frame, code: Code, at: usize, exception: Obj) {
        // SAFETY: promised by the caller; the exception is alive.
        unsafe {
            // What is awaited hands its value over in one of these, which is none of the program's.
            let kind = pyo3_ffi::Py_TYPE(exception);
            let stop = pyo3_ffi::PyExc_StopIteration.cast();
            let info = (*rec).codes.info(code);
            let is_send = (*info).unit(at).is_some_and(|unit| unit.flags & IS_SEND != 0);
            if is_send && pyo3_ffi::PyType_IsSubtype(kind, stop) != 0 {
                return;
            }
            RAISED.set((code.0 as usize, at));
            if !(*pending()).is_empty() {
                let (id, info) = known(rec, code);
                let line = info.unit(at).map_or(0, |unit| unit.line);
                let frame = frame.0 as usize;
                (*pending()).retain(|(code, ..), pending| {
                    *code != id || pending.line != line || pending.frame != frame
                });
            }
        }
    }

    /// A handler begins.
    ///
    /// # Safety
    /// Needs the GIL and the recorder; `code` must be alive.
    pub unsafe fn handled(rec: *mut Recorder, code: Code, at: usize, exception: Obj) {
        let (raiser, from) = RAISED.get();
        if raiser != code.0 as usize {
            return;
        }
        // SAFETY: promised by the caller; the exception is alive.
        unsafe {
            // Another exception goes through the end of `async for`.
            let kind = pyo3_ffi::Py_TYPE(exception);
            let stop = pyo3_ffi::PyExc_StopAsyncIteration.cast();
            if code.instructions().get(2 * at).copied().map(u16::from) == Some(o::END_ASYNC_FOR)
                && pyo3_ffi::PyType_IsSubtype(kind, stop) == 0
            {
                return;
            }
            let (id, info) = known(rec, code);
            let way = way(code, info, from, at);
            if way.lines.is_empty() {
                return;
            }
            RAISED.set((0, 0));
            if is_new(id, Told::Unit(from, at)) {
                tell(rec, id, way.from, &way.lines);
            }
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
            let (raiser, raised) = RAISED.get();
            if from <= 0 && raiser == code.0 as usize {
                // A handler without a line, as every coroutine has one, has raised it again.
                from = line_of(raised);
            }
            let outside = -info.first_line;
            if from > 0 && is_new(id, Told::Line(from, outside)) {
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
    use super::{Gil, Recorder, Told, is_new, known, tell};
    use crate::cpython::Frame;
    use rustc_hash::FxHashMap;
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

    /// Of each frame: the line that it is at.
    static AT: Gil<*mut FxHashMap<usize, i32>> = Gil::new(std::ptr::null_mut());

    pub unsafe fn restart() {}

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
                if unit.line > 0 && is_new(id, Told::Line(unit.line, unit.line)) {
                    tell(rec, id, unit.line, &[unit.line]);
                }
            }
            if !branch {
                return;
            }
            let mut at = AT.get();
            if at.is_null() {
                at = Box::into_raw(Box::default());
                AT.set(at);
            }
            let outside = -(*info).first_line;
            let key = frame.0 as usize;
            let (from, to) = match what {
                Traced::Call => {
                    if unit.flags & FIRST_RESUME != 0 {
                        (*at).insert(key, outside);
                    }
                    return;
                }
                Traced::Line => ((*at).insert(key, unit.line).unwrap_or(outside), unit.line),
                Traced::Return if unit.flags & IS_YIELD != 0 => return,
                Traced::Return | Traced::Unwind => ((*at).remove(&key).unwrap_or(outside), outside),
                Traced::Other => return,
            };
            if from == to {
                return;
            }
            let (id, _) = known(rec, code);
            if is_new(id, Told::Line(from, to)) {
                tell(rec, id, from, &[to]);
            }
        }
    }
}
