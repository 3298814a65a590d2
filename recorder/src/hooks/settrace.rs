//! The engine of 3.11: a C trace function on every thread, set in the thread state directly.
//!
//! The program's own trace function stays where `sys.gettrace()` looks for it and is called
//! after ours, as if ours were not there. Must never ask for `f_locals`, and must not raise the
//! `sys.settrace` audit event, which is the program's to raise.
#![allow(unsafe_code)]

use super::code::{FIRST_RESUME, IS_YIELD};
use super::frames::{self, Entry, Exit};
use super::seen::{self, Traced};
use crate::cpython::objects::{DICT_VERSION, Obj, rd, tuple_items};
use crate::cpython::version as v;
use crate::cpython::{Frame, field, thread_state};
use crate::guard::{call_original, guarded};
use crate::process::wrap::{self, Gil};
use crate::rec::{Recorder, recorder};
use crate::start::Detail;
use pyo3_ffi::{
    METH_O, METH_VARARGS, Py_AddPendingCall, Py_TYPE, PyCFunction, PyDict_Type,
    PyInterpreterState_Main, PyInterpreterState_ThreadHead, PyObject, PyThreadState,
    PyThreadState_Next, PyTuple_Type,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::ffi::{c_int, c_void};

const CALL: c_int = 0;
const EXCEPTION: c_int = 1;
const LINE: c_int = 2;
const RETURN: c_int = 3;

type TraceFunction =
    unsafe extern "C" fn(*mut PyObject, *mut PyObject, c_int, *mut PyObject) -> c_int;

/// What the program has set, by thread state: `trace_trampoline` of `sys.settrace`, or a C
/// extension's function. Their objects stay in `c_traceobj`.
static THEIRS: Gil<*mut FxHashMap<usize, TraceFunction>> = Gil::new(std::ptr::null_mut());
/// Frame objects on which the program turned `f_trace_lines` off.
static LINES_OFF: Gil<*mut FxHashSet<usize>> = Gil::new(std::ptr::null_mut());
static SETTRACE: Gil<Option<PyCFunction>> = Gil::new(None);
static START_NEW_THREAD: Gil<Option<PyCFunction>> = Gil::new(None);
static START_NEW: Gil<Option<PyCFunction>> = Gil::new(None);

unsafe extern "C" fn trace(
    object: *mut PyObject,
    frame_object: *mut PyObject,
    what: c_int,
    arg: *mut PyObject,
) -> c_int {
    // SAFETY: called by the interpreter with the frame object of the running frame.
    unsafe {
        let rec = recorder();
        if rec.is_null() {
            // The recording ended, or this is a fork's child: the thread is as it would be.
            let theirs = theirs_of(thread_state());
            unhook(thread_state());
            return theirs.map_or(0, |function| function(object, frame_object, what, arg));
        }
        if what <= RETURN {
            guarded((), || match (*rec).detail {
                Detail::Full => record(rec, frame_object, what, arg),
                Detail::Coverage { branch } => {
                    let frame = Frame(field(frame_object, v::FRAMEOBJECT_FRAME));
                    seen::traced(rec, frame, Traced::new(what, arg), branch);
                }
            });
        }
        if (*THEIRS.get()).is_empty() && (*LINES_OFF.get()).is_empty() {
            return 0;
        }
        // A new frame may have got the place of one that is gone.
        if what == CALL && is_start(Frame(field(frame_object, v::FRAMEOBJECT_FRAME))) {
            (*LINES_OFF.get()).remove(&(frame_object as usize));
        }
        match theirs_of(thread_state()) {
            None => 0,
            Some(function) => call_theirs(function, object, frame_object, what, arg),
        }
    }
}

/// Calls the program's trace function. If it fails, or is changed while it runs, CPython takes
/// ours away: it is put back afterwards.
#[cold]
unsafe fn call_theirs(
    function: TraceFunction,
    object: *mut PyObject,
    frame_object: *mut PyObject,
    what: c_int,
    arg: *mut PyObject,
) -> c_int {
    // SAFETY: as in `trace`; the interpreter keeps the frame object alive during the event.
    unsafe {
        let lines = frame_object.cast::<u8>().add(v::FRAMEOBJECT_TRACE_LINES);
        let key = frame_object as usize;
        let off = LINES_OFF.get();
        let was_off = (*off).contains(&key);
        if was_off {
            if what == LINE {
                return 0;
            }
            lines.write(0);
        }
        let result = function(object, frame_object, what, arg);
        let is_off = lines.read() == 0;
        lines.write(1);
        if is_off && what != RETURN {
            (*off).insert(key);
        } else if was_off && !is_off {
            (*off).remove(&key);
        }
        if !recorder().is_null() {
            hook(thread_state());
        }
        result
    }
}

/// Whether a frame stands at the RESUME that follows its creation.
unsafe fn is_start(frame: Frame) -> bool {
    // SAFETY: the frame is running, the recorder alive.
    unsafe {
        let info = (*recorder()).codes.info(frame.code());
        let at = frame.instruction().max(0) as usize;
        (*info).unit(at).is_some_and(|unit| unit.flags & FIRST_RESUME != 0)
    }
}

#[inline]
unsafe fn record(rec: *mut Recorder, frame_object: *mut PyObject, what: c_int, arg: *mut PyObject) {
    // SAFETY: as in `trace`.
    unsafe {
        let frame = Frame(field(frame_object, v::FRAMEOBJECT_FRAME));
        let at = frame.instruction().max(0) as usize;
        match what {
            LINE => {
                (*rec).enter();
                namespaces(rec, frame);
                let Some(shadow) = frames::current(rec, frame) else { return };
                let Some(unit) = (*shadow.info).unit(at) else { return };
                let (line, effects) = (unit.line, unit.effects);
                frames::line(rec, &raw mut *shadow, line, effects);
            }
            CALL => {
                (*rec).enter();
                // What the caller's line has changed by name so far.
                if let Some(caller) = (*rec).threads.shadow().stack.last().copied() {
                    namespaces(rec, caller.frame);
                }
                let info = (*rec).codes.info(frame.code());
                let flags = (*info).unit(at).map_or(0, |unit| unit.flags);
                // A generator that never started begins with the exception thrown into it.
                let known = (*rec).threads.suspended.contains_key(&(frame.0 as usize));
                let entry = if flags & FIRST_RESUME != 0 || !known {
                    Entry::Start
                } else if flags & IS_YIELD != 0 {
                    // Not moved on to the RESUME behind it.
                    Entry::Throw
                } else {
                    Entry::Resume
                };
                frames::enter(rec, frame, info, entry);
            }
            RETURN => {
                (*rec).enter();
                namespaces(rec, frame);
                let info = (*rec).codes.info(frame.code());
                let flags = (*info).unit(at).map_or(0, |unit| unit.flags);
                if arg.is_null() {
                    frames::leave(rec, frame, pyo3_ffi::Py_None(), Exit::Unwind);
                } else if flags & IS_YIELD != 0 {
                    frames::leave(rec, frame, arg, Exit::Yield);
                } else {
                    frames::leave(rec, frame, arg, Exit::Return);
                }
            }
            EXCEPTION => {
                (*rec).enter();
                namespaces(rec, frame);
                let value = if !arg.is_null() && Py_TYPE(arg) == &raw mut PyTuple_Type {
                    tuple_items(arg).get(1).copied()
                } else {
                    None
                };
                frames::raise(rec, frame, value.unwrap_or(std::ptr::null_mut()));
            }
            _ => {}
        }
    }
}

/// Versions of dicts are unique in the process: that of the globals last looked at.
static GLOBALS_SEEN: Gil<u64> = Gil::new(0);

/// Tells what was changed in the frame's namespaces, by whatever means.
#[inline]
unsafe fn namespaces(rec: *mut Recorder, frame: Frame) {
    // SAFETY: the frame is alive, and so are its dicts; the globals are always a dict.
    unsafe {
        let globals = frame.globals();
        let version: u64 = rd(globals, DICT_VERSION);
        let locals = frame.namespace();
        let separate =
            locals != globals && !locals.is_null() && Py_TYPE(locals) == &raw mut PyDict_Type;
        if version == GLOBALS_SEEN.get() && !separate {
            return;
        }
        GLOBALS_SEEN.set(version);
        let names = stored_names(rec, frame);
        crate::values::namespace_changed(rec, globals, &names);
        if separate {
            crate::values::namespace_changed(rec, locals, &names);
        }
    }
}

/// The names that the frame's running line may have stored to.
unsafe fn stored_names(rec: *mut Recorder, frame: Frame) -> Vec<*mut PyObject> {
    // SAFETY: as in `namespaces`; the indexes come from the frame's own code.
    unsafe {
        let Some(shadow) = frames::current(rec, frame) else { return Vec::new() };
        let info = &*shadow.info;
        let Some(effects) = info.effects.get(shadow.effects as usize) else {
            return Vec::new();
        };
        if effects.names.is_empty() {
            return Vec::new();
        }
        let names = tuple_items(frame.code().object(v::CODE_NAMES));
        effects.names.iter().filter_map(|index| names.get(usize::from(*index)).copied()).collect()
    }
}

#[inline]
unsafe fn theirs_of(state: *mut PyThreadState) -> Option<TraceFunction> {
    // SAFETY: the map is made at install and never freed; the GIL is held.
    unsafe { (*THEIRS.get()).get(&(state as usize)).copied() }
}

/// Puts our function in the place of whatever the thread has, which is kept.
unsafe fn hook(state: *mut PyThreadState) {
    // SAFETY: promised by the callers: the state is alive and the GIL held.
    unsafe {
        let slot = state.cast::<u8>().add(v::TSTATE_TRACEFUNC).cast::<Option<TraceFunction>>();
        let present = slot.read();
        let ours: TraceFunction = trace;
        if present.is_some_and(|function| function as usize == ours as usize) {
            return;
        }
        match present {
            Some(function) => (*THEIRS.get()).insert(state as usize, function),
            None => (*THEIRS.get()).remove(&(state as usize)),
        };
        slot.write(Some(ours));
        update(state);
    }
}

/// Puts back what the thread would have without the recorder.
#[cold]
unsafe fn unhook(state: *mut PyThreadState) {
    // SAFETY: as in `hook`.
    unsafe {
        let slot = state.cast::<u8>().add(v::TSTATE_TRACEFUNC).cast::<Option<TraceFunction>>();
        slot.write((*THEIRS.get()).remove(&(state as usize)));
        update(state);
    }
}

/// CPython's `_PyThreadState_UpdateTracingState`.
unsafe fn update(state: *mut PyThreadState) {
    // SAFETY: as in `hook`; `cframe` is never null.
    unsafe {
        let function: *mut c_void = field(state, v::TSTATE_TRACEFUNC);
        let profile: *mut c_void = field(state, v::TSTATE_PROFILEFUNC);
        let tracing: c_int = field(state, v::TSTATE_TRACING);
        let on = tracing == 0 && !(function.is_null() && profile.is_null());
        let cframe: *mut u8 = field(state, v::TSTATE_CFRAME);
        cframe.add(v::CFRAME_USE_TRACING).write(if on { 255 } else { 0 });
    }
}

/// Hooks all threads of the main interpreter, also one that was just made and waits for the GIL.
unsafe fn hook_all() {
    // SAFETY: the GIL is held, so no thread state goes away meanwhile; new ones come first in
    // the list, where they do not disturb the walk.
    unsafe {
        let mut state = PyInterpreterState_ThreadHead(PyInterpreterState_Main());
        while !state.is_null() {
            hook(state);
            state = PyThreadState_Next(state);
        }
    }
}

unsafe extern "C" fn settrace(module: *mut PyObject, function: *mut PyObject) -> *mut PyObject {
    let Some(original) = SETTRACE.get() else { return std::ptr::null_mut() };
    // SAFETY: the original with its own arguments; then the thread's state is mended.
    unsafe {
        let result = call_original!(original, (module, function), fn(Obj, Obj) -> Obj);
        if !wrap::here().is_null() {
            hook(thread_state());
        }
        result
    }
}

/// The new thread's state is in the list once the original is back, and the thread cannot run
/// before this one gives the GIL up.
unsafe fn started(result: *mut PyObject) -> *mut PyObject {
    if !result.is_null() && !wrap::here().is_null() {
        // SAFETY: called with the GIL held.
        unsafe { hook_all() };
    }
    result
}

unsafe extern "C" fn start_new_thread(module: *mut PyObject, args: *mut PyObject) -> *mut PyObject {
    let Some(original) = START_NEW_THREAD.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on unchanged.
    unsafe { started(call_original!(original, (module, args), fn(Obj, Obj) -> Obj)) }
}

unsafe extern "C" fn start_new(module: *mut PyObject, args: *mut PyObject) -> *mut PyObject {
    let Some(original) = START_NEW.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on unchanged.
    unsafe { started(call_original!(original, (module, args), fn(Obj, Obj) -> Obj)) }
}

static SOON: Gil<bool> = Gil::new(false);

extern "C" fn pending(_: *mut c_void) -> c_int {
    SOON.set(false);
    if !recorder().is_null() {
        // SAFETY: pending calls run with the GIL held.
        unsafe { hook_all() };
    }
    0
}

/// Somebody is about to set a trace function, possibly from C, where it cannot be wrapped: looks
/// again as soon as that is done.
///
/// # Safety
/// Needs the GIL.
pub unsafe fn repair_soon() {
    if !SOON.get() {
        SOON.set(true);
        // SAFETY: promised by the caller; the function takes no data.
        if unsafe { Py_AddPendingCall(Some(pending), std::ptr::null_mut()) } != 0 {
            SOON.set(false);
        }
    }
}

/// Starts tracing on all threads.
///
/// # Errors
/// What went wrong, for the one line on stderr.
///
/// # Safety
/// Needs the GIL and a recorder in place.
pub unsafe fn install() -> Result<(), &'static str> {
    // SAFETY: promised by the caller; the flags are those of 3.11's definitions.
    unsafe {
        if THEIRS.get().is_null() {
            THEIRS.set(Box::into_raw(Box::default()));
            LINES_OFF.set(Box::into_raw(Box::default()));
        }
        let found = wrap::find(b"_thread", b"start_new_thread");
        let start = start_new_thread as PyCFunction;
        if !wrap::wrap(found, METH_VARARGS, &START_NEW_THREAD, start) {
            return Err("_thread.start_new_thread is not what CPython 3.11 has");
        }
        // The same function under its old name has a definition of its own.
        let found = wrap::find(b"_thread", b"start_new");
        wrap::wrap(found, METH_VARARGS, &START_NEW, start_new as PyCFunction);
        let set = settrace as PyCFunction;
        if !wrap::wrap(wrap::find(b"sys", b"settrace"), METH_O, &SETTRACE, set) {
            return Err("sys.settrace is not what CPython 3.11 has");
        }
        hook_all();
    }
    Ok(())
}
