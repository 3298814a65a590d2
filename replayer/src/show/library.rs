//! `repr` of objects of the standard library, from what their C structs or attributes held. The
//! address that some end with is left out, as everywhere.

use super::class::{Class, elements, entry, field, text, text_field};
use super::repr::Writer;
use super::text::{bytes_repr, from_points, points, str_repr};
use super::{Objects, known};
use crate::eval::Val;
use crate::pyfloat::float_repr;
use moviola_format::event::Kind;
use moviola_format::read::{ObjectState, OwnedValue};
use std::fmt::Write as _;

/// Fields of the C named tuples that programs meet.
const STRUCT_SEQUENCES: &[(&str, &str, &[&str])] = &[
    (
        "time",
        "struct_time",
        &[
            "tm_year", "tm_mon", "tm_mday", "tm_hour", "tm_min", "tm_sec", "tm_wday", "tm_yday",
            "tm_isdst",
        ],
    ),
    (
        "os",
        "stat_result",
        &[
            "st_mode", "st_ino", "st_dev", "st_nlink", "st_uid", "st_gid", "st_size", "st_atime",
            "st_mtime", "st_ctime",
        ],
    ),
    ("os", "terminal_size", &["columns", "lines"]),
    ("posix", "times_result", &["user", "system", "children_user", "children_system", "elapsed"]),
    ("posix", "uname_result", &["sysname", "nodename", "release", "version", "machine"]),
    ("sys", "version_info", &["major", "minor", "micro", "releaselevel", "serial"]),
    (
        "sys",
        "float_info",
        &[
            "max",
            "max_exp",
            "max_10_exp",
            "min",
            "min_exp",
            "min_10_exp",
            "dig",
            "mant_dig",
            "epsilon",
            "radix",
            "rounds",
        ],
    ),
];

/// The field names of a C named tuple.
#[must_use]
pub fn struct_sequence(module: &str, qualname: &str) -> Option<&'static [&'static str]> {
    let found = STRUCT_SEQUENCES.iter().find(|(m, q, _)| *m == module && *q == qualname);
    found.map(|(_, _, names)| *names)
}

/// Start and end of each group of a match; (-1, -1) for one that took no part.
#[must_use]
pub fn match_spans(state: &ObjectState) -> Vec<(i64, i64)> {
    let blob = state.blob.as_deref().unwrap_or_default();
    let mark = |bytes: &[u8]| bytes.try_into().map_or(-1, i64::from_le_bytes);
    blob.chunks_exact(16).map(|pair| (mark(&pair[..8]), mark(&pair[8..]))).collect()
}

/// A part of the text that a match was searched in.
#[must_use]
pub fn match_part(subject: &Val, span: (i64, i64)) -> Option<Val> {
    let (start, end) = (usize::try_from(span.0).ok()?, usize::try_from(span.1).ok()?);
    Some(match subject {
        Val::Str(text) if text.is_ascii() => Val::Str(text.get(start..end)?.into()),
        Val::Str(text) => Val::Str(from_points(points(text).get(start..end)?).into()),
        Val::Bytes(bytes) => Val::Bytes(bytes.get(start..end)?.into()),
        _ => return None,
    })
}

