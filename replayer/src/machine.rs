//! The threads' stacks, moved forwards event by event.
//!
//! After [`Machine::apply`] of a stop event the stacks are as at that stop: a called frame is
//! there, a returning frame still is. Objects are not its business.

use moviola_format::event::Event;
use moviola_format::event::read::FrameDef;
use moviola_format::read::{CodeInfo, Frame as StoredFrame, OwnedValue, Stacks};
use rustc_hash::FxHashMap;

/// A frame on a stack.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Number of the activation.
    pub activation: u64,
    /// Code id; `u64::MAX` if the frame began before the recording.
    pub code: u64,
    /// Its line.
    pub line: i64,
    /// The namespace of a module or class body.
    pub namespace: Option<OwnedValue>,
    /// Locals by slot; slots that were never stored may be missing at the end.
    pub locals: Vec<OwnedValue>,
    /// The stop that put it onto the stack last.
    pub entered: u64,
    /// Counts the stores to its locals.
    pub version: u64,
}

/// What kind of stop an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopKind {
    /// A frame begins.
    Call,
    /// A suspended frame goes on.
    Resume,
    /// An exception is thrown into a suspended frame.
    Throw,
    /// A line is about to run.
    Line,
    /// A frame returns.
    Return,
    /// A generator hands out a value.
    Yield,
    /// A frame is left by an exception.
    Unwind,
    /// An exception passes through the frame.
    Raise,
}

impl StopKind {
    /// pdb's call event.
    #[must_use]
    pub const fn is_call(self) -> bool {
        matches!(self, Self::Call | Self::Resume | Self::Throw)
    }

    /// pdb's return event.
    #[must_use]
    pub const fn is_return(self) -> bool {
        matches!(self, Self::Return | Self::Yield | Self::Unwind)
    }
}

/// A stop just arrived at.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    /// What it is.
    pub kind: StopKind,
    /// The line shown for it.
    pub line: i64,
    /// Return value or exception.
    pub value: Option<OwnedValue>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Leaving {
    Nobody,
    ForGood,
    Suspended,
}

/// All stacks.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The current thread's stack, kept out of the map: nearly every event looks at it.
    running: Vec<Frame>,
    /// The other threads' stacks.
    threads: FxHashMap<u64, Vec<Frame>>,
    suspended: FxHashMap<u64, Frame>,
    /// First line and number of slots by code.
    codes: Vec<(u32, u32)>,
    current: u64,
    next_activation: u64,
    next_stop: u64,
    at: i64,
    leaving: Leaving,
}

impl Machine {
    /// Empty stacks, at the start of a trace.
    #[must_use]
    pub fn new(codes: &[CodeInfo]) -> Self {
        Self {
            running: Vec::new(),
            threads: FxHashMap::default(),
            suspended: FxHashMap::default(),
            codes: codes.iter().map(|code| (code.first_line, code.slots.len() as u32)).collect(),
            current: 0,
            next_activation: 0,
            next_stop: 0,
            at: 0,
            leaving: Leaving::Nobody,
        }
    }

    /// The stacks as stored for the start of a block.
    #[must_use]
    pub fn resume(
        codes: &[CodeInfo],
        stacks: &Stacks,
        first_stop: u64,
        first_activation: u64,
    ) -> Self {
        let mut machine = Self::new(codes);
        machine.current = stacks.current;
        machine.next_stop = first_stop;
        machine.next_activation = first_activation;
        for thread in &stacks.threads {
            let frames = thread.frames.iter().map(|frame| stored(frame)).collect();
            if thread.thread == machine.current {
                machine.running = frames;
            } else {
                machine.threads.insert(thread.thread, frames);
            }
        }
        machine
    }

    /// Gives a frame that was suspended before the start, so that it can go on.
    pub fn suspend(&mut self, frame: &StoredFrame) {
        self.suspended.insert(frame.activation, stored(frame));
    }

    /// Whether a frame that a RESUME or THROW names next is at hand.
    #[must_use]
    pub fn is_suspended(&mut self, activation: u64) -> bool {
        self.leave();
        self.suspended.contains_key(&activation)
    }

