//! Changes of lists (and of instances of subclasses): told in full where the operands say what
//! will happen, else read again.
#![allow(unsafe_code)]

use super::wrap::Call;
use super::{certainly_equal, emit, slice_of};
use crate::cpython::objects::{self as obj, Obj};
use crate::rec::Recorder;
use crate::values::capture::{append_values, drain};
use crate::values::prepare;
use moviola_format::event::{Sink, op};
use pyo3_ffi as ffi;

unsafe fn length(list: Obj) -> isize {
    // SAFETY: a hook's list is alive.
    unsafe { obj::rd(list, obj::OB_SIZE) }
}

/// The index that an exact int means for a sequence of `length`, if it is in range.
unsafe fn index(key: Obj, length: isize) -> Option<u64> {
    // SAFETY: a hook's key is alive.
    unsafe {
        if ffi::Py_TYPE(key) != &raw mut ffi::PyLong_Type {
            return None;
        }
        let value = crate::values::scalars::int_value(key)?;
        let value = if value < 0 { value + length as i64 } else { value };
        (value >= 0 && value < length as i64).then_some(value as u64)
    }
}

/// Appends SEQ_SPLICE with few values.
unsafe fn splice(rec: *mut Recorder, id: u64, start: u64, deleted: u64, inserted: &[Obj]) {
    // SAFETY: the hook's objects are alive and no program code runs here.
    unsafe {
        let first = &inserted[..inserted.len().min(256)];
        for item in first {
            prepare(rec, *item);
        }
        let Recorder { out, heap, .. } = &mut *rec;
        let event = out.begin();
        event.u8(op::SEQ_SPLICE);
        event.uv(id);
        event.uv(start);
        event.uv(deleted);
        event.uv(first.len() as u64);
        for item in first {
            crate::values::scalars::scan(heap, *item).write(event);
        }
        event.commit();
        for (at, item) in inserted.iter().enumerate().skip(first.len()) {
            let value = prepare(rec, *item);
            let event = (*rec).out.begin();
            event.u8(op::SEQ_SPLICE);
            event.uv(id);
            event.uv(start + at as u64);
            event.uv(0);
            event.uv(1);
            value.write(event);
            event.commit();
        }
    }
}

/// `list.append(x)`.
pub unsafe fn append(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        if let Some(entry) = (*rec).heap.known(this) {
            (*rec).enter();
            let value = prepare(rec, call.object(1));
            let out = (*rec).out.begin();
            out.u8(op::SEQ_APPEND);
            out.uv(entry.id());
            value.write(out);
            out.commit();
        }
        super::told(rec, this, call)
    }
}

/// `list.insert(i, x)`.
pub unsafe fn insert(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        let Some(entry) = (*rec).heap.known(this) else { return call.run() };
        let &[at, value] = call.fast() else { return super::reread_list(rec, call) };
        if ffi::Py_TYPE(at) != &raw mut ffi::PyLong_Type {
            return super::reread_list(rec, call);
        }
        let Some(at) = crate::values::scalars::int_value(at) else {
            return super::reread_list(rec, call);
        };
        (*rec).enter();
        let length = length(this) as i64;
        let at = if at < 0 { (at + length).max(0) } else { at.min(length) };
        splice(rec, entry.id(), at as u64, 0, &[value]);
        super::told(rec, this, call)
    }
}

/// `list.pop([i])`.
pub unsafe fn pop(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        let Some(entry) = (*rec).heap.known(this) else { return call.run() };
        let length = length(this);
        let at = match *call.fast() {
            [] if length > 0 => Some(length as u64 - 1),
            [key] => index(key, length),
            _ => None,
        };
        match at {
            Some(at) => {
                (*rec).enter();
                splice(rec, entry.id(), at, 1, &[]);
                super::told(rec, this, call)
            }
            None => super::reread_list(rec, call),
        }
    }
}

/// `list.clear()`.
pub unsafe fn clear(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        if let Some(entry) = (*rec).heap.known(this) {
            (*rec).enter();
            emit(rec, op::CLEAR, entry.id());
        }
        super::told(rec, this, call)
    }
}

/// `list.remove(x)`: the place is found here if no `__eq__` of the program's can say otherwise.
pub unsafe fn remove(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        let Some(entry) = (*rec).heap.known(this) else {
            return super::unseen(rec, call, this);
        };
        let wanted = call.object(1);
        for (at, item) in obj::list_items(this).iter().enumerate() {
            if *item == wanted {
                (*rec).enter();
                splice(rec, entry.id(), at as u64, 1, &[]);
                return super::told(rec, this, call);
            }
            match certainly_equal(*item, wanted) {
                Some(true) => {
                    (*rec).enter();
                    splice(rec, entry.id(), at as u64, 1, &[]);
                    return super::told(rec, this, call);
                }
                Some(false) => {}
                None => return super::reread_list(rec, call),
            }
        }
        super::reread_list(rec, call)
    }
}

