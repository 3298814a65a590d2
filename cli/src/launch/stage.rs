//! The private directory that brings the recorder into the program.
//!
//! It holds the compiled bootstrap as `sitecustomize.pyc` (so that Python writes no cache of it)
//! and a link to the extension under its full name. It is removed when the recording ends.

use super::python::Python;
use crate::failure::Failure;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The staged files; dropping it removes them.
#[derive(Debug)]
pub struct Stage {
    dir: TempDir,
}

impl Stage {
    /// Stages the recorder for `python`.
    pub fn create(python: &Python, extension: &Path) -> Result<Self, Failure> {
        let staged = || -> std::io::Result<TempDir> {
            // Python separates the entries of PYTHONPATH by colons and knows no escape for one.
            let base = std::env::temp_dir();
            let base = std::path::absolute(&base)?;
            let base = if base.as_os_str().to_string_lossy().contains(':') {
                PathBuf::from("/tmp")
            } else {
                base
            };
            let dir = tempfile::Builder::new().prefix("moviola-").tempdir_in(base)?;
            let package = dir.path().join("moviola");
            std::fs::create_dir(&package)?;
            let name = format!("_recorder{}", python.suffix);
            std::os::unix::fs::symlink(extension, package.join(name))?;
            std::fs::write(dir.path().join("sitecustomize.pyc"), &python.bootstrap)?;
            Ok(dir)
        };
        match staged() {
            Ok(dir) => Ok(Self { dir }),
            Err(e) => Err(Failure::recorder(format!(
                "cannot write to the temporary directory {}: {e}; set TMPDIR to one that can be written to",
                std::env::temp_dir().display()
            ))),
        }
    }

    /// What the recorded process finds in its environment besides the user's own.
    pub fn environment(
        &self,
        ring: &Path,
        trace: &Path,
        options: &str,
    ) -> Vec<(&'static str, OsString)> {
        let boot = self.dir.path();
        let mut path = boot.as_os_str().to_owned();
        let mut env = vec![
            ("MOVIOLA_BOOT", boot.as_os_str().to_owned()),
            ("MOVIOLA_RING", ring.as_os_str().to_owned()),
            ("MOVIOLA_TRACE", trace.as_os_str().to_owned()),
            ("MOVIOLA_OPTIONS", options.into()),
        ];
        if let Some(old) = std::env::var_os("PYTHONPATH") {
            // An empty entry would mean the current directory.
            if !old.is_empty() {
                path.push(":");
                path.push(&old);
            }
            env.push(("MOVIOLA_OLDPP", old));
        }
        env.push(("PYTHONPATH", path));
        env
    }
}
