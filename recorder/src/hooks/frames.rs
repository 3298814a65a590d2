//! From hook to stream: the events of frames, the same for every engine.
//!
//! An engine says what happened in which frame; here the shadow stack is kept and the events
//! are appended. Must not run any of the program's code.
#![allow(unsafe_code)]

use super::code::{CodeInfo, Effects};
use super::threads::{Shadow, name_thread};
use crate::cpython::{Frame, version as v};
use crate::rec::Recorder;
use crate::values::{Val, namespace, prepare};
use moviola_format::event::{Reason, Sink, op};
use pyo3_ffi::PyObject;

/// How a frame is entered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// For the first time.
    Start,
    /// After a yield or await.
    Resume,
    /// After a yield, by an exception.
    Throw,
}

/// How a frame is left.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// For good, with a value.
    Return,
    /// For now, with a value.
    Yield,
    /// For good, by an exception.
    Unwind,
}

/// Slots beyond this are stored one by one after the call event's own.
const CALL_SLOTS: usize = 255;
/// Most calls have no more: the room for their values is not worth clearing more of.
const FEW_SLOTS: usize = 8;

/// The shadow of `frame`, which must be the running one; frames above it, of which no end was
/// reported, are ended. `None` for a frame that was entered before the recording began.
#[inline]
pub unsafe fn current<'a>(rec: *mut Recorder, frame: Frame) -> Option<&'a mut Shadow> {
    // SAFETY: the recorder is alive; the shadow is used before any other event.
    let stack = unsafe { &mut (*rec).threads.shadow().stack };
    match stack.last_mut() {
        Some(top) if top.frame == frame => Some(top),
        // SAFETY: as above.
        _ => unsafe { resync(rec, frame) },
    }
}

#[cold]
unsafe fn resync<'a>(rec: *mut Recorder, frame: Frame) -> Option<&'a mut Shadow> {
    // SAFETY: as in `current`.
    unsafe {
        let depth = (*rec).threads.shadow().stack.iter().rposition(|s| s.frame == frame)?;
        while (*rec).threads.shadow().stack.len() > depth + 1 {
            let out = (*rec).out.begin();
            out.u8(op::UNWIND);
            out.commit();
            (*rec).threads.shadow().stack.pop();
        }
        (*rec).threads.shadow().stack.last_mut()
    }
}

/// A frame is entered. `code_unit` is where it runs.
///
/// # Safety
/// `frame` must be the running frame of the calling thread, `info` its code's.
pub unsafe fn enter(rec: *mut Recorder, frame: Frame, info: *mut CodeInfo, entry: Entry) {
    // SAFETY: promised by the caller; nothing here runs the program's code.
    unsafe {
        (*rec).enter();
        (*rec).tick();
        name_thread(&mut *rec);
        flush_caller(rec, frame);
        if entry != Entry::Start {
            let Some(mut shadow) = (*rec).threads.suspended.remove(&(frame.0 as usize)) else {
                return;
            };
            at_line(rec, &shadow, frame);
            let out = (*rec).out.begin();
            out.u8(if entry == Entry::Resume { op::RESUME } else { op::THROW });
            out.uv(shadow.activation);
            out.commit();
            if entry == Entry::Throw && cfg!(Py_3_13) {
                shadow.last_line = i32::MIN;
            }
            (*rec).threads.shadow().stack.push(shadow);
            return;
        }
        let globals = namespace(rec, frame.globals());
        let id = (*info).definition(rec, frame.code(), globals);
        let local_namespace = if (*info).optimized() || frame.namespace().is_null() {
            None
        } else {
            let dict = frame.namespace();
            crate::values::watch::own::seen(rec, frame.code().object(v::CODE_FILENAME), dict);
            let object = if dict == frame.globals() { globals } else { namespace(rec, dict) };
            Some(if object == 0 { prepare(rec, dict) } else { Val::Ref(object) })
        };
        let slots = &(&(*info).entry_slots)[..(*info).entry_slots.len().min(CALL_SLOTS)];
        let (mut few, mut many);
        let values: &mut [Val] = if slots.len() <= FEW_SLOTS {
            few = [Val::Unbound; FEW_SLOTS];
            &mut few
        } else {
            many = [Val::Unbound; CALL_SLOTS];
            &mut many
        };
        for (value, slot) in values.iter_mut().zip(slots) {
            *value = prepare_slot(rec, frame, *slot);
        }
        let shadow = Shadow {
            frame,
            info,
            activation: (*rec).threads.activations,
            line: (*info).first_line.max(0),
            last_line: i32::MIN,
            last_start: -1,
            effects: 0,
            reread: false,
        };
        at_line(rec, &shadow, frame);
        let out = (*rec).out.begin();
        match local_namespace {
            None => {
                out.u8(op::CALL);
                out.uv(id);
            }
            Some(value) => {
                out.u8(op::CALL_NS);
                out.uv(id);
                value.write(out);
            }
        }
        out.uv(slots.len() as u64);
        for (value, slot) in values.iter().zip(slots) {
            out.uv(u64::from(*slot));
            value.write(out);
        }
        out.commit();
        (*rec).threads.activations += 1;
        (*rec).threads.shadow().stack.push(shadow);
        if (*info).is_coroutine() {
            coroutine(rec, frame, shadow.activation);
        }
        let rest = (*info).entry_slots.len().saturating_sub(CALL_SLOTS);
        for index in CALL_SLOTS..CALL_SLOTS + rest {
            let slot = (&(*info).entry_slots)[index];
            store(rec, frame, slot);
        }
    }
}

