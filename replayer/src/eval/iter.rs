//! Lengths and elements of containers, recorded or made. Never runs `__len__` or `__iter__`.

use super::error::{R, type_error, unknown, unsupported};
use super::plain::dict_items;
use super::run::{Eval, SIZE_MAX};
use super::val::Val;
use crate::show::class::{Class, entry, field};
use crate::show::text::{code_point, push_point};
use moviola_format::event::Kind;
use num_bigint::BigInt;
use num_traits::ToPrimitive as _;

impl Eval<'_> {
    /// The built-in container type that a value is or derives from.
    pub(super) fn container(&self, value: &Val) -> R<Option<Kind>> {
        Ok(match value {
            Val::List(_) => Some(Kind::List),
            Val::Tuple(_) => Some(Kind::Tuple),
            Val::Set(_) => Some(Kind::Set),
            Val::FrozenSet(_) => Some(Kind::FrozenSet),
            Val::Dict(_) => Some(Kind::Dict),
            Val::Ref(id) => {
                let (kind, class) = self.objects.object_head(*id)?;
                match kind {
                    Kind::List
                    | Kind::Tuple
                    | Kind::Set
                    | Kind::FrozenSet
                    | Kind::Deque
                    | Kind::Dict
                    | Kind::OrderedDict
                    | Kind::DefaultDict
                    | Kind::MappingProxy => Some(kind),
                    Kind::Instance if class != 0 => match Class::of(value, self.objects)? {
                        Class::Recorded(facts) => facts
                            .base
                            .and_then(|code| u8::try_from(code).ok())
                            .and_then(Kind::from_code)
                            .filter(|kind| {
                                !matches!(
                                    kind,
                                    Kind::Str | Kind::Bytes | Kind::ByteArray | Kind::Int
                                )
                            }),
                        Class::Builtin(_) => None,
                    },
                    _ => None,
                }
            }
            _ => None,
        })
    }

    /// `len(value)`.
    pub(super) fn length(&self, value: &Val) -> R<usize> {
        Ok(match self.scalar(value, "__len__")? {
            Val::Str(text) => crate::show::text::point_count(&text),
            Val::Bytes(bytes) | Val::ByteArray(bytes) => bytes.len(),
            Val::List(items) | Val::Tuple(items) | Val::Set(items) | Val::FrozenSet(items) => {
                items.len()
            }
            Val::View(_, items) => items.len(),
            Val::Dict(pairs) => pairs.len(),
            Val::Range(parts) => match super::item::range_len(&parts).to_usize() {
                Some(len) => len,
                None => {
                    return super::error::python(
                        "OverflowError",
                        "Python int too large to convert to C ssize_t",
                    );
                }
            },
            Val::Unknown(reason) => return unknown(&reason),
            Val::Ref(id) => {
                if let Some(stand_in) = self.stand_in(value)? {
                    return self.length(&stand_in);
                }
                self.no_method(value, "__len__")?;
                match self.container(value)? {
                    Some(Kind::List | Kind::Tuple | Kind::Set | Kind::FrozenSet | Kind::Deque) => {
                        self.objects.slice(id, 0..0)?.len as usize
                    }
                    Some(_) => self.mapping(value)?.map_or(0, |pairs| pairs.len()),
                    None => {
                        let state = self.state(id)?;
                        match state.kind {
                            Kind::MemoryView | Kind::Array => {
                                let size = field(&state, "itemsize")
                                    .and_then(|size| Val::from(size).as_i64())
                                    .and_then(|size| usize::try_from(size).ok())
                                    .filter(|size| *size > 0);
                                let blob = state.blob.as_ref().map_or(0, Vec::len);
                                match (state.kind, size) {
                                    (Kind::Array, Some(size)) => blob / size,
                                    _ => return unsupported("the length of this memoryview"),
                                }
                            }
                            Kind::Opaque => {
                                return unsupported("the length of an object of an opaque C type");
                            }
                            _ => {
                                if let Some(len) = self.enum_members(value)? {
                                    return Ok(len.len());
                                }
                                return self.no_len(value);
                            }
                        }
                    }
                }
            }
            _ => return self.no_len(value),
        })
    }

    fn no_len<T>(&self, value: &Val) -> R<T> {
        let name = self.type_name(value)?;
        type_error(format!("object of type '{name}' has no len()"))
    }

    /// The members of an enum class.
    fn enum_members(&self, value: &Val) -> R<Option<Vec<Val>>> {
        let Some(class @ Class::Recorded(_)) = Class::from_val(value, self.objects)? else {
            return Ok(None);
        };
        let Class::Recorded(facts) = &class else { return Ok(None) };
        if !class.derives_named("enum", "Enum", self.objects) {
            return Ok(None);
        }
        let Some(map) = entry(facts.state.attrs.as_ref(), "_member_map_") else { return Ok(None) };
        let names = entry(facts.state.attrs.as_ref(), "_member_names_").map(Val::from);
        let Some(members) = self.mapping(&Val::from(map))? else { return Ok(None) };
        let Some(names) = names else {
            return Ok(Some(members.into_iter().map(|(_, member)| member).collect()));
        };
        let mut out = Vec::new();
        for name in self.nested(|| self.iterate(&names))? {
            for (key, member) in &members {
                if self.equal(key, &name)? {
                    out.push(member.clone());
                }
            }
        }
        Ok(Some(out))
    }

    /// All elements of a sequence or set that was recorded.
    fn all(&self, id: u64) -> R<Vec<Val>> {
        let slice = self.objects.slice(id, 0..u64::MAX)?;
        self.step(slice.values.len())?;
        Ok(slice.values.iter().map(Val::from).collect())
    }

    /// The elements that iteration gives; unknown ones stand as such.
    pub(super) fn iterate(&self, value: &Val) -> R<Vec<Val>> {
        self.no_numpy(value)?;
        if let Some(stand_in) = self.stand_in(value)? {
            return self.nested(|| self.iterate(&stand_in));
        }
        let out = match self.scalar(value, "__iter__")? {
            Val::Str(text) => {
                let mut out = Vec::new();
                let mut at = 0;
                while at < text.len() {
                    let (point, len) = code_point(&text[at..]);
                    at += len;
                    let mut one = Vec::with_capacity(4);
                    push_point(&mut one, point);
                    out.push(Val::text(one));
                }
                out
            }
            Val::Bytes(bytes) | Val::ByteArray(bytes) => {
                bytes.iter().map(|byte| Val::Int(i64::from(*byte))).collect()
            }
            Val::List(items)
            | Val::Tuple(items)
            | Val::Set(items)
            | Val::FrozenSet(items)
            | Val::View(_, items)
            | Val::Iter(_, items) => items.to_vec(),
            Val::Dict(pairs) => pairs.iter().map(|(key, _)| key.clone()).collect(),
            Val::Range(parts) => {
                let len = super::item::range_len(&parts);
                match len.to_usize().filter(|len| *len <= SIZE_MAX) {
                    Some(len) => {
                        self.step(len)?;
                        let mut at: BigInt = parts[0].clone();
                        let mut out = Vec::with_capacity(len);
                        for _ in 0..len {
                            out.push(Val::int(at.clone()));
                            at += &parts[2];
                        }
                        out
                    }
                    None => return unsupported("the range is too long"),
                }
            }
            Val::Unknown(reason) => return unknown(&reason),
            Val::Ref(id) => {
                self.no_method(value, "__iter__")?;
                match self.container(value)? {
                    Some(Kind::List | Kind::Tuple | Kind::Set | Kind::FrozenSet | Kind::Deque) => {
                        self.all(id)?
                    }
                    Some(_) => self
                        .mapping(value)?
                        .unwrap_or_default()
                        .into_iter()
                        .map(|(key, _)| key)
                        .collect(),
                    None => {
                        let kind = self.objects.object_head(id)?.0;
                        match kind {
                            Kind::Generator => {
                                return unsupported("a generator cannot run in a recording");
                            }
                            Kind::Opaque | Kind::MemoryView | Kind::Array => {
                                return unsupported("iteration over an opaque C type");
                            }
                            _ => {}
                        }
                        if let Some(members) = self.enum_members(value)? {
                            return Ok(members);
                        }
                        self.no_method(value, "__getitem__")?;
                        return self.not_iterable(value);
                    }
                }
            }
            _ => return self.not_iterable(value),
        };
        self.step(out.len())?;
        Ok(out)
    }

    fn not_iterable<T>(&self, value: &Val) -> R<T> {
        let name = self.type_name(value)?;
        type_error(format!("'{name}' object is not iterable"))
    }

    /// The items of a dict or of what derives from one; `None` if the value is no mapping.
    pub(super) fn mapping(&self, value: &Val) -> R<Option<Vec<(Val, Val)>>> {
        if let Val::Dict(pairs) = value {
            return Ok(Some(pairs.to_vec()));
        }
        let Val::Ref(id) = value else { return Ok(None) };
        Ok(match self.container(value)? {
            Some(Kind::Dict | Kind::OrderedDict | Kind::DefaultDict) => {
                let state = self.state(*id)?;
                if let Some(owner) = state.dict_of
                    && state.map.is_none()
                {
                    self.state(owner)?;
                }
                let items = dict_items(&state, self.objects);
                self.step(items.len())?;
                Some(items.iter().map(|(key, value)| (Val::from(key), Val::from(value))).collect())
            }
            Some(Kind::MappingProxy) => match field(&*self.state(*id)?, "mapping") {
                Some(inner) => {
                    let inner = Val::from(inner);
                    if matches!(&inner, Val::Ref(inner) if inner == id) {
                        return unknown("damaged trace");
                    }
                    match &inner {
                        Val::Ref(inner)
                            if self.objects.object_head(*inner)?.0 == Kind::MappingProxy =>
                        {
                            return unsupported("a mapping proxy of a mapping proxy");
                        }
                        _ => self.mapping(&inner)?,
                    }
                }
                None => return unknown("no contents in the trace"),
            },
            _ => None,
        })
    }
}
