//! `repr` of what is no built-in container: instances, classes, functions, modules, exceptions.
//! Exact where Python's own text can be known, structural where recorded code would have to run
//! or an address is missing.

use super::class::{Class, Facts, Lookup, elements, entry, field, text, text_field};
use super::known;
use super::repr::Writer;
use crate::eval::Val;
use crate::pyfloat::float_repr;
use moviola_format::event::Kind;
use moviola_format::read::{Items, ObjectState, OwnedValue};
use std::fmt::Write as _;

/// Names of modules that are part of the interpreter.
const BUILT_IN_MODULES: &[&str] = &[
    "_abc",
    "_ast",
    "_codecs",
    "_collections",
    "_functools",
    "_imp",
    "_io",
    "_locale",
    "_operator",
    "_signal",
    "_sre",
    "_stat",
    "_string",
    "_symtable",
    "_thread",
    "_tokenize",
    "_tracemalloc",
    "_typing",
    "_warnings",
    "_weakref",
    "atexit",
    "builtins",
    "errno",
    "faulthandler",
    "gc",
    "itertools",
    "marshal",
    "posix",
    "pwd",
    "sys",
    "time",
];

/// Names of modules that start-up takes from the interpreter although they have a file.
const FROZEN_MODULES: &[&str] = &[
    "_collections_abc",
    "_sitebuiltins",
    "abc",
    "codecs",
    "genericpath",
    "importlib._bootstrap",
    "importlib._bootstrap_external",
    "importlib.machinery",
    "importlib.util",
    "io",
    "ntpath",
    "os",
    "posixpath",
    "runpy",
    "site",
    "stat",
    "zipimport",
];

