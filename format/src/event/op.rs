//! Opcode and tag bytes of the event stream. One table; `SPEC.md` repeats it in words.

/// `0x80..=0xff`: a line event; the delta to the frame's line is `op - LINE_BIAS`.
pub const LINE_FIRST: u8 = 0x80;
/// Opcode of a line event with delta 0.
pub const LINE_BIAS: u8 = 0xc0;
/// `0x40..=0x7f`: a store to local slot `op - LOCAL_FIRST`, then the value.
pub const LOCAL_FIRST: u8 = 0x40;

/// Line event with a delta outside -64..=63: `sv delta`.
pub const LINE_FAR: u8 = 0x01;
/// Store to a slot above 63: `uv slot, value`.
pub const LOCAL_FAR: u8 = 0x02;
/// Call stop, new activation: `uv code, uv n, (uv slot, value) * n`.
pub const CALL: u8 = 0x03;
/// As `CALL`, of a frame with a namespace: `uv code, value namespace, uv n, ...`.
pub const CALL_NS: u8 = 0x04;
/// Return stop: `value`.
pub const RETURN: u8 = 0x05;
/// Return stop of a generator that keeps its frame: `value`.
pub const YIELD: u8 = 0x06;
/// Call stop, a suspended activation goes on: `uv activation`.
pub const RESUME: u8 = 0x07;
/// Call stop, an exception is thrown into a suspended activation: `uv activation`.
pub const THROW: u8 = 0x08;
/// Return stop of a frame that is left by an exception; no fields.
pub const UNWIND: u8 = 0x09;
/// Exception stop: `value exception`.
pub const RAISE: u8 = 0x0a;
/// The next stop has the line `frame line + sv delta` (-1: none, `f_lineno` is None); the frame's
/// line stays as it is.
pub const AT: u8 = 0x0b;
/// An exception is handled in the current frame: `value exception`.
pub const HANDLED: u8 = 0x0c;
/// Several line events proved, not observed: `uv n, (sv delta) * n`; expands to n line stops.
pub const LINES: u8 = 0x0d;
/// A C function is called: `value callable`.
pub const C_CALL: u8 = 0x0e;
/// The C function called last on this thread returned (`u8` 0) or raised (1).
pub const C_RETURN: u8 = 0x0f;

/// The following events are of this thread: `uv thread`.
pub const THREAD: u8 = 0x10;
/// A thread is seen first: `uv thread, uv ident, uv native_id`. It becomes the current one.
pub const THREAD_START: u8 = 0x11;
/// The thread ended: `uv thread`.
pub const THREAD_END: u8 = 0x12;
/// The thread's name became known: `uv thread, str name`.
pub const THREAD_NAME: u8 = 0x13;
/// A code object (with one globals namespace) gets an id; fields in `CodeDef`.
pub const CODE: u8 = 0x14;
/// The text of a source file: `str filename, uv part, bytes` (parts in order, joined).
pub const SOURCE: u8 = 0x15;
/// Time: `uv` nanoseconds since the last TIME event of the stream.
pub const TIME: u8 = 0x16;
/// Start facts, `str key, str value`; keys in `SPEC.md`.
pub const META: u8 = 0x17;
/// The process ends: `u8 kind` (0 exit code, 1 signal, 2 uncaught exception), `sv code`.
pub const EXIT: u8 = 0x18;
/// A span was not recorded: `str reason`.
pub const GAP: u8 = 0x19;
/// A named moment: `str name`.
pub const BOOKMARK: u8 = 0x1a;
/// A child process: `uv pid, uv child number, str how`.
pub const CHILD: u8 = 0x1b;
/// Output: `u8 descriptor (1, 2; +0x80: intent at TextIOWrapper.write), bytes`.
pub const OUTPUT: u8 = 0x1c;
/// Audit event: `str name, uv n, value * n`.
pub const AUDIT: u8 = 0x1d;

/// Allocation: `uv size, block`; a block is its address with the domain (0 raw, 1 mem, 2 obj) in
/// the low three bits, 6 bytes, least significant first.
pub const ALLOC: u8 = 0x20;
/// Free: `block`.
pub const FREE: u8 = 0x21;
/// Reallocation: `uv size, old block, new block`.
pub const REALLOC: u8 = 0x22;

