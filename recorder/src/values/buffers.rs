//! Objects whose contents are raw bytes or C numbers: arrays, memory views, dates.
#![allow(unsafe_code)]

use super::contents::{Blob, Contents};
use super::heap::Heap;
use super::scalars::Val;
use super::types::c_name;
use crate::cpython::library::time;
use crate::cpython::objects::{self as obj, Obj, Typ, rd};
use moviola_format::event::Reason;
use pyo3_ffi as ffi;
use std::ffi::{CStr, c_char};
use std::fmt::Write;

/// What an `array.array` consists of.
///
/// # Safety
/// `array` must be alive.
pub unsafe fn fill_array(parts: &mut Contents, array: Obj) {
    // SAFETY: the caller's promise; the descriptor is typecode, itemsize, functions.
    unsafe {
        let descr: Obj = rd(array, 40);
        let itemsize: i32 = rd(descr, 4);
        parts.field("typecode", Val::Str(descr.cast(), 1));
        parts.field("itemsize", Val::Int(i64::from(itemsize)));
        parts.blob = Blob::Borrowed(array_data(array));
    }
}

/// The bytes of an array.
///
/// # Safety
/// `array` must be alive; the slice must not outlive the next change.
pub unsafe fn array_data<'a>(array: Obj) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe {
        let descr: Obj = rd(array, 40);
        let size = rd::<isize>(array, obj::OB_SIZE) as usize * rd::<i32>(descr, 4) as usize;
        let start: *const u8 = rd(array, 24);
        if start.is_null() || size == 0 { &[] } else { std::slice::from_raw_parts(start, size) }
    }
}

/// The bytearray or array whose memory an object shows, itself or by a view.
///
/// # Safety
/// `object` must be alive.
pub unsafe fn exporter(object: Obj) -> Option<Obj> {
    // SAFETY: the caller's promise; a view that is not released keeps its exporter alive.
    unsafe {
        let view = ffi::Py_TYPE(object) == &raw mut ffi::PyMemoryView_Type;
        let owner: Obj = if view { rd(object, 64) } else { object };
        let changeable = !owner.is_null()
            && obj::flags(ffi::Py_TYPE(owner)) & obj::BYTES_SUBCLASS == 0
            && is_own(owner);
        changeable.then_some(owner)
    }
}

/// Whether an object's buffer changes only where it is seen.
unsafe fn is_watched(heap: &Heap, exporter: Obj) -> bool {
    // SAFETY: a view keeps what it shows alive.
    unsafe {
        !exporter.is_null()
            && is_own(exporter)
            && heap.known(exporter).is_none_or(|entry| !heap.suspects.contains_key(&entry.id()))
    }
}

unsafe fn is_own(exporter: Obj) -> bool {
    // SAFETY: the callers give a live object.
    unsafe {
        let typ = ffi::Py_TYPE(exporter);
        let bytearray: Typ = &raw mut ffi::PyByteArray_Type;
        obj::flags(typ) & obj::BYTES_SUBCLASS != 0
            || obj::is_subtype(typ, bytearray)
            || c_name(typ) == b"array.array"
            || (*typ)
                .tp_base
                .as_ref()
                .is_some_and(|base| c_name(std::ptr::from_ref(base).cast_mut()) == b"array.array")
    }
}

