//! Objects as events: the contents of an object when it is first reached, and all of them
//! again when a change cannot be told more briefly.
//!
//! Goes through the graph with a list of work, never by recursion. Runs no program code and
//! makes no Python object.
#![allow(unsafe_code)]

use super::contents::{Blob, Contents, FieldName, Pairs, Seq, contents};
use super::heap::{DICT_OF, Heap};
use super::scalars::{Val, scan};
use crate::cpython::objects::{Obj, rd};
use crate::emit::Out;
use crate::rec::Recorder;
use moviola_format::event::{Kind, Reason, Sink, op};
use pyo3_ffi as ffi;

/// What one event holds at most of each part, so that all parts together fit one event.
const FIRST_SEQ: usize = 256;
const FIRST_PAIRS: usize = 96;
const FIRST_FIELDS: usize = 48;
const FIRST_BLOB: usize = 8 * 1024;
/// What one event holds that has nothing else.
const NEXT_SEQ: usize = 600;
const NEXT_BLOB: usize = 48 * 1024;

/// Captures everything on the list of work.
///
/// # Safety
/// The recorder and all objects on the list must be alive.
pub unsafe fn drain(rec: *mut Recorder) {
    // SAFETY: the caller's promise; no object dies while this runs, as no program code does.
    unsafe {
        loop {
            if let Some((id, items)) = (*rec).heap.synthetic.pop() {
                let parts = Contents { seq: Seq::Owned(items), ..Contents::default() };
                write(&mut *rec, Header::New(Kind::Tuple, 0), id, parts);
                continue;
            }
            let Some(object) = (*rec).heap.work.pop() else { break };
            capture(rec, object);
        }
        (*rec).heap.refill();
        if !(*rec).heap.empty_cells.is_empty() {
            filled_cells(rec);
        }
        // No program code has run since these types were seen, so nothing was missed.
        while let Some(typ) = (*rec).heap.new_types.pop() {
            super::watch::see_type(typ);
        }
    }
}

/// Tells the contents of cells that C code has filled since they were captured.
unsafe fn filled_cells(rec: *mut Recorder) {
    // SAFETY: as in `drain`; a cell that is still known is alive.
    unsafe {
        let cells = std::mem::take(&mut (*rec).heap.empty_cells);
        for cell in cells {
            let Some(entry) = (*rec).heap.known(cell) else { continue };
            if ffi::Py_TYPE(cell) != &raw mut ffi::PyCell_Type {
                continue;
            }
            let inside: Obj = rd(cell, 16);
            if inside.is_null() {
                (*rec).heap.empty_cells.push(cell);
                continue;
            }
            let Recorder { out, heap, .. } = &mut *rec;
            let out = out.begin();
            out.u8(op::SCALAR_SET);
            out.uv(entry.id());
            scan(heap, inside).write(out);
            out.commit();
            if !(*rec).heap.work.is_empty() {
                drain(rec);
            }
        }
    }
}

unsafe fn capture(rec: *mut Recorder, object: Obj) {
    // SAFETY: `drain`'s caller promises that the object lives.
    unsafe {
        let heap = &mut (*rec).heap;
        let Some(entry) = heap.known(object) else { return };
        let typ = ffi::Py_TYPE(object);
        let info = heap.type_info(typ);
        let (kind, exact) = (info.kind, info.exact);
        let class = if exact { 0 } else { class_id(heap, typ.cast()) };
        if entry.has(DICT_OF) {
            write_dict_of(&mut *rec, object, entry.id(), true);
            return;
        }
        let parts = contents(heap, object, typ);
        write(&mut *rec, Header::New(kind, class), entry.id(), parts);
        if (*rec).heap.building.is_on() {
            super::watch::building::note(rec, object, entry.id());
        }
    }
}

/// The id of a class, which is captured too.
pub unsafe fn class_id(heap: &mut Heap, class: Obj) -> u64 {
    // SAFETY: an object keeps its class alive.
    match unsafe { scan(heap, class) } {
        Val::Ref(id) => id,
        _ => 0,
    }
}

unsafe fn write_dict_of(rec: &mut Recorder, dict: Obj, id: u64, new: bool) {
    let owner = rec.heap.owner_of.get(&(dict as usize)).copied();
    let owner = owner.and_then(|at| rec.heap.find(at)).map_or(0, |entry| entry.id());
    let out = rec.out.begin();
    if new {
        out.object(id, Kind::Dict, 0);
    } else {
        out.u8(op::REPLACE);
        out.uv(id);
    }
    out.u8(op::P_DICT_OF);
    out.uv(owner);
    out.u8(op::P_END);
    out.commit();
}

/// Writes the contents of a known object again, and what they newly reach.
///
/// # Safety
/// `object` must be alive.
pub unsafe fn replace(rec: *mut Recorder, object: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        let heap = &mut (*rec).heap;
        let Some(entry) = heap.known(object) else { return };
        if entry.has(super::heap::SILENT) || heap.suspects.contains_key(&entry.id()) {
            return;
        }
        if entry.has(DICT_OF) {
            write_dict_of(&mut *rec, object, entry.id(), false);
            return;
        }
        let typ = ffi::Py_TYPE(object);
        let parts = contents(heap, object, typ);
        write(&mut *rec, Header::Again, entry.id(), parts);
        drain(rec);
    }
}

