//! Breakpoints: where they are, and the next or previous stop at which one is hit.
//!
//! Counters are a function of the position: walking back over a hit undoes it.

use super::Timeline;
use super::scan::Scan;
use crate::eval::Expression;
use crate::machine::StopKind;
use moviola_format::read::TraceError;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// A breakpoint, with pdb's fields.
#[derive(Debug, Clone)]
pub struct Breakpoint {
    /// Its number, never used again.
    pub number: usize,
    /// Canonical file name.
    pub file: String,
    /// The line.
    pub line: u32,
    /// Deleted when hit.
    pub temporary: bool,
    /// Python expression that must be true: its text and its parsed form.
    pub condition: Option<(String, Expression)>,
    /// Name of the function, if it was set by name.
    pub function: Option<String>,
    /// Whether it stops.
    pub enabled: bool,
    /// Crossings still to ignore.
    pub ignore: u64,
    /// Stops whose crossing was ignored.
    pub ignored: BTreeSet<u64>,
    /// Code and line pairs at which it is hit, sorted.
    pub places: Vec<(u32, u32)>,
}

impl Breakpoint {
    /// One that nobody has set, to look for places with.
    fn anonymous(places: &[(u32, u32)]) -> Self {
        Self {
            number: 0,
            file: String::new(),
            line: 0,
            temporary: false,
            condition: None,
            function: None,
            enabled: true,
            ignore: 0,
            ignored: BTreeSet::new(),
            places: places.to_vec(),
        }
    }
}

/// What a condition says at a hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Stop.
    True,
    /// Go on.
    False,
    /// Stop and say why it cannot be told.
    Unsure(String),
}

/// Asks a breakpoint's condition at a stop.
pub type Judge<'j> = &'j mut dyn FnMut(&Breakpoint, u64) -> Result<Verdict, TraceError>;

/// A breakpoint was hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The stop.
    pub stop: u64,
    /// Number of the breakpoint.
    pub number: usize,
    /// Something to tell about its condition.
    pub note: Option<String>,
}

impl Timeline {
    /// Code and line pairs of a breakpoint.
    #[must_use]
    pub fn places(&self, file: &str, line: u32, function: Option<&str>) -> Vec<(u32, u32)> {
        let mut places = Vec::new();
        for code in self.trace.codes() {
            if self.canonic(&code.filename) != file {
                continue;
            }
            let id = code.id as u32;
            match function {
                None if code.lines.binary_search(&line).is_ok() => places.push((id, line)),
                None => {}
                Some(name) => {
                    let here = code.first_line == line || code.lines.binary_search(&line).is_ok();
                    if code.name == name && here {
                        places.push((id, first_executable(code)));
                    }
                }
            }
        }
        places.sort_unstable();
        places
    }