    /// The thread whose events come now.
    #[must_use]
    pub const fn thread(&self) -> u64 {
        self.current
    }

    /// A thread's frames, outermost first.
    #[must_use]
    pub fn stack(&self, thread: u64) -> &[Frame] {
        if thread == self.current {
            return &self.running;
        }
        self.threads.get(&thread).map_or(&[], Vec::as_slice)
    }

    /// A frame on any stack, or a suspended one that is at hand.
    #[must_use]
    pub fn frame(&self, activation: u64) -> Option<&Frame> {
        let is_it = |frame: &&Frame| frame.activation == activation;
        let running = self.running.iter().rev().find(is_it);
        let others = || self.threads.values().flatten().find(is_it);
        running.or_else(others).or_else(|| self.suspended.get(&activation))
    }

    /// Frames of all threads, suspended ones included.
    #[must_use]
    pub fn frame_count(&self) -> usize {
        let others = self.threads.values().map(Vec::len).sum::<usize>();
        self.running.len() + others + self.suspended.len()
    }

    /// Frames that are suspended and at hand.
    pub fn suspended(&self) -> impl Iterator<Item = &Frame> {
        self.suspended.values()
    }

    /// Number of the next activation.
    #[must_use]
    pub const fn next_activation(&self) -> u64 {
        self.next_activation
    }

    /// Takes a frame that returned at the last stop off its stack.
    pub fn settle(&mut self) {
        self.leave();
    }

    /// Number of the next stop.
    #[must_use]
    pub const fn next_stop(&self) -> u64 {
        self.next_stop
    }

    /// Applies one event, LINES expanded.
    #[inline]
    pub fn apply(&mut self, event: &Event<'_>) -> Option<Stop> {
        match event {
            Event::Line { delta } => {
                self.leave();
                let frame = self.top()?;
                frame.line = frame.line.wrapping_add(*delta);
                let line = frame.line;
                Some(self.stop(StopKind::Line, line, None))
            }
            Event::Local { slot, value } => {
                self.leave();
                let code = self.top()?.code;
                let limit = self.slots(code);
                let frame = self.top()?;
                let slot = *slot as usize;
                if slot >= limit {
                    return None;
                }
                if frame.locals.len() <= slot {
                    frame.locals.resize(slot + 1, OwnedValue::Unbound);
                }
                frame.locals[slot] = OwnedValue::from(*value);
                frame.version += 1;
                None
            }
            Event::At { delta } => {
                self.leave();
                self.at = *delta;
                None
            }
            Event::Thread { thread } | Event::ThreadStart { thread, .. } => {
                self.leave();
                if *thread != self.current {
                    let next = self.threads.remove(thread).unwrap_or_default();
                    let stack = std::mem::replace(&mut self.running, next);
                    if !stack.is_empty() {
                        self.threads.insert(self.current, stack);
                    }
                    self.current = *thread;
                }
                None
            }
            Event::Call { code, namespace, locals } => {
                self.leave();
                let line = self.codes.get(*code as usize).map_or(0, |code| i64::from(code.0));
                let slots = locals.iter().map(|(slot, _)| *slot as usize + 1).max().unwrap_or(0);
                let mut bound = vec![OwnedValue::Unbound; slots.min(self.slots(*code))];
                for (slot, value) in locals {
                    if let Some(place) = bound.get_mut(*slot as usize) {
                        *place = OwnedValue::from(*value);
                    }
                }
                let frame = Frame {
                    activation: self.next_activation,
                    code: *code,
                    line,
                    namespace: namespace.map(OwnedValue::from),
                    locals: bound,
                    entered: self.next_stop,
                    version: 0,
                };
                self.next_activation += 1;
                self.push(frame);
                Some(self.stop_here(StopKind::Call, None))
            }
            Event::Resume { activation } => self.go_on(*activation, StopKind::Resume),
            Event::Throw { activation } => self.go_on(*activation, StopKind::Throw),
            Event::Return { value } => {
                self.leave();
                let stop = self.stop_here(StopKind::Return, Some((*value).into()));
                self.leaving = Leaving::ForGood;
                Some(stop)
            }
            Event::Yield { value } => {
                self.leave();
                let stop = self.stop_here(StopKind::Yield, Some((*value).into()));
                self.leaving = Leaving::Suspended;
                Some(stop)
            }
            Event::Unwind => {
                self.leave();
                let stop = self.stop_here(StopKind::Unwind, Some(OwnedValue::None));
                self.leaving = Leaving::ForGood;
                Some(stop)
            }
            Event::Segment { activations, .. } => {
                self.next_activation = *activations;
                None
            }
            Event::Frame(frame) => {
                self.leave();
                self.baseline(frame);
                None
            }
            Event::Raise { exception } => {
                self.leave();
                Some(self.stop_here(StopKind::Raise, Some((*exception).into())))
            }
            _ => {
                self.leave();
                None
            }
        }
    }

