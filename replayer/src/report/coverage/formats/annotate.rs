//! Sources with a mark before each line (`coverage.annotate`): `>` ran, `!` did not, `-` is excluded.

use crate::report::coverage::analysis::Analysis;
use crate::report::coverage::code::python_lines;
use sha3::{Digest as _, Sha3_256};

/// The marked source.
#[must_use]
pub fn annotated(file: &Analysis) -> String {
    let missing = file.counted.missing();
    let mut out = String::new();
    let mut covered = true;
    let mut number = 0;
    let mut rest = file.code.text.as_str();
    for line in python_lines(&file.code.text) {
        number += 1;
        let end = rest[line.len()..].chars().next().map_or(0, char::len_utf8);
        let (whole, others) = rest.split_at(line.len() + end);
        rest = others;
        if file.counted.statements.contains(&number) {
            covered = !missing.contains(&number);
        }
        let text = line.trim_start();
        let is_else =
            text.strip_prefix("else").map(str::trim_start).and_then(|t| t.strip_prefix(':'));
        let is_else =
            is_else.is_some_and(|t| t.trim_start().is_empty() || t.trim_start().starts_with('#'));
        out.push_str(if text.is_empty() || text.starts_with('#') {
            "  "
        } else if is_else {
            // As the statement that follows.
            let next = file.counted.statements.range(number..).next();
            let next_missing = missing.range(number..).next();
            if next_missing.is_some() && next == next_missing { "! " } else { "> " }
        } else if file.counted.excluded.contains(&number) {
            "- "
        } else if covered {
            "> "
        } else {
            "! "
        });
        out.push_str(whole);
    }
    out
}

/// A name without directories for a file (`coverage.files.flat_rootname`, with the extension as it is):
/// `a/b/c.py` is `z_86bbcbe134d28fd2_c_py.py,cover` in a directory of its own.
#[must_use]
pub fn flat_name(name: &str) -> String {
    let (directory, base) = name.rsplit_once('/').unwrap_or(("", name));
    let dot = base.rfind('.').filter(|at| *at > 0);
    let extension = dot.map_or("", |at| &base[at..]);
    let mut flat = String::new();
    if !directory.is_empty() {
        let digest = Sha3_256::digest(directory.as_bytes());
        let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        flat = format!("z_{hex}_");
    }
    flat.push_str(&base.replace('.', "_"));
    flat.truncate(flat.len() - extension.len());
    flat + extension + ",cover"
}

#[cfg(test)]
mod tests {
    use super::flat_name;

    #[test]
    fn flat_names_are_those_of_coverage_py() {
        assert_eq!(flat_name("a/b/c.py"), "z_86bbcbe134d28fd2_c.py,cover");
        assert_eq!(flat_name("c.py"), "c.py,cover");
    }
}
