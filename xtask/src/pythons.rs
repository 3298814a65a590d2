//! Which Pythons are on this machine: one of each minor version that Moviola records.

use crate::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The versions that Moviola records.
pub const VERSIONS: [&str; 3] = ["3.11", "3.12", "3.13"];

/// One interpreter.
#[derive(Debug, Clone)]
pub struct Python {
    /// `3.12`.
    pub version: String,
    /// `3.12.1`.
    pub full: String,
    /// The interpreter itself, not a shim of a version manager.
    pub exe: PathBuf,
}

impl Python {
    /// `3.12.1 (/path/to/python3.12)`.
    pub fn named(&self) -> String {
        format!("{} ({})", self.full, self.exe.display())
    }
}

/// A fresh virtual environment of `python`: what is installed on this machine does not take part
/// in the tests.
pub fn environment(python: &Python, dir: &Path) -> Result<PathBuf> {
    // What a former run left must not help.
    std::fs::remove_dir_all(dir).ok();
    crate::build::run(Command::new(&python.exe).args(["-m", "venv"]).arg(dir))?;
    Ok(dir.join("bin").join("python"))
}

/// The newest of each wanted version, from pyenv and PATH; `MOVIOLA_PYTHON_3_12=EXE` overrides.
pub fn find(wanted: &[&str]) -> Vec<Python> {
    wanted.iter().filter_map(|version| find_one(version)).collect()
}

/// The interpreters of `required`; names the missing ones in the error.
pub fn require(required: &[&str]) -> Result<Vec<Python>> {
    let found = find(required);
    let missing: Vec<&str> =
        required.iter().copied().filter(|v| !found.iter().any(|p| p.version == *v)).collect();
    if missing.is_empty() {
        return Ok(found);
    }
    Err(format!(
        "Python {} not found: install it with pyenv, put python{} on PATH, or set MOVIOLA_PYTHON_{}",
        missing.join(" and "),
        missing[0],
        missing[0].replace('.', "_")
    ))
}

fn find_one(version: &str) -> Option<Python> {
    let mut candidates = Vec::new();
    if let Some(exe) = std::env::var_os(format!("MOVIOLA_PYTHON_{}", version.replace('.', "_"))) {
        candidates.push(PathBuf::from(exe));
    }
    candidates.extend(pyenv(version));
    candidates.push(format!("python{version}").into());
    candidates.push("python3".into());
    candidates.iter().find_map(|exe| ask(exe, version))
}

fn pyenv(version: &str) -> Vec<PathBuf> {
    let Ok(output) = Command::new("pyenv").arg("root").output() else { return Vec::new() };
    let root = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let Ok(entries) = std::fs::read_dir(root.join("versions")) else { return Vec::new() };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let patch = name.strip_prefix(version)?.strip_prefix('.')?.parse().ok()?;
            Some((patch, entry.path().join("bin").join("python3")))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

fn ask(exe: &Path, version: &str) -> Option<Python> {
    let code = "import sys; print('%d.%d' % sys.version_info[:2], '%d.%d.%d' % sys.version_info[:3], sys.executable)";
    let output = Command::new(exe).args(["-I", "-c", code]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut words = text.trim().splitn(3, ' ');
    let (minor, full, path) = (words.next()?, words.next()?, words.next()?);
    (minor == version).then(|| Python {
        version: minor.to_owned(),
        full: full.to_owned(),
        exe: path.into(),
    })
}
