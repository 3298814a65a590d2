//! Layouts of CPython's objects, read raw: no reference is taken and no program code runs.
//!
//! The offsets were read off the headers with `offsetof` on 3.11.7, 3.12.1 and 3.13.0; they do
//! not change within a minor version. Only structs that `pyo3-ffi` keeps opaque are here.
#![allow(unsafe_code)]

use pyo3_ffi::{Py_TYPE, PyObject, PyTypeObject};

/// A borrowed Python object.
pub type Obj = *mut PyObject;
/// A borrowed type object.
pub type Typ = *mut PyTypeObject;

/// Offset of `ob_size`.
pub const OB_SIZE: isize = 16;
/// Offset of the size-and-sign word (3.12+) or of the signed digit count (3.11) of an int.
pub const LONG_TAG: isize = 16;
/// Offset of an int's 30-bit digits.
pub const LONG_DIGITS: isize = 24;
/// Offset of a str's length in characters.
pub const STR_LENGTH: isize = 16;
/// Offset of the bit field with kind (bits 2-4), compact (5) and ascii (6).
pub const STR_STATE: isize = 32;
/// Size of the header of a compact ASCII str.
pub const STR_ASCII: isize = if cfg!(Py_3_12) { 40 } else { 48 };
/// Size of the header of any other compact str; also where a subclass's data pointer lies.
pub const STR_COMPACT: isize = if cfg!(Py_3_12) { 56 } else { 72 };
/// Offset of the bytes of a bytes object.
pub const BYTES_DATA: isize = 32;
/// Offset of a bytearray's start pointer.
pub const BYTEARRAY_START: isize = 40;
/// Offset of a list's item array pointer, and of a tuple's first item.
pub const ITEMS: isize = 24;
/// Offset of a dict's count of items.
pub const DICT_USED: isize = 16;
/// Offset of a dict's version, which every change renews.
pub const DICT_VERSION: isize = 24;
/// Offset of a dict's keys.
pub const DICT_KEYS: isize = 32;
/// Offset of a split dict's values.
pub const DICT_VALUES: isize = 40;
/// Size of a dict; where an OrderedDict's or defaultdict's own fields begin.
pub const DICT_SIZE: isize = 48;
/// Offset of a generator's name.
pub const GEN_NAME: isize = if cfg!(Py_3_12) { 24 } else { 32 };
/// Offset of a generator's qualified name.
pub const GEN_QUALNAME: isize = GEN_NAME + 8;
/// Offsets of a code object's fields.
pub mod code {
    /// `co_flags`.
    pub const FLAGS: isize = 48;
    /// `co_argcount`.
    pub const ARGCOUNT: isize = if cfg!(Py_3_12) { 52 } else { 56 };
    /// `co_firstlineno`.
    pub const FIRSTLINENO: isize = if cfg!(Py_3_12) { 68 } else { 72 };
    /// `co_localsplusnames`.
    pub const NAMES: isize = 96;
    /// `co_localspluskinds`.
    pub const KINDS: isize = 104;
    /// `co_filename`.
    pub const FILENAME: isize = 112;
    /// `co_name`.
    pub const NAME: isize = 120;
    /// `co_qualname`.
    pub const QUALNAME: isize = 128;
}
/// Type flag: the instance dictionary lies before the object.
pub const MANAGED_DICT: u64 = 1 << 4;
/// Type flag: the weak reference list lies before the object (3.12+).
pub const MANAGED_WEAKREF: u64 = 1 << 3;
/// Type flag (3.13): attribute values lie right behind the object.
pub const INLINE_VALUES: u64 = 1 << 2;
/// Type flag: created at run time.
pub const HEAPTYPE: u64 = 1 << 9;
/// Type flag: has a garbage collector header.
pub const HAVE_GC: u64 = 1 << 14;
/// Type flag: `list` or a subclass of it.
pub const LIST_SUBCLASS: u64 = 1 << 25;
/// Type flag: `tuple` or a subclass of it.
pub const TUPLE_SUBCLASS: u64 = 1 << 26;
/// Type flag: `bytes` or a subclass of it.
pub const BYTES_SUBCLASS: u64 = 1 << 27;
/// Type flag: `str` or a subclass of it.
pub const UNICODE_SUBCLASS: u64 = 1 << 28;
/// Type flag: `BaseException` or a subclass of it.
pub const BASE_EXC_SUBCLASS: u64 = 1 << 30;
/// Type flag: `type` or a subclass of it.
pub const TYPE_SUBCLASS: u64 = 1 << 31;

