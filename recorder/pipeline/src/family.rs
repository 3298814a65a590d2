//! The processes of one recording: the program and every Python process that comes from it.
//!
//! They share a directory, the *stage*: it says where traces go, and each process takes its number
//! there by making a name that nobody else can make. Number 0 is the program that `moviola record`
//! started, its trace is the one the user asked for; the others are `NAME.child-K.moviola` beside it.
//! Uses plain file operations only, so that a process may do this in the middle of a fork.

use crate::ring::Process;
use moviola_format::family::{child_trace, hex};
use moviola_format::ring::path_beside;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Name of the file in the stage that says what a process has to know.
const FACTS: &str = "family";
/// Name whose presence says that the program has made children, recorded or not.
const PARENT: &str = "parent";
/// Children's rings are smaller: there may be many at a time.
const CHILD_RING_MAX: u64 = 4 << 20;

/// What all processes of a recording know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// The directory that they share.
    pub stage: PathBuf,
    /// Where the program's own trace goes; absolute.
    pub trace: PathBuf,
    /// Options for the recorder.
    pub options: String,
    /// Bytes of the program's ring.
    pub ring_bytes: u64,
    /// Identity of the program's recording, and so of the family.
    pub identity: [u8; 16],
    /// The process that `moviola record` is.
    pub recorder: Process,
}

impl Family {
    /// Writes the facts into the stage, for the processes to come.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self) -> io::Result<()> {
        let mut facts = Vec::new();
        let words = [
            hex(&self.identity),
            self.ring_bytes.to_string(),
            self.recorder.pid.to_string(),
            self.recorder.start.to_string(),
            self.options.clone(),
        ];
        for word in words {
            facts.extend_from_slice(word.as_bytes());
            facts.push(0);
        }
        facts.extend_from_slice(self.trace.as_os_str().as_bytes());
        std::fs::write(self.stage.join(FACTS), facts)
    }

    /// Reads the facts from the stage.
    ///
    /// # Errors
    /// If the file cannot be read or is not what [`Family::save`] writes.
    pub fn load(stage: &Path) -> io::Result<Self> {
        let facts = std::fs::read(stage.join(FACTS))?;
        let bad = || io::Error::new(io::ErrorKind::InvalidData, "the recording's facts are broken");
        let mut fields = facts.splitn(6, |byte| *byte == 0);
        let mut text = || std::str::from_utf8(fields.next().unwrap_or_default()).map_err(|_| bad());
        let identity = unhex(text()?).ok_or_else(bad)?;
        let ring_bytes = text()?.parse().map_err(|_| bad())?;
        let pid = text()?.parse().map_err(|_| bad())?;
        let start = text()?.parse().map_err(|_| bad())?;
        let options = text()?.to_owned();
        let trace = OsString::from_vec(fields.next().ok_or_else(bad)?.to_vec()).into();
        let recorder = Process { pid, start };
        Ok(Self { stage: stage.to_owned(), trace, options, ring_bytes, identity, recorder })
    }

    /// Makes the calling process number 0. False if there is one already.
    #[must_use]
    pub fn claim_program(&self) -> bool {
        self.claim(0)
    }

    /// A number for a new process. `after` is one that is known to be taken.
    ///
    /// # Errors
    /// If the stage is gone: the recording is over.
    pub fn claim_child(&self, after: u32) -> io::Result<u32> {
        let mut number = after + 1;
        while !self.claim(number) {
            if !self.is_claimed(number) {
                return Err(io::ErrorKind::NotFound.into());
            }
            number += 1;
        }
        Ok(number)
    }

    fn claim(&self, number: u32) -> bool {
        symlink(std::process::id().to_string(), self.claim_path(number)).is_ok()
    }

    fn claim_path(&self, number: u32) -> PathBuf {
        self.stage.join(format!("process-{number}"))
    }

    /// Whether a number is taken. They are taken in order.
    #[must_use]
    pub fn is_claimed(&self, number: u32) -> bool {
        self.claim_path(number).is_symlink()
    }

    /// Says which process a number has become, if another one took the number for it.
    pub fn note_born(&self, number: u32) {
        // Without it, it only takes longer to see that the process died early.
        let _ = symlink(std::process::id().to_string(), self.born_path(number));
    }

    /// Says that a number will never be a process.
    pub fn note_unborn(&self, number: u32) {
        // Without it, it only takes longer to see.
        let _ = symlink("0", self.born_path(number));
    }

    fn born_path(&self, number: u32) -> PathBuf {
        self.stage.join(format!("born-{number}"))
    }

    /// The process that has a number; `None` while it is not there yet.
    #[must_use]
    pub fn process(&self, number: u32) -> Option<Process> {
        named(&self.born_path(number))
    }

    /// The process that took a number, for itself or for a child to come.
    #[must_use]
    pub fn claimant(&self, number: u32) -> Option<Process> {
        named(&self.claim_path(number))
    }

    /// Says that nothing more will be written to the trace of a child.
    pub fn note_written(&self, number: u32) {
        // Without it, only a server that is started again looks for the ring once more.
        let _ = symlink("1", self.written_path(number));
    }

    /// Whether nothing more will be written to the trace of a child.
    #[must_use]
    pub fn is_written(&self, number: u32) -> bool {
        self.written_path(number).is_symlink()
    }

    fn written_path(&self, number: u32) -> PathBuf {
        self.stage.join(format!("written-{number}"))
    }

    /// Says that there are or were children.
    pub fn note_parent(&self) {
        // It is there already, or the recording is over.
        let _ = symlink("1", self.stage.join(PARENT));
    }

    /// Whether there are or were children.
    #[must_use]
    pub fn has_parents(&self) -> bool {
        self.stage.join(PARENT).is_symlink()
    }

    /// Where the trace of a process goes.
    #[must_use]
    pub fn trace_of(&self, number: u32) -> PathBuf {
        child_trace(&self.trace, number)
    }

    /// Where the ring of a process lies.
    #[must_use]
    pub fn ring_of(&self, number: u32) -> PathBuf {
        path_beside(&self.trace_of(number))
    }

    /// Bytes of a child's ring.
    #[must_use]
    pub fn child_ring_bytes(&self) -> u64 {
        self.ring_bytes.min(CHILD_RING_MAX)
    }
}

