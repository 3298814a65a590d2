//! `cargo xtask fidelity`: recordings of the corpus, or of generated programs, against the oracle.
//!
//! The work is done by `tests/oracle/fidelity.py`; this builds what it needs and calls it.

use crate::pythons::{self, Python, VERSIONS};
use crate::{Result, build};
use std::process::Command;

/// Runs the task.
pub fn task(args: &[String]) -> Result<()> {
    let mut wanted: Vec<&str> = Vec::new();
    let mut passed: Vec<&str> = Vec::new();
    let mut build_first = true;
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match arg {
            "--python" => wanted.push(args.next().ok_or("--python needs a version")?),
            "--no-build" => build_first = false,
            "--show" | "--jobs" | "--random" | "--seed" => {
                passed.extend([arg, args.next().ok_or("a number is missing")?]);
            }
            _ => passed.push(arg),
        }
    }
    let pythons =
        if wanted.is_empty() { pythons::find(&VERSIONS) } else { pythons::require(&wanted)? };
    if build_first {
        build::binary()?;
    }
    let mut failed = Vec::new();
    for python in &pythons {
        if build_first {
            build::extension(python)?;
        }
        if run(python, &passed).is_err() {
            failed.push(python.version.as_str());
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("not as the oracle: {}", failed.join(", ")))
    }
}

/// What a test run compares of generated programs; the same ones each time, named by their seeds.
pub const GENERATED: [&str; 4] = ["--random", "50", "--seed", "1"];

/// One Python's table, counted by program.
pub fn counted(python: &Python, passed: &[&str]) -> (u64, Vec<String>) {
    let file = build::target_dir().join(format!("fidelity-{}.json", python.version));
    std::fs::remove_file(&file).ok();
    let name = file.to_string_lossy();
    let ran = run(python, &[&["--json", &*name], passed].concat());
    let rows = std::fs::read(&file)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
        .and_then(|report| report["rows"].as_array().cloned())
        .unwrap_or_default();
    if rows.is_empty() {
        return (0, vec![ran.err().unwrap_or_else(|| "no report".to_owned())]);
    }
    let is_bad = |row: &&serde_json::Value| row["bad"].as_array().is_none_or(|b| !b.is_empty());
    let failed: Vec<String> =
        rows.iter().filter(is_bad).map(|row| row["name"].to_string()).collect();
    ((rows.len() - failed.len()) as u64, failed)
}

/// One Python's table; what is built already is used.
pub fn run(python: &Python, passed: &[&str]) -> Result<()> {
    let script = build::root().join("tests/oracle/fidelity.py");
    let cache = build::target_dir().join("oracle").join(&python.version);
    build::run(
        Command::new(&python.exe)
            .arg(script)
            .args(["--python", &format!("{}={}", python.version, python.exe.display())])
            .arg("--moviola")
            .arg(build::binary_path())
            .arg("--recorder")
            .arg(build::extension_dir(python))
            .arg("--cache")
            .arg(cache)
            .args(passed)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
}
