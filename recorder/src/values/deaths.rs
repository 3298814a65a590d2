//! Deaths of known objects, and allocations: hooks in the interpreter's allocators, and in the
//! deallocators of types with free lists, whose memory never reaches an allocator.
#![allow(unsafe_code)]

use super::capture;
use super::heap::{DICT_OF, REFERENT, SILENT, TYPED, WATCH_ONLY};
use super::watch::{dict, refs};
use crate::cpython::objects::{Obj, Typ};
use crate::guard::{call_original, guarded};
use crate::rec::{Recorder, recorder};
use moviola_format::event::{Sink, op};
use pyo3_ffi as ffi;
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Brings the stream to the calling thread and nothing else: an allocator may be called while
/// an object is half changed, so nothing may be read again here.
#[inline]
unsafe fn quiet(rec: *mut Recorder) {
    // SAFETY: called under the GIL with a live recorder.
    unsafe {
        if (*rec).threads.is_switched() {
            crate::hooks::threads::switch(&mut *rec);
        }
    }
}

/// The object at `address`, if it is known, is gone.
#[inline]
unsafe fn gone(rec: *mut Recorder, address: usize) {
    // SAFETY: called under the GIL with a live recorder.
    unsafe {
        if let Some(entry) = (*rec).heap.remove(address) {
            guarded((), || {
                quiet(rec);
                buried(rec, address, entry);
            });
        }
    }
}

unsafe fn buried(rec: *mut Recorder, address: usize, entry: super::heap::Entry) {
    // SAFETY: as in `gone`.
    unsafe {
        if entry.has(REFERENT) {
            refs::died(rec, address);
        }
        if entry.has(TYPED) {
            (*rec).heap.forget_type(address);
        }
        if entry.has(super::heap::LINKED) {
            super::watch::own::gone(rec, address);
        }
        if entry.has(WATCH_ONLY) {
            return;
        }
        if entry.has(super::heap::LINKED | DICT_OF) {
            let orphan = (*rec).heap.unlink(address);
            if let Some(dict) = orphan {
                outlived(rec, dict as Obj);
            }
        }
        if !entry.has(SILENT) {
            let out = (*rec).out.begin();
            out.u8(op::DEATH);
            out.uv(entry.id());
            out.commit();
        }
    }
}

/// The `__dict__` of an object that is gone: from now on it is a dict like any other.
unsafe fn outlived(rec: *mut Recorder, object: Obj) {
    // SAFETY: as in `gone`; a dict that is still in the table is alive.
    unsafe {
        let Some(entry) = (*rec).heap.find(object as usize) else { return };
        (*rec).heap.set_flag(object as usize, DICT_OF, false);
        if entry.has(SILENT) {
            (*rec).heap.remove(object as usize);
        } else {
            dict::watch(object);
            capture::replace(rec, object);
        }
    }
}

/// A block of memory is given back: what lay in it is gone.
#[inline]
unsafe fn freed(rec: *mut Recorder, block: usize) {
    // SAFETY: called under the GIL with a live recorder.
    unsafe {
        if (*rec).heap.may_hold(block) {
            freed_maybe(rec, block);
        }
    }
}

#[inline(never)]
unsafe fn freed_maybe(rec: *mut Recorder, block: usize) {
    // SAFETY: as in `freed`.
    unsafe {
        for pre in [0, 16, 32] {
            if let Some(entry) = (*rec).heap.find(block + pre)
                && entry.pre() == pre
            {
                gone(rec, block + pre);
                return;
            }
        }
    }
}

const RAW: u8 = 0;
const MEM: u8 = 1;
const OBJ: u8 = 2;

struct Originals(UnsafeCell<[Option<ffi::PyMemAllocatorEx>; 3]>);
// SAFETY: written once, under the GIL, before any hook can read it.
unsafe impl Sync for Originals {}
static ORIGINALS: Originals = Originals(UnsafeCell::new([None; 3]));
static RECORD: AtomicBool = AtomicBool::new(false);
/// Raw-domain calls of threads that did not hold the GIL: they are not in the stream.
static UNSEEN: AtomicU64 = AtomicU64::new(0);

/// Whether allocations themselves are appended.
pub fn record_allocations(on: bool) {
    RECORD.store(on, Ordering::Relaxed);
}

/// Stops appending allocations and says whether they were appended.
pub fn pause_allocations() -> bool {
    RECORD.swap(false, Ordering::Relaxed)
}

/// A new stream begins.
pub fn restart_allocations() {
    UNSEEN.store(0, Ordering::Relaxed);
}

/// How many raw-domain calls came without the GIL and are left out.
#[must_use]
pub fn unseen_allocations() -> u64 {
    UNSEEN.load(Ordering::Relaxed)
}

