//! What a child needs in its environment in order to be recorded.
//!
//! C's environment keeps the variables that brought the recorder in; the program's `os.environ`
//! does not have them. So a child that inherits C's environment is recorded; one that is given an
//! environment of its own gets the variables added here, in a copy that the program never sees.
//! Only exact built-in objects are read; nothing here runs the program's code.
#![allow(unsafe_code)]

use super::source::raw_name;
use super::wrap::{Gil, attribute, find, here, wrap};
use crate::cpython::objects::{self as obj, DictIter, Obj};
use crate::guard::call_original;
use crate::rec::Recorder;
use crate::values::scalars::utf8;
use pyo3_ffi as ffi;
use pyo3_ffi::{METH_FASTCALL, METH_O, Py_TYPE, Py_ssize_t, PyCFunction};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

const PATH: &[u8] = b"PYTHONPATH";
const NONE: Obj = std::ptr::null_mut();

/// Allocations in here are the recorder's own, and no reason to collect garbage.
struct Own {
    recorded: bool,
    collecting: bool,
}

impl Own {
    unsafe fn begin() -> Self {
        // SAFETY: called with the GIL held.
        let collecting = unsafe { ffi::PyGC_Disable() } != 0;
        Self { recorded: crate::values::pause_allocations(), collecting }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        crate::values::record_allocations(self.recorded);
        if self.collecting {
            // SAFETY: the GIL is held as long as the value exists.
            unsafe { ffi::PyGC_Enable() };
        }
    }
}

/// A new reference to a copy that has the variables; dropping it gives it back.
pub struct Copy {
    /// The copy, null if none was made: then the child gets what the program gave.
    pub object: Obj,
    /// C's environment is without the variables as long as this lives.
    _hidden: Option<Hidden>,
}

impl Copy {
    /// None.
    pub const fn none() -> Self {
        Self { object: std::ptr::null_mut(), _hidden: None }
    }

    /// None, and C's environment hidden.
    pub const fn hiding(hidden: Hidden) -> Self {
        Self { object: std::ptr::null_mut(), _hidden: Some(hidden) }
    }

    const fn of(object: Obj) -> Self {
        Self { object, _hidden: None }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.object.is_null() {
            // SAFETY: the reference is ours; what the copy holds, the original holds too.
            unsafe {
                let _own = Own::begin();
                ffi::Py_DECREF(self.object);
            }
        }
    }
}

/// Gives a reference back that the recorder made, if it is one.
///
/// # Safety
/// Needs the GIL.
#[cfg(not(Py_3_12))]
pub unsafe fn drop_own(object: Obj) {
    drop(Copy::of(object));
}

/// A copy of a tuple with another item; null if there is no memory.
///
/// # Safety
/// The tuple and the item must be alive; needs the GIL.
#[cfg(not(Py_3_12))]
pub unsafe fn with_item(tuple: Obj, at: usize, item: Obj) -> Obj {
    // SAFETY: the caller's promise; the tuple is new and filled before anybody sees it.
    unsafe {
        let _own = Own::begin();
        let items = obj::tuple_items(tuple);
        let copy = ffi::PyTuple_New(items.len() as Py_ssize_t);
        if copy.is_null() {
            ffi::PyErr_Clear();
            return copy;
        }
        for (index, old) in items.iter().enumerate() {
            let item = if index == at { item } else { *old };
            ffi::PyTuple_SET_ITEM(copy, index as Py_ssize_t, ffi::Py_NewRef(item));
        }
        copy
    }
}

/// The variables of a child of `rec`'s process, given its PYTHONPATH.
fn variables(rec: &Recorder, old: Option<Vec<u8>>) -> Vec<(&'static [u8], Vec<u8>)> {
    let stage = rec.place.family.stage.as_os_str().as_bytes();
    let mut path = [stage, b"/boot.zip"].concat();
    let mut all: Vec<(&'static [u8], Vec<u8>)> = vec![
        (b"MOVIOLA_STAGE", stage.to_vec()),
        (b"MOVIOLA_PARENT", rec.place.number.to_string().into_bytes()),
    ];
    if let Some(old) = old {
        // An empty entry would mean the current directory.
        if !old.is_empty() {
            path.push(b':');
            path.extend_from_slice(&old);
        }
        all.push((b"MOVIOLA_OLDPP", old));
    }
    all.push((PATH, path));
    all
}

