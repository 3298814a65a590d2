//! The evaluation of expression trees.

use super::Scope;
use super::ast::{Clause, Cmp, Comp, Node, Piece, Target, Unary};
use super::error::{EvalError, R, python, type_error, unknown, unsupported};
use super::key::{KeySet, PairSet};
use super::plain::plain;
use super::val::Val;
use crate::show::class::{Class, Lookup, builtin_name};
use crate::show::{Limits, Objects, known, repr_value};
use moviola_format::event::Kind;
use moviola_format::read::{ObjectState, OwnedValue};
use std::cell::Cell;
use std::sync::Arc;

/// Steps after which an evaluation gives up.
const STEPS: u64 = 20_000_000;
/// Elements, bytes or bits of anything an expression makes.
pub(super) const SIZE_MAX: usize = 10_000_000;

/// Names of built-in functions that can be called.
pub(super) const FUNCTIONS: &[&str] = &[
    "abs",
    "all",
    "any",
    "ascii",
    "bin",
    "callable",
    "chr",
    "divmod",
    "format",
    "getattr",
    "hasattr",
    "hash",
    "hex",
    "id",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "max",
    "min",
    "next",
    "oct",
    "ord",
    "pow",
    "repr",
    "round",
    "sorted",
    "sum",
];

/// Built-in functions that an expression cannot use, and why.
const REFUSED: &[(&str, &str)] = &[
    ("print", "print() would write to the terminal"),
    ("input", "input() would read from the terminal"),
    ("open", "open() would touch files"),
    ("eval", "eval() runs code"),
    ("exec", "exec() runs code"),
    ("compile", "compile() is not supported"),
    ("__import__", "imports run code"),
    ("__build_class__", "classes cannot be made"),
    ("setattr", "the recorded run cannot be changed"),
    ("delattr", "the recorded run cannot be changed"),
    ("breakpoint", "breakpoint() runs code"),
    ("dir", "dir() is not supported"),
    ("vars", "use obj.__dict__ instead of vars()"),
    ("globals", "globals() is not supported"),
    ("locals", "locals() is not supported"),
    ("help", "help() is not supported"),
    ("exit", "exit() would end a program"),
    ("quit", "quit() would end a program"),
    ("aiter", "coroutines cannot run"),
    ("anext", "coroutines cannot run"),
];

pub(super) struct Eval<'s> {
    pub scope: &'s dyn Scope,
    pub objects: &'s dyn Objects,
    pub minor: u32,
    steps: Cell<u64>,
    depth: Cell<usize>,
    /// Variables of comprehensions, innermost last.
    vars: Vec<(Arc<str>, Val)>,
}

impl<'s> Eval<'s> {
    pub(super) fn new(scope: &'s dyn Scope) -> Self {
        let objects: &dyn Objects = scope;
        Self {
            scope,
            objects,
            minor: objects.python_minor(),
            steps: Cell::new(0),
            depth: Cell::new(0),
            vars: Vec::new(),
        }
    }

    /// Counts work.
    pub(super) fn step(&self, count: usize) -> R<()> {
        let steps = self.steps.get() + count as u64;
        self.steps.set(steps);
        if steps > STEPS { unsupported("the evaluation takes too long") } else { Ok(()) }
    }

    /// Runs what may come back to where it is, if objects refer to each other.
    pub(super) fn nested<T>(&self, inside: impl FnOnce() -> R<T>) -> R<T> {
        let depth = self.depth.get();
        if depth >= 50 {
            return unsupported("objects that refer to each other");
        }
        self.depth.set(depth + 1);
        let result = inside();
        self.depth.set(depth);
        result
    }

    /// The value of a whole expression.
    pub(super) fn top(&mut self, node: &Node) -> R<Val> {
        if let Node::Star(_) = node {
            return python("SyntaxError", "can't use starred expression here");
        }
        self.node(node)
    }

