//! The name that `threading` knows a thread by, read without running any of its code.
#![allow(unsafe_code)]

use super::wrap;
use crate::cpython::objects::{DictIter, Obj};
use crate::values::scalars::{int_value, utf8};
use pyo3_ffi::{Py_TYPE, PyDict_Type, PyLong_Type, PyUnicode_Type};

/// The name of the thread with this identifier; `None` until `threading` has registered it.
///
/// # Safety
/// Needs the GIL.
pub unsafe fn thread_name(ident: u64) -> Option<Vec<u8>> {
    // SAFETY: promised by the caller; everything is borrowed and read at once.
    unsafe {
        let active = wrap::find(b"threading", b"_active");
        if active.is_null() || Py_TYPE(active) != &raw mut PyDict_Type {
            return None;
        }
        let thread = DictIter::new(active).find(|(key, _)| is_int(*key, ident))?.1;
        let name = wrap::attribute(thread, b"_name");
        (!name.is_null() && Py_TYPE(name) == &raw mut PyUnicode_Type).then(|| utf8(name))
    }
}

unsafe fn is_int(key: Obj, wanted: u64) -> bool {
    // SAFETY: the key is alive.
    unsafe {
        // Identifiers above 2^63 do not occur: they are addresses of user space.
        Py_TYPE(key) == &raw mut PyLong_Type
            && int_value(key).is_some_and(|value| value as u64 == wanted)
    }
}
