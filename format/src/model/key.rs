//! Equality of mapping keys and set elements, as far as the trace defines it: numbers by value,
//! str, bytes and `None` by contents, tuples of such element by element, other objects by
//! identity. Equal keys have equal canonical bytes.

use super::{Contents, Packed, SeqPart};
use crate::event::raw::Raw;
use crate::event::{Kind, Sink, Value, op, raw};
use std::borrow::Cow;

/// What a reference is for the purpose of equality.
pub enum RefKey<'a> {
    /// Compared by identity (also when nothing is known of it).
    Identity,
    /// A str object.
    Str(Cow<'a, [u8]>),
    /// A bytes object.
    Bytes(Cow<'a, [u8]>),
    /// An int object: sign and magnitude.
    Int(bool, Cow<'a, [u8]>),
    /// A tuple: its elements, encoded one after the other.
    Tuple(Cow<'a, [u8]>),
}

/// Knows the objects that keys refer to.
pub trait Resolve {
    /// What `id` refers to.
    fn resolve(&self, id: u64) -> RefKey<'_>;
}

/// No real value has these tags.
const TUPLE: u8 = 0x3e;
const HASHED: u8 = 0x3f;
/// Deeper tuples are compared by identity.
const DEPTH_MAX: u32 = 64;
/// Longer canonical forms are replaced by a 128-bit hash.
const LENGTH_MAX: usize = 80;

/// The canonical form of an encoded value.
#[inline]
#[must_use]
pub fn canonical(value: &[u8], resolve: &dyn Resolve) -> Packed {
    if is_canonical(value) { Packed::new(value) } else { slow(value, resolve) }
}

/// Whether an encoded value is certainly its own canonical form.
#[inline]
#[must_use]
pub fn is_canonical(value: &[u8]) -> bool {
    match value.first() {
        // Up to 64 bytes of text: a longer one may be equal to a str object.
        Some(&op::V_STR) => value.len() <= 66,
        Some(&tag) => tag == op::V_NONE || tag >= op::V_SMALL,
        None => true,
    }
}

#[inline(never)]
fn slow(value: &[u8], resolve: &dyn Resolve) -> Packed {
    let mut out = Vec::with_capacity(32);
    put(value, resolve, &mut out, 0);
    if out.len() > LENGTH_MAX {
        return Packed::new(&hashed(&out));
    }
    Packed::new(&out)
}

fn hashed(bytes: &[u8]) -> [u8; 17] {
    let mut out = [HASHED; 17];
    out[1..].copy_from_slice(&xxhash_rust::xxh3::xxh3_128(bytes).to_le_bytes());
    out
}

fn put(value: &[u8], resolve: &dyn Resolve, out: &mut Vec<u8>, depth: u32) {
    let Some(decoded) = raw::decode_value(value) else {
        out.extend_from_slice(value);
        return;
    };
    match decoded {
        Value::Bool(truth) => out.v_int(i64::from(truth)),
        Value::Int(int) => out.v_int(int),
        Value::Big { negative, magnitude } => put_int(negative, magnitude, out),
        Value::Float(float) => put_float(float, out),
        Value::Complex(re, 0.0) => put_float(re, out),
        Value::Str(text) => put_text(op::V_STR, text, out),
        Value::Bytes(text) => put_text(op::V_BYTES, text, out),
        Value::Ref(id) => match resolve.resolve(id) {
            RefKey::Identity => out.v_ref(id),
            RefKey::Str(text) => put_text(op::V_STR, &text, out),
            RefKey::Bytes(text) => put_text(op::V_BYTES, &text, out),
            RefKey::Int(negative, magnitude) => put_int(negative, &magnitude, out),
            RefKey::Tuple(_) if depth >= DEPTH_MAX => out.v_ref(id),
            RefKey::Tuple(elements) => {
                let start = out.len();
                out.push(TUPLE);
                let mut cursor = raw::Raw::new(&elements, 0);
                while let Some(element) = cursor.value() {
                    put(element, resolve, out, depth + 1);
                    if out.len() - start > 1 << 16 {
                        // Fold what is there, so that shared nesting cannot explode.
                        let folded = hashed(&out[start + 1..]);
                        out.truncate(start + 1);
                        out.extend_from_slice(&folded);
                    }
                }
                // An end mark: ((1,), 2) and ((1, 2),) differ.
                out.push(op::P_END);
            }
        },
        _ => out.extend_from_slice(value),
    }
}

fn put_text(tag: u8, text: &[u8], out: &mut Vec<u8>) {
    if text.len() <= 64 {
        out.push(tag);
        out.bytes(text);
    } else {
        out.push(tag);
        out.uv(text.len() as u64);
        out.extend_from_slice(&hashed(text));
    }
}

fn put_int(negative: bool, magnitude: &[u8], out: &mut Vec<u8>) {
    let len = magnitude.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    let magnitude = &magnitude[..len];
    if len <= 8 {
        let mut bytes = [0; 8];
        bytes[..len].copy_from_slice(magnitude);
        let size = u64::from_le_bytes(bytes);
        if negative && size <= 1 << 63 {
            return out.v_int((size as i64).wrapping_neg());
        }
        if let (false, Ok(int)) = (negative, i64::try_from(size)) {
            return out.v_int(int);
        }
    }
    out.v_big(negative, magnitude);
}

fn put_float(float: f64, out: &mut Vec<u8>) {
    if !float.is_finite() || float.fract() != 0.0 {
        return out.v_float(float);
    }
    let bits = float.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1075;
    let mantissa = (bits & ((1 << 52) - 1)) | 1 << 52;
    if float == 0.0 {
        return out.v_int(0);
    }
    if exponent <= 0 {
        // Whole numbers below 2^53: no bits are lost.
        return put_int(float < 0.0, &(mantissa >> -exponent.max(-63)).to_le_bytes(), out);
    }
    let mut magnitude = vec![0; exponent as usize / 8];
    magnitude.extend_from_slice(&(u128::from(mantissa) << (exponent % 8)).to_le_bytes());
    put_int(float < 0.0, &magnitude, out);
}

/// What an immutable object's encoded parts are for equality.
#[must_use]
pub fn immutable_key(kind: Kind, parts: &[u8]) -> RefKey<'_> {
    let mut cursor = Raw::new(parts, 0);
    let mut negative = false;
    let mut find = |wanted: u8| loop {
        match cursor.u8()? {
            tag if tag == wanted => return Some(()),
            op::P_SCALAR => {
                negative = cursor.value()? == [op::V_TRUE];
            }
            _ => return None,
        }
    };
    match kind {
        Kind::Tuple => {
            let elements = find(op::P_SEQ).and_then(|()| {
                let count = cursor.count()?;
                cursor.values(count)
            });
            // An empty tuple may have no part at all.
            RefKey::Tuple(Cow::Borrowed(elements.unwrap_or_default()))
        }
        Kind::Str | Kind::Bytes | Kind::Int => {
            let blob = find(op::P_BLOB).and_then(|()| cursor.blob()).unwrap_or_default();
            match kind {
                Kind::Str => RefKey::Str(blob.into()),
                Kind::Bytes => RefKey::Bytes(blob.into()),
                _ => RefKey::Int(negative, blob.into()),
            }
        }
        _ => RefKey::Identity,
    }
}

/// The same of contents that came in several events.
#[must_use]
pub fn contents_key(kind: Kind, contents: &Contents) -> RefKey<'_> {
    let blob = contents.blob.as_deref().unwrap_or_default();
    match kind {
        Kind::Tuple => {
            let mut elements = Vec::new();
            for element in contents.seq.iter().flat_map(SeqPart::iter) {
                elements.extend_from_slice(element);
            }
            RefKey::Tuple(Cow::Owned(elements))
        }
        Kind::Str => RefKey::Str(blob.into()),
        Kind::Bytes => RefKey::Bytes(blob.into()),
        Kind::Int => {
            let negative = contents.scalar.as_ref().is_some_and(|s| s.bytes() == [op::V_TRUE]);
            RefKey::Int(negative, blob.into())
        }
        _ => RefKey::Identity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Objects;

    impl Resolve for Objects {
        fn resolve(&self, id: u64) -> RefKey<'_> {
            let mut elements = Vec::new();
            match id {
                1 => {
                    elements.v_int(1);
                    elements.v_int(2);
                }
                2 => {
                    elements.v_float(1.0);
                    elements.v_int(2);
                }
                3 => elements.v_ref(1),
                4 => elements.v_ref(2),
                5 => return RefKey::Int(false, vec![0, 0, 0, 0, 0, 0, 0, 0, 1, 0].into()),
                6 => return RefKey::Str(vec![b'x'; 100].into()),
                _ => return RefKey::Identity,
            }
            RefKey::Tuple(elements.into())
        }
    }

    fn key(put: impl FnOnce(&mut Vec<u8>)) -> Packed {
        let mut value = Vec::new();
        put(&mut value);
        canonical(&value, &Objects)
    }

    #[test]
    fn numbers_are_equal_by_value() {
        assert_eq!(key(|v| v.v_int(1)), key(|v| v.u8(op::V_TRUE)));
        assert_eq!(key(|v| v.v_int(1)), key(|v| v.v_float(1.0)));
        assert_eq!(key(|v| v.v_int(0)), key(|v| v.v_float(-0.0)));
        assert_eq!(key(|v| v.v_int(-3)), key(|v| v.v_complex(-3.0, 0.0)));
        assert_eq!(key(|v| v.v_int(1 << 60)), key(|v| v.v_float((1_u64 << 60) as f64)));
        assert_eq!(key(|v| v.v_int(i64::MIN)), key(|v| v.v_float(i64::MIN as f64)));
        assert_eq!(key(|v| v.v_ref(5)), key(|v| v.v_float(18_446_744_073_709_551_616.0)));
        assert_ne!(key(|v| v.v_int(1)), key(|v| v.v_float(1.5)));
        assert_ne!(key(|v| v.v_int(0)), key(|v| v.v_float(5e-324)));
    }

    #[test]
    fn tuples_are_equal_by_contents_and_others_by_identity() {
        assert_eq!(key(|v| v.v_ref(1)), key(|v| v.v_ref(2)));
        assert_eq!(key(|v| v.v_ref(3)), key(|v| v.v_ref(4)));
        assert_ne!(key(|v| v.v_ref(1)), key(|v| v.v_ref(3)));
        assert_ne!(key(|v| v.v_ref(7)), key(|v| v.v_ref(8)));
        assert_eq!(key(|v| v.v_ref(6)), key(|v| v.v_str(&[b'x'; 100])));
        assert_ne!(key(|v| v.v_str(b"a")), key(|v| v.v_bytes(b"a")));
    }
}
