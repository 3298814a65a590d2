//! The program's own use of `sys.monitoring`, `sys.settrace` and `sys.setprofile` on 3.12+.
//!
//! CPython 3.12.1 and 3.13.0 lose INSTRUCTION events of code that is instrumented already when
//! another tool turns on an event that the recorder has on too; `restart_events` repairs it at
//! once. The recorder's own tool id looks free, and is given up when the program asks for it.
#![allow(unsafe_code)]

use super::wrap::{Gil, definition, find, here, wrap};
use crate::cpython::objects::{self as obj, Obj};
use crate::hooks::monitoring::{move_tool, tool_id};
use crate::rec::Recorder;
use crate::values::scalars::int_value;
use pyo3_ffi::{
    METH_FASTCALL, METH_NOARGS, METH_O, Py_AddPendingCall, Py_DECREF, Py_TYPE, Py_ssize_t,
    PyCFunction, PyErr_Clear, PyErr_GetRaisedException, PyErr_SetRaisedException, PyLong_Type,
    PySys_GetObject,
};
use std::ffi::{c_int, c_void};

type Fast = unsafe extern "C" fn(Obj, *mut Obj, Py_ssize_t) -> Obj;

/// `sys.monitoring.restart_events`: its C function and the module that it belongs to.
static RESTART: Gil<Option<(PyCFunction, Obj)>> = Gil::new(None);

/// Makes lost events come again.
pub fn repair() {
    if here().is_null() {
        return;
    }
    let Some((restart, module)) = RESTART.get() else { return };
    // SAFETY: a function without arguments of a module that lives as long as the interpreter; it
    // runs no program code. The program's exception, if any, is taken and given back.
    unsafe {
        let raised = PyErr_GetRaisedException();
        let result = restart(module, std::ptr::null_mut());
        if result.is_null() {
            PyErr_Clear();
        } else {
            Py_DECREF(result);
        }
        PyErr_SetRaisedException(raised);
    }
}

static SOON: Gil<bool> = Gil::new(false);

extern "C" fn pending(_: *mut c_void) -> c_int {
    SOON.set(false);
    repair();
    0
}

/// Repairs as soon as the C code that is about to set a trace or profile function is back.
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

macro_rules! repaired {
    ($($original:ident, $wrapper:ident, $kind:ty, ($($arg:ident: $type:ty),*);)*) => {
        $(
            static $original: Gil<Option<$kind>> = Gil::new(None);

            unsafe extern "C" fn $wrapper($($arg: $type),*) -> Obj {
                let Some(original) = $original.get() else { return std::ptr::null_mut() };
                // SAFETY: passed on unchanged.
                let result = unsafe { original($($arg),*) };
                repair();
                result
            }
        )*
    };
}

repaired! {
    SETTRACE, settrace, PyCFunction, (slf: Obj, function: Obj);
    SETPROFILE, setprofile, PyCFunction, (slf: Obj, function: Obj);
    SETTRACE_ALL, settrace_all, PyCFunction, (slf: Obj, function: Obj);
    SETPROFILE_ALL, setprofile_all, PyCFunction, (slf: Obj, function: Obj);
    SET_EVENTS, set_events, Fast, (slf: Obj, args: *mut Obj, count: Py_ssize_t);
    SET_LOCAL_EVENTS, set_local_events, Fast, (slf: Obj, args: *mut Obj, count: Py_ssize_t);
}

/// Whether an argument names the recorder's own tool id.
unsafe fn is_ours(id: Obj) -> bool {
    // SAFETY: the argument is alive.
    unsafe {
        !here().is_null()
            && Py_TYPE(id) == &raw mut PyLong_Type
            && tool_id().is_some_and(|own| int_value(id) == Some(own))
    }
}

unsafe fn is_text(object: Obj) -> bool {
    // SAFETY: the argument is alive.
    unsafe { obj::flags(Py_TYPE(object)) & obj::UNICODE_SUBCLASS != 0 }
}

static USE_TOOL_ID: Gil<Option<Fast>> = Gil::new(None);

unsafe extern "C" fn use_tool_id(slf: Obj, args: *mut Obj, count: Py_ssize_t) -> Obj {
    let Some(original) = USE_TOOL_ID.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on unchanged.
    unsafe {
        // Only a call that is going to succeed may make the recorder move.
        if count == 2 && is_ours(*args) && is_text(*args.add(1)) {
            let _quiet = super::audit::quiet();
            if !move_tool() {
                let rec = here();
                (*rec).enter();
                (*rec).gap("the program uses all tool ids of sys.monitoring");
            }
        }
        original(slf, args, count)
    }
}

static GET_TOOL: Gil<Option<PyCFunction>> = Gil::new(None);

unsafe extern "C" fn get_tool(slf: Obj, id: Obj) -> Obj {
    let Some(original) = GET_TOOL.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on unchanged; None is immortal.
    unsafe { if is_ours(id) { pyo3_ffi::Py_None() } else { original(slf, id) } }
}

/// Wraps what can disturb the recorder's events. The engine must be installed already.
///
/// # Safety
/// Needs the GIL and the recorder.
pub unsafe fn install(rec: *mut Recorder) {
    // SAFETY: promised by the caller; each function type fits the flags beside it.
    unsafe {
        let module = PySys_GetObject(c"monitoring".as_ptr());
        let function = |name: &[u8]| {
            if module.is_null() || Py_TYPE(module) != &raw mut pyo3_ffi::PyModule_Type {
                return std::ptr::null_mut();
            }
            obj::dict_find(pyo3_ffi::PyModule_GetDict(module), name)
        };
        let restart = definition(function(b"restart_events"));
        let mut done = !restart.is_null() && (*restart).ml_flags == METH_NOARGS;
        if done {
            RESTART.set(Some(((*restart).ml_meth.PyCFunction, module)));
        }
        let sys = |name: &[u8]| find(b"sys", name);
        done &= wrap(sys(b"settrace"), METH_O, &SETTRACE, settrace as PyCFunction);
        done &= wrap(sys(b"setprofile"), METH_O, &SETPROFILE, setprofile as PyCFunction);
        let all = sys(b"_settraceallthreads");
        done &= wrap(all, METH_O, &SETTRACE_ALL, settrace_all as PyCFunction);
        let all = sys(b"_setprofileallthreads");
        done &= wrap(all, METH_O, &SETPROFILE_ALL, setprofile_all as PyCFunction);
        let set = function(b"set_events");
        done &= wrap(set, METH_FASTCALL, &SET_EVENTS, set_events as Fast);
        let set = function(b"set_local_events");
        done &= wrap(set, METH_FASTCALL, &SET_LOCAL_EVENTS, set_local_events as Fast);
        let id = function(b"use_tool_id");
        done &= wrap(id, METH_FASTCALL, &USE_TOOL_ID, use_tool_id as Fast);
        done &= wrap(function(b"get_tool"), METH_O, &GET_TOOL, get_tool as PyCFunction);
        if !done {
            (*rec).gap("events may be lost where the program uses sys.settrace or sys.monitoring");
        }
    }
}
