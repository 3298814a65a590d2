//! Which function pointers are replaced: once for the built-in types, and for types of C
//! modules when an object of them is first seen.
#![allow(unsafe_code)]

#[cfg(Py_3_13)]
use super::frame_locals;
use super::wrap::{Call, Hook, Shape, replace, replacement};
use super::{attr, bytes, cfuncs, deque, futures, list, reread, reread_always, set};
use crate::cpython::aside::Aside;
use crate::cpython::objects::{self as obj, DictIter, Obj, Typ, rd};
use crate::rec::Recorder;
use pyo3_ffi as ffi;
use std::mem::offset_of;

unsafe extern "C" {
    static mut PyContext_Type: ffi::PyTypeObject;
    static mut PyContextVar_Type: ffi::PyTypeObject;
    #[cfg(Py_3_13)]
    static mut PyFrameLocalsProxy_Type: ffi::PyTypeObject;
}

/// The shape of a method by its flags.
fn shape(flags: i32) -> Option<Shape> {
    let kinds = ffi::METH_VARARGS
        | ffi::METH_KEYWORDS
        | ffi::METH_NOARGS
        | ffi::METH_O
        | ffi::METH_FASTCALL
        | ffi::METH_METHOD;
    Some(match flags & kinds {
        f if f == ffi::METH_VARARGS || f == ffi::METH_NOARGS || f == ffi::METH_O => Shape::Two,
        f if f == ffi::METH_VARARGS | ffi::METH_KEYWORDS => Shape::Three,
        f if f == ffi::METH_FASTCALL => Shape::Three,
        f if f == ffi::METH_FASTCALL | ffi::METH_KEYWORDS => Shape::Four,
        f if f == ffi::METH_METHOD | ffi::METH_FASTCALL | ffi::METH_KEYWORDS => Shape::Five,
        _ => return None,
    })
}

/// Replaces the function of a method definition.
///
/// # Safety
/// `def` must be a live method definition.
pub unsafe fn replace_method(def: *mut ffi::PyMethodDef, hook: Hook) {
    // SAFETY: the caller's promise; the pointer's type follows from the flags.
    unsafe {
        if let Some(shape) = shape((*def).ml_flags) {
            replace((&raw mut (*def).ml_meth).cast(), shape, hook);
        }
    }
}

unsafe fn methods(typ: Typ, hooks: &[(&[u8], Hook)]) {
    // SAFETY: the caller gives a live type.
    unsafe {
        let dict = obj::type_dict(typ);
        if dict.is_null() {
            return;
        }
        for (name, hook) in hooks {
            let descr = obj::dict_find(dict, name);
            if !descr.is_null() && ffi::Py_TYPE(descr) == &raw mut ffi::PyMethodDescr_Type {
                replace_method(rd(descr, 40), *hook);
            }
        }
    }
}

/// A slot: where its table is in the type (0: in the type itself), where in the table.
#[derive(Clone, Copy)]
struct Place(usize, usize);

