//! Recorded objects that stand for plain values: long strings, big ints, ranges, payloads of
//! subclasses. Reads one object at a time.

use super::val::Val;
use crate::pyfloat::big;
use crate::show::class::field;
use crate::show::{Objects, known};
use moviola_format::event::Kind;
use moviola_format::read::{Items, ObjectState, OwnedValue};
use num_bigint::BigInt;
use std::sync::Arc;

/// The contents of a str, bytes, bytearray or int, or of an instance of a subclass of one, as a
/// value of the exact type.
pub(crate) fn scalar_payload(state: &ObjectState, kind: Kind) -> Option<Val> {
    let bytes = || match (&state.scalar, &state.blob) {
        (Some(OwnedValue::Str(text) | OwnedValue::Bytes(text)), _) => Some(Arc::clone(text)),
        (_, Some(blob)) => Some(Arc::from(blob.as_slice())),
        _ => None,
    };
    Some(match kind {
        Kind::Str => Val::Str(bytes()?),
        Kind::Bytes => Val::Bytes(bytes()?),
        Kind::ByteArray => Val::ByteArray(bytes()?),
        Kind::Int => match (&state.scalar, &state.blob) {
            (Some(value @ (OwnedValue::Int(_) | OwnedValue::Big { .. })), _) => Val::from(value),
            (scalar, Some(blob)) => Val::int(big(*scalar == Some(OwnedValue::Bool(true)), blob)),
            (Some(OwnedValue::Bool(value)), None) => Val::Int(i64::from(*value)),
            _ => return None,
        },
        _ => return None,
    })
}

/// The plain value that an object of an exact built-in type is; `None` for containers and all
/// else.
pub(crate) fn plain_object(state: &ObjectState, objects: &dyn Objects) -> Option<Val> {
    if state.class != 0 {
        return None;
    }
    match state.kind {
        Kind::Range => {
            let part = |name, default: i64| match field(state, name) {
                Some(OwnedValue::Ref(id)) => {
                    // An int too long to be inline; nothing else stands here.
                    let state = known(objects.object(*id).ok()?).ok()?;
                    let exact = state.kind == Kind::Int && state.class == 0;
                    if exact { scalar_payload(&state, Kind::Int)?.as_int() } else { None }
                }
                Some(value) => Val::from(value).as_int(),
                None => Some(BigInt::from(default)),
            };
            Some(Val::Range(Arc::new([part("start", 0)?, part("stop", 0)?, part("step", 1)?])))
        }
        Kind::Slice => {
            let part = |name| field(state, name).map_or(Val::None, Val::from);
            Some(Val::Slice(Arc::new([part("start"), part("stop"), part("step")])))
        }
        kind => scalar_payload(state, kind),
    }
}

/// The value with a reference to a plain object replaced by its contents; others unchanged.
pub(crate) fn plain(value: &Val, objects: &dyn Objects) -> Val {
    let Val::Ref(id) = value else { return value.clone() };
    let plain_kind = |kind| {
        matches!(
            kind,
            Kind::Str | Kind::Bytes | Kind::ByteArray | Kind::Int | Kind::Range | Kind::Slice
        )
    };
    match objects.object_head(*id) {
        Ok((kind, 0)) if plain_kind(kind) => objects
            .object(*id)
            .and_then(known)
            .ok()
            .and_then(|state| plain_object(&state, objects))
            .unwrap_or(Val::Ref(*id)),
        _ => Val::Ref(*id),
    }
}

/// The items of a dict object, through its owner if it is an instance's `__dict__`.
pub(crate) fn dict_items(state: &ObjectState, objects: &dyn Objects) -> Items {
    match state.dict_of {
        Some(owner) if state.map.is_none() => match objects.object(owner).and_then(known) {
            Ok(owner) => owner.attrs.clone().unwrap_or_default(),
            Err(_) => Items::new(),
        },
        _ => state.map.clone().unwrap_or_default(),
    }
    .into_iter()
    .filter(|(_, value)| *value != OwnedValue::Unbound)
    .collect()
}

/// A recorded value as a plain one, if it is.
pub(crate) fn plain_value(value: &OwnedValue, objects: &dyn Objects) -> Val {
    plain(&Val::from(value), objects)
}

/// The items that a recorded view of a dict shows.
pub(crate) fn viewed_items(state: &ObjectState, objects: &dyn Objects) -> Option<Items> {
    let OwnedValue::Ref(id) = field(state, "<viewed>")? else { return None };
    Some(dict_items(&*known(objects.object(*id).ok()?).ok()?, objects))
}
