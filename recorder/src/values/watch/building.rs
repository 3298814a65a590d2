//! C functions that build objects and run the program's code in the middle (`pickle.loads` with a
//! `__setstate__`): what becomes known while they run is half made, and goes on changing unseen.
//! It is looked at again before every event until they are done.
#![allow(unsafe_code)]

use super::wrap::Call;
use super::{foreign, signature, signature_of};
use crate::cpython::objects::Obj;
use crate::cpython::thread_state;
use crate::rec::{Recorder, recorder};
use crate::values::capture;
use std::collections::VecDeque;

/// So many objects are looked at again before every event. What the oldest of more hold is unknown
/// until the functions are done.
const OBJECTS_MAX: usize = 1000;

/// Objects in the making.
#[derive(Default)]
pub struct Building {
    /// The threads in such functions, by their states, as often as they are in one.
    threads: Vec<usize>,
    /// Containers that became known in one of these threads meanwhile.
    objects: VecDeque<Seen>,
    /// Those of them that are no longer looked at: address, id.
    late: Vec<(usize, u64)>,
}

struct Seen {
    address: usize,
    id: u64,
    /// The signature when it was last told.
    told: [usize; 3],
}

impl Building {
    /// Whether there is something to look at.
    #[inline]
    pub const fn is_on(&self) -> bool {
        !self.threads.is_empty()
    }

    fn is_mine(&self) -> bool {
        self.threads.contains(&(thread_state() as usize))
    }

    /// What is left of it in the child of a fork, which has one thread and knows no object yet.
    pub fn restart(mut self) -> Self {
        let this = thread_state() as usize;
        self.threads.retain(|thread| *thread == this);
        Self { threads: self.threads, ..Self::default() }
    }
}

/// Such a function is called.
pub unsafe fn builds(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: as for every hook.
    unsafe {
        (*rec).heap.building.threads.push(thread_state() as usize);
        (*rec).heap.dirty = true;
        let result = call.run();
        let rec = recorder();
        if !rec.is_null() {
            (*rec).enter();
            look(rec);
            leave(rec);
            (*rec).heap.dirty = (*rec).heap.has_work();
        }
        result
    }
}

/// The calling thread is out of such a function. After the last, what was let go is told again.
unsafe fn leave(rec: *mut Recorder) {
    let this = thread_state() as usize;
    // SAFETY: an object that is still known by its id is alive.
    unsafe {
        let building = &mut (*rec).heap.building;
        if let Some(at) = building.threads.iter().rposition(|thread| *thread == this) {
            building.threads.remove(at);
        }
        if !building.threads.is_empty() {
            return;
        }
        building.objects.clear();
        for (address, id) in std::mem::take(&mut building.late) {
            (*rec).heap.suspects.remove(&id);
            let object = address as Obj;
            if (*rec).heap.known(object).is_some_and(|entry| entry.id() == id) {
                capture::replace(rec, object);
            }
        }
    }
}

/// A container was captured while something is in the making.
///
/// # Safety
/// `object` must be alive and known by `id`.
pub unsafe fn note(rec: *mut Recorder, object: Obj, id: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        if !(*rec).heap.building.is_mine() {
            return;
        }
        let Some(told) = signature_of(rec, object) else { return };
        let seen = Seen { address: object as usize, id, told };
        (*rec).heap.building.objects.push_back(seen);
    }
}

/// Tells what has changed.
///
/// # Safety
/// The GIL must be held; no event may be under way.
pub unsafe fn look(rec: *mut Recorder) {
    // SAFETY: an object that is still known by its id is alive.
    unsafe {
        let mut at = 0;
        loop {
            let objects = &mut (*rec).heap.building.objects;
            let Some(Seen { address, id, told }) = objects.get(at) else { break };
            let (object, id, told) = (*address as Obj, *id, *told);
            if (*rec).heap.known(object).is_none_or(|entry| entry.id() != id) {
                (*rec).heap.building.objects.remove(at);
                continue;
            }
            let now = signature(rec, object);
            if now != told {
                let objects = &mut (*rec).heap.building.objects;
                objects[at].told = now;
                capture::replace(rec, object);
            }
            at += 1;
        }
        while (*rec).heap.building.objects.len() > OBJECTS_MAX {
            let Some(Seen { address, id, .. }) = (*rec).heap.building.objects.pop_front() else {
                break;
            };
            if foreign::suspect(rec, address, id) {
                (*rec).heap.building.late.push((address, id));
            }
        }
    }
}
