//! How coverage looks in each format. Texts are data of the recording: each format makes them safe in
//! its own way.

mod annotate;
mod html;
mod json;
mod lcov;
mod text;
mod xml;

pub use annotate::{annotated, flat_name};
pub use html::html;
pub use json::json;
pub use lcov::lcov;
pub use text::text;
pub use xml::xml;

use super::analysis::{Analysis, Numbers};

/// The sums of all files.
#[must_use]
pub fn total(files: &[Analysis]) -> Numbers {
    let mut all = Numbers::default();
    for file in files {
        all += file.counted.numbers();
    }
    all
}

/// Whether a character is no more than text to a terminal, a page or a format.
fn is_plain(c: char) -> bool {
    let acts = matches!(
        c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    !c.is_control() && !acts
}

/// Other characters as question marks, as coverage.py shows them.
fn printable(text: &str) -> String {
    text.chars().map(|c| if is_plain(c) { c } else { '?' }).collect()
}
