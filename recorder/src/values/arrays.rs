//! Numpy's arrays: shape and numbers, read from their public struct.
//!
//! C code changes the numbers without any function of Python's own, so arrays that are known are
//! compared with what was last told before every event. That costs time, so there is a limit of
//! bytes; the numbers of what does not fit are not recorded.
#![allow(unsafe_code)]

use super::capture;
use super::contents::{Blob, Contents};
use super::heap::Heap;
use super::scalars::Val;
use crate::cpython::library::numpy as at;
use crate::cpython::objects::{self as obj, Chars, Obj, rd};
use crate::rec::Recorder;
use moviola_format::event::{Reason, Sink, op};
use pyo3_ffi as ffi;
use rustc_hash::FxHashSet;

/// Bytes of one array, and of all together, that are compared before every event.
const MOST_BYTES: usize = 4096;
const MOST_BYTES_TOGETHER: usize = 8192;
const MOST_ARRAYS: usize = 32;
/// Bytes of changes of one array after which it is given up.
const MOST_TOLD: usize = 1 << 22;
const MOST_DIMENSIONS: usize = 8;

/// Sizes of the number types by `type_num`; 0: not a number in memory order.
const SIZES: [u8; 24] = [1, 1, 1, 2, 2, 4, 4, 8, 8, 8, 8, 4, 8, 0, 8, 16, 0, 0, 0, 0, 0, 0, 0, 2];

/// `type_num` of a number type by its name.
pub fn number(name: &[u8]) -> Option<u8> {
    Some(match name {
        b"bool" | b"bool_" => 0,
        b"int8" => 1,
        b"uint8" => 2,
        b"int16" => 3,
        b"uint16" => 4,
        b"int32" => 5,
        b"uint32" => 6,
        b"int64" => 7,
        b"uint64" => 8,
        b"float32" => 11,
        b"float64" => 12,
        _ => return None,
    })
}

/// Adds the value of a number, and which numpy it is of, as their `repr` differs.
///
/// # Safety
/// `object` must be alive and a number of this type.
pub unsafe fn fill_number(parts: &mut Contents, object: Obj, kind: u8) {
    // SAFETY: the caller's promise; the value follows the object's header.
    let value = unsafe {
        let at = at::NUMBER;
        match kind {
            0 => Val::Bool(rd::<u8>(object, at) != 0),
            1 => Val::Int(rd::<i8>(object, at).into()),
            2 => Val::Int(rd::<u8>(object, at).into()),
            3 => Val::Int(rd::<i16>(object, at).into()),
            4 => Val::Int(rd::<u16>(object, at).into()),
            5 => Val::Int(rd::<i32>(object, at).into()),
            6 => Val::Int(rd::<u32>(object, at).into()),
            7 => Val::Int(rd::<i64>(object, at)),
            8 => match i64::try_from(rd::<u64>(object, at)) {
                Ok(value) => Val::Int(value),
                Err(_) => Val::Unknown(Reason::Opaque),
            },
            11 => Val::Float(rd::<f32>(object, at).into()),
            _ => Val::Float(rd(object, at)),
        }
    };
    parts.scalar = Some(value);
    // SAFETY: the caller's promise; a type lives as long as its instances.
    if let Some(major) = unsafe { major_version() } {
        parts.field("<numpy>", Val::Int(major.into()));
    }
}

/// The first number of `numpy.__version__`.
unsafe fn major_version() -> Option<u8> {
    // SAFETY: borrowed references under the GIL, used at once; exact dicts and texts only.
    unsafe {
        let modules = ffi::PySys_GetObject(c"modules".as_ptr());
        if modules.is_null() || ffi::Py_TYPE(modules) != &raw mut ffi::PyDict_Type {
            return None;
        }
        let module = obj::dict_find(modules, b"numpy");
        if module.is_null() || ffi::Py_TYPE(module) != &raw mut ffi::PyModule_Type {
            return None;
        }
        let version = obj::dict_find(rd(module, 16), b"__version__");
        if version.is_null() || ffi::Py_TYPE(version) != &raw mut ffi::PyUnicode_Type {
            return None;
        }
        match obj::chars(version) {
            Chars::Ascii(text) => {
                text.first().filter(|digit| digit.is_ascii_digit()).map(|digit| digit - b'0')
            }
            _ => None,
        }
    }
}

/// Arrays whose numbers are in the trace.
#[derive(Default)]
pub struct Watched {
    list: Vec<Array>,
    bytes: usize,
    /// Ids of arrays that changed so often that they are no longer told.
    tired: FxHashSet<u64>,
}

