//! Objects of the standard library in expressions: attributes, subscripts and the methods that
//! only read, for exactly its own classes. What a subclass of the program's may change is refused.

use super::error::{EvalError, R, python, type_error, unknown, unsupported, value_error};
use super::run::Eval;
use super::val::Val;
use crate::show::class::{Class, Facts, Lookup, entry, field};
use crate::show::library::{match_part, match_spans, path_text, struct_sequence, uuid_text};
use crate::show::numpy::Array;
use moviola_format::event::Kind;
use moviola_format::read::{ObjectState, OwnedValue};
use num_bigint::BigInt;
use num_traits::{Signed as _, ToPrimitive as _, Zero as _};
use std::cmp::Ordering;
use std::sync::Arc;

/// Methods that are answered, by module and class.
const METHODS: &[(&str, &str, &[&str])] = &[
    ("numpy", "ndarray", &["tolist"]),
    ("re", "Match", &["group", "groups", "groupdict", "span", "start", "end"]),
    ("_asyncio", "Future", &["done", "cancelled", "result", "exception"]),
    (
        "_asyncio",
        "Task",
        &["done", "cancelled", "result", "exception", "get_name", "cancelling", "get_coro"],
    ),
];

/// What every use of a released view says.
const RELEASED: &str = "operation forbidden on released memoryview object";
const VIEW_ATTRIBUTES: [&str; 12] = [
    "c_contiguous",
    "contiguous",
    "f_contiguous",
    "format",
    "itemsize",
    "nbytes",
    "ndim",
    "obj",
    "readonly",
    "shape",
    "strides",
    "suboffsets",
];

