//! What ran held against what could have: missing lines and branches, as coverage.py counts them
//! (`coverage.results`, 7.17.3), and exact hit counts.

use super::code::{Code, Move, Region};
use super::measure::{Executed, Made};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::AddAssign;

/// One file.
#[derive(Debug, Clone, Default)]
pub struct Analysis {
    /// Absolute file name.
    pub file: String,
    /// The name in reports: relative to the working directory, if it lies below.
    pub name: String,
    /// The text, looked into.
    pub code: Code,
    /// How often each statement that ran was come to from elsewhere, and where first.
    pub hits: BTreeMap<u32, Made>,
    /// The contexts each statement ran in; those of unnamed ones are not there.
    pub contexts: BTreeMap<u32, BTreeSet<String>>,
    /// How often each code object was entered: by its first line and the statement it began with.
    pub entries: BTreeMap<(u32, u32), u64>,
    /// What counts; narrowed to a region, only its part.
    pub counted: Counted,
    /// Moves between statements, and how often they were made.
    pub moves: BTreeMap<Move, Made>,
    /// Whether moves count.
    pub branch: bool,
    /// Whether hits and times say how often, not only whether: a recording of coverage does not.
    pub exact: bool,
}

/// The sets that are counted.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// Statements.
    pub statements: BTreeSet<u32>,
    /// Excluded lines.
    pub excluded: BTreeSet<u32>,
    /// Statements that ran.
    pub executed: BTreeSet<u32>,
    possible: BTreeSet<Move>,
    made: BTreeSet<Move>,
    exits: BTreeMap<u32, usize>,
    no_branch: BTreeSet<u32>,
}

/// Sums of a file, a region or all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Statements.
    pub statements: u64,
    /// Excluded lines.
    pub excluded: u64,
    /// Statements that did not run.
    pub missing: u64,
    /// Ways on from lines that have several.
    pub branches: u64,
    /// Ways not gone from lines that ran.
    pub partial: u64,
    /// Ways not gone.
    pub missing_branches: u64,
}

impl AddAssign for Numbers {
    fn add_assign(&mut self, more: Self) {
        self.statements += more.statements;
        self.excluded += more.excluded;
        self.missing += more.missing;
        self.branches += more.branches;
        self.partial += more.partial;
        self.missing_branches += more.missing_branches;
    }
}

impl Numbers {
    /// Statements that ran.
    #[must_use]
    pub const fn executed(&self) -> u64 {
        self.statements - self.missing
    }

    /// Ways gone from lines that have several.
    #[must_use]
    pub const fn executed_branches(&self) -> u64 {
        self.branches - self.missing_branches
    }

    /// Per cent of statements and branches; 100 of nothing.
    #[must_use]
    pub fn percent(&self) -> f64 {
        percent(self.executed() + self.executed_branches(), self.statements + self.branches)
    }

    /// Per cent of the statements.
    #[must_use]
    pub fn percent_statements(&self) -> f64 {
        percent(self.executed(), self.statements)
    }

