//! Watching changes where they happen: replaced slots and methods of mutable types, and the
//! interpreter's own dict watchers.
//!
//! A hook tells the change before the original runs where the operands say what it will be, so
//! that program code which runs in the middle (finalisers) is seen after the change; else the
//! object is read again afterwards, and whenever an event falls in between.
#![allow(unsafe_code)]

mod append_cache;
pub mod attr;
pub mod building;
pub mod bytes;
pub mod cfuncs;
pub mod deque;
pub mod dict;
#[cfg(not(Py_3_12))]
pub mod dict_slots;
pub mod foreign;
#[cfg(Py_3_13)]
mod frame_locals;
pub mod futures;
pub mod list;
pub mod namespace;
pub mod own;
pub mod patch;
pub mod refs;
pub mod set;
mod tuples;
pub mod wrap;

use super::capture;
use super::library::{Library, future_signature};
use super::types::Payload;
use crate::cpython::objects::{self as obj, Obj, Typ, rd};
use crate::cpython::thread_state;
use crate::rec::{Recorder, recorder};
use moviola_format::event::Sink;
use pyo3_ffi as ffi;
use wrap::Call;

pub use building::Building;
pub use patch::{expect, install, see_type};
pub use refs::weakref_type;

/// How a change that is under way is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All contents again.
    Whole,
    /// Only what was appended.
    Tail,
    /// Only the elements of a list that are others than before.
    Diff,
    /// All contents again before every event, if the object is known by then: it was not when the
    /// change began, so what was told of it is of some moment in the middle.
    Every,
}

/// A change that is under way.
pub struct Active {
    object: usize,
    /// State of the thread that makes it.
    thread: usize,
    mode: Mode,
    signature: [usize; 3],
    /// The elements as last told, for `Mode::Diff`.
    elements: Vec<Obj>,
}

impl Active {
    /// Whether the calling thread makes it.
    pub fn is_mine(&self) -> bool {
        self.thread == thread_state() as usize
    }
}

/// What tells cheaply that a container is no longer as it was; `None` for what is no container.
unsafe fn signature_of(rec: *mut Recorder, object: Obj) -> Option<[usize; 3]> {
    // SAFETY: the object of a change under way is held by the caller of the hook.
    unsafe {
        let info = (*rec).heap.type_info(ffi::Py_TYPE(object));
        let library = info.library;
        Some(match info.payload {
            Payload::List => [rd(object, 16), rd(object, 24), 0],
            Payload::Set => [rd(object, 16), rd(object, 24), rd(object, 40)],
            Payload::Dict | Payload::OrderedDict | Payload::DefaultDict => {
                [rd(object, obj::DICT_USED), rd(object, obj::DICT_VERSION), 0]
            }
            Payload::Deque => [rd(object, 16), rd(object, 56), 0],
            Payload::ByteArray => [rd(object, 16), rd(object, 40), 0],
            Payload::None if matches!(library, Library::Future | Library::Task) => {
                future_signature(object, library)
            }
            _ => return None,
        })
    }
}

/// As [`signature_of`]; always the same for what is no container.
unsafe fn signature(rec: *mut Recorder, object: Obj) -> [usize; 3] {
    // SAFETY: as there.
    unsafe { signature_of(rec, object).unwrap_or_default() }
}

/// A change of `object` begins that may run program code before it is complete.
unsafe fn begin(rec: *mut Recorder, object: Obj, mode: Mode) {
    // SAFETY: as in `signature`.
    unsafe {
        let signature = signature(rec, object);
        let elements =
            if mode == Mode::Diff { obj::list_items(object).to_vec() } else { Vec::new() };
        let heap = &mut (*rec).heap;
        let thread = thread_state() as usize;
        heap.active.push(Active { object: object as usize, thread, mode, signature, elements });
        heap.dirty = true;
    }
}

/// The change is complete. `force`: it may be one that leaves the signature as it was.
unsafe fn end(rec: *mut Recorder, object: Obj, force: bool) {
    // SAFETY: as in `signature`.
    unsafe {
        let is_it = |active: &Active| active.object == object as usize && active.is_mine();
        let at = (*rec).heap.active.iter().rposition(is_it);
        if let Some(at) = at {
            sync(rec, at);
            (*rec).heap.active.remove(at);
        }
        (*rec).heap.dirty = (*rec).heap.has_work();
        if force {
            capture::replace(rec, object);
        }
    }
}

/// Tells what has become of the `at`-th change under way so far.
unsafe fn sync(rec: *mut Recorder, at: usize) {
    // SAFETY: as in `signature`.
    unsafe {
        let heap = &mut (*rec).heap;
        let Active { object, mode, signature: old, .. } = heap.active[at];
        let object = object as Obj;
        if mode == Mode::Every {
            capture::replace(rec, object);
            return;
        }
        if mode == Mode::Diff {
            let Some(entry) = heap.known(object) else { return };
            let now = obj::list_items(object).to_vec();
            let before = std::mem::replace(&mut heap.active[at].elements, now);
            list::difference(rec, entry.id(), &before, obj::list_items(object));
            return;
        }
        let new = signature(rec, object);
        if new == old {
            return;
        }
        let heap = &mut (*rec).heap;
        heap.active[at].signature = new;
        let Some(entry) = (*rec).heap.known(object) else { return };
        if mode == Mode::Tail && new[0] > old[0] {
            list::tail(rec, object, entry.id(), old[0]);
        } else {
            capture::replace(rec, object);
        }
    }
}

