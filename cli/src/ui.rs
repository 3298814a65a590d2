//! The only module that writes to the terminal.
//!
//! Everything of Moviola's own that goes to standard error is one line that begins with
//! `moviola: `. A closed pipe is not an error: whoever reads has seen enough.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

/// Writes a part of the command's result to standard output. False when nobody reads any more.
pub fn out(text: &str) -> bool {
    out_bytes(text.as_bytes())
}

/// As [`out`], for bytes that need not be UTF-8.
pub fn out_bytes(bytes: &[u8]) -> bool {
    io::stdout().lock().write_all(bytes).is_ok()
}

/// Makes what was written visible now.
pub fn flush() -> bool {
    io::stdout().lock().flush().is_ok()
}

/// A warning or a failure: one line on standard error.
pub fn warn(text: &str) {
    let line = format!("moviola: {}\n", printable(text));
    // Standard error may be closed; there is nobody left to tell.
    io::stderr().lock().write_all(line.as_bytes()).ok();
}

/// A remark that only a person at a terminal wants to see.
pub fn note(text: &str) {
    if io::stderr().is_terminal() {
        warn(text);
    }
}

/// Text from outside (file names, messages of the system) without control characters.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_bidi(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Text of several lines: line ends and tabs stay, all else as [`printable`].
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || is_bidi(c));
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let lines =
        text.split('\n').map(|line| line.split('\t').map(printable).collect::<Vec<_>>().join("\t"));
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(super::printable("a\x1b[31mb\u{202e}"), "a\\u{1b}[31mb\\u{202e}");
        assert_eq!(super::printable("Größe ok"), "Größe ok");
    }
}