const SEQ: usize = offset_of!(ffi::PyTypeObject, tp_as_sequence);
const MAP: usize = offset_of!(ffi::PyTypeObject, tp_as_mapping);
const NUM: usize = offset_of!(ffi::PyTypeObject, tp_as_number);
const SEQ_ASS_ITEM: Place = Place(SEQ, offset_of!(ffi::PySequenceMethods, sq_ass_item));
const SEQ_CONCAT: Place = Place(SEQ, offset_of!(ffi::PySequenceMethods, sq_inplace_concat));
const SEQ_REPEAT: Place = Place(SEQ, offset_of!(ffi::PySequenceMethods, sq_inplace_repeat));
const MAP_ASS: Place = Place(MAP, offset_of!(ffi::PyMappingMethods, mp_ass_subscript));
// A class inherits `deque.__iadd__` and `__imul__` as operators of numbers, too.
const NUM_ADD: Place = Place(NUM, offset_of!(ffi::PyNumberMethods, nb_inplace_add));
const NUM_MUL: Place = Place(NUM, offset_of!(ffi::PyNumberMethods, nb_inplace_multiply));
const NUM_OR: Place = Place(NUM, offset_of!(ffi::PyNumberMethods, nb_inplace_or));
const NUM_AND: Place = Place(NUM, offset_of!(ffi::PyNumberMethods, nb_inplace_and));
const NUM_SUB: Place = Place(NUM, offset_of!(ffi::PyNumberMethods, nb_inplace_subtract));
const NUM_XOR: Place = Place(NUM, offset_of!(ffi::PyNumberMethods, nb_inplace_xor));
const INIT: Place = Place(0, offset_of!(ffi::PyTypeObject, tp_init));
const SETATTRO: Place = Place(0, offset_of!(ffi::PyTypeObject, tp_setattro));
const DESCR_SET: Place = Place(0, offset_of!(ffi::PyTypeObject, tp_descr_set));
const PLACES: [Place; 13] = [
    SEQ_ASS_ITEM,
    SEQ_CONCAT,
    SEQ_REPEAT,
    MAP_ASS,
    NUM_ADD,
    NUM_MUL,
    NUM_OR,
    NUM_AND,
    NUM_SUB,
    NUM_XOR,
    INIT,
    SETATTRO,
    DESCR_SET,
];

impl Place {
    fn shape(self) -> Shape {
        let slots = [SEQ_ASS_ITEM, MAP_ASS, INIT, SETATTRO, DESCR_SET];
        if slots.iter().any(|p| p.0 == self.0 && p.1 == self.1) { Shape::Slot } else { Shape::Two }
    }

    unsafe fn of(self, typ: Typ) -> *mut usize {
        // SAFETY: the caller gives a live type; its tables are of the types named above.
        unsafe {
            let base = typ.cast::<u8>();
            let table = if self.0 == 0 { base } else { *base.add(self.0).cast::<*mut u8>() };
            if table.is_null() { std::ptr::null_mut() } else { table.add(self.1).cast() }
        }
    }
}

/// Replacements of slots, by what was there.
#[derive(Default)]
struct Swap(Vec<(usize, usize)>);

impl Swap {
    unsafe fn add(&mut self, typ: Typ, place: Place, hook: Hook) {
        // SAFETY: the caller gives a live type.
        let old = unsafe {
            let at = place.of(typ);
            if at.is_null() { 0 } else { *at }
        };
        if old != 0 {
            let new = replacement(old, place.shape(), hook);
            if new != 0 && new != old {
                self.0.push((old, new));
            }
        }
    }

    fn new_of(&self, old: usize) -> Option<usize> {
        self.0.iter().find(|(known, _)| *known == old).map(|(_, new)| *new)
    }

    /// Replaces in one type: its slots, and what its slot wrappers call.
    unsafe fn apply(&self, typ: Typ) {
        // SAFETY: the caller gives a live type.
        unsafe {
            let mut changed = false;
            for place in PLACES {
                let at = place.of(typ);
                if !at.is_null()
                    && let Some(new) = self.new_of(*at)
                {
                    *at = new;
                    changed = true;
                }
            }
            let dict = obj::type_dict(typ);
            if !dict.is_null() {
                for (_, value) in DictIter::new(dict) {
                    if ffi::Py_TYPE(value) == &raw mut ffi::PyWrapperDescr_Type {
                        let descr = value.cast::<ffi::PyWrapperDescrObject>();
                        if let Some(new) = self.new_of((*descr).d_wrapped as usize) {
                            (*descr).d_wrapped = new as *mut _;
                        }
                    }
                }
            }
            if changed {
                // What call sites have learnt of the type holds no more.
                ffi::PyType_Modified(typ);
            }
        }
    }
}

