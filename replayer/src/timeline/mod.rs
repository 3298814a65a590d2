//! A trace as a line of stops that can be walked both ways, and the state at each.
//!
//! Cost: a stop is answered by the one block that holds it; blocks in which a frame did not run
//! are jumped over by the index. What a debugger command means is not decided here.

mod breaks;
mod changes;
mod crash;
mod moment;
mod scan;
mod search;
mod skip;
mod view;

pub use breaks::{Breakpoint, Hit, Verdict, first_executable};
pub use crash::meta_of;
pub use moment::{Level, Moment};
pub use search::Seek;
mod verbs;
pub use verbs::{Selected, Verb};
pub use view::{Record, View};

use crate::machine::{Machine, StopKind};
use crate::steps::Steps;
use moviola_format::read::{CodeInfo, ObjectState, Trace, TraceError};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Decoded blocks kept.
const VIEWS: usize = 12;
/// Objects kept for a position.
const OBJECTS: usize = 4096;

/// A trace and the blocks of it looked at last.
#[derive(Debug)]
pub struct Timeline {
    trace: Trace,
    views: RefCell<Vec<(usize, Rc<View>)>>,
    walker: RefCell<Option<Walker>>,
    objects: RefCell<(u64, FxHashMap<u64, Arc<ObjectState>>)>,
    interrupt: Arc<AtomicBool>,
    skip: skip::Skip,
    /// The objects that are looked at, while somebody wants to know.
    noted: RefCell<Option<FxHashSet<u64>>>,
}

/// Stacks part of the way through a block, so that a look a little later is cheap.
#[derive(Debug)]
struct Walker {
    block: usize,
    machine: Machine,
    steps: Steps,
    /// The stop stood at; `None` before the block's first.
    stop: Option<u64>,
    value: Option<moviola_format::read::OwnedValue>,
    line: i64,
    kind: StopKind,
}

impl Walker {
    const fn at(block: usize, machine: Machine, steps: Steps, stop: Option<u64>) -> Self {
        Self { block, machine, steps, stop, value: None, line: 0, kind: StopKind::Line }
    }
}

/// Whether this error only says that somebody wanted the command to end.
#[must_use]
pub fn interrupted(error: &TraceError) -> bool {
    matches!(error, TraceError::Io { error, .. } if error.kind() == std::io::ErrorKind::Interrupted)
}

impl Timeline {
    /// A timeline of an open trace.
    #[must_use]
    pub fn new(trace: Trace) -> Self {
        Self {
            trace,
            views: RefCell::default(),
            walker: RefCell::default(),
            objects: RefCell::default(),
            interrupt: Arc::default(),
            skip: skip::Skip::default(),
            noted: RefCell::default(),
        }
    }

    /// Set by a front end, from a signal handler or another thread, this makes a long search end
    /// with [`interrupted`] before the next block. The front end clears it again.
    #[must_use]
    pub const fn interrupt(&self) -> &Arc<AtomicBool> {
        &self.interrupt
    }

    /// Makes searches end when another timeline's do.
    pub(crate) fn share_interrupt(&mut self, interrupt: Arc<AtomicBool>) {
        self.interrupt = interrupt;
    }

    /// The trace.
    #[must_use]
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Number of stops.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.trace.stop_count()
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A code object.
    #[must_use]
    pub fn code(&self, code: u64) -> Option<&CodeInfo> {
        self.trace.codes().get(usize::try_from(code).ok()?)
    }

    /// The stops of a block.
    ///
    /// # Errors
    /// If the trace cannot be read there.
    pub fn view(&self, block: usize) -> Result<Rc<View>, TraceError> {
        let mut views = self.views.borrow_mut();
        if let Some(at) = views.iter().position(|(number, _)| *number == block) {
            let found = views.remove(at);
            let view = Rc::clone(&found.1);
            views.push(found);
            return Ok(view);
        }
        self.check_interrupt()?;
        let view = Rc::new(View::of(&self.trace, block)?);
        if views.len() >= VIEWS {
            views.remove(0);
        }
        views.push((block, Rc::clone(&view)));
        Ok(view)
    }

    /// From here on, the objects that are looked at are noted.
    pub(crate) fn begin_noting(&self) {
        *self.noted.borrow_mut() = Some(FxHashSet::default());
    }

    /// What was looked at since.
    pub(crate) fn end_noting(&self) -> FxHashSet<u64> {
        self.noted.borrow_mut().take().unwrap_or_default()
    }

    /// An object is looked at.
    pub(crate) fn note(&self, id: u64) {
        if let Some(noted) = self.noted.borrow_mut().as_mut() {
            noted.insert(id);
        }
    }

    /// An error if the command is to end.
    pub(crate) fn check_interrupt(&self) -> Result<(), TraceError> {
        if self.interrupt.load(Ordering::Relaxed) {
            let error = Arc::new(std::io::ErrorKind::Interrupted.into());
            return Err(TraceError::Io { action: "finish the command", error });
        }
        Ok(())
    }

    /// A stop, without values; `None` past the end.
    ///
    /// # Errors
    /// If the trace cannot be read there.
    pub fn record(&self, stop: u64) -> Result<Option<Record>, TraceError> {
        if stop >= self.len() {
            return Ok(None);
        }
        Ok(self.view(self.trace.block_of_stop(stop))?.get(stop).copied())
    }

    /// An object's contents at a stop.
    ///
    /// # Errors
    /// If the trace cannot be read there.
    pub fn object(&self, id: u64, stop: u64) -> Result<Arc<ObjectState>, TraceError> {
        {
            let mut cache = self.objects.borrow_mut();
            if cache.0 != stop || cache.1.len() > OBJECTS {
                cache.0 = stop;
                cache.1.clear();
            }
            if let Some(found) = cache.1.get(&id) {
                return Ok(Arc::clone(found));
            }
        }
        let state = Arc::new(self.trace.object_at(id, stop)?);
        self.objects.borrow_mut().1.insert(id, Arc::clone(&state));
        Ok(state)
    }
}
