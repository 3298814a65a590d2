//! An expression over time: what it is at a stop, and when it changes next or last.
//!
//! What was looked at to evaluate it says what to wait for: the objects, and the local variables of
//! its names. Only where one of these changes is it evaluated again.

use super::python::{self, Told};
use super::world::{FrameScope, Here};
use crate::eval::{EvalError, Expression, Scope, Val};
use crate::machine::{Frame, StopKind};
use crate::python::Python;
use crate::show::{Objects, Unavailable};
use crate::timeline::{Level, Moment, Record, Seek, Timeline};
use crate::variables::OPTIMIZED;
use moviola_format::event::Kind;
use moviola_format::read::{ObjectState, OwnedValue, Slice, TraceError};
use rustc_hash::FxHashSet;
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// Where an expression belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A frame: it has no value before the call and after the end.
    Frame(u64),
    /// The globals of this code object's module.
    Module(u64),
}

/// An expression that is followed.
#[derive(Debug, Clone)]
pub(super) struct Tracked {
    pub text: String,
    /// `None` if only a Python can read it.
    expression: Option<Expression>,
    pub place: Place,
    /// Slots of the frame's variables that have a name of the expression.
    slots: Vec<u32>,
    /// All slots of the frame's variables: a Python is given all of them.
    all: Vec<u32>,
    /// Tells what the native evaluator cannot.
    python: Option<Rc<RefCell<Python>>>,
}

/// What an expression is at a stop.
#[derive(Debug, Clone)]
pub(super) struct Now {
    /// The value's text, or the error's.
    pub text: String,
    /// Whether it is true; `None` if that cannot be told.
    pub truth: Option<bool>,
    /// Whether there is no value.
    pub fails: bool,
    /// The object, if it is one: another object of the same text is another value.
    object: Option<u64>,
    looked: Vec<u64>,
    /// Whether a Python told it, which sees all variables.
    all: bool,
}

impl Now {
    /// Whether two are the same value, as far as can be told.
    pub fn is_same(&self, other: &Self) -> bool {
        self.text == other.text && self.object == other.object
    }
}

impl Tracked {
    /// An expression in the selected frame of a session. It belongs to that frame if one of its names
    /// is a variable of the frame's function, else to the module.
    ///
    /// # Errors
    /// If it cannot be parsed.
    pub fn new(
        text: &str,
        level: &Level,
        time: &Timeline,
        python: &Rc<RefCell<Python>>,
    ) -> Result<Self, EvalError> {
        let python = Some(python).filter(|python| python.borrow().is_allowed()).cloned();
        let expression = match Expression::parse(text) {
            Err(EvalError::Unsupported(_)) if python.is_some() => None,
            parsed => Some(parsed?),
        };
        let names = names(text);
        let code = time.code(level.frame.code);
        let function = code.filter(|code| code.flags & OPTIMIZED != 0);
        let slots: Vec<u32> = function.map_or_else(Vec::new, |code| {
            let named = code.slots.iter().enumerate();
            let named = named.filter(|(_, (name, _))| names.contains(&name.as_str()));
            named.map(|(slot, _)| slot as u32).collect()
        });
        // A class body has a namespace of its own.
        let class = code.is_some_and(|code| code.flags & OPTIMIZED == 0 && code.name != "<module>");
        // What looks at all variables names none of them.
        let open = function.is_some()
            && names.iter().any(|name| ["locals", "vars", "dir", "eval", "exec"].contains(name));
        let place = match slots.is_empty() && !class && !open {
            true => Place::Module(level.frame.code),
            false => Place::Frame(level.frame.activation),
        };
        let all = code.map_or_else(Vec::new, |code| (0..code.slots.len() as u32).collect());
        Ok(Self { text: text.to_owned(), expression, place, slots, all, python })
    }