/// The process that a name in the stage stands for.
fn named(path: &Path) -> Option<Process> {
    let target = std::fs::read_link(path).ok()?;
    Some(Process { pid: target.to_str()?.parse().ok()?, start: 0 })
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let mut identity = [0; 16];
    if text.len() != 32 {
        return None;
    }
    for (at, byte) in identity.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_and_numbers() {
        let stage = std::env::temp_dir().join(format!("moviola-family-{}", std::process::id()));
        std::fs::create_dir_all(&stage).unwrap();
        let family = Family {
            stage: stage.clone(),
            trace: OsString::from_vec(b"/a b\xff/x\n.moviola".to_vec()).into(),
            options: "allocations=off".to_owned(),
            ring_bytes: 1 << 24,
            identity: *b"0123456789abcdef",
            recorder: Process::this(),
        };
        family.save().unwrap();
        assert_eq!(Family::load(&stage).unwrap(), family);
        assert!(family.claim_program() && !family.claim_program());
        assert_eq!(family.claim_child(0).unwrap(), 1);
        assert_eq!(family.claim_child(0).unwrap(), 2);
        assert!(family.is_claimed(2) && !family.is_claimed(3));
        let this = std::process::id();
        assert_eq!(family.claimant(2).map(|process| process.pid), Some(this));
        assert_eq!((family.claimant(3), family.process(2)), (None, None));
        assert!(!family.is_written(1));
        family.note_written(1);
        assert!(family.is_written(1) && !family.is_written(2));
        family.note_unborn(2);
        assert!(family.process(2).is_some_and(|process| !process.is_alive()));
        assert!(!family.has_parents());
        family.note_parent();
        assert!(family.has_parents());
        std::fs::remove_dir_all(&stage).unwrap();
        assert!(family.claim_child(0).is_err());
    }
}
