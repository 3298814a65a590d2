//! The statements of a source text: which lines can run, by what a compiler would make of them.
//!
//! For code that was never recorded because it never ran. The lines are those that coverage.py
//! counts: the first line of each statement that leaves an instruction.

use ruff_python_ast as py;
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::{Ranged as _, TextSize};
use std::collections::BTreeMap;

/// The parser and the walk recurse; they get room for deep nesting.
const STACK_BYTES: usize = 256 << 20;
/// Larger files are not looked into.
const SOURCE_BYTES: usize = 8 << 20;

/// Statements of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statements {
    /// Every line that belongs to a statement, and the line that stands for the statement.
    pub first_of: BTreeMap<u32, u32>,
    /// Functions: first line (that of the first decorator), line of the `def`, qualified name.
    pub functions: Vec<(u32, u32, String)>,
}

impl Statements {
    /// The lines that stand for statements.
    pub fn lines(&self) -> impl Iterator<Item = u32> {
        let mut lines: Vec<u32> = self.first_of.values().copied().collect();
        lines.sort_unstable();
        lines.dedup();
        lines.into_iter()
    }
}

/// The statements of a source text; `None` if it is not Python.
#[must_use]
pub fn statements(source: &str) -> Option<Statements> {
    with_room(source, parse).flatten()
}

/// Looks into a source with room for deep nesting; `None` if it is too large.
pub(super) fn with_room<T: Send + 'static>(
    source: &str,
    look: impl FnOnce(&str) -> T + Send + 'static,
) -> Option<T> {
    if source.len() > SOURCE_BYTES {
        return None;
    }
    let source = source.to_owned();
    let worker =
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || look(&source)).ok()?;
    worker.join().ok()
}

fn parse(source: &str) -> Option<Statements> {
    let parsed = parse_unchecked(source, ParseOptions::from(Mode::Module));
    if !parsed.errors().is_empty() {
        return None;
    }
    let py::Mod::Module(module) = parsed.syntax() else { return None };
    let mut starts = vec![0];
    starts.extend(source.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1));
    let mut walk = Walk { starts, found: Statements::default(), names: Vec::new() };
    walk.body(&module.body);
    Some(walk.found)
}

struct Walk {
    starts: Vec<usize>,
    found: Statements,
    names: Vec<String>,
}

impl Walk {
    fn line(&self, at: TextSize) -> u32 {
        self.starts.partition_point(|start| *start <= at.to_usize()) as u32
    }

    /// A statement whose lines from `first` to `last` count as `first`.
    fn add(&mut self, first: u32, last: u32) {
        for line in first..=last {
            self.found.first_of.entry(line).or_insert(first);
        }
    }

    fn body(&mut self, body: &[py::Stmt]) {
        for statement in body {
            self.statement(statement);
        }
    }

    /// The head of a compound statement: from its start to where its body begins.
    fn head(&mut self, statement: &py::Stmt, body: &[py::Stmt]) {
        let first = self.line(statement.start());
        let last = body.first().map_or(first, |inner| self.line(inner.start()));
        self.add(first, last.saturating_sub(1).max(first));
    }

    fn statement(&mut self, statement: &py::Stmt) {
        use py::Stmt;
        match statement {
            Stmt::FunctionDef(def) => {
                let own = self.line(def.name.start());
                let first = self.decorators(&def.decorator_list, own);
                let end = def.body.first().map_or(own, |inner| self.line(inner.start()));
                self.add(own, end.saturating_sub(1).max(own));
                self.names.push(def.name.to_string());
                self.found.functions.push((first, own, self.names.join(".")));
                self.names.push("<locals>".to_owned());
                self.body(&def.body);
                self.names.truncate(self.names.len() - 2);
            }
            Stmt::ClassDef(def) => {
                let own = self.line(def.name.start());
                self.decorators(&def.decorator_list, own);
                let end = def.body.first().map_or(own, |inner| self.line(inner.start()));
                self.add(own, end.saturating_sub(1).max(own));
                self.names.push(def.name.to_string());
                self.body(&def.body);
                self.names.pop();
            }
            Stmt::If(branch) => {
                self.head(statement, &branch.body);
                self.body(&branch.body);
                for clause in &branch.elif_else_clauses {
                    if let Some(test) = &clause.test {
                        let (first, last) = (self.line(clause.start()), self.line(test.end()));
                        self.add(first, last);
                    }
                    self.body(&clause.body);
                }
            }
            Stmt::For(each) => {
                self.head(statement, &each.body);
                self.body(&each.body);
                self.body(&each.orelse);
            }
            Stmt::While(each) => {
                self.head(statement, &each.body);
                self.body(&each.body);
                self.body(&each.orelse);
            }
            Stmt::With(with) => {
                self.head(statement, &with.body);
                self.body(&with.body);
            }
            Stmt::Match(choice) => {
                let (first, last) = (self.line(statement.start()), self.line(choice.subject.end()));
                self.add(first, last);
                for case in &choice.cases {
                    let first = self.line(case.start());
                    let end = case.body.first().map_or(first, |inner| self.line(inner.start()));
                    self.add(first, end.saturating_sub(1).max(first));
                    self.body(&case.body);
                }
            }
            Stmt::Try(guard) => {
                let first = self.line(statement.start());
                self.add(first, first);
                self.body(&guard.body);
                for handler in &guard.handlers {
                    let py::ExceptHandler::ExceptHandler(handler) = handler;
                    let first = self.line(handler.start());
                    let end = handler.type_.as_ref().map_or(first, |kind| self.line(kind.end()));
                    self.add(first, end);
                    self.body(&handler.body);
                }
                self.body(&guard.orelse);
                self.body(&guard.finalbody);
            }
            // These leave no instruction.
            Stmt::Global(_) | Stmt::Nonlocal(_) => {}
            Stmt::Expr(only) if is_constant(&only.value) => {}
            simple => {
                let (first, last) = (self.line(simple.start()), self.line(simple.end()));
                self.add(first, last);
            }
        }
    }

    /// Each decorator is a statement of its own; gives the first line of all.
    fn decorators(&mut self, decorators: &[py::Decorator], own: u32) -> u32 {
        for decorator in decorators {
            let (first, last) = (self.line(decorator.start()), self.line(decorator.end()));
            self.add(first, last);
        }
        decorators.first().map_or(own, |decorator| self.line(decorator.start()))
    }
}

fn is_constant(value: &py::Expr) -> bool {
    matches!(
        value,
        py::Expr::StringLiteral(_)
            | py::Expr::BytesLiteral(_)
            | py::Expr::NumberLiteral(_)
            | py::Expr::BooleanLiteral(_)
            | py::Expr::NoneLiteral(_)
            | py::Expr::EllipsisLiteral(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_those_that_leave_instructions() {
        let source = "\
'''doc'''
import os, \\
    sys

@deco
@other(
    1)
def f(a,
      b=2):
    'doc'
    global x
    if a:
        return 1
    elif b:
        pass
    else:
        return [
            1,
        ]
    try:
        f()
    except ValueError:
        ...
    finally:
        x = 1

class C:
    y = 1
    def m(self): return 1
";
        let found = statements(source).expect("statements");
        let lines: Vec<u32> = found.lines().collect();
        assert_eq!(lines, [2, 5, 6, 8, 12, 13, 14, 15, 17, 20, 21, 22, 25, 27, 28, 29]);
        assert_eq!(found.first_of[&19], 17);
        assert_eq!(found.first_of[&3], 2);
        assert_eq!(found.functions, [(5, 8, "f".to_owned()), (29, 29, "C.m".to_owned())]);
        assert_eq!(statements("def ("), None);
    }
}
