//! Changes of sets: the element if it can be compared by what is recorded of it, else the set.
#![allow(unsafe_code)]

use super::dict::simple_key;
use super::emit;
use super::wrap::Call;
use crate::cpython::objects::{self as obj, Obj, rd};
use crate::rec::{Recorder, recorder};
use crate::values::{capture, prepare};
use moviola_format::event::{Sink, op};
use pyo3_ffi as ffi;

unsafe fn used(set: Obj) -> isize {
    // SAFETY: a hook's set is alive.
    unsafe { rd(set, 24) }
}

unsafe fn one(rec: *mut Recorder, code: u8, id: u64, element: Obj) {
    // SAFETY: the hook's element is alive.
    unsafe {
        let value = prepare(rec, element);
        let out = (*rec).out.begin();
        out.u8(code);
        out.uv(id);
        value.write(out);
        out.commit();
    }
}

/// Whether an element of the program's own kind has the hash of this simple one.
unsafe fn has_odd_twin(set: Obj, element: Obj) -> bool {
    const NEIGHBOURS: usize = 9;
    // SAFETY: the caller holds both; the probing is `set_lookkey`'s, an entry is key and hash, and
    // the key of a removed one is a placeholder with the hash -1, which no element has.
    unsafe {
        let Some(hash) = (*ffi::Py_TYPE(element)).tp_hash else { return true };
        let hash = hash(element);
        let mask = rd::<isize>(set, 32) as usize;
        let table: *const [usize; 2] = rd(set, 40);
        let mut perturb = hash as usize;
        let mut at = perturb & mask;
        loop {
            let last = if at + NEIGHBOURS <= mask { at + NEIGHBOURS } else { at };
            for place in at..=last {
                let [known, its] = table.add(place).read();
                let (known, its) = (known as Obj, its as isize);
                if known.is_null() {
                    return false;
                }
                if its == hash && known != element && !simple_key(known) {
                    return true;
                }
            }
            perturb >>= 5;
            at = at.wrapping_mul(5).wrapping_add(1 + perturb) & mask;
        }
    }
}

/// `set.add(x)`.
pub unsafe fn add(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        if (*rec).heap.known(this).is_none() {
            if !simple_key(call.object(1)) {
                return super::unseen(rec, call, this);
            }
            return call.run();
        }
        let before = used(this);
        let result = call.run();
        let rec = recorder();
        if !rec.is_null()
            && used(this) == before + 1
            && let Some(entry) = (*rec).heap.known(this)
        {
            (*rec).enter();
            one(rec, op::SEQ_APPEND, entry.id(), call.object(1));
        } else if !rec.is_null() && used(this) != before {
            (*rec).enter();
            capture::replace(rec, this);
        }
        result
    }
}

/// `set.remove(x)` and `set.discard(x)`.
pub unsafe fn remove(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        if (*rec).heap.known(this).is_none() {
            if !simple_key(call.object(1)) {
                return super::unseen(rec, call, this);
            }
            return call.run();
        }
        let before = used(this);
        let simple = simple_key(call.object(1)) && !has_odd_twin(this, call.object(1));
        let result = call.run();
        let rec = recorder();
        if !rec.is_null()
            && used(this) != before
            && let Some(entry) = (*rec).heap.known(this)
        {
            (*rec).enter();
            if used(this) + 1 == before && simple {
                one(rec, op::SEQ_REMOVE, entry.id(), call.object(1));
            } else {
                capture::replace(rec, this);
            }
        }
        result
    }
}

/// `set.pop()`.
pub unsafe fn pop(_: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        let result = call.run();
        let rec = recorder();
        if !rec.is_null()
            && result != 0
            && let Some(entry) = (*rec).heap.known(this)
        {
            (*rec).enter();
            one(rec, op::SEQ_REMOVE, entry.id(), result as Obj);
        }
        result
    }
}

/// `set.clear()`.
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

/// `set.update(xs)` and `set |= xs`: what is new is told if the elements are simple.
pub unsafe fn update(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        let Some(entry) = (*rec).heap.known(this) else {
            return super::unseen(rec, call, this);
        };
        let before = used(this);
        let mut source = call.object(1);
        // The method's arguments come as a tuple; `|=` of a tuple does not exist.
        if !source.is_null() && ffi::Py_TYPE(source) == &raw mut ffi::PyTuple_Type {
            source = match obj::tuple_items(source) {
                [only] => *only,
                _ => std::ptr::null_mut(),
            };
        }
        let set = &raw mut ffi::PySet_Type;
        let frozen = &raw mut ffi::PyFrozenSet_Type;
        let mut fresh = Vec::new();
        let typ = if source.is_null() { std::ptr::null_mut() } else { ffi::Py_TYPE(source) };
        if before > 64 && (typ == set || typ == frozen) && source != this {
            let elements = crate::values::types::set_items(source);
            let all = crate::values::types::set_items(this);
            if elements.len() * 8 < all.len()
                && elements.iter().chain(&all).all(|element| simple_key(*element))
            {
                // All keys are of built-in types: looking them up runs no program code.
                fresh = elements;
                fresh.retain(|element| ffi::PySet_Contains(this, *element) == 0);
            }
        }
        let count = fresh.len() as isize;
        if count > 0 {
            (*rec).enter();
            for element in &fresh {
                one(rec, op::SEQ_APPEND, entry.id(), *element);
            }
            let result = call.run();
            let rec = recorder();
            if !rec.is_null() && used(this) != before + count {
                (*rec).enter();
                capture::replace(rec, this);
            }
            return result;
        }
        super::reread(rec, call)
    }
}
