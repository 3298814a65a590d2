//! A code object's location and exception tables (`Objects/locations.md`,
//! `Objects/exception_handling_notes.txt` in CPython's sources; same format 3.11 to 3.13).

use std::ops::Range;

/// The line of each code unit; `NO_LINE` where there is none.
pub const NO_LINE: i32 = -1;

/// Decodes `co_linetable` into one line per code unit.
pub fn lines(table: &[u8], first_line: i32, units: usize) -> Vec<i32> {
    let mut lines = vec![NO_LINE; units];
    let mut line = first_line;
    let mut unit = 0;
    let mut at = 0;
    while at < table.len() && unit < units {
        let head = table[at];
        at += 1;
        let length = usize::from(head & 7) + 1;
        let kind = (head >> 3) & 15;
        let mut located = true;
        match kind {
            15 => located = false,
            13 | 14 => {
                let (delta, next) = signed(table, at);
                line = line.wrapping_add(delta);
                at = next;
                // Kind 14 has an end line and two columns, kind 13 none of them.
                for _ in 0..if kind == 14 { 3 } else { 0 } {
                    at = unsigned(table, at).1;
                }
            }
            10..=12 => {
                line = line.wrapping_add(i32::from(kind) - 10);
                at += 2;
            }
            _ => at += 1,
        }
        let end = (unit + length).min(units);
        if located {
            lines[unit..end].fill(line);
        }
        unit = end;
    }
    lines
}

fn unsigned(table: &[u8], mut at: usize) -> (u32, usize) {
    let mut value = 0;
    let mut shift = 0;
    while let Some(byte) = table.get(at) {
        at += 1;
        value |= u32::from(byte & 63).wrapping_shl(shift);
        shift += 6;
        if byte & 64 == 0 {
            break;
        }
    }
    (value, at)
}

fn signed(table: &[u8], at: usize) -> (i32, usize) {
    let (value, next) = unsigned(table, at);
    let magnitude = (value >> 1) as i32;
    (if value & 1 == 1 { -magnitude } else { magnitude }, next)
}

/// The handlers in `co_exceptiontable`: the code units that each is for, and where it
/// begins.
pub fn handlers(table: &[u8]) -> Vec<(Range<usize>, usize)> {
    let mut handlers = Vec::new();
    let mut at = 0;
    while at < table.len() {
        let mut entry = [0usize; 4];
        for field in &mut entry {
            let mut value = 0usize;
            while let Some(byte) = table.get(at) {
                at += 1;
                value = (value << 6) | usize::from(byte & 63);
                if byte & 64 == 0 {
                    break;
                }
            }
            *field = value;
        }
        handlers.push((entry[0]..entry[0] + entry[1], entry[2]));
    }
    handlers
}
