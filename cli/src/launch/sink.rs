//! This process's end of the recording: makes the ring, drains it into the trace while the
//! program runs, and says what went wrong.
//!
//! Must not end the program: a recording that cannot go on leaves it running.

use super::child::{Child, End};
use crate::failure::Failure;
use moviola_format::ring::path_beside;
use moviola_pipeline::ring::Ring;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the drain sleeps when there was little to do.
const NAP: Duration = Duration::from_millis(2);

/// The trace and its ring.
pub struct Sink {
    ring: Ring,
    file: File,
    trace: PathBuf,
    failed: Option<io::Error>,
}

/// What came of a recording.
#[derive(Debug)]
pub struct Finished {
    /// Whether the recorder started in the program.
    pub recorded: bool,
    /// Things to tell.
    pub warnings: Vec<String>,
}

impl Sink {
    /// Makes the trace file and the ring beside it.
    pub fn create(trace: &Path, ring_bytes: u64) -> Result<Self, Failure> {
        let shown = trace.display();
        let cannot = |e: io::Error| {
            Failure::recorder(format!(
                "cannot write the trace {shown}: {e}; choose another place with -o"
            ))
        };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(trace)
            .map_err(cannot)?;
        let mut identity = [0; 16];
        let clock = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos());
        identity.copy_from_slice(&clock.to_le_bytes());
        let ring = Ring::create(&path_beside(trace), ring_bytes, identity).map_err(cannot)?;
        Ok(Self { ring, file, trace: trace.to_owned(), failed: None })
    }

    /// Where the ring lies.
    pub fn ring(&self) -> &Path {
        self.ring.path()
    }

    /// The program could not be started: nothing is kept.
    pub fn abandon(self) {
        // Both were made by this recording; what cannot be removed stays as an empty file.
        std::fs::remove_file(self.ring.path()).ok();
        std::fs::remove_file(&self.trace).ok();
    }

    /// Moves events from the ring to the trace until the program has ended.
    pub fn drain(&mut self, child: &mut Child) {
        loop {
            let ended = child.poll().is_some();
            let moved = self.step();
            if ended {
                return;
            }
            if moved < 4096 {
                std::thread::sleep(NAP);
            }
        }
    }

    fn step(&mut self) -> u64 {
        let (start, end) = (self.ring.tail(), self.ring.head());
        if start == end {
            return 0;
        }
        if self.failed.is_none() {
            if let Err(e) = self.file.write_all(self.ring.bytes(start, end)) {
                self.failed = Some(e);
                self.ring.leave();
            }
        }
        self.ring.release(end);
        end - start
    }

    /// Completes the trace and removes the ring.
    pub fn finish(mut self, _end: End) -> Finished {
        self.step();
        let recorded = self.ring.producer_pid() != 0;
        std::fs::remove_file(self.ring.path()).ok();
        let mut warnings = Vec::new();
        if let Some(e) = &self.failed {
            warnings.push(format!("the trace {} is incomplete: {e}", self.trace.display()));
        }
        Finished { recorded, warnings }
    }
}
