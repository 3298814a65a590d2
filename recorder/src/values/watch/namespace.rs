//! Namespaces of modules, classes and `exec`. On 3.12 and later they are watched like any dict.
//! 3.11 has no watchers and stores names without slot or method: there a namespace is compared
//! with what was last told whenever its version says that it has changed.
#![allow(unsafe_code)]

use crate::cpython::objects::{self as obj, DictIter, Obj, rd};
use crate::rec::Recorder;
use crate::values::heap::LINKED;
use crate::values::scalars::Val;
use rustc_hash::FxHashMap;

/// What was last told of a namespace: its version, and each value by the key's address.
#[derive(Default)]
pub struct Shadow {
    version: u64,
    values: FxHashMap<usize, Seen>,
}

/// What tells whether a value is still the same one.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Id(u64),
    Bits(u64, u8),
    /// Must be told again whenever the namespace has changed.
    Other,
}

fn seen(value: Val) -> Seen {
    match value {
        Val::Ref(id) => Seen::Id(id),
        Val::Int(value) => Seen::Bits(value as u64, 1),
        Val::Float(value) => Seen::Bits(value.to_bits(), 2),
        Val::Bool(value) => Seen::Bits(u64::from(value), 3),
        Val::None => Seen::Bits(0, 4),
        _ => Seen::Other,
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
        let shadow = Shadow { version: rd(dict, obj::DICT_VERSION), values: read(rec, dict) };
        (*rec).heap.shadows.insert(dict as usize, shadow);
    }
}

unsafe fn read(rec: *mut Recorder, dict: Obj) -> FxHashMap<usize, Seen> {
    // SAFETY: `follow`'s and `changed`'s callers.
    unsafe {
        DictIter::new(dict)
            .map(|(key, value)| {
                let value = crate::values::prepare(rec, value);
                (key as usize, seen(value))
            })
            .collect()
    }
}

/// Tells what has changed in a followed namespace.
///
/// # Safety
/// `dict` must be alive; no event may be under way.
pub unsafe fn changed(rec: *mut Recorder, dict: Obj) {
    // SAFETY: the caller's promise; program code does not run in here.
    unsafe {
        let Some(shadow) = (*rec).heap.shadows.get(&(dict as usize)) else { return };
        let version: u64 = rd(dict, obj::DICT_VERSION);
        if shadow.version == version {
            return;
        }
        let Some(mut shadow) = (*rec).heap.shadows.remove(&(dict as usize)) else { return };
        if let Some((target, _)) = super::dict::target(&*rec, dict as usize) {
            let now = read(rec, dict);
            if shadow.values.keys().any(|address| !now.contains_key(address)) {
                super::dict::reread(rec, dict);
                shadow.values = FxHashMap::default();
            }
            for (key, value) in DictIter::new(dict) {
                let new = now.get(&(key as usize)).copied();
                let old = shadow.values.get(&(key as usize)).copied();
                if new != old || new == Some(Seen::Other) {
                    super::dict::stored(rec, dict, &target, key, value, old.is_none());
                }
            }
            shadow.values = now;
        }
        shadow.version = version;
        (*rec).heap.shadows.insert(dict as usize, shadow);
    }
}
