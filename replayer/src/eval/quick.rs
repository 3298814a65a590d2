//! Conditions over simple values, asked millions of times: names, constants, comparison, arithmetic and
//! boolean operators on ints, floats, strs and None. Whatever else a condition meets, it gives no
//! answer and the evaluator is asked; so this is never another opinion.

use super::Expression;
use super::ast::{Cmp, Node, Op, Unary};
use super::val::Val;
use moviola_format::read::OwnedValue;
use std::sync::Arc;

/// A condition that can be asked quickly, as far as its values are simple.
#[derive(Debug, Clone)]
pub struct Quick {
    root: Q,
    names: Vec<Arc<str>>,
}

#[derive(Debug, Clone)]
enum Q {
    /// Index of the name.
    Name(usize),
    Const(Const),
    Compare(Box<Q>, Vec<(Cmp, Q)>),
    And(Vec<Q>),
    Or(Vec<Q>),
    Not(Box<Q>),
    Minus(Box<Q>),
    Binary(Op, Box<Q>, Box<Q>),
}

#[derive(Debug, Clone)]
enum Const {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<[u8]>),
}

/// A simple value.
#[derive(Debug, Clone, Copy)]
enum V<'v> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'v [u8]),
    /// A recorded object: not None, and nothing else is known.
    Object,
}

/// Ints that a float holds exactly.
const EXACT: i64 = 1 << 53;

impl Quick {
    /// The quick form of an expression, if all of it can be asked so.
    #[must_use]
    pub fn new(expression: &Expression) -> Option<Self> {
        let mut names = Vec::new();
        let root = lowered(&expression.root, &mut names)?;
        Some(Self { root, names })
    }

    /// The names that it asks for.
    #[must_use]
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Whether the condition holds, given the values of the names in their order; `None`: ask the
    /// evaluator.
    #[must_use]
    pub fn ask<'v>(&'v self, value: &dyn Fn(usize) -> Option<&'v OwnedValue>) -> Option<bool> {
        truth(run(&self.root, value)?)
    }
}

