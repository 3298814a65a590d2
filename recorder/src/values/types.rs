//! What a type means for the trace: its kind, where its instances have attributes and slots,
//! and by which module it is a user's class.
//!
//! Types are told apart by identity and C slots only.
#![allow(unsafe_code)]

use super::heap::{Heap, TYPED};
use super::library::Library;
use super::scalars::utf8;
use crate::cpython::objects::{self as obj, Chars, DictIter, Obj, Typ, rd};
use moviola_format::event::Kind;
use pyo3_ffi as ffi;
use rustc_hash::FxHashMap;
use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering};

unsafe extern "C" {
    static mut _PyWeakref_RefType: ffi::PyTypeObject;
    static mut PyCell_Type: ffi::PyTypeObject;
    static mut PyODict_Type: ffi::PyTypeObject;
    static mut PyStaticMethod_Type: ffi::PyTypeObject;
    static mut PyClassMethod_Type: ffi::PyTypeObject;
    static mut PyCMethod_Type: ffi::PyTypeObject;
    static mut PyAsyncGen_Type: ffi::PyTypeObject;
    static mut PyCoro_Type: ffi::PyTypeObject;
    static mut PyMethod_Type: ffi::PyTypeObject;
    static mut PyFunction_Type: ffi::PyTypeObject;
}

/// The part of an instance that a built-in base class stores.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Nothing that is known.
    None,
    /// Items of a list.
    List,
    /// Items of a tuple.
    Tuple,
    /// Items of a dict.
    Dict,
    /// Items of an OrderedDict.
    OrderedDict,
    /// Items and factory of a defaultdict.
    DefaultDict,
    /// Elements of a set or frozenset.
    Set,
    /// Elements of a deque.
    Deque,
    /// Text.
    Str,
    /// Bytes.
    Bytes,
    /// Bytes of a bytearray.
    ByteArray,
    /// An int.
    Int,
    /// A float.
    Float,
    /// A complex number.
    Complex,
}

/// Where instances keep their attribute dictionary.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DictPlace {
    /// They have none.
    None,
    /// Before the object, by the version's scheme.
    Managed,
    /// At `tp_dictoffset`.
    Offset,
}

/// What is known of a type.
#[derive(Clone)]
pub struct TypeInfo {
    /// What instances are in the trace.
    pub kind: Kind,
    /// Whether the kind alone says which class it is.
    pub exact: bool,
    /// What a built-in base stores.
    pub payload: Payload,
    /// What a C type of the standard library stores.
    pub library: Library,
    /// Where the attributes are.
    pub dict: DictPlace,
    /// Names and offsets of the slots.
    pub slots: Vec<(Obj, isize)>,
}

/// What is known of each type, by its address.
#[derive(Default)]
pub struct Types {
    places: FxHashMap<usize, usize>,
    infos: Vec<TypeInfo>,
    unused: Vec<usize>,
    /// The type asked for last and where its info is; 0: none.
    last: (usize, usize),
}

impl Types {
    #[inline]
    fn find(&mut self, typ: usize) -> Option<usize> {
        if self.last.0 == typ {
            return Some(self.last.1);
        }
        let at = *self.places.get(&typ)?;
        self.last = (typ, at);
        Some(at)
    }

    #[cold]
    fn add(&mut self, typ: usize, info: TypeInfo) -> usize {
        let at = match self.unused.pop() {
            Some(at) => {
                self.infos[at] = info;
                at
            }
            None => {
                self.infos.push(info);
                self.infos.len() - 1
            }
        };
        self.places.insert(typ, at);
        at
    }

