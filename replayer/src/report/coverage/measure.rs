//! What ran: moves from line to line with how often and where first, by file and context.
//!
//! The rules are those of coverage.py's C tracer (`coverage/ctracer/tracer.c`, 7.17.3): a frame begins
//! at minus its first line and ends there, also when an exception ends it; a resumed one goes on from
//! where it stood.

use super::code::{Lines, Move};
use crate::machine::{Machine, StopKind};
use crate::steps::Steps;
use crate::timeline::meta_of;
use moviola_format::event::{Event, Value};
use moviola_format::read::{Trace, TraceError};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};

/// How often a move was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Times.
    pub count: u64,
    /// The first time: number of the trace among those measured, and stop. `None` if a recording of
    /// coverage says only that it was made.
    pub first: Option<(usize, u64)>,
}

impl Made {
    /// Takes more times in.
    pub fn add(&mut self, more: Self) {
        self.count += more.count;
        self.first = [self.first, more.first].into_iter().flatten().min();
    }
}

/// What ran in one file and context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Executed {
    /// The moves; minus a code object's first line is its outside.
    pub moves: BTreeMap<Move, Made>,
    /// Ways of which only the lines are known that came one after the other: the move is to the first
    /// that is not of the same statement.
    pub ways: BTreeSet<(i64, Vec<i64>)>,
}

impl Executed {
    /// The lines that ran.
    #[must_use]
    pub fn lines(&self) -> BTreeSet<u32> {
        self.moves
            .keys()
            .filter_map(|(_, to)| u32::try_from(*to).ok())
            .filter(|to| *to > 0)
            .collect()
    }

    fn add(&mut self, made: Move, more: Made) {
        self.moves.entry(made).or_insert(Made { count: 0, ..more }).add(more);
    }

    /// The same, with all ways as moves between the statements of a text.
    #[must_use]
    pub fn resolved(&self, lines: &Lines) -> Self {
        let mut all = Self { moves: self.moves.clone(), ways: BTreeSet::new() };
        // A way may end early, by an exception: what it leads to has run only if that was told.
        let own = self.moves.keys().filter(|(from, to)| from == to);
        let ran: BTreeSet<i64> = own.map(|(line, _)| lines.first_of_end(*line)).collect();
        for (from, way) in &self.ways {
            let own = lines.first_of_end(*from);
            if let Some(to) = way.iter().find(|to| lines.first_of_end(**to) != own)
                && (*to < 0 || ran.contains(&lines.first_of_end(*to)))
            {
                all.add((*from, *to), Made { count: 1, first: None });
            }
        }
        all
    }
}

/// By file, then by context; without contexts that is the empty text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// Absolute file names.
    pub files: BTreeMap<String, BTreeMap<String, Executed>>,
    /// Traces so far.
    traces: usize,
}

impl Measured {
    /// All contexts of a file as one.
    #[must_use]
    pub fn whole(&self, file: &str) -> Executed {
        let mut all = Executed::default();
        for executed in self.files.get(file).into_iter().flat_map(BTreeMap::values) {
            for (made, times) in &executed.moves {
                all.add(*made, *times);
            }
            all.ways.extend(executed.ways.iter().cloned());
        }
        all
    }

