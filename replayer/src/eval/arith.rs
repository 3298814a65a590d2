//! Arithmetic on numbers, and `+`, `*`, `|` and the like on built-in containers.

use super::ast::Op;
use super::error::{R, python, type_error, unsupported, value_error};
use super::key::PairSet;
use super::run::{Eval, SIZE_MAX};
use super::val::Val;
use moviola_format::event::Kind;
use num_bigint::BigInt;
use num_integer::Integer as _;
use num_traits::{Signed as _, ToPrimitive as _, Zero as _};
use std::sync::Arc;

/// Bits of an int that an expression makes.
const BITS_MAX: u64 = 4_000_000;

impl Eval<'_> {
    /// `a op b`.
    pub(super) fn binary(&self, op: Op, a: &Val, b: &Val) -> R<Val> {
        let (left, right) = op.methods();
        let x = self.scalar(a, left)?;
        let y = self.scalar(b, right)?;
        if is_number(&x) && is_number(&y) {
            if let Some(value) = self.numeric(op, &x, &y)? {
                return Ok(value);
            }
            return self.mismatch(op, a, b);
        }
        self.no_method(&x, left)?;
        self.no_method(&y, right)?;
        if op == Op::Mod
            && let Val::Str(format) = &x
        {
            return Ok(Val::text(self.percent(format, b)?));
        }
        if op == Op::Mod && matches!(x, Val::Bytes(_) | Val::ByteArray(_)) {
            return unsupported("% of bytes");
        }
        match op {
            Op::Add => self.add(a, &x, b, &y),
            Op::Mult => self.repeat(a, &x, b, &y),
            Op::BitOr | Op::BitAnd | Op::Sub | Op::BitXor => self.set_operation(op, a, &x, b, &y),
            _ => self.mismatch(op, a, b),
        }
    }

    fn mismatch(&self, op: Op, a: &Val, b: &Val) -> R<Val> {
        for value in [a, b] {
            if let Val::Ref(id) = value
                && matches!(
                    self.objects.object_head(*id)?.0,
                    Kind::Opaque | Kind::DateTime | Kind::Array | Kind::MemoryView
                )
            {
                return unsupported("arithmetic on objects of this type");
            }
        }
        let (a, b) = (self.type_name(a)?, self.type_name(b)?);
        type_error(format!("unsupported operand type(s) for {}: '{a}' and '{b}'", op.symbol()))
    }

    fn numeric(&self, op: Op, x: &Val, y: &Val) -> R<Option<Val>> {
        if let (Val::Bool(a), Val::Bool(b)) = (x, y) {
            match op {
                Op::BitAnd => return Ok(Some(Val::Bool(a & b))),
                Op::BitOr => return Ok(Some(Val::Bool(a | b))),
                Op::BitXor => return Ok(Some(Val::Bool(a ^ b))),
                _ => {}
            }
        }
        if let (Some(a), Some(b)) = (x.as_i64(), y.as_i64()) {
            let fast = match op {
                Op::Add => a.checked_add(b),
                Op::Sub => a.checked_sub(b),
                Op::Mult => a.checked_mul(b),
                Op::BitAnd => Some(a & b),
                Op::BitOr => Some(a | b),
                Op::BitXor => Some(a ^ b),
                Op::Mod if b > 0 => Some(a.rem_euclid(b)),
                Op::FloorDiv if b > 0 => Some(a.div_euclid(b)),
                _ => None,
            };
            if let Some(value) = fast {
                return Ok(Some(Val::Int(value)));
            }
        }
        if x.is_int() && y.is_int() {
            let (a, b) = (x.as_int().unwrap_or_default(), y.as_int().unwrap_or_default());
            return self.ints(op, &a, &b);
        }
        if matches!(x, Val::Complex(..)) || matches!(y, Val::Complex(..)) {
            return complexes(op, complex(x)?, complex(y)?);
        }
        floats(op, float(x)?, float(y)?, self.minor)
    }

    fn ints(&self, op: Op, a: &BigInt, b: &BigInt) -> R<Option<Val>> {
        let zero = |message: &str| python("ZeroDivisionError", message);
        Ok(Some(match op {
            Op::Add => Val::int(a + b),
            Op::Sub => Val::int(a - b),
            Op::Mult => {
                if a.bits() + b.bits() > BITS_MAX {
                    return unsupported("the result is too large");
                }
                Val::int(a * b)
            }
            Op::Div => {
                if b.is_zero() {
                    return zero("division by zero");
                }
                Val::Float(divide(a, b)?)
            }
            Op::FloorDiv => {
                if b.is_zero() {
                    return zero("integer division or modulo by zero");
                }
                Val::int(a.div_floor(b))
            }
            Op::Mod => {
                if b.is_zero() {
                    return zero("integer modulo by zero");
                }
                Val::int(a.mod_floor(b))
            }
            Op::Pow => {
                if b.is_negative() {
                    if a.is_zero() {
                        return zero("0.0 cannot be raised to a negative power");
                    }
                    let (a, b) = (float(&Val::int(a.clone()))?, float(&Val::int(b.clone()))?);
                    return floats(op, a, b, self.minor);
                }
                let small = a.bits() <= 1;
                let Some(power) = b.to_u32().or(if small { Some(0) } else { None }) else {
                    return unsupported("the result is too large");
                };
                if small {
                    let odd = b.is_odd();
                    return Ok(Some(Val::int(match a.to_i64().unwrap_or(0) {
                        0 => BigInt::from(i64::from(b.is_zero())),
                        -1 if odd => BigInt::from(-1),
                        _ => BigInt::from(1),
                    })));
                }
                if a.bits().saturating_mul(u64::from(power)) > BITS_MAX {
                    return unsupported("the result is too large");
                }
                Val::int(a.pow(power))
            }
            Op::LShift | Op::RShift => {
                if b.is_negative() {
                    return value_error("negative shift count");
                }
                match b.to_u64() {
                    Some(by) if op == Op::RShift => {
                        if by > a.bits() {
                            Val::Int(if a.is_negative() { -1 } else { 0 })
                        } else {
                            Val::int(a >> by)
                        }
                    }
                    None if op == Op::RShift => Val::Int(if a.is_negative() { -1 } else { 0 }),
                    _ if a.is_zero() => Val::Int(0),
                    Some(by) if by + a.bits() <= BITS_MAX => Val::int(a << by),
                    _ => return unsupported("the result is too large"),
                }
            }
            Op::BitAnd => Val::int(a & b),
            Op::BitOr => Val::int(a | b),
            Op::BitXor => Val::int(a ^ b),
            Op::MatMult => return Ok(None),
        }))
    }

    fn add(&self, a: &Val, x: &Val, b: &Val, y: &Val) -> R<Val> {
        match (x, y) {
            (Val::Str(x), Val::Str(y)) => {
                self.room(x.len() + y.len())?;
                return Ok(Val::text([&**x, &**y].concat()));
            }
            (Val::Bytes(x), Val::Bytes(y) | Val::ByteArray(y)) => {
                self.room(x.len() + y.len())?;
                return Ok(Val::Bytes([&**x, &**y].concat().into()));
            }
            (Val::ByteArray(x), Val::Bytes(y) | Val::ByteArray(y)) => {
                self.room(x.len() + y.len())?;
                return Ok(Val::ByteArray([&**x, &**y].concat().into()));
            }
            _ => {}
        }
        let (one, two) = (self.container(x)?, self.container(y)?);
        match (one, two) {
            (Some(Kind::List), Some(Kind::List)) | (Some(Kind::Tuple), Some(Kind::Tuple)) => {
                let mut items = self.elements(x)?;
                let more = self.elements(y)?;
                self.room(items.len() + more.len())?;
                items.extend(more);
                return Ok(if one == Some(Kind::List) {
                    Val::list(items)
                } else {
                    Val::tuple(items)
                });
            }
            (Some(Kind::Deque), Some(Kind::Deque)) => return unsupported("adding deques"),
            _ => {}
        }
        let name = self.type_name(b)?;
        match (x, one) {
            (Val::Str(_), _) => {
                type_error(format!("can only concatenate str (not \"{name}\") to str"))
            }
            (Val::Bytes(_), _) => type_error(format!("can't concat {name} to bytes")),
            (Val::ByteArray(_), _) => type_error(format!("can't concat {name} to bytearray")),
            (_, Some(Kind::List)) => {
                type_error(format!("can only concatenate list (not \"{name}\") to list"))
            }
            (_, Some(Kind::Tuple)) => {
                type_error(format!("can only concatenate tuple (not \"{name}\") to tuple"))
            }
            (_, Some(Kind::Deque)) => {
                type_error(format!("can only concatenate deque (not \"{name}\") to deque"))
            }
            _ => self.mismatch(Op::Add, a, b),
        }
    }

    fn room(&self, len: usize) -> R<()> {
        if len > SIZE_MAX { unsupported("the result is too large") } else { self.step(len / 8) }
    }

    fn is_sequence(&self, value: &Val) -> R<bool> {
        Ok(matches!(value, Val::Str(_) | Val::Bytes(_) | Val::ByteArray(_))
            || matches!(self.container(value)?, Some(Kind::List | Kind::Tuple | Kind::Deque)))
    }

    fn repeat(&self, a: &Val, x: &Val, b: &Val, y: &Val) -> R<Val> {
        let (sequence, count, other) = match (self.is_sequence(x)?, self.is_sequence(y)?) {
            (true, _) => (x, y, b),
            (_, true) => (y, x, a),
            _ => return self.mismatch(Op::Mult, a, b),
        };
        let Some(count) = self.index(count)? else {
            let name = self.type_name(other)?;
            return type_error(format!("can't multiply sequence by non-int of type '{name}'"));
        };
        let Some(count) = (if count.is_negative() { Some(0) } else { count.to_usize() }) else {
            return python("OverflowError", "cannot fit 'int' into an index-sized integer");
        };
        let bytes = |bytes: &[u8]| -> R<Vec<u8>> {
            self.room(bytes.len().saturating_mul(count))?;
            Ok(bytes.repeat(if bytes.is_empty() { 0 } else { count }))
        };
        Ok(match sequence {
            Val::Str(text) => Val::text(bytes(text)?),
            Val::Bytes(text) => Val::Bytes(bytes(text)?.into()),
            Val::ByteArray(text) => Val::ByteArray(bytes(text)?.into()),
            other => {
                let kind = self.container(other)?;
                if kind == Some(Kind::Deque) {
                    return unsupported("repeating a deque");
                }
                let items = self.elements(other)?;
                self.room(items.len().saturating_mul(count))?;
                let count = if items.is_empty() { 0 } else { count };
                let mut out = Vec::with_capacity(items.len() * count);
                for _ in 0..count {
                    out.extend_from_slice(&items);
                }
                if kind == Some(Kind::List) { Val::list(out) } else { Val::tuple(out) }
            }
        })
    }

    fn set_operation(&self, op: Op, a: &Val, x: &Val, b: &Val, y: &Val) -> R<Val> {
        let (one, two) = (self.container(x)?, self.container(y)?);
        let is_set = |kind: Option<Kind>, value: &Val| {
            matches!(kind, Some(Kind::Set | Kind::FrozenSet))
                || matches!(value, Val::View("dict_keys" | "dict_items", _))
        };
        if is_set(one, x) && is_set(two, y) {
            let values = |value: &Val| match value {
                Val::View(_, items) => Ok(items.to_vec()),
                other => self.elements(other),
            };
            let (left, right) = (values(x)?, values(y)?);
            let keys = |values: &[Val]| -> R<super::key::KeySet> {
                let mut keys = super::key::KeySet::default();
                for value in values {
                    keys.add(self.key(value)?, value.clone());
                }
                Ok(keys)
            };
            let (in_left, in_right) = (keys(&left)?, keys(&right)?);
            let mut out = super::key::KeySet::default();
            for value in &left {
                let key = self.key(value)?;
                let other = in_right.has(&key);
                if op == Op::BitOr || other == (op == Op::BitAnd) {
                    out.add(key, value.clone());
                }
            }
            if matches!(op, Op::BitOr | Op::BitXor) {
                for value in &right {
                    let key = self.key(value)?;
                    if op == Op::BitOr || !in_left.has(&key) {
                        out.add(key, value.clone());
                    }
                }
            }
            let items = Arc::new(out.into_values());
            return Ok(if one == Some(Kind::FrozenSet) {
                Val::FrozenSet(items)
            } else {
                Val::Set(items)
            });
        }
        if op == Op::BitOr
            && matches!((one, two), (Some(Kind::Dict), Some(Kind::Dict)))
            && let (Some(left), Some(right)) = (self.mapping(x)?, self.mapping(y)?)
        {
            let mut out = PairSet::default();
            for (key, value) in left.into_iter().chain(right) {
                out.set(self.key(&key)?, key, value);
            }
            return Ok(Val::Dict(Arc::new(out.into_pairs())));
        }
        if op == Op::BitOr && (matches!(x, Val::Type(_)) || matches!(y, Val::Type(_))) {
            return unsupported("unions of types");
        }
        if [one, two].iter().any(|kind| matches!(kind, Some(Kind::OrderedDict | Kind::DefaultDict)))
        {
            return unsupported("merging dicts of this type");
        }
        self.mismatch(op, a, b)
    }
}

