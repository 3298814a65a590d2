//! The engine of 3.11: a C trace function on every thread.
//!
//! It is set in the thread state directly and leaves `c_traceobj` to the program, so that
//! `sys.gettrace()` tells of the program's own trace function only; that one is called after
//! ours, through the interpreter's own trampoline. Must never ask for `f_locals`.
#![allow(unsafe_code)]

use super::code::{FIRST_RESUME, IS_YIELD};
use super::frames::{self, Entry, Exit};
use crate::cpython::version as v;
use crate::cpython::{Frame, field, thread_state};
use crate::process::wrap::{self, Gil};
use crate::rec::recorder;
use pyo3_ffi::{
    METH_O, METH_VARARGS, PyCFunction, PyObject, PyThreadState, PyTuple_GET_ITEM,
};
use std::ffi::{c_int, c_void};

const CALL: c_int = 0;
const EXCEPTION: c_int = 1;
const LINE: c_int = 2;
const RETURN: c_int = 3;

type TraceFunction =
    unsafe extern "C" fn(*mut PyObject, *mut PyObject, c_int, *mut PyObject) -> c_int;

unsafe extern "C" {
    fn PyInterpreterState_Main() -> *mut c_void;
    fn PyInterpreterState_ThreadHead(interpreter: *mut c_void) -> *mut PyThreadState;
    fn PyThreadState_Next(state: *mut PyThreadState) -> *mut PyThreadState;
}

/// CPython's `trace_trampoline`, learnt when the program first sets a trace function.
static TRAMPOLINE: Gil<Option<TraceFunction>> = Gil::new(None);
static SETTRACE: Gil<Option<PyCFunction>> = Gil::new(None);
static START_NEW_THREAD: Gil<Option<PyCFunction>> = Gil::new(None);

unsafe extern "C" fn trace(
    object: *mut PyObject,
    frame_object: *mut PyObject,
    what: c_int,
    arg: *mut PyObject,
) -> c_int {
    // SAFETY: called by the interpreter with the frame object of the running frame. What the
    // program's own function does is its own affair; only if it fails, and CPython takes the
    // trace function away, ours is put back.
    unsafe {
        let rec = recorder();
        if !rec.is_null() {
            record(frame_object, what, arg);
        }
        let Some(trampoline) = TRAMPOLINE.get() else { return 0 };
        if object.is_null() {
            return 0;
        }
        let result = trampoline(object, frame_object, what, arg);
        hook(thread_state());
        result
    }
}

unsafe fn record(frame_object: *mut PyObject, what: c_int, arg: *mut PyObject) {
    // SAFETY: as in `trace`.
    unsafe {
        let rec = recorder();
        let frame = Frame(field(frame_object, v::FRAMEOBJECT_FRAME));
        let at = frame.instruction().max(0) as usize;
        match what {
            CALL => {
                let info = (*rec).codes.info(frame.code());
                let first = (&(*info).units)[at.min((&(*info).units).len() - 1)].flags;
                let known = (*rec).threads.suspended.contains_key(&(frame.0 as usize));
                let fresh = first & FIRST_RESUME != 0 || !known;
                // A throw and a send look the same here, and the same to pdb.
                frames::enter(rec, frame, info, if fresh { Entry::Start } else { Entry::Resume });
            }
            LINE => {
                (*rec).enter();
                let Some(shadow) = frames::current(rec, frame) else { return };
                let Some(unit) = (&(*shadow.info).units).get(at) else { return };
                let (line, effects) = (unit.line, unit.effects);
                frames::line(rec, &raw mut *shadow, line, effects);
            }
            RETURN => {
                let info = (*rec).codes.info(frame.code());
                let flags = (&(*info).units).get(at).map_or(0, |unit| unit.flags);
                let exit = if arg.is_null() {
                    Exit::Unwind
                } else if flags & IS_YIELD != 0 {
                    Exit::Yield
                } else {
                    Exit::Return
                };
                let value = if arg.is_null() { pyo3_ffi::Py_None() } else { arg };
                frames::leave(rec, frame, value, exit);
            }
            EXCEPTION => frames::raise(rec, frame, PyTuple_GET_ITEM(arg, 1)),
            _ => {}
        }
    }
}

/// Puts our function in front of whatever the thread has.
unsafe fn hook(state: *mut PyThreadState) {
    // SAFETY: promised by the callers: the state is alive and the GIL held.
    unsafe {
        let bytes = state.cast::<u8>();
        let slot = bytes.add(v::TSTATE_TRACEFUNC).cast::<*mut c_void>();
        let ours = trace as *mut c_void;
        let present = slot.read();
        if present == ours {
            return;
        }
        if !present.is_null() && TRAMPOLINE.get().is_none() {
            TRAMPOLINE.set(Some(std::mem::transmute::<*mut c_void, TraceFunction>(present)));
        }
        slot.write(ours);
        let cframe: *mut u8 = field(state, v::TSTATE_CFRAME);
        cframe.add(v::CFRAME_USE_TRACING).write(255);
    }
}

/// Hooks all threads, also one that was just made and waits for the GIL.
unsafe fn hook_all() {
    // SAFETY: the GIL is held, so no thread state goes away meanwhile.
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
        let result = original(module, function);
        if !wrap::here().is_null() {
            hook(thread_state());
        }
        result
    }
}

unsafe extern "C" fn start_new_thread(module: *mut PyObject, args: *mut PyObject) -> *mut PyObject {
    let Some(original) = START_NEW_THREAD.get() else { return std::ptr::null_mut() };
    // SAFETY: the original with its own arguments. The new thread's state is in the list by now,
    // and the thread cannot run before this one gives the GIL up.
    unsafe {
        let result = original(module, args);
        if !result.is_null() && !wrap::here().is_null() {
            hook_all();
        }
        result
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
        let start: PyCFunction = start_new_thread;
        let found = wrap::find(b"_thread", b"start_new_thread");
        if !wrap::wrap(found, METH_VARARGS, &START_NEW_THREAD, start) {
            return Err("_thread.start_new_thread is not what CPython 3.11 has");
        }
        let set: PyCFunction = settrace;
        if !wrap::wrap(wrap::find(b"sys", b"settrace"), METH_O, &SETTRACE, set) {
            return Err("sys.settrace is not what CPython 3.11 has");
        }
        hook_all();
    }
    Ok(())
}
