//! `.cover` files: a source with the count of each line in front of it.

use super::strings::string_lines;
use super::{Results, module_name};
use crate::report::executable::executable_lines;
use crate::timeline::Timeline;
use moviola_format::read::decoded;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Reads the source of this name, if there is one.
pub type ReadSource = fn(&str) -> Option<Vec<u8>>;

/// How the files are to be.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// Mark lines that could have run and did not.
    pub missing: bool,
    /// All files in this directory, by the modules' full names; `None`: each beside its source.
    pub directory: Option<String>,
    /// `sys.path`, for the full names.
    pub search_path: Vec<String>,
    /// The directory that relative names are relative to.
    pub cwd: String,
    /// Reads a source that no recording has, for counts from a counts file; `None`: such sources
    /// are a problem.
    pub read: Option<ReadSource>,
}

/// One file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// The source's name.
    pub file: String,
    /// The module's name.
    pub module: String,
    /// Where it goes.
    pub path: String,
    /// Its contents.
    pub bytes: Vec<u8>,
    /// Lines that ran, and lines that could have.
    pub hits: (usize, usize),
}

/// What came of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Its file.
    Cover(Cover),
    /// Why there is none.
    Problem(String),
}

impl Cover {
    /// The files for some results, in the order of the sources' first lines. `times` are the
    /// recordings that the sources and the lines are taken from.
    #[must_use]
    pub fn all(results: &Results, times: &[Timeline], layout: &Layout) -> Vec<Written> {
        let mut order: Vec<&str> = Vec::new();
        let mut by_file: FxHashMap<&str, FxHashMap<u32, u64>> = FxHashMap::default();
        for ((file, line), count) in &results.counts {
            // Made-up names: there is no file.
            if file.starts_with('<') && file.ends_with('>') {
                continue;
            }
            let lines = by_file.entry(file).or_insert_with(|| {
                order.push(file);
                FxHashMap::default()
            });
            *lines.entry(*line).or_insert(0) += count;
        }
        order.into_iter().map(|file| Self::of(file, &by_file[file], times, layout)).collect()
    }

    fn of(
        file: &str,
        counts: &FxHashMap<u32, u64>,
        times: &[Timeline],
        layout: &Layout,
    ) -> Written {
        let absolute = crate::export::absolute(&layout.cwd, file);
        let recorded = times.iter().find_map(|time| {
            let bytes = time.trace().source_bytes(file).or_else(|| {
                let canonic = time.canonic(&absolute);
                time.trace().source_bytes(&canonic)
            });
            bytes.map(|bytes| (Some(time), bytes))
        });
        let read = || layout.read.and_then(|read| read(&absolute)).map(|bytes| (None, bytes));
        let Some((time, bytes)) = recorded.or_else(read) else {
            return Written::Problem(format!("no source of {file} is recorded: no .cover file"));
        };
        let text = decoded(&bytes);
        let missing = if layout.missing {
            let found = time.and_then(|time| {
                let canonic = time.canonic(&absolute);
                let found = executable_lines(time.trace(), |name| name == canonic);
                let lines = found.into_values().next()?;
                Some(&lines - &string_lines(&text, time.minor()))
            });
            match found {
                Some(lines) => lines,
                None => {
                    return Written::Problem(format!(
                        "no recording says which lines of {file} can run: leave out -m, or name \
                         a recording of it"
                    ));
                }
            }
        } else {
            BTreeSet::new()
        };
        let module = match &layout.directory {
            Some(_) => full_module_name(file, &layout.search_path),
            None => module_name(file).to_owned(),
        };
        let directory = layout.directory.clone().unwrap_or_else(|| {
            absolute
                .rsplit_once('/')
                .map_or_else(String::new, |(directory, _)| directory.to_owned())
        });
        let path = format!("{}/{module}.cover", directory.trim_end_matches('/'));
        let (annotated, hits) = annotate(&text, counts, &missing);
        Written::Cover(Self {
            file: file.to_owned(),
            module,
            path,
            bytes: encoded(annotated, &bytes),
            hits,
        })
    }

    /// Per cent of the lines that ran, as the summary rounds it.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let (ran, all) = self.hits;
        (100.0 * ran as f64 / all.max(1) as f64) as u64
    }
}

/// How the summary shows per cent values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SummaryFormat {
    /// Cut to whole ones, as Python does up to 3.13.
    Whole,
    /// With a decimal, as from 3.14 on.
    Tenths,
}

