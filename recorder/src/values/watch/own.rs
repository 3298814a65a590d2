//! What a program puts into modules and classes of Python's own (`json.dumps = mine`). They are
//! not recorded themselves, as they are what every Python has; the names that the program
//! replaces are told as items of one dict that only the trace has. Its id is the start fact
//! `changed`; keys are `module:name` and `module:Class.name`, and a deleted name is unbound. A
//! module of the program that is called like one of Python's own is there as `module:`.
//!
//! What a module does to itself while it is imported is no change.
#![allow(unsafe_code)]

use crate::cpython::objects::{self as obj, Chars, Obj, Typ};
use crate::rec::Recorder;
use crate::values::heap::{Heap, LINKED};
use crate::values::scalars::{Val, utf8};
use crate::values::types::{class_names, is_user_class};
use crate::values::{classes, prepare};
use moviola_format::event::{Kind, Sink, op};
use pyo3_ffi as ffi;
use rustc_hash::{FxHashMap, FxHashSet};

/// Longer keys would have to be objects.
const KEY_MAX: usize = crate::values::scalars::INLINE_BYTES;

/// What the import system and the compiler put into a module.
const BY_IMPORT: [&[u8]; 11] = [
    b"__name__",
    b"__doc__",
    b"__spec__",
    b"__loader__",
    b"__package__",
    b"__cached__",
    b"__file__",
    b"__path__",
    b"__builtins__",
    b"__warningregistry__",
    b"__annotations__",
];

/// Namespaces of Python's own modules, and what was put into them.
#[derive(Default)]
pub struct Own {
    /// The dict of the changes; 0 if there is none in this stream.
    id: u64,
    /// Namespaces that the program can reach, by address: the module's name.
    namespaces: FxHashMap<usize, Vec<u8>>,
    /// Holders of changed names, by address: what keys begin with, and the names.
    changed: FxHashMap<usize, (Vec<u8>, FxHashSet<Vec<u8>>)>,
}

impl Own {
    /// For a new stream.
    pub fn restart(self) -> Self {
        Self { id: 0, ..self }
    }

    /// Whether changes of this dict are to be told here, too.
    #[inline]
    pub fn is_namespace(&self, dict: usize) -> bool {
        self.namespaces.contains_key(&dict)
    }
}

/// Opens the dict of the changes in a new stream.
pub fn begin(rec: &mut Recorder) {
    let id = rec.heap.fresh_id();
    rec.heap.own.id = id;
    rec.meta("changed", &id.to_string());
    let out = rec.out.begin();
    out.object(id, Kind::Dict, 0);
    out.u8(op::P_END);
    out.commit();
}

/// The module that a file would be, without its packages.
fn module_of(file: &[u8]) -> &[u8] {
    let mut parts = file.rsplit(|byte| *byte == b'/');
    let last = parts.next().unwrap_or_default();
    match last.split(|byte| *byte == b'.').next().unwrap_or_default() {
        b"__init__" => parts.next().unwrap_or_default(),
        name => name,
    }
}

/// Looks at the globals of a module that runs: one of the program may be called like one of
/// Python's own (`json.py` beside the script), and is then none of those. `file` is the code's; what
/// it is called is looked at first, as code that `exec` runs may have any globals.
///
/// # Safety
/// `file` and `globals` must be alive; the GIL must be held, and no event may be under way.
pub unsafe fn seen(rec: *mut Recorder, file: Obj, globals: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        if ffi::Py_TYPE(globals) != &raw mut ffi::PyDict_Type
            || ffi::Py_TYPE(file) != &raw mut ffi::PyUnicode_Type
            || (*rec).heap.is_user_module(module_of(&utf8(file)))
        {
            return;
        }
        let text = |key: &[u8]| {
            let found = obj::dict_find(globals, key);
            let is_text = !found.is_null() && ffi::Py_TYPE(found) == &raw mut ffi::PyUnicode_Type;
            is_text.then(|| utf8(found))
        };
        let (Some(name), Some(file)) = (text(b"__name__"), text(b"__file__")) else { return };
        if (*rec).heap.own.id == 0 || (*rec).heap.is_user_module(&name) {
            return;
        }
        let stdlib = ffi::PySys_GetObject(c"_stdlib_dir".as_ptr());
        if stdlib.is_null() || ffi::Py_TYPE(stdlib) != &raw mut ffi::PyUnicode_Type {
            return;
        }
        let below = file.strip_prefix(&utf8(stdlib)[..]).filter(|rest| rest.starts_with(b"/"));
        let installed = |rest: &[u8]| rest.starts_with(b"/site-packages/");
        if below.is_none_or(installed) {
            let top = name.split(|byte| *byte == b'.').next().unwrap_or_default();
            (*rec).heap.stdlib.remove(top);
            let module = crate::process::wrap::find_module(&name);
            if !module.is_null() {
                // What is recorded of the module so far has no namespace.
                if (*rec).heap.known(module).is_some() {
                    crate::values::capture::replace(rec, module);
                }
                remember(rec, globals, [&name[..], b":"].concat(), b"", module);
            }
        }
    }
}

