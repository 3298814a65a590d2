//! `repr` of numpy arrays as numpy words it by default: eight digits, lines of 75 characters.

use super::class::field;
use super::repr::Writer;
use crate::eval::Val;
use crate::pyfloat::float_repr;
use moviola_format::read::{ObjectState, OwnedValue};

const LINE: usize = 74;
const INDENT: usize = 7;
const DIGITS: usize = 8;
const THRESHOLD: usize = 1000;

/// Name and whether `repr` leaves it out, by `type_num`; sizes go with the recorder's table.
const TYPES: [(&str, usize, bool); 24] = [
    ("bool", 1, true),
    ("int8", 1, false),
    ("uint8", 1, false),
    ("int16", 2, false),
    ("uint16", 2, false),
    ("int32", 4, false),
    ("uint32", 4, false),
    ("int64", 8, true),
    ("uint64", 8, false),
    ("int64", 8, false),
    ("uint64", 8, false),
    ("float32", 4, false),
    ("float64", 8, true),
    ("longdouble", 0, false),
    ("complex64", 8, false),
    ("complex128", 16, true),
    ("", 0, false),
    ("object", 0, false),
    ("", 0, false),
    ("", 0, false),
    ("", 0, false),
    ("", 0, false),
    ("", 0, false),
    ("float16", 2, false),
];

/// What is known of an array.
pub struct Array {
    kind: usize,
    /// `shape`.
    pub shape: Vec<usize>,
    /// Bytes of an element.
    pub itemsize: usize,
    data: Option<Vec<u8>>,
}

impl Array {
    /// Reads an array's object.
    #[must_use]
    pub fn of(state: &ObjectState) -> Option<Self> {
        let int = |name: &str| match field(state, name) {
            Some(OwnedValue::Int(value)) => usize::try_from(*value).ok(),
            _ => None,
        };
        let (kind, ndim) = (int("<type>")?, int("ndim")?);
        let (_, itemsize, _) = *TYPES.get(kind)?;
        let shape: Vec<usize> =
            (0..ndim.min(8)).map(|at| int(&format!("<{at}>"))).collect::<Option<_>>()?;
        let bytes = shape.iter().try_fold(itemsize, |size, part| size.checked_mul(*part))?;
        let known = itemsize > 0 && shape.len() == ndim && state.scalar.is_none();
        let blob = state.blob.clone().unwrap_or_default();
        let data = (known && blob.len() == bytes).then_some(blob);
        Some(Self { kind, shape, itemsize, data })
    }