/// Reads a field.
///
/// # Safety
/// `object` must be alive and have a `T` at `offset`.
#[inline(always)]
pub unsafe fn rd<T: Copy>(object: Obj, offset: isize) -> T {
    // SAFETY: the caller's promise.
    unsafe { object.cast::<u8>().offset(offset).cast::<T>().read() }
}

/// `tp_flags`.
///
/// # Safety
/// `typ` must be alive.
#[inline(always)]
pub unsafe fn flags(typ: Typ) -> u64 {
    // SAFETY: the caller's promise; the field has the width of C's long, 64 bits here.
    unsafe { (*typ).tp_flags }
}

/// How many bytes of the memory block lie before an object of type `typ`.
///
/// # Safety
/// `typ` must be alive.
#[inline(always)]
pub unsafe fn pre_size(typ: Typ) -> usize {
    // SAFETY: the caller's promise.
    let flags = unsafe { flags(typ) };
    let managed = if cfg!(Py_3_12) { MANAGED_DICT | MANAGED_WEAKREF } else { MANAGED_DICT };
    (if flags & HAVE_GC != 0 { 16 } else { 0 }) + (if flags & managed != 0 { 16 } else { 0 })
}

/// The items of a list as a slice.
///
/// # Safety
/// `list` must be alive; the slice must not be used after anything changes the list.
#[inline]
pub unsafe fn list_items<'a>(list: Obj) -> &'a [Obj] {
    // SAFETY: the caller's promise; while a list is being sorted its pointer is null, its size 0.
    unsafe {
        let size: isize = rd(list, OB_SIZE);
        let items: *const Obj = rd(list, ITEMS);
        if items.is_null() || size <= 0 {
            return &[];
        }
        std::slice::from_raw_parts(items, size as usize)
    }
}

/// The items of a tuple as a slice.
///
/// # Safety
/// `tuple` must be alive.
#[inline]
pub unsafe fn tuple_items<'a>(tuple: Obj) -> &'a [Obj] {
    // SAFETY: the caller's promise; the items lie in the object.
    unsafe {
        let size: isize = rd(tuple, OB_SIZE);
        std::slice::from_raw_parts(tuple.cast::<u8>().offset(ITEMS).cast::<Obj>(), size as usize)
    }
}

