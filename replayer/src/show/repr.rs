//! `repr` of values as CPython words it. Depth and size are limited, so that any graph of objects
//! gives a text in bounded time; what was cut is marked and counted.

use super::class::{Class, elements, field};
use super::text::{bytes_repr, str_repr};
use super::{Objects, Unavailable, known};
use crate::eval::Val;
use crate::pyfloat::{complex_repr, float_repr, int_hex};
use moviola_format::event::Kind;
use moviola_format::read::{Items, ObjectState, OwnedValue};
use num_bigint::BigInt;
use std::fmt::Write as _;

/// How much of a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Containers in containers.
    pub depth: usize,
    /// Elements a container.
    pub items: usize,
    /// Bytes of text after which containers end.
    pub size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 100, items: 200_000, size: 4_000_000 }
    }
}

/// A value as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The text, not yet escaped for a terminal.
    pub text: String,
    /// Whether it is, to the letter, what Python's `repr` gave: no structural form, no address
    /// left out, nothing unknown, nothing cut.
    pub exact: bool,
    /// Elements that were left out.
    pub cut: u64,
}

/// `repr` of a value.
#[must_use]
pub fn repr_value(value: &Val, objects: &dyn Objects, limits: &Limits) -> Shown {
    let mut writer = Writer::new(objects, *limits);
    writer.value(value);
    writer.finish()
}

/// Builds the text.
pub(super) struct Writer<'o> {
    pub(super) out: String,
    pub(super) objects: &'o dyn Objects,
    pub(super) minor: u32,
    pub(super) exact: bool,
    /// Keys of plain dicts are sorted, as pprint does.
    pub(super) sorted: bool,
    limits: Limits,
    depth: usize,
    cut: u64,
    active: Vec<u64>,
}