    /// Whether the numbers are recorded.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.data.is_some()
    }

    /// Number of elements.
    #[must_use]
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// The element at an index in C order as a Python value.
    #[must_use]
    pub fn element(&self, at: usize) -> Option<Val> {
        let start = at.checked_mul(self.itemsize)?;
        let bytes = self.data.as_ref()?.get(start..start + self.itemsize)?;
        Some(match self.kind {
            0 => Val::Bool(bytes[0] != 0),
            11 | 12 | 23 => Val::Float(float(bytes)?),
            14 | 15 => {
                let (re, im) = bytes.split_at(self.itemsize / 2);
                Val::Complex(float(re)?, float(im)?)
            }
            _ => Val::int(int(self.kind, bytes).into()),
        })
    }

    fn words(&self) -> Option<Vec<String>> {
        let data = self.data.as_ref()?;
        let items = data.chunks_exact(self.itemsize);
        match self.kind {
            0 => Some(items.map(|item| bool_word(item[0] != 0)).collect()),
            11 | 12 => {
                let values: Option<Vec<f64>> = items.map(float).collect();
                Some(float_words(&values?, self.kind == 11))
            }
            1..=10 => {
                let words: Vec<String> =
                    items.map(|item| int(self.kind, item).to_string()).collect();
                let width = words.iter().map(String::len).max().unwrap_or(0);
                Some(words.into_iter().map(|word| format!("{word:>width$}")).collect())
            }
            _ => None,
        }
    }

    fn text(&self) -> Option<String> {
        let size = self.size();
        // How numpy abridges long arrays differs between its versions.
        if self.shape.is_empty() || size > THRESHOLD {
            return None;
        }
        let (name, _, plain) = TYPES[self.kind];
        let mut out = "array(".to_owned();
        let mut extras = Vec::new();
        if size == 0 {
            out.push_str("[]");
            if self.shape != [0] {
                let shape: Vec<String> = self.shape.iter().map(usize::to_string).collect();
                extras.push(format!("shape=({})", shape.join(", ")));
            }
        } else {
            out.push_str(&self.rows(&self.words()?, &mut 0, 0));
        }
        if !(plain && size > 0) {
            extras.push(format!("dtype={name}"));
        }
        if extras.is_empty() {
            out.push(')');
            return Some(out);
        }
        let extra = format!("{})", extras.join(", "));
        let last = out.len() - out.rfind('\n').map_or(0, |at| at + 1);
        let spacer = if last + extra.len() + 1 > LINE + 1 { "\n      " } else { " " };
        Some(format!("{out},{spacer}{extra}"))
    }

    /// The brackets from one axis on; the text of a row is wrapped.
    fn rows(&self, words: &[String], at: &mut usize, axis: usize) -> String {
        let indent = " ".repeat(INDENT + axis);
        let left = self.shape.len() - axis;
        let mut out = String::new();
        if left == 1 {
            let width = LINE - axis - 1;
            let count = self.shape[axis];
            let mut line = indent.clone();
            let extend = |out: &mut String, line: &mut String, word: &str| {
                if line.len() + word.len() > width && line.len() > indent.len() {
                    out.push_str(line.trim_end());
                    out.push('\n');
                    line.clone_from(&indent);
                }
                line.push_str(word);
            };
            for index in 0..count {
                extend(&mut out, &mut line, &words[*at]);
                *at += 1;
                if index + 1 < count {
                    line.push_str(", ");
                }
            }
            out.push_str(&line);
        } else {
            for index in 0..self.shape[axis] {
                out.push_str(&indent);
                out.push_str(&self.rows(words, at, axis + 1));
                if index + 1 < self.shape[axis] {
                    out.push(',');
                    out.push_str(&"\n".repeat(left - 1));
                }
            }
        }
        format!("[{}]", out.get(indent.len()..).unwrap_or_default())
    }
}

fn bool_word(value: bool) -> String {
    if value { " True" } else { "False" }.to_owned()
}

fn int(kind: usize, bytes: &[u8]) -> i128 {
    let mut all = [0; 8];
    all[..bytes.len().min(8)].copy_from_slice(&bytes[..bytes.len().min(8)]);
    let raw = u64::from_le_bytes(all);
    if kind % 2 == 1 {
        let shift = 64 - 8 * bytes.len().clamp(1, 8) as u32;
        i128::from((raw << shift) as i64 >> shift)
    } else {
        i128::from(raw)
    }
}

fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        8 => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
        4 => Some(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
        2 => Some(half(u16::from_le_bytes(bytes.try_into().ok()?))),
        _ => None,
    }
}

fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
    }
}

/// The shortest digits of a float, at most eight behind the point, no zeros at the end.
fn positional(value: f64, single: bool) -> (String, String) {
    let shortest = if single { format!("{}", value as f32) } else { format!("{value}") };
    let (whole, fraction) = shortest.split_once('.').unwrap_or((&shortest, ""));
    if fraction.len() <= DIGITS {
        return (whole.to_owned(), fraction.to_owned());
    }
    let cut = format!("{value:.DIGITS$}");
    let (whole, fraction) = cut.split_once('.').unwrap_or((&cut, ""));
    (whole.to_owned(), fraction.trim_end_matches('0').to_owned())
}

