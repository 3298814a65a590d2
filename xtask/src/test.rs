//! `cargo xtask test`: every test of the project, on every Python.
//!
//! Unit and integration tests of all crates once; the end-to-end tests, the comparison with the oracle and the
//! installation from a wheel once for each Python.

use crate::pythons::{self, Python, VERSIONS};
use crate::tally::Tally;
use crate::{Result, build, fidelity, parity, wheel};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Runs the task.
pub fn task(args: &[String]) -> Result<()> {
    let (mut required, mut only) = (None, "");
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value"))?;
        match arg.as_str() {
            "--require" => required = Some(value.split(',').collect::<Vec<_>>()),
            "--only" => only = value,
            _ => {
                return Err(
                    "usage: cargo xtask test [--require 3.11,3.12,3.13] [--only STAGE]".to_owned()
                );
            }
        }
    }
    let pythons = match &required {
        Some(versions) => pythons::require(versions)?,
        None => pythons::find(&VERSIONS),
    };
    if pythons.is_empty() {
        return Err("no Python 3.11, 3.12 or 3.13 found; install one with pyenv or put it on PATH"
            .to_owned());
    }
    for python in &pythons {
        println!("Python {}", python.named());
    }
    for version in VERSIONS.iter().filter(|v| !pythons.iter().any(|p| p.version == **v)) {
        println!(
            "Python {version} not found: its tests do not run (--require {version} makes that a failure)"
        );
    }
    let mut tally = Tally::new(only);
    tally.stage("build", || build_all(&pythons));
    // The command line's integration tests are the end-to-end stage below, once for each Python.
    tally.stage("tests without a Python", || {
        let others = ["--workspace", "--exclude", "moviola-cli", "--no-fail-fast"];
        let (passed, mut failed) =
            cargo_test(build::cargo().args(["test", "--release"]).args(others));
        let (own, own_failed) =
            cargo_test(build::cargo().args(["test", "--release", "-p", "moviola-cli", "--bins"]));
        failed.extend(own_failed);
        (passed + own, failed)
    });
    for python in &pythons {
        tally.stage(&format!("end to end, Python {}", python.version), || {
            let dir = build::target_dir().join("venv").join(&python.version);
            let exe = match pythons::environment(python, &dir) {
                Ok(exe) => exe,
                Err(e) => return (0, vec![e]),
            };
            cargo_test(
                build::cargo()
                    .args([
                        "test",
                        "--release",
                        "--package",
                        "moviola-cli",
                        "--test",
                        "e2e",
                        "--no-fail-fast",
                    ])
                    .args(["--", "--test-threads=2"])
                    .env("MOVIOLA_TEST_PYTHON", exe)
                    .env("MOVIOLA_RECORDER", build::extension_dir(python)),
            )
        });
        tally.stage(&format!("oracle, Python {}", python.version), || {
            fidelity::counted(python, &[])
        });
        tally.stage(&format!("oracle, generated programs, Python {}", python.version), || {
            fidelity::counted(python, &fidelity::GENERATED)
        });
        tally.stage(&format!("test_pdb, Python {}", python.version), || parity::counted(python));
        tally.stage(&format!("hostile programs, Python {}", python.version), || {
            fidelity::hostile(python)
        });
    }
    for python in &pythons {
        tally.stage(&format!("wheel, Python {}", python.version), || wheel::test(python));
    }
    if tally.finish() { Ok(()) } else { Err("some tests failed".to_owned()) }
}

fn build_all(pythons: &[Python]) -> (u64, Vec<String>) {
    let mut failed = Vec::new();
    let mut passed = 0;
    let mut note = |what: String, outcome: Result<std::path::PathBuf>| match outcome {
        Ok(path) => {
            println!("{what}: {}", path.display());
            passed += 1;
        }
        Err(e) => failed.push(format!("{what}: {e}")),
    };
    note("moviola".to_owned(), build::binary());
    for python in pythons {
        note(format!("recorder for {}", python.full), build::extension(python));
    }
    (passed, failed)
}

/// Runs `cargo test`, shows what it prints, and counts from its result lines.
fn cargo_test(command: &mut Command) -> (u64, Vec<String>) {
    let mut passed = 0;
    let mut failed = Vec::new();
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(e) => return (0, vec![format!("cargo test: {e}")]),
    };
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(std::io::Result::ok) {
            println!("{line}");
            if let Some(name) =
                line.strip_prefix("test ").and_then(|l| l.strip_suffix(" ... FAILED"))
            {
                failed.push(name.to_owned());
            } else if let Some(counts) = line.strip_prefix("test result: ") {
                passed += count_passed(counts);
            }
        }
    }
    match child.wait() {
        Ok(status) if status.success() => {}
        Ok(status) if failed.is_empty() => failed.push(format!("cargo test: {status}")),
        Ok(_) => {}
        Err(e) => failed.push(format!("cargo test: {e}")),
    }
    (passed, failed)
}

/// `ok. 12 passed; 0 failed; ...` -> 12.
fn count_passed(counts: &str) -> u64 {
    counts
        .split([';', '.'])
        .filter_map(|part| part.trim().strip_suffix(" passed")?.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts_come_from_the_result_line() {
        assert_eq!(super::count_passed("ok. 12 passed; 0 failed; 0 ignored"), 12);
        assert_eq!(super::count_passed("FAILED. 3 passed; 1 failed"), 3);
    }
}