    pub(super) fn node(&mut self, node: &Node) -> R<Val> {
        self.step(1)?;
        Ok(match node {
            Node::Const(value) => value.clone(),
            Node::Refused(why) => return unsupported(&**why),
            Node::Name(name) => self.name(name)?,
            Node::Attr(value, name) => {
                let value = self.node(value)?;
                self.attribute(&value, name)?
            }
            Node::Item(value, index) => {
                let value = self.node(value)?;
                let index = self.node(index)?;
                self.item(&value, &index)?
            }
            Node::Slice(parts) => {
                let mut part = |part: &Option<Node>| match part {
                    Some(part) => self.node(part),
                    None => Ok(Val::None),
                };
                Val::Slice(Arc::new([part(&parts[0])?, part(&parts[1])?, part(&parts[2])?]))
            }
            Node::Call { function, args, keywords } => self.call_node(function, args, keywords)?,
            Node::And(nodes) => self.logic(nodes, false)?,
            Node::Or(nodes) => self.logic(nodes, true)?,
            Node::Unary(op, operand) => {
                let operand = self.node(operand)?;
                self.unary(*op, &operand)?
            }
            Node::Binary(op, left, right) => {
                let left = self.node(left)?;
                let right = self.node(right)?;
                self.binary(*op, &left, &right)?
            }
            Node::Compare(left, rest) => self.compare_node(left, rest)?,
            Node::If { test, yes, no } => {
                let test = self.node(test)?;
                if self.truth(&test)? { self.node(yes)? } else { self.node(no)? }
            }
            Node::List(nodes) => Val::list(self.display(nodes)?),
            Node::Tuple(nodes) => Val::tuple(self.display(nodes)?),
            Node::Set(nodes) => {
                let items = self.display(nodes)?;
                self.make_set(items)?
            }
            Node::Dict(items) => self.dict_display(items)?,
            Node::Star(_) => {
                return python("SyntaxError", "can't use starred expression here");
            }
            Node::Comp(kind, elt, value, clauses) => {
                self.comprehension(*kind, elt, value.as_deref(), clauses)?
            }
            Node::Text(pieces) => Val::text(self.pieces(pieces)?),
        })
    }

    /// A value taken from the recording: what is unknown is an error from here on.
    pub(super) fn recorded(&self, value: &OwnedValue) -> R<Val> {
        self.got(Val::from(value))
    }

    /// As `recorded`, of an element.
    pub(super) fn got(&self, value: Val) -> R<Val> {
        if let Val::Unknown(reason) = &value { unknown(reason) } else { Ok(value) }
    }

    fn name(&self, name: &str) -> R<Val> {
        if let Some((_, value)) = self.vars.iter().rev().find(|(known, _)| **known == *name) {
            return Ok(value.clone());
        }
        match self.scope.made(name) {
            Some(Some(value)) => return self.got(value),
            Some(None) => return python("NameError", format!("name '{name}' is not defined")),
            None => {}
        }
        for found in [self.scope.local(name), self.scope.global(name)].into_iter().flatten() {
            if found != OwnedValue::Unbound {
                return self.recorded(&found);
            }
        }
        let special = match name {
            "__return__" => self.scope.retval(),
            "__exception__" => self.scope.exception(),
            _ => None,
        };
        if let Some(value) = special {
            let value = self.recorded(&value)?;
            if name == "__exception__" {
                // pdb's pair of type and value.
                let class = Class::of(&value, self.objects)?.value();
                return Ok(Val::tuple(vec![class, value]));
            }
            return Ok(value);
        }
        match self.changed_name("builtins", name)? {
            Some(Some(value)) => return Ok(value),
            Some(None) => return python("NameError", format!("name '{name}' is not defined")),
            None => {}
        }
        if let Some(name) = builtin_name(name) {
            return Ok(Val::Type(name));
        }
        if let Some(name) = FUNCTIONS.iter().find(|known| **known == name) {
            return Ok(Val::Function(name));
        }
        match name {
            "Ellipsis" => return Ok(Val::Ellipsis),
            "NotImplemented" => return Ok(Val::NotImplemented),
            _ => {}
        }
        if let Some((name, _)) = REFUSED.iter().find(|(known, _)| *known == name) {
            return Ok(Val::Function(name));
        }
        python("NameError", format!("name '{name}' is not defined"))
    }

    fn logic(&mut self, nodes: &[Node], until: bool) -> R<Val> {
        let mut value = Val::None;
        for (at, node) in nodes.iter().enumerate() {
            value = self.node(node)?;
            if at + 1 < nodes.len() && self.truth(&value)? == until {
                break;
            }
        }
        Ok(value)
    }

    fn compare_node(&mut self, left: &Node, rest: &[(Cmp, Node)]) -> R<Val> {
        let mut left = self.node(left)?;
        let mut result = true;
        for (op, right) in rest {
            let right = self.node(right)?;
            result = self.compare(*op, &left, &right)?;
            if !result {
                break;
            }
            left = right;
        }
        Ok(Val::Bool(result))
    }

