//! Methods of str, bytes and bytearray.

use super::call::Args;
use super::compare::find;
use super::error::{R, type_error, unsupported, value_error};
use super::run::{Eval, SIZE_MAX};
use super::val::Val;
use crate::show::text::{code_point, escape_point, from_points, point_count, points};
use std::sync::Arc;

/// `str.isspace` of one character.
pub(crate) const fn is_space(point: u32) -> bool {
    matches!(
        point,
        0x09..=0x0d
            | 0x1c..=0x20
            | 0x85
            | 0xa0
            | 0x1680
            | 0x2000..=0x200a
            | 0x2028
            | 0x2029
            | 0x202f
            | 0x205f
            | 0x3000
    )
}

/// A repr with everything but ASCII escaped.
pub(super) fn ascii(text: &str) -> String {
    let mut out = String::new();
    for char in text.chars() {
        if char.is_ascii() {
            out.push(char);
        } else {
            escape_point(&mut out, u32::from(char));
        }
    }
    out
}

impl Eval<'_> {
    fn text_arg(&self, args: &Args, at: usize) -> R<Option<Arc<[u8]>>> {
        let Some(value) = args.get(at) else { return Ok(None) };
        match self.scalar(value, "__str__")? {
            Val::Str(text) => Ok(Some(text)),
            _ => {
                let found = self.type_name(value)?;
                let name = args.name;
                match name {
                    "join" => type_error("can only join an iterable"),
                    "count" | "find" | "rfind" | "index" | "rindex" => {
                        type_error(if self.minor >= 13 {
                            format!("{name}() argument {} must be str, not {found}", at + 1)
                        } else {
                            format!("must be str, not {found}")
                        })
                    }
                    "split" | "rsplit" => type_error(format!("must be str or None, not {found}")),
                    "partition" | "rpartition" => type_error(format!("must be str, not {found}")),
                    "removeprefix" | "removesuffix" => {
                        type_error(format!("{name}() argument must be str, not {found}"))
                    }
                    _ => {
                        type_error(format!("{name}() argument {} must be str, not {found}", at + 1))
                    }
                }
            }
        }
    }

    fn wanted(&self, args: &Args, at: usize) -> R<Arc<[u8]>> {
        match self.text_arg(args, at)? {
            Some(text) => Ok(text),
            None => {
                args.count(at + 1, at + 1)?;
                unsupported(format!("{}() without arguments", args.name))
            }
        }
    }

    fn int_arg(&self, args: &Args, at: usize, default: i64) -> R<i64> {
        let Some(value) = args.get(at) else { return Ok(default) };
        match self.index(value)? {
            Some(int) => Ok(i64::try_from(int).unwrap_or(i64::MAX)),
            None if matches!(value, Val::None) => Ok(default),
            None => {
                let name = self.type_name(value)?;
                type_error(format!("'{name}' object cannot be interpreted as an integer"))
            }
        }
    }

    /// A method of str.
    pub(super) fn text_method(&self, text: &Arc<[u8]>, mut args: Args) -> R<Val> {
        let name = args.name;
        match name {
            "format" => return self.text_format(text, &args),
            "split" | "rsplit" => {
                for (at, keyword) in ["sep", "maxsplit"].into_iter().enumerate() {
                    if let Some(value) = args.keyword(keyword) {
                        while args.list.len() < at {
                            args.list.push(Val::None);
                        }
                        args.list.push(value);
                    }
                }
            }
            "encode" => {
                let encoding = args.keyword("encoding").or_else(|| args.get(0).cloned());
                return encode(self, text, encoding.as_ref());
            }
            "splitlines" => {
                let keep = args.keyword("keepends").or_else(|| args.get(0).cloned());
                let keep = keep.map_or(Ok(false), |keep| self.truth(&keep))?;
                let lines = crate::show::split_lines(text);
                return Ok(Val::list(
                    lines
                        .into_iter()
                        .map(|line| {
                            Val::text(if keep { line.to_vec() } else { chomp(line).to_vec() })
                        })
                        .collect(),
                ));
            }
            _ => {}
        }
        args.no_keywords()?;
        let str = || match std::str::from_utf8(text) {
            Ok(str) => Ok(str),
            Err(_) => unsupported("this method on a str with surrogates"),
        };
        let all = || points(text);
        let no_args = || args.count(0, 0);
        let test = |wanted: fn(char) -> bool| -> R<Val> {
            no_args()?;
            let str = str()?;
            Ok(Val::Bool(!str.is_empty() && str.chars().all(wanted)))
        };
        Ok(match name {
            "upper" | "lower" | "title" | "capitalize" | "swapcase" | "casefold" => {
                no_args()?;
                let str = str()?;
                Val::str(&match name {
                    "upper" => str.to_uppercase(),
                    "lower" => str.to_lowercase(),
                    _ if !str.is_ascii() => {
                        return unsupported(format!("{name}() of text that is not ASCII"));
                    }
                    "casefold" => str.to_ascii_lowercase(),
                    "swapcase" => str
                        .chars()
                        .map(|char| {
                            if char.is_ascii_lowercase() {
                                char.to_ascii_uppercase()
                            } else {
                                char.to_ascii_lowercase()
                            }
                        })
                        .collect(),
                    "capitalize" => {
                        let mut out = str.to_ascii_lowercase();
                        if let Some(first) = out.get_mut(..1) {
                            first.make_ascii_uppercase();
                        }
                        out
                    }
                    _ => {
                        let mut within = false;
                        str.chars()
                            .map(|char| {
                                let out = if within {
                                    char.to_ascii_lowercase()
                                } else {
                                    char.to_ascii_uppercase()
                                };
                                within = char.is_ascii_alphabetic();
                                out
                            })
                            .collect()
                    }
                })
            }
            "strip" | "lstrip" | "rstrip" => {
                args.count(0, 1)?;
                let set = match args.get(0) {
                    None | Some(Val::None) => None,
                    Some(_) => match self.text_arg(&args, 0) {
                        Ok(set) => set.map(|set| points(&set)),
                        Err(super::EvalError::Python { .. }) => {
                            return type_error(format!("{name} arg must be None or str"));
                        }
                        Err(error) => return Err(error),
                    },
                };
                let gone = |point: &u32| match &set {
                    Some(set) => set.contains(point),
                    None => is_space(*point),
                };
                let all = all();
                let start = if name == "rstrip" {
                    0
                } else {
                    all.iter().position(|point| !gone(point)).unwrap_or(all.len())
                };
                let end = if name == "lstrip" {
                    all.len()
                } else {
                    all.iter().rposition(|point| !gone(point)).map_or(start, |at| at + 1)
                };
                Val::text(from_points(&all[start..end.max(start)]))
            }
            "split" | "rsplit" => {
                args.count(0, 2)?;
                let most = self.int_arg(&args, 1, -1)?;
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                let separator = match args.get(0) {
                    None | Some(Val::None) => None,
                    Some(_) => self.text_arg(&args, 0)?,
                };
                let parts = match separator {
                    None => split_spaces(text, most, name == "rsplit"),
                    Some(separator) if separator.is_empty() => {
                        return value_error("empty separator");
                    }
                    Some(separator) => split_at(text, &separator, most, name == "rsplit"),
                };
                self.step(parts.len())?;
                Val::list(parts.into_iter().map(|part| Val::text(part.to_vec())).collect())
            }
            "join" => {
                args.count(1, 1)?;
                let items = match self.iterate(&args.list[0]) {
                    Err(super::EvalError::Python { class, .. }) if class == "TypeError" => {
                        return type_error("can only join an iterable");
                    }
                    other => other?,
                };
                let mut out = Vec::new();
                for (at, item) in items.iter().enumerate() {
                    let Val::Str(part) = self.scalar(item, "__str__")? else {
                        let found = self.type_name(item)?;
                        return type_error(format!(
                            "sequence item {at}: expected str instance, {found} found"
                        ));
                    };
                    if at > 0 {
                        out.extend_from_slice(text);
                    }
                    out.extend_from_slice(&part);
                    if out.len() > SIZE_MAX {
                        return unsupported("the result is too large");
                    }
                }
                Val::text(out)
            }
            "replace" => {
                args.count(2, 3)?;
                let (old, new) = (self.wanted(&args, 0)?, self.wanted(&args, 1)?);
                let most = usize::try_from(self.int_arg(&args, 2, -1)?).unwrap_or(usize::MAX);
                Val::text(replace(text, &old, &new, most)?)
            }
            "startswith" | "endswith" => {
                args.count(1, 3)?;
                let within = self.part(text, &args, 1)?.unwrap_or_default();
                let mut found = false;
                let options = match args.get(0) {
                    Some(value)
                        if self.container(value)? == Some(moviola_format::event::Kind::Tuple) =>
                    {
                        self.iterate(value)?
                    }
                    other => other.cloned().into_iter().collect(),
                };
                for option in options {
                    let Val::Str(option) = self.scalar(&option, "__str__")? else {
                        let found = self.type_name(&option)?;
                        return type_error(format!(
                            "{name} first arg must be str or a tuple of str, not {found}"
                        ));
                    };
                    found |= if name == "startswith" {
                        within.starts_with(&option)
                    } else {
                        within.ends_with(&option)
                    };
                }
                Val::Bool(found && self.part(text, &args, 1)?.is_some())
            }
            "find" | "index" | "rfind" | "rindex" | "count" => {
                args.count(1, 3)?;
                let part = self.wanted(&args, 0)?;
                self.search(text, &part, &args)?
            }
            "partition" | "rpartition" => {
                args.count(1, 1)?;
                let separator = self.wanted(&args, 0)?;
                if separator.is_empty() {
                    return value_error("empty separator");
                }
                let at = if name == "partition" {
                    find(text, &separator)
                } else {
                    rfind(text, &separator)
                };
                let parts: [&[u8]; 3] = match at {
                    Some(at) => [&text[..at], &separator, &text[at + separator.len()..]],
                    None if name == "partition" => [text, b"", b""],
                    None => [b"", b"", text],
                };
                Val::tuple(parts.iter().map(|part| Val::text(part.to_vec())).collect())
            }
            "removeprefix" | "removesuffix" => {
                args.count(1, 1)?;
                let part = self.wanted(&args, 0)?;
                let rest = if name == "removeprefix" {
                    text.strip_prefix(&*part)
                } else {
                    text.strip_suffix(&*part)
                };
                Val::text(rest.unwrap_or(text).to_vec())
            }
            "ljust" | "rjust" | "center" | "zfill" => {
                args.count(1, if name == "zfill" { 1 } else { 2 })?;
                let width = usize::try_from(self.int_arg(&args, 0, 0)?).unwrap_or(0);
                let fill = match self.text_arg(&args, 1)? {
                    None => " ".as_bytes().into(),
                    Some(fill) if point_count(&fill) == 1 => fill,
                    Some(_) => {
                        return type_error("The fill character must be exactly one character long");
                    }
                };
                if width > SIZE_MAX {
                    return unsupported("the result is too large");
                }
                pad(text, name, width, &fill)
            }
            "isdigit" | "isnumeric" | "isdecimal" if text.is_ascii() => {
                test(|char| char.is_ascii_digit())?
            }
            "isalpha" if text.is_ascii() => test(|char| char.is_ascii_alphabetic())?,
            "isalnum" if text.is_ascii() => test(|char| char.is_ascii_alphanumeric())?,
            "isspace" => test(|char| is_space(u32::from(char)))?,
            "isascii" => {
                no_args()?;
                Val::Bool(text.is_ascii())
            }
            "isupper" | "islower" if text.is_ascii() => {
                no_args()?;
                let upper = text.iter().any(u8::is_ascii_uppercase);
                let lower = text.iter().any(u8::is_ascii_lowercase);
                Val::Bool(upper != lower && upper == (name == "isupper"))
            }
            "isidentifier" if text.is_ascii() => {
                no_args()?;
                Val::Bool(
                    text.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
                        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'),
                )
            }
            _ => return unsupported(format!("the method {name} of str")),
        })
    }

    /// The part of the text that optional start and end arguments select; `None` if the start is
    /// beyond the end.
    fn part(&self, text: &[u8], args: &Args, at: usize) -> R<Option<Vec<u8>>> {
        if args.list.len() <= at {
            return Ok(Some(text.to_vec()));
        }
        let all = points(text);
        let (start, end) = self.span(args, at, all.len())?;
        Ok(if start > end { None } else { Some(from_points(&all[start..end])) })
    }

    pub(super) fn span(&self, args: &Args, at: usize, len: usize) -> R<(usize, usize)> {
        let fit = |index: i64| {
            let index = if index < 0 { index.saturating_add(len as i64).max(0) } else { index };
            usize::try_from(index).unwrap_or(0)
        };
        let start = fit(self.int_arg(args, at, 0)?);
        let end = fit(self.int_arg(args, at + 1, i64::MAX)?).min(len);
        Ok((start, end))
    }

    fn search(&self, text: &[u8], part: &[u8], args: &Args) -> R<Val> {
        let all = points(text);
        let (start, end) = self.span(args, 1, all.len())?;
        if start > end {
            return match args.name {
                "count" => Ok(Val::Int(0)),
                "find" | "rfind" => Ok(Val::Int(-1)),
                _ => value_error("substring not found"),
            };
        }
        let within = from_points(&all[start..end]);
        if args.name == "count" {
            if part.is_empty() {
                return Ok(Val::count(end - start + 1));
            }
            return Ok(Val::count(split_at(&within, part, usize::MAX, false).len() - 1));
        }
        let found =
            if args.name.starts_with('r') { rfind(&within, part) } else { find(&within, part) };
        match found {
            Some(at) => Ok(Val::count(start + point_count(&within[..at]))),
            None if args.name.ends_with("find") => Ok(Val::Int(-1)),
            None => value_error("substring not found"),
        }
    }

    /// A method of bytes or bytearray.
    pub(super) fn bytes_method(&self, bytes: &[u8], args: &Args) -> R<Val> {
        let name = args.name;
        let ascii_only = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => unsupported("decoding of these bytes"),
        };
        Ok(match name {
            "hex" => {
                args.count(0, 0)?;
                Val::str(&bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
            }
            "decode" => {
                let encoding = args.get(0).map(|encoding| self.scalar(encoding, "__str__"));
                args.count(0, 1)?;
                match encoding.transpose()? {
                    None => {}
                    Some(Val::Str(encoding))
                        if matches!(
                            &*encoding.to_ascii_lowercase(),
                            b"utf-8" | b"utf8" | b"ascii" | b"us-ascii"
                        ) && (bytes.is_ascii()
                            || encoding.to_ascii_lowercase().starts_with(b"utf")) => {}
                    Some(Val::Str(encoding))
                        if matches!(
                            &*encoding.to_ascii_lowercase(),
                            b"latin-1" | b"latin1" | b"iso-8859-1"
                        ) =>
                    {
                        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
                        return Ok(Val::str(&text));
                    }
                    Some(_) => return unsupported("decoding with this codec"),
                }
                Val::str(&ascii_only(bytes)?)
            }
            "startswith" | "endswith" | "find" | "count" | "index" => {
                args.count(1, 1)?;
                let part = match self.scalar(&args.list[0], "__bytes__")? {
                    Val::Bytes(part) | Val::ByteArray(part) => part,
                    _ => return unsupported(format!("{name}() of bytes with this argument")),
                };
                match name {
                    "startswith" => Val::Bool(bytes.starts_with(&part)),
                    "endswith" => Val::Bool(bytes.ends_with(&part)),
                    "count" if !part.is_empty() => {
                        Val::count(split_at(bytes, &part, usize::MAX, false).len() - 1)
                    }
                    "count" => Val::count(bytes.len() + 1),
                    _ => match find(bytes, &part) {
                        Some(at) => Val::count(at),
                        None if name == "find" => Val::Int(-1),
                        None => return value_error("subsection not found"),
                    },
                }
            }
            _ => return unsupported(format!("the method {name} of bytes")),
        })
    }
}

