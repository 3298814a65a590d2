//! Source text to expression trees. The only module that knows the parser.

use super::Expression;
use super::ast::{Clause, Cmp, Comp, Node, Op, Piece, Target, Unary};
use super::error::{EvalError, R, python, unsupported};
use super::val::Val;
use num_bigint::BigInt;
use ruff_python_ast as py;
use ruff_python_parser::{LexicalErrorType, Mode, ParseErrorType, ParseOptions, parse_unchecked};
use ruff_text_size::Ranged as _;
use std::sync::Arc;

/// Longer expressions are refused.
const LENGTH_MAX: usize = 10_000;
/// Deeper trees are refused, as CPython refuses them at about this depth.
const DEPTH_MAX: usize = 100;
/// The parser recurses, at worst once a byte of text; this is room for one such step.
const STACK_STEP: usize = 51 << 10;

/// What a line of text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An expression, which can be evaluated.
    Expression,
    /// It would change something: an assignment, a deletion, a walrus.
    Change,
    /// Another statement: it would run code.
    Statement,
    /// Neither.
    Invalid(EvalError),
}

impl Input {
    /// Why it cannot be done; `None` for an expression.
    #[must_use]
    pub fn refusal(&self) -> Option<EvalError> {
        match self {
            Self::Expression => None,
            Self::Change => {
                Some(EvalError::Unsupported("the recorded run cannot be changed".to_owned()))
            }
            Self::Statement => Some(EvalError::Unsupported(
                "statements cannot be run in a recording, only expressions evaluated".to_owned(),
            )),
            Self::Invalid(error) => Some(error.clone()),
        }
    }
}

/// What a line of text is.
#[must_use]
pub fn classify(source: &str) -> Input {
    if source.len() > LENGTH_MAX {
        return Input::Invalid(EvalError::Unsupported("the text is too long".to_owned()));
    }
    let text = source.trim().to_owned();
    let done = on_large_stack(text.len(), move || {
        let parsed = parse_unchecked(&text, ParseOptions::from(Mode::Module));
        if let Some(error) = parsed.errors().first() {
            return Input::Invalid(syntax_error(&text, &error.error));
        }
        let py::Mod::Module(module) = parsed.syntax() else { return Input::Statement };
        match module.body.as_slice() {
            [] => Input::Invalid(invalid_syntax()),
            [py::Stmt::Expr(_)] => Input::Expression,
            [py::Stmt::Assign(_) | py::Stmt::AugAssign(_) | py::Stmt::AnnAssign(_)]
            | [py::Stmt::Delete(_)] => Input::Change,
            _ => Input::Statement,
        }
    });
    done.unwrap_or_else(Input::Invalid)
}

/// A statement that only gives values to names, or takes them.
#[derive(Debug, Clone)]
pub enum Change {
    /// To each of these targets the value of an expression.
    Assign(Vec<String>, Expression),
    /// These names are deleted.
    Delete(Vec<String>),
}

/// Parses an assignment to names or a deletion of them. Targets are given as they are written: names,
/// and subscripts of the dict of convenience variables.
///
/// # Errors
/// On any other statement.
pub fn change(source: &str) -> R<Change> {
    let text = source.trim().to_owned();
    on_large_stack(text.len(), move || {
        let refused = || Input::Change.refusal().unwrap_or_else(invalid_syntax);
        let parsed = parse_unchecked(&text, ParseOptions::from(Mode::Module));
        let py::Mod::Module(module) = parsed.syntax() else { return Err(refused()) };
        let [statement] = module.body.as_slice() else { return Err(refused()) };
        let slice = |node: &py::Expr| text[node.range()].to_owned();
        let target = |node: &py::Expr| match node {
            py::Expr::Name(_) => Ok(slice(node)),
            py::Expr::Subscript(item) if slice(&item.value) == "__pdb_convenience_variables" => {
                Ok(slice(node))
            }
            _ => Err(refused()),
        };
        match statement {
            py::Stmt::Assign(assign) => {
                let targets = assign.targets.iter().map(target).collect::<R<Vec<_>>>()?;
                Ok(Change::Assign(targets, Expression::parse(&slice(&assign.value))?))
            }
            py::Stmt::AugAssign(assign) => {
                let name = target(&assign.target)?;
                let (op, value) = (assign.op.as_str(), slice(&assign.value));
                let expression = Expression::parse(&format!("({name}) {op} ({value})"))?;
                Ok(Change::Assign(vec![name], expression))
            }
            py::Stmt::AnnAssign(assign) => match &assign.value {
                Some(value) => {
                    let targets = vec![target(&assign.target)?];
                    Ok(Change::Assign(targets, Expression::parse(&slice(value))?))
                }
                None => Err(refused()),
            },
            py::Stmt::Delete(delete) => {
                Ok(Change::Delete(delete.targets.iter().map(target).collect::<R<Vec<_>>>()?))
            }
            _ => Err(refused()),
        }
    })?
}

