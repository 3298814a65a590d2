//! The program's own use of `sys.monitoring`, `sys.settrace` and `sys.setprofile` on 3.12+.
//!
//! CPython 3.12.1 and 3.13.0 lose INSTRUCTION events of code that is instrumented already when
//! another tool turns on an event that the recorder has on too; `restart_events` repairs it at
//! once. The recorder's own tool id looks free, and is given up when the program asks for it.
#![allow(unsafe_code)]

use super::wrap::{Gil, definition, find, here, wrap};
use crate::cpython::aside::Aside;
use crate::cpython::objects::{self as obj, Obj};
use crate::guard::call_original;
use crate::hooks::monitoring::{move_tool, tool_id};
use crate::rec::Recorder;
use crate::values::scalars::int_value;
use pyo3_ffi::{
    METH_FASTCALL, METH_NOARGS, METH_O, Py_AddPendingCall, Py_TYPE, Py_XDECREF, Py_ssize_t,
    PyCFunction, PyDict_Type, PyLong_FromLong, PyLong_Type, PySys_GetObject,
};
use std::ffi::{c_int, c_void};

type Args = *mut Obj;
type Fast = unsafe extern "C" fn(Obj, Args, Py_ssize_t) -> Obj;

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
        let _aside = Aside::begin();
        let result = restart(module, std::ptr::null_mut());
        Py_XDECREF(result);
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
                unsafe {
                    let result = call_original!(original, ($($arg),*), fn($($type),*) -> Obj);
                    repair();
                    result
                }
            }
        )*
    };
}

repaired! {
    SETTRACE, settrace, PyCFunction, (slf: Obj, function: Obj);
    SETPROFILE, setprofile, PyCFunction, (slf: Obj, function: Obj);
    SETTRACE_ALL, settrace_all, PyCFunction, (slf: Obj, function: Obj);
    SETPROFILE_ALL, setprofile_all, PyCFunction, (slf: Obj, function: Obj);
}

/// The recorder's own calls are no calls of the program.
static MOVING: Gil<bool> = Gil::new(false);

/// Whether an argument names the recorder's own tool id.
unsafe fn is_ours(id: Obj) -> bool {
    // SAFETY: the argument is alive.
    unsafe {
        !MOVING.get()
            && !here().is_null()
            && Py_TYPE(id) == &raw mut PyLong_Type
            && tool_id().is_some_and(|own| int_value(id) == Some(own))
    }
}

/// Leaves a tool id that the program is about to use.
unsafe fn give_way(id: Obj) {
    // SAFETY: the argument is alive.
    unsafe {
        if is_ours(id) {
            let _quiet = super::audit::quiet();
            MOVING.set(true);
            let moved = move_tool();
            MOVING.set(false);
            if !moved {
                let rec = here();
                (*rec).enter();
                (*rec).gap("the program uses all tool ids of sys.monitoring");
            }
        }
    }
}

macro_rules! giving_way {
    ($($original:ident, $wrapper:ident, $kind:ty, $least:literal,
       ($($arg:ident: $type:ty),*), $id:expr, $count:expr;)*) => {
        $(
            static $original: Gil<Option<$kind>> = Gil::new(None);

            unsafe extern "C" fn $wrapper($($arg: $type),*) -> Obj {
                let Some(original) = $original.get() else { return std::ptr::null_mut() };
                // SAFETY: passed on unchanged.
                unsafe {
                    if $count >= $least {
                        give_way($id);
                    }
                    call_original!(original, ($($arg),*), fn($($type),*) -> Obj)
                }
            }
        )*
    };
}

giving_way! {
    USE_TOOL_ID, use_tool_id, Fast, 2, (slf: Obj, args: *mut Obj, count: Py_ssize_t), *args, count;
    REGISTER, register, Fast, 3, (slf: Obj, args: *mut Obj, count: Py_ssize_t), *args, count;
    FREE_TOOL_ID, free_tool_id, PyCFunction, 0, (slf: Obj, id: Obj), id, 0;
}

