//! Makes text safe for a terminal. Everything recorded that reaches one goes through here.

use super::text::escape_point;

/// What of the layout is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Newlines and tabs are escaped too: the result is one line.
    OneLine,
    /// Newlines and tabs stay.
    Lines,
}

/// The text with control characters (C0, DEL, C1), bidirectional controls, line and paragraph
/// separators and invisible format characters written as `\x..` and `\u....`. Backslashes stay,
/// since a `repr` already doubled those that it means.
#[must_use]
pub fn escape(text: &str, layout: Layout) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' | '\t' if layout == Layout::Lines => out.push(char),
            char if is_dangerous(char) => escape_point(&mut out, u32::from(char)),
            char => out.push(char),
        }
    }
    out
}

/// As [`escape`], of text that may hold surrogates or broken UTF-8 (shown as U+FFFD).
#[must_use]
pub fn escape_bytes(text: &[u8], layout: Layout) -> String {
    if let Ok(text) = std::str::from_utf8(text) {
        return escape(text, layout);
    }
    let mut out = String::with_capacity(text.len());
    for point in super::text::points(text) {
        match char::from_u32(point) {
            Some(char) => out.push_str(&escape(char.encode_utf8(&mut [0; 4]), layout)),
            None => escape_point(&mut out, point),
        }
    }
    out
}

const fn is_dangerous(char: char) -> bool {
    matches!(
        char,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(escape("a\x1b[31m\u{9b}b\n", Layout::OneLine), "a\\x1b[31m\\x9bb\\x0a");
        assert_eq!(escape("a\n\tb\r", Layout::Lines), "a\n\tb\\x0d");
        assert_eq!(escape("\u{202e}x\u{2066}", Layout::Lines), "\\u202ex\\u2066");
        assert_eq!(escape("caf\u{e9} \u{1f600}", Layout::OneLine), "caf\u{e9} \u{1f600}");
        assert_eq!(escape_bytes(b"\xed\xa0\x80x\xff\x1b", Layout::Lines), "\\ud800x\u{fffd}\\x1b");
    }
}