/// The summary of `-s`.
#[must_use]
pub fn summary(covers: &[Cover], format: SummaryFormat) -> String {
    let mut rows: FxHashMap<&str, &Cover> = FxHashMap::default();
    for cover in covers.iter().filter(|cover| cover.hits.1 > 0) {
        rows.insert(&cover.module, cover);
    }
    let mut rows: Vec<&Cover> = rows.into_values().collect();
    rows.sort_by(|a, b| a.module.cmp(&b.module));
    if rows.is_empty() {
        return String::new();
    }
    let mut out = "lines   cov%   module   (path)\n".to_owned();
    for cover in rows {
        let (ran, lines) = cover.hits;
        let percent = match format {
            SummaryFormat::Whole => format!("{:3}", cover.percent()),
            SummaryFormat::Tenths => format!("{:.1}", 100.0 * (ran as f64 / lines as f64)),
        };
        out.push_str(&format!("{lines:5}   {percent}%   {}   ({})\n", cover.module, cover.file));
    }
    out
}

/// `trace._fullmodname`: the name relative to the longest directory of the path that holds the file.
fn full_module_name(file: &str, path: &[String]) -> String {
    let holds = |directory: &&String| {
        file.strip_prefix(directory.as_str()).is_some_and(|rest| rest.starts_with('/'))
    };
    let longest = path.iter().filter(holds).map(String::len).max().unwrap_or(0);
    let base = if longest > 0 { &file[longest + 1..] } else { file };
    let dotted = base.replace('/', ".");
    let stem = dotted.trim_start_matches('.');
    stem.rfind('.').map_or(stem, |dot| &stem[..dot]).to_owned()
}

fn annotate(
    text: &str,
    counts: &FxHashMap<u32, u64>,
    missing: &BTreeSet<u32>,
) -> (String, (usize, usize)) {
    let mut out = String::with_capacity(text.len() * 2);
    let (mut hits, mut lines) = (0, 0);
    let normal = text.replace("\r\n", "\n").replace('\r', "\n");
    for (number, line) in (1_u32..).zip(normal.split_inclusive('\n')) {
        if let Some(count) = counts.get(&number) {
            out.push_str(&format!("{count:5}: "));
            hits += 1;
            lines += 1;
        } else if missing.contains(&number) && !line.contains("#pragma NO COVER") {
            out.push_str(">>>>>> ");
            lines += 1;
        } else {
            out.push_str("       ");
        }
        let mut column = 0;
        for char in line.chars() {
            if char == '\t' {
                let spaces = 8 - column % 8;
                out.extend(std::iter::repeat_n(' ', spaces));
                column += spaces;
            } else {
                out.push(char);
                column += 1;
            }
        }
    }
    // `linecache` ends every line.
    if !normal.is_empty() && !normal.ends_with('\n') {
        out.push('\n');
    }
    (out, (hits, lines))
}

/// In the source's own encoding, if that is one of those that are known here; else in UTF-8.
fn encoded(text: String, raw: &[u8]) -> Vec<u8> {
    if raw.starts_with(b"\xef\xbb\xbf") {
        return [b"\xef\xbb\xbf", text.as_bytes()].concat();
    }
    let head: Vec<&[u8]> = raw.split(|byte| *byte == b'\n').take(2).collect();
    let head = String::from_utf8_lossy(&head.concat()).to_lowercase().replace('_', "-");
    let latin = ["latin-1", "iso-8859-1", "iso8859-1"].iter().any(|name| head.contains(name));
    if head.contains("coding") && latin && text.chars().all(|char| u32::from(char) < 256) {
        return text.chars().map(|char| u32::from(char) as u8).collect();
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_annotated() {
        let counts = FxHashMap::from_iter([(1, 3), (4, 100_000)]);
        let missing = BTreeSet::from([2, 3]);
        let (text, hits) = annotate("a = 1\n\tb\nc  #pragma NO COVER\r\nd", &counts, &missing);
        assert_eq!(text, "    3: a = 1\n>>>>>>         b\n       c  #pragma NO COVER\n100000: d\n");
        assert_eq!(hits, (2, 3));
    }

    #[test]
    fn full_names() {
        let path = ["/x".to_owned(), "/x/lib".to_owned(), String::new()];
        assert_eq!(full_module_name("/x/lib/pkg/__init__.py", &path), "pkg.__init__");
        assert_eq!(full_module_name("/y/prog.py", &path), "y.prog");
        assert_eq!(full_module_name("prog.py", &path), "prog");
        assert_eq!(module_name("/x/.hidden.d/a.b.py"), "a.b");
        assert_eq!(module_name("<frozen os>"), "<frozen os>");
        assert_eq!(module_name(".rc"), ".rc");
    }
}
