//! The lines that a text's comments or settings take out of the report
//! (`coverage.parser.PythonParser._raw_parse`).

use super::possible::is_irrefutable;
use super::text::{Lines, is_blank};
use super::walk::Node;
use fancy_regex::Regex;
use ruff_python_ast as py;
use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_text_size::Ranged as _;
use std::collections::BTreeSet;

/// Lines, each as the first of its logical line, of which a part matches.
pub fn matching(pattern: &Regex, text: &str, lines: &Lines) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    // A search that is given up for its cost finds nothing more.
    for part in pattern.find_iter(text).map_while(Result::ok) {
        let line = |at: usize| lines.line((at as u32).into());
        found.extend((line(part.start())..=line(part.end())).map(|line| lines.first(line)));
    }
    found
}

/// All excluded lines. `possible` are the lines that can run.
pub fn lines(
    marked: &BTreeSet<u32>,
    tokens: &Tokens,
    nodes: &[Node<'_>],
    lines: &Lines,
    possible: &BTreeSet<u32>,
) -> BTreeSet<u32> {
    let mut excluded: BTreeSet<u32> =
        suites(marked, tokens, lines).into_iter().map(|line| lines.first(line)).collect();
    for node in nodes {
        match node {
            Node::Stmt(statement @ (py::Stmt::FunctionDef(_) | py::Stmt::ClassDef(_))) => {
                let (head, decorators) = match statement {
                    py::Stmt::FunctionDef(def) => (&def.name, &def.decorator_list),
                    py::Stmt::ClassDef(def) => (&def.name, &def.decorator_list),
                    _ => continue,
                };
                let own = lines.line(head.start());
                let first = decorators.iter().map(|d| lines.line(d.start())).min().unwrap_or(own);
                if excluded.range(first..=own).next().is_some() {
                    excluded.extend(first..=lines.end(*statement));
                }
            }
            Node::Case(case) if case.guard.is_none() && is_irrefutable(&case.pattern) => {
                let (Some(first), Some(last)) = (case.body.first(), case.body.last()) else {
                    continue;
                };
                let (first, last) = (lines.line(first.start()), lines.end(last));
                let mut body = possible.range(first..=last).peekable();
                if body.peek().is_some() && body.all(|line| excluded.contains(line)) {
                    excluded.extend(lines.line(case.pattern.start())..=lines.end(&case.pattern));
                }
            }
            _ => {}
        }
    }
    excluded
}

/// A colon at the end of a marked line takes the whole suite below it out.
fn suites(marked: &BTreeSet<u32>, tokens: &Tokens, lines: &Lines) -> BTreeSet<u32> {
    let mut excluded = marked.clone();
    let (mut depth, mut nesting) = (0_usize, 0_usize);
    let mut suite: Option<usize> = None;
    let mut begun: Option<u32> = None;
    for token in tokens {
        let end = lines.line(token.end());
        match token.kind() {
            TokenKind::Indent => depth += 1,
            TokenKind::Dedent => depth = depth.saturating_sub(1),
            TokenKind::Colon if nesting == 0 => {
                let from = begun.unwrap_or(0);
                if suite.is_none() && excluded.range(from..=end).next().is_some() {
                    excluded.insert(end);
                    suite = Some(depth);
                }
            }
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => nesting += 1,
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => {
                nesting = nesting.saturating_sub(1)
            }
            TokenKind::Newline => begun = None,
            _ => {}
        }
        if !is_blank(token.kind()) && begun.is_none() {
            begun = Some(lines.line(token.start()));
            if suite.is_some_and(|outer| depth <= outer) {
                suite = None;
            }
            if suite.is_some() {
                excluded.insert(end);
            }
        }
    }
    excluded
}
