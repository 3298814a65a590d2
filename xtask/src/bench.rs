//! `cargo xtask bench`: what recording costs, plain against recorded.
//!
//! The measuring is done by `xtask/bench/run.py`; this builds what it needs and calls it.

use crate::pythons::{self, VERSIONS};
use crate::{Result, build};
use std::process::Command;

/// Runs the task.
pub fn task(args: &[String]) -> Result<()> {
    let mut wanted: Vec<&str> = Vec::new();
    let mut passed: Vec<&str> = Vec::new();
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        if arg == "--python" {
            wanted.push(args.next().ok_or("--python needs a version")?);
        } else {
            passed.push(arg);
        }
    }
    let pythons =
        if wanted.is_empty() { pythons::find(&VERSIONS) } else { pythons::require(&wanted)? };
    let binary = build::binary()?;
    let mut failed = Vec::new();
    for python in &pythons {
        let recorder = build::extension(python)?;
        let done = build::run(
            Command::new(&python.exe)
                .arg(build::root().join("xtask/bench/run.py"))
                .arg("--python")
                .arg(format!("{}={}", python.version, python.exe.display()))
                .arg("--moviola")
                .arg(&binary)
                .arg("--recorder")
                .arg(recorder)
                .args(&passed),
        );
        if done.is_err() {
            failed.push(python.version.as_str());
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("over the limits: {}", failed.join(", "))) }
}