/// All types that exist, by the interpreter's own lists of subclasses.
unsafe fn all_types() -> Vec<Typ> {
    // SAFETY: called under the GIL; the types stay alive, as no code of the program runs.
    unsafe {
        // An exception may be on its way, and the lists must not bring about a collection.
        let _aside = Aside::begin();
        let object: Typ = &raw mut ffi::PyBaseObject_Type;
        let mut found = vec![object];
        // The lists that are made here are no allocations of the program's.
        let recorded = crate::values::pause_allocations();
        let dict = obj::type_dict(&raw mut ffi::PyType_Type);
        let subclasses = obj::dict_find(dict, b"__subclasses__");
        let mut at = 0;
        while at < found.len() && !subclasses.is_null() {
            let result = ffi::PyObject_CallFunctionObjArgs(
                subclasses,
                found[at].cast::<ffi::PyObject>(),
                std::ptr::null_mut::<ffi::PyObject>(),
            );
            at += 1;
            if result.is_null() {
                ffi::PyErr_Clear();
                continue;
            }
            for typ in obj::list_items(result) {
                if !found.contains(&typ.cast()) {
                    found.push(typ.cast());
                }
            }
            ffi::Py_DECREF(result);
        }
        crate::values::record_allocations(recorded);
        found
    }
}

const LIST: &[(&[u8], Hook)] = &[
    (b"append", list::append),
    (b"insert", list::insert),
    (b"pop", list::pop),
    (b"clear", list::clear),
    (b"remove", list::remove),
    (b"extend", list::extend),
    (b"sort", reread_always),
    (b"reverse", reread_always),
];

const SET: &[(&[u8], Hook)] = &[
    (b"add", set::add),
    (b"remove", set::remove),
    (b"discard", set::remove),
    (b"pop", set::pop),
    (b"clear", set::clear),
    (b"update", set::update),
    (b"difference_update", reread),
    (b"intersection_update", reread_always),
    (b"symmetric_difference_update", reread_always),
];

const BYTEARRAY: &[(&[u8], Hook)] = &[
    (b"append", bytes::append),
    (b"extend", bytes::append),
    (b"insert", bytes::any),
    (b"pop", bytes::any),
    (b"remove", bytes::any),
    (b"reverse", bytes::any),
    (b"clear", bytes::any),
];

const DEQUE: &[(&[u8], Hook)] = &[
    (b"append", deque::append),
    (b"appendleft", deque::appendleft),
    (b"pop", deque::pop),
    (b"popleft", deque::popleft),
    (b"clear", deque::clear),
    (b"extend", reread_always),
    (b"extendleft", reread_always),
    (b"rotate", reread_always),
    (b"insert", reread_always),
    (b"remove", reread_always),
    (b"reverse", reread_always),
];

const ARRAY: &[(&[u8], Hook)] = &[
    (b"append", bytes::any),
    (b"extend", bytes::any),
    (b"insert", bytes::any),
    (b"pop", bytes::any),
    (b"remove", bytes::any),
    (b"reverse", bytes::any),
    (b"clear", bytes::any),
    (b"byteswap", bytes::any),
    (b"frombytes", bytes::any),
    (b"fromfile", bytes::any),
    (b"fromlist", bytes::any),
    (b"fromunicode", bytes::any),
];

const VIEW: &[(&[u8], Hook)] = &[(b"release", bytes::release), (b"__exit__", bytes::release)];

/// `code.__sizeof__`: what hangs on a code object for the recorder is not the program's.
unsafe fn code_size(_: *mut Recorder, call: &Call) -> usize {
    /// A count and one pointer.
    const EXTRA: usize = 2 * size_of::<usize>();
    // SAFETY: the interpreter holds the operands during the call; the result is a new int.
    unsafe {
        let result = call.run();
        let extra: *const isize = rd(call.this(), crate::cpython::CODE_EXTRA as isize);
        if result == 0 || extra.is_null() || extra.read() != 1 {
            return result;
        }
        let size = ffi::PyLong_AsSize_t(result as *mut _);
        ffi::Py_DECREF(result as *mut _);
        ffi::PyLong_FromSize_t(size - EXTRA) as usize
    }
}

