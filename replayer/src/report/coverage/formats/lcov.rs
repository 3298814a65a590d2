//! The tracefile of lcov and genhtml, as coverage.py writes it (`coverage.lcovreport`), with true counts.

use super::printable;
use crate::report::coverage::analysis::Analysis;
use crate::report::coverage::code::Kind;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The tracefile.
#[must_use]
pub fn lcov(files: &[Analysis], skip_empty: bool) -> String {
    let mut files: Vec<&Analysis> = files.iter().collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = String::new();
    // Writing to a String does not fail.
    for file in files {
        if skip_empty && file.counted.statements.is_empty() {
            continue;
        }
        let _ = writeln!(out, "SF:{}", printable(&file.name));
        for line in &file.counted.statements {
            let _ = writeln!(out, "DA:{line},{}", file.hits_of(*line));
        }
        let numbers = file.counted.numbers();
        if numbers.statements > 0 {
            let _ = writeln!(out, "LF:{}\nLH:{}", numbers.statements, numbers.executed());
        }
        functions(file, &mut out);
        if file.branch {
            branches(file, &mut out);
        }
        out.push_str("end_of_record\n");
    }
    out
}

fn functions(file: &Analysis, out: &mut String) {
    let (regions, ..) = file.by_region(Kind::Function);
    let mut functions: Vec<_> = regions
        .into_iter()
        .filter_map(|(region, counted)| {
            let (first, last) = (*region.lines.first()?, *region.lines.last()?);
            Some((region.start.min(first), region.start.max(last), region, counted))
        })
        .collect();
    if functions.is_empty() {
        return;
    }
    functions.sort_by_key(|(first, last, region, _)| (*first, *last, region.name.clone()));
    let (mut found, mut hit) = (0, 0);
    let mut names = BTreeSet::new();
    for (first, last, region, counted) in functions {
        if counted.statements.is_empty() {
            continue;
        }
        let calls = calls(file, region.first, &counted.statements);
        found += 1;
        hit += usize::from(!counted.executed.is_empty());
        let mut name = printable(&region.name);
        if !names.insert(name.clone()) {
            let _ = write!(name, "@{first}");
        }
        let _ = writeln!(out, "FN:{first},{last},{name}\nFNDA:{calls},{name}");
    }
    let _ = writeln!(out, "FNF:{found}\nFNH:{hit}");
}

/// How often a function was entered: moves from its outside to its first statements. One whose code has
/// run without that, as in a forked child, counts once.
fn calls(file: &Analysis, first: u32, statements: &BTreeSet<u32>) -> u64 {
    let entered = file.entries.iter().filter(|((_, to), _)| statements.contains(to));
    let entered: u64 =
        entered.filter(|((from, _), _)| *from == first).map(|(_, count)| count).sum();
    let runs = statements.iter().any(|line| file.hits_of(*line) > 0);
    entered.max(u64::from(runs))
}

fn branches(file: &Analysis, out: &mut String) {
    let missing = file.counted.missing_branches();
    let executed = file.counted.executed_branches();
    let stats = file.counted.branch_stats();
    for line in file.counted.statements.iter().filter(|line| stats.contains_key(line)) {
        let runs = executed.get(line).is_some_and(|ways| !ways.is_empty());
        let ways = |of: &std::collections::BTreeMap<u32, Vec<i64>>| {
            of.get(line).cloned().unwrap_or_default()
        };
        let mut ways = [ways(&executed), ways(&missing)].concat();
        ways.sort_by_key(|to| (*to < 0, *to));
        for to in ways {
            let times = match file.times((i64::from(*line), to)) {
                0 if !runs => "-".to_owned(),
                times => times.to_string(),
            };
            let action = printable(&file.code.action((i64::from(*line), to)));
            let _ = writeln!(out, "BRDA:{line},0,{action},{times}");
        }
    }
    let all: usize = stats.values().map(|(all, _)| all).sum();
    let taken: usize = stats.values().map(|(_, taken)| taken).sum();
    if all > 0 {
        let _ = writeln!(out, "BRF:{all}\nBRH:{taken}");
    }
}
