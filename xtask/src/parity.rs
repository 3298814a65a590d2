//! `cargo xtask pdb-parity`: the sessions of CPython's own `test_pdb` replayed, and the answers held against
//! what its doctests expect.
//!
//! The work is done by `tests/oracle/pdb_parity.py`, which has the rules; this builds what it needs, calls it
//! for each Python, and sums up.

use crate::pythons::{self, Python, VERSIONS};
use crate::{Result, build, fidelity};

/// Runs the task.
pub fn task(args: &[String]) -> Result<()> {
    let mut wanted: Vec<&str> = Vec::new();
    let mut passed: Vec<&str> = Vec::new();
    let mut build_first = true;
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match arg {
            "--python" => wanted.push(args.next().ok_or("--python needs a version")?),
            "--show" => passed.extend([arg, args.next().ok_or("--show needs a name")?]),
            "--no-build" => build_first = false,
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
        if fidelity::run(python, SCRIPT, &passed).0.is_err() {
            failed.push(python.version.as_str());
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("not as test_pdb expects: {}", failed.join(", ")))
    }
}

/// Replays the sessions, and prints the figures.
const SCRIPT: &str = "pdb_parity.py";

/// One Python's sessions, counted; the excluded ones do not count.
pub fn counted(python: &Python) -> (u64, Vec<String>) {
    let (ran, report) = fidelity::run(python, SCRIPT, &[]);
    let rows = report["rows"].as_array().cloned().unwrap_or_default();
    let excluded = |row: &&serde_json::Value| row["bad"] == false && row["excluded"].is_string();
    let left: Vec<_> = rows.iter().filter(|row| !excluded(row)).cloned().collect();
    fidelity::tally(ran, &serde_json::json!({ "rows": left }), |row| row["bad"] == false)
}