    /// The next hit at or after `from` and before `until`, behind `pass` others that need no stop; those that were
    /// found are taken off.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn next_hit(
        &self,
        breaks: &mut [Breakpoint],
        from: u64,
        until: u64,
        pass: &mut usize,
        judge: Judge<'_>,
    ) -> Result<Option<Hit>, TraceError> {
        let until = until.min(self.len());
        if from >= until {
            return Ok(None);
        }
        let mut block = self.trace.block_of_stop(from);
        let last = self.trace.block_of_stop(until - 1);
        let scan = Scan::new(&self.trace, breaks);
        let mut wave = 1;
        loop {
            let blocks = self.blocks_with_hits(breaks, block, wave, true)?;
            let blocks: Vec<usize> =
                blocks.into_iter().take_while(|found| *found <= last).collect();
            let Some(end) = blocks.last() else { return Ok(None) };
            for (found, crossings) in blocks.iter().zip(self.crossings(&scan, breaks, &blocks)?) {
                let mut inside =
                    crossings.into_iter().filter(|stop| (from..until).contains(stop)).peekable();
                if inside.peek().is_none() {
                    continue;
                }
                let view = self.view(*found)?;
                for stop in inside {
                    if let Some(hit) = cross(breaks, &view, stop, judge)?
                        && !passes(breaks, &hit, pass)
                    {
                        return Ok(Some(hit));
                    }
                }
            }
            block = end + 1;
            // Without conditions, the first block nearly always has the hit.
            wave = if scan.is_useful() { (wave * 4).min(WAVE_MAX) } else { 1 };
        }
    }

    /// The last hit before `before` and after `least` (or at it), behind `pass` others that need no stop; those that were
    /// found are taken off.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn previous_hit(
        &self,
        breaks: &mut [Breakpoint],
        before: u64,
        least: u64,
        pass: &mut usize,
        judge: Judge<'_>,
    ) -> Result<Option<Hit>, TraceError> {
        if before == 0 || before <= least {
            return Ok(None);
        }
        let mut block = self.trace.block_of_stop(before - 1);
        let first = self.trace.block_of_stop(least);
        let scan = Scan::new(&self.trace, breaks);
        let mut wave = 1;
        loop {
            let blocks = self.blocks_with_hits(breaks, block, wave, false)?;
            let blocks: Vec<usize> =
                blocks.into_iter().take_while(|found| *found >= first).collect();
            let Some(end) = blocks.last() else { return Ok(None) };
            for (found, mut crossings) in blocks.iter().zip(self.crossings(&scan, breaks, &blocks)?)
            {
                crossings.retain(|stop| *stop >= least && *stop < before);
                if crossings.is_empty() {
                    continue;
                }
                let view = self.view(*found)?;
                if let Some(hit) = last_crossed(breaks, &view, &crossings, pass, judge)? {
                    return Ok(Some(hit));
                }
            }
            let Some(next) = end.checked_sub(1) else { return Ok(None) };
            block = next;
            // Without conditions, the first block nearly always has the hit.
            wave = if scan.is_useful() { (wave * 4).min(WAVE_MAX) } else { 1 };
        }
    }

    /// The first stop at or after `from` at which one of these places is reached.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn next_at(&self, places: &[(u32, u32)], from: u64) -> Result<Option<u64>, TraceError> {
        let mut at = [Breakpoint::anonymous(places)];
        let hit = self.next_hit(&mut at, from, u64::MAX, &mut 0, &mut |_, _| Ok(Verdict::True))?;
        Ok(hit.map(|hit| hit.stop))
    }

    /// The last stop before `before` at which one of these places is reached.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn previous_at(
        &self,
        places: &[(u32, u32)],
        before: u64,
    ) -> Result<Option<u64>, TraceError> {
        let mut at = [Breakpoint::anonymous(places)];
        let hit = self.previous_hit(&mut at, before, 0, &mut 0, &mut |_, _| Ok(Verdict::True))?;
        Ok(hit.map(|hit| hit.stop))
    }

    /// How often a breakpoint's line was reached up to and including a stop, and in all.
    ///
    /// # Errors
    /// If the trace cannot be read.
    pub fn hit_count(&self, breakpoint: &Breakpoint, stop: u64) -> Result<(u64, u64), TraceError> {
        let block = self.trace.block_of_stop(stop);
        let (mut before, mut total) = (0, 0);
        for (code, line) in &breakpoint.places {
            let hits = self.trace.line_hits(u64::from(*code), *line);
            total += hits.total()?;
            before += hits.count_before_block(block)?;
        }
        if total == 0 {
            return Ok((0, 0));
        }
        let view = self.view(block)?;
        let count = view
            .stops
            .iter()
            .take(usize::try_from(stop + 1 - view.first).unwrap_or(usize::MAX))
            .filter(|record| {
                record.kind == StopKind::Line
                    && breakpoint.places.binary_search(&(record.code, record.line)).is_ok()
            })
            .count();
        Ok((before + count as u64, total))
    }

    fn block_with_hits(
        &self,
        breaks: &[Breakpoint],
        block: usize,
        forwards: bool,
    ) -> Result<Option<usize>, TraceError> {
        let mut best: Option<usize> = None;
        for breakpoint in breaks.iter().filter(|breakpoint| breakpoint.enabled) {
            for (code, line) in &breakpoint.places {
                let hits = self.trace.line_hits(u64::from(*code), *line);
                let found = if forwards {
                    hits.next_block(block)?
                } else {
                    hits.previous_block(block + 1)?
                };
                if let Some(found) = found {
                    best = Some(match best {
                        Some(best) if forwards => best.min(found),
                        Some(best) => best.max(found),
                        None => found,
                    });
                }
            }
        }
        Ok(best)
    }

    /// The next blocks with hits, `count` of them at most.
    fn blocks_with_hits(
        &self,
        breaks: &[Breakpoint],
        block: usize,
        count: usize,
        forwards: bool,
    ) -> Result<Vec<usize>, TraceError> {
        self.check_interrupt()?;
        let mut blocks = Vec::new();
        let mut from = Some(block);
        while let Some(block) = from.filter(|_| blocks.len() < count) {
            let Some(found) = self.block_with_hits(breaks, block, forwards)? else { break };
            blocks.push(found);
            from = if forwards { Some(found + 1) } else { found.checked_sub(1) };
        }
        Ok(blocks)
    }

    /// The stops of each block at which some enabled breakpoint's line is reached, without those at
    /// which its condition is false for certain.
    fn crossings(
        &self,
        scan: &Scan<'_>,
        breaks: &[Breakpoint],
        blocks: &[usize],
    ) -> Result<Vec<Vec<u64>>, TraceError> {
        if scan.is_useful() {
            return scan.blocks(blocks);
        }
        let mut wanted: Vec<(u32, u32)> = breaks
            .iter()
            .filter(|breakpoint| breakpoint.enabled)
            .flat_map(|breakpoint| breakpoint.places.iter().copied())
            .collect();
        wanted.sort_unstable();
        let of_block = |number: &usize| -> Result<Vec<u64>, TraceError> {
            let view = self.view(*number)?;
            let reached = view.stops.iter().enumerate().filter(|(_, record)| {
                record.kind == StopKind::Line
                    && wanted.binary_search(&(record.code, record.line)).is_ok()
            });
            Ok(reached.map(|(at, _)| view.first + at as u64).collect())
        };
        blocks.iter().map(of_block).collect()
    }
}

