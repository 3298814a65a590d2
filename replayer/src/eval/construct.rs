//! Calls of built-in types: `int`, `str`, `list`, `range` and so on.

use super::arith::float;
use super::call::Args;
use super::error::{EvalError, R, python, type_error, unknown, unsupported, value_error};
use super::key::PairSet;
use super::run::Eval;
use super::val::Val;
use crate::show::class::Class;
use moviola_format::event::Kind;
use num_bigint::BigInt;
use num_traits::{FromPrimitive as _, Num as _, ToPrimitive as _, Zero as _};
use std::sync::Arc;

impl Eval<'_> {
    /// A call of a built-in type.
    pub(super) fn construct(&self, mut args: Args) -> R<Val> {
        let name = args.name;
        if name == "dict" {
            return self.make_dict(args);
        }
        if name == "enumerate" {
            if let Some(start) = args.keyword("start") {
                args.list.push(start);
            }
            args.count(1, 2)?;
            let start = match args.get(1) {
                None => BigInt::zero(),
                Some(start) => match self.index(start)? {
                    Some(start) => start,
                    None => {
                        let name = self.type_name(start)?;
                        return type_error(format!(
                            "'{name}' object cannot be interpreted as an integer"
                        ));
                    }
                },
            };
            let items = self.iterate(&args.list[0])?;
            let pairs = items
                .into_iter()
                .enumerate()
                .map(|(at, item)| Val::tuple(vec![Val::int(&start + BigInt::from(at)), item]));
            return Ok(Val::Iter("enumerate", Arc::new(pairs.collect())));
        }
        if name == "zip" {
            let strict = match args.keyword("strict") {
                Some(strict) => self.truth(&strict)?,
                None => false,
            };
            return self.zip(&args, strict);
        }
        if name == "int" && args.keywords.iter().any(|(name, _)| &**name == "base") {
            let base = args.keyword("base").unwrap_or(Val::Int(10));
            args.list.push(base);
        }
        args.no_keywords()?;
        let first = args.get(0).cloned();
        let exactly = |least, most| args.count(least, most);
        Ok(match name {
            "type" => {
                if args.list.len() != 1 {
                    return unsupported("making classes");
                }
                Class::of(&args.list[0], self.objects)?.value()
            }
            "bool" => {
                exactly(0, 1)?;
                Val::Bool(first.map_or(Ok(false), |value| self.truth(&value))?)
            }
            "int" => {
                exactly(0, 2)?;
                self.make_int(first.as_ref(), args.get(1))?
            }
            "float" => {
                exactly(0, 1)?;
                self.make_float(first.as_ref())?
            }
            "str" => {
                if args.list.len() > 1 {
                    return unsupported("decoding with str()");
                }
                match first {
                    None => Val::str(""),
                    Some(value) => Val::text(self.str(&value)?),
                }
            }
            "bytes" | "bytearray" => {
                let bytes: Arc<[u8]> = match &first {
                    None => [].into(),
                    Some(value) if args.list.len() == 1 => self.make_bytes(value, name)?,
                    Some(_) => return unsupported("encoding with bytes()"),
                };
                if name == "bytes" { Val::Bytes(bytes) } else { Val::ByteArray(bytes) }
            }
            "list" | "tuple" | "set" | "frozenset" => {
                exactly(0, 1)?;
                let items = match &first {
                    None => Vec::new(),
                    Some(value) => self.iterate(value)?,
                };
                match name {
                    "list" => Val::list(items),
                    "tuple" => Val::tuple(items),
                    "set" => self.make_set(items)?,
                    _ => match self.make_set(items)? {
                        Val::Set(items) => Val::FrozenSet(items),
                        other => other,
                    },
                }
            }
            "range" | "slice" => {
                exactly(1, 3)?;
                self.make_range(&args)?
            }
            "reversed" => {
                exactly(1, 1)?;
                let value = &args.list[0];
                self.no_method(value, "__reversed__")?;
                if matches!(self.container(value)?, Some(Kind::Set | Kind::FrozenSet))
                    || matches!(value, Val::Iter(..))
                {
                    let name = self.type_name(value)?;
                    return type_error(format!("'{name}' object is not reversible"));
                }
                let mut items = match self.iterate(value) {
                    Err(EvalError::Python { class, .. }) if class == "TypeError" => {
                        let name = self.type_name(value)?;
                        return type_error(format!("'{name}' object is not reversible"));
                    }
                    other => other?,
                };
                items.reverse();
                Val::Iter("reversed", Arc::new(items))
            }
            "complex" => match (&first, args.get(1)) {
                (None, _) => Val::Complex(0.0, 0.0),
                (Some(re), im) if !matches!(re, Val::Str(_)) => {
                    let re = self.scalar(re, "__complex__")?;
                    let im = im.map_or(Ok(Val::Int(0)), |im| self.scalar(im, "__complex__"))?;
                    match (&re, &im) {
                        (Val::Int(_) | Val::Float(_), Val::Int(_) | Val::Float(_)) => {
                            Val::Complex(float(&re)?, float(&im)?)
                        }
                        _ => return unsupported("complex() of these arguments"),
                    }
                }
                _ => return unsupported("complex() of these arguments"),
            },
            "object" => return unsupported("objects cannot be made"),
            "map" | "filter" => {
                return unsupported(format!("{name}(); use a comprehension instead"));
            }
            _ => return unsupported(format!("{name}()")),
        })
    }

    fn zip(&self, args: &Args, strict: bool) -> R<Val> {
        args.no_keywords()?;
        let mut all = Vec::new();
        for (at, value) in args.list.iter().enumerate() {
            match self.iterate(value) {
                Err(EvalError::Python { class, message })
                    if class == "TypeError" && message.ends_with("is not iterable") =>
                {
                    let _ = message;
                    let name = self.type_name(value)?;
                    return type_error(format!("'{name}' object is not iterable"));
                }
                other => all.push(other?),
            }
            if strict && at > 0 && all[at].len() != all[0].len() {
                let word = if all[at].len() < all[0].len() { "shorter" } else { "longer" };
                let others = if at == 1 { "1".to_owned() } else { format!("s 1-{at}") };
                let others = if at == 1 { format!(" {others}") } else { others };
                return value_error(format!(
                    "zip() argument {} is {word} than argument{others}",
                    at + 1
                ));
            }
        }
        let len = all.iter().map(Vec::len).min().unwrap_or(0);
        let rows = (0..len).map(|row| Val::tuple(all.iter().map(|one| one[row].clone()).collect()));
        Ok(Val::Iter("zip", Arc::new(rows.collect())))
    }

    fn make_range(&self, args: &Args) -> R<Val> {
        if args.name == "slice" {
            let mut parts = [Val::None, Val::None, Val::None];
            match args.list.as_slice() {
                [stop] => parts[1] = stop.clone(),
                list => parts[..list.len()].clone_from_slice(list),
            }
            return Ok(Val::Slice(Arc::new(parts)));
        }
        let mut ints = Vec::new();
        for value in &args.list {
            match self.index(value)? {
                Some(int) => ints.push(int),
                None => {
                    self.no_method(value, "__index__")?;
                    let name = self.type_name(value)?;
                    return type_error(format!(
                        "'{name}' object cannot be interpreted as an integer"
                    ));
                }
            }
        }
        let step = ints.get(2).cloned().unwrap_or_else(|| BigInt::from(1));
        if step.is_zero() {
            return value_error("range() arg 3 must not be zero");
        }
        let (start, stop) = match ints.as_slice() {
            [stop] => (BigInt::zero(), stop.clone()),
            [start, stop, ..] => (start.clone(), stop.clone()),
            [] => (BigInt::zero(), BigInt::zero()),
        };
        Ok(Val::Range(Arc::new([start, stop, step])))
    }

    fn make_dict(&self, args: Args) -> R<Val> {
        if args.list.len() > 1 {
            return type_error(format!(
                "dict expected at most 1 argument, got {}",
                args.list.len()
            ));
        }
        let mut pairs = PairSet::default();
        if let Some(value) = args.list.first() {
            if let Some(items) = self.mapping(value)? {
                for (key, value) in items {
                    pairs.set(self.key(&key)?, key, value);
                }
            } else {
                for (at, item) in self.iterate(value)?.into_iter().enumerate() {
                    let item = self.got(item)?;
                    let pair = match self.iterate(&item) {
                        Err(EvalError::Python { class, .. }) if class == "TypeError" => {
                            return type_error(format!(
                                "cannot convert dictionary update sequence element #{at} to a sequence"
                            ));
                        }
                        other => other?,
                    };
                    let [key, value] = pair.as_slice() else {
                        return value_error(format!(
                            "dictionary update sequence element #{at} has length {}; 2 is required",
                            pair.len()
                        ));
                    };
                    pairs.set(self.key(key)?, key.clone(), value.clone());
                }
            }
        }
        for (name, value) in args.keywords {
            let name = Val::str(&name);
            pairs.set(self.key(&name)?, name, value);
        }
        Ok(Val::Dict(Arc::new(pairs.into_pairs())))
    }

    fn make_bytes(&self, value: &Val, name: &str) -> R<Arc<[u8]>> {
        match self.scalar(value, "__bytes__")? {
            Val::Bytes(bytes) | Val::ByteArray(bytes) => return Ok(bytes),
            Val::Str(_) => return type_error("string argument without an encoding"),
            int if int.is_int() => {
                return match int.as_i64() {
                    Some(count) if count < 0 => value_error("negative count"),
                    Some(count) if (count as usize) <= super::run::SIZE_MAX => {
                        Ok(vec![0; count as usize].into())
                    }
                    _ => unsupported("the result is too large"),
                };
            }
            _ => {}
        }
        let mut out = Vec::new();
        let items = match self.iterate(value) {
            Err(EvalError::Python { class, .. }) if class == "TypeError" => {
                let found = self.type_name(value)?;
                return type_error(format!("cannot convert '{found}' object to {name}"));
            }
            other => other?,
        };
        for item in items {
            let Some(int) = self.index(&item)? else {
                let name = self.type_name(&item)?;
                return type_error(format!("'{name}' object cannot be interpreted as an integer"));
            };
            match int.to_u8() {
                Some(byte) => out.push(byte),
                None => {
                    return value_error(format!(
                        "{} must be in range(0, 256)",
                        if name == "bytes" { "bytes" } else { "byte" }
                    ));
                }
            }
        }
        Ok(out.into())
    }

    fn make_int(&self, value: Option<&Val>, base: Option<&Val>) -> R<Val> {
        let Some(value) = value else { return Ok(Val::Int(0)) };
        let found = self.scalar(value, "__int__")?;
        if let Some(base) = base {
            let Val::Str(text) = &found else {
                return type_error("int() can't convert non-string with explicit base");
            };
            let base = self.index(base)?.and_then(|base| base.to_u32());
            return match base {
                Some(base @ (0 | 2..=36)) => parse_int(text, base, self.minor),
                _ => value_error("int() base must be >= 2 and <= 36, or 0"),
            };
        }
        match &found {
            int if int.is_int() => Ok(Val::int(int.as_int().unwrap_or_default())),
            Val::Float(value) if value.is_nan() => {
                value_error("cannot convert float NaN to integer")
            }
            Val::Float(value) if value.is_infinite() => {
                python("OverflowError", "cannot convert float infinity to integer")
            }
            Val::Float(value) => Ok(Val::int(BigInt::from_f64(value.trunc()).unwrap_or_default())),
            Val::Str(text) | Val::Bytes(text) => parse_int(text, 10, self.minor),
            _ => {
                for method in ["__int__", "__index__", "__trunc__"] {
                    self.no_method(value, method)?;
                }
                let name = self.type_name(value)?;
                type_error(format!(
                    "int() argument must be a string, a bytes-like object or a real number, not '{name}'"
                ))
            }
        }
    }

    fn make_float(&self, value: Option<&Val>) -> R<Val> {
        let Some(value) = value else { return Ok(Val::Float(0.0)) };
        let found = self.scalar(value, "__float__")?;
        match &found {
            Val::Float(value) => Ok(Val::Float(*value)),
            int if int.is_int() => Ok(Val::Float(float(int)?)),
            Val::Str(text) => {
                let shown = String::from_utf8_lossy(text).into_owned();
                let trimmed = shown.trim().replace('_', "");
                let word = trimmed.trim_start_matches(['+', '-']).to_ascii_lowercase();
                let fine =
                    word.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || byte == b'.')
                        || matches!(word.as_str(), "inf" | "infinity" | "nan");
                match trimmed.parse() {
                    Ok(value) if fine => Ok(Val::Float(value)),
                    _ => {
                        let shown = self.repr(&found)?;
                        value_error(format!("could not convert string to float: {shown}"))
                    }
                }
            }
            Val::Unknown(reason) => unknown(reason),
            _ => {
                self.no_method(value, "__float__")?;
                self.no_method(value, "__index__")?;
                let name = self.type_name(value)?;
                type_error(format!(
                    "float() argument must be a string or a real number, not '{name}'"
                ))
            }
        }
    }
}