const fn is_number(value: &Val) -> bool {
    matches!(value, Val::Bool(_) | Val::Int(_) | Val::Big(_) | Val::Float(_) | Val::Complex(..))
}

/// A real number as a float.
pub(super) fn float(value: &Val) -> R<f64> {
    match value {
        Val::Float(value) => Ok(*value),
        Val::Int(value) => Ok(*value as f64),
        Val::Bool(value) => Ok(f64::from(u8::from(*value))),
        Val::Big(value) => match value.to_f64() {
            Some(float) if float.is_finite() => Ok(float),
            _ => python("OverflowError", "int too large to convert to float"),
        },
        _ => Ok(f64::NAN),
    }
}

fn complex(value: &Val) -> R<(f64, f64)> {
    match value {
        Val::Complex(re, im) => Ok((*re, *im)),
        other => Ok((float(other)?, 0.0)),
    }
}

/// The float nearest to a quotient of ints.
fn divide(a: &BigInt, b: &BigInt) -> R<f64> {
    const EXACT: u64 = 53;
    if a.bits() <= EXACT && b.bits() <= EXACT {
        return Ok(a.to_f64().unwrap_or(f64::NAN) / b.to_f64().unwrap_or(f64::NAN));
    }
    if a.is_zero() {
        return Ok(0.0);
    }
    // Scale so that the quotient has at least 66 bits, then round once with a sticky bit.
    let negative = a.is_negative() != b.is_negative();
    let (a, b) = (a.abs(), b.abs());
    let shift = 66 - (a.bits() as i64 - b.bits() as i64);
    let (num, den) = if shift > 0 { (a << shift, b) } else { (a, b << -shift) };
    let (quotient, rest) = num.div_rem(&den);
    let mut quotient = quotient;
    if !rest.is_zero() {
        quotient |= BigInt::from(1);
    }
    let extra = quotient.bits() as i64 - 64;
    let mask: BigInt = (BigInt::from(1) << extra) - 1;
    let sticky = !(&quotient & mask).is_zero();
    let mut top = (&quotient >> extra).to_u64().unwrap_or(u64::MAX);
    top |= u64::from(sticky);
    let exponent = extra - shift;
    // `top` has 64 bits; value = top * 2^exponent.
    if exponent + 64 > 1024 {
        return python("OverflowError", "integer division result too large for a float");
    }
    if exponent + 64 < -1021 {
        return unsupported("a quotient this close to zero");
    }
    let value = (top as f64)
        * 2f64.powi((exponent / 2) as i32)
        * 2f64.powi((exponent - exponent / 2) as i32);
    if value.is_infinite() {
        return python("OverflowError", "integer division result too large for a float");
    }
    Ok(if negative { -value } else { value })
}

