//! What was found, and the lists that `trace` prints of it.

use super::one_line;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A function as `trace` names it: file, module, and name with its class.
pub type Function = (String, String, String);

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Results {
    /// Line events by file and line, in the order of the first.
    pub counts: Vec<((String, u32), u64)>,
    /// Functions that were called, and how often; a generator that goes on is called again. What
    /// comes from a counts file counts as one call: it does not say how many there were.
    pub functions: BTreeMap<Function, u64>,
    /// Pairs of caller and called, and how often.
    pub callers: BTreeMap<(Function, Function), u64>,
}

impl Results {
    /// Adds what another run has found.
    pub fn add(&mut self, other: Self) {
        let mut places: FxHashMap<(String, u32), usize> =
            self.counts.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
        for (key, count) in other.counts {
            match places.get(&key) {
                Some(at) => self.counts[*at].1 += count,
                None => {
                    places.insert(key.clone(), self.counts.len());
                    self.counts.push((key, count));
                }
            }
        }
        for (function, calls) in other.functions {
            *self.functions.entry(function).or_default() += calls;
        }
        for (pair, calls) in other.callers {
            *self.callers.entry(pair).or_default() += calls;
        }
    }

    /// The lists of functions and of calls, as `trace` prints them; with `counts`, how often.
    #[must_use]
    pub fn text(&self, counts: bool) -> String {
        let mut out = String::new();
        if !self.functions.is_empty() {
            out.push_str("\nfunctions called:\n");
            for ((file, module, function), calls) in &self.functions {
                let [file, module, function] = [file, module, function].map(|text| one_line(text));
                let _ = write!(out, "filename: {file}, modulename: {module}, funcname: {function}");
                if counts {
                    let _ = write!(out, ", calls: {calls}");
                }
                out.push('\n');
            }
        }
        if self.callers.is_empty() {
            return out;
        }
        out.push_str("\ncalling relationships:\n");
        let (mut last, mut last_called) = ("", "");
        for ((caller, called), calls) in &self.callers {
            if caller.0 != last {
                let _ = write!(out, "\n*** {} ***\n", one_line(&caller.0));
                (last, last_called) = (&caller.0, "");
            }
            if called.0 != caller.0 && last_called != called.0 {
                let _ = writeln!(out, "  --> {}", one_line(&called.0));
                last_called = &called.0;
            }
            let names = [&caller.1, &caller.2, &called.1, &called.2];
            let [a, b, c, d] = names.map(|text| one_line(text));
            let _ = write!(out, "    {a}.{b} -> {c}.{d}");
            if counts {
                let _ = write!(out, " ({calls})");
            }
            out.push('\n');
        }
        out
    }
}