/// Runs the original after its change was told; a change under way of the same object must not
/// tell it again.
#[inline]
unsafe fn told(rec: *mut Recorder, object: Obj, call: &Call) -> usize {
    // SAFETY: as for every hook.
    unsafe {
        if (*rec).heap.active.is_empty() {
            return call.run();
        }
        let result = call.run();
        let rec = recorder();
        if !rec.is_null() {
            let now = signature(rec, object);
            let heap = &mut (*rec).heap;
            for active in heap.active.iter_mut().filter(|a| a.object == object as usize) {
                active.signature = now;
                if active.mode == Mode::Diff {
                    active.elements = obj::list_items(object).to_vec();
                }
            }
        }
        result
    }
}

/// A hook for changes that are not told in detail: runs the original and reads the object again
/// if it has changed.
unsafe fn reread(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: as for every hook.
    unsafe { whole(rec, call, false) }
}

/// As [`reread`], for changes that the signature does not show.
unsafe fn reread_always(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: as for every hook.
    unsafe { whole(rec, call, true) }
}

/// As [`reread_always`], named for its use in `list`.
unsafe fn reread_list(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: as for every hook.
    unsafe { whole(rec, call, true) }
}

unsafe fn whole(rec: *mut Recorder, call: &Call, force: bool) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        if (*rec).heap.known(this).is_none() {
            return unseen(rec, call, this);
        }
        around(rec, call, this, Mode::Whole, force)
    }
}

/// Runs a change of an object, which is told as `mode` says.
unsafe fn around(rec: *mut Recorder, call: &Call, object: Obj, mode: Mode, force: bool) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        (*rec).enter();
        begin(rec, object, mode);
        let result = call.run();
        let rec = recorder();
        if !rec.is_null() {
            (*rec).enter();
            end(rec, object, force);
        }
        result
    }
}

/// Runs a change of an object that is not known: code of the program that runs in the middle may
/// make it known.
unsafe fn unseen(rec: *mut Recorder, call: &Call, object: Obj) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe { around(rec, call, object, Mode::Every, true) }
}

/// Has an object read again before the next event.
unsafe fn later(rec: *mut Recorder, object: Obj) {
    // SAFETY: the recorder is alive.
    let heap = unsafe { &mut (*rec).heap };
    if !heap.pending.contains(&(object as usize)) {
        heap.pending.push(object as usize);
    }
    heap.dirty = true;
}

/// Reads again what is pending or under way.
///
/// # Safety
/// The GIL must be held; no event may be under way.
pub unsafe fn flush(rec: *mut Recorder) {
    // SAFETY: entries of dead objects are gone from the table, so what is found is alive.
    unsafe {
        while let Some(address) = (*rec).heap.pending.pop() {
            let object = address as Obj;
            if let Some(entry) = (*rec).heap.find(address) {
                capture::replace(rec, object);
                if entry.has(super::heap::DICT_OF) {
                    dict::reread(rec, object);
                }
            }
        }
        for at in 0..(*rec).heap.active.len() {
            sync(rec, at);
        }
        if (*rec).heap.building.is_on() {
            building::look(rec);
        }
        (*rec).heap.awaited.retain(|name| !patch::see_module(name));
        super::arrays::look(rec);
        (*rec).heap.dirty = (*rec).heap.has_work();
    }
}

/// Appends an event that has only an id.
unsafe fn emit(rec: *mut Recorder, code: u8, id: u64) {
    // SAFETY: the recorder is alive.
    unsafe {
        let out = (*rec).out.begin();
        out.u8(code);
        out.uv(id);
        out.commit();
    }
}

/// Whether two objects are equal, if that can be told without program code.
unsafe fn certainly_equal(a: Obj, b: Obj) -> Option<bool> {
    // SAFETY: the caller gives live objects.
    unsafe {
        if a == b {
            return Some(true);
        }
        let (left, right) = (ffi::Py_TYPE(a), ffi::Py_TYPE(b));
        let text = &raw mut ffi::PyUnicode_Type;
        let int = &raw mut ffi::PyLong_Type;
        if left == int && right == int {
            return Some(obj::digits(a) == obj::digits(b));
        }
        if left == text && right == text {
            if let (obj::Chars::Ascii(x), obj::Chars::Ascii(y)) = (obj::chars(a), obj::chars(b)) {
                return Some(x == y);
            }
            return Some(super::scalars::utf8(a) == super::scalars::utf8(b));
        }
        let simple = |typ: Typ| typ == int || typ == text || typ == &raw mut ffi::PyBytes_Type;
        if (simple(left) && (simple(right) || b == ffi::Py_None()))
            || (a == ffi::Py_None() && simple(right))
        {
            return (left != right).then_some(false);
        }
        None
    }
}

/// Start, stop and step that a slice of exact ints and Nones means for a length.
unsafe fn slice_of(key: Obj, length: isize) -> Option<(isize, isize, isize)> {
    // SAFETY: the caller gives a live object.
    unsafe {
        if ffi::Py_TYPE(key) != &raw mut ffi::PySlice_Type {
            return None;
        }
        for offset in [16, 24, 32] {
            let part: Obj = rd(key, offset);
            let int = ffi::Py_TYPE(part) == &raw mut ffi::PyLong_Type
                && super::scalars::int_value(part).is_some_and(|value| value != 0 || offset != 32);
            if part != ffi::Py_None() && !int {
                return None;
            }
        }
        let (mut start, mut stop, mut step) = (0, 0, 0);
        if ffi::PySlice_Unpack(key, &raw mut start, &raw mut stop, &raw mut step) < 0 {
            ffi::PyErr_Clear();
            return None;
        }
        ffi::PySlice_AdjustIndices(length, &raw mut start, &raw mut stop, step);
        Some((start, stop, step))
    }
}
