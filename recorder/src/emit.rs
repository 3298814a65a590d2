//! Appending events to the ring. Must not allocate, block longer than the ring does, or fail:
//! once the writer is gone, events go to a scratch page and recording ends.
#![allow(unsafe_code)]

use moviola_format::event::Sink;
use moviola_pipeline::ring::Producer;

/// Room that [`Out::begin`] guarantees: no single event may be longer (`SPEC.md`).
pub const EVENT_MAX: usize = 60 * 1024;

/// Device and inode of an open file.
fn file_at(descriptor: i32) -> Option<(libc::dev_t, libc::ino_t)> {
    // SAFETY: fstat fills the zeroed structure or fails.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        (libc::fstat(descriptor, &raw mut stat) == 0).then_some((stat.st_dev, stat.st_ino))
    }
}

/// A cursor over the ring. One event is written between `begin` and `commit`.
pub struct Out {
    cursor: *mut u8,
    producer: Producer,
    scratch: Box<[u8]>,
    /// What standard error was at the start.
    stderr: Option<(libc::dev_t, libc::ino_t)>,
    /// Set once the writer is gone: nothing that is written from then on is kept.
    pub lost: bool,
}

impl Out {
    /// Writes to `producer`'s ring.
    pub fn new(producer: Producer) -> Self {
        let scratch = vec![0; EVENT_MAX + 4096].into_boxed_slice();
        let stderr = file_at(2);
        Self { cursor: std::ptr::null_mut(), producer, scratch, stderr, lost: false }
    }

    /// Starts an event. Waits while the ring is full.
    #[inline]
    pub fn begin(&mut self) -> &mut Self {
        match self.producer.reserve(EVENT_MAX) {
            Some(at) => self.cursor = at,
            None => self.begin_lost(),
        }
        self
    }

    #[cold]
    fn begin_lost(&mut self) {
        if !self.lost && self.producer.is_orphaned() {
            self.say(b"moviola: the process that writes the trace is gone; recording ends here\n");
        }
        self.lost = true;
        self.cursor = self.scratch.as_mut_ptr();
    }

    /// Writes a line to standard error, unless the program has put another file there.
    pub fn say(&self, text: &[u8]) {
        if self.stderr.is_some() && self.stderr == file_at(2) {
            // SAFETY: a plain write from a live buffer.
            unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
        }
    }

    /// Makes all that was written since `begin` part of the stream.
    #[inline]
    pub fn commit(&mut self) {
        if !self.lost {
            self.producer.commit(self.cursor);
        }
    }

    /// Goes on in another ring. The old one is not touched any more.
    pub fn replace(&mut self, producer: Producer) {
        std::mem::forget(std::mem::replace(&mut self.producer, producer));
        self.lost = false;
    }

    /// The ring end, for closing and for fork.
    pub fn producer(&mut self) -> &mut Producer {
        &mut self.producer
    }
}

impl Sink for Out {
    #[inline]
    fn u8(&mut self, byte: u8) {
        // SAFETY: `begin` gave EVENT_MAX bytes from the cursor, and no event is longer.
        unsafe {
            *self.cursor = byte;
            self.cursor = self.cursor.add(1);
        }
    }

    #[inline]
    fn raw(&mut self, bytes: &[u8]) {
        // SAFETY: as in `u8`; the ring never overlaps memory of the program.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.cursor, bytes.len());
            self.cursor = self.cursor.add(bytes.len());
        }
    }
}
