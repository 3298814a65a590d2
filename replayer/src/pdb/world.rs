//! Recorded objects at a position, and the variables of a frame, for the evaluator.

use super::Engine;
use crate::eval::{Scope, Val};
use crate::show::class::text;
use crate::show::{Objects, Unavailable, known};
use crate::timeline::{Level, Moment, Timeline};
use crate::variables::{locals, namespace};
use moviola_format::event::Kind;
use moviola_format::read::{CodeInfo, Items, ObjectState, OwnedValue, Slice, Status, TraceError};
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

/// Longer sequences are read in parts where a part will do.
const PART_LEN: u64 = 512;

/// The objects as they are at one stop.
#[derive(Debug, Clone, Copy)]
pub struct Here<'t> {
    /// The trace.
    pub time: &'t Timeline,
    /// The stop.
    pub stop: u64,
    minor: u32,
    changed: Option<u64>,
}

impl<'t> Here<'t> {
    /// The objects at a stop.
    pub fn new(time: &'t Timeline, stop: u64) -> Self {
        Self { time, stop, minor: time.minor(), changed: time.changed_names() }
    }
}

fn unavailable(error: &TraceError) -> Unavailable {
    Unavailable(format!("the trace cannot be read: {error}"))
}

impl Objects for Here<'_> {
    fn object(&self, id: u64) -> Result<Arc<ObjectState>, Unavailable> {
        self.time.note(id);
        self.time.object(id, self.stop).map_err(|error| unavailable(&error))
    }

    fn object_head(&self, id: u64) -> Result<(Kind, u64), Unavailable> {
        self.time.note(id);
        let info = self.time.trace().object_info(id, self.stop);
        info.map_err(|error| unavailable(&error))?
            .ok_or_else(|| Unavailable("object without a record".to_owned()))
    }

    fn slice(&self, id: u64, range: Range<u64>) -> Result<Slice, Unavailable> {
        self.time.note(id);
        let trace = self.time.trace();
        let (len, status) = trace.len_at(id, self.stop).map_err(|error| unavailable(&error))?;
        let plain = matches!(status, Status::Known | Status::Dead);
        if plain && len > PART_LEN && range.end.saturating_sub(range.start) < len / 2 {
            let part = trace.slice_at(id, self.stop, range);
            return part.map(|(slice, _)| slice).map_err(|error| unavailable(&error));
        }
        let state = known(self.object(id)?)?;
        let all = state.seq.as_deref().unwrap_or_default();
        let len = all.len() as u64;
        let start = range.start.min(len);
        let end = range.end.clamp(start, len);
        let values = all[start as usize..end as usize].to_vec();
        Ok(Slice { len, range: start..end, values })
    }

    fn changed_names(&self) -> Option<u64> {
        self.changed
    }

    fn python_minor(&self) -> u32 {
        self.minor
    }
}

/// The variables of one frame.
#[derive(Debug)]
pub struct FrameScope<'t> {
    here: Here<'t>,
    level: &'t Level,
    retval: Option<OwnedValue>,
    exception: Option<OwnedValue>,
    locals: OnceCell<Vec<(String, OwnedValue)>>,
    globals: OnceCell<Option<Items>>,
    /// The session, for what the user has made.
    engine: Option<&'t Engine>,
}

impl<'t> FrameScope<'t> {
    /// With what the user of the session has made.
    pub const fn with(mut self, engine: &'t Engine) -> Self {
        self.engine = Some(engine);
        self
    }

    /// The variables of a frame of this moment.
    pub fn new(here: Here<'t>, moment: &Moment, level: &'t Level) -> Self {
        let top = moment.stack.last().map(|top| top.frame.activation);
        let value = moment.value.clone().filter(|_| top == Some(level.frame.activation));
        let returning = moment.kind.is_return();
        Self {
            here,
            level,
            retval: value.clone().filter(|_| returning),
            exception: value.filter(|_| !returning),
            locals: OnceCell::new(),
            globals: OnceCell::new(),
            engine: None,
        }
    }

    /// The locals: the slots of the code object, or the namespace and what hides it.
    pub fn locals(&self) -> &[(String, OwnedValue)] {
        let code = self.here.time.code(self.level.frame.code);
        self.locals.get_or_init(|| locals(&self.here, code, &self.level.frame))
    }

    /// The objects that hold a local variable: its cell, the frame's namespace.
    pub fn holders(&self, name: &str) -> Vec<u64> {
        let frame = &self.level.frame;
        let code = self.here.time.code(frame.code);
        let slots = code.into_iter().flat_map(|code| code.slots.iter().zip(&frame.locals));
        let named = slots.filter(|((known, _), _)| known == name).map(|(_, value)| value);
        let held = named.chain(&frame.namespace).filter_map(|value| match value {
            OwnedValue::Ref(id) => Some(*id),
            _ => None,
        });
        held.collect()
    }

    /// The frame's code object.
    pub fn code(&self) -> Option<&CodeInfo> {
        self.here.time.code(self.level.frame.code)
    }

    /// The dict of the module's globals.
    pub fn globals_id(&self) -> Option<u64> {
        self.here.time.code(self.level.frame.code).map(|code| code.globals)
    }

    fn globals(&self) -> Option<&Items> {
        let code = self.here.time.code(self.level.frame.code)?;
        self.globals.get_or_init(|| namespace(&self.here, code.globals)).as_ref()
    }
}

impl Objects for FrameScope<'_> {
    fn object(&self, id: u64) -> Result<Arc<ObjectState>, Unavailable> {
        self.here.object(id)
    }

    fn object_head(&self, id: u64) -> Result<(Kind, u64), Unavailable> {
        self.here.object_head(id)
    }

    fn slice(&self, id: u64, range: Range<u64>) -> Result<Slice, Unavailable> {
        self.here.slice(id, range)
    }

    fn changed_names(&self) -> Option<u64> {
        self.here.changed
    }

    fn python_minor(&self) -> u32 {
        self.here.minor
    }
}

impl Scope for FrameScope<'_> {
    fn local(&self, name: &str) -> Option<OwnedValue> {
        let found = self.locals().iter().rev().find(|(local, _)| local == name);
        found.map(|(_, value)| value.clone()).or_else(|| self.unknown_local())
    }

    fn made(&self, name: &str) -> Option<Option<Val>> {
        self.engine?.scratch_value(name, self.level.frame.activation)
    }

    fn global(&self, name: &str) -> Option<OwnedValue> {
        let globals = self.globals()?;
        let mut found = globals
            .iter()
            .filter(|(key, _)| text(key, &self.here).is_some_and(|text| text == name));
        found.next().map(|(_, value)| value.clone())
    }

    fn retval(&self) -> Option<OwnedValue> {
        self.retval.clone()
    }

    fn exception(&self) -> Option<OwnedValue> {
        self.exception.clone()
    }

    fn local_names(&self) -> Vec<String> {
        self.locals().iter().map(|(name, _)| name.clone()).collect()
    }

    fn global_names(&self) -> Vec<String> {
        let globals = self.globals().into_iter().flatten();
        globals.filter_map(|(key, _)| text(key, &self.here)).collect()
    }
}

impl FrameScope<'_> {
    /// In a frame whose variables were not recorded, any name may be one of them.
    fn unknown_local(&self) -> Option<OwnedValue> {
        let frame = &self.level.frame;
        match &frame.namespace {
            Some(OwnedValue::Unknown(reason)) => Some(OwnedValue::Unknown(*reason)),
            _ if self.here.time.code(frame.code).is_none() => {
                Some(OwnedValue::Unknown(moviola_format::event::Reason::Before))
            }
            _ => None,
        }
    }
}