/// A segment begins, before all else in it but THREAD_START: `uv activations, uv stops, uv lines,
/// uv nanoseconds` of the recording before it. Activations and time go on from there; stops and
/// lines are counted from the segment's start. A baseline follows: definitions, OBJECT, FRAME.
pub const SEGMENT: u8 = 0x23;
/// A frame that was there when the segment began: `u8 where (0 on top of the current thread's
/// stack, 1 suspended), uv activation, uv code, uv line, value namespace (unbound: none), uv n,
/// (uv slot, value) * n`. No stop.
pub const FRAME: u8 = 0x24;
/// What ran at least once, in a recording of coverage only: `uv code, sv from, uv n, sv line * n`.
/// One line, which is `from`: that line ran. Otherwise control went from `from` to the first of the
/// lines that is not of the same statement; a negative one is the code object's outside. No stop.
pub const SEEN: u8 = 0x25;

/// New object: `uv id, u8 kind, uv class id (0: the kind's own type), parts`.
pub const OBJECT: u8 = 0x30;
/// All parts of an object are replaced: `uv id, parts`.
pub const REPLACE: u8 = 0x31;
/// `uv id, uv index, value`.
pub const SEQ_SET: u8 = 0x32;
/// `uv id, uv start, uv deleted, uv inserted, value * inserted`.
pub const SEQ_SPLICE: u8 = 0x33;
/// `uv id, value`.
pub const SEQ_APPEND: u8 = 0x34;
/// `uv id, value`: remove the first element equal to the value (sets).
pub const SEQ_REMOVE: u8 = 0x35;
/// `uv id, key, value`: an equal key keeps its place, a new one goes to the end.
pub const MAP_SET: u8 = 0x36;
/// `uv id, key`.
pub const MAP_DEL: u8 = 0x37;
/// `uv id`: sequence and map emptied.
pub const CLEAR: u8 = 0x38;
/// Instance `__dict__` entry: `uv id, key, value`.
pub const ATTR_SET: u8 = 0x39;
/// `uv id, key`.
pub const ATTR_DEL: u8 = 0x3a;
/// Slot or named C-level field: `uv id, key, value` (Unbound: deleted).
pub const FIELD_SET: u8 = 0x3b;
/// The scalar part (a cell's contents, Unbound: empty): `uv id, value`.
pub const SCALAR_SET: u8 = 0x3c;
/// `uv id, uv start, uv deleted, bytes`: of the blob part.
pub const BLOB_SPLICE: u8 = 0x3d;
/// The object is gone; its id is never used again: `uv id`.
pub const DEATH: u8 = 0x3e;
/// The contents are not known from here to the next REPLACE: `uv id, u8 reason`.
pub const UNKNOWN: u8 = 0x3f;

/// Ends the parts of an object.
pub const P_END: u8 = 0;
/// Sequence elements: `uv n, value * n`.
pub const P_SEQ: u8 = 1;
/// Mapping items in order: `uv n, (key, value) * n`.
pub const P_MAP: u8 = 2;
/// Instance dictionary in order: `uv n, (key, value) * n`.
pub const P_ATTRS: u8 = 3;
/// Slots and named C-level fields: `uv n, (str value key, value) * n`.
pub const P_FIELDS: u8 = 4;
/// One value: a cell's contents, the payload of a `str`/`int`/... subclass, a text form.
pub const P_SCALAR: u8 = 5;
/// Raw bytes: `bytes`.
pub const P_BLOB: u8 = 6;
/// This dict is the `__dict__` of the object `uv id`; its items are that object's attributes.
pub const P_DICT_OF: u8 = 7;

/// Value tags. `V_SMALL..=0xff` is the int `tag - V_ZERO`.
pub const V_UNBOUND: u8 = 0x00;
/// `None`.
pub const V_NONE: u8 = 0x01;
/// `False`.
pub const V_FALSE: u8 = 0x02;
/// `True`.
pub const V_TRUE: u8 = 0x03;
/// `...`.
pub const V_ELLIPSIS: u8 = 0x04;
/// `NotImplemented`.
pub const V_NOT_IMPLEMENTED: u8 = 0x05;
/// Int in 64 bits: `sv`.
pub const V_INT: u8 = 0x06;
/// Larger int: `u8 sign (1: negative), bytes` magnitude, least significant first.
pub const V_BIG: u8 = 0x07;
/// Float: 8 bytes, IEEE 754 bits.
pub const V_FLOAT: u8 = 0x08;
/// Complex: two floats.
pub const V_COMPLEX: u8 = 0x09;
/// Str: `bytes`, UTF-8 with surrogates as three bytes each.
pub const V_STR: u8 = 0x0a;
/// Bytes: `bytes`.
pub const V_BYTES: u8 = 0x0b;
/// An object: `uv id`.
pub const V_REF: u8 = 0x0c;
/// Not recorded: `u8 reason`.
pub const V_UNKNOWN: u8 = 0x0d;
/// First tag of the small ints.
pub const V_SMALL: u8 = 0x40;
/// Tag of the int 0.
pub const V_ZERO: u8 = 0x60;
