//! The shared ring between the recorded process and the writer.
//!
//! One file, mapped by both; the data region is mapped twice in a row, so that every event is
//! contiguous in memory. One producer (under the GIL), one consumer. Must not allocate on the
//! producer's path, and must never drop: a full ring makes the producer wait while the writer
//! lives. The layout is in [`moviola_format::ring`].
#![allow(unsafe_code)]

mod map;
mod process;

use map::{Fd, Map};
use moviola_format::ring as layout;
pub use process::Process;
use process::is_alive;
use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::time::{Duration, Instant};

/// How long the producer sleeps on a full ring before it looks whether the writer lives.
const WAIT: Duration = Duration::from_millis(50);
/// How long a full ring waits for the writer that should come. Longer, and it is taken for dead.
const ATTACH_MAX: Duration = Duration::from_secs(5);

fn futex(word: &AtomicU32, operation: i32, value: u32, timeout: Option<Duration>) {
    let time = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs() as libc::time_t,
        tv_nsec: timeout.subsec_nanos() as _,
    });
    let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the word is valid for the call; `time` is null or points to a live timespec.
    // Not FUTEX_PRIVATE: the other end is another process.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, time) };
}

/// Value of `OFF_WRITER_PID` when nobody is or will be the writer.
const NOBODY: u32 = 0;
/// Value of `OFF_WRITER_GONE` when the writer said so itself.
const LEFT: u32 = 1;
/// Value of `OFF_WRITER_GONE` when the producer found no writer alive.
const FOUND_DEAD: u32 = 2;

/// Moves the unread events of a ring without a writer behind its data, in the same file, so that
/// there is room again. False if that cannot be done; then nothing has changed.
///
/// Does not allocate, keeps no descriptor, and never makes the kernel send SIGXFSZ.
#[cold]
fn spill(map: &Map, path: &CStr, tail: u64, head: u64) -> bool {
    let (start, end) = (map.word64(layout::OFF_SPILL_START), map.word64(layout::OFF_SPILL_END));
    let first = if end.load(Ordering::Relaxed) == 0 { tail } else { start.load(Ordering::Relaxed) };
    let base = map.header_len as u64 + map.cap as u64;
    if head - first > layout::SPILL_MAX {
        return false;
    }
    // SAFETY: plain calls; the limit is a zeroed structure, the path NUL-terminated, and the data
    // from tail to head lies within the two mappings in a row.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) != 0
            || base + (head - first) > limit.rlim_cur
        {
            return false;
        }
        let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC | libc::O_NOFOLLOW);
        if fd < 0 {
            return false;
        }
        let fd = Fd(fd);
        // The program may have put another file there.
        let mut stat: libc::stat = std::mem::zeroed();
        if libc::fstat(fd.0, &raw mut stat) != 0 || (stat.st_dev, stat.st_ino) != map.file {
            return false;
        }
        let mut at = tail;
        while at < head {
            let data = map.data.add((at & (map.cap as u64 - 1)) as usize);
            let offset = (base + (at - first)) as libc::off_t;
            let count = (head - at) as usize;
            let written = libc::pwrite(fd.0, data.cast(), count, offset);
            if written <= 0 {
                if written < 0 && *libc::__errno_location() == libc::EINTR {
                    continue;
                }
                return false;
            }
            at += written as u64;
        }
    }
    start.store(first, Ordering::Relaxed);
    end.store(head, Ordering::Release);
    map.word64(layout::OFF_TAIL).store(head, Ordering::Release);
    true
}

/// The recorded process's end of the ring.
pub struct Producer {
    /// Stream bytes committed.
    head: u64,
    /// The head may go up to here without a look at the tail.
    limit: u64,
    data: *mut u8,
    mask: u64,
    /// None once disowned or closed.
    map: Option<Map>,
    /// Of the ring's file, for what is spilled.
    path: CString,
    orphaned: bool,
    /// Process id that stands for the writer until one attaches; 0: none does.
    stand_in: u32,
}