    /// The value at a stop; `None` if its frame is not there then.
    ///
    /// # Errors
    /// If the trace cannot be read there.
    pub fn at(&self, time: &Timeline, stop: u64) -> Result<Option<Now>, TraceError> {
        let frame = match self.place {
            Place::Frame(activation) => match time.frame_at(stop, activation)? {
                Some(frame) => frame,
                None => return Ok(None),
            },
            Place::Module(code) => Frame {
                activation: u64::MAX,
                code,
                line: 0,
                namespace: None,
                locals: Vec::new(),
                entered: 0,
                version: 0,
            },
        };
        let level = Level { frame, line: None, last: None };
        let moment =
            Moment { stop, thread: 0, kind: StopKind::Line, value: None, stack: Vec::new() };
        let scope = FrameScope::new(Here::new(time, stop), &moment, &level);
        if let Some(expression) = &self.expression {
            let noting = Noting { scope: &scope, looked: RefCell::default() };
            let value = expression.evaluate(&noting);
            let natively = !matches!(value, Err(EvalError::Unsupported(_)));
            if natively || self.python.is_none() {
                let (text, truth, object) = match &value {
                    Ok(value) => {
                        (value.repr(&noting), value.is_true(&noting).ok(), value.object_id())
                    }
                    Err(error) => (error.to_string(), None, None),
                };
                let looked = noting.looked.into_inner().into_iter().filter(|id| *id != 0);
                let (looked, fails) = (looked.collect(), value.is_err());
                return Ok(Some(Now { text, truth, fails, object, looked, all: false }));
            }
        }
        self.at_in_python(time, stop, &scope)
    }

    /// The value at a stop, told by a Python. Every object that it asks for is noted, and those that hold
    /// variables, whatever their names.
    fn at_in_python(
        &self,
        time: &Timeline,
        stop: u64,
        scope: &FrameScope<'_>,
    ) -> Result<Option<Now>, TraceError> {
        let Some(python) = &self.python else { return Ok(None) };
        time.begin_noting();
        scope.globals_id().into_iter().for_each(|id| time.note(id));
        for name in scope.local_names() {
            scope.holders(&name).into_iter().for_each(|id| time.note(id));
        }
        let told = python::value(time, python, scope, stop, &self.text);
        let (text, truth, object, fails) = match told {
            Ok(Told::Value(value)) => {
                (value.repr(scope), value.is_true(scope).ok(), value.object_id(), false)
            }
            Ok(Told::Text(words)) => {
                let truth = python::truth(time, python, scope, stop, &self.text).ok();
                (words.text, truth, None, false)
            }
            Err(error) => (error.to_string(), None, None, true),
        };
        let looked = time.end_noting().into_iter().filter(|id| *id != 0).collect();
        time.check_interrupt()?;
        Ok(Some(Now { text, truth, fails, object, looked, all: true }))
    }

    /// The variables that a value depends on.
    fn watched(&self, now: &Now) -> &[u32] {
        if now.all { &self.all } else { &self.slots }
    }

