//! "Which block touched this last?", by block indexes and fences.

use super::trace::Trace;
use super::types::TraceError;
use crate::v1::{FENCE_FAN, PackedTable};
use rustc_hash::FxHashMap;

const FAN: usize = FENCE_FAN as usize;

/// Key of an activation among the touched objects.
pub const fn activation_key(activation: u64) -> (u64, u64) {
    (activation | 1 << 63, 0)
}

impl Trace {
    /// Calls `look` with the newest table before block `before`, then older ones, until it says
    /// that it is done: (table, first block, whether it is a fence).
    pub(super) fn backwards(
        &self,
        before: usize,
        mut look: impl FnMut(&PackedTable, usize, bool) -> bool,
    ) -> Result<(), TraceError> {
        let mut end = before;
        while end > 0 {
            let mut step = None;
            for (level, span) in [(2, FAN * FAN), (1, FAN)] {
                if end.is_multiple_of(span)
                    && let Some(fence) = self.fence(level, end - span)?
                {
                    step = Some((fence, span));
                    break;
                }
            }
            let done = match step {
                Some((fence, span)) => {
                    end -= span;
                    look(&fence.touched, end, true)
                }
                None => {
                    end -= 1;
                    look(&self.index(end)?.touched, end, false)
                }
            };
            if done {
                break;
            }
        }
        Ok(())
    }

    /// The last block before `before` that touched `key`.
    pub(super) fn last_touch(
        &self,
        key: (u64, u64),
        before: usize,
    ) -> Result<Option<usize>, TraceError> {
        let mut found = None;
        self.backwards(before, |table, first, is_fence| {
            found =
                table.get(key).map(|values| first + if is_fence { values[0] as usize } else { 0 });
            found.is_some()
        })?;
        Ok(found.filter(|block| *block < before))
    }

    /// For each unit of an object from `low` to `high`: the last block before `before` that
    /// touched it. Ends as soon as `wanted` units are found.
    pub(super) fn last_touches(
        &self,
        id: u64,
        (low, high): (u64, u64),
        wanted: u64,
        before: usize,
    ) -> Result<FxHashMap<u64, usize>, TraceError> {
        let mut found = FxHashMap::default();
        self.backwards(before, |table, first, is_fence| {
            for (key, values) in table.rows_from((id, low)) {
                if key.0 != id || key.1 > high {
                    break;
                }
                let block = first + if is_fence { values[0] as usize } else { 0 };
                found.entry(key.1).or_insert(block.min(before.saturating_sub(1)));
            }
            found.len() as u64 >= wanted
        })?;
        Ok(found)
    }
}
