//! An open trace: bounds, tables, and blocks by number.

use super::block::DecodedBlock;
use super::cache::Cache;
use super::open::{Layout, layout};
use super::store::{Store, damaged, decompress, io_error};
use super::tables::{Tables, counts_of, text};
use super::tail::{Tail, TailBlock};
use super::types::{
    BlockBounds, Bookmark, Child, CodeInfo, EventCounts, Exit, Gap, Segment, Span, ThreadInfo,
    TraceError,
};
use crate::event::raw::Raw;
use crate::event::{Event, EventReader};
use crate::ring;
use crate::v1::{BlockIndex, BlockSummary, Fence, FenceRef, SECTION_LEN, from_bytes, kind};
use rustc_hash::FxHashMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of decoded blocks, indexes and pieces of bases that are kept.
const CACHE_BLOCKS: usize = 48 << 20;
const CACHE_INDEXES: usize = 64 << 20;
const CACHE_PIECES: usize = 32 << 20;

/// An open trace: a recording that can be asked about any position.
///
/// Semantics of "at stop N": all events before stop N's own event are applied. A number beyond
/// the last stop means the end of the recording.
#[derive(Debug)]
pub struct Trace {
    store: Store,
    /// Blocks in the file, then those in the ring.
    blocks: Vec<BlockSummary>,
    /// Number of blocks in the file.
    sealed: usize,
    tail: Tail,
    fences: FxHashMap<(u32, u32), FenceRef>,
    tables: Tables,
    warnings: Vec<String>,
    complete: bool,
    created: u64,
    decoded: Cache<usize, DecodedBlock>,
    decoded_count: AtomicU64,
    indexes: Cache<usize, BlockIndex>,
    fence_cache: Cache<(u32, u32), Fence>,
    pieces: Cache<(usize, usize), Vec<u8>>,
    spans: OnceLock<Vec<Span>>,
}

