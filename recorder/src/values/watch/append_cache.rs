//! The interpreter's own shortcut for `list.append` passes by the method's function pointer. It
//! only applies where a field of the interpreter state names the method: clears that field.
#![allow(unsafe_code)]

use crate::cpython::objects::{self as obj, Obj};
use crate::cpython::version::{INTERP_CALLABLE_CACHE, INTERP_SIZE};
use crate::process::wrap::find;
use pyo3_ffi as ffi;

/// Turns the shortcut off.
///
/// # Errors
/// If the field is not found.
///
/// # Safety
/// The GIL must be held.
pub unsafe fn disable() -> Result<(), &'static str> {
    // SAFETY: the caller's promise. `struct callable_cache` begins with the three fields in every
    // version (`pycore_code.h`); the interpreter state has INTERP_SIZE bytes in the first release
    // of the minor version that was looked at, and patch releases move fields by a few words.
    unsafe {
        let append = obj::dict_find(obj::type_dict(&raw mut ffi::PyList_Type), b"append");
        let fields = [find(b"builtins", b"isinstance"), find(b"builtins", b"len"), append];
        let state = ffi::PyInterpreterState_Get().cast::<Obj>();
        let words = INTERP_SIZE / size_of::<Obj>() - fields.len();
        let likely = INTERP_CALLABLE_CACHE / size_of::<Obj>();
        let is_cache = |at: &usize| {
            let found = state.add(*at).cast::<[Obj; 3]>().read();
            !append.is_null() && (found == fields || found == [fields[0], fields[1], NONE])
        };
        let at = if is_cache(&likely) { Some(likely) } else { (0..words).find(is_cache) };
        let Some(at) = at else {
            return Err("the interpreter's shortcut for list.append is not where it should be");
        };
        state.add(at + 2).write(NONE);
    }
    Ok(())
}

const NONE: Obj = std::ptr::null_mut();
