//! The engine of 3.12 and later: `sys.monitoring` with C callbacks.
//!
//! Lines come from INSTRUCTION events that stay on only where a line starts: LINE events search
//! linearly in long functions (CPython 3.12.1 and 3.13.0). The rule for what is a new line is
//! pdb's, i.e. that of `Python/instrumentation.c` and `sys_trace_jump_func`.
#![allow(unsafe_code)]

use super::callable;
use super::code::{AFTER_RESUME, CELL_STORE, IS_SEND, KEEP, START, UNLINED};
use super::frames::{self, Entry, Exit};
use super::seen;
use crate::cpython::{Code, Frame, Thread};
use crate::guard::guarded;
use crate::process::wrap::Gil;
use crate::rec::{Recorder, recorder};
use crate::start::Detail;
use pyo3_ffi::{
    Py_DECREF, Py_None, PyErr_Clear, PyLong_AsLong, PyLong_FromLong, PyObject,
    PyObject_GetAttrString, PySys_GetObject,
};
use std::cell::UnsafeCell;
use std::ffi::{CStr, c_long};

struct Static(UnsafeCell<*mut PyObject>);
// SAFETY: written once at start, under the GIL.
unsafe impl Sync for Static {}
static DISABLE: Static = Static(UnsafeCell::new(std::ptr::null_mut()));

/// `sys.monitoring.DISABLE`; the interpreter takes over the reference, so one is added.
#[inline]
fn disable() -> *mut PyObject {
    // SAFETY: set before any callback is registered.
    unsafe {
        let object = *DISABLE.0.get();
        pyo3_ffi::Py_INCREF(object);
        object
    }
}

/// `None` is immortal from 3.12 on: no reference to count.
#[inline]
fn none() -> *mut PyObject {
    // SAFETY: a static of the interpreter.
    unsafe { Py_None() }
}

type Args = *const *mut PyObject;

unsafe extern "C" fn instruction(
    _: *mut PyObject,
    _: Args,
    _: usize,
    _: *mut PyObject,
) -> *mut PyObject {
    let rec = recorder();
    if rec.is_null() {
        return disable();
    }
    guarded(none(), || {
        // SAFETY: called by the interpreter in the running frame with the GIL held.
        unsafe { instruction_of(rec) }
    })
}

#[inline]
unsafe fn instruction_of(rec: *mut Recorder) -> *mut PyObject {
    // SAFETY: promised by the caller.
    unsafe {
        let frame = running(rec);
        if (*rec).threads.is_switched() {
            (*rec).enter();
        }
        let Some(shadow) = frames::current(rec, frame) else { return none() };
        let at = frame.instruction();
        let Some(unit) = (*shadow.info).unit(at as usize) else { return none() };
        if unit.flags & (START | CELL_STORE | KEEP | UNLINED) == 0 {
            return disable();
        }
        if unit.flags & UNLINED != 0 {
            shadow.last_line = i32::MIN;
        }
        if unit.flags & START != 0 {
            let back = at <= shadow.last_start && unit.flags & IS_SEND == 0;
            let fires = unit.line != shadow.last_line || back || unit.flags & AFTER_RESUME != 0;
            shadow.last_start = at;
            if fires {
                shadow.last_line = unit.line;
                let shadow = &raw mut *shadow;
                (*rec).enter();
                frames::line(rec, shadow, unit.line, unit.effects);
            }
        }
        if unit.flags & CELL_STORE != 0 {
            (*rec).enter();
            (*rec).pending_cell = frame.slot(usize::from(unit.slot));
        }
    }
    none()
}

unsafe fn entered(args: Args, entry: Entry) -> *mut PyObject {
    let rec = recorder();
    if rec.is_null() {
        return none();
    }
    // SAFETY: called by the interpreter in the entered frame; the first argument is its code.
    unsafe {
        let frame = running(rec);
        if frame.0.is_null() || frame.code().0 != *args {
            return none();
        }
        let info = (*rec).codes.info(Code(*args));
        frames::enter(rec, frame, info, entry);
    }
    none()
}

/// The frame that the calling thread runs; may be null.
#[inline]
unsafe fn running(rec: *const Recorder) -> Frame {
    // SAFETY: the callers are called by the interpreter, with the GIL held.
    unsafe { Thread((*rec).threads.state()).frame() }
}

unsafe fn left(args: Args, value: *mut PyObject, exit: Exit) -> *mut PyObject {
    let rec = recorder();
    if !rec.is_null() {
        // SAFETY: called by the interpreter in the frame that is left.
        unsafe {
            let frame = running(rec);
            // C extensions may fire events of code-like objects of their own (3.13).
            if !frame.0.is_null() && frame.code().0 == *args {
                frames::leave(rec, frame, value, exit);
            }
        }
    }
    none()
}