/// Python's float `%`.
pub(super) fn float_mod(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest == 0.0 {
        return 0f64.copysign(b);
    }
    if (b < 0.0) == (rest < 0.0) { rest } else { rest + b }
}

/// Python's float `//`.
pub(super) fn float_floor(a: f64, b: f64) -> f64 {
    let rest = a % b;
    let mut div = (a - rest) / b;
    if rest != 0.0 && (b < 0.0) != (rest < 0.0) {
        div -= 1.0;
    }
    if div == 0.0 {
        return 0f64.copysign(a / b);
    }
    let floor = div.floor();
    if div - floor > 0.5 { floor + 1.0 } else { floor }
}

fn floats(op: Op, a: f64, b: f64, minor: u32) -> R<Option<Val>> {
    let zero = |message: &str| python("ZeroDivisionError", message);
    Ok(Some(Val::Float(match op {
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mult => a * b,
        Op::Div if b == 0.0 => return zero("float division by zero"),
        Op::Div => a / b,
        Op::FloorDiv if b == 0.0 => return zero("float floor division by zero"),
        Op::FloorDiv => float_floor(a, b),
        Op::Mod if b == 0.0 && minor >= 13 => return zero("float modulo by zero"),
        Op::Mod if b == 0.0 => return zero("float modulo"),
        Op::Mod => float_mod(a, b),
        Op::Pow => return power(a, b).map(Some),
        _ => return Ok(None),
    })))
}

