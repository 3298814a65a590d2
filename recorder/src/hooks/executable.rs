//! Which lines of a module can run: those of its code object and of all that lie in its constants,
//! also of functions that are never called. Told once a module, as a fact.
#![allow(unsafe_code)]

use crate::cpython::objects::{rd, tuple_items};
use crate::cpython::{Code, location, version as v};
use crate::rec::Recorder;
use pyo3_ffi as ffi;
use std::fmt::Write;

/// Offset of `ob_size` in a code object: its code units.
const CODE_UNITS: isize = 16;
/// Offset of `co_consts`.
const CODE_CONSTS: isize = 24;
/// Bytes of ranges that one fact holds.
const FACT_BYTES: usize = 30_000;

/// Appends the fact `lines`: the file's name, a newline, and ranges (`3-5,9`). Large modules have
/// several.
///
/// # Safety
/// `code` must be alive; needs the GIL.
pub unsafe fn tell(rec: &mut Recorder, code: Code, filename: &[u8]) {
    // SAFETY: promised by the caller.
    let lines = unsafe { lines_of(code) };
    let name = String::from_utf8_lossy(filename);
    let mut fact = format!("{name}\n");
    let start = fact.len();
    let mut rest = lines.as_slice();
    while let Some(first) = rest.first() {
        let run = rest.iter().zip(*first..).take_while(|(line, want)| **line == *want).count();
        let comma = if fact.len() == start { "" } else { "," };
        // Writing to a String does not fail.
        let _ = match run {
            1 => write!(fact, "{comma}{first}"),
            _ => write!(fact, "{comma}{first}-{}", rest[run - 1]),
        };
        rest = &rest[run..];
        if fact.len() - start > FACT_BYTES || rest.is_empty() {
            rec.meta("lines", &fact);
            fact.truncate(start);
        }
    }
}

/// The lines of the code objects in the constants of one.
///
/// # Safety
/// `code` must be alive; needs the GIL.
#[cfg(Py_3_12)]
pub unsafe fn inner_lines(code: Code) -> Vec<u32> {
    // SAFETY: promised by the caller; the constants are an exact tuple.
    unsafe {
        let constants = tuple_items(rd(code.0, CODE_CONSTS)).iter();
        let codes = constants.filter(|c| ffi::Py_TYPE(**c) == &raw mut ffi::PyCode_Type);
        codes.flat_map(|constant| lines_of(Code(*constant))).collect()
    }
}

/// The lines of a code object and of those in its constants, sorted.
unsafe fn lines_of(code: Code) -> Vec<u32> {
    let mut all = Vec::new();
    let mut todo = vec![code];
    while let Some(code) = todo.pop() {
        // SAFETY: the caller's code object keeps its constants alive; the table is exact bytes.
        unsafe {
            let units = rd::<isize>(code.0, CODE_UNITS).max(0) as usize;
            let table = code.bytes(v::CODE_LINETABLE);
            let lines = location::lines(table, code.int(v::CODE_FIRSTLINENO), units);
            all.extend(lines.iter().filter(|line| **line > 0).map(|line| line.unsigned_abs()));
            let constants = tuple_items(rd(code.0, CODE_CONSTS));
            let codes = constants.iter().filter(|c| ffi::Py_TYPE(**c) == &raw mut ffi::PyCode_Type);
            todo.extend(codes.map(|constant| Code(*constant)));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}