/// Whole part, fraction and exponent of a float in scientific form.
fn scientific(value: f64, single: bool) -> (String, String, i32) {
    let shortest = if single { format!("{:e}", value as f32) } else { format!("{value:e}") };
    let digits = shortest
        .split_once('e')
        .map_or(0, |(front, _)| front.split_once('.').map_or(0, |(_, fraction)| fraction.len()));
    let shown = if digits <= DIGITS { shortest } else { format!("{value:.DIGITS$e}") };
    let (front, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
    let (whole, fraction) = front.split_once('.').unwrap_or((front, ""));
    let fraction = fraction.trim_end_matches('0');
    (whole.to_owned(), fraction.to_owned(), exponent.parse().unwrap_or(0))
}

fn float_words(values: &[f64], single: bool) -> Vec<String> {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let sizes = finite.iter().map(|value| value.abs()).filter(|value| *value != 0.0);
    let (least, most) = sizes
        .fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
    let by_exponent = most != 0.0 && (most >= 1e8 || least < 1e-4 || most / least > 1000.0);
    let widest = |parts: &mut dyn Iterator<Item = usize>| parts.max().unwrap_or(0);
    let (mut left, right);
    let mut words: Vec<String> = Vec::new();
    if by_exponent {
        let parts: Vec<_> = finite.iter().map(|value| scientific(*value, single)).collect();
        left = widest(&mut parts.iter().map(|part| part.0.len()));
        let fraction = widest(&mut parts.iter().map(|part| part.1.len()));
        let exponent = widest(&mut parts.iter().map(|part| part.2.abs().to_string().len().max(2)));
        right = fraction + 2 + exponent;
        for (whole, part, power) in parts {
            let sign = if power < 0 { '-' } else { '+' };
            let size = power.abs();
            words.push(format!("{whole}.{part:0<fraction$}e{sign}{size:0exponent$}"));
        }
    } else {
        let parts: Vec<_> = finite.iter().map(|value| positional(*value, single)).collect();
        left = widest(&mut parts.iter().map(|part| part.0.len()));
        right = widest(&mut parts.iter().map(|part| part.1.len()));
        words.extend(parts.into_iter().map(|(whole, part)| format!("{whole}.{part:<right$}")));
    }
    let odd = |value: f64| match value {
        value if value.is_nan() => "nan",
        value if value > 0.0 => "inf",
        _ => "-inf",
    };
    for value in values.iter().filter(|value| !value.is_finite()) {
        left = left.max(odd(*value).len().saturating_sub(right + 1));
    }
    let width = left + right + 1;
    let mut words = words.into_iter();
    let word = |value: &f64| match value.is_finite() {
        true => format!("{:>width$}", words.next().unwrap_or_default()),
        false => format!("{:>width$}", odd(*value)),
    };
    values.iter().map(word).collect()
}

impl Writer<'_> {
    /// An array; false if nothing is known of it.
    pub(super) fn ndarray(&mut self, state: &ObjectState) -> bool {
        use std::fmt::Write as _;
        let Some(array) = Array::of(state) else { return false };
        if let Some(text) = array.text().filter(|_| array.is_known()) {
            self.out.push_str(&text);
            return true;
        }
        self.exact = false;
        let shape: Vec<String> = array.shape.iter().map(usize::to_string).collect();
        let name = TYPES[array.kind].0;
        let shape = shape.join(", ");
        let comma = if array.shape.len() == 1 { "," } else { "" };
        let _ = write!(self.out, "<numpy.ndarray shape=({shape}{comma})");
        if !name.is_empty() {
            let _ = write!(self.out, " dtype={name}");
        }
        if array.is_known() {
            self.out.push_str(" [");
            for at in 0..array.size() {
                self.out.push_str(if at > 0 { ", " } else { "" });
                if !self.room(at, array.size() as u64) {
                    break;
                }
                match array.element(at) {
                    Some(Val::Float(value)) => self.out.push_str(&float_repr(value)),
                    Some(value) => self.value(&value),
                    None => self.unknown("damaged trace"),
                }
            }
            self.out.push_str("]>");
        } else {
            let reason = match &state.scalar {
                Some(OwnedValue::Unknown(reason)) => reason.text(),
                _ => moviola_format::event::Reason::Opaque.text(),
            };
            let _ = write!(self.out, ", numbers not recorded: {reason}>");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::float_words;

    #[test]
    fn floats_are_padded_as_numpy_pads_them() {
        assert_eq!(float_words(&[1.0, 2.5, -3.25], false), [" 1.  ", " 2.5 ", "-3.25"]);
        assert_eq!(float_words(&[0.1, 1.0 / 3.0], false), ["0.1       ", "0.33333333"]);
        assert_eq!(float_words(&[1.0, 1e10], false), ["1.e+00", "1.e+10"]);
        assert_eq!(float_words(&[f64::NAN, 1.0], false), ["nan", " 1."]);
    }
}
