//! Contents of objects at any position: the state at the start of a block, and the changes in
//! the block.

use super::block::{ChangeAt, DecodedBlock};
use super::stored::Root;
use super::trace::Trace;
use super::types::TraceError;
use super::value::{Items, ObjectState, OwnedValue, Status};
use crate::event::raw::{Change, Raw, decode_value};
use crate::event::{Kind, Reason};
use crate::model::{Contents, Map, Packed, RefKey, Resolve};
use crate::v1::flag;
use std::borrow::Cow;
use std::sync::Arc;

/// An object in the course of being brought to a position.
#[derive(Debug)]
pub(super) enum Live {
    Unseen,
    Known(Box<Root>),
}

/// Where the changes of an object up to a position are.
pub(super) struct Changes {
    /// The state at the start of this block is the state before them.
    pub base: usize,
    /// Blocks and their changes of the object, in order.
    pub blocks: Vec<(Arc<DecodedBlock>, usize)>,
}

impl Trace {
    /// The block of a position, as far as object changes are concerned.
    fn moment_block(&self, stop: u64) -> usize {
        self.block_of_stop(stop)
    }

    /// Finds the changes of an object between the start of the block of `stop` and `stop`.
    pub(super) fn changes_up_to(&self, id: u64, stop: u64) -> Result<Changes, TraceError> {
        let block = self.moment_block(stop);
        let sealed = self.sealed();
        let mut changes = Changes { base: block.min(sealed), blocks: Vec::new() };
        if self.block_count() == 0 {
            return Ok(changes);
        }
        if block < sealed {
            let moment = stop.saturating_sub(self.bounds(block).first_stop);
            match self.index(block)?.touched.get((id, 0)) {
                Some([_, first, ..]) if first > moment => return Ok(changes),
                Some(_) => {}
                // Not seen in any block at its end: at most born and dead in this one.
                None if self.last_touch((id, 0), block)?.is_some() => return Ok(changes),
                None => {}
            }
        }
        for number in changes.base..=block {
            let decoded = self.block(number)?;
            let limit = stop.saturating_sub(decoded.bounds().first_stop);
            let count = decoded
                .changes_of(id)
                .iter()
                .take_while(|change| u64::from(change.moment) <= limit)
                .count();
            if count > 0 {
                changes.blocks.push((decoded, count));
            }
        }
        Ok(changes)
    }

    /// Contents of an object at a position.
    ///
    /// # Errors
    /// If the trace is damaged where they are.
    pub fn object_at(&self, id: u64, stop: u64) -> Result<ObjectState, TraceError> {
        let changes = self.changes_up_to(id, stop)?;
        let mut live = self.live_before(id, changes.base)?;
        if let Live::Known(root) = &mut live
            && !root.dead
            && !replaced_first(&changes, id)
        {
            self.load_ropes(id, root, changes.base)?;
        }
        for (block, count) in &changes.blocks {
            let resolver = Resolver { trace: self, block };
            for change in &block.changes_of(id)[..*count] {
                apply(&mut live, block, change, &resolver);
            }
        }
        Ok(state_of(live))
    }

    pub(super) fn live_before(&self, id: u64, before: usize) -> Result<Live, TraceError> {
        Ok(self.root_before(id, before)?.map_or(Live::Unseen, |root| Live::Known(Box::new(root))))
    }

    /// Kind and class of an object that was seen up to a position, without its contents.
    ///
    /// # Errors
    /// If the trace is damaged where they are.
    pub fn object_info(&self, id: u64, stop: u64) -> Result<Option<(Kind, u64)>, TraceError> {
        let changes = self.changes_up_to(id, stop)?;
        // The last one: an object gets another class by a second OBJECT under its id.
        for (block, count) in changes.blocks.iter().rev() {
            for change in block.changes_of(id)[..*count].iter().rev() {
                if let Some(Change::Object { kind, class, .. }) = change_at(block, change) {
                    return Ok(Kind::from_code(kind).map(|kind| (kind, class)));
                }
            }
        }
        Ok(self.root_before(id, changes.base)?.map(|root| (root.kind, root.class)))
    }

