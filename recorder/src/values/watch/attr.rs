//! Attribute stores of instances, classes and functions, by whoever makes them.
#![allow(unsafe_code)]

use super::wrap::Call;
use crate::cpython::objects::{self as obj, Obj, Typ};
use crate::rec::{Recorder, recorder};
use crate::values::contents::instance_dict;
use crate::values::heap::{Entry, LINKED};
use crate::values::types::{DictPlace, is_python_class};
use crate::values::{capture, prepare};
use moviola_format::event::{Kind, Sink, op};
use pyo3_ffi as ffi;

unsafe extern "C" {
    fn _PyType_Lookup(typ: Typ, name: Obj) -> Obj;
}

/// Kinds whose attribute dictionary is part of what is recorded of them.
fn has_attrs(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Instance
            | Kind::Exception
            | Kind::Function
            | Kind::Partial
            | Kind::SimpleNamespace
            | Kind::OrderedDict
    )
}

/// `tp_setattro` where it was `PyObject_GenericSetAttr`.
pub unsafe fn set(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let result = stored(rec, call);
        if cfg!(Py_3_13) && result != 0 {
            refused(call);
        }
        result
    }
}

/// 3.13 words the error for an object without `__dict__` by whether `tp_setattro` is the generic
/// function: where it is ours, the same store fails again under its own name.
#[cold]
unsafe fn refused(call: &Call) {
    // SAFETY: as in `set`; a store that neither a descriptor nor a dictionary takes runs no code
    // of the program.
    unsafe {
        let (this, name) = (call.this(), call.object(1));
        let typ = ffi::Py_TYPE(this);
        let plain = ffi::PyErr_ExceptionMatches(ffi::PyExc_AttributeError) != 0
            && ffi::Py_TYPE(name) == &raw mut ffi::PyUnicode_Type
            && _PyType_Lookup(typ, name).is_null()
            && obj::flags(typ) & obj::MANAGED_DICT == 0
            && (*typ).tp_dictoffset == 0;
        let (ours, generic) = ((*typ).tp_setattro, ffi::PyObject_GenericSetAttr);
        if plain && call.is_of(generic as *const () as usize) {
            ffi::PyErr_Clear();
            (*typ).tp_setattro = Some(generic);
            call.run();
            (*typ).tp_setattro = ours;
        }
    }
}

unsafe fn stored(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let (this, name, value) = (call.this(), call.object(1), call.object(2));
        let typ = ffi::Py_TYPE(this);
        let Some(entry) = (*rec).heap.known(this) else {
            // A module's namespace may be known where the module object is not.
            if obj::is_subtype(typ, &raw mut ffi::PyModule_Type) {
                return set_module(rec, call);
            }
            return call.run();
        };
        if ffi::Py_TYPE(name) != &raw mut ffi::PyUnicode_Type {
            return read_after(rec, call);
        }
        let descr = _PyType_Lookup(typ, name);
        if !descr.is_null() && (*ffi::Py_TYPE(descr)).tp_descr_set.is_some() {
            // Told by the descriptor; the code of one of the program's own is recorded itself.
            return call.run();
        }
        let info = (*rec).heap.type_info(typ);
        let (kind, place) = (info.kind, info.dict);
        if kind == Kind::Module {
            return set_module(rec, call);
        }
        if !has_attrs(kind) || (place == DictPlace::None && kind != Kind::Exception) {
            return call.run();
        }
        let place = if kind == Kind::Exception { DictPlace::Offset } else { place };
        if !told_by_dict(this, typ, entry, place) {
            let dict = instance_dict(this, typ, place);
            let plain = !dict.is_null() && ffi::Py_TYPE(dict) == &raw mut ffi::PyDict_Type;
            if plain && super::dict::has_odd_twin(dict, name) {
                return read_after(rec, call);
            }
            (*rec).enter();
            let (key, item) = (prepare(rec, name), prepare(rec, value));
            let out = (*rec).out.begin();
            out.u8(if value.is_null() { op::ATTR_DEL } else { op::ATTR_SET });
            out.uv(entry.id());
            key.write(out);
            if !value.is_null() {
                item.write(out);
            }
            out.commit();
        }
        let result = call.run();
        if !entry.has(LINKED) {
            adopt(this);
        }
        result
    }
}

/// Whether the store will be told by the watcher of the instance's dictionary.
unsafe fn told_by_dict(this: Obj, typ: Typ, entry: Entry, place: DictPlace) -> bool {
    if cfg!(not(Py_3_12)) || !entry.has(LINKED) {
        return false;
    }
    // SAFETY: as in `set`. Stores to values that lie in the instance pass by the watcher.
    unsafe {
        let inline = cfg!(Py_3_13) && obj::flags(typ) & obj::INLINE_VALUES != 0;
        !inline && !instance_dict(this, typ, place).is_null()
    }
}

