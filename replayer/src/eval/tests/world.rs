//! A small recorded world in memory: objects made from literals, and classes by hand.

use crate::eval::{Expression, Scope, Val};
use crate::show::{Objects, Unavailable};
use moviola_format::event::{Kind, Reason};
use moviola_format::read::{Items, ObjectState, OwnedValue, Status};
use num_bigint::{BigInt, Sign};
use std::collections::HashMap;
use std::sync::Arc;

/// Objects and names.
#[derive(Default)]
pub struct World {
    pub objects: HashMap<u64, Arc<ObjectState>>,
    pub names: HashMap<String, OwnedValue>,
    pub minor: u32,
    next: u64,
}

impl Objects for World {
    fn object(&self, id: u64) -> Result<Arc<ObjectState>, Unavailable> {
        self.objects.get(&id).cloned().ok_or_else(|| Unavailable("no such object".to_owned()))
    }

    fn python_minor(&self) -> u32 {
        self.minor
    }
}

impl Scope for World {
    fn local(&self, name: &str) -> Option<OwnedValue> {
        self.names.get(name).cloned()
    }

    fn global(&self, _name: &str) -> Option<OwnedValue> {
        None
    }

    fn local_names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }
}

pub fn blank(kind: Kind) -> ObjectState {
    ObjectState {
        kind,
        class: 0,
        status: Status::Known,
        seq: None,
        map: None,
        attrs: None,
        fields: None,
        scalar: None,
        blob: None,
        dict_of: None,
    }
}

pub fn text(text: &str) -> OwnedValue {
    OwnedValue::Str(text.as_bytes().into())
}

pub fn named(items: &[(&str, OwnedValue)]) -> Items {
    items.iter().map(|(name, value)| (text(name), value.clone())).collect()
}

impl World {
    pub fn new(minor: u32) -> Self {
        Self { minor, next: 1, ..Self::default() }
    }

    pub fn add(&mut self, state: ObjectState) -> u64 {
        let id = self.next;
        self.next += 1;
        self.objects.insert(id, Arc::new(state));
        id
    }

    pub fn put(&mut self, state: ObjectState) -> OwnedValue {
        OwnedValue::Ref(self.add(state))
    }

    pub fn change(&mut self, id: u64, change: impl FnOnce(&mut ObjectState)) {
        let mut state = (*self.objects[&id]).clone();
        change(&mut state);
        self.objects.insert(id, Arc::new(state));
    }

    /// Evaluates a literal and turns what it makes into recorded objects.
    pub fn literal(&mut self, source: &str) -> OwnedValue {
        let value = Expression::parse(source).unwrap().evaluate(self).unwrap().value;
        self.record(&value)
    }

    pub fn set(&mut self, name: &str, value: OwnedValue) {
        self.names.insert(name.to_owned(), value);
    }

    pub fn assign(&mut self, name: &str, source: &str) {
        let value = self.literal(source);
        self.set(name, value);
    }

