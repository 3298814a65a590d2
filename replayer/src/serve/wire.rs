//! The protocol's bytes: messages of four length bytes (little-endian) and that much JSON, and values in JSON.
//!
//! A value is what JSON has for it (`null`, `true`, ints, finite floats, strings; lone surrogates as `\udXXX`), or an object with
//! one key:
//!
//! | key | value |
//! |---|---|
//! | `r` | a recorded object: `[id, kind, class id]`; class 0 is the kind's own exact type |
//! | `u` | not recorded: the reason |
//! | `n` | no value: an unbound variable |
//! | `f` | a float that JSON has not: its 8 bytes in hexadecimal, most significant first |
//! | `i` | an int beyond 64 bits, in hexadecimal with its sign |
//! | `s` | (from the client) a str with lone surrogates: its UTF-8 bytes in hexadecimal |
//! | `b`, `ba` | bytes, bytearray: hexadecimal |
//! | `c` | complex: `[real, imaginary]` |
//! | `e` | `"Ellipsis"` or `"NotImplemented"` |
//! | `l`, `t`, `S`, `F` | list, tuple, set, frozenset that an expression made: elements |
//! | `d` | dict that an expression made: pairs |
//! | `sl`, `ra` | slice, range: `[start, stop, step]` |
//! | `ty`, `fn` | a built-in type, a built-in function: its name |
//! | `m` | a method of a built-in type: `[receiver, name]` |
//! | `bo` | a recorded function bound to a value: `[value, function]` |
//! | `vw`, `it` | a dict's view, an iterator: `[type name, elements]` |

use crate::eval::{Val, plain};
use crate::export::json;
use crate::show::Objects;
use num_bigint::BigInt;
use serde_json::Value as Json;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::sync::Arc;

/// Longer messages are refused.
pub const MESSAGE_MAX: usize = 1 << 30;
/// Deeper values are refused.
const DEPTH_MAX: usize = 200;

/// Reads a message; `None` at the end of the stream.
///
/// # Errors
/// If the stream fails, or what it holds is no message.
pub fn read(from: &mut impl Read) -> std::io::Result<Option<Json>> {
    let invalid = |why: String| std::io::Error::new(std::io::ErrorKind::InvalidData, why);
    let mut head = [0; 4];
    let mut got = 0;
    while got < head.len() {
        match from.read(&mut head[got..]) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => got += count,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let len = u32::from_le_bytes(head) as usize;
    if len > MESSAGE_MAX {
        return Err(invalid(format!("a message of {len} bytes")));
    }
    // Memory is taken as the bytes come.
    let mut body = Vec::new();
    from.take(len as u64).read_to_end(&mut body)?;
    if body.len() < len {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&body).map(Some).map_err(|e| invalid(format!("no JSON: {e}")))
}

/// Writes a message, given as JSON text.
///
/// # Errors
/// If the stream fails or the text is too long.
pub fn write(to: &mut impl Write, text: &str) -> std::io::Result<()> {
    to.write_all(&message(text)?)?;
    to.flush()
}

/// A message, given as JSON text, as bytes.
///
/// # Errors
/// If the text is too long.
pub fn message(text: &str) -> std::io::Result<Vec<u8>> {
    let len = u32::try_from(text.len()).ok().filter(|len| *len as usize <= MESSAGE_MAX);
    let len = len.ok_or_else(|| {
        std::io::Error::new(std::io::ErrorKind::InvalidData, "the answer is too long")
    })?;
    Ok([&len.to_le_bytes(), text.as_bytes()].concat())
}

/// A JSON string.
pub fn string(out: &mut String, text: &str) {
    json::string(out, text.as_bytes());
}

/// Writes a list.
pub fn list<T>(out: &mut String, items: &[T], mut each: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        each(out, item);
    }
    out.push(']');
}

fn hex(out: &mut String, key: &str, bytes: &[u8]) {
    let _ = write!(out, "{{\"{key}\":\"");
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out.push_str("\"}");
}

fn float(out: &mut String, value: f64) {
    if value.is_finite() {
        let _ = write!(out, "{value:?}");
    } else {
        let _ = write!(out, "{{\"f\":\"{:016x}\"}}", value.to_bits());
    }
}

fn tagged(out: &mut String, key: &str, items: &[Val], objects: &dyn Objects) {
    let _ = write!(out, "{{\"{key}\":");
    list(out, items, |out, item| value(out, item, objects));
    out.push('}');
}

fn named(out: &mut String, key: &str, name: &str) {
    let _ = write!(out, "{{\"{key}\":");
    string(out, name);
    out.push('}');
}

