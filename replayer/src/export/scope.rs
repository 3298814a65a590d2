//! Which code and which classes an export shows, by the rules of the line oracle.

use crate::heap::Heap;
use moviola_format::read::{CodeInfo, OwnedValue};

/// Where a file name points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Under the root; the name relative to it.
    Inside(Vec<u8>),
    /// Python's own files.
    Library,
    /// A made-up name or a file elsewhere: decided by the globals of the code.
    Elsewhere,
}

/// The root and what lies under it.
#[derive(Debug)]
pub struct Scope {
    roots: Vec<String>,
    cwd: String,
    prefix: Option<String>,
}

impl Scope {
    /// `roots` are names of the same directory; `executable` is the recorded interpreter.
    #[must_use]
    pub fn new(roots: &[String], cwd: &str, executable: &str) -> Self {
        let slashed = |root: &String| format!("{}/", root.trim_end_matches('/'));
        let prefix = executable.rsplit_once('/').and_then(|(bin, _)| bin.rsplit_once('/'));
        Self {
            roots: roots.iter().map(slashed).collect(),
            cwd: cwd.to_owned(),
            prefix: prefix
                .map(|(prefix, _)| format!("{prefix}/"))
                .filter(|prefix| prefix != "/" && prefix != "/usr/"),
        }
    }

    /// Where code with this file name lies.
    #[must_use]
    pub fn place(&self, filename: &[u8]) -> Place {
        let name = String::from_utf8_lossy(filename);
        let absolute = if name.starts_with(['/', '<']) {
            name.clone().into_owned()
        } else {
            absolute(&self.cwd, &name)
        };
        for root in &self.roots {
            if absolute.starts_with(root) {
                // The bytes themselves, where the name was absolute: they may be no UTF-8.
                return Place::Inside(if filename.starts_with(root.as_bytes()) {
                    filename[root.len()..].to_vec()
                } else {
                    absolute.as_bytes()[root.len()..].to_vec()
                });
            }
        }
        let in_prefix = self.prefix.as_ref().is_some_and(|prefix| absolute.starts_with(prefix));
        if in_prefix || absolute.contains("/lib/python3.") || name.starts_with("<frozen") {
            return Place::Library;
        }
        Place::Elsewhere
    }

    /// Whether a file name of a module lies under the root.
    #[must_use]
    pub fn holds(&self, file: &str) -> bool {
        let absolute = absolute(&self.cwd, file);
        self.roots.iter().any(|root| absolute.starts_with(root))
    }

    /// The name under which a frame's events are shown; `None`: not shown.
    #[must_use]
    pub fn shown(
        &self,
        heap: &Heap,
        code: &CodeInfo,
        place: &Place,
        caller: Option<&Place>,
    ) -> Option<Vec<u8>> {
        match place {
            Place::Inside(name) => return Some(name.clone()),
            Place::Library => return None,
            Place::Elsewhere => {}
        }
        let globals = heap.get(code.globals).and_then(|object| object.map.as_ref());
        let text = |name: &[u8]| match globals.and_then(|map| map.get_str(name)) {
            Some(OwnedValue::Str(text)) => Some(String::from_utf8_lossy(text).into_owned()),
            Some(OwnedValue::Ref(id)) => {
                let blob = heap.get(*id).and_then(|object| object.blob.as_ref());
                blob.map(|blob| String::from_utf8_lossy(blob).into_owned())
            }
            _ => None,
        };
        let ours = text(b"__file__").is_some_and(|file| self.holds(&file))
            || text(b"__name__").is_some_and(|name| name == "__main__")
            || matches!(caller, Some(Place::Inside(_)));
        ours.then(|| {
            let mut name = vec![b'~'];
            name.extend_from_slice(&code.filename_bytes);
            name
        })
    }
}

/// `os.path.abspath` with a recorded working directory.
pub(crate) fn absolute(cwd: &str, name: &str) -> String {
    let joined = if name.starts_with('/') { name.to_owned() } else { format!("{cwd}/{name}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let scope = Scope::new(&["/home/u/p".to_owned()], "/home/u/p", "/opt/py/bin/python3");
        assert_eq!(scope.place(b"/home/u/p/a/b.py"), Place::Inside(b"a/b.py".to_vec()));
        assert_eq!(scope.place(b"x/../b.py"), Place::Inside(b"b.py".to_vec()));
        assert_eq!(scope.place(b"/opt/py/lib/python3.13/os.py"), Place::Library);
        assert_eq!(scope.place(b"<frozen importlib._bootstrap>"), Place::Library);
        assert_eq!(scope.place(b"<string>"), Place::Elsewhere);
        assert_eq!(scope.place(b"/home/u/pq/x.py"), Place::Elsewhere);
    }
}