    /// Forgets a type, if there was one at the address.
    pub fn remove(&mut self, typ: usize) {
        if let Some(at) = self.places.remove(&typ) {
            self.unused.push(at);
            self.last = (0, 0);
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// `tp_dealloc` of all classes that are defined in Python.
static SUBTYPE_DEALLOC: AtomicUsize = AtomicUsize::new(0);

/// Learns what tells a class defined in Python from one defined in C.
///
/// # Safety
/// The GIL must be held.
pub unsafe fn install(heap: &mut Heap) {
    // SAFETY: the caller's promise; borrowed references of `sys`, used at once.
    unsafe {
        let spec = ffi::PySys_GetObject(c"__spec__".as_ptr());
        if !spec.is_null() {
            let dealloc = (*ffi::Py_TYPE(spec)).tp_dealloc;
            SUBTYPE_DEALLOC.store(dealloc.map_or(0, |f| f as usize), Ordering::Relaxed);
        }
        let names = ffi::PySys_GetObject(c"stdlib_module_names".as_ptr());
        if !names.is_null() {
            for name in set_items(names) {
                if ffi::Py_TYPE(name) == &raw mut ffi::PyUnicode_Type {
                    heap.stdlib.insert(utf8(name));
                }
            }
        }
    }
}

/// Whether the type was made by a class statement (or a call of `type`).
///
/// # Safety
/// `typ` must be alive.
pub unsafe fn is_python_class(typ: Typ) -> bool {
    // SAFETY: the caller's promise.
    let dealloc = unsafe { (*typ).tp_dealloc }.map_or(0, |f| f as usize);
    dealloc != 0 && dealloc == SUBTYPE_DEALLOC.load(Ordering::Relaxed)
}

/// The elements of a set or frozenset in the order of its table.
///
/// # Safety
/// `set` must be alive.
pub unsafe fn set_items(set: Obj) -> Vec<Obj> {
    unsafe extern "C" {
        static mut _PySet_Dummy: Obj;
    }
    // SAFETY: the caller's promise; an entry is a key and its hash.
    unsafe {
        let mask = rd::<isize>(set, 32) as usize;
        let used = rd::<isize>(set, 24) as usize;
        let table: *const [Obj; 2] = rd(set, 40);
        let dummy = std::ptr::read(&raw const _PySet_Dummy);
        let mut items = Vec::with_capacity(used);
        for at in 0..=mask {
            let key = (*table.add(at))[0];
            if !key.is_null() && key != dummy {
                items.push(key);
            }
        }
        items
    }
}

/// The name that C gave the type.
///
/// # Safety
/// `typ` must be alive.
pub unsafe fn c_name<'a>(typ: Typ) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe {
        let name = (*typ).tp_name;
        if name.is_null() { b"?" } else { CStr::from_ptr(name).to_bytes() }
    }
}

/// `__module__` and `__qualname__` of a class, without attribute access.
///
/// # Safety
/// `typ` must be alive; the GIL must be held.
pub unsafe fn class_names(typ: Typ) -> (Option<Vec<u8>>, Vec<u8>) {
    // SAFETY: the caller's promise.
    unsafe {
        let text = |value: Obj| {
            (!value.is_null() && obj::flags(ffi::Py_TYPE(value)) & obj::UNICODE_SUBCLASS != 0)
                .then(|| utf8(value))
        };
        if obj::flags(typ) & obj::HEAPTYPE != 0 {
            let dict = obj::type_dict(typ);
            let module =
                if dict.is_null() { None } else { text(obj::dict_find(dict, b"__module__")) };
            return (module, text(rd(typ.cast(), obj::HT_QUALNAME)).unwrap_or_default());
        }
        let name = c_name(typ);
        match name.iter().rposition(|byte| *byte == b'.') {
            Some(dot) => (Some(name[..dot].to_vec()), name[dot + 1..].to_vec()),
            None => (Some(b"builtins".to_vec()), name.to_vec()),
        }
    }
}

impl Heap {
    /// Whether a module of this name belongs to the program (or a library), not to Python.
    #[must_use]
    pub fn is_user_module(&self, name: &[u8]) -> bool {
        let top = name.split(|byte| *byte == b'.').next().unwrap_or_default();
        !self.stdlib.contains(top)
    }

