//! Changes of bytearrays and arrays, and of the memory views that show them.
#![allow(unsafe_code)]

use super::wrap::Call;
use crate::cpython::objects::{self as obj, Obj, rd};
use crate::rec::{Recorder, recorder};
use crate::values::capture::{append_bytes, replace};
use pyo3_ffi as ffi;

/// Tells the contents of a buffer again, and of all known views of it.
pub unsafe fn changed(rec: *mut Recorder, base: Obj) {
    // SAFETY: the caller holds the buffer; views that died are gone from the table.
    unsafe {
        replace(rec, base);
        views_changed(rec, base);
    }
}

pub unsafe fn views_changed(rec: *mut Recorder, base: Obj) {
    // SAFETY: as in `changed`.
    unsafe {
        if let Some(mut views) = (*rec).heap.views.remove(&(base as usize)) {
            views.retain(|view| (*rec).heap.known(*view as Obj).is_some());
            for view in &views {
                replace(rec, *view as Obj);
            }
            if !views.is_empty() {
                (*rec).heap.views.insert(base as usize, views);
            }
        }
    }
}

unsafe fn watched(rec: *mut Recorder, base: Obj) -> bool {
    // SAFETY: the recorder is alive.
    unsafe { (*rec).heap.known(base).is_some() || (*rec).heap.views.contains_key(&(base as usize)) }
}

/// Any change of a bytearray or array.
pub unsafe fn any(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        if !watched(rec, call.this()) {
            return call.run();
        }
        let result = call.run();
        let rec = recorder();
        if !rec.is_null() {
            (*rec).enter();
            changed(rec, call.this());
        }
        result
    }
}

/// A change of a bytearray that only appends.
pub unsafe fn append(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        let Some(entry) = (*rec).heap.known(this) else { return call.run() };
        let before = rd::<isize>(this, obj::OB_SIZE) as usize;
        let result = call.run();
        let rec = recorder();
        if !rec.is_null() {
            (*rec).enter();
            let data = obj::bytearray_data(this);
            if data.len() >= before {
                append_bytes(&mut (*rec).out, entry.id(), data, before);
            } else {
                changed(rec, this);
            }
        }
        result
    }
}

/// `bytearray[i] = x` and slices.
pub unsafe fn assign(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let (this, key) = (call.this(), call.object(1));
        let before = rd::<isize>(this, obj::OB_SIZE);
        let index = (ffi::Py_TYPE(key) == &raw mut ffi::PyLong_Type)
            .then(|| crate::values::scalars::int_value(key))
            .flatten()
            .map(|at| if at < 0 { at + before as i64 } else { at });
        let (Some(entry), Some(at)) = ((*rec).heap.known(this), index) else {
            return any(rec, call);
        };
        if call.args[2] == 0 {
            return any(rec, call);
        }
        let result = call.run();
        let rec = recorder();
        if !rec.is_null() {
            (*rec).enter();
            let data = obj::bytearray_data(this);
            if let Some(byte) = usize::try_from(at).ok().and_then(|at| data.get(at)) {
                use moviola_format::event::{Sink, op};
                let out = (*rec).out.begin();
                out.u8(op::BLOB_SPLICE);
                out.uv(entry.id());
                out.uv(at as u64);
                out.uv(1);
                out.bytes(&[*byte]);
                out.commit();
            }
            views_changed(rec, this);
        }
        result
    }
}

/// The object whose memory a memory view shows.
unsafe fn exporter(view: Obj) -> Obj {
    // SAFETY: the caller holds the view.
    unsafe { rd(view, 64) }
}

/// `memoryview[i] = x`.
pub unsafe fn assign_view(_: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let result = call.run();
        buffer_written(call.this());
        result
    }
}

/// `memoryview.release()` and leaving its `with` block.
pub unsafe fn release(_: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let result = call.run();
        let rec = recorder();
        if !rec.is_null() && (*rec).heap.known(call.this()).is_some() {
            (*rec).enter();
            replace(rec, call.this());
        }
        result
    }
}

/// C code has written into the memory of `target`, a buffer or a view of one.
pub unsafe fn buffer_written(target: Obj) {
    let rec = recorder();
    // SAFETY: the caller holds the object.
    unsafe {
        if rec.is_null() || target.is_null() {
            return;
        }
        let typ = ffi::Py_TYPE(target);
        let base = if typ == &raw mut ffi::PyMemoryView_Type { exporter(target) } else { target };
        if !base.is_null() && watched(rec, base) {
            (*rec).enter();
            changed(rec, base);
        }
    }
}
