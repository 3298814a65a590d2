//! All recorded objects at one moment, kept up to date event by event, forwards only.
//!
//! For whoever walks a whole trace (the export). A position in the middle is answered by the
//! trace's index instead; this module never looks anything up there.

mod map;
mod view;

use moviola_format::event::{Event, Kind, Part, Reason, Value};
use moviola_format::read::OwnedValue;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

pub use map::{Key, OrderedMap};
pub use view::Seen;

/// An object's contents now.
#[derive(Debug, Default)]
pub struct Object {
    /// What it is.
    pub kind: Option<Kind>,
    /// Object id of its class; 0: the kind's own exact type.
    pub class: u64,
    /// Why the contents are not known.
    pub unknown: Option<Reason>,
    /// Elements; those of sets are the keys of `map`.
    pub seq: Option<Vec<OwnedValue>>,
    /// Items of a dict, elements of a set.
    pub map: Option<OrderedMap>,
    /// Instance dictionary.
    pub attrs: Option<OrderedMap>,
    /// Slots and named C-level fields.
    pub fields: Vec<(OwnedValue, OwnedValue)>,
    /// A cell's contents, a payload, a text form.
    pub scalar: Option<OwnedValue>,
    /// Raw bytes.
    pub blob: Option<Vec<u8>>,
    /// The dict is the `__dict__` of this object.
    pub dict_of: Option<u64>,
    /// Clock of the last change.
    pub changed: u64,
}

impl Object {
    /// A field by name; `None` if absent or unset.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&OwnedValue> {
        self.fields
            .iter()
            .find(|(key, _)| matches!(key, OwnedValue::Str(text) if **text == *name.as_bytes()))
            .map(|(_, value)| value)
            .filter(|value| !matches!(value, OwnedValue::Unbound))
    }

    fn is_set(&self) -> bool {
        matches!(self.kind, Some(Kind::Set | Kind::FrozenSet))
    }
}

/// The objects alive, and a clock of changes.
#[derive(Debug, Default)]
pub struct Heap {
    objects: FxHashMap<u64, Object>,
    /// Dead objects are kept for a few stops: a frame may show them until its next event.
    dying: VecDeque<(u64, u64)>,
    clock: u64,
    stop: u64,
}

/// Stops for which a dead object can still be looked at.
const AFTERLIFE_STOPS: u64 = 64;

impl Heap {
    /// Counts the changes so far.
    #[must_use]
    pub const fn clock(&self) -> u64 {
        self.clock
    }

