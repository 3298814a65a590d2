//! Objects of C types of the standard library whose struct is known: what their attributes
//! would tell, read without asking them.
//!
//! Must not run code of the program; objects that are reached go on the list of work.
#![allow(unsafe_code)]

use super::arrays;
use super::buffers;
use super::contents::{Blob, Contents};
use super::heap::Heap;
use super::scalars::{Val, scan};
use super::types::{c_name, is_python_class};
use crate::cpython::aside::Aside;
use crate::cpython::library::{self as at, asyncio, context, decimal, re, time};
use crate::cpython::objects::{self as obj, Obj, Typ, rd};
use crate::guard::call_original;
use moviola_format::event::Reason;
use pyo3_ffi as ffi;
use std::ffi::{c_int, c_void};
use std::fmt::Write;

/// Which of the known C types an object is or derives from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// None of them.
    None,
    /// `decimal.Decimal`.
    Decimal,
    /// `datetime.date`, `time`, `datetime` or `timedelta`: the type that defines the struct.
    Date(Typ),
    /// `datetime.timezone`.
    TimeZone,
    /// `zoneinfo.ZoneInfo`.
    ZoneInfo,
    /// `re.Pattern`.
    Pattern,
    /// `re.Match`.
    Match,
    /// `contextvars.ContextVar`.
    ContextVar,
    /// `contextvars.Token`.
    Token,
    /// Keys, values or items of a dict.
    DictView,
    /// `list[int]`.
    Alias,
    /// `int | str`.
    Union,
    /// `asyncio.Future`.
    Future,
    /// `asyncio.Task`.
    Task,
    /// `numpy.ndarray`.
    NdArray,
    /// A number of numpy's, `type_num`.
    Number(u8),
    /// A type of pandas that gives what it holds by these attributes, which C code reads.
    Held(Typ, &'static [&'static str]),
    /// `pandas._libs.internals.BlockPlacement`.
    Placement,
}

/// Digits of a Decimal beyond which it is not recorded.
const MOST_DIGITS: isize = 100_000;

impl Library {
    /// What instances of a type are, by the C types in its MRO.
    ///
    /// # Safety
    /// `typ` must be alive.
    pub unsafe fn of(typ: Typ) -> Self {
        // SAFETY: the caller's promise; the entries of an MRO are live types.
        unsafe {
            let mro = (*typ).tp_mro;
            if mro.is_null() {
                return Self::None;
            }
            for base in obj::tuple_items(mro) {
                let base: Typ = base.cast();
                if is_python_class(base) {
                    continue;
                }
                let found = Self::named(c_name(base), base);
                if found != Self::None {
                    // The data of a subclass of ndarray may be another program's to guard.
                    return if found == Self::NdArray && base != typ { Self::None } else { found };
                }
            }
        }
        Self::None
    }

    /// By name and size: another module's type of the same name hardly has the same size.
    unsafe fn named(name: &[u8], typ: Typ) -> Self {
        let found = match name {
            b"decimal.Decimal" => Self::Decimal,
            b"datetime.date" | b"datetime.time" | b"datetime.datetime" | b"datetime.timedelta" => {
                return Self::Date(typ);
            }
            b"datetime.timezone" => Self::TimeZone,
            b"zoneinfo.ZoneInfo" => Self::ZoneInfo,
            b"re.Pattern" => Self::Pattern,
            b"re.Match" => Self::Match,
            b"_contextvars.ContextVar" => Self::ContextVar,
            b"_contextvars.Token" => Self::Token,
            b"dict_keys" | b"dict_values" | b"dict_items" | b"odict_keys" | b"odict_values"
            | b"odict_items" => Self::DictView,
            b"types.GenericAlias" => Self::Alias,
            b"types.UnionType" => Self::Union,
            b"_asyncio.Future" => Self::Future,
            b"_asyncio.Task" => Self::Task,
            b"numpy.ndarray" => Self::NdArray,
            b"pandas._libs.internals.BlockManager" => Self::Held(typ, &["blocks", "axes"]),
            b"pandas._libs.internals.Block" => Self::Held(typ, &["values", "ndim", "_mgr_locs"]),
            b"pandas._libs.arrays.NDArrayBacked" => Self::Held(typ, &["_ndarray", "_dtype"]),
            b"pandas._libs.internals.BlockPlacement" => Self::Placement,
            _ => match name.strip_prefix(b"numpy.") {
                Some(name) => arrays::number(name).map_or(Self::None, Self::Number),
                None => Self::None,
            },
        };
        // SAFETY: `of`'s caller promises that the types of the MRO live.
        let (size, items) = unsafe { ((*typ).tp_basicsize, (*typ).tp_itemsize) };
        let fits = match found {
            Self::None | Self::Date(_) | Self::Held(..) | Self::Placement => true,
            Self::Decimal => size == 104,
            Self::TimeZone | Self::Union => size == 32,
            Self::ZoneInfo => size == 208,
            Self::Pattern => size == 96 && items == 4,
            Self::Match => size == 88 && items == 8,
            Self::ContextVar | Self::Alias => size == 64,
            Self::Token => size == 48,
            Self::DictView | Self::Number(_) => size == 24,
            Self::Future => size == asyncio::FUTURE_SIZE,
            Self::Task => size == asyncio::TASK_SIZE,
            // Numpy 1 has fewer fields behind those that are read.
            Self::NdArray => (80..=96).contains(&size),
        };
        if fits { found } else { Self::None }
    }
}