    /// A frame that was there when the segment began.
    fn baseline(&mut self, given: &FrameDef<'_>) {
        let slots = given.locals.iter().map(|(slot, _)| *slot as usize + 1).max().unwrap_or(0);
        let mut locals = vec![OwnedValue::Unbound; slots.min(self.slots(given.code))];
        for (slot, value) in &given.locals {
            if let Some(place) = locals.get_mut(*slot as usize) {
                *place = OwnedValue::from(*value);
            }
        }
        let frame = Frame {
            activation: given.activation,
            code: given.code,
            line: i64::from(given.line),
            namespace: given.namespace.map(OwnedValue::from),
            locals,
            entered: self.next_stop,
            version: 0,
        };
        if given.suspended {
            self.suspended.insert(frame.activation, frame);
        } else {
            self.push(frame);
        }
    }

    fn top(&mut self) -> Option<&mut Frame> {
        self.running.last_mut()
    }

    /// How many slots a frame of this code has: a damaged trace may name any.
    fn slots(&self, code: u64) -> usize {
        let known = usize::try_from(code).ok().and_then(|code| self.codes.get(code));
        known.map_or(UNKNOWN_SLOTS, |code| code.1 as usize)
    }

    fn push(&mut self, frame: Frame) {
        self.running.push(frame);
    }

    fn go_on(&mut self, activation: u64, kind: StopKind) -> Option<Stop> {
        self.leave();
        let mut frame = self.suspended.remove(&activation).unwrap_or(Frame {
            activation,
            code: u64::MAX,
            line: 0,
            namespace: None,
            locals: Vec::new(),
            entered: 0,
            version: 0,
        });
        frame.entered = self.next_stop;
        self.push(frame);
        Some(self.stop_here(kind, None))
    }

    fn stop_here(&mut self, kind: StopKind, value: Option<OwnedValue>) -> Stop {
        let line = self.top().map_or(0, |frame| frame.line);
        self.stop(kind, line, value)
    }

    fn stop(&mut self, kind: StopKind, line: i64, value: Option<OwnedValue>) -> Stop {
        self.next_stop += 1;
        Stop { kind, line: line.wrapping_add(std::mem::take(&mut self.at)), value }
    }

    /// A frame that returned stays until something else happens.
    #[inline]
    fn leave(&mut self) {
        match self.leaving {
            Leaving::Nobody => return,
            Leaving::ForGood => {
                self.running.pop();
            }
            Leaving::Suspended => {
                if let Some(frame) = self.running.pop() {
                    self.suspended.insert(frame.activation, frame);
                }
            }
        }
        self.leaving = Leaving::Nobody;
    }
}

/// Slots kept of a frame whose code is not known.
const UNKNOWN_SLOTS: usize = 4096;

fn stored(frame: &StoredFrame) -> Frame {
    let slots = frame.locals.last().map_or(0, |(slot, _)| *slot as usize + 1).min(1 << 16);
    let mut locals = vec![OwnedValue::Unbound; slots];
    for (slot, value) in &frame.locals {
        if let Some(place) = locals.get_mut(*slot as usize) {
            place.clone_from(value);
        }
    }
    Frame {
        activation: frame.activation,
        code: frame.code,
        line: i64::from(frame.line),
        namespace: frame.namespace.clone(),
        locals,
        entered: frame.entered,
        version: 0,
    }
}