impl Writer<'_> {
    /// Appends `repr` of an object that is no exact built-in container.
    pub(super) fn other(&mut self, id: u64, state: &ObjectState) {
        match state.kind {
            Kind::Class => self.class(id),
            Kind::Exception => self.instance(id, state),
            Kind::Module => self.module(state),
            Kind::Function => self.named("function", state, "__qualname__"),
            Kind::Builtin => self.builtin(state),
            Kind::Method => {
                let name = match field(state, "__func__") {
                    Some(OwnedValue::Ref(function)) => {
                        self.objects.object(*function).ok().and_then(|function| {
                            text_field(&function, "__qualname__", self.objects)
                        })
                    }
                    _ => None,
                };
                let _ = write!(self.out, "<bound method {} of ", name.as_deref().unwrap_or("?"));
                let receiver = field(state, "__self__").cloned();
                self.enter(id, "...", 1, |writer| match receiver {
                    Some(receiver) => writer.owned(&receiver),
                    None => writer.unknown("no receiver in the trace"),
                });
                self.out.push('>');
            }
            Kind::Generator => {
                let class = Class::of(&Val::Ref(id), self.objects);
                let kind = class.as_ref().map_or("generator", Class::name).to_owned();
                self.named(&format!("{kind} object"), state, "__qualname__");
            }
            Kind::Slice | Kind::Range => match crate::eval::plain_object(state, self.objects) {
                Some(value) => self.enter(id, "slice(...)", 3, |writer| writer.value(&value)),
                None => self.unknown("no contents in the trace"),
            },
            Kind::MappingProxy => {
                let mapping = field(state, "mapping").cloned();
                self.enter(id, "mappingproxy(...)", 1, |writer| {
                    writer.out.push_str("mappingproxy(");
                    match mapping {
                        Some(mapping) => writer.owned(&mapping),
                        None => writer.unknown("no contents in the trace"),
                    }
                    writer.out.push(')');
                });
            }
            Kind::SimpleNamespace => self.namespace(id, state),
            Kind::DateTime => {
                if !self.date(state, None) {
                    self.instance(id, state);
                }
            }
            Kind::WeakRef if state.class == 0 => self.weak(state),
            Kind::MemoryView => {
                self.exact = false;
                let released = field(state, "released").is_some();
                self.out.push_str(if released { "<released memory>" } else { "<memory>" });
            }
            Kind::Property | Kind::StaticMethod | Kind::ClassMethod => self.wrapper(id, state),
            Kind::Partial => self.partial(id, state),
            Kind::Array => self.array(state),
            Kind::Code => {
                self.exact = false;
                let part = |name| text_field(state, name, self.objects);
                let line = match field(state, "co_firstlineno") {
                    Some(OwnedValue::Int(line)) => *line,
                    _ => -1,
                };
                let _ = write!(
                    self.out,
                    "<code object {}, file \"{}\", line {line}>",
                    part("co_name").unwrap_or_default(),
                    part("co_filename").unwrap_or_default()
                );
            }
            _ => self.instance(id, state),
        }
    }

    fn named(&mut self, what: &str, state: &ObjectState, name: &str) {
        self.exact = false;
        let name = text_field(state, name, self.objects)
            .or_else(|| text_field(state, "__name__", self.objects))
            .unwrap_or_else(|| "?".to_owned());
        let _ = write!(self.out, "<{what} {name}>");
    }

    fn builtin(&mut self, state: &ObjectState) {
        let name = text_field(state, "__name__", self.objects).unwrap_or_else(|| "?".to_owned());
        let receiver = field(state, "__self__").map(Val::from);
        let receiver = receiver.filter(|receiver| match receiver {
            Val::None => false,
            Val::Ref(id) => {
                self.objects.object_head(*id).is_ok_and(|(kind, _)| kind != Kind::Module)
            }
            _ => true,
        });
        if let Some(receiver) = receiver {
            self.exact = false;
            let class = Class::of(&receiver, self.objects);
            let class = class.as_ref().map_or("?", Class::name);
            let _ = write!(self.out, "<built-in method {name} of {class} object>");
            return;
        }
        let qualname = text_field(state, "__qualname__", self.objects);
        match qualname.as_deref().and_then(|name| name.rsplit_once('.')) {
            // Unbound methods of built-in types: method descriptors, slot wrappers.
            Some((class, name)) if state.class != 0 => {
                let kind = match Class::of(&Val::Ref(state.class), self.objects) {
                    _ if name.starts_with("__") && name.ends_with("__") => "slot wrapper",
                    _ => "method",
                };
                self.exact = kind == "method" && self.exact;
                let _ = write!(self.out, "<{kind} '{name}' of '{class}' objects>");
            }
            _ => {
                let _ = write!(self.out, "<built-in function {name}>");
            }
        }
    }

    fn module(&mut self, state: &ObjectState) {
        let name = text_field(state, "__name__", self.objects).unwrap_or_else(|| "?".to_owned());
        let _ = write!(self.out, "<module ");
        self.value(&Val::str(&name));
        if FROZEN_MODULES.contains(&name.as_str()) {
            self.out.push_str(" (frozen)");
        } else if let Some(file) = field(state, "__file__")
            && let Some(file) = super::class::wtf8(file, self.objects)
        {
            self.out.push_str(" from ");
            self.value(&Val::Str(file));
        } else if BUILT_IN_MODULES.contains(&name.as_str()) {
            self.out.push_str(" (built-in)");
        } else {
            self.exact = false;
        }
        self.out.push('>');
    }

    fn class(&mut self, id: u64) {
        let facts = match Facts::read(id, self.objects) {
            Ok(facts) => facts,
            Err(reason) => return self.unknown(&reason.0),
        };
        let (shown, exact) = Class::Recorded(facts).shown(self.objects);
        self.exact &= exact;
        self.out.push_str(&shown);
    }

    fn namespace(&mut self, id: u64, state: &ObjectState) {
        let name = self.type_name(id);
        let name = if state.class == 0 { "namespace".to_owned() } else { name };
        let attrs = state.attrs.clone().unwrap_or_default();
        self.enter(id, &format!("{name}(...)"), attrs.len() as u64, |writer| {
            let _ = write!(writer.out, "{name}(");
            writer.attributes(&attrs, ", ", "");
            writer.out.push(')');
        });
    }

    /// `name=value`, joined.
    fn attributes(&mut self, attrs: &Items, join: &str, before: &str) {
        let mut first = true;
        for (at, (name, value)) in attrs.iter().enumerate() {
            if *value == OwnedValue::Unbound {
                continue;
            }
            self.out.push_str(if first { before } else { join });
            first = false;
            if !self.room(at, attrs.len() as u64) {
                break;
            }
            match text(name, self.objects) {
                Some(name) => self.out.push_str(&name),
                None => self.owned(name),
            }
            self.out.push('=');
            self.owned(value);
        }
    }

    fn wrapper(&mut self, id: u64, state: &ObjectState) {
        self.exact = false;
        let (what, name) = match state.kind {
            Kind::Property => ("property object", "fget"),
            Kind::StaticMethod => ("staticmethod", "__func__"),
            _ => ("classmethod", "__func__"),
        };
        let inner = field(state, name).cloned();
        if what == "property object" {
            self.out.push_str("<property object");
            if let Some(OwnedValue::Ref(getter)) = inner
                && let Ok(getter) = self.objects.object(getter)
                && let Some(name) = text_field(&getter, "__qualname__", self.objects)
            {
                let _ = write!(self.out, " {name}");
            }
            self.out.push('>');
            return;
        }
        self.enter(id, "...", 1, |writer| {
            let _ = write!(writer.out, "<{what}(");
            match inner {
                Some(inner) => writer.owned(&inner),
                None => writer.unknown("no contents in the trace"),
            }
            writer.out.push_str(")>");
        });
    }

    fn partial(&mut self, id: u64, state: &ObjectState) {
        let args = elements(field(state, "args"), self.objects).unwrap_or_default();
        let keywords = match field(state, "keywords") {
            Some(OwnedValue::Ref(keywords)) => {
                let keywords = self.objects.object(*keywords).and_then(known);
                keywords.map(|dict| self.dict_items(&dict)).unwrap_or_default()
            }
            _ => Items::new(),
        };
        let func = field(state, "func").cloned().unwrap_or(OwnedValue::Unbound);
        self.enter(id, "...", args.len() as u64, |writer| {
            writer.out.push_str("functools.partial(");
            writer.owned(&func);
            for arg in &args {
                writer.out.push_str(", ");
                writer.owned(arg);
            }
            writer.attributes(&keywords, ", ", ", ");
            writer.out.push(')');
        });
    }

    fn array(&mut self, state: &ObjectState) {
        let code = text_field(state, "typecode", self.objects).unwrap_or_default();
        let size = match field(state, "itemsize") {
            Some(OwnedValue::Int(size)) => usize::try_from(*size).unwrap_or(0),
            _ => 0,
        };
        let blob = state.blob.as_deref().unwrap_or_default();
        if blob.is_empty() {
            let _ = write!(self.out, "array('{code}')");
            return;
        }
        if size == 4 && matches!(code.as_str(), "u" | "w") {
            let points: Vec<u32> = blob
                .chunks_exact(4)
                .map(|item| u32::from_le_bytes([item[0], item[1], item[2], item[3]]))
                .collect();
            let _ = write!(self.out, "array('{code}', ");
            self.value(&Val::Str(super::text::from_points(&points).into()));
            self.out.push(')');
            return;
        }
        if !(1..=8).contains(&size) {
            self.exact = false;
            let _ = write!(self.out, "<array.array {code} of {} bytes>", blob.len());
            return;
        }
        let _ = write!(self.out, "array('{code}', [");
        let len = (blob.len() / size) as u64;
        for (at, item) in blob.chunks_exact(size).enumerate() {
            if at > 0 {
                self.out.push_str(", ");
            }
            if !self.room(at, len) {
                break;
            }
            let mut bytes = [0; 8];
            bytes[..size].copy_from_slice(item);
            let raw = u64::from_le_bytes(bytes);
            match code.as_str() {
                "d" => self.out.push_str(&float_repr(f64::from_bits(raw))),
                "f" => {
                    self.out.push_str(&float_repr(f64::from(f32::from_bits(raw as u32))));
                }
                "b" | "h" | "i" | "l" | "q" => {
                    let shift = 64 - 8 * size as u32;
                    let _ = write!(self.out, "{}", (raw << shift) as i64 >> shift);
                }
                _ => {
                    let _ = write!(self.out, "{raw}");
                }
            }
        }
        self.out.push_str("])");
    }

    pub(super) fn type_name(&self, id: u64) -> String {
        Class::of(&Val::Ref(id), self.objects)
            .map_or_else(|_| "?".to_owned(), |class| class.name().to_owned())
    }

    /// An instance of a class; its own `__repr__` is never run.
    fn instance(&mut self, id: u64, state: &ObjectState) {
        let class = match Class::of(&Val::Ref(id), self.objects) {
            Ok(class) => class,
            Err(reason) => return self.unknown(&reason.0),
        };
        match self.repr_of(&class, state) {
            Repr::Exception => self.exception(id, state, &class),
            Repr::Dataclass(fields) => self.dataclass(id, state, &class, &fields),
            Repr::NamedTuple(names) => self.named_tuple(id, &class, &names),
            Repr::Enum => self.enum_member(id, state, &class),
            Repr::Counter => self.counter(id, state, &class),
            Repr::Path => match super::library::path_text(state, self.objects) {
                Some(text) => {
                    let _ = write!(self.out, "{}(", class.name());
                    self.value(&Val::str(&text));
                    self.out.push(')');
                }
                None => self.structural(id, state, &class),
            },
            Repr::Namespace => self.namespace(id, state),
            Repr::Payload(kind) => {
                let full = state.kind == Kind::Instance;
                let name = class.name().rsplit('.').next().unwrap_or_default().to_owned();
                if !self.payload(id, state, kind, full.then_some(name.as_str())) {
                    self.structural(id, state, &class);
                }
            }
            Repr::Float => match &state.scalar {
                Some(OwnedValue::Float(value)) => self.out.push_str(&float_repr(*value)),
                Some(value @ OwnedValue::Complex(..)) => self.owned(value),
                _ => self.structural(id, state, &class),
            },
            Repr::Library(module, qualname) => {
                if !self.library(id, state, &class, (&module, &qualname)) {
                    self.structural(id, state, &class);
                }
            }
            Repr::Structural => self.structural(id, state, &class),
        }
    }

    /// Which `__repr__` an instance of the class has.
    fn repr_of(&self, class: &Class, state: &ObjectState) -> Repr {
        let Class::Recorded(facts) = class else {
            return match state.kind {
                Kind::Exception => Repr::Exception,
                _ => Repr::Structural,
            };
        };
        if facts.is_changed {
            return Repr::Structural;
        }
        if field(state, "<numpy>").is_some() && !facts.is_open() {
            return Repr::Library(facts.module.clone(), facts.qualname.clone());
        }
        for base in class.mro(self.objects).unwrap_or_default() {
            let Class::Recorded(base) = base else { break };
            if base.is_open() {
                let Some(found) = entry(base.state.attrs.as_ref(), "__repr__") else { continue };
                let found = found.clone();
                if let Some(fields) = dataclass_fields(self, &base.state)
                    && is_generated(self, &found)
                {
                    return Repr::Dataclass(fields);
                }
                if let Some(names) = self.named_tuple_fields(&base.state)
                    && self.code_file(&found).is_some_and(|file| {
                        file.ends_with("collections/__init__.py") || file.starts_with('<')
                    })
                {
                    return Repr::NamedTuple(names);
                }
                return match enum_like(self, class, &found) {
                    true => Repr::Enum,
                    false => Repr::Structural,
                };
            }
            match (base.module.as_str(), base.qualname.as_str()) {
                ("enum", "Enum" | "Flag" | "IntEnum" | "StrEnum" | "IntFlag" | "ReprEnum") => {
                    return Repr::Enum;
                }
                ("collections", "Counter") => return Repr::Counter,
                ("types", "SimpleNamespace") => return Repr::Namespace,
                ("pathlib" | "pathlib._local", "PosixPath" | "PurePosixPath") => return Repr::Path,
                ("abc", "ABC") | ("typing", "Generic" | "Protocol") => {}
                ("builtins", "object") => return Repr::Structural,
                ("builtins", "BaseExceptionGroup" | "ExceptionGroup") => return Repr::Exception,
                ("builtins", "float" | "complex") => return Repr::Float,
                ("builtins", name) => {
                    if state.kind == Kind::Exception {
                        return Repr::Exception;
                    }
                    if field(state, "<viewed>").is_some() {
                        return Repr::Library("builtins".into(), name.into());
                    }
                    return kind_of(name).map_or(Repr::Structural, Repr::Payload);
                }
                ("collections", "OrderedDict") => return Repr::Payload(Kind::OrderedDict),
                ("collections", "defaultdict") => return Repr::Payload(Kind::DefaultDict),
                ("collections", "deque") => return Repr::Payload(Kind::Deque),
                ("uuid", "SafeUUID") | ("http", "HTTPStatus") | ("signal", "Signals") => {
                    return Repr::Enum;
                }
                // Standard library exceptions rarely have a `__repr__` of their own.
                _ if state.kind == Kind::Exception => {}
                (module, qualname) => return Repr::Library(module.into(), qualname.into()),
            }
        }
        if state.kind == Kind::Exception && !facts.is_open() {
            return Repr::Exception;
        }
        Repr::Structural
    }

    fn named_tuple_fields(&self, class: &ObjectState) -> Option<Vec<String>> {
        let names = elements(entry(class.attrs.as_ref(), "_fields"), self.objects)?;
        names.iter().map(|name| text(name, self.objects)).collect()
    }

    /// `co_filename` of a function.
    fn code_file(&self, function: &OwnedValue) -> Option<String> {
        let OwnedValue::Ref(id) = function else { return None };
        let state = known(self.objects.object(*id).ok()?).ok()?;
        let OwnedValue::Ref(code) = field(&state, "__code__")? else { return None };
        text_field(&*known(self.objects.object(*code).ok()?).ok()?, "co_filename", self.objects)
    }

    fn exception(&mut self, id: u64, state: &ObjectState, class: &Class) {
        let name = class.name().to_owned();
        let Some(args) = self.args(state) else {
            self.exact = false;
            let _ = write!(self.out, "{name}(");
            self.unknown("no arguments in the trace");
            self.out.push(')');
            return;
        };
        self.enter(id, &format!("{name}(...)"), args.len() as u64, |writer| {
            let _ = write!(writer.out, "{name}(");
            for (at, arg) in args.iter().enumerate() {
                if at > 0 {
                    writer.out.push_str(", ");
                }
                writer.owned(arg);
            }
            writer.out.push(')');
        });
    }

    fn dataclass(&mut self, id: u64, state: &ObjectState, class: &Class, fields: &[String]) {
        let name = class.qualname().to_owned();
        let values: Vec<Option<OwnedValue>> = fields
            .iter()
            .map(|name| {
                entry(state.attrs.as_ref(), name).or_else(|| field(state, name)).cloned().or_else(
                    || match class.lookup(name, self.objects) {
                        Ok(Lookup::Found(_, value)) => Some(value),
                        _ => None,
                    },
                )
            })
            .collect();
        if values.iter().any(Option::is_none) {
            // Not every field has a value yet (or a property stands for it).
            return self.structural(id, state, class);
        }
        self.enter(id, "...", fields.len() as u64, |writer| {
            let _ = write!(writer.out, "{name}(");
            for (at, (name, value)) in fields.iter().zip(values).enumerate() {
                let join = if at > 0 { ", " } else { "" };
                let _ = write!(writer.out, "{join}{name}=");
                writer.owned(&value.unwrap_or(OwnedValue::Unbound));
            }
            writer.out.push(')');
        });
    }

    fn named_tuple(&mut self, id: u64, class: &Class, names: &[String]) {
        let values = match self.objects.slice(id, 0..names.len() as u64) {
            Ok(slice) => slice.values,
            Err(reason) => return self.unknown(&reason.0),
        };
        let name = class.name().to_owned();
        self.enter(id, &format!("{name}(...)"), names.len() as u64, |writer| {
            let _ = write!(writer.out, "{name}(");
            for (at, (name, value)) in names.iter().zip(&values).enumerate() {
                let join = if at > 0 { ", " } else { "" };
                let _ = write!(writer.out, "{join}{name}=");
                writer.owned(value);
            }
            writer.out.push(')');
        });
    }

    fn enum_member(&mut self, id: u64, state: &ObjectState, class: &Class) {
        let value = entry(state.attrs.as_ref(), "_value_").cloned();
        let Some(value) = value else { return self.structural(id, state, class) };
        let name = entry(state.attrs.as_ref(), "_name_").and_then(|name| text(name, self.objects));
        let class_name = class.name().to_owned();
        match name {
            Some(name) => {
                let _ = write!(self.out, "<{class_name}.{name}: ");
            }
            None => {
                let _ = write!(self.out, "<{class_name}: ");
            }
        }
        self.enter(id, "...", 1, |writer| writer.owned(&value));
        self.out.push('>');
    }

    fn counter(&mut self, id: u64, state: &ObjectState, class: &Class) {
        let name = class.name().to_owned();
        let mut items = state.map.clone().unwrap_or_default();
        if items.is_empty() {
            let _ = write!(self.out, "{name}()");
            return;
        }
        // `most_common`: by count, greatest first, equal ones in order.
        let counts: Option<Vec<i64>> =
            items.iter().map(|(_, count)| Val::from(count).as_i64()).collect();
        if let Some(counts) = counts {
            let mut order: Vec<usize> = (0..items.len()).collect();
            order.sort_by_key(|at| std::cmp::Reverse(counts[*at]));
            items = order.into_iter().map(|at| items[at].clone()).collect();
        } else {
            self.exact = false;
        }
        self.enter(id, "...", items.len() as u64, |writer| {
            let _ = write!(writer.out, "{name}(");
            writer.items(&items);
            writer.out.push(')');
        });
    }

    /// `<module.Class contents name=value ...>`: Moviola's own form.
    fn structural(&mut self, id: u64, state: &ObjectState, class: &Class) {
        self.exact = false;
        let name = class.full_name();
        if state.kind == Kind::Opaque && name != "object" && state.fields.is_none() {
            let reason = moviola_format::event::Reason::Opaque.text();
            let _ = write!(self.out, "<{name}, contents not recorded: {reason}>");
            return;
        }
        let cycle = format!("<{name} ...>");
        let base = match class {
            Class::Recorded(facts) => facts.base,
            Class::Builtin(_) => None,
        };
        let attrs = state.attrs.clone().unwrap_or_default();
        let fields: Items = state
            .fields
            .iter()
            .flatten()
            .filter(|(key, _)| state.kind != Kind::Exception || !is_hidden_field(key))
            .cloned()
            .collect();
        let count = (attrs.len() + fields.len()) as u64;
        self.enter(id, &cycle, count, |writer| {
            let _ = write!(writer.out, "<{name}");
            if state.kind == Kind::Exception {
                for arg in writer.args(state).unwrap_or_default() {
                    writer.out.push(' ');
                    writer.owned(&arg);
                }
            }
            if let Some(code) = base {
                writer.out.push(' ');
                writer.base_contents(id, state, code);
            }
            writer.attributes(&fields, " ", " ");
            writer.attributes(&attrs, " ", " ");
            writer.out.push('>');
        });
    }

    fn base_contents(&mut self, id: u64, state: &ObjectState, code: i64) {
        let kind = u8::try_from(code).ok().and_then(Kind::from_code);
        match (kind, &state.scalar) {
            (Some(Kind::List), _) => {
                self.recorded(id, "[", "]");
            }
            (Some(Kind::Tuple), _) => {
                self.recorded(id, "(", ")");
            }
            (Some(Kind::Set | Kind::FrozenSet), _) => {
                self.recorded(id, "{", "}");
            }
            (Some(Kind::Deque), _) => {
                self.recorded(id, "deque([", "])");
            }
            (Some(Kind::Dict | Kind::OrderedDict | Kind::DefaultDict), _) => {
                self.items(&state.map.clone().unwrap_or_default());
            }
            (Some(kind), _) => match crate::eval::scalar_payload(state, kind) {
                Some(value) => self.value(&value),
                None => self.unknown("no contents in the trace"),
            },
            (None, Some(value)) => self.owned(value),
            (None, None) => self.unknown("no contents in the trace"),
        }
    }
}

