//! Changes of dicts. 3.12 and later say themselves when a watched dict is about to change,
//! whoever changes it; on 3.11 the slots and methods are wrapped (`dict_slots`).
#![allow(unsafe_code)]

#[cfg(Py_3_12)]
pub use watcher::{install, watch};

/// Dicts cannot be watched.
///
/// # Safety
/// None; the signature is that of the other versions.
#[cfg(not(Py_3_12))]
pub unsafe fn watch(_: crate::cpython::objects::Obj) {}

use crate::cpython::objects::{self as obj, DictIter, Obj};
use crate::rec::Recorder;
use crate::values::heap::{DICT_OF, Entry, SILENT};
use crate::values::{capture, prepare};
use moviola_format::event::{Sink, op};
use pyo3_ffi as ffi;

/// Where the changes of a dict go: the object itself, or the owner whose attributes they are.
pub enum Target {
    /// MAP events of this id.
    Map(u64),
    /// ATTR events of this id.
    Attrs(u64),
}

/// The target of changes to the dict at `address`, if it is known.
#[inline]
pub fn target(rec: &Recorder, address: usize) -> Option<(Target, Entry)> {
    let entry = rec.heap.find(address)?;
    if entry.has(DICT_OF) {
        let owner = *rec.heap.owner_of.get(&address)?;
        let owner = rec.heap.find(owner)?;
        return (!owner.has(SILENT)).then_some((Target::Attrs(owner.id()), entry));
    }
    let plain = !entry.has(SILENT) && !entry.has(crate::values::heap::WATCH_ONLY);
    plain.then_some((Target::Map(entry.id()), entry))
}

/// Whether the replayer can compare the key by what it is recorded as.
///
/// # Safety
/// `key` must be alive.
pub unsafe fn simple_key(key: Obj) -> bool {
    // SAFETY: the caller's promise; types are compared by identity.
    unsafe {
        let typ = ffi::Py_TYPE(key);
        if typ == &raw mut ffi::PyUnicode_Type
            || typ == &raw mut ffi::PyLong_Type
            || typ == &raw mut ffi::PyFloat_Type
            || typ == &raw mut ffi::PyBool_Type
            || typ == &raw mut ffi::PyBytes_Type
            || key == ffi::Py_None()
        {
            return true;
        }
        if typ == &raw mut ffi::PyTuple_Type {
            let items = obj::tuple_items(key);
            return items.len() <= 16
                && items.iter().all(|item| {
                    ffi::Py_TYPE(*item) != &raw mut ffi::PyTuple_Type && simple_key(*item)
                });
        }
        false
    }
}

/// Whether a key of the program's own kind has the hash of this simple one: which of them the
/// dict takes for equal, only the program's code could say.
///
/// # Safety
/// Both must be alive, and the key simple.
#[inline]
pub unsafe fn has_odd_twin(dict: Obj, key: Obj) -> bool {
    // SAFETY: the caller's promise; hashing a simple key runs no program code.
    unsafe {
        if obj::dict_is_unicode(dict) {
            return false;
        }
        let Some(hash) = (*ffi::Py_TYPE(key)).tp_hash else { return true };
        obj::dict_any_of_hash(dict, hash(key), |known| known != key && !simple_key(known))
    }
}

/// Whether the replayer finds the item by the key that it is told.
unsafe fn tellable(dict: Obj, key: Obj) -> bool {
    // SAFETY: the caller holds both.
    unsafe { if simple_key(key) { !has_odd_twin(dict, key) } else { by_identity(dict, key) } }
}

/// Whether the key is one that is only equal to itself, or is in the dict as this very object.
unsafe fn by_identity(dict: Obj, key: Obj) -> bool {
    // SAFETY: the caller holds both.
    unsafe {
        let typ = ffi::Py_TYPE(key);
        let object: obj::Typ = &raw mut ffi::PyBaseObject_Type;
        let (object_hash, object_eq) = ((*object).tp_hash, (*object).tp_richcompare);
        let same = |a: Option<usize>, b: Option<usize>| a == b;
        if same((*typ).tp_hash.map(|f| f as usize), object_hash.map(|f| f as usize))
            && same((*typ).tp_richcompare.map(|f| f as usize), object_eq.map(|f| f as usize))
        {
            return true;
        }
        DictIter::new(dict).any(|(known, _)| known == key)
    }
}

/// Appends the store of one item; `added`: the key was not in the dict before.
///
/// # Safety
/// All objects must be alive; `dict` is known and has the target.
pub unsafe fn stored(
    rec: *mut Recorder,
    dict: Obj,
    target: &Target,
    key: Obj,
    value: Obj,
    added: bool,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if !added && !tellable(dict, key) {
            super::later(rec, dict);
            return;
        }
        let (key, value) = (prepare(rec, key), prepare(rec, value));
        let out = (*rec).out.begin();
        match target {
            Target::Map(id) => {
                out.u8(op::MAP_SET);
                out.uv(*id);
            }
            Target::Attrs(id) => {
                out.u8(op::ATTR_SET);
                out.uv(*id);
            }
        }
        key.write(out);
        value.write(out);
        out.commit();
    }
}

/// Appends the removal of one item.
///
/// # Safety
/// As for [`stored`].
pub unsafe fn removed(rec: *mut Recorder, dict: Obj, target: &Target, key: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        if !tellable(dict, key) {
            super::later(rec, dict);
            return;
        }
        remove(rec, target, key);
    }
}

