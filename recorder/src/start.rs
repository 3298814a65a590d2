//! Starting the recorder: ring, state, hooks, in that order. On any failure the program runs on
//! unrecorded, and the launcher's bootstrap says so once.
#![allow(unsafe_code)]

use crate::emit::Out;
use crate::hooks::code::Codes;
use crate::hooks::threads::Threads;
use crate::rec::{Recorder, recorder, set_recorder};
use crate::values::heap::Heap;
use moviola_pipeline::ring::Producer;
use std::path::Path;

/// How much is recorded, as `moviola record` was asked.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Append allocations, frees and reallocations.
    pub allocations: bool,
}

impl Options {
    /// Reads `key=value;key=value`; unknown keys are those of a newer launcher and are skipped.
    fn parse(text: &str) -> Self {
        let mut options = Self { allocations: true };
        for pair in text.split(';') {
            if pair == "allocations=off" {
                options.allocations = false;
            }
        }
        options
    }
}

/// Starts recording into the ring at `ring`.
///
/// # Errors
/// One clause saying what could not be done.
pub fn start(ring: &str, trace: &str, options: &str) -> Result<(), String> {
    if !recorder().is_null() {
        return Err("the recorder runs already".to_owned());
    }
    crate::guard::install();
    let options = Options::parse(options);
    let producer =
        Producer::open(Path::new(ring)).map_err(|e| format!("cannot map {ring}: {e}"))?;
    let codes = Codes::new().ok_or("no room for data on code objects")?;
    let rec = Box::into_raw(Box::new(Recorder {
        clock: crate::clock::Clock::new(),
        out: Out::new(producer),
        codes,
        threads: Threads::new(),
        heap: Heap::new(),
        pending_cell: std::ptr::null_mut(),
    }));
    // SAFETY: just made; the GIL is held by the bootstrap that calls this. `enter` comes before
    // the first event, as everywhere.
    unsafe {
        crate::process::facts::announce(&mut *rec, trace);
        (*rec).enter();
        set_recorder(rec);
        let installed = crate::values::install(rec)
            .and_then(|()| crate::hooks::install())
            // Last: its audit hook would report what the others do.
            .and_then(|()| crate::process::install(rec, options));
        if let Err(problem) = installed {
            set_recorder(std::ptr::null_mut());
            return Err(problem.to_owned());
        }
    }
    crate::values::record_allocations(options.allocations);
    Ok(())
}
