//! Iterators of C that fill the tuple of their last turn again when nobody else holds it: a tuple
//! that is known by then is the same object with other elements.
#![allow(unsafe_code)]

use super::wrap::Call;
use crate::cpython::objects::Obj;
use crate::rec::{Recorder, recorder};
use crate::values::capture;
use pyo3_ffi as ffi;

/// Whether a type is such an iterator, by the name that C gave it.
pub fn refills(name: &[u8]) -> bool {
    matches!(
        name,
        b"zip"
            | b"enumerate"
            | b"dict_itemiterator"
            | b"dict_reverseitemiterator"
            | b"odict_iterator"
            | b"itertools.zip_longest"
            | b"itertools.product"
            | b"itertools.combinations"
            | b"itertools.combinations_with_replacement"
            | b"itertools.permutations"
            | b"itertools.pairwise"
    )
}

/// `tp_iternext` of such a type.
pub unsafe fn next(_: *mut Recorder, call: &Call) -> usize {
    // SAFETY: as for every hook; the result is a new reference or null.
    unsafe {
        let result = call.run();
        let tuple = result as Obj;
        let rec = recorder();
        if !rec.is_null()
            && !tuple.is_null()
            && ffi::Py_TYPE(tuple) == &raw mut ffi::PyTuple_Type
            && (*rec).heap.known(tuple).is_some()
        {
            (*rec).enter();
            capture::replace(rec, tuple);
        }
        result
    }
}
