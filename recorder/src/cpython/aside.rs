//! What of the interpreter's state must not show that a call of ours ran in the middle of the
//! program's work.
#![allow(unsafe_code)]

use pyo3_ffi as ffi;

/// While it lives, no exception is on its way and no garbage collection begins by itself; when it
/// is dropped, both are as they were.
pub struct Aside {
    collects: bool,
    #[cfg(Py_3_12)]
    raised: *mut ffi::PyObject,
    #[cfg(not(Py_3_12))]
    raised: [*mut ffi::PyObject; 3],
}

impl Aside {
    /// Takes the calling thread's exception, if there is one, aside.
    ///
    /// # Safety
    /// The GIL must be held from here until it is dropped.
    pub unsafe fn begin() -> Self {
        // SAFETY: the caller's promise; neither function runs code of the program.
        unsafe {
            let collects = ffi::PyGC_Disable() != 0;
            #[cfg(Py_3_12)]
            let raised = ffi::PyErr_GetRaisedException();
            #[cfg(not(Py_3_12))]
            let raised = {
                let mut parts = [std::ptr::null_mut(); 3];
                let [typ, value, traceback] = &mut parts;
                ffi::PyErr_Fetch(typ, value, traceback);
                parts
            };
            Self { collects, raised }
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // SAFETY: the promise of `begin`; the references that it took are given back. An error of
        // ours that is still set is dropped by the interpreter.
        unsafe {
            #[cfg(Py_3_12)]
            ffi::PyErr_SetRaisedException(self.raised);
            #[cfg(not(Py_3_12))]
            {
                let [typ, value, traceback] = self.raised;
                ffi::PyErr_Restore(typ, value, traceback);
            }
            if self.collects {
                ffi::PyGC_Enable();
            }
        }
    }
}
