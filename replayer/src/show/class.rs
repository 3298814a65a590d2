//! Classes of values: names, MRO, what their namespaces define. Never calls anything.

use super::{Objects, Unavailable, known};
use crate::eval::Val;
use moviola_format::event::Kind;
use moviola_format::read::{Items, ObjectState, OwnedValue};
use std::sync::Arc;

/// The text of a str, inline or an object.
#[must_use]
pub fn wtf8(value: &OwnedValue, objects: &dyn Objects) -> Option<Arc<[u8]>> {
    match value {
        OwnedValue::Str(bytes) => Some(Arc::clone(bytes)),
        OwnedValue::Ref(id) => {
            let state = known(objects.object(*id).ok()?).ok()?;
            let exact = state.kind == Kind::Str && state.class == 0;
            state.blob.as_deref().filter(|_| exact).map(Arc::from)
        }
        _ => None,
    }
}

/// The text of a str for display.
#[must_use]
pub fn text(value: &OwnedValue, objects: &dyn Objects) -> Option<String> {
    wtf8(value, objects).map(|bytes| match std::str::from_utf8(&bytes) {
        Ok(text) => text.to_owned(),
        // Lone surrogates are told apart.
        Err(_) => {
            let mut text = String::new();
            for point in super::text::points(&bytes) {
                match char::from_u32(point) {
                    Some(c) => text.push(c),
                    None => super::text::escape_point(&mut text, point),
                }
            }
            text
        }
    })
}

/// An entry of a namespace; `None` if absent or unset.
#[must_use]
pub fn entry<'i>(items: Option<&'i Items>, name: &str) -> Option<&'i OwnedValue> {
    items?
        .iter()
        .find(|(key, _)| matches!(key, OwnedValue::Str(key) if **key == *name.as_bytes()))
        .map(|(_, value)| value)
        .filter(|value| **value != OwnedValue::Unbound)
}

/// A named C-level field or slot.
#[must_use]
pub fn field<'i>(state: &'i ObjectState, name: &str) -> Option<&'i OwnedValue> {
    entry(state.fields.as_ref(), name)
}

/// A str field for display.
#[must_use]
pub fn text_field(state: &ObjectState, name: &str, objects: &dyn Objects) -> Option<String> {
    text(field(state, name)?, objects)
}

/// The elements of the tuple (or list) that a value refers to.
#[must_use]
pub fn elements(value: Option<&OwnedValue>, objects: &dyn Objects) -> Option<Vec<OwnedValue>> {
    let OwnedValue::Ref(id) = value? else { return None };
    known(objects.object(*id).ok()?).ok()?.seq.clone()
}

/// A class: built-in by name, or recorded.
#[derive(Debug, Clone)]
pub enum Class {
    /// A built-in type that the trace need not hold, `module.name` if not in builtins.
    Builtin(&'static str),
    /// A class object.
    Recorded(Arc<Facts>),
}

/// A recorded class.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Its object id.
    pub id: u64,
    /// `__module__`.
    pub module: String,
    /// `__qualname__`.
    pub qualname: String,
    /// `__name__`.
    pub name: String,
    /// Object ids of the MRO, itself first.
    pub mro: Vec<u64>,
    /// Kind code of the nearest built-in base with contents.
    pub base: Option<i64>,
    /// Object id of the metaclass, 0 for `type`.
    pub meta: u64,
    /// The class object; its attributes are there only for the program's own classes.
    pub state: Arc<ObjectState>,
    /// Whether the program has put something into this class of Python's own, or one that it
    /// derives from: what is known of it in general does not hold then.
    pub is_changed: bool,
}