    /// Evaluated elements, starred ones unpacked.
    pub(super) fn display(&mut self, nodes: &[Node]) -> R<Vec<Val>> {
        let mut out = Vec::with_capacity(nodes.len());
        for node in nodes {
            if let Node::Star(inner) = node {
                let value = self.node(inner)?;
                let items = match self.iterate(&value) {
                    Err(EvalError::Python { class, message })
                        if class == "TypeError" && message.ends_with("object is not iterable") =>
                    {
                        let name = self.type_name(&value)?;
                        return type_error(format!(
                            "Value after * must be an iterable, not {name}"
                        ));
                    }
                    other => other?,
                };
                for item in items {
                    out.push(self.got(item)?);
                }
            } else {
                out.push(self.node(node)?);
            }
        }
        Ok(out)
    }

    pub(super) fn make_set(&self, items: Vec<Val>) -> R<Val> {
        let mut set = KeySet::default();
        for item in items {
            let item = self.got(item)?;
            let key = self.key(&item)?;
            set.add(key, item);
        }
        Ok(Val::Set(Arc::new(set.into_values())))
    }

    fn dict_display(&mut self, items: &[(Option<Node>, Node)]) -> R<Val> {
        let mut pairs = PairSet::default();
        for (key, value) in items {
            if let Some(key) = key {
                let key = self.node(key)?;
                let value = self.node(value)?;
                pairs.set(self.key(&key)?, key, value);
            } else {
                let value = self.node(value)?;
                let Some(inner) = self.mapping(&value)? else {
                    let name = self.type_name(&value)?;
                    return type_error(format!("'{name}' object is not a mapping"));
                };
                for (key, value) in inner {
                    pairs.set(self.key(&key)?, key, value);
                }
            }
        }
        Ok(Val::Dict(Arc::new(pairs.into_pairs())))
    }

    fn comprehension(
        &mut self,
        kind: Comp,
        elt: &Node,
        value: Option<&Node>,
        clauses: &[Clause],
    ) -> R<Val> {
        let mut out = Vec::new();
        let depth = self.vars.len();
        let done = self.clause(elt, value, clauses, &mut out);
        self.vars.truncate(depth);
        done?;
        Ok(match kind {
            Comp::List => Val::list(out.into_iter().map(|(item, _)| item).collect()),
            Comp::Generator => {
                Val::Iter("generator", Arc::new(out.into_iter().map(|(item, _)| item).collect()))
            }
            Comp::Set => self.make_set(out.into_iter().map(|(item, _)| item).collect())?,
            Comp::Dict => {
                let mut pairs = PairSet::default();
                for (key, value) in out {
                    pairs.set(self.key(&key)?, key, value);
                }
                Val::Dict(Arc::new(pairs.into_pairs()))
            }
        })
    }

