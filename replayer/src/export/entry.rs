//! The entry of each kind of object in a snapshot's heap.
//!
//! The order in which references are met decides their numbers, so it follows the oracle's
//! renderer statement by statement.

use super::classes::{ClassFacts, ids, kind_name, text, wtf8};
use super::json;
use super::snapshot::{SEQ_CAP, Snapshot, bytes_text, float, int, int_object, str_text, unknown};
use crate::heap::{Object, OrderedMap};
use moviola_format::event::{Kind, Reason};
use moviola_format::read::OwnedValue;
use std::fmt::Write as _;

/// Fields that C types store, apart from the slots of a class statement.
fn is_c_field(name: &[u8]) -> bool {
    const FIELDS: [&[u8]; 24] = [
        b"maxlen",
        b"default_factory",
        b"tzinfo",
        b"key",
        b"pattern",
        b"flags",
        b"groups",
        b"string",
        b"re",
        b"pos",
        b"endpos",
        b"lastindex",
        b"name",
        b"default",
        b"var",
        b"old_value",
        b"__origin__",
        b"__args__",
        b"_state",
        b"_result",
        b"_exception",
        b"_coro",
        b"_fut_waiter",
        b"_must_cancel",
    ];
    name.starts_with(b"<") || FIELDS.contains(&name)
}

/// Modules of the standard library whose classes are expanded like the program's own.
const EXPANDED: [&str; 6] =
    ["collections", "enum", "dataclasses", "types", "fractions", "argparse"];

type Item<'a> = (&'a OwnedValue, &'a OwnedValue);

impl<'a> Snapshot<'a> {
    /// Appends the entry of an object.
    pub(super) fn entry(&mut self, out: &mut String, id: u64) {
        let Some(object) = self.look(id) else {
            out.push_str("[\"opaque\",\"?.?\"]");
            return;
        };
        let Some(kind) = object.kind else {
            out.push_str("[\"opaque\",\"?.?\"]");
            return;
        };
        let facts = (object.class != 0).then(|| self.class_facts(object.class));
        let exact = facts.is_none();
        match kind {
            Kind::List | Kind::Tuple if exact => {
                out.push_str(if kind == Kind::List { "[\"list\"," } else { "[\"tuple\"," });
                self.seq(out, Some(id), object.seq.as_deref().unwrap_or_default());
                out.push(']');
            }
            Kind::Dict if exact => {
                out.push_str("[\"dict\",");
                self.items(out, id, object);
                out.push(']');
            }
            Kind::Set | Kind::FrozenSet if exact => {
                out.push_str(if kind == Kind::Set { "[\"set\"," } else { "[\"frozenset\"," });
                self.set(out, Some(id), object);
                out.push(']');
            }
            Kind::ByteArray if exact => {
                out.push_str("[\"bytearray\",");
                bytes_text(out, object.blob.as_deref().unwrap_or_default());
                out.push(']');
            }
            Kind::MemoryView => self.memory_view(out, object),
            Kind::Array if exact => self.array(out, object),
            Kind::Deque if exact => {
                out.push_str("[\"deque\",");
                self.deque(out, object);
            }
            Kind::OrderedDict if exact => {
                out.push_str("[\"OrderedDict\",");
                self.items(out, id, object);
                out.push(']');
            }
            Kind::DefaultDict if exact => {
                out.push_str("[\"defaultdict\",");
                self.field(out, object, "default_factory");
                out.push(',');
                self.items(out, id, object);
                out.push(']');
            }
            Kind::Function => self.function(out, object),
            Kind::Method => self.fields_entry(out, "method", object, &["__func__", "__self__"]),
            Kind::Cell => {
                out.push_str("[\"cell\",");
                self.value(out, object.scalar.as_ref().unwrap_or(&OwnedValue::Unbound));
                out.push(']');
            }
            Kind::Generator => {
                out.push_str("[\"gen\",");
                self.name_field(out, object, "__qualname__");
                out.push(']');
            }
            Kind::WeakRef if facts.as_ref().is_none_or(|facts| !facts.user_in_mro) => {
                let alive = object.scalar == Some(OwnedValue::Bool(true));
                let _ = write!(out, "[\"weakref\",\"{}\"]", if alive { "alive" } else { "dead" });
            }
            Kind::Slice => {
                out.push_str("[\"slice\",[");
                self.fields(out, object, &["start", "stop", "step"]);
                out.push_str("]]");
            }
            Kind::Partial if exact => self.partial(out, object),
            Kind::StaticMethod if exact => {
                self.fields_entry(out, "staticmethod", object, &["__func__"]);
            }
            Kind::ClassMethod if exact => {
                self.fields_entry(out, "classmethod", object, &["__func__"]);
            }
            Kind::Property if exact => {
                self.fields_entry(out, "property", object, &["fget", "fset", "fdel"]);
            }
            Kind::SimpleNamespace if exact => {
                out.push_str("[\"obj\",\"types.SimpleNamespace\",{\"dict\":");
                self.namespace(out, object.attrs.as_ref());
                out.push_str("}]");
            }
            Kind::MappingProxy => out.push_str("[\"opaque\",\"mappingproxy\"]"),
            Kind::DateTime => self.date_time(out, object, facts.as_deref()),
            Kind::Class => self.class(out, id, object),
            Kind::Exception => self.exception(out, id, object),
            _ => match facts {
                Some(facts)
                    if facts.user_in_mro
                        || facts
                            .module
                            .as_deref()
                            .is_some_and(|module| EXPANDED.contains(&module)) =>
                {
                    self.instance(out, id, object, &facts);
                }
                facts => {
                    out.push_str("[\"opaque\",");
                    let name =
                        facts.map_or_else(|| kind_name(kind).into(), |facts| facts.name.clone());
                    json::string(out, &name);
                    out.push(']');
                }
            },
        }
    }

