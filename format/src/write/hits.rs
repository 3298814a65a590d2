//! Counts of line events and calls by code object, in the block that is being written.

use crate::event::read::CodeDef;
use crate::v1::{PackedTable, TableBuilder};
use rustc_hash::FxHashMap;

/// "Line" under which calls of a code object are counted.
pub const CALLS: u64 = 1 << 40;
/// Code objects whose lines are further apart are counted in a map.
const SPAN_MAX: u64 = 1 << 20;

/// What the writer keeps of a code object.
#[derive(Debug, Clone, Copy, Default)]
pub struct CodeState {
    /// Its first line: a frame begins there.
    pub first_line: u32,
    /// Slots of a frame.
    pub slots: u32,
    /// First counter, counted line and number of counters.
    pub at: u32,
    pub line: u32,
    pub span: u32,
    calls: u32,
    epoch: u32,
    known: bool,
}

/// All counters.
#[derive(Debug, Default)]
pub struct Hits {
    codes: Vec<CodeState>,
    /// One counter a line, for every code object.
    pub counters: Vec<u32>,
    odd: FxHashMap<(u64, u64), u64>,
    ran: Vec<u32>,
}

impl Hits {
    /// Takes a code object in; false if its id does not follow the ids so far.
    pub fn define(&mut self, code: &CodeDef<'_>) -> bool {
        let Ok(id) = usize::try_from(code.id) else { return false };
        if id > self.codes.len() + 64 {
            return false;
        }
        if id >= self.codes.len() {
            self.codes.resize(id + 1, CodeState::default());
        }
        let low = code.lines.iter().copied().min().unwrap_or(code.first_line).min(code.first_line);
        let high = code.lines.iter().copied().max().unwrap_or(low).max(code.first_line);
        let span = u64::from(high - low) + 1;
        let span =
            if span <= SPAN_MAX.min(code.lines.len() as u64 * 256 + 1024) { span } else { 0 };
        let at = self.counters.len();
        self.counters.resize(at + span as usize, 0);
        self.codes[id] = CodeState {
            first_line: code.first_line,
            slots: code.slots.len() as u32,
            at: at as u32,
            line: low,
            span: span as u32,
            known: true,
            ..CodeState::default()
        };
        true
    }

    /// The state of a code object; an empty one if it was never defined.
    #[inline]
    pub fn code(&self, id: u64) -> CodeState {
        usize::try_from(id).ok().and_then(|id| self.codes.get(id)).copied().unwrap_or_default()
    }

    /// Must be called for each code object that is going to run in the block.
    #[inline]
    pub fn mark(&mut self, id: u64, epoch: u32) {
        if let Some(code) = usize::try_from(id).ok().and_then(|id| self.codes.get_mut(id))
            && code.epoch != epoch
        {
            code.epoch = epoch;
            self.ran.push(id as u32);
        }
    }

    /// Counts a call.
    #[inline]
    pub fn call(&mut self, id: u64, epoch: u32) {
        match usize::try_from(id).ok().and_then(|id| self.codes.get_mut(id)) {
            Some(code) if code.known => {
                code.calls += 1;
                if code.epoch != epoch {
                    code.epoch = epoch;
                    self.ran.push(id as u32);
                }
            }
            _ => *self.odd.entry((id, CALLS)).or_default() += 1,
        }
    }

    /// Counts a line that has no counter.
    #[cold]
    pub fn odd_line(&mut self, id: u64, line: u64) {
        *self.odd.entry((id, line)).or_default() += 1;
    }

    /// The counts of the block; all counters are zero again.
    pub fn seal(&mut self) -> PackedTable {
        let mut rows: Vec<((u64, u64), u64)> = Vec::new();
        for id in self.ran.drain(..) {
            let Some(code) = self.codes.get_mut(id as usize) else { continue };
            let range = code.at as usize..(code.at + code.span) as usize;
            for (offset, counter) in self.counters[range].iter_mut().enumerate() {
                if *counter > 0 {
                    let line = u64::from(code.line) + offset as u64;
                    rows.push(((u64::from(id), line), u64::from(*counter)));
                    *counter = 0;
                }
            }
            if code.calls > 0 {
                rows.push(((u64::from(id), CALLS), u64::from(code.calls)));
                code.calls = 0;
            }
        }
        rows.extend(self.odd.drain());
        rows.sort_unstable();
        let mut builder = TableBuilder::new(1);
        let mut rows = rows.into_iter().peekable();
        while let Some((key, mut count)) = rows.next() {
            while let Some((_, more)) = rows.next_if(|(next, _)| *next == key) {
                count += more;
            }
            builder.push(key, &[count]);
        }
        builder.finish()
    }
}