/// Adds what is known of the object's C part. Fields have the names of the attributes that would
/// give them; what no attribute gives has a name in angle brackets.
///
/// # Safety
/// `object` must be alive, and of the type that `library` names or of a subclass of it.
pub unsafe fn fill(heap: &mut Heap, parts: &mut Contents, object: Obj, library: Library) {
    // SAFETY: the caller's promise; offsets are those of the type's struct.
    unsafe {
        let word = |offset: isize| Val::Int(rd::<isize>(object, offset) as i64);
        match library {
            Library::None => {}
            Library::Decimal => fill_decimal(parts, object),
            Library::Date(base) => buffers::fill_datetime(heap, parts, object, base),
            Library::TimeZone => {
                parts.object_field(heap, "<offset>", object, time::ZONE_OFFSET);
                parts.object_field(heap, "<name>", object, time::ZONE_NAME);
            }
            Library::ZoneInfo => parts.object_field(heap, "key", object, time::ZONEINFO_KEY),
            Library::Pattern => {
                parts.object_field(heap, "pattern", object, re::PATTERN_TEXT);
                let flags: i32 = rd(object, re::PATTERN_FLAGS);
                parts.field("flags", Val::Int(i64::from(flags)));
                parts.field("groups", word(re::PATTERN_GROUPS));
                parts.object_field(heap, "<groups>", object, re::PATTERN_INDEX);
            }
            Library::Match => {
                parts.object_field(heap, "string", object, re::MATCH_STRING);
                parts.object_field(heap, "re", object, re::MATCH_PATTERN);
                parts.field("pos", word(re::MATCH_POS));
                parts.field("endpos", word(re::MATCH_ENDPOS));
                let last: isize = rd(object, re::MATCH_LASTINDEX);
                let last = if last < 0 { Val::None } else { Val::Int(last as i64) };
                parts.field("lastindex", last);
                let groups = rd::<isize>(object, re::MATCH_GROUPS).max(0) as usize;
                let marks = object.cast::<u8>().offset(re::MATCH_MARKS);
                parts.blob = Blob::Borrowed(std::slice::from_raw_parts(marks, groups * 16));
            }
            Library::ContextVar => {
                parts.object_field(heap, "name", object, context::VAR_NAME);
                let default: Obj = rd(object, context::VAR_DEFAULT);
                if !default.is_null() {
                    parts.field("default", scan(heap, default));
                }
            }
            Library::Token => {
                parts.object_field(heap, "var", object, context::TOKEN_VAR);
                let old: Obj = rd(object, context::TOKEN_OLD);
                if !old.is_null() {
                    parts.field("old_value", scan(heap, old));
                }
                parts.field("<used>", Val::Bool(rd::<i32>(object, context::TOKEN_USED) != 0));
            }
            Library::DictView => parts.object_field(heap, "<viewed>", object, at::VIEW_DICT),
            Library::Alias => {
                parts.object_field(heap, "__origin__", object, at::ALIAS_ORIGIN);
                parts.object_field(heap, "__args__", object, at::ALIAS_ARGS);
                parts.field("<starred>", Val::Bool(rd::<u8>(object, at::ALIAS_STARRED) != 0));
            }
            Library::Union => parts.object_field(heap, "__args__", object, at::UNION_ARGS),
            Library::Future | Library::Task => fill_future(heap, parts, object, library),
            Library::NdArray => arrays::fill(heap, parts, object),
            Library::Number(kind) => arrays::fill_number(parts, object, kind),
            Library::Held(base, names) => fill_held(heap, parts, object, base, names),
            Library::Placement => fill_placement(heap, parts, object),
        }
    }
}

