//! From the ring to the trace file.
//!
//! Events are decoded where they lie in the ring, and the ring gets its bytes back only when the
//! block that holds them is in the file: whatever is killed, file and ring together have all.
//! Must never let the program wait for a disk that fails: then it drains and discards.

use crate::ring::Ring;
use moviola_format::event::{Sink, op};
use moviola_format::write::{Indexer, TraceFile};
use std::io;
use std::path::Path;

/// How to write a trace. Nothing can be chosen yet.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {}

/// What one round of draining did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of events read in this round; 0: there is nothing to do at the moment.
    pub read: u64,
    /// Line events so far.
    pub lines: u64,
    /// Stops so far.
    pub stops: u64,
    /// The program ended cleanly and everything was read.
    pub ended: bool,
    /// The trace cannot be written any more; what follows is lost.
    pub failed: bool,
}

/// How the recorded process ended, as its parent saw it. Goes into the trace if the program
/// could not say so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With an exit code.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// Nobody knows.
    Unknown,
}

/// What became of a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes of the trace file.
    pub bytes: u64,
    /// Bytes of events.
    pub stream_bytes: u64,
    /// Line events.
    pub lines: u64,
    /// Stops.
    pub stops: u64,
    /// Why the trace is not complete, for the user.
    pub failure: Option<String>,
}

/// Reads a ring and writes a trace.
pub struct Writer {
    ring: Ring,
    file: TraceFile,
    indexer: Indexer,
    /// Stream offset of the block in the making.
    block_start: u64,
    /// Stream offset up to which it is indexed.
    indexed: u64,
    failure: Option<String>,
}

impl Writer {
    /// Makes the trace file for the events of `ring`, which must be a new one.
    ///
    /// # Errors
    /// If the file cannot be made. The ring has no writer then.
    pub fn new(trace: &Path, ring: Ring, options: Options) -> io::Result<Self> {
        let Options {} = options;
        let file = TraceFile::create(trace, ring.identity()).inspect_err(|_| ring.abandon())?;
        let start = ring.tail();
        Ok(Self {
            ring,
            file,
            indexer: Indexer::new(),
            block_start: start,
            indexed: start,
            failure: None,
        })
    }

    /// Why nothing more is written, for the user.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The ring.
    #[must_use]
    pub const fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Objects in the mirror of the program's heap.
    #[must_use]
    pub fn live_objects(&self) -> usize {
        self.indexer.live_objects()
    }

    /// Reads what the ring holds at the time of the call. Never blocks longer than the file system does; errors are
    /// remembered, and from then on events are discarded.
    pub fn drain(&mut self) -> Progress {
        let closed = self.ring.is_closed();
        let before = self.indexed;
        // Only what is there now: a fast program must not keep the caller here.
        let head = self.ring.head();
        while self.indexed < head {
            if self.failure.is_some() {
                self.indexed = head;
                self.ring.release(head);
                break;
            }
            let raw = self.ring.bytes(self.block_start, head);
            let at = (self.indexed - self.block_start) as usize;
            match self.indexer.feed(raw, at) {
                Ok((end, full)) => {
                    self.indexed = self.block_start + end as u64;
                    if full || end as u64 > self.ring.cap() / 2 {
                        self.seal();
                    }
                }
                Err((end, error)) => {
                    self.indexed = self.block_start + end as u64;
                    if end > 0 {
                        self.seal();
                    }
                    self.failure.get_or_insert(format!("the recorder wrote no event: {error}"));
                }
            }
        }
        Progress {
            read: self.indexed - before,
            lines: self.indexer.lines(),
            stops: self.indexer.stops(),
            ended: closed && self.ring.head() == self.indexed,
            failed: self.failure.is_some(),
        }
    }

    fn seal(&mut self) {
        let raw = self.ring.bytes(self.block_start, self.indexed);
        let sealed = self.indexer.seal(raw);
        if let Err(error) = self.file.append(raw, sealed) {
            self.failure = Some(format!("cannot write {}: {error}", self.file.path().display()));
        }
        self.block_start = self.indexed;
        self.ring.release(self.indexed);
    }

    /// To be called when the program has ended: reads the rest, completes the file and removes
    /// the ring. `ended` is used if the program did not say itself how it ended.
    pub fn finish(mut self, ended: Ended) -> Report {
        self.drain();
        if self.failure.is_none() {
            let lost = self.ring.is_lost();
            let mut raw = self.ring.bytes(self.block_start, self.indexed).to_vec();
            let at = raw.len();
            if lost {
                raw.u8(op::GAP);
                raw.str("the writer of the trace was gone");
            }
            let seen = match ended {
                Ended::Code(code) => Some((0, i64::from(code))),
                Ended::Signal(signal) => Some((1, i64::from(signal))),
                Ended::Unknown => None,
            };
            let said = self.indexer.exit();
            // The program knows of an uncaught exception, the system only of its exit code.
            let is_told = said == seen || (said == Some((2, 1)) && seen == Some((0, 1)));
            if let (Some((kind, code)), false) = (seen, is_told) {
                raw.u8(op::EXIT);
                raw.u8(kind);
                raw.sv(code);
            }
            // Well-formed by construction.
            let _ = self.indexer.feed(&raw, at);
            if !raw.is_empty() {
                let sealed = self.indexer.seal(&raw);
                if let Err(error) = self.file.append(&raw, sealed) {
                    let path = self.file.path().display();
                    self.failure = Some(format!("cannot write {path}: {error}"));
                }
            }
        }
        let finished = self.file.finish(self.failure.clone());
        if let (Err(error), None) = (finished, &self.failure) {
            self.failure = Some(format!("cannot write {}: {error}", self.file.path().display()));
        }
        self.ring.leave();
        let _ = std::fs::remove_file(self.ring.path());
        Report {
            bytes: self.file.len(),
            stream_bytes: self.indexed,
            lines: self.indexer.lines(),
            stops: self.indexer.stops(),
            failure: self.failure,
        }
    }
}

/// A new identity for a recording.
#[must_use]
pub fn new_identity() -> [u8; 16] {
    let mut identity = [0; 16];
    let random = std::fs::File::open("/dev/urandom")
        .and_then(|mut file| io::Read::read_exact(&mut file, &mut identity));
    if random.is_err() {
        let clock = std::time::SystemTime::now()
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        identity[..8].copy_from_slice(&(clock.as_nanos() as u64).to_le_bytes());
        identity[8..12].copy_from_slice(&std::process::id().to_le_bytes());
    }
    identity
}
