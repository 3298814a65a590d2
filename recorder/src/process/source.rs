//! The text of the source files whose code runs, as it is on disk when the code is first seen.
//!
//! Read with plain system calls: no audit event, no import machinery, no descriptor left.
#![allow(unsafe_code)]

use super::wrap::Gil;
use crate::rec::Recorder;
use moviola_format::event::{Sink, op};
use rustc_hash::FxHashSet;
use std::ffi::CString;

/// Larger files are no source that people wrote; a gap says so.
const FILE_MAX: i64 = 8 << 20;
/// Bytes of text in one event.
const PIECE: usize = 32 * 1024;
/// Paths are cut at this length by the system too.
const PATH_MAX: usize = 4096;

struct Sources {
    seen: FxHashSet<Vec<u8>>,
    /// Against which relative file names are meant.
    cwd: Vec<u8>,
}

static SOURCES: Gil<*mut Sources> = Gil::new(std::ptr::null_mut());

/// Notes the directory that the program starts in.
pub fn begin(cwd: &[u8]) {
    let old = SOURCES.get();
    if !old.is_null() {
        // SAFETY: made below, and used by nobody while a stream begins.
        drop(unsafe { Box::from_raw(old) });
    }
    let sources = Sources { seen: FxHashSet::default(), cwd: cwd.to_vec() };
    SOURCES.set(Box::into_raw(Box::new(sources)));
}

/// A code object with this file name (UTF-8, surrogates as three bytes) was defined: appends
/// the file's text, once a name.
pub fn offer(rec: &mut Recorder, filename: &[u8]) {
    let sources = SOURCES.get();
    // Names in angle brackets are made up, by the interpreter or by programs that follow it.
    if sources.is_null() || filename.is_empty() || filename[0] == b'<' {
        return;
    }
    // SAFETY: freed only when a new stream begins, and used under the GIL in this function alone.
    let sources = unsafe { &mut *sources };
    if sources.seen.contains(filename) {
        return;
    }
    sources.seen.insert(filename.to_vec());
    let mut path = raw_name(filename);
    if !path.starts_with(b"/") {
        path = [&sources.cwd[..], b"/", &path[..]].concat();
    }
    if path.len() > PATH_MAX {
        return;
    }
    let Ok(path) = CString::new(path) else { return };
    // The program's C code may look at errno after what it called.
    // SAFETY: errno is the calling thread's own.
    let errno = unsafe { *libc::__errno_location() };
    match read(&path) {
        Read::Text(text) => append(rec, filename, &text),
        Read::TooLong => rec.gap("the text of a source file over 8 MiB"),
        Read::Nothing => {}
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

fn append(rec: &mut Recorder, filename: &[u8], text: &[u8]) {
    let filename = &filename[..filename.len().min(PATH_MAX)];
    let empty: [&[u8]; 1] = [&[]];
    let pieces = text.chunks(PIECE);
    for (part, piece) in pieces.chain(empty.into_iter().filter(|_| text.is_empty())).enumerate() {
        let out = rec.out.begin();
        out.u8(op::SOURCE);
        out.bytes(filename);
        out.uv(part as u64);
        out.bytes(piece);
        out.commit();
    }
}

enum Read {
    Text(Vec<u8>),
    TooLong,
    Nothing,
}

/// Undoes `surrogateescape`: U+DC80..U+DCFF stand for the bytes 0x80..0xff of the real name.
pub fn raw_name(name: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(name.len());
    let mut at = 0;
    while at < name.len() {
        match name[at..] {
            [0xed, high @ (0xb2 | 0xb3), low @ 0x80..=0xbf, ..] => {
                raw.push(((high & 1) << 6) | (low & 0x3f) | 0x80);
                at += 3;
            }
            _ => {
                raw.push(name[at]);
                at += 1;
            }
        }
    }
    raw
}

fn read(path: &CString) -> Read {
    let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
    // SAFETY: plain system calls on our own descriptor and buffer.
    unsafe {
        let fd = libc::open(path.as_ptr(), flags);
        if fd < 0 {
            return Read::Nothing;
        }
        let text = read_all(fd);
        libc::close(fd);
        text
    }
}

unsafe fn read_all(fd: i32) -> Read {
    // SAFETY: `stat` is plain data; the buffer has the room that is given.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        if libc::fstat(fd, &raw mut stat) != 0 || stat.st_mode & libc::S_IFMT != libc::S_IFREG {
            return Read::Nothing;
        }
        if stat.st_size > FILE_MAX {
            return Read::TooLong;
        }
        let mut text = vec![0u8; stat.st_size.max(0) as usize];
        let mut used = 0;
        while used < text.len() {
            let got = libc::read(fd, text.as_mut_ptr().add(used).cast(), text.len() - used);
            match usize::try_from(got) {
                Ok(0) => break,
                Ok(count) => used += count,
                Err(_) if *libc::__errno_location() == libc::EINTR => {}
                Err(_) => return Read::Nothing,
            }
        }
        text.truncate(used);
        Read::Text(text)
    }
}
