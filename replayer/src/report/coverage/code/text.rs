//! A source text as coverage.py reads it, and its logical lines.

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{self as py, token::Tokens};
use ruff_text_size::{Ranged, TextSize};

/// A text whose lines end in `\n`, the last one too, and that has no form feeds
/// (`coverage.python.get_python_source`).
#[must_use]
pub fn normal(text: &str) -> String {
    let mut text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\u{c}', " ");
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Which logical line each line belongs to.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    starts: Vec<usize>,
    /// By line number: the first line of its logical line.
    first: Vec<u32>,
}

impl Lines {
    /// Of a text and its tokens.
    pub fn new(text: &str, tokens: &Tokens) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        let first = (0..=starts.len() as u32).collect();
        let mut lines = Self { starts, first };
        let mut begun = None;
        for token in tokens {
            match token.kind() {
                TokenKind::Newline => {
                    let last = lines.line(token.start());
                    if let Some(first) = begun.take() {
                        for line in first..=last {
                            if let Some(entry) = lines.first.get_mut(line as usize) {
                                *entry = first;
                            }
                        }
                    }
                }
                kind if !is_blank(kind) => {
                    begun.get_or_insert(lines.line(token.start()));
                }
                _ => {}
            }
        }
        lines
    }

    /// The line of an offset, from 1.
    #[must_use]
    pub fn line(&self, at: TextSize) -> u32 {
        self.starts.partition_point(|start| *start <= at.to_usize()) as u32
    }

    /// The last line of a node.
    #[must_use]
    pub fn end(&self, node: &impl Ranged) -> u32 {
        let end = node.end().to_usize().max(node.start().to_usize() + 1) - 1;
        self.starts.partition_point(|start| *start <= end) as u32
    }

    /// The first line of the logical line that a line belongs to.
    #[must_use]
    pub fn first(&self, line: u32) -> u32 {
        self.first.get(line as usize).copied().unwrap_or(line)
    }

    /// The same for the end of a move: an outside is the first line's, negative.
    #[must_use]
    pub fn first_of_end(&self, end: i64) -> i64 {
        let Ok(line) = u32::try_from(end.unsigned_abs()) else { return end };
        i64::from(self.first(line)) * end.signum()
    }

    /// The line that stands for a statement: of its first decorator, or its own.
    #[must_use]
    pub fn of(&self, statement: &py::Stmt) -> u32 {
        let decorators = match statement {
            py::Stmt::FunctionDef(def) => def.decorator_list.first(),
            py::Stmt::ClassDef(def) => def.decorator_list.first(),
            _ => None,
        };
        let start = decorators.map_or(statement.start(), Ranged::start);
        self.first(self.line(start))
    }

    /// The line of a definition's own head, below its decorators.
    #[must_use]
    pub fn of_head(&self, name: &py::Identifier) -> u32 {
        self.first(self.line(name.start()))
    }
}

/// Tokens that begin no statement.
pub fn is_blank(kind: TokenKind) -> bool {
    use TokenKind as T;
    matches!(
        kind,
        T::Comment | T::NonLogicalNewline | T::Newline | T::Indent | T::Dedent | T::EndOfFile
    )
}

/// Whether the first statement of a body is a docstring.
pub fn docstring(body: &[py::Stmt]) -> Option<&py::Stmt> {
    let first = body.first()?;
    let is_text = matches!(first, py::Stmt::Expr(only) if only.value.is_string_literal_expr());
    is_text.then_some(first)
}

/// The lines of a text as Python's `str.splitlines` gives them, without their ends.
pub fn python_lines(text: &str) -> impl Iterator<Item = &str> {
    let is_end = |c: char| {
        matches!(
            c,
            '\n' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    // Texts here have no `\r`.
    text.split_inclusive(is_end).map(move |line| line.strip_suffix(is_end).unwrap_or(line))
}
