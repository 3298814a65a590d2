//! Children and successors of the process: fork, spawn, exec.
//!
//! A forked child goes on recording in a ring of its own, from the moment of the fork; a Python
//! that is started finds the recorder by its environment. Must never touch the parent's ring from
//! a child: it is not even mapped there.
#![allow(unsafe_code)]

use super::environ::{self, Copy, Hidden};
use super::wrap::{Gil, find, here, wrap};
use crate::cpython::objects::{self as obj, Obj};
use crate::guard::{call_original, guarded};
use crate::rec::{Recorder, recorder, set_recorder};
use crate::start::Place;
use crate::values::scalars::{int_value, utf8};
use moviola_format::event::{Sink, op};
use pyo3_ffi::{
    METH_FASTCALL, METH_KEYWORDS, METH_NOARGS, Py_TYPE, Py_ssize_t, PyBytes_Type, PyCFunction,
    PyLong_Type, PyTuple_Type, PyUnicode_Type,
};
use std::cell::Cell;
use std::ffi::CString;

type Fast = unsafe extern "C" fn(Obj, *mut Obj, Py_ssize_t) -> Obj;
type FastKeywords = unsafe extern "C" fn(Obj, *const Obj, Py_ssize_t, Obj) -> Obj;

thread_local! {
    /// The number of the child that the `os.fork` of this thread is going to make; 0: it is not
    /// `os.fork` that forks, and nobody will run Python code in the child but by accident. Other
    /// threads may fork meanwhile: callbacks of `os.register_at_fork` run in between.
    static NEXT: Cell<u32> = const { Cell::new(0) };
}

/// Runs in the child of every `fork`, in the only thread that it has.
unsafe extern "C" fn in_child() {
    let rec = recorder();
    if rec.is_null() {
        return;
    }
    // SAFETY: the child's copy; no other thread exists here that could use it, and the one that
    // forked holds the GIL.
    unsafe {
        (*rec).out.producer().disown();
        set_recorder(std::ptr::null_mut());
        let number = NEXT.take();
        if number != 0 {
            guarded((), || go_on(rec, number));
        }
    }
}

/// Begins the child's own recording.
unsafe fn go_on(rec: *mut Recorder, number: u32) {
    // SAFETY: as in `in_child`.
    unsafe {
        let parent = &(*rec).place;
        let place = Place::new(parent.family.clone(), number, parent.number, true);
        place.family.note_born(number);
        match place.producer() {
            Ok(producer) => {
                place.tell_children();
                set_recorder(rec);
                crate::segment::begin(rec, producer, place);
            }
            Err(error) => {
                let problem = place.cannot(&error);
                (*rec).out.say(
                    format!("moviola: a forked process is not recorded: {problem}\n").as_bytes(),
                );
            }
        }
    }
}

/// A child was made; `result` is what the function returned to the parent, `number` the child's
/// if it is known.
unsafe fn child(result: Obj, how: &str, number: u32) {
    let rec = here();
    if rec.is_null() || result.is_null() {
        return;
    }
    // SAFETY: the result is alive.
    unsafe {
        let pid = if Py_TYPE(result) == &raw mut PyTuple_Type {
            obj::tuple_items(result).first().copied().unwrap_or(std::ptr::null_mut())
        } else {
            result
        };
        if pid.is_null() || Py_TYPE(pid) != &raw mut PyLong_Type {
            return;
        }
        let Some(pid) = int_value(pid).and_then(|pid| u64::try_from(pid).ok()) else { return };
        if pid == 0 {
            return;
        }
        (*rec).enter();
        let out = (*rec).out.begin();
        out.u8(op::CHILD);
        out.uv(pid);
        out.uv(u64::from(number));
        out.str(how);
        out.commit();
    }
}

