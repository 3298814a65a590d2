//! Sums of the allocations that were recorded.

use crate::v1::AllocSum;
use rustc_hash::FxHashMap;

/// Live memory by domain.
#[derive(Debug, Default)]
pub struct Memory {
    live: FxHashMap<(u8, u64), u64>,
    sums: [AllocSum; 3],
}

impl Memory {
    /// An allocation.
    pub fn alloc(&mut self, domain: u8, address: u64, size: u64) {
        let Some(sum) = self.sums.get_mut(usize::from(domain)) else { return };
        if let Some(old) = self.live.insert((domain, address), size) {
            sum.live_bytes = sum.live_bytes.saturating_sub(old);
        } else {
            sum.live_blocks += 1;
        }
        sum.live_bytes = sum.live_bytes.saturating_add(size);
        sum.total_bytes = sum.total_bytes.saturating_add(size);
        sum.peak_bytes = sum.peak_bytes.max(sum.live_bytes);
    }

    /// A free; of memory from before the recording, if the address is not known.
    pub fn free(&mut self, domain: u8, address: u64) {
        let Some(sum) = self.sums.get_mut(usize::from(domain)) else { return };
        if let Some(size) = self.live.remove(&(domain, address)) {
            sum.live_blocks -= 1;
            sum.live_bytes = sum.live_bytes.saturating_sub(size);
        }
    }

    /// The sums at a block's end; the peak begins anew.
    pub fn seal(&mut self) -> [AllocSum; 3] {
        let sums = self.sums;
        for sum in &mut self.sums {
            sum.peak_bytes = sum.live_bytes;
        }
        sums
    }
}
