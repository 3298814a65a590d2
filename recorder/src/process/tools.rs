//! The program's own use of `sys.monitoring`, `sys.settrace` and `sys.setprofile` on 3.12+.
//!
//! CPython 3.12.1 and 3.13.0 lose INSTRUCTION events of code that is instrumented already when
//! another tool turns on an event that the recorder has on too; `restart_events` repairs it at
//! once. The recorder's own tool id looks free, and is given up when the program asks for it.
#![allow(unsafe_code)]

use super::wrap::{Gil, definition, find, here, wrap};
use crate::cpython::objects::{self as obj, Obj};
use crate::rec::Recorder;
use crate::values::scalars::int_value;
use pyo3_ffi::{
    METH_FASTCALL, METH_NOARGS, METH_O, Py_AddPendingCall, Py_DECREF, Py_TYPE, Py_ssize_t,
    PyCFunction, PyErr_Clear, PyErr_GetRaisedException, PyErr_SetRaisedException, PyLong_FromLong,
    PyLong_Type, PySys_GetObject, PyUnicode_FromString,
};
use std::ffi::{c_int, c_void};

type Fast = unsafe extern "C" fn(Obj, *mut Obj, Py_ssize_t) -> Obj;

/// The functions of `sys.monitoring` that the recorder calls itself, as they were at the start.
#[derive(Clone, Copy)]
struct Monitoring {
    module: Obj,
    restart_events: PyCFunction,
    get_tool: PyCFunction,
    free_tool_id: PyCFunction,
    get_events: PyCFunction,
    use_tool_id: Fast,
    set_events: Fast,
    register_callback: Fast,
}

static MONITORING: Gil<Option<Monitoring>> = Gil::new(None);
/// The recorder's own tool id.
static TOOL: Gil<i32> = Gil::new(-1);
const NAME: &[u8] = b"moviola";

/// Runs something that may set an error while the program may have one of its own.
unsafe fn aside(body: impl FnOnce()) {
    // SAFETY: the GIL is held; the program's exception is taken and given back.
    unsafe {
        let raised = PyErr_GetRaisedException();
        body();
        PyErr_Clear();
        PyErr_SetRaisedException(raised);
    }
}

/// Drops a result; false if there is none.
unsafe fn done(result: Obj) -> bool {
    if result.is_null() {
        return false;
    }
    // SAFETY: a new reference of our own.
    unsafe { Py_DECREF(result) };
    true
}

/// Makes lost events come again.
pub fn repair() {
    if here().is_null() {
        return;
    }
    let Some(monitoring) = MONITORING.get() else { return };
    // SAFETY: a function without arguments of a module that lives as long as the interpreter; it
    // runs no program code.
    unsafe {
        aside(|| {
            done((monitoring.restart_events)(monitoring.module, std::ptr::null_mut()));
        });
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
            && int_value(id) == Some(i64::from(TOOL.get()))
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
            give_way();
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

/// Moves callbacks and events to another free id. If there is none, the recording of events
/// ends there: the program comes first.
unsafe fn give_way() {
    let (Some(monitoring), rec) = (MONITORING.get(), here()) else { return };
    let old = TOOL.get();
    // SAFETY: plain calls with ints, a str and the recorder's own callbacks.
    unsafe {
        let _quiet = super::audit::quiet();
        aside(|| {
            let name = PyUnicode_FromString(c"moviola".as_ptr());
            let new = (0..6).rev().filter(|id| *id != old).find(|id| {
                let id = PyLong_FromLong((*id).into());
                let taken =
                    done((monitoring.use_tool_id)(monitoring.module, [id, name].as_mut_ptr(), 2));
                PyErr_Clear();
                Py_DECREF(id);
                taken
            });
            done(name);
            let old = PyLong_FromLong(old.into());
            let target = new.map(|id| PyLong_FromLong(id.into()));
            let events = (monitoring.get_events)(monitoring.module, old);
            let zero = PyLong_FromLong(0);
            done((monitoring.set_events)(monitoring.module, [old, zero].as_mut_ptr(), 2));
            // One callback an event; asking for the old one takes it away.
            for event in 0..17 {
                let bit = PyLong_FromLong(1 << event);
                let none = pyo3_ffi::Py_None();
                let callback = (monitoring.register_callback)(
                    monitoring.module,
                    [old, bit, none].as_mut_ptr(),
                    3,
                );
                PyErr_Clear();
                if !callback.is_null()
                    && callback != none
                    && let Some(target) = target
                {
                    done((monitoring.register_callback)(
                        monitoring.module,
                        [target, bit, callback].as_mut_ptr(),
                        3,
                    ));
                }
                done(callback);
                Py_DECREF(bit);
            }
            done((monitoring.free_tool_id)(monitoring.module, old));
            if let Some(target) = target
                && !events.is_null()
            {
                done((monitoring.set_events)(monitoring.module, [target, events].as_mut_ptr(), 2));
            }
            done(events);
            Py_DECREF(zero);
            Py_DECREF(old);
            target.map(|target| Py_DECREF(target));
            TOOL.set(new.unwrap_or(-1));
        });
        if TOOL.get() < 0 {
            (*rec).enter();
            (*rec).gap(
                "the program uses all tool ids of sys.monitoring: nothing is observed from here",
            );
        }
    }
}

/// Finds the id that the engine took.
unsafe fn own_tool(monitoring: &Monitoring) -> i32 {
    // SAFETY: plain calls with ints.
    unsafe {
        (0..6)
            .find(|id| {
                let id = PyLong_FromLong((*id).into());
                let name = (monitoring.get_tool)(monitoring.module, id);
                let ours = !name.is_null()
                    && is_text(name)
                    && matches!(obj::chars(name), obj::Chars::Ascii(text) if text == NAME);
                done(name);
                Py_DECREF(id);
                ours
            })
            .unwrap_or(-1)
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
        let plain = |name: &[u8], flags: i32| {
            let def = definition(function(name));
            (!def.is_null() && (*def).ml_flags == flags).then(|| (*def).ml_meth)
        };
        let fast = |name: &[u8]| plain(name, METH_FASTCALL).map(|def| def.PyCFunctionFast);
        let one = |name: &[u8]| plain(name, METH_O).map(|def| def.PyCFunction);
        if MONITORING.get().is_none()
            && let Some(restart) = plain(b"restart_events", METH_NOARGS)
            && let (Some(get_tool), Some(free_tool_id), Some(get_events)) =
                (one(b"get_tool"), one(b"free_tool_id"), one(b"get_events"))
            && let (Some(use_tool_id), Some(set_events), Some(register_callback)) =
                (fast(b"use_tool_id"), fast(b"set_events"), fast(b"register_callback"))
        {
            MONITORING.set(Some(Monitoring {
                module,
                restart_events: restart.PyCFunction,
                get_tool,
                free_tool_id,
                get_events,
                use_tool_id,
                set_events,
                register_callback,
            }));
        }
        let mut done = false;
        if let Some(monitoring) = MONITORING.get() {
            TOOL.set(own_tool(&monitoring));
            done = TOOL.get() >= 0;
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
