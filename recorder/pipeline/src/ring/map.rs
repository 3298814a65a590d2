//! The mappings of a ring file: header page, data, data again.

use super::process::Process;
use moviola_format::ring as layout;
use std::ffi::{CString, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::SystemTime;

/// The three mappings of a ring file: header page, data, data again.
pub(super) struct Map {
    pub header: *mut u8,
    pub header_len: usize,
    pub data: *mut u8,
    pub cap: usize,
    /// Device and inode of the file.
    pub file: (libc::dev_t, libc::ino_t),
}

pub(super) fn last_error<T>() -> io::Result<T> {
    Err(io::Error::last_os_error())
}

fn page_size() -> usize {
    // SAFETY: sysconf has no preconditions.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096).max(4096)
}

/// A descriptor that is closed on drop.
pub(super) struct Fd(pub i32);

impl Fd {
    pub fn open(path: &Path, flags: i32) -> io::Result<Self> {
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

    /// Makes a ring file.
    pub fn create(path: &Path, cap: u64, identity: [u8; 16], writer: Process) -> io::Result<Self> {
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
        let made = Self::fill(&fd, page, cap as usize, identity, writer);
        if made.is_err() {
            let _ = std::fs::remove_file(path);
        }
        made
    }

    fn fill(
        fd: &Fd,
        page: usize,
        cap: usize,
        identity: [u8; 16],
        writer: Process,
    ) -> io::Result<Self> {
        let size = (page + cap) as i64;
        // SAFETY: plain calls on our own descriptor.
        let failed = unsafe {
            // Whatever umask the program has set: the writer may be another process.
            libc::fchmod(fd.0, 0o600) != 0
                || libc::ftruncate(fd.0, size) != 0
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
        map.word64(layout::OFF_WRITER_START).store(writer.start, Ordering::Relaxed);
        map.word32(layout::OFF_WRITER_PID).store(writer.pid, Ordering::Release);
        fence(Ordering::SeqCst);
        // SAFETY: as above.
        unsafe {
            ptr::copy_nonoverlapping(layout::MAGIC.as_ptr(), map.header, 8);
        }
        Ok(map)
    }

    /// Keeps the mappings out of fork children.
    pub fn dont_fork(&self) {
        // SAFETY: both ranges are mapped and ours. A failure leaves them inherited, which
        // `disown` makes harmless.
        unsafe {
            libc::madvise(self.header.cast(), self.header_len, libc::MADV_DONTFORK);
            libc::madvise(self.data.cast(), self.cap * 2, libc::MADV_DONTFORK);
        }
    }

    #[inline]
    pub fn word64(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: the header is mapped for as long as `self` lives; offsets are aligned
        // constants inside it.
        unsafe { &*self.header.add(offset).cast::<AtomicU64>() }
    }

    #[inline]
    pub fn word32(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: as in `word64`.
        unsafe { &*self.header.add(offset).cast::<AtomicU32>() }
    }

    /// Reads and checks the fixed fields of a header.
    pub fn open(path: &Path) -> io::Result<Self> {
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
