//! Functions and classes of a text and the lines that are theirs (`coverage.regions`).

use super::text::Lines;
use super::walk::{Node, children};
use ruff_python_ast as py;
use ruff_text_size::Ranged as _;
use std::collections::BTreeSet;

/// What a region is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A `def`.
    Function,
    /// A `class`.
    Class,
}

/// A function or class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Which of them.
    pub kind: Kind,
    /// Its name, with those around it: `C.method`, `outer.inner`.
    pub name: String,
    /// The line of the `def` or `class`.
    pub start: u32,
    /// The line where it begins: that of its first decorator, if it has one.
    pub first: u32,
    /// Its lines: a function's without those of functions in it, a class's are those of its methods.
    pub lines: BTreeSet<u32>,
}

/// The regions of a module, outer ones first.
pub fn regions(body: &[py::Stmt], lines: &Lines) -> Vec<Region> {
    let mut finder = Finder { lines, found: Vec::new(), around: Vec::new() };
    finder.all(body.iter().map(Node::Stmt).collect());
    finder.found
}

struct Finder<'l> {
    lines: &'l Lines,
    found: Vec<Region>,
    /// Indexes of the regions around.
    around: Vec<usize>,
}

impl Finder<'_> {
    fn all(&mut self, nodes: Vec<Node<'_>>) {
        for node in nodes {
            match node {
                Node::Stmt(own @ py::Stmt::FunctionDef(def)) => self.function(own, def),
                Node::Stmt(own @ py::Stmt::ClassDef(def)) => self.class(own, def),
                _ => self.below(node),
            }
        }
    }

    fn below(&mut self, node: Node<'_>) {
        let mut nodes = Vec::new();
        children(node, &mut nodes);
        self.all(nodes);
    }

    fn enter(&mut self, kind: Kind, node: &py::Stmt, name: &py::Identifier, lines: BTreeSet<u32>) {
        let at = name.start();
        let name = match self.around.last() {
            Some(outer) => format!("{}.{name}", self.found[*outer].name),
            None => name.to_string(),
        };
        let start = self.lines.line(at);
        self.around.push(self.found.len());
        let first = self.lines.of(node);
        self.found.push(Region { kind, name, start, first, lines });
    }

    fn function(&mut self, node: &py::Stmt, def: &py::StmtFunctionDef) {
        let (Some(first), Some(last)) = (def.body.first(), def.body.last()) else { return };
        let first = match first {
            // The first line of a decorated definition is that of its `def`.
            py::Stmt::FunctionDef(def) => self.lines.line(def.name.start()),
            py::Stmt::ClassDef(def) => self.lines.line(def.name.start()),
            other => self.lines.line(other.start()),
        };
        let lines: BTreeSet<u32> = (first..=self.lines.end(last)).collect();
        if let Some(outer) = self.around.last()
            && self.found[*outer].kind == Kind::Class
        {
            self.found[*outer].lines.extend(&lines);
        }
        let outer = self.around.iter().rev().find(|at| self.found[**at].kind == Kind::Function);
        if let Some(outer) = outer {
            self.found[*outer].lines.retain(|line| !lines.contains(line));
        }
        self.enter(Kind::Function, node, &def.name, lines);
        self.below(Node::Stmt(node));
        self.around.pop();
    }

    fn class(&mut self, node: &py::Stmt, def: &py::StmtClassDef) {
        self.enter(Kind::Class, node, &def.name, BTreeSet::new());
        self.below(Node::Stmt(node));
        let own = self.around.pop().map(|at| self.found[at].lines.clone()).unwrap_or_default();
        for outer in &self.around {
            if self.found[*outer].kind == Kind::Class {
                self.found[*outer].lines.retain(|line| !own.contains(line));
            }
        }
    }
}
