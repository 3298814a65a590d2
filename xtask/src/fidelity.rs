//! `cargo xtask fidelity`: recordings of the corpus and the samples, or of generated programs,
//! against the oracle, and the calls of the program's functions against those of a plain run.
//!
//! The work is done by `tests/oracle/fidelity.py` and `hostile.py`; this builds what they need,
//! calls them for each Python, and sums up.

use crate::pythons::{self, Python, VERSIONS};
use crate::{Result, build};
use serde_json::Value;
use std::fmt::Write as _;
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
    let generated = passed.contains(&"--random");
    let (mut rows, mut notes, mut failed) = (String::new(), String::new(), Vec::new());
    for python in &pythons {
        if build_first {
            build::extension(python)?;
        }
        let (ran, report) = run(python, COMPARISON, &passed);
        let mut as_wanted = ran.is_ok();
        summarize(&mut rows, &mut notes, python, &report["total"]);
        if !generated {
            let names: Vec<&str> = names_in(&passed);
            let (ran, report) = run(python, HOSTILE, &names);
            as_wanted &= ran.is_ok() || report.is_null() && !names.is_empty();
            let calls = &report["total"]["by recorder"];
            writeln!(
                notes,
                "{}: user-defined methods called by the recorder: {calls}",
                python.version
            )
            .ok();
        }
        if !as_wanted {
            failed.push(python.version.as_str());
        }
    }
    let columns = ["Python", "programs", "line events", "identical", "unknown", "wrong", "order"];
    println!("\n{}\n{rows}\n{notes}", row(&columns.map(str::to_owned)));
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("not as the oracle: {}", failed.join(", ")))
    }
}

/// Compares recordings with the oracle, and prints a table.
const COMPARISON: &str = "fidelity.py";
/// Counts the program's functions that run because it is recorded.
const HOSTILE: &str = "hostile.py";

/// What a test run compares of generated programs; the same ones each time, named by their seeds.
pub const GENERATED: [&str; 4] = ["--random", "50", "--seed", "1"];

/// The names of programs among what was passed.
fn names_in<'a>(passed: &[&'a str]) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut passed = passed.iter();
    while let Some(word) = passed.next() {
        match *word {
            "--show" | "--jobs" => _ = passed.next(),
            word if word.starts_with("--") => {}
            word => names.push(word),
        }
    }
    names
}

fn row(cells: &[String]) -> String {
    cells.iter().map(|cell| format!("{cell:>12}")).collect::<String>().trim_end().to_owned()
}

/// Adds one Python's row, and by name what was perturbed and what does not count.
fn summarize(rows: &mut String, notes: &mut String, python: &Python, total: &Value) {
    let mut cells = vec![python.version.clone()];
    for key in ["programs", "lines", "identical", "unknown", "wrong", "order"] {
        cells.push(total[key].to_string());
    }
    writeln!(rows, "{}", row(&cells)).ok();
    for (what, empty) in [("perturbed", "none"), ("excused", "")] {
        let named: Vec<String> = total[what].as_object().map_or_else(Vec::new, |programs| {
            programs.iter().map(|(name, how)| format!("{name} {how}")).collect()
        });
        if !named.is_empty() || !empty.is_empty() {
            let named = if named.is_empty() { empty.to_owned() } else { named.join(", ") };
            writeln!(notes, "{}: {what} programs: {named}", python.version).ok();
        }
    }
}

/// One Python's comparison with the oracle, counted by program.
pub fn counted(python: &Python, passed: &[&str]) -> (u64, Vec<String>) {
    let (ran, report) = run(python, COMPARISON, passed);
    tally(ran, &report, |row| row["bad"].as_array().is_some_and(Vec::is_empty))
}

/// The program's functions that run because it is recorded, counted by program; first whether a
/// recorder that does call them would be found out.
pub fn hostile(python: &Python) -> (u64, Vec<String>) {
    if let (Err(e), _) = run(python, HOSTILE, &["--self-test"]) {
        return (0, vec![format!("self-test: {e}")]);
    }
    let (ran, report) = run(python, HOSTILE, &[]);
    tally(ran, &report, |row| {
        row["by recorder"] == 0 && row["notes"].as_array().is_some_and(Vec::is_empty)
    })
}

/// Counts the rows of a report that are good, and names the others.
pub fn tally(ran: Result<()>, report: &Value, good: impl Fn(&Value) -> bool) -> (u64, Vec<String>) {
    let rows = report["rows"].as_array().cloned().unwrap_or_default();
    if rows.is_empty() {
        return (0, vec![ran.err().unwrap_or_else(|| "no report".to_owned())]);
    }
    let failed: Vec<String> =
        rows.iter().filter(|row| !good(row)).map(|row| row["name"].to_string()).collect();
    ((rows.len() - failed.len()) as u64, failed)
}

/// One Python's table and what it reports; what is built already is used.
pub fn run(python: &Python, script: &str, passed: &[&str]) -> (Result<()>, Value) {
    let file = build::target_dir().join(format!("{script}-{}.json", python.version));
    std::fs::remove_file(&file).ok();
    let ran = build::run(
        Command::new(&python.exe)
            .arg(build::root().join("tests/oracle").join(script))
            .args(["--python", &format!("{}={}", python.version, python.exe.display())])
            .arg("--moviola")
            .arg(build::binary_path())
            .arg("--recorder")
            .arg(build::extension_dir(python))
            .arg("--cache")
            .arg(build::target_dir().join("oracle").join(&python.version))
            .arg("--json")
            .arg(&file)
            .args(passed)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    );
    let report = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    (ran, report.unwrap_or(Value::Null))
}