/// Tells which frame a coroutine that is known has: so asyncio's tasks are found on the stacks.
///
/// # Safety
/// `frame` must be a live coroutine's.
#[cold]
pub unsafe fn coroutine(rec: *mut Recorder, frame: Frame, activation: u64) {
    // SAFETY: the generator object around a frame lives as long as the frame.
    unsafe {
        let object = crate::cpython::gc::generator_at(frame) as *mut pyo3_ffi::PyObject;
        let Some(entry) = (*rec).heap.known(object) else { return };
        let key = b"<activation>";
        let out = (*rec).out.begin();
        out.u8(op::FIELD_SET);
        out.uv(entry.id());
        crate::values::Val::Str(key.as_ptr(), key.len()).write(out);
        crate::values::Val::Int(activation as i64).write(out);
        out.commit();
    }
}

#[inline]
unsafe fn prepare_slot(rec: *mut Recorder, frame: Frame, slot: u16) -> Val {
    // SAFETY: the slot is one of the frame's code.
    unsafe { prepare(rec, frame.slot(usize::from(slot))) }
}

/// Appends what stands in a slot.
#[inline]
unsafe fn store(rec: *mut Recorder, frame: Frame, slot: u16) {
    // SAFETY: promised by the callers, whose slot numbers come from the frame's own code.
    unsafe {
        let value = prepare_slot(rec, frame, slot);
        let out = (*rec).out.begin();
        out.local(u32::from(slot));
        value.write(out);
        out.commit();
    }
}

/// Appends what the running line of a frame may have stored so far.
#[inline]
unsafe fn flush(rec: *mut Recorder, frame: Frame, effects: &Effects) {
    for slot in &effects.slots {
        // SAFETY: promised by the callers.
        unsafe { store(rec, frame, *slot) };
    }
    #[cfg(not(Py_3_12))]
    // SAFETY: promised by the callers.
    unsafe {
        for slot in &effects.cells {
            crate::values::cell_changed(&mut *rec, frame.slot(usize::from(*slot)));
        }
    }
}

/// Appends all variables of a frame, which must be the running one.
#[cold]
unsafe fn all_slots(rec: *mut Recorder, shadow: &Shadow) {
    // SAFETY: promised by the callers.
    unsafe {
        for slot in 0..(*shadow.info).slot_count {
            store(rec, shadow.frame, slot);
            crate::values::cell_changed(&mut *rec, shadow.frame.slot(usize::from(slot)));
        }
    }
}

/// Somebody has stored to variables of a frame from outside it. A frame that is not the running one
/// tells when it goes on.
///
/// # Safety
/// The GIL must be held and [`Recorder::enter`] have run.
#[cfg(Py_3_13)]
pub unsafe fn locals_changed(rec: *mut Recorder, frame: Frame) {
    // SAFETY: the caller's promise.
    unsafe {
        let stack = &mut (*rec).threads.shadow().stack;
        let Some(at) = stack.iter().rposition(|shadow| shadow.frame == frame) else { return };
        if at + 1 == stack.len() {
            let shadow = stack[at];
            all_slots(rec, &shadow);
        } else {
            stack[at].reread = true;
            let shadow = stack[at];
            for slot in 0..(*shadow.info).slot_count {
                crate::values::cell_changed(&mut *rec, frame.slot(usize::from(slot)));
            }
        }
    }
}

