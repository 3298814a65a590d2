//! Addresses of memory blocks as differences from where an allocator is likely to put them:
//! CPython's gives the block of a size class first that was freed last (`Objects/obmalloc.c`),
//! and a fresh pool from its lower end.

/// Bytes between size classes.
const STEP: u64 = 16;
/// Size classes that are told apart; larger blocks share the last.
const CLASSES: usize = 64;
/// Freed blocks that are remembered for each class.
const DEPTH: usize = 16;

#[derive(Clone, Copy)]
struct Class {
    freed: [u64; DEPTH],
    count: usize,
    last: u64,
}

/// What was allocated and freed in a block so far.
pub struct Blocks {
    classes: Box<[Class; CLASSES]>,
    /// Class of the blocks, by a few bits of their address.
    class_of: Box<[u8; 4096]>,
    last: u64,
    /// The block freed last and its distance from the one before, if nothing was given out since.
    row: Option<(u64, u64)>,
}

fn class(size: u64) -> usize {
    (size.div_ceil(STEP) as usize).min(CLASSES - 1)
}

fn slot(place: u64) -> usize {
    (place / STEP) as usize % 4096
}

impl Blocks {
    pub fn new() -> Self {
        let class = Class { freed: [0; DEPTH], count: 0, last: 0 };
        Self {
            classes: Box::new([class; CLASSES]),
            class_of: Box::new([0; 4096]),
            last: 0,
            row: None,
        }
    }

    /// Where the next block of a size is likely to be.
    pub fn next(&mut self, size: u64) -> u64 {
        let index = class(size);
        let class = &mut self.classes[index];
        if class.count > 0 {
            class.count -= 1;
            return class.freed[class.count % DEPTH];
        }
        class.last.wrapping_add(index as u64 * STEP)
    }

    /// Which block is likely to be freed: the next of a row, else the one that was given out last.
    pub fn latest(&self) -> u64 {
        self.row.map_or(self.last, |(place, distance)| place.wrapping_add(distance))
    }

    /// A block was given out.
    pub fn given(&mut self, place: u64, size: u64) {
        let index = class(size);
        self.classes[index].last = place;
        self.class_of[slot(place)] = index as u8;
        self.last = place;
        self.row = None;
    }

    /// A block was given back.
    pub fn freed(&mut self, place: u64) {
        self.row = Some((place, self.row.map_or(0, |(before, _)| place.wrapping_sub(before))));
        let class = &mut self.classes[usize::from(self.class_of[slot(place)])];
        // Past the depth the oldest are forgotten.
        class.freed[class.count % DEPTH] = place;
        class.count += 1;
        if class.count >= 2 * DEPTH {
            class.count -= DEPTH;
        }
    }
}