    /// The object, if it is known.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<&Object> {
        self.objects.get(&id)
    }

    /// Notes that a stop has passed, and lets go of what died long ago.
    pub fn pass_stop(&mut self) {
        self.stop += 1;
        while let Some((stop, id)) = self.dying.front().copied() {
            if stop + AFTERLIFE_STOPS > self.stop {
                break;
            }
            self.dying.pop_front();
            self.objects.remove(&id);
        }
    }

    /// Applies an event; `false` if it is none about objects.
    pub fn apply(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::Object { id, kind, class, parts } => {
                self.clock += 1;
                let mut object = Object {
                    kind: Some(*kind),
                    class: *class,
                    changed: self.clock,
                    ..Object::default()
                };
                set_parts(&mut object, parts);
                self.objects.insert(*id, object);
            }
            Event::Replace { id, parts } => {
                if let Some(object) = self.touch(*id) {
                    object.unknown = None;
                    object.seq = None;
                    object.map = None;
                    object.attrs = None;
                    object.fields.clear();
                    object.scalar = None;
                    object.blob = None;
                    object.dict_of = None;
                    set_parts(object, parts);
                }
            }
            Event::SeqSet { id, index, value } => {
                if let Some(object) = self.touch(*id)
                    && let Some(place) =
                        object.seq.as_mut().and_then(|seq| seq.get_mut(*index as usize))
                {
                    *place = OwnedValue::from(*value);
                }
            }
            Event::SeqSplice { id, start, deleted, inserted } => {
                self.splice(*id, *start, *deleted, inserted);
            }
            Event::SeqAppend { id, value } => self.splice(*id, u64::MAX, 0, &[*value]),
            Event::SeqRemove { id, value } => self.remove_equal(*id, value),
            Event::MapSet { id, key, value } => {
                self.with_map(*id, Which::Map, |map, heap| {
                    map.set(heap, OwnedValue::from(*key), OwnedValue::from(*value));
                });
            }
            Event::MapDel { id, key } => {
                self.with_map(*id, Which::Map, |map, heap| map.remove(heap, &(*key).into()));
            }
            Event::AttrSet { id, key, value } => {
                self.with_map(*id, Which::Attrs, |map, heap| {
                    map.set(heap, OwnedValue::from(*key), OwnedValue::from(*value));
                });
            }
            Event::AttrDel { id, key } => {
                self.with_map(*id, Which::Attrs, |map, heap| map.remove(heap, &(*key).into()));
            }
            Event::Clear { id } => {
                if let Some(object) = self.touch(*id) {
                    if let Some(seq) = &mut object.seq {
                        seq.clear();
                    }
                    if object.map.is_some() {
                        object.map = Some(OrderedMap::default());
                    }
                }
            }
            Event::FieldSet { id, key, value } => {
                if let Some(object) = self.touch(*id) {
                    let key = OwnedValue::from(*key);
                    let value = OwnedValue::from(*value);
                    match object.fields.iter_mut().find(|(name, _)| *name == key) {
                        Some((_, place)) => *place = value,
                        None => object.fields.push((key, value)),
                    }
                }
            }
            Event::ScalarSet { id, value } => {
                if let Some(object) = self.touch(*id) {
                    object.scalar = Some(OwnedValue::from(*value));
                }
            }
            Event::BlobSplice { id, start, deleted, data } => {
                if let Some(object) = self.touch(*id) {
                    let blob = object.blob.get_or_insert_with(Vec::new);
                    let start = (*start as usize).min(blob.len());
                    let end = start.saturating_add(*deleted as usize).min(blob.len());
                    blob.splice(start..end, data.iter().copied());
                }
            }
            Event::Death { id } => self.dying.push_back((self.stop, *id)),
            Event::Unknown { id, reason } => {
                if let Some(object) = self.touch(*id) {
                    object.unknown = Some(*reason);
                }
            }
            _ => return false,
        }
        true
    }

    fn touch(&mut self, id: u64) -> Option<&mut Object> {
        self.clock += 1;
        let clock = self.clock;
        let object = self.objects.get_mut(&id)?;
        object.changed = clock;
        Some(object)
    }

    fn splice(&mut self, id: u64, start: u64, deleted: u64, inserted: &[Value<'_>]) {
        let Some(object) = self.touch(id) else { return };
        if object.is_set() {
            self.with_map(id, Which::Map, |map, heap| {
                for value in inserted {
                    map.set(heap, OwnedValue::from(*value), OwnedValue::None);
                }
            });
            return;
        }
        let seq = object.seq.get_or_insert_with(Vec::new);
        if start == u64::MAX || (deleted == 0 && start as usize == seq.len()) {
            seq.extend(inserted.iter().map(|value| OwnedValue::from(*value)));
            return;
        }
        let start = (start as usize).min(seq.len());
        let end = start.saturating_add(deleted as usize).min(seq.len());
        seq.splice(start..end, inserted.iter().map(|value| OwnedValue::from(*value)));
    }

    fn remove_equal(&mut self, id: u64, value: &Value<'_>) {
        let value = OwnedValue::from(*value);
        let Some(object) = self.touch(id) else { return };
        if object.map.is_some() && object.seq.is_none() {
            self.with_map(id, Which::Map, |map, heap| map.remove(heap, &value));
            return;
        }
        let Some(seq) = object.seq.take() else { return };
        let wanted = Key::of(self, &value);
        let place = seq.iter().position(|element| Key::of(self, element) == wanted);
        let Some(object) = self.objects.get_mut(&id) else { return };
        let mut seq = seq;
        if let Some(place) = place {
            seq.remove(place);
        }
        object.seq = Some(seq);
    }

    fn with_map(&mut self, id: u64, which: Which, change: impl FnOnce(&mut OrderedMap, &Heap)) {
        let Some(object) = self.touch(id) else { return };
        // A dict that is an instance's `__dict__` stores into that instance.
        if which == Which::Map
            && let Some(owner) = object.dict_of
        {
            self.with_map(owner, Which::Attrs, change);
            return;
        }
        let slot = match which {
            Which::Map => &mut object.map,
            Which::Attrs => &mut object.attrs,
        };
        let mut map = slot.take().unwrap_or_default();
        change(&mut map, self);
        if let Some(object) = self.objects.get_mut(&id) {
            match which {
                Which::Map => object.map = Some(map),
                Which::Attrs => object.attrs = Some(map),
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Which {
    Map,
    Attrs,
}

fn set_parts(object: &mut Object, parts: &[Part<'_>]) {
    let pairs = |items: &[(Value<'_>, Value<'_>)]| {
        items
            .iter()
            .map(|(key, value)| (OwnedValue::from(*key), OwnedValue::from(*value)))
            .collect::<Vec<_>>()
    };
    for part in parts {
        match part {
            Part::Seq(values) if object.is_set() => {
                let items = values.iter().map(|value| (OwnedValue::from(*value), OwnedValue::None));
                object.map = Some(OrderedMap::from_items(items.collect()));
            }
            Part::Seq(values) => {
                object.seq = Some(values.iter().map(|value| OwnedValue::from(*value)).collect());
            }
            Part::Map(items) => object.map = Some(OrderedMap::from_items(pairs(items))),
            Part::Attrs(items) => object.attrs = Some(OrderedMap::from_items(pairs(items))),
            Part::Fields(items) => object.fields = pairs(items),
            Part::Scalar(value) => object.scalar = Some(OwnedValue::from(*value)),
            Part::Blob(bytes) => object.blob = Some(bytes.to_vec()),
            Part::DictOf(owner) => object.dict_of = Some(*owner),
        }
    }
}
