//! The shared ring between the recorded process and the writer.
//!
//! One file, mapped by both; the data region is mapped twice in a row, so that every event is
//! contiguous in memory. One producer (under the GIL), one consumer. Must not allocate on the
//! producer's path, and must never drop: a full ring makes the producer wait while the writer
//! lives. The layout is in [`moviola_format::ring`].
#![allow(unsafe_code)]

use moviola_format::ring as layout;
use std::ffi::{CStr, CString, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::{Duration, SystemTime};

/// How long the producer sleeps on a full ring before it looks whether the writer lives.
const WAIT: Duration = Duration::from_millis(50);

/// The three mappings of a ring file: header page, data, data again.
struct Map {
    header: *mut u8,
    header_len: usize,
    data: *mut u8,
    cap: usize,
    /// Device and inode of the file.
    file: (libc::dev_t, libc::ino_t),
}

fn last_error<T>() -> io::Result<T> {
    Err(io::Error::last_os_error())
}

fn page_size() -> usize {
    // SAFETY: sysconf has no preconditions.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096).max(4096)
}

/// A descriptor that is closed on drop.
struct Fd(i32);

impl Fd {
    fn open(path: &Path, flags: i32) -> io::Result<Self> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: `path` is a NUL-terminated string that outlives the call.
        let fd = unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, 0o600) };
        if fd < 0 { last_error() } else { Ok(Self(fd)) }
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours and is not used afterwards.
        unsafe { libc::close(self.0) };
    }
}

impl Map {
    fn new(fd: &Fd, data_offset: usize, cap: usize) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: new mappings at places that the kernel chooses, except the two data mappings,
        // which replace parts of the reservation made just before.
        unsafe {
            let space = libc::mmap(
                ptr::null_mut(),
                cap * 2,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            );
            if space == libc::MAP_FAILED {
                return last_error();
            }
            let mut stat: libc::stat = std::mem::zeroed();
            if libc::fstat(fd.0, &raw mut stat) != 0 {
                return last_error();
            }
            let mut map = Self {
                header: ptr::null_mut(),
                header_len: data_offset,
                data: space.cast(),
                cap,
                file: (stat.st_dev, stat.st_ino),
            };
            for half in 0..2 {
                let at = map.data.add(half * cap).cast::<c_void>();
                let flags = libc::MAP_SHARED | libc::MAP_FIXED;
                if libc::mmap(at, cap, access, flags, fd.0, data_offset as i64) == libc::MAP_FAILED
                {
                    return last_error();
                }
            }
            let header =
                libc::mmap(ptr::null_mut(), data_offset, access, libc::MAP_SHARED, fd.0, 0);
            if header == libc::MAP_FAILED {
                return last_error();
            }
            map.header = header.cast();
            Ok(map)
        }
    }

    /// Keeps the mappings out of fork children.
    fn dont_fork(&self) {
        // SAFETY: both ranges are mapped and ours. A failure leaves them inherited, which
        // `disown` makes harmless.
        unsafe {
            libc::madvise(self.header.cast(), self.header_len, libc::MADV_DONTFORK);
            libc::madvise(self.data.cast(), self.cap * 2, libc::MADV_DONTFORK);
        }
    }

    #[inline]
    fn word64(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: the header is mapped for as long as `self` lives; offsets are aligned
        // constants inside it.
        unsafe { &*self.header.add(offset).cast::<AtomicU64>() }
    }

    #[inline]
    fn word32(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: as in `word64`.
        unsafe { &*self.header.add(offset).cast::<AtomicU32>() }
    }

    /// Reads and checks the fixed fields of a header.
    fn open(path: &Path) -> io::Result<Self> {
        let fd = Fd::open(path, libc::O_RDWR)?;
        let mut header = [0_u8; layout::HEADER_LEN];
        // SAFETY: the buffer has the length that is given.
        let got = unsafe { libc::pread(fd.0, header.as_mut_ptr().cast(), header.len(), 0) };
        let bad = |what: &str| {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("not a ring: {what}")))
        };
        if got != header.len() as isize || header[..8] != layout::MAGIC {
            return bad("wrong magic");
        }
        let word32 = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        if word32(layout::OFF_VERSION) != layout::VERSION {
            return bad("unknown version");
        }
        let data_offset = word32(layout::OFF_DATA) as usize;
        let cap = u64::from(word32(layout::OFF_CAP)) | u64::from(word32(layout::OFF_CAP + 4)) << 32;
        if !cap.is_power_of_two() || cap > layout::CAP_MAX || cap < page_size() as u64 {
            return bad("impossible capacity");
        }
        if data_offset < layout::HEADER_LEN || !data_offset.is_multiple_of(page_size()) {
            return bad("impossible data offset");
        }
        // SAFETY: fstat fills the zeroed structure.
        let size = unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            if libc::fstat(fd.0, &mut stat) != 0 {
                return last_error();
            }
            stat.st_size
        };
        // A shorter file would make touching the mapping fatal.
        if (size as u64) < data_offset as u64 + cap {
            return bad("cut off");
        }
        Self::new(&fd, data_offset, cap as usize)
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the ranges were mapped by `new` and nothing refers to them any more.
        unsafe {
            libc::munmap(self.data.cast(), self.cap * 2);
            if !self.header.is_null() {
                libc::munmap(self.header.cast(), self.header_len);
            }
        }
    }
}

