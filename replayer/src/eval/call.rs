//! Calls: built-in functions and types. Recorded functions and classes are never called.

use super::arith::{float, float_floor, float_mod};
use super::ast::{Cmp, Node, Op};
use super::error::{EvalError, R, python, type_error, unknown, unsupported, value_error};
use super::run::Eval;
use super::val::Val;
use crate::show::class::{Class, Lookup, elements};
use moviola_format::event::Kind;
use moviola_format::read::OwnedValue;
use num_bigint::BigInt;
use num_integer::Integer as _;
use num_traits::{FromPrimitive as _, Signed as _, ToPrimitive as _, Zero as _};
use std::cmp::Ordering;
use std::sync::Arc;

/// Arguments of a call.
pub(super) struct Args {
    pub name: &'static str,
    pub list: Vec<Val>,
    pub keywords: Vec<(Arc<str>, Val)>,
}

impl Args {
    /// Takes a keyword argument.
    pub(super) fn keyword(&mut self, name: &str) -> Option<Val> {
        let at = self.keywords.iter().position(|(known, _)| **known == *name)?;
        Some(self.keywords.remove(at).1)
    }

    /// Fails on keyword arguments that nobody took.
    pub(super) fn no_keywords(&self) -> R<()> {
        match self.keywords.first() {
            None => Ok(()),
            Some(_) => unsupported(format!("these keyword arguments of {}()", self.name)),
        }
    }

    /// Fails unless there are between `least` and `most` positional arguments.
    pub(super) fn count(&self, least: usize, most: usize) -> R<()> {
        self.no_keywords()?;
        let (name, got) = (self.name, self.list.len());
        if (least..=most).contains(&got) {
            return Ok(());
        }
        if least == 1 && most == 1 {
            return type_error(format!("{name}() takes exactly one argument ({got} given)"));
        }
        if least == 0 && most == 0 {
            return type_error(format!("{name}() takes no arguments ({got} given)"));
        }
        let (bound, limit) = if got < least { ("at least", least) } else { ("at most", most) };
        let plural = if limit == 1 { "" } else { "s" };
        if least == most {
            return type_error(format!("{name} expected {least} argument{plural}, got {got}"));
        }
        type_error(format!("{name} expected {bound} {limit} argument{plural}, got {got}"))
    }

    pub(super) fn get(&self, at: usize) -> Option<&Val> {
        self.list.get(at)
    }
}