    fn clause(
        &mut self,
        elt: &Node,
        value: Option<&Node>,
        clauses: &[Clause],
        out: &mut Vec<(Val, Val)>,
    ) -> R<()> {
        let Some((clause, rest)) = clauses.split_first() else {
            let item = self.node(elt)?;
            let value = match value {
                Some(value) => self.node(value)?,
                None => Val::None,
            };
            if out.len() >= SIZE_MAX {
                return unsupported("the result is too large");
            }
            out.push((item, value));
            return Ok(());
        };
        let over = self.node(&clause.iter)?;
        let depth = self.vars.len();
        'items: for item in self.iterate(&over)? {
            let item = self.got(item)?;
            self.vars.truncate(depth);
            self.bind(&clause.target, item)?;
            for test in &clause.tests {
                let test = self.node(test)?;
                if !self.truth(&test)? {
                    continue 'items;
                }
            }
            self.clause(elt, value, rest, out)?;
        }
        self.vars.truncate(depth);
        Ok(())
    }

    fn bind(&mut self, target: &Target, value: Val) -> R<()> {
        let (targets, star) = match target {
            Target::Name(name) => {
                self.vars.push((Arc::clone(name), value));
                return Ok(());
            }
            Target::Tuple(targets, star) => (targets, *star),
        };
        let items = match self.iterate(&value) {
            Err(EvalError::Python { class, message })
                if class == "TypeError" && message.ends_with("is not iterable") =>
            {
                let name = self.type_name(&value)?;
                return type_error(format!("cannot unpack non-iterable {name} object"));
            }
            other => other?,
        };
        let wanted = targets.len();
        match star {
            None if items.len() > wanted => {
                return python(
                    "ValueError",
                    format!("too many values to unpack (expected {wanted})"),
                );
            }
            None if items.len() < wanted => {
                let got = items.len();
                return python(
                    "ValueError",
                    format!("not enough values to unpack (expected {wanted}, got {got})"),
                );
            }
            Some(_) if items.len() + 1 < wanted => {
                let (least, got) = (wanted - 1, items.len());
                return python(
                    "ValueError",
                    format!("not enough values to unpack (expected at least {least}, got {got})"),
                );
            }
            _ => {}
        }
        let extra = (items.len() + 1).saturating_sub(wanted);
        let mut items = items.into_iter();
        for (at, target) in targets.iter().enumerate() {
            let value = if star == Some(at) {
                Val::list(items.by_ref().take(extra).collect())
            } else {
                items.next().unwrap_or(Val::None)
            };
            let value = self.got(value)?;
            self.bind(target, value)?;
        }
        Ok(())
    }

    fn pieces(&mut self, pieces: &[Piece]) -> R<Vec<u8>> {
        let mut out = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Value(node, conversion, spec) => {
                    let value = self.node(node)?;
                    let value = self.convert(value, *conversion)?;
                    let spec = self.pieces(spec)?;
                    out.extend_from_slice(&self.format(&value, &spec)?);
                }
            }
            if out.len() > SIZE_MAX {
                return unsupported("the result is too large");
            }
        }
        Ok(out)
    }

    /// `!s`, `!r`, `!a`.
    pub(super) fn convert(&self, value: Val, conversion: Option<char>) -> R<Val> {
        Ok(match conversion {
            Some('s') => Val::text(self.str(&value)?),
            Some('r') => Val::str(&self.repr(&value)?),
            Some('a') => Val::str(&super::strings::ascii(&self.repr(&value)?)),
            _ => value,
        })
    }

    /// `repr(value)`, if it can be told to the letter.
    pub(super) fn repr(&self, value: &Val) -> R<String> {
        let shown = repr_value(value, self.objects, &Limits::default());
        if shown.exact {
            return Ok(shown.text);
        }
        if let Val::Big(_) = value {
            return python(
                "ValueError",
                "Exceeds the limit (4300 digits) for integer string conversion; use \
                 sys.set_int_max_str_digits() to increase the limit",
            );
        }
        let name = self.type_name(value)?;
        unsupported(format!(
            "the exact repr of this {name} would take recorded code, an address, or values that were not recorded"
        ))
    }

    /// `type(value).__name__`.
    pub(super) fn type_name(&self, value: &Val) -> R<String> {
        Ok(Class::of(value, self.objects)?.name().to_owned())
    }

    /// The contents of a recorded object.
    pub(super) fn state(&self, id: u64) -> R<Arc<ObjectState>> {
        Ok(known(self.objects.object(id)?)?)
    }

    /// Fails if the value's class may define the special method: it would be recorded code.
    pub(super) fn no_method(&self, value: &Val, name: &str) -> R<()> {
        let Val::Ref(id) = value else { return Ok(()) };
        if self.objects.object_head(*id)?.1 == 0 {
            return Ok(());
        }
        let class = Class::of(value, self.objects)?;
        match class.lookup(name, self.objects)? {
            Lookup::Absent => Ok(()),
            Lookup::Found(owner, OwnedValue::None) if name == "__hash__" => {
                type_error(format!("unhashable type: '{}'", owner.name))
            }
            Lookup::Found(owner, found) => {
                // `__eq__ = object.__eq__` and the like are no recorded code.
                if let OwnedValue::Ref(id) = found
                    && matches!(self.objects.object_head(id)?.0, Kind::Builtin)
                {
                    return Ok(());
                }
                unsupported(format!("{}.{name} is recorded code and is not run", owner.qualname))
            }
            Lookup::Hidden(owner) => unsupported(format!(
                "{}.{} is recorded by name only and may define {name}",
                owner.module, owner.qualname
            )),
        }
    }

    /// A value with plain objects, and instances of subclasses of scalar types that leave
    /// `method` as it is, replaced by the exact scalar.
    pub(super) fn scalar(&self, value: &Val, method: &str) -> R<Val> {
        let Val::Ref(id) = value else { return Ok(value.clone()) };
        let (kind, class) = self.objects.object_head(*id)?;
        if class == 0 {
            let out = plain(value, self.objects);
            if let Val::Ref(id) = out
                && matches!(kind, Kind::Str | Kind::Bytes | Kind::ByteArray | Kind::Int)
            {
                self.state(id)?;
                return unknown("no contents in the trace");
            }
            return Ok(out);
        }
        if kind == Kind::Opaque {
            return Ok(self.library_number(value)?.unwrap_or_else(|| value.clone()));
        }
        if kind != Kind::Instance {
            return Ok(value.clone());
        }
        let Class::Recorded(facts) = Class::of(value, self.objects)? else {
            return Ok(value.clone());
        };
        let Some(code) = facts.base else { return Ok(value.clone()) };
        let kind = u8::try_from(code).ok().and_then(Kind::from_code);
        let wanted =
            matches!(kind, None | Some(Kind::Str | Kind::Bytes | Kind::ByteArray | Kind::Int));
        if !wanted {
            return Ok(value.clone());
        }
        if facts.is_open() || facts.module != "numpy" {
            self.no_method(value, method)?;
        }
        let state = self.state(*id)?;
        let out = match kind {
            Some(kind) => super::scalar_payload(&state, kind),
            None => state.scalar.as_ref().map(Val::from),
        };
        match out {
            Some(value) => self.got(value),
            None => unknown("no contents in the trace"),
        }
    }

    /// Truth of a value.
    pub(super) fn truth(&self, value: &Val) -> R<bool> {
        Ok(match self.scalar(value, "__bool__")? {
            Val::None => false,
            Val::Bool(value) => value,
            Val::Int(value) => value != 0,
            Val::Float(value) => value != 0.0,
            Val::Complex(re, im) => re != 0.0 || im != 0.0,
            Val::Unknown(reason) => return unknown(&reason),
            Val::Str(text) | Val::Bytes(text) | Val::ByteArray(text) => !text.is_empty(),
            Val::List(items) | Val::Tuple(items) | Val::Set(items) | Val::FrozenSet(items) => {
                !items.is_empty()
            }
            Val::View(_, items) => !items.is_empty(),
            Val::Dict(pairs) => !pairs.is_empty(),
            Val::Range(parts) => super::item::range_len(&parts) != num_bigint::BigInt::ZERO,
            Val::Ref(id) => {
                let (kind, class) = self.objects.object_head(id)?;
                if let Some(date) = self.date(value)? {
                    return Ok(date.truth());
                }
                if class != 0 {
                    self.no_method(value, "__bool__")?;
                    self.no_method(value, "__len__")?;
                }
                match self.length(value) {
                    Ok(len) => len > 0,
                    Err(EvalError::Python { .. }) => true,
                    Err(EvalError::Unsupported(_)) if class == 0 && kind == Kind::Opaque => {
                        return unsupported("the truth of an object of an opaque C type");
                    }
                    Err(error) => return Err(error),
                }
            }
            _ => true,
        })
    }

    pub(super) fn unary(&self, op: Unary, operand: &Val) -> R<Val> {
        let (method, symbol) = match op {
            Unary::Not => return Ok(Val::Bool(!self.truth(operand)?)),
            Unary::Invert => ("__invert__", "~"),
            Unary::Plus => ("__pos__", "+"),
            Unary::Minus => ("__neg__", "-"),
        };
        let value = self.scalar(operand, method)?;
        Ok(match (op, &value) {
            (_, Val::Bool(_) | Val::Int(_) | Val::Big(_)) => {
                let int = value.as_int().unwrap_or_default();
                Val::int(match op {
                    Unary::Invert => -int - 1,
                    Unary::Minus => -int,
                    _ => int,
                })
            }
            (Unary::Minus, Val::Float(value)) => Val::Float(-value),
            (Unary::Plus, Val::Float(_) | Val::Complex(..)) => value,
            (Unary::Minus, Val::Complex(re, im)) => Val::Complex(-re, -im),
            _ => {
                self.no_method(operand, method)?;
                let name = self.type_name(operand)?;
                return type_error(format!("bad operand type for unary {symbol}: '{name}'"));
            }
        })
    }

    /// Why a refused built-in cannot be called.
    pub(super) fn refused(name: &str) -> Option<&'static str> {
        REFUSED.iter().find(|(known, _)| *known == name).map(|(_, why)| *why)
    }
}

/// Names of the built-ins that expressions may use, for completion.
pub(super) fn function_names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().copied()
}

/// The name of a built-in function that can be called, as the evaluator holds it.
pub(crate) fn function_name(name: &str) -> Option<&'static str> {
    FUNCTIONS.iter().copied().find(|known| *known == name)
}
