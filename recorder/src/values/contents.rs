//! What each kind of object consists of, read from its C struct.
//!
//! Must not append events or run program code; objects that are reached get ids and go on the
//! list of work.
#![allow(unsafe_code)]

use super::classes;
use super::heap::{Heap, REFERENT};
use super::scalars::{Val, magnitude, scan, utf8};
use super::types::{DictPlace, Payload, set_items};
use crate::cpython::objects::{self as obj, Chars, DictIter, Managed, Obj, Typ, rd};
use moviola_format::event::Kind;
use pyo3_ffi as ffi;
use std::ffi::CStr;

/// Name of a field.
pub enum FieldName {
    /// A C-level field.
    Static(&'static str),
    /// A slot.
    Object(Obj),
}

/// Elements of a sequence.
#[derive(Default)]
pub enum Seq {
    /// The object has no such part.
    #[default]
    None,
    /// In the object itself.
    Borrowed(&'static [Obj]),
    /// Collected.
    Owned(Vec<Obj>),
}

/// Items of a mapping or attribute dictionary.
#[derive(Default)]
pub enum Pairs {
    /// The object has no such part.
    #[default]
    None,
    /// Read from a key table: how many, and where.
    Table(usize, DictIter),
    /// Collected.
    Owned(std::vec::IntoIter<(Obj, Obj)>),
}

impl Pairs {
    /// How many are left; `None` if there is no such part.
    pub fn left(&self) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Table(count, _) => Some(*count),
            Self::Owned(pairs) => Some(pairs.len()),
        }
    }

    fn table(iter: DictIter) -> Self {
        Self::Table(iter.count(), iter)
    }

    /// All items of a dict.
    ///
    /// # Safety
    /// `dict` must be alive and stay unchanged while the items are read.
    pub unsafe fn of_dict(dict: Obj) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::Table(obj::dict_len(dict), DictIter::new(dict)) }
    }
}

impl Iterator for Pairs {
    type Item = (Obj, Obj);

    fn next(&mut self) -> Option<(Obj, Obj)> {
        match self {
            Self::None => None,
            Self::Table(_, iter) => iter.next(),
            Self::Owned(pairs) => pairs.next(),
        }
    }
}

/// Bytes of an object.
#[derive(Default)]
pub enum Blob {
    /// The object has no such part.
    #[default]
    None,
    /// In the object itself.
    Borrowed(&'static [u8]),
    /// Encoded.
    Owned(Vec<u8>),
}

/// All parts of an object.
#[derive(Default)]
pub struct Contents {
    /// Slots and C-level fields.
    pub fields: Vec<(FieldName, Val)>,
    /// Elements.
    pub seq: Seq,
    /// Items.
    pub map: Pairs,
    /// Attribute dictionary.
    pub attrs: Pairs,
    /// One value.
    pub scalar: Option<Val>,
    /// Bytes.
    pub blob: Blob,
    /// What `scalar` points to if no object holds it.
    pub text: String,
}

impl Contents {
    /// Adds a C-level field.
    pub fn field(&mut self, name: &'static str, value: Val) {
        self.fields.push((FieldName::Static(name), value));
    }

