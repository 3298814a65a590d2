//! Values, objects and their changes: what the program's variables and objects are at every
//! moment, as events.
//!
//! `scalars` and `heap` say what a value is; `contents` reads objects and `capture` writes
//! them; `watch` reports changes where they happen; `deaths` says when an address is free again.
//! Nothing here runs the program's code, keeps its objects alive or makes objects of its own.
#![allow(unsafe_code)]

mod arrays;
mod buffers;
mod capture;
mod classes;
mod contents;
mod deaths;
pub mod heap;
mod library;
pub mod scalars;
mod types;
pub mod watch;

use crate::cpython::objects::{self as obj, Obj, rd};
use crate::rec::Recorder;
use moviola_format::event::{Sink, op};
use pyo3_ffi as ffi;

pub use deaths::{pause_allocations, record_allocations, restart_allocations, unseen_allocations};
pub use scalars::Val;

/// The value of an object for an event that comes next. Appends what has to be known of the
/// object before: its contents, and what they reach, if it is new.
///
/// # Safety
/// `object` must be alive or null; the GIL must be held; no event may be under way.
#[inline]
pub unsafe fn prepare(rec: *mut Recorder, object: Obj) -> Val {
    if object.is_null() {
        return Val::Unbound;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let typ = ffi::Py_TYPE(object);
        if let Some(value) = scalars::inline_value(object, typ) {
            return value;
        }
        let value = (*rec).heap.reference(object, typ);
        if !(*rec).heap.work.is_empty() {
            capture::drain(rec);
        }
        if typ == watch::weakref_type() {
            watch::refs::seen(rec, object);
        }
        value
    }
}

/// Captures a namespace and keeps it exact from now on; 0 if it is no dict.
///
/// # Safety
/// As for [`prepare`].
pub unsafe fn namespace(rec: *mut Recorder, dict: Obj) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let plain: obj::Typ = &raw mut ffi::PyDict_Type;
        if dict.is_null() || !obj::is_subtype(ffi::Py_TYPE(dict), plain) {
            return 0;
        }
        // Watchers tell of stores into an instance of a subclass as of any other change.
        if cfg!(Py_3_12) && ffi::Py_TYPE(dict) != plain {
            return 0;
        }
        // What was told of it before may be out of date by now: 3.11 cannot watch dicts.
        let stale = cfg!(not(Py_3_12))
            && (*rec).heap.known(dict).is_some()
            && !(*rec).heap.shadows.contains_key(&(dict as usize));
        match prepare(rec, dict) {
            Val::Ref(id) => {
                if stale {
                    watch::dict::reread(rec, dict);
                }
                watch::namespace::follow(rec, dict);
                id
            }
            _ => 0,
        }
    }
}

/// Reports what stores by name have changed in a namespace (3.11, which cannot watch dicts).
///
/// # Safety
/// As for [`prepare`].
#[inline]
#[cfg(not(Py_3_12))]
pub unsafe fn namespace_changed(rec: *mut Recorder, dict: Obj, names: &[Obj]) {
    if !dict.is_null() {
        // SAFETY: the caller's promise.
        unsafe { watch::namespace::changed(rec, dict, names) };
    }
}

/// Reports the present contents of a known cell.
pub fn cell_changed(rec: &mut Recorder, cell: Obj) {
    if cell.is_null() {
        return;
    }
    // SAFETY: the caller gives a live cell; a cell's contents are at offset 16.
    unsafe {
        if ffi::Py_TYPE(cell) != &raw mut ffi::PyCell_Type {
            return;
        }
        let Some(entry) = rec.heap.known(cell) else { return };
        let value = prepare(rec, rd(cell, 16));
        let out = rec.out.begin();
        out.u8(op::SCALAR_SET);
        out.uv(entry.id());
        value.write(out);
        out.commit();
    }
}

/// The value of an exception that is being raised; its fields, which the interpreter sets
/// without anyone being told, are read again.
///
/// # Safety
/// As for [`prepare`].
pub unsafe fn exception_raised(rec: *mut Recorder, exception: Obj) -> Val {
    // SAFETY: the caller's promise.
    unsafe {
        let known = !exception.is_null() && (*rec).heap.known(exception).is_some();
        let value = prepare(rec, exception);
        if known {
            capture::replace(rec, exception);
        }
        value
    }
}

/// Reads again what was changed by code that could not be watched. Comes first in every hook.
///
/// # Safety
/// The GIL must be held; no event may be under way.
#[cold]
pub unsafe fn flush(rec: *mut Recorder) {
    // SAFETY: the caller's promise.
    unsafe { watch::flush(rec) }
}

/// Puts all watches in place, once a process.
///
/// # Errors
/// If the interpreter is not what the layouts were made for.
///
/// # Safety
/// The GIL must be held.
pub unsafe fn install(rec: *mut Recorder) -> Result<(), &'static str> {
    // SAFETY: the caller's promise.
    unsafe {
        types::install(&mut (*rec).heap);
        watch::install()?;
        deaths::install();
    }
    Ok(())
}
