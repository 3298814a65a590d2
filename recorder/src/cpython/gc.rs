//! All objects that the garbage collector knows, and suspended frames among them.
#![allow(unsafe_code)]

use super::Frame;
use super::objects::{Obj, rd};
use super::version as v;
use pyo3_ffi as ffi;

unsafe extern "C" {
    static mut PyAsyncGen_Type: ffi::PyTypeObject;
    static mut PyCoro_Type: ffi::PyTypeObject;
}

/// Calls `each` for every object that the garbage collector tracks. `each` must neither make nor
/// drop one.
///
/// # Safety
/// The GIL must be held.
#[cfg(Py_3_12)]
pub unsafe fn for_each_object<F: FnMut(Obj)>(mut each: F) {
    type Visit = unsafe extern "C" fn(Obj, *mut std::ffi::c_void) -> i32;
    unsafe extern "C" {
        fn PyUnstable_GC_VisitObjects(visit: Visit, argument: *mut std::ffi::c_void);
    }
    unsafe extern "C" fn visit<F: FnMut(Obj)>(object: Obj, each: *mut std::ffi::c_void) -> i32 {
        // SAFETY: the argument is the closure below.
        unsafe { (*each.cast::<F>())(object) };
        1
    }
    // SAFETY: the caller's promise; the closure outlives the call.
    unsafe { PyUnstable_GC_VisitObjects(visit::<F>, (&raw mut each).cast()) };
}

/// As on later versions, which have a function for it.
///
/// # Safety
/// The GIL must be held.
#[cfg(not(Py_3_12))]
pub unsafe fn for_each_object<F: FnMut(Obj)>(mut each: F) {
    /// `PyGC_Head`: next and previous; the object follows.
    const HEAD: usize = 16;
    /// `struct gc_generation`: a head and two counts.
    const GENERATION: usize = 24;
    // SAFETY: the caller's promise. Each generation is a ring of heads that begins and ends at its
    // own; outside a collection `next` is a plain pointer.
    unsafe {
        let interpreter = ffi::PyInterpreterState_Get().cast::<u8>();
        for generation in 0..3 {
            let list = interpreter.add(v::INTERP_GENERATIONS + generation * GENERATION);
            let mut at: *mut u8 = list.cast::<*mut u8>().read();
            while at != list {
                each(at.add(HEAD).cast());
                at = at.cast::<*mut u8>().read();
            }
        }
    }
}

/// The generator whose frame would be at `frame`. Only an address: it may be gone.
pub fn generator_at(frame: Frame) -> usize {
    (frame.0 as usize).wrapping_sub(v::GEN_FRAME)
}

/// Whether an object is a generator, coroutine or asynchronous generator that stands at a yield.
///
/// # Safety
/// `object` must be alive.
pub unsafe fn is_suspended(object: Obj) -> bool {
    // SAFETY: the caller's promise; the three types have the same layout and no subclasses.
    unsafe {
        let typ = ffi::Py_TYPE(object);
        if typ != &raw mut ffi::PyGen_Type
            && typ != &raw mut PyCoro_Type
            && typ != &raw mut PyAsyncGen_Type
        {
            return false;
        }
        let state: i8 = rd(object, v::GEN_STATE as isize);
        state == -1 || cfg!(Py_3_13) && state == -2
    }
}
