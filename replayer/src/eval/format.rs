//! `format(value, spec)` for built-in types, and `str.format`.

use super::arith::float;
use super::call::Args;
use super::error::{EvalError, R, python, type_error, unsupported, value_error};
use super::run::{Eval, SIZE_MAX};
use super::val::Val;
use crate::pyfloat::float_repr;
use crate::show::class::{Class, Lookup};
use crate::show::text::{code_point, point_count};
use num_bigint::BigInt;
use num_traits::{Signed as _, ToPrimitive as _};
use std::sync::Arc;

/// A parsed format specification.
#[derive(Debug, Clone, Default)]
pub(super) struct Spec {
    pub fill: Vec<u8>,
    pub align: Option<u8>,
    pub sign: Option<u8>,
    pub negative_zero: bool,
    pub alternate: bool,
    pub zero: bool,
    pub width: usize,
    pub grouping: Option<u8>,
    pub precision: Option<usize>,
    pub kind: Option<u8>,
}

fn parse(spec: &[u8]) -> R<Spec> {
    let invalid = || value_error("Invalid format specifier");
    let mut out = Spec::default();
    let mut rest = spec;
    if !rest.is_empty() {
        let (_, len) = code_point(rest);
        if rest.get(len).is_some_and(|byte| b"<>=^".contains(byte)) {
            out.fill = rest[..len].to_vec();
            out.align = Some(rest[len]);
            rest = &rest[len + 1..];
        } else if b"<>=^".contains(&rest[0]) {
            out.align = Some(rest[0]);
            rest = &rest[1..];
        }
    }
    let take = |rest: &mut &[u8], set: &[u8]| {
        let found = rest.first().copied().filter(|byte| set.contains(byte));
        if found.is_some() {
            *rest = &rest[1..];
        }
        found
    };
    out.sign = take(&mut rest, b"+- ");
    out.negative_zero = take(&mut rest, b"z").is_some();
    out.alternate = take(&mut rest, b"#").is_some();
    out.zero = take(&mut rest, b"0").is_some();
    let number = |rest: &mut &[u8]| -> R<Option<usize>> {
        let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if len == 0 {
            return Ok(None);
        }
        let text = std::str::from_utf8(&rest[..len]).unwrap_or("0");
        *rest = &rest[len..];
        match text.parse::<usize>() {
            Ok(number) if number <= SIZE_MAX => Ok(Some(number)),
            Ok(_) => unsupported("a width this large"),
            Err(_) => value_error("Too many decimal digits in format string"),
        }
    };
    out.width = number(&mut rest)?.unwrap_or(0);
    out.grouping = take(&mut rest, b",_");
    if take(&mut rest, b".").is_some() {
        match number(&mut rest)? {
            Some(precision) => out.precision = Some(precision),
            None => return value_error("Format specifier missing precision"),
        }
    }
    if let [kind] = rest {
        out.kind = Some(*kind);
    } else if !rest.is_empty() {
        return invalid();
    }
    if out.zero && out.align.is_none() {
        out.align = Some(b'=');
    }
    if out.zero && out.fill.is_empty() {
        out.fill = b"0".to_vec();
    }
    Ok(out)
}

/// Puts separators between groups of digits.
fn group(digits: &str, separator: u8, size: usize, width: usize, zero: bool) -> String {
    let mut digits = digits.to_owned();
    if zero {
        // Zeros are grouped as well, up to the width.
        loop {
            let len = digits.len() + (digits.len() - 1) / size;
            if len >= width {
                break;
            }
            digits.insert(0, '0');
        }
    }
    let mut out = String::new();
    for (at, char) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(size) {
            out.push(char::from(separator));
        }
        out.push(char);
    }
    out
}

fn align(text: &[u8], spec: &Spec, default: u8, sign_len: usize) -> Vec<u8> {
    let len = point_count(text);
    let missing = spec.width.saturating_sub(len);
    let fill: &[u8] = if spec.fill.is_empty() { b" " } else { &spec.fill };
    match spec.align.unwrap_or(default) {
        b'<' => [text, &*fill.repeat(missing)].concat(),
        b'^' => [&*fill.repeat(missing / 2), text, &*fill.repeat(missing - missing / 2)].concat(),
        b'=' => [&text[..sign_len], &*fill.repeat(missing), &text[sign_len..]].concat(),
        _ => [&*fill.repeat(missing), text].concat(),
    }
}

