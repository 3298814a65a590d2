//! Contents of recorded objects as they change: the one place that says what an object event
//! does. The writer's mirror of the live heap and the reader both apply events with it.
//!
//! Values stay encoded. Must not allocate out of proportion to the bytes it is given.

mod contents;
mod key;
mod map;
mod packed;
mod seq;

pub use contents::{Contents, SeqPart, Touch};
pub use key::{RefKey, Resolve, canonical, contents_key, immutable_key, is_canonical};
pub use map::Map;
pub use packed::Packed;
pub use seq::Seq;
