//! Which files a report is about (`coverage.inorout`, `coverage.files`, 7.17.3).

use super::settings::Settings;
use crate::timeline::meta_of;
use fancy_regex::Regex;
use moviola_format::read::Trace;
use rustc_hash::FxHashMap;
use std::path::{Path, PathBuf};

/// The choice of files by `--source`, `--include`, `--omit` and the settings of the same names.
#[derive(Debug)]
pub struct Choice {
    /// Directories and files of interest; empty: all but what was installed.
    roots: Vec<String>,
    /// Packages of interest; where they lie is known from what was imported.
    packages: Vec<String>,
    include: Option<Regex>,
    omit: Vec<Regex>,
    cover_pylib: bool,
    namespace_packages: bool,
}

impl Choice {
    /// By settings; relative names are taken from `here`.
    ///
    /// # Errors
    /// On a pattern that is none.
    pub fn new(settings: &Settings, here: &Path) -> Result<Self, String> {
        let mut roots: Vec<String> = Vec::new();
        let mut packages = settings.source_packages.clone();
        for source in &settings.source {
            if here.join(source).is_dir() || Path::new(source).is_absolute() {
                roots.push(canonical(&absolute(here, source)));
            } else {
                packages.push(source.clone());
            }
        }
        for directory in &settings.source_dirs {
            if !here.join(directory).is_dir() {
                return Err(format!("`{directory}` of `source_dirs` is no directory"));
            }
            roots.push(canonical(&absolute(here, directory)));
        }
        if let Some(wrong) = packages.iter().find(|package| package.contains('/')) {
            return Err(format!("`{wrong}` is no directory and no package"));
        }
        let has_source = !roots.is_empty() || !packages.is_empty();
        let patterns = |patterns: &[String]| match patterns {
            [] => Ok(None),
            _ => globs(patterns, here).map(Some),
        };
        // With a source, what to include is a choice among it.
        let include = match &settings.report_include {
            Some(include) => patterns(include)?,
            None if has_source => None,
            None => patterns(&settings.run_include)?,
        };
        let omit = [&settings.run_omit[..], settings.report_omit.as_deref().unwrap_or_default()];
        let omit = omit.into_iter().map(patterns).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            roots,
            packages,
            include,
            omit: omit.into_iter().flatten().collect(),
            cover_pylib: settings.cover_pylib,
            namespace_packages: settings.namespace_packages,
        })
    }

    /// The absolute name of each code object's file; `None` for those of no interest.
    #[must_use]
    pub fn files(&self, trace: &Trace) -> Vec<Option<String>> {
        let cwd = meta_of(trace, "cwd");
        let real =
            |name: &str| !name.is_empty() && !name.starts_with('<') && !name.starts_with("memory:");
        let mut seen: FxHashMap<&str, String> = FxHashMap::default();
        let mut named = |name| {
            let found =
                seen.entry(name).or_insert_with(|| canonical(&absolute(Path::new(cwd), name)));
            found.clone()
        };
        let codes = trace.codes().iter().map(|code| code.filename.as_str());
        let names: Vec<Option<String>> =
            codes.map(|name| real(name).then(|| named(name))).collect();
        let known: Vec<&str> = names.iter().flatten().map(String::as_str).collect();
        let place = Place::new(trace);
        let mut roots = self.roots.clone();
        roots.extend(self.packages.iter().filter_map(|package| package_root(package, &known)));
        let is_wanted = |file: &str| self.is_wanted(file, &roots, &place);
        let mut decided: FxHashMap<String, bool> = FxHashMap::default();
        let chosen = names.iter().map(|name| {
            let name = name.as_ref()?;
            let wanted = decided.get(name).copied().unwrap_or_else(|| {
                let wanted = is_wanted(name);
                decided.insert(name.clone(), wanted);
                wanted
            });
            wanted.then(|| name.clone())
        });
        chosen.collect()
    }

    fn has_source(&self) -> bool {
        !self.roots.is_empty() || !self.packages.is_empty()
    }

    fn is_wanted(&self, file: &str, roots: &[String], place: &Place) -> bool {
        let wanted = if self.has_source() {
            let installed_too =
                roots.iter().any(|root| place.is_installed(root) && lies_in(file, root));
            roots.iter().any(|root| lies_in(file, root))
                && (installed_too || !place.is_installed(file))
        } else if self.include.is_some() {
            true
        } else {
            !place.is_installed(file) && (self.cover_pylib || !lies_in(file, &place.stdlib))
        };
        wanted && self.passes(file)
    }

    /// By `--include` and `--omit`.
    fn passes(&self, file: &str) -> bool {
        let matches = |pattern: &Regex| pattern.is_match(file).unwrap_or(false);
        self.include.as_ref().is_none_or(matches) && !self.omit.iter().any(matches)
    }

    /// Packages of which nothing was recorded.
    #[must_use]
    pub fn never_imported(&self, names: &[String]) -> Vec<&str> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let missing =
            self.packages.iter().filter(|package| package_root(package, &names).is_none());
        missing.map(String::as_str).collect()
    }

    /// The Python files of interest that lie on this machine, for those that never ran. `names`: all
    /// recorded files.
    #[must_use]
    pub fn on_disk(&self, names: &[String]) -> Vec<String> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut found = Vec::new();
        let packages = self.packages.iter().filter_map(|package| package_root(package, &names));
        for root in self.roots.iter().cloned().chain(packages) {
            let path = PathBuf::from(&root);
            if path.is_dir() {
                self.walk(&path, true, &mut found);
            } else if path.is_file() {
                found.push(root);
            }
        }
        found.sort_unstable();
        found.dedup();
        found.retain(|file| self.passes(file));
        found
    }

    /// Files below a directory that can be imported: each directory but the first has an `__init__`.
    fn walk(&self, directory: &Path, top: bool, found: &mut Vec<String>) {
        // A directory that cannot be read has nothing to import.
        let Ok(entries) = std::fs::read_dir(directory) else { return };
        let entries: Vec<_> = entries.flatten().collect();
        let is_package = entries.iter().any(|entry| entry.file_name() == "__init__.py");
        if !top && !is_package && !self.namespace_packages {
            return;
        }
        for entry in entries {
            let path = entry.path();
            // As `os.walk`: links to directories are not followed.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.walk(&path, false, found);
            } else if let (Some(name), Some(path)) = (entry.file_name().to_str(), path.to_str())
                && is_module(name)
                && Path::new(path).is_file()
            {
                found.push(canonical(path));
            }
        }
    }
}

