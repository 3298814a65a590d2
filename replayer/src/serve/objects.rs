//! Objects and classes as JSON.

use super::{Refused, wire, wrong};
use crate::eval::{EvalError, Val, dict_items, plain_value, scalar_payload};
use crate::pdb::world::Here;
use crate::show::class::{Facts, text};
use crate::show::{Objects as _, known};
use moviola_format::event::Kind;
use moviola_format::read::{Items, ObjectState, OwnedValue};
use rustc_hash::FxHashSet;
use std::fmt::Write as _;

/// Values sent at once.
const VALUES_MAX: usize = 2_000_000;

/// Whether an object's elements are sent with it.
const fn is_container(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::List
            | Kind::Tuple
            | Kind::Dict
            | Kind::Set
            | Kind::FrozenSet
            | Kind::Deque
            | Kind::OrderedDict
            | Kind::DefaultDict
    )
}

/// Objects, with all containers that are reached from containers among them.
///
/// `{"objects": {ID: {"kind", "class", "why"?, "seq"?, "map"?, "attrs"?, "fields"?, "payload"?}}}`; `why`: the contents are
/// not recorded.
pub fn objects(here: &Here<'_>, ids: &[u64]) -> Result<String, Refused> {
    let mut seen: FxHashSet<u64> = ids.iter().copied().collect();
    let mut due = ids.to_vec();
    let mut count = 0;
    let mut out = "{\"objects\":{".to_owned();
    let mut first = true;
    while let Some(id) = due.pop() {
        let state = here.object(id)?;
        let items = dict_items(&state, here);
        let seq = state.seq.as_deref().unwrap_or_default();
        count += 1 + seq.len() + 2 * items.len();
        if count > VALUES_MAX {
            let why = format!("more than {VALUES_MAX} values are needed for this at once");
            return Err(EvalError::Unsupported(why).into());
        }
        if is_container(state.kind) {
            let pairs = items.iter().flat_map(|(key, value)| [key, value]);
            for value in seq.iter().chain(pairs) {
                if let Val::Ref(id) = plain_value(value, here)
                    && here.object_head(id).is_ok_and(|(kind, _)| is_container(kind))
                    && seen.insert(id)
                {
                    due.push(id);
                }
            }
        }
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        let _ = write!(out, "\"{id}\":");
        object(&mut out, &state, &items, here);
    }
    out.push_str("}}");
    Ok(out)
}

fn object(out: &mut String, state: &ObjectState, items: &Items, here: &Here<'_>) {
    let _ = write!(out, "{{\"kind\":\"{:?}\",\"class\":{}", state.kind, state.class);
    if let Err(reason) = known(std::sync::Arc::new(ObjectState { seq: None, ..state.clone() })) {
        out.push_str(",\"why\":");
        wire::string(out, &reason.0);
    } else {
        if let Some(seq) = &state.seq {
            out.push_str(",\"seq\":");
            wire::list(out, seq, |out, item| wire::value(out, &Val::from(item), here));
        }
        if state.map.is_some() || state.dict_of.is_some() {
            out.push_str(",\"map\":");
            pairs(out, items, here);
        }
        if let Some(attrs) = &state.attrs {
            out.push_str(",\"attrs\":");
            pairs(out, attrs, here);
        }
        if let Some(fields) = &state.fields {
            out.push_str(",\"fields\":");
            pairs(out, fields, here);
        }
        if let Some(payload) = payload(state, here) {
            out.push_str(",\"payload\":");
            wire::value(out, &payload, here);
        }
    }
    out.push('}');
}

/// What an instance of a subclass of a plain type is as one of that type.
fn payload(state: &ObjectState, here: &Here<'_>) -> Option<Val> {
    if state.kind != Kind::Instance {
        return scalar_payload(state, state.kind);
    }
    let base = Facts::read(state.class, here).ok()?.base;
    let base = base.and_then(|code| Kind::from_code(u8::try_from(code).ok()?));
    let plain = base.and_then(|base| scalar_payload(state, base));
    plain.or_else(|| state.scalar.as_ref().map(Val::from))
}

/// Writes pairs; those without a value are left out.
pub fn pairs(out: &mut String, items: &Items, here: &Here<'_>) {
    let set: Vec<&(OwnedValue, OwnedValue)> =
        items.iter().filter(|(_, value)| *value != OwnedValue::Unbound).collect();
    wire::list(out, &set, |out, (key, value)| {
        out.push('[');
        wire::value(out, &Val::from(key), here);
        out.push(',');
        wire::value(out, &Val::from(value), here);
        out.push(']');
    });
}

/// What the program has put into modules and classes of Python's own: `{"items": [[key, value]], "deleted": [key]}`.
pub fn changed(here: &Here<'_>) -> Result<String, Refused> {
    let items = match here.changed_names() {
        Some(id) => here.object(id)?.map.clone().unwrap_or_default(),
        None => Items::default(),
    };
    let mut out = "{\"items\":".to_owned();
    pairs(&mut out, &items, here);
    let gone: Vec<&OwnedValue> = items
        .iter()
        .filter(|(_, value)| *value == OwnedValue::Unbound)
        .map(|(key, _)| key)
        .collect();
    out.push_str(",\"deleted\":");
    wire::list(&mut out, &gone, |out, key| wire::value(out, &Val::from(*key), here));
    out.push('}');
    Ok(out)
}

/// A class: `{"module", "qualname", "name", "mro": [ids], "open", "defined": [names], "meta": id}`. `open`: its
/// namespace was recorded, and `defined` are the names in it.
pub fn class(here: &Here<'_>, id: u64) -> Result<String, Refused> {
    if !here.object_head(id).is_ok_and(|(kind, _)| kind == Kind::Class) {
        return Err(wrong(format!("{id} is no class")));
    }
    let facts = Facts::read(id, here)?;
    let mut out = "{\"module\":".to_owned();
    wire::string(&mut out, &facts.module);
    out.push_str(",\"qualname\":");
    wire::string(&mut out, &facts.qualname);
    out.push_str(",\"name\":");
    wire::string(&mut out, &facts.name);
    out.push_str(",\"mro\":");
    wire::list(&mut out, &facts.mro, |out, id| {
        let _ = write!(out, "{id}");
    });
    let defined: Vec<String> = facts
        .state
        .attrs
        .iter()
        .flatten()
        .filter(|(_, value)| *value != OwnedValue::Unbound)
        .filter_map(|(key, _)| text(key, here))
        .collect();
    let _ = write!(out, ",\"open\":{},\"meta\":{},\"defined\":", facts.is_open(), facts.meta);
    wire::list(&mut out, &defined, |out, name| wire::string(out, name));
    out.push('}');
    Ok(out)
}
