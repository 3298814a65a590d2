//! The variables of a frame, by name.

use crate::machine::Frame;
use crate::show::class::text;
use crate::show::{Objects, known};
use moviola_format::event::Kind;
use moviola_format::read::{CodeInfo, Items, OwnedValue, Status};

const CELL_OR_FREE: u8 = 0xc0;
const FREE: u8 = 0x80;
/// `CO_OPTIMIZED`: the code object of a function.
pub const OPTIMIZED: u32 = 1;

/// The items of a namespace; `None` if they are not known.
pub fn namespace(objects: &dyn Objects, id: u64) -> Option<Items> {
    let state = known(objects.object(id).ok()?).ok()?;
    Some(crate::eval::dict_items(&state, objects))
}

/// The variables of a frame: the slots of its code object, or its namespace and what hides it.
pub fn locals(
    objects: &dyn Objects,
    code: Option<&CodeInfo>,
    frame: &Frame,
) -> Vec<(String, OwnedValue)> {
    let mut found = Vec::new();
    let optimized = code.is_none_or(|code| code.flags & OPTIMIZED != 0);
    if let Some(OwnedValue::Ref(id)) = &frame.namespace {
        let items = namespace(objects, *id).unwrap_or_default();
        found.extend(
            items.into_iter().filter_map(|(key, value)| Some((text(&key, objects)?, value))),
        );
    }
    let Some(code) = code else { return found };
    for ((name, kind), value) in code.slots.iter().zip(&frame.locals) {
        if !optimized && kind & FREE != 0 {
            continue;
        }
        let value = if kind & CELL_OR_FREE != 0 { contents(objects, value) } else { value.clone() };
        if value != OwnedValue::Unbound {
            found.retain(|(other, _)| other != name);
            found.push((name.clone(), value));
        }
    }
    found
}

/// What a slot holds that may be a cell.
fn contents(objects: &dyn Objects, value: &OwnedValue) -> OwnedValue {
    if let OwnedValue::Ref(id) = value
        && let Ok(state) = objects.object(*id)
        && state.kind == Kind::Cell
    {
        return match state.status {
            Status::Unknown(reason) => OwnedValue::Unknown(reason),
            _ => state.scalar.clone().unwrap_or(OwnedValue::Unbound),
        };
    }
    value.clone()
}
