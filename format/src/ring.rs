//! Layout of the ring file, and reading one that was left behind.
//!
//! The pipeline maps a ring while it is in use; this module only reads a file at rest (or a
//! snapshot of one in use) with plain reads, trusts no field of it, and never writes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// First eight bytes of a ring file.
pub const MAGIC: [u8; 8] = *b"MOVIRING";
/// The only version so far.
pub const VERSION: u32 = 1;
/// Largest capacity that a reader accepts.
pub const CAP_MAX: u64 = 1 << 30;
/// Default capacity.
pub const CAP_DEFAULT: u64 = 16 << 20;
/// No single event is longer, so that an event never outgrows the ring.
pub const EVENT_MAX: usize = 60 * 1024;

/// `[u8; 8]`: [`MAGIC`].
pub const OFF_MAGIC: usize = 0;
/// `u32`: [`VERSION`].
pub const OFF_VERSION: usize = 8;
/// `u32`: file offset of the data, a page boundary of the recording machine.
pub const OFF_DATA: usize = 12;
/// `u64`: bytes of data, a power of two.
pub const OFF_CAP: usize = 16;
/// `u64`: wall clock at creation, nanoseconds since 1970.
pub const OFF_CLOCK: usize = 24;
/// `u32`: process id of the producer, 0 before it attached.
pub const OFF_PRODUCER_PID: usize = 32;
/// `u32`: process id of the writer.
pub const OFF_WRITER_PID: usize = 36;
/// `u64`: start time of the writer in clock ticks since boot, against reuse of its pid (0: unknown).
pub const OFF_WRITER_START: usize = 40;
/// `[u8; 16]`: identity of the recording; the trace's header has the same.
pub const OFF_IDENTITY: usize = 48;
/// `u64`: start time of the producer, as [`OFF_WRITER_START`].
pub const OFF_PRODUCER_START: usize = 64;
/// `u64`: bytes of the stream that the producer has committed. Alone in its cache line.
pub const OFF_HEAD: usize = 128;
/// `u64`: bytes of the stream that are safe in the trace file. Alone with the writer's words.
pub const OFF_TAIL: usize = 256;
/// `u32`: futex word, counts advances of the tail that somebody waited for.
pub const OFF_SEQ: usize = 264;
/// `u32`: the writer will not read any more (1: it ended; 2: the producer found it dead).
pub const OFF_WRITER_GONE: usize = 268;
/// `u32`: the producer waits for the tail to advance.
pub const OFF_WAITING: usize = 384;
/// `u32`: the producer ended cleanly.
pub const OFF_CLOSED: usize = 388;
/// `u32`: the producer met a full ring without a writer; events were lost after the head.
pub const OFF_LOST: usize = 392;
/// `u64`: stream offset of the first spilled byte. With [`OFF_SPILL_END`], set by a producer that
/// found the writer dead: what the ring could not hold any more lies behind its data.
pub const OFF_SPILL_START: usize = 400;
/// `u64`: stream offset behind the last spilled byte; 0: nothing was spilled. At most the tail.
pub const OFF_SPILL_END: usize = 408;
/// Bytes of the header that have a meaning.
pub const HEADER_LEN: usize = 512;

/// The ring's path for a trace's path: `.ring` appended.
#[must_use]
pub fn path_beside(trace: &Path) -> PathBuf {
    let mut name = trace.as_os_str().to_owned();
    name.push(".ring");
    PathBuf::from(name)
}

/// Most that a producer spills.
pub const SPILL_MAX: u64 = 1 << 30;

/// The unwritten end of a recording, read from a ring file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftover {
    /// Identity of the recording.
    pub identity: [u8; 16],
    /// Stream offset of the first byte in `bytes`.
    pub start: u64,
    /// Whole events.
    pub bytes: Vec<u8>,
    /// The producer ended cleanly.
    pub closed: bool,
    /// The producer lost events after these bytes.
    pub lost: bool,
    /// Process id of the producer.
    pub producer_pid: u32,
    /// Process id of the writer.
    pub writer_pid: u32,
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a usable ring file: {what}"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Reads what a ring file holds beyond its tail.
///
/// The ring may be in use: bytes that the producer overwrites while they are read lie before
/// the tail as it is afterwards, and are left out.
///
/// # Errors
/// If the file cannot be read or is not a ring.
pub fn read_leftover(path: &Path) -> io::Result<Leftover> {
    let file = File::open(path)?;
    let mut header = [0; HEADER_LEN];
    file.read_exact_at(&mut header, 0)?;
    if header[..8] != MAGIC {
        return Err(invalid("wrong magic"));
    }
    if u32_at(&header, OFF_VERSION) != VERSION {
        return Err(invalid("unknown version"));
    }
    let cap = u64_at(&header, OFF_CAP);
    if !cap.is_power_of_two() || cap > CAP_MAX {
        return Err(invalid("impossible capacity"));
    }
    let data = u64::from(u32_at(&header, OFF_DATA));
    let head = u64_at(&header, OFF_HEAD);
    let tail = u64_at(&header, OFF_TAIL);
    let size = file.metadata()?.len();
    if data < HEADER_LEN as u64 || data.checked_add(cap).is_none_or(|end| end > size) {
        return Err(invalid("shorter than its capacity"));
    }
    let spill_start = u64_at(&header, OFF_SPILL_START);
    let spill_end = u64_at(&header, OFF_SPILL_END);
    let spilled = match spill_end {
        0 => 0,
        end => end
            .checked_sub(spill_start)
            .filter(|spilled| *spilled <= SPILL_MAX && size - data - cap >= *spilled)
            .ok_or_else(|| invalid("spilled events that do not fit"))?,
    };
    // Between the two the producer may have been killed: then they are in the ring still.
    let tail = if spilled > 0 { spill_end } else { tail };
    let count = head.checked_sub(tail).filter(|count| *count <= cap);
    let Some(count) = count else { return Err(invalid("head and tail do not fit")) };
    let (spilled, count) = (spilled as usize, count as usize);
    let mut bytes = vec![0; spilled + count];
    file.read_exact_at(&mut bytes[..spilled], data + cap)?;
    let at = tail & (cap - 1);
    let first = spilled + count.min((cap - at) as usize);
    file.read_exact_at(&mut bytes[spilled..first], data + at)?;
    file.read_exact_at(&mut bytes[first..], data)?;
    let mut moved = 0;
    if spilled == 0 {
        let mut again = [0; 8];
        file.read_exact_at(&mut again, OFF_TAIL as u64)?;
        moved = u64::from_le_bytes(again).saturating_sub(tail).min(count as u64);
        bytes.drain(..moved as usize);
    }
    let mut identity = [0; 16];
    identity.copy_from_slice(&header[OFF_IDENTITY..OFF_IDENTITY + 16]);
    Ok(Leftover {
        identity,
        start: if spilled > 0 { spill_start } else { tail + moved },
        bytes,
        closed: u32_at(&header, OFF_CLOSED) != 0,
        lost: u32_at(&header, OFF_LOST) != 0,
        producer_pid: u32_at(&header, OFF_PRODUCER_PID),
        writer_pid: u32_at(&header, OFF_WRITER_PID),
    })
}
