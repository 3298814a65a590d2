//! The end of the process: how it ends, as far as that is known inside, and the end of events.
//!
//! Recording goes on through `atexit` and the teardown of modules, up to the moment when the
//! interpreter clears itself; nothing is touched after that. The exit code that the system saw
//! is the writer's to tell; here only what it cannot see is added.
#![allow(unsafe_code)]

use super::wrap::{Gil, find, here, wrap};
use crate::cpython::objects::Obj;
use crate::cpython::{Thread, thread_state};
use crate::guard::call_original;
use crate::rec::{Recorder, recorder, set_recorder};
use crate::values::scalars::int_value;
use moviola_format::event::{Sink, op};
use pyo3_ffi::{METH_FASTCALL, METH_KEYWORDS, Py_TYPE, Py_ssize_t, PyLong_Type};

/// An exit code, or unknown here.
pub const KIND_CODE: u8 = 0;
/// The main program was left by an exception that nobody handled.
pub const KIND_UNCAUGHT: u8 = 2;

type FastKeywords = unsafe extern "C" fn(Obj, *const Obj, Py_ssize_t, Obj) -> Obj;

static UNCAUGHT: Gil<bool> = Gil::new(false);
static MAIN_THREAD: Gil<libc::pthread_t> = Gil::new(0);

/// Notes the main thread, which is the calling one.
pub fn begin() {
    // SAFETY: always allowed.
    MAIN_THREAD.set(unsafe { libc::pthread_self() });
}

/// The interpreter prints an exception that nobody handled. In the main thread without any
/// Python frame this is the end of the main program.
///
/// # Safety
/// Needs the GIL.
pub unsafe fn excepthook() {
    // SAFETY: promised by the caller; the thread state is the calling thread's own.
    unsafe {
        if libc::pthread_self() == MAIN_THREAD.get() && Thread(thread_state()).frame().0.is_null() {
            UNCAUGHT.set(true);
        }
    }
}

/// The interpreter is about to clear itself: no event comes after this. The exit code is not known
/// yet; C tells it at the very end.
///
/// # Safety
/// Needs the GIL.
pub unsafe fn finish() {
    let rec = recorder();
    if rec.is_null() {
        return;
    }
    // SAFETY: promised by the caller.
    unsafe {
        if UNCAUGHT.get() {
            end(KIND_UNCAUGHT, 1);
            return;
        }
        last_facts(rec);
        set_recorder(std::ptr::null_mut());
        LATE.set(rec);
    }
}

/// The recorder, between the interpreter's end and the process's.
static LATE: Gil<*mut Recorder> = Gil::new(std::ptr::null_mut());

/// C's `exit` was called. The interpreter is gone, and with it all threads that could use the ring.
unsafe extern "C" fn at_exit(status: libc::c_int, _: *mut libc::c_void) {
    let rec = LATE.get();
    if !rec.is_null() {
        LATE.set(std::ptr::null_mut());
        // SAFETY: the recorder is never freed, and nobody else reaches it any more.
        unsafe { say(rec, KIND_CODE, i64::from(status & 0xff)) };
    }
}

/// Has C's `exit` tell the code. Where the C library has no such function, only the parent
/// knows it.
unsafe fn watch_exit() {
    type Handler = unsafe extern "C" fn(libc::c_int, *mut libc::c_void);
    type OnExit = unsafe extern "C" fn(Handler, *mut libc::c_void) -> libc::c_int;
    static DONE: Gil<bool> = Gil::new(false);
    if DONE.get() {
        return;
    }
    DONE.set(true);
    // SAFETY: the function has this type wherever it exists; the extension is never unloaded.
    unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, c"on_exit".as_ptr());
        if !found.is_null() {
            std::mem::transmute::<*mut libc::c_void, OnExit>(found)(at_exit, std::ptr::null_mut());
        }
    }
}

unsafe fn last_facts(rec: *mut Recorder) {
    // SAFETY: the recorder is alive and used by nobody else meanwhile.
    unsafe {
        (*rec).enter();
        #[cfg(Py_3_12)]
        if (*rec).detail != crate::start::Detail::Full {
            crate::hooks::seen::finish(rec);
        }
        let unseen = crate::values::unseen_allocations();
        if unseen > 0 {
            // Raw-domain calls of threads without the GIL, which must not touch the stream.
            (*rec).meta("allocations_unseen", &unseen.to_string());
        }
    }
}

unsafe fn say(rec: *mut Recorder, kind: u8, code: i64) {
    // SAFETY: as in `last_facts`.
    unsafe {
        let out = (*rec).out.begin();
        out.u8(op::EXIT);
        out.u8(kind);
        out.sv(code);
        out.commit();
        (*rec).out.producer().close();
    }
}

unsafe fn end(kind: u8, code: i64) {
    let rec = recorder();
    if rec.is_null() {
        return;
    }
    // SAFETY: the recorder is alive and used by nobody else meanwhile. It is never freed: hooks
    // that are still installed find a null pointer from now on.
    unsafe {
        last_facts(rec);
        say(rec, kind, code);
    }
    set_recorder(std::ptr::null_mut());
}

static OS_EXIT: Gil<Option<FastKeywords>> = Gil::new(None);

unsafe extern "C" fn os_exit(slf: Obj, args: *const Obj, count: Py_ssize_t, names: Obj) -> Obj {
    let Some(original) = OS_EXIT.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on unchanged; the one argument comes first whether named or not.
    unsafe {
        let named = if names.is_null() { 0 } else { pyo3_ffi::PyTuple_GET_SIZE(names) };
        if !here().is_null()
            && count + named == 1
            && Py_TYPE(*args) == &raw mut PyLong_Type
            && let Some(status) = int_value(*args)
            && i32::try_from(status).is_ok()
        {
            end(KIND_CODE, status & 0xff);
        }
        type A = *const Obj;
        call_original!(original, (slf, args, count, names), fn(Obj, A, Py_ssize_t, Obj) -> Obj)
    }
}

/// Wraps `os._exit`, which skips everything that an interpreter does at its end.
///
/// # Safety
/// Needs the GIL and the recorder.
pub unsafe fn install(_rec: *mut Recorder) {
    UNCAUGHT.set(false);
    // SAFETY: always allowed.
    unsafe { watch_exit() };
    // SAFETY: promised by the caller; the type fits the flags. If it fails, the writer still
    // learns of the end from the system.
    unsafe {
        wrap(
            find(b"posix", b"_exit"),
            METH_FASTCALL | METH_KEYWORDS,
            &OS_EXIT,
            os_exit as FastKeywords,
        );
    }
}
