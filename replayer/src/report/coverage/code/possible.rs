//! The lines that a compiler would leave instructions on (CPython's `compile.c` and `flowgraph.c`):
//! of all statements but those that need none and those that no path leads to.

use super::text::{Lines, docstring};
use ruff_python_ast as py;
use ruff_python_ast::visitor::{Visitor, walk_expr};
use std::collections::BTreeSet;

/// Lines of a module, each as the first of its logical line.
#[derive(Debug, Default)]
pub struct Possible {
    /// Those that have instructions.
    pub sure: BTreeSet<u32>,
    /// Those of code objects in what is never reached: 3.11 keeps them, unless no constant comes behind
    /// them that is used (`trim_unused_consts`). Only the compiled code tells.
    pub perhaps: BTreeSet<u32>,
}

/// The lines of a module. `minor`: Python 3's.
pub fn lines(body: &[py::Stmt], lines: &Lines, minor: u32) -> Possible {
    let found = Possible::default();
    let mut compiler = Compiler { lines, minor, found, is_dead: false, loops: Vec::new() };
    compiler.scope(body, Scope::Named);
    compiler.found
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// A module or a class, whose names are a namespace's.
    Named,
    Function,
}

struct Compiler<'l> {
    lines: &'l Lines,
    minor: u32,
    found: Possible,
    /// In a code object that lies in what is never reached.
    is_dead: bool,
    /// Of each loop around: whether a `break` is reached.
    loops: Vec<bool>,
}