/// The characters of a str, in whichever width it stores them.
pub enum Chars<'a> {
    /// All below 128.
    Ascii(&'a [u8]),
    /// All below 256.
    Latin(&'a [u8]),
    /// All below 65,536.
    Two(&'a [u16]),
    /// Any.
    Four(&'a [u32]),
}

/// The characters of a str or of an instance of a subclass.
///
/// # Safety
/// `text` must be alive.
#[inline]
pub unsafe fn chars<'a>(text: Obj) -> Chars<'a> {
    // SAFETY: the caller's promise; the state bits say where the characters are.
    unsafe {
        let length = rd::<isize>(text, STR_LENGTH) as usize;
        let state: u32 = rd(text, STR_STATE);
        let (compact, ascii) = (state & 0x20 != 0, state & 0x40 != 0);
        let data: *const u8 = if !compact {
            rd(text, STR_COMPACT)
        } else {
            text.cast::<u8>().offset(if ascii { STR_ASCII } else { STR_COMPACT })
        };
        if length == 0 || data.is_null() {
            return Chars::Ascii(&[]);
        }
        match (state >> 2) & 7 {
            2 => Chars::Two(std::slice::from_raw_parts(data.cast(), length)),
            4 => Chars::Four(std::slice::from_raw_parts(data.cast(), length)),
            _ if ascii => Chars::Ascii(std::slice::from_raw_parts(data, length)),
            _ => Chars::Latin(std::slice::from_raw_parts(data, length)),
        }
    }
}

/// The sign (true: negative) and the 30-bit digits of an int.
///
/// # Safety
/// `int` must be alive and an int or an instance of a subclass.
#[inline]
pub unsafe fn digits<'a>(int: Obj) -> (bool, &'a [u32]) {
    // SAFETY: the caller's promise.
    unsafe {
        let tag: isize = rd(int, LONG_TAG);
        let (negative, count) = if cfg!(Py_3_12) {
            ((tag & 3) == 2, if tag & 3 == 1 { 0 } else { (tag as usize) >> 3 })
        } else {
            (tag < 0, tag.unsigned_abs())
        };
        let first = int.cast::<u8>().offset(LONG_DIGITS).cast::<u32>();
        (negative, std::slice::from_raw_parts(first, count))
    }
}

/// The bytes of a bytes object.
///
/// # Safety
/// `bytes` must be alive.
#[inline]
pub unsafe fn bytes_data<'a>(bytes: Obj) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe {
        let size = rd::<isize>(bytes, OB_SIZE) as usize;
        std::slice::from_raw_parts(bytes.cast::<u8>().offset(BYTES_DATA), size)
    }
}

/// The bytes of a bytearray.
///
/// # Safety
/// `array` must be alive; the slice must not outlive the next change.
#[inline]
pub unsafe fn bytearray_data<'a>(array: Obj) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe {
        let size = rd::<isize>(array, OB_SIZE) as usize;
        let start: *const u8 = rd(array, BYTEARRAY_START);
        if start.is_null() || size == 0 { &[] } else { std::slice::from_raw_parts(start, size) }
    }
}

/// Walks the entries of a dict's key table in order of insertion.
#[derive(Clone, Copy)]
pub struct DictIter {
    entries: *const u8,
    stride: usize,
    next: usize,
    end: usize,
    /// Values of a split table, else null.
    values: *const Obj,
    /// Order of a split table's values, read with step `order_step`; null for a combined table.
    order: *const u8,
    order_step: isize,
}

impl DictIter {
    /// The items of a dict (or of an instance of a subclass), without the subclass's own order.
    ///
    /// # Safety
    /// `dict` must be alive and must not change while the iterator is used.
    #[inline]
    pub unsafe fn new(dict: Obj) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let keys: *const u8 = rd(dict, DICT_KEYS);
            let values: *const u8 = rd(dict, DICT_VALUES);
            if values.is_null() { Self::combined(keys) } else { Self::split(keys, values) }
        }
    }

    unsafe fn combined(keys: *const u8) -> Self {
        // SAFETY: `keys` is a live PyDictKeysObject.
        unsafe {
            let index_bytes = 1usize << *keys.add(9);
            let kind = *keys.add(10);
            Self {
                entries: keys.add(32 + index_bytes),
                stride: if kind == 0 { 24 } else { 16 },
                next: 0,
                end: keys.add(24).cast::<isize>().read() as usize,
                values: std::ptr::null(),
                order: std::ptr::null(),
                order_step: 1,
            }
        }
    }

    /// The attributes in an instance's own value array with its class's shared keys.
    ///
    /// # Safety
    /// Both must be live parts of one object.
    #[inline]
    pub unsafe fn split(keys: *const u8, values: *const u8) -> Self {
        // SAFETY: the caller's promise; where size and order bytes lie differs by version.
        unsafe {
            let mut iter = Self::combined(keys);
            if cfg!(Py_3_13) {
                let capacity = *values as usize;
                iter.end = *values.add(1) as usize;
                iter.values = values.add(8).cast();
                iter.order = values.add(8 + capacity * 8);
                iter.order_step = 1;
            } else {
                iter.end = *values.sub(2) as usize;
                iter.values = values.cast();
                iter.order = values.sub(3);
                iter.order_step = -1;
            }
            iter
        }
    }

    /// Nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            entries: std::ptr::null(),
            stride: 16,
            next: 0,
            end: 0,
            values: std::ptr::null(),
            order: std::ptr::null(),
            order_step: 1,
        }
    }
}