/// `list.extend(iterable)` and `list += iterable`.
pub unsafe fn extend(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        let Some(entry) = (*rec).heap.known(this) else {
            return super::unseen(rec, call, this);
        };
        (*rec).enter();
        let before = length(this);
        let source = call.object(1);
        let typ = ffi::Py_TYPE(source);
        let items = if typ == &raw mut ffi::PyList_Type {
            obj::list_items(source)
        } else if typ == &raw mut ffi::PyTuple_Type {
            obj::tuple_items(source)
        } else {
            return super::around(rec, call, this, super::Mode::Tail, false);
        };
        splice(rec, entry.id(), before as u64, 0, items);
        super::told(rec, this, call)
    }
}

/// Appends what a list has grown by.
pub unsafe fn tail(rec: *mut Recorder, list: Obj, id: u64, from: usize) {
    // SAFETY: the caller gives a live list; no program code runs here.
    unsafe {
        let Recorder { out, heap, .. } = &mut *rec;
        append_values(heap, out, id, obj::list_items(list), from);
        drain(rec);
    }
}

/// `sq_ass_item`: `list[i] = x` and `del list[i]` by C code.
pub unsafe fn assign_item(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        if let Some(entry) = (*rec).heap.known(this) {
            let at = call.args[1] as isize;
            if at >= 0 && at < length(this) {
                (*rec).enter();
                set_at(rec, entry.id(), at as u64, call.object(2));
            }
        }
        super::told(rec, this, call)
    }
}

unsafe fn set_at(rec: *mut Recorder, id: u64, at: u64, value: Obj) {
    // SAFETY: as in the callers.
    unsafe {
        if value.is_null() {
            splice(rec, id, at, 1, &[]);
            return;
        }
        let value = prepare(rec, value);
        let out = (*rec).out.begin();
        out.u8(op::SEQ_SET);
        out.uv(id);
        out.uv(at);
        value.write(out);
        out.commit();
    }
}

/// `mp_ass_subscript`: `list[key] = x` and `del list[key]`, key an index or a slice.
pub unsafe fn assign(rec: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call.
    unsafe {
        let this = call.this();
        let Some(entry) = (*rec).heap.known(this) else {
            // An iterator's code may run before the items are in place.
            let key = ffi::Py_TYPE(call.object(1));
            let simple = key == &raw mut ffi::PyLong_Type;
            return if simple { call.run() } else { super::unseen(rec, call, this) };
        };
        let (key, value) = (call.object(1), call.object(2));
        let length = length(this);
        if let Some(at) = index(key, length) {
            (*rec).enter();
            set_at(rec, entry.id(), at, value);
            return super::told(rec, this, call);
        }
        if ffi::Py_TYPE(key) == &raw mut ffi::PyLong_Type {
            return call.run();
        }
        let items: Option<&[Obj]> = if value.is_null() {
            Some(&[])
        } else if ffi::Py_TYPE(value) == &raw mut ffi::PyList_Type {
            Some(obj::list_items(value))
        } else if ffi::Py_TYPE(value) == &raw mut ffi::PyTuple_Type {
            Some(obj::tuple_items(value))
        } else {
            None
        };
        if let (Some((start, stop, 1)), Some(items)) = (slice_of(key, length), items) {
            (*rec).enter();
            let stop = stop.max(start);
            splice(rec, entry.id(), start as u64, (stop - start) as u64, items);
            return super::told(rec, this, call);
        }
        super::reread_list(rec, call)
    }
}

/// Tells what turns the elements `old` into `new`.
pub unsafe fn difference(rec: *mut Recorder, id: u64, old: &[Obj], new: &[Obj]) {
    let same = |(a, b): (&Obj, &Obj)| a == b;
    let prefix = old.iter().zip(new).take_while(|pair| same(*pair)).count();
    if prefix == old.len() && prefix == new.len() {
        return;
    }
    // SAFETY: the elements of the new state are alive.
    unsafe {
        if old.len() == new.len() {
            let changed = old.iter().zip(new).filter(|pair| !same(*pair)).count();
            if changed * 4 < new.len() || changed < 16 {
                for (at, (before, now)) in old.iter().zip(new).enumerate() {
                    if before != now {
                        set_at(rec, id, at as u64, *now);
                    }
                }
                return;
            }
        }
        // One element more or less at the end and a few that moved: a heap. Else one piece.
        let (short, long) = (old.len().min(new.len()), old.len().max(new.len()));
        let moved = old[..short].iter().zip(&new[..short]).filter(|pair| !same(*pair)).count();
        if long - short == 1 && moved < 64 {
            if new.len() > old.len() {
                splice(rec, id, short as u64, 0, &new[short..]);
            } else {
                splice(rec, id, short as u64, 1, &[]);
            }
            for at in prefix..short {
                if old[at] != new[at] {
                    set_at(rec, id, at as u64, new[at]);
                }
            }
            return;
        }
        let rest = short - prefix;
        let suffix =
            old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|p| same(*p)).count();
        let (start, deleted) = (prefix as u64, (old.len() - prefix - suffix) as u64);
        splice(rec, id, start, deleted, &new[prefix..new.len() - suffix]);
    }
}
