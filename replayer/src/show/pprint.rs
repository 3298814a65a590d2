//! `pprint.pformat(value)` of CPython: width 80, indent 1, dict keys sorted.

use super::class::{Class, field};
use super::repr::{Limits, Writer};
use super::text::{bytes_repr, code_point, point_count, str_repr};
use super::{Objects, known};
use crate::eval::{Val, order};
use moviola_format::event::Kind;
use moviola_format::read::OwnedValue;
use std::cmp::Ordering;

const WIDTH: usize = 80;
/// Deeper containers are written on one line.
const DEPTH: usize = 60;
/// Text beyond which nothing more is laid out.
const SIZE: usize = 8_000_000;

/// The text; not yet escaped for a terminal.
#[must_use]
pub fn pprint_value(value: &Val, objects: &dyn Objects) -> String {
    let mut printer = Printer { out: String::new(), objects, active: Vec::new() };
    printer.format(value, 0, 0, 0);
    printer.out
}

/// Items in the order in which pprint writes them: keys that cannot be compared go by the name
/// of their type.
#[must_use]
pub fn sorted_pairs(pairs: &[(Val, Val)], objects: &dyn Objects) -> Vec<(Val, Val)> {
    let mut out = pairs.to_vec();
    out.sort_by(|a, b| safe_order(&a.0, &b.0, objects));
    out
}

fn safe_order(a: &Val, b: &Val, objects: &dyn Objects) -> Ordering {
    order(a, b, objects).unwrap_or_else(|| {
        let name = |value| {
            Class::of(value, objects).map_or_else(|_| String::new(), |class| class.full_name())
        };
        name(a).cmp(&name(b))
    })
}

struct Printer<'o> {
    out: String,
    objects: &'o dyn Objects,
    active: Vec<u64>,
}

enum Layout {
    List(Vec<Val>, &'static str, &'static str),
    Set(Vec<Val>, String),
    Dict(Vec<(Val, Val)>),
    Str,
    Bytes(bool),
}