macro_rules! callbacks {
    ($($name:ident($args:ident) $body:block)*) => {
        $(unsafe extern "C" fn $name(
            _: *mut PyObject,
            $args: Args,
            _: usize,
            _: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: the interpreter passes code, offset and for most events a third argument.
            guarded(none(), || unsafe { $body })
        })*
    };
}

callbacks! {
    py_start(args) { entered(args, Entry::Start) }
    py_resume(args) { entered(args, Entry::Resume) }
    py_throw(args) { entered(args, Entry::Throw) }
    py_return(args) { left(args, *args.add(2), Exit::Return) }
    py_yield(args) { left(args, *args.add(2), Exit::Yield) }
    py_unwind(args) { left(args, Py_None(), Exit::Unwind) }
    raise(args) {
        let rec = recorder();
        if !rec.is_null() {
            let frame = running(rec);
            if !frame.0.is_null() && frame.code().0 == *args {
                frames::raise(rec, frame, *args.add(2));
            }
        }
        none()
    }
}

/// What an event of a recording of coverage comes to; it is turned off where nothing more is to learn.
unsafe fn once(learn: impl FnOnce(*mut Recorder) -> bool) -> *mut PyObject {
    let rec = recorder();
    if rec.is_null() || !learn(rec) { none() } else { disable() }
}

/// An int among the arguments: a line.
unsafe fn line_of(arg: *mut PyObject) -> i32 {
    // SAFETY: promised by the callers.
    unsafe { PyLong_AsLong(arg) as i32 }
}

/// An int among the arguments: an offset, as a code unit.
unsafe fn unit_of(arg: *mut PyObject) -> usize {
    // SAFETY: promised by the callers.
    unsafe { PyLong_AsLong(arg) as usize / 2 }
}

callbacks! {
    seen_start(args) {
        once(|rec| {
            seen::start(rec, Code(*args));
            true
        })
    }
    // LINE events would search the line of each from the start of the code.
    seen_instruction(args) {
        once(|rec| {
            seen::instruction(rec, Code(*args), unit_of(*args.add(1)));
            true
        })
    }
    seen_line(args) {
        once(|rec| {
            let frame = running(rec);
            let is_own = !frame.0.is_null() && frame.code().0 == *args;
            seen::line(rec, Code(*args), line_of(*args.add(1)));
            !is_own || seen::goes_on(rec, frame, line_of(*args.add(1)))
        })
    }
    seen_return(args) {
        once(|rec| {
            seen::left(rec, Code(*args), unit_of(*args.add(1)));
            true
        })
    }
    seen_branch(args) {
        once(|rec| {
            let (from, to) = (unit_of(*args.add(1)), unit_of(*args.add(2)));
            seen::branch(rec, running(rec), Code(*args), from, to)
        })
    }
    seen_raise(args) {
        once(|rec| {
            let frame = running(rec);
            seen::raised(rec, frame, Code(*args), unit_of(*args.add(1)), *args.add(2));
            false
        })
    }
    seen_handled(args) {
        once(|rec| {
            seen::handled(rec, Code(*args), unit_of(*args.add(1)), *args.add(2));
            false
        })
    }
    seen_unwind(args) {
        once(|rec| {
            seen::left(rec, Code(*args), unit_of(*args.add(1)));
            false
        })
    }
}

/// What was registered, to move it to another tool id.
#[derive(Clone, Copy)]
struct Tool {
    id: c_long,
    mask: c_long,
    callbacks: [(c_long, *mut PyObject); 9],
    use_tool_id: *mut PyObject,
    free_tool_id: *mut PyObject,
    register_callback: *mut PyObject,
    set_events: *mut PyObject,
}

static TOOL: Gil<Option<Tool>> = Gil::new(None);

/// The tool id that the recorder has at present.
pub fn tool_id() -> Option<c_long> {
    TOOL.get().map(|tool| tool.id)
}

/// Gives the tool id up because the program wants it, and takes another. False when there is
/// none left: then nothing is recorded from here on.
///
/// # Safety
/// Needs the GIL.
pub unsafe fn move_tool() -> bool {
    let Some(mut tool) = TOOL.get() else { return true };
    // SAFETY: promised by the caller.
    unsafe {
        let old = tool.id;
        let moved = tool.take(Some(old));
        if call(tool.set_events, &[number(old), number(0)]).is_ok() {
            let _ = call(tool.free_tool_id, &[number(old)]);
        }
        let started = moved && tool.start().is_ok();
        TOOL.set(if started { Some(tool) } else { None });
        started
    }
}

