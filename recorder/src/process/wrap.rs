//! Replacing C functions of the interpreter in place.
//!
//! A builtin function or method descriptor finds its C function in a `PyMethodDef` at every
//! call, also where the interpreter has specialised the call or a bound method was made before;
//! swapping `ml_meth` there reaches all of them. Must not touch definitions whose calling
//! convention is not the expected one.
#![allow(unsafe_code)]

use crate::cpython::objects::{self as obj, Obj};
use crate::cpython::{field, thread_state};
use crate::rec::{Recorder, recorder};
use pyo3_ffi::{
    Py_TYPE, PyCFunction_Type, PyImport_GetModuleDict, PyInterpreterState_Main, PyMethodDef,
    PyMethodDescr_Type, PyModule_GetDict, PyModule_Type,
};
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};

/// A static that is only touched while the GIL is held.
pub struct Gil<T>(UnsafeCell<T>);
// SAFETY: that is the type's contract.
unsafe impl<T> Sync for Gil<T> {}

impl<T: Copy> Gil<T> {
    /// With a first value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The value.
    #[inline]
    pub fn get(&self) -> T {
        // SAFETY: see the type.
        unsafe { *self.0.get() }
    }

    /// Replaces the value.
    #[inline]
    pub fn set(&self, value: T) {
        // SAFETY: see the type.
        unsafe { *self.0.get() = value }
    }
}

/// Offset of `interp` in a thread state, the same in all versions.
const TSTATE_INTERP: usize = 16;
/// Offset of `m_ml` in a builtin function.
const FUNCTION_DEF: isize = 16;
/// Offset of `d_method` in a method descriptor.
const DESCRIPTOR_DEF: isize = 40;

static MAIN: Gil<*mut c_void> = Gil::new(std::ptr::null_mut());

/// Notes the main interpreter.
///
/// # Safety
/// Needs the GIL.
pub unsafe fn begin() {
    // SAFETY: promised by the caller.
    MAIN.set(unsafe { PyInterpreterState_Main() }.cast());
}

/// The recorder, or null; also null in a sub-interpreter, which may run under another GIL and
/// shares all static types and method tables with the recorded one.
#[inline]
pub fn here() -> *mut Recorder {
    let rec = recorder();
    if rec.is_null() || !in_main_interpreter() {
        return std::ptr::null_mut();
    }
    rec
}

/// Whether the calling thread runs the main interpreter.
#[inline]
pub fn in_main_interpreter() -> bool {
    let state = thread_state();
    // SAFETY: a thread state that is not null is the calling thread's own and alive.
    !state.is_null() && unsafe { field::<*mut c_void, _>(state, TSTATE_INTERP) } == MAIN.get()
}

/// A module that is loaded already, null otherwise. Borrowed.
///
/// # Safety
/// Needs the GIL.
pub unsafe fn find_module(name: &[u8]) -> Obj {
    // SAFETY: promised by the caller; only an exact module is given.
    unsafe {
        let modules = PyImport_GetModuleDict();
        if modules.is_null() {
            return std::ptr::null_mut();
        }
        let module = obj::dict_find(modules, name);
        let exact = !module.is_null() && Py_TYPE(module) == &raw mut PyModule_Type;
        if exact { module } else { std::ptr::null_mut() }
    }
}

/// Something by name in a module that is loaded already, null otherwise. Borrowed.
///
/// # Safety
/// Needs the GIL.
pub unsafe fn find(module: &[u8], name: &[u8]) -> Obj {
    // SAFETY: promised by the caller.
    unsafe {
        let module = find_module(module);
        if module.is_null() {
            return module;
        }
        obj::dict_find(PyModule_GetDict(module), name)
    }
}

/// An entry of the instance's own dictionary (borrowed), null if there is none.
///
/// # Safety
/// The object must be alive; needs the GIL.
pub unsafe fn attribute(object: Obj, name: &[u8]) -> Obj {
    // SAFETY: the object is alive.
    unsafe {
        let typ = Py_TYPE(object);
        if obj::flags(typ) & obj::MANAGED_DICT == 0 {
            return std::ptr::null_mut();
        }
        let items = match obj::managed(object, typ) {
            obj::Managed::None => return std::ptr::null_mut(),
            obj::Managed::Values(items) => items,
            obj::Managed::Dict(dict) => obj::DictIter::new(dict),
        };
        for (key, value) in items {
            if Py_TYPE(key) == &raw mut pyo3_ffi::PyUnicode_Type
                && let obj::Chars::Ascii(text) = obj::chars(key)
                && text == name
            {
                return value;
            }
        }
        std::ptr::null_mut()
    }
}

/// A method by name in a type's own dictionary, null otherwise. Borrowed.
///
/// # Safety
/// `typ` must be an alive type; needs the GIL.
pub unsafe fn find_method(typ: Obj, name: &[u8]) -> Obj {
    // SAFETY: promised by the caller.
    unsafe {
        let dict = obj::type_dict(typ.cast());
        if dict.is_null() { std::ptr::null_mut() } else { obj::dict_find(dict, name) }
    }
}

/// The definition behind a builtin function or a method descriptor; null for anything else.
///
/// # Safety
/// `callable` must be alive or null.
pub unsafe fn definition(callable: Obj) -> *mut PyMethodDef {
    // SAFETY: promised by the caller; types are compared by identity.
    unsafe {
        if callable.is_null() {
            return std::ptr::null_mut();
        }
        let typ = Py_TYPE(callable);
        if typ == &raw mut PyCFunction_Type {
            obj::rd(callable, FUNCTION_DEF)
        } else if typ == &raw mut PyMethodDescr_Type {
            obj::rd(callable, DESCRIPTOR_DEF)
        } else {
            std::ptr::null_mut()
        }
    }
}

/// Puts `wrapper` in the place of a builtin's C function, which is kept in `original`. False
/// (and nothing done) when there is no such builtin or its calling convention is not `flags`.
///
/// # Safety
/// `callable` must be alive or null, and `F` the function pointer type that `flags` says. Needs
/// the GIL.
pub unsafe fn wrap<F: Copy>(
    callable: Obj,
    flags: c_int,
    original: &Gil<Option<F>>,
    wrapper: F,
) -> bool {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: promised by the caller; `F` is a function pointer, as all members of the union.
    unsafe {
        let def = definition(callable);
        if def.is_null() || (*def).ml_flags != flags {
            return false;
        }
        let place = (&raw mut (*def).ml_meth).cast::<F>();
        if original.get().is_none() {
            original.set(Some(place.read()));
            place.write(wrapper);
        }
        true
    }
}
