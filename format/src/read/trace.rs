//! An open trace.

use super::types::TraceError;
use std::path::Path;

/// An open trace: a recording that can be asked about any position.
///
/// Semantics of "at stop N": all events before stop N's own event are applied.
#[derive(Debug)]
pub struct Trace {}

impl Trace {
    /// Opens a trace, and the ring beside it if there is one.
    ///
    /// # Errors
    /// If the file cannot be read or is not a trace that this version understands.
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        let _ = path;
        Err(TraceError::NotATrace)
    }
}

/* Methods to come, with these signatures:
    pub fn meta(&self) -> &[(String, String)]
    pub fn exit(&self) -> Option<Exit>
    pub fn gaps(&self) -> &[Gap]
    pub fn bookmarks(&self) -> &[Bookmark]
    pub fn children(&self) -> &[Child]
    pub fn counts(&self) -> EventCounts
    pub fn warnings(&self) -> &[String]
    pub fn codes(&self) -> &[CodeInfo]
    pub fn source(&self, filename: &str) -> Option<Arc<str>>
    pub fn source_files(&self) -> Vec<String>
    pub fn threads(&self) -> &[ThreadInfo]
    pub fn file_len(&self) -> u64
    pub fn stop_count(&self) -> u64
    pub fn line_count(&self) -> u64
    pub fn block_count(&self) -> usize
    pub fn block_of_stop(&self, stop: u64) -> usize           // last block if stop >= stop_count
    pub fn block_of_line(&self, line_event: u64) -> usize
    pub fn bounds(&self, block: usize) -> BlockBounds
    pub fn block(&self, block: usize) -> Result<Arc<DecodedBlock>, TraceError>
    pub fn blocks_decoded(&self) -> u64
    pub fn stacks_at(&self, block: usize) -> Result<Stacks, TraceError>
    pub fn suspended_at(&self, block: usize, activation: u64) -> Result<Option<Arc<Frame>>, TraceError>
    pub fn frame_span(&self, block: usize, activation: u64) -> Result<Option<Span>, TraceError>
    pub fn object_at(&self, id: u64, stop: u64) -> Result<ObjectState, TraceError>
    pub fn slice_at(&self, id: u64, stop: u64, range: Range<u64>) -> Result<Slice, TraceError>
    pub fn object_info(&self, id: u64, stop: u64) -> Result<Option<(Kind, u64)>, TraceError>
    pub fn last_change(&self, id: u64, before_stop: u64) -> Result<Option<u64>, TraceError>
        // greatest stop s < before_stop such that the object changed between stop s and stop s + 1
        // (the effect is seen at s + 1); None: not since it was first seen
    pub fn changes_of(&self, id: u64, before_stop: u64) -> Changes<'_>   // Iterator<Item = Result<u64, TraceError>>, backwards, by last_change
    pub fn line_hits(&self, code: u64, line: u32) -> Result<Hits<'_>, TraceError>
    pub fn call_hits(&self, code: u64) -> Result<Hits<'_>, TraceError>    // calls, resumes and throws
        // Hits: total() -> u64, count_before_block(b) -> Result<u64, _>, count_in_block(b), block_of_hit(k: u64 from 0) -> Result<Option<(usize, u64 hits before that block)>, _>,
        //       next_block(from) / previous_block(before) -> Result<Option<usize>, _>
    pub fn audit_blocks(&self, name: &str) -> Vec<usize>
    // exceptions, outputs, audits per block: bounds(b).counts

DecodedBlock: number(), bounds(), raw() -> &[u8], cursor() -> EventCursor<'_>
EventCursor::next() -> Result<Option<Step<'_>>, TraceError>; Step { stop: u64, is_stop: bool, offset: usize, event: Event<'_> }:
    LINES comes expanded as several Step { Event::Line }; a non-stop event has the number of the stop that follows.
*/
