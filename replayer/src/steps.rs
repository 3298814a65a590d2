//! Events of a block one after the other, from any point of it, LINES expanded.

use moviola_format::event::read::DecodeError;
use moviola_format::event::{Event, EventReader};
use moviola_format::read::TraceError;

/// A place between two events of a block.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    offset: usize,
    /// Lines of a LINES event still to come, last first.
    pending: Vec<i64>,
}

impl Steps {
    /// The next event of the block with these bytes.
    ///
    /// # Errors
    /// On bytes that are no event.
    #[inline]
    pub fn next<'a>(&mut self, raw: &'a [u8]) -> Result<Option<Event<'a>>, TraceError> {
        let mut event = Event::Line { delta: 0 };
        Ok(self.step::<false>(raw, &mut event)?.then_some(event))
    }

    /// Puts the next event that is not about memory or time where the caller has one; false at the
    /// end.
    ///
    /// # Errors
    /// On bytes that are no event.
    #[inline]
    pub fn next_plain<'a>(
        &mut self,
        raw: &'a [u8],
        event: &mut Event<'a>,
    ) -> Result<bool, TraceError> {
        self.step::<true>(raw, event)
    }

    /// Events are put where they are used: to move one around takes longer than to read a line.
    #[inline]
    fn step<'a, const PLAIN: bool>(
        &mut self,
        raw: &'a [u8],
        event: &mut Event<'a>,
    ) -> Result<bool, TraceError> {
        loop {
            if let Some(delta) = self.pending.pop() {
                *event = Event::Line { delta };
                return Ok(true);
            }
            let mut reader = EventReader::new(raw);
            reader.seek(self.offset);
            let passed = if PLAIN { reader.pass_memory() } else { Ok(()) };
            if let Err(error) = passed {
                return Err(self.damaged(&error));
            }
            if let Some(delta) = reader.next_line() {
                self.offset = reader.offset();
                *event = Event::Line { delta };
                return Ok(true);
            }
            match reader.next_event() {
                Ok(Some(Event::Lines { mut deltas })) => {
                    self.offset = reader.offset();
                    deltas.reverse();
                    self.pending = deltas;
                }
                Ok(Some(found)) => {
                    self.offset = reader.offset();
                    *event = found;
                    return Ok(true);
                }
                Ok(None) => return Ok(false),
                Err(error) => return Err(self.damaged(&error)),
            }
        }
    }

    #[cold]
    fn damaged(&self, error: &DecodeError) -> TraceError {
        TraceError::Damaged { offset: self.offset as u64, what: error.to_string() }
    }
}