fn chomp(line: &[u8]) -> &[u8] {
    if let Some(rest) = line.strip_suffix(b"\r\n") {
        return rest;
    }
    let mut at = 0;
    let mut last = 0;
    while at < line.len() {
        let (point, len) = code_point(&line[at..]);
        last = at;
        at += len;
        if at == line.len() && !matches!(point, 0x0a..=0x0d | 0x1c..=0x1e | 0x85 | 0x2028 | 0x2029)
        {
            return line;
        }
    }
    &line[..last]
}

fn encode(eval: &Eval<'_>, text: &Arc<[u8]>, encoding: Option<&Val>) -> R<Val> {
    let encoding = match encoding {
        None => "utf-8".to_owned(),
        Some(encoding) => match eval.scalar(encoding, "__str__")? {
            Val::Str(name) => String::from_utf8_lossy(&name).to_ascii_lowercase(),
            _ => return unsupported("this encoding"),
        },
    };
    let fine = matches!(encoding.as_str(), "utf-8" | "utf8")
        || (matches!(encoding.as_str(), "ascii" | "latin-1") && text.is_ascii());
    if !fine || std::str::from_utf8(text).is_err() {
        return unsupported("encoding this text with this codec");
    }
    Ok(Val::Bytes(Arc::clone(text)))
}

