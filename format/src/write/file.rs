//! The trace file in the making: sections one after the other, each block in one write.

use super::fences::Fences;
use super::indexer::Sealed;
use crate::v1::{
    BlockIndex, BlockSummary, FenceRef, Footer, HEADER_LEN, Header, MAJOR, MINOR, SECTION_LEN,
    Section, Trailer, deltas, kind, raw_limit, to_bytes,
};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use xxhash_rust::xxh3::xxh3_64;

/// Sections appended to a buffer that begins at a known offset of the file.
struct Sections {
    at: u64,
    bytes: Vec<u8>,
}

impl Sections {
    /// Begins a section; its payload is what is appended until `end`.
    fn begin(&mut self) -> usize {
        let start = self.bytes.len();
        self.bytes.resize(start + SECTION_LEN, 0);
        start
    }

    /// Writes the header of the section that began at `start`; gives its offset in the file.
    fn end(&mut self, start: usize, kind: [u8; 4], number: u32) -> u64 {
        let payload = &self.bytes[start + SECTION_LEN..];
        let section = Section { kind, number, len: payload.len() as u64, sum: xxh3_64(payload) };
        let offset = self.at + start as u64;
        self.bytes[start..start + SECTION_LEN].copy_from_slice(&section.encode(offset));
        offset
    }

    fn put(&mut self, kind: [u8; 4], number: u32, payload: &[u8]) -> u64 {
        let start = self.begin();
        self.bytes.extend_from_slice(payload);
        self.end(start, kind, number)
    }
}

/// Writes a trace file.
pub struct TraceFile {
    file: File,
    path: PathBuf,
    end: u64,
    blocks: Vec<BlockSummary>,
    refs: Vec<FenceRef>,
    fences: Fences,
    compressor: zstd::bulk::Compressor<'static>,
    buffer: Vec<u8>,
}

