//! A fault of the recorder's own must not reach the program: a panic in a hook ends the recording,
//! with a gap in the trace and a line on standard error, and the program goes on.
#![allow(unsafe_code)]

use crate::process::wrap::Gil;
use crate::rec::{recorder, set_recorder};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, Ordering};

/// Where the panic was, for the message.
static PLACE: Gil<Option<(&'static str, u32)>> = Gil::new(None);
/// Readings of the clock until a panic is made on purpose; negative: never.
static FAULT: AtomicI64 = AtomicI64::new(-1);

/// Runs a hook's own work; `default` is what it gives if it panics.
#[inline]
pub fn guarded<T>(default: T, work: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(value) => value,
        Err(payload) => {
            // Its destructor might panic again.
            std::mem::forget(payload);
            give_up();
            default
        }
    }
}

#[cold]
fn give_up() {
    let rec = recorder();
    if rec.is_null() {
        return;
    }
    set_recorder(std::ptr::null_mut());
    // SAFETY: hooks run under the GIL, and from here on no other hook finds the recorder. What
    // the panic left half written was not committed.
    unsafe {
        let (file, line) = PLACE.get().unwrap_or(("?", 0));
        (*rec).gap("the recorder failed");
        (*rec).out.say(
            format!("moviola: the recorder failed ({file}:{line}); recording ends here, please report it\n")
                .as_bytes(),
        );
    }
}

/// Stands in a frame of ours while a function runs that we took the place of.
///
/// A thread that wants to run Python code when the interpreter has ended is ended by
/// `pthread_exit`, which unwinds its stack. Rust's frames cannot be passed that way (the process
/// would abort), so the first one that is reached ends the thread itself. It does not hold the GIL.
#[must_use]
pub struct Leaving(());

impl Leaving {
    /// Before the call, which must be one that may unwind.
    #[inline]
    pub fn watch() -> Self {
        Self(())
    }

    /// After the call.
    #[inline]
    pub fn over(self) {
        std::mem::forget(self);
    }
}

impl Drop for Leaving {
    #[cold]
    fn drop(&mut self) {
        // SAFETY: ends this thread only; who waits for it is woken by the kernel.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
}

/// Calls a C function that we took the place of, given as a value of its pointer type.
macro_rules! call_original {
    ($function:expr, ($($argument:expr),*), fn($($kind:ty),*) -> $result:ty) => {{
        let leaving = $crate::guard::Leaving::watch();
        let function = std::mem::transmute::<
            *const (),
            unsafe extern "C-unwind" fn($($kind),*) -> $result,
        >($function as *const ());
        let result = function($($argument),*);
        leaving.over();
        result
    }};
}
pub(crate) use call_original;

/// Makes panics silent: standard error is the program's. `MOVIOLA_FAULT=panic:N` makes one at the
/// N-th reading of the clock, for tests.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        if let Some(place) = info.location() {
            // The file name is a constant of the binary, but the type does not say so.
            let file: &'static str = Box::leak(place.file().to_owned().into_boxed_str());
            PLACE.set(Some((file, place.line())));
        }
    }));
    let wanted = std::env::var("MOVIOLA_FAULT").ok();
    let count = wanted.as_deref().and_then(|fault| fault.strip_prefix("panic:")?.parse().ok());
    FAULT.store(count.unwrap_or(-1), Ordering::Relaxed);
}

/// The clock was read.
pub fn clock_read() {
    if FAULT.load(Ordering::Relaxed) >= 0 && FAULT.fetch_sub(1, Ordering::Relaxed) == 0 {
        panic!("a fault that was asked for");
    }
}