/// Whether the program has put something into a class of Python's own, or one that it derives from.
fn is_changed(mro: &[u64], objects: &dyn Objects) -> Result<bool, Unavailable> {
    let Some(changed) = objects.changed_names() else { return Ok(false) };
    let state = objects.object(changed)?;
    // `module:Class.name`; the names of modules have no dot behind the colon.
    let owner = |(key, _): &(OwnedValue, OwnedValue)| {
        let OwnedValue::Str(key) = key else { return None };
        let key = std::str::from_utf8(key).ok()?;
        let (module, path) = key.split_once(':')?;
        let (class, _) = path.rsplit_once('.')?;
        Some((module.to_owned(), class.to_owned()))
    };
    let owners: Vec<(String, String)> = state.map.iter().flatten().filter_map(owner).collect();
    if owners.is_empty() {
        return Ok(false);
    }
    for id in mro {
        let state = known(objects.object(*id)?)?;
        let name = |name| text_field(&state, name, objects).unwrap_or_default();
        let (module, class) = (name("__module__"), name("__qualname__"));
        if state.attrs.is_none() && owners.iter().any(|(m, c)| *m == module && *c == class) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Facts {
    /// Reads a class object.
    ///
    /// # Errors
    /// If it is not known.
    pub fn read(id: u64, objects: &dyn Objects) -> Result<Arc<Self>, Unavailable> {
        let state = known(objects.object(id)?)?;
        let qualname = text_field(&state, "__qualname__", objects);
        let name = text_field(&state, "__name__", objects);
        let either = name.clone().or_else(|| qualname.clone()).unwrap_or_else(|| "?".to_owned());
        let mut mro: Vec<u64> = elements(field(&state, "mro"), objects)
            .unwrap_or_default()
            .iter()
            .filter_map(|class| if let OwnedValue::Ref(id) = class { Some(*id) } else { None })
            .collect();
        if mro.first() != Some(&id) {
            mro.insert(0, id);
        }
        let module = text_field(&state, "__module__", objects).unwrap_or_else(|| "?".to_owned());
        let qualname = qualname.unwrap_or_else(|| either.clone());
        let is_changed = is_changed(&mro, objects)?;
        Ok(Arc::new(Self {
            id,
            module,
            qualname,
            is_changed,
            name: either,
            mro,
            base: match field(&state, "base_kind") {
                Some(OwnedValue::Int(code)) => Some(*code),
                _ => None,
            },
            meta: state.class,
            state,
        }))
    }

    /// Whether it is `module.qualname`.
    #[must_use]
    pub fn is(&self, module: &str, qualname: &str) -> bool {
        self.qualname == qualname && self.module == module
    }

    /// Whether its namespace was recorded.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state.attrs.is_some()
    }
}

/// What a class's MRO says of an attribute.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// A recorded class defines it.
    Found(Arc<Facts>, OwnedValue),
    /// A class recorded by name only comes first that may define it.
    Hidden(Arc<Facts>),
    /// None defines it, apart from built-in types.
    Absent,
}

impl Class {
    /// The class of a value; `None` for what is not recorded.
    ///
    /// # Errors
    /// If the trace cannot tell.
    pub fn of(value: &Val, objects: &dyn Objects) -> Result<Self, Unavailable> {
        Ok(Self::Builtin(match value {
            Val::Ref(id) => {
                let (kind, class) = objects.object_head(*id)?;
                if class != 0 {
                    return Ok(Self::Recorded(Facts::read(class, objects)?));
                }
                kind_type(kind)
            }
            Val::Unknown(reason) => return Err(Unavailable(reason.to_string())),
            Val::None => "NoneType",
            Val::Bool(_) => "bool",
            Val::Ellipsis => "ellipsis",
            Val::NotImplemented => "NotImplementedType",
            Val::Int(_) | Val::Big(_) => "int",
            Val::Float(_) => "float",
            Val::Complex(..) => "complex",
            Val::Str(_) => "str",
            Val::Bytes(_) => "bytes",
            Val::ByteArray(_) => "bytearray",
            Val::List(_) => "list",
            Val::Tuple(_) => "tuple",
            Val::Set(_) => "set",
            Val::FrozenSet(_) => "frozenset",
            Val::Dict(_) => "dict",
            Val::View(name, _) | Val::Iter(name, _) => name,
            Val::Slice(_) => "slice",
            Val::Range(_) => "range",
            Val::Type(_) => "type",
            Val::Function(_) | Val::Method(_) => "builtin_function_or_method",
            Val::Bound(_) => "method",
        }))
    }

    /// The class that a value is, if it is one.
    ///
    /// # Errors
    /// If the trace cannot tell.
    pub fn from_val(value: &Val, objects: &dyn Objects) -> Result<Option<Self>, Unavailable> {
        Ok(match value {
            Val::Type(name) => Some(Self::Builtin(name)),
            Val::Ref(id) if objects.object_head(*id)?.0 == Kind::Class => {
                Some(Self::Recorded(Facts::read(*id, objects)?))
            }
            _ => None,
        })
    }

    /// The class as a value.
    #[must_use]
    pub fn value(&self) -> Val {
        match self {
            Self::Builtin(name) => Val::Type(name),
            Self::Recorded(facts) => Val::Ref(facts.id),
        }
    }

