//! One HTML page with everything: a table of files that can be sorted, the sources with hit counts,
//! ways not gone, contexts, and where each line ran first. The page loads nothing; its script is named
//! by hash, so that nothing in a recorded text could run even if it came to stand as markup.

use super::text::{human, missing};
use crate::report::coverage::analysis::{Analysis, Numbers, shown};
use crate::report::coverage::code::python_lines;
use crate::report::coverage::settings::Settings;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page. `traces` are the names of the traces that were measured, `now` the time as text.
#[must_use]
pub fn html(files: &[Analysis], settings: &Settings, traces: &[String], now: &str) -> String {
    let mut files: Vec<&Analysis> = files.iter().collect();
    files.sort_by(|a, b| human(&a.name, &b.name));
    let hash = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
    let policy =
        format!("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'");
    let title = escaped(&settings.title);
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
        <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
        <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
        <style>{STYLE}</style></head><body>\n<header><h1>{title}</h1>\n<p>"
    );
    for (number, trace) in traces.iter().enumerate() {
        let _ = write!(out, "<code>{}</code> {} ", number + 1, escaped(trace));
    }
    let _ = write!(
        out,
        "· {}</p>\n<p>A line's <b>@N</b> is where it ran first: \
        <code>moviola replay --at @N TRACE</code> goes there.</p>\n\
        <input id=\"filter\" type=\"search\" placeholder=\"part of a file's name\" \
        aria-label=\"files to show\"></header>\n",
        escaped(now)
    );
    table(&files, settings, &mut out);
    for (number, file) in files.iter().enumerate() {
        source(number, file, traces.len() > 1, &mut out);
    }
    let _ = write!(out, "<script>{SCRIPT}</script>\n</body></html>\n");
    out
}

fn table(files: &[&Analysis], settings: &Settings, out: &mut String) {
    out.push_str("<table id=\"files\"><thead><tr><th>File");
    let columns: &[&str] = if settings.branch {
        &["Statements", "Missing", "Excluded", "Branches", "Partial", "Coverage"]
    } else {
        &["Statements", "Missing", "Excluded", "Coverage"]
    };
    for column in columns {
        let _ = write!(out, "<th class=\"n\">{column}");
    }
    out.push_str("<th>Not run</tr></thead>\n<tbody>\n");
    let cells = |numbers: &Numbers| {
        let percent = shown(numbers.percent(), settings.precision);
        let mut cells = vec![numbers.statements, numbers.missing, numbers.excluded];
        if settings.branch {
            cells.extend([numbers.branches, numbers.partial]);
        }
        let cells =
            cells.iter().map(|n| format!("<td class=\"n\" data-n=\"{n}\">{n}")).collect::<String>();
        let exact = numbers.percent();
        format!(
            "{cells}<td class=\"n\" data-n=\"{exact}\"><meter max=\"100\" value=\"{exact}\"></meter> {percent}%"
        )
    };
    let mut total = Numbers::default();
    for (at, file) in files.iter().enumerate() {
        let numbers = file.counted.numbers();
        total += numbers;
        let _ = write!(
            out,
            "<tr><td><a href=\"#f{at}\">{}</a>{}<td>",
            escaped(&file.name),
            cells(&numbers)
        );
        not_run(at, file, out);
        out.push_str("</tr>\n");
    }
    let _ = writeln!(out, "</tbody><tfoot><tr><td>Total{}<td></tr></tfoot></table>", cells(&total));
}

/// The missing lines and ways, each a link to its place.
fn not_run(at: usize, file: &Analysis, out: &mut String) {
    let missing = missing(&file.counted, file.branch);
    for (number, part) in missing.split(", ").filter(|part| !part.is_empty()).enumerate() {
        let line: String = part.chars().take_while(char::is_ascii_digit).collect();
        let comma = if number > 0 { ", " } else { "" };
        let _ = write!(out, "{comma}<a href=\"#f{at}-{line}\">{}</a>", escaped(part));
    }
}

fn source(at: usize, file: &Analysis, many: bool, out: &mut String) {
    let counted = &file.counted;
    let missing = counted.missing();
    let ways = counted.missing_branches();
    let (stats, gone) = (counted.branch_stats(), counted.executed_branches());
    let _ = write!(out, "<details id=\"f{at}\"><summary>{}</summary>\n<ol>\n", escaped(&file.name));
    for (number, text) in (1_u32..).zip(python_lines(&file.code.text)) {
        let first = file.code.lines.first(number);
        let missing_ways = ways.get(&number).filter(|_| !missing.contains(&number));
        let kind = if counted.excluded.contains(&first) || counted.excluded.contains(&number) {
            "exc"
        } else if missing.contains(&first) {
            "mis"
        } else if missing_ways.is_some() {
            "par"
        } else if counted.statements.contains(&first) {
            "run"
        } else {
            "no"
        };
        let _ = write!(
            out,
            "<li id=\"f{at}-{number}\" class=\"{kind}\"><a href=\"#f{at}-{number}\">{number}</a>"
        );
        let made = file.hits.get(&number).filter(|_| counted.statements.contains(&number));
        match made {
            Some(made) => {
                let at = made.first.map(|(trace, stop)| {
                    let of = if many { (trace + 1).to_string() } else { String::new() };
                    format!("{of}@{stop}")
                });
                let count = if file.exact { made.count.to_string() } else { "ran".to_owned() };
                let at = at.unwrap_or_default();
                let _ = write!(out, "<i>{count}</i><b title=\"first run\">{at}</b>");
            }
            None if missing.contains(&number) => out.push_str("<i>0</i><b></b>"),
            None => out.push_str("<i></i><b></b>"),
        }
        let _ = write!(out, "<pre>{}</pre>", escaped(text));
        if let Some((all, taken)) = stats.get(&number).filter(|_| !missing.contains(&number)) {
            let from = i64::from(number);
            let _ = write!(out, "<details class=\"w\"><summary>{taken}/{all}</summary>");
            for to in gone.get(&number).into_iter().flatten() {
                let way = (from, *to);
                let times =
                    if file.exact { file.times(way).to_string() } else { "done".to_owned() };
                let _ = write!(out, "<p>{}: {times}</p>", escaped(&file.code.action(way)));
            }
            for to in missing_ways.into_iter().flatten() {
                let _ = write!(
                    out,
                    "<p class=\"mis\">{}</p>",
                    escaped(&file.code.why_missing((from, *to)))
                );
            }
            out.push_str("</details>");
        }
        if let Some(contexts) = file.contexts.get(&number) {
            let _ = write!(out, "<details class=\"c\"><summary>{} tests</summary>", contexts.len());
            for context in contexts {
                let _ = write!(out, "<p>{}</p>", escaped(context));
            }
            out.push_str("</details>");
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ol></details>\n");
}

/// Text that is no markup, and whose direction or control characters do not show as others.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' => out.push('\t'),
            c if super::is_plain(c) => out.push(c),
            c => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
        }
    }
    out
}