/// Blocks that are scanned together at most.
const WAVE_MAX: usize = 64;

/// The last of these crossings of a block that is a hit. Conditions are asked forwards, since walking
/// a block backwards would replay it for each; but by growing parts from the end, since the last hit
/// ends the search.
fn last_crossed(
    breaks: &mut [Breakpoint],
    view: &super::View,
    crossings: &[u64],
    pass: &mut usize,
    judge: Judge<'_>,
) -> Result<Option<Hit>, TraceError> {
    let mut end = crossings.len();
    let mut part = FIRST_PART;
    while end > 0 {
        let begin = end.saturating_sub(part);
        let asked = &crossings[begin..end];
        let verdicts = verdicts(breaks, view, asked, judge)?;
        for stop in asked.iter().rev() {
            let mut known = |breakpoint: &Breakpoint, stop: u64| {
                let verdict = verdicts.get(&(stop, breakpoint.number));
                Ok(verdict.cloned().unwrap_or(Verdict::True))
            };
            if let Some(hit) = cross(breaks, view, *stop, &mut known)?
                && !passes(breaks, &hit, pass)
            {
                return Ok(Some(hit));
            }
        }
        end = begin;
        part *= 8;
    }
    Ok(None)
}

/// Whether a hit is one of those to pass: there is nothing to say or to delete at it.
fn passes(breaks: &[Breakpoint], hit: &Hit, pass: &mut usize) -> bool {
    let temporary = |found: &Breakpoint| found.number == hit.number && found.temporary;
    if *pass == 0 || hit.note.is_some() || breaks.iter().any(temporary) {
        return false;
    }
    *pass -= 1;
    true
}

/// Crossings asked first on the way back.
const FIRST_PART: usize = 32;

/// What the conditions say at these crossings.
fn verdicts(
    breaks: &[Breakpoint],
    view: &super::View,
    stops: &[u64],
    judge: Judge<'_>,
) -> Result<FxHashMap<(u64, usize), Verdict>, TraceError> {
    let mut verdicts = FxHashMap::default();
    for stop in stops {
        let Some(at) = view.get(*stop).map(|record| (record.code, record.line)) else { continue };
        for breakpoint in breaks {
            if breakpoint.enabled
                && breakpoint.condition.is_some()
                && breakpoint.places.binary_search(&at).is_ok()
            {
                verdicts.insert((*stop, breakpoint.number), judge(breakpoint, *stop)?);
            }
        }
    }
    Ok(verdicts)
}

/// `bdb.effective`: the first breakpoint of this line that is in effect.
fn cross(
    breaks: &mut [Breakpoint],
    view: &super::View,
    stop: u64,
    judge: Judge<'_>,
) -> Result<Option<Hit>, TraceError> {
    let Some(record) = view.get(stop) else { return Ok(None) };
    let at = (record.code, record.line);
    for breakpoint in breaks {
        if !breakpoint.enabled || breakpoint.places.binary_search(&at).is_err() {
            continue;
        }
        if breakpoint.condition.is_some() {
            match judge(breakpoint, stop)? {
                Verdict::True => {}
                Verdict::False => continue,
                Verdict::Unsure(note) => {
                    let number = breakpoint.number;
                    return Ok(Some(Hit { stop, number, note: Some(note) }));
                }
            }
        }
        if breakpoint.ignored.contains(&stop) {
            continue;
        }
        if breakpoint.ignore > 0 {
            breakpoint.ignore -= 1;
            breakpoint.ignored.insert(stop);
            continue;
        }
        return Ok(Some(Hit { stop, number: breakpoint.number, note: None }));
    }
    Ok(None)
}

/// The line that a call of this code runs first.
#[must_use]
pub fn first_executable(code: &moviola_format::read::CodeInfo) -> u32 {
    code.lines.iter().copied().find(|line| *line > code.first_line).unwrap_or(code.first_line)
}
