//! The only place that knows CPython's private structs: interpreter frames, code objects and
//! thread states here, one file of numbers a version; object layouts in `objects`.
//!
//! Offsets are those of the headers of 3.11.7, 3.12.1 and 3.13.0 (`Include/internal/`
//! pycore_frame.h, `cpython/code.h`, `cpython/pystate.h`). `verify` compares what can be
//! compared with the public API before anything is read for real.
#![allow(unsafe_code)]

#[cfg(all(Py_3_11, not(Py_3_12)))]
#[path = "v3_11.rs"]
pub mod version;
#[cfg(all(Py_3_12, not(Py_3_13)))]
#[path = "v3_12.rs"]
pub mod version;
#[cfg(Py_3_13)]
#[path = "v3_13.rs"]
pub mod version;

pub mod aside;
pub mod gc;
pub mod library;
pub mod location;
pub mod objects;

use pyo3_ffi::{Py_ssize_t, PyObject, PyThreadState};
use version as v;
pub use version::CODE_EXTRA;

unsafe extern "C" {
    #[cfg_attr(Py_3_13, link_name = "PyThreadState_GetUnchecked")]
    #[cfg_attr(not(Py_3_13), link_name = "_PyThreadState_UncheckedGet")]
    fn tstate_unchecked() -> *mut PyThreadState;
    fn PyCode_GetCode(code: *mut PyObject) -> *mut PyObject;
    #[cfg_attr(not(Py_3_12), link_name = "_PyEval_RequestCodeExtraIndex")]
    fn PyUnstable_Eval_RequestCodeExtraIndex(
        free: Option<unsafe extern "C" fn(*mut std::ffi::c_void)>,
    ) -> Py_ssize_t;
    #[cfg_attr(not(Py_3_12), link_name = "_PyCode_SetExtra")]
    fn PyUnstable_Code_SetExtra(
        code: *mut PyObject,
        index: Py_ssize_t,
        extra: *mut std::ffi::c_void,
    ) -> i32;
}

/// Reads a field of a struct by its offset.
///
/// # Safety
/// `base` must point to a live struct that has a `T` at `offset`.
#[inline]
pub unsafe fn field<T: Copy, B>(base: *const B, offset: usize) -> T {
    // SAFETY: promised by the caller.
    unsafe { base.cast::<u8>().add(offset).cast::<T>().read_unaligned() }
}

/// The calling thread's state, null when it does not hold the GIL (3.12 and later).
#[inline]
pub fn thread_state() -> *mut PyThreadState {
    // SAFETY: takes no arguments and may be called at any time.
    unsafe { tstate_unchecked() }
}

/// Something that tells the running threads apart and costs one instruction; a thread that has
/// ended may have had the same.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn thread_mark() -> usize {
    let mark: usize;
    // SAFETY: on Linux the word at fs:0 is the thread control block's own address.
    unsafe {
        std::arch::asm!("mov {}, fs:0", out(reg) mark, options(nostack, preserves_flags, readonly));
    };
    mark
}

/// Something that tells the running threads apart and costs one instruction; a thread that has
/// ended may have had the same.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub fn thread_mark() -> usize {
    let mark: usize;
    // SAFETY: user space may read its thread pointer.
    unsafe { std::arch::asm!("mrs {}, tpidr_el0", out(reg) mark, options(nomem, nostack)) };
    mark
}

/// A `PyThreadState`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Thread(pub *mut PyThreadState);

impl Thread {
    /// Number that no other thread state of this process has.
    ///
    /// # Safety
    /// The thread state must be alive.
    pub unsafe fn unique(self) -> u64 {
        // SAFETY: promised by the caller.
        unsafe { field(self.0, v::TSTATE_ID) }
    }

    /// `threading.get_ident()` of the thread.
    ///
    /// # Safety
    /// The thread state must be alive.
    pub unsafe fn ident(self) -> u64 {
        // SAFETY: promised by the caller.
        unsafe { field(self.0, v::TSTATE_THREAD_ID) }
    }

    /// The operating system's number of the thread.
    ///
    /// # Safety
    /// The thread state must be alive.
    pub unsafe fn native_id(self) -> u64 {
        // SAFETY: promised by the caller.
        unsafe { field(self.0, v::TSTATE_NATIVE_ID) }
    }

    /// The innermost Python frame, null when there is none.
    ///
    /// # Safety
    /// The thread state must be alive and the GIL held.
    #[inline]
    pub unsafe fn frame(self) -> Frame {
        #[cfg(Py_3_13)]
        // SAFETY: promised by the caller.
        return unsafe { Frame(field(self.0, v::TSTATE_CURRENT_FRAME)) };
        #[cfg(not(Py_3_13))]
        // SAFETY: promised by the caller; `cframe` is never null in a running thread.
        return unsafe {
            let cframe: *const u8 = field(self.0, v::TSTATE_CFRAME);
            Frame(field(cframe, v::CFRAME_CURRENT_FRAME))
        };
    }
}

/// A `_PyInterpreterFrame`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame(pub *mut u8);

impl Frame {
    /// The frame's code object.
    ///
    /// # Safety
    /// The frame must be alive; so for all methods.
    #[inline]
    pub unsafe fn code(self) -> Code {
        // SAFETY: promised by the caller.
        unsafe { Code(field(self.0, v::FRAME_CODE)) }
    }

