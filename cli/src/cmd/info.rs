//! `moviola info`: what is in a trace, and what looking into it costs.

use crate::args::{InfoArgs, TableFormat};
use crate::cmd::cost;
use crate::failure::Outcome;
use crate::open::{self, Facts};
use crate::ui;
use moviola_format::read::{EventCounts, Exit, Family, Trace};
use moviola_replayer::pdb::tree;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Runs the subcommand.
pub fn run(args: &InfoArgs) -> Outcome {
    let trace = open::trace(&args.trace)?;
    let family = Family::of(&args.trace, &trace);
    let cost = if args.cost { Some(cost::measure(&args.trace)?) } else { None };
    match args.format {
        TableFormat::Json => {
            let mut value = as_json(&trace, &family);
            if let Some(cost) = &cost {
                value["cost"] = cost.as_json();
            }
            ui::out(&format!("{value:#}\n"));
        }
        TableFormat::Text => {
            let mut text = as_text(&trace, &args.trace, &family);
            if let Some(cost) = &cost {
                text.push_str(&cost.as_text());
            }
            ui::out(&ui::printable_lines(&text));
        }
    }
    Ok(0)
}

fn counts(c: &EventCounts) -> [(&'static str, u64); 20] {
    [
        ("line", c.line),
        ("call", c.call),
        ("return", c.ret),
        ("yield", c.yields),
        ("resume", c.resume),
        ("throw", c.throw),
        ("unwind", c.unwind),
        ("exception", c.raise),
        ("handled", c.handled),
        ("c_call", c.c_call),
        ("c_return", c.c_return),
        ("local", c.local),
        ("object", c.object),
        ("change", c.change),
        ("death", c.death),
        ("output", c.output),
        ("audit", c.audit),
        ("alloc", c.alloc),
        ("free", c.free),
        ("time", c.time),
    ]
}

fn exit_json(exit: Option<Exit>) -> Value {
    match exit {
        None => json!({"kind": "unknown"}),
        Some(e) => {
            let kind = match e.kind {
                1 => "signal",
                2 => "exception",
                _ => "code",
            };
            json!({"kind": kind, "code": e.code, "position": format!("@{}", e.stop)})
        }
    }
}

/// The children of a process: those with a trace, each with its own children, then the others.
fn children_json(family: &Family, number: u32) -> Vec<Value> {
    let position = |at: Option<u64>| at.map(|stop| format!("@{stop}"));
    let mut children: Vec<Value> = family
        .children(number)
        .map(|child| {
            json!({
                "number": child.number,
                "pid": child.pid,
                "how": child.how,
                "position": position(child.at),
                "trace": child.path.display().to_string(),
                "argv": serde_json::from_str(&child.argv).unwrap_or(Value::Null),
                "exit": exit_json(child.exit),
                "stops": child.stops,
                "children": children_json(family, child.number),
            })
        })
        .collect();
    let unrecorded = family.member(number).map_or(&[][..], |member| &member.unrecorded);
    children.extend(unrecorded.iter().map(|child| {
        json!({"pid": child.pid, "how": child.how, "position": position(Some(child.stop)), "trace": null})
    }));
    children
}

fn as_json(trace: &Trace, family: &Family) -> Value {
    let facts = Facts::of(trace);
    let c = trace.counts();
    let events: serde_json::Map<String, Value> =
        counts(&c).into_iter().map(|(name, n)| (name.to_owned(), n.into())).collect();
    let gaps: Vec<Value> = trace
        .gaps()
        .iter()
        .map(|g| json!({"reason": g.reason, "position": format!("@{}", g.stop)}))
        .collect();
    let children = children_json(family, family.own);
    let threads: Vec<Value> = trace
        .threads()
        .iter()
        .map(|t| json!({"number": t.number, "name": t.name, "native_id": t.native_id}))
        .collect();
    let bookmarks: Vec<Value> = trace
        .bookmarks()
        .iter()
        .map(|b| json!({"name": b.name, "position": format!("@{}", b.stop)}))
        .collect();
    json!({
        "events": events,
        "stops": trace.stop_count(),
        "segment": trace.segment().map(|s| json!({"stops_before": s.stops, "lines_before": s.lines})),
        "blocks": trace.block_count(),
        "gaps": gaps,
        "unknown_values": c.unknown,
        "bytes": trace.file_len(),
        "python": facts.get("python"),
        "argv": facts.argv(),
        "exit": exit_json(trace.exit()),
        "children": children,
        "threads": threads,
        "bookmarks": bookmarks,
        "warnings": trace.warnings(),
        "meta": facts.all(),
    })
}

fn as_text(trace: &Trace, path: &Path, family: &Family) -> String {
    let facts = Facts::of(trace);
    let c = trace.counts();
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        writeln!(text, "{name:<12} {value}").ok();
    };
    row("trace", &format!("{} ({})", path.display(), bytes(trace.file_len())));
    row("program", &facts.command_line());
    row("python", format!("{} {}", facts.get("implementation"), facts.get("python")).trim());
    row("directory", facts.get("cwd"));
    row("ended", &ended(trace.exit()));
    row("stops", &format!("{} in {} blocks", grouped(trace.stop_count()), trace.block_count()));
    for (name, n) in counts(&c).into_iter().filter(|(_, n)| *n > 0) {
        row(&format!("  {name}"), &grouped(n));
    }
    if c.line > 0 {
        let per_line = trace.file_len() as f64 / c.line as f64;
        row("a line", &format!("{per_line:.2} bytes"));
    }
    row("unknown", &format!("{} values", grouped(c.unknown)));
    for thread in trace.threads() {
        row("thread", &format!("{} {}", thread.number, thread.name.as_deref().unwrap_or("?")));
    }
    let related = family.members.len() > 1 || family.own > 0;
    if related || family.members.iter().any(|member| !member.unrecorded.is_empty()) {
        for line in tree(family) {
            row("process", &line);
        }
    }
    for warning in &family.warnings {
        row("warning", warning);
    }
    if trace.gaps().is_empty() {
        row("gaps", "none");
    }
    for gap in trace.gaps() {
        row("gap", &format!("at @{}: {}", gap.stop, gap.reason));
    }
    for warning in trace.warnings() {
        row("warning", warning);
    }
    text
}

fn ended(exit: Option<Exit>) -> String {
    match exit {
        None => "not seen: the program or the recording was cut off".to_owned(),
        Some(e) if e.kind == 1 => format!("by signal {} at @{}", e.code, e.stop),
        Some(e) if e.kind == 2 => format!("by an uncaught exception at @{}", e.stop),
        Some(e) => format!("with exit code {} at @{}", e.code, e.stop),
    }
}

/// 1234567 -> 1,234,567.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bytes(n: u64) -> String {
    match n {
        0..=9_999 => format!("{n} bytes"),
        10_000..=9_999_999 => format!("{:.1} KiB", n as f64 / 1024.0),
        _ => format!("{:.1} MiB", n as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_grouped() {
        assert_eq!(super::grouped(7), "7");
        assert_eq!(super::grouped(1_234_567), "1,234,567");
    }
}