/// When a call is made in the middle of a line, what the line has stored by then becomes
/// visible in the caller's frame.
#[inline]
unsafe fn flush_caller(rec: *mut Recorder, frame: Frame) {
    // SAFETY: the top shadow is the caller's unless the caller was never seen.
    unsafe {
        let Some(top) = (*rec).threads.shadow().stack.last().copied() else { return };
        if !top.has_effects() || top.frame == frame {
            return;
        }
        let effects = &(&(*top.info).effects)[top.effects as usize];
        if top.frame.instruction() > effects.first_store {
            flush(rec, top.frame, effects);
        }
    }
}

/// A line starts: `unit` is its first code unit.
///
/// # Safety
/// `frame` must be the running frame and `shadow` its own; `line` and `effects` its new line's.
#[inline]
pub unsafe fn line(rec: *mut Recorder, shadow: *mut Shadow, line: i32, effects: u32) {
    // SAFETY: promised by the caller.
    unsafe {
        (*rec).tick();
        if (*shadow).has_effects() {
            if std::mem::take(&mut (*shadow).reread) {
                all_slots(rec, &*shadow);
            }
            let info = (*shadow).info;
            flush(rec, (*shadow).frame, &(&(*info).effects)[(*shadow).effects as usize]);
        }
        let out = (*rec).out.begin();
        out.line(i64::from(line) - i64::from((*shadow).line));
        out.commit();
        (*shadow).line = line;
        (*shadow).effects = effects;
    }
}

/// Says where the next stop is when that is not the frame's line; instructions that have none
/// (`f_lineno` is None there) give line -1.
#[inline]
unsafe fn at_line(rec: *mut Recorder, shadow: &Shadow, frame: Frame) {
    // SAFETY: promised by the callers.
    unsafe {
        let units = &(*shadow.info).units;
        let Some(unit) = units.get(frame.instruction().max(0) as usize) else { return };
        if unit.line != shadow.line {
            let out = (*rec).out.begin();
            out.u8(op::AT);
            out.sv(i64::from(unit.line) - i64::from(shadow.line));
            out.commit();
        }
    }
}

/// A frame is left.
///
/// # Safety
/// `frame` must be the running frame of the calling thread; `value` may be null.
pub unsafe fn leave(rec: *mut Recorder, frame: Frame, value: *mut PyObject, exit: Exit) {
    // SAFETY: promised by the caller.
    unsafe {
        (*rec).enter();
        (*rec).tick();
        let Some(shadow) = current(rec, frame) else { return };
        let shadow = *shadow;
        flush_shadow(rec, &shadow);
        at_line(rec, &shadow, frame);
        let value = prepare(rec, value);
        let out = (*rec).out.begin();
        match exit {
            Exit::Return => {
                out.u8(op::RETURN);
                value.write(out);
            }
            Exit::Yield => {
                out.u8(op::YIELD);
                value.write(out);
            }
            Exit::Unwind => out.u8(op::UNWIND),
        }
        out.commit();
        let stack = &mut (*rec).threads.shadow().stack;
        stack.pop();
        let last = stack.is_empty();
        if exit == Exit::Yield {
            (*rec).threads.suspended.insert(frame.0 as usize, shadow);
        }
        if last {
            (*rec).threads.forget_current();
        }
    }
}

unsafe fn flush_shadow(rec: *mut Recorder, shadow: &Shadow) {
    if shadow.has_effects() {
        // SAFETY: promised by the callers.
        unsafe {
            if shadow.reread {
                all_slots(rec, shadow);
            }
            flush(rec, shadow.frame, &(&(*shadow.info).effects)[shadow.effects as usize]);
        }
    }
}

/// An exception is raised in, or passes, a frame.
///
/// # Safety
/// `frame` must be the running frame of the calling thread.
pub unsafe fn raise(rec: *mut Recorder, frame: Frame, exception: *mut PyObject) {
    // SAFETY: promised by the caller.
    unsafe {
        (*rec).enter();
        let Some(shadow) = current(rec, frame) else { return };
        let shadow = *shadow;
        flush_shadow(rec, &shadow);
        at_line(rec, &shadow, frame);
        let value = if exception.is_null() {
            Val::Unknown(Reason::Opaque)
        } else {
            crate::values::exception_raised(rec, exception)
        };
        let out = (*rec).out.begin();
        out.u8(op::RAISE);
        value.write(out);
        out.commit();
    }
}