/// By the functions that give C attributes: of the named types, whose struct is not public, they give
/// what the object holds.
unsafe fn fill_held(
    heap: &mut Heap,
    parts: &mut Contents,
    object: Obj,
    base: Typ,
    names: &[&'static str],
) {
    // SAFETY: `fill`'s caller; `base` is in the MRO of the object's type. An attribute that C
    // defines lives as long as its type.
    unsafe {
        let _aside = Aside::begin();
        for name in names {
            let descr = obj::dict_find(obj::type_dict(base), name.as_bytes());
            if descr.is_null() || ffi::Py_TYPE(descr) != &raw mut ffi::PyGetSetDescr_Type {
                continue;
            }
            let def: *const ffi::PyGetSetDef = rd(descr, 40);
            let Some(get) = (*def).get else { continue };
            let held = call_original!(get, (object, (*def).closure), fn(Obj, *mut c_void) -> Obj);
            if held.is_null() {
                continue;
            }
            // What is made for the occasion is not what the object holds.
            let made = ffi::Py_REFCNT(held) == 1 && ffi::Py_TYPE(held) != &raw mut ffi::PyLong_Type;
            if !made {
                parts.field(name, scan(heap, held));
            }
            ffi::Py_DECREF(held);
        }
    }
}

/// Which rows of the whole a block has: a slice or an array or both. No attribute gives them without
/// work, but the collector's function shows them.
unsafe fn fill_placement(heap: &mut Heap, parts: &mut Contents, object: Obj) {
    unsafe extern "C" fn visit(held: Obj, found: *mut c_void) -> c_int {
        // SAFETY: the argument is the list below.
        unsafe { (*found.cast::<Vec<Obj>>()).push(held) };
        0
    }
    // SAFETY: `fill`'s caller; the function only reads.
    unsafe {
        let Some(traverse) = (*ffi::Py_TYPE(object)).tp_traverse else { return };
        let mut found: Vec<Obj> = Vec::new();
        traverse(object, visit, (&raw mut found).cast());
        for held in found {
            let typ = ffi::Py_TYPE(held);
            if typ == &raw mut ffi::PySlice_Type {
                // Its parts are ints, and it may be made anew.
                for (name, offset) in [("<start>", 16), ("<stop>", 24), ("<step>", 32)] {
                    parts.object_field(heap, name, held, offset);
                }
            } else if heap.type_info(typ).library == Library::NdArray {
                parts.field("<array>", scan(heap, held));
            }
        }
    }
}

unsafe fn fill_future(heap: &mut Heap, parts: &mut Contents, object: Obj, library: Library) {
    // SAFETY: `fill`'s caller.
    unsafe {
        let state = match rd::<i32>(object, asyncio::STATE) {
            0 => "PENDING",
            1 => "CANCELLED",
            _ => "FINISHED",
        };
        parts.field("_state", Val::Str(state.as_ptr(), state.len()));
        parts.object_field(heap, "_result", object, asyncio::RESULT);
        parts.object_field(heap, "_exception", object, asyncio::EXCEPTION);
        if library == Library::Task {
            parts.object_field(heap, "_coro", object, asyncio::CORO);
            parts.object_field(heap, "<name>", object, asyncio::NAME);
            parts.object_field(heap, "_fut_waiter", object, asyncio::WAITER);
            let must = rd::<i32>(object, asyncio::MUST_CANCEL) & asyncio::MUST_CANCEL_MASK != 0;
            parts.field("_must_cancel", Val::Bool(must));
            let cancels = i64::from(rd::<i32>(object, asyncio::CANCELS));
            parts.field("<cancels>", Val::Int(cancels));
            let waiter: Obj = rd(object, asyncio::WAITER);
            if !waiter.is_null() && is_future(heap, ffi::Py_TYPE(waiter)) {
                super::watch::futures::see_wakeup(rd(waiter, asyncio::CALLBACK));
            }
        }
    }
}

/// What tells that a future or task is no longer as it was.
///
/// # Safety
/// `object` must be alive and a C future or task.
pub unsafe fn future_signature(object: Obj, library: Library) -> [usize; 3] {
    // SAFETY: the caller's promise.
    unsafe {
        let outcome = rd::<usize>(object, asyncio::RESULT)
            ^ rd::<usize>(object, asyncio::EXCEPTION).rotate_left(1);
        let state = rd::<i32>(object, asyncio::STATE) as usize;
        if library != Library::Task {
            return [state, outcome, 0];
        }
        let must = rd::<i32>(object, asyncio::MUST_CANCEL) & asyncio::MUST_CANCEL_MASK;
        let cancels = rd::<i32>(object, asyncio::CANCELS) as usize;
        let waiter = rd::<usize>(object, asyncio::WAITER);
        let name = rd::<usize>(object, asyncio::NAME);
        [state | usize::from(must != 0) << 4 | cancels << 8, outcome, waiter ^ name.rotate_left(1)]
    }
}

/// The text of a Decimal as `str` gives it.
unsafe fn fill_decimal(parts: &mut Contents, object: Obj) {
    // SAFETY: `fill`'s caller.
    match unsafe { decimal_text(object) } {
        Some(text) => parts.blob = Blob::Owned(text.into_bytes()),
        None => parts.scalar = Some(Val::Unknown(Reason::Budget)),
    }
}

unsafe fn decimal_text(object: Obj) -> Option<String> {
    // SAFETY: `fill`'s caller; the words hold `DIGITS` decimal digits, 19 each, lowest first.
    let (flags, exponent, digits, words) = unsafe {
        let digits: isize = rd(object, decimal::DIGITS);
        let length: isize = rd(object, decimal::LENGTH);
        if !(0..=MOST_DIGITS).contains(&digits) {
            return None;
        }
        let start: *const u64 = rd(object, decimal::WORDS);
        let words: &[u64] = if start.is_null() || length <= 0 {
            &[]
        } else {
            std::slice::from_raw_parts(start, length as usize)
        };
        (rd::<u8>(object, decimal::FLAGS), rd::<isize>(object, decimal::EXPONENT), digits, words)
    };
    let mut coefficient = String::new();
    for (at, word) in words.iter().rev().enumerate() {
        let width = if at == 0 { 0 } else { 19 };
        write!(coefficient, "{word:0width$}").ok()?;
    }
    let mut text = String::new();
    if flags & decimal::NEGATIVE != 0 {
        text.push('-');
    }
    if flags & decimal::INFINITE != 0 {
        text.push_str("Infinity");
        return Some(text);
    }
    if flags & (decimal::QUIET_NAN | decimal::SIGNALING_NAN) != 0 {
        text.push_str(if flags & decimal::QUIET_NAN != 0 { "NaN" } else { "sNaN" });
        if digits > 0 && !words.is_empty() {
            text.push_str(&coefficient);
        }
        return Some(text);
    }
    scientific(&mut text, &coefficient, exponent);
    Some(text)
}

/// `to-scientific-string` of the decimal arithmetic specification.
fn scientific(text: &mut String, coefficient: &str, exponent: isize) {
    let size = coefficient.len() as isize;
    let adjusted = exponent + size - 1;
    if exponent <= 0 && adjusted >= -6 {
        let point = size + exponent;
        if exponent == 0 {
            text.push_str(coefficient);
        } else if point > 0 {
            text.push_str(&coefficient[..point as usize]);
            text.push('.');
            text.push_str(&coefficient[point as usize..]);
        } else {
            text.push_str("0.");
            text.extend(std::iter::repeat_n('0', -point as usize));
            text.push_str(coefficient);
        }
        return;
    }
    let (first, rest) = coefficient.split_at(1);
    text.push_str(first);
    if !rest.is_empty() {
        text.push('.');
        text.push_str(rest);
    }
    // Writing to a String does not fail.
    let _ = write!(text, "E{adjusted:+}");
}

/// Whether a type's instances are C futures or tasks.
///
/// # Safety
/// `typ` must be alive.
pub unsafe fn is_future(heap: &mut Heap, typ: Typ) -> bool {
    // SAFETY: the caller's promise.
    let library = unsafe { heap.type_info(typ).library };
    matches!(library, Library::Future | Library::Task)
}

#[cfg(test)]
mod tests {
    use super::scientific;

    #[test]
    fn decimals_are_written_as_python_writes_them() {
        let text = |coefficient: &str, exponent| {
            let mut text = String::new();
            scientific(&mut text, coefficient, exponent);
            text
        };
        assert_eq!(text("1230", -3), "1.230");
        assert_eq!(text("1", 10), "1E+10");
        assert_eq!(text("0", -10), "0E-10");
        assert_eq!(text("5", -6), "0.000005");
        assert_eq!(text("5", -7), "5E-7");
        assert_eq!(text("123", 2), "1.23E+4");
        assert_eq!(text("12", -2), "0.12");
    }
}
