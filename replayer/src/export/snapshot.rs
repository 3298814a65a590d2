//! A snapshot of values as a flat heap graph: labels, scalars and the queue of objects.
//!
//! The numbering is a pure function of the graph: breadth first, names sorted. What each kind of
//! object looks like is in `entry.rs`.

use super::classes::{ClassFacts, Classes, kind_name};
use super::json;
use super::scope::Scope;
use crate::heap::{Heap, Object};
use crate::pyfloat::{big, float_repr, int_hex};
use moviola_format::event::Kind;
use moviola_format::read::OwnedValue;
use num_bigint::BigInt;
use num_traits::ToPrimitive as _;
use rustc_hash::FxHashMap;
use std::fmt::Write as _;
use std::rc::Rc;

/// Longest str or bytes shown in full.
pub const STR_CAP: usize = 400;
/// Longest container shown in full.
pub const SEQ_CAP: usize = 400;
/// Objects a snapshot; beyond them an object is cut.
const HEAP_CAP: usize = 1000;
/// Ints beyond this are written in hexadecimal.
const BIG: i64 = 1 << 53;

/// What outlives a snapshot: facts about classes, texts of big flat containers.
#[derive(Debug, Default)]
pub struct Memory {
    /// Facts about classes.
    pub classes: Classes,
    /// Text of a big container by object id, valid while the object did not change.
    pub flat: FxHashMap<u64, (u64, String)>,
    /// Graphs of set elements that contain each other.
    graph_depth: u32,
    /// Graphs of set elements that this snapshot may still make.
    graphs: u32,
}

/// Sets in sets whose elements are told apart by their graphs.
const GRAPH_DEPTH: u32 = 20;
/// Graphs of set elements a snapshot.
const GRAPHS: u32 = 50_000;

/// A snapshot being made.
pub struct Snapshot<'a> {
    pub(super) heap: &'a Heap,
    pub(super) scope: &'a Scope,
    pub(super) memory: &'a mut Memory,
    /// Objects whose contents were looked at: while none changes, neither does the text.
    pub(super) seen: &'a mut Vec<u64>,
    labels: FxHashMap<u64, usize>,
    queue: Vec<u64>,
    cut: bool,
}

impl<'a> Snapshot<'a> {
    /// An empty snapshot; `seen` collects the objects looked at.
    pub fn new(
        heap: &'a Heap,
        scope: &'a Scope,
        memory: &'a mut Memory,
        seen: &'a mut Vec<u64>,
    ) -> Self {
        Self {
            heap,
            scope,
            memory,
            seen,
            labels: FxHashMap::default(),
            queue: Vec::new(),
            cut: false,
        }
    }