/// `wait` or one of its kin has returned; a status other than that of an end says nothing here.
unsafe fn waited(result: Obj) {
    let rec = here();
    if rec.is_null() || result.is_null() {
        return;
    }
    // SAFETY: the result is alive; only an exact tuple of exact ints is read.
    unsafe {
        if Py_TYPE(result) != &raw mut PyTuple_Type {
            return;
        }
        let number = |object: &Obj| {
            let exact = Py_TYPE(*object) == &raw mut PyLong_Type;
            exact.then(|| int_value(*object)).flatten().and_then(|n| u64::try_from(n).ok())
        };
        let mut numbers = obj::tuple_items(result).iter().take(2).map(number);
        let (Some(Some(pid)), Some(Some(status))) = (numbers.next(), numbers.next()) else {
            return;
        };
        let stopped = status & 0xff == 0x7f || status == 0xffff;
        if pid == 0 || stopped {
            return;
        }
        (*rec).enter();
        let out = (*rec).out.begin();
        out.u8(op::CHILD);
        out.uv(pid);
        out.uv(status);
        out.str("wait");
        out.commit();
    }
}

macro_rules! waits {
    ($($original:ident, $wrapper:ident, $kind:ty, ($($arg:ident: $type:ty),*);)*) => {
        $(
            static $original: Gil<Option<$kind>> = Gil::new(None);

            unsafe extern "C" fn $wrapper($($arg: $type),*) -> Obj {
                let Some(original) = $original.get() else { return std::ptr::null_mut() };
                // SAFETY: passed on unchanged.
                unsafe {
                    let result = call_original!(original, ($($arg),*), fn($($type),*) -> Obj);
                    waited(result);
                    result
                }
            }
        )*
    };
}

waits! {
    WAIT, wait, PyCFunction, (slf: Obj, args: Obj);
    WAITPID, waitpid, Fast, (slf: Obj, args: *mut Obj, count: Py_ssize_t);
    WAIT3, wait3, FastKeywords, (slf: Obj, args: *const Obj, count: Py_ssize_t, names: Obj);
    WAIT4, wait4, FastKeywords, (slf: Obj, args: *const Obj, count: Py_ssize_t, names: Obj);
}

/// A fork is about to happen. Gives the child's number, which is taken now: whoever waits for the
/// recording's end must know of the child before this process can end. And what NEXT was: a
/// callback of the fork may fork itself.
unsafe fn before_fork() -> (u32, u32) {
    let rec = here();
    if rec.is_null() {
        return (0, NEXT.replace(0));
    }
    // SAFETY: the recorder is alive.
    unsafe {
        (*rec).enter();
        let place = &(*rec).place;
        place.family.note_parent();
        // Without a stage the recording is over, and the child is not recorded.
        let number = place.family.claim_child(place.last.get()).unwrap_or(0);
        place.last.set(number.max(place.last.get()));
        (number, NEXT.replace(number))
    }
}

/// The fork is over, in the parent (or it failed) or in the child.
unsafe fn after_fork(result: Obj, how: &str, number: u32, outer: u32) {
    // SAFETY: the result is alive or null, the recorder too.
    unsafe {
        if result.is_null() {
            NEXT.set(outer);
            let rec = here();
            if !rec.is_null() && number != 0 {
                (*rec).place.family.note_unborn(number);
            }
            return;
        }
        // In the child the outer fork's number is the parent's to use.
        let is_zero = |pid: Obj| Py_TYPE(pid) == &raw mut PyLong_Type && int_value(pid) == Some(0);
        let is_child = if Py_TYPE(result) == &raw mut PyTuple_Type {
            obj::tuple_items(result).first().is_some_and(|pid| is_zero(*pid))
        } else {
            is_zero(result)
        };
        #[cfg(Py_3_12)]
        if is_child {
            crate::hooks::seen::forked(here());
        }
        NEXT.set(if is_child { 0 } else { outer });
        child(result, how, number);
    }
}