/// Writes a value. Plain recorded objects (strings, big ints, ranges) are written as what they are.
pub fn value(out: &mut String, val: &Val, objects: &dyn Objects) {
    match &plain(val, objects) {
        Val::None => out.push_str("null"),
        Val::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Val::Ellipsis => named(out, "e", "Ellipsis"),
        Val::NotImplemented => named(out, "e", "NotImplemented"),
        Val::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Val::Big(value) => {
            let _ = write!(out, "{{\"i\":\"{:x}\"}}", **value);
        }
        Val::Float(value) => float(out, *value),
        Val::Complex(re, im) => {
            out.push_str("{\"c\":[");
            float(out, *re);
            out.push(',');
            float(out, *im);
            out.push_str("]}");
        }
        Val::Str(text) => json::string(out, text),
        Val::Bytes(bytes) => hex(out, "b", bytes),
        Val::ByteArray(bytes) => hex(out, "ba", bytes),
        Val::Ref(id) => match objects.object_head(*id) {
            Ok((kind, class)) => {
                let _ = write!(out, "{{\"r\":[{id},\"{kind:?}\",{class}]}}");
            }
            Err(reason) => named(out, "u", &reason.0),
        },
        Val::Unknown(reason) => named(out, "u", reason),
        Val::List(items) => tagged(out, "l", items, objects),
        Val::Tuple(items) => tagged(out, "t", items, objects),
        Val::Set(items) => tagged(out, "S", items, objects),
        Val::FrozenSet(items) => tagged(out, "F", items, objects),
        Val::Dict(pairs) => {
            out.push_str("{\"d\":");
            list(out, pairs, |out, (key, item)| {
                out.push('[');
                value(out, key, objects);
                out.push(',');
                value(out, item, objects);
                out.push(']');
            });
            out.push('}');
        }
        Val::View(name, items) => several(out, "vw", name, items, objects),
        Val::Iter(name, items) => several(out, "it", name, items, objects),
        Val::Slice(parts) => tagged(out, "sl", parts.as_slice(), objects),
        Val::Range(parts) => {
            let parts: Vec<Val> = parts.iter().cloned().map(Val::int).collect();
            tagged(out, "ra", &parts, objects);
        }
        Val::Type(name) => named(out, "ty", name),
        Val::Function(name) => named(out, "fn", name),
        Val::Method(method) => {
            out.push_str("{\"m\":[");
            value(out, &method.0, objects);
            out.push(',');
            string(out, &method.1);
            out.push_str("]}");
        }
        Val::Bound(bound) => {
            out.push_str("{\"bo\":[");
            value(out, &bound.0, objects);
            out.push(',');
            value(out, &Val::Ref(bound.1), objects);
            out.push_str("]}");
        }
    }
}

fn several(out: &mut String, key: &str, name: &str, items: &[Val], objects: &dyn Objects) {
    let _ = write!(out, "{{\"{key}\":[");
    string(out, name);
    out.push(',');
    list(out, items, |out, item| value(out, item, objects));
    out.push_str("]}");
}

/// Reads a value that a client has sent.
///
/// # Errors
/// If it is none.
pub fn parse(json: &Json) -> Result<Val, String> {
    at_depth(json, 0)
}

