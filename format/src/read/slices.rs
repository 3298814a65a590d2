//! Parts of long sequences at a position, without reading the whole.

use super::objects::{Live, Resolver, change_at};
use super::stored::Rope;
use super::trace::Trace;
use super::types::{Slice, TraceError};
use super::value::{ObjectState, OwnedValue, Status};
use crate::event::raw::{Change, Raw, decode_value};
use crate::event::{Reason, op};
use crate::model::{Packed, Resolve, canonical};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// A run of elements: from the stored sequence, or new ones.
enum Run {
    Stored(Range<u64>),
    New(Vec<Packed>),
}

impl Run {
    fn len(&self) -> u64 {
        match self {
            Self::Stored(range) => range.end - range.start,
            Self::New(items) => items.len() as u64,
        }
    }

    /// Cuts the run in two.
    fn split(self, at: u64) -> (Self, Self) {
        match self {
            Self::Stored(range) => {
                let middle = range.start + at;
                (Self::Stored(range.start..middle), Self::Stored(middle..range.end))
            }
            Self::New(mut items) => {
                let tail = items.split_off(at as usize);
                (Self::New(items), Self::New(tail))
            }
        }
    }
}

/// A stored sequence with changes on top.
struct Overlay {
    runs: Vec<Run>,
    len: u64,
    /// Stored elements that were set since, by position.
    set: FxHashMap<u64, Packed>,
}

impl Overlay {
    fn new(rope: Rope) -> Self {
        let len = rope.end - rope.first;
        Self { runs: vec![Run::Stored(rope.first..rope.end)], len, set: FxHashMap::default() }
    }

    /// Number of the first run that begins at `index`, cutting one if need be.
    fn cut(&mut self, index: u64) -> usize {
        if index == self.len {
            return self.runs.len();
        }
        let mut start = 0;
        for number in 0..self.runs.len() {
            if start == index {
                return number;
            }
            let len = self.runs[number].len();
            if index < start + len {
                let run = std::mem::replace(&mut self.runs[number], Run::New(Vec::new()));
                let (head, tail) = run.split(index - start);
                self.runs[number] = head;
                self.runs.insert(number + 1, tail);
                return number + 1;
            }
            start += len;
        }
        self.runs.len()
    }

    fn splice(&mut self, start: u64, deleted: u64, inserted: Vec<Packed>) -> bool {
        if start > self.len || deleted > self.len - start {
            return false;
        }
        let count = inserted.len() as u64;
        if start == self.len
            && let Some(Run::New(last)) = self.runs.last_mut()
        {
            last.extend(inserted);
            self.len += count;
            return true;
        }
        let (first, end) = (self.cut(start), self.cut(start + deleted));
        let new = (count > 0).then_some(Run::New(inserted));
        self.runs.splice(first..end, new);
        self.len = self.len - deleted + count;
        true
    }

    fn set(&mut self, index: u64, value: &[u8]) -> bool {
        let mut start = 0;
        for run in &mut self.runs {
            let len = run.len();
            if index < start + len {
                match run {
                    Run::Stored(range) => {
                        self.set.insert(range.start + (index - start), Packed::new(value));
                    }
                    Run::New(items) => items[(index - start) as usize] = Packed::new(value),
                }
                return true;
            }
            start += len;
        }
        false
    }
}

impl Trace {
    /// Elements of an object's sequence at a position, by index; reads only the chunks they are
    /// in, if the sequence is long. For other objects the slice is empty.
    ///
    /// The second value tells whether the contents are known.
    ///
    /// # Errors
    /// If the trace is damaged where they are.
    pub fn slice_at(
        &self,
        id: u64,
        stop: u64,
        range: Range<u64>,
    ) -> Result<(Slice, Status), TraceError> {
        match self.overlay_at(id, stop)? {
            Some((overlay, rope, before)) => {
                let slice = self.slice_of(id, &overlay, rope, range, before)?;
                Ok((slice, Status::Known))
            }
            None => Ok(slice_of_state(self.object_at(id, stop)?, range)),
        }
    }

    /// Length of an object's sequence or map, or bytes of its blob, at a position.
    ///
    /// # Errors
    /// If the trace is damaged where it is.
    pub fn len_at(&self, id: u64, stop: u64) -> Result<(u64, Status), TraceError> {
        if let Some((overlay, ..)) = self.overlay_at(id, stop)? {
            return Ok((overlay.len, Status::Known));
        }
        let state = self.object_at(id, stop)?;
        let len = match (&state.seq, &state.map, &state.blob) {
            (Some(seq), _, _) => seq.len(),
            (_, Some(map), _) => map.len(),
            (_, _, Some(blob)) => blob.len(),
            _ => 0,
        };
        Ok((len as u64, state.status))
    }

