//! Expressions as the evaluator runs them; independent of the parser's own tree.

use super::val::Val;
use std::sync::Arc;

/// An expression.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Const(Val),
    /// What this evaluator cannot do, and why.
    Refused(Arc<str>),
    Name(Arc<str>),
    Attr(Box<Node>, Arc<str>),
    Item(Box<Node>, Box<Node>),
    Slice(Box<[Option<Node>; 3]>),
    Call {
        function: Box<Node>,
        args: Vec<Node>,
        keywords: Vec<(Option<Arc<str>>, Node)>,
    },
    And(Vec<Node>),
    Or(Vec<Node>),
    Unary(Unary, Box<Node>),
    Binary(Op, Box<Node>, Box<Node>),
    Compare(Box<Node>, Vec<(Cmp, Node)>),
    If {
        test: Box<Node>,
        yes: Box<Node>,
        no: Box<Node>,
    },
    List(Vec<Node>),
    Tuple(Vec<Node>),
    Set(Vec<Node>),
    /// No key: `**value`.
    Dict(Vec<(Option<Node>, Node)>),
    Star(Box<Node>),
    Comp(Comp, Box<Node>, Option<Box<Node>>, Vec<Clause>),
    Text(Vec<Piece>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comp {
    List,
    Set,
    Dict,
    Generator,
}

/// `for target in iter if test...`.
#[derive(Debug, Clone)]
pub(super) struct Clause {
    pub target: Target,
    pub iter: Node,
    pub tests: Vec<Node>,
}

#[derive(Debug, Clone)]
pub(super) enum Target {
    Name(Arc<str>),
    /// The index of a starred target, if any.
    Tuple(Vec<Target>, Option<usize>),
}

/// A piece of an f-string.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Text(Arc<[u8]>),
    /// Value, conversion (`s`, `r`, `a`), format specification.
    Value(Box<Node>, Option<char>, Vec<Piece>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Invert,
    Plus,
    Minus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Sub,
    Mult,
    MatMult,
    Div,
    Mod,
    Pow,
    LShift,
    RShift,
    BitOr,
    BitXor,
    BitAnd,
    FloorDiv,
}

impl Op {
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mult => "*",
            Self::MatMult => "@",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "** or pow()",
            Self::LShift => "<<",
            Self::RShift => ">>",
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::BitAnd => "&",
            Self::FloorDiv => "//",
        }
    }

    /// The special methods of the left and the right operand.
    pub(super) const fn methods(self) -> (&'static str, &'static str) {
        match self {
            Self::Add => ("__add__", "__radd__"),
            Self::Sub => ("__sub__", "__rsub__"),
            Self::Mult => ("__mul__", "__rmul__"),
            Self::MatMult => ("__matmul__", "__rmatmul__"),
            Self::Div => ("__truediv__", "__rtruediv__"),
            Self::Mod => ("__mod__", "__rmod__"),
            Self::Pow => ("__pow__", "__rpow__"),
            Self::LShift => ("__lshift__", "__rlshift__"),
            Self::RShift => ("__rshift__", "__rrshift__"),
            Self::BitOr => ("__or__", "__ror__"),
            Self::BitXor => ("__xor__", "__rxor__"),
            Self::BitAnd => ("__and__", "__rand__"),
            Self::FloorDiv => ("__floordiv__", "__rfloordiv__"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cmp {
    Eq,
    NotEq,
    Lt,
    LtE,
    Gt,
    GtE,
    Is,
    IsNot,
    In,
    NotIn,
}
