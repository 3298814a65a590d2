//! Changes of dicts on 3.11, which has no dict watchers: slots and methods are replaced.
//! Stores by name, which pass by both, are found by `namespace`.
#![allow(unsafe_code)]

use super::dict::{has_odd_twin, remove, removed, simple_key, stored, target};
use super::own;
use super::patch::replace_method;
use super::wrap::{Call, Hook};
use super::{Mode, begin, end};
use crate::cpython::objects::{self as obj, DictIter, Obj, Typ, rd};
use crate::process::wrap::Gil;
use crate::rec::{Recorder, recorder};
use pyo3_ffi as ffi;

/// A slot of a dict type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// `mp_ass_subscript`.
    Assign,
    /// `nb_inplace_or`.
    Or,
    /// `tp_init`.
    Init,
}

unsafe extern "C" {
    static mut PyODict_Type: ffi::PyTypeObject;
}

/// Counts the changes of dicts: tells whether any happened during another.
static CHANGES: Gil<u64> = Gil::new(0);

fn count() {
    CHANGES.set(CHANGES.get() + 1);
}

/// `dict[key] = value` and `del dict[key]`.
unsafe fn assign(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        count();
        let (this, key, value) = (call.this(), call.object(1), call.object(2));
        if (*rec).heap.own.is_namespace(this as usize) {
            own::item(rec, this, key, value);
        }
        let Some((to, _)) = target(&*rec, this as usize) else { return call.run() };
        if !simple_key(key) || has_odd_twin(this, key) {
            return after(rec, call, key, value);
        }
        (*rec).enter();
        if value.is_null() {
            // Whether the key is there is only known afterwards; removing an absent one from
            // what is recorded changes nothing.
            removed(rec, this, &to, key);
        } else {
            stored(rec, this, &to, key, value, false);
        }
        call.run()
    }
}

unsafe fn after(_: *mut Recorder, call: &Call, key: Obj, value: Obj) -> usize {
    // SAFETY: as in `assign`.
    unsafe {
        let this = call.this();
        let (before, changes) = (obj::dict_len(this), CHANGES.get());
        // An item that goes by the very object that is its key is told by it.
        let itself = value.is_null() && DictIter::new(this).any(|(known, _)| known == key);
        let result = call.run();
        let rec = recorder();
        if rec.is_null() || result != 0 {
            return result;
        }
        let Some((to, _)) = target(&*rec, this as usize) else { return result };
        (*rec).enter();
        let now = obj::dict_len(this);
        // The key's own code may have changed the dict meanwhile.
        if CHANGES.get() != changes || (value.is_null() && !(itself && now + 1 == before)) {
            super::dict::reread(rec, this);
        } else if value.is_null() {
            remove(rec, &to, key);
        } else {
            stored(rec, this, &to, key, value, now == before + 1);
        }
        result
    }
}

/// Any other change: the items are read again if the dict has another version afterwards, and
/// at every event in between.
unsafe fn any(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        count();
        let this = call.this();
        if (*rec).heap.own.is_namespace(this as usize) {
            return own_namespace(rec, call, any_known);
        }
        any_known(rec, call)
    }
}

/// A change of a namespace of Python's own.
#[cold]
unsafe fn own_namespace(_: *mut Recorder, call: &Call, hook: Hook) -> usize {
    // SAFETY: as in `assign`.
    unsafe {
        let before = own::items(call.this());
        let result = hook(recorder(), call);
        let rec = recorder();
        if !rec.is_null() {
            own::compared(rec, call.this(), &before);
        }
        result
    }
}

unsafe fn any_known(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: as in `assign`.
    unsafe {
        let this = call.this();
        if target(&*rec, this as usize).is_none() {
            return super::unseen(rec, call, this);
        }
        (*rec).enter();
        let version: u64 = rd(this, obj::DICT_VERSION);
        begin(rec, this, Mode::Whole);
        let result = call.run();
        let rec = recorder();
        if !rec.is_null() {
            (*rec).enter();
            end(rec, this, false);
            let owned = (*rec).heap.owner_of.contains_key(&(this as usize));
            if owned && rd::<u64>(this, obj::DICT_VERSION) != version {
                super::dict::reread(rec, this);
            }
        }
        result
    }
}

/// `dict.setdefault(key, default)`: a new item or none.
unsafe fn setdefault(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        if (*rec).heap.own.is_namespace(this as usize) {
            return any(rec, call);
        }
        if target(&*rec, this as usize).is_none() {
            return super::unseen(rec, call, this);
        }
        count();
        let (before, changes) = (obj::dict_len(this), CHANGES.get());
        let result = call.run();
        let rec = recorder();
        if !rec.is_null() && CHANGES.get() != changes {
            (*rec).enter();
            super::dict::reread(rec, this);
            return result;
        }
        if !rec.is_null()
            && result != 0
            && obj::dict_len(this) == before + 1
            && let Some((to, _)) = target(&*rec, this as usize)
            && let Some(key) = call.fast().first()
        {
            (*rec).enter();
            stored(rec, this, &to, *key, result as Obj, true);
        }
        result
    }
}

/// `dict.pop(key[, default])` with a simple key.
unsafe fn pop(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        let key = call.fast().first().copied().unwrap_or(std::ptr::null_mut());
        if key.is_null()
            || (*rec).heap.own.is_namespace(this as usize)
            || !simple_key(key)
            || has_odd_twin(this, key)
        {
            return any(rec, call);
        }
        count();
        if let Some((to, _)) = target(&*rec, this as usize) {
            (*rec).enter();
            removed(rec, this, &to, key);
        }
        call.run()
    }
}

const DICT: &[(&[u8], Hook)] = &[
    (b"setdefault", setdefault),
    (b"pop", pop),
    (b"popitem", any),
    (b"clear", any),
    (b"update", any),
    (b"__missing__", any),
    (b"move_to_end", super::reread_always),
];

/// Replaces methods, and has `slot` replace slots.
///
/// # Safety
/// The GIL must be held.
pub unsafe fn install(slot: &mut dyn FnMut(Typ, Slot, Hook)) {
    // SAFETY: the caller's promise.
    unsafe {
        for typ in [&raw mut ffi::PyDict_Type, &raw mut PyODict_Type] {
            see(typ);
            slot(typ, Slot::Assign, assign);
            slot(typ, Slot::Or, any);
            slot(typ, Slot::Init, any);
        }
    }
}

/// Replaces the methods of a dict type.
///
/// # Safety
/// `typ` must be alive.
pub unsafe fn see(typ: Typ) {
    // SAFETY: the caller's promise.
    unsafe {
        let dict = obj::type_dict(typ);
        for (name, hook) in DICT {
            let descr = obj::dict_find(dict, name);
            if !descr.is_null() && ffi::Py_TYPE(descr) == &raw mut ffi::PyMethodDescr_Type {
                replace_method(rd(descr, 40), *hook);
            }
        }
    }
}
