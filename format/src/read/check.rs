//! Checking the indexes of a trace: its events are indexed again, and what comes out is compared
//! with what is stored.

use super::trace::Trace;
use super::types::TraceError;
use crate::v1::{BlockIndex, BlockSummary, Fence};
use crate::write::{Fences, Indexer, Sealed};

impl Trace {
    /// Compares every index in the file with one made anew from the events. `found` is told the
    /// number of a block and what is wrong with it. Needs as much memory as the writer did.
    ///
    /// What is a choice of the writer (when an object is stored whole) is compared only if `all` is
    /// set: for a trace that this very version wrote.
    ///
    /// # Errors
    /// If a block cannot be read: what follows it cannot be indexed.
    pub fn check_indexes(
        &self,
        all: bool,
        mut found: impl FnMut(usize, String),
    ) -> Result<(), TraceError> {
        let mut indexer = Indexer::new().with_limits(usize::MAX, u64::MAX / 2);
        let mut fences = Fences::default();
        for block in 0..self.sealed_count() {
            let decoded = self.block(block)?;
            let raw = decoded.raw();
            let mut at = 0;
            while at < raw.len() {
                match indexer.feed(raw, at) {
                    Ok((end, _)) if end > at => at = end,
                    Ok(_) => break,
                    Err((end, error)) => {
                        found(block, format!("event at byte {end} of the block: {error}"));
                        return Ok(());
                    }
                }
            }
            let sealed = indexer.seal(raw);
            if let Some(summary) = self.summaries().get(block) {
                for what in summaries_differ(summary, &sealed.summary) {
                    found(block, format!("its summary has other {what} than its events"));
                }
            }
            let stored = self.index(block)?;
            for what in indexes_differ(&stored, &sealed, all) {
                found(block, format!("its index has other {what} than its events"));
            }
            if all && !sealed.bases.is_empty() && self.stored_bases(block)? != sealed.bases {
                found(block, "its stored objects are others than its events give".to_owned());
            }
            for made in fences.add(block as u32, (*stored).clone()) {
                self.check_fence(block, &made, &mut found)?;
            }
        }
        Ok(())
    }

    fn check_fence(
        &self,
        block: usize,
        made: &Fence,
        found: &mut impl FnMut(usize, String),
    ) -> Result<(), TraceError> {
        let stored = self.fence(made.level, made.first_block as usize)?;
        if let Some(stored) = stored
            && *stored != *made
        {
            let (level, first) = (made.level, made.first_block);
            found(block, format!("the level {level} index from block {first} on is another"));
        }
        Ok(())
    }
}

fn summaries_differ(stored: &BlockSummary, made: &BlockSummary) -> Vec<&'static str> {
    let bounds = |s: &BlockSummary| {
        (
            (s.number, s.raw_len, s.stream_start),
            (s.first_stop, s.end_stop, s.first_line, s.end_line),
            (s.first_activation, s.end_activation, s.first_time, s.end_time),
        )
    };
    let pairs = [
        ("bounds", bounds(stored) == bounds(made)),
        ("event counts", stored.counts == made.counts),
        ("definitions", stored.definitions == made.definitions),
        ("spans of frames", stored.spans == made.spans),
        ("audit events", stored.audits == made.audits),
        ("memory", stored.alloc == made.alloc),
    ];
    pairs.into_iter().filter(|(_, same)| !same).map(|(what, _)| what).collect()
}

fn indexes_differ(stored: &BlockIndex, sealed: &Sealed, all: bool) -> Vec<&'static str> {
    let made = &sealed.index;
    let pairs = [
        ("threads", stored.current_thread == made.current_thread),
        ("stacks", stored.tops == made.tops && stored.nodes == made.nodes),
        ("locals", stored.node_bytes == made.node_bytes),
        ("hits", stored.hits == made.hits),
        ("changes of objects", !all || stored.touched == made.touched),
        ("stored objects", !all || stored.pieces == made.pieces),
    ];
    pairs.into_iter().filter(|(_, same)| !same).map(|(what, _)| what).collect()
}