struct Array {
    address: usize,
    id: u64,
    layout: Layout,
    told: Vec<u8>,
    spent: usize,
}

impl Watched {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether so many bytes more can be compared before every event.
    fn has_room(&self, bytes: usize) -> bool {
        bytes <= MOST_BYTES
            && self.bytes + bytes <= MOST_BYTES_TOGETHER
            && self.list.len() < MOST_ARRAYS
    }

    fn forget(&mut self, address: usize) {
        if let Some(at) = self.list.iter().position(|known| known.address == address) {
            self.bytes -= self.list.swap_remove(at).told.len();
        }
    }

    /// Takes what an array holds now as told and returns the part that is new: where it begins,
    /// and its bytes.
    fn renew(&mut self, index: usize, now: Vec<u8>) -> Option<(u64, usize, Vec<u8>)> {
        let array = self.list.get_mut(index)?;
        let first = array.told.iter().zip(&now).position(|(old, new)| old != new)?;
        let last = array.told.iter().zip(&now).rposition(|(old, new)| old != new)?;
        let part = now[first..=last].to_vec();
        array.spent += part.len();
        array.told = now;
        if array.spent > MOST_TOLD {
            self.tired.insert(array.id);
        }
        Some((array.id, first, part))
    }
}

/// An array's extent in memory.
struct Layout {
    data: *const u8,
    itemsize: usize,
    dimensions: Vec<isize>,
    strides: Vec<isize>,
}

impl Layout {
    unsafe fn of(array: Obj) -> Option<Self> {
        // SAFETY: the caller gives a live exact array.
        unsafe {
            let count = usize::try_from(rd::<i32>(array, at::NDIM)).ok()?;
            if count > MOST_DIMENSIONS || !owns_memory(array) {
                return None;
            }
            let descr: Obj = rd(array, at::DESCR);
            let kind = usize::try_from(rd::<i32>(descr, at::DESCR_TYPE)).ok()?;
            let itemsize = usize::from(*SIZES.get(kind)?);
            // Numbers in the other byte order are left alone.
            if itemsize == 0 || rd::<u8>(descr, at::DESCR_BYTEORDER) == b'>' {
                return None;
            }
            let row = |offset: isize| -> Vec<isize> {
                let start: *const isize = rd(array, offset);
                (0..count).map(|at| *start.add(at)).collect()
            };
            let (dimensions, strides) = (row(at::DIMENSIONS), row(at::STRIDES));
            Some(Self { data: rd(array, at::DATA), itemsize, dimensions, strides })
        }
    }

    fn bytes(&self) -> Option<usize> {
        self.dimensions.iter().try_fold(self.itemsize, |size, dimension| {
            size.checked_mul(usize::try_from(*dimension).ok()?)
        })
    }

    /// All items in C order.
    unsafe fn numbers(&self, bytes: usize) -> Vec<u8> {
        let mut all = Vec::with_capacity(bytes);
        // SAFETY: the caller's array is alive.
        unsafe { self.each(&mut |part| all.extend_from_slice(part)) };
        all
    }