pub(super) fn rfind(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(text.len());
    }
    if part.len() > text.len() {
        return None;
    }
    text.windows(part.len()).rposition(|window| window == part)
}

fn split_at<'t>(text: &'t [u8], separator: &[u8], most: usize, right: bool) -> Vec<&'t [u8]> {
    let mut out = Vec::new();
    let mut rest = text;
    while out.len() < most {
        let at = if right { rfind(rest, separator) } else { find(rest, separator) };
        let Some(at) = at else { break };
        let (head, tail) = (&rest[..at], &rest[at + separator.len()..]);
        let (part, left) = if right { (tail, head) } else { (head, tail) };
        out.push(part);
        rest = left;
    }
    out.push(rest);
    if right {
        out.reverse();
    }
    out
}

fn split_spaces(text: &[u8], most: usize, right: bool) -> Vec<&[u8]> {
    // Words with their places; then the surplus is joined again.
    let mut words: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    let mut start = None;
    while at < text.len() {
        let (point, len) = code_point(&text[at..]);
        match (is_space(point), start) {
            (true, Some(from)) => {
                words.push((from, at));
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
        at += len;
    }
    if let Some(from) = start {
        words.push((from, text.len()));
    }
    let count = words.len();
    if most >= count {
        return words.iter().map(|(from, to)| &text[*from..*to]).collect();
    }
    if count == 0 {
        return Vec::new();
    }
    if right {
        let first = count - most;
        let mut out = Vec::new();
        // The rest keeps its leading spaces.
        out.push(&text[..words[first - 1].1]);
        out.extend(words[first..].iter().map(|(from, to)| &text[*from..*to]));
        out
    } else {
        let mut out: Vec<&[u8]> =
            words[..most].iter().map(|(from, to)| &text[*from..*to]).collect();
        out.push(&text[words[most].0..]);
        out
    }
}

fn replace(text: &[u8], old: &[u8], new: &[u8], most: usize) -> R<Vec<u8>> {
    let mut out = Vec::new();
    if old.is_empty() {
        let mut count = 0;
        let mut at = 0;
        loop {
            if count < most {
                out.extend_from_slice(new);
                count += 1;
            }
            if at >= text.len() {
                break;
            }
            let (_, len) = code_point(&text[at..]);
            out.extend_from_slice(&text[at..at + len]);
            at += len;
            if out.len() > SIZE_MAX {
                return unsupported("the result is too large");
            }
        }
        return Ok(out);
    }
    for (at, part) in split_at(text, old, most, false).into_iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(new);
        }
        out.extend_from_slice(part);
        if out.len() > SIZE_MAX {
            return unsupported("the result is too large");
        }
    }
    Ok(out)
}

fn pad(text: &[u8], how: &str, width: usize, fill: &[u8]) -> Val {
    let len = point_count(text);
    let missing = width.saturating_sub(len);
    let (left, right) = match how {
        "ljust" => (0, missing),
        "center" => {
            let left = missing / 2 + (missing & width & 1);
            (left, missing - left)
        }
        _ => (missing, 0),
    };
    if how == "zfill" {
        let signed = matches!(text.first(), Some(b'+' | b'-'));
        let (sign, digits) = text.split_at(usize::from(signed));
        return Val::text([sign, &b"0".repeat(missing), digits].concat());
    }
    Val::text([&*fill.repeat(left), text, &*fill.repeat(right)].concat())
}
