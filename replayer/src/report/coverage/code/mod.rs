//! What a source text says of itself, before anything ran: its statements, what is excluded, which
//! moves it allows, its functions and classes. All by coverage.py's rules (7.17.3).

mod body;
mod excluded;
mod moves;
mod possible;
mod regions;
mod text;
mod walk;

pub use moves::{Move, Moves, Reason};
pub use regions::{Kind, Region};
pub use text::{Lines, normal, python_lines};

use crate::report::room::with_room;
use fancy_regex::Regex;
use possible::Possible;
use ruff_python_ast as py;
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::Ranged;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What takes lines out of the report.
#[derive(Debug, Clone)]
pub struct Patterns {
    /// Lines, and whole suites where their head matches.
    pub exclude: Option<Arc<Regex>>,
    /// Lines whose missing moves do not count.
    pub partial: Option<Arc<Regex>>,
}

/// A source text, looked into.
#[derive(Debug, Clone, Default)]
pub struct Code {
    /// The text; lines end in `\n`.
    pub text: String,
    /// Its logical lines.
    pub lines: Lines,
    /// Statements that count, by their first line.
    pub statements: BTreeSet<u32>,
    /// Lines that are excluded.
    pub excluded: BTreeSet<u32>,
    /// The moves between statements.
    pub moves: Moves,
    /// Lines whose missing moves do not count.
    pub no_branch: BTreeSet<u32>,
    /// Functions and classes.
    pub regions: Vec<Region>,
}

impl Code {
    /// Looks into a text. `known` are the lines that recorded code under this name has instructions on, if
    /// the recording says so: they decide where the text does not. (They are no statements by themselves:
    /// the code may have been compiled from another text.) `minor` is its Python 3's.
    ///
    /// # Errors
    /// What is wrong if it is not Python, or too large.
    pub fn new(
        text: &str,
        known: Option<BTreeSet<u32>>,
        minor: u32,
        patterns: &Patterns,
    ) -> Result<Self, String> {
        let patterns = patterns.clone();
        with_room(text, move |text| look(text, known, minor, &patterns))
            .unwrap_or_else(|| Err("it is too large".to_owned()))
    }

    /// How many ways lead on from each statement, excluded ones left out.
    #[must_use]
    pub fn exits(&self) -> BTreeMap<u32, usize> {
        let mut exits = BTreeMap::new();
        for (from, to) in &self.moves.all {
            let Ok(from) = u32::try_from(*from) else { continue };
            let is_excluded =
                |end: i64| u32::try_from(end).is_ok_and(|end| self.excluded.contains(&end));
            if !self.excluded.contains(&from) && !is_excluded(*to) {
                *exits.entry(from).or_default() += 1;
            }
        }
        exits
    }

    /// What a move does: "jump to line 5".
    #[must_use]
    pub fn action(&self, made: Move) -> String {
        let reasons = self.moves.reasons.get(&made);
        action(reasons.and_then(|reasons| reasons.first()), made)
    }

    /// Why a move was not made, as a sentence.
    #[must_use]
    pub fn why_missing(&self, (from, to): Move) -> String {
        let none = [Reason { cause: "", action: None }];
        let reasons = self.moves.reasons.get(&(from, to)).map_or(&none[..], |known| known);
        let sentence = |reason: &Reason| {
            let action = action(Some(reason), (from, to));
            let cause = reason.cause.replace("{lineno}", &from.to_string());
            let because = if cause.is_empty() { "" } else { " because " };
            format!("line {from} didn't {action}{because}{cause}")
        };
        let mut sentences: Vec<String> = reasons.iter().map(sentence).collect();
        sentences.dedup();
        sentences.join(" or ")
    }
}

/// The logical lines of a text; each line by itself if it is too large.
#[must_use]
pub fn logical_lines(text: &str) -> Lines {
    let found = with_room(text, |text| {
        let text = normal(text);
        Lines::new(&text, parse_unchecked(&text, ParseOptions::from(Mode::Module)).tokens())
    });
    found.unwrap_or_default()
}