/// Tells all changes again, in the stream of a forked child.
///
/// # Safety
/// The GIL must be held; no event may be under way.
pub unsafe fn restart(rec: *mut Recorder) {
    // SAFETY: holders are alive: their deaths are told, and nothing has died since the fork.
    unsafe {
        for dict in (*rec).heap.own.namespaces.keys().copied().collect::<Vec<_>>() {
            (*rec).heap.watch(dict as Obj, LINKED);
        }
        for (holder, (prefix, names)) in (*rec).heap.own.changed.clone() {
            let object = holder as Obj;
            (*rec).heap.watch(object, LINKED);
            let is_class = obj::flags(ffi::Py_TYPE(object)) & obj::TYPE_SUBCLASS != 0;
            let dict = if is_class { obj::type_dict(object.cast()) } else { object };
            for name in names {
                let value = match &name[..] {
                    b"" => crate::process::wrap::find_module(&prefix[..prefix.len() - 1]),
                    name => find(dict, name),
                };
                write(rec, &prefix, &name, value);
            }
        }
    }
}

/// A module of Python's own has become known: its namespace may be changed as a dict.
///
/// # Safety
/// `dict` must be the module's, and alive; the GIL must be held.
pub unsafe fn reachable(heap: &mut Heap, dict: Obj, name: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        if heap.own.id == 0 || heap.own.is_namespace(dict as usize) {
            return;
        }
        heap.own.namespaces.insert(dict as usize, utf8(name));
        heap.watch(dict, LINKED);
        super::dict::watch(dict);
    }
}

/// A namespace or class is gone, and with it what was put into it.
///
/// # Safety
/// The GIL must be held; no event may be under way.
pub unsafe fn gone(rec: *mut Recorder, holder: usize) {
    // SAFETY: the recorder is alive.
    unsafe {
        let own = &mut (*rec).heap.own;
        own.namespaces.remove(&holder);
        let Some((prefix, names)) = own.changed.remove(&holder) else { return };
        let id = own.id;
        for name in names {
            let key = classes::text(&mut (*rec).heap, &[&prefix[..], &name].concat());
            let out = (*rec).out.begin();
            out.u8(op::MAP_DEL);
            out.uv(id);
            key.write(out);
            out.commit();
        }
    }
}

/// An item of a reachable namespace is about to be another, or none.
///
/// # Safety
/// All objects must be alive; no event may be under way.
#[cold]
pub unsafe fn item(rec: *mut Recorder, dict: Obj, name: Obj, value: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        let module = (*rec).heap.own.namespaces.get(&(dict as usize)).cloned();
        if let Some(module) = module
            && ffi::Py_TYPE(name) == &raw mut ffi::PyUnicode_Type
        {
            let name = utf8(name);
            if find(dict, &name) != value {
                store(rec, dict, &module, &name, value);
            }
        }
    }
}

/// What a reachable namespace has.
///
/// # Safety
/// `dict` must be alive.
#[cfg(not(Py_3_12))]
pub unsafe fn items(dict: Obj) -> FxHashMap<Vec<u8>, usize> {
    // SAFETY: the caller's promise.
    unsafe {
        let texts = obj::DictIter::new(dict)
            .filter(|(key, _)| ffi::Py_TYPE(*key) == &raw mut ffi::PyUnicode_Type);
        texts.map(|(key, value)| (utf8(key), value as usize)).collect()
    }
}

/// Items of a reachable namespace may be others than they were.
///
/// # Safety
/// `dict` must be alive; no event may be under way.
#[cfg(not(Py_3_12))]
pub unsafe fn compared(rec: *mut Recorder, dict: Obj, before: &FxHashMap<Vec<u8>, usize>) {
    // SAFETY: the caller's promise; values that are there now are alive.
    unsafe {
        let module = (*rec).heap.own.namespaces.get(&(dict as usize)).cloned();
        let Some(module) = module else { return };
        let now = items(dict);
        for (name, value) in &now {
            if before.get(name) != Some(value) {
                store(rec, dict, &module, name, *value as Obj);
            }
        }
        for name in before.keys().filter(|name| !now.contains_key(*name)) {
            store(rec, dict, &module, name, std::ptr::null_mut());
        }
    }
}

/// An attribute of a module is about to be set or deleted.
///
/// # Safety
/// `module` must be an alive module; `value` null if it is deleted.
pub unsafe fn attribute(rec: *mut Recorder, module: Obj, name: Obj, value: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        let dict = ffi::PyModule_GetDict(module);
        if dict.is_null() || (cfg!(Py_3_12) && (*rec).heap.own.is_namespace(dict as usize)) {
            return;
        }
        let own = obj::dict_find(dict, b"__name__");
        if own.is_null()
            || ffi::Py_TYPE(own) != &raw mut ffi::PyUnicode_Type
            || ffi::Py_TYPE(name) != &raw mut ffi::PyUnicode_Type
            || matches!(obj::chars(own), Chars::Ascii(own) if (*rec).heap.is_user_module(own))
        {
            return;
        }
        let name = utf8(name);
        if find(dict, &name) != value {
            store(rec, dict, &utf8(own), &name, value);
        }
    }
}

