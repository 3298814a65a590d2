//! C functions that build objects and run the program's code in the middle (`pickle.loads` with a
//! `__setstate__`): what becomes known while they run is half made, and goes on changing unseen.
//! It is looked at again before every event until they are done.
#![allow(unsafe_code)]

use super::signature;
use super::wrap::Call;
use crate::cpython::objects::Obj;
use crate::rec::{Recorder, recorder};
use crate::values::capture;

/// Objects in the making.
#[derive(Default)]
pub struct Building {
    /// How many such functions run.
    depth: u32,
    /// Containers that became known meanwhile: address, id, signature when last told.
    objects: Vec<(usize, u64, [usize; 3])>,
}

impl Building {
    /// Whether new containers are to be noted.
    #[inline]
    pub const fn is_on(&self) -> bool {
        self.depth > 0
    }
}

/// Such a function is called.
pub unsafe fn builds(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: as for every hook.
    unsafe {
        (*rec).heap.building.depth += 1;
        (*rec).heap.dirty = true;
        let result = call.run();
        let rec = recorder();
        if !rec.is_null() {
            look(rec);
            let building = &mut (*rec).heap.building;
            building.depth = building.depth.saturating_sub(1);
            if building.depth == 0 {
                building.objects.clear();
            }
        }
        result
    }
}

/// A container was captured.
///
/// # Safety
/// `object` must be alive and known by `id`.
pub unsafe fn note(rec: *mut Recorder, object: Obj, id: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        let now = signature(rec, object);
        (*rec).heap.building.objects.push((object as usize, id, now));
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
            let Some((address, id, told)) = objects.get(at).copied() else { break };
            let object = address as Obj;
            if (*rec).heap.known(object).is_none_or(|entry| entry.id() != id) {
                (*rec).heap.building.objects.swap_remove(at);
                continue;
            }
            let now = signature(rec, object);
            if now != told {
                let objects = &mut (*rec).heap.building.objects;
                objects[at].2 = now;
                capture::replace(rec, object);
            }
            at += 1;
        }
    }
}