/// The original of a domain's allocator.
#[inline]
unsafe fn original<const DOMAIN: u8>() -> &'static ffi::PyMemAllocatorEx {
    // SAFETY: hooks run only after `install` has filled the table.
    unsafe {
        let table = &*ORIGINALS.0.get();
        table[DOMAIN as usize].as_ref().unwrap_unchecked()
    }
}

/// The recorder, if this call may append: in the raw domain the GIL need not be held.
#[inline]
fn usable<const DOMAIN: u8>() -> *mut Recorder {
    if DOMAIN == RAW {
        if !RECORD.load(Ordering::Relaxed) {
            return std::ptr::null_mut();
        }
        if !holds_gil() {
            UNSEEN.fetch_add(1, Ordering::Relaxed);
            return std::ptr::null_mut();
        }
    }
    recorder()
}

/// Whether the calling thread holds the GIL. Since 3.12 the current thread state is the
/// thread's own; before, it is the process's and has to be this thread's.
fn holds_gil() -> bool {
    let current = crate::cpython::thread_state();
    if cfg!(Py_3_12) {
        return !current.is_null();
    }
    // SAFETY: may be called at any time; null for a thread without state.
    let own = unsafe { ffi::PyGILState_GetThisThreadState() };
    !current.is_null() && own == current
}

#[inline]
unsafe fn note_alloc<const DOMAIN: u8>(block: *mut c_void, size: usize) {
    if !RECORD.load(Ordering::Relaxed) || block.is_null() {
        return;
    }
    let rec = usable::<DOMAIN>();
    if rec.is_null() {
        return;
    }
    // SAFETY: `usable` has made sure of the GIL.
    unsafe {
        quiet(rec);
        let out = (*rec).out.begin();
        out.u8(op::ALLOC);
        out.uv(size as u64);
        out.block(DOMAIN, block as u64);
        out.commit();
    }
}

extern "C" fn malloc<const DOMAIN: u8>(context: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the interpreter calls its allocator; the original takes the same arguments.
    unsafe {
        let Some(original) = original::<DOMAIN>().malloc else { return std::ptr::null_mut() };
        let block = original(context, size);
        note_alloc::<DOMAIN>(block, size);
        block
    }
}

extern "C" fn calloc<const DOMAIN: u8>(
    context: *mut c_void,
    count: usize,
    size: usize,
) -> *mut c_void {
    // SAFETY: as in `malloc`.
    unsafe {
        let Some(original) = original::<DOMAIN>().calloc else { return std::ptr::null_mut() };
        let block = original(context, count, size);
        note_alloc::<DOMAIN>(block, count.wrapping_mul(size));
        block
    }
}

extern "C" fn realloc<const DOMAIN: u8>(
    context: *mut c_void,
    old: *mut c_void,
    size: usize,
) -> *mut c_void {
    // SAFETY: as in `malloc`. A known object whose block is reallocated is a str that grows or
    // a tuple that is resized: in either case what it was is gone.
    unsafe {
        let Some(original) = original::<DOMAIN>().realloc else { return std::ptr::null_mut() };
        let rec = if old.is_null() { std::ptr::null_mut() } else { usable::<DOMAIN>() };
        let block = original(context, old, size);
        if block.is_null() {
            return block;
        }
        if !rec.is_null() && DOMAIN == OBJ {
            freed(rec, old as usize);
        }
        if old.is_null() {
            note_alloc::<DOMAIN>(block, size);
        } else if RECORD.load(Ordering::Relaxed) && !rec.is_null() {
            quiet(rec);
            let out = (*rec).out.begin();
            out.u8(op::REALLOC);
            out.uv(size as u64);
            out.block(DOMAIN, old as u64);
            out.block(DOMAIN, block as u64);
            out.commit();
        }
        block
    }
}

extern "C" fn free<const DOMAIN: u8>(context: *mut c_void, block: *mut c_void) {
    // SAFETY: as in `malloc`; the block is looked up before it can be given out again.
    unsafe {
        let Some(original) = original::<DOMAIN>().free else { return };
        if !block.is_null() {
            let rec = usable::<DOMAIN>();
            if !rec.is_null() {
                if DOMAIN == OBJ {
                    freed(rec, block as usize);
                }
                if RECORD.load(Ordering::Relaxed) {
                    quiet(rec);
                    let out = (*rec).out.begin();
                    out.u8(op::FREE);
                    out.block(DOMAIN, block as u64);
                    out.commit();
                }
            }
        }
        original(context, block);
    }
}

unsafe fn hook<const DOMAIN: u8>(domain: ffi::PyMemAllocatorDomain) {
    // SAFETY: `install`'s caller holds the GIL; the original is stored before the hook is set.
    unsafe {
        let mut found = std::mem::MaybeUninit::<ffi::PyMemAllocatorEx>::zeroed();
        ffi::PyMem_GetAllocator(domain, found.as_mut_ptr());
        let mut new = found.assume_init();
        (&mut *ORIGINALS.0.get())[DOMAIN as usize] = Some(new);
        new.malloc = Some(malloc::<DOMAIN>);
        new.calloc = Some(calloc::<DOMAIN>);
        new.realloc = Some(realloc::<DOMAIN>);
        new.free = Some(free::<DOMAIN>);
        ffi::PyMem_SetAllocator(domain, &raw mut new);
    }
}

