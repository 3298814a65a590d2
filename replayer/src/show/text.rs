//! Python text: UTF-8 in which surrogates may stand as three bytes each. Decoding, and `repr` of
//! str and bytes. Knows nothing of objects.

use super::printable::is_printable;
use std::fmt::Write as _;

/// The first code point and its length in bytes; U+FFFD for bytes that are no text. `bytes` must
/// not be empty.
#[must_use]
pub fn code_point(bytes: &[u8]) -> (u32, usize) {
    let tail = |index: usize| {
        bytes.get(index).filter(|byte| **byte & 0xc0 == 0x80).map(|byte| u32::from(byte & 0x3f))
    };
    let first = u32::from(bytes.first().copied().unwrap_or(0xff));
    let decoded = match first {
        0..=0x7f => Some((first, 1)),
        0xc2..=0xdf => tail(1).map(|a| (((first & 0x1f) << 6) | a, 2)),
        0xe0..=0xef => tail(1)
            .zip(tail(2))
            .map(|(a, b)| (((first & 0xf) << 12) | (a << 6) | b, 3))
            .filter(|(point, _)| *point >= 0x800),
        0xf0..=0xf4 => tail(1)
            .zip(tail(2))
            .zip(tail(3))
            .map(|((a, b), c)| (((first & 7) << 18) | (a << 12) | (b << 6) | c, 4))
            .filter(|(point, _)| (0x1_0000..=0x10_ffff).contains(point)),
        _ => None,
    };
    decoded.unwrap_or((0xfffd, 1))
}

/// All code points.
#[must_use]
pub fn points(text: &[u8]) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let (point, len) = code_point(&text[at..]);
        out.push(point);
        at += len;
    }
    out
}

/// Number of code points.
#[must_use]
pub fn point_count(text: &[u8]) -> usize {
    if text.is_ascii() { text.len() } else { points(text).len() }
}

/// Appends one code point, a surrogate as three bytes.
pub fn push_point(out: &mut Vec<u8>, point: u32) {
    if let Some(char) = char::from_u32(point) {
        let mut buffer = [0; 4];
        out.extend_from_slice(char.encode_utf8(&mut buffer).as_bytes());
    } else {
        let low = |shift: u32| 0x80 | (point >> shift & 0x3f) as u8;
        out.extend_from_slice(&[0xe0 | (point >> 12 & 0xf) as u8, low(6), low(0)]);
    }
}

/// Text from code points.
#[must_use]
pub fn from_points(points: &[u32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(points.len());
    for point in points {
        push_point(&mut out, *point);
    }
    out
}

/// Appends `repr` of a str.
pub fn str_repr(out: &mut String, text: &[u8], minor: u32) {
    let quote = quote_for(text);
    out.push(quote);
    let mut at = 0;
    while at < text.len() {
        let (point, len) = code_point(&text[at..]);
        at += len;
        match char::from_u32(point) {
            Some('\\') => out.push_str("\\\\"),
            Some('\t') => out.push_str("\\t"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some(char) if char == quote => {
                out.push('\\');
                out.push(char);
            }
            Some(char) if is_printable(point, minor) => out.push(char),
            _ => escape_point(out, point),
        }
    }
    out.push(quote);
}

/// Appends `\x..`, `\u....` or `\U........`.
pub fn escape_point(out: &mut String, point: u32) {
    let _ = match point {
        0..=0xff => write!(out, "\\x{point:02x}"),
        0x100..=0xffff => write!(out, "\\u{point:04x}"),
        _ => write!(out, "\\U{point:08x}"),
    };
}

/// Appends `repr` of bytes.
pub fn bytes_repr(out: &mut String, bytes: &[u8]) {
    bytes_repr_quoted(out, bytes, quote_for(bytes));
}

/// As `bytes_repr`, with the quote character given.
pub fn bytes_repr_quoted(out: &mut String, bytes: &[u8], quote: char) {
    out.push('b');
    out.push(quote);
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            byte if char::from(*byte) == quote => {
                out.push('\\');
                out.push(quote);
            }
            0x20..=0x7e => out.push(char::from(*byte)),
            byte => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push(quote);
}

fn quote_for(text: &[u8]) -> char {
    if text.contains(&b'\'') && !text.contains(&b'"') { '"' } else { '\'' }
}
