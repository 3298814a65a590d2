//! The file of a trace: sections by offset, checked before use. Plain reads only, so that a file
//! that is cut off meanwhile is an error and nothing worse.

use super::types::TraceError;
use crate::v1::{SECTION_LEN, Section, deltas, kind, raw_limit};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// No section is longer; a limit for what a forged one can make us allocate.
const SECTION_MAX: u64 = 1 << 30;

#[derive(Debug)]
enum Source {
    File(File),
    Bytes(Arc<[u8]>),
}

/// Reads sections.
#[derive(Debug)]
pub struct Store {
    source: Source,
    len: u64,
}

pub fn damaged<T>(offset: u64, what: impl Into<String>) -> Result<T, TraceError> {
    Err(TraceError::Damaged { offset, what: what.into() })
}

pub fn io_error(action: &'static str, error: std::io::Error) -> TraceError {
    TraceError::Io { action, error: Arc::new(error) }
}

impl Store {
    pub fn file(file: File) -> Result<Self, TraceError> {
        let len = file.metadata().map_err(|error| io_error("read the trace", error))?.len();
        Ok(Self { source: Source::File(file), len })
    }

    pub fn bytes(bytes: Arc<[u8]>) -> Self {
        let len = bytes.len() as u64;
        Self { source: Source::Bytes(bytes), len }
    }

    /// Length of the file when it was opened.
    pub const fn len(&self) -> u64 {
        self.len
    }

    pub fn read(&self, at: u64, into: &mut [u8]) -> Result<(), TraceError> {
        let end = at.checked_add(into.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return damaged(at, "the file ends here");
        }
        match &self.source {
            Source::File(file) => match file.read_exact_at(into, at) {
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    damaged(at, "the file was cut off while it was read")
                }
                Err(error) => Err(io_error("read the trace", error)),
                Ok(()) => Ok(()),
            },
            Source::Bytes(bytes) => {
                into.copy_from_slice(&bytes[at as usize..at as usize + into.len()]);
                Ok(())
            }
        }
    }

    /// The header of the section at `at`, if there is one that lies inside the file.
    pub fn section(&self, at: u64) -> Result<Section, TraceError> {
        let mut header = [0; SECTION_LEN];
        self.read(at, &mut header)?;
        let Some(section) = Section::decode(&header, at) else {
            return damaged(at, "no section begins here");
        };
        let end = at.checked_add(SECTION_LEN as u64).and_then(|at| at.checked_add(section.len));
        if end.is_none_or(|end| end > self.len) || section.len > SECTION_MAX {
            return damaged(at, "a section is cut off");
        }
        Ok(section)
    }

    /// The payload of a section whose header was read.
    pub fn payload(&self, at: u64, section: &Section) -> Result<Vec<u8>, TraceError> {
        let mut bytes = vec![0; section.len as usize];
        self.read(at + SECTION_LEN as u64, &mut bytes)?;
        if xxh3_64(&bytes) != section.sum {
            return damaged(at, "wrong checksum");
        }
        Ok(bytes)
    }

    /// The payload of the section at `at`, which must be of this kind and number.
    pub fn expect(&self, at: u64, kind: [u8; 4], number: u32) -> Result<Vec<u8>, TraceError> {
        let section = self.section(at)?;
        if section.kind != kind || section.number != number {
            return damaged(at, "another section than expected");
        }
        self.payload(at, &section)
    }

    /// The same, decompressed: `u32` length, zstd frame.
    pub fn expect_compressed(
        &self,
        at: u64,
        kind: [u8; 4],
        number: u32,
    ) -> Result<Vec<u8>, TraceError> {
        let payload = self.expect(at, kind, number)?;
        let Some((len, frame)) = payload.split_first_chunk::<4>() else {
            return damaged(at, "an empty section");
        };
        decompress(at, frame, u32::from_le_bytes(*len) as usize)
    }
}

impl Store {
    /// The events of a block, plain or recoded.
    pub fn expect_block(&self, at: u64, number: u32) -> Result<Vec<u8>, TraceError> {
        let section = self.section(at)?;
        if section.kind != kind::RECODED {
            return self.expect_compressed(at, kind::BLOCK, number);
        }
        let payload = self.expect(at, kind::RECODED, number)?;
        let Some((lengths, frame)) = payload.split_first_chunk::<8>() else {
            return damaged(at, "an empty section");
        };
        let [a, b, c, d, e, f, g, h] = *lengths;
        let raw_len = u32::from_le_bytes([a, b, c, d]) as usize;
        let coded_len = u32::from_le_bytes([e, f, g, h]) as usize;
        if raw_len > raw_limit(payload.len()) {
            return damaged(at, "more bytes than a section may have");
        }
        let coded = decompress(at, frame, coded_len)?;
        deltas::decode(&coded, raw_len)
            .map_or_else(|| damaged(at, "recoded events that make no sense"), Ok)
    }
}

/// Decompresses a frame to exactly `len` bytes.
pub fn decompress(at: u64, frame: &[u8], len: usize) -> Result<Vec<u8>, TraceError> {
    if len > raw_limit(frame.len() + 4) {
        return damaged(at, "more bytes than a section may have");
    }
    match zstd::bulk::decompress(frame, len) {
        Ok(bytes) if bytes.len() == len => Ok(bytes),
        Ok(_) => damaged(at, "fewer bytes than announced"),
        Err(error) => damaged(at, format!("compressed data: {error}")),
    }
}
