//! Subscripts and slices.

use super::error::{R, python, type_error, unknown, unsupported, value_error};
use super::run::{Eval, SIZE_MAX};
use super::val::Val;
use crate::show::class::Class;
use crate::show::text::{from_points, points};
use moviola_format::event::Kind;
use moviola_format::read::OwnedValue;
use num_bigint::BigInt;
use num_traits::{Signed as _, ToPrimitive as _, Zero as _};
use std::sync::Arc;

/// `len` of a range.
pub(super) fn range_len(parts: &[BigInt; 3]) -> BigInt {
    let [start, stop, step] = parts;
    let one = BigInt::from(1);
    if step.is_positive() && start < stop {
        (stop - start - &one) / step + one
    } else if step.is_negative() && start > stop {
        (start - stop - &one) / -step + one
    } else {
        BigInt::zero()
    }
}

/// Whether a range has an int.
pub(super) fn in_range(parts: &[BigInt; 3], int: &BigInt) -> bool {
    let [start, stop, step] = parts;
    let within =
        if step.is_positive() { start <= int && int < stop } else { stop < int && int <= start };
    within && !step.is_zero() && ((int - start) % step).is_zero()
}

/// The bounds of a slice over `len` elements: start, step, count.
struct Bounds {
    start: i128,
    step: i128,
    count: usize,
}

impl Bounds {
    fn indexes(&self) -> impl Iterator<Item = usize> {
        let (start, step) = (self.start, self.step);
        (0..self.count).map(move |at| (start + step * at as i128) as usize)
    }
}

