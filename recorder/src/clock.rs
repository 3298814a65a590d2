//! Time in the stream. A look at the processor's cycle counter at calls, returns and lines tells
//! whether enough time went by for a TIME event; only then the system clock is read. So times
//! are exact where they stand, and no event is further from one than `STEP` cycles of work.
#![allow(unsafe_code)]

use crate::emit::Out;
use moviola_format::event::{Sink, op};

/// Counter steps between two readings of the system clock (some microseconds).
#[cfg(target_arch = "x86_64")]
const STEP: u64 = 12_000;
#[cfg(not(target_arch = "x86_64"))]
const STEP: u64 = 100;

/// When the stream's time was last told.
pub struct Clock {
    counter: u64,
    nanos: u64,
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // SAFETY: every x86-64 processor has the instruction.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(target_arch = "aarch64")]
#[inline]
fn counter() -> u64 {
    let value: u64;
    // SAFETY: Linux lets user space read the virtual counter.
    unsafe { std::arch::asm!("mrs {}, cntvct_el0", out(reg) value, options(nomem, nostack)) };
    value
}

/// Nanoseconds of the monotonic clock.
pub fn monotonic() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

impl Clock {
    /// A clock whose first TIME event counts from now.
    pub fn new() -> Self {
        Self { counter: counter(), nanos: monotonic() }
    }

    /// Appends a TIME event if enough time went by.
    #[inline]
    pub fn tick(&mut self, out: &mut Out) {
        if counter().wrapping_sub(self.counter) > STEP {
            self.tell(out);
        }
    }

    #[cold]
    fn tell(&mut self, out: &mut Out) {
        crate::guard::clock_read();
        let now = monotonic();
        let passed = now.saturating_sub(self.nanos);
        self.nanos = now;
        self.counter = counter();
        let out = out.begin();
        out.u8(op::TIME);
        out.uv(passed);
        out.commit();
    }
}
