//! Children and successors of the process: fork, spawn, exec.
//!
//! Children are not recorded in this version: each is named in the parent's trace, and a forked
//! one forgets the recorder before it runs anything. Must never touch the parent's ring from a
//! child: it is not even mapped there.
#![allow(unsafe_code)]

use super::wrap::{Gil, find, here, wrap};
use crate::cpython::objects::{self as obj, Obj};
use crate::rec::{Recorder, recorder, set_recorder};
use crate::values::scalars::{int_value, utf8};
use moviola_format::event::{Sink, op};
use pyo3_ffi::{
    METH_FASTCALL, METH_KEYWORDS, METH_NOARGS, Py_TYPE, Py_ssize_t, PyBytes_Type, PyCFunction,
    PyLong_Type, PyTuple_Type, PyUnicode_Type,
};
use std::ffi::CString;

type Fast = unsafe extern "C" fn(Obj, *mut Obj, Py_ssize_t) -> Obj;
type FastKeywords = unsafe extern "C" fn(Obj, *const Obj, Py_ssize_t, Obj) -> Obj;

static CHILDREN: Gil<u64> = Gil::new(0);

/// Runs in the child of every `fork`, in the only thread that it has.
unsafe extern "C" fn in_child() {
    let rec = recorder();
    if !rec.is_null() {
        // SAFETY: the child's copy; no other thread exists here that could use it.
        unsafe { (*rec).out.producer().disown() };
        set_recorder(std::ptr::null_mut());
    }
}

/// A child was made; `result` is what the function returned to the parent.
unsafe fn child(result: Obj, how: &str, forked: bool) {
    let rec = here();
    if rec.is_null() || result.is_null() {
        return;
    }
    // SAFETY: the result is alive.
    unsafe {
        let pid = if Py_TYPE(result) == &raw mut PyTuple_Type {
            obj::tuple_items(result).first().copied().unwrap_or(std::ptr::null_mut())
        } else {
            result
        };
        if pid.is_null() || Py_TYPE(pid) != &raw mut PyLong_Type {
            return;
        }
        let Some(pid) = int_value(pid).and_then(|pid| u64::try_from(pid).ok()) else { return };
        if pid == 0 {
            return;
        }
        let number = CHILDREN.get() + 1;
        CHILDREN.set(number);
        (*rec).enter();
        let out = (*rec).out.begin();
        out.u8(op::CHILD);
        out.uv(pid);
        out.uv(number);
        out.str(how);
        out.commit();
        if forked {
            (*rec).gap(&format!("the forked child {pid} is not recorded"));
        }
    }
}

macro_rules! wrappers {
    ($($original:ident, $wrapper:ident, $kind:ty, ($($arg:ident: $type:ty),*), $how:literal,
       $forked:literal;)*) => {
        $(
            static $original: Gil<Option<$kind>> = Gil::new(None);

            unsafe extern "C" fn $wrapper($($arg: $type),*) -> Obj {
                let Some(original) = $original.get() else { return std::ptr::null_mut() };
                // SAFETY: passed on unchanged.
                unsafe {
                    let result = original($($arg),*);
                    child(result, $how, $forked);
                    result
                }
            }
        )*
    };
}

wrappers! {
    FORK, fork, PyCFunction, (slf: Obj, args: Obj), "fork", true;
    FORKPTY, forkpty, PyCFunction, (slf: Obj, args: Obj), "forkpty", true;
    SPAWN, spawn, FastKeywords,
        (slf: Obj, args: *const Obj, count: Py_ssize_t, names: Obj), "posix_spawn", false;
    SPAWNP, spawnp, FastKeywords,
        (slf: Obj, args: *const Obj, count: Py_ssize_t, names: Obj), "posix_spawnp", false;
}

#[cfg(not(Py_3_12))]
wrappers! {
    SUBPROCESS, subprocess, PyCFunction, (slf: Obj, args: Obj), "subprocess", false;
}

#[cfg(Py_3_12)]
wrappers! {
    SUBPROCESS, subprocess, Fast, (slf: Obj, args: *mut Obj, count: Py_ssize_t),
        "subprocess", false;
}