// SAFETY: the pointer belongs to `map`, which is Send.
unsafe impl Send for Producer {}

impl Producer {
    /// Maps the ring and closes its file. Events go on after those that are in it already.
    ///
    /// # Errors
    /// If the file cannot be opened or mapped or is not a ring.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::attach(Map::open(path)?, path)
    }

    /// Makes the ring as well. Until a writer attaches, `writer` stands for it: while it lives, a
    /// full ring waits, for some seconds.
    ///
    /// # Errors
    /// As for [`Ring::create`].
    pub fn create(path: &Path, cap: u64, identity: [u8; 16], writer: Process) -> io::Result<Self> {
        let mut this = Self::attach(Map::create(path, cap, identity, writer)?, path)?;
        this.stand_in = writer.pid;
        Ok(this)
    }

    fn attach(map: Map, path: &Path) -> io::Result<Self> {
        map.dont_fork();
        let this = Process::this();
        map.word64(layout::OFF_PRODUCER_START).store(this.start, Ordering::Relaxed);
        map.word32(layout::OFF_PRODUCER_PID).store(this.pid, Ordering::Release);
        let head = map.word64(layout::OFF_HEAD).load(Ordering::Relaxed);
        let path = CString::new(std::path::absolute(path)?.as_os_str().as_bytes())?;
        Ok(Self {
            head,
            limit: head,
            data: map.data,
            mask: map.cap as u64 - 1,
            map: Some(map),
            path,
            orphaned: false,
            stand_in: 0,
        })
    }

    /// Room for `n` bytes at the write position. Waits while the ring is full; `None` once the
    /// writer is gone for good and the ring is full, or after `close` or `disown`.
    ///
    /// `n` must not be above half the capacity.
    #[inline]
    pub fn reserve(&mut self, n: usize) -> Option<*mut u8> {
        if self.limit - self.head >= n as u64 {
            // SAFETY: the offset is below the capacity; two capacities are mapped.
            return Some(unsafe { self.data.add((self.head & self.mask) as usize) });
        }
        self.reserve_slow(n)
    }

    /// Makes the bytes from the write position up to `end` part of the stream.
    #[inline]
    pub fn commit(&mut self, end: *mut u8) {
        let Some(map) = &self.map else { return };
        let start = (self.data as u64).wrapping_add(self.head & self.mask);
        let count = (end as u64).wrapping_sub(start);
        debug_assert!(count <= self.limit - self.head, "more committed than reserved");
        self.head += count;
        map.word64(layout::OFF_HEAD).store(self.head, Ordering::Release);
    }

    /// Appends whole events given as bytes; false if they could not be kept.
    pub fn append(&mut self, bytes: &[u8]) -> bool {
        let Some(at) = self.reserve(bytes.len()) else { return false };
        // SAFETY: `reserve` gave room for as many bytes.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len());
            self.commit(at.add(bytes.len()));
        }
        true
    }

    /// Stream bytes committed so far.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.head
    }

    #[cold]
    #[inline(never)]
    fn reserve_slow(&mut self, n: usize) -> Option<*mut u8> {
        let map = self.map.as_ref()?;
        let n = n as u64;
        let cap = map.cap as u64;
        if n > cap {
            return None;
        }
        let waiting = map.word32(layout::OFF_WAITING);
        let since = Instant::now();
        loop {
            let tail = map.word64(layout::OFF_TAIL).load(Ordering::Acquire);
            self.limit = tail + cap;
            if self.limit - self.head >= n {
                // SAFETY: as in `reserve`.
                return Some(unsafe { self.data.add((self.head & self.mask) as usize) });
            }
            match map.word32(layout::OFF_WRITER_GONE).load(Ordering::Acquire) {
                0 => {}
                FOUND_DEAD if spill(map, &self.path, tail, self.head) => continue,
                _ => break,
            }
            let seq = map.word32(layout::OFF_SEQ);
            let seen = seq.load(Ordering::Acquire);
            waiting.store(1, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            if map.word64(layout::OFF_TAIL).load(Ordering::SeqCst) != tail {
                waiting.store(0, Ordering::Relaxed);
                continue;
            }
            futex(seq, libc::FUTEX_WAIT, seen, Some(WAIT));
            waiting.store(0, Ordering::Relaxed);
            if map.word64(layout::OFF_TAIL).load(Ordering::Acquire) == tail
                && desert(map, self.stand_in, since)
            {
                map.word32(layout::OFF_WRITER_GONE).store(FOUND_DEAD, Ordering::Release);
            }
        }
        // What follows is lost: nothing may be appended behind the hole.
        self.orphaned = map.word32(layout::OFF_WRITER_GONE).load(Ordering::Acquire) == FOUND_DEAD;
        map.word32(layout::OFF_LOST).store(1, Ordering::Release);
        self.limit = self.head;
        self.map = None;
        None
    }

    /// Whether events were lost because the writer died, so that nobody else can say so.
    #[must_use]
    pub const fn is_orphaned(&self) -> bool {
        self.orphaned
    }

    /// Says that the stream ended cleanly, and unmaps. Later reservations give `None`.
    pub fn close(&mut self) {
        if let Some(map) = self.map.take() {
            map.word32(layout::OFF_CLOSED).store(1, Ordering::Release);
        }
        self.limit = self.head;
    }

    /// Says that the stream may end here, as the process is about to become another program; with
    /// `false`, that it goes on after all. Whether it can: the writer may have left meanwhile.
    pub fn ending(&mut self, ends: bool) -> bool {
        let Some(map) = &self.map else { return false };
        map.word32(layout::OFF_CLOSED).store(u32::from(ends), Ordering::SeqCst);
        ends || map.word32(layout::OFF_WRITER_GONE).load(Ordering::SeqCst) != LEFT
    }

    /// For the child of a fork: forgets the ring without touching it (it is not mapped there).
    pub fn disown(&mut self) {
        std::mem::forget(self.map.take());
        self.limit = self.head;
    }
}

