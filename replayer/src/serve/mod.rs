//! What front ends outside of this library ask of a trace: the Python that evaluates what the native evaluator cannot
//! ([`crate::pdb`]), and the Python package through `moviola serve`. Messages are those of [`wire`].
//!
//! A request is an object with the key `ask` and the position `at`; an answer has the key of what was asked for, or `error`:
//! `["python", class, message]`, `["unknown", reason]`, `["unsupported", why]`, `["request", what is wrong with it]`.

mod objects;
pub(crate) mod stops;
pub mod wire;

use crate::eval::{self, EvalError, Scope, Val};
use crate::pdb::world::{FrameScope, Here};
use crate::show::{Limits, Objects, Unavailable, repr_value};
use crate::timeline::Timeline;
use moviola_format::event::Kind;
use moviola_format::read::{ObjectState, OwnedValue, Slice};
use serde_json::Value as Json;
use std::ops::Range;
use std::sync::Arc;

/// Answers requests about a timeline.
#[derive(Debug)]
pub struct Answers<'t> {
    time: &'t Timeline,
    /// The frame that names are looked up in.
    frame: Option<&'t FrameScope<'t>>,
}

impl<'t> Answers<'t> {
    /// About a timeline.
    #[must_use]
    pub const fn new(time: &'t Timeline) -> Self {
        Self { time, frame: None }
    }

    /// With the frame in which names are looked up.
    pub(crate) const fn in_frame(time: &'t Timeline, frame: &'t FrameScope<'t>) -> Self {
        Self { time, frame: Some(frame) }
    }

    /// The answer to a request, as JSON text.
    #[must_use]
    pub fn answer(&self, request: &Json) -> String {
        self.asked(request).unwrap_or_else(|error| refusal(&error))
    }

    fn asked(&self, request: &Json) -> Result<String, Refused> {
        let at = match request.get("at") {
            None => 0,
            Some(at) => at.as_u64().ok_or_else(|| wrong("at is no position"))?,
        };
        let here = Here::new(self.time, at.min(self.time.len().saturating_sub(1)));
        match request.get("ask").and_then(Json::as_str).unwrap_or_default() {
            "objects" => objects::objects(&here, &ids(request)?),
            "class" => objects::class(&here, number(request, "id")?),
            "eval" => evaluated(&here, request),
            "show" => {
                let value = parsed(request, "value")?;
                let shown = repr_value(&value, &here, &Limits::default());
                let mut out = format!("{{\"exact\":{},\"text\":", shown.exact);
                wire::string(&mut out, &shown.text);
                out.push('}');
                Ok(out)
            }
            "lookup" => {
                let frame = self.frame.ok_or_else(|| wrong("there is no frame"))?;
                let name = text(request, "name")?;
                Ok(match frame.global(name) {
                    Some(found) => value_answer(&Val::from(found), frame),
                    None => "{\"absent\":true}".to_owned(),
                })
            }
            "changed" => objects::changed(&here),
            "globals" => {
                let frame = self.frame.ok_or_else(|| wrong("there is no frame"))?;
                let id = frame.globals_id().unwrap_or(0);
                let items = crate::variables::namespace(&here, id);
                let items = items.ok_or_else(|| {
                    Refused::Eval(EvalError::Unknown("the globals of this frame".to_owned()))
                })?;
                let mut out = "{\"items\":".to_owned();
                objects::pairs(&mut out, &items, &here);
                out.push('}');
                Ok(out)
            }
            "info" => stops::info(self.time),
            "stops" => stops::stops(self.time, at, number(request, "count")?),
            "moment" => stops::moment(self.time, at),
            "code" => stops::code(self.time, number(request, "id")?),
            "source" => stops::source(self.time, text(request, "file")?),
            other => Err(wrong(format!("no such request: {other}"))),
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Refused {
    Eval(EvalError),
    Request(String),
}

impl From<EvalError> for Refused {
    fn from(error: EvalError) -> Self {
        Self::Eval(error)
    }
}

impl From<Unavailable> for Refused {
    fn from(reason: Unavailable) -> Self {
        Self::Eval(reason.into())
    }
}

impl From<moviola_format::read::TraceError> for Refused {
    fn from(error: moviola_format::read::TraceError) -> Self {
        Self::Eval(EvalError::Unknown(format!("the trace cannot be read: {error}")))
    }
}

fn wrong(what: impl Into<String>) -> Refused {
    Refused::Request(what.into())
}

fn refusal(error: &Refused) -> String {
    let (kind, words) = match error {
        Refused::Eval(EvalError::Python { class, message }) => ("python", vec![class, message]),
        Refused::Eval(EvalError::Unknown(reason)) => ("unknown", vec![reason]),
        Refused::Eval(EvalError::Unsupported(why)) => ("unsupported", vec![why]),
        Refused::Request(what) => ("request", vec![what]),
    };
    let mut out = format!("{{\"error\":[\"{kind}\"");
    for word in words {
        out.push(',');
        wire::string(&mut out, word);
    }
    out.push_str("]}");
    out
}

/// An answer of one value.
pub(crate) fn value_answer(value: &Val, objects: &dyn Objects) -> String {
    let mut out = "{\"value\":".to_owned();
    wire::value(&mut out, value, objects);
    out.push('}');
    out
}

fn number(request: &Json, key: &str) -> Result<u64, Refused> {
    request.get(key).and_then(Json::as_u64).ok_or_else(|| wrong(format!("{key} is no number")))
}

fn text<'r>(request: &'r Json, key: &str) -> Result<&'r str, Refused> {
    request.get(key).and_then(Json::as_str).ok_or_else(|| wrong(format!("{key} is no text")))
}

fn ids(request: &Json) -> Result<Vec<u64>, Refused> {
    let ids = request.get("ids").and_then(Json::as_array).ok_or_else(|| wrong("ids: no list"))?;
    ids.iter().map(|id| id.as_u64().ok_or_else(|| wrong("ids: no number"))).collect()
}

fn parsed(request: &Json, key: &str) -> Result<Val, Refused> {
    let value = request.get(key).ok_or_else(|| wrong(format!("{key} is missing")))?;
    wire::parse(value).map_err(Refused::Request)
}

/// An expression over values that the client names.
fn evaluated(here: &Here<'_>, request: &Json) -> Result<String, Refused> {
    let named = match request.get("names").and_then(Json::as_object) {
        None => Vec::new(),
        Some(names) => names
            .iter()
            .map(|(name, value)| Ok((name.clone(), wire::parse(value)?)))
            .collect::<Result<Vec<_>, String>>()
            .map_err(Refused::Request)?,
    };
    let scope = Named { here: *here, names: named };
    let value = eval::evaluate(text(request, "text")?, &scope)?;
    Ok(value_answer(value.value(), here))
}

/// The objects at a position, and names that the client has given.
#[derive(Debug)]
struct Named<'t> {
    here: Here<'t>,
    names: Vec<(String, Val)>,
}

impl Objects for Named<'_> {
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
        self.here.changed_names()
    }

    fn python_minor(&self) -> u32 {
        self.here.python_minor()
    }
}

impl Scope for Named<'_> {
    fn local(&self, _: &str) -> Option<OwnedValue> {
        None
    }

    fn made(&self, name: &str) -> Option<Option<Val>> {
        let found = self.names.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| Some(value.clone()))
    }

    fn global(&self, _: &str) -> Option<OwnedValue> {
        None
    }
}