/// An attribute of a class is about to be set or deleted.
///
/// # Safety
/// `typ` must be alive, `name` an exact str; `value` null if it is deleted.
pub unsafe fn class_attribute(rec: *mut Recorder, typ: Typ, name: Obj, value: Obj) {
    // Py_TPFLAGS_IMMUTABLETYPE: the store will fail.
    const IMMUTABLE: u64 = 1 << 8;
    // SAFETY: the caller's promise.
    unsafe {
        if (*rec).heap.own.id == 0
            || obj::flags(typ) & obj::HEAPTYPE == 0
            || obj::flags(typ) & IMMUTABLE != 0
            || is_user_class(&(*rec).heap, typ)
        {
            return;
        }
        let by_abc =
            matches!(obj::chars(name), Chars::Ascii(b"_abc_impl" | b"__abstractmethods__"));
        let (Some(module), qualname) = class_names(typ) else { return };
        if by_abc || super::patch::loaded(&module).is_null() {
            return;
        }
        let name = utf8(name);
        if find(obj::type_dict(typ), &name) != value {
            let prefix = [&module[..], b":", &qualname, b"."].concat();
            tell(rec, typ.cast(), prefix, &name, value);
        }
    }
}

/// What a namespace has under a name, null if nothing. Runs no program code, as a lookup would if
/// a key is of a class of the program's.
unsafe fn find(dict: Obj, name: &[u8]) -> Obj {
    // SAFETY: as in `item`.
    unsafe {
        let same = |key: Obj| {
            ffi::Py_TYPE(key) == &raw mut ffi::PyUnicode_Type
                && match obj::chars(key) {
                    Chars::Ascii(text) => text == name,
                    _ => utf8(key) == name,
                }
        };
        let found = obj::DictIter::new(dict).find(|(key, _)| same(*key));
        found.map_or(std::ptr::null_mut(), |(_, value)| value)
    }
}

unsafe fn store(rec: *mut Recorder, dict: Obj, module: &[u8], name: &[u8], value: Obj) {
    // SAFETY: as in `item`.
    unsafe {
        if (*rec).heap.own.id == 0
            || (*rec).heap.is_user_module(module)
            || super::patch::loaded(module) != dict
            || BY_IMPORT.contains(&name)
            || is_submodule(module, name, value)
        {
            return;
        }
        tell(rec, dict, [module, b":"].concat(), name, value);
    }
}

/// Whether a store is what an import does: `json.decoder` into `json`.
unsafe fn is_submodule(module: &[u8], name: &[u8], value: Obj) -> bool {
    // SAFETY: as in `item`.
    unsafe {
        if value.is_null() || ffi::Py_TYPE(value) != &raw mut ffi::PyModule_Type {
            return false;
        }
        let inner = obj::dict_find(ffi::PyModule_GetDict(value), b"__name__");
        !inner.is_null()
            && ffi::Py_TYPE(inner) == &raw mut ffi::PyUnicode_Type
            && utf8(inner) == [module, b".", name].concat()
    }
}

/// `holder` is what dies with the names.
unsafe fn tell(rec: *mut Recorder, holder: Obj, prefix: Vec<u8>, name: &[u8], value: Obj) {
    // SAFETY: as in `item`.
    unsafe {
        (*rec).enter();
        if name.len() + prefix.len() > KEY_MAX {
            let key = [&prefix[..], name].concat();
            (*rec).gap(&format!("{} was changed", String::from_utf8_lossy(&key)));
            return;
        }
        remember(rec, holder, prefix, name, value);
    }
}

unsafe fn remember(rec: *mut Recorder, holder: Obj, prefix: Vec<u8>, name: &[u8], value: Obj) {
    // SAFETY: as in `item`.
    unsafe {
        (*rec).heap.watch(holder, LINKED);
        write(rec, &prefix, name, value);
        let changed = (*rec).heap.own.changed.entry(holder as usize);
        let (_, names) = changed.or_insert_with(|| (prefix, FxHashSet::default()));
        if !names.contains(name) {
            names.insert(name.to_vec());
        }
    }
}

unsafe fn write(rec: *mut Recorder, prefix: &[u8], name: &[u8], value: Obj) {
    // SAFETY: as in `item`.
    unsafe {
        let key = classes::text(&mut (*rec).heap, &[prefix, name].concat());
        let item = if value.is_null() { Val::Unbound } else { prepare(rec, value) };
        let id = (*rec).heap.own.id;
        let out = (*rec).out.begin();
        out.u8(op::MAP_SET);
        out.uv(id);
        key.write(out);
        item.write(out);
        out.commit();
    }
}
