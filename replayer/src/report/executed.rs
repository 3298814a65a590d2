//! What coverage.py measures: lines that ran, or moves from line to line, by file and context.
//!
//! The rules are those of its C tracer (`coverage/ctracer/tracer.c`, 7.17.3): a frame begins at minus
//! its first line and ends there, also when an exception ends it; a resumed one goes on from where it
//! stood.

use super::coverage::{Options, Scope};
use crate::machine::{Machine, StopKind};
use crate::steps::Steps;
use moviola_format::event::{Event, Value};
use moviola_format::read::{Trace, TraceError};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};

/// What ran in one file and context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Executed {
    /// Lines.
    pub lines: BTreeSet<u32>,
    /// Moves; minus a code object's first line is its outside.
    pub arcs: BTreeSet<(i64, i64)>,
}

/// By file and context; without contexts that is the empty text.
pub type Measured = BTreeMap<(String, String), Executed>;

/// Measures a recording. `contexts`: by the test that ran, as pytest says it in the environment
/// (`PYTEST_CURRENT_TEST`), in the words of pytest-cov.
///
/// # Errors
/// If the trace cannot be read.
pub fn measure(
    trace: &Trace,
    options: &Options,
    contexts: bool,
    into: &mut Measured,
) -> Result<(), TraceError> {
    let codes = trace.codes();
    let scope = Scope::new(trace, options);
    let files: Vec<Option<String>> = codes.iter().map(|code| scope.file(&code.filename)).collect();
    let mut machine = Machine::new(codes);
    // Of each frame of interest: the line from which it goes on.
    let mut from: FxHashMap<u64, i64> = FxHashMap::default();
    let mut seen: FxHashSet<(usize, u64, i64, i64)> = FxHashSet::default();
    let mut names = vec![String::new()];
    let mut context = 0;
    for block in 0..trace.block_count() {
        let block = trace.block(block)?;
        let mut steps = Steps::default();
        while let Some(event) = steps.next(block.raw())? {
            if contexts && let Some(name) = context_of(&event) {
                context = names.iter().position(|known| *known == name).unwrap_or_else(|| {
                    names.push(name);
                    names.len() - 1
                });
            }
            let stop = machine.apply(&event);
            if let Event::Frame(given) = &event {
                // It stood there when the segment began.
                from.insert(given.activation, given.line as i64);
            }
            let Some(stop) = stop else { continue };
            let Some(frame) = machine.stack(machine.thread()).last() else { continue };
            let (activation, code) = (frame.activation, frame.code);
            let Some(Some(_)) = files.get(code as usize) else { continue };
            let outside = -i64::from(codes[code as usize].first_line);
            let mut go = |from: i64, to: i64| {
                seen.insert((context, code, from, to));
            };
            match stop.kind {
                StopKind::Call => {
                    from.insert(activation, outside);
                }
                StopKind::Resume | StopKind::Throw => {
                    from.insert(activation, frame.line);
                }
                StopKind::Line => {
                    let last = from.insert(activation, stop.line).unwrap_or(outside);
                    go(last, stop.line);
                }
                StopKind::Return | StopKind::Unwind => {
                    go(from.remove(&activation).unwrap_or(outside), outside);
                }
                StopKind::Yield | StopKind::Raise => {}
            }
        }
    }
    for (context, code, first, last) in seen {
        let Some(Some(file)) = files.get(code as usize) else { continue };
        let executed = into.entry((file.clone(), names[context].clone())).or_default();
        executed.arcs.insert((first, last));
        if let Ok(line @ 1..) = u32::try_from(last) {
            executed.lines.insert(line);
        }
    }
    Ok(())
}

/// The context that begins with an event: pytest tells the environment what it runs.
fn context_of(event: &Event<'_>) -> Option<String> {
    const NAME: &[u8] = b"PYTEST_CURRENT_TEST";
    let Event::Audit { name, args } = event else { return None };
    let raw = |at: usize| match args.get(at) {
        Some(Value::Bytes(bytes) | Value::Str(bytes)) => Some(*bytes),
        _ => None,
    };
    if raw(0) != Some(NAME) {
        return None;
    }
    match *name {
        b"os.unsetenv" => Some(String::new()),
        b"os.putenv" => {
            let text = String::from_utf8_lossy(raw(1)?).into_owned();
            let (node, phase) = text.rsplit_once(" (")?;
            let phase = phase.trim_end_matches(')');
            Some(format!("{node}|{}", if phase == "call" { "run" } else { phase }))
        }
        _ => None,
    }
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