impl Printer<'_> {
    fn flat(&self, value: &Val) -> String {
        let mut writer = Writer::new(self.objects, Limits::default());
        writer.sorted = true;
        writer.value(value);
        writer.finish().text
    }

    fn format(&mut self, value: &Val, indent: usize, allowance: usize, level: usize) {
        let rep = self.flat(value);
        let width = (WIDTH as i64) - (indent as i64) - (allowance as i64);
        if (rep.chars().count() as i64) <= width || level > DEPTH || self.out.len() > SIZE {
            self.out.push_str(&rep);
            return;
        }
        let id = if let Val::Ref(id) = value { Some(*id) } else { None };
        if id.is_some_and(|id| self.active.contains(&id)) {
            self.out.push_str(&rep);
            return;
        }
        let Some(layout) = self.layout(value) else {
            self.out.push_str(&rep);
            return;
        };
        self.active.extend(id);
        match layout {
            Layout::List(items, open, close) => {
                self.out.push_str(open);
                let close = if open == "(" && items.len() == 1 { ",)" } else { close };
                self.items(&items, indent, allowance + close.len(), level);
                self.out.push_str(close);
            }
            Layout::Set(items, name) => {
                let mut items = items;
                items.sort_by(|a, b| safe_order(a, b, self.objects));
                let (open, close) = if name == "set" {
                    ("{".to_owned(), "}")
                } else {
                    (format!("{name}({{"), "})")
                };
                self.out.push_str(&open);
                let indent = if name == "set" { indent } else { indent + name.len() + 1 };
                self.items(&items, indent, allowance + close.len(), level);
                self.out.push_str(close);
            }
            Layout::Dict(pairs) => {
                self.out.push('{');
                self.pairs(&pairs, indent, allowance + 1, level);
                self.out.push('}');
            }
            Layout::Str => {
                let text = match crate::eval::plain(value, self.objects) {
                    Val::Str(text) => text,
                    _ => [].into(),
                };
                self.text(&text, indent, allowance, level);
            }
            Layout::Bytes(array) => {
                let bytes = match crate::eval::plain(value, self.objects) {
                    Val::Bytes(bytes) | Val::ByteArray(bytes) => bytes,
                    _ => [].into(),
                };
                self.bytes(&bytes, array, indent, allowance, level);
            }
        }
        if id.is_some() {
            self.active.pop();
        }
    }

    fn layout(&self, value: &Val) -> Option<Layout> {
        Some(match value {
            Val::List(items) => Layout::List(items.to_vec(), "[", "]"),
            Val::Tuple(items) => Layout::List(items.to_vec(), "(", ")"),
            Val::Set(items) => Layout::Set(items.to_vec(), "set".to_owned()),
            Val::FrozenSet(items) => Layout::Set(items.to_vec(), "frozenset".to_owned()),
            Val::Dict(pairs) => Layout::Dict(sorted_pairs(pairs, self.objects)),
            Val::Str(text) => return (!text.is_empty()).then_some(Layout::Str),
            Val::Bytes(bytes) => return (bytes.len() > 4).then_some(Layout::Bytes(false)),
            Val::ByteArray(_) => Layout::Bytes(true),
            Val::Ref(id) => {
                let state = known(self.objects.object(*id).ok()?).ok()?;
                if state.class != 0 {
                    return None;
                }
                let items = || state.seq.iter().flatten().map(Val::from).collect();
                match state.kind {
                    Kind::List => Layout::List(items(), "[", "]"),
                    Kind::Tuple => Layout::List(items(), "(", ")"),
                    Kind::Set => Layout::Set(items(), "set".to_owned()),
                    Kind::FrozenSet => Layout::Set(items(), "frozenset".to_owned()),
                    Kind::Deque
                        if field(&state, "maxlen")
                            .is_none_or(|limit| *limit == OwnedValue::None) =>
                    {
                        Layout::List(items(), "deque([", "])")
                    }
                    Kind::Dict => {
                        let pairs: Vec<(Val, Val)> = crate::eval::dict_items(&state, self.objects)
                            .iter()
                            .map(|(key, value)| (Val::from(key), Val::from(value)))
                            .collect();
                        Layout::Dict(sorted_pairs(&pairs, self.objects))
                    }
                    Kind::Str => Layout::Str,
                    Kind::Bytes => Layout::Bytes(false),
                    Kind::ByteArray => Layout::Bytes(true),
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    fn newline(&mut self, indent: usize) {
        self.out.push_str(",\n");
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn items(&mut self, items: &[Val], indent: usize, allowance: usize, level: usize) {
        let deque = self.out.ends_with("deque([");
        let indent = if deque { indent + 7 } else { indent + 1 };
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.newline(indent);
            }
            let last = at + 1 == items.len();
            self.format(item, indent, if last { allowance } else { 1 }, level + 1);
        }
    }

    fn pairs(&mut self, pairs: &[(Val, Val)], indent: usize, allowance: usize, level: usize) {
        let indent = indent + 1;
        for (at, (key, value)) in pairs.iter().enumerate() {
            if at > 0 {
                self.newline(indent);
            }
            let rep = self.flat(key);
            self.out.push_str(&rep);
            self.out.push_str(": ");
            let last = at + 1 == pairs.len();
            let inner = indent + rep.chars().count() + 2;
            self.format(value, inner, if last { allowance } else { 1 }, level + 1);
        }
    }

    fn repr_text(&self, text: &[u8]) -> String {
        let mut out = String::new();
        str_repr(&mut out, text, self.objects.python_minor());
        out
    }

    fn text(&mut self, text: &[u8], indent: usize, allowance: usize, level: usize) {
        let (mut indent, mut allowance) = (indent, allowance);
        if level == 0 {
            indent += 1;
            allowance += 1;
        }
        let fits = |rep: &str, width: i64| point_count(rep.as_bytes()) as i64 <= width;
        let room = WIDTH as i64 - indent as i64;
        let mut max = room;
        let mut chunks: Vec<String> = Vec::new();
        let lines = split_lines(text);
        for (at, line) in lines.iter().enumerate() {
            let last_line = at + 1 == lines.len();
            let rep = self.repr_text(line);
            if last_line {
                max -= allowance as i64;
            }
            if fits(&rep, max) {
                chunks.push(rep);
                continue;
            }
            let parts = words(line);
            let mut current: Vec<u8> = Vec::new();
            let mut max_inner = room;
            for (number, part) in parts.iter().enumerate() {
                let mut candidate = current.clone();
                candidate.extend_from_slice(part);
                if number + 1 == parts.len() && last_line {
                    max_inner -= allowance as i64;
                }
                if fits(&self.repr_text(&candidate), max_inner) {
                    current = candidate;
                } else {
                    if !current.is_empty() {
                        chunks.push(self.repr_text(&current));
                    }
                    current = part.to_vec();
                }
            }
            if !current.is_empty() {
                chunks.push(self.repr_text(&current));
            }
        }
        self.chunks(&chunks, indent, level == 0);
    }

    fn chunks(&mut self, chunks: &[String], indent: usize, parens: bool) {
        if chunks.len() == 1 {
            self.out.push_str(&chunks[0]);
            return;
        }
        if parens {
            self.out.push('(');
        }
        for (at, chunk) in chunks.iter().enumerate() {
            if at > 0 {
                self.out.push('\n');
                self.out.extend(std::iter::repeat_n(' ', indent));
            }
            self.out.push_str(chunk);
        }
        if parens {
            self.out.push(')');
        }
    }

    fn bytes(&mut self, bytes: &[u8], array: bool, indent: usize, allowance: usize, level: usize) {
        let (mut indent, mut allowance) = (indent, allowance);
        let parens = level == 0;
        if array {
            self.out.push_str("bytearray(");
            indent += 10;
            allowance += 1;
            let chunks = wrap_bytes(bytes, WIDTH as i64 - indent as i64, allowance as i64);
            self.chunks(&chunks, indent, false);
            self.out.push(')');
            return;
        }
        if parens {
            indent += 1;
            allowance += 1;
        }
        let chunks = wrap_bytes(bytes, WIDTH as i64 - indent as i64, allowance as i64);
        self.chunks(&chunks, indent, parens);
    }
}

/// `pprint._wrap_bytes_repr`.
fn wrap_bytes(bytes: &[u8], width: i64, allowance: i64) -> Vec<String> {
    let mut out = Vec::new();
    let mut current: Vec<u8> = Vec::new();
    let last = bytes.len() / 4 * 4;
    let mut width = width;
    let shown = |bytes: &[u8]| {
        let mut text = String::new();
        bytes_repr(&mut text, bytes);
        text
    };
    for at in (0..bytes.len()).step_by(4) {
        let part = &bytes[at..bytes.len().min(at + 4)];
        let mut candidate = current.clone();
        candidate.extend_from_slice(part);
        if at == last {
            width -= allowance;
        }
        if shown(&candidate).len() as i64 > width {
            if !current.is_empty() {
                out.push(shown(&current));
            }
            current = part.to_vec();
        } else {
            current = candidate;
        }
    }
    if !current.is_empty() || out.is_empty() {
        out.push(shown(&current));
    }
    out
}

/// `str.splitlines(True)`.
#[must_use]
pub fn split_lines(text: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < text.len() {
        let (point, len) = code_point(&text[at..]);
        at += len;
        let ends = matches!(
            point,
            0x0a..=0x0d | 0x1c..=0x1e | 0x85 | 0x2028 | 0x2029
        );
        if point == 0x0d && text.get(at) == Some(&b'\n') {
            continue;
        }
        if ends {
            out.push(&text[start..at]);
            start = at;
        }
    }
    if start < text.len() {
        out.push(&text[start..]);
    }
    out
}

/// `re.findall(r'\S*\s*', text)` without the empty match at the end.
fn words(text: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut at = 0;
    let mut in_space = false;
    while at < text.len() {
        let (point, len) = code_point(&text[at..]);
        let space = crate::eval::is_space(point);
        if in_space && !space {
            out.push(&text[start..at]);
            start = at;
        }
        in_space = space;
        at += len;
    }
    if start < text.len() {
        out.push(&text[start..]);
    }
    out
}