fn lowered(node: &Node, names: &mut Vec<Arc<str>>) -> Option<Q> {
    let mut inner = |node: &Node| lowered(node, names).map(Box::new);
    Some(match node {
        Node::Const(Val::None) => Q::Const(Const::None),
        Node::Const(Val::Bool(value)) => Q::Const(Const::Bool(*value)),
        Node::Const(Val::Int(value)) => Q::Const(Const::Int(*value)),
        Node::Const(Val::Float(value)) => Q::Const(Const::Float(*value)),
        Node::Const(Val::Str(text)) => Q::Const(Const::Str(Arc::clone(text))),
        Node::Name(name) => {
            let at = names.iter().position(|known| known == name);
            Q::Name(at.unwrap_or_else(|| {
                names.push(Arc::clone(name));
                names.len() - 1
            }))
        }
        Node::And(nodes) => {
            Q::And(nodes.iter().map(|node| lowered(node, names)).collect::<Option<_>>()?)
        }
        Node::Or(nodes) => {
            Q::Or(nodes.iter().map(|node| lowered(node, names)).collect::<Option<_>>()?)
        }
        Node::Unary(Unary::Not, node) => Q::Not(inner(node)?),
        Node::Unary(Unary::Minus, node) => Q::Minus(inner(node)?),
        Node::Binary(op @ (Op::Add | Op::Sub | Op::Mult | Op::Mod | Op::FloorDiv), a, b) => {
            Q::Binary(*op, inner(a)?, inner(b)?)
        }
        Node::Compare(first, rest) => {
            let first = inner(first)?;
            let rest = rest.iter().map(|(cmp, node)| match cmp {
                Cmp::In | Cmp::NotIn => None,
                // Identity is simple with None only.
                Cmp::Is | Cmp::IsNot if !matches!(node, Node::Const(Val::None)) => None,
                cmp => Some((*cmp, lowered(node, names)?)),
            });
            Q::Compare(first, rest.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn simple(value: &OwnedValue) -> Option<V<'_>> {
    Some(match value {
        OwnedValue::None => V::None,
        OwnedValue::Bool(value) => V::Bool(*value),
        OwnedValue::Int(value) => V::Int(*value),
        OwnedValue::Float(value) => V::Float(*value),
        OwnedValue::Str(text) => V::Str(text),
        OwnedValue::Ref(_) => V::Object,
        _ => return None,
    })
}

fn run<'v>(q: &'v Q, value: &dyn Fn(usize) -> Option<&'v OwnedValue>) -> Option<V<'v>> {
    Some(match q {
        Q::Name(at) => simple(value(*at)?)?,
        Q::Const(Const::None) => V::None,
        Q::Const(Const::Bool(value)) => V::Bool(*value),
        Q::Const(Const::Int(value)) => V::Int(*value),
        Q::Const(Const::Float(value)) => V::Float(*value),
        Q::Const(Const::Str(text)) => V::Str(text),
        Q::And(parts) => {
            let mut last = V::Bool(true);
            for part in parts {
                last = run(part, value)?;
                if !truth(last)? {
                    break;
                }
            }
            last
        }
        Q::Or(parts) => {
            let mut last = V::Bool(false);
            for part in parts {
                last = run(part, value)?;
                if truth(last)? {
                    break;
                }
            }
            last
        }
        Q::Not(part) => V::Bool(!truth(run(part, value)?)?),
        Q::Minus(part) => match number(run(part, value)?)? {
            V::Int(value) => V::Int(value.checked_neg()?),
            V::Float(value) => V::Float(-value),
            _ => return None,
        },
        Q::Binary(op, a, b) => binary(*op, number(run(a, value)?)?, number(run(b, value)?)?)?,
        Q::Compare(first, rest) => {
            let mut left = run(first, value)?;
            for (cmp, right) in rest {
                let right = run(right, value)?;
                if !compare(*cmp, left, right)? {
                    return Some(V::Bool(false));
                }
                left = right;
            }
            V::Bool(true)
        }
    })
}

fn truth(value: V<'_>) -> Option<bool> {
    Some(match value {
        V::None => false,
        V::Bool(value) => value,
        V::Int(value) => value != 0,
        V::Float(value) => value != 0.0,
        V::Str(text) => !text.is_empty(),
        V::Object => return None,
    })
}

/// A bool is an int.
fn number(value: V<'_>) -> Option<V<'_>> {
    match value {
        V::Bool(value) => Some(V::Int(i64::from(value))),
        V::Int(_) | V::Float(_) => Some(value),
        _ => None,
    }
}

fn binary<'v>(op: Op, a: V<'v>, b: V<'v>) -> Option<V<'v>> {
    if let (V::Int(a), V::Int(b)) = (a, b) {
        return Some(V::Int(match op {
            Op::Add => a.checked_add(b)?,
            Op::Sub => a.checked_sub(b)?,
            Op::Mult => a.checked_mul(b)?,
            // As Python's, these have the sign of the divisor.
            Op::Mod => {
                let rest = a.checked_rem(b)?;
                if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
            }
            Op::FloorDiv => {
                let (whole, rest) = (a.checked_div(b)?, a.checked_rem(b)?);
                if rest != 0 && (rest < 0) != (b < 0) { whole - 1 } else { whole }
            }
            _ => return None,
        }));
    }
    let (a, b) = (float(a)?, float(b)?);
    Some(V::Float(match op {
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mult => a * b,
        _ => return None,
    }))
}

fn float(value: V<'_>) -> Option<f64> {
    match value {
        V::Float(value) => Some(value),
        V::Int(value) if (-EXACT..=EXACT).contains(&value) => Some(value as f64),
        _ => None,
    }
}

fn compare(cmp: Cmp, a: V<'_>, b: V<'_>) -> Option<bool> {
    use std::cmp::Ordering;
    let order = match (a, b) {
        // `b` is the constant None.
        _ if matches!(cmp, Cmp::Is) => return Some(matches!(a, V::None)),
        _ if matches!(cmp, Cmp::IsNot) => return Some(!matches!(a, V::None)),
        (V::Object, _) | (_, V::Object) => return None,
        (V::Str(a), V::Str(b)) => match cmp {
            Cmp::Eq | Cmp::NotEq => a.cmp(b),
            // Surrogates are ordered as characters by the evaluator.
            _ => return None,
        },
        (V::None, V::None) => match cmp {
            Cmp::Eq => return Some(true),
            Cmp::NotEq => return Some(false),
            _ => return None,
        },
        _ => match (number(a), number(b)) {
            (Some(V::Int(a)), Some(V::Int(b))) => a.cmp(&b),
            (Some(a), Some(b)) => match float(a)?.partial_cmp(&float(b)?) {
                Some(order) => order,
                None => return Some(matches!(cmp, Cmp::NotEq)),
            },
            // Of different kinds: not equal, and without an order.
            _ => match cmp {
                Cmp::Eq => return Some(false),
                Cmp::NotEq => return Some(true),
                _ => return None,
            },
        },
    };
    Some(match cmp {
        Cmp::Eq => order == Ordering::Equal,
        Cmp::NotEq => order != Ordering::Equal,
        Cmp::Lt => order == Ordering::Less,
        Cmp::LtE => order != Ordering::Greater,
        Cmp::Gt => order == Ordering::Greater,
        Cmp::GtE => order != Ordering::Less,
        _ => return None,
    })
}
