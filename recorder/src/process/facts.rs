//! What is known when the recording starts: interpreter, arguments, place, time.
#![allow(unsafe_code)]

use super::source;
use crate::cpython::objects::{list_items, rd};
use crate::rec::Recorder;
use crate::start::Detail;
use crate::values::scalars::utf8;
use moviola_format::family::hex;
use pyo3_ffi::{Py_TYPE, PyList_Type, PyObject, PySys_GetObject, PyUnicode_Type};
use std::ffi::{CStr, OsStr};
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::SystemTime;

/// Bytes of the argument list; what goes beyond is counted in `argv_cut`.
const ARGV_MAX: usize = 30_000;

/// Appends the start facts.
///
/// # Safety
/// Needs the GIL.
pub unsafe fn announce(rec: &mut Recorder) {
    // SAFETY: promised by the caller; the version string is a static of the interpreter.
    let (version, executable, argv, orig_argv, stdlib, path) = unsafe {
        let version = CStr::from_ptr(pyo3_ffi::Py_GetVersion()).to_string_lossy();
        let (argv, orig_argv) = (sys_list(c"argv"), sys_list(c"orig_argv"));
        let (stdlib, path) = (sys_text(c"_stdlib_dir"), sys_list(c"path"));
        (version, sys_text(c"executable"), argv, orig_argv, stdlib, path)
    };
    let cwd = std::env::current_dir().map(|dir| dir.into_os_string().into_vec());
    let cwd = cwd.unwrap_or_default();
    source::begin(&cwd);
    let cwd = OsStr::from_bytes(&cwd).to_string_lossy().into_owned();
    rec.meta("format", "1");
    rec.meta(
        "detail",
        match rec.detail {
            Detail::Full => "full",
            Detail::Coverage { branch: false } => "coverage",
            Detail::Coverage { branch: true } => "coverage,branch",
        },
    );
    if rec.detail == Detail::Full {
        crate::values::watch::own::begin(rec);
    }
    rec.meta("moviola", env!("CARGO_PKG_VERSION"));
    rec.meta("implementation", "cpython");
    rec.meta("python", version.split(' ').next().unwrap_or_default());
    rec.meta("python_build", &version);
    rec.meta("executable", &String::from_utf8_lossy(&executable));
    let (list, cut) = json(&orig_argv);
    rec.meta("argv", &list);
    if cut > 0 {
        rec.meta("argv_cut", &cut.to_string());
    }
    let script = argv.first().map(|name| String::from_utf8_lossy(name)).unwrap_or_default();
    rec.meta("script", &script_path(&script, &cwd));
    rec.meta("cwd", &cwd);
    rec.meta("stdlib", &String::from_utf8_lossy(&stdlib));
    rec.meta("path", &json(&path).0);
    rec.meta("platform", &platform());
    rec.meta("pid", &std::process::id().to_string());
    rec.meta("trace", &rec.place.family.trace_of(rec.place.number).to_string_lossy());
    rec.meta("family", &hex(&rec.place.family.identity));
    rec.meta("process", &rec.place.number.to_string());
    if rec.place.number > 0 {
        // SAFETY: always allowed.
        let system_parent = unsafe { libc::getppid() };
        rec.meta("parent", &rec.place.parent.to_string());
        rec.meta("parent_pid", &system_parent.to_string());
        rec.meta("born", if rec.place.forked { "fork" } else { "start" });
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    rec.meta("started", &now.as_nanos().to_string());
}

/// `sys.argv[0]` as an absolute path; `-c` and `-m` stay as they are.
fn script_path(script: &str, cwd: &str) -> String {
    if script.is_empty() || script.starts_with(['-', '/']) {
        script.to_owned()
    } else {
        format!("{cwd}/{script}")
    }
}

fn platform() -> String {
    // SAFETY: uname fills the zeroed structure with C strings.
    unsafe {
        let mut names: libc::utsname = std::mem::zeroed();
        if libc::uname(&raw mut names) != 0 {
            return "linux".to_owned();
        }
        let text =
            |field: &[libc::c_char]| CStr::from_ptr(field.as_ptr()).to_string_lossy().into_owned();
        format!("{}-{}-{}", text(&names.sysname), text(&names.release), text(&names.machine))
    }
}

/// An exact str of `sys`, empty if it is something else.
unsafe fn sys_text(name: &CStr) -> Vec<u8> {
    // SAFETY: promised by `announce`'s caller; the result is borrowed and read at once.
    unsafe { text(PySys_GetObject(name.as_ptr())) }
}

unsafe fn text(object: *mut PyObject) -> Vec<u8> {
    // SAFETY: the object is alive or null.
    unsafe {
        if object.is_null() || Py_TYPE(object) != &raw mut PyUnicode_Type {
            return Vec::new();
        }
        utf8(object)
    }
}

unsafe fn sys_list(name: &CStr) -> Vec<Vec<u8>> {
    // SAFETY: as in `sys_text`.
    unsafe {
        let list = PySys_GetObject(name.as_ptr());
        if list.is_null() || Py_TYPE(list) != &raw mut PyList_Type || rd::<isize>(list, 16) <= 0 {
            return Vec::new();
        }
        list_items(list).iter().map(|item| text(*item)).collect()
    }
}

/// A JSON list of texts that may hold surrogates, and how many did not fit.
fn json(texts: &[Vec<u8>]) -> (String, usize) {
    let mut list = String::from("[");
    for (index, text) in texts.iter().enumerate() {
        let mut item = String::from(if index == 0 { "\"" } else { ", \"" });
        escape(text, &mut item);
        item.push('"');
        if list.len() + item.len() > ARGV_MAX {
            list.push(']');
            return (list, texts.len() - index);
        }
        list.push_str(&item);
    }
    list.push(']');
    (list, 0)
}

fn escape(text: &[u8], into: &mut String) {
    let is_surrogate = |bytes: &[u8]| matches!(bytes, [0xed, 0xa0..=0xbf, 0x80..=0xbf]);
    let mut rest = text;
    while !rest.is_empty() {
        if let [0xed, high @ 0xa0..=0xbf, low @ 0x80..=0xbf, tail @ ..] = rest {
            let unit = 0xd000 | u32::from(high & 0x3f) << 6 | u32::from(low & 0x3f);
            let _ = write!(into, "\\u{unit:04x}");
            rest = tail;
            continue;
        }
        let end = rest.windows(3).position(is_surrogate).unwrap_or(rest.len());
        for char in String::from_utf8_lossy(&rest[..end]).chars() {
            match char {
                '"' | '\\' => {
                    into.push('\\');
                    into.push(char);
                }
                '\0'..='\x1f' | '\x7f' => {
                    let _ = write!(into, "\\u{:04x}", char as u32);
                }
                _ => into.push(char),
            }
        }
        rest = &rest[end..];
    }
}
