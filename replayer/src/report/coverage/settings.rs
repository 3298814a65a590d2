//! coverage.py's settings: `.coveragerc`, `.coveragerc.toml`, `setup.cfg`, `tox.ini`, `pyproject.toml`
//! (`coverage.config`, 7.17.3). Those that only say how to run a program are known and left alone.

use super::code::Patterns;
use super::ini;
use fancy_regex::{Captures, Regex};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a report goes by.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Branches are reported.
    pub branch: bool,
    /// Contexts are reported.
    pub contexts: bool,
    /// The standard library counts, too.
    pub cover_pylib: bool,
    /// File names in the data file are relative.
    pub relative_files: bool,
    /// The data file.
    pub data_file: Option<String>,
    /// Directories or packages of interest.
    pub source: Vec<String>,
    /// Packages of interest.
    pub source_packages: Vec<String>,
    /// Directories of interest.
    pub source_dirs: Vec<String>,
    /// Files to measure.
    pub run_include: Vec<String>,
    /// Files not to measure.
    pub run_omit: Vec<String>,
    /// Files to report.
    pub report_include: Option<Vec<String>>,
    /// Files not to report.
    pub report_omit: Option<Vec<String>>,
    /// Directories without an `__init__` are packages.
    pub namespace_packages: bool,
    /// Lines that do not count.
    pub exclude: Vec<String>,
    /// Lines whose missing moves do not count.
    pub partial: Vec<String>,
    /// The least per cent that is good.
    pub fail_under: f64,
    /// A file that is no Python is left out, not the end.
    pub ignore_errors: bool,
    /// Decimals of per cent values.
    pub precision: usize,
    /// Files with nothing missing are left out.
    pub skip_covered: bool,
    /// Files without statements are left out.
    pub skip_empty: bool,
    /// The column that the table is sorted by.
    pub sort: Option<String>,
    /// The title of the page.
    pub title: String,
    /// How many directories make a package's name.
    pub package_depth: usize,
    /// The JSON is indented.
    pub pretty: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let owned = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect();
        Self {
            branch: false,
            contexts: false,
            cover_pylib: false,
            relative_files: false,
            data_file: None,
            source: Vec::new(),
            source_packages: Vec::new(),
            source_dirs: Vec::new(),
            run_include: Vec::new(),
            run_omit: Vec::new(),
            report_include: None,
            report_omit: None,
            namespace_packages: false,
            exclude: owned(&[
                r"#\s*(pragma|PRAGMA)[:\s]?\s*(no|NO)\s*(cover|COVER)",
                r"^\s*(((async )?def .*?)?[\])]+(\s*->.*?)?:\s*)?\.\.\.\s*(#|$)",
                r"^\s*if (typing\.)?TYPE_CHECKING:",
            ]),
            partial: owned(&[
                r"#\s*(pragma|PRAGMA)[:\s]?\s*(no|NO)\s*(branch|BRANCH)",
                r"^\s*while (True|1|False|0):",
                r"^\s*if (True|1|False|0):",
            ]),
            fail_under: 0.0,
            ignore_errors: false,
            precision: 0,
            skip_covered: false,
            skip_empty: false,
            sort: None,
            title: "Coverage report".to_owned(),
            package_depth: 99,
            pretty: false,
        }
    }
}

/// Options that coverage.py has and that change nothing here.
const OTHERS: &[(&str, &[&str])] = &[
    (
        "run",
        &[
            "command_line",
            "concurrency",
            "context",
            "core",
            "debug",
            "debug_file",
            "disable_warnings",
            "parallel",
            "patch",
            "plugins",
            "sigterm",
            "timid",
            "_crash",
        ],
    ),
    ("report", &["contexts", "format", "show_missing"]),
    ("html", &["directory", "extra_css", "skip_covered", "skip_empty"]),
    ("xml", &["output"]),
    ("json", &["output"]),
    ("lcov", &["output", "line_checksums"]),
];

/// A value of a settings file.
#[derive(Debug, Clone, PartialEq)]
enum Found {
    /// Of an INI file; lists are lines.
    Text(String),
    Toml(toml::Value),
}

/// Sections of a settings file.
type Sections = BTreeMap<String, BTreeMap<String, Found>>;

