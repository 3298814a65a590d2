//! Comparison of values with Python's semantics on built-in types. Recorded `__eq__` and the like
//! are never run; the comparison is refused instead, except where the method is one that
//! `dataclasses` generated.

use super::ast::Cmp;
use super::error::{R, type_error, unknown, unsupported};
use super::run::Eval;
use super::val::Val;
use super::{EvalError, Scope};
use crate::show::class::{Class, Lookup, entry, field, text_field};
use crate::show::{Objects, Unavailable};
use moviola_format::event::Kind;
use moviola_format::read::{ObjectState, OwnedValue, Slice};
use num_bigint::BigInt;
use num_traits::FromPrimitive as _;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// Containers in containers that are compared.
const DEPTH: usize = 150;

/// Objects without names.
struct Bare<'o>(&'o dyn Objects);

impl Objects for Bare<'_> {
    fn object(&self, id: u64) -> Result<Arc<ObjectState>, Unavailable> {
        self.0.object(id)
    }

    fn object_head(&self, id: u64) -> Result<(Kind, u64), Unavailable> {
        self.0.object_head(id)
    }

    fn slice(&self, id: u64, range: Range<u64>) -> Result<Slice, Unavailable> {
        self.0.slice(id, range)
    }

    fn changed_names(&self) -> Option<u64> {
        self.0.changed_names()
    }

    fn python_minor(&self) -> u32 {
        self.0.python_minor()
    }
}

impl Scope for Bare<'_> {
    fn local(&self, _name: &str) -> Option<OwnedValue> {
        None
    }

    fn global(&self, _name: &str) -> Option<OwnedValue> {
        None
    }
}

/// The order of two values by `<`, as sorting finds it; `None` if they cannot be compared.
pub(crate) fn order(a: &Val, b: &Val, objects: &dyn Objects) -> Option<Ordering> {
    let bare = Bare(objects);
    let eval = Eval::new(&bare);
    if eval.compare(Cmp::Lt, a, b).ok()? {
        return Some(Ordering::Less);
    }
    Some(if eval.compare(Cmp::Lt, b, a).ok()? { Ordering::Greater } else { Ordering::Equal })
}

