//! Index of groups of blocks: 16, and 16 times 16.

use crate::v1::{BlockIndex, FENCE_FAN, Fence, PackedTable, packed};

/// Tables of the groups that are not complete yet.
#[derive(Debug, Default)]
pub struct Fences {
    blocks: Vec<(PackedTable, PackedTable)>,
    groups: Vec<(PackedTable, PackedTable)>,
}

fn join(
    parts: &[(PackedTable, PackedTable)],
    mut last: impl FnMut(usize, u64) -> u64,
) -> (PackedTable, PackedTable) {
    let touched = packed::merge(parts.iter().map(|part| &part.0), 1, |_, number, values| {
        [last(number, values[0]), 0, 0, 0]
    });
    let hits = packed::merge(parts.iter().map(|part| &part.1), 1, |old, _, values| {
        [old.map_or(0, |old| old[0]).saturating_add(values[0]), 0, 0, 0]
    });
    (touched, hits)
}

impl Fences {
    /// Takes in the index of the next block; gives the fences that it completes.
    pub fn add(&mut self, block: u32, index: BlockIndex) -> Vec<Fence> {
        let fan = FENCE_FAN as usize;
        let mut made = Vec::new();
        self.blocks.push((index.touched, index.hits));
        if self.blocks.len() < fan {
            return made;
        }
        let (touched, hits) = join(&self.blocks, |number, _| number as u64);
        self.blocks.clear();
        let first_block = block + 1 - FENCE_FAN;
        self.groups.push((touched.clone(), hits.clone()));
        made.push(Fence { level: 1, first_block, touched, hits });
        if self.groups.len() < fan {
            return made;
        }
        let (touched, hits) = join(&self.groups, |number, last| (number * fan) as u64 + last);
        self.groups.clear();
        let first_block = block + 1 - FENCE_FAN * FENCE_FAN;
        made.push(Fence { level: 2, first_block, touched, hits });
        made
    }
}