impl Trace {
    /// Opens a trace, and the ring beside it if there is one.
    ///
    /// # Errors
    /// If the file cannot be read or is not a trace that this version understands.
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        // The ring first: what leaves it meanwhile is in the file.
        let leftover = match ring::read_leftover(&ring::path_beside(path)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            other => Some(other),
        };
        let file = File::open(path).map_err(|error| io_error("open the trace", error))?;
        let mut trace = Self::over(Store::file(file)?)?;
        match leftover {
            Some(Ok(leftover)) => trace.add_tail(&leftover),
            Some(Err(error)) => trace.warnings.push(format!("ring beside the trace: {error}")),
            None if !trace.complete => {
                trace.warnings.push("the recording was cut off: no footer, no ring beside".into());
            }
            None => {}
        }
        Ok(trace)
    }

    /// Opens a trace that is in memory.
    ///
    /// # Errors
    /// If the bytes are not a trace that this version understands.
    pub fn open_bytes(bytes: Arc<[u8]>) -> Result<Self, TraceError> {
        Self::over(Store::bytes(bytes))
    }

    fn over(store: Store) -> Result<Self, TraceError> {
        let Layout { header, blocks, fences, cut_off, complete, mut warnings } = layout(&store)?;
        let (mut tables, more) = Tables::collect(&blocks);
        warnings.extend(more);
        if let Some(reason) = cut_off {
            let stop = blocks.last().map_or(0, |block| block.end_stop);
            tables.gaps.push(Gap { reason, stop });
        }
        let fences =
            fences.into_iter().map(|fence| ((fence.level, fence.first_block), fence)).collect();
        Ok(Self {
            store,
            sealed: blocks.len(),
            blocks,
            tail: Tail::default(),
            fences,
            tables,
            warnings,
            complete,
            created: header.created,
            decoded: Cache::new(CACHE_BLOCKS),
            decoded_count: AtomicU64::new(0),
            indexes: Cache::new(CACHE_INDEXES),
            fence_cache: Cache::new(CACHE_INDEXES),
            pieces: Cache::new(CACHE_PIECES),
            spans: OnceLock::new(),
        })
    }

    fn add_tail(&mut self, leftover: &ring::Leftover) {
        let mut identity = [0; crate::v1::HEADER_LEN];
        if self.store.read(0, &mut identity).is_err() || identity[16..32] != leftover.identity {
            self.warnings.push("the ring beside the trace belongs to another recording".into());
            return;
        }
        let written = self.stream_len();
        if leftover.start > written {
            let missing = leftover.start - written;
            self.warnings.push(format!("{missing} bytes of events are neither in trace nor ring"));
            self.tables.gaps.push(Gap {
                reason: "events lost between trace and ring".into(),
                stop: self.stop_count(),
            });
            return;
        }
        let skip = usize::try_from(written - leftover.start).unwrap_or(usize::MAX);
        let raw = leftover.bytes.get(skip..).unwrap_or_default();
        if !raw.is_empty() {
            match Tail::index(self, raw) {
                Ok((tail, warning)) => {
                    let summaries = tail.blocks.iter().map(|block| block.summary.clone());
                    let mut blocks = self.blocks.clone();
                    blocks.extend(summaries);
                    let gaps = std::mem::take(&mut self.tables.gaps);
                    let (mut tables, more) = Tables::collect(&blocks);
                    // A gap that the footer declared is not among the definitions.
                    for gap in gaps {
                        if !tables.gaps.contains(&gap) {
                            tables.gaps.push(gap);
                        }
                    }
                    self.tables = tables;
                    self.warnings.extend(more);
                    self.warnings.extend(warning);
                    self.blocks = blocks;
                    self.tail = tail;
                }
                Err(error) => self.warnings.push(format!("ring beside the trace: {error}")),
            }
        }
        if leftover.lost {
            let reason = "the writer of the trace was gone".into();
            self.tables.gaps.push(Gap { reason, stop: self.stop_count() });
        }
        if !self.complete && !leftover.closed {
            self.warnings.push("the recording did not end properly, or goes on".into());
        }
    }

    fn stream_len(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.stream_start + u64::from(block.raw_len))
    }

    /// Start facts: keys and values.
    #[must_use]
    pub fn meta(&self) -> &[(String, String)] {
        &self.tables.meta
    }

    /// Wall clock at the start of the recording, nanoseconds since 1970.
    #[must_use]
    pub const fn created(&self) -> u64 {
        self.created
    }

    /// How the recorded process ended, if it is known.
    #[must_use]
    pub const fn exit(&self) -> Option<Exit> {
        self.tables.exit
    }

    /// Spans that were not recorded.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.tables.gaps
    }

    /// Named moments.
    #[must_use]
    pub fn bookmarks(&self) -> &[Bookmark] {
        &self.tables.bookmarks
    }

    /// Child processes.
    #[must_use]
    pub fn children(&self) -> &[Child] {
        &self.tables.children
    }

    /// Children whose end the process was told: the number is the status that `wait` gave.
    #[must_use]
    pub fn waits(&self) -> &[Child] {
        &self.tables.waits
    }

    /// Events of each kind in the whole recording.
    #[must_use]
    pub const fn counts(&self) -> EventCounts {
        self.tables.counts
    }

    /// What a user should know about the state of the file.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether the file was completed: it has a footer.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// All code objects, by id.
    #[must_use]
    pub fn codes(&self) -> &[CodeInfo] {
        &self.tables.codes
    }

    /// All threads, by number.
    #[must_use]
    pub fn threads(&self) -> &[ThreadInfo] {
        &self.tables.threads
    }

    /// Names of the files whose text is in the trace.
    #[must_use]
    pub fn source_files(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.tables.sources.iter().map(|part| text(&part.filename)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The text of a source file as it was when its code first ran, in the encoding that it names.
    #[must_use]
    pub fn source(&self, filename: &str) -> Option<Arc<str>> {
        self.source_bytes(filename).map(|bytes| super::decoded(&bytes).into())
    }

    /// The bytes of a source file as it was when its code first ran.
    #[must_use]
    pub fn source_bytes(&self, filename: &str) -> Option<Vec<u8>> {
        let mut parts = Vec::new();
        let mut seen = Vec::new();
        for part in &self.tables.sources {
            if text(&part.filename) != filename || seen.contains(&part.block) {
                continue;
            }
            seen.push(part.block);
            let events = self.source_events(part.block).ok()?;
            let mut reader = EventReader::new(&events);
            while let Ok(Some(event)) = reader.next_event() {
                if let Event::Source { filename, part: number, text } = event
                    && filename == part.filename
                {
                    parts.push((number, text.to_vec()));
                }
            }
        }
        if parts.is_empty() {
            return None;
        }
        parts.sort_by_key(|(number, _)| *number);
        parts.dedup_by_key(|(number, _)| *number);
        Some(parts.into_iter().flat_map(|(_, text)| text).collect())
    }

    fn source_events(&self, block: usize) -> Result<Vec<u8>, TraceError> {
        if let Some(tail) = self.tail_block(block) {
            return Ok(tail.sources.clone());
        }
        let Some(summary) = self.blocks.get(block) else { return damaged(0, "no such block") };
        self.store.expect_compressed(summary.sources_at, kind::SOURCES, summary.number)
    }

    /// The definitions of all code objects, as CODE events in order of their ids.
    #[must_use]
    pub fn code_definitions(&self) -> &[u8] {
        &self.tables.code_events
    }

    /// Where in a longer recording this trace begins, if it is a part of one.
    #[must_use]
    pub const fn segment(&self) -> Option<Segment> {
        self.tables.segment
    }

    /// Bytes of the trace file.
    #[must_use]
    pub const fn file_len(&self) -> u64 {
        self.store.len()
    }

    /// Number of stops; positions are 0 to this, which is the end.
    #[must_use]
    pub fn stop_count(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.end_stop)
    }

    /// Number of line events.
    #[must_use]
    pub fn line_count(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.end_line)
    }

    /// Number of blocks.
    #[must_use]
    pub const fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// Blocks that are in the file (the others are in the ring).
    pub(super) const fn sealed(&self) -> usize {
        self.sealed
    }

    /// The block that has stop `stop`; the last one for a stop beyond the end.
    #[must_use]
    pub fn block_of_stop(&self, stop: u64) -> usize {
        let after = self.blocks.partition_point(|block| block.end_stop <= stop);
        after.min(self.blocks.len().saturating_sub(1))
    }

    /// The block that has the line event with this number, counted from 0.
    #[must_use]
    pub fn block_of_line(&self, line: u64) -> usize {
        let after = self.blocks.partition_point(|block| block.end_line <= line);
        after.min(self.blocks.len().saturating_sub(1))
    }

    /// The block in which an activation began.
    #[must_use]
    pub fn block_of_activation(&self, activation: u64) -> usize {
        let after = self.blocks.partition_point(|block| block.end_activation <= activation);
        after.min(self.blocks.len().saturating_sub(1))
    }

    /// Bounds of a block; all 0 if there is none of this number.
    #[must_use]
    pub fn bounds(&self, block: usize) -> BlockBounds {
        self.blocks.get(block).map(bounds_of).unwrap_or_default()
    }

    /// Memory at the end of a block, by allocator domain (raw, mem, object).
    #[must_use]
    pub fn memory(&self, block: usize) -> [crate::v1::AllocSum; 3] {
        self.blocks.get(block).map(|block| block.alloc).unwrap_or_default()
    }

    /// Blocks with an audit event of this name.
    #[must_use]
    pub fn audit_blocks(&self, name: &str) -> Vec<usize> {
        let has = |block: &BlockSummary| {
            let mut cursor = Raw::new(&block.audits, 0);
            std::iter::from_fn(|| cursor.blob()).any(|found| found == name.as_bytes())
        };
        (0..self.blocks.len()).filter(|number| has(&self.blocks[*number])).collect()
    }

    /// The events of a block.
    ///
    /// # Errors
    /// If there is no such block or it is damaged.
    pub fn block(&self, block: usize) -> Result<Arc<DecodedBlock>, TraceError> {
        self.decoded.get(block, || {
            let Some(summary) = self.blocks.get(block) else { return damaged(0, "no such block") };
            self.decoded_count.fetch_add(1, Ordering::Relaxed);
            let raw = match self.tail_block(block) {
                Some(tail) => tail.raw.clone(),
                None => {
                    let (at, number) = (summary.block_at, summary.number);
                    let raw = self.store.expect_block(at, number)?;
                    if raw.len() != summary.raw_len as usize {
                        return damaged(at, "a block of another length than its summary says");
                    }
                    raw
                }
            };
            // The index of changes costs about as much again.
            let size = raw.len() * 2;
            Ok((DecodedBlock::new(block, bounds_of(summary), raw), size))
        })
    }

    /// How many blocks were decoded so far (not counting those still in memory).
    #[must_use]
    pub fn blocks_decoded(&self) -> u64 {
        self.decoded_count.load(Ordering::Relaxed)
    }

    /// Checks everything in the file that belongs to a block: checksums, events, index, contents.
    ///
    /// # Errors
    /// On the first thing that is damaged.
    pub fn check_block(&self, block: usize) -> Result<(), TraceError> {
        let decoded = self.block(block)?;
        let mut cursor = decoded.cursor();
        while cursor.next()?.is_some() {}
        if cursor.stop() != decoded.bounds().end_stop {
            return damaged(0, format!("block {block} has other stops than its summary says"));
        }
        let Some(summary) = self.blocks.get(block) else { return damaged(0, "no such block") };
        if block < self.sealed {
            if summary.bases_at != 0 {
                self.store.expect(summary.bases_at, kind::BASES, summary.number)?;
            }
            if summary.sources_at != 0 {
                self.source_events(block)?;
            }
            self.check_objects(block)?;
        }
        self.stacks_at(block + 1).map(drop)
    }

    /// Blocks in the file; those after them are in the ring.
    pub(super) const fn sealed_count(&self) -> usize {
        self.sealed
    }

    /// The payload of a block's bases.
    pub(super) fn stored_bases(&self, block: usize) -> Result<Vec<u8>, TraceError> {
        match self.blocks.get(block) {
            Some(summary) if summary.bases_at != 0 => {
                self.store.expect(summary.bases_at, kind::BASES, summary.number)
            }
            _ => Ok(Vec::new()),
        }
    }

    pub(super) fn tail_block(&self, block: usize) -> Option<&TailBlock> {
        self.tail.blocks.get(block.checked_sub(self.sealed)?)
    }

    /// Whether a block is still in the ring beside the trace and in no file.
    #[must_use]
    pub const fn is_in_ring(&self, block: usize) -> bool {
        block >= self.sealed
    }

    pub(super) fn summaries(&self) -> &[BlockSummary] {
        &self.blocks
    }

    pub(super) const fn tables(&self) -> &Tables {
        &self.tables
    }

    pub(super) const fn span_cell(&self) -> &OnceLock<Vec<Span>> {
        &self.spans
    }

    /// The index of a block.
    pub(super) fn index(&self, block: usize) -> Result<Arc<BlockIndex>, TraceError> {
        if let Some(tail) = self.tail_block(block) {
            return Ok(Arc::clone(&tail.index));
        }
        self.indexes.get(block, || {
            let Some(summary) = self.blocks.get(block) else { return damaged(0, "no such block") };
            let (at, number) = (summary.index_at, summary.number);
            let payload = self.store.expect_compressed(at, kind::INDEX, number)?;
            match from_bytes::<BlockIndex>(&payload) {
                Some(index) => Ok((index, payload.len())),
                None => damaged(summary.index_at, "an index that makes no sense"),
            }
        })
    }

    /// The fence of a group of blocks, if there is one.
    pub(super) fn fence(&self, level: u32, first: usize) -> Result<Option<Arc<Fence>>, TraceError> {
        let Ok(first) = u32::try_from(first) else { return Ok(None) };
        let Some(place) = self.fences.get(&(level, first)) else { return Ok(None) };
        let fence = self.fence_cache.get((level, first), || {
            let payload = self.store.expect_compressed(place.at, kind::FENCE, first)?;
            match from_bytes::<Fence>(&payload) {
                Some(fence) if fence.level == level && fence.first_block == first => {
                    Ok((fence, payload.len()))
                }
                _ => damaged(place.at, "an index that makes no sense"),
            }
        })?;
        Ok(Some(fence))
    }

    /// The piece of a block's bases that has offset `at`, and where that is in it.
    pub(super) fn base(&self, block: usize, at: u64) -> Result<(Arc<Vec<u8>>, usize), TraceError> {
        let index = self.index(block)?;
        let bases_at = self.blocks.get(block).map_or(0, |summary| summary.bases_at);
        let behind = index.pieces.partition_point(|piece| u64::from(piece.raw_start) <= at);
        let piece =
            behind.checked_sub(1).and_then(|number| Some((number, index.pieces.get(number)?)));
        let Some((number, piece)) = piece else { return damaged(bases_at, "no such base") };
        let inside = (at - u64::from(piece.raw_start)) as usize;
        let found = self.pieces.get((block, number), || {
            let start = bases_at
                .checked_add(SECTION_LEN as u64 + u64::from(piece.at))
                .filter(|start| start.saturating_add(u64::from(piece.len)) <= self.store.len());
            let Some(start) = start else { return damaged(bases_at, "a piece outside the file") };
            let mut packed = vec![0; piece.len as usize];
            self.store.read(start, &mut packed)?;
            if xxh3_64(&packed) != piece.sum {
                return damaged(bases_at, "wrong checksum of a piece");
            }
            let raw = decompress(bases_at, &packed, piece.raw_len as usize)?;
            let size = raw.len();
            Ok((raw, size))
        })?;
        if inside >= found.len() {
            return damaged(bases_at, "no such base");
        }
        Ok((found, inside))
    }
}

pub(super) fn bounds_of(summary: &BlockSummary) -> BlockBounds {
    BlockBounds {
        first_stop: summary.first_stop,
        end_stop: summary.end_stop,
        first_line: summary.first_line,
        end_line: summary.end_line,
        first_activation: summary.first_activation,
        end_activation: summary.end_activation,
        first_time: summary.first_time,
        end_time: summary.end_time,
        raw_len: u64::from(summary.raw_len),
        counts: counts_of(&summary.counts),
    }
}
