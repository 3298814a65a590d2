//! What the program writes to descriptors 1 and 2, and the moment of each `print`.
//!
//! `FileIO.write`, `os.write` and `os.writev` give the true bytes, after the system took them;
//! `TextIOWrapper.write` of the standard streams gives the text before it is buffered. What C
//! code and children write directly is not seen. Must leave the streams as they are.
#![allow(unsafe_code)]

use super::wrap::{Gil, find, find_method, here, wrap};
use crate::cpython::objects::{self as obj, Obj};
use crate::guard::{call_original, guarded};
use crate::rec::Recorder;
use crate::values::scalars::{int_value, utf8};
use moviola_format::event::{Sink, op};
use pyo3_ffi::{
    METH_FASTCALL, METH_O, Py_TYPE, Py_buffer, Py_ssize_t, PyBuffer_Release, PyBytes_Type,
    PyCFunction, PyErr_Clear, PyList_Type, PyLong_Type, PyObject, PyObject_GetBuffer,
    PySys_GetObject, PyTuple_Type, destructor,
};
use std::ffi::CStr;

/// Bytes of output in one event.
const PIECE: usize = 32 * 1024;
/// Added to the descriptor: the text of a `write` that may not have reached the system yet.
const INTENT: u8 = 0x80;
/// Offset of a `FileIO`'s descriptor.
const FILEIO_FD: isize = 16;

type Fast = unsafe extern "C" fn(Obj, *mut Obj, Py_ssize_t) -> Obj;

/// `sys.stdout` and `sys.stderr` as they were at the start; null once they died.
static STREAMS: Gil<[Obj; 2]> = Gil::new([std::ptr::null_mut(); 2]);

fn append(rec: &mut Recorder, stream: u8, bytes: &[u8]) {
    guarded((), || pieces(rec, stream, bytes));
}

fn pieces(rec: &mut Recorder, stream: u8, mut bytes: &[u8]) {
    rec.enter();
    while !bytes.is_empty() {
        let mut end = bytes.len().min(PIECE);
        // Text is cut between characters.
        if end < bytes.len() && stream & INTENT != 0 {
            end -= bytes[..=end].iter().rev().take_while(|byte| **byte & 0xc0 == 0x80).count();
        }
        let out = rec.out.begin();
        out.u8(op::OUTPUT);
        out.u8(stream);
        out.bytes(&bytes[..end]);
        out.commit();
        bytes = &bytes[end..];
    }
}

static TEXT_WRITE: Gil<Option<PyCFunction>> = Gil::new(None);

unsafe extern "C" fn text_write(slf: Obj, text: Obj) -> Obj {
    let rec = here();
    let streams = STREAMS.get();
    if !rec.is_null()
        && let Some(index) = streams.iter().position(|stream| *stream == slf)
    {
        // SAFETY: the interpreter passes a live object.
        unsafe {
            if obj::flags(Py_TYPE(text)) & obj::UNICODE_SUBCLASS != 0 {
                let stream = INTENT | (index as u8 + 1);
                match obj::chars(text) {
                    obj::Chars::Ascii(bytes) => append(&mut *rec, stream, bytes),
                    _ => append(&mut *rec, stream, &utf8(text)),
                }
            }
        }
    }
    // SAFETY: the wrapper is only reachable after the original was kept.
    unsafe {
        match TEXT_WRITE.get() {
            Some(original) => call_original!(original, (slf, text), fn(Obj, Obj) -> Obj),
            None => std::ptr::null_mut(),
        }
    }
}

static TEXT_DEALLOC: Gil<Option<destructor>> = Gil::new(None);

/// A stream's address may be used by another object once it died.
unsafe extern "C" fn text_dealloc(object: *mut PyObject) {
    let mut streams = STREAMS.get();
    for stream in &mut streams {
        if *stream == object {
            *stream = std::ptr::null_mut();
            STREAMS.set(streams);
            break;
        }
    }
    if let Some(original) = TEXT_DEALLOC.get() {
        // SAFETY: passed on unchanged.
        unsafe { call_original!(original, (object), fn(Obj) -> ()) }
    }
}