fn on_large_stack<T: Send + 'static>(
    len: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> R<T> {
    let stack = (4 << 20) + len * STACK_STEP;
    let failed = || EvalError::Unsupported("the expression could not be parsed".to_owned());
    let thread = std::thread::Builder::new().stack_size(stack).spawn(work).map_err(|_| failed())?;
    thread.join().map_err(|_| failed())
}

/// Parses an expression.
pub(super) fn parse(source: &str) -> R<Node> {
    let text = source.trim();
    if let Some(name) = simple_name(text) {
        return Ok(Node::Name(name.into()));
    }
    if text.len() > LENGTH_MAX {
        return unsupported("the expression is too long");
    }
    if text.contains('\0') {
        return python("SyntaxError", "source code string cannot contain null bytes");
    }
    if has_surrogate_escape(text) {
        return unsupported("surrogate escapes in literals");
    }
    let text = text.to_owned();
    on_large_stack(text.len(), move || {
        let parsed = parse_unchecked(&text, ParseOptions::from(Mode::Expression));
        if let Some(error) = parsed.errors().first() {
            return Err(syntax_error(&text, &error.error));
        }
        match parsed.syntax() {
            py::Mod::Expression(expression) => Lower { depth: 0 }.node(&expression.body),
            py::Mod::Module(_) => Err(invalid_syntax()),
        }
    })?
}

/// The commonest expression needs no parser.
fn simple_name(text: &str) -> Option<&str> {
    const KEYWORDS: &[&str] = &[
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class",
        "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global",
        "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return",
        "try", "while", "with", "yield",
    ];
    let mut bytes = text.bytes();
    let first = bytes.next()?;
    let plain = (first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (plain && text.len() < 200 && !KEYWORDS.contains(&text)).then_some(text)
}

fn has_surrogate_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(4).any(|part| {
        part[0] == b'\\'
            && part[1] == b'u'
            && part[2].eq_ignore_ascii_case(&b'd')
            && matches!(part[3].to_ascii_lowercase(), b'8' | b'9' | b'a'..=b'f')
    })
}

fn invalid_syntax() -> EvalError {
    syntax("invalid syntax")
}

fn syntax(message: &str) -> EvalError {
    EvalError::Python { class: "SyntaxError".to_owned(), message: message.to_owned() }
}

/// The parser's error in CPython's words, as far as they correspond.
fn syntax_error(text: &str, error: &ParseErrorType) -> EvalError {
    if let Some(message) = bracket_error(text) {
        return syntax(&message);
    }
    match error {
        ParseErrorType::Lexical(lexical) => match lexical {
            LexicalErrorType::UnclosedStringError => {
                syntax("unterminated string literal (detected at line 1)")
            }
            LexicalErrorType::LineContinuationError => {
                syntax("unexpected character after line continuation character")
            }
            LexicalErrorType::IndentationError => EvalError::Python {
                class: "IndentationError".to_owned(),
                message: "unindent does not match any outer indentation level".to_owned(),
            },
            _ => invalid_syntax(),
        },
        ParseErrorType::PositionalAfterKeywordArgument => {
            syntax("positional argument follows keyword argument")
        }
        ParseErrorType::PositionalAfterKeywordUnpacking => {
            syntax("positional argument follows keyword argument unpacking")
        }
        _ => invalid_syntax(),
    }
}