/// Appends the removal of the item that a key is known to name, or to have named.
///
/// # Safety
/// As for [`stored`].
pub unsafe fn remove(rec: *mut Recorder, target: &Target, key: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        let key = prepare(rec, key);
        let out = (*rec).out.begin();
        match target {
            Target::Map(id) => {
                out.u8(op::MAP_DEL);
                out.uv(*id);
            }
            Target::Attrs(id) => {
                out.u8(op::ATTR_DEL);
                out.uv(*id);
            }
        }
        key.write(out);
        out.commit();
    }
}

/// Appends that the dict is empty now.
///
/// # Safety
/// As for [`stored`].
#[cfg(Py_3_12)]
pub unsafe fn cleared(rec: *mut Recorder, dict: Obj, target: &Target) {
    // SAFETY: the caller's promise.
    unsafe {
        match target {
            Target::Map(id) => {
                let out = (*rec).out.begin();
                out.u8(op::CLEAR);
                out.uv(*id);
                out.commit();
            }
            Target::Attrs(_) => {
                for (key, _) in DictIter::new(dict) {
                    removed(rec, dict, target, key);
                }
            }
        }
    }
}

/// Reads the dict, or the attributes of its owner, again.
///
/// # Safety
/// As for [`stored`].
pub unsafe fn reread(rec: *mut Recorder, dict: Obj) {
    // SAFETY: the caller's promise; an owner outlives its entry in the table.
    unsafe {
        match (*rec).heap.owner_of.get(&(dict as usize)).copied() {
            Some(owner) => capture::replace(rec, owner as Obj),
            None => capture::replace(rec, dict),
        }
    }
}

#[cfg(Py_3_12)]
mod watcher {
    use super::super::own;
    use super::{cleared, stored, target};
    use crate::cpython::objects::{self as obj, DictIter, Obj, rd};
    use crate::guard::guarded;
    use crate::rec::{Recorder, recorder};
    use crate::values::heap::LINKED;
    use std::ffi::c_int;
    use std::sync::atomic::{AtomicI32, Ordering};

    unsafe extern "C" {
        fn PyDict_AddWatcher(
            callback: unsafe extern "C" fn(c_int, Obj, Obj, Obj) -> c_int,
        ) -> c_int;
    }

    static WATCHER: AtomicI32 = AtomicI32::new(-1);

    /// Takes one of the interpreter's eight watcher numbers.
    ///
    /// # Safety
    /// The GIL must be held.
    pub unsafe fn install() -> Result<(), &'static str> {
        if WATCHER.load(Ordering::Relaxed) >= 0 {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        let number = unsafe { PyDict_AddWatcher(changing) };
        if number < 0 {
            // SAFETY: clears the error of the call above.
            unsafe { pyo3_ffi::PyErr_Clear() };
            return Err("all dict watchers are taken");
        }
        WATCHER.store(number, Ordering::Relaxed);
        Ok(())
    }

    /// Has changes of a dict (or of an instance of a subclass) reported from now on.
    ///
    /// # Safety
    /// `dict` must be alive.
    #[inline]
    pub unsafe fn watch(dict: Obj) {
        let number = WATCHER.load(Ordering::Relaxed);
        if number >= 0 {
            // SAFETY: the low eight bits of the version word are the watchers'; this is
            // PyDict_Watch, which only adds a type check that subclasses pass as well.
            unsafe {
                let tag: u64 = rd(dict, obj::DICT_VERSION);
                let at = dict.cast::<u8>().offset(obj::DICT_VERSION).cast::<u64>();
                at.write(tag | 1 << number);
            }
        }
    }

    /// Called before the change.
    unsafe extern "C" fn changing(event: c_int, dict: Obj, key: Obj, value: Obj) -> c_int {
        const ADDED: c_int = 0;
        const MODIFIED: c_int = 1;
        const DELETED: c_int = 2;
        const CLONED: c_int = 3;
        const CLEARED: c_int = 4;
        let rec = recorder();
        if rec.is_null() {
            return 0;
        }
        // SAFETY: the interpreter holds all objects; the recorder is used under the GIL.
        guarded((), || unsafe {
            let found = target(&*rec, dict as usize);
            if found.as_ref().is_none_or(|(_, entry)| entry.has(LINKED))
                && (*rec).heap.own.is_namespace(dict as usize)
            {
                own_changed(rec, event, dict, key, value);
            }
            let Some((to, _)) = found else { return };
            (*rec).enter();
            match event {
                ADDED | MODIFIED => stored(rec, dict, &to, key, value, event == ADDED),
                DELETED => super::removed(rec, dict, &to, key),
                CLEARED => cleared(rec, dict, &to),
                CLONED => {
                    for (key, value) in DictIter::new(key) {
                        stored(rec, dict, &to, key, value, true);
                    }
                }
                // The death itself is reported by the deallocator.
                _ => {}
            }
        });
        0
    }

    /// A change of a namespace of Python's own.
    #[cold]
    unsafe fn own_changed(rec: *mut Recorder, event: c_int, dict: Obj, key: Obj, value: Obj) {
        const CLONED: c_int = 3;
        const CLEARED: c_int = 4;
        // SAFETY: as in `changing`.
        unsafe {
            match event {
                0..=2 => own::item(rec, dict, key, value),
                CLONED => DictIter::new(key).for_each(|(k, v)| own::item(rec, dict, k, v)),
                CLEARED => {
                    for (key, _) in DictIter::new(dict) {
                        own::item(rec, dict, key, std::ptr::null_mut());
                    }
                }
                _ => {}
            }
        }
    }
}
