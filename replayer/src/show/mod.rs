//! Recorded values as text: `repr`, `pprint`, and escaping for terminals. Builds text only; never
//! prints, and never runs recorded code: what only such code could tell is shown structurally, as
//! `<module.Class name=value ...>`.

pub mod class;
mod escape;
mod instance;
pub(crate) mod library;
pub(crate) mod numpy;
mod pprint;
mod printable;
mod repr;
pub mod text;

pub use escape::{Layout, escape, escape_bytes};
pub use pprint::pprint_value;
pub(crate) use pprint::split_lines;
pub use repr::{Limits, Shown, repr_value};

use crate::eval::Val;
use moviola_format::event::Kind;
use moviola_format::read::{Items, ObjectState, OwnedValue, Slice, Status};
use std::ops::Range;
use std::sync::Arc;

/// Why something cannot be told; the words after `<not recorded: `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable(pub String);

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<not recorded: {}>", self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Objects as they were at one position, one level at a time.
pub trait Objects {
    /// An object's contents. An object whose contents are unknown comes with that status; `Err`
    /// is for what could not be read at all.
    ///
    /// # Errors
    /// If the trace cannot tell.
    fn object(&self, id: u64) -> Result<Arc<ObjectState>, Unavailable>;

    /// Kind and class id, without the contents.
    ///
    /// # Errors
    /// If the trace cannot tell.
    fn object_head(&self, id: u64) -> Result<(Kind, u64), Unavailable> {
        let state = self.object(id)?;
        Ok((state.kind, state.class))
    }

    /// A range of a sequence's elements and the sequence's length, without reading the rest.
    ///
    /// # Errors
    /// If the trace cannot tell.
    fn slice(&self, id: u64, range: Range<u64>) -> Result<Slice, Unavailable> {
        let state = known(self.object(id)?)?;
        let all = state.seq.as_deref().unwrap_or_default();
        let len = all.len() as u64;
        let start = range.start.min(len);
        let end = range.end.clamp(start, len);
        let values = all[start as usize..end as usize].to_vec();
        Ok(Slice { len, range: start..end, values })
    }

    /// One element of a sequence; `None` beyond its end.
    ///
    /// # Errors
    /// If the trace cannot tell.
    fn element(&self, id: u64, index: u64) -> Result<Option<OwnedValue>, Unavailable> {
        let slice = self.slice(id, index..index.saturating_add(1))?;
        Ok(slice.values.into_iter().next())
    }

    /// How many items a dict has, and the first `count` of them; `None` if that takes no less than
    /// reading all of it.
    fn first_items(&self, _id: u64, _count: usize) -> Option<Result<(u64, Items), Unavailable>> {
        None
    }

    /// The id of the dict of what the program has put into modules and classes of Python's own, if
    /// the recording tells that (`changed` in `SPEC.md`).
    fn changed_names(&self) -> Option<u64> {
        None
    }

    /// The minor version of the recorded Python 3.
    fn python_minor(&self) -> u32 {
        11
    }
}

/// The state, if its contents are known.
///
/// # Errors
/// If they are not.
pub fn known(state: Arc<ObjectState>) -> Result<Arc<ObjectState>, Unavailable> {
    match state.status {
        Status::Known | Status::Dead => Ok(state),
        Status::Unknown(reason) => Err(Unavailable(reason.text().to_owned())),
        Status::Unseen => Err(Unavailable("object without a record".to_owned())),
    }
}

/// `repr` of a recorded value within the default limits. The text is not yet escaped for a
/// terminal.
#[must_use]
pub fn repr(value: &OwnedValue, objects: &dyn Objects) -> String {
    repr_value(&Val::from(value), objects, &Limits::default()).text
}

/// `pprint.pformat` of a recorded value, 80 columns.
#[must_use]
pub fn pprint(value: &OwnedValue, objects: &dyn Objects) -> String {
    pprint_value(&Val::from(value), objects)
}