/// The raw bytes of an exact str or bytes.
unsafe fn raw(object: Obj) -> Option<Vec<u8>> {
    // SAFETY: the caller gives a live object.
    unsafe {
        let typ = Py_TYPE(object);
        if typ == &raw mut ffi::PyUnicode_Type {
            Some(raw_name(&utf8(object)))
        } else if typ == &raw mut ffi::PyBytes_Type {
            Some(obj::bytes_data(object).to_vec())
        } else {
            None
        }
    }
}

unsafe fn bytes(data: &[u8]) -> Obj {
    // SAFETY: pointer and length are of a live slice.
    unsafe { ffi::PyBytes_FromStringAndSize(data.as_ptr().cast(), data.len() as Py_ssize_t) }
}

/// A copy of `NAME=value` bytes in a list or tuple, as `_posixsubprocess.fork_exec` takes them.
///
/// # Safety
/// `list` must be alive; needs the GIL.
pub unsafe fn with_variables_list(rec: *mut Recorder, list: Obj) -> Copy {
    let none = Copy::none();
    // SAFETY: the caller's promise; new references go into the new list or are dropped.
    unsafe {
        let typ = Py_TYPE(list);
        let items = if typ == &raw mut ffi::PyList_Type {
            obj::list_items(list)
        } else if typ == &raw mut ffi::PyTuple_Type {
            obj::tuple_items(list)
        } else {
            return none;
        };
        if items.iter().any(|item| Py_TYPE(*item) != &raw mut ffi::PyBytes_Type) {
            return none;
        }
        let is_path = |item: &Obj| {
            obj::bytes_data(*item).strip_prefix(PATH).and_then(|rest| rest.strip_prefix(b"="))
        };
        let old = items.iter().find_map(is_path).map(<[u8]>::to_vec);
        let _own = Own::begin();
        let copy = Copy::of(ffi::PyList_New(0));
        if copy.object.is_null() {
            ffi::PyErr_Clear();
            return none;
        }
        let mut failed = false;
        let mut append = |item: Obj| {
            failed |= item.is_null() || ffi::PyList_Append(copy.object, item) != 0;
        };
        let mut added = variables(&*rec, old);
        let own = |(name, value): (&[u8], Vec<u8>)| bytes(&[name, b"=", &value[..]].concat());
        for item in items {
            let new = is_path(item).and_then(|_| added.pop_if(|(name, _)| *name == PATH)).map(own);
            // A second one is never looked at.
            append(new.unwrap_or(*item));
            ffi::Py_XDECREF(new.unwrap_or(NONE));
        }
        for variable in added {
            let item = own(variable);
            append(item);
            ffi::Py_XDECREF(item);
        }
        if failed {
            ffi::PyErr_Clear();
            return none;
        }
        copy
    }
}

/// A copy of an environment given as a dict or as `os.environ`.
///
/// # Safety
/// `mapping` must be alive; needs the GIL.
pub unsafe fn with_variables(rec: *mut Recorder, mapping: Obj) -> Copy {
    let none = Copy::none();
    // SAFETY: the caller's promise; new references are put into the copy and dropped.
    unsafe {
        let dict =
            if mapping == find(b"os", b"environ") { attribute(mapping, b"_data") } else { mapping };
        if dict.is_null() || Py_TYPE(dict) != &raw mut ffi::PyDict_Type {
            return none;
        }
        let path = DictIter::new(dict).find(|(key, _)| raw(*key).as_deref() == Some(PATH));
        let old = path.and_then(|(_, value)| raw(value));
        if path.is_some() && old.is_none() {
            return none;
        }
        let _own = Own::begin();
        let copy = Copy::of(ffi::PyDict_Copy(dict));
        let mut failed = copy.object.is_null();
        for (name, value) in variables(&*rec, old) {
            let value = bytes(&value);
            let key = match path {
                Some((key, _)) if name == PATH => ffi::Py_NewRef(key),
                _ => bytes(name),
            };
            failed = failed
                || key.is_null()
                || value.is_null()
                || ffi::PyDict_SetItem(copy.object, key, value) != 0;
            ffi::Py_XDECREF(key);
            ffi::Py_XDECREF(value);
        }
        if failed {
            ffi::PyErr_Clear();
            return none;
        }
        copy
    }
}

