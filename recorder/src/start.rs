//! Starting the recorder: ring, state, hooks, in that order. On any failure the program runs on
//! unrecorded, and the launcher's bootstrap says so once.
#![allow(unsafe_code)]

use crate::emit::Out;
use crate::hooks::code::Codes;
use crate::hooks::threads::Threads;
use crate::rec::{Recorder, set_recorder};
use crate::values::heap::Heap;
use moviola_format::write::TraceFile;
use moviola_pipeline::family::Family;
use moviola_pipeline::new_identity;
use moviola_pipeline::ring::Producer;
use std::cell::Cell;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// How much is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Everything.
    Full,
    /// Which lines ran, and perhaps which ways: each once.
    Coverage {
        /// Ways, too.
        branch: bool,
    },
}

/// How the recording is to be, as `moviola record` was asked.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Append allocations, frees and reallocations.
    pub allocations: bool,
    /// How much is recorded.
    pub detail: Detail,
}

impl Options {
    /// Reads `key=value;key=value`; unknown keys are those of a newer launcher and are skipped.
    fn parse(text: &str) -> Self {
        let mut options = Self { allocations: true, detail: Detail::Full };
        for pair in text.split(';') {
            match pair {
                "allocations=off" => options.allocations = false,
                "detail=coverage" => options.detail = Detail::Coverage { branch: false },
                "detail=branches" => options.detail = Detail::Coverage { branch: true },
                _ => {}
            }
        }
        options
    }
}

/// Which process of a recording one is.
pub struct Place {
    /// What all of them know.
    pub family: Family,
    /// Its number; 0 is the program that `moviola record` started.
    pub number: u32,
    /// The number of the nearest recorded process that it comes from; itself for number 0.
    pub parent: u32,
    /// Whether that one made this process by fork.
    pub forked: bool,
    /// The last number that is known to be taken.
    pub last: Cell<u32>,
}

impl Place {
    /// The place of a process that has a number.
    pub const fn new(family: Family, number: u32, parent: u32, forked: bool) -> Self {
        Self { family, number, parent, forked, last: Cell::new(number) }
    }

    /// Takes a place in the recording whose stage is given; `parent` is empty for a process that
    /// comes from no recorded one.
    fn take(stage: &str, parent: &str) -> io::Result<Self> {
        let family = Family::load(Path::new(stage))?;
        if parent.is_empty() && family.claim_program() {
            return Ok(Self::new(family, 0, 0, false));
        }
        let parent = parent.parse().unwrap_or(0);
        let number = family.claim_child(parent)?;
        family.note_born(number);
        Ok(Self::new(family, number, parent, false))
    }

    /// The ring of this process. A child makes it, with an empty trace, so that both are there
    /// whatever happens; who writes the trace comes and finds it.
    pub fn producer(&self) -> io::Result<Producer> {
        let Self { family, number, .. } = self;
        let ring = family.ring_of(*number);
        if *number == 0 {
            return Producer::open(&ring);
        }
        let identity = new_identity();
        TraceFile::create_empty(&family.trace_of(*number), identity)?;
        Producer::create(&ring, family.child_ring_bytes(), identity, family.recorder)
    }

    /// What went wrong, for the one line on stderr.
    pub fn cannot(&self, error: &io::Error) -> String {
        format!("cannot make {}: {error}", self.family.ring_of(self.number).display())
    }

    /// Tells C's environment, which the children inherit, that they come from here.
    pub fn tell_children(&self) {
        // SAFETY: the GIL is held, as whenever Python changes the environment, and std takes a
        // lock of its own.
        unsafe { std::env::set_var("MOVIOLA_PARENT", self.number.to_string()) };
    }
}

/// Starts recording as a process of the recording whose stage is given.
///
/// # Errors
/// One clause saying what could not be done.
pub fn start(stage: &str, parent: &str) -> Result<(), String> {
    static STARTED: AtomicBool = AtomicBool::new(false);
    if STARTED.swap(true, Ordering::Relaxed) {
        // A sub-interpreter, which finds the variables of its process; it is not recorded.
        return Ok(());
    }
    crate::guard::install();
    let place = match Place::take(stage, parent) {
        Ok(place) => place,
        // The recording ended while this process was starting: nobody expects a trace.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("cannot join the recording: {error}")),
    };
    let options = Options::parse(&place.family.options);
    let producer = place.producer().map_err(|error| place.cannot(&error))?;
    let codes = Codes::new().ok_or("no room for data on code objects")?;
    place.tell_children();
    let rec = Box::into_raw(Box::new(Recorder {
        clock: crate::clock::Clock::new(),
        out: Out::new(producer),
        codes,
        threads: Threads::new(),
        heap: Heap::new(),
        place,
        pending_cell: std::ptr::null_mut(),
        detail: options.detail,
        seen: crate::hooks::seen::Seen::default(),
    }));
    // SAFETY: just made; the GIL is held by the bootstrap that calls this. `enter` comes before
    // the first event, as everywhere.
    unsafe {
        crate::cpython::gc::install();
        crate::process::facts::announce(&mut *rec);
        (*rec).enter();
        set_recorder(rec);
        let values = match options.detail {
            Detail::Full => crate::values::install(rec),
            Detail::Coverage { .. } => Ok(()),
        };
        let installed = values
            .and_then(|()| crate::hooks::install(options.detail))
            // Last: its audit hook would report what the others do.
            .and_then(|()| crate::process::install(rec, options));
        if let Err(problem) = installed {
            set_recorder(std::ptr::null_mut());
            return Err(problem.to_owned());
        }
    }
    crate::values::record_allocations(options.allocations && options.detail == Detail::Full);
    Ok(())
}
