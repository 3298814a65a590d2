//! The texts that coverage is told of: those of the recordings, and of files that never ran.

use crate::ui;
use moviola_format::read::{Trace, check_encoding, decoded};
use moviola_replayer::report::coverage::code::{Code, Patterns};
use moviola_replayer::report::coverage::{Choice, Measured};
use moviola_replayer::report::executable_lines;
use std::collections::{BTreeMap, BTreeSet};

/// A source text and what the recording says of it.
#[derive(Debug, Clone)]
pub struct Source {
    bytes: Vec<u8>,
    lines: Option<BTreeSet<u32>>,
    minor: u32,
    recorded: bool,
    never_ran: bool,
}

impl Source {
    /// Looks into it. Python has compiled what ran, of other texts this says if it cannot.
    pub fn code(&self, patterns: &Patterns) -> Result<Code, String> {
        if self.never_ran {
            check_encoding(&self.bytes)?;
        }
        Code::new(&decoded(&self.bytes), self.lines.clone(), self.minor, patterns)
    }
}

/// All of them, by absolute file name.
#[derive(Debug, Default)]
pub struct Sources {
    files: BTreeMap<String, Source>,
    /// All names that were recorded, of interest or not.
    names: Vec<String>,
    minor: u32,
}

impl Sources {
    /// Adds the texts of the chosen files of a trace. The first text of a file counts; other traces'
    /// may differ, which is said.
    pub fn add(&mut self, trace: &Trace, chosen: &[Option<String>]) {
        let facts = crate::open::Facts::of(trace);
        let mut version = facts.get("python").split('.').skip(1);
        let minor = version.next().and_then(|minor| minor.parse().ok()).unwrap_or_default();
        self.minor = self.minor.max(minor);
        let wanted: BTreeSet<&str> = chosen.iter().flatten().map(String::as_str).collect();
        let mut lines = executable_lines(trace, |name| wanted.contains(name));
        let mut seen = BTreeSet::new();
        for (code, file) in trace.codes().iter().zip(chosen) {
            self.names.push(code.filename.clone());
            let Some(file) = file.as_ref().filter(|file| seen.insert(file.as_str())) else {
                continue;
            };
            let text = trace.source_bytes(&code.filename).or_else(|| trace.source_bytes(file));
            let recorded = text.is_some();
            let Some(bytes) = text.or_else(|| std::fs::read(file).ok()) else { continue };
            match self.files.get_mut(file) {
                Some(known) if known.bytes != bytes => {
                    ui::warn(&format!(
                        "`{file}` is not the same in all traces: the first one's text counts"
                    ));
                }
                // Lines are told once a run; one that was cut short may lack them.
                Some(known) => {
                    if known.lines.is_none() {
                        known.lines = lines.remove(file);
                    }
                }
                None => {
                    let lines = lines.remove(file);
                    let source = Source { bytes, lines, minor, recorded, never_ran: false };
                    self.files.insert(file.clone(), source);
                }
            }
        }
    }

    /// The text of a recorded file.
    pub fn get(&self, file: &str) -> Option<Source> {
        self.files.get(file).cloned()
    }

    /// The logical lines of a recorded file; each line by itself if the text is not known.
    #[cfg(feature = "coverage-data")]
    pub fn lines(&self, file: &str) -> moviola_replayer::report::coverage::code::Lines {
        use moviola_replayer::report::coverage::code::logical_lines;
        self.files
            .get(file)
            .map(|source| logical_lines(&decoded(&source.bytes)))
            .unwrap_or_default()
    }

    /// A text of which no recording says anything.
    pub fn unknown(&self, bytes: Vec<u8>) -> Source {
        Source { bytes, lines: None, minor: self.minor, recorded: false, never_ran: true }
    }

    /// Files of interest in which nothing ran, with their texts from disk.
    pub fn never_ran(&self, choice: &Choice, measured: &Measured) -> Vec<(String, Vec<u8>)> {
        for package in choice.never_imported(&self.names) {
            ui::warn(&format!("no file of the package {package} ran"));
        }
        let mut found = Vec::new();
        for file in choice.on_disk(&self.names) {
            if measured.files.contains_key(&file) {
                continue;
            }
            match std::fs::read(&file) {
                Ok(bytes) => found.push((file, bytes)),
                Err(error) => ui::warn(&format!("cannot read `{file}`: {error}; it is left out")),
            }
        }
        found
    }

    /// Says which files have changed since.
    pub fn warn_of_changes(&self) {
        for (file, source) in self.files.iter().filter(|(_, source)| source.recorded) {
            // A file that is gone, as on another machine, tells nothing.
            if std::fs::read(file).is_ok_and(|bytes| bytes != source.bytes) {
                ui::warn(&format!(
                    "`{file}` has changed since it was recorded: the report shows it as it was"
                ));
            }
        }
    }
}
