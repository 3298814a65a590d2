//! Modules that stepping does not stop in: `bdb.Bdb.is_skipped_module`.
//!
//! Breakpoints stop there, as in bdb.

use super::Timeline;
use moviola_format::read::OwnedValue;
use rustc_hash::FxHashMap;
use std::cell::RefCell;

/// The patterns, and what they say of each module.
#[derive(Debug, Default)]
pub(super) struct Skip {
    patterns: Vec<Vec<char>>,
    /// By the dict of the module's globals, and the block.
    known: RefCell<FxHashMap<(u64, usize), Known>>,
}

/// What the patterns say of a module in a block. Modules are renamed (`importlib` does that to the
/// frozen ones), but not twice in a block.
#[derive(Debug, Clone, Copy)]
struct Known {
    before: bool,
    /// The first stop at which the module has the name that it has at the end of the block.
    renamed: u64,
    after: bool,
}

impl Timeline {
    /// Steps pass over frames of modules whose names match one of these patterns of `fnmatch`.
    pub fn skip(&mut self, patterns: &[String]) {
        let patterns = patterns.iter().map(|pattern| pattern.chars().collect()).collect();
        self.skip = Skip { patterns, known: RefCell::default() };
    }

    /// Whether steps pass over frames of this code, by the name that their module has at a stop; without
    /// one, they do not.
    pub(super) fn is_skipped(&self, code: u32, stop: u64) -> bool {
        if self.skip.patterns.is_empty() {
            return false;
        }
        let Some(code) = self.code(u64::from(code)) else { return false };
        let place = (code.globals, self.trace.block_of_stop(stop));
        let known = self.skip.known.borrow().get(&place).copied();
        let known = known.unwrap_or_else(|| self.know(place.0, place.1));
        self.skip.known.borrow_mut().insert(place, known);
        if stop < known.renamed { known.before } else { known.after }
    }

    fn know(&self, globals: u64, block: usize) -> Known {
        let bounds = self.trace.bounds(block);
        let (mut low, mut high) = (bounds.first_stop, bounds.end_stop.saturating_sub(1));
        let (first, last) = (self.module_name(globals, low), self.module_name(globals, high));
        if first == last {
            high = low;
        }
        while high > low + 1 {
            let middle = low + (high - low) / 2;
            if self.module_name(globals, middle) == first {
                low = middle;
            } else {
                high = middle;
            }
        }
        let is_skipped = |name: Option<String>| {
            let name: Vec<char> = name?.chars().collect();
            Some(self.skip.patterns.iter().any(|pattern| matches(&name, pattern)))
        };
        let of = |name| is_skipped(name).unwrap_or(false);
        Known { before: of(first), renamed: high, after: of(last) }
    }

    /// `__name__` in a module's globals.
    fn module_name(&self, globals: u64, stop: u64) -> Option<String> {
        let state = self.object(globals, stop).ok()?;
        let items = state.map.as_deref().or(state.attrs.as_deref()).unwrap_or_default();
        items.iter().find_map(|(key, value)| match (key, value) {
            (OwnedValue::Str(key), OwnedValue::Str(name)) if **key == *b"__name__" => {
                Some(String::from_utf8_lossy(name).into_owned())
            }
            _ => None,
        })
    }
}

/// `fnmatch.fnmatchcase`.
fn matches(name: &[char], pattern: &[char]) -> bool {
    let (mut at, mut in_pattern) = (0, 0);
    // Where to go on if what follows the last `*` does not fit: it takes one more.
    let mut retry: Option<(usize, usize)> = None;
    while at < name.len() || in_pattern < pattern.len() {
        if pattern.get(in_pattern) == Some(&'*') {
            in_pattern += 1;
            retry = Some((at + 1, in_pattern));
            continue;
        }
        if let Some(c) = name.get(at)
            && let Some(used) = one(*c, &pattern[in_pattern..])
        {
            (at, in_pattern) = (at + 1, in_pattern + used);
            continue;
        }
        match retry {
            Some((again, behind)) if again <= name.len() => {
                (at, in_pattern) = (again, behind);
                retry = Some((again + 1, behind));
            }
            _ => return false,
        }
    }
    true
}

/// How much of a pattern one character takes; `None` if it does not fit.
fn one(c: char, pattern: &[char]) -> Option<usize> {
    let first = *pattern.first()?;
    if first == '?' {
        return Some(1);
    }
    let negated = usize::from(pattern.get(1) == Some(&'!'));
    // A bracket that comes first is one of the set; without another one there is no set.
    let from = 1 + negated;
    let end = pattern.iter().skip(from + 1).position(|c| *c == ']').map(|at| at + from + 1);
    let Some(end) = end.filter(|_| first == '[') else { return (first == c).then_some(1) };
    let set = &pattern[from..end];
    let mut found = false;
    let mut at = 0;
    while at < set.len() {
        if set.get(at + 1) == Some(&'-') && at + 2 < set.len() {
            found |= (set[at]..=set[at + 2]).contains(&c);
            at += 3;
        } else {
            found |= set[at] == c;
            at += 1;
        }
    }
    (found != (negated == 1)).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::matches;

    /// Checked with `fnmatch.fnmatchcase` of CPython 3.12.
    #[test]
    fn patterns_are_those_of_fnmatch() {
        let fits = |name: &str, pattern: &str| {
            let chars = |text: &str| text.chars().collect::<Vec<char>>();
            matches(&chars(name), &chars(pattern))
        };
        for (name, pattern) in [
            ("a.b.c", "a.*"),
            ("abc", "a?c"),
            ("abc", "*"),
            ("", "*"),
            ("aXbXc", "a*b*c"),
            ("mod1", "mod[0-9]"),
            ("modx", "mod[!0-9]"),
            ("a]", "a[]]"),
            ("a[b", "a[b"),
            ("a-", "a[x-]"),
            ("aab", "*ab"),
        ] {
            assert!(fits(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [
            ("[", "[["),
            ("a", "a.*"),
            ("abc", "a?"),
            ("abcd", "a*c"),
            ("mod1", "mod[!0-9]"),
            ("b", "[z-a]"),
            ("", "?"),
            ("Abc", "a*"),
            ("ab", "a"),
        ] {
            assert!(!fits(name, pattern), "{name} {pattern}");
        }
    }
}