/// `%e` as C writes it.
pub(super) fn exponent(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// `%g` as C writes it.
pub(super) fn general(value: f64, precision: usize, alternate: bool) -> String {
    let precision = precision.max(1);
    if value == 0.0 {
        return if alternate { format!("0.{}", "0".repeat(precision - 1)) } else { "0".to_owned() };
    }
    let scientific = exponent(value, precision - 1);
    let power: i64 = scientific.rsplit('e').next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let trim = |text: &str| {
        if alternate || !text.contains('.') {
            text.to_owned()
        } else {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    };
    if power < -4 || power >= precision as i64 {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "+00"));
        return format!("{}e{exponent}", trim(mantissa));
    }
    let places = (precision as i64 - 1 - power).max(0) as usize;
    trim(&format!("{value:.places$}"))
}

impl Eval<'_> {
    /// `format(value, spec)`.
    pub(super) fn format(&self, value: &Val, spec: &[u8]) -> R<Vec<u8>> {
        let own =
            if let Val::Ref(id) = value { self.objects.object_head(*id)?.1 != 0 } else { false };
        if own && spec.is_empty() && self.date(value)?.is_some() {
            return self.str(value);
        }
        if own {
            let class = Class::of(value, self.objects)?;
            match class.lookup("__format__", self.objects)? {
                Lookup::Found(owner, _) => {
                    return unsupported(format!(
                        "{}.__format__ is recorded code and is not run",
                        owner.qualname
                    ));
                }
                Lookup::Hidden(owner) if !owner.is("enum", "Enum") || !spec.is_empty() => {
                    return unsupported(format!(
                        "{}.{} is recorded by name only and may define __format__",
                        owner.module, owner.qualname
                    ));
                }
                _ => {}
            }
        }
        if spec.is_empty() {
            return self.str(value);
        }
        let plain = if own { self.scalar(value, "__format__")? } else { self.scalar(value, "")? };
        let name = self.type_name(value)?;
        match &plain {
            Val::Str(text) => {
                let spec = self.parsed(spec, &name)?;
                format_str(text, &spec)
            }
            Val::Float(number) => {
                let spec = self.parsed(spec, &name)?;
                format_float(*number, &spec, &name)
            }
            Val::Bool(_) | Val::Int(_) | Val::Big(_) => {
                let spec = self.parsed(spec, &name)?;
                let int = plain.as_int().unwrap_or_default();
                if matches!(spec.kind, Some(b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'%')) {
                    return format_float(float(&plain)?, &spec, &name);
                }
                format_int(&int, &spec, &name)
            }
            Val::Complex(..) => unsupported("formats of complex numbers"),
            Val::Ref(id)
                if matches!(
                    self.objects.object_head(*id)?.0,
                    moviola_format::event::Kind::DateTime | moviola_format::event::Kind::Opaque
                ) =>
            {
                unsupported(format!("formats of {name}"))
            }
            _ => type_error(format!("unsupported format string passed to {name}.__format__")),
        }
    }

    fn parsed(&self, spec: &[u8], name: &str) -> R<Spec> {
        match parse(spec) {
            Err(EvalError::Python { class, message }) if message == "Invalid format specifier" => {
                let text = String::from_utf8_lossy(spec);
                let _ = class;
                value_error(format!(
                    "Invalid format specifier '{text}' for object of type '{name}'"
                ))
            }
            other => other,
        }
    }

    /// `text.format(...)`.
    pub(super) fn text_format(&self, text: &Arc<[u8]>, args: &Args) -> R<Val> {
        let mut auto = 0;
        Ok(Val::text(self.template(text, args, &mut auto, 0)?))
    }

    fn template(&self, text: &[u8], args: &Args, auto: &mut usize, depth: usize) -> R<Vec<u8>> {
        if depth > 1 && text.contains(&b'{') {
            return value_error("Max string recursion exceeded");
        }
        let mut out = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let byte = text[at];
            at += 1;
            match byte {
                b'{' if text.get(at) == Some(&b'{') => {
                    out.push(b'{');
                    at += 1;
                }
                b'}' if text.get(at) == Some(&b'}') => {
                    out.push(b'}');
                    at += 1;
                }
                b'}' => return value_error("Single '}' encountered in format string"),
                b'{' => {
                    let mut level = 1;
                    let start = at;
                    while at < text.len() && level > 0 {
                        match text[at] {
                            b'{' => level += 1,
                            b'}' => level -= 1,
                            _ => {}
                        }
                        at += 1;
                    }
                    if level > 0 {
                        return value_error(if start >= text.len() {
                            "Single '{' encountered in format string"
                        } else {
                            "expected '}' before end of string"
                        });
                    }
                    let field = &text[start..at - 1];
                    out.extend(self.replacement(field, args, auto, depth)?);
                }
                byte => out.push(byte),
            }
            if out.len() > SIZE_MAX {
                return unsupported("the result is too large");
            }
        }
        Ok(out)
    }

    fn replacement(&self, field: &[u8], args: &Args, auto: &mut usize, depth: usize) -> R<Vec<u8>> {
        let cut = field.iter().position(|byte| *byte == b':').unwrap_or(field.len());
        let (name, spec) = (&field[..cut], field.get(cut + 1..).unwrap_or_default());
        let (name, conversion) = match name.iter().position(|byte| *byte == b'!') {
            Some(at) => match &name[at + 1..] {
                [one @ (b's' | b'r' | b'a')] => (&name[..at], Some(char::from(*one))),
                _ => return unsupported("this conversion in a format string"),
            },
            None => (name, None),
        };
        let Ok(name) = std::str::from_utf8(name) else {
            return unsupported("this format string");
        };
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (first, mut path) = name.split_at(end);
        let mut value = if first.is_empty() {
            *auto += 1;
            args.get(*auto - 1).cloned()
        } else if first.bytes().all(|byte| byte.is_ascii_digit()) {
            let index = first.parse().unwrap_or(usize::MAX);
            *auto = index;
            args.get(index).cloned()
        } else {
            match args.keywords.iter().find(|(known, _)| **known == *first) {
                Some((_, value)) => Some(value.clone()),
                None => return python("KeyError", format!("'{first}'")),
            }
        }
        .map_or_else(
            || {
                let index = if first.is_empty() { *auto - 1 } else { *auto };
                python(
                    "IndexError",
                    format!("Replacement index {index} out of range for positional args tuple"),
                )
            },
            Ok,
        )?;
        while !path.is_empty() {
            if let Some(rest) = path.strip_prefix('.') {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                value = self.attribute(&value, &rest[..end])?;
                path = &rest[end..];
            } else if let Some(rest) = path.strip_prefix('[') {
                let Some(end) = rest.find(']') else {
                    return value_error("Missing ']' in format string");
                };
                let key = &rest[..end];
                let key = match key.parse::<i64>() {
                    Ok(index) if !key.starts_with(['-', '+']) => Val::Int(index),
                    _ => Val::str(key),
                };
                value = self.item(&value, &key)?;
                path = &rest[end + 1..];
            } else {
                return value_error("Only '.' or '[' may follow ']' in format field specifier");
            }
        }
        let value = self.convert(value, conversion)?;
        let spec = self.template(spec, args, auto, depth + 1)?;
        self.format(&value, &spec)
    }
}