fn at_depth(json: &Json, depth: usize) -> Result<Val, String> {
    let wrong = || format!("no value: {:.100}", json.to_string());
    if depth > DEPTH_MAX {
        return Err("a value nested too deeply".to_owned());
    }
    let (key, inner) = match json {
        Json::Null => return Ok(Val::None),
        Json::Bool(value) => return Ok(Val::Bool(*value)),
        Json::String(text) => return Ok(Val::str(text)),
        Json::Number(number) => {
            let int = number.as_i64().map(Val::Int);
            return int.or_else(|| number.as_f64().map(Val::Float)).ok_or_else(wrong);
        }
        Json::Array(_) => return Err(wrong()),
        Json::Object(map) => map.iter().next().filter(|_| map.len() == 1).ok_or_else(wrong)?,
    };
    let text = || inner.as_str().ok_or_else(wrong);
    let items = |json: &Json| {
        let items = json.as_array().ok_or_else(wrong)?;
        items.iter().map(|item| at_depth(item, depth + 1)).collect::<Result<Vec<_>, _>>()
    };
    let bytes = || unhex(text()?).map(Arc::<[u8]>::from).ok_or_else(wrong);
    let parts = || -> Result<[Val; 3], String> { items(inner)?.try_into().map_err(|_| wrong()) };
    let entry = |at: usize| inner.get(at).ok_or_else(wrong);
    Ok(match key.as_str() {
        "r" => Val::Ref(entry(0)?.as_u64().ok_or_else(wrong)?),
        "u" => Val::Unknown(text()?.into()),
        "f" => Val::Float(f64::from_bits(u64::from_str_radix(text()?, 16).map_err(|_| wrong())?)),
        "i" => Val::int(BigInt::parse_bytes(text()?.as_bytes(), 16).ok_or_else(wrong)?),
        "s" => Val::Str(bytes()?),
        "b" => Val::Bytes(bytes()?),
        "ba" => Val::ByteArray(bytes()?),
        "c" => match (at_depth(entry(0)?, depth + 1)?, at_depth(entry(1)?, depth + 1)?) {
            (Val::Float(re), Val::Float(im)) => Val::Complex(re, im),
            _ => return Err(wrong()),
        },
        "e" => match text()? {
            "Ellipsis" => Val::Ellipsis,
            "NotImplemented" => Val::NotImplemented,
            _ => return Err(wrong()),
        },
        "l" => Val::list(items(inner)?),
        "t" => Val::tuple(items(inner)?),
        "S" => Val::Set(Arc::new(items(inner)?)),
        "F" => Val::FrozenSet(Arc::new(items(inner)?)),
        "d" => {
            let pairs = inner.as_array().ok_or_else(wrong)?;
            let pair = |pair: &Json| match items(pair)?.as_slice() {
                [key, value] => Ok((key.clone(), value.clone())),
                _ => Err(wrong()),
            };
            Val::Dict(Arc::new(pairs.iter().map(pair).collect::<Result<Vec<_>, _>>()?))
        }
        "sl" => Val::Slice(Arc::new(parts()?)),
        "ra" => {
            let ints: Option<Vec<BigInt>> = parts()?.iter().map(Val::as_int).collect();
            let ints: [BigInt; 3] = ints.and_then(|ints| ints.try_into().ok()).ok_or_else(wrong)?;
            Val::Range(Arc::new(ints))
        }
        "ty" => Val::Type(crate::show::class::builtin_name(text()?).ok_or_else(wrong)?),
        "fn" => Val::Function(crate::eval::function_name(text()?).ok_or_else(wrong)?),
        "m" => {
            let name = entry(1)?.as_str().ok_or_else(wrong)?;
            Val::Method(Arc::new((at_depth(entry(0)?, depth + 1)?, name.into())))
        }
        "bo" => match at_depth(entry(1)?, depth + 1)? {
            Val::Ref(function) => Val::Bound(Arc::new((at_depth(entry(0)?, depth + 1)?, function))),
            _ => return Err(wrong()),
        },
        _ => return Err(wrong()),
    })
}

/// The bytes that a text says in hexadecimal.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::Unavailable;
    use moviola_format::read::ObjectState;

    struct Nothing;

    impl Objects for Nothing {
        fn object(&self, _: u64) -> Result<Arc<ObjectState>, Unavailable> {
            Err(Unavailable("nothing".to_owned()))
        }
    }

    fn there_and_back(val: &Val) -> String {
        let mut text = String::new();
        value(&mut text, val, &Nothing);
        let json = serde_json::from_str(&text).unwrap();
        format!("{:?}", parse(&json).unwrap())
    }

    #[test]
    fn values_come_back() {
        let big = Val::int(BigInt::from(-1) << 100_u32);
        let values = [
            Val::None,
            Val::Bool(true),
            Val::Int(i64::MIN),
            big.clone(),
            Val::Float(0.1),
            Val::Float(-0.0),
            Val::Float(1e300),
            Val::Float(f64::INFINITY),
            Val::Complex(1.5, f64::NEG_INFINITY),
            Val::str("é\n\u{1f600}\""),
            Val::Bytes(Arc::from(&b"\x00\xff"[..])),
            Val::list(vec![Val::Int(1), Val::tuple(vec![big])]),
            Val::Dict(Arc::new(vec![(Val::str("a"), Val::Ellipsis)])),
            Val::Type("int"),
            Val::Function("len"),
        ];
        for val in values {
            assert_eq!(there_and_back(&val), format!("{val:?}"));
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bytes in [&b"\x01"[..], b"\xff\xff\xff\xff", b"\x05\0\0\0{}", b"\x01\0\0\0{"] {
            assert!(read(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
        assert!(read(&mut &b""[..]).unwrap().is_none());
        for text in ["[1]", "{}", "{\"r\":1}", "{\"ra\":[1,2]}", "{\"zz\":1}", "{\"b\":\"0\"}"] {
            assert!(parse(&serde_json::from_str(text).unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn hexadecimal() {
        assert_eq!(unhex("00ff"), Some(vec![0, 255]));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("zz"), None);
    }
}