    /// The sequence of an object as changes over what is stored; `None` if the object has to be
    /// read in full.
    fn overlay_at(&self, id: u64, stop: u64) -> Result<Option<(Overlay, Rope, usize)>, TraceError> {
        let changes = self.changes_up_to(id, stop)?;
        let before = changes.base;
        let Live::Known(root) = self.live_before(id, before)? else { return Ok(None) };
        let rope = root.ropes.iter().find(|rope| rope.part == op::P_SEQ && !rope.keyed).copied();
        let (Some(rope), false, None) = (rope, root.dead, root.unknown) else { return Ok(None) };
        let mut overlay = Overlay::new(rope);
        for (block, count) in &changes.blocks {
            for change in &block.changes_of(id)[..*count] {
                let Some(change) = change_at(block, change) else { return Ok(None) };
                let good = match change {
                    Change::SeqSet { index, value } => overlay.set(index, value),
                    Change::SeqAppend { value } => {
                        overlay.splice(overlay.len, 0, vec![Packed::new(value)])
                    }
                    Change::SeqSplice { start, deleted, count, values } => {
                        let mut cursor = Raw::new(values, 0);
                        let inserted = (0..count).map_while(|_| cursor.value()).map(Packed::new);
                        overlay.splice(start, deleted, inserted.collect())
                    }
                    Change::Clear => overlay.splice(0, overlay.len, Vec::new()),
                    // Parts that do not matter here.
                    Change::AttrSet { .. }
                    | Change::AttrDel { .. }
                    | Change::FieldSet { .. }
                    | Change::ScalarSet { .. }
                    | Change::BlobSplice { .. } => true,
                    _ => false,
                };
                if !good {
                    return Ok(None);
                }
            }
        }
        Ok(Some((overlay, rope, before)))
    }

    fn slice_of(
        &self,
        id: u64,
        overlay: &Overlay,
        rope: Rope,
        range: Range<u64>,
        before: usize,
    ) -> Result<Slice, TraceError> {
        let end = range.end.min(overlay.len);
        let range = range.start.min(end)..end;
        let mut slice = Slice { len: overlay.len, range: range.clone(), values: Vec::new() };
        let mut start = 0;
        for run in &overlay.runs {
            let len = run.len();
            let low = range.start.max(start);
            let high = range.end.min(start + len);
            if low < high {
                match run {
                    Run::New(items) => {
                        let items = &items[(low - start) as usize..(high - start) as usize];
                        slice.values.extend(items.iter().map(|item| decoded(item.bytes())));
                    }
                    Run::Stored(stored) => {
                        let from = stored.start + (low - start);
                        let wanted = from..stored.start + (high - start);
                        let (slots, _) = self.rope_slots(id, rope, wanted, before)?;
                        for (at, slot) in (from..).zip(slots) {
                            let item = overlay.set.get(&at).or(slot.as_ref().map(|(item, _)| item));
                            slice.values.push(
                                item.map_or(OwnedValue::Unknown(Reason::Suspect), |item| {
                                    decoded(item.bytes())
                                }),
                            );
                        }
                    }
                }
            }
            start += len;
        }
        Ok(slice)
    }

    /// The value of a key of an object's map at a position, by the trace's equality of keys.
    ///
    /// # Errors
    /// If the trace is damaged where it is.
    pub fn item_at(
        &self,
        id: u64,
        stop: u64,
        key: &OwnedValue,
    ) -> Result<(Option<OwnedValue>, Status), TraceError> {
        let state = self.object_at(id, stop)?;
        let Some(map) = state.map else { return Ok((None, state.status)) };
        let block = self.block(self.block_of_stop(stop))?;
        let resolver = Resolver::new(self, &block);
        let canon = |value: &OwnedValue| canonical(&encoded(value), &resolver as &dyn Resolve);
        let wanted = canon(key);
        let found = map.into_iter().find(|(key, _)| canon(key) == wanted);
        Ok((found.map(|(_, value)| value), state.status))
    }
}

fn slice_of_state(state: ObjectState, range: Range<u64>) -> (Slice, Status) {
    let items = state.seq.unwrap_or_default();
    let len = items.len() as u64;
    let end = range.end.min(len);
    let range = range.start.min(end)..end;
    let values = items[range.start as usize..range.end as usize].to_vec();
    (Slice { len, range, values }, state.status)
}

fn decoded(bytes: &[u8]) -> OwnedValue {
    decode_value(bytes).map_or(OwnedValue::Unknown(Reason::Suspect), OwnedValue::from)
}

fn encoded(value: &OwnedValue) -> Vec<u8> {
    use crate::event::{Sink, Value};
    let mut out = Vec::new();
    match value.borrow() {
        Value::Unbound => out.u8(op::V_UNBOUND),
        Value::None => out.u8(op::V_NONE),
        Value::Bool(value) => out.u8(if value { op::V_TRUE } else { op::V_FALSE }),
        Value::Ellipsis => out.u8(op::V_ELLIPSIS),
        Value::NotImplemented => out.u8(op::V_NOT_IMPLEMENTED),
        Value::Int(value) => out.v_int(value),
        Value::Big { negative, magnitude } => out.v_big(negative, magnitude),
        Value::Float(value) => out.v_float(value),
        Value::Complex(re, im) => out.v_complex(re, im),
        Value::Str(text) => out.v_str(text),
        Value::Bytes(bytes) => out.v_bytes(bytes),
        Value::Ref(id) => out.v_ref(id),
        Value::Unknown(reason) => out.v_unknown(reason),
    }
    out
}