    /// `__name__`, as in error messages (these use `tp_name`, which has the module for some
    /// built-in types).
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Builtin(name) => tp_name(name),
            Self::Recorded(facts) if dotted(facts) => tp_name_of(facts),
            Self::Recorded(facts) => &facts.name,
        }
    }

    /// `__qualname__`.
    #[must_use]
    pub fn qualname(&self) -> &str {
        match self {
            Self::Builtin(name) => short_name(name),
            Self::Recorded(facts) => &facts.qualname,
        }
    }

    /// `__module__`.
    #[must_use]
    pub fn module(&self) -> &str {
        match self {
            Self::Builtin(name) => name.rsplit_once('.').map_or("builtins", |(module, _)| module),
            Self::Recorded(facts) => &facts.module,
        }
    }

    /// `repr()` of the class as its metaclass gives it, and whether that is sure: a `__repr__` of
    /// the program's own is not run.
    #[must_use]
    pub fn shown(&self, objects: &dyn Objects) -> (String, bool) {
        let plain = || format!("<class '{}'>", self.full_name());
        let Self::Recorded(facts) = self else { return (plain(), true) };
        if facts.meta == 0 {
            return (plain(), true);
        }
        let Ok(meta) = Facts::read(facts.meta, objects) else { return (plain(), true) };
        let meta = Self::Recorded(meta);
        if matches!(meta.lookup("__repr__", objects), Ok(Lookup::Found(..))) {
            return (plain(), false);
        }
        let is_enum = ["EnumType", "EnumMeta"];
        if is_enum.iter().any(|name| meta.derives_named("enum", name, objects)) {
            let flag = self.derives_named("enum", "Flag", objects);
            return (format!("<{} '{}'>", if flag { "flag" } else { "enum" }, facts.name), true);
        }
        (plain(), true)
    }

    /// `module.qualname`, the module left out for built-ins.
    #[must_use]
    pub fn full_name(&self) -> String {
        let module = self.module();
        if module == "builtins" {
            self.qualname().to_owned()
        } else {
            format!("{module}.{}", self.qualname())
        }
    }

    /// Whether it is `module.qualname`.
    #[must_use]
    pub fn is(&self, module: &str, qualname: &str) -> bool {
        self.module() == module && self.qualname() == qualname
    }

    /// Whether two are the same class: a built-in type may also be recorded.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Recorded(a), Self::Recorded(b)) => a.id == b.id,
            (Self::Builtin(a), Self::Builtin(b)) => a == b,
            (Self::Builtin(name), Self::Recorded(facts))
            | (Self::Recorded(facts), Self::Builtin(name)) => {
                let (module, short) = name.rsplit_once('.').unwrap_or(("builtins", name));
                !facts.is_open() && facts.is(module, short)
            }
        }
    }

    /// The MRO, itself first, `object` possibly left out.
    ///
    /// # Errors
    /// If the trace cannot tell.
    pub fn mro(&self, objects: &dyn Objects) -> Result<Vec<Self>, Unavailable> {
        match self {
            Self::Builtin(name) => {
                let mut out = vec![Self::Builtin(name)];
                let mut at = *name;
                while let Some(base) = builtin_base(at) {
                    out.push(Self::Builtin(base));
                    at = base;
                }
                Ok(out)
            }
            Self::Recorded(facts) => {
                let mut out = vec![self.clone()];
                for id in facts.mro.iter().skip(1) {
                    out.push(Self::Recorded(Facts::read(*id, objects)?));
                }
                // A built-in exception may be recorded without its bases.
                if let Some(Self::Recorded(last)) = out.last()
                    && out.len() == 1
                    && !last.is_open()
                    && last.module == "builtins"
                {
                    let mut at = builtin_name(&last.qualname);
                    while let Some(base) = at.and_then(builtin_base) {
                        out.push(Self::Builtin(base));
                        at = Some(base);
                    }
                }
                Ok(out)
            }
        }
    }

    /// Whether this is `other` or has it in its MRO.
    ///
    /// # Errors
    /// If the trace cannot tell.
    pub fn derives(&self, other: &Self, objects: &dyn Objects) -> Result<bool, Unavailable> {
        if other.is("builtins", "object") {
            return Ok(true);
        }
        Ok(self.mro(objects)?.iter().any(|class| class.same(other)))
    }

    /// Whether a class of the MRO is `module.qualname`.
    #[must_use]
    pub fn derives_named(&self, module: &str, qualname: &str, objects: &dyn Objects) -> bool {
        self.mro(objects).is_ok_and(|mro| mro.iter().any(|class| class.is(module, qualname)))
    }

    /// Looks an attribute up in the namespaces of the MRO.
    ///
    /// # Errors
    /// If the trace cannot tell.
    pub fn lookup(&self, name: &str, objects: &dyn Objects) -> Result<Lookup, Unavailable> {
        let Self::Recorded(first) = self else { return Ok(Lookup::Absent) };
        for id in &first.mro {
            let facts =
                if *id == first.id { Arc::clone(first) } else { Facts::read(*id, objects)? };
            if facts.is_open() {
                if let Some(value) = entry(facts.state.attrs.as_ref(), name) {
                    let value = value.clone();
                    return Ok(Lookup::Found(facts, value));
                }
            } else if !is_harmless(&facts, name) {
                return Ok(Lookup::Hidden(facts));
            }
        }
        Ok(Lookup::Absent)
    }
}