fn format_str(text: &[u8], spec: &Spec) -> R<Vec<u8>> {
    match spec.kind {
        None | Some(b's') => {}
        Some(kind) => return unknown_code(kind, "str"),
    }
    if spec.sign.is_some() {
        return value_error(if spec.sign == Some(b' ') {
            "Space not allowed in string format specifier"
        } else {
            "Sign not allowed in string format specifier"
        });
    }
    if spec.alternate {
        return value_error("Alternate form (#) not allowed in string format specifier");
    }
    if spec.grouping.is_some() {
        let separator = spec.grouping.map_or(',', char::from);
        return value_error(format!("Cannot specify '{separator}' with 's'."));
    }
    if spec.align == Some(b'=') && !spec.zero {
        return value_error("'=' alignment not allowed in string format specifier");
    }
    let mut spec = spec.clone();
    if spec.align == Some(b'=') {
        spec.align = Some(b'<');
    }
    let mut text = text;
    if let Some(precision) = spec.precision {
        let mut at = 0;
        let mut count = 0;
        while at < text.len() && count < precision {
            at += code_point(&text[at..]).1;
            count += 1;
        }
        text = &text[..at];
    }
    Ok(align(text, &spec, b'<', 0))
}

fn unknown_code<T>(kind: u8, name: &str) -> R<T> {
    let kind = char::from(kind);
    if !kind.is_ascii() {
        return value_error(format!("Invalid format specifier for object of type '{name}'"));
    }
    value_error(format!("Unknown format code '{kind}' for object of type '{name}'"))
}

fn sign_of(negative: bool, spec: &Spec) -> &'static str {
    match (negative, spec.sign) {
        (true, _) => "-",
        (_, Some(b'+')) => "+",
        (_, Some(b' ')) => " ",
        _ => "",
    }
}