    /// Renders named values, which must be sorted: `"L":{...},"H":[...]`.
    pub fn render(mut self, items: &[(&[u8], OwnedValue)]) -> String {
        self.memory.graphs = GRAPHS;
        let mut out = String::from("\"L\":{");
        for (at, (name, value)) in items.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            json::string(&mut out, name);
            out.push(':');
            self.value(&mut out, value);
        }
        out.push_str("},\"H\":");
        self.heap_text(&mut out);
        if self.cut {
            out.push_str(",\"cut\":true");
        }
        out
    }

    /// Appends the entries of all objects labelled so far and of those they lead to.
    fn heap_text(&mut self, out: &mut String) {
        out.push('[');
        let mut at = 0;
        while at < self.queue.len() {
            if at > 0 {
                out.push(',');
            }
            let id = self.queue[at];
            self.entry(out, id);
            at += 1;
        }
        out.push(']');
    }

    /// The sort key of a set's element that is no plain scalar: its own graph, if wanted.
    pub(super) fn own_graph(&mut self, value: &OwnedValue, with_heap: bool) -> String {
        // A set that can be reached from its own elements would go on for ever.
        let with_heap =
            with_heap && self.memory.graph_depth < GRAPH_DEPTH && self.memory.graphs > 0;
        self.memory.graphs = self.memory.graphs.saturating_sub(1);
        self.memory.graph_depth += 1;
        let mut inner = Snapshot::new(self.heap, self.scope, self.memory, self.seen);
        let mut out = String::from("[");
        inner.value(&mut out, value);
        out.push(',');
        if with_heap {
            inner.heap_text(&mut out);
        } else {
            out.push_str("[]");
        }
        out.push(']');
        self.memory.graph_depth -= 1;
        out
    }

    /// An object whose contents go into the text.
    pub(super) fn look(&mut self, id: u64) -> Option<&'a Object> {
        self.seen.push(id);
        self.heap.get(id)
    }

    /// The facts about a class, which go into the text.
    pub(super) fn class_facts(&mut self, class: u64) -> Rc<ClassFacts> {
        self.seen.push(class);
        self.memory.classes.facts(self.heap, self.scope, class)
    }

    /// Appends V of a value.
    pub(super) fn value(&mut self, out: &mut String, value: &OwnedValue) {
        if self.scalar(out, value) {
            return;
        }
        let OwnedValue::Ref(id) = value else { return };
        let count = self.queue.len();
        if let Some(label) = self.labels.get(id) {
            let _ = write!(out, "{{\"r\":{label}}}");
        } else if count >= HEAP_CAP {
            self.cut = true;
            out.push_str("{\"cut\":");
            let name = self.class_name_of(*id);
            json::string(out, &name);
            out.push('}');
        } else {
            self.labels.insert(*id, count);
            self.queue.push(*id);
            let _ = write!(out, "{{\"r\":{count}}}");
        }
    }

    /// `module.qualname` of an object's class.
    pub(super) fn class_name_of(&mut self, id: u64) -> Vec<u8> {
        let Some(object) = self.heap.get(id) else { return b"?.?".to_vec() };
        if object.class != 0 {
            return self.class_facts(object.class).name.clone();
        }
        object.kind.map_or("?.?", kind_name).into()
    }

    /// Appends a value that needs no entry; `false` if it needs one.
    pub(super) fn scalar(&mut self, out: &mut String, value: &OwnedValue) -> bool {
        match value {
            OwnedValue::Unbound => out.push_str("{\"const\":\"<empty cell>\"}"),
            OwnedValue::None => out.push_str("null"),
            OwnedValue::Bool(true) => out.push_str("true"),
            OwnedValue::Bool(false) => out.push_str("false"),
            OwnedValue::Ellipsis => out.push_str("{\"const\":\"Ellipsis\"}"),
            OwnedValue::NotImplemented => out.push_str("{\"const\":\"NotImplemented\"}"),
            OwnedValue::Int(value) if -BIG < *value && *value < BIG => {
                let _ = write!(out, "{value}");
            }
            OwnedValue::Int(value) => int(out, &BigInt::from(*value)),
            OwnedValue::Big { negative, magnitude } => int(out, &big(*negative, magnitude)),
            OwnedValue::Float(value) => float(out, *value),
            OwnedValue::Complex(re, im) => {
                out.push_str("{\"complex\":[");
                float(out, *re);
                out.push(',');
                float(out, *im);
                out.push_str("]}");
            }
            OwnedValue::Str(text) => str_text(out, text),
            OwnedValue::Bytes(bytes) => bytes_text(out, bytes),
            OwnedValue::Unknown(reason) => unknown(out, reason.text()),
            OwnedValue::Ref(id) => return self.scalar_object(out, *id),
        }
        true
    }

    fn scalar_object(&mut self, out: &mut String, id: u64) -> bool {
        let Some(object) = self.heap.get(id) else {
            unknown(out, "object without a record");
            return true;
        };
        if let Some(reason) = object.unknown {
            self.seen.push(id);
            unknown(out, reason.text());
            return true;
        }
        let Some(kind) = object.kind else {
            unknown(out, "object of a later format version");
            return true;
        };
        let exact = object.class == 0;
        match kind {
            Kind::Str if exact => str_text(out, object.blob.as_deref().unwrap_or_default()),
            Kind::Bytes if exact => bytes_text(out, object.blob.as_deref().unwrap_or_default()),
            Kind::Int if exact => int(out, &int_object(object)),
            Kind::Module if exact => {
                out.push_str("{\"module\":");
                let name = object.field("__name__");
                let name = name.and_then(|value| super::classes::wtf8(self.heap, value));
                json::string(out, name.unwrap_or(b"?"));
                out.push('}');
            }
            Kind::Builtin => {
                out.push_str("{\"builtin\":");
                let name = object.field("__qualname__").or_else(|| object.field("__name__"));
                let name = name.and_then(|value| super::classes::wtf8(self.heap, value));
                json::string(out, name.unwrap_or(b"?"));
                out.push('}');
            }
            Kind::Range if exact => {
                out.push_str("{\"range\":[");
                for (at, name) in ["start", "stop", "step"].into_iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    match object.field(name) {
                        Some(value) if !matches!(value, OwnedValue::Bool(_)) => {
                            self.scalar(out, value);
                        }
                        _ => out.push_str("\"?\""),
                    }
                }
                out.push_str("]}");
            }
            Kind::Class => {
                let facts = self.class_facts(id);
                if facts.user {
                    return false;
                }
                out.push_str("{\"type\":");
                json::string(out, &facts.name);
                out.push('}');
            }
            _ => return false,
        }
        true
    }
}