    /// Per cent of the branches.
    #[must_use]
    pub fn percent_branches(&self) -> f64 {
        percent(self.executed_branches(), self.branches)
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 100.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// A per cent value as it is shown: 0 only if it is nothing, 100 only if it is all.
#[must_use]
pub fn shown(percent: f64, precision: usize) -> String {
    let least = 0.1_f64.powi(i32::try_from(precision).unwrap_or(i32::MAX));
    let value = if 0.0 < percent && percent < least {
        least
    } else if 100.0 - least < percent && percent < 100.0 {
        100.0 - least
    } else {
        percent
    };
    // Both round halves of exactly representable values to even.
    format!("{value:.precision$}")
}

impl Analysis {
    /// Holds what ran in a file against its text.
    #[must_use]
    pub fn new(
        file: String,
        name: String,
        code: Code,
        contexts: &BTreeMap<String, Executed>,
        executed: &Executed,
        branch: bool,
    ) -> Self {
        let executed = &executed.resolved(&code.lines);
        let hits = hits(&code, executed);
        let mut in_contexts: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
        for (context, executed) in contexts.iter().filter(|(context, _)| !context.is_empty()) {
            for line in executed.lines() {
                in_contexts.entry(code.lines.first(line)).or_default().insert(context.clone());
            }
        }
        let ran = executed.lines().into_iter().map(|line| code.lines.first(line));
        let mut counted = Counted {
            statements: code.statements.clone(),
            excluded: code.excluded.clone(),
            executed: ran.filter(|line| code.statements.contains(line)).collect(),
            ..Counted::default()
        };
        let mut moves = BTreeMap::new();
        if branch {
            moves = made(&code, executed);
            counted.possible.clone_from(&code.moves.all);
            counted.made = moves.keys().copied().collect();
            counted.exits = code.exits();
            counted.no_branch.clone_from(&code.no_branch);
        }
        let mut entries: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for ((from, to), made) in &executed.moves {
            if let (Ok(outside @ 1..), Ok(line @ 1..)) = (u32::try_from(-from), u32::try_from(*to))
            {
                let first = (code.lines.first(outside), code.lines.first(line));
                *entries.entry(first).or_default() += made.count;
            }
        }
        // Such a recording says of no move when it was made first.
        let exact = executed.moves.values().all(|made| made.first.is_some());
        Self {
            file,
            name,
            code,
            hits,
            contexts: in_contexts,
            entries,
            counted,
            moves,
            branch,
            exact,
        }
    }

    /// How often a statement ran.
    #[must_use]
    pub fn hits_of(&self, line: u32) -> u64 {
        self.hits.get(&line).map_or(0, |made| made.count)
    }

    /// How often a way was gone.
    #[must_use]
    pub fn times(&self, made: Move) -> u64 {
        self.moves.get(&made).map_or(0, |made| made.count)
    }

    /// The part of the counts that lies in each of some regions' lines (`AnalysisNarrower`: a line
    /// belongs to the last region that has it, a move to those of both its ends).
    #[must_use]
    pub fn narrowed<'r>(&self, regions: impl Iterator<Item = &'r BTreeSet<u32>>) -> Vec<Counted> {
        let regions: Vec<_> = regions.collect();
        // Regions of the same lines are one.
        let mut same: HashMap<&BTreeSet<u32>, usize> = HashMap::new();
        let owner_of = |at: usize, lines: &'r BTreeSet<u32>, same: &mut HashMap<_, _>| {
            *same.entry(lines).or_insert(at)
        };
        let mut region_of: HashMap<u32, usize> = HashMap::new();
        let mut parts: Vec<Counted> = Vec::new();
        let mut owners = Vec::new();
        let all = &self.counted;
        let within = |from: &BTreeSet<u32>, lines: &BTreeSet<u32>| {
            from.intersection(lines).copied().collect()
        };
        for (at, lines) in regions.iter().enumerate() {
            let owner = owner_of(at, lines, &mut same);
            owners.push(owner);
            region_of.extend(lines.iter().map(|line| (*line, owner)));
            parts.push(Counted {
                statements: within(&all.statements, lines),
                excluded: within(&all.excluded, lines),
                executed: within(&all.executed, lines),
                no_branch: within(&all.no_branch, lines),
                ..Counted::default()
            });
        }
        let region = |end: i64| u32::try_from(end).ok().and_then(|line| region_of.get(&line));
        for made in &all.possible {
            for at in [region(made.0), region(made.1)].into_iter().flatten() {
                parts[*at].possible.insert(*made);
            }
        }
        for made in &all.made {
            for at in [region(made.0), region(made.1)].into_iter().flatten() {
                parts[*at].made.insert(*made);
            }
        }
        for (line, count) in &all.exits {
            if let Some(at) = region_of.get(line) {
                parts[*at].exits.insert(*line, *count);
            }
        }
        for (at, owner) in owners.into_iter().enumerate() {
            if owner != at {
                let (possible, made) = (parts[owner].possible.clone(), parts[owner].made.clone());
                let exits = parts[owner].exits.clone();
                parts[at] = Counted { possible, made, exits, ..std::mem::take(&mut parts[at]) };
            }
        }
        parts
    }

    /// Regions of one kind with their parts of the counts, then what lies outside all of them.
    #[must_use]
    pub fn by_region(
        &self,
        kind: super::code::Kind,
    ) -> (Vec<(&Region, Counted)>, BTreeSet<u32>, Counted) {
        let of_kind: Vec<&Region> = self.code.regions.iter().filter(|r| r.kind == kind).collect();
        let count = super::code::python_lines(&self.code.text).count() as u32;
        let mut outside: BTreeSet<u32> = (1..=count).collect();
        for region in &of_kind {
            outside.retain(|line| !region.lines.contains(line));
        }
        let lines = of_kind.iter().map(|region| &region.lines).chain([&outside]);
        let mut parts = self.narrowed(lines);
        let rest = parts.pop().unwrap_or_default();
        (of_kind.into_iter().zip(parts).collect(), outside, rest)
    }
}

impl Counted {
    /// Statements that did not run.
    #[must_use]
    pub fn missing(&self) -> BTreeSet<u32> {
        self.statements.difference(&self.executed).copied().collect()
    }