const CODE: &[(&[u8], Hook)] = &[(b"__sizeof__", code_size)];

const OBJECT: &[(&[u8], Hook)] = &[
    (b"__reduce_ex__", attr::dict_made),
    (b"__reduce__", attr::dict_made),
    (b"__getstate__", attr::dict_made),
];

/// Replaces what belongs to the built-in types, in them and in all types that exist.
///
/// # Errors
/// If the interpreter refuses a dict watcher.
///
/// # Safety
/// The GIL must be held.
pub unsafe fn install() -> Result<(), &'static str> {
    // SAFETY: the caller's promise.
    unsafe {
        #[cfg(Py_3_12)]
        super::dict::install()?;
        let list: Typ = &raw mut ffi::PyList_Type;
        let set: Typ = &raw mut ffi::PySet_Type;
        let bytearray: Typ = &raw mut ffi::PyByteArray_Type;
        let view: Typ = &raw mut ffi::PyMemoryView_Type;
        methods(list, LIST);
        methods(set, SET);
        methods(bytearray, BYTEARRAY);
        methods(view, VIEW);
        methods(&raw mut PyContext_Type, &[(b"run", futures::run as Hook)]);
        methods(&raw mut PyContextVar_Type, &[(b"reset", futures::reset as Hook)]);
        methods(&raw mut ffi::PyBaseObject_Type, OBJECT);
        methods(&raw mut ffi::PyCode_Type, CODE);
        let mut swap = Swap::default();
        swap.add(list, SEQ_ASS_ITEM, super::list::assign_item);
        swap.add(list, MAP_ASS, super::list::assign);
        swap.add(list, SEQ_CONCAT, super::list::extend);
        swap.add(list, SEQ_REPEAT, reread_always);
        swap.add(list, INIT, reread_always);
        swap.add(set, NUM_OR, super::set::update);
        for place in [NUM_AND, NUM_SUB, NUM_XOR, INIT] {
            swap.add(set, place, reread_always);
        }
        for place in [SEQ_ASS_ITEM, SEQ_REPEAT, INIT] {
            swap.add(bytearray, place, bytes::any);
        }
        swap.add(bytearray, MAP_ASS, bytes::assign);
        swap.add(bytearray, SEQ_CONCAT, bytes::append);
        swap.add(view, MAP_ASS, bytes::assign_view);
        swap.add(&raw mut ffi::PyBaseObject_Type, SETATTRO, attr::set);
        swap.add(&raw mut ffi::PyType_Type, SETATTRO, attr::set_class);
        swap.add(&raw mut ffi::PyMemberDescr_Type, DESCR_SET, attr::member_set);
        swap.add(&raw mut ffi::PyGetSetDescr_Type, DESCR_SET, attr::getset_set);
        #[cfg(Py_3_13)]
        swap.add(&raw mut PyFrameLocalsProxy_Type, MAP_ASS, frame_locals::assign);
        #[cfg(not(Py_3_12))]
        super::dict_slots::install(&mut |typ, which, hook| {
            let place = match which {
                super::dict_slots::Slot::Assign => MAP_ASS,
                super::dict_slots::Slot::Or => NUM_OR,
                super::dict_slots::Slot::Init => INIT,
            };
            swap.add(typ, place, hook);
        });
        let all = all_types();
        let os_error: Typ = ffi::PyExc_OSError.cast();
        for typ in &all {
            // A second `__init__` of an exception that is known. `OSError.__new__` looks whether
            // `tp_init` is its own: there only the method is replaced.
            let kind = obj::flags(*typ) & (obj::BASE_EXC_SUBCLASS | obj::HEAPTYPE);
            if kind == obj::BASE_EXC_SUBCLASS && !obj::is_subtype(*typ, os_error) {
                swap.add(*typ, INIT, reread_always);
            }
        }
        let init = obj::dict_find(obj::type_dict(os_error), b"__init__");
        if !init.is_null() && ffi::Py_TYPE(init) == &raw mut ffi::PyWrapperDescr_Type {
            let descr = init.cast::<ffi::PyWrapperDescrObject>();
            replace((&raw mut (*descr).d_wrapped).cast(), Shape::Slot, reread_always);
        }
        for typ in all {
            swap.apply(typ);
            see_type(typ);
        }
        for module in MODULES {
            see_module(module);
        }
        super::append_cache::disable()?;
    }
    Ok(())
}