/// The first lines of functions that have decorators.
#[must_use]
pub fn decorated_functions(text: &str) -> BTreeSet<u32> {
    let found = with_room(text, |text| {
        let parsed = parse_unchecked(text, ParseOptions::from(Mode::Module));
        let py::Mod::Module(module) = parsed.syntax() else { return BTreeSet::new() };
        let lines = Lines::new(text, parsed.tokens());
        let first = |node: &walk::Node<'_>| match node {
            walk::Node::Stmt(py::Stmt::FunctionDef(def)) => {
                def.decorator_list.first().map(|d| lines.line(d.start()))
            }
            _ => None,
        };
        walk::nodes(&module.body).iter().filter_map(first).collect()
    });
    found.unwrap_or_default()
}

/// The line that a call of a function runs first; the function is told by the line of its `def` or of its
/// first decorator. `None` if there is no such function.
#[must_use]
pub fn first_line_run(text: &str, first: u32) -> Option<u32> {
    let found = with_room(text, move |text| {
        let parsed = parse_unchecked(text, ParseOptions::from(Mode::Module));
        let py::Mod::Module(module) = parsed.syntax() else { return None };
        let lines = Lines::new(text, parsed.tokens());
        walk::nodes(&module.body).iter().find_map(|node| match node {
            walk::Node::Stmt(py::Stmt::FunctionDef(def)) => {
                let start = def.decorator_list.first().map_or(def.start(), Ranged::start);
                let is_it = lines.line(start) == first || lines.line(def.name.start()) == first;
                is_it.then(|| body::first_line(&def.body, &lines).unwrap_or(first))
            }
            _ => None,
        })
    });
    found.flatten()
}

fn action(reason: Option<&Reason>, (_, to): Move) -> String {
    match reason.and_then(|reason| reason.action.clone()) {
        Some(action) => action,
        None if to < 0 => "jump to the function exit".to_owned(),
        None => format!("jump to line {to}"),
    }
}

fn look(
    text: &str,
    known: Option<BTreeSet<u32>>,
    minor: u32,
    patterns: &Patterns,
) -> Result<Code, String> {
    let text = normal(text);
    let parsed = parse_unchecked(&text, ParseOptions::from(Mode::Module));
    if let Some(error) = parsed.errors().first() {
        let lines = text[..error.location.start().to_usize()].matches('\n').count();
        return Err(format!("line {}: {}", lines + 1, error.error));
    }
    let py::Mod::Module(module) = parsed.syntax() else { return Err("no module".to_owned()) };
    let body = &module.body;
    let lines = Lines::new(&text, parsed.tokens());
    let Possible { sure: mut possible, perhaps } = possible::lines(body, &lines, minor);
    match known {
        Some(known) => {
            let known: BTreeSet<u32> = known.iter().map(|line| lines.first(*line)).collect();
            possible.extend(perhaps.intersection(&known));
        }
        None => possible.extend(perhaps),
    }
    let matching = |pattern: &Option<Arc<Regex>>| {
        let pattern = pattern.as_deref();
        pattern.map(|pattern| excluded::matching(pattern, &text, &lines)).unwrap_or_default()
    };
    let nodes = walk::nodes(body);
    let marked = matching(&patterns.exclude);
    let excluded = excluded::lines(&marked, parsed.tokens(), &nodes, &lines, &possible);
    let mut ignored = excluded.clone();
    for docstring in docstrings(body, &nodes) {
        ignored.extend(lines.line(docstring.start())..=lines.end(docstring));
    }
    let statements = possible.difference(&ignored).copied().collect();
    let moves = moves::moves(body, &lines, &possible);
    let no_branch = matching(&patterns.partial);
    let regions = regions::regions(body, &lines);
    Ok(Code { lines, statements, excluded, moves, no_branch, regions, text })
}

/// The docstrings of a module and of the functions and classes in it.
fn docstrings<'a>(body: &'a [py::Stmt], nodes: &[walk::Node<'a>]) -> Vec<&'a py::Stmt> {
    let own = nodes.iter().filter_map(|node| match node {
        walk::Node::Stmt(py::Stmt::FunctionDef(def)) => text::docstring(&def.body),
        walk::Node::Stmt(py::Stmt::ClassDef(def)) => text::docstring(&def.body),
        _ => None,
    });
    own.chain(text::docstring(body)).collect()
}
