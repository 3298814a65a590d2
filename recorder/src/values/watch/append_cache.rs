//! The interpreter's own shortcut for `list.append` passes by the method's function pointer. It
//! only applies where a field of the interpreter state names the method: clears that field.
#![allow(unsafe_code)]

use crate::cpython::objects::{self as obj, Obj};
use pyo3_ffi as ffi;

/// Where `callable_cache.list_append` lies in the headers that this was made for.
#[cfg(not(Py_3_13))]
const AT: usize = 381_704 + 16;
#[cfg(Py_3_13)]
const AT: usize = 193_072 + 16;
/// How far to look for it in another patch release.
#[cfg(not(Py_3_13))]
const SIZE: usize = 382_000;
#[cfg(Py_3_13)]
const SIZE: usize = 194_000;

/// Turns the shortcut off.
///
/// # Safety
/// The GIL must be held.
pub unsafe fn disable() {
    // SAFETY: the fields `isinstance`, `len`, `list_append` stand in a row and borrow; the
    // state is larger than SIZE in every release of the minor version.
    unsafe {
        let state = ffi::PyInterpreterState_Get().cast::<Obj>();
        let append = obj::dict_find(obj::type_dict(&raw mut ffi::PyList_Type), b"append");
        if append.is_null() {
            return;
        }
        let likely = AT / 8;
        let place = if *state.add(likely) == append {
            Some(likely)
        } else {
            (0..SIZE / 8).find(|at| *state.add(*at) == append)
        };
        if let Some(place) = place {
            *state.add(place) = std::ptr::null_mut();
        }
    }
}
