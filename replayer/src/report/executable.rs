//! Which lines of the recorded modules can run, as the recording says it: those of a module's code
//! object and of all that lie in it, also of functions that were never called.

use crate::export::absolute;
use crate::timeline::meta_of;
use moviola_format::read::Trace;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// The lines by absolute file name, of those wanted of which the trace says it (fact `lines`).
#[must_use]
pub fn executable_lines(
    trace: &Trace,
    wanted: impl Fn(&str) -> bool,
) -> FxHashMap<String, BTreeSet<u32>> {
    let cwd = meta_of(trace, "cwd");
    let mut files: FxHashMap<String, BTreeSet<u32>> = FxHashMap::default();
    for (_, fact) in trace.meta().iter().filter(|(key, _)| key == "lines") {
        let Some((name, ranges)) = fact.rsplit_once('\n') else { continue };
        let name = absolute(cwd, name);
        if !wanted(&name) {
            continue;
        }
        let lines = files.entry(name).or_default();
        for range in ranges.split(',').filter(|range| !range.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse()) {
                lines.extend(first..=last);
            }
        }
    }
    files
}