/// Until this is dropped, C's environment is what the program's is: for a child that is told to look
/// at no variable, and would see them all.
pub struct Hidden(Vec<(OsString, OsString)>);

impl Hidden {
    /// Begins such a time.
    ///
    /// # Safety
    /// Needs the GIL.
    pub unsafe fn begin(rec: *mut Recorder) -> Self {
        let named = |name: &[u8]| OsString::from_vec(name.to_vec());
        // SAFETY: the caller's promise; the recorder is alive.
        unsafe {
            let old = std::env::var_os("MOVIOLA_OLDPP");
            let path = old.clone().map(OsString::into_vec);
            let all: Vec<(OsString, OsString)> = variables(&*rec, path)
                .into_iter()
                .map(|(name, value)| (named(name), OsString::from_vec(value)))
                .collect();
            for (name, _) in &all {
                std::env::remove_var(name);
            }
            if let Some(old) = old {
                std::env::set_var(named(PATH), old);
            }
            Self(all)
        }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        for (name, value) in &self.0 {
            // SAFETY: the GIL is held as long as the value exists.
            unsafe { std::env::set_var(name, value) };
        }
    }
}

/// The program has changed its PYTHONPATH in C's environment; children must still find the
/// recorder there.
unsafe fn path_changed(name: Obj, value: Option<Obj>) {
    let rec = here();
    // SAFETY: the arguments are alive; the GIL is held, as whenever Python changes the environment.
    unsafe {
        if rec.is_null() || raw(name).as_deref() != Some(PATH) {
            return;
        }
        let old = value.and_then(|value| raw(value));
        if value.is_some() && old.is_none() {
            return;
        }
        if old.is_none() {
            std::env::remove_var("MOVIOLA_OLDPP");
        }
        for (name, value) in variables(&*rec, old) {
            let name = OsString::from_vec(name.to_vec());
            std::env::set_var(name, OsString::from_vec(value));
        }
    }
}

type Fast = unsafe extern "C" fn(Obj, *mut Obj, Py_ssize_t) -> Obj;

static PUTENV: Gil<Option<Fast>> = Gil::new(None);

unsafe extern "C" fn putenv(slf: Obj, args: *mut Obj, count: Py_ssize_t) -> Obj {
    let Some(original) = PUTENV.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on unchanged.
    unsafe {
        type A = *mut Obj;
        let result = call_original!(original, (slf, args, count), fn(Obj, A, Py_ssize_t) -> Obj);
        if !result.is_null() && count == 2 {
            path_changed(*args, Some(*args.add(1)));
        }
        result
    }
}

static UNSETENV: Gil<Option<PyCFunction>> = Gil::new(None);

unsafe extern "C" fn unsetenv(slf: Obj, name: Obj) -> Obj {
    let Some(original) = UNSETENV.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on unchanged.
    unsafe {
        let result = call_original!(original, (slf, name), fn(Obj, Obj) -> Obj);
        if !result.is_null() {
            path_changed(name, None);
        }
        result
    }
}

/// Wraps what changes C's environment.
///
/// # Safety
/// Needs the GIL.
pub unsafe fn install() {
    // SAFETY: promised by the caller; the types fit the flags.
    unsafe {
        wrap(find(b"posix", b"putenv"), METH_FASTCALL, &PUTENV, putenv as Fast);
        wrap(find(b"posix", b"unsetenv"), METH_O, &UNSETENV, unsetenv as PyCFunction);
    }
}