/// Brackets that do not match, in CPython's words; strings are skipped.
fn bracket_error(text: &str) -> Option<String> {
    let mut open: Vec<char> = Vec::new();
    let mut chars = text.chars().peekable();
    let mut quote: Option<char> = None;
    while let Some(char) = chars.next() {
        match quote {
            Some(_) if char == '\\' => {
                chars.next();
            }
            Some(end) => {
                if char == end {
                    quote = None;
                }
            }
            None => match char {
                '\'' | '"' => quote = Some(char),
                '#' => break,
                '(' | '[' | '{' => open.push(char),
                ')' | ']' | '}' => {
                    let wanted = match char {
                        ')' => '(',
                        ']' => '[',
                        _ => '{',
                    };
                    match open.pop() {
                        None => return Some(format!("unmatched '{char}'")),
                        Some(found) if found != wanted => {
                            return Some(format!(
                                "closing parenthesis '{char}' does not match opening parenthesis '{found}'"
                            ));
                        }
                        Some(_) => {}
                    }
                }
                _ => {}
            },
        }
    }
    if quote.is_some() {
        return None;
    }
    open.pop().map(|char| format!("'{char}' was never closed"))
}

struct Lower {
    depth: usize,
}

impl Lower {
    fn boxed(&mut self, expr: &py::Expr) -> R<Box<Node>> {
        Ok(Box::new(self.node(expr)?))
    }

    fn nodes(&mut self, exprs: &[py::Expr]) -> R<Vec<Node>> {
        exprs.iter().map(|expr| self.node(expr)).collect()
    }

    fn node(&mut self, expr: &py::Expr) -> R<Node> {
        if self.depth >= DEPTH_MAX {
            return unsupported("the expression is nested too deeply");
        }
        self.depth += 1;
        let node = self.lower(expr);
        self.depth -= 1;
        node
    }

    fn lower(&mut self, expr: &py::Expr) -> R<Node> {
        use py::Expr;
        Ok(match expr {
            Expr::NoneLiteral(_) => Node::Const(Val::None),
            Expr::BooleanLiteral(literal) => Node::Const(Val::Bool(literal.value)),
            Expr::EllipsisLiteral(_) => Node::Const(Val::Ellipsis),
            Expr::NumberLiteral(literal) => Node::Const(number(&literal.value)?),
            Expr::StringLiteral(literal) => Node::Const(Val::str(literal.value.to_str())),
            Expr::BytesLiteral(literal) => {
                Node::Const(Val::Bytes(literal.value.bytes().collect::<Vec<u8>>().into()))
            }
            Expr::Name(name) if name.id.as_str() == "__debug__" => Node::Const(Val::Bool(true)),
            Expr::Name(name) => Node::Name(name.id.as_str().into()),
            Expr::Attribute(attribute) => {
                Node::Attr(self.boxed(&attribute.value)?, attribute.attr.id.as_str().into())
            }
            Expr::Subscript(subscript) => {
                Node::Item(self.boxed(&subscript.value)?, self.boxed(&subscript.slice)?)
            }
            Expr::Slice(slice) => {
                let mut part = |part: &Option<Box<py::Expr>>| {
                    part.as_ref().map(|part| self.node(part)).transpose()
                };
                Node::Slice(Box::new([
                    part(&slice.lower)?,
                    part(&slice.upper)?,
                    part(&slice.step)?,
                ]))
            }
            Expr::BoolOp(bool_op) => {
                let values = self.nodes(&bool_op.values)?;
                match bool_op.op {
                    py::BoolOp::And => Node::And(values),
                    py::BoolOp::Or => Node::Or(values),
                }
            }
            Expr::UnaryOp(unary) => {
                let op = match unary.op {
                    py::UnaryOp::Not => Unary::Not,
                    py::UnaryOp::Invert => Unary::Invert,
                    py::UnaryOp::UAdd => Unary::Plus,
                    py::UnaryOp::USub => Unary::Minus,
                };
                Node::Unary(op, self.boxed(&unary.operand)?)
            }
            Expr::BinOp(binary) => Node::Binary(
                operator(binary.op),
                self.boxed(&binary.left)?,
                self.boxed(&binary.right)?,
            ),
            Expr::Compare(compare) => {
                let left = self.boxed(&compare.left)?;
                let mut rest = Vec::new();
                for (op, right) in compare.ops.iter().zip(&compare.comparators) {
                    rest.push((comparison(*op), self.node(right)?));
                }
                Node::Compare(left, rest)
            }
            Expr::If(choice) => Node::If {
                test: self.boxed(&choice.test)?,
                yes: self.boxed(&choice.body)?,
                no: self.boxed(&choice.orelse)?,
            },
            Expr::List(list) => Node::List(self.nodes(&list.elts)?),
            Expr::Tuple(tuple) => Node::Tuple(self.nodes(&tuple.elts)?),
            Expr::Set(set) => Node::Set(self.nodes(&set.elts)?),
            Expr::Dict(dict) => {
                let mut items = Vec::new();
                for item in &dict.items {
                    let key = item.key.as_ref().map(|key| self.node(key)).transpose()?;
                    items.push((key, self.node(&item.value)?));
                }
                Node::Dict(items)
            }
            Expr::Starred(starred) => Node::Star(self.boxed(&starred.value)?),
            Expr::Call(call) => self.call(call)?,
            Expr::ListComp(comp) => self.comp(Comp::List, &comp.elt, None, &comp.generators)?,
            Expr::SetComp(comp) => self.comp(Comp::Set, &comp.elt, None, &comp.generators)?,
            Expr::Generator(comp) => {
                self.comp(Comp::Generator, &comp.elt, None, &comp.generators)?
            }
            Expr::DictComp(comp) => match &comp.key {
                Some(key) => self.comp(Comp::Dict, key, Some(&comp.value), &comp.generators)?,
                None => return Err(invalid_syntax()),
            },
            Expr::FString(text) => Node::Text(self.f_string(text)?),
            Expr::Lambda(_) => return unsupported("lambda expressions"),
            Expr::Named(_) => return unsupported("the recorded run cannot be changed (:=)"),
            Expr::Await(_) => {
                return python("SyntaxError", "'await' outside function");
            }
            Expr::Yield(_) | Expr::YieldFrom(_) => {
                return python("SyntaxError", "'yield' outside function");
            }
            Expr::TString(_) => return unsupported("template strings"),
            Expr::IpyEscapeCommand(_) => return Err(invalid_syntax()),
        })
    }