impl Iterator for DictIter {
    type Item = (Obj, Obj);

    #[inline]
    fn next(&mut self) -> Option<(Obj, Obj)> {
        while self.next < self.end {
            let at = self.next;
            self.next += 1;
            // SAFETY: `new`'s caller keeps the dict alive and unchanged; `at` is below the count.
            unsafe {
                let (key, value): (Obj, Obj);
                if self.values.is_null() {
                    let entry = self.entries.add(at * self.stride).cast::<Obj>();
                    let skip = if self.stride == 24 { 1 } else { 0 };
                    key = *entry.add(skip);
                    value = *entry.add(skip + 1);
                } else {
                    let index = *self.order.offset(at as isize * self.order_step) as usize;
                    key = *self.entries.add(index * self.stride).cast::<Obj>();
                    value = *self.values.add(index);
                }
                if !key.is_null() && !value.is_null() {
                    return Some((key, value));
                }
            }
        }
        None
    }
}

/// Whether all keys of the dict are exact `str` (its table kind says so).
///
/// # Safety
/// `dict` must be alive.
#[inline]
pub unsafe fn dict_is_unicode(dict: Obj) -> bool {
    // SAFETY: the caller's promise.
    unsafe { *rd::<*const u8>(dict, DICT_KEYS).add(10) != 0 }
}

/// Whether any key that has this hash, in a table of keys of any type, is as `wanted` says.
///
/// # Safety
/// `dict` must be alive, and its table not one of `str` only.
pub unsafe fn dict_any_of_hash(
    dict: Obj,
    hash: isize,
    mut wanted: impl FnMut(Obj) -> bool,
) -> bool {
    const UNUSED: isize = -1;
    // SAFETY: the caller's promise; the probing is `lookdict`'s, and a table has an unused slot.
    unsafe {
        let keys: *const u8 = rd(dict, DICT_KEYS);
        let size = *keys.add(8);
        let indices = keys.add(32);
        let entries = indices.add(1 << *keys.add(9));
        let mask = (1usize << size) - 1;
        let mut perturb = hash as usize;
        let mut at = perturb & mask;
        loop {
            let index = match size {
                0..8 => indices.cast::<i8>().add(at).read() as isize,
                8..16 => indices.cast::<i16>().add(at).read() as isize,
                16..32 => indices.cast::<i32>().add(at).read() as isize,
                _ => indices.cast::<i64>().add(at).read() as isize,
            };
            if index == UNUSED {
                return false;
            }
            if index >= 0 {
                let entry = entries.add(index as usize * 24);
                let key = entry.add(8).cast::<Obj>().read();
                if entry.cast::<isize>().read() == hash && !key.is_null() && wanted(key) {
                    return true;
                }
            }
            perturb >>= 5;
            at = at.wrapping_mul(5).wrapping_add(perturb + 1) & mask;
        }
    }
}

/// Number of items of a dict.
///
/// # Safety
/// `dict` must be alive.
#[inline]
pub unsafe fn dict_len(dict: Obj) -> usize {
    // SAFETY: the caller's promise.
    unsafe { rd::<isize>(dict, DICT_USED) as usize }
}