macro_rules! forks {
    ($($original:ident, $wrapper:ident, $how:literal;)*) => {
        $(
            static $original: Gil<Option<PyCFunction>> = Gil::new(None);

            unsafe extern "C" fn $wrapper(slf: Obj, args: Obj) -> Obj {
                let Some(original) = $original.get() else { return std::ptr::null_mut() };
                // SAFETY: passed on unchanged.
                unsafe {
                    let (number, outer) = before_fork();
                    let result = call_original!(original, (slf, args), fn(Obj, Obj) -> Obj);
                    after_fork(result, $how, number, outer);
                    result
                }
            }
        )*
    };
}

forks! {
    FORK, fork, "fork";
    FORKPTY, forkpty, "forkpty";
}

/// A program is about to be started with an argument list, and an environment unless it is null
/// or None. Gives the environment to use instead, if it needs another.
unsafe fn before_spawn(program: Obj, argv: Obj, env: Obj, list: bool) -> Copy {
    let unchanged = Copy::none();
    let rec = here();
    // SAFETY: the arguments are alive, the recorder too.
    unsafe {
        if rec.is_null() {
            return unchanged;
        }
        (*rec).place.family.note_parent();
        match program_of(program, argv) {
            Program::Isolated => {
                (*rec).enter();
                (*rec).gap("a child that was started with -I, -E or -S is not recorded");
                return Copy::hiding(Hidden::begin(rec));
            }
            Program::Shows => return Copy::hiding(Hidden::begin(rec)),
            Program::Other => {}
        }
        if env.is_null() || env == pyo3_ffi::Py_None() {
            return unchanged;
        }
        let copy = if list {
            environ::with_variables_list(rec, env)
        } else {
            environ::with_variables(rec, env)
        };
        if copy.object.is_null() {
            (*rec).enter();
            (*rec).gap("a child with an environment that is no plain dict is not recorded");
        }
        copy
    }
}

/// What is about to be started, as far as its environment matters.
#[derive(PartialEq, Eq)]
enum Program {
    /// A Python that is told to ignore its environment.
    Isolated,
    /// It shows its environment and starts nothing.
    Shows,
    /// It may be or start a Python.
    Other,
}

/// Looks at a command; only exact built-in objects are read.
unsafe fn program_of(program: Obj, argv: Obj) -> Program {
    // SAFETY: the arguments are alive or null.
    unsafe {
        if program.is_null() || argv.is_null() {
            return Program::Other;
        }
        let items = |object: Obj| -> &[Obj] {
            match Py_TYPE(object) {
                typ if typ == &raw mut PyTuple_Type => obj::tuple_items(object),
                typ if typ == &raw mut pyo3_ffi::PyList_Type => obj::list_items(object),
                _ => &[],
            }
        };
        let raw = |object: Obj| match Py_TYPE(object) {
            typ if typ == &raw mut PyUnicode_Type => utf8(object),
            typ if typ == &raw mut PyBytes_Type => obj::bytes_data(object).to_vec(),
            _ => Vec::new(),
        };
        let program = raw(items(program).first().copied().unwrap_or(program));
        let name = program.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let words: Vec<Vec<u8>> = items(argv).iter().skip(1).map(|word| raw(*word)).collect();
        let is_setting = |word: &Vec<u8>| word.starts_with(b"-") || word.contains(&b'=');
        match name {
            b"printenv" => Program::Shows,
            b"env" if words.iter().all(is_setting) => Program::Shows,
            _ if name.starts_with(b"python") && is_isolated(&words) => Program::Isolated,
            _ => Program::Other,
        }
    }
}

/// Whether Python's arguments say that it ignores its environment.
fn is_isolated(words: &[Vec<u8>]) -> bool {
    // The word belongs to the option before it.
    let mut is_argument = false;
    for word in words {
        if std::mem::take(&mut is_argument) {
            continue;
        }
        let Some(letters) = word.strip_prefix(b"-") else { return false };
        // What follows these is an argument of theirs.
        let end = letters.iter().position(|byte| b"cmWX-".contains(byte));
        if letters[..end.unwrap_or(letters.len())].iter().any(|byte| b"IES".contains(byte)) {
            return true;
        }
        if end.is_some_and(|end| b"cm".contains(&letters[end])) {
            return false;
        }
        is_argument =
            end.is_some_and(|end| b"WX".contains(&letters[end]) && end + 1 == letters.len());
    }
    false
}