impl Eval<'_> {
    /// Module and name of the standard library's class that a value is exactly of.
    fn library_class(&self, value: &Val) -> R<Option<(u64, Arc<Facts>)>> {
        let Val::Ref(id) = value else { return Ok(None) };
        if self.objects.object_head(*id)?.1 == 0 {
            return Ok(None);
        }
        match Class::of(value, self.objects)? {
            Class::Recorded(facts) if !facts.is_open() && !facts.is_changed => {
                Ok(Some((*id, facts)))
            }
            _ => Ok(None),
        }
    }

    /// An attribute that a class of the standard library computes; `owner` is where it is defined.
    pub(super) fn library_attribute(
        &self,
        value: &Val,
        owner: &Facts,
        state: &ObjectState,
        name: &str,
    ) -> R<Option<Val>> {
        let part =
            |name: &str| field(state, name).or_else(|| entry(state.attrs.as_ref(), name)).cloned();
        let given = |value: Option<OwnedValue>| value.map(|value| self.recorded(&value));
        let (module, class) = (owner.module.as_str(), owner.qualname.as_str());
        if METHODS.iter().any(|(m, c, names)| *m == module && *c == class && names.contains(&name))
        {
            return Ok(Some(Val::Method(Arc::new((value.clone(), name.into())))));
        }
        if let Some(names) = struct_sequence(module, class)
            && let Some(at) = names.iter().position(|known| *known == name)
            && let Val::Ref(id) = value
        {
            let element = self.objects.element(*id, at as u64)?;
            return given(element).transpose();
        }
        match (module, class, name) {
            ("fractions", "Fraction", "numerator") => given(part("_numerator")).transpose(),
            ("fractions", "Fraction", "denominator") => given(part("_denominator")).transpose(),
            ("uuid", "UUID", "hex") => {
                Ok(uuid_text(state).map(|text| Val::str(&text.replace('-', ""))))
            }
            ("datetime", "datetime" | "time", "tzinfo") => {
                Ok(Some(given(part("tzinfo")).transpose()?.unwrap_or(Val::None)))
            }
            ("datetime", ..) => {
                Ok(self.any_date(state)?.and_then(|date| date.field(name)).map(Val::Int))
            }
            ("pathlib" | "pathlib._local", ..) => {
                Ok(path_text(state, self.objects).and_then(|text| path_part(&text, name)))
            }
            ("numpy", "ndarray", _) => Ok(Array::of(state).and_then(|array| match name {
                "shape" => {
                    Some(Val::tuple(array.shape.iter().map(|size| Val::count(*size)).collect()))
                }
                "size" => Some(Val::count(array.size())),
                "itemsize" if array.itemsize > 0 => Some(Val::count(array.itemsize)),
                "nbytes" if array.itemsize > 0 => Some(Val::count(array.size() * array.itemsize)),
                _ => None,
            })),
            _ => Ok(None),
        }
    }

    /// Attributes of arrays and memory views that are computed.
    pub(super) fn buffer_attribute(
        &self,
        value: &Val,
        state: &ObjectState,
        name: &str,
    ) -> R<Option<Val>> {
        if state.kind == Kind::MemoryView
            && VIEW_ATTRIBUTES.contains(&name)
            && field(state, "released").is_some()
        {
            return value_error(RELEASED);
        }
        let Some(blob) = state.blob.as_ref() else { return Ok(None) };
        Ok(match (state.kind, name) {
            (Kind::Array, "tolist" | "tobytes") => {
                Some(Val::Method(Arc::new((value.clone(), name.into()))))
            }
            (Kind::MemoryView, "tolist" | "tobytes") if one_dimension(state) => {
                Some(Val::Method(Arc::new((value.clone(), name.into()))))
            }
            (Kind::MemoryView, "nbytes") => Some(Val::count(blob.len())),
            (Kind::MemoryView, "shape") if one_dimension(state) => {
                item_size(state).map(|size| Val::tuple(vec![Val::count(blob.len() / size)]))
            }
            _ => None,
        })
    }

    /// A call of a method of an object of the standard library; `None` if it is none of these.
    pub(super) fn library_call(&self, value: &Val, name: &str, list: &[Val]) -> R<Option<Val>> {
        let Val::Ref(id) = value else { return Ok(None) };
        let kind = self.objects.object_head(*id)?.0;
        if matches!(kind, Kind::Array | Kind::MemoryView) {
            let state = self.state(*id)?;
            return Ok(match name {
                "tolist" if list.is_empty() => self.stand_in(value)?,
                "tobytes" if list.is_empty() => {
                    state.blob.as_ref().map(|blob| Val::Bytes(blob.as_slice().into()))
                }
                _ => None,
            });
        }
        // A subclass of the program's that leaves the method as it is counts too.
        if self.objects.object_head(*id)?.1 == 0 {
            return Ok(None);
        }
        let class = Class::of(value, self.objects)?;
        let Lookup::Hidden(facts) = class.lookup(name, self.objects)? else { return Ok(None) };
        let state = self.state(*id)?;
        match (facts.module.as_str(), facts.qualname.as_str()) {
            ("re", "Match") => self.match_method(&state, name, list).map(Some),
            ("numpy", "ndarray") if name == "tolist" && list.is_empty() => self.stand_in(value),
            ("_asyncio", "Future" | "Task") => self.future_method(&state, name, list).map(Some),
            _ => Ok(None),
        }
    }

    fn future_method(&self, state: &ObjectState, name: &str, list: &[Val]) -> R<Val> {
        if !list.is_empty() {
            return type_error(format!("{name}() takes no arguments ({} given)", list.len()));
        }
        let part = |name: &str| match field(state, name) {
            Some(value) => self.recorded(value),
            None => unknown("no contents in the trace"),
        };
        let status = match field(state, "_state") {
            Some(OwnedValue::Str(status)) => String::from_utf8_lossy(status).into_owned(),
            _ => return unknown("no contents in the trace"),
        };
        Ok(match name {
            "done" => Val::Bool(status != "PENDING"),
            "cancelled" => Val::Bool(status == "CANCELLED"),
            "cancelling" => part("<cancels>")?,
            "get_coro" => part("_coro")?,
            "get_name" => match part("<name>")? {
                Val::Int(number) => Val::str(&format!("Task-{number}")),
                name => name,
            },
            _ if status == "PENDING" => {
                let what = if name == "result" { "Result" } else { "Exception" };
                let class = "asyncio.exceptions.InvalidStateError";
                return python(class, format!("{what} is not set."));
            }
            _ if status == "CANCELLED" => return unsupported("the result of a cancelled future"),
            "exception" => part("_exception")?,
            "result" if matches!(part("_exception")?, Val::None) => part("_result")?,
            _ => return unsupported("the result of a future that raised"),
        })
    }

    /// The number of a group of a match, by index or name.
    fn group(&self, state: &ObjectState, spans: usize, index: &Val) -> R<usize> {
        let at = match self.scalar(index, "__index__")? {
            Val::Str(name) => {
                let Some(OwnedValue::Ref(pattern)) = field(state, "re") else {
                    return unknown("no contents in the trace");
                };
                let pattern = self.state(*pattern)?;
                let names = field(&pattern, "<groups>").map_or(Val::None, Val::from);
                self.find_item(&names, &Val::Str(name))?.and_then(|at| at.as_i64())
            }
            index => index.as_int().and_then(|at| at.to_i64()),
        };
        match at.and_then(|at| usize::try_from(at).ok()).filter(|at| *at < spans) {
            Some(at) => Ok(at),
            None => python("IndexError", "no such group"),
        }
    }

    fn match_method(&self, state: &ObjectState, name: &str, list: &[Val]) -> R<Val> {
        let spans = match_spans(state);
        let subject = field(state, "string")
            .map_or(Val::None, |subject| super::plain_value(subject, self.objects));
        let text = |at: usize, default: &Val| -> R<Val> {
            match spans[at] {
                (-1, _) => Ok(default.clone()),
                span => match match_part(&subject, span) {
                    Some(part) => Ok(part),
                    None => unsupported("a match in what is no str or bytes"),
                },
            }
        };
        let numbers: Vec<usize> = match name {
            "groups" | "groupdict" => Vec::new(),
            _ => list
                .iter()
                .map(|index| self.group(state, spans.len(), index))
                .collect::<R<Vec<usize>>>()?,
        };
        let default = list.first().cloned().unwrap_or(Val::None);
        let first = numbers.first().copied().unwrap_or(0);
        let span = |at: usize| spans.get(at).copied().unwrap_or((-1, -1));
        Ok(match name {
            "group" if numbers.len() < 2 => text(first, &Val::None)?,
            "group" => {
                let parts: R<Vec<Val>> = numbers.iter().map(|at| text(*at, &Val::None)).collect();
                Val::tuple(parts?)
            }
            "groups" => {
                let parts: R<Vec<Val>> = (1..spans.len()).map(|at| text(at, &default)).collect();
                Val::tuple(parts?)
            }
            "span" => Val::tuple(vec![Val::Int(span(first).0), Val::Int(span(first).1)]),
            "start" => Val::Int(span(first).0),
            "end" => Val::Int(span(first).1),
            _ => {
                let Some(OwnedValue::Ref(pattern)) = field(state, "re") else {
                    return unknown("no contents in the trace");
                };
                let pattern = self.state(*pattern)?;
                let names = field(&pattern, "<groups>").map_or(Val::None, Val::from);
                let mut pairs = Vec::new();
                for (name, at) in self.mapping(&names)?.unwrap_or_default() {
                    let at = self.group(state, spans.len(), &at)?;
                    pairs.push((name, text(at, &default)?));
                }
                Val::Dict(Arc::new(pairs))
            }
        })
    }

    /// `value[index]` of a match, array or the like; `None` if it is none.
    pub(super) fn library_item(&self, value: &Val, index: &Val) -> R<Option<Val>> {
        let Val::Ref(id) = value else { return Ok(None) };
        let kind = self.objects.object_head(*id)?.0;
        let buffer = matches!(kind, Kind::Array | Kind::MemoryView);
        if kind == Kind::MemoryView && field(&*self.state(*id)?, "released").is_some() {
            return value_error(RELEASED);
        }
        if let Some((_, facts)) = self.library_class(value)? {
            if facts.is("re", "Match") {
                let state = self.state(*id)?;
                return self.match_method(&state, "group", std::slice::from_ref(index)).map(Some);
            }
            if facts.is("numpy", "ndarray") {
                return self.array_item(&*self.state(*id)?, index).map(Some);
            }
        }
        let Some(stand_in) = self.stand_in(value)? else { return Ok(None) };
        if buffer && matches!(super::plain(index, self.objects), Val::Slice(_)) {
            return unsupported("slices of arrays and memory views");
        }
        match self.item(&stand_in, index) {
            Err(EvalError::Python { class, .. }) if buffer && class == "IndexError" => {
                let text = match kind {
                    Kind::Array => "array index out of range",
                    _ => "index out of bounds on dimension 1",
                };
                python("IndexError", text)
            }
            found => found.map(Some),
        }
    }

    /// An element of a numpy array, as a plain number.
    fn array_item(&self, state: &ObjectState, index: &Val) -> R<Val> {
        let Some(array) = Array::of(state) else { return unknown("no contents in the trace") };
        if !array.is_known() {
            return match &state.scalar {
                Some(reason) => self.recorded(reason),
                None => unknown("no contents in the trace"),
            };
        }
        let parts = match index {
            Val::Tuple(parts) => parts.to_vec(),
            index => vec![index.clone()],
        };
        if parts.len() != array.shape.len() {
            return unsupported("parts of arrays");
        }
        let mut at = 0;
        for (axis, (part, size)) in parts.iter().zip(&array.shape).enumerate() {
            let Some(number) = self.scalar(part, "__index__")?.as_int() else {
                return unsupported("parts of arrays");
            };
            let place =
                if number.is_negative() { &number + BigInt::from(*size) } else { number.clone() };
            match place.to_usize().filter(|place| place < size) {
                Some(place) => at = at * size + place,
                None => {
                    return python(
                        "IndexError",
                        format!("index {number} is out of bounds for axis {axis} with size {size}"),
                    );
                }
            }
        }
        match array.element(at) {
            Some(value) => Ok(value),
            None => unknown("damaged trace"),
        }
    }

    /// Fails for an array of numpy's: iteration gives numbers of numpy's own, which print as such.
    pub(super) fn no_numpy(&self, value: &Val) -> R<()> {
        match self.library_class(value)? {
            Some((_, facts)) if facts.is("numpy", "ndarray") => {
                unsupported("iteration over an array; tolist() gives its numbers")
            }
            _ => Ok(()),
        }
    }

    /// The plain container whose elements an object has: for subscripts, iteration and length.
    pub(super) fn stand_in(&self, value: &Val) -> R<Option<Val>> {
        let Val::Ref(id) = value else { return Ok(None) };
        let (kind, class) = self.objects.object_head(*id)?;
        if matches!(kind, Kind::Array | Kind::MemoryView) && class == 0 {
            return Ok(buffer_items(&*self.state(*id)?).map(Val::list));
        }
        let Some((id, facts)) = self.library_class(value)? else { return Ok(None) };
        match (facts.module.as_str(), facts.qualname.as_str()) {
            ("builtins", "dict_keys" | "dict_values" | "dict_items") => {
                let state = self.state(id)?;
                let Some(items) = super::viewed_items(&state, self.objects) else {
                    return Ok(None);
                };
                let pick = |(key, value): &(OwnedValue, OwnedValue)| match facts.qualname.as_str() {
                    "dict_keys" => Val::from(key),
                    "dict_values" => Val::from(value),
                    _ => Val::tuple(vec![Val::from(key), Val::from(value)]),
                };
                let name = match facts.qualname.as_str() {
                    "dict_keys" => "dict_keys",
                    "dict_values" => "dict_values",
                    _ => "dict_items",
                };
                Ok(Some(Val::View(name, Arc::new(items.iter().map(pick).collect()))))
            }
            ("collections", "UserDict" | "UserList" | "UserString") => {
                let state = self.state(id)?;
                entry(state.attrs.as_ref(), "data").map(|data| self.recorded(data)).transpose()
            }
            ("numpy", "ndarray") => {
                let Some(array) = Array::of(&*self.state(id)?) else { return Ok(None) };
                if !array.is_known() || array.shape.len() != 1 {
                    return Ok(None);
                }
                Ok((0..array.size())
                    .map(|at| array.element(at))
                    .collect::<Option<_>>()
                    .map(Val::list))
            }
            (module, class) => match struct_sequence(module, class) {
                Some(names) => {
                    let slice = self.objects.slice(id, 0..names.len() as u64)?;
                    Ok(Some(Val::tuple(slice.values.iter().map(Val::from).collect())))
                }
                None => Ok(None),
            },
        }
    }

    /// `str` of an object of the standard library.
    pub(super) fn library_text(&self, value: &Val) -> R<Option<String>> {
        let Some((id, facts)) = self.library_class(value)? else { return Ok(None) };
        let state = self.state(id)?;
        Ok(match (facts.module.as_str(), facts.qualname.as_str()) {
            ("decimal", "Decimal") => {
                state.blob.as_ref().map(|text| String::from_utf8_lossy(text).into_owned())
            }
            ("uuid", "UUID") => uuid_text(&state),
            ("pathlib" | "pathlib._local", "PosixPath" | "PurePosixPath") => {
                path_text(&state, self.objects)
            }
            _ => None,
        })
    }

    /// The Python number that one of numpy's is.
    pub(super) fn library_number(&self, value: &Val) -> R<Option<Val>> {
        let Some((id, facts)) = self.library_class(value)? else { return Ok(None) };
        if facts.module != "numpy" || facts.qualname == "ndarray" {
            return Ok(None);
        }
        let state = self.state(id)?;
        state.scalar.as_ref().map(|number| self.recorded(number)).transpose()
    }

    /// What a call of a weak reference gives.
    pub(super) fn referent(&self, state: &ObjectState) -> R<Val> {
        if state.scalar != Some(OwnedValue::Bool(true)) {
            return Ok(Val::None);
        }
        match field(state, "referent") {
            Some(referent) => self.recorded(referent),
            None => unknown("the referent was not reached"),
        }
    }

    /// The order of two numbers of which one is a Decimal or Fraction; `None` if they are not, or
    /// cannot be compared.
    pub(super) fn exact_order(&self, a: &Val, b: &Val) -> R<Option<Ordering>> {
        let (Some(one), Some(two)) = (self.ratio(a)?, self.ratio(b)?) else { return Ok(None) };
        let mixed = matches!((one.2, two.2), ("Decimal", "Fraction") | ("Fraction", "Decimal"));
        if mixed || (one.2.is_empty() && two.2.is_empty()) {
            return Ok(None);
        }
        Ok(Some((one.0 * two.1).cmp(&(two.0 * one.1))))
    }

    /// Numerator, positive denominator, and which of the classes it is.
    fn ratio(&self, value: &Val) -> R<Option<(BigInt, BigInt, &'static str)>> {
        let one = || BigInt::from(1);
        match value {
            value if value.is_int() => {
                return Ok(value.as_int().map(|int| (int, one(), "")));
            }
            Val::Float(float) if float.is_finite() => {
                let (mantissa, exponent, sign) = num_traits::Float::integer_decode(*float);
                let mantissa = BigInt::from(mantissa) * sign;
                let power = BigInt::from(1) << exponent.unsigned_abs();
                return Ok(Some(match exponent < 0 {
                    true => (mantissa, power, ""),
                    false => (mantissa * power, one(), ""),
                }));
            }
            _ => {}
        }
        let Some((id, facts)) = self.library_class(value)? else { return Ok(None) };
        let state = self.state(id)?;
        if facts.is("fractions", "Fraction") {
            let part = |name: &str| {
                let part = field(&state, name).or_else(|| entry(state.attrs.as_ref(), name))?;
                super::plain_value(part, self.objects).as_int()
            };
            let parts = part("_numerator").zip(part("_denominator"));
            return Ok(parts
                .filter(|(_, down)| !down.is_zero())
                .map(|(up, down)| (up, down, "Fraction")));
        }
        if !facts.is("decimal", "Decimal") {
            return Ok(None);
        }
        let text = state.blob.as_ref().map(|text| String::from_utf8_lossy(text).into_owned());
        Ok(text.and_then(|text| decimal(&text)).map(|(up, down)| (up, down, "Decimal")))
    }
}