/// The value of an int object or of the payload of an int subclass.
pub fn int_object(object: &Object) -> BigInt {
    match (&object.scalar, &object.blob) {
        (Some(OwnedValue::Int(value)), _) => BigInt::from(*value),
        (Some(OwnedValue::Big { negative, magnitude }), _) => big(*negative, magnitude),
        (scalar, Some(blob)) => big(*scalar == Some(OwnedValue::Bool(true)), blob),
        (Some(OwnedValue::Bool(value)), None) => BigInt::from(u8::from(*value)),
        _ => BigInt::ZERO,
    }
}

/// Appends "not recorded".
pub fn unknown(out: &mut String, reason: &str) {
    out.push_str("{\"unknown\":");
    json::string(out, reason.as_bytes());
    out.push('}');
}

/// Appends an int.
pub fn int(out: &mut String, value: &BigInt) {
    match value.to_i64() {
        Some(small) if -BIG < small && small < BIG => {
            let _ = write!(out, "{small}");
        }
        _ => {
            let _ = write!(out, "{{\"int\":\"{}\"}}", int_hex(value));
        }
    }
}

/// Appends a float.
pub fn float(out: &mut String, value: f64) {
    if value.is_nan() {
        let _ = write!(out, "{{\"float\":\"nan:{:016x}\"}}", value.to_bits());
    } else {
        let _ = write!(out, "{{\"float\":\"{}\"}}", float_repr(value));
    }
}

/// Appends a str, or the digest of a long one.
pub fn str_text(out: &mut String, text: &[u8]) {
    if text.len() <= STR_CAP || json::point_count(text) <= STR_CAP {
        json::string(out, text);
        return;
    }
    let count = json::point_count(text);
    let _ =
        write!(out, "{{\"str\":{{\"n\":{count},\"sha256\":\"{}\",\"head\":", json::sha256(text));
    json::string(out, json::head(text, 40));
    out.push_str("}}");
}

/// Appends bytes, or the digest of long ones.
pub fn bytes_text(out: &mut String, bytes: &[u8]) {
    if bytes.len() <= STR_CAP {
        out.push_str("{\"bytes\":\"");
        json::hex(out, bytes);
        out.push_str("\"}");
    } else {
        let _ = write!(
            out,
            "{{\"bytes\":{{\"n\":{},\"sha256\":\"{}\"}}}}",
            bytes.len(),
            json::sha256(bytes)
        );
    }
}