macro_rules! spawns {
    ($($original:ident, $wrapper:ident, $how:literal;)*) => {
        $(
            static $original: Gil<Option<FastKeywords>> = Gil::new(None);

            unsafe extern "C" fn $wrapper(
                slf: Obj,
                args: *const Obj,
                count: Py_ssize_t,
                names: Obj,
            ) -> Obj {
                let Some(original) = $original.get() else { return std::ptr::null_mut() };
                // SAFETY: as many arguments as `count` says, and those that `names` names; all are
                // passed on, the environment perhaps as a copy that lives until the call is over.
                unsafe {
                    type A = *const Obj;
                    let call = |args| {
                        call_original!(
                            original,
                            (slf, args, count, names),
                            fn(Obj, A, Py_ssize_t, Obj) -> Obj
                        )
                    };
                    if count != 3 {
                        return call(args);
                    }
                    let env = *args.add(2);
                    let copy = before_spawn(*args, *args.add(1), env, false);
                    let result = with_argument(args, count, names, 2, &copy, |args| {
                        let _shown = super::audit::stand_in(copy.object, env);
                        call(args)
                    });
                    child(result, $how, 0);
                    result
                }
            }
        )*
    };
}

spawns! {
    SPAWN, spawn, "posix_spawn";
    SPAWNP, spawnp, "posix_spawnp";
}

/// Calls `call` with the arguments, of which the `at`-th is replaced if there is a copy of it.
unsafe fn with_argument(
    args: *const Obj,
    count: Py_ssize_t,
    names: Obj,
    at: usize,
    copy: &Copy,
    call: impl FnOnce(*const Obj) -> Obj,
) -> Obj {
    if copy.object.is_null() {
        return call(args);
    }
    // SAFETY: the callers' arguments; the interpreter's own are left as they are.
    unsafe {
        let named = if names.is_null() { 0 } else { pyo3_ffi::PyTuple_GET_SIZE(names) };
        let mut changed = std::slice::from_raw_parts(args, (count + named) as usize).to_vec();
        changed[at] = copy.object;
        call(changed.as_ptr())
    }
}

/// Arguments of `_posixsubprocess.fork_exec`: argument list, programs to try, environment, and
/// the function to call in the child.
const FORK_EXEC: [usize; 4] = [0, 1, 5, 21];

/// Something is about to be started by `subprocess`.
unsafe fn before_fork_exec(args: &[Obj]) -> Copy {
    let [argv, programs, env, preexec] = FORK_EXEC;
    if args.len() <= preexec {
        return Copy::none();
    }
    // SAFETY: the arguments are alive.
    unsafe {
        let rec = here();
        if !rec.is_null() && args[preexec] != pyo3_ffi::Py_None() {
            (*rec).enter();
            (*rec).gap("what preexec_fn does in the child is not recorded");
        }
        before_spawn(args[programs], args[argv], args[env], true)
    }
}

#[cfg(not(Py_3_12))]
static SUBPROCESS: Gil<Option<PyCFunction>> = Gil::new(None);

#[cfg(not(Py_3_12))]
unsafe extern "C" fn subprocess(slf: Obj, args: Obj) -> Obj {
    let Some(original) = SUBPROCESS.get() else { return std::ptr::null_mut() };
    // SAFETY: the interpreter passes a tuple; another is passed on if the environment is another,
    // and lives until the call is over.
    unsafe {
        let copy = before_fork_exec(obj::tuple_items(args));
        let mut other = std::ptr::null_mut();
        if !copy.object.is_null() {
            other = environ::with_item(args, FORK_EXEC[2], copy.object);
        }
        let args = if other.is_null() { args } else { other };
        // A fork by a callback in here is another than the one that may be under way.
        let outer = NEXT.replace(0);
        let result = call_original!(original, (slf, args), fn(Obj, Obj) -> Obj);
        NEXT.set(outer);
        environ::drop_own(other);
        child(result, "subprocess", 0);
        result
    }
}