impl Settings {
    /// Reads the first of coverage.py's files in a directory that has settings of its, or the given
    /// one. `variables` are those of the environment. Gives the file, too, and what to warn of.
    ///
    /// # Errors
    /// If a file cannot be read, or an option is not what it should be.
    pub fn find(
        given: Option<&Path>,
        here: &Path,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Self, Option<PathBuf>, Vec<String>), String> {
        let own = |name: &str| (here.join(name), true);
        let other = |name: &str| (here.join(name), false);
        let files = match given {
            Some(path) => vec![(here.join(path), true)],
            None => vec![
                own(".coveragerc"),
                own(".coveragerc.toml"),
                other("setup.cfg"),
                other("tox.ini"),
                other("pyproject.toml"),
            ],
        };
        for (path, own) in files {
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if given.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                    continue;
                }
                Err(error) => return Err(format!("cannot read `{}`: {error}", path.display())),
            };
            let about = |error: String| format!("`{}`: {error}", path.display());
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            let is_toml = path.extension().is_some_and(|extension| extension == "toml");
            let sections = if is_toml { from_toml(text, own) } else { from_ini(text, own) };
            let sections = sections.map_err(about)?;
            if sections.is_empty() && !own {
                continue;
            }
            let mut reader = Reader { sections, variables, warnings: Vec::new() };
            let mut settings = Self::default();
            settings.read(&mut reader).map_err(about)?;
            let warnings = reader.leftovers().into_iter().map(about).collect();
            return Ok((settings, Some(path), warnings));
        }
        Ok((Self::default(), None, Vec::new()))
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), String> {
        from.boolean("run", "branch", &mut self.branch)?;
        from.boolean("run", "cover_pylib", &mut self.cover_pylib)?;
        from.boolean("run", "relative_files", &mut self.relative_files)?;
        self.data_file = from.text("run", "data_file")?;
        // `test_function` and pytest-cov's `--cov-context` come to the same here.
        self.contexts = from.text("run", "dynamic_context")?.is_some();
        from.boolean("html", "show_contexts", &mut self.contexts)?;
        from.boolean("json", "show_contexts", &mut self.contexts)?;
        from.list("run", "source", &mut self.source)?;
        from.list("run", "source_pkgs", &mut self.source_packages)?;
        from.list("run", "source_dirs", &mut self.source_dirs)?;
        from.list("run", "include", &mut self.run_include)?;
        from.list("run", "omit", &mut self.run_omit)?;
        let optional = |from: &mut Reader<'_>, option| -> Result<_, String> {
            let mut list = Vec::new();
            Ok(from.list("report", option, &mut list)?.then_some(list))
        };
        self.report_include = optional(from, "include")?;
        self.report_omit = optional(from, "omit")?;
        from.boolean("report", "include_namespace_packages", &mut self.namespace_packages)?;
        from.patterns("report", "exclude_lines", &mut self.exclude)?;
        let mut more = Vec::new();
        from.patterns("report", "exclude_also", &mut more)?;
        self.exclude.append(&mut more);
        let mut always = self.partial.split_off(1);
        from.patterns("report", "partial_branches", &mut self.partial)?;
        from.patterns("report", "partial_branches_always", &mut always)?;
        from.patterns("report", "partial_also", &mut more)?;
        self.partial.append(&mut more);
        self.partial.append(&mut always);
        from.number("report", "fail_under", &mut self.fail_under)?;
        from.boolean("report", "ignore_errors", &mut self.ignore_errors)?;
        from.count("report", "precision", &mut self.precision)?;
        from.boolean("report", "skip_covered", &mut self.skip_covered)?;
        from.boolean("report", "skip_empty", &mut self.skip_empty)?;
        self.sort = from.text("report", "sort")?;
        if let Some(title) = from.text("html", "title")? {
            self.title = title;
        }
        from.count("xml", "package_depth", &mut self.package_depth)?;
        from.boolean("json", "pretty_print", &mut self.pretty)
    }

    /// The patterns for lines, made ready.
    ///
    /// # Errors
    /// On one that cannot be read.
    pub fn patterns(&self) -> Result<Patterns, String> {
        Ok(Patterns { exclude: joined(&self.exclude)?, partial: joined(&self.partial)? })
    }
}

/// One pattern of several, which hold at the start and end of every line.
fn joined(patterns: &[String]) -> Result<Option<Arc<Regex>>, String> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let parts: Vec<String> = patterns.iter().map(|pattern| format!("(?:{pattern})")).collect();
    let whole = Regex::new(&format!("(?m){}", parts.join("|")));
    whole.map(|whole| Some(Arc::new(whole))).map_err(|error| error.to_string())
}

/// The sections of an INI file that are coverage.py's.
fn from_ini(text: &str, own: bool) -> Result<Sections, String> {
    let mut sections = Sections::new();
    for (name, options) in ini::read(text)? {
        let Some(name) = name.strip_prefix("coverage:").or(own.then_some(&*name)) else { continue };
        let options = options.into_iter().map(|(option, value)| (option, Found::Text(value)));
        sections.entry(name.to_owned()).or_default().extend(options);
    }
    Ok(sections)
}