impl<'o> Writer<'o> {
    pub(super) fn new(objects: &'o dyn Objects, limits: Limits) -> Self {
        Self {
            out: String::new(),
            objects,
            minor: objects.python_minor(),
            exact: true,
            sorted: false,
            limits,
            depth: 0,
            cut: 0,
            active: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Shown {
        Shown { text: self.out, exact: self.exact, cut: self.cut }
    }

    pub(super) fn unknown(&mut self, reason: &str) {
        self.exact = false;
        let _ = write!(self.out, "<not recorded: {reason}>");
    }

    pub(super) fn owned(&mut self, value: &OwnedValue) {
        self.value(&Val::from(value));
    }

    /// Appends `repr` of a value.
    pub(super) fn value(&mut self, value: &Val) {
        match value {
            Val::None => self.out.push_str("None"),
            Val::Bool(true) => self.out.push_str("True"),
            Val::Bool(false) => self.out.push_str("False"),
            Val::Ellipsis => self.out.push_str("Ellipsis"),
            Val::NotImplemented => self.out.push_str("NotImplemented"),
            Val::Int(value) => {
                let _ = write!(self.out, "{value}");
            }
            Val::Big(value) => self.big(value),
            Val::Float(value) => self.out.push_str(&float_repr(*value)),
            Val::Complex(re, im) => self.out.push_str(&complex_repr(*re, *im)),
            Val::Str(text) => str_repr(&mut self.out, text, self.minor),
            Val::Bytes(bytes) => bytes_repr(&mut self.out, bytes),
            Val::ByteArray(bytes) => self.byte_array("bytearray", bytes),
            Val::Unknown(reason) => self.unknown(reason),
            Val::Ref(id) => self.reference(*id),
            Val::Slice(parts) => {
                let [start, stop, step] = &**parts;
                self.call("slice", &[start, stop, step]);
            }
            Val::Range(parts) => self.range(&parts[0], &parts[1], &parts[2]),
            Val::Type(name) => {
                let class = Class::Builtin(name);
                let _ = write!(self.out, "<class '{}'>", class.full_name());
            }
            Val::Function(name) => {
                let _ = write!(self.out, "<built-in function {name}>");
            }
            Val::Method(method) => {
                self.exact = false;
                let class = Class::of(&method.0, self.objects);
                let class = class.as_ref().map_or("?", Class::name);
                let _ = write!(self.out, "<built-in method {} of {class} object>", method.1);
            }
            Val::Bound(bound) => self.bound(bound.1, |writer| writer.value(&bound.0)),
            Val::Iter(name, _) => {
                self.exact = false;
                let _ = write!(self.out, "<{name} object>");
            }
            Val::List(items) => self.deeper("[...]", items.len() as u64, |writer| {
                writer.sequence("[", items, "]");
            }),
            Val::Tuple(items) => self.deeper("(...)", items.len() as u64, |writer| {
                let close = if items.len() == 1 { ",)" } else { ")" };
                writer.sequence("(", items, close);
            }),
            Val::Set(items) => self.set("set", items),
            Val::FrozenSet(items) => self.set("frozenset", items),
            Val::View(name, items) => {
                let _ = write!(self.out, "{name}(");
                self.deeper("[...]", items.len() as u64, |writer| {
                    writer.sequence("[", items, "]");
                });
                self.out.push(')');
            }
            Val::Dict(pairs) => {
                self.deeper("{...}", pairs.len() as u64, |writer| {
                    writer.mapping(pairs, pairs.len() as u64)
                });
            }
        }
    }

    fn big(&mut self, value: &BigInt) {
        // Python itself refuses more than 4300 digits.
        if value.bits() <= 14_285 {
            let text = value.to_string();
            if text.trim_start_matches('-').len() <= 4300 {
                self.out.push_str(&text);
                return;
            }
        }
        self.exact = false;
        self.out.push_str(&int_hex(value));
    }

    fn byte_array(&mut self, name: &str, bytes: &[u8]) {
        let _ = write!(self.out, "{name}(");
        bytes_repr(&mut self.out, bytes);
        self.out.push(')');
    }

    pub(super) fn call(&mut self, name: &str, args: &[&Val]) {
        self.out.push_str(name);
        self.out.push('(');
        for (at, arg) in args.iter().enumerate() {
            if at > 0 {
                self.out.push_str(", ");
            }
            self.value(arg);
        }
        self.out.push(')');
    }

    fn range(&mut self, start: &BigInt, stop: &BigInt, step: &BigInt) {
        let _ = write!(self.out, "range({start}, {stop}");
        if *step != BigInt::from(1) {
            let _ = write!(self.out, ", {step}");
        }
        self.out.push(')');
    }

    fn bound(&mut self, function: u64, receiver: impl FnOnce(&mut Self)) {
        let name = self
            .objects
            .object(function)
            .ok()
            .and_then(|state| super::class::text_field(&state, "__qualname__", self.objects))
            .unwrap_or_else(|| "?".to_owned());
        let _ = write!(self.out, "<bound method {name} of ");
        receiver(self);
        self.out.push('>');
    }

    /// Runs `inside` one level deeper, unless that is too deep.
    pub(super) fn deeper(&mut self, cut: &str, count: u64, inside: impl FnOnce(&mut Self)) {
        if self.depth >= self.limits.depth {
            self.exact = false;
            self.cut += count;
            let (open, close) = cut.split_once("...").unwrap_or(("", ""));
            let _ = write!(self.out, "{open}<+{count} below depth {}>{close}", self.depth);
            return;
        }
        self.depth += 1;
        inside(self);
        self.depth -= 1;
    }

    /// As `deeper`, of a recorded object: `cycle` stands where it contains itself.
    pub(super) fn enter(
        &mut self,
        id: u64,
        cycle: &str,
        count: u64,
        inside: impl FnOnce(&mut Self),
    ) {
        if self.active.contains(&id) {
            self.out.push_str(cycle);
            return;
        }
        self.active.push(id);
        let frame = if cycle.contains("...") { cycle } else { "..." };
        self.deeper(frame, count, inside);
        self.active.pop();
    }

    /// Whether an element at this index is still shown; otherwise says how many are not.
    pub(super) fn room(&mut self, at: usize, len: u64) -> bool {
        if at < self.limits.items && self.out.len() < self.limits.size {
            return true;
        }
        self.exact = false;
        let rest = len.saturating_sub(at as u64);
        self.cut += rest;
        let _ = write!(self.out, "<+{rest} more>");
        false
    }

    fn sequence(&mut self, open: &str, items: &[Val], close: &str) {
        self.out.push_str(open);
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out.push_str(", ");
            }
            if !self.room(at, items.len() as u64) {
                break;
            }
            self.value(item);
        }
        self.out.push_str(close);
    }

