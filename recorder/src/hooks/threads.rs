//! Threads as the stream sees them, each with a shadow of its Python frames.
#![allow(unsafe_code)]

use super::code::CodeInfo;
use crate::cpython::{Frame, Thread, thread_mark, thread_state};
use crate::rec::Recorder;
use moviola_format::event::{Sink, op};
use rustc_hash::FxHashMap;

/// The recorder's view of one running frame.
#[derive(Clone, Copy)]
pub struct Shadow {
    /// The interpreter's frame; null once it is known to be gone.
    pub frame: Frame,
    /// Its code object's tables.
    pub info: *mut CodeInfo,
    /// Number of the activation.
    pub activation: u64,
    /// Line of the last line event.
    pub line: i32,
    /// Line against which a start is compared; `i32::MIN`: any start fires. (3.11 knows by itself.)
    pub last_line: i32,
    /// Code unit of the last start passed.
    #[cfg_attr(not(Py_3_12), expect(dead_code, reason = "3.11 decides itself what a line is"))]
    pub last_start: i32,
    /// Effects of the line that runs, index into `info.effects`.
    pub effects: u32,
    /// Somebody stored to its variables from outside: all are told again.
    pub reread: bool,
}

impl Shadow {
    /// Whether the running line may store to anything.
    #[inline]
    pub fn has_effects(&self) -> bool {
        // SAFETY: the code object, and so its info, lives as long as the frame.
        self.effects != 0 || self.reread || unsafe { (*self.info).unlined }
    }
}

/// One thread.
pub struct ThreadShadow {
    number: u64,
    unique: u64,
    ident: u64,
    named: bool,
    /// Calls seen since the name was last looked for.
    unnamed_calls: u32,
    /// Frames, outermost first.
    pub stack: Vec<Shadow>,
}

/// All threads of the process.
pub struct Threads {
    /// [`thread_mark`] of the thread whose events are being appended; 0: to be looked up. A thread
    /// without Python frames is looked up at its next event, as it may get another state.
    current_mark: usize,
    /// Its state; it lives for as long as the thread has frames.
    current_state: *mut pyo3_ffi::PyThreadState,
    /// Its shadow.
    pub current: *mut ThreadShadow,
    by_state: FxHashMap<usize, Box<ThreadShadow>>,
    count: u64,
    /// Activations given so far.
    pub activations: u64,
    /// Frames that are suspended, by the address of their frame.
    pub suspended: FxHashMap<usize, Shadow>,
}

impl Threads {
    /// No thread seen yet.
    pub fn new() -> Self {
        Self {
            current_mark: 0,
            current_state: std::ptr::null_mut(),
            current: std::ptr::null_mut(),
            by_state: FxHashMap::default(),
            count: 0,
            activations: 0,
            suspended: FxHashMap::default(),
        }
    }

    /// Whether the calling thread is another than that of the last event.
    #[inline]
    pub fn is_switched(&self) -> bool {
        thread_mark() != self.current_mark
    }

    /// The calling thread's state.
    #[cfg_attr(not(Py_3_12), expect(dead_code, reason = "3.11 is given its frames"))]
    #[inline]
    pub fn state(&self) -> *mut pyo3_ffi::PyThreadState {
        if self.is_switched() { thread_state() } else { self.current_state }
    }

    /// Makes the next event look its thread up again: the thread may end now, and a new one may
    /// get the address of its state.
    #[inline]
    pub fn forget_current(&mut self) {
        self.current_mark = 0;
    }

    /// A new stream begins, in which the calling thread is the only one and has number 0. It has
    /// frames, and stays the current one.
    pub fn restart(&mut self) {
        let state = thread_state() as usize;
        self.by_state.retain(|at, _| *at == state);
        self.count = 1;
        self.current_mark = 0;
        self.current = std::ptr::null_mut();
        if let Some(shadow) = self.by_state.get_mut(&state) {
            shadow.number = 0;
            shadow.named = false;
            shadow.unnamed_calls = 0;
            self.current = &raw mut **shadow;
            self.current_state = state as *mut _;
            self.current_mark = thread_mark();
        }
    }

    /// Identifier of the current thread, as `threading` knows it.
    pub fn ident(&mut self) -> u64 {
        self.shadow().ident
    }

    /// The shadow of the calling thread; [`Recorder::enter`] must have run.
    #[inline]
    pub fn shadow(&mut self) -> &mut ThreadShadow {
        // SAFETY: `switch` keeps it pointing into a box in `by_state`, which only grows.
        unsafe { &mut *self.current }
    }
}

/// Brings the stream to the calling thread.
#[cold]
pub fn switch(rec: &mut Recorder) {
    let state = thread_state();
    if state.is_null() {
        return;
    }
    let thread = Thread(state);
    // SAFETY: the calling thread's own state is alive.
    let (unique, ident, native) = unsafe { (thread.unique(), thread.ident(), thread.native_id()) };
    let threads = &mut rec.threads;
    let known = threads.by_state.get(&(state as usize)).is_some_and(|t| t.unique == unique);
    let shadow = threads.by_state.get(&(state as usize)).map(|shadow| &raw const **shadow);
    let same = known && shadow == Some(threads.current.cast_const());
    if !known {
        let number = threads.count;
        threads.count += 1;
        let shadow =
            ThreadShadow { number, unique, ident, named: false, unnamed_calls: 0, stack: vec![] };
        let old = threads.by_state.insert(state as usize, Box::new(shadow));
        let out = rec.out.begin();
        if let Some(old) = old {
            out.u8(op::THREAD_END);
            out.uv(old.number);
        }
        out.u8(op::THREAD_START);
        out.uv(number);
        out.uv(ident);
        out.uv(native);
        out.commit();
    } else if !same {
        let number = threads.by_state[&(state as usize)].number;
        let out = rec.out.begin();
        out.u8(op::THREAD);
        out.uv(number);
        out.commit();
    }
    let threads = &mut rec.threads;
    if let Some(shadow) = threads.by_state.get_mut(&(state as usize)) {
        threads.current = &raw mut **shadow;
        // A thread without frames may end unseen, and the next one get its mark.
        threads.current_state = state;
        threads.current_mark = if shadow.stack.is_empty() { 0 } else { thread_mark() };
    }
}

/// Looks for the thread's name while it has none: `threading` registers a thread some calls
/// after it began to run.
#[inline]
pub fn name_thread(rec: &mut Recorder) {
    let shadow = rec.threads.shadow();
    if !shadow.named && shadow.unnamed_calls < 1000 {
        shadow.unnamed_calls += 1;
        find_name(rec);
    }
}

#[cold]
fn find_name(rec: &mut Recorder) {
    let shadow = rec.threads.shadow();
    // SAFETY: called with the GIL held.
    let Some(name) = (unsafe { crate::process::threads_names::thread_name(shadow.ident) }) else {
        return;
    };
    shadow.named = true;
    let number = shadow.number;
    let out = rec.out.begin();
    out.u8(op::THREAD_NAME);
    out.uv(number);
    out.bytes(&name[..name.len().min(4096)]);
    out.commit();
}
