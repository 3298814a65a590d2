//! How often a line ran or a code object was called, block by block.

use super::trace::Trace;
use super::types::TraceError;
use crate::v1::FENCE_FAN;

const FAN: usize = FENCE_FAN as usize;
/// "Line" of calls.
const CALLS: u64 = 1 << 40;

/// Hits of one line, or calls of one code object. Every answer is a few searches.
#[derive(Debug, Clone, Copy)]
pub struct Hits<'a> {
    trace: &'a Trace,
    key: (u64, u64),
}

impl Trace {
    /// Line events of a line of a code object.
    #[must_use]
    pub const fn line_hits(&self, code: u64, line: u32) -> Hits<'_> {
        Hits { trace: self, key: (code, line as u64) }
    }

    /// Calls, resumes and throws into frames of a code object.
    #[must_use]
    pub const fn call_hits(&self, code: u64) -> Hits<'_> {
        Hits { trace: self, key: (code, CALLS) }
    }

    /// Every line that ran, with its number of line events: (code, line, count), sorted.
    ///
    /// # Errors
    /// If an index is damaged.
    pub fn all_line_hits(&self) -> Result<Vec<(u64, u32, u64)>, TraceError> {
        let mut sums = std::collections::BTreeMap::new();
        self.each_group(|table| {
            for (key, values) in table.rows().filter(|(key, _)| key.1 != CALLS) {
                let sum: &mut u64 = sums.entry(key).or_default();
                *sum = sum.saturating_add(values[0]);
            }
        })?;
        Ok(sums
            .into_iter()
            .filter_map(|((code, line), count)| Some((code, u32::try_from(line).ok()?, count)))
            .collect())
    }

    fn each_group(&self, mut look: impl FnMut(&crate::v1::PackedTable)) -> Result<(), TraceError> {
        let mut at = 0;
        while at < self.block_count() {
            at = self.group_at(at, self.block_count(), &mut look)?;
        }
        Ok(())
    }

    /// Looks at the largest group that begins at block `at` and ends by `end`; gives its end.
    fn group_at(
        &self,
        at: usize,
        end: usize,
        look: &mut impl FnMut(&crate::v1::PackedTable),
    ) -> Result<usize, TraceError> {
        for (level, span) in [(2, FAN * FAN), (1, FAN)] {
            if at.is_multiple_of(span)
                && at + span <= end
                && let Some(fence) = self.fence(level, at)?
            {
                look(&fence.hits);
                return Ok(at + span);
            }
        }
        look(&self.index(at)?.hits);
        Ok(at + 1)
    }
}

impl Hits<'_> {
    /// In the whole recording.
    ///
    /// # Errors
    /// If an index is damaged.
    pub fn total(&self) -> Result<u64, TraceError> {
        self.count_before_block(self.trace.block_count())
    }

    /// Before a block.
    ///
    /// # Errors
    /// If an index is damaged.
    pub fn count_before_block(&self, block: usize) -> Result<u64, TraceError> {
        let end = block.min(self.trace.block_count());
        let (mut at, mut sum) = (0, 0_u64);
        while at < end {
            at = self.trace.group_at(at, end, &mut |table| {
                sum = sum.saturating_add(table.get(self.key).map_or(0, |values| values[0]));
            })?;
        }
        Ok(sum)
    }

    /// In one block.
    ///
    /// # Errors
    /// If an index is damaged.
    pub fn count_in_block(&self, block: usize) -> Result<u64, TraceError> {
        if block >= self.trace.block_count() {
            return Ok(0);
        }
        Ok(self.trace.index(block)?.hits.get(self.key).map_or(0, |values| values[0]))
    }

    /// The block of hit `k`, counted from 0, and the hits before that block.
    ///
    /// # Errors
    /// If an index is damaged.
    pub fn block_of_hit(&self, k: u64) -> Result<Option<(usize, u64)>, TraceError> {
        let count = self.trace.block_count();
        let (mut at, mut sum, mut limit) = (0, 0_u64, count);
        while at < limit {
            let mut here = 0;
            let end = self.trace.group_at(at, limit, &mut |table| {
                here = table.get(self.key).map_or(0, |values| values[0]);
            })?;
            if sum.saturating_add(here) > k {
                if end == at + 1 {
                    return Ok(Some((at, sum)));
                }
                // In this group: go through it by smaller ones.
                limit = end - 1;
                if limit <= at {
                    return Ok(Some((at, sum)));
                }
                continue;
            }
            sum = sum.saturating_add(here);
            at = end;
            if at == limit && limit < count {
                // Not before the group's last block: it is there.
                limit = at + 1;
            }
        }
        Ok(None)
    }

    /// The first block from `from` on with a hit.
    ///
    /// # Errors
    /// If an index is damaged.
    pub fn next_block(&self, from: usize) -> Result<Option<usize>, TraceError> {
        let before = self.count_before_block(from)?;
        Ok(self.block_of_hit(before)?.map(|(block, _)| block))
    }

    /// The last block before `before` with a hit.
    ///
    /// # Errors
    /// If an index is damaged.
    pub fn previous_block(&self, before: usize) -> Result<Option<usize>, TraceError> {
        match self.count_before_block(before)?.checked_sub(1) {
            Some(k) => Ok(self.block_of_hit(k)?.map(|(block, _)| block)),
            None => Ok(None),
        }
    }
}