macro_rules! looking_free {
    ($($original:ident, $wrapper:ident, $kind:ty, ($($arg:ident: $type:ty),*), $id:expr,
       $answer:expr;)*) => {
        $(
            static $original: Gil<Option<$kind>> = Gil::new(None);

            unsafe extern "C" fn $wrapper($($arg: $type),*) -> Obj {
                let Some(original) = $original.get() else { return std::ptr::null_mut() };
                // SAFETY: passed on unchanged.
                unsafe {
                    if is_ours($id) {
                        return $answer;
                    }
                    call_original!(original, ($($arg),*), fn($($type),*) -> Obj)
                }
            }
        )*
    };
}

looking_free! {
    GET_TOOL, get_tool, PyCFunction, (slf: Obj, id: Obj), id, pyo3_ffi::Py_None();
    GET_EVENTS, get_events, PyCFunction, (slf: Obj, id: Obj), id, PyLong_FromLong(0);
}

static SET_EVENTS: Gil<Option<Fast>> = Gil::new(None);

unsafe extern "C" fn set_events(slf: Obj, args: *mut Obj, count: Py_ssize_t) -> Obj {
    let Some(original) = SET_EVENTS.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on unchanged.
    unsafe {
        if count >= 1 {
            give_way(*args);
        }
        let result = call_original!(original, (slf, args, count), fn(Obj, Args, Py_ssize_t) -> Obj);
        repair();
        result
    }
}

static SET_LOCAL_EVENTS: Gil<Option<Fast>> = Gil::new(None);

unsafe extern "C" fn set_local_events(slf: Obj, args: *mut Obj, count: Py_ssize_t) -> Obj {
    let Some(original) = SET_LOCAL_EVENTS.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on unchanged.
    unsafe {
        if count >= 1 {
            give_way(*args);
        }
        let result = call_original!(original, (slf, args, count), fn(Obj, Args, Py_ssize_t) -> Obj);
        repair();
        result
    }
}

static ALL_EVENTS: Gil<Option<PyCFunction>> = Gil::new(None);

/// `_all_events()`: a dict of event names to bits of the tools that have them on.
unsafe extern "C" fn all_events(slf: Obj, none: Obj) -> Obj {
    let Some(original) = ALL_EVENTS.get() else { return std::ptr::null_mut() };
    // SAFETY: the result is a new dict with exact str keys that nobody else has yet.
    unsafe {
        let result = call_original!(original, (slf, none), fn(Obj, Obj) -> Obj);
        let (false, Some(own)) = (here().is_null(), tool_id()) else { return result };
        if result.is_null() || Py_TYPE(result) != &raw mut PyDict_Type {
            return result;
        }
        let all: Vec<(Obj, Obj)> = obj::DictIter::new(result).collect();
        for (name, tools) in all {
            let others = int_value(tools).unwrap_or(0) & !(1 << own);
            if others == 0 {
                pyo3_ffi::PyDict_DelItem(result, name);
                continue;
            }
            let value = PyLong_FromLong(others);
            if !value.is_null() {
                pyo3_ffi::PyDict_SetItem(result, name, value);
                Py_XDECREF(value);
            }
        }
        result
    }
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
        let id = function(b"free_tool_id");
        done &= wrap(id, METH_O, &FREE_TOOL_ID, free_tool_id as PyCFunction);
        let register_callback = function(b"register_callback");
        done &= wrap(register_callback, METH_FASTCALL, &REGISTER, register as Fast);
        let events = function(b"get_events");
        done &= wrap(events, METH_O, &GET_EVENTS, get_events as PyCFunction);
        let all = function(b"_all_events");
        done &= wrap(all, METH_NOARGS, &ALL_EVENTS, all_events as PyCFunction);
        done &= wrap(function(b"get_tool"), METH_O, &GET_TOOL, get_tool as PyCFunction);
        if !done {
            (*rec).gap("events may be lost where the program uses sys.settrace or sys.monitoring");
        }
    }
}