    /// What is known of a type.
    ///
    /// # Safety
    /// `typ` must be alive; the GIL must be held.
    pub unsafe fn type_info(&mut self, typ: Typ) -> &TypeInfo {
        let at = match self.types.find(typ as usize) {
            Some(at) => at,
            None => {
                self.new_types.push(typ);
                // SAFETY: the caller's promise.
                unsafe {
                    // Of a class that is not known otherwise, too, as it may die any time.
                    if obj::flags(typ) & obj::HEAPTYPE != 0 {
                        self.watch(typ.cast(), TYPED);
                    }
                    self.types.add(typ as usize, classify(typ))
                }
            }
        };
        &self.types.infos[at]
    }
}

unsafe fn exact_kind(typ: Typ) -> Option<Kind> {
    let statics: [(Typ, Kind); 33] = [
        (&raw mut ffi::PyList_Type, Kind::List),
        (&raw mut ffi::PyTuple_Type, Kind::Tuple),
        (&raw mut ffi::PyDict_Type, Kind::Dict),
        (&raw mut ffi::PySet_Type, Kind::Set),
        (&raw mut ffi::PyFrozenSet_Type, Kind::FrozenSet),
        (&raw mut ffi::PyByteArray_Type, Kind::ByteArray),
        (&raw mut ffi::PyUnicode_Type, Kind::Str),
        (&raw mut ffi::PyBytes_Type, Kind::Bytes),
        (&raw mut ffi::PyLong_Type, Kind::Int),
        (&raw mut PyFunction_Type, Kind::Function),
        (&raw mut PyMethod_Type, Kind::Method),
        (&raw mut PyCell_Type, Kind::Cell),
        (&raw mut ffi::PyType_Type, Kind::Class),
        (&raw mut ffi::PyModule_Type, Kind::Module),
        (&raw mut ffi::PyCFunction_Type, Kind::Builtin),
        (&raw mut PyCMethod_Type, Kind::Builtin),
        (&raw mut _PyWeakref_RefType, Kind::WeakRef),
        (&raw mut ffi::PySlice_Type, Kind::Slice),
        (&raw mut ffi::PyRange_Type, Kind::Range),
        (&raw mut PyODict_Type, Kind::OrderedDict),
        (&raw mut ffi::PyMemoryView_Type, Kind::MemoryView),
        (&raw mut PyStaticMethod_Type, Kind::StaticMethod),
        (&raw mut PyClassMethod_Type, Kind::ClassMethod),
        (&raw mut ffi::PyProperty_Type, Kind::Property),
        (&raw mut ffi::PyDictProxy_Type, Kind::MappingProxy),
        (&raw mut ffi::PyCode_Type, Kind::Code),
        (&raw mut ffi::PyFrame_Type, Kind::Frame),
        (&raw mut ffi::PyTraceBack_Type, Kind::Traceback),
        (&raw mut ffi::PyGen_Type, Kind::Generator),
        (&raw mut PyCoro_Type, Kind::Generator),
        (&raw mut PyAsyncGen_Type, Kind::Generator),
        (&raw mut ffi::PyBaseObject_Type, Kind::Instance),
        (&raw mut ffi::PySuper_Type, Kind::Opaque),
    ];
    statics.iter().find(|(known, _)| *known == typ).map(|(_, kind)| *kind)
}

/// Types of C modules that may not be imported yet, by the name that C gave them.
fn named_kind(name: &[u8]) -> Option<Kind> {
    Some(match name {
        b"collections.deque" => Kind::Deque,
        b"collections.defaultdict" => Kind::DefaultDict,
        b"array.array" => Kind::Array,
        b"functools.partial" => Kind::Partial,
        // 3.13 does not export the type.
        b"types.SimpleNamespace" => Kind::SimpleNamespace,
        b"datetime.datetime" | b"datetime.date" | b"datetime.time" | b"datetime.timedelta" => {
            Kind::DateTime
        }
        _ => return None,
    })
}

unsafe fn classify(typ: Typ) -> TypeInfo {
    // SAFETY: `type_info`'s caller promises that the type lives.
    unsafe {
        let flags = obj::flags(typ);
        let mut info = TypeInfo {
            kind: Kind::Opaque,
            exact: false,
            payload: payload(typ),
            library: Library::of(typ),
            dict: DictPlace::None,
            slots: Vec::new(),
        };
        info.dict = if flags & obj::MANAGED_DICT != 0 {
            DictPlace::Managed
        } else if (*typ).tp_dictoffset != 0 {
            DictPlace::Offset
        } else {
            DictPlace::None
        };
        let python = is_python_class(typ);
        if let Some(kind) = exact_kind(typ) {
            info.kind = kind;
            info.exact = !matches!(kind, Kind::Generator | Kind::Instance | Kind::Opaque);
        } else if flags & obj::TYPE_SUBCLASS != 0 {
            info.kind = Kind::Class;
        } else if flags & obj::BASE_EXC_SUBCLASS != 0 {
            info.kind = Kind::Exception;
        } else if python {
            info.kind = Kind::Instance;
        } else if let Some(kind) = named_kind(c_name(typ)) {
            info.kind = kind;
            info.exact = kind != Kind::DateTime;
        } else if info.payload != Payload::None {
            info.kind = Kind::Instance;
        }
        if python {
            info.slots = slots(typ);
        }
        info
    }
}

/// The built-in class whose contents an instance has, by the MRO.
///
/// # Safety
/// `typ` must be alive.
pub unsafe fn payload(typ: Typ) -> Payload {
    // SAFETY: the caller's promise.
    unsafe {
        let mro = (*typ).tp_mro;
        if mro.is_null() {
            return Payload::None;
        }
        for base in obj::tuple_items(mro) {
            let base: Typ = base.cast();
            if let Some(found) = own_payload(base) {
                return found;
            }
        }
        Payload::None
    }
}

unsafe fn own_payload(base: Typ) -> Option<Payload> {
    let table: [(Typ, Payload); 12] = [
        (&raw mut ffi::PyList_Type, Payload::List),
        (&raw mut ffi::PyTuple_Type, Payload::Tuple),
        (&raw mut ffi::PyDict_Type, Payload::Dict),
        (&raw mut PyODict_Type, Payload::OrderedDict),
        (&raw mut ffi::PySet_Type, Payload::Set),
        (&raw mut ffi::PyFrozenSet_Type, Payload::Set),
        (&raw mut ffi::PyUnicode_Type, Payload::Str),
        (&raw mut ffi::PyBytes_Type, Payload::Bytes),
        (&raw mut ffi::PyByteArray_Type, Payload::ByteArray),
        (&raw mut ffi::PyLong_Type, Payload::Int),
        (&raw mut ffi::PyFloat_Type, Payload::Float),
        (&raw mut ffi::PyComplex_Type, Payload::Complex),
    ];
    if let Some((_, payload)) = table.iter().find(|(known, _)| *known == base) {
        return Some(*payload);
    }
    // SAFETY: an entry of an MRO is a live type.
    unsafe {
        if is_python_class(base) {
            return None;
        }
        match c_name(base) {
            b"collections.deque" => Some(Payload::Deque),
            b"collections.defaultdict" => Some(Payload::DefaultDict),
            _ => None,
        }
    }
}

/// Slots that class statements made: `Py_T_OBJECT_EX` members of the classes of the MRO.
unsafe fn slots(typ: Typ) -> Vec<(Obj, isize)> {
    const T_OBJECT_EX: i32 = 16;
    let mut found = Vec::new();
    // SAFETY: `type_info`'s caller promises that the type lives.
    unsafe {
        let mro = (*typ).tp_mro;
        if mro.is_null() {
            return found;
        }
        for base in obj::tuple_items(mro) {
            let base: Typ = base.cast();
            if !is_python_class(base) {
                continue;
            }
            let dict = obj::type_dict(base);
            if dict.is_null() {
                continue;
            }
            for (_, value) in DictIter::new(dict) {
                if ffi::Py_TYPE(value) == &raw mut ffi::PyMemberDescr_Type {
                    let descr = value.cast::<ffi::PyMemberDescrObject>();
                    let member = (*descr).d_member;
                    if (*descr).d_common.d_type == base && (*member).type_code == T_OBJECT_EX {
                        found.push(((*descr).d_common.d_name, (*member).offset));
                    }
                }
            }
        }
    }
    found
}

/// Whether a class is the program's own: then its namespace is part of the trace.
///
/// # Safety
/// `typ` must be alive; the GIL must be held.
pub unsafe fn is_user_class(heap: &Heap, typ: Typ) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        if obj::flags(typ) & obj::HEAPTYPE == 0 {
            return false;
        }
        let dict = obj::type_dict(typ);
        if dict.is_null() {
            return false;
        }
        let module = obj::dict_find(dict, b"__module__");
        if module.is_null() || ffi::Py_TYPE(module) != &raw mut ffi::PyUnicode_Type {
            return false;
        }
        match obj::chars(module) {
            Chars::Ascii(name) => heap.is_user_module(name),
            _ => true,
        }
    }
}
