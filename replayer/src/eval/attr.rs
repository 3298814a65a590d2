//! Attributes, by the rules of `object.__getattribute__` and `type.__getattribute__`. Properties
//! and other descriptors are recorded code: they are refused.

use super::error::{EvalError, R, python, unknown, unsupported};
use super::run::Eval;
use super::val::Val;
use crate::show::class::{Class, Facts, Lookup, elements, entry, field};
use moviola_format::event::Kind;
use moviola_format::read::{ObjectState, OwnedValue};
use std::sync::Arc;

impl Eval<'_> {
    /// `value.name`.
    pub(super) fn attribute(&self, value: &Val, name: &str) -> R<Val> {
        let Val::Ref(id) = value else { return self.builtin_attribute(value, name) };
        let (kind, class) = self.objects.object_head(*id)?;
        if name == "__class__" {
            self.no_method(value, "__getattribute__")?;
            return Ok(Class::of(value, self.objects)?.value());
        }
        match kind {
            Kind::Class => self.class_attribute(*id, name),
            Kind::Module => self.module_attribute(*id, name),
            _ if class == 0 => self.builtin_attribute(value, name),
            _ => self.instance_attribute(value, *id, name),
        }
    }

    fn missing<T>(&self, value: &Val, name: &str) -> R<T> {
        let class = self.type_name(value)?;
        python("AttributeError", format!("'{class}' object has no attribute '{name}'"))
    }

    fn instance_attribute(&self, value: &Val, id: u64, name: &str) -> R<Val> {
        if let Some(field) = self.date(value)?.and_then(|date| date.field(name)) {
            return Ok(Val::Int(field));
        }
        let class = Class::of(value, self.objects)?;
        self.no_method(value, "__getattribute__").or_else(ignore_hidden)?;
        let found = class.lookup(name, self.objects)?;
        if let Lookup::Found(owner, found) = &found
            && let Some(refused) = self.data_descriptor(owner, found, name)?
        {
            return Err(refused);
        }
        let state = self.state(id)?;
        if let Some(known) = field(&state, name) {
            return self.recorded(known);
        }
        let slot_unset = state.fields.iter().flatten().any(|(key, value)| {
            matches!(key, OwnedValue::Str(key) if **key == *name.as_bytes())
                && *value == OwnedValue::Unbound
        });
        if let Some(known) = entry(state.attrs.as_ref(), name) {
            if let Lookup::Found(owner, found) = &found {
                self.no_setter(owner, found, name)?;
            }
            return self.recorded(known);
        }
        if name == "__dict__" && state.attrs.is_some() {
            return Ok(dict_of(&state));
        }
        match found {
            Lookup::Found(..) if slot_unset => return self.missing(value, name),
            Lookup::Found(owner, found) => return self.bound(value, &owner, &found, name),
            Lookup::Hidden(owner) => {
                if !owner.is_changed {
                    if let Some(value) = self.enum_attribute(value, &class, &state, name)? {
                        return Ok(value);
                    }
                    if let Some(value) = self.library_attribute(value, &owner, &state, name)? {
                        return Ok(value);
                    }
                }
                // What Counter defines itself does other things than dict's methods.
                if !owner.is("collections", "Counter")
                    && let Some(method) = self.container_method(value, name)?
                {
                    return Ok(method);
                }
                return unsupported(format!(
                    "{}.{} is recorded by name only and may define {name}",
                    owner.module, owner.qualname
                ));
            }
            Lookup::Absent => {}
        }
        if let Some(method) = self.container_method(value, name)? {
            return Ok(method);
        }
        match name {
            "__module__" => return Ok(Val::str(class.module())),
            "__doc__" => return Ok(Val::None),
            _ => {}
        }
        if state.kind == Kind::Exception {
            match name {
                "__cause__" | "__context__" | "__traceback__" => return Ok(Val::None),
                "__suppress_context__" => return Ok(Val::Bool(false)),
                _ => {}
            }
            if let Some(value) = self.exception_attribute(&class, &state, name)? {
                return Ok(value);
            }
        }
        if state.fields.is_some()
            && !matches!(state.kind, Kind::Instance | Kind::Exception | Kind::Function)
        {
            return unsupported(format!("attribute {name} of an object of this type"));
        }
        if matches!(state.kind, Kind::Opaque | Kind::DateTime | Kind::Generator) {
            return unsupported(format!("attribute {name} of an object of an opaque C type"));
        }
        if let Lookup::Found(owner, _) = class.lookup("__getattr__", self.objects)? {
            return unsupported(format!(
                "{}.__getattr__ is recorded code and is not run",
                owner.qualname
            ));
        }
        if is_object_method(name) {
            return unsupported(format!("the method {name} of object"));
        }
        self.missing(value, name)
    }

    /// Attributes that enum members take from `enum`.
    fn enum_attribute(
        &self,
        value: &Val,
        class: &Class,
        state: &ObjectState,
        name: &str,
    ) -> R<Option<Val>> {
        let _ = value;
        if !class.derives_named("enum", "Enum", self.objects) {
            return Ok(None);
        }
        let hidden = match name {
            "name" => "_name_",
            "value" => "_value_",
            _ => return Ok(None),
        };
        entry(state.attrs.as_ref(), hidden).map(|value| self.recorded(value)).transpose()
    }

    /// Fields that built-in exceptions store in C.
    fn exception_attribute(
        &self,
        class: &Class,
        state: &ObjectState,
        name: &str,
    ) -> R<Option<Val>> {
        if let Some(value) = field(state, name).filter(|value| **value != OwnedValue::Unbound) {
            return self.recorded(value).map(Some);
        }
        // `OSError.characters_written` and the like are computed by C code.
        if ["OSError", "UnicodeError", "BaseExceptionGroup"]
            .iter()
            .any(|base| class.derives_named("builtins", base, self.objects))
        {
            return unsupported(format!("attribute {name} of this exception"));
        }
        Ok(None)
    }

    /// The error for a property or another data descriptor of the program's.
    fn data_descriptor(
        &self,
        owner: &Facts,
        found: &OwnedValue,
        name: &str,
    ) -> R<Option<EvalError>> {
        let OwnedValue::Ref(id) = found else { return Ok(None) };
        let (kind, class) = self.objects.object_head(*id)?;
        let refuse = |what: &str| {
            Some(EvalError::Unsupported(format!(
                "{}.{name} is a {what}: recorded code is not run",
                owner.qualname
            )))
        };
        Ok(match kind {
            Kind::Property => refuse("property"),
            Kind::Instance if class != 0 => {
                let class = Class::of(&Val::Ref(*id), self.objects)?;
                match (
                    class.lookup("__get__", self.objects)?,
                    class.lookup("__set__", self.objects)?,
                ) {
                    (_, Lookup::Found(..)) => refuse("data descriptor"),
                    // The standard library's: `enum.property` and `functools.cached_property`.
                    (Lookup::Hidden(_), _) if class.is("enum", "property") => None,
                    _ => None,
                }
            }
            _ => None,
        })
    }

    /// Fails for a data descriptor of a C type: it comes before what the instance's dict has.
    fn no_setter(&self, owner: &Facts, found: &OwnedValue, name: &str) -> R<()> {
        let OwnedValue::Ref(id) = found else { return Ok(()) };
        if self.objects.object_head(*id)?.0 == Kind::Opaque {
            let class = Class::of(&Val::Ref(*id), self.objects)?;
            if c_descriptor(&class).is_some_and(|bits| bits & 2 != 0) {
                return unsupported(format!(
                    "{}.{name} is a {}, which gives what it will",
                    owner.qualname,
                    class.qualname()
                ));
            }
        }
        Ok(())
    }

    /// What a class attribute gives on an instance.
    fn bound(&self, value: &Val, owner: &Facts, found: &OwnedValue, name: &str) -> R<Val> {
        let OwnedValue::Ref(id) = found else { return self.recorded(found) };
        let (kind, class) = self.objects.object_head(*id)?;
        Ok(match kind {
            Kind::Function => Val::Bound(Arc::new((value.clone(), *id))),
            Kind::StaticMethod => match field(&*self.state(*id)?, "__func__") {
                Some(inner) => self.recorded(inner)?,
                None => return unknown("no contents in the trace"),
            },
            Kind::ClassMethod => {
                let class = Class::of(value, self.objects)?;
                self.class_method(&class, *id)?
            }
            Kind::Instance if class != 0 => {
                let found = Class::of(&Val::Ref(*id), self.objects)?;
                match found.lookup("__get__", self.objects)? {
                    Lookup::Found(..) => {
                        return unsupported(format!(
                            "{}.{name} is a descriptor: recorded code is not run",
                            owner.qualname
                        ));
                    }
                    Lookup::Hidden(_) => {
                        let Class::Recorded(facts) = &found else { return Ok(Val::Ref(*id)) };
                        if facts.derives_enum(self) {
                            return Ok(Val::Ref(*id));
                        }
                        return unsupported(format!(
                            "{}.{name} is a {}, which may be a descriptor",
                            owner.qualname, facts.qualname
                        ));
                    }
                    Lookup::Absent => Val::Ref(*id),
                }
            }
            Kind::Builtin if self.is_descriptor(*id)? => {
                return unsupported(format!("{}.{name} is a built-in method", owner.qualname));
            }
            Kind::Opaque => {
                let class = Class::of(&Val::Ref(*id), self.objects)?;
                match class.qualname() {
                    "_tuplegetter" => return self.tuple_field(value, owner, name),
                    "member_descriptor" => return self.missing(value, name),
                    other
                        if ["descriptor", "property", "method"]
                            .iter()
                            .any(|part| other.contains(part)) =>
                    {
                        return unsupported(format!("{}.{name} is a {other}", owner.qualname));
                    }
                    other if c_descriptor(&class) != Some(0) => {
                        return unsupported(format!(
                            "{}.{name} is a {other}, which may be a descriptor",
                            owner.qualname
                        ));
                    }
                    _ => Val::Ref(*id),
                }
            }
            _ => Val::Ref(*id),
        })
    }

    /// A field of a named tuple.
    fn tuple_field(&self, value: &Val, owner: &Facts, name: &str) -> R<Val> {
        let fields = elements(entry(owner.state.attrs.as_ref(), "_fields"), self.objects);
        let at = fields.unwrap_or_default().iter().position(|field| {
            crate::show::class::text(field, self.objects).is_some_and(|field| field == name)
        });
        match (at, value) {
            (Some(at), Val::Ref(id)) => match self.objects.element(*id, at as u64)? {
                Some(value) => self.recorded(&value),
                None => unknown("damaged trace"),
            },
            _ => unsupported(format!("{}.{name} is a field of a named tuple", owner.qualname)),
        }
    }

    fn is_descriptor(&self, id: u64) -> R<bool> {
        let class = Class::of(&Val::Ref(id), self.objects)?;
        Ok(class.name() != "builtin_function_or_method")
    }

    fn class_method(&self, class: &Class, id: u64) -> R<Val> {
        match field(&*self.state(id)?, "__func__") {
            Some(OwnedValue::Ref(function)) => Ok(Val::Bound(Arc::new((class.value(), *function)))),
            _ => unsupported("this class method"),
        }
    }

    fn class_attribute(&self, id: u64, name: &str) -> R<Val> {
        let class = Class::Recorded(Facts::read(id, self.objects)?);
        let Class::Recorded(facts) = &class else { return unknown("damaged trace") };
        if facts.meta != 0
            && let Ok(meta) = Facts::read(facts.meta, self.objects)
            && meta.is_open()
        {
            let meta = Class::Recorded(meta);
            for special in ["__getattribute__", name] {
                if let Lookup::Found(owner, _) = meta.lookup(special, self.objects)? {
                    return unsupported(format!(
                        "the metaclass {} defines {special}",
                        owner.qualname
                    ));
                }
            }
        }
        match name {
            "__name__" => return Ok(Val::str(&facts.name)),
            "__qualname__" => return Ok(Val::str(&facts.qualname)),
            "__module__" => return Ok(Val::str(&facts.module)),
            "__mro__" | "__bases__" => {
                let key = if name == "__mro__" { "mro" } else { "bases" };
                if let Some(value) = field(&facts.state, key) {
                    return self.recorded(value);
                }
            }
            "__dict__" => return unsupported("the namespace of a class as a whole"),
            _ => {}
        }
        if class.derives_named("enum", "Enum", self.objects)
            && let Some(map) = entry(facts.state.attrs.as_ref(), "_member_map_")
            && let Some(member) = self.find_item(&Val::from(map), &Val::str(name))?
        {
            return self.got(member);
        }
        match class.lookup(name, self.objects)? {
            Lookup::Found(owner, found) => {
                let OwnedValue::Ref(id) = &found else { return self.recorded(&found) };
                let (kind, _) = self.objects.object_head(*id)?;
                match kind {
                    Kind::StaticMethod => match field(&*self.state(*id)?, "__func__") {
                        Some(inner) => self.recorded(inner),
                        None => unknown("no contents in the trace"),
                    },
                    Kind::ClassMethod => self.class_method(&class, *id),
                    Kind::Instance => self.bound(&class.value(), &owner, &found, name),
                    Kind::Opaque => {
                        let typ = Class::of(&Val::Ref(*id), self.objects)?;
                        // The interpreter's own give themselves to a class.
                        let own = typ.qualname().ends_with("_descriptor")
                            || typ.qualname() == "_tuplegetter";
                        if own || c_descriptor(&typ) == Some(0) {
                            return Ok(Val::Ref(*id));
                        }
                        unsupported(format!(
                            "{}.{name} is a {}, which may be a descriptor",
                            owner.qualname,
                            typ.qualname()
                        ))
                    }
                    _ => Ok(Val::Ref(*id)),
                }
            }
            Lookup::Hidden(owner) => unsupported(format!(
                "{}.{} is recorded by name only and may define {name}",
                owner.module, owner.qualname
            )),
            Lookup::Absent if !facts.is_open() || is_object_method(name) || name == "__doc__" => {
                unsupported(format!("attribute {name} of a built-in class"))
            }
            Lookup::Absent => {
                let builtin_bases = class.mro(self.objects)?.iter().any(|base| match base {
                    Class::Recorded(base) => !base.is_open() && !base.is("builtins", "object"),
                    Class::Builtin(name) => *name != "object",
                });
                if builtin_bases {
                    return unsupported(format!("attribute {name} of a built-in class"));
                }
                let class = &facts.name;
                python("AttributeError", format!("type object '{class}' has no attribute '{name}'"))
            }
        }
    }

    fn module_attribute(&self, id: u64, name: &str) -> R<Val> {
        let state = self.state(id)?;
        let dict = field(&state, "__dict__").map(Val::from);
        if name == "__dict__"
            && let Some(dict) = dict
        {
            return Ok(dict);
        }
        if let Some(dict) = &dict
            && let Some(value) = self.find_item(dict, &Val::str(name))?
        {
            return self.got(value);
        }
        if let Some(value) = field(&state, name) {
            return self.recorded(value);
        }
        let module = crate::show::class::text_field(&state, "__name__", self.objects)
            .unwrap_or_else(|| "?".to_owned());
        if dict.is_none()
            && let Some(value) = self.changed_name(&module, name)?
        {
            let gone = || format!("module '{module}' has no attribute '{name}'");
            return value.map_or_else(|| python("AttributeError", gone()), Ok);
        }
        match dict {
            None => unsupported(format!("the namespace of module {module} was not followed")),
            Some(dict) => {
                if self.find_item(&dict, &Val::str("__getattr__"))?.is_some() {
                    return unsupported(format!("{module}.__getattr__ is recorded code"));
                }
                python("AttributeError", format!("module '{module}' has no attribute '{name}'"))
            }
        }
    }

    /// What the program has put into a module of Python's own under a name: `Some(None)` if it has
    /// deleted it, `None` if the name is as Python has it.
    pub(super) fn changed_name(&self, module: &str, name: &str) -> R<Option<Option<Val>>> {
        let Some(id) = self.objects.changed_names() else { return Ok(None) };
        let state = self.state(id)?;
        let key = format!("{module}:{name}");
        let same = |known: &OwnedValue| matches!(known, OwnedValue::Str(text) if **text == *key.as_bytes());
        let found = state.map.iter().flatten().find(|(known, _)| same(known));
        Ok(match found {
            None => None,
            Some((_, OwnedValue::Unbound)) => Some(None),
            Some((_, value)) => Some(Some(self.recorded(value)?)),
        })
    }

    /// A method of the built-in type that the value is or derives from.
    fn container_method(&self, value: &Val, name: &str) -> R<Option<Val>> {
        let Some(base) = self.base_type(value)? else { return Ok(None) };
        Ok(super::method::known(base, name)
            .then(|| Val::Method(Arc::new((value.clone(), name.into())))))
    }

    /// Attributes of values of built-in types.
    fn builtin_attribute(&self, value: &Val, name: &str) -> R<Val> {
        let plain = super::plain(value, self.objects);
        if let Some(method) = self.container_method(value, name)? {
            return Ok(method);
        }
        match (name, &plain) {
            ("__class__", _) => return Ok(Class::of(value, self.objects)?.value()),
            ("real" | "numerator", int) if int.is_int() => {
                return Ok(Val::int(int.as_int().unwrap_or_default()));
            }
            ("imag", int) if int.is_int() => return Ok(Val::Int(0)),
            ("denominator", int) if int.is_int() => return Ok(Val::Int(1)),
            ("real", Val::Float(value)) => return Ok(Val::Float(*value)),
            ("imag", Val::Float(_)) => return Ok(Val::Float(0.0)),
            ("real", Val::Complex(re, _)) => return Ok(Val::Float(*re)),
            ("imag", Val::Complex(_, im)) => return Ok(Val::Float(*im)),
            ("start", Val::Range(parts)) => return Ok(Val::int(parts[0].clone())),
            ("stop", Val::Range(parts)) => return Ok(Val::int(parts[1].clone())),
            ("step", Val::Range(parts)) => return Ok(Val::int(parts[2].clone())),
            ("start", Val::Slice(parts)) => return self.got(parts[0].clone()),
            ("stop", Val::Slice(parts)) => return self.got(parts[1].clone()),
            ("step", Val::Slice(parts)) => return self.got(parts[2].clone()),
            ("__name__" | "__qualname__", Val::Type(_)) => {
                let class = Class::from_val(&plain, self.objects)?;
                return Ok(Val::str(class.as_ref().map_or("?", Class::qualname)));
            }
            ("__module__", Val::Type(_)) => {
                let class = Class::from_val(&plain, self.objects)?;
                return Ok(Val::str(class.as_ref().map_or("?", Class::module)));
            }
            ("__name__" | "__qualname__", Val::Function(name)) => return Ok(Val::str(name)),
            ("__self__", Val::Bound(bound)) => return Ok(bound.0.clone()),
            ("__func__", Val::Bound(bound)) => return Ok(Val::Ref(bound.1)),
            ("__name__" | "__qualname__" | "__module__", Val::Bound(bound)) => {
                return self.attribute(&Val::Ref(bound.1), name);
            }
            _ => {}
        }
        let Val::Ref(id) = plain else {
            if is_object_method(name) || name == "__doc__" || matches!(plain, Val::Type(_)) {
                return unsupported(format!("attribute {name} of a built-in type"));
            }
            if let Some(base) = self.base_type(&plain)?
                && (super::method::exists(base, name) || name.starts_with("__"))
            {
                return unsupported(format!("the method {name} of {base}"));
            }
            if matches!(plain, Val::Iter(..) | Val::Method(_) | Val::Function(_) | Val::View(..)) {
                return unsupported(format!("attribute {name} of a built-in type"));
            }
            return self.missing(&plain, name);
        };
        let state = self.state(id)?;
        if let Some(found) = field(&state, name) {
            return self.recorded(found);
        }
        if let Some(found) = entry(state.attrs.as_ref(), name) {
            return self.recorded(found);
        }
        if let Some(found) = self.buffer_attribute(value, &state, name)? {
            return Ok(found);
        }
        match (state.kind, name) {
            (Kind::Function | Kind::SimpleNamespace | Kind::Partial, "__dict__") => {
                return Ok(dict_of(&state));
            }
            (Kind::Function, "__closure__" | "__defaults__" | "__kwdefaults__" | "__doc__") => {
                return unsupported(format!("{name} of this function"));
            }
            (Kind::Method, _) => {
                if let Some(function) = field(&state, "__func__") {
                    let function = self.recorded(function)?;
                    if let Val::Ref(function_id) = function
                        && self.objects.object_head(function_id)?.0 == Kind::Function
                    {
                        return self.function_attribute(&function, name, value);
                    }
                }
            }
            (Kind::Cell, "cell_contents") => {
                return match &state.scalar {
                    Some(OwnedValue::Unbound) | None => super::error::value_error("Cell is empty"),
                    Some(value) => self.recorded(value),
                };
            }
            (Kind::Deque, "maxlen") => return Ok(Val::None),
            (Kind::DefaultDict, "default_factory") => return Ok(Val::None),
            (Kind::WeakRef, _) => {
                return unsupported(format!("attribute {name} of a weak reference"));
            }
            _ => {}
        }
        if is_object_method(name) || name == "__doc__" {
            return unsupported(format!("attribute {name} of a built-in type"));
        }
        if let Some(base) = self.base_type(value)? {
            if super::method::exists(base, name) || name.starts_with("__") {
                return unsupported(format!("the method {name} of {base}"));
            }
            return self.missing(value, name);
        }
        match state.kind {
            Kind::Function if !name.starts_with("__") => self.missing(value, name),
            Kind::SimpleNamespace => self.missing(value, name),
            _ => unsupported(format!("attribute {name} of an object of this type")),
        }
    }

    fn function_attribute(&self, function: &Val, name: &str, method: &Val) -> R<Val> {
        match self.attribute(function, name) {
            Err(EvalError::Python { class, .. }) if class == "AttributeError" => {
                self.missing(method, name)
            }
            other => other,
        }
    }
}

