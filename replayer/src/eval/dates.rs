//! `datetime`, `date`, `time` and `timedelta`: known by their `repr`, from which equality, order
//! and fields follow. Values with a time zone are refused.

use super::error::{R, unknown, unsupported};
use super::run::Eval;
use super::val::Val;
use crate::show::class::{Class, field};
use moviola_format::event::Kind;
use moviola_format::read::ObjectState;
use std::cmp::Ordering;

const FIELDS: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "microsecond"];

/// A value of one of the types.
pub(super) struct Date {
    /// `datetime`, `date`, `time` or `timedelta`.
    pub class: String,
    parts: Vec<i64>,
    zoned: bool,
}

impl Date {
    /// Reads the `repr`.
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("datetime.").unwrap_or(text);
        let (class, rest) = text.split_once('(')?;
        let inner = rest.strip_suffix(')')?;
        let mut parts = vec![0; if class == "timedelta" { 3 } else { 7 }];
        let first = if class == "time" { 3 } else { 0 };
        let mut zoned = false;
        for (at, part) in inner.split(", ").filter(|part| !part.is_empty()).enumerate() {
            match part.split_once('=') {
                None => *parts.get_mut(first + at)? = part.parse().ok()?,
                Some(("fold", _)) => {}
                Some(("tzinfo", _)) => {
                    zoned = true;
                    break;
                }
                Some((name, value)) => {
                    let names = ["days", "seconds", "microseconds"];
                    let at = names.iter().position(|known| *known == name)?;
                    *parts.get_mut(at)? = value.parse().ok()?;
                }
            }
        }
        Some(Self { class: class.to_owned(), parts, zoned })
    }

    /// Whether it is not an interval of no length.
    pub(super) fn truth(&self) -> bool {
        self.class != "timedelta" || self.parts.iter().any(|part| *part != 0)
    }

    /// A field by name.
    pub(super) fn field(&self, name: &str) -> Option<i64> {
        let at = match self.class.as_str() {
            "timedelta" => {
                ["days", "seconds", "microseconds"].iter().position(|one| *one == name)?
            }
            class => {
                let at = FIELDS.iter().position(|one| *one == name)?;
                let fits = match class {
                    "date" => at < 3,
                    "time" => at >= 3,
                    _ => true,
                };
                fits.then_some(at)?
            }
        };
        self.parts.get(at).copied()
    }

    /// `str` of it.
    pub(super) fn text(&self) -> Option<String> {
        if self.zoned || self.class == "timedelta" {
            return None;
        }
        let [year, month, day, hour, minute, second, micro] = self.parts[..] else { return None };
        let date = format!("{year:04}-{month:02}-{day:02}");
        let mut time = format!("{hour:02}:{minute:02}:{second:02}");
        if micro != 0 {
            time += &format!(".{micro:06}");
        }
        Some(match self.class.as_str() {
            "date" => date,
            "time" => time,
            _ => format!("{date} {time}"),
        })
    }
}

impl Eval<'_> {
    /// The value, if it is one of the standard library's own classes.
    pub(super) fn date(&self, value: &Val) -> R<Option<Date>> {
        let Val::Ref(id) = value else { return Ok(None) };
        let (kind, class) = self.objects.object_head(*id)?;
        if kind != Kind::DateTime {
            return Ok(None);
        }
        if class != 0 {
            let class = Class::of(value, self.objects)?;
            let Class::Recorded(facts) = &class else { return Ok(None) };
            if facts.is_open() || facts.module != "datetime" {
                return Ok(None);
            }
        }
        self.any_date(&*self.state(*id)?)
    }

    /// As [`Eval::date`], of an instance of a subclass too.
    pub(super) fn any_date(&self, state: &ObjectState) -> R<Option<Date>> {
        let text =
            state.scalar.as_ref().and_then(|value| crate::show::class::text(value, self.objects));
        match text {
            Some(text) => Ok(Date::parse(&text).map(|mut date| {
                date.zoned |= field(state, "tzinfo").is_some();
                date
            })),
            None => unknown("no contents in the trace"),
        }
    }

    /// `==` where one side is a date; `None` if neither is.
    pub(super) fn equal_dates(&self, a: &Val, b: &Val) -> R<Option<bool>> {
        match (self.date(a)?, self.date(b)?) {
            (None, None) => Ok(None),
            (Some(one), Some(two)) => {
                if one.class != two.class {
                    return Ok(Some(false));
                }
                if one.zoned || two.zoned {
                    return unsupported("times with time zones");
                }
                Ok(Some(one.parts == two.parts))
            }
            _ => {
                let other = if self.date(a)?.is_some() { b } else { a };
                let plain = match other {
                    Val::Ref(id) => {
                        let (kind, class) = self.objects.object_head(*id)?;
                        class == 0 && kind != Kind::Opaque
                    }
                    _ => true,
                };
                Ok(if plain { Some(false) } else { None })
            }
        }
    }

    /// The order of two dates of one class; `None` if they are not.
    pub(super) fn order_dates(&self, a: &Val, b: &Val) -> R<Option<Ordering>> {
        let (Some(one), Some(two)) = (self.date(a)?, self.date(b)?) else { return Ok(None) };
        if one.class != two.class || one.zoned || two.zoned {
            return unsupported("the order of these times");
        }
        Ok(Some(one.parts.cmp(&two.parts)))
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn reprs_are_read() {
        let date = Date::parse("datetime.datetime(2020, 1, 2, 3, 4, 5, 6)").unwrap();
        assert_eq!(date.field("second"), Some(5));
        assert_eq!(date.text().unwrap(), "2020-01-02 03:04:05.000006");
        let day = Date::parse("datetime.date(2020, 1, 2)").unwrap();
        assert_eq!((day.field("day"), day.field("hour")), (Some(2), None));
        assert_eq!(day.text().unwrap(), "2020-01-02");
        let time = Date::parse("datetime.time(3, 4)").unwrap();
        assert_eq!((time.field("hour"), time.text().unwrap().as_str()), (Some(3), "03:04:00"));
        let span = Date::parse("datetime.timedelta(days=-1, seconds=5)").unwrap();
        assert_eq!((span.field("days"), span.truth()), (Some(-1), true));
        assert!(!Date::parse("datetime.timedelta(0)").unwrap().truth());
        assert!(
            Date::parse("datetime.datetime(2020, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)")
                .unwrap()
                .zoned
        );
        assert!(Date::parse("nonsense").is_none());
    }
}
