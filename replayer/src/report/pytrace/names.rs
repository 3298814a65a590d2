//! How `trace` names files, modules and functions.

use super::Function;
use crate::report::coverage::code::decorated_functions;
use crate::timeline::{Timeline, meta_of};
use moviola_format::read::CodeInfo;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// The name that `trace` takes for a file's module.
#[must_use]
pub fn module_name(file: &str) -> &str {
    let base = file.rsplit_once('/').map_or(file, |(_, base)| base);
    // As os.path.splitext: leading dots begin no suffix.
    let stem = base.trim_start_matches('.');
    match stem.rfind('.') {
        Some(dot) => &base[..base.len() - stem.len() + dot],
        None => base,
    }
}

/// How code objects are named.
pub(super) struct Names<'t> {
    pub codes: &'t [CodeInfo],
    time: &'t Timeline,
    script: String,
    /// The script as it was given to Python.
    pub given: String,
    functions: FxHashMap<u64, Function>,
    /// First lines of functions with decorators, by file.
    decorated: FxHashMap<String, BTreeSet<u32>>,
}

impl<'t> Names<'t> {
    pub fn new(time: &'t Timeline) -> Self {
        let script = time.canonic(time.meta("script"));
        let argv: Vec<String> = serde_json::from_str(time.meta("argv")).unwrap_or_default();
        let given = argv.into_iter().skip(1).find(|word| {
            let absolute = crate::export::absolute(time.meta("cwd"), word);
            !word.starts_with('-') && time.canonic(&absolute) == script
        });
        Self {
            codes: time.trace().codes(),
            time,
            given: given.unwrap_or_else(|| script.clone()),
            script,
            functions: FxHashMap::default(),
            decorated: FxHashMap::default(),
        }
    }

    /// The name of a file as `trace` has it, which runs the script by the name that it is given.
    pub fn file(&self, file: &str) -> String {
        if !self.script.is_empty() && self.time.canonic(file) == self.script {
            return self.given.clone();
        }
        file.to_owned()
    }

    pub fn function(&mut self, code: u64) -> Function {
        if let Some(known) = self.functions.get(&code) {
            return known.clone();
        }
        let Some(info) = self.codes.get(code as usize) else {
            return (String::new(), String::new(), String::new());
        };
        let file = self.file(&info.filename);
        let name = match self.class_of(info) {
            Some(class) => format!("{class}.{}", info.name),
            None => info.name.clone(),
        };
        let function = (file.clone(), module_name(&file).to_owned(), name);
        self.functions.insert(code, function.clone());
        function
    }

    /// The class in whose namespace the function is. `trace` finds it by who refers to the function:
    /// one that is wrapped by a decorator is in none.
    fn class_of(&mut self, info: &CodeInfo) -> Option<String> {
        const OPTIMIZED: u32 = 1;
        let (owner, _) = info.qualname.rsplit_once('.')?;
        let class = owner.rsplit('.').next()?;
        // The first three become static or class methods by themselves.
        let wrapped = matches!(&*info.name, "__new__" | "__init_subclass__" | "__class_getitem__")
            || info.name.starts_with("<generic parameters");
        if class.starts_with('<') || wrapped || info.flags & OPTIMIZED == 0 {
            return None;
        }
        let trace = self.time.trace();
        let decorated = self.decorated.entry(info.filename.clone()).or_insert_with(|| {
            let source = trace.source(&info.filename);
            source.map(|text| decorated_functions(&text)).unwrap_or_default()
        });
        (!decorated.contains(&info.first_line)).then(|| class.to_owned())
    }

    pub fn stdlib(&self) -> &str {
        self.time.meta("stdlib")
    }
}

/// `sys.path` as the program had it: the script's directory comes first.
#[must_use]
pub fn search_path(time: &Timeline) -> Vec<String> {
    let trace = time.trace();
    let mut path: Vec<String> = serde_json::from_str(meta_of(trace, "path")).unwrap_or_default();
    if let Some((directory, _)) = Names::new(time).given.rsplit_once('/') {
        path.insert(0, directory.to_owned());
    }
    path
}
