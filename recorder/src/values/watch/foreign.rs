//! Buffers that foreign code holds from now on and may write to at any time: their contents are
//! not recorded any more.
#![allow(unsafe_code)]

use super::bytes::views_changed;
use super::wrap::Call;
use crate::cpython::objects::{self as obj, Obj};
use crate::rec::{Recorder, recorder};
use crate::values::{Val, buffers, prepare};
use moviola_format::event::{Reason, Sink, op};
use pyo3_ffi as ffi;

/// `from_buffer` of ctypes, `frombuffer` of numpy: the first argument's memory is shared.
pub unsafe fn shares(_: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let result = call.run();
        let tuple = call.object(1);
        let first = match call.fast().first() {
            Some(first) => Some(*first),
            None if !tuple.is_null() && ffi::Py_TYPE(tuple) == &raw mut ffi::PyTuple_Type => {
                obj::tuple_items(tuple).first().copied()
            }
            None => None,
        };
        let rec = recorder();
        if result != 0
            && !rec.is_null()
            && let Some(exporter) = first.and_then(|object| buffers::exporter(object))
        {
            mark(rec, exporter);
        }
        result
    }
}

/// Makes what an object holds unknown for good.
///
/// # Safety
/// The object must be alive; the GIL must be held; no event may be under way.
pub unsafe fn mark(rec: *mut Recorder, exporter: Obj) {
    // SAFETY: the caller holds the object.
    unsafe {
        (*rec).enter();
        let Val::Ref(id) = prepare(rec, exporter) else { return };
        if suspect(rec, exporter as usize, id) {
            views_changed(rec, exporter);
        }
    }
}

/// Makes what a known object holds unknown, as long as it is among the suspects. False if it was.
///
/// # Safety
/// The GIL must be held; no event may be under way.
pub unsafe fn suspect(rec: *mut Recorder, address: usize, id: u64) -> bool {
    // SAFETY: the recorder is alive.
    unsafe {
        if (*rec).heap.suspects.insert(id, address).is_some() {
            return false;
        }
        let out = (*rec).out.begin();
        out.u8(op::UNKNOWN);
        out.uv(id);
        out.u8(Reason::Suspect as u8);
        out.commit();
        true
    }
}