/// Whether a file's name is one that can be imported, not an editor's.
fn is_module(name: &str) -> bool {
    let stem = name.strip_suffix(".py").or_else(|| name.strip_suffix(".pyw"));
    stem.is_some_and(|stem| !stem.is_empty() && !stem.contains(|c| ".#~!$@%^&*()+=,".contains(c)))
}

/// Where a recorded Python keeps what is not the program's.
struct Place {
    stdlib: String,
    scripts: String,
}

impl Place {
    fn new(trace: &Trace) -> Self {
        let executable = meta_of(trace, "executable");
        let scripts = executable.rsplit_once('/').map_or("", |(directory, _)| directory);
        Self { stdlib: meta_of(trace, "stdlib").to_owned(), scripts: scripts.to_owned() }
    }

    fn is_installed(&self, file: &str) -> bool {
        let mut parts = file.split('/');
        parts.any(|part| part == "site-packages" || part == "dist-packages")
            || lies_in(file, &self.scripts)
    }
}

fn lies_in(file: &str, root: &str) -> bool {
    let root = root.trim_end_matches('/');
    !root.is_empty()
        && file.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The directory or file of a package, by the files that were recorded: the one nearest to the root.
fn package_root(package: &str, names: &[&str]) -> Option<String> {
    let path = package.replace('.', "/");
    let (file, init) = (format!("/{path}.py"), format!("/{path}/__init__.py"));
    let inside = format!("/{path}/");
    let found = names.iter().filter_map(|name| {
        if name.ends_with(&file) {
            return Some((*name).to_owned());
        }
        let at = name.find(&init).or_else(|| name.find(&inside))?;
        Some(name[..at + inside.len() - 1].to_owned())
    });
    found.min_by_key(String::len)
}

/// The name of a file without links, as coverage.py has it (`coverage.files.abs_file`); as it is if the
/// file is not there, as on another machine.
fn canonical(name: &str) -> String {
    let real = std::fs::canonicalize(name).ok();
    real.and_then(|real| real.into_os_string().into_string().ok())
        .unwrap_or_else(|| name.to_owned())
}

/// An absolute name without `.`, `..` and slashes that say nothing.
fn absolute(here: &Path, name: &str) -> String {
    crate::export::absolute(&here.to_string_lossy(), name)
}

/// One pattern of several globs: those that do not begin with a wildcard also hold from `here`.
///
/// # Errors
/// On a glob that is none.
pub fn globs(patterns: &[String], here: &Path) -> Result<Regex, String> {
    let mut all = Vec::new();
    for pattern in patterns {
        all.push(glob(pattern)?);
        if !pattern.starts_with(['*', '?']) {
            all.push(glob(&absolute(here, pattern))?);
        }
    }
    Regex::new(&format!(r"\A(?:{})\z", all.join("|"))).map_err(|error| error.to_string())
}

/// A file pattern as a regular expression (`coverage.files._glob_to_regex`): without a slash, it is a
/// name anywhere in the tree.
fn glob(pattern: &str) -> Result<String, String> {
    let pattern = pattern.replace('\\', "/");
    let pattern = if pattern.contains('/') { pattern } else { format!("**/{pattern}") };
    let wrong = |part: &str| Err(format!("a file pattern cannot have `{part}`: `{pattern}`"));
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut regex = String::new();
    let mut rest = pattern.as_str();
    while let Some(next) = rest.chars().next() {
        let begins = rest.len() == pattern.len();
        let stars = rest.len() - rest.trim_start_matches('*').len();
        let behind = &rest[stars..];
        let before = pattern[..pattern.len() - rest.len()].chars().last();
        let alone =
            before.is_none_or(|c| c == '/') && (behind.is_empty() || behind.starts_with('/'));
        let used = if stars > 2 || (stars == 2 && !alone) {
            return wrong("**");
        } else if stars == 2 && behind.starts_with("/**") {
            return wrong("**/**");
        } else if stars > 0 && behind.starts_with('/') && (begins || stars == 2) {
            regex.push_str("(?:.*/)?");
            stars + 1
        } else if next == '/' && rest[1..].chars().all(|c| c == '*') && rest.len() > 1 {
            regex.push_str("/.*");
            rest.len()
        } else if stars > 0 {
            regex.push_str("[^/]*");
            1
        } else if next == '?' {
            regex.push_str("[^/]");
            1
        } else if next == '['
            && let Some(end) = rest.find(']')
        {
            regex.push_str(&rest[..=end]);
            end + 1
        } else if next == '[' || next == ']' {
            return wrong(&next.to_string());
        } else if is_word(next) || next == '/' {
            regex.push(next);
            1
        } else {
            regex.push_str(&fancy_regex::escape(&next.to_string()));
            next.len_utf8()
        };
        rest = &rest[used..];
    }
    Ok(regex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let regex = globs(&[pattern.to_owned()], Path::new("/w")).unwrap();
        for name in yes {
            assert!(regex.is_match(name).unwrap(), "{pattern} {name}");
        }
        for name in no {
            assert!(!regex.is_match(name).unwrap(), "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_are_those_of_coverage_py() {
        check("*.py", &["a.py", "/x/y/a.py"], &["/x/a.pyc", "/x/a.py/b"]);
        check(
            "*/tests/*",
            &["/a/tests/b", "/a/b/tests/c/d.py", "tests/x"],
            &["/a/testsx/b", "/a/tests"],
        );
        check("src/*.py", &["/w/src/a.py", "src/a.py"], &["/w/src/b/a.py", "/src/a.py"]);
        check("**/foo/*", &["/a/foo/b/c", "foo/x"], &["/afoo/b"]);
        check("/a/**/b.py", &["/a/b.py", "/a/x/y/b.py"], &["/ab.py"]);
        check("a?[bc].py", &["/x/axb.py", "a-c.py"], &["abd.py"]);
        check("a+b (1).py", &["/q/a+b (1).py"], &["aab 1.py"]);
        for wrong in ["***/a", "a**/b", "**a", "**/**/x", "a[b", "a]b"] {
            assert!(globs(&[wrong.to_owned()], Path::new("/w")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn packages_are_found_by_their_files() {
        let names =
            ["/s/pkg/__init__.py", "/s/pkg/sub/__init__.py", "/s/pkg/sub/m.py", "/s/one.py"];
        assert_eq!(package_root("pkg", &names).as_deref(), Some("/s/pkg"));
        assert_eq!(package_root("pkg.sub", &names).as_deref(), Some("/s/pkg/sub"));
        assert_eq!(package_root("one", &names).as_deref(), Some("/s/one.py"));
        assert_eq!(package_root("two", &names), None);
    }

    #[test]
    fn editors_files_are_no_modules() {
        assert!(is_module("a.py") && is_module("b-c.pyw") && is_module("__init__.py"));
        assert!(
            !is_module(".#a.py")
                && !is_module("a.b.py")
                && !is_module("a~.py")
                && !is_module(".py")
        );
    }
}
