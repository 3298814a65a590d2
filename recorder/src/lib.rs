//! The recorder extension `moviola._recorder`: everything that lives inside the recorded
//! process.
//!
//! It never runs the program's code, never keeps its objects alive and never raises into it.
//! Python sees one module with one function, `start`, which the bootstrap calls and forgets.
#![allow(unsafe_code)]

mod clock;
mod cpython;
mod emit;
mod guard;
mod hooks;
mod process;
mod rec;
mod segment;
mod start;
mod values;

use pyo3_ffi::{Py_ssize_t, PyMethodDef, PyModuleDef, PyModuleDef_HEAD_INIT, PyObject};
use std::cell::UnsafeCell;
use std::ffi::c_char;

/// Read by the launcher in the file, before any Python loads it: an extension built for another
/// minor version would load without complaint and read wrong struct layouts.
#[unsafe(no_mangle)]
#[used]
pub static MOVIOLA_ABI: &[u8; 16] = abi_stamp();

const fn abi_stamp() -> &'static [u8; 16] {
    match cpython::version::MINOR {
        11 => b"MOVIOLA-ABI:3.11",
        12 => b"MOVIOLA-ABI:3.12",
        _ => b"MOVIOLA-ABI:3.13",
    }
}

/// `start(stage, parent) -> None | str`: what went wrong, if anything.
unsafe extern "C" fn start(
    _: *mut PyObject,
    args: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    let strings: Vec<String> = (0..count)
        .map(|index| {
            // SAFETY: the interpreter passes `count` arguments.
            let bytes = unsafe { values::scalars::utf8(*args.add(index as usize)) };
            String::from_utf8_lossy(&bytes).into_owned()
        })
        .collect();
    let problem = match strings.as_slice() {
        [stage, parent] => start::start(stage, parent),
        _ => Err("start() takes two strings".to_owned()),
    };
    match problem {
        // SAFETY: None is alive as long as the interpreter.
        Ok(()) => unsafe { pyo3_ffi::Py_NewRef(pyo3_ffi::Py_None()) },
        // SAFETY: pointer and length are of a live string.
        Err(text) => unsafe {
            pyo3_ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as Py_ssize_t)
        },
    }
}

struct Defs(UnsafeCell<(Option<PyModuleDef>, [PyMethodDef; 2])>);
// SAFETY: touched at module init only, under the GIL.
unsafe impl Sync for Defs {}
static DEFS: Defs = Defs(UnsafeCell::new((None, [PyMethodDef::zeroed(), PyMethodDef::zeroed()])));

/// Module initialisation.
///
/// # Safety
/// Called by the interpreter's import.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInit__recorder() -> *mut PyObject {
    // SAFETY: called once, with the GIL held.
    unsafe {
        let running = std::ffi::CStr::from_ptr(pyo3_ffi::Py_GetVersion()).to_bytes();
        let wanted = &MOVIOLA_ABI[12..];
        if !running.starts_with(wanted) || running.get(4).is_some_and(u8::is_ascii_digit) {
            pyo3_ffi::PyErr_SetString(
                pyo3_ffi::PyExc_ImportError,
                c"moviola: the recorder was built for another Python version".as_ptr(),
            );
            return std::ptr::null_mut();
        }
        let defs = &mut *DEFS.0.get();
        defs.1[0] = PyMethodDef {
            ml_name: c"start".as_ptr(),
            ml_meth: pyo3_ffi::PyMethodDefPointer { PyCFunctionFast: start },
            ml_flags: pyo3_ffi::METH_FASTCALL,
            ml_doc: std::ptr::null::<c_char>(),
        };
        let methods = defs.1.as_mut_ptr();
        let def = defs.0.insert(PyModuleDef {
            m_base: PyModuleDef_HEAD_INIT,
            m_name: c"_recorder".as_ptr(),
            m_doc: std::ptr::null(),
            m_size: -1,
            m_methods: methods,
            m_slots: std::ptr::null_mut(),
            m_traverse: None,
            m_clear: None,
            m_free: None,
        });
        pyo3_ffi::PyModule_Create(def)
    }
}