/// What a memory view consists of: the bytes that it shows, if they lie in one piece.
///
/// # Safety
/// `view` must be alive.
pub unsafe fn fill_memoryview(heap: &mut Heap, parts: &mut Contents, view: Obj) {
    const RELEASED: i32 = 1;
    const BUFFER: isize = 56;
    // SAFETY: the caller's promise; a view that is not released has a valid buffer.
    unsafe {
        let managed: Obj = rd(view, 24);
        let manager_flags: i32 = if managed.is_null() { 1 } else { rd(managed, 16) };
        if rd::<i32>(view, 40) & RELEASED != 0 || manager_flags & RELEASED != 0 {
            parts.field("released", Val::Bool(true));
            return;
        }
        let base: Obj = rd(view, BUFFER + 8);
        if !base.is_null() {
            let list = heap.views.entry(base as usize).or_default();
            if !list.contains(&(view as usize)) {
                list.push(view as usize);
            }
        }
        let format: *const c_char = rd(view, BUFFER + 40);
        let format = if format.is_null() { b"B" } else { CStr::from_ptr(format).to_bytes() };
        parts.field("format", Val::Str(format.as_ptr(), format.len().min(64)));
        let (start, size): (*const u8, isize) = (rd(view, BUFFER), rd(view, BUFFER + 16));
        let (ndim, itemsize): (i32, isize) = (rd(view, BUFFER + 36), rd(view, BUFFER + 24));
        parts.object_field(heap, "obj", view, BUFFER + 8);
        parts.field("itemsize", Val::Int(itemsize as i64));
        parts.field("readonly", Val::Bool(rd::<i32>(view, BUFFER + 32) != 0));
        parts.field("ndim", Val::Int(i64::from(ndim)));
        let strides: *const isize = rd(view, BUFFER + 56);
        let shape: *const isize = rd(view, BUFFER + 48);
        let suboffsets: *const isize = rd(view, BUFFER + 64);
        if !suboffsets.is_null() || !is_watched(heap, base) {
            // Whose memory this is may change it unseen, or take it away.
            parts.scalar = Some(Val::Unknown(Reason::Opaque));
            return;
        }
        if start.is_null() || size == 0 {
            parts.blob = Blob::Borrowed(&[]);
            return;
        }
        if ndim == 1 && !strides.is_null() && !shape.is_null() && *strides != itemsize {
            let mut bytes = Vec::new();
            for at in 0..*shape {
                let item = start.offset(at * *strides);
                bytes.extend_from_slice(std::slice::from_raw_parts(item, itemsize as usize));
            }
            parts.blob = Blob::Owned(bytes);
        } else if ndim <= 1
            || ffi::PyBuffer_IsContiguous(view.cast::<u8>().offset(BUFFER).cast(), b'C' as c_char)
                != 0
        {
            parts.blob = Blob::Borrowed(std::slice::from_raw_parts(start, size as usize));
        }
    }
}

/// The text form of a date, time, datetime or timedelta without its time zone, and that.
///
/// # Safety
/// `object` must be alive and of one of these types, `base`, or a subclass of it.
pub unsafe fn fill_datetime(heap: &mut Heap, parts: &mut Contents, object: Obj, base: Typ) {
    // SAFETY: the caller's promise; the zone's field is there if `hastzinfo` is set.
    unsafe {
        let name = c_name(base);
        if let Some(text) = datetime_text(object, name) {
            parts.text = text;
            parts.scalar = Some(Val::Str(parts.text.as_ptr(), parts.text.len()));
        }
        let zone = match name {
            b"datetime.datetime" => time::DATETIME_TZINFO,
            b"datetime.time" => time::TIME_TZINFO,
            _ => return,
        };
        if rd::<u8>(object, 24) != 0 {
            parts.object_field(heap, "tzinfo", object, zone);
        }
    }
}

unsafe fn datetime_text(object: Obj, name: &[u8]) -> Option<String> {
    let mut text = String::new();
    // SAFETY: `fill_datetime`'s caller; the packed fields start behind the `hastzinfo` byte.
    unsafe {
        let byte = |at: isize| u32::from(rd::<u8>(object, 25 + at));
        let micros = |at: isize| byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
        let year = byte(0) << 8 | byte(1);
        match name {
            b"datetime.timedelta" => {
                let parts: [i32; 3] = [rd(object, 24), rd(object, 28), rd(object, 32)];
                let names = ["days", "seconds", "microseconds"];
                let shown: Vec<String> = (names.iter().zip(parts))
                    .filter(|(_, value)| *value != 0)
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                let shown = if shown.is_empty() { "0".to_owned() } else { shown.join(", ") };
                write!(text, "datetime.timedelta({shown})").ok()?;
            }
            b"datetime.date" => {
                write!(text, "datetime.date({year}, {}, {})", byte(2), byte(3)).ok()?;
            }
            b"datetime.datetime" => {
                let (hour, minute, second, micro) = (byte(4), byte(5), byte(6), micros(7));
                write!(text, "datetime.datetime({year}, {}, {}, ", byte(2), byte(3)).ok()?;
                clock(&mut text, hour, minute, second, micro, rd::<u8>(object, 35));
            }
            b"datetime.time" => {
                text.push_str("datetime.time(");
                clock(&mut text, byte(0), byte(1), byte(2), micros(3), rd::<u8>(object, 31));
            }
            _ => return None,
        }
    }
    Some(text)
}

fn clock(text: &mut String, hour: u32, minute: u32, second: u32, micro: u32, fold: u8) {
    // Writing to a String does not fail.
    let _ = write!(text, "{hour}, {minute}");
    if second != 0 || micro != 0 {
        let _ = write!(text, ", {second}");
    }
    if micro != 0 {
        let _ = write!(text, ", {micro}");
    }
    if fold != 0 {
        let _ = write!(text, ", fold={fold}");
    }
    text.push(')');
}
