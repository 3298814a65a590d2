//! Events of a block one after the other, from any point of it, LINES expanded.

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
        self.step::<false>(raw)
    }

    /// The next event that is not about memory or time.
    ///
    /// # Errors
    /// On bytes that are no event.
    #[inline]
    pub fn next_plain<'a>(&mut self, raw: &'a [u8]) -> Result<Option<Event<'a>>, TraceError> {
        self.step::<true>(raw)
    }

    #[inline]
    fn step<'a, const PLAIN: bool>(
        &mut self,
        raw: &'a [u8],
    ) -> Result<Option<Event<'a>>, TraceError> {
        loop {
            if let Some(delta) = self.pending.pop() {
                return Ok(Some(Event::Line { delta }));
            }
            let mut reader = EventReader::new(raw);
            reader.seek(self.offset);
            let passed = if PLAIN { reader.pass_memory() } else { Ok(()) };
            let event = passed.and_then(|()| reader.next_event()).map_err(|error| {
                TraceError::Damaged { offset: self.offset as u64, what: error.to_string() }
            })?;
            self.offset = reader.offset();
            match event {
                Some(Event::Lines { mut deltas }) => {
                    deltas.reverse();
                    self.pending = deltas;
                }
                event => return Ok(event),
            }
        }
    }
}
