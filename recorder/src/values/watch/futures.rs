//! Futures and tasks of asyncio: C code steps a task, sets its result and wakes others.
//!
//! All of it happens in their own methods or in `Context.run`, by which the event loop calls. What
//! is under way is compared before every event, as asyncio calls Python code in the middle.
#![allow(unsafe_code)]

use super::patch::replace_method;
use super::wrap::{Call, Hook, Shape, replace};
use super::{Mode, around};
use crate::cpython::library::asyncio;
use crate::cpython::objects::{Obj, Typ, rd};
use crate::rec::{Recorder, recorder};
use crate::values::capture;
use crate::values::library::is_future;
use crate::values::types::c_name;
use pyo3_ffi as ffi;
use std::ffi::CStr;

/// Methods of futures and tasks that change them.
pub const METHODS: &[(&[u8], Hook)] = &[
    (b"set_result", method),
    (b"set_exception", method),
    (b"cancel", method),
    (b"uncancel", method),
    (b"set_name", method),
];

/// Methods, and `__init__`, in which an eager task runs.
pub unsafe fn method(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: as for every hook.
    unsafe {
        if is_future(&mut (*rec).heap, ffi::Py_TYPE(call.this())) {
            around(rec, call, call.this(), Mode::Whole, false)
        } else {
            call.run()
        }
    }
}

/// `Context.run(callable, ...)`: a step of a task, if the callable is one.
pub unsafe fn run(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let task = call.fast().first().map_or(std::ptr::null_mut(), |callable| stepped(*callable));
        if !task.is_null() && is_future(&mut (*rec).heap, ffi::Py_TYPE(task)) {
            around(rec, call, task, Mode::Whole, false)
        } else {
            call.run()
        }
    }
}

/// The task that a callback of the event loop steps, if it is such.
unsafe fn stepped(callable: Obj) -> Obj {
    // SAFETY: the caller holds the callable, which holds its task.
    unsafe {
        let typ = ffi::Py_TYPE(callable);
        if typ == &raw mut ffi::PyCFunction_Type {
            return rd(callable, 24);
        }
        match c_name(typ) {
            b"TaskStepMethWrapper" | b"_asyncio.TaskStepMethWrapper" => {
                rd(callable, asyncio::STEP_TASK)
            }
            _ => std::ptr::null_mut(),
        }
    }
}

/// The call of a `TaskStepMethWrapper`, by event loops that do without `Context.run`.
pub unsafe fn step(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let task = stepped(call.this());
        if !task.is_null() && is_future(&mut (*rec).heap, ffi::Py_TYPE(task)) {
            around(rec, call, task, Mode::Whole, false)
        } else {
            call.run()
        }
    }
}

/// Finds what event loops call to step a task: its type has no name in any module.
///
/// # Safety
/// The GIL must be held; the types must be alive.
pub unsafe fn see_steps(types: &[Typ]) {
    // SAFETY: the caller's promise; `tp_call` is a function of three arguments.
    unsafe {
        for typ in types {
            if c_name(*typ).ends_with(b"TaskStepMethWrapper") {
                let call = &raw mut (**typ).tp_call;
                replace(call.cast(), Shape::Three, step);
            }
        }
    }
}

/// The callback by which a future wakes a task, if it is that.
///
/// # Safety
/// `callback` must be null or alive.
pub unsafe fn see_wakeup(callback: Obj) {
    // SAFETY: the caller's promise; a built-in function's definition is static.
    unsafe {
        if callback.is_null() || ffi::Py_TYPE(callback) != &raw mut ffi::PyCFunction_Type {
            return;
        }
        let def: *mut ffi::PyMethodDef = rd(callback, 16);
        if CStr::from_ptr((*def).ml_name) == c"task_wakeup" {
            replace_method(def, method);
        }
    }
}

/// `ContextVar.reset(token)`: the token is used up.
pub unsafe fn reset(_: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let result = call.run();
        let rec = recorder();
        let token = call.object(1);
        if !rec.is_null() && (*rec).heap.known(token).is_some() {
            (*rec).enter();
            capture::replace(rec, token);
        }
        result
    }
}