    pub fn record(&mut self, value: &Val) -> OwnedValue {
        let mut seq = |kind, items: &[Val]| {
            let items = items.iter().map(|item| self.record(item)).collect();
            self.put(ObjectState { seq: Some(items), ..blank(kind) })
        };
        match value {
            Val::None => OwnedValue::None,
            Val::Bool(value) => OwnedValue::Bool(*value),
            Val::Ellipsis => OwnedValue::Ellipsis,
            Val::NotImplemented => OwnedValue::NotImplemented,
            Val::Int(value) => OwnedValue::Int(*value),
            Val::Big(value) => big(value),
            Val::Float(value) => OwnedValue::Float(*value),
            Val::Complex(re, im) => OwnedValue::Complex(*re, *im),
            Val::Str(text) if text.len() <= 64 => OwnedValue::Str(Arc::clone(text)),
            Val::Bytes(text) if text.len() <= 64 => OwnedValue::Bytes(Arc::clone(text)),
            Val::Str(text) => {
                self.put(ObjectState { blob: Some(text.to_vec()), ..blank(Kind::Str) })
            }
            Val::Bytes(text) => {
                self.put(ObjectState { blob: Some(text.to_vec()), ..blank(Kind::Bytes) })
            }
            Val::ByteArray(text) => {
                self.put(ObjectState { blob: Some(text.to_vec()), ..blank(Kind::ByteArray) })
            }
            Val::Ref(id) => OwnedValue::Ref(*id),
            Val::List(items) => seq(Kind::List, items),
            Val::Tuple(items) => seq(Kind::Tuple, items),
            Val::Set(items) => seq(Kind::Set, items),
            Val::FrozenSet(items) => seq(Kind::FrozenSet, items),
            Val::Dict(pairs) => {
                let items = pairs
                    .iter()
                    .map(|(key, value)| (self.record(key), self.record(value)))
                    .collect();
                self.put(ObjectState { map: Some(items), ..blank(Kind::Dict) })
            }
            Val::Range(parts) => {
                let fields = named(&[
                    ("start", big(&parts[0])),
                    ("stop", big(&parts[1])),
                    ("step", big(&parts[2])),
                ]);
                self.put(ObjectState { fields: Some(fields), ..blank(Kind::Range) })
            }
            Val::Slice(parts) => {
                let [start, stop, step] = &**parts;
                let fields = named(&[
                    ("start", self.record(start)),
                    ("stop", self.record(stop)),
                    ("step", self.record(step)),
                ]);
                self.put(ObjectState { fields: Some(fields), ..blank(Kind::Slice) })
            }
            Val::Type(name) => {
                let (module, name) = name.rsplit_once('.').unwrap_or(("builtins", name));
                OwnedValue::Ref(self.class(module, name, &[], None))
            }
            other => panic!("cannot record {other:?}"),
        }
    }

    /// A class with its MRO after itself; a namespace for one of the program's own.
    pub fn class(
        &mut self,
        module: &str,
        name: &str,
        bases: &[u64],
        namespace: Option<Items>,
    ) -> u64 {
        let id = self.add(blank(Kind::Class));
        let mro = std::iter::once(id).chain(bases.iter().copied()).map(OwnedValue::Ref).collect();
        let mro = self.put(ObjectState { seq: Some(mro), ..blank(Kind::Tuple) });
        let base_kind = bases.iter().find_map(|base| {
            let state = &self.objects[base];
            crate::show::class::field(state, "base_kind").cloned().or_else(|| {
                let name = crate::show::class::text_field(state, "__name__", self)?;
                Some(OwnedValue::Int(match name.as_str() {
                    "list" => Kind::List as i64,
                    "tuple" => Kind::Tuple as i64,
                    "dict" => Kind::Dict as i64,
                    "str" => Kind::Str as i64,
                    "int" => Kind::Int as i64,
                    "float" => 100,
                    _ => return None,
                }))
            })
        });
        let mut fields = named(&[
            ("__module__", text(module)),
            ("__name__", text(name.rsplit('.').next().unwrap())),
            ("__qualname__", text(name)),
            ("mro", mro),
        ]);
        if let Some(kind) = base_kind {
            fields.push((text("base_kind"), kind));
        }
        self.change(id, |state| {
            state.fields = Some(fields);
            state.attrs = namespace;
        });
        id
    }

    pub fn function(&mut self, qualname: &str, file: &str) -> OwnedValue {
        let code = self.put(ObjectState {
            fields: Some(named(&[("co_filename", text(file))])),
            ..blank(Kind::Code)
        });
        let name = qualname.rsplit('.').next().unwrap();
        let fields = named(&[
            ("__name__", text(name)),
            ("__qualname__", text(qualname)),
            ("__code__", code),
        ]);
        self.put(ObjectState { fields: Some(fields), ..blank(Kind::Function) })
    }

    pub fn instance(&mut self, class: u64, attrs: &[(&str, OwnedValue)]) -> OwnedValue {
        self.put(ObjectState { class, attrs: Some(named(attrs)), ..blank(Kind::Instance) })
    }
}

fn big(value: &BigInt) -> OwnedValue {
    if let Ok(small) = i64::try_from(value) {
        return OwnedValue::Int(small);
    }
    let (sign, magnitude) = value.to_bytes_le();
    OwnedValue::Big { negative: sign == Sign::Minus, magnitude: magnitude.into() }
}

/// Not recorded.
pub const UNKNOWN: OwnedValue = OwnedValue::Unknown(Reason::Budget);
