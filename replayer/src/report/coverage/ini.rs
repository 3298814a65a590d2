//! INI files as strictly as Python's `configparser` reads them: what is there twice, or nowhere, is an
//! error and no guess.

use configparser::ini::{Ini, IniDefault};
use std::collections::{BTreeMap, BTreeSet};

/// The options of each section; names of options in small letters.
///
/// # Errors
/// On what `configparser` refuses, with the line.
pub fn read(text: &str) -> Result<BTreeMap<String, BTreeMap<String, String>>, String> {
    check(text)?;
    let mut defaults = IniDefault::default();
    defaults.case_sensitive = true;
    defaults.multiline = true;
    defaults.enable_inline_comments = false;
    let found = Ini::new_from_defaults(defaults).read(text.to_owned())?;
    let sections = found.into_iter().map(|(name, options)| {
        let options = options.into_iter();
        let options =
            options.map(|(option, value)| (option.to_lowercase(), value.unwrap_or_default()));
        (name, options.collect())
    });
    Ok(sections.collect())
}

/// The rules of `configparser.RawConfigParser._read` that say what an INI file is.
fn check(text: &str) -> Result<(), String> {
    let mut sections = BTreeSet::new();
    let mut section = None;
    let mut options = BTreeSet::new();
    let mut indent = 0;
    for (number, line) in (1..).zip(text.lines()) {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        let column = line.len() - line.trim_start().len();
        if !options.is_empty() && column > indent {
            continue;
        }
        indent = column;
        if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            if name.0 != "DEFAULT" && !sections.insert(name.0) {
                return Err(format!("line {number}: [{}] begins twice", name.0));
            }
            section = Some(name.0);
            options.clear();
            continue;
        }
        let Some(section) = section else {
            return Err(format!("line {number}: no section begins before it"));
        };
        let Some((option, _)) = bare.split_once(['=', ':']) else {
            return Err(format!("line {number}: neither a section nor an option with a value"));
        };
        let option = option.trim().to_lowercase();
        if options.contains(&option) {
            return Err(format!("line {number}: [{section}] has {option} twice"));
        }
        options.insert(option);
    }
    Ok(())
}