    /// Adds the object at `offset` as a field; null reads as None.
    ///
    /// # Safety
    /// `object` must be alive and have an object pointer at `offset`.
    pub unsafe fn object_field(
        &mut self,
        heap: &mut Heap,
        name: &'static str,
        object: Obj,
        offset: isize,
    ) {
        // SAFETY: the caller's promise.
        let value = unsafe {
            let target: Obj = rd(object, offset);
            if target.is_null() { Val::None } else { scan(heap, target) }
        };
        self.field(name, value);
    }
}

/// Reads an object.
///
/// # Safety
/// `object` must be alive, known and of type `typ`. What is returned is valid until anything
/// changes the object.
pub unsafe fn contents(heap: &mut Heap, object: Obj, typ: Typ) -> Contents {
    let mut parts = Contents::default();
    // SAFETY: the caller's promise; offsets are those of the kind's struct.
    unsafe {
        let info = heap.type_info(typ);
        let (kind, payload, place, library) = (info.kind, info.payload, info.dict, info.library);
        match kind {
            Kind::List => parts.seq = Seq::Borrowed(obj::list_items(object)),
            Kind::Tuple => parts.seq = Seq::Borrowed(obj::tuple_items(object)),
            Kind::Dict => {
                super::watch::dict::watch(object);
                parts.map = Pairs::of_dict(object);
            }
            Kind::Str | Kind::Bytes | Kind::Int | Kind::ByteArray => {
                fill_payload(heap, &mut parts, object, payload);
            }
            Kind::Set | Kind::FrozenSet | Kind::Deque => {
                fill_payload(heap, &mut parts, object, payload);
            }
            Kind::OrderedDict | Kind::DefaultDict => {
                fill_payload(heap, &mut parts, object, payload);
                if kind == Kind::OrderedDict {
                    fill_attrs(heap, &mut parts, object, typ, place);
                }
            }
            Kind::Instance => {
                fill_payload(heap, &mut parts, object, payload);
                super::library::fill(heap, &mut parts, object, library);
                fill_slots(heap, &mut parts, object, typ);
                fill_attrs(heap, &mut parts, object, typ, place);
            }
            Kind::Exception => {
                for (name, offset) in
                    [("args", 24), ("__cause__", 56), ("__context__", 48), ("__traceback__", 40)]
                {
                    parts.object_field(heap, name, object, offset);
                }
                let suppress: u8 = rd(object, 64);
                parts.field("__suppress_context__", Val::Bool(suppress != 0));
                fill_members(heap, &mut parts, object, typ);
                fill_slots(heap, &mut parts, object, typ);
                fill_attrs(heap, &mut parts, object, typ, DictPlace::Offset);
            }
            Kind::Function => {
                for (name, offset) in [("__name__", 32), ("__qualname__", 40)] {
                    classes::name_field(heap, &mut parts, name, rd(object, offset));
                }
                for (name, offset) in [
                    ("__module__", 104),
                    ("__defaults__", 56),
                    ("__kwdefaults__", 64),
                    ("__closure__", 72),
                    ("__code__", 48),
                ] {
                    parts.object_field(heap, name, object, offset);
                }
                fill_attrs(heap, &mut parts, object, typ, place);
            }
            Kind::Method => {
                parts.object_field(heap, "__func__", object, 16);
                parts.object_field(heap, "__self__", object, 24);
            }
            Kind::Cell => {
                let inside: Obj = rd(object, 16);
                if inside.is_null() && heap.empty_cells.len() < 10_000 {
                    heap.empty_cells.push(object);
                }
                parts.scalar = Some(scan(heap, inside));
            }
            Kind::Class => classes::fill_class(heap, &mut parts, object.cast()),
            Kind::Module => {
                super::watch::cfuncs::see_module(object);
                classes::fill_module(heap, &mut parts, object);
            }
            Kind::Builtin => {
                super::watch::cfuncs::see_function(object);
                classes::fill_builtin(heap, &mut parts, object);
            }
            Kind::Code => classes::fill_code(heap, &mut parts, object),
            Kind::Generator => {
                parts.object_field(heap, "__name__", object, obj::GEN_NAME);
                parts.object_field(heap, "__qualname__", object, obj::GEN_QUALNAME);
            }
            Kind::WeakRef => fill_weakref(heap, &mut parts, object),
            Kind::Slice | Kind::Range => {
                for (name, offset) in [("start", 16), ("stop", 24), ("step", 32)] {
                    parts.object_field(heap, name, object, offset);
                }
            }
            Kind::Partial => {
                for (name, offset) in [("func", 16), ("args", 24), ("keywords", 32)] {
                    parts.object_field(heap, name, object, offset);
                }
                fill_attrs(heap, &mut parts, object, typ, place);
            }
            Kind::Property => {
                for (name, offset) in [("fget", 16), ("fset", 24), ("fdel", 32)] {
                    parts.object_field(heap, name, object, offset);
                }
            }
            Kind::StaticMethod | Kind::ClassMethod => {
                parts.object_field(heap, "__func__", object, 16);
            }
            Kind::MappingProxy => parts.object_field(heap, "mapping", object, 16),
            Kind::SimpleNamespace => fill_attrs(heap, &mut parts, object, typ, place),
            Kind::MemoryView => super::buffers::fill_memoryview(heap, &mut parts, object),
            Kind::Array => super::buffers::fill_array(&mut parts, object),
            Kind::DateTime | Kind::Opaque => {
                super::library::fill(heap, &mut parts, object, library);
            }
            Kind::Frame | Kind::Traceback => {}
        }
    }
    parts
}

unsafe fn fill_payload(heap: &mut Heap, parts: &mut Contents, object: Obj, payload: Payload) {
    // SAFETY: `contents`' caller promises that the object lives; the payload is its type's.
    unsafe {
        match payload {
            Payload::None => {}
            Payload::List => parts.seq = Seq::Borrowed(obj::list_items(object)),
            Payload::Tuple => parts.seq = Seq::Borrowed(obj::tuple_items(object)),
            Payload::Dict => {
                super::watch::dict::watch(object);
                parts.map = Pairs::of_dict(object);
            }
            Payload::OrderedDict => {
                super::watch::dict::watch(object);
                parts.map = ordered(object);
            }
            Payload::DefaultDict => {
                super::watch::dict::watch(object);
                parts.object_field(heap, "default_factory", object, obj::DICT_SIZE);
                parts.map = Pairs::of_dict(object);
            }
            Payload::Set => parts.seq = Seq::Owned(set_items(object)),
            Payload::Deque => {
                let maxlen: isize = rd(object, super::watch::deque::MAXLEN);
                let maxlen = if maxlen < 0 { Val::None } else { Val::Int(maxlen as i64) };
                parts.field("maxlen", maxlen);
                parts.seq = Seq::Owned(super::watch::deque::items(object));
            }
            Payload::Str => {
                parts.blob = match obj::chars(object) {
                    Chars::Ascii(text) => Blob::Borrowed(text),
                    _ => Blob::Owned(utf8(object)),
                };
            }
            Payload::Bytes => parts.blob = Blob::Borrowed(obj::bytes_data(object)),
            Payload::ByteArray => parts.blob = Blob::Borrowed(obj::bytearray_data(object)),
            Payload::Int => {
                let (negative, digits) = obj::digits(object);
                let mut bytes = Vec::new();
                magnitude(digits, &mut |part| bytes.extend_from_slice(part));
                parts.scalar = Some(Val::Bool(negative));
                parts.blob = Blob::Owned(bytes);
            }
            Payload::Float => parts.scalar = Some(Val::Float(rd(object, 16))),
            Payload::Complex => {
                parts.scalar = Some(Val::Complex(rd(object, 16), rd(object, 24)));
            }
        }
    }
}

/// The items of an OrderedDict in its own order, which its dict's table need not have.
unsafe fn ordered(object: Obj) -> Pairs {
    const FIRST: isize = obj::DICT_SIZE;
    // SAFETY: `contents`' caller promises that the object lives; a node is key, hash, next.
    unsafe {
        let plain: rustc_hash::FxHashMap<usize, Obj> =
            DictIter::new(object).map(|(key, value)| (key as usize, value)).collect();
        let mut items = Vec::with_capacity(plain.len());
        let mut node: Obj = rd(object, FIRST);
        while !node.is_null() && items.len() <= plain.len() {
            let key: Obj = rd(node, 0);
            match plain.get(&(key as usize)) {
                Some(value) => items.push((key, *value)),
                None => return Pairs::of_dict(object),
            }
            node = rd(node, 16);
        }
        if items.len() != plain.len() {
            return Pairs::of_dict(object);
        }
        Pairs::Owned(items.into_iter())
    }
}

unsafe fn fill_slots(heap: &mut Heap, parts: &mut Contents, object: Obj, typ: Typ) {
    // SAFETY: `contents`' caller promises that the object lives; the offsets are its type's.
    unsafe {
        let count = heap.type_info(typ).slots.len();
        for at in 0..count {
            let (name, offset) = heap.type_info(typ).slots[at];
            let value: Obj = rd(object, offset);
            parts.fields.push((FieldName::Object(name), scan(heap, value)));
        }
    }
}

/// What the built-in classes of an exception store in C: `OSError.errno`, `StopIteration.value`.
unsafe fn fill_members(heap: &mut Heap, parts: &mut Contents, object: Obj, typ: Typ) {
    /// `structmember.h`.
    const T_INT: i32 = 1;
    const T_OBJECT: i32 = 6;
    const T_OBJECT_EX: i32 = 16;
    const T_PYSSIZET: i32 = 19;
    // SAFETY: `contents`' caller promises that the object lives; the members of a static type end
    // with a null name, lie within its instances, and their names are constants.
    unsafe {
        let mut base = typ;
        while !base.is_null() && base != ffi::PyExc_BaseException.cast() {
            let mut member = (*base).tp_members;
            if obj::flags(base) & obj::HEAPTYPE != 0 {
                member = std::ptr::null_mut();
            }
            while !member.is_null() && !(*member).name.is_null() {
                let name: &'static CStr = CStr::from_ptr((*member).name);
                let value = match (*member).type_code {
                    T_INT => Some(Val::Int(i64::from(rd::<i32>(object, (*member).offset)))),
                    T_PYSSIZET => Some(Val::Int(rd::<isize>(object, (*member).offset) as i64)),
                    T_OBJECT => {
                        let value: Obj = rd(object, (*member).offset);
                        Some(if value.is_null() { Val::None } else { scan(heap, value) })
                    }
                    T_OBJECT_EX => Some(scan(heap, rd(object, (*member).offset))),
                    _ => None,
                };
                if let (Some(value), Ok(name)) = (value, name.to_str()) {
                    parts.field(name, value);
                }
                member = member.add(1);
            }
            base = (*base).tp_base;
        }
    }
}

unsafe extern "C" {
    fn _PyObject_GetDictPtr(object: Obj) -> *mut Obj;
}

/// The dictionary object that holds an instance's attributes, if there is one already.
///
/// # Safety
/// `object` must be alive and of type `typ`, whose place it is.
pub unsafe fn instance_dict(object: Obj, typ: Typ, place: DictPlace) -> Obj {
    // SAFETY: the caller's promise; for other places than Managed the call only computes.
    unsafe {
        match place {
            DictPlace::None => std::ptr::null_mut(),
            DictPlace::Managed => match obj::managed(object, typ) {
                Managed::Dict(dict) => dict,
                _ => std::ptr::null_mut(),
            },
            DictPlace::Offset => {
                let at = _PyObject_GetDictPtr(object);
                if at.is_null() { std::ptr::null_mut() } else { *at }
            }
        }
    }
}

unsafe fn fill_attrs(
    heap: &mut Heap,
    parts: &mut Contents,
    object: Obj,
    typ: Typ,
    place: DictPlace,
) {
    // SAFETY: `contents`' caller promises that the object lives.
    unsafe {
        if place == DictPlace::None {
            return;
        }
        if place == DictPlace::Managed
            && let Managed::Values(iter) = obj::managed(object, typ)
        {
            parts.attrs = Pairs::table(iter);
            return;
        }
        let dict = instance_dict(object, typ, place);
        if dict.is_null() {
            parts.attrs = Pairs::table(DictIter::empty());
            return;
        }
        if ffi::Py_TYPE(dict) == &raw mut ffi::PyDict_Type {
            heap.adopt(dict, object);
        }
        parts.attrs = Pairs::of_dict(dict);
    }
}

unsafe fn fill_weakref(heap: &mut Heap, parts: &mut Contents, object: Obj) {
    // SAFETY: `contents`' caller promises that the object lives; a live referent lives.
    unsafe {
        let referent: Obj = rd(object, 16);
        let alive = referent != ffi::Py_None();
        parts.scalar = Some(Val::Bool(alive));
        if alive {
            let id = heap.known(object).map_or(0, super::heap::Entry::id);
            let list = heap.weak.entry(referent as usize).or_default();
            if !list.contains(&(object as usize, id)) {
                list.push((object as usize, id));
            }
            if let Some(entry) = heap.known(referent) {
                parts.field("referent", Val::Ref(entry.id()));
            }
            heap.watch(referent, REFERENT);
        }
    }
}