    /// Lines with several ways on: how many, by line.
    pub fn branch_lines(&self) -> impl Iterator<Item = (u32, usize)> {
        self.exits.iter().filter(|(_, count)| **count > 1).map(|(line, count)| (*line, *count))
    }

    fn is_branch(&self, line: i64) -> bool {
        let line = u32::try_from(line).ok();
        line.and_then(|line| self.exits.get(&line)).is_some_and(|count| *count > 1)
    }

    /// Ways not gone, by the line they lead on from.
    #[must_use]
    pub fn missing_branches(&self) -> BTreeMap<u32, Vec<i64>> {
        let is_in = |end: i64, set: &BTreeSet<u32>| {
            u32::try_from(end).is_ok_and(|line| set.contains(&line))
        };
        let missing = self.possible.difference(&self.made).filter(|(from, to)| {
            !is_in(*from, &self.no_branch) && !is_in(*to, &self.excluded) && self.is_branch(*from)
        });
        by_line(missing)
    }

    /// Ways gone, by the line they lead on from.
    #[must_use]
    pub fn executed_branches(&self) -> BTreeMap<u32, Vec<i64>> {
        by_line(self.made.intersection(&self.possible).filter(|(from, _)| self.is_branch(*from)))
    }

    /// Of each line with several ways on: how many there are, and how many were gone.
    #[must_use]
    pub fn branch_stats(&self) -> BTreeMap<u32, (usize, usize)> {
        let missing = self.missing_branches();
        let stats =
            |(line, all): (u32, usize)| (line, (all, all - missing.get(&line).map_or(0, Vec::len)));
        self.branch_lines().map(stats).collect()
    }

    /// The sums.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        let missing = self.missing();
        let branches = self.missing_branches();
        let partial = branches.iter().filter(|(line, _)| !missing.contains(line));
        Numbers {
            statements: self.statements.len() as u64,
            excluded: self.excluded.len() as u64,
            missing: missing.len() as u64,
            branches: self.branch_lines().map(|(_, count)| count as u64).sum(),
            partial: partial.map(|(_, ways)| ways.len() as u64).sum(),
            missing_branches: branches.values().map(|ways| ways.len() as u64).sum(),
        }
    }
}

fn by_line<'m>(moves: impl Iterator<Item = &'m Move>) -> BTreeMap<u32, Vec<i64>> {
    let mut lines: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    for (from, to) in moves {
        if let Ok(from) = u32::try_from(*from) {
            lines.entry(from).or_default().push(*to);
        }
    }
    lines
}

/// Hits of statements: a line counts unless it is come to from another line of its statement.
fn hits(code: &Code, executed: &Executed) -> BTreeMap<u32, Made> {
    let mut hits: BTreeMap<u32, Made> = BTreeMap::new();
    for ((from, to), made) in &executed.moves {
        let Ok(line @ 1..) = u32::try_from(*to) else { continue };
        let first = code.lines.first(line);
        if !code.statements.contains(&first) {
            continue;
        }
        let again = from != to && code.lines.first_of_end(*from) == i64::from(first);
        let known = hits.entry(first).or_insert(Made { count: 0, first: None });
        known.add(Made { count: if again { 0 } else { made.count }, ..*made });
    }
    // A forked child may begin in the middle of a statement.
    for made in hits.values_mut() {
        made.count = made.count.max(1);
    }
    hits
}

/// Moves between statements, as they are reported: those of leaving a `with` are put right, and a
/// statement that comes back to itself has gone the only way that leads on
/// (`analysis_from_file_reporter`).
fn made(code: &Code, executed: &Executed) -> BTreeMap<Move, Made> {
    let mut ways: BTreeMap<i64, Option<i64>> = BTreeMap::new();
    for (from, to) in &code.moves.all {
        ways.entry(*from).and_modify(|only| *only = None).or_insert(Some(*to));
    }
    let mut all: BTreeMap<Move, Made> = BTreeMap::new();
    let shown = |made: Move| {
        let (from, to) = code.moves.shown(made)?;
        Some((code.lines.first_of_end(from), code.lines.first_of_end(to)))
    };
    for (made, times) in &executed.moves {
        let Some(mut way) = shown(*made) else { continue };
        if way.0 == way.1 {
            let Some(Some(only)) = ways.get(&way.0) else { continue };
            way.1 = *only;
        }
        let Some(way) = shown(way) else { continue };
        let known = all.entry(way).or_insert(Made { count: 0, first: None });
        known.add(*times);
    }
    all
}