/// Whether the ring, which is full since a moment, has no writer. Then none can attach any more.
fn desert(map: &Map, stand_in: u32, since: Instant) -> bool {
    let word = map.word32(layout::OFF_WRITER_PID);
    let pid = word.load(Ordering::Acquire);
    let start = map.word64(layout::OFF_WRITER_START).load(Ordering::Acquire);
    let comes = pid != stand_in || since.elapsed() < ATTACH_MAX;
    let alive = comes && is_alive(pid, start);
    !alive && word.compare_exchange(pid, NOBODY, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

/// The writer's end of the ring.
pub struct Ring {
    map: Map,
    path: PathBuf,
    tail: u64,
}

impl Ring {
    /// Makes a new ring file, mode 0600, for the recording `identity`; an older one at the path
    /// is removed. The calling process is its writer.
    ///
    /// # Errors
    /// If the file cannot be made or mapped, or the disk has no room for it: the room is taken
    /// at once, because a store to a mapping of a full disk would kill the recorded program.
    pub fn create(path: &Path, cap: u64, identity: [u8; 16]) -> io::Result<Self> {
        let map = Map::create(path, cap, identity, Process::this())?;
        let ring = Self { map, path: path.to_owned(), tail: 0 };
        ring.map.dont_fork();
        Ok(ring)
    }

    /// Opens an existing ring in order to become its writer, of which nobody has taken events yet.
    ///
    /// # Errors
    /// If the file cannot be opened or mapped or is not a ring. `ResourceBusy` if it is too late: the
    /// program goes on without a writer, or another one has taken events. `NotFound` also if the ring
    /// there is not the one that the process `producer` has made, if that is given.
    pub fn attach(path: &Path, producer: Option<u32>) -> io::Result<Self> {
        let late = || {
            io::Error::new(
                io::ErrorKind::ResourceBusy,
                "it went on without a writer; `moviola recover` joins what is there with its ring",
            )
        };
        let map = Map::open(path)?;
        let (pid, start) =
            (map.word32(layout::OFF_WRITER_PID), map.word64(layout::OFF_WRITER_START));
        let maker = map.word32(layout::OFF_PRODUCER_PID).load(Ordering::Acquire);
        if producer.is_some_and(|producer| producer != maker) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let old = pid.load(Ordering::Acquire);
        if old == NOBODY || map.word64(layout::OFF_TAIL).load(Ordering::Acquire) != 0 {
            return Err(late());
        }
        let this = Process::this();
        map.dont_fork();
        // While id and start time are of two processes, the latter must not count.
        start.store(0, Ordering::SeqCst);
        if pid.compare_exchange(old, this.pid, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return Err(late());
        }
        start.store(this.start, Ordering::SeqCst);
        Ok(Self { map, path: path.to_owned(), tail: 0 })
    }

    /// Says that the calling process is not the writer any more, and nobody else will be: what
    /// the program goes on to append stays in the ring's file.
    pub fn abandon(&self) {
        self.map.word32(layout::OFF_WRITER_PID).store(NOBODY, Ordering::SeqCst);
        self.wake();
    }

    /// Where the ring lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of data that fit.
    #[must_use]
    pub const fn cap(&self) -> u64 {
        self.map.cap as u64
    }

    /// Identity of the recording.
    #[must_use]
    pub fn identity(&self) -> [u8; 16] {
        let mut identity = [0; 16];
        // SAFETY: the header is mapped; these bytes never change after creation.
        unsafe {
            ptr::copy_nonoverlapping(
                self.map.header.add(layout::OFF_IDENTITY),
                identity.as_mut_ptr(),
                16,
            );
        }
        identity
    }

    /// Stream bytes committed by the producer.
    #[must_use]
    pub fn head(&self) -> u64 {
        let head = self.map.word64(layout::OFF_HEAD).load(Ordering::Acquire);
        // The other end is another process: never trust it with our own bounds.
        head.clamp(self.tail, self.tail + self.cap())
    }

    /// Stream bytes given back to the producer.
    #[must_use]
    pub const fn tail(&self) -> u64 {
        self.tail
    }

    /// The stream's bytes from `start` to `end`, which must lie between tail and head.
    ///
    /// # Panics
    /// If they do not.
    #[must_use]
    pub fn bytes(&self, start: u64, end: u64) -> &[u8] {
        assert!(self.tail <= start && start <= end && end <= self.head(), "outside the ring");
        let at = (start & (self.cap() - 1)) as usize;
        // SAFETY: the range lies inside the two mappings in a row; the producer does not touch
        // it before `release`, which needs `&mut self`.
        unsafe { std::slice::from_raw_parts(self.map.data.add(at), (end - start) as usize) }
    }

    /// Gives all bytes before `end` back to the producer.
    pub fn release(&mut self, end: u64) {
        debug_assert!(end >= self.tail && end <= self.head());
        self.tail = end;
        self.map.word64(layout::OFF_TAIL).store(end, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if self.map.word32(layout::OFF_WAITING).load(Ordering::SeqCst) != 0 {
            self.wake();
        }
    }

    /// Whether the producer waits for room.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.map.word32(layout::OFF_WAITING).load(Ordering::Relaxed) != 0
    }

    /// Whether the producer ended cleanly. Look at the head only afterwards.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.map.word32(layout::OFF_CLOSED).load(Ordering::Acquire) != 0
    }

    /// Whether the producer lost events because it found no writer.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.map.word32(layout::OFF_LOST).load(Ordering::Acquire) != 0
    }

    /// Process id of the producer, 0 before it attached.
    #[must_use]
    pub fn producer_pid(&self) -> u32 {
        self.map.word32(layout::OFF_PRODUCER_PID).load(Ordering::Relaxed)
    }

    /// Whether the producer attached and lives.
    #[must_use]
    pub fn is_produced(&self) -> bool {
        let pid = self.map.word32(layout::OFF_PRODUCER_PID).load(Ordering::Acquire);
        let start = self.map.word64(layout::OFF_PRODUCER_START).load(Ordering::Relaxed);
        pid != 0 && is_alive(pid, start)
    }

    /// Says that nobody will read any more; a waiting producer goes on without the ring.
    pub fn leave(&self) {
        self.map.word32(layout::OFF_WRITER_GONE).store(LEFT, Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        let seq = self.map.word32(layout::OFF_SEQ);
        seq.fetch_add(1, Ordering::SeqCst);
        futex(seq, libc::FUTEX_WAKE, i32::MAX as u32, None);
    }
}

#[cfg(test)]
mod tests {
    use super::process::process_state;
    use super::*;

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("moviola-ring-{}-{name}", std::process::id()))
    }

    #[test]
    fn bytes_cross_the_end_in_one_piece() {
        let path = path("cross");
        let mut ring = Ring::create(&path, 1 << 18, [7; 16]).unwrap();
        let mut producer = Producer::open(&path).unwrap();
        let mut position = 0;
        for round in 0..2000_u32 {
            let event = [round as u8; 777];
            assert!(producer.append(&event));
            assert_eq!(ring.head(), position + 777);
            assert_eq!(ring.bytes(position, position + 777), event);
            position += 777;
            ring.release(position);
        }
        producer.close();
        assert!(ring.is_closed() && !ring.is_lost());
        assert!(producer.reserve(1).is_none());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn full_ring_waits_for_the_writer() {
        let path = path("full");
        let mut ring = Ring::create(&path, 1 << 18, [7; 16]).unwrap();
        let cap = ring.cap();
        let mut producer = Producer::open(&path).unwrap();
        let thread = std::thread::spawn(move || {
            for round in 0..10_000_u32 {
                assert!(producer.append(&[round as u8; 100]));
            }
            producer.close();
        });
        while !ring.is_waiting() {
            std::thread::yield_now();
        }
        assert!(ring.head() > cap - 200);
        let mut position = 0;
        while position < 1_000_000 {
            let head = ring.head();
            for chunk in ring.bytes(position, head).chunks(100) {
                assert_eq!(chunk, [(position / 100) as u8; 100]);
                position += 100;
            }
            ring.release(position);
        }
        thread.join().unwrap();
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_ring_without_writer_ends_the_recording_not_the_program() {
        let path = path("gone");
        let ring = Ring::create(&path, 1 << 18, [7; 16]).unwrap();
        let mut producer = Producer::open(&path).unwrap();
        ring.map.word32(layout::OFF_WRITER_PID).store(i32::MAX as u32, Ordering::Relaxed);
        let mut kept = 0_u64;
        while kept < 5 * ring.cap() {
            assert!(producer.append(&[(kept / 1000) as u8; 1000]));
            kept += 1000;
        }
        let check = |kept: u64| {
            let left = layout::read_leftover(&path).unwrap();
            assert_eq!((left.start, left.bytes.len() as u64), (0, kept));
            for (n, chunk) in left.bytes.chunks(1000).enumerate() {
                assert_eq!(chunk, [n as u8; 1000]);
            }
            left
        };
        assert!(!check(kept).lost && Ring::attach(&path, None).is_err());
        // Another file in its place: nothing can be spilled there.
        let aside = path.with_extension("aside");
        std::fs::rename(&path, &aside).unwrap();
        std::fs::write(&path, "not the ring").unwrap();
        while producer.append(&[(kept / 1000) as u8; 1000]) {
            kept += 1000;
        }
        std::fs::rename(&aside, &path).unwrap();
        assert!(ring.is_lost() && !producer.append(&[1]));
        let left = check(kept);
        assert!(left.lost && !left.closed && left.identity == [7; 16]);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn liveness_knows_itself_and_strangers() {
        let pid = std::process::id();
        let (_, start) = process_state(pid).unwrap();
        assert!(is_alive(pid, start) && is_alive(pid, 0));
        assert!(!is_alive(pid, start + 1));
        assert!(!is_alive(0, 0));
    }
}