/// Whether a class that is recorded by name only is known not to define `name` in a way that
/// changes what its built-in base does.
fn is_harmless(facts: &Facts, name: &str) -> bool {
    if facts.is_changed {
        return false;
    }
    match facts.module.as_str() {
        "builtins" => true,
        "abc" | "typing" => matches!(
            facts.qualname.as_str(),
            "ABC" | "Generic" | "Protocol" | "SupportsInt" | "SupportsIndex" | "SupportsFloat"
        ),
        "collections" => {
            matches!(facts.qualname.as_str(), "OrderedDict" | "defaultdict" | "deque")
                || (facts.qualname == "Counter"
                    && !matches!(
                        name,
                        "__missing__"
                            | "__le__"
                            | "__lt__"
                            | "__ge__"
                            | "__gt__"
                            | "__add__"
                            | "__sub__"
                            | "__or__"
                            | "__and__"
                            | "__pos__"
                            | "__neg__"
                            | "copy"
                            | "elements"
                            | "fromkeys"
                            | "most_common"
                            | "subtract"
                            | "total"
                            | "update"
                    ))
        }
        "enum" => match name {
            "name" | "value" | "__str__" | "__format__" | "__repr__" => false,
            "__or__" | "__and__" | "__xor__" | "__invert__" | "__contains__" | "__iter__"
            | "__len__" | "__bool__" => !facts.qualname.contains("Flag"),
            _ => true,
        },
        // Interfaces: no contents of their own; comparison and truth come from their methods.
        "collections.abc" | "_collections_abc" => {
            matches!(
                facts.qualname.as_str(),
                "Hashable" | "Callable" | "Sized" | "Container" | "Iterable"
            )
        }
        _ => false,
    }
}

fn short_name(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, short)| short)
}

fn dotted(facts: &Facts) -> bool {
    !facts.is_open()
        && facts.module == "collections"
        && matches!(facts.qualname.as_str(), "OrderedDict" | "defaultdict" | "deque")
}

fn tp_name_of(facts: &Facts) -> &'static str {
    match facts.qualname.as_str() {
        "OrderedDict" => "collections.OrderedDict",
        "deque" => "collections.deque",
        _ => "collections.defaultdict",
    }
}

const fn tp_name(name: &'static str) -> &'static str {
    name
}

/// The exact type of a kind, with its module where that is not `builtins`.
#[must_use]
pub const fn kind_type(kind: Kind) -> &'static str {
    match kind {
        Kind::List => "list",
        Kind::Tuple => "tuple",
        Kind::Dict => "dict",
        Kind::Set => "set",
        Kind::FrozenSet => "frozenset",
        Kind::ByteArray => "bytearray",
        Kind::Str => "str",
        Kind::Bytes => "bytes",
        Kind::Int => "int",
        Kind::Instance | Kind::Opaque => "object",
        Kind::Function => "function",
        Kind::Method => "method",
        Kind::Cell => "cell",
        Kind::Class => "type",
        Kind::Generator => "generator",
        Kind::Module => "module",
        Kind::Builtin => "builtin_function_or_method",
        Kind::Exception => "BaseException",
        Kind::WeakRef => "weakref.ReferenceType",
        Kind::Slice => "slice",
        Kind::Range => "range",
        Kind::Deque => "collections.deque",
        Kind::OrderedDict => "collections.OrderedDict",
        Kind::DefaultDict => "collections.defaultdict",
        Kind::MemoryView => "memoryview",
        Kind::Array => "array.array",
        Kind::Partial => "functools.partial",
        Kind::StaticMethod => "staticmethod",
        Kind::ClassMethod => "classmethod",
        Kind::Property => "property",
        Kind::MappingProxy => "mappingproxy",
        Kind::SimpleNamespace => "types.SimpleNamespace",
        Kind::DateTime => "datetime.datetime",
        Kind::Code => "code",
        Kind::Frame => "frame",
        Kind::Traceback => "traceback",
    }
}

