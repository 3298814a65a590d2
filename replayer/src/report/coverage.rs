//! Which lines of the recorded files ran, and how often.
//!
//! Executable lines are the statements of the recorded source, also of code that never ran;
//! without a source, the lines that the recorded code has instructions for. Hits are line events.

use super::statements::{Statements, statements};
use crate::timeline::Timeline;
use moviola_format::read::{Trace, TraceError};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What to report.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Files under these directories only; empty: the script's directory.
    pub roots: Vec<String>,
}

/// One file's lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileCoverage {
    /// Absolute file name.
    pub filename: String,
    /// Executable lines and how often each was about to run.
    pub lines: BTreeMap<u32, u64>,
    /// Functions: first line, qualified name, calls.
    pub functions: Vec<(u32, String, u64)>,
}

impl FileCoverage {
    /// Executable lines that ran.
    #[must_use]
    pub fn covered(&self) -> usize {
        self.lines.values().filter(|hits| **hits > 0).count()
    }

    /// Executable lines that did not run.
    #[must_use]
    pub fn missing(&self) -> Vec<u32> {
        self.lines.iter().filter(|(_, hits)| **hits == 0).map(|(line, _)| *line).collect()
    }

    /// Per cent of the executable lines that ran, as coverage.py rounds it: 100 only if all did,
    /// 0 only if none.
    #[must_use]
    pub fn percent(&self) -> u64 {
        percent(self.covered() as u64, self.lines.len() as u64)
    }
}

/// `CO_OPTIMIZED`.
const OPTIMIZED: u32 = 1;

fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 || part == whole {
        return 100;
    }
    if part == 0 {
        return 0;
    }
    ((200 * part + whole) / (2 * whole)).clamp(1, 99)
}

/// Which recorded files are in question.
#[derive(Debug)]
pub struct Scope {
    roots: Vec<String>,
    cwd: String,
}

impl Scope {
    /// By the options, for a recording.
    #[must_use]
    pub fn new(trace: &Trace, options: &Options) -> Self {
        let meta = |key: &str| crate::timeline::meta_of(trace, key);
        let cwd = meta("cwd").to_owned();
        let roots = if options.roots.is_empty() {
            vec![crate::export::default_root(meta("script"), &cwd)]
        } else {
            options.roots.clone()
        };
        Self { roots, cwd }
    }

    /// The absolute name of a code object's file; `None` if it is not in question.
    #[must_use]
    pub fn file(&self, filename: &str) -> Option<String> {
        let file = crate::export::absolute(&self.cwd, filename);
        let inside = self.roots.iter().any(|root| {
            let root = root.trim_end_matches('/');
            file.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
        });
        (!filename.starts_with('<') && inside).then_some(file)
    }
}

/// Lines and hits of every recorded file in question, sorted by name.
///
/// # Errors
/// If the trace cannot be read.
pub fn coverage(trace: &Trace, options: &Options) -> Result<Vec<FileCoverage>, TraceError> {
    let scope = Scope::new(trace, options);
    let mut files: BTreeMap<String, FileCoverage> = BTreeMap::new();
    let mut names: Vec<Option<String>> = Vec::new();
    let mut sources: BTreeMap<String, Option<Statements>> = BTreeMap::new();
    for code in trace.codes() {
        let file = scope.file(&code.filename);
        names.push(file.clone());
        let Some(file) = file else { continue };
        let source = sources.entry(file.clone()).or_insert_with(|| {
            let text = trace.source(&code.filename).or_else(|| trace.source(&file));
            text.and_then(|text| statements(&text))
        });
        let entry = files.entry(file.clone()).or_insert_with(|| {
            let mut entry = FileCoverage { filename: file, ..FileCoverage::default() };
            if let Some(source) = source {
                entry.lines.extend(source.lines().map(|line| (line, 0)));
                let functions = source.functions.iter();
                entry.functions = functions.map(|(_, def, name)| (*def, name.clone(), 0)).collect();
            }
            entry
        });
        if source.is_none() {
            // Without the source, the lines that the recorded code has instructions for.
            for line in &code.lines {
                let own =
                    *line == code.first_line && code.lines.len() > 1 && code.name != "<module>";
                if !own {
                    entry.lines.entry(*line).or_insert(0);
                }
            }
        }
        if !code.name.starts_with('<') {
            let calls = trace.call_hits(code.id).total()?;
            let defined = source.as_ref().and_then(|source| {
                let mut found = source.functions.iter().filter(|(first, def, name)| {
                    (*first == code.first_line || *def == code.first_line) && *name == code.qualname
                });
                found.next().map(|(_, def, _)| *def)
            });
            let line = defined.unwrap_or(code.first_line);
            match entry
                .functions
                .iter_mut()
                .find(|(at, name, _)| *at == line && *name == code.qualname)
            {
                Some((_, _, count)) => *count += calls,
                // Class bodies are no functions.
                None if code.flags & OPTIMIZED != 0 => {
                    entry.functions.push((line, code.qualname.clone(), calls));
                }
                None => {}
            }
        }
    }
    for (code, line, count) in trace.all_line_hits()? {
        let name = usize::try_from(code).ok().and_then(|code| names.get(code));
        let Some(Some(name)) = name else { continue };
        let Some(file) = files.get_mut(name) else { continue };
        match sources.get(name) {
            Some(Some(source)) => {
                // A line in the middle of a statement tells that the statement ran.
                let Some(first) = source.first_of.get(&line) else { continue };
                let hits = file.lines.entry(*first).or_insert(0);
                if *first == line {
                    *hits += count;
                } else {
                    *hits = (*hits).max(1);
                }
            }
            _ => *file.lines.entry(line).or_insert(0) += count,
        }
    }
    let mut files: Vec<FileCoverage> = files.into_values().collect();
    for file in &mut files {
        file.functions.sort();
    }
    Ok(files)
}