impl TraceFile {
    /// Makes a new trace, mode 0600. A file that is there already is replaced once the header of
    /// the new one is written.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create(path: &Path, identity: [u8; 16]) -> io::Result<Self> {
        let file = Self::begin(path, identity)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            end: HEADER_LEN as u64,
            blocks: Vec::new(),
            refs: Vec::new(),
            fences: Fences::default(),
            compressor: zstd::bulk::Compressor::new(1)?,
            buffer: Vec::new(),
        })
    }

    /// Makes a new trace that has only its header, for another process to fill.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create_empty(path: &Path, identity: [u8; 16]) -> io::Result<()> {
        Self::begin(path, identity).map(drop)
    }

    fn begin(path: &Path, identity: [u8; 16]) -> io::Result<File> {
        if path.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        let mut name: OsString = path.as_os_str().to_owned();
        name.push(format!(".new-{}", std::process::id()));
        let temporary = PathBuf::from(name);
        let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::remove_file(&temporary)?;
                open()?
            }
            other => other?,
        };
        // Whatever umask the program has set: who drains a child's ring opens this again.
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        let created = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let created = created.as_nanos() as u64;
        let header = Header { major: MAJOR, minor: MINOR, identity, created };
        let written =
            file.write_all_at(&header.encode(), 0).and_then(|()| std::fs::rename(&temporary, path));
        written.inspect_err(|_| {
            let _ = std::fs::remove_file(&temporary);
        })?;
        Ok(file)
    }

    /// Where the trace is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes written.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.end
    }

    /// Whether there is no block yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    fn compressed(&mut self, sections: &mut Sections, raw: &[u8]) -> io::Result<()> {
        let start = sections.bytes.len();
        sections.bytes.extend_from_slice(&(raw.len() as u32).to_le_bytes());
        let bound = zstd::zstd_safe::compress_bound(raw.len());
        sections.bytes.resize(start + 4 + bound, 0);
        let len = self.compressor.compress_to_buffer(raw, &mut sections.bytes[start + 4..])?;
        sections.bytes.truncate(start + 4 + len);
        Ok(())
    }

    /// A section whose payload is compressed; `None` if a reader would refuse its length.
    fn put_compressed(
        &mut self,
        sections: &mut Sections,
        kind: [u8; 4],
        number: u32,
        raw: &[u8],
    ) -> io::Result<Option<u64>> {
        let start = sections.begin();
        self.compressed(sections, raw)?;
        let len = sections.bytes.len() - start - SECTION_LEN;
        if raw.len() > raw_limit(len) {
            sections.bytes.truncate(start);
            return Ok(None);
        }
        Ok(Some(sections.end(start, kind, number)))
    }

    fn put_recoded(
        &mut self,
        sections: &mut Sections,
        number: u32,
        raw_len: usize,
        coded: &[u8],
    ) -> io::Result<Option<u64>> {
        let start = sections.begin();
        sections.bytes.extend_from_slice(&(raw_len as u32).to_le_bytes());
        self.compressed(sections, coded)?;
        let len = sections.bytes.len() - start - SECTION_LEN;
        if raw_len.max(coded.len()) > raw_limit(len) {
            sections.bytes.truncate(start);
            return Ok(None);
        }
        Ok(Some(sections.end(start, kind::RECODED, number)))
    }

    /// Appends a block with its index. After an error the file ends with the block before.
    ///
    /// # Errors
    /// If the block cannot be written.
    pub fn append(&mut self, raw: &[u8], sealed: Sealed) -> io::Result<()> {
        let Sealed { mut summary, index, bases, sources } = sealed;
        let number = summary.number;
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        let mut sections = Sections { at: self.end, bytes };
        let too_long = || io::Error::other("a section longer than the format allows");
        let block_at = match deltas::encode(raw) {
            Some(coded) => self.put_recoded(&mut sections, number, raw.len(), &coded)?,
            None => None,
        };
        summary.block_at = match block_at {
            Some(at) => at,
            None => self
                .put_compressed(&mut sections, kind::BLOCK, number, raw)?
                .ok_or_else(too_long)?,
        };
        if !bases.is_empty() {
            summary.bases_at = sections.put(kind::BASES, number, &bases);
        }
        if !sources.is_empty() {
            summary.sources_at = self
                .put_compressed(&mut sections, kind::SOURCES, number, &sources)?
                .unwrap_or_default();
        }
        summary.index_at = self
            .put_compressed(&mut sections, kind::INDEX, number, &to_bytes(&index))?
            .ok_or_else(too_long)?;
        sections.put(kind::SUMMARY, number, &to_bytes(&summary));
        let written = self.write(&sections.bytes);
        self.buffer = sections.bytes;
        written?;
        self.blocks.push(summary);
        self.append_fences(number, index)
    }

    fn append_fences(&mut self, number: u32, index: BlockIndex) -> io::Result<()> {
        for fence in self.fences.add(number, index) {
            let mut sections = Sections { at: self.end, bytes: Vec::new() };
            let bytes = to_bytes(&fence);
            let first = fence.first_block;
            // Without a fence a reader goes by what it would have joined.
            let Some(at) = self.put_compressed(&mut sections, kind::FENCE, first, &bytes)? else {
                continue;
            };
            self.write(&sections.bytes)?;
            self.refs.push(FenceRef { level: fence.level, first_block: fence.first_block, at });
        }
        Ok(())
    }

    /// Appends the footer and makes everything durable. `cut_off` says why the trace ends before
    /// the recording, if it does.
    ///
    /// # Errors
    /// If the footer cannot be written or synced; the trace is readable without it.
    pub fn finish(&mut self, cut_off: Option<String>) -> io::Result<()> {
        let blocks = std::mem::take(&mut self.blocks);
        let footer = Footer { blocks, fences: std::mem::take(&mut self.refs), cut_off };
        let mut sections = Sections { at: self.end, bytes: Vec::new() };
        let footer_at = sections.put(kind::FOOTER, 0, &to_bytes(&footer));
        sections.bytes.extend_from_slice(&Trailer { footer_at }.encode());
        let written = self.write(&sections.bytes);
        // What is there already is made durable even if the footer is not.
        let synced = self.file.sync_all();
        written.and(synced)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all_at(bytes, self.end);
        match written {
            Ok(()) => self.end += bytes.len() as u64,
            // Half a section would read as damage.
            Err(_) => drop(self.file.set_len(self.end)),
        }
        written
    }
}