    /// The greatest stop before position `before` such that the object changed (or was born)
    /// between that stop and the next one, so that the change shows at the next. Changes before
    /// the first stop count as at stop 0. `None` if there is none.
    ///
    /// # Errors
    /// If the trace is damaged where the answer is.
    pub fn last_change(&self, id: u64, before: u64) -> Result<Option<u64>, TraceError> {
        Ok(self.last_moment(id, before)?.map(|moment| moment.saturating_sub(1)))
    }

    /// The stops at which an object changed, backwards from a position; see
    /// [`Trace::last_change`]. The last one is its birth.
    #[must_use]
    pub const fn changes_of(&self, id: u64, before: u64) -> ChangeStops<'_> {
        ChangeStops { trace: self, id, before: Some(before) }
    }

    /// The last position up to `stop` at which a change of the object shows first.
    fn last_moment(&self, id: u64, stop: u64) -> Result<Option<u64>, TraceError> {
        let here = self.changes_up_to(id, stop)?;
        if let Some((block, count)) = here.blocks.last() {
            return Ok(block.changes_of(id)[..*count].last().map(|change| moment(block, change)));
        }
        let before = here.base;
        let Some(block) = self.last_touch((id, 0), before)? else { return Ok(None) };
        let block = self.block(block)?;
        Ok(block.changes_of(id).last().map(|change| moment(&block, change)))
    }

    /// Whether the object is born at or before its first change in a block; for tests of links.
    #[doc(hidden)]
    pub fn is_born_in(&self, id: u64, block: usize) -> Result<bool, TraceError> {
        let row = self.index(block)?.touched.get((id, 0));
        Ok(row.is_some_and(|row| row[0] & flag::BORN != 0))
    }
}

/// Whether the first change makes what was before irrelevant.
fn replaced_first(changes: &Changes, id: u64) -> bool {
    changes.blocks.first().is_some_and(|(block, count)| {
        *count > 0
            && matches!(
                block.changes_of(id).first().and_then(|change| change_at(block, change)),
                Some(Change::Replace { .. } | Change::Object { .. })
            )
    })
}

fn moment(block: &DecodedBlock, change: &ChangeAt) -> u64 {
    block.bounds().first_stop + u64::from(change.moment)
}

pub(super) fn change_at<'a>(block: &'a DecodedBlock, change: &ChangeAt) -> Option<Change<'a>> {
    let at = change.offset as usize;
    let opcode = *block.raw().get(at)?;
    Raw::new(block.raw(), at + 1).change(opcode).map(|(_, change)| change)
}

/// Does to the state what the writer's mirror does.
fn apply(live: &mut Live, block: &DecodedBlock, change: &ChangeAt, resolver: &Resolver<'_>) {
    let Some(change) = change_at(block, change) else { return };
    if let Change::Object { kind, class, parts } = change {
        let kind = Kind::from_code(kind).unwrap_or(Kind::Opaque);
        let contents = Contents::parse(kind, parts);
        *live = Live::Known(Box::new(Root {
            kind,
            class,
            unknown: contents.is_none().then_some(Reason::Suspect),
            dead: false,
            contents: contents.unwrap_or_default(),
            ropes: Vec::new(),
        }));
        return;
    }
    let Live::Known(root) = live else { return };
    if root.dead {
        return;
    }
    match change {
        Change::Death => root.dead = true,
        Change::Unknown { reason } => {
            root.unknown = Some(Reason::from_code(reason).unwrap_or(Reason::Suspect));
            root.contents = Contents::default();
        }
        Change::Replace { parts } => {
            let contents = Contents::parse(root.kind, parts);
            root.unknown = contents.is_none().then_some(Reason::Suspect);
            root.contents = contents.unwrap_or_default();
            root.ropes.clear();
        }
        _ if root.unknown.is_some() => {}
        _ => {
            if !root.contents.apply(&change, resolver, &mut ()) {
                root.unknown = Some(Reason::Suspect);
                root.contents = Contents::default();
            }
        }
    }
}