/// Reads the bytes behind an object that a write took. False when only the program's own code
/// could tell them.
unsafe fn with_bytes(object: Obj, take: &mut dyn FnMut(&[u8])) -> bool {
    // SAFETY: the object is alive; a view is released before anything else happens.
    unsafe {
        if Py_TYPE(object) == &raw mut PyBytes_Type {
            take(obj::bytes_data(object));
            return true;
        }
        if !has_native_buffer(object) {
            return false;
        }
        let mut view: Py_buffer = std::mem::zeroed();
        if PyObject_GetBuffer(object, &raw mut view, pyo3_ffi::PyBUF_SIMPLE) != 0 {
            PyErr_Clear();
            return false;
        }
        if view.len > 0 && !view.buf.is_null() {
            take(std::slice::from_raw_parts(view.buf.cast(), view.len as usize));
        }
        PyBuffer_Release(&raw mut view);
        true
    }
}

/// Whether asking for the object's buffer runs C code only. From 3.12 on, Python classes may
/// define `__buffer__`; what C types have under that name is a slot wrapper.
unsafe fn has_native_buffer(object: Obj) -> bool {
    // SAFETY: the object is alive, its MRO made of types.
    unsafe {
        let typ = Py_TYPE(object);
        if !cfg!(Py_3_12) || obj::flags(typ) & obj::HEAPTYPE == 0 {
            return true;
        }
        let mro = (*typ).tp_mro;
        if mro.is_null() {
            return false;
        }
        let found = obj::tuple_items(mro).iter().map(|base| find_method(*base, b"__buffer__"));
        found
            .into_iter()
            .find(|method| !method.is_null())
            .is_some_and(|method| Py_TYPE(method) == &raw mut pyo3_ffi::PyWrapperDescr_Type)
    }
}

/// `count` bytes of `buffers` were written to `fd`.
unsafe fn written(fd: i64, result: Obj, buffers: &[Obj]) {
    let rec = here();
    if rec.is_null() || result.is_null() || !(fd == 1 || fd == 2) {
        return;
    }
    // SAFETY: result and buffers are alive.
    unsafe {
        // None: the descriptor would block, nothing was written.
        if Py_TYPE(result) != &raw mut PyLong_Type {
            return;
        }
        let mut left = int_value(result).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        for buffer in buffers {
            if left == 0 {
                break;
            }
            let known = with_bytes(*buffer, &mut |bytes| {
                let count = bytes.len().min(left);
                left -= count;
                append(&mut *rec, fd as u8, &bytes[..count]);
            });
            if !known {
                (*rec).enter();
                (*rec).gap("output from an object whose buffer is made by the program's code");
                break;
            }
        }
    }
}

/// The descriptor that an argument names.
unsafe fn descriptor(fd: Obj) -> i64 {
    // SAFETY: the argument is alive. Other types than int have to be asked by running code.
    unsafe { if Py_TYPE(fd) == &raw mut PyLong_Type { int_value(fd).unwrap_or(-1) } else { -1 } }
}

#[cfg(not(Py_3_12))]
mod file {
    use super::*;

    static WRITE: Gil<Option<PyCFunction>> = Gil::new(None);

    unsafe extern "C" fn write(slf: Obj, data: Obj) -> Obj {
        let Some(original) = WRITE.get() else { return std::ptr::null_mut() };
        // SAFETY: passed on unchanged; the descriptor is read before the program may close it.
        unsafe {
            let fd = i64::from(obj::rd::<i32>(slf, FILEIO_FD));
            let result = call_original!(original, (slf, data), fn(Obj, Obj) -> Obj);
            written(fd, result, &[data]);
            result
        }
    }

    pub unsafe fn install(method: Obj) -> bool {
        // SAFETY: promised by the caller; the type fits METH_O.
        unsafe { wrap(method, METH_O, &WRITE, write as PyCFunction) }
    }
}

#[cfg(Py_3_12)]
mod file {
    use super::*;
    use pyo3_ffi::{METH_KEYWORDS, METH_METHOD, PyTypeObject};

    type Method = unsafe extern "C" fn(Obj, *mut PyTypeObject, *const Obj, Py_ssize_t, Obj) -> Obj;

    static WRITE: Gil<Option<Method>> = Gil::new(None);