fn power(a: f64, b: f64) -> R<Val> {
    if a == 0.0 && b < 0.0 {
        return python("ZeroDivisionError", "0.0 cannot be raised to a negative power");
    }
    if a < 0.0 && a.is_finite() && b.is_finite() && b.fract() != 0.0 {
        return unsupported("complex powers");
    }
    let value = a.powf(b);
    if value.is_infinite() && a.is_finite() && b.is_finite() {
        return python("OverflowError", "(34, 'Numerical result out of range')");
    }
    Ok(Val::Float(value))
}

fn complexes(op: Op, (a, b): (f64, f64), (c, d): (f64, f64)) -> R<Option<Val>> {
    Ok(Some(match op {
        Op::Add => Val::Complex(a + c, b + d),
        Op::Sub => Val::Complex(a - c, b - d),
        Op::Mult => Val::Complex(a * c - b * d, a * d + b * c),
        Op::Div => {
            if c == 0.0 && d == 0.0 {
                return python("ZeroDivisionError", "complex division by zero");
            }
            if c.abs() >= d.abs() {
                let ratio = d / c;
                let den = c + d * ratio;
                Val::Complex((a + b * ratio) / den, (b - a * ratio) / den)
            } else {
                let ratio = c / d;
                let den = c * ratio + d;
                Val::Complex((a * ratio + b) / den, (b * ratio - a) / den)
            }
        }
        Op::Pow => return unsupported("complex powers"),
        Op::FloorDiv | Op::Mod => return Ok(None),
        _ => return Ok(None),
    }))
}