/// A finite Decimal as a fraction.
fn decimal(text: &str) -> Option<(BigInt, BigInt)> {
    const MOST: i64 = 10_000;
    let (front, exponent) = text.split_once('E').unwrap_or((text, "0"));
    let (whole, fraction) = front.split_once('.').unwrap_or((front, ""));
    let digits: BigInt = format!("{whole}{fraction}").parse().ok()?;
    let exponent = exponent.parse::<i64>().ok()? - fraction.len() as i64;
    let power = BigInt::from(10).pow(exponent.unsigned_abs().to_u32()?);
    (exponent.abs() <= MOST).then(|| match exponent < 0 {
        true => (digits, power),
        false => (digits * power, BigInt::from(1)),
    })
}

/// An attribute of a POSIX path that is text or a tuple of it.
fn path_part(path: &str, name: &str) -> Option<Val> {
    let slashes = path.len() - path.trim_start_matches('/').len();
    let (root, rest) = path.split_at(slashes);
    let parts: Vec<&str> =
        rest.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let last = parts.last().copied().unwrap_or_default();
    // The last dot, unless it begins or ends the name.
    let dot = last.rfind('.').filter(|at| *at > 0 && at + 1 < last.len());
    Some(match name {
        "name" => Val::str(last),
        "stem" => Val::str(&last[..dot.unwrap_or(last.len())]),
        "suffix" => Val::str(&last[dot.unwrap_or(last.len())..]),
        "root" | "anchor" => Val::str(root),
        "drive" => Val::str(""),
        "parts" => {
            let first = (!root.is_empty()).then_some(root);
            Val::tuple(first.into_iter().chain(parts).map(Val::str).collect())
        }
        _ => return None,
    })
}