// SAFETY: the mappings are shared memory; every header word is accessed atomically, and the
// data is divided between the two ends by head and tail.
unsafe impl Send for Map {}

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

/// State letter and start time (ticks since boot) of a process, from `/proc`. Neither allocates
/// nor needs anything but one free descriptor.
fn process_state(pid: u32) -> Option<(u8, u64)> {
    let mut path = [0_u8; 32];
    let mut at = 0;
    for byte in b"/proc/" {
        path[at] = *byte;
        at += 1;
    }
    let mut digits = [0_u8; 10];
    let mut count = 0;
    let mut rest = pid;
    while rest > 0 || count == 0 {
        digits[count] = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
    }
    for digit in digits[..count].iter().rev() {
        path[at] = *digit;
        at += 1;
    }
    for byte in b"/stat\0" {
        path[at] = *byte;
        at += 1;
    }
    let mut text = [0_u8; 1024];
    // SAFETY: `path` is NUL-terminated, the buffer has the given length, the descriptor is ours.
    let got = unsafe {
        let fd = libc::open(path.as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC);
        if fd < 0 {
            return None;
        }
        let got = libc::read(fd, text.as_mut_ptr().cast(), text.len());
        libc::close(fd);
        usize::try_from(got).ok()?
    };
    // The name in parentheses may hold anything; the fields follow its last ')'.
    let text = &text[..got];
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let mut fields = text[close + 1..].split(|byte| *byte == b' ').filter(|f| !f.is_empty());
    let state = *fields.next()?.first()?;
    let start = fields.nth(18)?.iter().try_fold(0_u64, |sum, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| sum.wrapping_mul(10).wrapping_add(u64::from(digit)))
    })?;
    Some((state, start))
}

/// Whether a process is alive; a zombie and a later process with the same pid are not.
fn is_alive(pid: u32, start: u64) -> bool {
    let Ok(signed) = i32::try_from(pid) else { return false };
    // SAFETY: signal 0 only asks.
    let exists = signed > 0
        && unsafe { libc::kill(signed, 0) == 0 || *libc::__errno_location() == libc::EPERM };
    if !exists {
        return false;
    }
    match process_state(pid) {
        Some((state, _)) if state == b'Z' || state == b'X' => false,
        Some((_, found)) => start == 0 || found == start,
        // No /proc, or no free descriptor: what kill said.
        None => true,
    }
}

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
}

// SAFETY: the pointer belongs to `map`, which is Send.
unsafe impl Send for Producer {}

