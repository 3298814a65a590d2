//! Audit events: every name, with the arguments as values.
//!
//! The hook is a C hook of the runtime; Python sees no trace of it. Some events also tell the
//! recorder itself what is going on. Must be cheap: many events are raised in hot code.
#![allow(unsafe_code)]

use super::{children, exit, wrap};
use crate::cpython::objects::{Chars, chars, tuple_items};
use crate::guard::guarded;
use crate::rec::{Recorder, recorder};
use crate::start::Detail;
use crate::values::{Val, prepare};
use moviola_format::event::{Sink, op};
use pyo3_ffi::{Py_TYPE, PyObject, PyTuple_Type, PyUnicode_Type};
use std::ffi::{CStr, c_char, c_int, c_void};

unsafe extern "C" {
    fn PySys_AddAuditHook(
        hook: unsafe extern "C" fn(*const c_char, *mut PyObject, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
}

/// No event of CPython has more; an event of the program that has is cut, with a gap.
const ARGS_MAX: usize = 16;
/// The name and all arguments together stay far below the event limit.
const NAME_MAX: usize = 4096;

static BUSY: wrap::Gil<bool> = wrap::Gil::new(false);

unsafe extern "C" fn hook(name: *const c_char, args: *mut PyObject, _: *mut c_void) -> c_int {
    if !wrap::in_main_interpreter() {
        // The creation of an interpreter is not always told; its first event is.
        crate::rec::set_shared();
        return 0;
    }
    let rec = recorder();
    if rec.is_null() || name.is_null() || BUSY.get() {
        return 0;
    }
    BUSY.set(true);
    // SAFETY: the interpreter passes a C string and a tuple or null, with the GIL held.
    guarded((), || unsafe { told(rec, name, args) });
    BUSY.set(false);
    0
}

unsafe fn told(rec: *mut Recorder, name: *const c_char, args: *mut PyObject) {
    // SAFETY: promised by the caller; nothing below runs the program's code.
    unsafe {
        let name = CStr::from_ptr(name).to_bytes();
        let args: &[*mut PyObject] = if args.is_null() || Py_TYPE(args) != &raw mut PyTuple_Type {
            &[]
        } else {
            tuple_items(args)
        };
        // The last moments of the main interpreter: modules are gone, types follow. Hooks in
        // Python are not told of it either.
        if name == b"cpython.PyInterpreterState_Clear" || name == b"cpython._PySys_ClearAuditHooks"
        {
            exit::finish();
            return;
        }
        if (*rec).detail != Detail::Full {
            act(rec, name, args);
            return;
        }
        (*rec).enter();
        let count = args.len().min(ARGS_MAX);
        let mut values = [Val::Unbound; ARGS_MAX];
        let [shown, meant] = STAND_IN.get();
        for (value, arg) in values.iter_mut().zip(args) {
            let arg = if *arg == shown && !shown.is_null() { meant } else { *arg };
            *value = prepare(rec, arg);
        }
        let out = (*rec).out.begin();
        out.u8(op::AUDIT);
        out.bytes(&name[..name.len().min(NAME_MAX)]);
        out.uv(count as u64);
        for value in &values[..count] {
            value.write(out);
        }
        out.commit();
        if args.len() > ARGS_MAX {
            (*rec).gap("arguments of an audit event after the 16th");
        }
        if matches!(name.first(), Some(b'c' | b's' | b'i')) {
            act(rec, name, args);
        }
    }
}

/// An argument that is passed in the place of the program's own, and that one.
static STAND_IN: wrap::Gil<[*mut PyObject; 2]> = wrap::Gil::new([std::ptr::null_mut(); 2]);

/// Until this is dropped, events have `meant` as argument where they get `shown`.
pub struct StandIn;

/// Begins such a time. Both must live as long as it lasts.
pub fn stand_in(shown: *mut PyObject, meant: *mut PyObject) -> StandIn {
    STAND_IN.set([shown, meant]);
    StandIn
}

impl Drop for StandIn {
    fn drop(&mut self) {
        STAND_IN.set([std::ptr::null_mut(); 2]);
    }
}

/// Until this is dropped, events are the recorder's own doing and not appended.
#[cfg_attr(not(Py_3_12), allow(dead_code))]
pub struct Quiet(bool);

/// Begins such a time.
#[cfg_attr(not(Py_3_12), allow(dead_code))]
pub fn quiet() -> Quiet {
    let before = BUSY.get();
    BUSY.set(true);
    Quiet(before)
}

impl Drop for Quiet {
    fn drop(&mut self) {
        BUSY.set(self.0);
    }
}

/// What an event means for the recorder itself.
#[cold]
unsafe fn act(rec: *mut Recorder, name: &[u8], args: &[*mut PyObject]) {
    // SAFETY: the recorder is alive, the GIL held.
    unsafe {
        match name {
            b"sys.excepthook" => exit::excepthook(),
            b"sys.settrace" | b"sys.setprofile" => disturbed(),
            b"subprocess.Popen" => children::wrap_subprocess(),
            b"import" => {
                children::wrap_subprocess();
                if let Some(module) = args.first().copied()
                    && Py_TYPE(module) == &raw mut PyUnicode_Type
                    && let Chars::Ascii(name) = chars(module)
                    && (*rec).detail == Detail::Full
                {
                    crate::values::watch::expect(rec, name);
                }
                if args.first().is_some_and(|module| can_make_interpreters(*module)) {
                    sub_interpreters(rec);
                }
                if args.get(1).is_some_and(|file| is_foreign_extension(*file)) {
                    foreign_code(rec);
                }
            }
            _ if name.starts_with(b"ctypes.") => foreign_code(rec),
            b"cpython.PyInterpreterState_New" => sub_interpreters(rec),
            _ => {}
        }
    }
}

/// The modules through which Python code can make an interpreter; 3.13 has no event for it.
unsafe fn can_make_interpreters(module: *mut PyObject) -> bool {
    // SAFETY: the argument is alive.
    unsafe {
        Py_TYPE(module) == &raw mut PyUnicode_Type
            && matches!(
                chars(module),
                Chars::Ascii(
                    b"_interpreters" | b"_xxsubinterpreters" | b"_testcapi" | b"_testinternalcapi"
                )
            )
    }
}

/// Whether the file of an imported module is a C extension that is not Python's own.
unsafe fn is_foreign_extension(file: *mut PyObject) -> bool {
    // SAFETY: the argument is alive.
    unsafe {
        let flags = crate::cpython::objects::flags(Py_TYPE(file));
        if flags & crate::cpython::objects::UNICODE_SUBCLASS == 0 {
            return false;
        }
        let own = b"/lib-dynload/";
        !crate::values::scalars::utf8(file).windows(own.len()).any(|part| part == own)
    }
}

static FOREIGN: wrap::Gil<bool> = wrap::Gil::new(false);
const FOREIGN_GAP: &str = "C code that is not Python's own: what it changes in place is seen only if it goes \
     through methods or slots";
static INTERPRETERS: wrap::Gil<bool> = wrap::Gil::new(false);
const INTERPRETERS_GAP: &str = "sub-interpreters, if the program makes any, are not recorded";

/// Code is about to come that may change objects by neither slot nor method.
unsafe fn foreign_code(rec: *mut Recorder) {
    // SAFETY: the recorder is alive.
    unsafe {
        if !FOREIGN.get() && (*rec).detail == Detail::Full {
            FOREIGN.set(true);
            (*rec).gap(FOREIGN_GAP);
        }
    }
}

/// Another interpreter is about to come: it is not recorded, and must not disturb.
unsafe fn sub_interpreters(rec: *mut Recorder) {
    crate::rec::set_shared();
    if !INTERPRETERS.get() {
        INTERPRETERS.set(true);
        // SAFETY: the recorder is alive.
        unsafe { (*rec).gap(INTERPRETERS_GAP) };
    }
}

/// A new stream begins: what was said once is said again.
///
/// # Safety
/// Needs the GIL and the recorder.
pub unsafe fn restart(rec: *mut Recorder) {
    for (said, gap) in [(&FOREIGN, FOREIGN_GAP), (&INTERPRETERS, INTERPRETERS_GAP)] {
        if said.get() {
            // SAFETY: the recorder is alive.
            unsafe { (*rec).gap(gap) };
        }
    }
}

/// Somebody is about to set a trace or profile function, possibly from C.
unsafe fn disturbed() {
    #[cfg(Py_3_12)]
    // SAFETY: called with the GIL held.
    unsafe {
        super::tools::repair_soon();
    }
    #[cfg(not(Py_3_12))]
    // SAFETY: called with the GIL held.
    unsafe {
        crate::hooks::settrace::repair_soon();
    }
}

/// Adds the hook.
///
/// # Errors
/// What went wrong, for the one line on stderr.
///
/// # Safety
/// Needs the GIL.
pub unsafe fn install() -> Result<(), &'static str> {
    static ADDED: wrap::Gil<bool> = wrap::Gil::new(false);
    if ADDED.get() {
        return Ok(());
    }
    // SAFETY: promised by the caller; a failure leaves an error set.
    unsafe {
        // Hooks that exist already would be told of ours.
        BUSY.set(true);
        let failed = PySys_AddAuditHook(hook, std::ptr::null_mut()) != 0;
        BUSY.set(false);
        if failed {
            pyo3_ffi::PyErr_Clear();
            return Err("an audit hook refused the recorder's own");
        }
    }
    ADDED.set(true);
    Ok(())
}
