//! A stream that begins in the middle of a run: in the child of a fork, which goes on where its
//! parent stood.
//!
//! The recorder keeps its hooks and what it knows of code and types, and forgets which objects,
//! code objects and threads were announced: that was in another stream. The new one opens with
//! a baseline (SEGMENT and FRAME in `SPEC.md`): all frames that can still run, with what they reach.
#![allow(unsafe_code)]

use crate::cpython::gc::{for_each_object, generator_at, is_suspended};
use crate::hooks::threads::Shadow;
use crate::rec::Recorder;
use crate::start::Place;
use crate::values::{Val, namespace, prepare};
use moviola_format::event::{Reason, Sink, op};
use moviola_pipeline::ring::Producer;
use rustc_hash::FxHashSet;

/// Slots of a frame whose values one event certainly has room for; the others read as unknown.
const SLOTS_MAX: usize = 512;

/// A code object is announced with no more names.
const NAMES_MAX: u16 = 4000;

/// Begins a new stream in `producer`, as the process `place`.
///
/// # Safety
/// The calling thread must be the only one left, hold the GIL and be in no hook but one that makes
/// children; the old ring must not be in use any more.
pub unsafe fn begin(rec: *mut Recorder, producer: Producer, place: Place) {
    // SAFETY: the caller's promise; nothing below runs the program's code.
    unsafe {
        (*rec).out.replace(producer);
        (*rec).clock = crate::clock::Clock::new();
        (*rec).pending_cell = std::ptr::null_mut();
        (*rec).codes.restart();
        let suspects = (*rec).heap.restart();
        (*rec).threads.restart();
        (*rec).place = place;
        crate::process::facts::announce(&mut *rec);
        let ident = (*rec).threads.ident();
        let out = (*rec).out.begin();
        out.u8(op::SEGMENT);
        out.uv((*rec).threads.activations);
        for _ in 0..3 {
            out.uv(0);
        }
        out.u8(op::THREAD_START);
        out.uv(0);
        out.uv(ident);
        out.uv(libc::gettid() as u64);
        out.commit();
        for address in suspects {
            crate::values::watch::foreign::mark(rec, address as *mut _);
        }
        let mut frames = suspended(rec);
        for shadow in &frames {
            frame(rec, shadow, true);
        }
        for at in 0..(*rec).threads.shadow().stack.len() {
            let shadow = (*rec).threads.shadow().stack[at];
            frame(rec, &shadow, false);
            frames.push(shadow);
        }
        // Now that all objects of the baseline are known.
        for shadow in frames.iter().filter(|shadow| (*shadow.info).is_coroutine()) {
            crate::hooks::frames::coroutine(rec, shadow.frame, shadow.activation);
        }
        crate::values::watch::own::restart(rec);
        crate::process::restart(rec);
        crate::hooks::seen::restart(rec);
    }
}

/// The frames that stand at a yield. Those of generators that are gone are forgotten.
unsafe fn suspended(rec: *mut Recorder) -> Vec<Shadow> {
    // SAFETY: as in `begin`.
    unsafe {
        let suspended = &mut (*rec).threads.suspended;
        if suspended.is_empty() {
            return Vec::new();
        }
        let wanted: FxHashSet<usize> = suspended.values().map(|s| generator_at(s.frame)).collect();
        let mut live = FxHashSet::default();
        let all = for_each_object(|object| {
            if wanted.contains(&(object as usize)) && is_suspended(object) {
                live.insert(object as usize);
            }
        });
        let missing = !all && live.len() < wanted.len();
        suspended.retain(|_, shadow| live.contains(&generator_at(shadow.frame)));
        if missing {
            (*rec).gap("frames that stood at a yield at the fork, if gc.freeze had put them aside");
        }
        let suspended = &mut (*rec).threads.suspended;
        let mut frames: Vec<Shadow> = suspended.values().copied().collect();
        frames.sort_unstable_by_key(|shadow| shadow.activation);
        frames
    }
}

/// Announces a frame of the baseline.
unsafe fn frame(rec: *mut Recorder, shadow: &Shadow, suspended: bool) {
    // SAFETY: the frame is on the calling thread's stack or in a live generator.
    unsafe {
        let (frame, info) = (shadow.frame, shadow.info);
        let globals = namespace(rec, frame.globals());
        let code = (*info).definition(rec, frame.code(), globals);
        let names = if (*info).optimized() || frame.namespace().is_null() {
            Val::Unbound
        } else {
            let dict = frame.namespace();
            let object = if dict == frame.globals() { globals } else { namespace(rec, dict) };
            if object == 0 { prepare(rec, dict) } else { Val::Ref(object) }
        };
        let mut slots = Vec::new();
        for slot in 0..(*info).slot_count.min(NAMES_MAX) {
            let value = if slots.len() < SLOTS_MAX {
                prepare(rec, frame.slot(usize::from(slot)))
            } else {
                Val::Unknown(Reason::Budget)
            };
            if !matches!(value, Val::Unbound) {
                slots.push((slot, value));
            }
        }
        let out = (*rec).out.begin();
        out.u8(op::FRAME);
        out.u8(u8::from(suspended));
        out.uv(shadow.activation);
        out.uv(code);
        out.uv(u64::from(shadow.line.max(0).unsigned_abs()));
        names.write(out);
        out.uv(slots.len() as u64);
        for (slot, value) in &slots {
            out.uv(u64::from(*slot));
            value.write(out);
        }
        out.commit();
        if slots.len() > SLOTS_MAX {
            (*rec).gap("variables of a frame after the 512th, at the fork");
        }
    }
}
