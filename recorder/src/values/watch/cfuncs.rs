//! C functions of the standard library that change their arguments without slot or method.
//!
//! A function's pointer is replaced when the function object, its module or its type is first
//! seen: before the program can call it by any name that is recorded.
#![allow(unsafe_code)]

use super::patch::replace_method;
use super::wrap::{Call, Hook};
use super::{Mode, around, bytes};
use crate::cpython::objects::{self as obj, DictIter, Obj, rd};
use crate::rec::{Recorder, recorder};
use crate::values::capture;
use crate::values::contents::instance_dict;
use crate::values::types::DictPlace;
use pyo3_ffi as ffi;
use std::ffi::CStr;

/// `heapq`, `bisect`: the first argument is a list whose elements move.
unsafe fn moves_list(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let list = call.fast().first().copied().unwrap_or(std::ptr::null_mut());
        moves(rec, call, list)
    }
}

/// As [`moves_list`] for functions that take only the list.
unsafe fn moves_only(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: as above.
    unsafe { moves(rec, call, call.object(1)) }
}

unsafe fn moves(rec: *mut Recorder, call: &Call, list: Obj) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let is_list = !list.is_null() && obj::flags(ffi::Py_TYPE(list)) & obj::LIST_SUBCLASS != 0;
        if !is_list {
            return call.run();
        }
        if (*rec).heap.known(list).is_none() {
            return super::unseen(rec, call, list);
        }
        around(rec, call, list, Mode::Diff, false)
    }
}

/// Functions that fill buffers among their arguments.
unsafe fn fills(_: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let result = call.run();
        for argument in call.fast() {
            written(*argument);
        }
        result
    }
}

/// A buffer among arguments, or a list or tuple of buffers, was filled.
unsafe fn written(argument: Obj) {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let items = match obj::flags(ffi::Py_TYPE(argument)) {
            flags if flags & obj::LIST_SUBCLASS != 0 => obj::list_items(argument),
            flags if flags & obj::TUPLE_SUBCLASS != 0 => obj::tuple_items(argument),
            _ => std::slice::from_ref(&argument),
        };
        for buffer in items {
            bytes::buffer_written(*buffer);
        }
    }
}

/// As [`fills`] for functions of one argument.
unsafe fn fills_one(_: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let result = call.run();
        bytes::buffer_written(call.object(1));
        result
    }
}

/// As [`fills`] for functions that take a tuple.
unsafe fn fills_tuple(_: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let result = call.run();
        let args = call.object(1);
        if !args.is_null() && ffi::Py_TYPE(args) == &raw mut ffi::PyTuple_Type {
            for argument in obj::tuple_items(args) {
                written(*argument);
            }
        }
        result
    }
}

/// `BaseException.add_note`: appends to the list `__notes__`.
unsafe fn adds_note(_: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let result = call.run();
        let rec = recorder();
        let this = call.this();
        let dict = instance_dict(this, ffi::Py_TYPE(this), DictPlace::Offset);
        if !rec.is_null() && !dict.is_null() && ffi::Py_TYPE(dict) == &raw mut ffi::PyDict_Type {
            let notes = obj::dict_find(dict, b"__notes__");
            if !notes.is_null() && (*rec).heap.known(notes).is_some() {
                (*rec).enter();
                capture::replace(rec, notes);
            }
        }
        result
    }
}

/// `_remove_dead_weakref(dict, key)` on 3.11, whose dicts have no watcher.
#[cfg(not(Py_3_12))]
unsafe fn removes_dead(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let &[dict, key] = call.fast() else { return call.run() };
        if super::dict::target(&*rec, dict as usize).is_none() {
            return call.run();
        }
        let before = obj::dict_len(dict);
        let result = call.run();
        let rec = recorder();
        if !rec.is_null()
            && obj::dict_len(dict) != before
            && let Some((to, _)) = super::dict::target(&*rec, dict as usize)
        {
            (*rec).enter();
            super::dict::removed(rec, dict, &to, key);
        }
        result
    }
}

/// `_count_elements(mapping, iterable)` on 3.11.
#[cfg(not(Py_3_12))]
unsafe fn counts(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let Some(mapping) = call.fast().first().copied() else { return call.run() };
        if (*rec).heap.known(mapping).is_none() {
            return super::unseen(rec, call, mapping);
        }
        around(rec, call, mapping, Mode::Whole, false)
    }
}

/// The hook for a method definition, by module or type and name.
unsafe fn hook_for(def: *const ffi::PyMethodDef) -> Option<Hook> {
    // SAFETY: definitions are static.
    let (name, flags) = unsafe { (CStr::from_ptr((*def).ml_name).to_bytes(), (*def).ml_flags) };
    let flags = flags & (ffi::METH_FASTCALL | ffi::METH_O | ffi::METH_VARARGS);
    Some(match name {
        b"heappush" | b"heappop" | b"heapreplace" | b"heappushpop" | b"heapify"
        | b"_heappop_max" | b"_heapreplace_max" | b"_heapify_max" | b"insort" | b"insort_left"
        | b"insort_right" => {
            if flags == ffi::METH_O {
                moves_only
            } else {
                moves_list
            }
        }
        b"pack_into" | b"readinto" | b"readinto1" | b"recv_into" | b"recvfrom_into"
        | b"recvmsg_into" => match flags {
            ffi::METH_O => fills_one,
            ffi::METH_FASTCALL => fills,
            _ => fills_tuple,
        },
        b"readv" | b"preadv" => fills,
        b"ioctl" if flags == ffi::METH_FASTCALL => fills,
        b"from_buffer" | b"frombuffer" => super::foreign::shares,
        b"load" | b"loads" if flags == ffi::METH_FASTCALL => super::building::builds,
        b"load" if flags == 0 => super::building::builds,
        b"add_note" if flags == ffi::METH_O => adds_note,
        #[cfg(not(Py_3_12))]
        b"_count_elements" => counts,
        #[cfg(not(Py_3_12))]
        b"_remove_dead_weakref" if flags == ffi::METH_FASTCALL => removes_dead,
        _ => return None,
    })
}

/// A built-in function is captured: replaces its pointer if it changes its arguments.
///
/// # Safety
/// `function` must be alive and a built-in function.
pub unsafe fn see_function(function: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        let def: *mut ffi::PyMethodDef = rd(function, 16);
        if let Some(hook) = hook_for(def) {
            replace_method(def, hook);
        }
    }
}

/// A module is captured: looks at its functions.
///
/// # Safety
/// `module` must be alive and a module.
pub unsafe fn see_module(module: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        let dict: Obj = rd(module, 16);
        if !dict.is_null() {
            for (_, value) in DictIter::new(dict) {
                if ffi::Py_TYPE(value) == &raw mut ffi::PyCFunction_Type {
                    see_function(value);
                }
            }
        }
    }
}

/// A method descriptor of a type that is seen first.
///
/// # Safety
/// `descr` must be alive and a method descriptor.
pub unsafe fn see_method(descr: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        let def: *mut ffi::PyMethodDef = rd(descr, 40);
        if let Some(hook) = hook_for(def) {
            replace_method(def, hook);
        }
    }
}
