//! Methods of built-in types that only read. Methods that change their object are refused.

use super::call::Args;
use super::error::{R, python, unsupported, value_error};
use super::run::Eval;
use super::val::Val;
use crate::show::class::Class;
use moviola_format::event::Kind;
use std::sync::Arc;

const STR: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
const BYTES: &[&str] = &[
    "capitalize",
    "center",
    "count",
    "decode",
    "endswith",
    "expandtabs",
    "find",
    "fromhex",
    "hex",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdigit",
    "islower",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
const LIST: &[&str] = &[
    "append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse",
    "sort",
];
const DICT: &[&str] = &[
    "clear",
    "copy",
    "fromkeys",
    "get",
    "items",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
];
const SET: &[&str] = &[
    "add",
    "clear",
    "copy",
    "difference",
    "difference_update",
    "discard",
    "intersection",
    "intersection_update",
    "isdisjoint",
    "issubset",
    "issuperset",
    "pop",
    "remove",
    "symmetric_difference",
    "symmetric_difference_update",
    "union",
    "update",
];
const DEQUE: &[&str] = &[
    "append",
    "appendleft",
    "clear",
    "copy",
    "count",
    "extend",
    "extendleft",
    "index",
    "insert",
    "pop",
    "popleft",
    "remove",
    "reverse",
    "rotate",
];
const TUPLE: &[&str] = &["count", "index"];
const INT: &[&str] = &[
    "as_integer_ratio",
    "bit_count",
    "bit_length",
    "conjugate",
    "from_bytes",
    "is_integer",
    "to_bytes",
];
const FLOAT: &[&str] = &["as_integer_ratio", "conjugate", "fromhex", "hex", "is_integer"];

/// Methods that would change their object.
const CHANGING: &[&str] = &[
    "add",
    "append",
    "appendleft",
    "clear",
    "difference_update",
    "discard",
    "extend",
    "extendleft",
    "insert",
    "intersection_update",
    "move_to_end",
    "pop",
    "popitem",
    "popleft",
    "remove",
    "reverse",
    "rotate",
    "setdefault",
    "sort",
    "symmetric_difference_update",
    "update",
];

fn methods(base: &str) -> &'static [&'static str] {
    match base {
        "str" => STR,
        "bytes" | "bytearray" => BYTES,
        "list" => LIST,
        "tuple" | "range" => TUPLE,
        "dict" | "OrderedDict" | "defaultdict" | "mappingproxy" => DICT,
        "set" | "frozenset" => SET,
        "deque" => DEQUE,
        "int" => INT,
        "float" => FLOAT,
        _ => &[],
    }
}

/// Whether a built-in type has the method.
pub(super) fn known(base: &str, name: &str) -> bool {
    methods(base).contains(&name)
        || (base == "OrderedDict" && name == "move_to_end")
        || (base == "bytearray" && matches!(name, "append" | "extend" | "pop" | "clear"))
}

/// Whether a built-in type may have the method, known or not.
pub(super) fn exists(base: &str, name: &str) -> bool {
    known(base, name)
}