    // -- containers ------------------------------------------------------------------------

    fn seq(&mut self, out: &mut String, id: Option<u64>, items: &[OwnedValue]) {
        if items.len() <= SEQ_CAP {
            self.list(out, items.iter());
            return;
        }
        if let Some(id) = id
            && self.remembered(out, id)
        {
            return;
        }
        if items.iter().all(|item| self.is_flat(item)) {
            let mut text = String::new();
            self.list(&mut text, items.iter());
            let mut made = String::new();
            let _ = write!(made, "{{\"n\":{},\"sha256\":\"", items.len());
            made.push_str(&json::sha256(text.as_bytes()));
            made.push_str("\",\"head\":");
            self.list(&mut made, items[..8].iter());
            made.push_str(",\"tail\":");
            self.list(&mut made, items[items.len() - 8..].iter());
            made.push('}');
            self.remember(out, id, made);
            return;
        }
        let _ = write!(out, "{{\"n\":{},\"partial\":true,\"head\":", items.len());
        self.list(out, items[..32].iter());
        out.push_str(",\"tail\":");
        self.list(out, items[items.len() - 32..].iter());
        out.push('}');
    }

    fn list<'v>(&mut self, out: &mut String, items: impl Iterator<Item = &'v OwnedValue>) {
        out.push('[');
        for (at, item) in items.enumerate() {
            if at > 0 {
                out.push(',');
            }
            self.value(out, item);
        }
        out.push(']');
    }

    fn remembered(&self, out: &mut String, id: u64) -> bool {
        let changed = self.heap.get(id).map_or(0, |object| object.changed);
        match self.memory.flat.get(&id) {
            Some((at, text)) if *at == changed => {
                out.push_str(text);
                true
            }
            _ => false,
        }
    }

    fn remember(&mut self, out: &mut String, id: Option<u64>, text: String) {
        out.push_str(&text);
        if let Some(id) = id {
            if self.memory.flat.len() > 64 {
                self.memory.flat.clear();
            }
            let changed = self.heap.get(id).map_or(0, |object| object.changed);
            self.memory.flat.insert(id, (changed, text));
        }
    }

    /// Exact `str`, `int`, `float`, `bool`, `bytes` or `None`.
    fn is_flat(&self, value: &OwnedValue) -> bool {
        match value {
            OwnedValue::None
            | OwnedValue::Bool(_)
            | OwnedValue::Int(_)
            | OwnedValue::Big { .. }
            | OwnedValue::Float(_)
            | OwnedValue::Str(_)
            | OwnedValue::Bytes(_) => true,
            OwnedValue::Ref(id) => self.heap.get(*id).is_some_and(|object| {
                let kind = matches!(object.kind, Some(Kind::Str | Kind::Bytes | Kind::Int));
                kind && object.class == 0 && object.unknown.is_none()
            }),
            _ => false,
        }
    }

    fn set(&mut self, out: &mut String, id: Option<u64>, object: &'a Object) {
        let elements: Vec<&OwnedValue> = match (&object.map, &object.seq) {
            (Some(map), _) => map.iter().map(|(key, _)| key).collect(),
            (None, Some(seq)) => seq.iter().collect(),
            (None, None) => Vec::new(),
        };
        if elements.len() > SEQ_CAP
            && let Some(id) = id
            && self.remembered(out, id)
        {
            return;
        }
        let with_graph = elements.len() < 200;
        let mut flat = Vec::new();
        let mut rest = Vec::new();
        for element in elements {
            if self.is_flat(element) {
                let mut key = String::new();
                self.scalar(&mut key, element);
                flat.push((key, element));
            } else {
                rest.push((self.own_graph(element, with_graph), element));
            }
        }
        flat.sort_by(|a, b| a.0.cmp(&b.0));
        rest.sort_by(|a, b| a.0.cmp(&b.0));
        let sorted: Vec<OwnedValue> =
            flat.into_iter().chain(rest).map(|(_, element)| element.clone()).collect();
        self.seq(out, id, &sorted);
    }

    fn items(&mut self, out: &mut String, id: u64, object: &'a Object) {
        let map = match object.dict_of {
            Some(owner) => self.look(owner).and_then(|owner| owner.attrs.as_ref()),
            None => object.map.as_ref(),
        };
        let Some(map) = map else {
            out.push_str("[]");
            return;
        };
        if map.len() <= SEQ_CAP {
            self.rows(out, map.iter());
            return;
        }
        if self.remembered(out, id) {
            return;
        }
        let items: Vec<Item<'_>> = map.iter().collect();
        if items.iter().all(|(key, value)| self.is_flat(key) && self.is_flat(value)) {
            let mut text = String::new();
            self.rows(&mut text, items.iter().copied());
            let mut made = String::new();
            let _ = write!(made, "{{\"n\":{},\"sha256\":\"", items.len());
            made.push_str(&json::sha256(text.as_bytes()));
            made.push_str("\",\"head\":");
            self.rows(&mut made, items[..8].iter().copied());
            made.push_str(",\"tail\":");
            self.rows(&mut made, items[items.len() - 8..].iter().copied());
            made.push('}');
            let id = object.dict_of.is_none().then_some(id);
            self.remember(out, id, made);
            return;
        }
        let _ = write!(out, "{{\"n\":{},\"partial\":true,\"head\":", items.len());
        self.rows(out, items[..32].iter().copied());
        out.push_str(",\"tail\":");
        self.rows(out, items[items.len() - 32..].iter().copied());
        out.push('}');
    }

    fn rows<'v>(&mut self, out: &mut String, items: impl Iterator<Item = Item<'v>>) {
        out.push('[');
        for (at, (key, value)) in items.enumerate() {
            out.push_str(if at > 0 { ",[" } else { "[" });
            self.value(out, key);
            out.push(',');
            self.value(out, value);
            out.push(']');
        }
        out.push(']');
    }

    /// Items with str keys but `__dunder__`, sorted by key.
    fn namespace(&mut self, out: &mut String, map: Option<&'a OrderedMap>) {
        let rows = self.named(map);
        self.rows_named(out, &rows);
    }

    fn rows_named(&mut self, out: &mut String, rows: &[(&[u8], &OwnedValue)]) {
        out.push('[');
        for (at, (name, value)) in rows.iter().enumerate() {
            out.push_str(if at > 0 { ",[" } else { "[" });
            json::string(out, name);
            out.push(',');
            self.value(out, value);
            out.push(']');
        }
        out.push(']');
    }

    fn named(&self, map: Option<&'a OrderedMap>) -> Vec<(&'a [u8], &'a OwnedValue)> {
        let mut rows: Vec<_> = map
            .into_iter()
            .flat_map(OrderedMap::iter)
            .filter_map(|(key, value)| Some((wtf8(self.heap, key)?, value)))
            .filter(|(name, _)| !is_dunder(name))
            .collect();
        rows.sort_by_key(|(name, _)| *name);
        rows
    }

    fn deque(&mut self, out: &mut String, object: &'a Object) {
        match object.field("maxlen") {
            Some(OwnedValue::Int(limit)) => {
                let _ = write!(out, "{limit},");
            }
            _ => out.push_str("null,"),
        }
        self.seq(out, None, object.seq.as_deref().unwrap_or_default());
        out.push(']');
    }

    fn memory_view(&mut self, out: &mut String, object: &'a Object) {
        out.push_str("[\"memoryview\",");
        if object.field("released").is_some() {
            out.push_str("\"released\"]");
            return;
        }
        self.name_field(out, object, "format");
        out.push(',');
        match &object.blob {
            Some(bytes) => bytes_text(out, bytes),
            None => unknown(out, Reason::Opaque.text()),
        }
        out.push(']');
    }

    fn array(&mut self, out: &mut String, object: &'a Object) {
        out.push_str("[\"array\",");
        self.name_field(out, object, "typecode");
        let size = match object.field("itemsize") {
            Some(OwnedValue::Int(size)) if *size > 0 => *size as usize,
            _ => 1,
        };
        let bytes = object.blob.as_deref().unwrap_or_default();
        let count = bytes.len() / size;
        let _ = write!(out, ",{count},\"");
        if count > 64 {
            out.push_str(&json::sha256(bytes));
        } else {
            json::hex(out, bytes);
        }
        out.push_str("\"]");
    }

    // -- callables and the like ------------------------------------------------------------

    fn field(&mut self, out: &mut String, object: &'a Object, name: &str) {
        self.value(out, object.field(name).unwrap_or(&OwnedValue::None));
    }

    fn name_field(&mut self, out: &mut String, object: &'a Object, name: &str) {
        let name = object.field(name).and_then(|value| wtf8(self.heap, value));
        json::string(out, name.unwrap_or(b"?"));
    }

    fn fields(&mut self, out: &mut String, object: &'a Object, names: &[&str]) {
        for (at, name) in names.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            self.field(out, object, name);
        }
    }

    fn fields_entry(&mut self, out: &mut String, tag: &str, object: &'a Object, names: &[&str]) {
        let _ = write!(out, "[\"{tag}\",");
        self.fields(out, object, names);
        out.push(']');
    }

    /// The elements of a tuple that a field holds.
    fn tuple_field(&mut self, object: &'a Object, name: &str) -> &'a [OwnedValue] {
        match object.field(name) {
            Some(OwnedValue::Ref(id)) => {
                self.look(*id).and_then(|tuple| tuple.seq.as_deref()).unwrap_or_default()
            }
            _ => &[],
        }
    }

    fn map_field(&mut self, object: &'a Object, name: &str) -> Option<&'a OrderedMap> {
        match object.field(name) {
            Some(OwnedValue::Ref(id)) => {
                self.look(*id).and_then(|dict| dict.map.as_ref()).filter(|map| !map.is_empty())
            }
            _ => None,
        }
    }

    fn function(&mut self, out: &mut String, object: &'a Object) {
        out.push_str("[\"func\",");
        self.name_field(out, object, "__qualname__");
        out.push_str(",{");
        let mut comma = Comma::default();
        let defaults = self.tuple_field(object, "__defaults__");
        if !defaults.is_empty() {
            comma.key(out, "defaults");
            self.list(out, defaults.iter());
        }
        if let Some(map) = self.map_field(object, "__kwdefaults__") {
            comma.key(out, "kwdefaults");
            self.rows(out, map.iter());
        }
        let closure = self.tuple_field(object, "__closure__");
        if !closure.is_empty() {
            comma.key(out, "closure");
            let code = match object.field("__code__") {
                Some(OwnedValue::Ref(id)) => self.heap.get(*id),
                _ => None,
            };
            let names = code.map_or(&[][..], |code| self.tuple_field(code, "co_freevars"));
            out.push('[');
            for (at, (name, cell)) in names.iter().zip(closure).enumerate() {
                out.push_str(if at > 0 { ",[" } else { "[" });
                self.value(out, name);
                out.push(',');
                self.cell(out, cell);
                out.push(']');
            }
            out.push(']');
        }
        if let Some(map) = object.attrs.as_ref().filter(|map| !map.is_empty()) {
            comma.key(out, "dict");
            self.namespace(out, Some(map));
        }
        out.push_str("}]");
    }

    /// Appends what a cell holds.
    fn cell(&mut self, out: &mut String, cell: &OwnedValue) {
        match cell {
            OwnedValue::Ref(id) => match self.look(*id) {
                Some(object) if object.unknown.is_none() => {
                    self.value(out, object.scalar.as_ref().unwrap_or(&OwnedValue::Unbound));
                }
                _ => self.value(out, cell),
            },
            _ => self.value(out, cell),
        }
    }

    fn partial(&mut self, out: &mut String, object: &'a Object) {
        out.push_str("[\"partial\",");
        self.field(out, object, "func");
        out.push(',');
        let args = self.tuple_field(object, "args");
        self.list(out, args.iter());
        out.push(',');
        match self.map_field(object, "keywords") {
            Some(map) => self.rows(out, map.iter()),
            None => out.push_str("[]"),
        }
        out.push(']');
    }

    fn date_time(&mut self, out: &mut String, object: &'a Object, facts: Option<&ClassFacts>) {
        let name =
            facts.map_or("datetime.datetime".into(), |facts| String::from_utf8_lossy(&facts.name));
        let repr = object.scalar.as_ref().and_then(|value| text(self.heap, value));
        match repr {
            Some(repr) if object.field("tzinfo").is_none() && !repr.contains("tzinfo=") => {
                let _ =
                    write!(out, "[\"datetime\",\"{}\",", name.rsplit('.').next().unwrap_or(&name));
                json::string(out, repr.as_bytes());
                out.push(']');
            }
            _ => {
                out.push_str("[\"opaque\",");
                json::string(out, name.as_bytes());
                out.push(']');
            }
        }
    }

    // -- classes and instances -------------------------------------------------------------

    fn class(&mut self, out: &mut String, id: u64, object: &'a Object) {
        let name = self.class_facts(id).name.clone();
        out.push_str("[\"class\",");
        json::string(out, &name);
        out.push_str(",[");
        let bases = object.field("bases").map_or_else(Vec::new, |tuple| ids(self.heap, tuple));
        for (at, base) in bases.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            let name = self.class_facts(*base).name.clone();
            json::string(out, &name);
        }
        out.push_str("],");
        let mut rows = self.named(object.attrs.as_ref());
        rows.retain(|(_, value)| !self.is_member(value));
        self.rows_named(out, &rows);
        out.push(']');
    }

    /// A slot's or C field's descriptor in a class namespace.
    fn is_member(&mut self, value: &OwnedValue) -> bool {
        let OwnedValue::Ref(id) = value else { return false };
        self.heap.get(*id).is_some_and(|object| object.kind == Some(Kind::Opaque)) && {
            let name = self.class_name_of(*id);
            name == b"builtins.member_descriptor" || name == b"builtins.getset_descriptor"
        }
    }

    fn exception(&mut self, out: &mut String, id: u64, object: &'a Object) {
        out.push_str("[\"exc\",");
        let name = self.class_name_of(id);
        json::string(out, &name);
        out.push_str(",{\"args\":");
        let args = self.tuple_field(object, "args");
        self.list(out, args.iter());
        for (key, name) in [("cause", "__cause__"), ("context", "__context__")] {
            match object.field(name) {
                None | Some(OwnedValue::None) => {}
                Some(value) => {
                    let _ = write!(out, ",\"{key}\":");
                    self.value(out, value);
                }
            }
        }
        if let Some(map) = object.attrs.as_ref().filter(|map| !map.is_empty()) {
            out.push_str(",\"dict\":");
            self.namespace(out, Some(map));
        }
        out.push_str("}]");
    }

    fn instance(&mut self, out: &mut String, id: u64, object: &'a Object, facts: &ClassFacts) {
        out.push_str("[\"obj\",");
        json::string(out, &facts.name);
        out.push_str(",{");
        let mut comma = Comma::default();
        if let Some(base) = facts.base.filter(|code| *code != 101) {
            comma.key(out, "base");
            self.base(out, id, object, base);
        }
        if let Some(map) = &object.attrs {
            comma.key(out, "dict");
            self.namespace(out, Some(map));
        }
        let slots = self.slots(object, facts);
        if !slots.is_empty() {
            comma.key(out, "slots");
            self.rows_named(out, &slots);
        }
        out.push_str("}]");
    }

    /// Values of the slots that the program's own classes define, sorted by name.
    fn slots(&mut self, object: &'a Object, facts: &ClassFacts) -> Vec<(&'a [u8], &'a OwnedValue)> {
        let mut slots = Vec::new();
        for (key, value) in &object.fields {
            let Some(name) = wtf8(self.heap, key) else { continue };
            if matches!(value, OwnedValue::Unbound) || name == b"__weakref__" || name == b"__dict__"
            {
                continue;
            }
            let definer = facts.mro.iter().copied().find(|class| {
                let attrs = self.heap.get(*class).and_then(|class| class.attrs.as_ref());
                attrs.is_some_and(|attrs| attrs.get_str(name).is_some())
            });
            let user = match definer {
                Some(class) => self.class_facts(class).user,
                None => facts.user && !is_c_field(name),
            };
            if user {
                slots.push((name, value));
            }
        }
        slots.sort_by_key(|(name, _)| *name);
        slots
    }

    /// The payload of a built-in type that the object derives from.
    fn base(&mut self, out: &mut String, id: u64, object: &'a Object, code: i64) {
        let kind = u8::try_from(code).ok().and_then(Kind::from_code);
        match kind {
            Some(Kind::Dict | Kind::OrderedDict | Kind::DefaultDict) => {
                out.push_str("[\"dict\",");
                self.items(out, id, object);
                if object.field("default_factory").is_some() {
                    out.push_str(",{\"factory\":");
                    self.field(out, object, "default_factory");
                    out.push('}');
                }
                out.push(']');
            }
            Some(Kind::List) => self.seq_base(out, "list", object),
            Some(Kind::Tuple) => self.seq_base(out, "tuple", object),
            Some(Kind::Set | Kind::FrozenSet) => {
                let set = kind == Some(Kind::Set);
                out.push_str(if set { "[\"set\"," } else { "[\"frozenset\"," });
                self.set(out, None, object);
                out.push(']');
            }
            Some(Kind::Deque) => {
                out.push_str("[\"deque\",");
                self.deque(out, object);
            }
            Some(Kind::Str) => {
                out.push_str("[\"str\",");
                match (&object.scalar, &object.blob) {
                    (Some(OwnedValue::Str(text)), _) => str_text(out, text),
                    (_, Some(blob)) => str_text(out, blob),
                    _ => unknown(out, "payload not recorded"),
                }
                out.push(']');
            }
            Some(Kind::Int) => {
                out.push_str("[\"int\",");
                int(out, &int_object(object));
                out.push(']');
            }
            Some(Kind::Bytes | Kind::ByteArray) => {
                let bytes = kind == Some(Kind::Bytes);
                out.push_str(if bytes { "[\"bytes\"," } else { "[\"bytearray\"," });
                match (&object.scalar, &object.blob) {
                    (Some(OwnedValue::Bytes(bytes)), _) => bytes_text(out, bytes),
                    (_, Some(blob)) => bytes_text(out, blob),
                    _ => unknown(out, "payload not recorded"),
                }
                out.push(']');
            }
            _ => {
                out.push_str("[\"float\",");
                match &object.scalar {
                    Some(OwnedValue::Float(value)) => float(out, *value),
                    _ => unknown(out, "payload not recorded"),
                }
                out.push(']');
            }
        }
    }

    fn seq_base(&mut self, out: &mut String, tag: &str, object: &'a Object) {
        let _ = write!(out, "[\"{tag}\",");
        self.seq(out, None, object.seq.as_deref().unwrap_or_default());
        out.push(']');
    }
}

/// `__name__`, by the renderer's rule.
pub fn is_dunder(name: &[u8]) -> bool {
    name.len() >= 2 && name.starts_with(b"__") && name.ends_with(b"__")
}

#[derive(Default)]
struct Comma(bool);

impl Comma {
    fn key(&mut self, out: &mut String, key: &str) {
        let comma = if std::mem::replace(&mut self.0, true) { "," } else { "" };
        let _ = write!(out, "{comma}\"{key}\":");
    }
}