/// Modules of C whose functions or types have to be replaced before anybody uses them: code of the
/// standard library does so with objects of the program, without these modules being seen.
const MODULES: [&[u8]; 10] = [
    b"_ctypes",
    b"itertools",
    b"_pickle",
    b"_heapq",
    b"_bisect",
    b"_struct",
    b"_socket",
    b"_io",
    b"fcntl",
    b"array",
];

/// A module is about to be imported.
///
/// # Safety
/// The GIL must be held.
pub unsafe fn expect(rec: *mut Recorder, name: &[u8]) {
    if let Some(name) = MODULES.into_iter().find(|module| *module == name) {
        // SAFETY: the recorder is alive.
        let heap = unsafe { &mut (*rec).heap };
        if !heap.awaited.contains(&name) {
            heap.awaited.push(name);
        }
        heap.dirty = true;
    }
}

/// Whether a module is there and not filled yet: the import system notes that in its spec.
unsafe fn is_loading(module: Obj) -> bool {
    // SAFETY: the caller gives a live module; its spec, if it is the usual one, is an instance.
    unsafe {
        let spec = obj::dict_find(ffi::PyModule_GetDict(module), b"__spec__");
        !spec.is_null() && crate::process::wrap::attribute(spec, b"_initializing") == ffi::Py_True()
    }
}

/// The namespace of the module of this name, null if it is not there or being imported.
///
/// # Safety
/// The GIL must be held.
pub unsafe fn loaded(name: &[u8]) -> Obj {
    // SAFETY: the caller's promise.
    unsafe {
        let module = crate::process::wrap::find_module(name);
        if module.is_null() || is_loading(module) {
            return std::ptr::null_mut();
        }
        ffi::PyModule_GetDict(module)
    }
}

/// Looks at a module. False as long as it is not there.
///
/// # Safety
/// The GIL must be held.
pub unsafe fn see_module(name: &[u8]) -> bool {
    // SAFETY: the caller's promise; the module's dict holds what is looked at.
    unsafe {
        let module = crate::process::wrap::find_module(name);
        if module.is_null() || is_loading(module) {
            return false;
        }
        cfuncs::see_module(module);
        for (_, value) in DictIter::new(ffi::PyModule_GetDict(module)) {
            if obj::flags(ffi::Py_TYPE(value)) & obj::TYPE_SUBCLASS != 0 {
                see_type(value.cast());
                see_type(ffi::Py_TYPE(value));
            }
        }
        true
    }
}

/// Replaces what belongs to a type that objects are seen of for the first time.
///
/// # Safety
/// `typ` must be alive; the GIL must be held.
pub unsafe fn see_type(typ: Typ) {
    // SAFETY: the caller's promise; the entries of an MRO are live types.
    unsafe {
        let mro = (*typ).tp_mro;
        if mro.is_null() {
            return;
        }
        // Types that are made ready after the start name the generic function themselves.
        let generic = ffi::PyObject_GenericSetAttr as *const () as usize;
        let mut swap = Swap::default();
        let new = replacement(generic, Shape::Slot, attr::set);
        if new != 0 {
            swap.0.push((generic, new));
        }
        for base in obj::tuple_items(mro) {
            let base: Typ = base.cast();
            see_class(base, &mut swap);
        }
        swap.apply(typ);
    }
}