fn item_size(state: &ObjectState) -> Option<usize> {
    match field(state, "itemsize") {
        Some(OwnedValue::Int(size)) => usize::try_from(*size).ok().filter(|size| *size > 0),
        _ => None,
    }
}

fn one_dimension(state: &ObjectState) -> bool {
    field(state, "ndim") == Some(&OwnedValue::Int(1))
}

/// The elements of an array or of a memory view in one dimension.
fn buffer_items(state: &ObjectState) -> Option<Vec<Val>> {
    let (name, blob) = match state.kind {
        Kind::Array => ("typecode", state.blob.as_ref()?),
        _ if one_dimension(state) => ("format", state.blob.as_ref()?),
        _ => return None,
    };
    let Some(OwnedValue::Str(code)) = field(state, name) else { return None };
    let size = item_size(state)?;
    let one = |item: &[u8]| -> Option<Val> {
        let mut bytes = [0; 8];
        bytes.get_mut(..size)?.copy_from_slice(item);
        let raw = u64::from_le_bytes(bytes);
        let shift = 64 - 8 * size as u32;
        Some(match &**code {
            b"d" => Val::Float(f64::from_bits(raw)),
            b"f" => Val::Float(f64::from(f32::from_bits(raw as u32))),
            b"b" | b"h" | b"i" | b"l" | b"q" => Val::Int((raw << shift) as i64 >> shift),
            b"B" | b"H" | b"I" | b"L" | b"Q" => Val::int(raw.into()),
            b"?" => Val::Bool(raw != 0),
            b"u" | b"w" if state.kind == Kind::Array => {
                Val::text(crate::show::text::from_points(&[raw as u32]))
            }
            _ => return None,
        })
    };
    blob.chunks_exact(size).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::{decimal, path_part};
    use crate::eval::Val;

    #[test]
    fn names_of_paths_are_taken_apart() {
        let part = |path: &str, name: &str| match path_part(path, name) {
            Some(Val::Str(text)) => String::from_utf8_lossy(&text).into_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(part("/tmp/a/b.txt", "name"), "b.txt");
        assert_eq!(part("/tmp/a/b.tar.gz", "suffix"), ".gz");
        assert_eq!(part(".bashrc", "suffix"), "");
        assert_eq!(part("a/b.txt", "stem"), "b");
        assert_eq!(part("/", "name"), "");
    }

    #[test]
    fn decimals_become_fractions() {
        let parts = decimal("1.50").unwrap();
        assert_eq!((parts.0.to_string(), parts.1.to_string()), ("150".into(), "100".into()));
        let parts = decimal("-1E+2").unwrap();
        assert_eq!((parts.0.to_string(), parts.1.to_string()), ("-100".into(), "1".into()));
        assert!(decimal("NaN").is_none() && decimal("1E+99999").is_none());
    }
}
