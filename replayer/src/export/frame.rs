//! The locals of a frame as a debugger of the recorded Python version would list them.

use super::classes::wtf8;
use super::entry::is_dunder;
use super::scope::Scope;
use super::snapshot::{Memory, Snapshot};
use crate::heap::Heap;
use crate::machine::Frame;
use moviola_format::event::Kind;
use moviola_format::read::{CodeInfo, OwnedValue};
use std::borrow::Cow;

/// What a frame's rendering needs besides the frame.
pub struct Scene<'a> {
    /// All objects.
    pub heap: &'a Heap,
    /// What counts as the program's own.
    pub scope: &'a Scope,
    /// Lasting lookups.
    pub memory: &'a mut Memory,
    /// Python 3's minor version.
    pub minor: u32,
}

/// `CO_OPTIMIZED`.
const OPTIMIZED: u32 = 1;
const HIDDEN: u8 = 0x10;
const CELL: u8 = 0x40;
const FREE: u8 = 0x80;

impl Scene<'_> {
    /// Renders the locals; `seen` gets the objects that the text depends on.
    pub fn render(&mut self, frame: &Frame, code: &CodeInfo, seen: &mut Vec<u64>) -> String {
        let mut items: Vec<(Cow<'_, [u8]>, OwnedValue)> = Vec::new();
        let optimized = code.flags & OPTIMIZED != 0;
        if !optimized {
            let hidden = self.hidden_bound(frame, code);
            if self.minor >= 13 && hidden && code.name != "<module>" {
                let text = "{\"?\":\"class body inside inlined comprehension\"}";
                return format!("\"L\":{text},\"H\":[]");
            }
            match &frame.namespace {
                Some(OwnedValue::Ref(id)) if self.namespace(*id, &mut items, seen) => {}
                Some(OwnedValue::Ref(_)) => {
                    return "\"L\":{\"?\":\"exotic namespace\"},\"H\":[]".to_owned();
                }
                Some(OwnedValue::Unknown(reason)) => {
                    let mut text = String::from("\"L\":{\"?\":");
                    super::snapshot::unknown(&mut text, reason.text());
                    text.push_str("},\"H\":[]");
                    return text;
                }
                _ => {}
            }
        }
        for (slot, value) in frame.locals.iter().enumerate() {
            let Some((name, kind)) = code.slots.get(slot) else { break };
            if !optimized && kind & FREE != 0 {
                continue;
            }
            if kind & HIDDEN != 0 && !optimized && self.minor >= 13 {
                continue;
            }
            let value =
                if kind & (CELL | FREE) != 0 { self.contents(value, seen) } else { value.clone() };
            if !matches!(value, OwnedValue::Unbound) {
                let name = name.as_bytes();
                items.retain(|(other, _)| **other != *name);
                items.push((Cow::Borrowed(name), value));
            }
        }
        if !optimized {
            items.retain(|(name, _)| !is_dunder(name));
        }
        items.sort_by(|a, b| a.0.cmp(&b.0));
        let items: Vec<_> = items.iter().map(|(name, value)| (&**name, value.clone())).collect();
        Snapshot::new(self.heap, self.scope, self.memory, seen).render(&items)
    }

    /// Adds the items of a namespace with str keys; `false` if it is no dict.
    fn namespace<'n>(
        &self,
        id: u64,
        items: &mut Vec<(Cow<'n, [u8]>, OwnedValue)>,
        seen: &mut Vec<u64>,
    ) -> bool {
        seen.push(id);
        let Some(object) = self.heap.get(id) else { return true };
        let map = match object.dict_of {
            Some(owner) => {
                seen.push(owner);
                self.heap.get(owner).and_then(|owner| owner.attrs.as_ref())
            }
            None => object.map.as_ref(),
        };
        let dict = matches!(object.kind, Some(Kind::Dict | Kind::OrderedDict | Kind::DefaultDict));
        let Some(map) = map else { return dict };
        for (key, value) in map.iter() {
            if let Some(name) = wtf8(self.heap, key) {
                items.push((Cow::Owned(name.to_vec()), value.clone()));
            }
        }
        true
    }

    /// What a slot holds that may be a cell.
    fn contents(&self, value: &OwnedValue, seen: &mut Vec<u64>) -> OwnedValue {
        if let OwnedValue::Ref(id) = value
            && let Some(object) = self.heap.get(*id)
            && object.kind == Some(Kind::Cell)
        {
            seen.push(*id);
            return match object.unknown {
                Some(reason) => OwnedValue::Unknown(reason),
                None => object.scalar.clone().unwrap_or(OwnedValue::Unbound),
            };
        }
        value.clone()
    }

    fn hidden_bound(&self, frame: &Frame, code: &CodeInfo) -> bool {
        frame
            .locals
            .iter()
            .zip(&code.slots)
            .any(|(value, (_, kind))| kind & HIDDEN != 0 && !matches!(value, OwnedValue::Unbound))
    }
}
