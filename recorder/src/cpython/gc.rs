//! All objects that the garbage collector knows, and suspended frames among them.
#![allow(unsafe_code)]

use super::Frame;
use super::objects::{Obj, rd};
use super::version as v;
use pyo3_ffi as ffi;
use std::sync::atomic::{AtomicBool, Ordering};

unsafe extern "C" {
    static mut PyAsyncGen_Type: ffi::PyTypeObject;
    static mut PyCoro_Type: ffi::PyTypeObject;
}

/// Size of `struct gc_generation`: a head and two counts.
const GENERATION: usize = 24;

/// Whether the list of what `gc.freeze` puts aside is where it should be in the interpreter state.
static PERMANENT: AtomicBool = AtomicBool::new(false);

/// Looks whether the structs that this module knows are as they should be.
///
/// # Safety
/// The GIL must be held.
pub unsafe fn install() {
    // SAFETY: the caller's promise; the offsets lie within the interpreter state. Before the list
    // there is a pointer to the first of the three generations, which come before that.
    let found = unsafe {
        let pointer = permanent().sub(size_of::<usize>());
        pointer.cast::<*mut u8>().read() == pointer.sub(3 * GENERATION)
    };
    PERMANENT.store(found, Ordering::Relaxed);
}

unsafe fn permanent() -> *mut u8 {
    // SAFETY: the GIL is held.
    unsafe { ffi::PyInterpreterState_Get().cast::<u8>().add(v::INTERP_PERMANENT) }
}

/// Calls `each` for every object that the garbage collector tracks, also for those that
/// `gc.freeze` has put aside; false if these are left out, as nobody knows where they are. `each`
/// must neither make nor drop one.
///
/// # Safety
/// The GIL must be held.
pub unsafe fn for_each_object<F: FnMut(Obj)>(mut each: F) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        for_each_collected(&mut each);
        let known = PERMANENT.load(Ordering::Relaxed);
        if known {
            for_each_in(permanent(), &mut each);
        }
        known
    }
}

#[cfg(Py_3_12)]
unsafe fn for_each_collected<F: FnMut(Obj)>(each: &mut F) {
    type Visit = unsafe extern "C" fn(Obj, *mut std::ffi::c_void) -> i32;
    unsafe extern "C" {
        fn PyUnstable_GC_VisitObjects(visit: Visit, argument: *mut std::ffi::c_void);
    }
    unsafe extern "C" fn visit<F: FnMut(Obj)>(object: Obj, each: *mut std::ffi::c_void) -> i32 {
        // SAFETY: the argument is the closure below.
        unsafe { (*each.cast::<F>())(object) };
        1
    }
    // SAFETY: the GIL is held; the closure outlives the call.
    unsafe { PyUnstable_GC_VisitObjects(visit::<F>, (&raw mut *each).cast()) };
}

/// As on later versions, which have a function for it.
#[cfg(not(Py_3_12))]
unsafe fn for_each_collected<F: FnMut(Obj)>(each: &mut F) {
    // SAFETY: the GIL is held; the three generations lie in a row.
    unsafe {
        let interpreter = ffi::PyInterpreterState_Get().cast::<u8>();
        for generation in 0..3 {
            for_each_in(interpreter.add(v::INTERP_GENERATIONS + generation * GENERATION), each);
        }
    }
}

/// Goes through one generation: a ring of heads that begins and ends at its own.
unsafe fn for_each_in(list: *mut u8, each: &mut impl FnMut(Obj)) {
    /// `PyGC_Head`: next and previous; the object follows.
    const HEAD: usize = 16;
    // SAFETY: the caller gives a generation's head; outside a collection `next` is a plain pointer.
    unsafe {
        let mut at: *mut u8 = list.cast::<*mut u8>().read();
        while at != list {
            each(at.add(HEAD).cast());
            at = at.cast::<*mut u8>().read();
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
