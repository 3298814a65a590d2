//! JSON text exactly as CPython's `json.dumps(..., separators=(",", ":"))` writes it.
//!
//! Strings arrive as UTF-8 with surrogates as three bytes each; the output is ASCII. Nothing here
//! knows of traces.

use std::fmt::Write as _;

/// Appends a JSON string.
pub fn string(out: &mut String, wtf8: &[u8]) {
    out.push('"');
    let mut plain = 0;
    let mut at = 0;
    while at < wtf8.len() {
        let byte = wtf8[at];
        if (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\' {
            at += 1;
            continue;
        }
        push_ascii(out, &wtf8[plain..at]);
        let (point, len) = code_point(&wtf8[at..]);
        at += len;
        plain = at;
        match point {
            0x22 => out.push_str("\\\""),
            0x5c => out.push_str("\\\\"),
            0x0a => out.push_str("\\n"),
            0x0d => out.push_str("\\r"),
            0x09 => out.push_str("\\t"),
            0x0c => out.push_str("\\f"),
            0x08 => out.push_str("\\b"),
            point if point > 0xffff => {
                let rest = point - 0x1_0000;
                let _ = write!(
                    out,
                    "\\u{:04x}\\u{:04x}",
                    0xd800 + (rest >> 10),
                    0xdc00 + (rest & 0x3ff)
                );
            }
            point => {
                let _ = write!(out, "\\u{point:04x}");
            }
        }
    }
    push_ascii(out, &wtf8[plain..]);
    out.push('"');
}

fn push_ascii(out: &mut String, bytes: &[u8]) {
    // Only bytes that the caller found to be ASCII arrive here.
    out.push_str(std::str::from_utf8(bytes).unwrap_or_default());
}

/// The first code point of UTF-8 that may hold surrogates, and its length; U+FFFD for bytes that
/// are neither.
pub fn code_point(bytes: &[u8]) -> (u32, usize) {
    let tail = |index: usize| {
        bytes.get(index).filter(|byte| **byte & 0xc0 == 0x80).map(|byte| u32::from(byte & 0x3f))
    };
    let first = u32::from(bytes[0]);
    let decoded = match first {
        0..=0x7f => Some((first, 1)),
        0xc2..=0xdf => tail(1).map(|a| ((first & 0x1f) << 6 | a, 2)),
        0xe0..=0xef => tail(1)
            .zip(tail(2))
            .map(|(a, b)| ((first & 0xf) << 12 | a << 6 | b, 3))
            .filter(|(point, _)| *point >= 0x800),
        0xf0..=0xf4 => tail(1)
            .zip(tail(2))
            .zip(tail(3))
            .map(|((a, b), c)| ((first & 7) << 18 | a << 12 | b << 6 | c, 4))
            .filter(|(point, _)| (0x1_0000..=0x10_ffff).contains(point)),
        _ => None,
    };
    decoded.unwrap_or((0xfffd, 1))
}

/// Number of code points.
pub fn point_count(wtf8: &[u8]) -> usize {
    wtf8.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// The first `count` code points.
pub fn head(wtf8: &[u8], count: usize) -> &[u8] {
    let mut seen = 0;
    for (at, byte) in wtf8.iter().enumerate() {
        if byte & 0xc0 != 0x80 {
            if seen == count {
                return &wtf8[..at];
            }
            seen += 1;
        }
    }
    wtf8
}

/// Appends bytes as lower-case hexadecimal.
pub fn hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// SHA-256 as hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let mut out = String::with_capacity(64);
    hex(&mut out, &sha2::Sha256::digest(bytes));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_python_does() {
        let mut out = String::new();
        string(&mut out, "a\"\\\n\u{7f}\u{e9}\u{1f600}\u{0}".as_bytes());
        assert_eq!(out, "\"a\\\"\\\\\\n\\u007f\\u00e9\\ud83d\\ude00\\u0000\"");
        out.clear();
        string(&mut out, b"\xed\xa0\x80x");
        assert_eq!(out, "\"\\ud800x\"");
    }

    #[test]
    fn heads_count_code_points() {
        assert_eq!(head("\u{e9}ab".as_bytes(), 2), "\u{e9}a".as_bytes());
        assert_eq!(point_count("\u{e9}ab".as_bytes()), 3);
    }
}