    /// Adds a recording. `file` names the file of each code object that is of interest; a file that
    /// comes up at all is there, also if nothing ran in it. `contexts`: by the test that ran, as
    /// pytest says it in the environment (`PYTEST_CURRENT_TEST`), in the words of pytest-cov.
    ///
    /// # Errors
    /// If the trace cannot be read.
    pub fn add(
        &mut self,
        trace: &Trace,
        files: &[Option<String>],
        contexts: bool,
    ) -> Result<(), TraceError> {
        let number = self.traces;
        self.traces += 1;
        let mut pass = Pass {
            files,
            outsides: trace.codes().iter().map(|code| -i64::from(code.first_line)).collect(),
            machine: Machine::new(trace.codes()),
            from: FxHashMap::default(),
            made: FxHashMap::default(),
            begun: FxHashSet::default(),
            context: 0,
        };
        if meta_of(trace, "detail").starts_with("coverage") {
            // A code object is there because it ran.
            for code in 0..trace.codes().len() as u64 {
                self.entry(files, code, "");
            }
        }
        let mut names = vec![String::new()];
        for block in 0..trace.block_count() {
            let first = trace.bounds(block).first_stop;
            let mut stop = first;
            let block = trace.block(block)?;
            let mut steps = Steps::default();
            while let Some(event) = steps.next(block.raw())? {
                if contexts && let Some(name) = context_of(trace, &event, stop)? {
                    pass.context =
                        names.iter().position(|known| *known == name).unwrap_or_else(|| {
                            names.push(name);
                            names.len() - 1
                        });
                }
                if let Event::Seen { code, from, lines } = event {
                    let Some(executed) = self.entry(files, code, "") else { continue };
                    match lines[..] {
                        [line] if line == from || from < 0 || line < 0 => {
                            executed.add((from, line), Made { count: 1, first: None });
                        }
                        _ => {
                            executed.ways.insert((from, lines));
                        }
                    }
                    continue;
                }
                if pass.event(&event, stop) {
                    stop += 1;
                }
            }
        }
        for (context, code) in pass.begun {
            self.entry(files, code, &names[context]);
        }
        for ((context, code, from, to), (count, first)) in pass.made {
            if let Some(executed) = self.entry(files, code, &names[context]) {
                executed.add((from, to), Made { count, first: Some((number, first)) });
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        files: &[Option<String>],
        code: u64,
        context: &str,
    ) -> Option<&mut Executed> {
        let file = files.get(code as usize)?.as_ref()?;
        let contexts = self.files.entry(file.clone()).or_default();
        Some(contexts.entry(context.to_owned()).or_default())
    }
}

struct Pass<'t> {
    files: &'t [Option<String>],
    outsides: Vec<i64>,
    machine: Machine,
    /// Of each frame of interest: the line from which it goes on.
    from: FxHashMap<u64, i64>,
    made: FxHashMap<(usize, u64, i64, i64), (u64, u64)>,
    begun: FxHashSet<(usize, u64)>,
    context: usize,
}

impl Pass<'_> {
    /// Gives whether the event is a stop.
    fn event(&mut self, event: &Event<'_>, number: u64) -> bool {
        let stop = self.machine.apply(event);
        if let Event::Frame(given) = event {
            // It stood there when the segment began.
            self.from.insert(given.activation, given.line as i64);
        }
        let Some(stop) = stop else { return false };
        let Some(frame) = self.machine.stack(self.machine.thread()).last() else { return true };
        let (activation, code, line) = (frame.activation, frame.code, frame.line);
        let Some(Some(_)) = self.files.get(code as usize) else { return true };
        let outside = self.outsides[code as usize];
        let (from, to) = match stop.kind {
            StopKind::Call => {
                self.from.insert(activation, outside);
                self.begun.insert((self.context, code));
                return true;
            }
            StopKind::Resume | StopKind::Throw => {
                self.from.insert(activation, line);
                return true;
            }
            StopKind::Yield | StopKind::Raise => return true,
            StopKind::Line => {
                (self.from.insert(activation, stop.line).unwrap_or(outside), stop.line)
            }
            StopKind::Return | StopKind::Unwind => {
                (self.from.remove(&activation).unwrap_or(outside), outside)
            }
        };
        self.made.entry((self.context, code, from, to)).or_insert((0, number)).0 += 1;
        true
    }
}

/// The context that begins with an event, which comes before a stop: pytest tells the environment what
/// it runs.
fn context_of(trace: &Trace, event: &Event<'_>, stop: u64) -> Result<Option<String>, TraceError> {
    const NAME: &[u8] = b"PYTEST_CURRENT_TEST";
    let Event::Audit { name, args } = event else { return Ok(None) };
    if !matches!(*name, b"os.unsetenv" | b"os.putenv") {
        return Ok(None);
    }
    let raw = |at: usize| match args.get(at) {
        Some(Value::Bytes(bytes) | Value::Str(bytes)) => Ok(Some(bytes.to_vec())),
        // Longer ones are objects.
        Some(Value::Ref(id)) => Ok(trace.object_at(*id, stop.saturating_sub(1))?.blob),
        _ => Ok(None),
    };
    if raw(0)?.as_deref() != Some(NAME) {
        return Ok(None);
    }
    if *name == b"os.unsetenv" {
        return Ok(Some(String::new()));
    }
    // A text that is not known is a test all the same.
    let text = raw(1)?.unwrap_or_else(|| b"? (call)".to_vec());
    let text = String::from_utf8_lossy(&text);
    let (node, phase) = text.rsplit_once(" (").unwrap_or((&text, "call)"));
    let phase = phase.trim_end_matches(')');
    Ok(Some(format!("{node}|{}", if phase == "call" { "run" } else { phase })))
}

/// coverage.py's set of line numbers: a bit each, from the lowest of the first byte on.
#[must_use]
pub fn numbits(lines: &BTreeSet<u32>) -> Vec<u8> {
    let Some(last) = lines.last() else { return Vec::new() };
    let mut bits = vec![0; *last as usize / 8 + 1];
    for line in lines {
        bits[*line as usize / 8] |= 1 << (line % 8);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::numbits;

    #[test]
    fn bits_of_lines() {
        assert!(numbits(&[].into()).is_empty());
        assert_eq!(numbits(&[1, 8, 9, 15].into()), [2, 0b1000_0011]);
    }
}
