//! Texts that pdb makes of values: the line of an exception, the short form after `->`.

use crate::eval::Val;
use crate::show::class::{Class, elements, field};
use crate::show::{Objects, known, repr};
use moviola_format::event::Kind;
use moviola_format::read::{ObjectState, OwnedValue};

/// "Not recorded" as it is shown everywhere.
pub fn not_recorded(reason: &str) -> String {
    format!("<not recorded: {reason}>")
}

/// The last line of a traceback: `ValueError: text`.
pub fn exception_line(value: &OwnedValue, objects: &dyn Objects) -> String {
    let OwnedValue::Ref(id) = value else { return repr(value, objects) };
    let state = match objects.object(*id).and_then(known) {
        Ok(state) => state,
        Err(reason) => return reason.to_string(),
    };
    let made = Val::from(value);
    let class = if state.kind == Kind::Class {
        Class::from_val(&made, objects).map(|class| class.map(|class| (class, false)))
    } else {
        Class::of(&made, objects).map(|class| Some((class, true)))
    };
    let (class, instance) = match class {
        Ok(Some(found)) => found,
        Ok(None) => return repr(value, objects),
        Err(reason) => return reason.to_string(),
    };
    let name = match class.module() {
        "builtins" | "__main__" => class.qualname().to_owned(),
        module => format!("{module}.{}", class.qualname()),
    };
    let words = if instance { exception_str(&state, &class, objects) } else { String::new() };
    if words.is_empty() { name } else { format!("{name}: {words}") }
}

/// `str(exception)`, as far as it does not run the program's code.
fn exception_str(state: &ObjectState, class: &Class, objects: &dyn Objects) -> String {
    let args = elements(field(state, "args"), objects);
    let Some(args) = args else { return not_recorded("its arguments") };
    if defines(class, "__str__", objects) {
        let shown: Vec<String> = args.iter().map(|arg| repr(arg, objects)).collect();
        return format!("<its __str__ is not run; args: ({})>", shown.join(", "));
    }
    let is = |name: &str| class.derives_named("builtins", name, objects);
    if is("OSError") && args.len() >= 2 {
        let named = |name| field(state, name).filter(|value| **value != OwnedValue::None);
        let first = named("filename").map(|name| format!(": {}", repr(name, objects)));
        let second = named("filename2").map(|name| format!(" -> {}", repr(name, objects)));
        return format!(
            "[Errno {}] {}{}{}",
            argument(&args[0], objects),
            argument(&args[1], objects),
            first.unwrap_or_default(),
            second.unwrap_or_default()
        );
    }
    if is("BaseExceptionGroup") && args.len() == 2 {
        let count = elements(Some(&args[1]), objects).map_or(0, |found| found.len());
        let plural = if count == 1 { "" } else { "s" };
        return format!("{} ({count} sub-exception{plural})", argument(&args[0], objects));
    }
    if is("SyntaxError") && !args.is_empty() {
        return argument(&args[0], objects);
    }
    if let Some(text) = unicode_error(class, &args, objects) {
        return text;
    }
    match args.as_slice() {
        [] => String::new(),
        [key] if is("KeyError") => repr(key, objects),
        [one] => argument(one, objects),
        many => {
            let shown: Vec<String> = many.iter().map(|arg| repr(arg, objects)).collect();
            format!("({})", shown.join(", "))
        }
    }
}

/// Whether a class of the program's own in the MRO has this name in its namespace.
fn defines(class: &Class, name: &str, objects: &dyn Objects) -> bool {
    let mro = class.mro(objects).unwrap_or_default();
    mro.iter().any(|class| {
        let Val::Ref(id) = class.value() else { return false };
        objects.object(id).is_ok_and(|state| {
            state
                .attrs
                .iter()
                .flatten()
                .any(|(key, _)| matches!(key, OwnedValue::Str(key) if **key == *name.as_bytes()))
        })
    })
}

/// `str` of an exception's argument.
fn argument(value: &OwnedValue, objects: &dyn Objects) -> String {
    match crate::eval::plain(&Val::from(value), objects) {
        Val::Str(text) => String::from_utf8_lossy(&text).into_owned(),
        Val::Ref(id) => match objects.object(id).and_then(known) {
            Ok(state) if state.kind == Kind::Exception => match Class::of(&Val::Ref(id), objects) {
                Ok(class) => exception_str(&state, &class, objects),
                Err(reason) => reason.to_string(),
            },
            _ => repr(value, objects),
        },
        _ => repr(value, objects),
    }
}

