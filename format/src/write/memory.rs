//! Sums of the allocations that were recorded.

use crate::v1::AllocSum;
use rustc_hash::FxHashMap;

/// Bytes of address space to a page: neighbours are given out and freed together, so few pages
/// are in use at a time and their sizes stay in the processor's cache.
const PAGE: u64 = 512;
/// Alignment of what CPython's and the C library's allocators give out.
const STEP: u64 = 16;

/// The live blocks that begin in one page.
#[derive(Debug, Clone, Default)]
struct Page {
    live: u32,
    /// Size + 1; 0: no block begins here; `u32::MAX`: see [`Domain::others`].
    sizes: [u32; (PAGE / STEP) as usize],
}

/// The live blocks of an allocator.
#[derive(Debug, Default)]
struct Domain {
    index: FxHashMap<u64, u32>,
    /// The page used last and where it is.
    latest: Option<(u64, u32)>,
    pages: Vec<Page>,
    empty: Vec<u32>,
    /// Blocks of 4 GiB and more, and those at odd addresses.
    others: FxHashMap<u64, u64>,
}

impl Domain {
    fn find(&mut self, page: u64) -> Option<u32> {
        if let Some((latest, at)) = self.latest
            && latest == page
        {
            return Some(at);
        }
        let at = self.index.get(&page).copied();
        if let Some(at) = at {
            self.latest = Some((page, at));
        }
        at
    }

    fn make(&mut self, page: u64) -> u32 {
        let at = self.empty.pop().unwrap_or_else(|| {
            self.pages.push(Page::default());
            self.pages.len() as u32 - 1
        });
        self.index.insert(page, at);
        self.latest = Some((page, at));
        at
    }

    /// Notes a block and returns the size of one that was live at its address.
    fn insert(&mut self, address: u64, size: u64) -> Option<u64> {
        let old = self.remove(address);
        let stored = u32::try_from(size + 1).unwrap_or(u32::MAX);
        if !address.is_multiple_of(STEP) || stored == u32::MAX {
            self.others.insert(address, size);
            return old;
        }
        let page = address / PAGE;
        let at = self.find(page).unwrap_or_else(|| self.make(page));
        let page = &mut self.pages[at as usize];
        page.live += 1;
        page.sizes[(address % PAGE / STEP) as usize] = stored;
        old
    }

    fn remove(&mut self, address: u64) -> Option<u64> {
        let number = address / PAGE;
        if address.is_multiple_of(STEP)
            && let Some(at) = self.find(number)
        {
            let page = &mut self.pages[at as usize];
            let stored = std::mem::take(&mut page.sizes[(address % PAGE / STEP) as usize]);
            if stored != 0 {
                page.live -= 1;
                if page.live == 0 {
                    self.index.remove(&number);
                    self.latest = None;
                    self.empty.push(at);
                }
                return Some(u64::from(stored) - 1);
            }
        }
        if self.others.is_empty() { None } else { self.others.remove(&address) }
    }
}

/// Live memory by domain.
#[derive(Debug, Default)]
pub struct Memory {
    live: [Domain; 3],
    sums: [AllocSum; 3],
}

impl Memory {
    /// An allocation.
    #[inline]
    pub fn alloc(&mut self, domain: u8, address: u64, size: u64) {
        let Some(sum) = self.sums.get_mut(usize::from(domain)) else { return };
        // No allocator gives more; a hostile stream may say so.
        let size = size.min(1 << 62);
        if let Some(old) = self.live[usize::from(domain)].insert(address, size) {
            sum.live_bytes = sum.live_bytes.saturating_sub(old);
        } else {
            sum.live_blocks += 1;
        }
        sum.live_bytes = sum.live_bytes.saturating_add(size);
        sum.total_bytes = sum.total_bytes.saturating_add(size);
        sum.peak_bytes = sum.peak_bytes.max(sum.live_bytes);
    }

    /// A free; of memory from before the recording, if the address is not known.
    #[inline]
    pub fn free(&mut self, domain: u8, address: u64) {
        let Some(sum) = self.sums.get_mut(usize::from(domain)) else { return };
        if let Some(size) = self.live[usize::from(domain)].remove(address) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_a_plain_map() {
        let mut memory = Memory::default();
        let mut live: FxHashMap<u64, u64> = FxHashMap::default();
        let mut state = 1_u64;
        let (mut total, mut peak) = (0, 0);
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let step = if state >> 63 == 1 { 16 } else { 8 };
            let address = (state >> 20) % 3000 * step;
            let size = if state.is_multiple_of(97) {
                u64::from(u32::MAX) + state % 7
            } else {
                state % 600
            };
            if state >> 40 & 1 == 0 {
                memory.alloc(1, address, size);
                live.insert(address, size);
                total += size;
            } else {
                memory.free(1, address);
                live.remove(&address);
            }
            peak = peak.max(live.values().sum::<u64>() * u64::from(state.is_multiple_of(50)));
        }
        let sum = memory.seal()[1];
        assert_eq!((sum.live_blocks, sum.total_bytes), (live.len() as u64, total));
        assert_eq!(sum.live_bytes, live.values().sum::<u64>());
        assert!(sum.peak_bytes >= peak.max(sum.live_bytes));
        for address in live.into_keys() {
            memory.free(1, address);
        }
        assert_eq!(memory.seal()[1].live_blocks, 0);
        assert!(memory.live[1].index.is_empty() && memory.live[1].others.is_empty());
    }
}
