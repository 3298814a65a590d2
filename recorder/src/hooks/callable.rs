//! Objects that `sys.monitoring` calls without building a tuple: a vectorcall and nothing else.
//!
//! The type is not made ready on purpose: it must not show up in `object.__subclasses__()`. The
//! objects are immortal and unknown to the garbage collector.
#![allow(unsafe_code)]

use pyo3_ffi::{
    Py_TPFLAGS_DEFAULT, PyObject, PyType_Type, PyTypeObject, PyVectorcall_Call, vectorcallfunc,
};

const IMMORTAL: usize = 0xffff_ffff;
const HAVE_VECTORCALL: std::ffi::c_ulong = 1 << 11;
const READY: std::ffi::c_ulong = 1 << 12;

#[repr(C)]
struct Callable {
    refcnt: usize,
    kind: *mut PyTypeObject,
    vectorcall: vectorcallfunc,
}

/// A new type for callbacks, for [`make`].
pub fn new_type() -> *mut PyTypeObject {
    // SAFETY: all-zero is a valid PyTypeObject without slots; the pieces set here are those that
    // a vectorcall looks at. It is never freed.
    unsafe {
        let kind = Box::into_raw(Box::new(std::mem::zeroed::<PyTypeObject>()));
        kind.cast::<usize>().write(IMMORTAL);
        (*kind.cast::<PyObject>()).ob_type = &raw mut PyType_Type;
        (*kind).tp_name = c"builtin_function_or_method".as_ptr();
        (*kind).tp_basicsize = size_of::<Callable>() as isize;
        (*kind).tp_vectorcall_offset = std::mem::offset_of!(Callable, vectorcall) as isize;
        (*kind).tp_call = Some(PyVectorcall_Call);
        (*kind).tp_flags = Py_TPFLAGS_DEFAULT | HAVE_VECTORCALL | READY;
        (*kind).tp_base = &raw mut pyo3_ffi::PyBaseObject_Type;
        kind
    }
}

/// An immortal object that calls `function`.
pub fn make(kind: *mut PyTypeObject, function: vectorcallfunc) -> *mut PyObject {
    Box::into_raw(Box::new(Callable { refcnt: IMMORTAL, kind, vectorcall: function })).cast()
}
