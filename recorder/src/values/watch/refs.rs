//! Weak references: alive until their referent is cleared.
#![allow(unsafe_code)]

use crate::cpython::objects::{Obj, Typ, rd};
use crate::rec::Recorder;
use crate::values::heap::REFERENT;
use moviola_format::event::{Sink, op};
use pyo3_ffi as ffi;

unsafe extern "C" {
    static mut _PyWeakref_RefType: ffi::PyTypeObject;
}

/// The type of plain weak references.
#[inline]
pub fn weakref_type() -> Typ {
    &raw mut _PyWeakref_RefType
}

/// A known weak reference is about to be seen by the program, perhaps in its own callback, when
/// the referent's memory is not free yet.
///
/// # Safety
/// `weak` must be alive and a plain weak reference.
#[cold]
pub unsafe fn seen(rec: *mut Recorder, weak: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        if rd::<Obj>(weak, 16) != ffi::Py_None() || (*rec).heap.weak.is_empty() {
            return;
        }
        let id = (*rec).heap.known(weak).map_or(0, crate::values::heap::Entry::id);
        let of = |(referent, list): (&usize, &Vec<(usize, u64)>)| {
            list.contains(&(weak as usize, id)).then_some(*referent)
        };
        let referent = (*rec).heap.weak.iter().find_map(of);
        if let Some(referent) = referent {
            died(rec, referent);
        }
    }
}

/// The object at an address is gone: weak references to it are dead.
///
/// # Safety
/// The GIL must be held; no event may be under way.
pub unsafe fn died(rec: *mut Recorder, referent: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(list) = (*rec).heap.weak.remove(&referent) else { return };
        (*rec).heap.set_flag(referent, REFERENT, false);
        for (weak, id) in list {
            // Another object may lie at the address by now.
            if let Some(entry) = (*rec).heap.known(weak as Obj)
                && entry.id() == id
            {
                let out = (*rec).out.begin();
                out.u8(op::SCALAR_SET);
                out.uv(entry.id());
                out.u8(op::V_FALSE);
                out.commit();
            }
        }
    }
}
