//! Reading a trace. Mirrors `crate::write`. Must never panic, whatever the bytes, and never
//! use memory out of proportion to what was asked.

mod trace;
mod types;
mod value;

pub use trace::Trace;
pub use types::{
    BlockBounds, Bookmark, Child, CodeInfo, EventCounts, Exit, Frame, Gap, Slice, Span, Stacks,
    ThreadInfo, ThreadStack, TraceError,
};
pub use value::{Items, ObjectState, OwnedValue, Status};