/// `tp_descr_set` of slots and other C members: by assignment, by `__set__`, by C code.
pub unsafe fn member_set(rec: *mut Recorder, call: &Call) -> usize {
    const T_OBJECT_EX: i32 = 16;
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let (descr, this, value) = (call.this(), call.object(1), call.object(2));
        let member = descr.cast::<ffi::PyMemberDescrObject>();
        let owner = (*member).d_common.d_type;
        if this.is_null() || !obj::is_subtype(ffi::Py_TYPE(this), owner) {
            return call.run();
        }
        let Some(entry) = (*rec).heap.known(this) else { return call.run() };
        if !is_python_class(owner) || (*(*member).d_member).type_code != T_OBJECT_EX {
            return changed(call, this);
        }
        (*rec).enter();
        let (key, item) = (prepare(rec, (*member).d_common.d_name), prepare(rec, value));
        let out = (*rec).out.begin();
        out.u8(op::FIELD_SET);
        out.uv(entry.id());
        key.write(out);
        item.write(out);
        out.commit();
        call.run()
    }
}

/// `tp_descr_set` of attributes that C functions store: `__class__`, `__dict__`, `args`.
pub unsafe fn getset_set(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.object(1);
        if this.is_null()
            || (*rec).heap.known(this).is_none()
            || obj::flags(ffi::Py_TYPE(this)) & obj::TYPE_SUBCLASS != 0
        {
            // Of classes `set_class` tells.
            return call.run();
        }
        changed(call, this)
    }
}

/// Runs the original and reads the object again, as what it is then.
unsafe fn changed(call: &Call, this: Obj) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let before = ffi::Py_TYPE(this);
        let result = call.run();
        let rec = recorder();
        if !rec.is_null() {
            (*rec).enter();
            if ffi::Py_TYPE(this) == before {
                capture::replace(rec, this);
            } else {
                capture::reclass(rec, this);
            }
        }
        result
    }
}

unsafe fn read_after(_: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let result = call.run();
        let rec = recorder();
        if !rec.is_null() {
            (*rec).enter();
            capture::replace(rec, call.this());
        }
        result
    }
}

/// A module's attributes are the items of its dictionary, which is an object of its own.
unsafe fn set_module(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let (module, name, value) = (call.this(), call.object(1), call.object(2));
        super::own::attribute(rec, module, name, value);
        if cfg!(not(Py_3_12)) {
            store(rec, obj::rd(module, 16), name, value);
        }
        call.run()
    }
}

unsafe fn store(rec: *mut Recorder, dict: Obj, name: Obj, value: Obj) {
    // SAFETY: as in the callers.
    unsafe {
        if dict.is_null() {
            return;
        }
        if let Some((target, _)) = super::dict::target(&*rec, dict as usize) {
            (*rec).enter();
            if value.is_null() {
                super::dict::removed(rec, dict, &target, name);
            } else {
                super::dict::stored(rec, dict, &target, name, value, false);
            }
        }
    }
}

/// `type_setattro`.
pub unsafe fn set_class(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let (this, name) = (call.this(), call.object(1));
        if ffi::Py_TYPE(name) != &raw mut ffi::PyUnicode_Type {
            return call.run();
        }
        let descr = _PyType_Lookup(ffi::Py_TYPE(this), name);
        let data = !descr.is_null() && (*ffi::Py_TYPE(descr)).tp_descr_set.is_some();
        if data && ffi::Py_TYPE(descr) == &raw mut ffi::PyGetSetDescr_Type {
            let result = call.run();
            let rec = recorder();
            if !rec.is_null() {
                // `__bases__` may have changed what instances of any subclass are.
                (*rec).heap.types.clear();
                (*rec).enter();
                capture::replace(rec, this);
            }
            return result;
        }
        if !data {
            super::own::class_attribute(rec, this.cast(), name, call.object(2));
            if cfg!(not(Py_3_12)) && (*rec).heap.known(this).is_some() {
                store(rec, obj::type_dict(this.cast()), name, call.object(2));
            }
        }
        call.run()
    }
}

/// Notes the dictionary object that an instance has got.
unsafe fn adopt(this: Obj) {
    let rec = recorder();
    if rec.is_null() {
        return;
    }
    // SAFETY: the caller holds `this`.
    unsafe {
        let typ = ffi::Py_TYPE(this);
        if (*rec).heap.known(this).is_none() {
            return;
        }
        let info = (*rec).heap.type_info(typ);
        let (kind, place) = (info.kind, info.dict);
        if !has_attrs(kind) {
            return;
        }
        let place = if kind == Kind::Exception { DictPlace::Offset } else { place };
        let dict = instance_dict(this, typ, place);
        if !dict.is_null() && ffi::Py_TYPE(dict) == &raw mut ffi::PyDict_Type {
            (*rec).heap.adopt(dict, this);
        }
    }
}

/// Getter of `__dict__`, and methods that make the dictionary on the way.
pub unsafe fn dict_made(_: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let result = call.run();
        if result != 0 {
            adopt(call.this());
        }
        result
    }
}

/// Setter of `__dict__`, reached without `tp_setattro`.
pub unsafe fn dict_set(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe { read_after(rec, call) }
}