impl Eval<'_> {
    /// One comparison.
    pub(super) fn compare(&self, op: Cmp, a: &Val, b: &Val) -> R<bool> {
        Ok(match op {
            Cmp::Eq => self.equal(a, b)?,
            Cmp::NotEq => {
                self.no_method(a, "__ne__")?;
                self.no_method(b, "__ne__")?;
                !self.equal(a, b)?
            }
            Cmp::Is => self.identical(a, b)?,
            Cmp::IsNot => !self.identical(a, b)?,
            Cmp::In => self.contains(b, a)?,
            Cmp::NotIn => !self.contains(b, a)?,
            Cmp::Lt | Cmp::LtE | Cmp::Gt | Cmp::GtE => self.less(op, a, b, 0)?,
        })
    }

    /// `a is b`.
    pub(super) fn identical(&self, a: &Val, b: &Val) -> R<bool> {
        Ok(match (a, b) {
            (Val::Ref(a), Val::Ref(b)) => a == b,
            (Val::None, Val::None)
            | (Val::Ellipsis, Val::Ellipsis)
            | (Val::NotImplemented, Val::NotImplemented) => true,
            (Val::Bool(a), Val::Bool(b)) => a == b,
            (Val::Type(_), _) | (_, Val::Type(_)) => {
                match (Class::from_val(a, self.objects)?, Class::from_val(b, self.objects)?) {
                    (Some(a), Some(b)) => a.same(&b),
                    _ => false,
                }
            }
            (Val::Function(a), Val::Function(b)) => a == b,
            (Val::Function(name), Val::Ref(id)) | (Val::Ref(id), Val::Function(name)) => {
                let state = self.objects.object(*id)?;
                state.kind == Kind::Builtin
                    && text_field(&state, "__name__", self.objects).as_deref() == Some(name)
                    && text_field(&state, "__module__", self.objects).as_deref() == Some("builtins")
            }
            (Val::Int(a), Val::Int(b)) => {
                // CPython shares the small ones; of others only inequality is certain.
                if a != b {
                    false
                } else if (-5..=256).contains(a) {
                    true
                } else {
                    return unknown("the identity of an int");
                }
            }
            (Val::Str(a), Val::Str(b)) | (Val::Bytes(a), Val::Bytes(b)) => {
                if a != b {
                    false
                } else if a.len() <= 1 {
                    true
                } else {
                    return unknown("the identity of a str or bytes");
                }
            }
            (Val::Big(a), Val::Big(b)) if a == b => return unknown("the identity of an int"),
            (Val::Float(a), Val::Float(b)) if a.to_bits() == b.to_bits() => {
                return unknown("the identity of a float");
            }
            (Val::Complex(re, im), Val::Complex(re2, im2))
                if (re.to_bits(), im.to_bits()) == (re2.to_bits(), im2.to_bits()) =>
            {
                return unknown("the identity of a complex number");
            }
            (Val::Ref(id), Val::Str(_) | Val::Bytes(_) | Val::Big(_))
            | (Val::Str(_) | Val::Bytes(_) | Val::Big(_), Val::Ref(id))
                if matches!(
                    self.objects.object_head(*id)?,
                    (Kind::Str | Kind::Bytes | Kind::Int, 0)
                ) =>
            {
                if self.equal(a, b)? {
                    return unknown("the identity of a value made by the expression");
                }
                false
            }
            _ => false,
        })
    }

    fn same(&self, a: &Val, b: &Val) -> bool {
        matches!((a, b), (Val::Ref(a), Val::Ref(b)) if a == b)
    }

    /// `a == b`.
    pub(super) fn equal(&self, a: &Val, b: &Val) -> R<bool> {
        self.equal_at(a, b, 0)
    }

    /// `a is b or a == b`, as containers compare.
    pub(super) fn alike(&self, a: &Val, b: &Val, depth: usize) -> R<bool> {
        if self.same(a, b) {
            return Ok(true);
        }
        if may_be_one_nan(a, b) {
            return unknown(NAN);
        }
        self.equal_at(a, b, depth)
    }

    fn equal_at(&self, a: &Val, b: &Val, depth: usize) -> R<bool> {
        self.step(1)?;
        if depth > DEPTH {
            return unsupported("a comparison of values nested too deeply");
        }
        match (a, b) {
            (Val::Unknown(reason), _) | (_, Val::Unknown(reason)) => return unknown(reason),
            (Val::Ref(_), Val::None) | (Val::None, Val::Ref(_)) | (Val::Ref(_), Val::Ref(_)) => {
                if let Some(result) = self.generated_equal(a, b, depth)? {
                    return Ok(result);
                }
            }
            _ => {}
        }
        let x = self.scalar(a, "__eq__")?;
        let y = self.scalar(b, "__eq__")?;
        if let Some(result) = numbers(&x, &y) {
            return Ok(result == Some(Ordering::Equal));
        }
        match (&x, &y) {
            (Val::Complex(re, im), other) | (other, Val::Complex(re, im)) => {
                if let Val::Complex(re2, im2) = other {
                    return Ok(re == re2 && im == im2);
                }
                if let Some(result) = numbers(&Val::Float(*re), other) {
                    return Ok(*im == 0.0 && result == Some(Ordering::Equal));
                }
            }
            (Val::Str(a), Val::Str(b)) => return Ok(a == b),
            (Val::Bytes(a) | Val::ByteArray(a), Val::Bytes(b) | Val::ByteArray(b)) => {
                return Ok(a == b);
            }
            (Val::Range(_), Val::Range(_)) => return Ok(self.key(&x)? == self.key(&y)?),
            (Val::Slice(a), Val::Slice(b)) => {
                for (a, b) in a.iter().zip(b.iter()) {
                    if !self.alike(a, b, depth + 1)? {
                        return Ok(false);
                    }
                }
                return Ok(true);
            }
            _ => {}
        }
        if let Some(result) = self.equal_dates(&x, &y)? {
            return Ok(result);
        }
        if let Some(order) = self.exact_order(&x, &y)? {
            return Ok(order.is_eq());
        }
        self.no_method(&x, "__eq__")?;
        self.no_method(&y, "__eq__")?;
        if let (Some(kind), Some(other)) = (self.container(&x)?, self.container(&y)?) {
            if self.same(&x, &y) {
                // Each element is itself.
                return Ok(true);
            }
            return self.equal_containers(&x, kind, &y, other, depth);
        }
        if let (Val::View(name, one), Val::View(other, two)) = (&x, &y) {
            return match (*name, *other) {
                ("dict_values", _) | (_, "dict_values") => Ok(Arc::ptr_eq(one, two)),
                _ => self.equal_sets(one, two),
            };
        }
        if let (Some((one, f)), Some((two, g))) = (self.bound_parts(&x)?, self.bound_parts(&y)?) {
            // The same function of the same object; methods themselves are made at each access.
            return Ok(self.alike(&f, &g, depth + 1)? && self.identical(&one, &two)?);
        }
        if let (Val::Method(one), Val::Method(two)) = (&x, &y) {
            return Ok(one.1 == two.1 && self.identical(&one.0, &two.0)?);
        }
        match (self.opaque(&x)?, self.opaque(&y)?) {
            (Some(kind), Some(other)) if kind == other && !self.same(&x, &y) => {
                return match kind {
                    Kind::Opaque
                    | Kind::MemoryView
                    | Kind::Array
                    | Kind::WeakRef
                    | Kind::SimpleNamespace
                    | Kind::Code => unsupported("the equality of objects of this type"),
                    _ => self.identical(&x, &y),
                };
            }
            (Some(Kind::Opaque), _) | (_, Some(Kind::Opaque)) if !self.same(&x, &y) => {
                // A C type may be equal to what it likes, but not to None.
                return if matches!(x, Val::None) || matches!(y, Val::None) {
                    Ok(false)
                } else {
                    unsupported("the equality of an object of an opaque C type")
                };
            }
            _ => {}
        }
        self.identical(&x, &y)
    }

    fn opaque(&self, value: &Val) -> R<Option<Kind>> {
        let Val::Ref(id) = value else { return Ok(None) };
        Ok(Some(self.objects.object_head(*id)?.0))
    }

    /// What a bound method of a recorded function is bound to, and the function.
    fn bound_parts(&self, value: &Val) -> R<Option<(Val, Val)>> {
        Ok(match value {
            Val::Bound(bound) => Some((bound.0.clone(), Val::Ref(bound.1))),
            Val::Ref(id) if self.objects.object_head(*id)?.0 == Kind::Method => {
                let state = self.state(*id)?;
                let part = |name| field(&state, name).map(Val::from);
                let (Some(of), Some(function)) = (part("__self__"), part("__func__")) else {
                    return unknown("what the method is bound to");
                };
                Some((of, function))
            }
            _ => None,
        })
    }

    /// `==` of an instance of a dataclass that has the generated method.
    fn generated_equal(&self, a: &Val, b: &Val, depth: usize) -> R<Option<bool>> {
        let Some(names) = self.generated(a, "__eq__")? else { return Ok(None) };
        // From 3.13 on an object is equal to itself, and fields are compared by `==`; before, as tuples are.
        let by_fields = self.objects.python_minor() >= 13;
        if by_fields && self.same(a, b) {
            return Ok(Some(true));
        }
        if matches!(b, Val::None) {
            return Ok(Some(false));
        }
        let (one, two) = (Class::of(a, self.objects)?, Class::of(b, self.objects)?);
        if !one.same(&two) {
            // The other side is asked next; it may decide otherwise.
            if self.generated(b, "__eq__")?.is_none() {
                self.no_method(b, "__eq__")?;
            }
            return Ok(Some(false));
        }
        for name in names {
            let a = self.attribute(a, &name)?;
            let b = self.attribute(b, &name)?;
            let equal = if by_fields {
                self.equal_at(&a, &b, depth + 1)?
            } else {
                self.alike(&a, &b, depth + 1)?
            };
            if !equal {
                return Ok(Some(false));
            }
        }
        Ok(Some(true))
    }

    /// The names of the compared fields, if the special method is one that `dataclasses` made.
    fn generated(&self, value: &Val, method: &str) -> R<Option<Vec<String>>> {
        let Val::Ref(id) = value else { return Ok(None) };
        let (kind, class) = self.objects.object_head(*id)?;
        if class == 0 || kind != Kind::Instance {
            return Ok(None);
        }
        let class = Class::of(value, self.objects)?;
        let Lookup::Found(owner, OwnedValue::Ref(function)) = class.lookup(method, self.objects)?
        else {
            return Ok(None);
        };
        let Some(fields) = entry(owner.state.attrs.as_ref(), "__dataclass_fields__") else {
            return Ok(None);
        };
        let function = self.state(function)?;
        let Some(OwnedValue::Ref(code)) = field(&function, "__code__") else { return Ok(None) };
        let file = text_field(&*self.state(*code)?, "co_filename", self.objects);
        if file.as_deref() != Some("<string>") {
            return Ok(None);
        }
        let mut out = Vec::new();
        for (name, described) in self.mapping(&Val::from(fields))?.unwrap_or_default() {
            let (Val::Str(name), Val::Ref(described)) = (&name, &described) else {
                return Ok(None);
            };
            let described = self.state(*described)?;
            match field(&described, "compare") {
                Some(OwnedValue::Bool(true)) => {
                    out.push(String::from_utf8_lossy(name).into_owned());
                }
                Some(OwnedValue::Bool(false)) => {}
                _ => return Ok(None),
            }
        }
        Ok(Some(out))
    }

    fn equal_containers(&self, a: &Val, kind: Kind, b: &Val, other: Kind, depth: usize) -> R<bool> {
        use Kind::{
            DefaultDict, Deque, Dict, FrozenSet, List, MappingProxy, OrderedDict, Set, Tuple,
        };
        match (kind, other) {
            (List, List) | (Tuple, Tuple) | (Deque, Deque) => {
                if self.length_of(a)? != self.length_of(b)? {
                    return Ok(false);
                }
                let (a, b) = (self.elements(a)?, self.elements(b)?);
                for (a, b) in a.iter().zip(&b) {
                    if !self.alike(a, b, depth + 1)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Set | FrozenSet, Set | FrozenSet) => {
                self.equal_sets(&self.elements(a)?, &self.elements(b)?)
            }
            (
                Dict | OrderedDict | DefaultDict | MappingProxy,
                Dict | OrderedDict | DefaultDict | MappingProxy,
            ) => {
                let (a, b) =
                    (self.mapping(a)?.unwrap_or_default(), self.mapping(b)?.unwrap_or_default());
                if a.len() != b.len() {
                    return Ok(false);
                }
                if kind == OrderedDict && other == OrderedDict {
                    for ((one, _), (two, _)) in a.iter().zip(&b) {
                        if !self.alike(one, two, depth + 1)? {
                            return Ok(false);
                        }
                    }
                }
                let mut index = rustc_hash::FxHashMap::default();
                for (key, value) in &b {
                    index.insert(self.key(key)?, value);
                }
                for (key, value) in &a {
                    match index.get(&self.key(key)?) {
                        Some(found) if self.alike(value, found, depth + 1)? => {}
                        _ => return Ok(false),
                    }
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn equal_sets(&self, a: &[Val], b: &[Val]) -> R<bool> {
        Ok(a.len() == b.len() && self.subset(a, b)?)
    }

    /// Whether all of `a` are in `b`.
    pub(super) fn subset(&self, a: &[Val], b: &[Val]) -> R<bool> {
        let mut keys = super::key::KeySet::default();
        for value in b {
            keys.add(self.key(value)?, value.clone());
        }
        for value in a {
            if !keys.has(&self.key(value)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The length of a container, whatever its class says.
    fn length_of(&self, value: &Val) -> R<u64> {
        Ok(match value {
            Val::Ref(id) => self.objects.slice(*id, 0..0)?.len,
            Val::List(items) | Val::Tuple(items) => items.len() as u64,
            _ => 0,
        })
    }

    /// The elements of a container, whatever its class says.
    pub(super) fn elements(&self, value: &Val) -> R<Vec<Val>> {
        match value {
            Val::Ref(id) => {
                let slice = self.objects.slice(*id, 0..u64::MAX)?;
                self.step(slice.values.len())?;
                Ok(slice.values.iter().map(Val::from).collect())
            }
            other => self.iterate(other),
        }
    }

    fn less(&self, op: Cmp, a: &Val, b: &Val, depth: usize) -> R<bool> {
        self.step(1)?;
        if depth > DEPTH {
            return unsupported("a comparison of values nested too deeply");
        }
        let (method, mirrored, symbol) = match op {
            Cmp::Lt => ("__lt__", "__gt__", "<"),
            Cmp::LtE => ("__le__", "__ge__", "<="),
            Cmp::Gt => ("__gt__", "__lt__", ">"),
            _ => ("__ge__", "__le__", ">="),
        };
        if let (Val::Unknown(reason), _) | (_, Val::Unknown(reason)) = (a, b) {
            return unknown(reason);
        }
        let x = self.scalar(a, method)?;
        let y = self.scalar(b, mirrored)?;
        let decide = |order: Ordering| match op {
            Cmp::Lt => order.is_lt(),
            Cmp::LtE => order.is_le(),
            Cmp::Gt => order.is_gt(),
            _ => order.is_ge(),
        };
        if let Some(result) = numbers(&x, &y) {
            return Ok(result.is_some_and(decide));
        }
        match (&x, &y) {
            (Val::Str(a), Val::Str(b)) => return Ok(decide(a.cmp(b))),
            (Val::Bytes(a) | Val::ByteArray(a), Val::Bytes(b) | Val::ByteArray(b)) => {
                return Ok(decide(a.cmp(b)));
            }
            (Val::View(name, a), Val::View(other, b))
                if *name != "dict_values" && *other != "dict_values" =>
            {
                return self.set_order(op, a, b);
            }
            _ => {}
        }
        if let Some(result) = self.order_dates(&x, &y)? {
            return Ok(decide(result));
        }
        if let Some(order) = self.exact_order(&x, &y)? {
            return Ok(decide(order));
        }
        self.no_method(&x, method)?;
        self.no_method(&y, mirrored)?;
        if let (Some(kind), Some(other)) = (self.container(&x)?, self.container(&y)?) {
            match (kind, other) {
                (Kind::List, Kind::List)
                | (Kind::Tuple, Kind::Tuple)
                | (Kind::Deque, Kind::Deque) => {
                    let (x, y) = (self.elements(&x)?, self.elements(&y)?);
                    for (a, b) in x.iter().zip(&y) {
                        if !self.alike(a, b, depth + 1)? {
                            return self.less(op, a, b, depth + 1);
                        }
                    }
                    return Ok(decide(x.len().cmp(&y.len())));
                }
                (Kind::Set | Kind::FrozenSet, Kind::Set | Kind::FrozenSet) => {
                    return self.set_order(op, &self.elements(&x)?, &self.elements(&y)?);
                }
                _ => {}
            }
        }
        for value in [&x, &y] {
            if matches!(
                self.opaque(value)?,
                Some(Kind::Opaque | Kind::DateTime | Kind::Array | Kind::MemoryView)
            ) {
                return unsupported("the order of objects of this type");
            }
        }
        let (a, b) = (self.type_name(a)?, self.type_name(b)?);
        type_error(format!("'{symbol}' not supported between instances of '{a}' and '{b}'"))
    }

    fn set_order(&self, op: Cmp, a: &[Val], b: &[Val]) -> R<bool> {
        Ok(match op {
            Cmp::Lt => a.len() < b.len() && self.subset(a, b)?,
            Cmp::LtE => a.len() <= b.len() && self.subset(a, b)?,
            Cmp::Gt => b.len() < a.len() && self.subset(b, a)?,
            _ => b.len() <= a.len() && self.subset(b, a)?,
        })
    }

    /// `item in container`.
    pub(super) fn contains(&self, container: &Val, item: &Val) -> R<bool> {
        let found = self.scalar(container, "__contains__")?;
        match &found {
            Val::Str(text) => {
                return match self.scalar(item, "__eq__")? {
                    Val::Str(part) => Ok(find(text, &part).is_some()),
                    _ => {
                        let name = self.type_name(item)?;
                        type_error(format!(
                            "'in <string>' requires string as left operand, not {name}"
                        ))
                    }
                };
            }
            Val::Bytes(text) | Val::ByteArray(text) => {
                return match self.scalar(item, "__index__")? {
                    Val::Bytes(part) | Val::ByteArray(part) => Ok(find(text, &part).is_some()),
                    int if int.is_int() => {
                        match int.as_i64().and_then(|int| u8::try_from(int).ok()) {
                            Some(byte) => Ok(text.contains(&byte)),
                            None => super::error::value_error("byte must be in range(0, 256)"),
                        }
                    }
                    _ => {
                        let name = self.type_name(item)?;
                        type_error(format!("a bytes-like object is required, not '{name}'"))
                    }
                };
            }
            Val::Range(parts) => {
                if let Some(int) = self.scalar(item, "__eq__")?.as_int() {
                    return Ok(super::item::in_range(parts, &int));
                }
            }
            _ => {}
        }
        self.no_method(container, "__contains__")?;
        match self.container(&found)? {
            Some(Kind::Set | Kind::FrozenSet) => {
                let wanted = match item {
                    Val::Set(items) => self.key(&Val::FrozenSet(Arc::clone(items)))?,
                    other => self.key(other)?,
                };
                return self.has_key(&wanted, item, self.elements(&found)?);
            }
            Some(Kind::Dict | Kind::OrderedDict | Kind::DefaultDict | Kind::MappingProxy) => {
                return Ok(self.find_item(&found, item)?.is_some());
            }
            Some(_) => {
                for other in self.elements(&found)? {
                    if self.alike(&other, item, 0)? {
                        return Ok(true);
                    }
                }
                return Ok(false);
            }
            None => {}
        }
        let items = match self.iterate(container) {
            Err(EvalError::Python { class, message })
                if class == "TypeError" && message.ends_with("is not iterable") =>
            {
                let name = self.type_name(container)?;
                return type_error(format!("argument of type '{name}' is not iterable"));
            }
            other => other?,
        };
        for other in items {
            if self.alike(&other, item, 0)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_key(&self, wanted: &super::key::Key, item: &Val, stored: Vec<Val>) -> R<bool> {
        let mut hidden = false;
        for value in stored {
            if self.same(&value, item) {
                return Ok(true);
            }
            match self.stored_key(&value)? {
                Some(key) if key == *wanted => return Ok(true),
                Some(_) => {}
                None => hidden = true,
            }
        }
        if hidden { unsupported("an element's __eq__ is recorded code") } else { Ok(false) }
    }

    /// The value under a key of a mapping.
    pub(super) fn find_item(&self, mapping: &Val, key: &Val) -> R<Option<Val>> {
        let Some(pairs) = self.mapping(mapping)? else { return Ok(None) };
        if let Val::Str(text) = key {
            let same = |(name, _): &&(Val, Val)| matches!(name, Val::Str(name) if name == text);
            if let Some((_, value)) = pairs.iter().find(same) {
                return Ok(Some(value.clone()));
            }
        }
        let wanted = self.key(key)?;
        let mut hidden = false;
        for (stored, value) in &pairs {
            if self.same(stored, key) {
                return Ok(Some(value.clone()));
            }
            match self.stored_key(stored)? {
                Some(stored) if stored == wanted => return Ok(Some(value.clone())),
                Some(_) => {}
                None => hidden = true,
            }
        }
        if hidden { unsupported("a key's __eq__ is recorded code") } else { Ok(None) }
    }
}

/// Where a part begins.
pub(super) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    if part.len() > text.len() {
        return None;
    }
    text.windows(part.len()).position(|window| window == part)
}

/// Why a container does not tell whether it has a NaN.
pub(super) const NAN: &str = "whether two NaNs are the same object";

/// Whether a plain number is not equal to itself.
pub(super) fn is_nan(value: &Val) -> bool {
    match value {
        Val::Float(number) => number.is_nan(),
        Val::Complex(re, im) => re.is_nan() || im.is_nan(),
        _ => false,
    }
}

/// Whether two values are NaNs that may be one object: they differ by `==`, and containers, which ask for identity first,
/// would find them alike. Those with other bits are two objects for sure.
fn may_be_one_nan(a: &Val, b: &Val) -> bool {
    is_nan(a)
        && match (a, b) {
            (Val::Float(a), Val::Float(b)) => a.to_bits() == b.to_bits(),
            (Val::Complex(re, im), Val::Complex(re2, im2)) => {
                (re.to_bits(), im.to_bits()) == (re2.to_bits(), im2.to_bits())
            }
            _ => false,
        }
}

/// The order of two real numbers; `Some(None)` with a NaN; `None` if either is no real number.
pub(super) fn numbers(a: &Val, b: &Val) -> Option<Option<Ordering>> {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        return Some(Some(a.cmp(&b)));
    }
    match (a, b) {
        (Val::Float(a), Val::Float(b)) => Some(a.partial_cmp(b)),
        (Val::Float(a), b) if b.is_int() => {
            Some(int_float(&b.as_int()?, *a).map(Ordering::reverse))
        }
        (a, Val::Float(b)) if a.is_int() => Some(int_float(&a.as_int()?, *b)),
        (a, b) if a.is_int() && b.is_int() => Some(Some(a.as_int()?.cmp(&b.as_int()?))),
        _ => None,
    }
}

fn int_float(int: &BigInt, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float.is_infinite() {
        return Some(if float > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    let whole = BigInt::from_f64(float.trunc())?;
    let rest = float - float.trunc();
    Some(int.cmp(&whole).then_with(|| {
        if rest > 0.0 {
            Ordering::Less
        } else if rest < 0.0 {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }))
}