    /// The globals dict (borrowed).
    ///
    /// # Safety
    /// See [`Frame::code`].
    #[inline]
    pub unsafe fn globals(self) -> *mut PyObject {
        // SAFETY: promised by the caller.
        unsafe { field(self.0, v::FRAME_GLOBALS) }
    }

    /// The namespace of a module or class body (borrowed), null in functions.
    ///
    /// # Safety
    /// See [`Frame::code`].
    #[inline]
    pub unsafe fn namespace(self) -> *mut PyObject {
        // SAFETY: promised by the caller.
        unsafe { field(self.0, v::FRAME_LOCALS) }
    }

    /// What stands in slot `index` of `localsplus` (borrowed; null when unbound).
    ///
    /// # Safety
    /// See [`Frame::code`]; `index` must be below the code's number of slots.
    #[inline]
    pub unsafe fn slot(self, index: usize) -> *mut PyObject {
        // SAFETY: promised by the caller.
        unsafe { field(self.0, v::FRAME_LOCALSPLUS + index * size_of::<usize>()) }
    }

    /// Index, in code units, of the instruction that the frame executes.
    ///
    /// # Safety
    /// See [`Frame::code`].
    #[inline]
    pub unsafe fn instruction(self) -> i32 {
        // SAFETY: promised by the caller; both pointers are into the code's instructions.
        unsafe {
            let at: *const u8 = field(self.0, v::FRAME_INSTRUCTION);
            let start = self.code().0.cast::<u8>().add(v::CODE_ADAPTIVE);
            (at.offset_from(start) / 2) as i32
        }
    }
}

/// A `PyCodeObject`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code(pub *mut PyObject);

impl Code {
    /// A 32-bit field at one of the version's `CODE_*` offsets.
    ///
    /// # Safety
    /// The code object must be alive; so for all methods.
    pub unsafe fn int(self, offset: usize) -> i32 {
        // SAFETY: promised by the caller.
        unsafe { field(self.0, offset) }
    }

    /// An object field at one of the version's `CODE_*` offsets (borrowed).
    ///
    /// # Safety
    /// See [`Code::int`].
    pub unsafe fn object(self, offset: usize) -> *mut PyObject {
        // SAFETY: promised by the caller.
        unsafe { field(self.0, offset) }
    }

    /// The bytes of a bytes object field.
    ///
    /// # Safety
    /// See [`Code::int`]; the slice lives as long as the code object.
    pub unsafe fn bytes<'a>(self, offset: usize) -> &'a [u8] {
        // SAFETY: promised by the caller.
        unsafe { bytes_of(self.object(offset)) }
    }

    /// The instructions as compiled, without specialisation and instrumentation.
    ///
    /// # Safety
    /// See [`Code::int`]; needs the GIL.
    pub unsafe fn instructions(self) -> Vec<u8> {
        // SAFETY: promised by the caller; the new reference is dropped here. A failure (no
        // memory) leaves an error set that must not reach the program.
        unsafe {
            let bytes = PyCode_GetCode(self.0);
            if bytes.is_null() {
                pyo3_ffi::PyErr_Clear();
                return Vec::new();
            }
            let copy = bytes_of(bytes).to_vec();
            pyo3_ffi::Py_DECREF(bytes);
            copy
        }
    }

    /// What [`set_extra`] put there; null at first.
    ///
    /// # Safety
    /// See [`Code::int`]; `index` is what [`request_extra`] gave.
    #[inline]
    pub unsafe fn extra<T>(self, index: usize) -> *mut T {
        // SAFETY: promised by the caller. `_PyCodeObjectExtra` is a count and that many pointers.
        unsafe {
            let extra: *const u8 = field(self.0, v::CODE_EXTRA);
            if extra.is_null() || field::<Py_ssize_t, u8>(extra, 0) <= index as Py_ssize_t {
                return std::ptr::null_mut();
            }
            field(extra, (1 + index) * size_of::<usize>())
        }
    }
}

/// The bytes of a bytes object.
///
/// # Safety
/// `bytes` must be an exact bytes object that outlives the slice.
pub unsafe fn bytes_of<'a>(bytes: *mut PyObject) -> &'a [u8] {
    // SAFETY: promised by the caller.
    unsafe {
        let len = pyo3_ffi::PyBytes_Size(bytes) as usize;
        std::slice::from_raw_parts(pyo3_ffi::PyBytes_AsString(bytes).cast(), len)
    }
}

/// Takes a place in every code object's extra data; `free` is called when a code object dies.
pub fn request_extra(free: unsafe extern "C" fn(*mut std::ffi::c_void)) -> Option<usize> {
    // SAFETY: called with the GIL held at start.
    let index = unsafe { PyUnstable_Eval_RequestCodeExtraIndex(Some(free)) };
    usize::try_from(index).ok()
}

/// Stores `extra` in a code object.
///
/// # Safety
/// The code object must be alive, the GIL held, and `index` from [`request_extra`].
pub unsafe fn set_extra<T>(code: Code, index: usize, extra: *mut T) -> bool {
    // SAFETY: promised by the caller. A failure (no memory) must leave no error behind.
    unsafe {
        let failed = PyUnstable_Code_SetExtra(code.0, index as Py_ssize_t, extra.cast()) != 0;
        if failed {
            pyo3_ffi::PyErr_Clear();
        }
        !failed
    }
}
