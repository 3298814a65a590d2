//! Values that need no object: what fits into the event itself, and how text is encoded.
//!
//! Must not allocate Python objects, hash, compare or cache anything in the program's objects.
#![allow(unsafe_code)]

use super::heap::Heap;
use crate::cpython::objects::{self as obj, Chars, Obj, rd};
use moviola_format::event::{Reason, Sink, op};
use pyo3_ffi as ffi;

/// Text and bytes up to this many bytes are inline values.
pub const INLINE_BYTES: usize = 64;
/// Ints up to this many 30-bit digits are inline values (64 bytes of magnitude).
const INLINE_DIGITS: usize = 17;

/// A prepared value: valid until program code runs or an object dies.
#[derive(Clone, Copy)]
pub enum Val {
    /// No value.
    Unbound,
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// `...`.
    Ellipsis,
    /// `NotImplemented`.
    NotImplemented,
    /// An int in 64 bits.
    Int(i64),
    /// An int of up to 64 bytes.
    Big(Obj),
    /// A float.
    Float(f64),
    /// A complex number.
    Complex(f64, f64),
    /// Short ASCII text.
    Str(*const u8, usize),
    /// Short text with other characters.
    Text(Obj),
    /// Short bytes.
    Bytes(*const u8, usize),
    /// An object by id.
    Ref(u64),
    /// Not recorded.
    Unknown(Reason),
}

impl Val {
    /// Appends the value to the event that is being written.
    ///
    /// # Safety
    /// The objects that the value was prepared from must still be alive.
    #[inline]
    pub unsafe fn write<S: Sink>(self, out: &mut S) {
        match self {
            Self::Int(value) => out.v_int(value),
            Self::Ref(id) => out.v_ref(id),
            Self::None => out.u8(op::V_NONE),
            Self::Bool(value) => out.u8(if value { op::V_TRUE } else { op::V_FALSE }),
            Self::Str(start, size) => {
                // SAFETY: the caller's promise.
                out.v_str(unsafe { std::slice::from_raw_parts(start, size) });
            }
            Self::Float(value) => out.v_float(value),
            Self::Unbound => out.u8(op::V_UNBOUND),
            // SAFETY: the caller's promise.
            _ => unsafe { self.write_rare(out) },
        }
    }

    #[cold]
    unsafe fn write_rare<S: Sink>(self, out: &mut S) {
        // SAFETY: `write`'s caller promises that the objects live.
        unsafe {
            match self {
                Self::Ellipsis => out.u8(op::V_ELLIPSIS),
                Self::NotImplemented => out.u8(op::V_NOT_IMPLEMENTED),
                Self::Complex(re, im) => out.v_complex(re, im),
                Self::Bytes(start, size) => out.v_bytes(std::slice::from_raw_parts(start, size)),
                Self::Unknown(reason) => out.v_unknown(reason),
                Self::Text(text) => {
                    let mut buffer = Small::new();
                    encode(text, &mut |part| buffer.push(part));
                    out.v_str(buffer.bytes());
                }
                Self::Big(int) => {
                    let mut buffer = Small::new();
                    let (negative, digits) = obj::digits(int);
                    magnitude(digits, &mut |part| buffer.push(part));
                    out.v_big(negative, buffer.bytes());
                }
                _ => {}
            }
        }
    }
}

/// Room for one inline value's bytes.
struct Small {
    bytes: [u8; 4 * INLINE_BYTES + 16],
    used: usize,
}

impl Small {
    const fn new() -> Self {
        Self { bytes: [0; 4 * INLINE_BYTES + 16], used: 0 }
    }

    fn push(&mut self, part: &[u8]) {
        let end = (self.used + part.len()).min(self.bytes.len());
        self.bytes[self.used..end].copy_from_slice(&part[..end - self.used]);
        self.used = end;
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }
}

/// Hands out UTF-8 (surrogates as three bytes) of a str in pieces.
///
/// # Safety
/// `text` must be alive.
pub unsafe fn encode(text: Obj, take: &mut dyn FnMut(&[u8])) {
    // SAFETY: the caller's promise.
    match unsafe { obj::chars(text) } {
        Chars::Ascii(bytes) => take(bytes),
        Chars::Latin(chars) => chars.iter().for_each(|char| one(u32::from(*char), take)),
        Chars::Two(chars) => chars.iter().for_each(|char| one(u32::from(*char), take)),
        Chars::Four(chars) => chars.iter().for_each(|char| one(*char, take)),
    }
}

#[inline]
fn one(char: u32, take: &mut dyn FnMut(&[u8])) {
    let low = |shift: u32| 0x80 | ((char >> shift) & 0x3f) as u8;
    if char < 0x80 {
        take(&[char as u8]);
    } else if char < 0x800 {
        take(&[0xc0 | (char >> 6) as u8, low(0)]);
    } else if char < 0x1_0000 {
        take(&[0xe0 | (char >> 12) as u8, low(6), low(0)]);
    } else {
        take(&[0xf0 | (char >> 18) as u8, low(12), low(6), low(0)]);
    }
}