/// The function behind `subprocess` lives in a module that is not loaded at the start: it is
/// wrapped once it is.
///
/// # Safety
/// Needs the GIL.
pub unsafe fn wrap_subprocess() {
    if SUBPROCESS.get().is_some() {
        return;
    }
    // SAFETY: promised by the caller; the types fit the flags.
    unsafe {
        let function = find(b"_posixsubprocess", b"fork_exec");
        #[cfg(not(Py_3_12))]
        wrap(function, pyo3_ffi::METH_VARARGS, &SUBPROCESS, subprocess as PyCFunction);
        #[cfg(Py_3_12)]
        wrap(function, pyo3_ffi::METH_FASTCALL, &SUBPROCESS, subprocess as Fast);
    }
}

/// Whether replacing the process image by the file that `path` names is going to work, as far
/// as that can be told without trying. `execvp` tries many names that do not exist.
unsafe fn is_program(path: Obj) -> bool {
    // SAFETY: the argument is alive.
    unsafe {
        let name = match Py_TYPE(path) {
            typ if typ == &raw mut PyUnicode_Type => super::source::raw_name(&utf8(path)),
            typ if typ == &raw mut PyBytes_Type => obj::bytes_data(path).to_vec(),
            // A descriptor or a path object: only its own code knows the name.
            _ => return true,
        };
        let Ok(name) = CString::new(name) else { return false };
        let errno = *libc::__errno_location();
        let mut stat: libc::stat = std::mem::zeroed();
        let good = libc::stat(name.as_ptr(), &raw mut stat) == 0
            && stat.st_mode & libc::S_IFMT == libc::S_IFREG
            && libc::access(name.as_ptr(), libc::X_OK) == 0;
        *libc::__errno_location() = errno;
        good
    }
}

/// Says, before it happens, that the process goes on as another program.
unsafe fn before_exec(path: Obj) -> bool {
    let rec = here();
    // SAFETY: the argument is alive, the recorder too.
    unsafe {
        if rec.is_null() || !is_program(path) {
            return false;
        }
        (*rec).enter();
        (*rec).gap("the process was replaced by another program (exec)");
    }
    true
}

/// The exec failed after all.
unsafe fn after_exec(announced: bool) {
    let rec = here();
    if announced && !rec.is_null() {
        // SAFETY: the recorder is alive.
        unsafe {
            (*rec).enter();
            (*rec).gap("nothing is missing here: the exec failed and the recording went on");
        }
    }
}

static EXECV: Gil<Option<Fast>> = Gil::new(None);

unsafe extern "C" fn execv(slf: Obj, args: *mut Obj, count: Py_ssize_t) -> Obj {
    let Some(original) = EXECV.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on unchanged.
    unsafe {
        let announced = count == 2 && before_exec(*args);
        let result = original(slf, args, count);
        after_exec(announced);
        result
    }
}

static EXECVE: Gil<Option<FastKeywords>> = Gil::new(None);

unsafe extern "C" fn execve(slf: Obj, args: *const Obj, count: Py_ssize_t, names: Obj) -> Obj {
    let Some(original) = EXECVE.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on unchanged. Arguments given by name are in any order: then the first
    // may be another than the path, which only makes the announcement come or not.
    unsafe {
        let announced = count >= 1 && before_exec(*args);
        let result = original(slf, args, count, names);
        after_exec(announced);
        result
    }
}

/// Wraps what makes children and successors.
///
/// # Safety
/// Needs the GIL and the recorder.
pub unsafe fn install(_rec: *mut Recorder) {
    static HANDLER: Gil<bool> = Gil::new(false);
    // SAFETY: promised by the caller; each function type fits the flags beside it. What cannot
    // be wrapped still raises its audit event.
    unsafe {
        if !HANDLER.get() {
            HANDLER.set(true);
            libc::pthread_atfork(None, None, Some(in_child));
        }
        let keywords = METH_FASTCALL | METH_KEYWORDS;
        wrap(find(b"posix", b"fork"), METH_NOARGS, &FORK, fork as PyCFunction);
        wrap(find(b"posix", b"forkpty"), METH_NOARGS, &FORKPTY, forkpty as PyCFunction);
        wrap(find(b"posix", b"posix_spawn"), keywords, &SPAWN, spawn as FastKeywords);
        wrap(find(b"posix", b"posix_spawnp"), keywords, &SPAWNP, spawnp as FastKeywords);
        wrap(find(b"posix", b"execv"), METH_FASTCALL, &EXECV, execv as Fast);
        wrap(find(b"posix", b"execve"), keywords, &EXECVE, execve as FastKeywords);
        wrap_subprocess();
    }
}
