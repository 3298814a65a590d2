//! Opening a trace for a subcommand: errors that say what, where and what next, and the facts
//! that every front end asks for.

use crate::failure::Failure;
use moviola_format::read::{Trace, TraceError};
use std::path::Path;

/// Opens a trace; the ring of a killed recording beside it is read as well.
pub fn trace(path: &Path) -> Result<Trace, Failure> {
    if path.is_dir() {
        return Err(Failure::trace(format!(
            "`{}` is a directory, not a trace; name the file in it",
            path.display()
        )));
    }
    Trace::open(path).map_err(|e| failure(path, &e))
}

/// Opens a trace for what needs more than coverage.
pub fn full(path: &Path) -> Result<Trace, Failure> {
    let trace = trace(path)?;
    if is_coverage(&trace) {
        return Err(Failure::trace(format!(
            "`{}` was recorded with --detail coverage: it says which lines ran, and nothing else; \
             `moviola coverage` reads it",
            path.display()
        )));
    }
    Ok(trace)
}

/// Whether only coverage was recorded.
pub fn is_coverage(trace: &Trace) -> bool {
    Facts::of(trace).get("detail").starts_with("coverage")
}

/// What the user is told about a trace that cannot be used.
pub fn failure(path: &Path, error: &TraceError) -> Failure {
    let shown = path.display();
    Failure::trace(match error {
        TraceError::Io { error, .. } if error.kind() == std::io::ErrorKind::NotFound => {
            format!("no such trace: `{shown}`; check the path, or make one with `moviola record`")
        }
        TraceError::Io { error, .. } if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            format!(
                "`{shown}` is not a Moviola trace: it is too short; make one with `moviola record`"
            )
        }
        TraceError::Io { .. } => format!("`{shown}`: {error}; check the file and its permissions"),
        TraceError::NotATrace => {
            format!("`{shown}` is not a Moviola trace; make one with `moviola record`")
        }
        TraceError::NewerVersion { .. } => {
            format!("`{shown}`: {error}; open it with a newer Moviola")
        }
        TraceError::Damaged { .. } => {
            format!("`{shown}`: {error}; `moviola recover` keeps what lies before the damage")
        }
    })
}

/// A position as it is given on a command line: @N, `start` or `end`; `last` is the last there is.
pub fn position(given: &str, last: u64) -> Result<u64, Failure> {
    let number = match given {
        "start" => Some(0),
        "end" => Some(last),
        _ => given.strip_prefix('@').unwrap_or(given).parse().ok(),
    };
    number.filter(|stop| *stop <= last).ok_or_else(|| {
        Failure::usage(format!("{given} is no position of this trace: give @0 to @{last}"))
    })
}

/// The facts about the run that the recorder wrote at its start.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    meta: &'a [(String, String)],
}

impl<'a> Facts<'a> {
    /// Those of a trace.
    pub fn of(trace: &'a Trace) -> Self {
        Self { meta: trace.meta() }
    }

    /// One fact, or nothing.
    pub fn get(&self, key: &str) -> &'a str {
        self.meta.iter().find(|(k, _)| k == key).map_or("", |(_, value)| value)
    }

    /// The command line as a list.
    pub fn argv(&self) -> serde_json::Value {
        serde_json::from_str(self.get("argv")).unwrap_or_else(|_| serde_json::json!([]))
    }

    /// The command line as one would type it.
    pub fn command_line(&self) -> String {
        let argv = self.argv();
        let words = argv.as_array().map_or(&[][..], Vec::as_slice);
        let quoted = words.iter().map(|word| {
            let word = word.as_str().unwrap_or("?");
            let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
            if !word.is_empty() && word.chars().all(plain) {
                word.to_owned()
            } else {
                format!("'{}'", word.replace('\'', "'\\''"))
            }
        });
        quoted.collect::<Vec<_>>().join(" ")
    }

    /// Everything but the lists of lines, which are long.
    pub fn all(&self) -> serde_json::Value {
        let short = self.meta.iter().filter(|(key, _)| key != "lines");
        let pairs = short.map(|(k, v)| (k.clone(), v.clone().into()));
        serde_json::Value::Object(pairs.collect())
    }
}
