//! The heap as [`Objects`], for whoever shows values while walking a whole trace.

use super::{Heap, Object, OrderedMap};
use crate::show::{Objects, Unavailable};
use moviola_format::event::Kind;
use moviola_format::read::{Items, ObjectState, OwnedValue, Slice, Status};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

/// Contents kept.
const KEPT: usize = 4096;

/// Contents that were made before, kept while they stay what they are.
#[derive(Debug, Default)]
pub struct Seen {
    made: RefCell<FxHashMap<u64, (u64, Arc<ObjectState>)>>,
}

impl Seen {
    /// The heap now, for values of Python 3.`minor`.
    pub fn of<'h>(&'h self, heap: &'h Heap, minor: u32) -> View<'h> {
        View { heap, seen: self, minor, looked: RefCell::default() }
    }
}

/// The heap at one moment.
#[derive(Debug)]
pub struct View<'h> {
    heap: &'h Heap,
    seen: &'h Seen,
    minor: u32,
    looked: RefCell<FxHashSet<u64>>,
}

impl View<'_> {
    /// The objects that were looked at: what was shown is the same until one of them changes.
    pub fn looked(&self) -> Vec<u64> {
        self.looked.borrow().iter().copied().collect()
    }

    fn get(&self, id: u64) -> Result<&Object, Unavailable> {
        self.looked.borrow_mut().insert(id);
        self.heap.get(id).ok_or_else(|| Unavailable("object without a record".to_owned()))
    }

    fn known(&self, id: u64) -> Result<&Object, Unavailable> {
        let object = self.get(id)?;
        match object.unknown {
            Some(reason) => Err(Unavailable(reason.text().to_owned())),
            None => Ok(object),
        }
    }
}

impl Objects for View<'_> {
    fn object(&self, id: u64) -> Result<Arc<ObjectState>, Unavailable> {
        let object = self.get(id)?;
        let mut made = self.seen.made.borrow_mut();
        if let Some((changed, state)) = made.get(&id)
            && *changed == object.changed
        {
            return Ok(Arc::clone(state));
        }
        if made.len() >= KEPT {
            made.clear();
        }
        let state = Arc::new(state(object));
        made.insert(id, (object.changed, Arc::clone(&state)));
        Ok(state)
    }

    fn object_head(&self, id: u64) -> Result<(Kind, u64), Unavailable> {
        let object = self.get(id)?;
        Ok((object.kind.unwrap_or(Kind::Opaque), object.class))
    }

    fn slice(&self, id: u64, range: Range<u64>) -> Result<Slice, Unavailable> {
        let object = self.known(id)?;
        let part = |len: usize| {
            let start = usize::try_from(range.start).unwrap_or(len).min(len);
            start..usize::try_from(range.end).unwrap_or(len).clamp(start, len)
        };
        let (len, range, values) = match &object.map {
            Some(elements) if object.is_set() => {
                let range = part(elements.len());
                let keys = elements.iter().map(|(key, _)| key.clone());
                (elements.len(), range.clone(), keys.skip(range.start).take(range.len()).collect())
            }
            _ => {
                let all = object.seq.as_deref().unwrap_or_default();
                let range = part(all.len());
                (all.len(), range.clone(), all[range].to_vec())
            }
        };
        Ok(Slice { len: len as u64, range: range.start as u64..range.end as u64, values })
    }

    fn first_items(&self, id: u64, count: usize) -> Option<Result<(u64, Items), Unavailable>> {
        let first = |map: &OrderedMap| {
            let set = map.iter().filter(|(_, value)| **value != OwnedValue::Unbound);
            let items = set.take(count).map(|(key, value)| (key.clone(), value.clone()));
            (map.set_len() as u64, items.collect())
        };
        let map = self.known(id).and_then(|object| match object.dict_of {
            Some(owner) if object.map.is_none() => Ok(self.known(owner)?.attrs.as_ref()),
            _ => Ok(object.map.as_ref()),
        });
        Some(map.map(|map| map.map_or_else(Default::default, first)))
    }

    fn python_minor(&self) -> u32 {
        self.minor
    }
}

fn state(object: &Object) -> ObjectState {
    let items = |map: &OrderedMap| -> Items {
        map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let is_set = object.is_set();
    let elements = object.map.as_ref().filter(|_| is_set);
    let elements = elements.map(|map| map.iter().map(|(key, _)| key.clone()).collect());
    ObjectState {
        kind: object.kind.unwrap_or(Kind::Opaque),
        class: object.class,
        status: object.unknown.map_or(Status::Known, Status::Unknown),
        seq: elements.or_else(|| object.seq.clone()),
        map: object.map.as_ref().filter(|_| !is_set).map(items),
        attrs: object.attrs.as_ref().map(items),
        fields: (!object.fields.is_empty()).then(|| object.fields.clone()),
        scalar: object.scalar.clone(),
        blob: object.blob.clone(),
        dict_of: object.dict_of,
    }
}
