//! Deques: their blocks of 64, and their changes.
#![allow(unsafe_code)]

use super::emit;
use super::wrap::Call;
use crate::cpython::objects::{self as obj, Obj, rd};
use crate::rec::Recorder;
use crate::values::prepare;
use moviola_format::event::{Sink, op};

/// Offset of `maxlen` (negative: none).
pub const MAXLEN: isize = 64;
const BLOCK: isize = 64;

/// The elements from left to right.
///
/// # Safety
/// `deque` must be alive.
pub unsafe fn items(deque: Obj) -> Vec<Obj> {
    // SAFETY: the caller's promise. A block is left link, 64 elements, right link.
    unsafe {
        let size: isize = rd(deque, obj::OB_SIZE);
        let mut block: *const Obj = rd(deque, 24);
        let mut at: isize = rd(deque, 40);
        let mut found = Vec::with_capacity(size.max(0) as usize);
        for _ in 0..size {
            found.push(*block.offset(1 + at));
            at += 1;
            if at == BLOCK {
                at = 0;
                block = (*block.offset(1 + BLOCK)).cast();
            }
        }
        found
    }
}

unsafe fn put(rec: *mut Recorder, call: &Call, left: bool) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        let Some(entry) = (*rec).heap.known(this) else { return call.run() };
        (*rec).enter();
        let (size, maxlen): (isize, isize) = (rd(this, obj::OB_SIZE), rd(this, MAXLEN));
        let id = entry.id();
        if maxlen == 0 {
            return call.run();
        }
        let value = prepare(rec, call.object(1));
        let out = (*rec).out.begin();
        out.u8(op::SEQ_SPLICE);
        out.uv(id);
        out.uv(if left { 0 } else { size as u64 });
        out.uv(0);
        out.uv(1);
        value.write(out);
        out.commit();
        if maxlen > 0 && size >= maxlen {
            drop_at(rec, id, if left { maxlen as u64 } else { 0 });
        }
        call.run()
    }
}

unsafe fn drop_at(rec: *mut Recorder, id: u64, at: u64) {
    // SAFETY: the recorder is alive.
    unsafe {
        let out = (*rec).out.begin();
        out.u8(op::SEQ_SPLICE);
        out.uv(id);
        out.uv(at);
        out.uv(1);
        out.uv(0);
        out.commit();
    }
}

/// `append`.
pub unsafe fn append(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: as for every hook.
    unsafe { put(rec, call, false) }
}

/// `appendleft`.
pub unsafe fn appendleft(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: as for every hook.
    unsafe { put(rec, call, true) }
}

unsafe fn take(rec: *mut Recorder, call: &Call, left: bool) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        let size: isize = rd(this, obj::OB_SIZE);
        if let Some(entry) = (*rec).heap.known(this)
            && size > 0
        {
            (*rec).enter();
            drop_at(rec, entry.id(), if left { 0 } else { size as u64 - 1 });
        }
        call.run()
    }
}

/// `pop`.
pub unsafe fn pop(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: as for every hook.
    unsafe { take(rec, call, false) }
}

/// `popleft`.
pub unsafe fn popleft(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: as for every hook.
    unsafe { take(rec, call, true) }
}

/// `clear`.
pub unsafe fn clear(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        if let Some(entry) = (*rec).heap.known(call.this()) {
            (*rec).enter();
            emit(rec, op::CLEAR, entry.id());
        }
        call.run()
    }
}

/// `sq_ass_item` with an index in range.
pub unsafe fn assign(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        let (at, size) = (call.args[1] as isize, rd::<isize>(this, obj::OB_SIZE));
        if let Some(entry) = (*rec).heap.known(this)
            && at >= 0
            && at < size
        {
            (*rec).enter();
            if call.args[2] == 0 {
                drop_at(rec, entry.id(), at as u64);
            } else {
                let value = prepare(rec, call.object(2));
                let out = (*rec).out.begin();
                out.u8(op::SEQ_SET);
                out.uv(entry.id());
                out.uv(at as u64);
                value.write(out);
                out.commit();
            }
        }
        call.run()
    }
}