impl Compiler<'_> {
    fn scope(&mut self, body: &[py::Stmt], scope: Scope) {
        let loops = std::mem::take(&mut self.loops);
        // A function's docstring is a constant; a namespace's is stored.
        let rest =
            if scope == Scope::Function && docstring(body).is_some() { &body[1..] } else { body };
        self.body(rest, true, scope);
        self.loops = loops;
    }

    /// Gives whether its end is reached.
    fn body(&mut self, body: &[py::Stmt], mut live: bool, scope: Scope) -> bool {
        for statement in body {
            live = self.statement(statement, live, scope);
        }
        live
    }

    fn add(&mut self, line: u32, live: bool) {
        if live {
            let lines = if self.is_dead { &mut self.found.perhaps } else { &mut self.found.sure };
            lines.insert(line);
        }
    }

    /// The line of a node.
    fn line(&self, node: &impl ruff_text_size::Ranged) -> u32 {
        self.lines.first(self.lines.line(node.start()))
    }

    /// 3.11 may keep the code objects of what is never reached.
    fn keeps_dead(&self) -> bool {
        self.minor < 12
    }

    /// The code objects in an expression that is never reached.
    fn dead(&mut self, expression: &py::Expr) {
        if self.keeps_dead() && has_code(expression) {
            self.found.perhaps.insert(self.line(expression));
        }
    }

    /// A function or class, whose code object begins at the first line.
    fn definition(
        &mut self,
        first: u32,
        name: &py::Identifier,
        decorators: &[py::Decorator],
        (body, scope): (&[py::Stmt], Scope),
        live: bool,
    ) -> bool {
        for decorator in decorators {
            self.add(self.line(decorator), live);
        }
        self.add(self.lines.of_head(name), live);
        if live || self.keeps_dead() {
            let was_dead = self.is_dead;
            self.is_dead |= !live;
            self.add(first, true);
            self.scope(body, scope);
            self.is_dead = was_dead;
        }
        live
    }

    fn statement(&mut self, statement: &py::Stmt, live: bool, scope: Scope) -> bool {
        use py::Stmt;
        let line = self.lines.of(statement);
        match statement {
            Stmt::FunctionDef(def) => {
                let body = (&def.body[..], Scope::Function);
                self.definition(line, &def.name, &def.decorator_list, body, live)
            }
            Stmt::ClassDef(def) => {
                let body = (&def.body[..], Scope::Named);
                self.definition(line, &def.name, &def.decorator_list, body, live)
            }
            Stmt::Global(_) | Stmt::Nonlocal(_) => live,
            Stmt::Delete(delete) if delete.targets.iter().all(is_nothing) => live,
            Stmt::AnnAssign(annotated) => {
                let needless = annotated.value.is_none()
                    && annotated.target.is_name_expr()
                    && scope == Scope::Function;
                self.add(line, live && !needless);
                live
            }
            Stmt::Return(_) | Stmt::Raise(_) | Stmt::Continue(_) => {
                self.add(line, live);
                self.dead_parts(statement, live);
                false
            }
            Stmt::Break(_) => {
                self.add(line, live);
                if let Some(reached) = self.loops.last_mut() {
                    *reached |= live;
                }
                false
            }
            Stmt::Assert(assert) => {
                self.add(line, live);
                self.dead_parts(statement, live);
                live && truth(&assert.test).0
            }
            Stmt::If(test) => {
                self.choice(line, &test.test, &test.body, &test.elif_else_clauses, live, scope)
            }
            Stmt::While(turn) => {
                self.add(line, live);
                let (can_hold, can_fail) = truth(&turn.test);
                self.loops.push(false);
                self.body(&turn.body, live && can_hold, scope);
                let broken = self.loops.pop().unwrap_or_default();
                self.body(&turn.orelse, live && can_fail, scope) || broken
            }
            Stmt::For(each) => {
                self.add(line, live);
                self.loops.push(false);
                self.body(&each.body, live, scope);
                let broken = self.loops.pop().unwrap_or_default();
                self.body(&each.orelse, live, scope) || broken
            }
            Stmt::With(with) => {
                self.add(line, live);
                self.body(&with.body, live, scope);
                // An exception may be held back.
                live
            }
            Stmt::Match(choice) => {
                self.add(line, live);
                let mut end = false;
                let mut next = live;
                for case in &choice.cases {
                    self.add(self.line(&case.pattern), next);
                    let (can_hold, can_fail) = case.guard.as_deref().map_or((true, false), truth);
                    end |= self.body(&case.body, next && can_hold, scope);
                    next &= can_fail || !is_irrefutable(&case.pattern);
                }
                end || next
            }
            Stmt::Try(guard) => {
                self.add(line, live);
                let through = self.body(&guard.body, live, scope);
                let mut end = self.body(&guard.orelse, through, scope);
                for py::ExceptHandler::ExceptHandler(handler) in &guard.handlers {
                    self.add(self.line(handler), live);
                    end |= self.body(&handler.body, live, scope);
                }
                let last = self.body(&guard.finalbody, live, scope);
                end && (last || guard.finalbody.is_empty())
            }
            _ => {
                self.add(line, live);
                self.dead_parts(statement, live);
                live
            }
        }
    }

    fn choice(
        &mut self,
        line: u32,
        test: &py::Expr,
        body: &[py::Stmt],
        clauses: &[py::ElifElseClause],
        live: bool,
        scope: Scope,
    ) -> bool {
        self.add(line, live);
        let (can_hold, can_fail) = truth(test);
        let end = self.body(body, live && can_hold, scope);
        let live = live && can_fail;
        let other = match clauses.split_first() {
            None => live,
            Some((clause, rest)) => match &clause.test {
                None => self.body(&clause.body, live, scope),
                Some(test) => {
                    let line = self.line(clause);
                    self.choice(line, test, &clause.body, rest, live, scope)
                }
            },
        };
        end || other
    }

    fn dead_parts(&mut self, statement: &py::Stmt, live: bool) {
        if !live && self.keeps_dead() {
            let mut parts = Parts(Vec::new());
            py::visitor::walk_stmt(&mut parts, statement);
            for part in parts.0 {
                self.dead(part);
            }
        }
    }
}

/// The expressions right below a statement.
struct Parts<'a>(Vec<&'a py::Expr>);