/// Where an instance of a class with a managed dictionary has its attributes.
pub enum Managed {
    /// No dictionary and no values.
    None,
    /// In its own array, with the class's shared keys.
    Values(DictIter),
    /// In a dictionary object.
    Dict(Obj),
}

/// The attributes of an instance whose type has [`MANAGED_DICT`].
///
/// # Safety
/// `object` must be alive and of type `typ`.
#[inline]
pub unsafe fn managed(object: Obj, typ: Typ) -> Managed {
    // SAFETY: the caller's promise; the places are those of the version.
    unsafe {
        let keys: *const u8 = rd(typ.cast(), HT_CACHED_KEYS);
        if cfg!(Py_3_13) {
            let dict: Obj = rd(object, -24);
            if !dict.is_null() {
                return Managed::Dict(dict);
            }
            if flags(typ) & INLINE_VALUES == 0 || keys.is_null() {
                return Managed::None;
            }
            let values = object.cast::<u8>().add(16);
            // `valid` is cleared once a dictionary has taken the values over.
            if *values.add(3) == 0 {
                return Managed::None;
            }
            Managed::Values(DictIter::split(keys, values))
        } else if cfg!(Py_3_12) {
            let word: usize = rd(object, -24);
            if word & 1 == 0 {
                return if word == 0 { Managed::None } else { Managed::Dict(word as Obj) };
            }
            let values = (word + 1) as *const u8;
            if keys.is_null() || values.is_null() {
                return Managed::None;
            }
            Managed::Values(DictIter::split(keys, values))
        } else {
            let values: *const u8 = rd(object, -32);
            if !values.is_null() && !keys.is_null() {
                return Managed::Values(DictIter::split(keys, values));
            }
            let dict: Obj = rd(object, -24);
            if dict.is_null() { Managed::None } else { Managed::Dict(dict) }
        }
    }
}

/// Offset of `ht_qualname`.
pub const HT_QUALNAME: isize = if cfg!(Py_3_12) { 872 } else { 864 };
/// Offset of `ht_cached_keys`.
pub const HT_CACHED_KEYS: isize = if cfg!(Py_3_12) { 880 } else { 872 };

/// The dictionary of a type; null if it has none yet. Borrowed: it lives as long as the type.
///
/// # Safety
/// `typ` must be alive; the GIL must be held.
pub unsafe fn type_dict(typ: Typ) -> Obj {
    #[cfg(Py_3_12)]
    // SAFETY: the caller's promise; the type keeps its dictionary.
    unsafe {
        let dict = pyo3_ffi::PyType_GetDict(typ);
        if !dict.is_null() {
            pyo3_ffi::Py_DECREF(dict);
        }
        dict
    }
    #[cfg(not(Py_3_12))]
    // SAFETY: the caller's promise.
    unsafe {
        (*typ).tp_dict
    }
}

/// Whether `typ` has `base` in its MRO, by identity.
///
/// # Safety
/// Both must be alive.
pub unsafe fn is_subtype(typ: Typ, base: Typ) -> bool {
    // SAFETY: the caller's promise; a type's MRO is a tuple or, while it is made, null.
    unsafe {
        if typ == base {
            return true;
        }
        let mro = (*typ).tp_mro;
        if mro.is_null() {
            return false;
        }
        tuple_items(mro).iter().any(|entry| entry.cast::<PyTypeObject>() == base)
    }
}

/// Looks a text up in a dict with a str's exact contents, without hashing or comparing in Python.
///
/// # Safety
/// `dict` must be alive.
pub unsafe fn dict_find(dict: Obj, name: &[u8]) -> Obj {
    // SAFETY: the caller's promise; the iterator lives only here.
    unsafe {
        for (key, value) in DictIter::new(dict) {
            if Py_TYPE(key) == &raw mut pyo3_ffi::PyUnicode_Type
                && let Chars::Ascii(text) = chars(key)
                && text == name
            {
                return value;
            }
        }
        std::ptr::null_mut()
    }
}