impl Facts {
    fn derives_enum(&self, eval: &Eval<'_>) -> bool {
        Class::Recorded(Arc::new(self.clone())).derives_named("enum", "Enum", eval.objects)
    }
}

/// A class recorded by name only that might define `__getattribute__` is taken not to: hardly any
/// does, and a wrong answer would need it to change plain attributes.
/// Whether a C type's objects are descriptors: 1 for `__get__`, 2 for `__set__`; `None` if the trace
/// does not say.
fn c_descriptor(class: &Class) -> Option<i64> {
    match class {
        Class::Recorded(facts) => match field(&facts.state, "descr") {
            Some(OwnedValue::Int(bits)) => Some(*bits),
            _ => None,
        },
        Class::Builtin(_) => None,
    }
}

fn ignore_hidden(error: EvalError) -> R<()> {
    match error {
        EvalError::Unsupported(why) if why.contains("by name only") => Ok(()),
        error => Err(error),
    }
}

fn dict_of(state: &ObjectState) -> Val {
    let pairs = state.attrs.iter().flatten().filter(|(_, value)| *value != OwnedValue::Unbound);
    Val::Dict(Arc::new(pairs.map(|(key, value)| (Val::from(key), Val::from(value))).collect()))
}

/// Methods that every object has.
fn is_object_method(name: &str) -> bool {
    matches!(
        name,
        "__delattr__"
            | "__dir__"
            | "__eq__"
            | "__format__"
            | "__ge__"
            | "__getattribute__"
            | "__getstate__"
            | "__gt__"
            | "__hash__"
            | "__init__"
            | "__init_subclass__"
            | "__le__"
            | "__lt__"
            | "__ne__"
            | "__new__"
            | "__reduce__"
            | "__reduce_ex__"
            | "__repr__"
            | "__setattr__"
            | "__sizeof__"
            | "__str__"
            | "__subclasshook__"
    )
}