impl<'a> Visitor<'a> for Parts<'a> {
    fn visit_expr(&mut self, expression: &'a py::Expr) {
        self.0.push(expression);
    }
}

/// Whether an expression makes a code object of its own.
fn has_code(expression: &py::Expr) -> bool {
    struct Find(bool);
    impl<'a> Visitor<'a> for Find {
        fn visit_expr(&mut self, expression: &'a py::Expr) {
            use py::Expr;
            self.0 |= matches!(
                expression,
                Expr::Lambda(_)
                    | Expr::ListComp(_)
                    | Expr::SetComp(_)
                    | Expr::DictComp(_)
                    | Expr::Generator(_)
            );
            walk_expr(self, expression);
        }
    }
    let mut find = Find(false);
    find.visit_expr(expression);
    find.0
}

/// Whether a test can hold and whether it can fail, as far as the compiler sees it.
fn truth(test: &py::Expr) -> (bool, bool) {
    use py::Expr;
    let sure = |value: bool| (value, !value);
    match test {
        Expr::BooleanLiteral(value) => sure(value.value),
        Expr::NoneLiteral(_) => sure(false),
        Expr::EllipsisLiteral(_) => sure(true),
        Expr::StringLiteral(text) => sure(!text.value.is_empty()),
        Expr::BytesLiteral(bytes) => sure(bytes.value.bytes().next().is_some()),
        Expr::NumberLiteral(number) => sure(is_not_zero(&number.value)),
        // Without a field, it is a text.
        Expr::FString(text) if text.value.elements().all(|part| part.is_literal()) => {
            sure(text.value.iter().any(|part| match part {
                py::FStringPart::Literal(text) => !text.is_empty(),
                py::FStringPart::FString(text) => !text.elements.is_empty(),
            }))
        }
        Expr::Name(name) if name.id.as_str() == "__debug__" => sure(true),
        Expr::Tuple(tuple) if tuple.elts.is_empty() => sure(false),
        Expr::UnaryOp(not) if not.op == py::UnaryOp::Not => {
            let (can_hold, can_fail) = truth(&not.operand);
            (can_fail, can_hold)
        }
        Expr::BoolOp(several) => {
            let all: Vec<_> = several.values.iter().map(truth).collect();
            let (one, every) = match several.op {
                py::BoolOp::And => (all.iter().position(|t| !t.0), false),
                py::BoolOp::Or => (all.iter().position(|t| !t.1), true),
            };
            // Those behind one that decides are never looked at.
            let looked_at = &all[..one.map_or(all.len(), |at| at + 1)];
            if every {
                (looked_at.iter().any(|t| t.0), looked_at.iter().all(|t| t.1))
            } else {
                (looked_at.iter().all(|t| t.0), looked_at.iter().any(|t| t.1))
            }
        }
        _ => (true, true),
    }
}

/// Whether a target of `del` is none: `()`, `[()]`.
fn is_nothing(target: &py::Expr) -> bool {
    match target {
        py::Expr::Tuple(tuple) => tuple.elts.iter().all(is_nothing),
        py::Expr::List(list) => list.elts.iter().all(is_nothing),
        _ => false,
    }
}

/// A number's truth.
pub fn is_not_zero(number: &py::Number) -> bool {
    match number {
        py::Number::Int(value) => value.as_u64() != Some(0),
        py::Number::Float(value) => *value != 0.0,
        py::Number::Complex { real, imag } => *real != 0.0 || *imag != 0.0,
    }
}

/// Whether a pattern matches everything: its last alternative is a bare name or `_`.
pub fn is_irrefutable(pattern: &py::Pattern) -> bool {
    match pattern {
        py::Pattern::MatchOr(any) => any.patterns.last().is_some_and(is_irrefutable),
        py::Pattern::MatchAs(named) => named.pattern.as_deref().is_none_or(is_irrefutable),
        _ => false,
    }
}
