//! Where a command's result goes: standard output, or the file given with `-o`.

use crate::failure::{Failure, USAGE};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// An open output.
pub struct Output {
    to: Box<dyn Write>,
    path: Option<PathBuf>,
}

impl Output {
    /// Opens the file, or standard output, which is also called `-`.
    pub fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let path = path.filter(|path| *path != Path::new("-"));
        let to: Box<dyn Write> = match path {
            None => Box::new(BufWriter::with_capacity(1 << 16, io::stdout().lock())),
            Some(path) => {
                let file = File::create(path).map_err(|e| cannot(Some(path), &e))?;
                Box::new(BufWriter::with_capacity(1 << 16, file))
            }
        };
        Ok(Self { to, path: path.map(Path::to_owned) })
    }

    /// To write to.
    pub fn writer(&mut self) -> &mut dyn Write {
        &mut self.to
    }

    /// Whether this error only says that nobody reads standard output any more.
    pub fn is_closed_pipe(&self, error: &io::Error) -> bool {
        self.path.is_none() && error.kind() == io::ErrorKind::BrokenPipe
    }

    /// The failure to report for this error.
    pub fn failure(&self, error: &io::Error) -> Failure {
        cannot(self.path.as_deref(), error)
    }

    /// Writes what is still held back.
    pub fn finish(mut self) -> Result<(), Failure> {
        match self.to.flush() {
            Err(e) if !self.is_closed_pipe(&e) => Err(self.failure(&e)),
            _ => Ok(()),
        }
    }
}

fn cannot(path: Option<&Path>, error: &io::Error) -> Failure {
    let what = path.map_or_else(|| "standard output".to_owned(), |p| format!("`{}`", p.display()));
    Failure {
        code: USAGE,
        text: format!("cannot write {what}: {error}; choose another place with -o"),
    }
}
