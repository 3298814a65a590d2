//! A mirror of the live recorded objects, kept only so that the bases can be written.
//!
//! Memory is proportional to the live recorded heap. An object's parts stay as the bytes that
//! they came in until the object changes; what is born and dies in one block is never parsed.

use super::bases::Bases;
use super::units::{Rope, encode_root, write_units};
use crate::event::raw::Change;
use crate::event::{Kind, Reason, Sink};
use crate::model::{Contents, RefKey, Resolve, contents_key, immutable_key};
use crate::v1::{NONE, flag};
use rustc_hash::FxHashMap;

/// A row of the block's table of touched objects.
pub type TouchedRow = ((u64, u64), [u64; 4]);

#[derive(Debug)]
enum Body {
    /// Nobody has this slot.
    Free,
    /// Parts in the block that is being written.
    InBlock {
        at: u32,
        len: u32,
    },
    /// Parts as encoded.
    Encoded(Box<[u8]>),
    /// Parts in use.
    Open(Box<Contents>),
    Unknown(Reason),
}

#[derive(Debug)]
struct Object {
    id: u64,
    class: u64,
    kind: Kind,
    /// The last block + 1 that changed it.
    epoch: u32,
    /// Stops after the block's first, at the first change.
    first: u32,
    /// The last block before this one that changed it.
    prev: u32,
    body: Body,
    rope: Option<Box<Rope>>,
}

/// The mirror.
#[derive(Default)]
pub struct Heap {
    index: FxHashMap<u64, u32>,
    objects: Vec<Object>,
    free: Vec<u32>,
    touched: Vec<u32>,
    died: Vec<TouchedRow>,
}

impl Resolve for (&Heap, &[u8]) {
    fn resolve(&self, id: u64) -> RefKey<'_> {
        self.0.ref_key(id, self.1)
    }
}