#[cfg(Py_3_12)]
static SUBPROCESS: Gil<Option<Fast>> = Gil::new(None);

#[cfg(Py_3_12)]
unsafe extern "C" fn subprocess(slf: Obj, args: *mut Obj, count: Py_ssize_t) -> Obj {
    let Some(original) = SUBPROCESS.get() else { return std::ptr::null_mut() };
    // SAFETY: as many arguments as `count` says.
    unsafe {
        let copy = before_fork_exec(std::slice::from_raw_parts(args, count as usize));
        let names = std::ptr::null_mut();
        type A = *mut Obj;
        // A fork by a callback in here is another than the one that may be under way.
        let outer = NEXT.replace(0);
        let result = with_argument(args, count, names, FORK_EXEC[2], &copy, |args| {
            let args = args.cast_mut();
            call_original!(original, (slf, args, count), fn(Obj, A, Py_ssize_t) -> Obj)
        });
        NEXT.set(outer);
        child(result, "subprocess", 0);
        result
    }
}

/// The function behind `subprocess` lives in a module that is not loaded at the start: it is
/// wrapped once it is.
///
/// # Safety
/// Needs the GIL.
pub unsafe fn wrap_subprocess() {
    if SUBPROCESS.get().is_some() {
        return;
    }
    // SAFETY: promised by the caller; the types fit the flags.
    unsafe {
        let function = find(b"_posixsubprocess", b"fork_exec");
        #[cfg(not(Py_3_12))]
        wrap(function, pyo3_ffi::METH_VARARGS, &SUBPROCESS, subprocess as PyCFunction);
        #[cfg(Py_3_12)]
        wrap(function, pyo3_ffi::METH_FASTCALL, &SUBPROCESS, subprocess as Fast);
    }
}

/// Whether replacing the process image by the file that `path` names is going to work, as far
/// as that can be told without trying. `execvp` tries many names that do not exist.
unsafe fn is_program(path: Obj) -> bool {
    // SAFETY: the argument is alive.
    unsafe {
        let name = match Py_TYPE(path) {
            typ if typ == &raw mut PyUnicode_Type => super::source::raw_name(&utf8(path)),
            typ if typ == &raw mut PyBytes_Type => obj::bytes_data(path).to_vec(),
            // A descriptor or a path object: only its own code knows the name.
            _ => return true,
        };
        let Ok(name) = CString::new(name) else { return false };
        let errno = *libc::__errno_location();
        let mut stat: libc::stat = std::mem::zeroed();
        let good = libc::stat(name.as_ptr(), &raw mut stat) == 0
            && stat.st_mode & libc::S_IFMT == libc::S_IFREG
            && libc::access(name.as_ptr(), libc::X_OK) == 0;
        *libc::__errno_location() = errno;
        good
    }
}

/// Says, before it happens, that the process goes on as another program.
unsafe fn before_exec(path: Obj) -> bool {
    let rec = here();
    // SAFETY: the argument is alive, the recorder too.
    unsafe {
        if rec.is_null() || !is_program(path) {
            return false;
        }
        (*rec).enter();
        (*rec).gap("the process was replaced by another program (exec)");
        (*rec).out.producer().ending(true);
    }
    true
}

/// The exec failed after all.
unsafe fn after_exec(announced: bool) {
    let rec = here();
    if announced && !rec.is_null() {
        // SAFETY: the recorder is alive.
        unsafe {
            if !(*rec).out.producer().ending(false) {
                (*rec).out.say(b"moviola: an exec failed; recording ended before it\n");
                set_recorder(std::ptr::null_mut());
                return;
            }
            (*rec).enter();
            (*rec).gap("nothing is missing here: the exec failed and the recording went on");
        }
    }
}

static EXECV: Gil<Option<Fast>> = Gil::new(None);

