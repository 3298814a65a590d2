//! What CPython reports of the running program: calls, lines, returns, exceptions, threads.
//! One engine per kind of interpreter hook; all append the same events.
#![allow(unsafe_code)]

#[cfg(Py_3_12)]
pub mod callable;
pub mod code;
mod executable;
pub mod frames;
#[cfg(Py_3_12)]
pub mod monitoring;
pub mod seen;
#[cfg(not(Py_3_12))]
pub mod settrace;
pub mod threads;

/// Installs the engine of this Python version.
///
/// # Errors
/// What went wrong, for the one line on stderr.
///
/// # Safety
/// Needs the GIL and a recorder in place.
pub unsafe fn install(detail: crate::start::Detail) -> Result<(), &'static str> {
    #[cfg(Py_3_12)]
    // SAFETY: promised by the caller.
    return unsafe { monitoring::install(detail) };
    #[cfg(not(Py_3_12))]
    {
        // Its trace function asks the recorder what is wanted.
        let _ = detail;
        // SAFETY: promised by the caller.
        unsafe { settrace::install() }
    }
}