/// Hands out the magnitude of an int, least significant byte first, without leading zeros.
pub fn magnitude(digits: &[u32], take: &mut dyn FnMut(&[u8])) {
    let (mut bits, mut count) = (0u64, 0u32);
    let mut zeros = 0usize;
    let mut put = |byte: u8| {
        if byte == 0 {
            zeros += 1;
        } else {
            (0..zeros).for_each(|_| take(&[0]));
            zeros = 0;
            take(&[byte]);
        }
    };
    for digit in digits {
        bits |= u64::from(*digit) << count;
        count += 30;
        while count >= 8 {
            put(bits as u8);
            bits >>= 8;
            count -= 8;
        }
    }
    if count > 0 {
        put(bits as u8);
    }
}

/// The int's value if it fits 64 bits.
///
/// # Safety
/// `int` must be an int that is alive.
#[inline]
pub unsafe fn int_value(int: Obj) -> Option<i64> {
    // SAFETY: the caller's promise.
    let (negative, digits) = unsafe { obj::digits(int) };
    let size = match *digits {
        [] => 0,
        [low] => i64::from(low),
        [low, high] => i64::from(low) | i64::from(high) << 30,
        [low, high, top] if top < 8 => {
            i64::from(low) | i64::from(high) << 30 | i64::from(top) << 60
        }
        _ => return None,
    };
    Some(if negative { -size } else { size })
}

/// The value of an object if it is one without identity of its own in the trace.
///
/// # Safety
/// `object` must be alive; `typ` its type.
#[inline]
pub unsafe fn inline_value(object: Obj, typ: obj::Typ) -> Option<Val> {
    // SAFETY: the caller's promise; types are compared by identity.
    unsafe {
        if typ == &raw mut ffi::PyLong_Type {
            if let Some(value) = int_value(object) {
                return Some(Val::Int(value));
            }
            let (_, digits) = obj::digits(object);
            return (digits.len() <= INLINE_DIGITS).then_some(Val::Big(object));
        }
        if typ == &raw mut ffi::PyUnicode_Type {
            return match obj::chars(object) {
                Chars::Ascii(text) => {
                    (text.len() <= INLINE_BYTES).then_some(Val::Str(text.as_ptr(), text.len()))
                }
                _ if rd::<isize>(object, obj::STR_LENGTH) > INLINE_BYTES as isize => None,
                _ => {
                    let mut size = 0;
                    encode(object, &mut |part| size += part.len());
                    (size <= INLINE_BYTES).then_some(Val::Text(object))
                }
            };
        }
        if typ == &raw mut ffi::PyFloat_Type {
            return Some(Val::Float(rd(object, 16)));
        }
        if object == ffi::Py_None() {
            return Some(Val::None);
        }
        if typ == &raw mut ffi::PyBool_Type {
            return Some(Val::Bool(object == ffi::Py_True()));
        }
        rare_inline(object, typ)
    }
}

#[inline]
unsafe fn rare_inline(object: Obj, typ: obj::Typ) -> Option<Val> {
    // SAFETY: `inline_value`'s caller promises that the object lives.
    unsafe {
        if typ == &raw mut ffi::PyBytes_Type {
            let data = obj::bytes_data(object);
            return (data.len() <= INLINE_BYTES).then_some(Val::Bytes(data.as_ptr(), data.len()));
        }
        if typ == &raw mut ffi::PyComplex_Type {
            return Some(Val::Complex(rd(object, 16), rd(object, 24)));
        }
        if object == ffi::Py_Ellipsis() {
            return Some(Val::Ellipsis);
        }
        if object == ffi::Py_NotImplemented() {
            return Some(Val::NotImplemented);
        }
        None
    }
}

/// The value of an object for use inside another object's contents: a new object gets an id and
/// is put on the list of objects to capture.
///
/// # Safety
/// `object` must be alive or null.
#[inline]
pub unsafe fn scan(heap: &mut Heap, object: Obj) -> Val {
    if object.is_null() {
        return Val::Unbound;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let typ = ffi::Py_TYPE(object);
        match inline_value(object, typ) {
            Some(value) => value,
            None => heap.reference(object, typ),
        }
    }
}

/// UTF-8 (surrogates as three bytes) of a str.
///
/// # Safety
/// `text` must be alive and a str.
pub unsafe fn utf8(text: Obj) -> Vec<u8> {
    let mut bytes = Vec::new();
    // SAFETY: the caller's promise.
    unsafe { encode(text, &mut |part| bytes.extend_from_slice(part)) };
    bytes
}