unsafe extern "C" fn execv(slf: Obj, args: *mut Obj, count: Py_ssize_t) -> Obj {
    let Some(original) = EXECV.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on unchanged.
    unsafe {
        type A = *mut Obj;
        let call = || call_original!(original, (slf, args, count), fn(Obj, A, Py_ssize_t) -> Obj);
        if count != 2 {
            return call();
        }
        let _copy = before_spawn(*args, *args.add(1), std::ptr::null_mut(), false);
        let announced = before_exec(*args);
        let result = call();
        after_exec(announced);
        result
    }
}

static EXECVE: Gil<Option<FastKeywords>> = Gil::new(None);

unsafe extern "C" fn execve(slf: Obj, args: *const Obj, count: Py_ssize_t, names: Obj) -> Obj {
    let Some(original) = EXECVE.get() else { return std::ptr::null_mut() };
    // SAFETY: passed on, the environment perhaps as a copy. Arguments given by name are in any
    // order: then the child gets the environment as it is.
    unsafe {
        type A = *const Obj;
        let call = |args| {
            call_original!(original, (slf, args, count, names), fn(Obj, A, Py_ssize_t, Obj) -> Obj)
        };
        if count != 3 {
            let announced = count >= 1 && before_exec(*args);
            let result = call(args);
            after_exec(announced);
            return result;
        }
        let env = *args.add(2);
        let copy = before_spawn(*args, *args.add(1), env, false);
        let announced = before_exec(*args);
        let result = with_argument(args, count, names, 2, &copy, |args| {
            let _shown = super::audit::stand_in(copy.object, env);
            call(args)
        });
        after_exec(announced);
        result
    }
}

static SYSTEM: Gil<Option<FastKeywords>> = Gil::new(None);

unsafe extern "C" fn system(slf: Obj, args: *const Obj, count: Py_ssize_t, names: Obj) -> Obj {
    let Some(original) = SYSTEM.get() else { return std::ptr::null_mut() };
    let rec = here();
    // SAFETY: passed on unchanged; the recorder is alive.
    unsafe {
        if !rec.is_null() {
            (*rec).place.family.note_parent();
        }
        type A = *const Obj;
        call_original!(original, (slf, args, count, names), fn(Obj, A, Py_ssize_t, Obj) -> Obj)
    }
}

/// Wraps what makes children and successors.
///
/// # Safety
/// Needs the GIL and the recorder.
pub unsafe fn install(_rec: *mut Recorder) {
    static HANDLER: Gil<bool> = Gil::new(false);
    // SAFETY: promised by the caller; each function type fits the flags beside it. What cannot
    // be wrapped still raises its audit event.
    unsafe {
        if !HANDLER.get() {
            HANDLER.set(true);
            libc::pthread_atfork(None, None, Some(in_child));
        }
        let keywords = METH_FASTCALL | METH_KEYWORDS;
        wrap(find(b"posix", b"fork"), METH_NOARGS, &FORK, fork as PyCFunction);
        wrap(find(b"posix", b"forkpty"), METH_NOARGS, &FORKPTY, forkpty as PyCFunction);
        wrap(find(b"posix", b"posix_spawn"), keywords, &SPAWN, spawn as FastKeywords);
        wrap(find(b"posix", b"posix_spawnp"), keywords, &SPAWNP, spawnp as FastKeywords);
        wrap(find(b"posix", b"execv"), METH_FASTCALL, &EXECV, execv as Fast);
        wrap(find(b"posix", b"execve"), keywords, &EXECVE, execve as FastKeywords);
        wrap(find(b"posix", b"system"), keywords, &SYSTEM, system as FastKeywords);
        wrap(find(b"posix", b"wait"), METH_NOARGS, &WAIT, wait as PyCFunction);
        wrap(find(b"posix", b"waitpid"), METH_FASTCALL, &WAITPID, waitpid as Fast);
        wrap(find(b"posix", b"wait3"), keywords, &WAIT3, wait3 as FastKeywords);
        wrap(find(b"posix", b"wait4"), keywords, &WAIT4, wait4 as FastKeywords);
        wrap_subprocess();
        environ::install();
    }
}