impl Eval<'_> {
    /// The built-in type that a value is or derives from, if it is one with methods.
    pub(super) fn base_type(&self, value: &Val) -> R<Option<&'static str>> {
        let kind_name = |kind| match kind {
            Kind::List => "list",
            Kind::Tuple => "tuple",
            Kind::Set => "set",
            Kind::FrozenSet => "frozenset",
            Kind::Deque => "deque",
            Kind::Dict => "dict",
            Kind::OrderedDict => "OrderedDict",
            Kind::DefaultDict => "defaultdict",
            Kind::MappingProxy => "mappingproxy",
            Kind::Str => "str",
            Kind::Bytes => "bytes",
            Kind::ByteArray => "bytearray",
            Kind::Int => "int",
            Kind::Range => "range",
            _ => "",
        };
        if let Some(kind) = self.container(value)? {
            return Ok(Some(kind_name(kind)));
        }
        Ok(Some(match value {
            Val::Str(_) => "str",
            Val::Bytes(_) => "bytes",
            Val::ByteArray(_) => "bytearray",
            Val::Bool(_) | Val::Int(_) | Val::Big(_) => "int",
            Val::Float(_) => "float",
            Val::Range(_) => "range",
            Val::Ref(id) => {
                let (kind, class) = self.objects.object_head(*id)?;
                let name = match (kind, Class::of(value, self.objects)?) {
                    (Kind::Instance, Class::Recorded(facts)) if class != 0 => match facts.base {
                        Some(100) => "float",
                        Some(code) => {
                            u8::try_from(code).ok().and_then(Kind::from_code).map_or("", kind_name)
                        }
                        None => "",
                    },
                    (kind, _) if class == 0 => kind_name(kind),
                    _ => "",
                };
                return Ok((!name.is_empty()).then_some(name));
            }
            _ => return Ok(None),
        }))
    }

    /// Calls a method of a built-in type.
    pub(super) fn call_method(
        &self,
        value: &Val,
        name: &str,
        list: Vec<Val>,
        keywords: Vec<(Arc<str>, Val)>,
    ) -> R<Val> {
        if CHANGING.contains(&name) {
            return unsupported(format!("{name}() would change the recorded run"));
        }
        let base = self.base_type(value)?.unwrap_or("object");
        let Some(name) = methods(base).iter().find(|known| **known == name) else {
            return unsupported(format!("the method {name} of {base}"));
        };
        let args = Args { name, list, keywords };
        let plain = self.scalar(value, "__class__").unwrap_or_else(|_| value.clone());
        match (&plain, base) {
            (Val::Str(text), _) => self.text_method(text, args),
            (Val::Bytes(bytes) | Val::ByteArray(bytes), _) => self.bytes_method(bytes, &args),
            (_, "dict" | "OrderedDict" | "defaultdict" | "mappingproxy") => {
                self.dict_method(value, &args)
            }
            (_, "list" | "tuple" | "deque" | "range") => self.sequence_method(value, base, &args),
            (_, "set" | "frozenset") => self.set_method(value, base, &args),
            (Val::Float(float), _) if *name == "is_integer" => {
                args.count(0, 0)?;
                Ok(Val::Bool(float.is_finite() && float.fract() == 0.0))
            }
            (int, "int") if int.is_int() => {
                args.count(0, 0)?;
                let int = int.as_int().unwrap_or_default();
                Ok(match *name {
                    "bit_length" => Val::int(int.bits().into()),
                    "bit_count" => Val::int(int.magnitude().count_ones().into()),
                    "conjugate" => Val::int(int),
                    _ => return unsupported(format!("the method {name} of int")),
                })
            }
            _ => unsupported(format!("the method {name} of {base}")),
        }
    }

    fn dict_method(&self, value: &Val, args: &Args) -> R<Val> {
        let name = args.name;
        args.no_keywords()?;
        let pairs = || self.mapping(value).map(Option::unwrap_or_default);
        Ok(match name {
            "get" => {
                args.count(1, 2)?;
                match self.find_item(value, &args.list[0])? {
                    Some(found) => self.got(found)?,
                    None => args.get(1).cloned().unwrap_or(Val::None),
                }
            }
            "keys" | "values" | "items" => {
                args.count(0, 0)?;
                let ordered = self.base_type(value)? == Some("OrderedDict");
                let items = pairs()?.into_iter().map(|(key, value)| match name {
                    "keys" => key,
                    "values" => value,
                    _ => Val::tuple(vec![key, value]),
                });
                let type_name = match (name, ordered) {
                    ("keys", false) => "dict_keys",
                    ("values", false) => "dict_values",
                    ("items", false) => "dict_items",
                    ("keys", true) => "odict_keys",
                    ("values", true) => "odict_values",
                    _ => "odict_items",
                };
                Val::View(type_name, Arc::new(items.collect()))
            }
            "copy" if self.base_type(value)? == Some("dict") => {
                args.count(0, 0)?;
                Val::Dict(Arc::new(pairs()?))
            }
            _ => return unsupported(format!("the method {name} of dict")),
        })
    }

    fn sequence_method(&self, value: &Val, base: &str, args: &Args) -> R<Val> {
        let name = args.name;
        args.no_keywords()?;
        Ok(match name {
            "count" => {
                args.count(1, 1)?;
                let mut count = 0;
                for item in self.elements(value)? {
                    if self.alike(&item, &args.list[0], 0)? {
                        count += 1;
                    }
                }
                Val::count(count)
            }
            "index" => {
                args.count(1, 3)?;
                let items = self.elements(value)?;
                let (start, end) = self.span(args, 1, items.len())?;
                for (at, item) in items.iter().enumerate().take(end).skip(start) {
                    if self.alike(item, &args.list[0], 0)? {
                        return Ok(Val::count(at));
                    }
                }
                return match base {
                    "tuple" => value_error("tuple.index(x): x not in tuple"),
                    "list" | "range" => {
                        let shown = self.key_text(&args.list[0])?;
                        value_error(format!("{shown} is not in {base}"))
                    }
                    _ => {
                        let shown = self.key_text(&args.list[0])?;
                        value_error(format!("{shown} is not in deque"))
                    }
                };
            }
            "copy" if base == "list" => {
                args.count(0, 0)?;
                Val::list(self.elements(value)?)
            }
            _ => return unsupported(format!("the method {name} of {base}")),
        })
    }

    fn set_method(&self, value: &Val, base: &str, args: &Args) -> R<Val> {
        use super::ast::Op;
        let name = args.name;
        args.no_keywords()?;
        let as_set = |value: &Val| -> R<Val> { self.make_set(self.iterate(value)?) };
        let wrap = |items: Val| match items {
            Val::Set(items) if base == "frozenset" => Val::FrozenSet(items),
            other => other,
        };
        Ok(match name {
            "copy" => {
                args.count(0, 0)?;
                wrap(as_set(value)?)
            }
            "union" | "intersection" | "difference" | "symmetric_difference" => {
                let op = match name {
                    "union" => Op::BitOr,
                    "intersection" => Op::BitAnd,
                    "difference" => Op::Sub,
                    _ => Op::BitXor,
                };
                if name == "symmetric_difference" {
                    args.count(1, 1)?;
                }
                let mut out = as_set(value)?;
                for other in &args.list {
                    out = self.binary(op, &out, &as_set(other)?)?;
                }
                wrap(out)
            }
            "issubset" | "issuperset" | "isdisjoint" => {
                args.count(1, 1)?;
                let (one, two) = (self.elements(value)?, self.iterate(&args.list[0])?);
                Val::Bool(match name {
                    "issubset" => self.subset(&one, &two)?,
                    "issuperset" => self.subset(&two, &one)?,
                    _ => {
                        let both =
                            self.binary(Op::BitAnd, &as_set(value)?, &as_set(&args.list[0])?)?;
                        self.length(&both)? == 0
                    }
                })
            }
            _ => {
                return python(
                    "AttributeError",
                    format!("'{base}' object has no attribute '{name}'"),
                );
            }
        })
    }
}

/// Methods of a built-in type that only read, for completion.
pub(super) fn reading(base: &str) -> impl Iterator<Item = &'static str> {
    methods(base).iter().copied().filter(|name| !CHANGING.contains(name))
}