    /// Hands out the items in C order, in pieces.
    unsafe fn each(&self, take: &mut dyn FnMut(&[u8])) {
        if self.dimensions.contains(&0) || self.data.is_null() {
            return;
        }
        // The inner dimensions that lie in one piece.
        let mut inner = self.dimensions.len();
        let mut run = self.itemsize as isize;
        while inner > 0 && self.strides[inner - 1] == run {
            inner -= 1;
            run *= self.dimensions[inner];
        }
        let mut index = vec![0_isize; inner];
        loop {
            let offset: isize = index.iter().zip(&self.strides).map(|(at, step)| at * step).sum();
            // SAFETY: the caller's array is alive and owns this memory, and the index is within
            // its dimensions.
            take(unsafe { std::slice::from_raw_parts(self.data.offset(offset), run as usize) });
            let mut axis = inner;
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                index[axis] += 1;
                if index[axis] < self.dimensions[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
    }
}

/// Whether the memory belongs to the array or to one that it keeps alive: what lies in files or in
/// other programs' memory is not read.
unsafe fn owns_memory(array: Obj) -> bool {
    let mut owner = array;
    for _ in 0..16 {
        // SAFETY: the caller gives a live array; an array keeps its base alive. One that is about
        // to be freed has no references.
        unsafe {
            if rd::<u32>(owner, 0) == 0 {
                return false;
            }
            if rd::<i32>(owner, at::FLAGS) & at::OWNDATA != 0 {
                return true;
            }
            let base: Obj = rd(owner, at::BASE);
            if base.is_null() || ffi::Py_TYPE(base) != ffi::Py_TYPE(array) {
                return false;
            }
            owner = base;
        }
    }
    false
}

impl Array {
    /// Whether the array lies where it lay, with the numbers that were told.
    unsafe fn state(&self) -> State {
        let array = self.address as Obj;
        // SAFETY: the caller's array is alive.
        unsafe {
            let Layout { data, dimensions, strides, .. } = &self.layout;
            let same = |offset: isize, row: &[isize]| {
                let start: *const isize = rd(array, offset);
                row.iter().enumerate().all(|(at, value)| *start.add(at) == *value)
            };
            if rd::<*const u8>(array, at::DATA) != *data
                || rd::<i32>(array, at::NDIM) as usize != dimensions.len()
                || !same(at::DIMENSIONS, dimensions)
                || !same(at::STRIDES, strides)
                || !owns_memory(array)
            {
                return State::Moved;
            }
            let mut from = 0;
            let mut equal = true;
            self.layout.each(&mut |part| {
                let told = self.told.get(from..from + part.len());
                equal = equal && told == Some(part);
                from += part.len();
            });
            if equal { State::Same } else { State::Changed }
        }
    }
}

enum State {
    Same,
    Changed,
    Moved,
}

/// Adds what is known of an array.
///
/// # Safety
/// `array` must be alive, known and an exact `numpy.ndarray`.
pub unsafe fn fill(heap: &mut Heap, parts: &mut Contents, array: Obj) {
    const NAMES: [&str; MOST_DIMENSIONS] = ["<0>", "<1>", "<2>", "<3>", "<4>", "<5>", "<6>", "<7>"];
    // SAFETY: the caller's promise.
    unsafe {
        let count = rd::<i32>(array, at::NDIM);
        parts.field("ndim", Val::Int(i64::from(count)));
        let start: *const isize = rd(array, at::DIMENSIONS);
        for (at, name) in NAMES.iter().enumerate().take(count.max(0) as usize) {
            parts.field(name, Val::Int(*start.add(at) as i64));
        }
        let descr: Obj = rd(array, at::DESCR);
        let kind = rd::<i32>(descr, at::DESCR_TYPE);
        parts.field("<type>", Val::Int(i64::from(kind)));
        let Some(layout) = Layout::of(array) else {
            parts.scalar = Some(Val::Unknown(Reason::Opaque));
            return;
        };
        let bytes = layout.bytes().unwrap_or(usize::MAX);
        let (address, id) = (array as usize, heap.known(array).map_or(0, super::heap::Entry::id));
        heap.arrays.forget(address);
        if !heap.arrays.has_room(bytes) || heap.arrays.tired.contains(&id) {
            parts.scalar = Some(Val::Unknown(Reason::Budget));
            return;
        }
        let told = layout.numbers(bytes);
        parts.blob = Blob::Owned(told.clone());
        heap.arrays.bytes += bytes;
        heap.arrays.list.push(Array { address, id, layout, told, spent: 0 });
        heap.dirty = true;
    }
}

/// Tells again the arrays whose numbers are no longer as told.
///
/// # Safety
/// The GIL must be held; no event may be under way.
pub unsafe fn look(rec: *mut Recorder) {
    // SAFETY: the caller's promise; an array that is still known under its id is alive.
    unsafe {
        let mut at = 0;
        while at < (*rec).heap.arrays.list.len() {
            let known: *const Array = &(&(*rec).heap.arrays.list)[at];
            let (address, id) = ((*known).address, (*known).id);
            let array = address as Obj;
            if (*rec).heap.known(array).is_none_or(|entry| entry.id() != id) {
                (*rec).heap.arrays.forget(address);
                continue;
            }
            // One without references is being freed.
            if rd::<u32>(array, 0) == 0 {
                at += 1;
                continue;
            }
            match (*known).state() {
                State::Same => at += 1,
                State::Moved => {
                    (*rec).heap.arrays.forget(address);
                    // Takes it back to the end of the list, if it still fits.
                    capture::replace(rec, array);
                }
                State::Changed => {
                    let now = (*known).layout.numbers((*known).told.len());
                    if let Some((id, from, part)) = (*rec).heap.arrays.renew(at, now) {
                        let out = (*rec).out.begin();
                        out.u8(op::BLOB_SPLICE);
                        out.uv(id);
                        out.uv(from as u64);
                        out.uv(part.len() as u64);
                        out.bytes(&part);
                        out.commit();
                    }
                    if (*rec).heap.arrays.tired.contains(&id) {
                        (*rec).heap.arrays.forget(address);
                        capture::replace(rec, array);
                    } else {
                        at += 1;
                    }
                }
            }
        }
    }
}
