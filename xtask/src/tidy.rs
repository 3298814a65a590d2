//! `cargo xtask tidy`: the layout rules that no compiler checks.
//!
//! A module doc on each file, no file over 800 lines, unsafe code and arrows between crates only
//! where ARCHITECTURE.md allows them, no stand-ins, no paths of one developer's machine.

use crate::{Result, build};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// No file is longer.
const LINES_MAX: usize = 800;
/// Where `allow(unsafe_code)` may stand.
const UNSAFE_PLACES: [&str; 2] = ["recorder/src/", "recorder/pipeline/src/ring/"];
/// A crate, its manifest, and the crates of ours that it may use.
const ARROWS: [(&str, &[&str]); 6] = [
    ("format", &[]),
    ("recorder/pipeline", &["moviola-format"]),
    ("recorder", &["moviola-format", "moviola-pipeline"]),
    ("replayer", &["moviola-format"]),
    ("cli", &["moviola-format", "moviola-pipeline", "moviola-replayer"]),
    ("xtask", &[]),
];
/// Top-level entries of the tree; another one needs a reason and a line here.
const TOP: [&str; 25] = [
    ".cargo",
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "MANIFEST.in",
    "README.md",
    "cli",
    "clippy.toml",
    "deny.toml",
    "format",
    "pyproject.toml",
    "recorder",
    "replayer",
    "rustfmt.toml",
    "samples",
    "tests",
    "xtask",
    "setup.py",
    "rust-toolchain.toml",
    "docs",
];

/// Runs the task.
pub fn task() -> Result<()> {
    let root = build::root();
    let mut problems = String::new();
    let files = tracked(&root)?;
    for file in &files {
        let name = file.to_string_lossy();
        let top = name.split('/').next().unwrap_or_default();
        if !TOP.contains(&top) {
            writeln!(problems, "{name}: `{top}` is not one of the tree's top-level entries").ok();
        }
        let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if !matches!(extension, "rs" | "py") {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        let lines = text.lines().count();
        if lines > LINES_MAX {
            writeln!(problems, "{name}: {lines} lines, more than {LINES_MAX}").ok();
        }
        if extension == "rs" {
            check_rust(&name, &text, &mut problems);
        } else {
            check_python(&name, &text, &mut problems);
        }
    }
    for (dir, allowed) in ARROWS {
        check_arrows(&root, dir, allowed, &mut problems);
    }
    if problems.is_empty() {
        println!("tidy: {} files, no problems", files.len());
        return Ok(());
    }
    Err(problems)
}

fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let output = std::process::Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("git ls-files: {e}"))?;
    if !output.status.success() {
        return Err("tidy needs the git repository".to_owned());
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(names
        .split('\0')
        .filter(|n| !n.is_empty())
        .map(PathBuf::from)
        .filter(|p| root.join(p).exists())
        .collect())
}

fn check_rust(name: &str, text: &str, problems: &mut String) {
    if !text.starts_with("//! ") {
        writeln!(problems, "{name}: no module doc (what it is, what it must not do)").ok();
    }
    let own = name == "xtask/src/tidy.rs";
    let allows_unsafe = text.contains("allow(unsafe_code)");
    if allows_unsafe && !own && !UNSAFE_PLACES.iter().any(|place| name.starts_with(place)) {
        writeln!(problems, "{name}: unsafe code is not allowed here").ok();
    }
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let stand_in =
            ["todo!(", "unimplemented!(", "#[ignore"].iter().find(|w| code.contains(**w));
        if let (Some(word), false) = (stand_in, own) {
            writeln!(problems, "{name}:{}: `{word}` stands in for something", number + 1).ok();
        }
    }
}

fn check_python(name: &str, text: &str, problems: &mut String) {
    // The corpus and the benchmarks are programs to record; some are odd on purpose.
    if ["tests/corpus/", "tests/transcripts/", "xtask/bench/"].iter().any(|at| name.starts_with(at))
    {
        return;
    }
    let start = text.trim_start_matches("#!/usr/bin/env python3\n");
    if !start.starts_with("\"\"\"") && !start.starts_with("r\"\"\"") {
        writeln!(problems, "{name}: no module docstring").ok();
    }
}

fn check_arrows(root: &Path, dir: &str, allowed: &[&str], problems: &mut String) {
    let path = root.join(dir).join("Cargo.toml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        writeln!(problems, "{dir}/Cargo.toml: cannot be read").ok();
        return;
    };
    let mut section = "";
    for line in text.lines() {
        if let Some(title) = line.strip_prefix('[') {
            section = title.trim_end_matches(']');
        }
        let ours = line
            .starts_with("moviola-")
            .then(|| line.split(['.', ' ', '=']).next().unwrap_or(line));
        if let Some(used) = ours.filter(|used| section == "dependencies" && !allowed.contains(used))
        {
            writeln!(problems, "{dir}/Cargo.toml: {dir} must not depend on {used}").ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_it_looks_for() {
        let mut problems = String::new();
        check_rust("cli/src/x.rs", "use a;\n#![allow(unsafe_code)]\n    todo!()\n", &mut problems);
        assert_eq!(problems.lines().count(), 3, "{problems}");
        problems.clear();
        check_rust(
            "recorder/src/x.rs",
            "//! Doc.\n#![allow(unsafe_code)]\n// todo!(\n",
            &mut problems,
        );
        assert_eq!(problems, "");
    }
}