impl Producer {
    /// Maps the ring and closes its file. Events go on after those that are in it already.
    ///
    /// # Errors
    /// If the file cannot be opened or mapped or is not a ring.
    pub fn open(path: &Path) -> io::Result<Self> {
        let map = Map::open(path)?;
        map.dont_fork();
        map.word32(layout::OFF_PRODUCER_PID).store(std::process::id(), Ordering::Relaxed);
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
            if map.word64(layout::OFF_TAIL).load(Ordering::Acquire) == tail {
                let pid = map.word32(layout::OFF_WRITER_PID).load(Ordering::Relaxed);
                let start = map.word64(layout::OFF_WRITER_START).load(Ordering::Relaxed);
                if !is_alive(pid, start) {
                    map.word32(layout::OFF_WRITER_GONE).store(FOUND_DEAD, Ordering::Release);
                }
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

    /// For the child of a fork: forgets the ring without touching it (it is not mapped there).
    pub fn disown(&mut self) {
        std::mem::forget(self.map.take());
        self.limit = self.head;
    }
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
        let page = page_size();
        let cap = cap.max(4 * layout::EVENT_MAX as u64).max(page as u64).next_power_of_two();
        if cap > layout::CAP_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "ring larger than 1 GiB"));
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let fd = Fd::open(path, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW)?;
        let made = Self::fill(&fd, path, page, cap as usize, identity);
        if made.is_err() {
            let _ = std::fs::remove_file(path);
        }
        made
    }

    fn fill(fd: &Fd, path: &Path, page: usize, cap: usize, identity: [u8; 16]) -> io::Result<Self> {
        let size = (page + cap) as i64;
        // SAFETY: plain calls on our own descriptor.
        let failed = unsafe {
            libc::ftruncate(fd.0, size) != 0
                || (libc::fallocate(fd.0, 0, 0, size) != 0
                    && *libc::__errno_location() != libc::EOPNOTSUPP)
        };
        if failed {
            return last_error();
        }
        let map = Map::new(fd, page, cap)?;
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        map.word32(layout::OFF_VERSION).store(layout::VERSION, Ordering::Relaxed);
        map.word32(layout::OFF_DATA).store(page as u32, Ordering::Relaxed);
        map.word64(layout::OFF_CAP).store(cap as u64, Ordering::Relaxed);
        map.word64(layout::OFF_CLOCK).store(clock.as_nanos() as u64, Ordering::Relaxed);
        // SAFETY: the header page is mapped and nobody else knows the file yet.
        unsafe {
            ptr::copy_nonoverlapping(identity.as_ptr(), map.header.add(layout::OFF_IDENTITY), 16);
        }
        let mut ring = Self { map, path: path.to_owned(), tail: 0 };
        ring.adopt();
        fence(Ordering::SeqCst);
        // SAFETY: as above.
        unsafe {
            ptr::copy_nonoverlapping(layout::MAGIC.as_ptr(), ring.map.header, 8);
        }
        Ok(ring)
    }

    /// Opens an existing ring in order to become its writer: a writer process of its own, or one
    /// that goes on where a killed one stopped.
    ///
    /// # Errors
    /// If the file cannot be opened or mapped or is not a ring.
    pub fn attach(path: &Path) -> io::Result<Self> {
        let map = Map::open(path)?;
        if map.word64(layout::OFF_SPILL_END).load(Ordering::Acquire) != 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "events were spilled: recover the trace",
            ));
        }
        let tail = map.word64(layout::OFF_TAIL).load(Ordering::Acquire);
        let mut ring = Self { map, path: path.to_owned(), tail };
        ring.adopt();
        Ok(ring)
    }

    fn adopt(&mut self) {
        let pid = std::process::id();
        let start = process_state(pid).map_or(0, |(_, start)| start);
        self.map.dont_fork();
        self.map.word64(layout::OFF_WRITER_START).store(start, Ordering::Relaxed);
        self.map.word32(layout::OFF_WRITER_PID).store(pid, Ordering::Release);
        self.map.word32(layout::OFF_WRITER_GONE).store(0, Ordering::Release);
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
            let seq = self.map.word32(layout::OFF_SEQ);
            seq.fetch_add(1, Ordering::SeqCst);
            futex(seq, libc::FUTEX_WAKE, i32::MAX as u32, None);
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

    /// Says that nobody will read any more; a waiting producer goes on without the ring.
    pub fn leave(&self) {
        self.map.word32(layout::OFF_WRITER_GONE).store(1, Ordering::SeqCst);
        let seq = self.map.word32(layout::OFF_SEQ);
        seq.fetch_add(1, Ordering::SeqCst);
        futex(seq, libc::FUTEX_WAKE, i32::MAX as u32, None);
    }
}

#[cfg(test)]
mod tests {
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
        assert!(!check(kept).lost && Ring::attach(&path).is_err());
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
