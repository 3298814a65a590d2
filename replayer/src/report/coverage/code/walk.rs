//! Statements below a statement, in the order in which coverage.py comes by them.

use ruff_python_ast as py;

/// What has statements below it.
#[derive(Debug, Clone, Copy)]
pub enum Node<'a> {
    /// A statement.
    Stmt(&'a py::Stmt),
    /// An `elif`, with the clauses that follow it; CPython has it as an `if` in the `else`.
    Elif(&'a [py::ElifElseClause]),
    /// An `except` clause.
    Handler(&'a py::ExceptHandlerExceptHandler),
    /// A `case` clause.
    Case(&'a py::MatchCase),
}

/// All nodes of a body: the last child of a node comes first.
pub fn nodes(body: &[py::Stmt]) -> Vec<Node<'_>> {
    let mut todo: Vec<Node<'_>> = body.iter().map(Node::Stmt).collect();
    let mut all = Vec::new();
    while let Some(node) = todo.pop() {
        all.push(node);
        children(node, &mut todo);
    }
    all
}

/// The statements of what follows an `if` or `elif`.
pub fn otherwise<'a>(clauses: &'a [py::ElifElseClause], into: &mut Vec<Node<'a>>) {
    match clauses.first() {
        Some(clause) if clause.test.is_some() => into.push(Node::Elif(clauses)),
        Some(clause) => into.extend(clause.body.iter().map(Node::Stmt)),
        None => {}
    }
}

/// The nodes right below a node, in the order of the fields of CPython's `ast`.
pub fn children<'a>(node: Node<'a>, into: &mut Vec<Node<'a>>) {
    use py::Stmt;
    let mut add = |body: &'a [Stmt]| into.extend(body.iter().map(Node::Stmt));
    match node {
        Node::Handler(handler) => add(&handler.body),
        Node::Case(case) => add(&case.body),
        Node::Elif(clauses) => {
            add(&clauses[0].body);
            otherwise(&clauses[1..], into);
        }
        Node::Stmt(statement) => match statement {
            Stmt::FunctionDef(def) => add(&def.body),
            Stmt::ClassDef(def) => add(&def.body),
            Stmt::With(with) => add(&with.body),
            Stmt::For(each) => {
                add(&each.body);
                add(&each.orelse);
            }
            Stmt::While(turn) => {
                add(&turn.body);
                add(&turn.orelse);
            }
            Stmt::If(test) => {
                add(&test.body);
                otherwise(&test.elif_else_clauses, into);
            }
            Stmt::Match(choice) => into.extend(choice.cases.iter().map(Node::Case)),
            Stmt::Try(guard) => {
                add(&guard.body);
                let handlers = guard.handlers.iter();
                into.extend(handlers.map(|py::ExceptHandler::ExceptHandler(h)| Node::Handler(h)));
                into.extend(guard.orelse.iter().map(Node::Stmt));
                into.extend(guard.finalbody.iter().map(Node::Stmt));
            }
            _ => {}
        },
    }
}
