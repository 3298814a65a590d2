//! The line of a function's first instruction.

use super::text::{Lines, docstring};
use ruff_python_ast as py;
use ruff_text_size::{Ranged as _, TextSize};

/// The line that runs first in a body; `None` if no statement of it becomes code.
pub fn first_line(body: &[py::Stmt], lines: &Lines) -> Option<u32> {
    let doc = usize::from(docstring(body).is_some());
    body.iter().skip(doc).find_map(|statement| starts(statement).map(|at| lines.line(at)))
}

/// Where the first instruction of a statement stands.
fn starts(statement: &py::Stmt) -> Option<TextSize> {
    use py::Stmt as S;
    let own = statement.start();
    let at = match statement {
        S::Global(_) | S::Nonlocal(_) => return None,
        S::AnnAssign(it) => match &it.value {
            Some(value) => first(value),
            None if it.target.is_name_expr() => return None,
            None => first(&it.target),
        },
        S::Expr(it) if is_constant(&it.value) => own,
        S::Expr(it) => first(&it.value),
        S::Assign(it) => first(&it.value),
        S::AugAssign(it) => first(&it.target),
        S::Return(it) => it.value.as_ref().map_or(own, |value| first(value)),
        S::Raise(it) => it.exc.as_ref().map_or(own, |value| first(value)),
        S::Assert(it) => first(&it.test),
        S::If(it) => first(&it.test),
        S::While(it) if is_constant(&it.test) => own,
        S::While(it) => first(&it.test),
        S::For(it) => first(&it.iter),
        S::With(it) => it.items.first().map_or(own, |item| first(&item.context_expr)),
        S::Match(it) => first(&it.subject),
        S::FunctionDef(it) => it.decorator_list.first().map_or(own, |it| first(&it.expression)),
        S::ClassDef(it) => it.decorator_list.first().map_or(own, |it| first(&it.expression)),
        _ => own,
    };
    Some(at)
}

fn is_constant(value: &py::Expr) -> bool {
    value.is_literal_expr()
}

/// Where what an expression evaluates first stands.
fn first(value: &py::Expr) -> TextSize {
    use py::Expr as E;
    match value {
        E::Call(it) => first(&it.func),
        E::Attribute(it) => first(&it.value),
        E::Subscript(it) => first(&it.value),
        E::BinOp(it) => first(&it.left),
        E::Compare(it) => first(&it.left),
        E::BoolOp(it) => it.values.first().map_or(it.start(), first),
        E::UnaryOp(it) => first(&it.operand),
        E::If(it) => first(&it.test),
        E::Named(it) => first(&it.value),
        E::Await(it) => first(&it.value),
        E::Starred(it) => first(&it.value),
        E::Yield(it) => it.value.as_ref().map_or(it.start(), |value| first(value)),
        E::YieldFrom(it) => first(&it.value),
        E::Tuple(it) => it.elts.first().map_or(it.start(), first),
        E::List(it) => it.elts.first().map_or(it.start(), first),
        E::Set(it) => it.elts.first().map_or(it.start(), first),
        other => other.start(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::first_line_run;

    /// What pdb.find_first_executable_line of 3.13 says of each.
    #[test]
    fn the_line_of_the_first_instruction() {
        let cases: [(&str, u32); 14] = [
            ("def f(): pass", 1),
            ("def f():\n\n    pass", 3),
            ("def f():\n    # c\n    global x\n    x = 1", 4),
            ("def f():\n    'doc'\n    x: int\n    return (\n        1)", 5),
            ("def f():\n    ...", 2),
            ("def f():\n    x: int = \\\n      5", 3),
            ("async def f():\n    x = [\n      g(),\n      2]", 3),
            ("def f(q=\n   3):\n    for i in (\n       q): pass", 4),
            ("@d\ndef f():\n    while True:\n        pass", 3),
            ("def f():\n    'doc'\n    'x'", 3),
            ("def f():\n    @dd\n    def g(): pass", 2),
            ("def f():\n    if not (\n      x and\n      y): pass", 3),
            ("def f():\n    x[\n      1] += 3", 2),
            ("def f():\n    x: int", 1),
        ];
        for (text, line) in cases {
            assert_eq!(first_line_run(text, 1), Some(line), "{text}");
        }
        assert_eq!(first_line_run("x = 1\n\n\ndef f():\n    return 1", 4), Some(5));
        assert_eq!(first_line_run("x = 1", 1), None);
    }
}