impl Timeline {
    /// Lines and hits of the recorded files.
    ///
    /// # Errors
    /// If the trace cannot be read.
    pub fn coverage(&self, options: &Options) -> Result<Vec<FileCoverage>, TraceError> {
        coverage(self.trace(), options)
    }
}

/// coverage.py's text report: statements, missing, per cent, missing lines.
#[must_use]
pub fn text(files: &[FileCoverage], relative_to: &str) -> String {
    let shown = |file: &FileCoverage| {
        let base = format!("{}/", relative_to.trim_end_matches('/'));
        file.filename.strip_prefix(&base).unwrap_or(&file.filename).to_owned()
    };
    let width = files.iter().map(|file| shown(file).chars().count()).max().unwrap_or(0).max(5);
    let mut out = format!("{:<width$}   Stmts   Miss  Cover   Missing\n", "Name");
    let rule = "-".repeat(out.trim_end().len());
    let _ = writeln!(out, "{rule}");
    let (mut all, mut ran) = (0, 0);
    for file in files {
        let (count, covered) = (file.lines.len(), file.covered());
        all += count;
        ran += covered;
        let row = format!(
            "{:<width$}   {count:>5}   {:>4}   {:>3}%   {}",
            shown(file),
            count - covered,
            file.percent(),
            ranges(&file.missing(), file)
        );
        let _ = writeln!(out, "{}", row.trim_end());
    }
    let _ = writeln!(out, "{rule}");
    let row = format!(
        "{:<width$}   {all:>5}   {:>4}   {:>3}%",
        "TOTAL",
        all - ran,
        percent(ran as u64, all as u64)
    );
    let _ = writeln!(out, "{row}");
    out
}

/// `3-5, 9`: missing lines, joined over lines that are not executable.
fn ranges(missing: &[u32], file: &FileCoverage) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    let lines: Vec<u32> = file.lines.keys().copied().collect();
    for line in missing {
        let before = lines.partition_point(|other| other < line).checked_sub(1);
        let before = before.and_then(|at| lines.get(at));
        match parts.last_mut() {
            Some((_, end)) if Some(&*end) == before => *end = *line,
            _ => parts.push((*line, *line)),
        }
    }
    let shown =
        parts.iter().map(
            |(first, last)| {
                if first == last { first.to_string() } else { format!("{first}-{last}") }
            },
        );
    shown.collect::<Vec<_>>().join(", ")
}

/// The lcov tracefile format.
#[must_use]
pub fn lcov(files: &[FileCoverage]) -> String {
    let mut out = String::new();
    for file in files {
        let _ = writeln!(out, "SF:{}", file.filename);
        for (line, name, _) in &file.functions {
            let _ = writeln!(out, "FN:{line},{name}");
        }
        for (_, name, calls) in &file.functions {
            let _ = writeln!(out, "FNDA:{calls},{name}");
        }
        let hit = file.functions.iter().filter(|(_, _, calls)| *calls > 0).count();
        let _ = writeln!(out, "FNF:{}\nFNH:{hit}", file.functions.len());
        for (line, hits) in &file.lines {
            let _ = writeln!(out, "DA:{line},{hits}");
        }
        let _ = writeln!(out, "LF:{}\nLH:{}\nend_of_record", file.lines.len(), file.covered());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> FileCoverage {
        FileCoverage {
            filename: "/p/a.py".to_owned(),
            lines: [(1, 1), (2, 0), (4, 0), (5, 3), (9, 0)].into(),
            functions: vec![(1, "f".to_owned(), 3)],
        }
    }

    #[test]
    fn missing_lines_join_over_blank_ones() {
        let file = sample();
        assert_eq!(ranges(&file.missing(), &file), "2-4, 9");
        assert_eq!(file.percent(), 40);
        let report = text(&[file], "/p");
        assert!(report.contains("a.py        5      3    40%   2-4, 9\n"), "{report}");
    }

    #[test]
    fn per_cent_is_never_rounded_to_all_or_none() {
        assert_eq!(percent(999, 1000), 99);
        assert_eq!(percent(1, 1000), 1);
        assert_eq!(percent(0, 0), 100);
    }

    #[test]
    fn lcov_counts() {
        let report = lcov(&[sample()]);
        assert!(report.contains("DA:5,3\n") && report.contains("LF:5\nLH:2\nend_of_record\n"));
    }
}