/// Writes an object under its old id as an instance of its new class.
///
/// # Safety
/// `object` must be alive.
pub unsafe fn reclass(rec: *mut Recorder, object: Obj) {
    // SAFETY: the caller's promise.
    unsafe {
        let typ = ffi::Py_TYPE(object);
        (*rec).heap.set_type(object as usize, typ);
        capture(rec, object);
        drain(rec);
    }
}

enum Header {
    New(Kind, u64),
    Again,
}

unsafe fn write(rec: &mut Recorder, header: Header, id: u64, parts: Contents) {
    let Recorder { out, heap, .. } = rec;
    let out = out.begin();
    match header {
        Header::New(kind, class) => out.object(id, kind, class),
        Header::Again => {
            out.u8(op::REPLACE);
            out.uv(id);
        }
    }
    let Contents { fields, seq, map, attrs, scalar, blob, .. } = parts;
    // SAFETY: the parts were read just now from an object that lives, and nothing runs in
    // between that could change it; every part is bounded so that the event fits.
    unsafe {
        if !fields.is_empty() {
            let first = &fields[..fields.len().min(FIRST_FIELDS)];
            out.u8(op::P_FIELDS);
            out.uv(first.len() as u64);
            for (name, value) in first {
                field_name(heap, out, name);
                value.write(out);
            }
        }
        if let Some(value) = scalar {
            out.u8(op::P_SCALAR);
            value.write(out);
        }
        let items = seq.items();
        if let Some(items) = items {
            let first = &items[..items.len().min(FIRST_SEQ)];
            out.u8(op::P_SEQ);
            out.uv(first.len() as u64);
            for item in first {
                scan(heap, *item).write(out);
            }
        }
        let map_rest = pairs(heap, out, op::P_MAP, map);
        let attrs_rest = pairs(heap, out, op::P_ATTRS, attrs);
        let data = blob.bytes();
        if let Some(data) = data {
            out.u8(op::P_BLOB);
            out.bytes(&data[..data.len().min(FIRST_BLOB)]);
        }
        out.u8(op::P_END);
        out.commit();

        for (name, value) in fields.iter().skip(FIRST_FIELDS) {
            let out = out.begin();
            out.u8(op::FIELD_SET);
            out.uv(id);
            field_name(heap, out, name);
            value.write(out);
            out.commit();
        }
        if let Some(items) = items {
            append_values(heap, out, id, items, FIRST_SEQ);
        }
        for (code, rest) in [(op::MAP_SET, map_rest), (op::ATTR_SET, attrs_rest)] {
            for (key, value) in rest {
                let (key, value) = (scan(heap, key), scan(heap, value));
                let out = out.begin();
                out.u8(code);
                out.uv(id);
                key.write(out);
                value.write(out);
                out.commit();
            }
        }
        if let Some(data) = data {
            append_bytes(out, id, data, FIRST_BLOB);
        }
    }
}

unsafe fn field_name(heap: &mut Heap, out: &mut Out, name: &FieldName) {
    match name {
        FieldName::Static(text) => out.v_str(text.as_bytes()),
        // SAFETY: a slot's name lives as long as its class.
        FieldName::Object(text) => unsafe { scan(heap, *text).write(out) },
    }
}

/// Appends the elements from `from` on to a known sequence.
///
/// # Safety
/// All items must be alive.
pub unsafe fn append_values(heap: &mut Heap, out: &mut Out, id: u64, items: &[Obj], from: usize) {
    let mut start = from;
    while start < items.len() {
        let part = &items[start..items.len().min(start + NEXT_SEQ)];
        let out = out.begin();
        out.u8(op::SEQ_SPLICE);
        out.uv(id);
        out.uv(start as u64);
        out.uv(0);
        out.uv(part.len() as u64);
        for item in part {
            // SAFETY: the caller's promise.
            unsafe { scan(heap, *item).write(out) };
        }
        out.commit();
        start += part.len();
    }
}

/// Appends the bytes from `from` on to a known blob.
pub fn append_bytes(out: &mut Out, id: u64, data: &[u8], from: usize) {
    let mut start = from;
    while start < data.len() {
        let part = &data[start..data.len().min(start + NEXT_BLOB)];
        let out = out.begin();
        out.u8(op::BLOB_SPLICE);
        out.uv(id);
        out.uv(start as u64);
        out.uv(0);
        out.bytes(part);
        out.commit();
        start += part.len();
    }
}

/// Writes the first pairs of a part and returns the rest.
unsafe fn pairs(heap: &mut Heap, out: &mut Out, part: u8, mut source: Pairs) -> Pairs {
    let Some(count) = source.left() else { return Pairs::None };
    out.u8(part);
    let first = count.min(FIRST_PAIRS);
    out.uv(first as u64);
    let mut written = 0;
    for (key, value) in source.by_ref().take(first) {
        // SAFETY: `write`'s caller promises that the object was read just now.
        unsafe {
            scan(heap, key).write(out);
            scan(heap, value).write(out);
        }
        written += 1;
    }
    // The count is that of the entries read, so this never runs; the stream stays well formed.
    for _ in written..first {
        out.v_unknown(Reason::Opaque);
        out.v_unknown(Reason::Opaque);
    }
    source
}

impl Seq {
    fn items(&self) -> Option<&[Obj]> {
        match self {
            Self::None => None,
            Self::Borrowed(items) => Some(items),
            Self::Owned(items) => Some(items),
        }
    }
}

impl Blob {
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::None => None,
            Self::Borrowed(bytes) => Some(bytes),
            Self::Owned(bytes) => Some(bytes),
        }
    }
}