static DEALLOCS: [AtomicUsize; 5] = [const { AtomicUsize::new(0) }; 5];

type Dealloc = unsafe extern "C" fn(Obj);

/// Stands for the deallocator of a type with a free list. With `TRASH` it keeps the guard
/// against deep recursion, which the original leaves to whoever has its place in the type.
unsafe extern "C" fn dealloc<const TYPE: usize, const TRASH: bool>(object: Obj) {
    // SAFETY: called by the interpreter in place of the original, under the GIL.
    unsafe {
        let original =
            std::mem::transmute::<usize, Dealloc>(DEALLOCS[TYPE].load(Ordering::Relaxed));
        let rec = recorder();
        if !rec.is_null() {
            gone(rec, object as usize);
        }
        let typ = ffi::Py_TYPE(object);
        let own = (*typ).tp_dealloc.map_or(0, |f| f as usize);
        if !TRASH || own != dealloc::<TYPE, TRASH> as *const () as usize {
            call_original!(original, (object), fn(Obj) -> ());
            return;
        }
        ffi::PyObject_GC_UnTrack(object.cast());
        trashcan(object, original);
    }
}

#[cfg(Py_3_13)]
unsafe fn trashcan(object: Obj, original: Dealloc) {
    const HEADROOM: i32 = 50;
    const REMAINING: usize = 52;
    const DELETE_LATER: usize = 168;
    unsafe extern "C" {
        fn _PyTrash_thread_deposit_object(tstate: *mut ffi::PyThreadState, object: Obj);
        fn _PyTrash_thread_destroy_chain(tstate: *mut ffi::PyThreadState);
    }
    // SAFETY: what Py_TRASHCAN_BEGIN and _END do, with the fields where 3.13 has them.
    unsafe {
        let tstate = crate::cpython::thread_state();
        let remaining = tstate.cast::<u8>().add(REMAINING).cast::<i32>();
        if *remaining <= HEADROOM {
            _PyTrash_thread_deposit_object(tstate, object);
            return;
        }
        *remaining -= 1;
        call_original!(original, (object), fn(Obj) -> ());
        *remaining += 1;
        let later = *tstate.cast::<u8>().add(DELETE_LATER).cast::<Obj>();
        if !later.is_null() && *remaining > HEADROOM * 2 {
            _PyTrash_thread_destroy_chain(tstate);
        }
    }
}

#[cfg(not(Py_3_13))]
unsafe fn trashcan(object: Obj, original: Dealloc) {
    unsafe extern "C" {
        fn _PyTrash_begin(tstate: *mut ffi::PyThreadState, object: Obj) -> i32;
        fn _PyTrash_end(tstate: *mut ffi::PyThreadState);
    }
    // SAFETY: what Py_TRASHCAN_BEGIN and _END do.
    unsafe {
        let tstate = crate::cpython::thread_state();
        if _PyTrash_begin(tstate, object) != 0 {
            return;
        }
        call_original!(original, (object), fn(Obj) -> ());
        _PyTrash_end(tstate);
    }
}

unsafe fn wrap<const TYPE: usize, const TRASH: bool>(typ: Typ) {
    // SAFETY: `install`'s caller holds the GIL; a static type's slot may be written.
    unsafe {
        let old = (*typ).tp_dealloc.map_or(0, |f| f as usize);
        if old == 0 || DEALLOCS[TYPE].load(Ordering::Relaxed) != 0 {
            return;
        }
        DEALLOCS[TYPE].store(old, Ordering::Relaxed);
        (*typ).tp_dealloc = Some(dealloc::<TYPE, TRASH>);
    }
}

/// Puts the hooks in place.
///
/// # Safety
/// The GIL must be held.
pub unsafe fn install() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.swap(true, Ordering::Relaxed) {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe {
        wrap::<0, true>(&raw mut ffi::PyList_Type);
        wrap::<1, true>(&raw mut ffi::PyDict_Type);
        wrap::<2, true>(&raw mut ffi::PyTuple_Type);
        wrap::<3, false>(&raw mut ffi::PySlice_Type);
        wrap::<4, false>(&raw mut ffi::PyContext_Type);
        hook::<RAW>(ffi::PyMemAllocatorDomain::PYMEM_DOMAIN_RAW);
        hook::<MEM>(ffi::PyMemAllocatorDomain::PYMEM_DOMAIN_MEM);
        hook::<OBJ>(ffi::PyMemAllocatorDomain::PYMEM_DOMAIN_OBJ);
    }
}
