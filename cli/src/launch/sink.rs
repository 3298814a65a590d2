//! This process's end of the recording: makes the ring, drains it into the trace while the
//! program runs, and says what went wrong.
//!
//! Must not end the program: a recording that cannot go on leaves it running.

use super::child::{Child, End};
use super::children::Children;
use crate::failure::Failure;
use crate::ui;
use moviola_format::ring::path_beside;
use moviola_pipeline::ring::Ring;
use moviola_pipeline::writer::{Ended, Options, Writer, new_identity};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Naps between rounds with little to do; they grow while nothing happens. A full ring lasts
/// longer than the longest.
const NAP_MIN: Duration = Duration::from_micros(500);
const NAP_MAX: Duration = Duration::from_millis(8);
/// A round that read less than this had little to do.
const LITTLE_BYTES: u64 = 64 << 10;

/// The trace and its ring.
pub struct Sink {
    writer: Writer,
    trace: PathBuf,
    /// The user knows that the trace cannot be written any more.
    told: bool,
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
        let cannot = |e: io::Error| {
            Failure::recorder(format!(
                "cannot write the trace {}: {e}; choose another place with -o",
                trace.display()
            ))
        };
        let ring = Ring::create(&path_beside(trace), ring_bytes, new_identity()).map_err(cannot)?;
        let ring_path = ring.path().to_owned();
        let writer = Writer::new(trace, ring, Options::default()).map_err(|e| {
            std::fs::remove_file(&ring_path).ok();
            cannot(e)
        })?;
        Ok(Self { writer, trace: trace.to_owned(), told: false })
    }

    fn ring(&self) -> &Path {
        self.writer.ring().path()
    }

    /// The program could not be started: nothing is kept.
    pub fn abandon(self) {
        // Both were made by this recording; what cannot be removed stays as an empty file.
        std::fs::remove_file(self.ring()).ok();
        std::fs::remove_file(&self.trace).ok();
    }

    /// Identity of the recording.
    pub fn identity(&self) -> [u8; 16] {
        self.writer.ring().identity()
    }

    /// Moves events from the ring to the trace until the program has ended.
    pub fn drain(&mut self, child: &mut Child, children: &mut Children) {
        let mut nap = NAP_MIN;
        loop {
            let ended = child.poll().is_some();
            let progress = self.writer.drain();
            children.look();
            if progress.failed {
                self.tell();
            }
            if ended {
                return;
            }
            if progress.read >= LITTLE_BYTES {
                nap = NAP_MIN;
            } else {
                std::thread::sleep(nap);
                nap = (nap * 2).min(NAP_MAX);
            }
        }
    }

    /// Says once, while the program still runs, that nothing more is recorded.
    fn tell(&mut self) {
        if !self.told
            && let Some(failure) = self.writer.failure()
        {
            self.told = true;
            ui::warn(&format!(
                "the trace is incomplete: {failure}; what was recorded until then is in {}",
                self.trace.display()
            ));
        }
    }

    /// Completes the trace and removes the ring.
    pub fn finish(self, end: End) -> Finished {
        let recorded = self.writer.ring().producer_pid() != 0;
        let report = self.writer.finish(match end {
            End::Code(code) => Ended::Code(code),
            End::Signal(signal) => Ended::Signal(signal),
            End::Unknown => Ended::Unknown,
        });
        let mut warnings = Vec::new();
        if let Some(failure) = report.failure.filter(|_| !self.told) {
            warnings.push(format!(
                "the trace is incomplete: {failure}; what was recorded until then is in {}",
                self.trace.display()
            ));
        }
        Finished { recorded, warnings }
    }
}