impl Eval<'_> {
    pub(super) fn call_node(
        &mut self,
        function: &Node,
        args: &[Node],
        keywords: &[(Option<Arc<str>>, Node)],
    ) -> R<Val> {
        let function = self.node(function)?;
        if let Val::Function(name) = &function
            && let Some(why) = Self::refused(name)
        {
            return unsupported(why);
        }
        let list = self.display(args)?;
        let mut named = Vec::new();
        for (name, value) in keywords {
            let value = self.node(value)?;
            match name {
                Some(name) => named.push((Arc::clone(name), value)),
                None => match self.mapping(&value)? {
                    Some(pairs) => {
                        for (key, value) in pairs {
                            match key {
                                Val::Str(key) => {
                                    let key = String::from_utf8_lossy(&key).into_owned();
                                    named.push((key.into(), self.got(value)?));
                                }
                                _ => return type_error("keywords must be strings"),
                            }
                        }
                    }
                    None => return unsupported("** of this value"),
                },
            }
        }
        self.call(&function, list, named)
    }

    fn call(&self, function: &Val, list: Vec<Val>, keywords: Vec<(Arc<str>, Val)>) -> R<Val> {
        match function {
            Val::Function(name) => self.call_builtin(Args { name, list, keywords }),
            Val::Type(name) => self.construct(Args { name, list, keywords }),
            Val::Method(method) => {
                if keywords.is_empty()
                    && let Some(value) = self.library_call(&method.0, &method.1, &list)?
                {
                    return Ok(value);
                }
                self.call_method(&method.0, &method.1, list, keywords)
            }
            Val::Bound(bound) => {
                let name = self.attribute(&Val::Ref(bound.1), "__qualname__");
                self.not_run(name)
            }
            Val::Ref(id) => {
                let kind = self.objects.object_head(*id)?.0;
                match kind {
                    Kind::Class => {
                        let class = Class::from_val(function, self.objects)?;
                        if let Some(Class::Recorded(facts)) = &class
                            && !facts.is_open()
                            && facts.module == "builtins"
                            && let Some(name) = crate::show::class::builtin_name(&facts.qualname)
                        {
                            return self.construct(Args { name, list, keywords });
                        }
                        let name = class.as_ref().map_or("?", Class::qualname);
                        unsupported(format!("{name} is recorded: objects of it cannot be made"))
                    }
                    Kind::Builtin => self.call_recorded_builtin(*id, list, keywords),
                    Kind::Function | Kind::Method => {
                        self.not_run(self.attribute(function, "__qualname__"))
                    }
                    Kind::WeakRef if list.is_empty() && keywords.is_empty() => {
                        self.no_method(function, "__call__")?;
                        self.referent(&*self.state(*id)?)
                    }
                    Kind::Partial | Kind::Opaque | Kind::StaticMethod => {
                        unsupported("recorded callables are not run")
                    }
                    _ => {
                        self.no_method(function, "__call__")?;
                        let name = self.type_name(function)?;
                        type_error(format!("'{name}' object is not callable"))
                    }
                }
            }
            _ => {
                let name = self.type_name(function)?;
                type_error(format!("'{name}' object is not callable"))
            }
        }
    }

    fn not_run(&self, name: R<Val>) -> R<Val> {
        let name = match name {
            Ok(Val::Str(name)) => String::from_utf8_lossy(&name).into_owned(),
            _ => "this function".to_owned(),
        };
        unsupported(format!("{name} is recorded code and is not run"))
    }

    fn call_recorded_builtin(
        &self,
        id: u64,
        list: Vec<Val>,
        keywords: Vec<(Arc<str>, Val)>,
    ) -> R<Val> {
        let state = self.state(id)?;
        let part = |name| crate::show::class::text_field(&state, name, self.objects);
        let name = part("__name__").unwrap_or_default();
        if part("__module__").as_deref() == Some("builtins")
            && let Some(known) = super::run::FUNCTIONS.iter().find(|known| **known == name)
        {
            return self.call_builtin(Args { name: known, list, keywords });
        }
        if let Some(receiver) = crate::show::class::field(&state, "__self__").map(Val::from)
            && let Val::Ref(receiver_id) = receiver
            && self.objects.object_head(receiver_id)?.0 != Kind::Module
        {
            return self.call_method(&receiver, &name, list, keywords);
        }
        unsupported(format!("the built-in function {name}"))
    }

    fn call_builtin(&self, mut args: Args) -> R<Val> {
        match args.name {
            "getattr" => return self.getattr(&args),
            "max" | "min" => return self.extreme(args),
            "sum" => return self.sum(args),
            "sorted" => return self.sort(args),
            "isinstance" | "issubclass" => return self.instance_check(&args),
            "next" | "iter" => return unsupported(format!("{}()", args.name)),
            "id" => return unsupported("id(): addresses are not recorded"),
            "hash" => return unsupported("hash()"),
            _ => {}
        }
        if args.name == "pow" || args.name == "format" {
            args.count(if args.name == "pow" { 2 } else { 1 }, 3)?;
        } else if args.name == "hasattr" || args.name == "divmod" {
            args.count(2, 2)?;
        } else if args.name == "round" {
            if let Some(digits) = args.keyword("ndigits") {
                args.list.push(digits);
            }
            args.count(1, 2)?;
        } else {
            args.count(1, 1)?;
        }
        let first = args.list[0].clone();
        Ok(match args.name {
            "len" => Val::count(self.length(&first)?),
            "repr" => Val::str(&self.repr(&first)?),
            "ascii" => Val::str(&super::strings::ascii(&self.repr(&first)?)),
            "format" => {
                let spec = match args.get(1) {
                    None => Vec::new(),
                    Some(spec) => match self.scalar(spec, "__str__")? {
                        Val::Str(spec) => spec.to_vec(),
                        _ => {
                            let name = self.type_name(spec)?;
                            return type_error(format!(
                                "format() argument 2 must be str, not {name}"
                            ));
                        }
                    },
                };
                Val::text(self.format(&first, &spec)?)
            }
            "callable" => Val::Bool(self.callable(&first)?),
            "hasattr" => match self.getattr(&args) {
                Ok(_) => Val::Bool(true),
                Err(EvalError::Python { class, .. }) if class == "AttributeError" => {
                    Val::Bool(false)
                }
                Err(error) => return Err(error),
            },
            "any" | "all" => {
                let until = args.name == "any";
                for item in self.iterate(&first)? {
                    if self.truth(&item)? == until {
                        return Ok(Val::Bool(until));
                    }
                }
                Val::Bool(!until)
            }
            "abs" => match self.scalar(&first, "__abs__")? {
                Val::Float(value) => Val::Float(value.abs()),
                Val::Complex(re, im) => Val::Float(re.hypot(im)),
                value if value.is_int() => Val::int(value.as_int().unwrap_or_default().abs()),
                _ => {
                    self.no_method(&first, "__abs__")?;
                    let name = self.type_name(&first)?;
                    return type_error(format!("bad operand type for abs(): '{name}'"));
                }
            },
            "bin" | "oct" | "hex" => {
                let Some(int) = self.index(&first)? else {
                    self.no_method(&first, "__index__")?;
                    let name = self.type_name(&first)?;
                    return type_error(format!(
                        "'{name}' object cannot be interpreted as an integer"
                    ));
                };
                let (radix, prefix) = match args.name {
                    "bin" => (2, "0b"),
                    "oct" => (8, "0o"),
                    _ => (16, "0x"),
                };
                let sign = if int.is_negative() { "-" } else { "" };
                Val::str(&format!("{sign}{prefix}{}", int.magnitude().to_str_radix(radix)))
            }
            "chr" => {
                let Some(int) = self.index(&first)? else {
                    let name = self.type_name(&first)?;
                    return type_error(format!(
                        "'{name}' object cannot be interpreted as an integer"
                    ));
                };
                match int.to_u32().filter(|point| *point <= 0x10_ffff) {
                    Some(point) => Val::text(crate::show::text::from_points(&[point])),
                    None => return value_error("chr() arg not in range(0x110000)"),
                }
            }
            "ord" => {
                let points = match self.scalar(&first, "__ord__")? {
                    Val::Str(text) => crate::show::text::points(&text),
                    Val::Bytes(bytes) | Val::ByteArray(bytes) => {
                        bytes.iter().map(|byte| u32::from(*byte)).collect()
                    }
                    _ => {
                        let name = self.type_name(&first)?;
                        return type_error(format!(
                            "ord() expected string of length 1, but {name} found"
                        ));
                    }
                };
                if points.len() != 1 {
                    return type_error(format!(
                        "ord() expected a character, but string of length {} found",
                        points.len()
                    ));
                }
                Val::Int(i64::from(points[0]))
            }
            "divmod" => self.divmod(&first, &args.list[1])?,
            "pow" if args.list.len() == 2 => self.binary(Op::Pow, &first, &args.list[1])?,
            "pow" => self.mod_pow(&args.list)?,
            "round" => self.round(&first, args.get(1))?,
            name => return unsupported(format!("{name}()")),
        })
    }

    fn getattr(&self, args: &Args) -> R<Val> {
        args.count(2, 3)?;
        let name = match self.scalar(&args.list[1], "__str__")? {
            Val::Str(name) => String::from_utf8_lossy(&name).into_owned(),
            _ => {
                let name = self.type_name(&args.list[1])?;
                return type_error(format!("attribute name must be string, not '{name}'"));
            }
        };
        match (self.attribute(&args.list[0], &name), args.get(2)) {
            (Err(EvalError::Python { class, .. }), Some(default)) if class == "AttributeError" => {
                Ok(default.clone())
            }
            (other, _) => other,
        }
    }

    fn callable(&self, value: &Val) -> R<bool> {
        Ok(match value {
            Val::Type(_) | Val::Function(_) | Val::Method(_) | Val::Bound(_) => true,
            Val::Ref(id) => match self.objects.object_head(*id)?.0 {
                Kind::Function
                | Kind::Method
                | Kind::Class
                | Kind::Builtin
                | Kind::Partial
                | Kind::WeakRef
                | Kind::StaticMethod => true,
                Kind::Opaque => return unsupported("callable() of an opaque C type"),
                _ => match Class::of(value, self.objects)?.lookup("__call__", self.objects)? {
                    Lookup::Found(..) => true,
                    Lookup::Absent => false,
                    Lookup::Hidden(_) => return unsupported("callable() of this object"),
                },
            },
            _ => false,
        })
    }

    fn extreme(&self, mut args: Args) -> R<Val> {
        let name = args.name;
        let default = args.keyword("default");
        if args.keyword("key").is_some() {
            return unsupported(format!("{name}() with a key"));
        }
        args.no_keywords()?;
        let items = match args.list.len() {
            0 => return type_error(format!("{name} expected at least 1 argument, got 0")),
            1 => self.iterate(&args.list[0])?,
            _ => args.list,
        };
        let mut items = items.into_iter();
        let Some(first) = items.next() else {
            return match default {
                Some(default) => Ok(default),
                None if self.minor >= 12 => {
                    value_error(format!("{name}() iterable argument is empty"))
                }
                None => value_error(format!("{name}() arg is an empty sequence")),
            };
        };
        let mut best = self.got(first)?;
        let op = if name == "max" { Cmp::Gt } else { Cmp::Lt };
        for item in items {
            let item = self.got(item)?;
            if self.compare(op, &item, &best)? {
                best = item;
            }
        }
        Ok(best)
    }

    fn sum(&self, mut args: Args) -> R<Val> {
        if let Some(start) = args.keyword("start") {
            args.list.push(start);
        }
        if args.list.is_empty() {
            return type_error("sum() takes at least 1 positional argument (0 given)");
        }
        args.count(1, 2)?;
        let mut total = args.get(1).cloned().unwrap_or(Val::Int(0));
        if matches!(total, Val::Str(_)) {
            return type_error("sum() can't sum strings [use ''.join(seq) instead]");
        }
        // From 3.12 on, floats are summed with compensation.
        let (mut high, mut low) = (0.0, 0.0);
        let mut compensated = false;
        for item in self.iterate(&args.list[0])? {
            let item = self.got(item)?;
            if self.minor >= 12 {
                let float_item = matches!(self.scalar(&item, "__radd__")?, Val::Float(_));
                if !compensated && float_item && (total.is_int() || matches!(total, Val::Float(_)))
                {
                    high = float(&total)?;
                    low = 0.0;
                    compensated = true;
                }
                if compensated {
                    let value = self.scalar(&item, "__radd__")?;
                    if value.is_int() || matches!(value, Val::Float(_)) {
                        let x = float(&value)?;
                        if float_item {
                            let t: f64 = high + x;
                            if f64::abs(high) >= x.abs() {
                                low += (high - t) + x;
                            } else {
                                low += (x - t) + high;
                            }
                            high = t;
                        } else {
                            high += x;
                        }
                        continue;
                    }
                    total = Val::Float(compensate(high, low));
                    compensated = false;
                }
            }
            total = self.binary(Op::Add, &total, &item)?;
        }
        Ok(if compensated { Val::Float(compensate(high, low)) } else { total })
    }

    fn sort(&self, mut args: Args) -> R<Val> {
        if args.keyword("key").is_some_and(|key| !matches!(key, Val::None)) {
            return unsupported("sorted() with a key");
        }
        let reverse = match args.keyword("reverse") {
            Some(reverse) => self.truth(&reverse)?,
            None => false,
        };
        args.count(1, 1)?;
        let mut items = self.iterate(&args.list[0])?;
        self.sort_items(&mut items, reverse)?;
        Ok(Val::list(items))
    }

    /// A stable sort by `<`.
    fn sort_items(&self, items: &mut [Val], reverse: bool) -> R<()> {
        let mut failed = None;
        let mut less = |a: &Val, b: &Val| match self.compare(Cmp::Lt, a, b) {
            Ok(less) => less,
            Err(error) => {
                failed.get_or_insert(error);
                false
            }
        };
        if items.len() > 1 {
            // Python compares the second with the first before anything else.
            less(&items[1], &items[0]);
        }
        items.sort_by(|a, b| {
            let (a, b) = if reverse { (b, a) } else { (a, b) };
            if less(a, b) {
                Ordering::Less
            } else if less(b, a) {
                Ordering::Greater
            } else {
                Ordering::Equal
            }
        });
        failed.map_or(Ok(()), Err)
    }

    fn instance_check(&self, args: &Args) -> R<Val> {
        args.count(2, 2)?;
        let class = if args.name == "isinstance" {
            Class::of(&args.list[0], self.objects)?
        } else {
            match Class::from_val(&args.list[0], self.objects)? {
                Some(class) => class,
                None => return type_error("issubclass() arg 1 must be a class"),
            }
        };
        Ok(Val::Bool(self.derives(&class, &args.list[1], args.name, 0)?))
    }

    fn derives(&self, class: &Class, of: &Val, name: &str, depth: usize) -> R<bool> {
        if depth > 20 {
            return unsupported("tuples of classes nested this deeply");
        }
        if self.container(of)? == Some(Kind::Tuple) {
            for of in self.elements(of)? {
                if self.derives(class, &of, name, depth + 1)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let Some(of) = Class::from_val(of, self.objects)? else {
            if let Val::Ref(id) = of
                && matches!(self.objects.object_head(*id)?.0, Kind::Opaque | Kind::Instance)
            {
                return unsupported(format!("{name}() with this second argument"));
            }
            return type_error(
                format!(
                    "{name}() arg 2 must be a type{} a tuple of {}, or a union",
                    if name == "isinstance" { "," } else { " or" },
                    if name == "isinstance" { "types" } else { "classes" }
                )
                .replace(
                    "must be a type or a tuple of classes, or a union",
                    "must be a class, a tuple of classes, or a union",
                ),
            );
        };
        if class.derives(&of, self.objects)? {
            return Ok(true);
        }
        if let Class::Recorded(facts) = &of
            && facts.meta != 0
        {
            let meta = Class::Recorded(crate::show::class::Facts::read(facts.meta, self.objects)?);
            let check =
                if name == "isinstance" { "__instancecheck__" } else { "__subclasscheck__" };
            if !meta.is("enum", "EnumType")
                && !meta.is("enum", "EnumMeta")
                && !matches!(meta.lookup(check, self.objects)?, Lookup::Absent)
            {
                // An abstract base class may know of subclasses that do not derive from it.
                let own = meta.is("abc", "ABCMeta")
                    && facts.is_open()
                    && matches!(of.lookup("__subclasshook__", self.objects)?, Lookup::Absent);
                if !own {
                    return unsupported(format!("{} decides itself what is one of it", of.name()));
                }
            }
        }
        Ok(false)
    }

    fn divmod(&self, a: &Val, b: &Val) -> R<Val> {
        let x = self.scalar(a, "__divmod__")?;
        let y = self.scalar(b, "__rdivmod__")?;
        if x.is_int() && y.is_int() {
            let (a, b) = (x.as_int().unwrap_or_default(), y.as_int().unwrap_or_default());
            if b.is_zero() {
                return python("ZeroDivisionError", "integer division or modulo by zero");
            }
            let (div, rest) = a.div_mod_floor(&b);
            return Ok(Val::tuple(vec![Val::int(div), Val::int(rest)]));
        }
        let number = |value: &Val| value.is_int() || matches!(value, Val::Float(_));
        if number(&x) && number(&y) {
            let (a, b) = (float(&x)?, float(&y)?);
            if b == 0.0 {
                return python("ZeroDivisionError", "float divmod()");
            }
            return Ok(Val::tuple(vec![
                Val::Float(float_floor(a, b)),
                Val::Float(float_mod(a, b)),
            ]));
        }
        self.no_method(a, "__divmod__")?;
        self.no_method(b, "__rdivmod__")?;
        let (a, b) = (self.type_name(a)?, self.type_name(b)?);
        type_error(format!("unsupported operand type(s) for divmod(): '{a}' and '{b}'"))
    }

    fn mod_pow(&self, args: &[Val]) -> R<Val> {
        let int = |value: &Val| self.index(value);
        match (int(&args[0])?, int(&args[1])?, int(&args[2])?) {
            (Some(base), Some(power), Some(modulus)) if !power.is_negative() => {
                if modulus.is_zero() {
                    return value_error("pow() 3rd argument cannot be 0");
                }
                if power.bits() > 100_000 || modulus.bits() > 100_000 {
                    return unsupported("numbers this large");
                }
                let value = base.modpow(&power, &modulus);
                Ok(Val::int(value.mod_floor(&modulus)))
            }
            _ => unsupported("pow() with these arguments"),
        }
    }

    fn round(&self, value: &Val, digits: Option<&Val>) -> R<Val> {
        let found = self.scalar(value, "__round__")?;
        let digits = match digits {
            None | Some(Val::None) => None,
            Some(digits) => match self.index(digits)? {
                Some(digits) => Some(digits.to_i64().unwrap_or(i64::MAX)),
                None => {
                    let name = self.type_name(digits)?;
                    return type_error(format!(
                        "'{name}' object cannot be interpreted as an integer"
                    ));
                }
            },
        };
        match (&found, digits) {
            (Val::Float(value), None) => {
                if value.is_nan() {
                    return value_error("cannot convert float NaN to integer");
                }
                if value.is_infinite() {
                    return python("OverflowError", "cannot convert float infinity to integer");
                }
                let rounded = value.round_ties_even();
                Ok(Val::int(BigInt::from_f64(rounded).unwrap_or_default()))
            }
            (Val::Float(value), Some(digits)) => {
                if !value.is_finite() || digits > 323 {
                    return Ok(Val::Float(*value));
                }
                if digits < 0 {
                    return unsupported("round() to tens");
                }
                // Correctly rounded, as Rust's own formatting is.
                let text = format!("{value:.*}", digits as usize);
                Ok(Val::Float(text.parse().unwrap_or(*value)))
            }
            (int, None) if int.is_int() => Ok(Val::int(int.as_int().unwrap_or_default())),
            (int, Some(digits)) if int.is_int() => {
                let int = int.as_int().unwrap_or_default();
                if digits >= 0 {
                    return Ok(Val::int(int));
                }
                let Some(power) = u32::try_from(-digits).ok().filter(|power| *power < 100_000)
                else {
                    return Ok(Val::Int(0));
                };
                let unit = BigInt::from(10).pow(power);
                let (mut count, rest) = int.div_mod_floor(&unit);
                let twice = rest * 2;
                if twice > unit || (twice == unit && count.is_odd()) {
                    count += 1;
                }
                Ok(Val::int(count * unit))
            }
            _ => {
                self.no_method(value, "__round__")?;
                let name = self.type_name(value)?;
                type_error(format!("type {name} doesn't define __round__ method"))
            }
        }
    }

    /// `str(value)`.
    pub(super) fn str(&self, value: &Val) -> R<Vec<u8>> {
        if let Val::Ref(id) = value {
            let (kind, class) = self.objects.object_head(*id)?;
            if let Some(date) = self.date(value)? {
                return match date.text() {
                    Some(text) => Ok(text.into_bytes()),
                    None => unsupported("the text of this time"),
                };
            }
            if let Some(text) = self.library_text(value)? {
                return Ok(text.into_bytes());
            }
            if class != 0 {
                self.no_str_method(value)?;
                if kind == Kind::Exception {
                    return self.exception_text(*id);
                }
            }
        }
        match self.scalar(value, "__str__") {
            Ok(Val::Str(text)) => Ok(text.to_vec()),
            Ok(plain @ (Val::Bytes(_) | Val::ByteArray(_))) | Ok(plain @ Val::Float(_)) => {
                Ok(self.repr(&plain)?.into_bytes())
            }
            _ => Ok(self.repr(value)?.into_bytes()),
        }
    }

    fn no_str_method(&self, value: &Val) -> R<()> {
        let class = Class::of(value, self.objects)?;
        match class.lookup("__str__", self.objects)? {
            Lookup::Absent => Ok(()),
            Lookup::Found(owner, OwnedValue::Ref(id))
                if self.objects.object_head(id)?.0 == Kind::Builtin =>
            {
                let _ = owner;
                Ok(())
            }
            Lookup::Found(owner, _) => {
                unsupported(format!("{}.__str__ is recorded code and is not run", owner.qualname))
            }
            Lookup::Hidden(owner) => unsupported(format!(
                "{}.{} is recorded by name only and may define __str__",
                owner.module, owner.qualname
            )),
        }
    }

    /// `str` of an exception.
    pub(super) fn exception_text(&self, id: u64) -> R<Vec<u8>> {
        let state = self.state(id)?;
        let class = Class::of(&Val::Ref(id), self.objects)?;
        let Some(args) = elements(crate::show::class::field(&state, "args"), self.objects) else {
            return unknown("no arguments in the trace");
        };
        let is = |name: &str| class.derives_named("builtins", name, self.objects);
        if ["SyntaxError", "UnicodeError", "BaseExceptionGroup"].iter().any(|name| is(name))
            || (is("OSError") && args.len() >= 2)
        {
            return unsupported("the text of this exception");
        }
        match args.as_slice() {
            [] => Ok(Vec::new()),
            [arg] if is("KeyError") => Ok(self.repr(&self.recorded(arg)?)?.into_bytes()),
            [arg] => {
                let arg = self.recorded(arg)?;
                self.nested(|| self.str(&arg))
            }
            args => {
                let args = Val::tuple(args.iter().map(Val::from).collect());
                Ok(self.repr(&args)?.into_bytes())
            }
        }
    }
}

fn compensate(high: f64, low: f64) -> f64 {
    if low != 0.0 && low.is_finite() { high + low } else { high }
}
