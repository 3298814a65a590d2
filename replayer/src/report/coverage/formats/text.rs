//! The table of `coverage report -m` (`coverage.report`).

use super::printable;
use crate::report::coverage::analysis::{Analysis, Counted, Numbers, shown};
use crate::report::coverage::settings::Settings;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The table.
///
/// # Errors
/// If there is no column to sort by of the name that the settings give.
pub fn text(files: &[Analysis], settings: &Settings) -> Result<String, String> {
    let branch = settings.branch;
    let mut rows: Vec<Row> = Vec::new();
    let (mut covered, mut empty) = (0, 0);
    let mut total = Numbers::default();
    for file in files {
        let numbers = file.counted.numbers();
        total += numbers;
        if settings.skip_covered && numbers.missing == 0 && numbers.partial == 0 {
            covered += 1;
        } else if settings.skip_empty && numbers.statements == 0 {
            empty += 1;
        } else {
            rows.push(Row {
                name: printable(&file.name),
                numbers,
                missing: missing(&file.counted, branch),
            });
        }
    }
    sort(&mut rows, settings.sort.as_deref().unwrap_or("name"))?;
    let percent = |numbers: &Numbers| shown(numbers.percent(), settings.precision);
    let width = |text: &str| text.chars().count();
    let names = rows.iter().map(|row| width(&row.name)).max().unwrap_or(0).max(5) + 1;
    let values = rows.iter().map(|row| width(&percent(&row.numbers)) + 2);
    let cover = values.max().unwrap_or(0).max((width(&percent(&total)) + 2).max(6) + 1);
    let mut header = format!("{:<names$}{:>7}{:>7}", "Name", "Stmts", "Miss");
    if branch {
        let _ = write!(header, "{:>7}{:>7}", "Branch", "BrPart");
    }
    let _ = write!(header, "{:>cover$}{:>10}", "Cover", "Missing");
    let rule = "-".repeat(width(&header));
    let line = |name: &str, numbers: &Numbers, missing: &str| {
        let mut row = format!("{name:<names$}{:>7}{:>7}", numbers.statements, numbers.missing);
        if branch {
            let _ = write!(row, "{:>7}{:>7}", numbers.branches, numbers.partial);
        }
        let _ = write!(row, "{:>1$}%   {missing}", percent(numbers), cover - 1);
        row.trim_end().to_owned()
    };
    let mut out = format!("{header}\n{rule}\n");
    for row in &rows {
        let _ = writeln!(out, "{}", line(&row.name, &row.numbers, &row.missing));
    }
    if !rows.is_empty() {
        let _ = writeln!(out, "{rule}");
    }
    let _ = writeln!(out, "{}", line("TOTAL", &total, ""));
    let files =
        |count: usize, kind: &str| format!("{count} {kind}{}", if count == 1 { "" } else { "s" });
    if covered > 0 {
        let _ = writeln!(out, "\n{} skipped due to complete coverage.", files(covered, "file"));
    }
    if empty > 0 {
        let _ = writeln!(out, "\n{} skipped.", files(empty, "empty file"));
    }
    Ok(out)
}

struct Row {
    name: String,
    numbers: Numbers,
    missing: String,
}

fn sort(rows: &mut [Row], by: &str) -> Result<(), String> {
    let (reverse, column) = match by.as_bytes().first() {
        Some(b'-') => (true, &by[1..]),
        Some(b'+') => (false, &by[1..]),
        _ => (false, by),
    };
    let column = column.to_lowercase();
    let value: fn(&Numbers) -> f64 = match column.as_str() {
        "name" => |_| 0.0,
        "stmts" => |numbers| numbers.statements as f64,
        "miss" => |numbers| numbers.missing as f64,
        "branch" => |numbers| numbers.branches as f64,
        "brpart" => |numbers| numbers.partial as f64,
        "cover" => Numbers::percent,
        _ => {
            return Err(format!(
                "there is no column `{by}` to sort by: name, stmts, miss, branch, brpart, cover"
            ));
        }
    };
    rows.sort_by(|a, b| {
        let names = if column == "name" { human(&a.name, &b.name) } else { a.name.cmp(&b.name) };
        let order = value(&a.numbers).total_cmp(&value(&b.numbers)).then(names);
        if reverse { order.reverse() } else { order }
    });
    Ok(())
}

/// Names in the order of people: `a2` before `a10`.
pub fn human(a: &str, b: &str) -> Ordering {
    let parts = |name: &str| {
        let mut parts: Vec<(String, Option<u64>)> = Vec::new();
        for c in name.chars() {
            match parts.last_mut() {
                Some((text, number)) if number.is_some() == c.is_ascii_digit() => {
                    text.push(c);
                    if number.is_some() {
                        *number = text.parse().ok().or(Some(u64::MAX));
                    }
                }
                _ => parts.push((c.to_string(), c.to_digit(10).map(u64::from))),
            }
        }
        parts
    };
    let (a_parts, b_parts) = (parts(a), parts(b));
    for (x, y) in a_parts.iter().zip(&b_parts) {
        let order = match (x.1, y.1) {
            (Some(x), Some(y)) => x.cmp(&y),
            // A number stands where the other has text: an empty text comes before it.
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => x.0.cmp(&y.0),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a_parts.len().cmp(&b_parts.len()).then_with(|| a.cmp(b))
}

/// `3-5, 9, 12->14, 12->exit`: missing statements, joined over lines that are none, and missing moves
/// between lines that ran.
#[must_use]
pub fn missing(counted: &Counted, branch: bool) -> String {
    let lines = counted.missing();
    let mut items = ranges(&counted.statements, &lines);
    if branch {
        for (from, ways) in counted.missing_branches() {
            for to in ways {
                let runs_not = u32::try_from(to).is_ok_and(|to| lines.contains(&to));
                if !lines.contains(&from) && !runs_not {
                    let end = if to > 0 { to.to_string() } else { "exit".to_owned() };
                    items.push((from, format!("{from}->{end}")));
                }
            }
        }
    }
    items.sort();
    items.into_iter().map(|(_, item)| item).collect::<Vec<_>>().join(", ")
}

fn ranges(statements: &BTreeSet<u32>, missing: &BTreeSet<u32>) -> Vec<(u32, String)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    let mut goes_on = false;
    for line in statements {
        let is_missing = missing.contains(line);
        match ranges.last_mut() {
            Some((_, last)) if is_missing && goes_on => *last = *line,
            _ if is_missing => ranges.push((*line, *line)),
            _ => {}
        }
        goes_on = is_missing;
    }
    let item = |(first, last): (u32, u32)| {
        (first, if first == last { first.to_string() } else { format!("{first}-{last}") })
    };
    ranges.into_iter().map(item).collect()
}
