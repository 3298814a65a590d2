//! Who called whom, as a graph: the language of Graphviz, and that of Mermaid.

use super::{Function, Results, one_line};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The functions by file, each with its number in the graph.
fn nodes(results: &Results) -> BTreeMap<&str, BTreeMap<&Function, usize>> {
    let mut files: BTreeMap<&str, BTreeMap<&Function, usize>> = BTreeMap::new();
    for function in results.callers.keys().flat_map(|(caller, called)| [caller, called]) {
        files.entry(&function.0).or_default().insert(function, 0);
    }
    for (number, place) in files.values_mut().flat_map(BTreeMap::values_mut).enumerate() {
        *place = number;
    }
    files
}

/// The graph for Graphviz's `dot`, a cluster a file; with `counts`, how often at each arrow.
#[must_use]
pub fn dot(results: &Results, counts: bool) -> String {
    let files = nodes(results);
    let mut out = String::from("digraph calls {\n  rankdir=LR;\n  node [shape=box];\n");
    for (number, (file, functions)) in files.iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_{number} {{\n    label={};", quoted(file));
        for ((_, module, name), node) in functions {
            let _ = writeln!(out, "    n{node} [label={}];", quoted(&format!("{module}.{name}")));
        }
        out.push_str("  }\n");
    }
    for ((caller, called), calls) in &results.callers {
        let (from, to) = (files[&*caller.0][caller], files[&*called.0][called]);
        let _ = match counts {
            true => writeln!(out, "  n{from} -> n{to} [label=\"{calls}\"];"),
            false => writeln!(out, "  n{from} -> n{to};"),
        };
    }
    out.push_str("}\n");
    out
}

/// The graph for Mermaid, a subgraph a file; with `counts`, how often at each arrow.
#[must_use]
pub fn mermaid(results: &Results, counts: bool) -> String {
    let files = nodes(results);
    let mut out = String::from("flowchart LR\n");
    for (number, (file, functions)) in files.iter().enumerate() {
        let _ = writeln!(out, "  subgraph s{number}[\"{}\"]", entities(file));
        for ((_, module, name), node) in functions {
            let _ = writeln!(out, "    n{node}[\"{}\"]", entities(&format!("{module}.{name}")));
        }
        out.push_str("  end\n");
    }
    for ((caller, called), calls) in &results.callers {
        let (from, to) = (files[&*caller.0][caller], files[&*called.0][called]);
        let _ = match counts {
            true => writeln!(out, "  n{from} -->|{calls}| n{to}"),
            false => writeln!(out, "  n{from} --> n{to}"),
        };
    }
    out
}

/// A string of Graphviz: a quote is escaped, and a backslash, which begins its escapes.
fn quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        one_line(text).replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;")
    )
}

/// Text in Mermaid's quotes: what could end them, or be taken for markup, as its entities: every punctuation mark but those of names.
fn entities(text: &str) -> String {
    // A label is not empty.
    let text = if text.is_empty() { "?" } else { text };
    let mut out = String::new();
    for c in one_line(text).chars() {
        match c {
            c if c.is_ascii_punctuation()
                && !matches!(c, '.' | '_' | '/' | '-' | '(' | ')' | ',') =>
            {
                let _ = write!(out, "#{};", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}
