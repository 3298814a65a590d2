//! Reading a trace. Mirrors [`crate::write`]. Must never panic, whatever the bytes, and never
//! use memory out of proportion to what was asked.

mod block;
mod cache;
mod check;
mod encoding;
mod family;
mod hits;
mod locate;
mod objects;
mod open;
mod slices;
mod stacks;
mod store;
mod stored;
mod tables;
mod tail;
mod trace;
mod types;
mod value;

pub use block::{ChangeAt, DecodedBlock, EventCursor, Step};
pub use encoding::{check_encoding, decoded};
pub use family::{Family, Member};
pub use hits::Hits;
pub use objects::ChangeStops;
pub use trace::Trace;
pub use types::{
    BlockBounds, Bookmark, Child, CodeInfo, EventCounts, Exit, Frame, Gap, Segment, Slice, Span,
    Stacks, ThreadInfo, ThreadStack, TraceError,
};
pub use value::{Items, ObjectState, OwnedValue, Status};
