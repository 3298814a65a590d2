//! `str % values`.

use super::arith::float;
use super::error::{R, type_error, unsupported, value_error};
use super::format::{exponent, general};
use super::run::{Eval, SIZE_MAX};
use super::val::Val;
use crate::show::text::{code_point, from_points, point_count, points};
use moviola_format::event::Kind;
use num_bigint::BigInt;
use num_traits::{FromPrimitive as _, Signed as _, ToPrimitive as _};

struct Arguments {
    list: Vec<Val>,
    next: usize,
}

#[derive(Default)]
struct Flags {
    minus: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
}

impl Eval<'_> {
    /// `format % values`.
    pub(super) fn percent(&self, format: &[u8], values: &Val) -> R<Vec<u8>> {
        let mapping = self.mapping(values)?;
        let is_tuple = self.container(values)? == Some(Kind::Tuple);
        let list = if is_tuple { self.elements(values)? } else { vec![values.clone()] };
        let mut args = Arguments { list, next: 0 };
        let mut used_mapping = false;
        let mut out = Vec::new();
        let mut at = 0;
        while at < format.len() {
            let byte = format[at];
            at += 1;
            if byte != b'%' {
                out.push(byte);
                continue;
            }
            let mut named = None;
            if format.get(at) == Some(&b'(') {
                let mut level = 1;
                let start = at + 1;
                at = start;
                while at < format.len() && level > 0 {
                    match format[at] {
                        b'(' => level += 1,
                        b')' => level -= 1,
                        _ => {}
                    }
                    at += 1;
                }
                if level > 0 {
                    return value_error("incomplete format key");
                }
                if mapping.is_none() {
                    return type_error("format requires a mapping");
                }
                let key = Val::text(format[start..at - 1].to_vec());
                named = Some(self.item(values, &key)?);
                used_mapping = true;
            }
            let mut flags = Flags::default();
            while let Some(flag) = format.get(at) {
                match flag {
                    b'-' => flags.minus = true,
                    b'+' => flags.plus = true,
                    b' ' => flags.space = true,
                    b'#' => flags.alternate = true,
                    b'0' => flags.zero = true,
                    _ => break,
                }
                at += 1;
            }
            let mut width = self.number(format, &mut at, &mut args)?.unwrap_or(0);
            if width < 0 {
                flags.minus = true;
                width = -width;
            }
            let mut precision = None;
            if format.get(at) == Some(&b'.') {
                at += 1;
                let found = self.number(format, &mut at, &mut args)?.unwrap_or(0).max(0);
                precision = Some(found as usize);
            }
            while matches!(format.get(at), Some(b'h' | b'l' | b'L')) {
                at += 1;
            }
            if at >= format.len() {
                return value_error("incomplete format");
            }
            let (kind, len) = code_point(&format[at..]);
            let place = point_count(&format[..at]);
            at += len;
            if kind == u32::from('%') {
                out.push(b'%');
                continue;
            }
            let value = match named {
                Some(value) => value,
                None => self.next(&mut args)?,
            };
            let kind = char::from_u32(kind).unwrap_or('?');
            let (head, body) = self.conversion(kind, &value, &flags, precision, place)?;
            let len = point_count(&head) + point_count(&body);
            let missing = (width as usize).saturating_sub(len);
            if missing > SIZE_MAX || out.len() > SIZE_MAX {
                return unsupported("the result is too large");
            }
            let numeric = !matches!(kind, 's' | 'r' | 'a' | 'c');
            if flags.minus {
                out.extend([&*head, &*body, &*b" ".repeat(missing)].concat());
            } else if flags.zero && numeric {
                out.extend([&*head, &*b"0".repeat(missing), &*body].concat());
            } else {
                out.extend([&*b" ".repeat(missing), &*head, &*body].concat());
            }
        }
        let left = args.next < args.list.len();
        if left && !used_mapping && (is_tuple || mapping.is_none()) {
            let is_list = self.container(values)? == Some(Kind::List);
            if !is_list {
                return type_error("not all arguments converted during string formatting");
            }
            if args.next == 0 {
                // A list counts as a mapping here: it can be subscripted.
                return Ok(out);
            }
        }
        Ok(out)
    }

    fn next(&self, args: &mut Arguments) -> R<Val> {
        let Some(value) = args.list.get(args.next) else {
            return type_error("not enough arguments for format string");
        };
        args.next += 1;
        self.got(value.clone())
    }

    fn number(&self, format: &[u8], at: &mut usize, args: &mut Arguments) -> R<Option<i64>> {
        if format.get(*at) == Some(&b'*') {
            *at += 1;
            return match self.next(args)?.as_i64() {
                Some(number) if number.unsigned_abs() <= SIZE_MAX as u64 => Ok(Some(number)),
                Some(_) => unsupported("a width this large"),
                None => type_error("* wants int"),
            };
        }
        let start = *at;
        while format.get(*at).is_some_and(u8::is_ascii_digit) {
            *at += 1;
        }
        if start == *at {
            return Ok(None);
        }
        let text = std::str::from_utf8(&format[start..*at]).unwrap_or("0");
        match text.parse::<i64>() {
            Ok(number) if number <= SIZE_MAX as i64 => Ok(Some(number)),
            _ => unsupported("a width this large"),
        }
    }

    /// Sign or prefix, and the rest.
    fn conversion(
        &self,
        kind: char,
        value: &Val,
        flags: &Flags,
        precision: Option<usize>,
        place: usize,
    ) -> R<(Vec<u8>, Vec<u8>)> {
        let sign = |negative: bool| {
            if negative {
                "-"
            } else if flags.plus {
                "+"
            } else if flags.space {
                " "
            } else {
                ""
            }
        };
        match kind {
            's' | 'r' | 'a' => {
                let text = match self.convert(value.clone(), Some(kind))? {
                    Val::Str(text) => text,
                    _ => [].into(),
                };
                let text = match precision {
                    Some(most) if point_count(&text) > most => from_points(&points(&text)[..most]),
                    _ => text.to_vec(),
                };
                Ok((Vec::new(), text))
            }
            'c' => match self.scalar(value, "__index__")? {
                Val::Str(text) if point_count(&text) == 1 => Ok((Vec::new(), text.to_vec())),
                int if int.is_int() => {
                    match int
                        .as_i64()
                        .and_then(|int| u32::try_from(int).ok())
                        .filter(|int| *int <= 0x10_ffff)
                    {
                        Some(point) => Ok((Vec::new(), from_points(&[point]))),
                        None => {
                            super::error::python("OverflowError", "%c arg not in range(0x110000)")
                        }
                    }
                }
                _ => type_error("%c requires int or char"),
            },
            'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
                let found = self.scalar(value, "__int__")?;
                let int: BigInt = match &found {
                    int if int.is_int() => int.as_int().unwrap_or_default(),
                    Val::Float(value) if matches!(kind, 'd' | 'i' | 'u') && value.is_finite() => {
                        BigInt::from_f64(value.trunc()).unwrap_or_default()
                    }
                    _ => {
                        self.no_method(value, "__int__")?;
                        self.no_method(value, "__index__")?;
                        let name = self.type_name(value)?;
                        let what = if matches!(kind, 'd' | 'i' | 'u') {
                            "a real number is required"
                        } else {
                            "an integer is required"
                        };
                        return type_error(format!("%{kind} format: {what}, not {name}"));
                    }
                };
                let (radix, prefix) = match kind {
                    'x' => (16, "0x"),
                    'X' => (16, "0X"),
                    'o' => (8, "0o"),
                    _ => (10, ""),
                };
                if radix == 10 && int.bits() > 14_285 {
                    return unsupported("the decimal digits of an int this large");
                }
                let mut digits = int.magnitude().to_str_radix(radix);
                if kind == 'X' {
                    digits.make_ascii_uppercase();
                }
                if let Some(least) = precision {
                    let missing = least.saturating_sub(digits.len());
                    digits.insert_str(0, &"0".repeat(missing));
                }
                let prefix = if flags.alternate { prefix } else { "" };
                Ok((
                    format!("{}{prefix}", sign(int.is_negative())).into_bytes(),
                    digits.into_bytes(),
                ))
            }
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' => {
                let found = self.scalar(value, "__float__")?;
                if !found.is_int() && !matches!(found, Val::Float(_)) {
                    self.no_method(value, "__float__")?;
                    let name = self.type_name(value)?;
                    return type_error(format!("must be real number, not {name}"));
                }
                let number = float(&found)?;
                let magnitude = number.abs();
                let precision = precision.unwrap_or(6);
                let mut digits = if number.is_nan() {
                    "nan".to_owned()
                } else if number.is_infinite() {
                    "inf".to_owned()
                } else {
                    match kind.to_ascii_lowercase() {
                        'f' => format!("{magnitude:.precision$}"),
                        'e' => exponent(magnitude, precision),
                        _ => general(magnitude, precision, flags.alternate),
                    }
                };
                if kind.is_ascii_uppercase() {
                    digits.make_ascii_uppercase();
                }
                let negative = number.is_sign_negative() && !number.is_nan();
                Ok((sign(negative).as_bytes().to_vec(), digits.into_bytes()))
            }
            other => {
                let code = u32::from(other);
                let shown = if (31..127).contains(&code) { other } else { '?' };
                let _ = code.to_u8();
                value_error(format!(
                    "unsupported format character '{shown}' ({code:#x}) at index {place}"
                ))
            }
        }
    }
}