impl Eval<'_> {
    /// An index: an int, or an instance of an int subclass.
    pub(super) fn index(&self, value: &Val) -> R<Option<BigInt>> {
        Ok(self.scalar(value, "__index__")?.as_int())
    }

    fn bounds(&self, slice: &[Val; 3], len: usize) -> R<Bounds> {
        let part = |value: &Val| -> R<Option<i128>> {
            if matches!(value, Val::None) {
                return Ok(None);
            }
            match self.index(value)? {
                Some(int) => Ok(Some(int.to_i64().map_or_else(
                    || if int.is_negative() { -(1 << 64) } else { 1 << 64 },
                    i128::from,
                ))),
                None => {
                    type_error("slice indices must be integers or None or have an __index__ method")
                }
            }
        };
        let step = part(&slice[2])?.unwrap_or(1);
        let (start, stop) = (part(&slice[0])?, part(&slice[1])?);
        if step == 0 {
            return value_error("slice step cannot be zero");
        }
        let len = len as i128;
        let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let clamp = |at: i128| if at < 0 { (at + len).max(low) } else { at.min(high) };
        let start = start.map_or(if step > 0 { low } else { high }, clamp);
        let stop = stop.map_or(if step > 0 { high } else { low }, clamp);
        let count = if step > 0 && start < stop {
            (stop - start - 1) / step + 1
        } else if step < 0 && stop < start {
            (start - stop - 1) / -step + 1
        } else {
            0
        };
        Ok(Bounds { start, step, count: count as usize })
    }

    fn pick<T: Clone>(&self, items: &[T], slice: &[Val; 3]) -> R<Vec<T>> {
        let bounds = self.bounds(slice, items.len())?;
        self.step(bounds.count)?;
        Ok(bounds.indexes().filter_map(|at| items.get(at)).cloned().collect())
    }

    /// The place of an index in a sequence of `len`; `error` if it is outside.
    fn place(&self, index: &BigInt, len: usize, error: &str) -> R<usize> {
        let Some(at) = index.to_i64() else {
            return python("IndexError", "cannot fit 'int' into an index-sized integer");
        };
        let at = if at < 0 { i128::from(at) + len as i128 } else { i128::from(at) };
        if at < 0 || at >= len as i128 {
            return python("IndexError", error);
        }
        Ok(at as usize)
    }

    /// `value[index]`.
    pub(super) fn item(&self, value: &Val, index: &Val) -> R<Val> {
        if let Some(found) = self.library_item(value, index)? {
            return Ok(found);
        }
        let found = self.scalar(value, "__getitem__")?;
        match &found {
            Val::Str(text) => return self.text_item(text, index),
            Val::Bytes(bytes) | Val::ByteArray(bytes) => {
                return self.bytes_item(bytes, index, matches!(found, Val::ByteArray(_)));
            }
            Val::Range(parts) => return self.range_item(parts, index),
            Val::Unknown(reason) => return unknown(reason),
            _ => {}
        }
        match self.container(&found)? {
            Some(kind @ (Kind::List | Kind::Tuple | Kind::Deque)) => {
                self.no_method(value, "__getitem__")?;
                self.sequence_item(&found, kind, index)
            }
            Some(Kind::Dict | Kind::OrderedDict | Kind::DefaultDict | Kind::MappingProxy) => {
                self.no_method(value, "__getitem__")?;
                match self.find_item(&found, index)? {
                    Some(value) => self.got(value),
                    None => {
                        if let Ok(class) = Class::of(value, self.objects)
                            && class.derives_named("collections", "Counter", self.objects)
                        {
                            return Ok(Val::Int(0));
                        }
                        self.no_method(value, "__missing__")?;
                        if self.has_factory(&found)? {
                            let key = self.key_text(index)?;
                            return unsupported(format!(
                                "there is no key {key}, and default_factory is not called"
                            ));
                        }
                        python("KeyError", self.key_text(index)?)
                    }
                }
            }
            _ => {
                if let Val::Slice(_) = index
                    && let Val::Iter(name, _) = &found
                {
                    return type_error(format!("'{name}' object is not subscriptable"));
                }
                if let Some(class) = Class::from_val(&found, self.objects)? {
                    if let Class::Recorded(_) = &class
                        && class.derives_named("enum", "Enum", self.objects)
                    {
                        return self.enum_item(&found, index);
                    }
                    return unsupported("subscripts of classes");
                }
                self.no_method(value, "__getitem__")?;
                if let Val::Ref(id) = &found
                    && matches!(
                        self.objects.object_head(*id)?.0,
                        Kind::Opaque | Kind::MemoryView | Kind::Array
                    )
                {
                    return unsupported("subscripts of objects of this type");
                }
                let name = self.type_name(value)?;
                type_error(format!("'{name}' object is not subscriptable"))
            }
        }
    }

    /// Whether a missing key would be made by a `default_factory`.
    fn has_factory(&self, value: &Val) -> R<bool> {
        let Val::Ref(id) = value else { return Ok(false) };
        let state = self.state(*id)?;
        let factory = crate::show::class::field(&state, "default_factory");
        Ok(factory.is_some_and(|factory| *factory != OwnedValue::None))
    }

    /// `str(KeyError(key))`.
    pub(super) fn key_text(&self, key: &Val) -> R<String> {
        let shown = crate::show::repr_value(key, self.objects, &crate::show::Limits::default());
        Ok(shown.text)
    }

    fn enum_item(&self, class: &Val, index: &Val) -> R<Val> {
        let map = self.attribute(class, "_member_map_")?;
        match self.find_item(&map, index)? {
            Some(member) => self.got(member),
            None => python("KeyError", self.key_text(index)?),
        }
    }

    fn sequence_item(&self, value: &Val, kind: Kind, index: &Val) -> R<Val> {
        let len = match value {
            Val::Ref(id) => self.objects.slice(*id, 0..0)?.len as usize,
            Val::List(items) | Val::Tuple(items) => items.len(),
            _ => 0,
        };
        let name = match kind {
            Kind::List => "list",
            Kind::Tuple => "tuple",
            _ => "deque",
        };
        if let Val::Slice(slice) = index {
            if kind == Kind::Deque {
                return type_error("sequence index must be integer, not 'slice'");
            }
            let bounds = self.bounds(slice, len)?;
            self.step(bounds.count)?;
            if bounds.count > SIZE_MAX {
                return unsupported("the result is too large");
            }
            let items = match value {
                Val::Ref(id) if bounds.step == 1 => {
                    let start = bounds.start as u64;
                    let range = start..start + bounds.count as u64;
                    self.objects.slice(*id, range)?.values.iter().map(Val::from).collect()
                }
                other => {
                    let all = self.elements(other)?;
                    bounds.indexes().filter_map(|at| all.get(at)).cloned().collect()
                }
            };
            return Ok(if kind == Kind::List { Val::list(items) } else { Val::tuple(items) });
        }
        let Some(at) = self.index(index)? else {
            let got = self.type_name(index)?;
            return type_error(if kind == Kind::Deque {
                format!("sequence index must be integer, not '{got}'")
            } else {
                format!("{name} indices must be integers or slices, not {got}")
            });
        };
        let at = self.place(&at, len, &format!("{name} index out of range"))?;
        match value {
            Val::Ref(id) => match self.objects.element(*id, at as u64)? {
                Some(value) => self.recorded(&value),
                None => unknown("damaged trace"),
            },
            Val::List(items) | Val::Tuple(items) => match items.get(at) {
                Some(value) => self.got(value.clone()),
                None => unknown("damaged trace"),
            },
            _ => unknown("damaged trace"),
        }
    }

    fn text_item(&self, text: &Arc<[u8]>, index: &Val) -> R<Val> {
        let all = points(text);
        if let Val::Slice(slice) = index {
            return Ok(Val::text(from_points(&self.pick(&all, slice)?)));
        }
        let Some(at) = self.index(index)? else {
            let got = self.type_name(index)?;
            return type_error(format!("string indices must be integers, not '{got}'"));
        };
        let at = self.place(&at, all.len(), "string index out of range")?;
        Ok(Val::text(from_points(&all[at..=at])))
    }

    fn bytes_item(&self, bytes: &Arc<[u8]>, index: &Val, array: bool) -> R<Val> {
        if let Val::Slice(slice) = index {
            let out: Arc<[u8]> = self.pick(bytes, slice)?.into();
            return Ok(if array { Val::ByteArray(out) } else { Val::Bytes(out) });
        }
        let Some(at) = self.index(index)? else {
            let got = self.type_name(index)?;
            let name = if array { "bytearray" } else { "byte" };
            return type_error(format!("{name} indices must be integers or slices, not {got}"));
        };
        let error = if array { "bytearray index out of range" } else { "index out of range" };
        let at = self.place(&at, bytes.len(), error)?;
        Ok(Val::Int(i64::from(bytes[at])))
    }

    fn range_item(&self, parts: &[BigInt; 3], index: &Val) -> R<Val> {
        let [start, _, step] = parts;
        let len = range_len(parts);
        if let Val::Slice(slice) = index {
            let Some(len) = len.to_usize() else { return unsupported("the range is too long") };
            let bounds = self.bounds(slice, len)?;
            let at = |place: i128| start + step * BigInt::from(place);
            let end = bounds.start + bounds.step * bounds.count as i128;
            let stop = match &slice[1] {
                _ if bounds.count > 0 && bounds.step.abs() == 1 => at(end),
                _ => self.range_stop(slice, len, &at)?,
            };
            return Ok(Val::Range(Arc::new([
                at(bounds.start),
                stop,
                step * BigInt::from(bounds.step),
            ])));
        }
        let Some(at) = self.index(index)? else {
            let got = self.type_name(index)?;
            return type_error(format!("range indices must be integers or slices, not {got}"));
        };
        let at = if at.is_negative() { at + &len } else { at };
        if at.is_negative() || at >= len {
            return python("IndexError", "range object index out of range");
        }
        Ok(Val::int(start + step * at))
    }

    fn range_stop(&self, slice: &[Val; 3], len: usize, at: &impl Fn(i128) -> BigInt) -> R<BigInt> {
        let len = len as i128;
        let step = self.index(&slice[2])?.map_or(1, |step| if step.is_negative() { -1 } else { 1 });
        let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let stop = match &slice[1] {
            Val::None => {
                if step > 0 {
                    high
                } else {
                    low
                }
            }
            value => {
                let stop =
                    self.index(value)?.and_then(|stop| stop.to_i64()).map_or(high, i128::from);
                if stop < 0 { (stop + len).max(low) } else { stop.min(high) }
            }
        };
        Ok(at(stop))
    }
}
