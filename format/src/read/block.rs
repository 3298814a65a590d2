//! A decoded block: its events, one after the other or by object.

use super::types::{BlockBounds, TraceError};
use crate::event::raw::Raw;
use crate::event::{Event, EventReader, op};
use std::sync::OnceLock;

/// An event about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeAt {
    /// The object.
    pub id: u64,
    /// Offset of the event in the block.
    pub offset: u32,
    /// Stops in the block before it.
    pub moment: u32,
}

/// The events of a block.
#[derive(Debug)]
pub struct DecodedBlock {
    number: usize,
    bounds: BlockBounds,
    raw: Box<[u8]>,
    changes: OnceLock<Box<[ChangeAt]>>,
}

impl DecodedBlock {
    pub(super) fn new(number: usize, bounds: BlockBounds, raw: Vec<u8>) -> Self {
        Self { number, bounds, raw: raw.into(), changes: OnceLock::new() }
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.number
    }

    /// Its bounds.
    #[must_use]
    pub const fn bounds(&self) -> &BlockBounds {
        &self.bounds
    }

    /// The events, encoded.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The events with their stops.
    #[must_use]
    pub fn cursor(&self) -> EventCursor<'_> {
        EventCursor::new(&self.raw, self.bounds.first_stop)
    }

    /// All events about `id`, in order.
    #[must_use]
    pub fn changes_of(&self, id: u64) -> &[ChangeAt] {
        let changes = self.changes.get_or_init(|| scan_changes(&self.raw));
        let start = changes.partition_point(|change| change.id < id);
        let end = start + changes[start..].partition_point(|change| change.id == id);
        &changes[start..end]
    }
}

fn scan_changes(raw: &[u8]) -> Box<[ChangeAt]> {
    let mut changes = Vec::new();
    let mut stops = 0_u32;
    let mut at = 0;
    while let Some(&opcode) = raw.get(at) {
        let mut cursor = Raw::new(raw, at + 1);
        if opcode >= op::LINE_FIRST {
            stops += 1;
        } else if opcode >= op::LOCAL_FIRST {
            if cursor.skip_value().is_none() {
                break;
            }
        } else {
            let mut fields = cursor;
            if cursor.skip_fields(opcode).is_none() {
                break;
            }
            match opcode {
                op::OBJECT..=op::UNKNOWN => {
                    let id = fields.uv().unwrap_or_default();
                    changes.push(ChangeAt { id, offset: at as u32, moment: stops });
                }
                op::LINES => stops += fields.uv().unwrap_or_default() as u32,
                _ if is_stop(opcode) => stops += 1,
                _ => {}
            }
        }
        at = cursor.at();
    }
    changes.sort_unstable();
    changes.into()
}

const fn is_stop(opcode: u8) -> bool {
    matches!(
        opcode,
        op::LINE_FAR
            | op::CALL
            | op::CALL_NS
            | op::RETURN
            | op::YIELD
            | op::RESUME
            | op::THROW
            | op::UNWIND
            | op::RAISE
    )
}

/// An event with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<'a> {
    /// Number of the stop, or of the next stop if the event is none.
    pub stop: u64,
    /// Whether the event is a stop.
    pub is_stop: bool,
    /// Offset of the event in the block.
    pub offset: usize,
    /// The event; never `Lines`, which comes as several `Line`.
    pub event: Event<'a>,
}

/// Goes through the events of a block.
#[derive(Debug, Clone)]
pub struct EventCursor<'a> {
    reader: EventReader<'a>,
    stop: u64,
    /// Line events of a LINES event that are still to come, last first.
    lines: Vec<i64>,
    lines_at: usize,
}

impl<'a> EventCursor<'a> {
    /// Over events that begin at stop `stop`.
    #[must_use]
    pub const fn new(raw: &'a [u8], stop: u64) -> Self {
        Self { reader: EventReader::new(raw), stop, lines: Vec::new(), lines_at: 0 }
    }

    /// Number of the next stop.
    #[must_use]
    pub const fn stop(&self) -> u64 {
        self.stop
    }

    /// Goes to the event at `offset`, before which there were `stop` stops.
    pub fn seek(&mut self, offset: usize, stop: u64) {
        self.reader.seek(offset);
        self.stop = stop;
        self.lines.clear();
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// If the bytes are no event.
    #[allow(clippy::should_implement_trait)] // Fallible, and the events borrow.
    #[inline]
    pub fn next(&mut self) -> Result<Option<Step<'a>>, TraceError> {
        loop {
            if let Some(delta) = self.lines.pop() {
                let stop = self.stop;
                self.stop += 1;
                let event = Event::Line { delta };
                return Ok(Some(Step { stop, is_stop: true, offset: self.lines_at, event }));
            }
            let offset = self.reader.offset();
            let event = match self.reader.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(None),
                Err(error) => {
                    let what = format!("in the events of a block: {error}");
                    return Err(TraceError::Damaged { offset: offset as u64, what });
                }
            };
            let stop = self.stop;
            let is_stop = match event {
                Event::Lines { deltas } => {
                    self.lines = deltas;
                    self.lines.reverse();
                    self.lines_at = offset;
                    continue;
                }
                Event::Line { .. }
                | Event::Call { .. }
                | Event::Return { .. }
                | Event::Yield { .. }
                | Event::Resume { .. }
                | Event::Throw { .. }
                | Event::Unwind
                | Event::Raise { .. } => true,
                _ => false,
            };
            self.stop += u64::from(is_stop);
            return Ok(Some(Step { stop, is_stop, offset, event }));
        }
    }
}