fn parse_int(text: &[u8], base: u32, minor: u32) -> R<Val> {
    let shown = String::from_utf8_lossy(text).into_owned();
    let fail = || {
        let mut repr = String::new();
        crate::show::text::str_repr(&mut repr, text, minor);
        value_error(format!("invalid literal for int() with base {base}: {repr}"))
    };
    let trimmed = shown.trim_matches(|char: char| super::strings::is_space(u32::from(char)));
    let (negative, digits) = match trimmed.as_bytes().first() {
        Some(b'-') => (true, &trimmed[1..]),
        Some(b'+') => (false, &trimmed[1..]),
        _ => (false, trimmed),
    };
    let lower = digits.to_ascii_lowercase();
    let prefixed = match lower.get(..2) {
        Some("0x") => Some(16),
        Some("0o") => Some(8),
        Some("0b") => Some(2),
        _ => None,
    };
    let (radix, digits) = match (base, prefixed) {
        (0, Some(radix)) => (radix, &lower[2..]),
        (base, Some(radix)) if base == radix => (radix, &lower[2..]),
        (0, None) => {
            if lower.len() > 1
                && lower.starts_with('0')
                && !lower.trim_matches(['0', '_']).is_empty()
            {
                return fail();
            }
            (10, lower.as_str())
        }
        (base, _) => (base, lower.as_str()),
    };
    let digits =
        if prefixed == Some(radix) { digits.strip_prefix('_').unwrap_or(digits) } else { digits };
    let misplaced = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    let plain = digits.replace('_', "");
    if misplaced || plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        if !plain.is_ascii() {
            return unsupported("digits of other scripts");
        }
        return fail();
    }
    if plain.len() > 4300 && !radix.is_power_of_two() {
        return value_error(format!(
            "Exceeds the limit (4300 digits) for integer string conversion: value has {} digits; use sys.set_int_max_str_digits() to increase the limit",
            plain.len()
        ));
    }
    match BigInt::from_str_radix(&plain, radix) {
        Ok(value) => Ok(Val::int(if negative { -value } else { value })),
        Err(_) => fail(),
    }
}