    fn call(&mut self, call: &py::ExprCall) -> R<Node> {
        let function = self.boxed(&call.func)?;
        let args = self.nodes(&call.arguments.args)?;
        let mut keywords = Vec::new();
        for keyword in &call.arguments.keywords {
            let name = keyword.arg.as_ref().map(|name| Arc::from(name.id.as_str()));
            keywords.push((name, self.node(&keyword.value)?));
        }
        Ok(Node::Call { function, args, keywords })
    }

    fn comp(
        &mut self,
        kind: Comp,
        elt: &py::Expr,
        value: Option<&py::Expr>,
        generators: &[py::Comprehension],
    ) -> R<Node> {
        let mut clauses = Vec::new();
        for clause in generators {
            if clause.is_async {
                return python(
                    "SyntaxError",
                    "asynchronous comprehension outside of an asynchronous function",
                );
            }
            clauses.push(Clause {
                target: self.target(&clause.target)?,
                iter: self.node(&clause.iter)?,
                tests: self.nodes(&clause.ifs)?,
            });
        }
        let elt = self.boxed(elt)?;
        let value = value.map(|value| self.boxed(value)).transpose()?;
        Ok(Node::Comp(kind, elt, value, clauses))
    }

    fn target(&mut self, expr: &py::Expr) -> R<Target> {
        let elts = match expr {
            py::Expr::Name(name) => return Ok(Target::Name(name.id.as_str().into())),
            py::Expr::Tuple(tuple) => &tuple.elts,
            py::Expr::List(list) => &list.elts,
            _ => return unsupported("the recorded run cannot be changed"),
        };
        if self.depth >= DEPTH_MAX {
            return unsupported("the expression is nested too deeply");
        }
        self.depth += 1;
        let mut star = None;
        let mut targets = Vec::new();
        for (at, elt) in elts.iter().enumerate() {
            if let py::Expr::Starred(starred) = elt {
                if star.is_some() {
                    return python("SyntaxError", "multiple starred expressions in assignment");
                }
                star = Some(at);
                targets.push(self.target(&starred.value)?);
            } else {
                targets.push(self.target(elt)?);
            }
        }
        self.depth -= 1;
        Ok(Target::Tuple(targets, star))
    }