fn value_of(packed: &Packed) -> OwnedValue {
    decode_value(packed.bytes()).map_or(OwnedValue::Unknown(Reason::Suspect), OwnedValue::from)
}

fn items_of(map: Map) -> Items {
    map.iter().map(|(key, value)| (value_of(key), value_of(value))).collect()
}

fn state_of(live: Live) -> ObjectState {
    let mut state = ObjectState {
        kind: Kind::Opaque,
        class: 0,
        status: Status::Unseen,
        seq: None,
        map: None,
        attrs: None,
        fields: None,
        scalar: None,
        blob: None,
        dict_of: None,
    };
    let Live::Known(root) = live else { return state };
    state.kind = root.kind;
    state.class = root.class;
    state.status = match (root.dead, root.unknown) {
        (true, _) => Status::Dead,
        (false, Some(reason)) => Status::Unknown(reason),
        (false, None) => Status::Known,
    };
    if state.status == Status::Known {
        let contents = root.contents;
        state.seq = contents.seq.map(|seq| {
            seq.iter()
                .map(|item| {
                    decode_value(item)
                        .map_or(OwnedValue::Unknown(Reason::Suspect), OwnedValue::from)
                })
                .collect()
        });
        state.map = contents.map.map(items_of);
        state.attrs = contents.attrs.map(items_of);
        state.fields = contents.fields.map(items_of);
        state.scalar = contents.scalar.as_ref().map(value_of);
        state.blob = contents.blob;
        state.dict_of = contents.dict_of;
    }
    state
}

/// Backwards over the changes of an object; see [`Trace::changes_of`].
#[derive(Debug)]
pub struct ChangeStops<'a> {
    trace: &'a Trace,
    id: u64,
    before: Option<u64>,
}

impl Iterator for ChangeStops<'_> {
    type Item = Result<u64, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.trace.last_moment(self.id, self.before?) {
            Ok(Some(moment)) => {
                self.before = moment.checked_sub(1);
                Some(Ok(moment.saturating_sub(1)))
            }
            Ok(None) => {
                self.before = None;
                None
            }
            Err(error) => {
                self.before = None;
                Some(Err(error))
            }
        }
    }
}

/// Knows the immutable objects that keys refer to, as of a block.
pub(super) struct Resolver<'a> {
    trace: &'a Trace,
    block: &'a DecodedBlock,
}

impl<'a> Resolver<'a> {
    pub(super) const fn new(trace: &'a Trace, block: &'a DecodedBlock) -> Self {
        Self { trace, block }
    }

    fn contents(&self, id: u64) -> Option<(Kind, Contents)> {
        let mut live = Live::Unseen;
        let first = self.trace.sealed().min(self.block.number());
        for number in first..=self.block.number() {
            let decoded;
            let block = if number == self.block.number() {
                self.block
            } else {
                decoded = self.trace.block(number).ok()?;
                &decoded
            };
            for change in block.changes_of(id) {
                if !matches!(change_at(block, change), Some(Change::Death)) {
                    apply(&mut live, block, change, &Resolver { trace: self.trace, block });
                }
            }
        }
        if matches!(live, Live::Unseen) {
            live = self.trace.live_before(id, first).ok()?;
            if let Live::Known(root) = &mut live {
                self.trace.load_ropes(id, root, first).ok()?;
            }
        }
        match live {
            Live::Known(root) if root.unknown.is_none() => Some((root.kind, root.contents)),
            _ => None,
        }
    }
}

impl Resolve for Resolver<'_> {
    fn resolve(&self, id: u64) -> RefKey<'_> {
        let Some((kind, contents)) = self.contents(id) else { return RefKey::Identity };
        match crate::model::contents_key(kind, &contents) {
            RefKey::Identity => RefKey::Identity,
            RefKey::Str(text) => RefKey::Str(Cow::Owned(text.into_owned())),
            RefKey::Bytes(text) => RefKey::Bytes(Cow::Owned(text.into_owned())),
            RefKey::Int(negative, text) => RefKey::Int(negative, Cow::Owned(text.into_owned())),
            RefKey::Tuple(elements) => RefKey::Tuple(Cow::Owned(elements.into_owned())),
        }
    }
}
