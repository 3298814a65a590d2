//! Classes, modules, built-in functions and code objects: what can be shown of them.
#![allow(unsafe_code)]

use super::contents::{Contents, Pairs};
use super::heap::{Heap, LINKED};
use super::scalars::{INLINE_BYTES, Val, scan};
use super::types::{Payload, class_names, is_python_class, is_user_class, payload};
use crate::cpython::objects::{self as obj, Chars, Obj, Typ, code, rd};
use crate::values::scalars::utf8;
use moviola_format::event::Kind;
use pyo3_ffi as ffi;
use std::ffi::CStr;

/// A name as its text, also if it is of a subclass of `str`.
///
/// # Safety
/// `name` must be alive.
pub unsafe fn name_field(heap: &mut Heap, parts: &mut Contents, field: &'static str, name: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        let typ = ffi::Py_TYPE(name);
        let odd =
            typ != &raw mut ffi::PyUnicode_Type && obj::flags(typ) & obj::UNICODE_SUBCLASS != 0;
        let value = if odd { text(heap, &utf8(name)) } else { scan(heap, name) };
        parts.field(field, value);
    }
}

/// A text that no Python object holds, as a value: texts that are too long are cut, which only
/// happens to names.
pub fn text(heap: &mut Heap, bytes: &[u8]) -> Val {
    // Names of C types and functions are static; names read from objects are kept by the heap.
    let kept = heap.names.entry(bytes.to_vec()).or_insert_with(|| bytes.to_vec().leak());
    Val::Str(kept.as_ptr(), kept.len().min(INLINE_BYTES))
}

/// What a class consists of.
///
/// # Safety
/// `typ` must be alive and known.
pub unsafe fn fill_class(heap: &mut Heap, parts: &mut Contents, typ: Typ) {
    // SAFETY: the caller's promise.
    unsafe {
        let heap_type = obj::flags(typ) & obj::HEAPTYPE != 0;
        let dict = obj::type_dict(typ);
        heap.set_flag(typ as usize, LINKED, true);
        let (module, qualname) = class_names(typ);
        let module_value = match &module {
            Some(name) => text(heap, name),
            None => Val::None,
        };
        parts.field("__module__", module_value);
        let own: Obj = rd(typ.cast(), obj::HT_QUALNAME);
        let value = if heap_type && ffi::Py_TYPE(own) == &raw mut ffi::PyUnicode_Type {
            scan(heap, own)
        } else {
            text(heap, &qualname)
        };
        parts.field("__qualname__", value);
        let name = super::types::c_name(typ);
        let short = match name.iter().rposition(|byte| *byte == b'.') {
            Some(dot) if !heap_type => &name[dot + 1..],
            _ => name,
        };
        let value = text(heap, short);
        parts.field("__name__", value);
        parts.field("flags", Val::Int(obj::flags(typ) as i64));
        if !is_python_class(typ) {
            let (get, set) = ((*typ).tp_descr_get.is_some(), (*typ).tp_descr_set.is_some());
            parts.field("descr", Val::Int(i64::from(get) | i64::from(set) << 1));
        }
        if let Some(code) = base_kind(payload(typ)) {
            parts.field("base_kind", Val::Int(code));
        }
        parts.object_field(
            heap,
            "bases",
            typ.cast(),
            std::mem::offset_of!(ffi::PyTypeObject, tp_bases) as isize,
        );
        parts.object_field(
            heap,
            "mro",
            typ.cast(),
            std::mem::offset_of!(ffi::PyTypeObject, tp_mro) as isize,
        );
        if is_user_class(heap, typ) && !dict.is_null() {
            if let Some(module) = module
                && let Some(file) = module_file(&module)
            {
                let value = scan(heap, file);
                parts.field("file", value);
            }
            heap.adopt(dict, typ.cast());
            parts.attrs = Pairs::of_dict(dict);
        }
    }
}

fn base_kind(payload: Payload) -> Option<i64> {
    Some(match payload {
        Payload::None => return None,
        Payload::List => Kind::List as i64,
        Payload::Tuple => Kind::Tuple as i64,
        Payload::Dict | Payload::OrderedDict | Payload::DefaultDict => Kind::Dict as i64,
        Payload::Set => Kind::Set as i64,
        Payload::Deque => Kind::Deque as i64,
        Payload::Str => Kind::Str as i64,
        Payload::Bytes => Kind::Bytes as i64,
        Payload::ByteArray => Kind::ByteArray as i64,
        Payload::Int => Kind::Int as i64,
        Payload::Float => 100,
        Payload::Complex => 101,
    })
}