fn unicode_error(class: &Class, args: &[OwnedValue], objects: &dyn Objects) -> Option<String> {
    let decode = class.derives_named("builtins", "UnicodeDecodeError", objects);
    let encode = class.derives_named("builtins", "UnicodeEncodeError", objects);
    let [encoding, object, start, end, reason] = args else { return None };
    if !decode && !encode {
        return None;
    }
    let number = |value: &OwnedValue| match value {
        OwnedValue::Int(value) => usize::try_from(*value).ok(),
        _ => None,
    };
    let (start, end) = (number(start)?, number(end)?);
    let verb = if decode { "decode" } else { "encode" };
    let what = match crate::eval::plain(&Val::from(object), objects) {
        Val::Bytes(bytes) if end == start + 1 => {
            format!("byte 0x{:02x} in position {start}", bytes.get(start)?)
        }
        Val::Str(text) if end == start + 1 => {
            let mut shown = String::new();
            let point = *crate::show::text::points(&text).get(start)?;
            crate::show::text::escape_point(&mut shown, point);
            format!("character '{shown}' in position {start}")
        }
        _ if decode => format!("bytes in position {start}-{}", end.checked_sub(1)?),
        _ => format!("characters in position {start}-{}", end.checked_sub(1)?),
    };
    let (encoding, reason) = (argument(encoding, objects), argument(reason, objects));
    Some(format!("'{encoding}' codec can't {verb} {what}: {reason}"))
}

/// `reprlib.repr(value)`.
pub fn short_repr(value: &OwnedValue, objects: &dyn Objects) -> String {
    level(value, objects, 6)
}

fn level(value: &OwnedValue, objects: &dyn Objects, depth: u32) -> String {
    let whole = || repr(value, objects);
    let state = match value {
        OwnedValue::Ref(id) => objects.object(*id).and_then(known).ok(),
        _ => None,
    };
    let exact = state.filter(|state| state.class == 0);
    if let Some(state) = exact {
        let seq = state.seq.as_deref().unwrap_or_default();
        let tuple_end = if seq.len() == 1 { ",)" } else { ")" };
        match state.kind {
            Kind::List => return few(seq, objects, depth, "[", "]"),
            Kind::Tuple => return few(seq, objects, depth, "(", tuple_end),
            Kind::Set if !seq.is_empty() => return few(seq, objects, depth, "{", "}"),
            Kind::FrozenSet if !seq.is_empty() => {
                return few(seq, objects, depth, "frozenset({", "})");
            }
            Kind::Deque => return few(seq, objects, depth, "deque([", "])"),
            Kind::Dict => return dict(&state, objects, depth),
            _ => {}
        }
    }
    match crate::eval::plain(&Val::from(value), objects) {
        Val::Str(text) => short_str(&text, objects.python_minor()),
        Val::Int(_) | Val::Big(_) => cut(&whole(), 40),
        _ => cut(&whole(), 30),
    }
}

fn few(items: &[OwnedValue], objects: &dyn Objects, depth: u32, open: &str, close: &str) -> String {
    const MOST: usize = 6;
    if depth == 0 && !items.is_empty() {
        return format!("{open}...{close}");
    }
    let shown = items.iter().take(MOST);
    let mut parts: Vec<String> =
        shown.map(|item| level(item, objects, depth.saturating_sub(1))).collect();
    if items.len() > MOST {
        parts.push("...".to_owned());
    }
    format!("{open}{}{close}", parts.join(", "))
}

fn dict(state: &ObjectState, objects: &dyn Objects, depth: u32) -> String {
    let items = crate::eval::dict_items(state, objects);
    if items.is_empty() {
        return "{}".to_owned();
    }
    if depth == 0 {
        return "{...}".to_owned();
    }
    let pairs: Vec<(Val, Val)> =
        items.iter().map(|(key, value)| (Val::from(key), Val::from(value))).collect();
    // Sorted if the keys can be; the order of the pairs tells that of the items.
    let mut order: Vec<usize> = (0..items.len()).collect();
    let texts: Option<Vec<_>> = pairs
        .iter()
        .map(|(key, _)| match crate::eval::plain(key, objects) {
            Val::Str(text) => Some((0, text.to_vec(), 0)),
            Val::Int(value) => Some((1, Vec::new(), value)),
            _ => None,
        })
        .collect();
    if let Some(texts) = texts
        && texts.iter().all(|text| text.0 == texts[0].0)
    {
        order.sort_by(|a, b| texts[*a].cmp(&texts[*b]));
    }
    let mut parts: Vec<String> = order
        .iter()
        .take(4)
        .map(|at| {
            let (key, value) = &items[*at];
            format!("{}: {}", level(key, objects, depth - 1), level(value, objects, depth - 1))
        })
        .collect();
    if items.len() > 4 {
        parts.push("...".to_owned());
    }
    format!("{{{}}}", parts.join(", "))
}

fn short_str(text: &[u8], minor: u32) -> String {
    let points = crate::show::text::points(text);
    let shown = |points: &[u32]| {
        let mut out = String::new();
        let text = crate::show::text::from_points(points);
        crate::show::text::str_repr(&mut out, &text, minor);
        out
    };
    let head = shown(&points[..points.len().min(30)]);
    if head.chars().count() <= 30 {
        return head;
    }
    let mut ends = points[..13.min(points.len())].to_vec();
    ends.extend_from_slice(&points[points.len().saturating_sub(14)..]);
    middle(&shown(&ends), 13, 14)
}

/// The ends of a text longer than `limit`.
fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let head = (limit - 3) / 2;
    middle(text, head, limit - 3 - head)
}

fn middle(text: &str, head: usize, tail: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    let first: String = chars.iter().take(head).collect();
    let last: String = chars[chars.len().saturating_sub(tail)..].iter().collect();
    format!("{first}...{last}")
}