fn format_int(int: &BigInt, spec: &Spec, name: &str) -> R<Vec<u8>> {
    if spec.precision.is_some() {
        return value_error("Precision not allowed in integer format specifier");
    }
    let (radix, prefix) = match spec.kind {
        None | Some(b'd' | b'n') => (10, ""),
        Some(b'b') => (2, "0b"),
        Some(b'o') => (8, "0o"),
        Some(b'x') => (16, "0x"),
        Some(b'X') => (16, "0X"),
        Some(b'c') => {
            if spec.sign.is_some() {
                return value_error("Sign not allowed with integer format specifier 'c'");
            }
            return match int.to_u32().filter(|point| *point <= 0x10_ffff) {
                Some(point) => Ok(align(&crate::show::text::from_points(&[point]), spec, b'<', 0)),
                None => python("OverflowError", "%c arg not in range(0x110000)"),
            };
        }
        Some(kind) => return unknown_code(kind, name),
    };
    if radix == 10 && int.bits() > 14_285 {
        return unsupported("the decimal digits of an int this large");
    }
    let mut digits = int.magnitude().to_str_radix(radix);
    if spec.kind == Some(b'X') {
        digits.make_ascii_uppercase();
    }
    let mut head = sign_of(int.is_negative(), spec).to_owned();
    if spec.alternate {
        head.push_str(prefix);
    }
    if let Some(separator) = spec.grouping {
        if radix != 10 && separator == b',' {
            let kind = spec.kind.map_or('d', char::from);
            return value_error(format!("Cannot specify ',' with '{kind}'."));
        }
        let zero = spec.align == Some(b'=') && spec.fill == b"0";
        let width = spec.width.saturating_sub(head.len());
        digits = group(&digits, separator, if radix == 10 { 3 } else { 4 }, width, zero);
    }
    let sign_len = head.len();
    let text = head + &digits;
    Ok(align(text.as_bytes(), spec, b'>', sign_len))
}

fn format_float(value: f64, spec: &Spec, name: &str) -> R<Vec<u8>> {
    let upper = matches!(spec.kind, Some(b'E' | b'F' | b'G'));
    let magnitude = value.abs();
    let precision = spec.precision;
    let mut digits = if value.is_nan() {
        "nan".to_owned()
    } else if value.is_infinite() {
        "inf".to_owned()
    } else {
        match spec.kind.map(|kind| kind.to_ascii_lowercase()) {
            Some(b'f') => format!("{magnitude:.*}", precision.unwrap_or(6)),
            Some(b'%') => format!("{:.*}", precision.unwrap_or(6), magnitude * 100.0),
            Some(b'e') => exponent(magnitude, precision.unwrap_or(6)),
            Some(b'g' | b'n') => general(magnitude, precision.unwrap_or(6), spec.alternate),
            None => match precision {
                None => float_repr(magnitude),
                Some(precision) => {
                    // As `g`, but a number with fewer digits than that keeps one after the point,
                    // and the exponent form begins one digit earlier.
                    let precision = precision.max(1);
                    let scientific = exponent(magnitude, precision - 1);
                    let power: i64 = scientific
                        .rsplit('e')
                        .next()
                        .and_then(|text| text.parse().ok())
                        .unwrap_or(0);
                    if magnitude != 0.0
                        && (power < -4 || power >= precision as i64 - 1)
                        && (power < -4
                            || power >= precision as i64
                            || !general(magnitude, precision, false).contains('.'))
                    {
                        if power == precision as i64 - 1 || power < -4 || power >= precision as i64
                        {
                            let (mantissa, exponent) =
                                scientific.split_once('e').unwrap_or((&scientific, "+00"));
                            let mantissa = if mantissa.contains('.') {
                                mantissa.trim_end_matches('0').trim_end_matches('.')
                            } else {
                                mantissa
                            };
                            format!("{mantissa}e{exponent}")
                        } else {
                            general(magnitude, precision, false)
                        }
                    } else {
                        let text = general(magnitude, precision, false);
                        if text.contains(['.', 'e']) { text } else { text + ".0" }
                    }
                }
            },
            Some(_) => {
                return match spec.kind {
                    Some(kind) => unknown_code(kind, name),
                    None => Ok(Vec::new()),
                };
            }
        }
    };
    if upper {
        digits.make_ascii_uppercase();
    }
    let all_zero = !digits.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) && value.is_finite();
    let negative = value.is_sign_negative() && !value.is_nan() && !(spec.negative_zero && all_zero);
    let head = sign_of(negative, spec);
    if spec.alternate && !digits.contains('.') && value.is_finite() {
        let at = digits.find(['e', 'E']).unwrap_or(digits.len());
        digits.insert(at, '.');
    }
    let percent = if spec.kind == Some(b'%') { "%" } else { "" };
    if let Some(separator) = spec.grouping
        && value.is_finite()
    {
        let end = digits.find(['.', 'e', 'E']).unwrap_or(digits.len());
        let rest = digits.split_off(end);
        let zero = spec.align == Some(b'=') && spec.fill == b"0";
        let width = spec.width.saturating_sub(head.len() + rest.len() + percent.len());
        digits = group(&digits, separator, 3, width, zero) + &rest;
    }
    let text = format!("{head}{digits}{percent}");
    Ok(align(text.as_bytes(), spec, b'>', head.len()))
}