/// The `__file__` of an imported module.
unsafe fn module_file(name: &[u8]) -> Option<Obj> {
    // SAFETY: borrowed references under the GIL; no program code runs.
    unsafe {
        let modules = ffi::PySys_GetObject(c"modules".as_ptr());
        if modules.is_null() || ffi::Py_TYPE(modules) != &raw mut ffi::PyDict_Type {
            return None;
        }
        let module = obj::dict_find(modules, name);
        if module.is_null() || !obj::is_subtype(ffi::Py_TYPE(module), &raw mut ffi::PyModule_Type) {
            return None;
        }
        let file = obj::dict_find(rd(module, 16), b"__file__");
        let text = !file.is_null() && ffi::Py_TYPE(file) == &raw mut ffi::PyUnicode_Type;
        text.then_some(file)
    }
}

/// What a module consists of; its namespace only if the module is the program's.
///
/// # Safety
/// `module` must be alive.
pub unsafe fn fill_module(heap: &mut Heap, parts: &mut Contents, module: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        let dict: Obj = rd(module, 16);
        if dict.is_null() {
            return;
        }
        let name = obj::dict_find(dict, b"__name__");
        let is_text = !name.is_null() && ffi::Py_TYPE(name) == &raw mut ffi::PyUnicode_Type;
        let value = if is_text { scan(heap, name) } else { Val::None };
        parts.field("__name__", value);
        let file = obj::dict_find(dict, b"__file__");
        let value = if file.is_null() { Val::None } else { scan(heap, file) };
        parts.field("__file__", value);
        let user = is_text
            && !matches!(obj::chars(name), Chars::Ascii(text) if !heap.is_user_module(text));
        if user {
            let value = scan(heap, dict);
            parts.field("__dict__", value);
        } else if is_text {
            super::watch::own::reachable(heap, dict, name);
        }
    }
}

/// What a built-in function consists of.
///
/// # Safety
/// `function` must be alive.
pub unsafe fn fill_builtin(heap: &mut Heap, parts: &mut Contents, function: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        let def: *const ffi::PyMethodDef = rd(function, 16);
        let name = CStr::from_ptr((*def).ml_name).to_bytes();
        let this: Obj = rd(function, 24);
        let mut qualname = Vec::new();
        let mut bound = false;
        if !this.is_null() {
            let typ = ffi::Py_TYPE(this);
            if !obj::is_subtype(typ, &raw mut ffi::PyModule_Type) {
                let is_class = obj::flags(typ) & obj::TYPE_SUBCLASS != 0;
                let owner: Typ = if is_class { this.cast() } else { typ };
                qualname = class_names(owner).1;
                qualname.push(b'.');
                bound = true;
            }
        }
        qualname.extend_from_slice(name);
        let value = text(heap, name);
        parts.field("__name__", value);
        let value = text(heap, &qualname);
        parts.field("__qualname__", value);
        parts.object_field(heap, "__module__", function, 32);
        if bound {
            let value = scan(heap, this);
            parts.field("__self__", value);
        }
    }
}

/// What a code object consists of.
///
/// # Safety
/// `object` must be alive.
pub unsafe fn fill_code(heap: &mut Heap, parts: &mut Contents, object: Obj) {
    const LOCAL: u8 = 0x20;
    const FREE: u8 = 0x80;
    // SAFETY: the caller's promise.
    unsafe {
        for (name, offset) in [
            ("co_name", code::NAME),
            ("co_qualname", code::QUALNAME),
            ("co_filename", code::FILENAME),
        ] {
            parts.object_field(heap, name, object, offset);
        }
        for (name, offset) in [
            ("co_firstlineno", code::FIRSTLINENO),
            ("co_flags", code::FLAGS),
            ("co_argcount", code::ARGCOUNT),
        ] {
            parts.field(name, Val::Int(i64::from(rd::<i32>(object, offset))));
        }
        let names = obj::tuple_items(rd(object, code::NAMES));
        let kinds = obj::bytes_data(rd(object, code::KINDS));
        for (field, bit) in [("co_freevars", FREE), ("co_varnames", LOCAL)] {
            let chosen: Vec<Obj> =
                names.iter().zip(kinds).filter(|(_, k)| **k & bit != 0).map(|(n, _)| *n).collect();
            let id = heap.fresh_id();
            heap.synthetic.push((id, chosen));
            parts.field(field, Val::Ref(id));
        }
    }
}
