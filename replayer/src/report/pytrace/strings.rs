//! The lines that `trace` takes for docstrings: those of a string that comes right after an indent, or
//! that is the first token of the file.

use crate::report::room::with_room;
use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::Ranged as _;
use std::collections::BTreeSet;

/// The lines, from 1. `minor`: f-strings are no string tokens since 3.12.
#[must_use]
pub fn string_lines(source: &str, minor: u32) -> BTreeSet<u32> {
    with_room(source, move |source| found_in(source, minor)).unwrap_or_default()
}

fn found_in(source: &str, minor: u32) -> BTreeSet<u32> {
    let parsed = parse_unchecked(source, ParseOptions::from(Mode::Module));
    let ends: Vec<usize> = source.match_indices('\n').map(|(at, _)| at).collect();
    let line_of = |at: usize| ends.partition_point(|end| *end < at) as u32 + 1;
    let mut lines = BTreeSet::new();
    // As at the start of `trace`'s search; a blank line before is a token there.
    let first = source.len() - source.trim_start().len();
    let mut before = (!source[..first].contains('\n')).then_some(TokenKind::Indent);
    let mut depth = 0_u32;
    let mut from = None;
    for token in parsed.tokens() {
        let kind = token.kind();
        let (start, end) = (usize::from(token.start()), usize::from(token.end()));
        if before == Some(TokenKind::Indent) {
            match kind {
                TokenKind::String => lines.extend(line_of(start)..=line_of(end)),
                TokenKind::FStringStart if minor < 12 => from = Some((start, depth)),
                _ => {}
            }
        }
        match kind {
            TokenKind::FStringStart => depth += 1,
            TokenKind::FStringEnd => {
                depth = depth.saturating_sub(1);
                if let Some((start, _)) = from.take_if(|(_, outer)| *outer == depth) {
                    lines.extend(line_of(start)..=line_of(end));
                }
            }
            _ => {}
        }
        before = Some(kind);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::string_lines;

    #[test]
    fn strings_after_an_indent() {
        let source = "\"\"\"module\ndoc\"\"\"\nx = 'no'\ndef f():\n    # why\n    'doc'\n    'no'\nif x:\n    f'{x}'\n";
        let lines =
            |source: &str, minor| string_lines(source, minor).into_iter().collect::<Vec<_>>();
        assert_eq!(lines(source, 13), [1, 2, 6]);
        assert_eq!(lines(source, 11), [1, 2, 6, 9]);
        assert!(lines("\n'late'\n", 13).is_empty());
        assert!(lines("# first\n'late'\n", 13).is_empty());
        assert!(lines("", 13).is_empty());
    }
}
