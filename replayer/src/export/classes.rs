//! What the rendering must know of classes, looked up once.

use super::scope::Scope;
use crate::heap::{Heap, Object};
use moviola_format::event::Kind;
use moviola_format::read::OwnedValue;
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// A class as the rendering sees it.
#[derive(Debug, Default)]
pub struct ClassFacts {
    /// `module.qualname`.
    pub name: Vec<u8>,
    /// Its `__module__`, if that is a str.
    pub module: Option<String>,
    /// Defined in a module under the root.
    pub user: bool,
    /// A class of its MRO is.
    pub user_in_mro: bool,
    /// Kind code of the nearest built-in base with contents.
    pub base: Option<i64>,
    /// The object ids of its MRO.
    pub mro: Vec<u64>,
}

/// Facts by class id, dropped when the class object changes.
#[derive(Debug, Default)]
pub struct Classes {
    known: FxHashMap<u64, (u64, Rc<ClassFacts>)>,
}

/// `Py_TPFLAGS_HEAPTYPE`.
const HEAP_TYPE: i64 = 1 << 9;

impl Classes {
    /// The facts about a class object.
    pub fn facts(&mut self, heap: &Heap, scope: &Scope, id: u64) -> Rc<ClassFacts> {
        let changed = heap.get(id).map_or(u64::MAX, |object| object.changed);
        if let Some((at, facts)) = self.known.get(&id)
            && *at == changed
        {
            return Rc::clone(facts);
        }
        let mut facts = heap.get(id).map_or_else(
            || ClassFacts { name: b"?.?".to_vec(), ..ClassFacts::default() },
            |class| plain_facts(heap, scope, class),
        );
        facts.user_in_mro = facts.user
            || facts.mro.iter().any(|base| {
                heap.get(*base).is_some_and(|class| plain_facts(heap, scope, class).user)
            });
        let facts = Rc::new(facts);
        self.known.insert(id, (changed, Rc::clone(&facts)));
        facts
    }
}

fn plain_facts(heap: &Heap, scope: &Scope, class: &Object) -> ClassFacts {
    let module = class.field("__module__").and_then(|value| text(heap, value));
    let qualname = class
        .field("__qualname__")
        .or_else(|| class.field("__name__"))
        .and_then(|value| wtf8(heap, value))
        .unwrap_or(b"?");
    let heap_type =
        matches!(class.field("flags"), Some(OwnedValue::Int(flags)) if flags & HEAP_TYPE != 0);
    let file = class.field("file").and_then(|value| text(heap, value));
    let user_module = match module.as_deref() {
        Some("__main__" | "__mp_main__") => true,
        Some(_) => file.is_some_and(|file| scope.holds(&file)),
        None => false,
    };
    ClassFacts {
        name: [module.as_deref().unwrap_or("?").as_bytes(), b".", qualname].concat(),
        module,
        user: heap_type && user_module,
        user_in_mro: false,
        base: match class.field("base_kind") {
            Some(OwnedValue::Int(code)) => Some(*code),
            _ => None,
        },
        mro: class.field("mro").map_or_else(Vec::new, |value| ids(heap, value)),
    }
}

/// The text of a str, inline or an object.
pub fn text(heap: &Heap, value: &OwnedValue) -> Option<String> {
    wtf8(heap, value).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// The bytes of an exact str, inline or an object.
pub fn wtf8<'h>(heap: &'h Heap, value: &'h OwnedValue) -> Option<&'h [u8]> {
    match value {
        OwnedValue::Str(bytes) => Some(bytes),
        OwnedValue::Ref(id) => {
            let object = heap.get(*id)?;
            let exact = object.kind == Some(Kind::Str) && object.class == 0;
            object.blob.as_deref().filter(|_| exact)
        }
        _ => None,
    }
}

/// The objects in a recorded tuple.
pub fn ids(heap: &Heap, tuple: &OwnedValue) -> Vec<u64> {
    let OwnedValue::Ref(id) = tuple else { return Vec::new() };
    let elements = heap.get(*id).and_then(|object| object.seq.as_ref());
    let ids = elements.into_iter().flatten().filter_map(|value| match value {
        OwnedValue::Ref(id) => Some(*id),
        _ => None,
    });
    ids.collect()
}

/// `module.qualname` of a kind's own exact type.
pub const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::List => "builtins.list",
        Kind::Tuple => "builtins.tuple",
        Kind::Dict => "builtins.dict",
        Kind::Set => "builtins.set",
        Kind::FrozenSet => "builtins.frozenset",
        Kind::ByteArray => "builtins.bytearray",
        Kind::Str => "builtins.str",
        Kind::Bytes => "builtins.bytes",
        Kind::Int => "builtins.int",
        Kind::Instance | Kind::Opaque => "builtins.object",
        Kind::Function => "builtins.function",
        Kind::Method => "builtins.method",
        Kind::Cell => "builtins.cell",
        Kind::Class => "builtins.type",
        Kind::Generator => "builtins.generator",
        Kind::Module => "builtins.module",
        Kind::Builtin => "builtins.builtin_function_or_method",
        Kind::Exception => "builtins.BaseException",
        Kind::WeakRef => "weakref.ReferenceType",
        Kind::Slice => "builtins.slice",
        Kind::Range => "builtins.range",
        Kind::Deque => "collections.deque",
        Kind::OrderedDict => "collections.OrderedDict",
        Kind::DefaultDict => "collections.defaultdict",
        Kind::MemoryView => "builtins.memoryview",
        Kind::Array => "array.array",
        Kind::Partial => "functools.partial",
        Kind::StaticMethod => "builtins.staticmethod",
        Kind::ClassMethod => "builtins.classmethod",
        Kind::Property => "builtins.property",
        Kind::MappingProxy => "builtins.mappingproxy",
        Kind::SimpleNamespace => "types.SimpleNamespace",
        Kind::DateTime => "datetime.datetime",
        Kind::Code => "builtins.code",
        Kind::Frame => "builtins.frame",
        Kind::Traceback => "builtins.traceback",
    }
}