    fn set(&mut self, name: &str, items: &[Val]) {
        if items.is_empty() {
            let _ = write!(self.out, "{name}()");
            return;
        }
        self.deeper("{...}", items.len() as u64, |writer| {
            if name == "set" {
                writer.sequence("{", items, "}");
            } else {
                let _ = write!(writer.out, "{name}(");
                writer.sequence("{", items, "})");
            }
        });
    }

    /// Appends pairs, which may be only the first of `len`.
    fn mapping(&mut self, pairs: &[(Val, Val)], len: u64) {
        let sorted;
        let pairs = if self.sorted {
            sorted = super::pprint::sorted_pairs(pairs, self.objects);
            &sorted[..]
        } else {
            pairs
        };
        self.out.push('{');
        for (at, (key, value)) in pairs.iter().enumerate() {
            if at > 0 {
                self.out.push_str(", ");
            }
            if !self.room(at, len) {
                break;
            }
            self.value(key);
            self.out.push_str(": ");
            self.value(value);
        }
        self.out.push('}');
    }

    /// Appends the items of a recorded mapping.
    pub(super) fn items(&mut self, items: &Items) {
        self.first_items(items, items.len() as u64);
    }

    fn first_items(&mut self, items: &Items, len: u64) {
        let pairs: Vec<(Val, Val)> =
            items.iter().map(|(key, value)| (Val::from(key), Val::from(value))).collect();
        self.mapping(&pairs, len);
    }

    /// Appends the elements of a recorded sequence, read only as far as they are shown.
    pub(super) fn recorded(&mut self, id: u64, open: &str, close: &str) -> u64 {
        let step = (self.limits.items as u64).saturating_add(1).min(10_000);
        self.out.push_str(open);
        let mut at = 0;
        let mut len = u64::MAX;
        while at < len {
            match self.objects.slice(id, at..at.saturating_add(step)) {
                Ok(slice) => {
                    len = slice.len;
                    if slice.values.is_empty() && at < len {
                        self.unknown("damaged trace");
                        break;
                    }
                    for value in &slice.values {
                        if at > 0 {
                            self.out.push_str(", ");
                        }
                        if !self.room(at as usize, len) {
                            self.out.push_str(close);
                            return len;
                        }
                        self.owned(value);
                        at += 1;
                    }
                }
                Err(Unavailable(reason)) => {
                    self.unknown(&reason);
                    break;
                }
            }
        }
        self.out.push_str(if open == "(" && len == 1 { ",)" } else { close });
        len
    }

    fn reference(&mut self, id: u64) {
        let head = self.objects.object_head(id);
        let (kind, class) = match head {
            Ok(head) => head,
            Err(Unavailable(reason)) => return self.unknown(&reason),
        };
        if matches!(kind, Kind::List | Kind::Tuple) && class == 0 {
            let (open, close, cycle) =
                if kind == Kind::List { ("[", "]", "[...]") } else { ("(", ")", "(...)") };
            let before = self.out.len();
            if let Err(Unavailable(reason)) = self.objects.slice(id, 0..0) {
                self.out.truncate(before);
                return self.unknown(&reason);
            }
            return self.enter(id, cycle, self.length(id), |writer| {
                writer.recorded(id, open, close);
            });
        }
        if kind == Kind::Dict
            && class == 0
            && !self.sorted
            && let Some(part) = self.objects.first_items(id, self.limits.items.saturating_add(1))
        {
            return match part {
                Ok((len, items)) => {
                    self.enter(id, "{...}", len, |writer| writer.first_items(&items, len));
                }
                Err(Unavailable(reason)) => self.unknown(&reason),
            };
        }
        match self.objects.object(id).and_then(known) {
            Ok(state) => self.object(id, &state),
            Err(Unavailable(reason)) => self.unknown(&reason),
        }
    }

    fn length(&self, id: u64) -> u64 {
        self.objects.slice(id, 0..0).map_or(0, |slice| slice.len)
    }

