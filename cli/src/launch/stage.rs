//! The private directory that brings the recorder into the program and its children.
//!
//! It holds the bootstrap as `sitecustomize` in an archive (so that Python writes no cache of it, and
//! a Python of another version takes the text), a link to the extension under its full name, and
//! what all processes of the recording know. It is removed when the recording ends.

use super::python::{BOOTSTRAP, Python};
use crate::failure::Failure;
use moviola_pipeline::family::Family;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

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
            std::fs::write(dir.path().join("boot.zip"), archive(python)?)?;
            Ok(dir)
        };
        match staged() {
            Ok(dir) => Ok(Self { dir }),
            Err(e) => Err(cannot(&e)),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Tells the processes to come what they are part of.
    pub fn announce(&self, family: &Family) -> Result<(), Failure> {
        family.save().map_err(|e| cannot(&e))
    }

    /// Somebody else is going to remove the directory.
    pub fn keep(self) {
        let _ = self.dir.keep();
    }

    /// What the recorded process finds in its environment besides the user's own.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let stage = self.dir.path();
        let mut path = stage.join("boot.zip").into_os_string();
        let mut env = vec![("MOVIOLA_STAGE", stage.as_os_str().to_owned())];
        if let Some(old) = users_path() {
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

/// The user's PYTHONPATH. If this process is itself part of a recording, its own is that of the
/// recording.
fn users_path() -> Option<OsString> {
    let inner = std::env::var_os("MOVIOLA_STAGE").is_some();
    std::env::var_os(if inner { "MOVIOLA_OLDPP" } else { "PYTHONPATH" })
}

/// What the recorded process must not inherit: it belongs to another recording, of which this
/// process is a part.
pub const FOREIGN: [&str; 2] = ["MOVIOLA_PARENT", "MOVIOLA_OLDPP"];

fn cannot(error: &std::io::Error) -> Failure {
    Failure::recorder(format!(
        "cannot write to the temporary directory {}: {error}; set TMPDIR to one that can be written to",
        std::env::temp_dir().display()
    ))
}

/// The archive that Python imports the bootstrap from.
fn archive(python: &Python) -> std::io::Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let files =
        [("sitecustomize.pyc", &python.bootstrap[..]), ("sitecustomize.py", BOOTSTRAP.as_bytes())];
    for (name, contents) in files {
        zip.start_file(name, stored).map_err(std::io::Error::other)?;
        zip.write_all(contents)?;
    }
    Ok(zip.finish().map_err(std::io::Error::other)?.into_inner())
}