    fn f_string(&mut self, text: &py::ExprFString) -> R<Vec<Piece>> {
        let mut pieces = Vec::new();
        for part in &text.value {
            match part {
                py::FStringPart::Literal(literal) => {
                    pieces.push(Piece::Text(literal.value.as_bytes().into()));
                }
                py::FStringPart::FString(inner) => self.pieces(&inner.elements, &mut pieces)?,
            }
        }
        Ok(pieces)
    }

    fn pieces(
        &mut self,
        elements: &[py::InterpolatedStringElement],
        pieces: &mut Vec<Piece>,
    ) -> R<()> {
        for element in elements {
            match element {
                py::InterpolatedStringElement::Literal(literal) => {
                    pieces.push(Piece::Text(literal.value.as_bytes().into()));
                }
                py::InterpolatedStringElement::Interpolation(value) => {
                    let mut conversion = value.conversion.to_char();
                    if let Some(written) = &value.debug_text {
                        pieces.push(Piece::Text(written.as_str().as_bytes().into()));
                        if conversion.is_none() && value.format_spec.is_none() {
                            conversion = Some('r');
                        }
                    }
                    let mut spec = Vec::new();
                    if let Some(format) = &value.format_spec {
                        if self.depth >= DEPTH_MAX {
                            return unsupported("the expression is nested too deeply");
                        }
                        self.depth += 1;
                        self.pieces(&format.elements, &mut spec)?;
                        self.depth -= 1;
                    }
                    pieces.push(Piece::Value(self.boxed(&value.expression)?, conversion, spec));
                }
            }
        }
        Ok(())
    }
}

fn number(number: &py::Number) -> R<Val> {
    Ok(match number {
        py::Number::Float(value) => Val::Float(*value),
        py::Number::Complex { real, imag } => Val::Complex(*real, *imag),
        py::Number::Int(int) => match int.as_i64() {
            Some(value) => Val::Int(value),
            None => {
                let text = int.to_string().replace('_', "").to_ascii_lowercase();
                let (digits, radix) = match text.get(..2) {
                    Some("0x") => (&text[2..], 16),
                    Some("0o") => (&text[2..], 8),
                    Some("0b") => (&text[2..], 2),
                    _ => (text.as_str(), 10),
                };
                if radix == 10 && digits.len() > 4300 {
                    return python(
                        "SyntaxError",
                        "Exceeds the limit (4300 digits) for integer string conversion",
                    );
                }
                match BigInt::parse_bytes(digits.as_bytes(), radix) {
                    Some(value) => Val::int(value),
                    None => return Err(invalid_syntax()),
                }
            }
        },
    })
}

const fn operator(op: py::Operator) -> Op {
    match op {
        py::Operator::Add => Op::Add,
        py::Operator::Sub => Op::Sub,
        py::Operator::Mult => Op::Mult,
        py::Operator::MatMult => Op::MatMult,
        py::Operator::Div => Op::Div,
        py::Operator::Mod => Op::Mod,
        py::Operator::Pow => Op::Pow,
        py::Operator::LShift => Op::LShift,
        py::Operator::RShift => Op::RShift,
        py::Operator::BitOr => Op::BitOr,
        py::Operator::BitXor => Op::BitXor,
        py::Operator::BitAnd => Op::BitAnd,
        py::Operator::FloorDiv => Op::FloorDiv,
    }
}

const fn comparison(op: py::CmpOp) -> Cmp {
    match op {
        py::CmpOp::Eq => Cmp::Eq,
        py::CmpOp::NotEq => Cmp::NotEq,
        py::CmpOp::Lt => Cmp::Lt,
        py::CmpOp::LtE => Cmp::LtE,
        py::CmpOp::Gt => Cmp::Gt,
        py::CmpOp::GtE => Cmp::GtE,
        py::CmpOp::Is => Cmp::Is,
        py::CmpOp::IsNot => Cmp::IsNot,
        py::CmpOp::In => Cmp::In,
        py::CmpOp::NotIn => Cmp::NotIn,
    }
}