enum Repr {
    Exception,
    Dataclass(Vec<String>),
    NamedTuple(Vec<String>),
    Enum,
    Counter,
    Path,
    Namespace,
    Payload(Kind),
    Float,
    /// As a class of the standard library, module and name, writes it.
    Library(String, String),
    Structural,
}

fn kind_of(name: &str) -> Option<Kind> {
    Some(match name {
        "list" => Kind::List,
        "tuple" => Kind::Tuple,
        "dict" => Kind::Dict,
        "set" => Kind::Set,
        "frozenset" => Kind::FrozenSet,
        "str" => Kind::Str,
        "bytes" => Kind::Bytes,
        "bytearray" => Kind::ByteArray,
        "int" => Kind::Int,
        _ => return None,
    })
}

fn is_hidden_field(key: &OwnedValue) -> bool {
    matches!(key, OwnedValue::Str(key) if matches!(&**key,
        b"args" | b"__cause__" | b"__context__" | b"__suppress_context__" | b"__traceback__"))
}

/// The fields that a dataclass's generated `__repr__` shows, in order.
fn dataclass_fields(writer: &Writer<'_>, class: &ObjectState) -> Option<Vec<String>> {
    let OwnedValue::Ref(fields) = entry(class.attrs.as_ref(), "__dataclass_fields__")? else {
        return None;
    };
    let fields = known(writer.objects.object(*fields).ok()?).ok()?;
    let mut names = Vec::new();
    for (name, value) in writer.dict_items(&fields) {
        let name = text(&name, writer.objects)?;
        let OwnedValue::Ref(id) = value else { return None };
        let described = known(writer.objects.object(id).ok()?).ok()?;
        match field(&described, "repr") {
            Some(OwnedValue::Bool(false)) => continue,
            Some(OwnedValue::Bool(true)) => {}
            _ => return None,
        }
        // ClassVar and InitVar pseudo-fields are not shown.
        if let Some(OwnedValue::Ref(kind)) = field(&described, "_field_type")
            && let Ok(kind) = writer.objects.object(*kind).and_then(known)
            && let Some(kind) = entry(kind.attrs.as_ref(), "name")
                .or_else(|| field(&kind, "name"))
                .and_then(|name| text(name, writer.objects))
            && kind != "_FIELD"
        {
            continue;
        }
        names.push(name);
    }
    Some(names)
}

/// Whether a function was made by `dataclasses`.
pub(super) fn is_generated(writer: &Writer<'_>, function: &OwnedValue) -> bool {
    let OwnedValue::Ref(id) = function else { return false };
    let Ok(state) = writer.objects.object(*id).and_then(known) else { return false };
    if let Some(OwnedValue::Ref(wrapped)) = entry(state.attrs.as_ref(), "__wrapped__")
        && let Ok(wrapped) = writer.objects.object(*wrapped).and_then(known)
        && let Some(name) = text_field(&wrapped, "__qualname__", writer.objects)
    {
        return name.contains("__create_fn__");
    }
    text_field(&state, "__qualname__", writer.objects)
        .is_some_and(|name| name.contains("__create_fn__"))
        || writer.code_file(function).is_some_and(|file| {
            file == "<string>" || file.ends_with("/dataclasses.py") || file.ends_with("/reprlib.py")
        })
}

/// An enum class that holds the `__repr__` of `enum` in its own namespace.
fn enum_like(writer: &Writer<'_>, class: &Class, found: &OwnedValue) -> bool {
    class.derives_named("enum", "Enum", writer.objects)
        && writer.code_file(found).is_some_and(|file| file.ends_with("/enum.py"))
}