impl Heap {
    /// Number of live objects.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    fn ref_key<'a>(&'a self, id: u64, raw: &'a [u8]) -> RefKey<'a> {
        let object = self.index.get(&id).and_then(|slot| self.objects.get(*slot as usize));
        let Some(object) = object else { return RefKey::Identity };
        if !matches!(object.kind, Kind::Tuple | Kind::Str | Kind::Bytes | Kind::Int) {
            return RefKey::Identity;
        }
        match &object.body {
            Body::InBlock { at, len } => {
                let (at, len) = (*at as usize, *len as usize);
                immutable_key(object.kind, &raw[at..at + len])
            }
            Body::Encoded(parts) => immutable_key(object.kind, parts),
            Body::Open(contents) => contents_key(object.kind, contents),
            _ => RefKey::Identity,
        }
    }

    fn touch(&mut self, slot: u32, epoch: u32, moment: u32) -> &mut Object {
        let object = &mut self.objects[slot as usize];
        if object.epoch != epoch {
            object.epoch = epoch;
            object.first = moment;
            self.touched.push(slot);
        }
        object
    }

    /// Applies an object event. `end` is the offset behind it in the block `raw`, `moment` the
    /// number of stops in the block before it.
    #[inline]
    pub fn change(
        &mut self,
        raw: &[u8],
        end: usize,
        id: u64,
        change: &Change<'_>,
        block: u32,
        moment: u32,
    ) {
        let epoch = block + 1;
        match *change {
            Change::Object { kind, class, parts } => {
                let kind = Kind::from_code(kind).unwrap_or(Kind::Opaque);
                let body =
                    Body::InBlock { at: (end - parts.len()) as u32, len: parts.len() as u32 };
                self.birth(id, kind, class, body, epoch, moment);
            }
            Change::Death => self.death(id, block, moment),
            _ => {
                let Some(&slot) = self.index.get(&id) else { return };
                let object = self.touch(slot, epoch, moment);
                match *change {
                    Change::Replace { parts } => {
                        let at = (end - parts.len()) as u32;
                        object.body = Body::InBlock { at, len: parts.len() as u32 };
                        object.rope = None;
                    }
                    Change::Unknown { reason } => {
                        object.body =
                            Body::Unknown(Reason::from_code(reason).unwrap_or(Reason::Suspect));
                        object.rope = None;
                    }
                    _ => self.apply(slot, raw, change),
                }
            }
        }
    }

    fn birth(&mut self, id: u64, kind: Kind, class: u64, body: Body, epoch: u32, moment: u32) {
        if let Some(&slot) = self.index.get(&id) {
            // Not allowed, but harmless: the contents are new.
            let object = self.touch(slot, epoch, moment);
            (object.kind, object.class, object.body, object.rope) = (kind, class, body, None);
            return;
        }
        let new = Object { id, class, kind, epoch, first: moment, prev: NONE, body, rope: None };
        let slot = if let Some(slot) = self.free.pop() {
            let object = &mut self.objects[slot as usize];
            if object.epoch != epoch {
                self.touched.push(slot);
            }
            *object = new;
            slot
        } else {
            let slot = self.objects.len() as u32;
            self.objects.push(new);
            self.touched.push(slot);
            slot
        };
        self.index.insert(id, slot);
    }

    fn death(&mut self, id: u64, block: u32, moment: u32) {
        let Some(slot) = self.index.remove(&id) else { return };
        let object = &mut self.objects[slot as usize];
        if object.prev != NONE {
            let first = if object.epoch == block + 1 { object.first } else { moment };
            let back = u64::from(block - object.prev);
            self.died.push(((id, 0), [flag::DIED, u64::from(first), back, 0]));
        }
        object.body = Body::Free;
        object.rope = None;
        self.free.push(slot);
    }

    fn apply(&mut self, slot: u32, raw: &[u8], change: &Change<'_>) {
        let object = &mut self.objects[slot as usize];
        let kind = object.kind;
        // Taken out, so that keys can be resolved in the rest of the mirror meanwhile.
        let body = std::mem::replace(&mut object.body, Body::Unknown(Reason::Suspect));
        let mut rope = object.rope.take();
        let mut contents = match body {
            Body::Open(contents) => contents,
            Body::InBlock { at, len } => {
                let (at, len) = (at as usize, len as usize);
                let Some(contents) = Contents::parse(kind, &raw[at..at + len]) else { return };
                Box::new(contents)
            }
            Body::Encoded(parts) => {
                let Some(contents) = Contents::parse(kind, &parts) else { return };
                Box::new(contents)
            }
            Body::Free => return,
            Body::Unknown(reason) => {
                self.objects[slot as usize].body = Body::Unknown(reason);
                return;
            }
        };
        if contents.apply(change, &(&*self, raw), &mut rope) {
            let object = &mut self.objects[slot as usize];
            object.body = Body::Open(contents);
            object.rope = rope;
        }
    }

    /// Writes what changed in the block to its bases, and gives the rows for its index.
    pub fn seal(&mut self, raw: &[u8], block: u32, bases: &mut Bases) -> Vec<TouchedRow> {
        let epoch = block + 1;
        let mut rows = std::mem::take(&mut self.died);
        let mut slots = std::mem::take(&mut self.touched);
        slots.retain(|slot| {
            let object = &self.objects[*slot as usize];
            object.epoch == epoch && !matches!(object.body, Body::Free)
        });
        slots.sort_unstable_by_key(|slot| self.objects[*slot as usize].id);
        for slot in slots.drain(..) {
            let object = &mut self.objects[slot as usize];
            let back = if object.prev == NONE { 0 } else { u64::from(block - object.prev) };
            let born = if object.prev == NONE { flag::BORN } else { 0 };
            let (at, out) = bases.begin();
            out.push(object.kind as u8);
            out.uv(object.class);
            match &mut object.body {
                Body::InBlock { at, len } => {
                    out.push(0);
                    let parts = &raw[*at as usize..(*at + *len) as usize];
                    out.extend_from_slice(parts);
                    object.body = Body::Encoded(parts.into());
                }
                Body::Encoded(parts) => {
                    out.push(0);
                    out.extend_from_slice(parts);
                }
                Body::Open(contents) => {
                    out.push(0);
                    encode_root(contents, &mut object.rope, out);
                }
                Body::Unknown(reason) => out.push(*reason as u8),
                Body::Free => out.push(Reason::Suspect as u8),
            }
            let id = object.id;
            rows.push(((id, 0), [flag::FULL | born, u64::from(object.first), back, at]));
            object.prev = block;
            if let (Body::Open(_), Some(mut rope)) = (&object.body, object.rope.take()) {
                // Taken out, so that keys can be resolved in the rest of the mirror meanwhile.
                let body = std::mem::replace(&mut object.body, Body::Free);
                if let Body::Open(contents) = &body {
                    let resolve = (&*self, raw);
                    write_units(
                        contents,
                        &mut rope,
                        block,
                        bases,
                        &resolve,
                        |unit, kind, back, at| {
                            rows.push(((id, unit), [kind, 0, back, at]));
                        },
                    );
                }
                let object = &mut self.objects[slot as usize];
                object.body = body;
                object.rope = Some(rope);
            }
        }
        self.touched = slots;
        rows.sort_unstable_by_key(|(key, _)| *key);
        rows.dedup_by_key(|(key, _)| *key);
        rows
    }
}
