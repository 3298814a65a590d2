//! The process around the program: output, audit events, children, its end, its sources.
//!
//! One file a theme. What is wrapped here are C functions of the interpreter, in place and
//! without anything that Python code could see; the wrappers call the originals with the very
//! arguments and never change a result. Must not run any of the program's code.

pub mod audit;
pub mod children;
pub mod environ;
pub mod exit;
pub mod facts;
pub mod output;
pub mod source;
pub mod threads_names;
#[cfg(Py_3_12)]
pub mod tools;
pub mod wrap;

use crate::rec::Recorder;
use crate::start::{Detail, Options};

/// Installs everything that concerns the process as a whole.
///
/// # Errors
/// What went wrong, for the one line on stderr.
///
/// # Safety
/// Needs the GIL, in the main thread, and a recorder in place.
#[allow(unsafe_code)]
pub unsafe fn install(rec: *mut Recorder, options: Options) -> Result<(), &'static str> {
    // SAFETY: promised by the caller.
    unsafe {
        wrap::begin();
        exit::begin();
        if options.detail == Detail::Full {
            output::install(rec);
        }
        children::install(rec);
        exit::install(rec);
        #[cfg(Py_3_12)]
        tools::install(rec);
        audit::install()
    }
}

/// A new stream begins, in the child of a fork: what concerns the process as a whole is said again.
///
/// # Safety
/// Needs the GIL and the recorder.
#[allow(unsafe_code)]
pub unsafe fn restart(rec: *mut Recorder) {
    crate::values::restart_allocations();
    exit::begin();
    // SAFETY: promised by the caller.
    unsafe { audit::restart(rec) }
}