    /// The first stop behind `from` and before `until` at which the value is another than at the stop
    /// before, with both values; `None` for a frame that is not there.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn next(
        &self,
        time: &Timeline,
        from: u64,
        until: u64,
    ) -> Result<Option<Change>, TraceError> {
        let until = until.min(time.len());
        let mut stop = from;
        let mut old = self.at(time, stop)?;
        while stop + 1 < until {
            // Changes behind the last stop show at none.
            let limit = until - 1;
            let candidate = match (&old, self.place) {
                // Not there yet: at its call. Gone: never again.
                (None, Place::Frame(activation)) => time.next_entry(activation, stop + 1, until)?,
                (None, Place::Module(_)) => None,
                (Some(now), Place::Frame(activation)) => {
                    let object = time.next_object_change(&now.looked, stop, limit)?;
                    let limit = object.map_or(limit, |object| object + 1);
                    let end = time.frame_end(activation, stop, limit)?;
                    let limit = end.map_or(limit, |end| end + 1);
                    let store = time.next_store(activation, self.watched(now), stop, limit)?;
                    store.or(end).or(object)
                }
                (Some(now), Place::Module(_)) => {
                    time.next_object_change(&now.looked, stop, limit)?
                }
            };
            let Some(before) = candidate else { return Ok(None) };
            let after = before + 1;
            let new = self.at(time, after)?;
            if !same(&old, &new) {
                return Ok(Some(Change { stop: after, old, new }));
            }
            (stop, old) = (after, new);
        }
        Ok(None)
    }

    /// The last stop up to `until`, not before `least`, at which the value is another than at the stop
    /// before.
    ///
    /// # Errors
    /// If the trace cannot be read on the way.
    pub fn last(
        &self,
        time: &Timeline,
        until: u64,
        least: u64,
    ) -> Result<Option<Change>, TraceError> {
        let mut stop = until;
        let mut new = self.at(time, stop)?;
        while stop >= least.max(1) {
            // What shows at `least` lies behind the stop before.
            let limit = least.saturating_sub(1);
            let candidate = match (&new, self.place) {
                // Gone: at its end. Not there yet: never before.
                (None, Place::Frame(activation)) => {
                    let mine = |_: u64, record: &Record| record.activation == activation;
                    time.find_backward(stop, Seek::Anything, mine)?
                }
                (None, Place::Module(_)) => None,
                (Some(now), Place::Frame(activation)) => {
                    let object = time.last_object_change(&now.looked, stop)?;
                    let call = self.call(time, activation, stop)?;
                    let limit = limit.max(object.unwrap_or(0)).max(call.unwrap_or(0));
                    let store = time.last_store(activation, self.watched(now), stop, limit)?;
                    store.max(call).max(object)
                }
                (Some(now), Place::Module(_)) => time.last_object_change(&now.looked, stop)?,
            };
            let Some(before) = candidate.filter(|before| *before >= limit) else { return Ok(None) };
            let old = self.at(time, before)?;
            let after = self.at(time, before + 1)?;
            if !same(&old, &after) {
                return Ok(Some(Change { stop: before + 1, old, new: after }));
            }
            (stop, new) = (before, old);
        }
        Ok(None)
    }

    /// The stop before the frame's call.
    fn call(&self, time: &Timeline, activation: u64, stop: u64) -> Result<Option<u64>, TraceError> {
        let found = time.find_backward(stop + 1, Seek::Frame { activation }, |_, record| {
            record.activation == activation && record.kind == StopKind::Call
        })?;
        Ok(found.and_then(|call| call.checked_sub(1)))
    }
}

/// A change of the value, first seen at `stop`.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub stop: u64,
    pub old: Option<Now>,
    pub new: Option<Now>,
}

fn same(old: &Option<Now>, new: &Option<Now>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => old.is_same(new),
        (None, None) => true,
        _ => false,
    }
}

/// The words of an expression, some of which are names.
fn names(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect()
}

/// A scope that notes which objects are looked at.
struct Noting<'s> {
    scope: &'s FrameScope<'s>,
    looked: RefCell<FxHashSet<u64>>,
}

impl Noting<'_> {
    fn note(&self, id: u64) {
        self.looked.borrow_mut().insert(id);
    }

    fn note_value(&self, value: Option<OwnedValue>) -> Option<OwnedValue> {
        if let Some(OwnedValue::Ref(id)) = &value {
            self.note(*id);
        }
        value
    }
}

impl Objects for Noting<'_> {
    fn object(&self, id: u64) -> Result<Arc<ObjectState>, Unavailable> {
        self.note(id);
        self.scope.object(id)
    }

    fn object_head(&self, id: u64) -> Result<(Kind, u64), Unavailable> {
        self.note(id);
        self.scope.object_head(id)
    }

    fn slice(&self, id: u64, range: Range<u64>) -> Result<Slice, Unavailable> {
        self.note(id);
        self.scope.slice(id, range)
    }

    fn changed_names(&self) -> Option<u64> {
        self.scope.changed_names()
    }

    fn python_minor(&self) -> u32 {
        self.scope.python_minor()
    }
}

impl Scope for Noting<'_> {
    fn local(&self, name: &str) -> Option<OwnedValue> {
        self.scope.holders(name).into_iter().for_each(|id| self.note(id));
        self.note_value(self.scope.local(name))
    }

    fn made(&self, name: &str) -> Option<Option<Val>> {
        self.scope.made(name)
    }

    fn global(&self, name: &str) -> Option<OwnedValue> {
        self.scope.globals_id().into_iter().for_each(|id| self.note(id));
        self.note_value(self.scope.global(name))
    }
}

impl std::fmt::Debug for Noting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Noting").finish_non_exhaustive()
    }
}

/// What a value is, for a line of text.
pub(super) fn shown(now: &Option<Now>) -> &str {
    now.as_ref().map_or("<its frame is not there>", |now| &now.text)
}
