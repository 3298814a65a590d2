//! The bases of a block: contents of objects at its end, compressed in pieces that can be read
//! one by one.

use crate::v1::Piece;
use xxhash_rust::xxh3::xxh3_64;

/// A piece is closed when it has so many bytes.
const PIECE: usize = 32 << 10;

/// Collects records and compresses them.
#[derive(Default)]
pub struct Bases {
    raw: Vec<u8>,
    raw_start: usize,
    packed: Vec<u8>,
    pieces: Vec<Piece>,
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

impl Bases {
    /// Begins a record and gives its offset; the record is what is appended to the returned
    /// buffer until the next call.
    pub fn begin(&mut self) -> (u64, &mut Vec<u8>) {
        if self.raw.len() >= PIECE {
            self.close_piece();
        }
        ((self.raw_start + self.raw.len()) as u64, &mut self.raw)
    }

    fn close_piece(&mut self) {
        if self.raw.is_empty() {
            return;
        }
        if self.compressor.is_none() {
            self.compressor = zstd::bulk::Compressor::new(1).ok();
        }
        let at = self.packed.len();
        let bound = zstd::zstd_safe::compress_bound(self.raw.len());
        self.packed.resize(at + bound, 0);
        let len = self.compressor.as_mut().and_then(|compressor| {
            compressor.compress_to_buffer(&self.raw, &mut self.packed[at..]).ok()
        });
        // Without memory for zstd the piece is lost, and its objects read as damaged.
        let len = len.unwrap_or(0);
        self.packed.truncate(at + len);
        self.pieces.push(Piece {
            raw_start: self.raw_start as u32,
            raw_len: self.raw.len() as u32,
            at: at as u32,
            len: len as u32,
            sum: xxh3_64(&self.packed[at..]),
        });
        self.raw_start += self.raw.len();
        self.raw.clear();
    }

    /// The section's payload and its pieces; the collection is empty again.
    pub fn finish(&mut self) -> (Vec<u8>, Vec<Piece>) {
        self.close_piece();
        self.raw_start = 0;
        (std::mem::take(&mut self.packed), std::mem::take(&mut self.pieces))
    }
}