/// Built-in types an expression can name, each with its base.
const TYPES: &[(&str, &str)] = &[
    ("object", ""),
    ("type", "object"),
    ("int", "object"),
    ("bool", "int"),
    ("float", "object"),
    ("complex", "object"),
    ("str", "object"),
    ("bytes", "object"),
    ("bytearray", "object"),
    ("list", "object"),
    ("tuple", "object"),
    ("dict", "object"),
    ("set", "object"),
    ("frozenset", "object"),
    ("range", "object"),
    ("slice", "object"),
    ("enumerate", "object"),
    ("zip", "object"),
    ("map", "object"),
    ("filter", "object"),
    ("reversed", "object"),
    ("memoryview", "object"),
    ("property", "object"),
    ("staticmethod", "object"),
    ("classmethod", "object"),
    ("super", "object"),
    ("NoneType", "object"),
    ("collections.OrderedDict", "dict"),
    ("collections.defaultdict", "dict"),
    ("BaseException", "object"),
    ("BaseExceptionGroup", "BaseException"),
    ("GeneratorExit", "BaseException"),
    ("KeyboardInterrupt", "BaseException"),
    ("SystemExit", "BaseException"),
    ("Exception", "BaseException"),
    ("ExceptionGroup", "Exception"),
    ("ArithmeticError", "Exception"),
    ("FloatingPointError", "ArithmeticError"),
    ("OverflowError", "ArithmeticError"),
    ("ZeroDivisionError", "ArithmeticError"),
    ("AssertionError", "Exception"),
    ("AttributeError", "Exception"),
    ("BufferError", "Exception"),
    ("EOFError", "Exception"),
    ("ImportError", "Exception"),
    ("ModuleNotFoundError", "ImportError"),
    ("LookupError", "Exception"),
    ("IndexError", "LookupError"),
    ("KeyError", "LookupError"),
    ("MemoryError", "Exception"),
    ("NameError", "Exception"),
    ("UnboundLocalError", "NameError"),
    ("OSError", "Exception"),
    ("BlockingIOError", "OSError"),
    ("ChildProcessError", "OSError"),
    ("ConnectionError", "OSError"),
    ("BrokenPipeError", "ConnectionError"),
    ("ConnectionAbortedError", "ConnectionError"),
    ("ConnectionRefusedError", "ConnectionError"),
    ("ConnectionResetError", "ConnectionError"),
    ("FileExistsError", "OSError"),
    ("FileNotFoundError", "OSError"),
    ("InterruptedError", "OSError"),
    ("IsADirectoryError", "OSError"),
    ("NotADirectoryError", "OSError"),
    ("PermissionError", "OSError"),
    ("ProcessLookupError", "OSError"),
    ("TimeoutError", "OSError"),
    ("ReferenceError", "Exception"),
    ("RuntimeError", "Exception"),
    ("NotImplementedError", "RuntimeError"),
    ("RecursionError", "RuntimeError"),
    ("StopAsyncIteration", "Exception"),
    ("StopIteration", "Exception"),
    ("SyntaxError", "Exception"),
    ("IndentationError", "SyntaxError"),
    ("TabError", "IndentationError"),
    ("SystemError", "Exception"),
    ("TypeError", "Exception"),
    ("ValueError", "Exception"),
    ("UnicodeError", "ValueError"),
    ("UnicodeDecodeError", "UnicodeError"),
    ("UnicodeEncodeError", "UnicodeError"),
    ("UnicodeTranslateError", "UnicodeError"),
    ("Warning", "Exception"),
    ("BytesWarning", "Warning"),
    ("DeprecationWarning", "Warning"),
    ("EncodingWarning", "Warning"),
    ("FutureWarning", "Warning"),
    ("ImportWarning", "Warning"),
    ("PendingDeprecationWarning", "Warning"),
    ("ResourceWarning", "Warning"),
    ("RuntimeWarning", "Warning"),
    ("SyntaxWarning", "Warning"),
    ("UnicodeWarning", "Warning"),
    ("UserWarning", "Warning"),
];

/// The built-in type of that name in `builtins`.
#[must_use]
pub fn builtin_name(name: &str) -> Option<&'static str> {
    let name = match name {
        "EnvironmentError" | "IOError" => "OSError",
        "NoneType" => return None,
        name => name,
    };
    TYPES.iter().map(|(known, _)| *known).find(|known| *known == name && !known.contains('.'))
}

/// Names of all built-in types, for completion.
pub fn builtin_type_names() -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|(name, _)| *name).filter(|name| !name.contains('.') && *name != "NoneType")
}

fn builtin_base(name: &str) -> Option<&'static str> {
    match TYPES.iter().find(|(known, _)| *known == name) {
        Some((_, "")) => None,
        Some((_, base)) => Some(base),
        None => Some("object"),
    }
}
