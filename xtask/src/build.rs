//! Builds the binary once and the extension for each Python, in directories of their own.

use crate::Result;
use crate::pythons::Python;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the source tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Runs a command and fails with its name when it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown}: {status}")),
        Err(e) => Err(format!("{shown}: {e}")),
    }
}

/// Cargo, at the root of the tree, as the developer's own shell would run it.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The release binary `moviola`.
pub fn binary() -> Result<PathBuf> {
    run(cargo().args(["build", "--release", "--quiet", "--package", "moviola-cli"]))?;
    Ok(binary_path())
}

/// Where [`binary`] puts it.
pub fn binary_path() -> PathBuf {
    target_dir().join("release").join("moviola")
}

/// The extension for `python`; the directory that it lies in.
pub fn extension(python: &Python) -> Result<PathBuf> {
    let dir = target_dir().join(format!("py{}", python.version));
    run(cargo()
        .args(["build", "--release", "--quiet", "--package", "moviola-recorder"])
        .arg("--target-dir")
        .arg(&dir)
        .env("PYO3_PYTHON", &python.exe))?;
    Ok(extension_dir(python))
}

/// Where [`extension`] puts it.
pub fn extension_dir(python: &Python) -> PathBuf {
    target_dir().join(format!("py{}", python.version)).join("release")
}