/// `str` of a UUID from its 128 bits.
#[must_use]
pub fn uuid_text(state: &ObjectState) -> Option<String> {
    let part = field(state, "int").or_else(|| entry(state.attrs.as_ref(), "int"))?;
    let digits = format!("{:032x}", Val::from(part).as_int()?);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    (digits.len() == 32)
        .then(|| [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-"))
}

/// `str` of a POSIX path, from what `pathlib` keeps in it.
#[must_use]
pub fn path_text(state: &ObjectState, objects: &dyn Objects) -> Option<String> {
    let part = |name| field(state, name).or_else(|| entry(state.attrs.as_ref(), name));
    if let Some(whole) = part("_str").and_then(|whole| text(whole, objects)) {
        return Some(whole);
    }
    let texts = |name| -> Option<Vec<String>> {
        elements(part(name), objects)?.iter().map(|one| text(one, objects)).collect()
    };
    let plain = |root: &str, parts: &[String]| {
        if root.is_empty() && parts.is_empty() {
            return ".".to_owned();
        }
        format!("{root}{}", parts.join("/"))
    };
    if let Some(parts) = texts("_parts") {
        // 3.11: the first part is the root, if there is one.
        return Some(match parts.split_first() {
            Some((root, rest)) if root.starts_with('/') => plain(root, rest),
            _ => plain("", &parts),
        });
    }
    // Later versions keep the arguments and split them when asked.
    let mut joined = String::new();
    for raw in texts("_raw_paths")? {
        if raw.starts_with('/') {
            joined = raw;
        } else if joined.is_empty() || joined.ends_with('/') {
            joined.push_str(&raw);
        } else {
            joined.push('/');
            joined.push_str(&raw);
        }
    }
    let slashes = joined.len() - joined.trim_start_matches('/').len();
    let root = match slashes {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let parts: Vec<String> =
        joined.split('/').filter(|one| !one.is_empty() && *one != ".").map(str::to_owned).collect();
    Some(plain(root, &parts))
}

impl Writer<'_> {
    /// Appends `repr` of an object of a class of the standard library; false if it is none whose
    /// text is known. `name` is its own class, which may be a subclass of `owner`.
    pub(super) fn library(
        &mut self,
        id: u64,
        state: &ObjectState,
        class: &Class,
        owner: (&str, &str),
    ) -> bool {
        let name = class.name().rsplit('.').next().unwrap_or_default().to_owned();
        let part =
            |name: &str| field(state, name).or_else(|| entry(state.attrs.as_ref(), name)).cloned();
        match owner {
            ("decimal", "Decimal") => match state.blob.as_deref() {
                Some(text) if !text.is_empty() => {
                    let _ = write!(self.out, "Decimal('{}')", String::from_utf8_lossy(text));
                }
                _ => return false,
            },
            ("datetime", "datetime" | "date" | "time" | "timedelta") => {
                return self.date(state, Some(&name));
            }
            ("datetime", "timezone") => return self.zone(state),
            ("zoneinfo", "ZoneInfo") => match part("key") {
                Some(key) if key != OwnedValue::None => {
                    self.out.push_str("zoneinfo.ZoneInfo(key=");
                    self.owned(&key);
                    self.out.push(')');
                }
                _ => return false,
            },
            ("re", "Pattern") => return self.pattern(state),
            ("re", "Match") => return self.matched(state),
            ("_contextvars" | "contextvars", "ContextVar") => {
                let Some(name) = part("name") else { return false };
                self.exact = false;
                self.enter(id, "...", 1, |writer| {
                    writer.out.push_str("<ContextVar name=");
                    writer.owned(&name);
                    if let Some(default) = part("default") {
                        writer.out.push_str(" default=");
                        writer.owned(&default);
                    }
                    writer.out.push('>');
                });
            }
            ("_contextvars" | "contextvars", "Token") => {
                let Some(var) = part("var") else { return false };
                self.exact = false;
                let used = part("<used>") == Some(OwnedValue::Bool(true));
                self.enter(id, "...", 1, |writer| {
                    writer.out.push_str(if used { "<Token used var=" } else { "<Token var=" });
                    writer.owned(&var);
                    writer.out.push('>');
                });
            }
            ("builtins", "dict_keys" | "dict_values" | "dict_items")
            | ("builtins", "odict_keys" | "odict_values" | "odict_items") => {
                return self.view(id, state, &name);
            }
            ("types", "GenericAlias") => return self.alias(state),
            ("types", "UnionType") => {
                let Some(args) = elements(field(state, "__args__"), self.objects) else {
                    return false;
                };
                for (at, arg) in args.iter().enumerate() {
                    self.out.push_str(if at > 0 { " | " } else { "" });
                    self.type_argument(arg);
                }
            }
            ("_asyncio", "Future" | "Task") => return self.future(id, state, &name),
            ("numpy", "ndarray") => return self.ndarray(state),
            ("numpy", _) if field(state, "<numpy>").is_some() => {
                let Some(value) = state.scalar.clone() else { return false };
                let old = matches!(field(state, "<numpy>"), Some(OwnedValue::Int(0 | 1)));
                match value {
                    _ if old => self.number(&value, &name),
                    OwnedValue::Bool(value) => {
                        self.out.push_str(if value { "np.True_" } else { "np.False_" });
                    }
                    value => {
                        let _ = write!(self.out, "np.{name}(");
                        self.number(&value, &name);
                        self.out.push(')');
                    }
                }
            }
            ("fractions", "Fraction") => {
                let (Some(up), Some(down)) = (part("_numerator"), part("_denominator")) else {
                    return false;
                };
                let _ = write!(self.out, "{name}(");
                self.owned(&up);
                self.out.push_str(", ");
                self.owned(&down);
                self.out.push(')');
            }
            ("uuid", "UUID") => match uuid_text(state) {
                Some(text) => {
                    let _ = write!(self.out, "{name}('{text}')");
                }
                None => return false,
            },
            ("collections", "ChainMap") => {
                let Some(maps) = elements(part("maps").as_ref(), self.objects) else {
                    return false;
                };
                self.enter(id, "...", maps.len() as u64, |writer| {
                    let _ = write!(writer.out, "{name}(");
                    for (at, map) in maps.iter().enumerate() {
                        writer.out.push_str(if at > 0 { ", " } else { "" });
                        writer.owned(map);
                    }
                    writer.out.push(')');
                });
            }
            ("collections", "UserDict" | "UserList" | "UserString") => match part("data") {
                Some(data) => self.owned(&data),
                None => return false,
            },
            ("ipaddress", "IPv4Address") => match part("_ip").and_then(|ip| address(&ip)) {
                Some(text) => {
                    let _ = write!(self.out, "{name}('{text}')");
                }
                None => return false,
            },
            ("ipaddress", "IPv4Network") => {
                let Some(OwnedValue::Ref(network)) = part("network_address") else { return false };
                let Ok(network) = self.objects.object(network).and_then(known) else {
                    return false;
                };
                let ip = field(&network, "_ip").or_else(|| entry(network.attrs.as_ref(), "_ip"));
                match (ip.and_then(address), part("_prefixlen")) {
                    (Some(text), Some(OwnedValue::Int(size))) => {
                        let _ = write!(self.out, "{name}('{text}/{size}')");
                    }
                    _ => return false,
                }
            }
            (module, qualname) => match struct_sequence(module, qualname) {
                Some(names) => return self.struct_tuple(id, &class.full_name(), names),
                None => return false,
            },
        }
        true
    }

    fn number(&mut self, value: &OwnedValue, name: &str) {
        match value {
            OwnedValue::Float(value) if name == "float32" && value.is_finite() => {
                let single = float_repr((*value as f32).to_string().parse().unwrap_or(*value));
                self.out.push_str(&single);
            }
            value => self.owned(value),
        }
    }

    fn struct_tuple(&mut self, id: u64, name: &str, names: &[&str]) -> bool {
        let Ok(slice) = self.objects.slice(id, 0..names.len() as u64) else { return false };
        self.enter(id, "...", names.len() as u64, |writer| {
            let _ = write!(writer.out, "{name}(");
            for (at, (name, value)) in names.iter().zip(&slice.values).enumerate() {
                let join = if at > 0 { ", " } else { "" };
                let _ = write!(writer.out, "{join}{name}=");
                writer.owned(value);
            }
            writer.out.push(')');
        });
        true
    }

    /// A date, time, datetime or timedelta; `name` is that of a subclass.
    pub(super) fn date(&mut self, state: &ObjectState, name: Option<&str>) -> bool {
        let Some(shown) = state.scalar.as_ref().and_then(|value| text(value, self.objects)) else {
            return false;
        };
        let own = shown.strip_prefix("datetime.").zip(name).and_then(|(rest, name)| {
            let (class, parts) = rest.split_once('(')?;
            (class != name).then(|| format!("{name}({parts}"))
        });
        let shown = own.unwrap_or(shown);
        match field(state, "tzinfo") {
            Some(zone) => {
                self.out.push_str(shown.strip_suffix(')').unwrap_or(&shown));
                self.out.push_str(", tzinfo=");
                let zone = zone.clone();
                self.deeper("...", 1, |writer| writer.owned(&zone));
                self.out.push(')');
            }
            None => self.out.push_str(&shown),
        }
        true
    }

    fn zone(&mut self, state: &ObjectState) -> bool {
        let Some(offset) = field(state, "<offset>").cloned() else { return false };
        let name = field(state, "<name>").filter(|name| **name != OwnedValue::None).cloned();
        let mut inner = Writer::new(self.objects, super::Limits::default());
        inner.owned(&offset);
        let inner = inner.finish();
        if name.is_none() && inner.text == "datetime.timedelta(0)" {
            self.out.push_str("datetime.timezone.utc");
            return true;
        }
        self.exact &= inner.exact;
        let _ = write!(self.out, "datetime.timezone({}", inner.text);
        if let Some(name) = name {
            self.out.push_str(", ");
            self.owned(&name);
        }
        self.out.push(')');
        true
    }

    fn pattern(&mut self, state: &ObjectState) -> bool {
        const NAMES: [(i64, &str); 9] = [
            (1, "re.TEMPLATE"),
            (2, "re.IGNORECASE"),
            (4, "re.LOCALE"),
            (8, "re.MULTILINE"),
            (16, "re.DOTALL"),
            (32, "re.UNICODE"),
            (64, "re.VERBOSE"),
            (128, "re.DEBUG"),
            (256, "re.ASCII"),
        ];
        let (Some(pattern), Some(OwnedValue::Int(flags))) =
            (field(state, "pattern"), field(state, "flags"))
        else {
            return false;
        };
        let pattern = crate::eval::plain_value(pattern, self.objects);
        let mut flags = *flags;
        if matches!(pattern, Val::Str(_)) && flags & (4 | 32 | 256) == 32 {
            flags &= !32;
        }
        self.out.push_str("re.compile(");
        self.short(&pattern, 200);
        let mut join = ", ";
        let set = flags;
        for (bit, name) in NAMES.iter().filter(|(bit, _)| set & bit != 0) {
            self.out.push_str(join);
            self.out.push_str(name);
            flags &= !bit;
            join = "|";
        }
        if flags != 0 {
            let _ = write!(self.out, "{join}0x{flags:x}");
        }
        self.out.push(')');
        true
    }

    fn matched(&mut self, state: &ObjectState) -> bool {
        let (Some(subject), Some(span)) =
            (field(state, "string"), match_spans(state).first().copied())
        else {
            return false;
        };
        let subject = crate::eval::plain_value(subject, self.objects);
        let _ = write!(self.out, "<re.Match object; span=({}, {}), match=", span.0, span.1);
        match match_part(&subject, span) {
            Some(part) => self.short(&part, 50),
            None => self.unknown("the text is no str or bytes"),
        }
        self.out.push('>');
        true
    }

    /// `repr` of a text, cut after so many characters, as C's `%.50R` does.
    fn short(&mut self, value: &Val, most: usize) {
        let mut shown = String::new();
        match value {
            Val::Str(text) => str_repr(&mut shown, text, self.minor),
            Val::Bytes(bytes) => bytes_repr(&mut shown, bytes),
            value => return self.value(value),
        }
        match shown.char_indices().nth(most) {
            Some((end, _)) => self.out.push_str(&shown[..end]),
            None => self.out.push_str(&shown),
        }
    }

    fn view(&mut self, id: u64, state: &ObjectState, name: &str) -> bool {
        let Some(items) = crate::eval::viewed_items(state, self.objects) else { return false };
        let mut sorted = std::mem::take(&mut self.sorted);
        self.enter(id, "...", items.len() as u64, |writer| {
            let _ = write!(writer.out, "{name}([");
            for (at, (key, value)) in items.iter().enumerate() {
                writer.out.push_str(if at > 0 { ", " } else { "" });
                if !writer.room(at, items.len() as u64) {
                    break;
                }
                match name.rsplit('_').next() {
                    Some("keys") => writer.owned(key),
                    Some("values") => writer.owned(value),
                    _ => writer.value(&Val::tuple(vec![Val::from(key), Val::from(value)])),
                }
            }
            writer.out.push_str("])");
        });
        std::mem::swap(&mut self.sorted, &mut sorted);
        true
    }

    fn alias(&mut self, state: &ObjectState) -> bool {
        let (Some(origin), Some(args)) =
            (field(state, "__origin__").cloned(), elements(field(state, "__args__"), self.objects))
        else {
            return false;
        };
        if field(state, "<starred>") == Some(&OwnedValue::Bool(true)) {
            self.out.push('*');
        }
        self.type_argument(&origin);
        self.out.push('[');
        for (at, arg) in args.iter().enumerate() {
            self.out.push_str(if at > 0 { ", " } else { "" });
            self.type_argument(arg);
        }
        if args.is_empty() {
            self.out.push_str("()");
        }
        self.out.push(']');
        true
    }

    /// A class by its name, anything else as it is.
    fn type_argument(&mut self, value: &OwnedValue) {
        let value = Val::from(value);
        if matches!(value, Val::Ellipsis) {
            self.out.push_str("...");
            return;
        }
        match Class::from_val(&value, self.objects) {
            Ok(Some(class)) if class.full_name() == "NoneType" => self.out.push_str("None"),
            Ok(Some(class)) => self.out.push_str(&class.full_name()),
            _ => self.deeper("...", 1, |writer| writer.value(&value)),
        }
    }

    /// A future or task of asyncio. Where a coroutine stands and who waits is not told.
    fn future(&mut self, id: u64, state: &ObjectState, name: &str) -> bool {
        let Some(OwnedValue::Str(status)) = field(state, "_state") else { return false };
        self.exact = false;
        let mut status = String::from_utf8_lossy(status).to_lowercase();
        let cancels = field(state, "<cancels>").and_then(|count| Val::from(count).as_i64());
        if status == "pending" && cancels.is_some_and(|count| count > 0) {
            status = "cancelling".to_owned();
        }
        let is_task = field(state, "_coro").is_some();
        let outcome = match (field(state, "_exception"), field(state, "_result")) {
            (Some(error), _) if *error != OwnedValue::None => Some((" exception=", error)),
            (_, Some(result)) => Some((" result=", result)),
            _ => None,
        };
        let waiter = field(state, "_fut_waiter").filter(|waiter| **waiter != OwnedValue::None);
        self.enter(id, "...", 1, |writer| {
            let _ = write!(writer.out, "<{name} {status}");
            if is_task {
                let own = match field(state, "<name>").map(Val::from) {
                    Some(Val::Int(number)) => Val::str(&format!("Task-{number}")),
                    Some(name) => name,
                    None => Val::None,
                };
                writer.out.push_str(" name=");
                writer.value(&own);
                writer.coroutine(field(state, "_coro"));
                if let Some(waiter) = waiter {
                    writer.out.push_str(" wait_for=");
                    writer.owned(waiter);
                }
            }
            if status == "finished"
                && let Some((what, value)) = outcome
            {
                writer.out.push_str(what);
                writer.owned(value);
            }
            writer.out.push('>');
        });
        true
    }

    fn coroutine(&mut self, coro: Option<&OwnedValue>) {
        let Some(OwnedValue::Ref(id)) = coro else { return };
        let Ok(state) = self.objects.object(*id).and_then(known) else { return };
        if state.kind == Kind::Generator
            && let Some(name) = text_field(&state, "__qualname__", self.objects)
        {
            let _ = write!(self.out, " coro=<{name}()>");
        }
    }

    /// A weak reference: what it refers to, or that this is dead.
    pub(super) fn weak(&mut self, state: &ObjectState) {
        self.exact = false;
        if state.scalar != Some(OwnedValue::Bool(true)) {
            self.out.push_str("<weakref; dead>");
            return;
        }
        let class = field(state, "referent").map(|referent| {
            let class = Class::of(&Val::from(referent), self.objects);
            class.map_or_else(|_| "?".to_owned(), |class| class.name().to_owned())
        });
        match class {
            Some(class) => {
                let _ = write!(self.out, "<weakref; to '{class}'>");
            }
            None => self.out.push_str("<weakref; alive>"),
        }
    }
}

/// An IPv4 address.
fn address(value: &OwnedValue) -> Option<String> {
    let OwnedValue::Int(bits) = value else { return None };
    Some(std::net::Ipv4Addr::from(u32::try_from(*bits).ok()?).to_string())
}
