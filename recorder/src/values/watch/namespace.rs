//! Namespaces of modules, classes and `exec`. On 3.12 and later they are watched like any dict.
//! 3.11 has no watchers and stores names without slot or method: there a namespace is compared
//! with what was last told whenever its version says that it has changed.
//!
//! Pointers are compared, except for the names that the code is known to have stored: those are
//! told again, because a new value may stand at the address of the old one.
#![allow(unsafe_code)]

use crate::cpython::objects::{self as obj, DictIter, Obj, rd};
use crate::rec::Recorder;
use crate::values::heap::LINKED;
use rustc_hash::FxHashMap;

/// What was last told of a namespace. Empty on 3.12 and later.
#[cfg_attr(Py_3_12, allow(dead_code))]
#[derive(Default)]
pub struct Shadow {
    version: u64,
    /// The key table, which a dict replaces when it grows.
    table: usize,
    /// Addresses of key and value by place in the table; zeros where there is no item.
    entries: Vec<[usize; 2]>,
    /// Where in the table the names are that code stored.
    places: FxHashMap<usize, usize>,
}

impl Shadow {
    /// The place of a name, null value or not.
    #[cfg(not(Py_3_12))]
    fn place(&mut self, name: usize) -> Option<usize> {
        let known = self.places.get(&name).copied();
        if let Some(at) = known
            && self.entries.get(at).is_some_and(|entry| entry[0] == name)
        {
            return known;
        }
        let at = self.entries.iter().position(|entry| entry[0] == name)?;
        self.places.insert(name, at);
        Some(at)
    }

    /// Takes over the values of names that are there already; whether that is all that changed.
    #[cfg(not(Py_3_12))]
    fn stores(&mut self, now: &[[usize; 2]], names: &[Obj]) -> bool {
        if now.len() != self.entries.len() {
            return false;
        }
        let mut undo = [(0, 0); 4];
        if names.len() > undo.len() {
            return false;
        }
        for (name, undo) in names.iter().zip(&mut undo) {
            let Some(at) = self.place(*name as usize) else { continue };
            let value = now[at][1];
            if now[at][0] != self.entries[at][0] || value == 0 || self.entries[at][1] == 0 {
                continue;
            }
            *undo = (at, self.entries[at][1]);
            self.entries[at][1] = value;
        }
        let same = now.as_flattened() == self.entries.as_flattened();
        if !same {
            for (at, value) in undo.into_iter().filter(|undo| undo.1 != 0).rev() {
                self.entries[at][1] = value;
            }
        }
        same
    }
}

/// Compares a namespace from now on (3.11).
///
/// # Safety
/// `dict` must be alive and known.
pub unsafe fn follow(rec: *mut Recorder, dict: Obj) {
    if cfg!(Py_3_12) {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe {
        if (*rec).heap.shadows.contains_key(&(dict as usize)) {
            return;
        }
        (*rec).heap.set_flag(dict as usize, LINKED, true);
        let shadow = read(dict);
        (*rec).heap.shadows.insert(dict as usize, shadow);
    }
}

/// The items in the place where the dict has them, if it is of the usual kind: a table of its
/// own with `str` keys only.
unsafe fn plain<'a>(dict: Obj) -> Option<&'a [[usize; 2]]> {
    // SAFETY: the caller's promise; the layout is that of a PyDictKeysObject.
    unsafe {
        let keys: *const u8 = rd(dict, obj::DICT_KEYS);
        let values: *const u8 = rd(dict, obj::DICT_VALUES);
        if !values.is_null() || !obj::dict_is_unicode(dict) {
            return None;
        }
        let count = keys.add(24).cast::<isize>().read();
        let Ok(count @ 1..) = usize::try_from(count) else {
            // The table that empty dicts share has no place for entries, nor alignment.
            return Some(&[]);
        };
        let entries = keys.add(32 + (1_usize << *keys.add(9))).cast();
        Some(std::slice::from_raw_parts(entries, count))
    }
}

/// The items now.
unsafe fn read(dict: Obj) -> Shadow {
    // SAFETY: the caller's promise.
    unsafe {
        let version = rd(dict, obj::DICT_VERSION);
        match plain(dict) {
            Some(entries) => {
                let table = rd(dict, obj::DICT_KEYS);
                Shadow { version, table, entries: entries.to_vec(), ..Shadow::default() }
            }
            None => {
                let entries = DictIter::new(dict).map(|(k, v)| [k as usize, v as usize]).collect();
                Shadow { version, entries, ..Shadow::default() }
            }
        }
    }
}

/// Tells what has changed in a followed namespace; `names` are what the running code may have
/// stored.
///
/// # Safety
/// `dict` must be alive; no event may be under way.
#[cfg(not(Py_3_12))]
pub unsafe fn changed(rec: *mut Recorder, dict: Obj, names: &[Obj]) {
    // SAFETY: the caller's promise; program code does not run in here.
    unsafe {
        let Some(shadow) = (*rec).heap.shadows.get(&(dict as usize)) else { return };
        let version: u64 = rd(dict, obj::DICT_VERSION);
        if shadow.version == version {
            return;
        }
        let Some(mut shadow) = (*rec).heap.shadows.remove(&(dict as usize)) else { return };
        let Some((target, _)) = super::dict::target(&*rec, dict as usize) else { return };
        let now = plain(dict);
        let in_place = now.is_some() && shadow.table == rd::<usize>(dict, obj::DICT_KEYS);
        let fresh = if in_place { Shadow::default() } else { read(dict) };
        // A table of another size: items move up where others were deleted.
        if !in_place {
            shadow.entries.retain(|entry| entry[1] != 0);
        }
        let now = now.unwrap_or(&fresh.entries);
        if in_place && shadow.stores(now, names) {
            shadow.version = version;
            for name in names {
                if let Some(at) = shadow.place(*name as usize) {
                    let [key, value] = shadow.entries[at];
                    if value != 0 {
                        super::dict::stored(rec, dict, &target, key as Obj, value as Obj, false);
                    }
                }
            }
            (*rec).heap.shadows.insert(dict as usize, shadow);
            return;
        }
        let mut gone = false;
        let mut changes = Vec::new();
        let mut at = 0;
        for item in now {
            if !in_place && item[1] == 0 {
                continue;
            }
            let before = shadow.entries.get(at).copied().unwrap_or_default();
            if *item != before {
                // Another key in its place, or none: something was deleted.
                if before[1] != 0 && (item[1] == 0 || item[0] != before[0]) {
                    gone = true;
                    break;
                }
                if item[1] != 0 {
                    changes.push((at, *item, before[1] == 0));
                }
            } else if item[1] != 0 && names.contains(&(item[0] as Obj)) {
                changes.push((at, *item, false));
            }
            at += 1;
        }
        gone |= at < shadow.entries.len();
        if gone {
            super::dict::reread(rec, dict);
            shadow = read(dict);
        } else {
            for (_, [key, value], added) in &changes {
                super::dict::stored(rec, dict, &target, *key as Obj, *value as Obj, *added);
            }
            if in_place {
                shadow.entries.resize(at, [0, 0]);
                for (at, item, _) in changes {
                    shadow.entries[at] = item;
                }
                shadow.version = version;
            } else {
                shadow = fresh;
            }
        }
        (*rec).heap.shadows.insert(dict as usize, shadow);
    }
}