fn from_toml(text: &str, own: bool) -> Result<Sections, String> {
    let whole: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let tool = whole.get("tool").and_then(|tool| tool.get("coverage")).and_then(|c| c.as_table());
    let Some(table) = tool.or(own.then_some(&whole)) else { return Ok(Sections::new()) };
    let mut sections = Sections::new();
    for (name, options) in table {
        let Some(options) = options.as_table() else { continue };
        let options =
            options.iter().map(|(option, value)| (option.clone(), Found::Toml(value.clone())));
        sections.insert(name.clone(), options.collect());
    }
    Ok(sections)
}

struct Reader<'v> {
    sections: Sections,
    variables: &'v dyn Fn(&str) -> Option<String>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    fn take(&mut self, section: &str, option: &str) -> Option<Found> {
        self.sections.get_mut(section)?.remove(option)
    }

    fn text(&mut self, section: &str, option: &str) -> Result<Option<String>, String> {
        match self.take(section, option) {
            None => Ok(None),
            Some(Found::Text(text) | Found::Toml(toml::Value::String(text))) => {
                Ok(Some(substituted(&text, self.variables)?))
            }
            Some(_) => Err(wrong(section, option, "a text")),
        }
    }

    fn boolean(&mut self, section: &str, option: &str, into: &mut bool) -> Result<(), String> {
        if let Some(Found::Toml(toml::Value::Boolean(value))) =
            self.sections.get(section).and_then(|options| options.get(option))
        {
            *into = *value;
            self.take(section, option);
            return Ok(());
        }
        let Some(text) = self.text(section, option)? else { return Ok(()) };
        *into = match text.to_lowercase().as_str() {
            "1" | "yes" | "true" | "on" => true,
            "0" | "no" | "false" | "off" => false,
            _ => return Err(wrong(section, option, "true or false")),
        };
        Ok(())
    }

    fn number(&mut self, section: &str, option: &str, into: &mut f64) -> Result<(), String> {
        let value = match self.take(section, option) {
            None => return Ok(()),
            Some(Found::Toml(toml::Value::Float(value))) => Some(value),
            Some(Found::Toml(toml::Value::Integer(value))) => Some(value as f64),
            Some(Found::Text(text) | Found::Toml(toml::Value::String(text))) => {
                substituted(&text, self.variables)?.trim().parse().ok()
            }
            Some(_) => None,
        };
        *into = value.ok_or_else(|| wrong(section, option, "a number"))?;
        Ok(())
    }

    fn count(&mut self, section: &str, option: &str, into: &mut usize) -> Result<(), String> {
        let mut value = *into as f64;
        self.number(section, option, &mut value)?;
        // More decimals than these say nothing; negative ones are none.
        if value.fract() != 0.0 || !(0.0..=1000.0).contains(&value) {
            return Err(wrong(section, option, "a whole number from 0 to 1000"));
        }
        *into = value as usize;
        Ok(())
    }

    /// Parts between commas and lines; gives whether the option is there.
    fn list(
        &mut self,
        section: &str,
        option: &str,
        into: &mut Vec<String>,
    ) -> Result<bool, String> {
        self.parts(section, option, &['\n', ','], into)
    }

    fn parts(
        &mut self,
        section: &str,
        option: &str,
        between: &[char],
        into: &mut Vec<String>,
    ) -> Result<bool, String> {
        let values = match self.take(section, option) {
            None => return Ok(false),
            Some(Found::Text(text)) => {
                let text = substituted(&text, self.variables)?;
                text.split(between).map(|part| part.trim().to_owned()).collect()
            }
            Some(Found::Toml(toml::Value::Array(values))) => {
                let text = |value: &toml::Value| {
                    let text =
                        value.as_str().ok_or_else(|| wrong(section, option, "a list of texts"))?;
                    substituted(text, self.variables)
                };
                values.iter().map(text).collect::<Result<Vec<_>, _>>()?
            }
            Some(Found::Toml(_)) => return Err(wrong(section, option, "a list")),
        };
        *into = values.into_iter().filter(|value| !value.is_empty()).collect();
        Ok(true)
    }

    fn patterns(
        &mut self,
        section: &str,
        option: &str,
        into: &mut Vec<String>,
    ) -> Result<(), String> {
        if self.parts(section, option, &['\n'], into)? {
            for pattern in into {
                *pattern = pattern.trim().to_owned();
                joined(std::slice::from_ref(pattern))
                    .map_err(|error| format!("[{section}] {option}: {pattern}: {error}"))?;
            }
        }
        Ok(())
    }

    /// What nobody asked for: options that coverage.py does not have, and those of it that should
    /// have an effect but have none here.
    fn leftovers(mut self) -> Vec<String> {
        for (section, options) in &self.sections {
            let known = OTHERS.iter().find(|(name, _)| name == section);
            if section == "paths" {
                self.warnings
                    .push("[paths] is not used: traces keep the names that the program saw".into());
            }
            let Some((_, others)) = known else { continue };
            for option in options.keys() {
                if option == "plugins" {
                    self.warnings.push("[run] plugins: there are none here".to_owned());
                } else if !others.contains(&&**option) {
                    self.warnings.push(format!("[{section}] has no option {option}"));
                }
            }
        }
        self.warnings
    }
}

