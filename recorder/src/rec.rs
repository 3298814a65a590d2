//! The one recorder of the process: what every hook reaches. All access is under the GIL.
#![allow(unsafe_code)]

use crate::emit::Out;
use crate::hooks::code::Codes;
use crate::hooks::threads::Threads;
use crate::values::heap::Heap;
use moviola_format::event::{Sink, op};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};

/// State shared by all hooks.
pub struct Recorder {
    /// Time in the stream.
    pub clock: crate::clock::Clock,
    /// Where events go.
    pub out: Out,
    /// Threads and their shadow stacks.
    pub threads: Threads,
    /// Code objects.
    pub codes: Codes,
    /// Known objects by address.
    pub heap: Heap,
    /// Which process of the recording this is.
    pub place: crate::start::Place,
    /// A cell whose store was announced and is done by the time of the next event.
    pub pending_cell: *mut pyo3_ffi::PyObject,
    /// How much is recorded.
    pub detail: crate::start::Detail,
    /// What a recording of coverage has told.
    pub seen: crate::hooks::seen::Seen,
}

struct Global(UnsafeCell<*mut Recorder>);
// SAFETY: only touched while the GIL is held.
unsafe impl Sync for Global {}
static RECORDER: Global = Global(UnsafeCell::new(std::ptr::null_mut()));

/// Set once the process may have a second interpreter, whose threads run hooks too (static types
/// and method tables are shared) and perhaps under a GIL of its own.
static SHARED: AtomicBool = AtomicBool::new(false);

/// Makes [`recorder`] look which interpreter the calling thread runs.
pub fn set_shared() {
    SHARED.store(true, Ordering::Relaxed);
}

/// The recorder, or null when the process is not (or no longer) recorded, or the calling thread
/// runs another interpreter than the main one.
///
/// Hooks hold the pointer only while they run and never run the program's code meanwhile, so
/// no two of them use it at the same time.
#[inline]
pub fn recorder() -> *mut Recorder {
    if SHARED.load(Ordering::Relaxed) && !crate::process::wrap::in_main_interpreter() {
        return std::ptr::null_mut();
    }
    // SAFETY: see Global.
    unsafe { *RECORDER.0.get() }
}

/// Installs or (with null) removes the recorder.
pub fn set_recorder(recorder: *mut Recorder) {
    // SAFETY: see Global.
    unsafe { *RECORDER.0.get() = recorder }
}

impl Recorder {
    /// Must come first in every hook that is going to append events: brings the stream to the
    /// calling thread and writes what an announced store has changed.
    #[inline]
    pub fn enter(&mut self) {
        if !self.pending_cell.is_null() {
            self.flush_cell();
        }
        if self.threads.is_switched() {
            crate::hooks::threads::switch(self);
        }
        if self.heap.dirty {
            // SAFETY: hooks run under the GIL and call this before their first event.
            unsafe { crate::values::flush(self) };
        }
    }

    /// Tells the time if it is due.
    #[inline]
    pub fn tick(&mut self) {
        self.clock.tick(&mut self.out);
    }

    #[cold]
    fn flush_cell(&mut self) {
        let cell = std::mem::replace(&mut self.pending_cell, std::ptr::null_mut());
        crate::values::cell_changed(self, cell);
    }

    /// One start fact.
    pub fn meta(&mut self, key: &str, value: &str) {
        // Longer than any real path or argument list; the ring's event limit holds.
        let value = &value.as_bytes()[..value.len().min(40_000)];
        let out = self.out.begin();
        out.u8(op::META);
        out.str(key);
        out.bytes(value);
        out.commit();
    }

    /// Declares that something was not recorded.
    pub fn gap(&mut self, reason: &str) {
        let out = self.out.begin();
        out.u8(op::GAP);
        out.str(reason);
        out.commit();
    }
}