    unsafe extern "C" fn write(
        slf: Obj,
        class: *mut PyTypeObject,
        args: *const Obj,
        count: Py_ssize_t,
        names: Obj,
    ) -> Obj {
        let Some(original) = WRITE.get() else { return std::ptr::null_mut() };
        // SAFETY: passed on unchanged; the one argument is positional-only.
        unsafe {
            let fd = i64::from(obj::rd::<i32>(slf, FILEIO_FD));
            type C = *mut PyTypeObject;
            type A = *const Obj;
            let result = call_original!(
                original,
                (slf, class, args, count, names),
                fn(Obj, C, A, Py_ssize_t, Obj) -> Obj
            );
            if count == 1 && !result.is_null() {
                written(fd, result, &[*args]);
            }
            result
        }
    }

    pub unsafe fn install(method: Obj) -> bool {
        let flags = METH_METHOD | METH_FASTCALL | METH_KEYWORDS;
        // SAFETY: promised by the caller; the type fits the flags.
        unsafe { wrap(method, flags, &WRITE, write as Method) }
    }
}

static OS_WRITE: Gil<Option<Fast>> = Gil::new(None);

unsafe extern "C" fn os_write(slf: Obj, args: *mut Obj, count: Py_ssize_t) -> Obj {
    let Some(original) = OS_WRITE.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on unchanged; a result means that both arguments were there.
    unsafe {
        let result =
            call_original!(original, (slf, args, count), fn(Obj, *mut Obj, Py_ssize_t) -> Obj);
        if !result.is_null() && count == 2 {
            written(descriptor(*args), result, &[*args.add(1)]);
        }
        result
    }
}

static OS_WRITEV: Gil<Option<Fast>> = Gil::new(None);

unsafe extern "C" fn os_writev(slf: Obj, args: *mut Obj, count: Py_ssize_t) -> Obj {
    let Some(original) = OS_WRITEV.get() else { return std::ptr::null_mut() };
    // SAFETY: as in `os_write`.
    unsafe {
        let result =
            call_original!(original, (slf, args, count), fn(Obj, *mut Obj, Py_ssize_t) -> Obj);
        if result.is_null() || count != 2 {
            return result;
        }
        let fd = descriptor(*args);
        let buffers = *args.add(1);
        let typ = Py_TYPE(buffers);
        if typ == &raw mut PyTuple_Type {
            written(fd, result, obj::tuple_items(buffers));
        } else if typ == &raw mut PyList_Type {
            written(fd, result, obj::list_items(buffers));
        } else if fd == 1 || fd == 2 {
            let rec = here();
            if !rec.is_null() {
                (*rec).enter();
                (*rec).gap("output of os.writev from a sequence of the program's own");
            }
        }
        result
    }
}

/// Wraps the functions that write.
///
/// # Safety
/// Needs the GIL and the recorder.
pub unsafe fn install(rec: *mut Recorder) {
    // SAFETY: promised by the caller; each function type fits the flags beside it.
    unsafe {
        let stream = |name: &CStr| PySys_GetObject(name.as_ptr());
        let text = find(b"_io", b"TextIOWrapper");
        let file = find(b"_io", b"FileIO");
        let mut done = true;
        if !text.is_null() {
            let typ = text.cast::<pyo3_ffi::PyTypeObject>();
            let mut streams = [stream(c"stdout"), stream(c"stderr")];
            for stream in &mut streams {
                // No console, or replaced by a site hook: then there is nothing to tell apart.
                if !stream.is_null() && Py_TYPE(*stream) != typ {
                    *stream = std::ptr::null_mut();
                }
            }
            STREAMS.set(streams);
            done &=
                wrap(find_method(text, b"write"), METH_O, &TEXT_WRITE, text_write as PyCFunction);
            if TEXT_DEALLOC.get().is_none() {
                TEXT_DEALLOC.set((*typ).tp_dealloc);
                (*typ).tp_dealloc = Some(text_dealloc);
            }
        }
        done &= !file.is_null() && file::install(find_method(file, b"write"));
        done &= wrap(find(b"posix", b"write"), METH_FASTCALL, &OS_WRITE, os_write as Fast);
        done &= wrap(find(b"posix", b"writev"), METH_FASTCALL, &OS_WRITEV, os_writev as Fast);
        if !done {
            (*rec).gap("some output: the interpreter's write functions are not those expected");
        }
    }
}