fn wrong(section: &str, option: &str, what: &str) -> String {
    format!("[{section}] {option} must be {what}")
}

/// Puts variables in: `$V`, `${V}`, `${V?}` (an error without it), `${V-else}`, `$$`
/// (`coverage.misc.substitute_variables`).
fn substituted(text: &str, variables: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let pattern =
        r"\$(?:(?<dollar>\$)|(?<plain>\w+)|\{(?<name>\w+)(?:(?<strict>\?)|-(?<other>[^}]*))?\})";
    let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
    let mut missing = None;
    let replaced = pattern.replace_all(text, |found: &Captures<'_, str>| {
        if found.name("dollar").is_some() {
            return "$".to_owned();
        }
        let name =
            found.name("plain").or_else(|| found.name("name")).map_or("", |name| name.as_str());
        if let Some(value) = variables(name) {
            return value;
        }
        if found.name("strict").is_some() {
            missing = Some(name.to_owned());
        }
        found.name("other").map_or(String::new(), |other| other.as_str().to_owned())
    });
    match missing {
        Some(name) => Err(format!("the variable {name} is not set")),
        None => Ok(replaced.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<(Settings, Vec<String>), String> {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join(name), text).unwrap();
        let variables = |name: &str| (name == "HERE").then(|| "/h".to_owned());
        Settings::find(None, place.path(), &variables).map(|(s, path, w)| {
            assert!(path.is_some());
            (s, w)
        })
    }

    #[test]
    fn ini_files() {
        let text = "\
[run]
branch = yes
source =
    one, two
    $HERE/x
# a comment
[report]
exclude_also =
    # no pragma here
    if self.debug:
    raise (A|B), \"#\"
precision=2
fail_under = 99.5
omit = */a*
skip_covered: True
[paths]
x = /a
";
        let (settings, warnings) = read(".coveragerc", text).unwrap();
        assert!(settings.branch && settings.skip_covered);
        assert_eq!(settings.source, ["one", "two", "/h/x"]);
        assert_eq!(settings.exclude[3..], ["if self.debug:", "raise (A|B), \"#\""]);
        assert_eq!((settings.precision, settings.fail_under), (2, 99.5));
        assert_eq!(settings.report_omit, Some(vec!["*/a*".to_owned()]));
        assert_eq!(settings.run_omit, Vec::<String>::new());
        assert_eq!(warnings.len(), 1, "{warnings:?}");
    }

    #[test]
    fn toml_and_others_files() {
        let text = "\
[tool.coverage.run]
branch = true
omit = [\"a\", '${NOT-b}$$']
[tool.coverage.report]
exclude_lines = ['x: \\d+']
fail_under = 80
what = 1
";
        let (settings, warnings) = read("pyproject.toml", text).unwrap();
        assert!(settings.branch);
        assert_eq!(settings.run_omit, ["a", "b$"]);
        assert_eq!((settings.exclude, settings.fail_under), (vec!["x: \\d+".to_owned()], 80.0));
        assert!(warnings[0].contains("what"), "{warnings:?}");
        let (settings, _) = read(".coveragerc", "\u{feff}[run]\nbranch = 1\n").unwrap();
        assert!(settings.branch);
        let (settings, _) = read("tox.ini", "[coverage:run]\nbranch=1\n[run]\nsource=x\n").unwrap();
        assert!(settings.branch && settings.source.is_empty());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("[run]\nbranch = maybe\n", "[run] branch must be true or false"),
            ("[report]\nprecision = -1\n", "precision"),
            ("[report]\nexclude_lines = a(\n", "exclude_lines: a("),
            ("[run]\nsource = ${NOT?}\n", "NOT"),
            ("[run\n", "line 1: no section begins before it"),
            ("x = 1\n[run]\n", "line 1: no section begins before it"),
            ("[run]\nbranch = 1\nBranch = 0\n", "line 3: [run] has branch twice"),
            ("[run]\nbranch = 1\n[run]\n", "line 3: [run] begins twice"),
            ("[run]\nbranch\n", "line 2: neither a section nor an option with a value"),
        ] {
            let error = read(".coveragerc", text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
