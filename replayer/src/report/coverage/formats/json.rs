//! coverage.py's JSON, format 3 (`coverage.jsonreport`), with hit counts besides: `hits` by line.

use crate::report::coverage::analysis::{Analysis, Counted, Numbers, shown};
use crate::report::coverage::code::{Kind, Region};
use crate::report::coverage::settings::Settings;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The report. `version` is that of the program, `now` the time in ISO 8601.
#[must_use]
pub fn json(files: &[Analysis], settings: &Settings, version: &str, now: &str) -> String {
    let mut all = Map::new();
    for file in files {
        all.insert(file.name.clone(), one(file, settings));
    }
    let report = json!({
        "meta": {
            "format": 3,
            "version": version,
            "timestamp": now,
            "branch_coverage": settings.branch,
            "show_contexts": settings.contexts,
        },
        "files": all,
        "totals": summary(&super::total(files), settings),
    });
    if settings.pretty { format!("{report:#}") } else { report.to_string() }
}

fn one(file: &Analysis, settings: &Settings) -> Value {
    let mut report = counted(file, &file.counted, settings);
    if file.exact {
        let hits = file.hits.iter().map(|(line, made)| (line.to_string(), made.count));
        report.insert("hits".to_owned(), json!(hits.collect::<BTreeMap<String, u64>>()));
    }
    for (kind, name) in [(Kind::Function, "functions"), (Kind::Class, "classes")] {
        report.insert(name.to_owned(), regions(file, kind, settings));
    }
    Value::Object(report)
}

fn regions(file: &Analysis, kind: Kind, settings: &Settings) -> Value {
    let (mut regions, outside, rest) = file.by_region(kind);
    regions.sort_by_key(|(region, _)| region.start);
    let with_statements: BTreeSet<&str> = regions
        .iter()
        .filter(|(_, counted)| !counted.statements.is_empty())
        .map(|(region, _)| region.name.as_str())
        .collect();
    let mut all = Map::new();
    let report = |part: &Counted, start: u32| {
        let mut report = counted(file, part, settings);
        report.insert("start_line".to_owned(), json!(start));
        Value::Object(report)
    };
    for (Region { name, start, .. }, part) in &regions {
        let empty = part.statements.is_empty() && with_statements.contains(name.as_str());
        let name =
            if all.contains_key(name) || empty { format!("{name}@{start}") } else { name.clone() };
        all.insert(name, report(part, *start));
    }
    all.insert(String::new(), report(&rest, outside.first().copied().unwrap_or(1)));
    Value::Object(all)
}

fn counted(file: &Analysis, part: &Counted, settings: &Settings) -> Map<String, Value> {
    let mut report = Map::new();
    report.insert("executed_lines".to_owned(), json!(part.executed));
    report.insert("summary".to_owned(), summary(&part.numbers(), settings));
    report.insert("missing_lines".to_owned(), json!(part.missing()));
    report.insert("excluded_lines".to_owned(), json!(part.excluded));
    if settings.contexts {
        let contexts: BTreeMap<String, &BTreeSet<String>> =
            file.contexts.iter().map(|(line, contexts)| (line.to_string(), contexts)).collect();
        report.insert("contexts".to_owned(), json!(contexts));
    }
    if file.branch {
        let pairs = |ways: BTreeMap<u32, Vec<i64>>| {
            let pairs = ways
                .into_iter()
                .flat_map(|(from, ways)| ways.into_iter().map(move |to| (from, to)));
            json!(pairs.collect::<Vec<_>>())
        };
        report.insert("executed_branches".to_owned(), pairs(part.executed_branches()));
        report.insert("missing_branches".to_owned(), pairs(part.missing_branches()));
    }
    report
}

fn summary(numbers: &Numbers, settings: &Settings) -> Value {
    let display = |percent: f64| shown(percent, settings.precision);
    let mut summary = json!({
        "covered_lines": numbers.executed(),
        "num_statements": numbers.statements,
        "percent_covered": numbers.percent(),
        "percent_covered_display": display(numbers.percent()),
        "missing_lines": numbers.missing,
        "excluded_lines": numbers.excluded,
        "percent_statements_covered": numbers.percent_statements(),
        "percent_statements_covered_display": display(numbers.percent_statements()),
    });
    if settings.branch
        && let Some(summary) = summary.as_object_mut()
    {
        let more = json!({
            "num_branches": numbers.branches,
            "num_partial_branches": numbers.partial,
            "covered_branches": numbers.executed_branches(),
            "missing_branches": numbers.missing_branches,
            "percent_branches_covered": numbers.percent_branches(),
            "percent_branches_covered_display": display(numbers.percent_branches()),
        });
        summary.extend(more.as_object().cloned().unwrap_or_default());
    }
    summary
}
