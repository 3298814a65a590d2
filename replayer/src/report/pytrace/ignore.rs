//! Which modules `python -m trace` leaves out.

use rustc_hash::FxHashMap;

/// `--ignore-module` and `--ignore-dir`. A module's name is decided on once, by the first file that
/// has it, as `trace._Ignore` does.
#[derive(Debug, Clone)]
pub struct Ignore {
    modules: Vec<String>,
    directories: Vec<String>,
    decided: FxHashMap<String, bool>,
}

impl Ignore {
    /// Directories must be normal paths without a slash at the end.
    #[must_use]
    pub fn new(modules: Vec<String>, directories: Vec<String>) -> Self {
        let decided = FxHashMap::from_iter([("<string>".to_owned(), true)]);
        Self { modules, directories, decided }
    }

    /// Whether a module is left out.
    pub fn is_ignored(&mut self, file: &str, module: &str) -> bool {
        if let Some(known) = self.decided.get(module) {
            return *known;
        }
        let inside = |name: &str, outer: &str, separator: char| {
            name.strip_prefix(outer).is_some_and(|rest| rest.starts_with(separator))
        };
        let ignored = self.modules.iter().any(|m| m == module || inside(module, m, '.'))
            || self.directories.iter().any(|directory| inside(file, directory, '/'));
        self.decided.insert(module.to_owned(), ignored);
        ignored
    }
}

#[cfg(test)]
mod tests {
    use super::Ignore;

    #[test]
    fn by_module_and_by_directory() {
        let mut ignore = Ignore::new(vec!["spam".into()], vec!["/lib".into()]);
        assert!(ignore.is_ignored("/x/spam.py", "spam"));
        assert!(ignore.is_ignored("/lib/os.py", "os"));
        assert!(!ignore.is_ignored("/library/a.py", "a"));
        assert!(!ignore.is_ignored("/x/spamalot.py", "spamalot"));
        // Decided before, whatever file it is now.
        assert!(ignore.is_ignored("/x/os.py", "os"));
    }
}