unsafe fn see_class(typ: Typ, swap: &mut Swap) {
    // SAFETY: `see_type`'s caller.
    unsafe {
        let dict = obj::type_dict(typ);
        if dict.is_null() {
            return;
        }
        let getset = obj::dict_find(dict, b"__dict__");
        if !getset.is_null() && ffi::Py_TYPE(getset) == &raw mut ffi::PyGetSetDescr_Type {
            let def: *mut ffi::PyGetSetDef = rd(getset, 40);
            if typ != &raw mut ffi::PyType_Type {
                replace((&raw mut (*def).get).cast(), Shape::Two, attr::dict_made);
                replace((&raw mut (*def).set).cast(), Shape::Slot, attr::dict_set);
            }
        }
        if crate::values::types::is_python_class(typ) {
            // Or one that C made without a deallocator of its own.
            see_methods(dict);
            return;
        }
        match crate::values::types::c_name(typ) {
            b"collections.deque" => {
                methods(typ, DEQUE);
                swap.add(typ, SEQ_ASS_ITEM, deque::assign);
                swap.add(typ, SEQ_CONCAT, reread_always);
                swap.add(typ, SEQ_REPEAT, reread_always);
                swap.add(typ, INIT, reread_always);
                apply_all(typ, swap);
            }
            b"array.array" => {
                methods(typ, ARRAY);
                for place in [SEQ_ASS_ITEM, MAP_ASS, SEQ_CONCAT, SEQ_REPEAT] {
                    swap.add(typ, place, bytes::any);
                }
                apply_all(typ, swap);
            }
            b"types.SimpleNamespace" => {
                swap.add(typ, INIT, reread_always);
                apply_all(typ, swap);
            }
            b"_asyncio.Future" | b"_asyncio.Task" => {
                methods(typ, futures::METHODS);
                swap.add(typ, INIT, futures::method);
                apply_all(typ, swap);
                futures::see_steps(&all_types());
            }
            // Its shape can be set; its numbers are compared before every event.
            b"numpy.ndarray" => {
                methods(typ, &[(b"resize", reread_always as Hook)]);
                for name in [b"shape" as &[u8], b"strides", b"dtype"] {
                    let getset = obj::dict_find(dict, name);
                    if !getset.is_null() && ffi::Py_TYPE(getset) == &raw mut ffi::PyGetSetDescr_Type
                    {
                        let def: *mut ffi::PyGetSetDef = rd(getset, 40);
                        replace((&raw mut (*def).set).cast(), Shape::Slot, reread_always);
                    }
                }
            }
            name if super::tuples::refills(name) => {
                let next = Shape::Two;
                replace((&raw mut (*typ).tp_iternext).cast(), next, super::tuples::next);
                let wrapper = obj::dict_find(dict, b"__next__");
                if !wrapper.is_null() && ffi::Py_TYPE(wrapper) == &raw mut ffi::PyWrapperDescr_Type
                {
                    let descr = wrapper.cast::<ffi::PyWrapperDescrObject>();
                    replace((&raw mut (*descr).d_wrapped).cast(), next, super::tuples::next);
                }
            }
            b"collections.OrderedDict" => {
                methods(typ, &[(b"move_to_end", reread_always as Hook)]);
            }
            _ => see_methods(dict),
        }
    }
}

unsafe fn see_methods(dict: Obj) {
    // SAFETY: `see_type`'s caller; the dict is that of a live type.
    unsafe {
        for (_, value) in DictIter::new(dict) {
            if ffi::Py_TYPE(value) == &raw mut ffi::PyMethodDescr_Type {
                cfuncs::see_method(value);
            }
        }
    }
}

/// A C type's slots may already have been inherited by classes of the program.
unsafe fn apply_all(typ: Typ, swap: &Swap) {
    // SAFETY: `see_type`'s caller.
    unsafe {
        for other in all_types() {
            if obj::is_subtype(other, typ) {
                swap.apply(other);
            }
        }
    }
}