    /// An exact built-in container, or the contents of an instance of a subclass that leaves
    /// `__repr__` as it is; false if the kind is no container.
    pub(super) fn payload(
        &mut self,
        id: u64,
        state: &ObjectState,
        kind: Kind,
        name: Option<&str>,
    ) -> bool {
        let len = state.seq.as_ref().map_or(0, Vec::len) as u64;
        let pairs = state.map.as_ref().map_or(0, Vec::len) as u64;
        match kind {
            Kind::List => self.enter(id, "[...]", len, |writer| {
                writer.recorded(id, "[", "]");
            }),
            Kind::Tuple => self.enter(id, "(...)", len, |writer| {
                writer.recorded(id, "(", ")");
            }),
            Kind::Set | Kind::FrozenSet => {
                let exact = if kind == Kind::Set { "set" } else { "frozenset" };
                let name = name.unwrap_or(exact);
                if len == 0 {
                    let _ = write!(self.out, "{name}()");
                } else if kind == Kind::Set && name == "set" {
                    self.enter(id, "set(...)", len, |writer| {
                        writer.recorded(id, "{", "}");
                    });
                } else {
                    self.enter(id, &format!("{name}(...)"), len, |writer| {
                        let _ = write!(writer.out, "{name}(");
                        writer.recorded(id, "{", "})");
                    });
                }
            }
            Kind::Deque => self.deque(id, state, name.unwrap_or("deque")),
            Kind::Dict => {
                let items = self.dict_items(state);
                self.enter(id, "{...}", pairs, |writer| writer.items(&items));
            }
            Kind::OrderedDict => self.ordered(id, state, name.unwrap_or("OrderedDict")),
            Kind::DefaultDict => {
                let name = name.unwrap_or("defaultdict");
                self.enter(id, &format!("{name}(...)"), pairs, |writer| {
                    let _ = write!(writer.out, "{name}(");
                    writer.owned(field(state, "default_factory").unwrap_or(&OwnedValue::None));
                    writer.out.push_str(", ");
                    writer.items(&state.map.clone().unwrap_or_default());
                    writer.out.push(')');
                });
            }
            Kind::Str | Kind::Bytes | Kind::ByteArray | Kind::Int => {
                match (crate::eval::scalar_payload(state, kind), kind) {
                    (Some(Val::ByteArray(bytes)), _) => {
                        self.byte_array(name.unwrap_or("bytearray"), &bytes);
                    }
                    (Some(value), _) => self.value(&value),
                    (None, _) => self.unknown("no contents in the trace"),
                }
            }
            _ => return false,
        }
        true
    }

    pub(super) fn dict_items(&self, state: &ObjectState) -> Items {
        crate::eval::dict_items(state, self.objects)
    }

    fn deque(&mut self, id: u64, state: &ObjectState, name: &str) {
        let len = state.seq.as_ref().map_or(0, Vec::len) as u64;
        self.enter(id, "[...]", len, |writer| {
            let _ = write!(writer.out, "{name}(");
            writer.recorded(id, "[", "]");
            if let Some(OwnedValue::Int(limit)) = field(state, "maxlen") {
                let _ = write!(writer.out, ", maxlen={limit}");
            }
            writer.out.push(')');
        });
    }

    fn ordered(&mut self, id: u64, state: &ObjectState, name: &str) {
        let items = state.map.clone().unwrap_or_default();
        self.enter(id, "...", items.len() as u64, |writer| {
            let _ = write!(writer.out, "{name}(");
            if items.is_empty() {
                writer.out.push(')');
            } else if writer.minor >= 12 {
                let sorted = std::mem::take(&mut writer.sorted);
                writer.items(&items);
                writer.sorted = sorted;
                writer.out.push(')');
            } else {
                writer.out.push('[');
                for (at, (key, value)) in items.iter().enumerate() {
                    if at > 0 {
                        writer.out.push_str(", ");
                    }
                    if !writer.room(at, items.len() as u64) {
                        break;
                    }
                    writer.out.push('(');
                    writer.owned(key);
                    writer.out.push_str(", ");
                    writer.owned(value);
                    writer.out.push(')');
                }
                writer.out.push_str("])");
            }
        });
    }

    /// Any recorded object whose contents are known.
    fn object(&mut self, id: u64, state: &ObjectState) {
        let sorted = self.sorted;
        if !matches!(state.kind, Kind::Dict) {
            self.sorted = false;
        }
        if state.class != 0 || !self.payload(id, state, state.kind, None) {
            self.other(id, state);
        }
        self.sorted = sorted;
    }

    /// The arguments of an exception.
    pub(super) fn args(&self, state: &ObjectState) -> Option<Vec<OwnedValue>> {
        elements(field(state, "args"), self.objects)
    }
}