impl Tool {
    /// Takes a free id other than `not`. Ids 0, 1, 2 and 5 have customary owners.
    unsafe fn take(&mut self, not: Option<c_long>) -> bool {
        // SAFETY: promised by `install`.
        unsafe {
            for id in [4, 3, 5, 2, 1, 0] {
                let name = pyo3_ffi::PyUnicode_FromString(c"moviola".as_ptr());
                if Some(id) != not && call(self.use_tool_id, &[number(id), name]).is_ok() {
                    self.id = id;
                    return true;
                }
            }
        }
        false
    }

    unsafe fn start(&self) -> Result<(), &'static str> {
        // SAFETY: promised by `install`.
        unsafe {
            for (event, callback) in self.callbacks {
                if callback.is_null() {
                    continue;
                }
                call(self.register_callback, &[number(self.id), number(event), callback])?;
            }
            call(self.set_events, &[number(self.id), number(self.mask)])
        }
    }
}

/// Registers all callbacks under a free tool id.
///
/// # Errors
/// What went wrong, for the one line on stderr.
///
/// # Safety
/// Needs the GIL and a recorder in place.
pub unsafe fn install(detail: Detail) -> Result<(), &'static str> {
    // SAFETY: plain C API calls; every error is cleared.
    unsafe {
        let monitoring = PySys_GetObject(c"monitoring".as_ptr());
        if monitoring.is_null() {
            return Err("this Python has no sys.monitoring");
        }
        let events = attribute(monitoring, c"events")?;
        *DISABLE.0.get() = attribute(monitoring, c"DISABLE")?;
        let kind = callable::new_type();
        const ALL: [(&CStr, pyo3_ffi::vectorcallfunc); 9] = [
            (c"PY_START", py_start),
            (c"PY_RESUME", py_resume),
            (c"PY_THROW", py_throw),
            (c"PY_RETURN", py_return),
            (c"PY_YIELD", py_yield),
            (c"PY_UNWIND", py_unwind),
            (c"RAISE", raise),
            (c"STOP_ITERATION", raise),
            (c"INSTRUCTION", instruction),
        ];
        let functions: &[(&CStr, pyo3_ffi::vectorcallfunc)] = match detail {
            Detail::Full => &ALL,
            Detail::Coverage { branch: false } => {
                &[(c"PY_START", seen_start), (c"INSTRUCTION", seen_instruction)]
            }
            Detail::Coverage { branch: true } => &[
                (c"PY_START", seen_start),
                (c"LINE", seen_line),
                (c"PY_RETURN", seen_return),
                (c"BRANCH", seen_branch),
                (c"RAISE", seen_raise),
                (c"EXCEPTION_HANDLED", seen_handled),
                (c"PY_UNWIND", seen_unwind),
            ],
        };
        // The program may replace what it finds in `sys.monitoring`: the functions are kept.
        let mut tool = Tool {
            id: 0,
            mask: 0,
            callbacks: [(0, std::ptr::null_mut()); 9],
            use_tool_id: attribute(monitoring, c"use_tool_id")?,
            free_tool_id: attribute(monitoring, c"free_tool_id")?,
            register_callback: attribute(monitoring, c"register_callback")?,
            set_events: attribute(monitoring, c"set_events")?,
        };
        for (place, (name, function)) in tool.callbacks.iter_mut().zip(functions) {
            let event = attribute(events, name)?;
            *place = (PyLong_AsLong(event), callable::make(kind, *function));
            Py_DECREF(event);
            tool.mask |= place.0;
        }
        Py_DECREF(events);
        if !tool.take(None) {
            return Err("all tool ids of sys.monitoring are taken");
        }
        tool.start()?;
        TOOL.set(Some(tool));
    }
    Ok(())
}

unsafe fn number(value: c_long) -> *mut PyObject {
    // SAFETY: promised by `install`.
    unsafe { PyLong_FromLong(value) }
}

unsafe fn attribute(object: *mut PyObject, name: &CStr) -> Result<*mut PyObject, &'static str> {
    // SAFETY: promised by `install`.
    unsafe {
        let value = PyObject_GetAttrString(object, name.as_ptr());
        if value.is_null() {
            PyErr_Clear();
            return Err("sys.monitoring lacks something that the recorder needs");
        }
        Ok(value)
    }
}

/// Calls a function; the arguments' references are given up (all are ints, strs or immortal).
unsafe fn call(function: *mut PyObject, args: &[*mut PyObject]) -> Result<(), &'static str> {
    // SAFETY: promised by `install`.
    unsafe {
        let none = std::ptr::null_mut();
        let result = pyo3_ffi::PyObject_Vectorcall(function, args.as_ptr(), args.len(), none);
        for arg in args {
            Py_DECREF(*arg);
        }
        if result.is_null() {
            PyErr_Clear();
            return Err("sys.monitoring refused a callback");
        }
        Py_DECREF(result);
    }
    Ok(())
}
