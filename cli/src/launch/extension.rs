//! Finding the recorder extension that was built for the Python to record.
//!
//! An extension built for another minor version loads without complaint and reads wrong struct
//! layouts, so its stamp is read from the file before anything is started. Must not load it.

use super::python::Python;
use crate::failure::Failure;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What cargo calls the extension.
const CARGO_NAME: &str = "libmoviola_recorder.so";
/// What the extension carries, followed by its version of Python: `3.11;...`.
const STAMP: &[u8] = b"MOVIOLA-ABI:3.";
/// Names the extension (a file, or the directory it lies in) where it is neither beside the
/// binary nor installed.
const OVERRIDE: &str = "MOVIOLA_RECORDER";

/// The extension for this Python.
///
/// # Errors
/// When there is none; the message says what to run.
pub fn find(python: &Python) -> Result<PathBuf, Failure> {
    let mut other = None;
    for path in candidates(python) {
        match stamped_minor(&path) {
            Some(minor) if minor == python.minor => return Ok(path),
            Some(minor) => other = other.or(Some((path, minor))),
            None => {}
        }
    }
    let install =
        format!("`{} -m pip install .` in Moviola's source directory", python.command.display());
    Err(Failure::recorder(match other {
        Some((path, minor)) => format!(
            "the recorder {} was built for Python 3.{minor}, but `{}` is {}; run {install}, or name a Python 3.{minor} with --python",
            path.display(),
            python.command.display(),
            python.version
        ),
        None => format!(
            "no recorder for Python {} is built; run {install}, or `cargo build --release` there with that Python first on PATH",
            python.version
        ),
    }))
}

/// Where an extension may lie, best first.
fn candidates(python: &Python) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    if let Some(given) = std::env::var_os(OVERRIDE).map(PathBuf::from) {
        if given.is_dir() {
            paths.push(given.join(CARGO_NAME));
        } else {
            paths.push(given);
        }
        return paths;
    }
    let exe = std::env::current_exe().and_then(|e| e.canonicalize());
    let dir = exe.ok().and_then(|e| e.parent().map(Path::to_owned));
    if let Some(dir) = &dir {
        paths.push(dir.join(CARGO_NAME));
        paths.push(dir.join("deps").join(CARGO_NAME));
        paths.push(dir.join("..").join(CARGO_NAME));
    }
    let mut roots = python.prefixes.clone();
    roots.extend(dir.as_deref().and_then(Path::parent).map(Path::to_owned));
    roots.push("/usr/local".into());
    for root in roots {
        let lib = root.join("lib").join(format!("python3.{}", python.minor));
        for packages in ["site-packages", "dist-packages"] {
            paths.push(
                lib.join(packages).join("moviola").join(format!("_recorder{}", python.suffix)),
            );
        }
    }
    paths
}

/// The minor version in the stamp of the extension at `path`; it always has two digits.
fn stamped_minor(path: &Path) -> Option<u32> {
    const WINDOW: usize = STAMP.len() + 2;
    let mut file = std::fs::File::open(path).ok()?;
    // The stamp is among the constants, far before the end of a large file.
    let mut bytes = Vec::new();
    loop {
        let more = file.by_ref().take(1 << 18).read_to_end(&mut bytes).ok()?;
        let found = bytes
            .windows(WINDOW)
            .filter(|window| window.starts_with(STAMP))
            .find_map(|window| std::str::from_utf8(&window[STAMP.len()..]).ok()?.parse().ok());
        if found.is_some() || more == 0 {
            return found;
        }
        bytes.drain(..bytes.len().saturating_sub(WINDOW - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamp_is_found_inside_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"\0\0MOVIOLA-ABI:3.\0MOVIOLA-ABI:3.12;x86_64\0").unwrap();
        assert_eq!(stamped_minor(file.path()), Some(12));
        for before in [(1 << 18) - 5, (1 << 18) - 14, 1 << 18] {
            let far = [vec![0; before], b"MOVIOLA-ABI:3.11".to_vec(), vec![0; 1 << 18]].concat();
            std::fs::write(file.path(), far).unwrap();
            assert_eq!(stamped_minor(file.path()), Some(11));
        }
        std::fs::write(file.path(), b"nothing").unwrap();
        assert_eq!(stamped_minor(file.path()), None);
    }
}
