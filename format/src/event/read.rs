//! Decoding of events: the mirror of [`super::write`]. Never panics on any bytes.

use super::{Kind, Reason, op};

/// What is wrong with the bytes, and where (an offset into the slice that was read).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes end inside an event.
    Truncated {
        /// Where the missing byte would be.
        offset: usize,
    },
    /// An opcode that no version up to this one has.
    UnknownOpcode {
        /// Where it stands.
        offset: usize,
        /// The byte.
        opcode: u8,
    },
    /// A value or part tag, kind or reason that no version up to this one has.
    BadTag {
        /// Where it stands.
        offset: usize,
        /// The byte.
        tag: u8,
    },
    /// An integer of more than 64 bits, or a count larger than the bytes that are left.
    BadNumber {
        /// Where it stands.
        offset: usize,
    },
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated { offset } => write!(f, "event cut off at byte {offset}"),
            Self::UnknownOpcode { offset, opcode } => {
                write!(f, "unknown event {opcode:#04x} at byte {offset}")
            }
            Self::BadTag { offset, tag } => write!(f, "unknown tag {tag:#04x} at byte {offset}"),
            Self::BadNumber { offset } => write!(f, "impossible number at byte {offset}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A recorded value: inline, or a reference to an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// No value: an unbound local, an empty cell, a deleted slot.
    Unbound,
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// `...`.
    Ellipsis,
    /// `NotImplemented`.
    NotImplemented,
    /// An int in 64 bits.
    Int(i64),
    /// A larger int.
    Big {
        /// Below zero.
        negative: bool,
        /// Least significant byte first.
        magnitude: &'a [u8],
    },
    /// A float.
    Float(f64),
    /// A complex number.
    Complex(f64, f64),
    /// A str, UTF-8 with surrogates as three bytes each.
    Str(&'a [u8]),
    /// A bytes object.
    Bytes(&'a [u8]),
    /// An object by id.
    Ref(u64),
    /// Not recorded.
    Unknown(Reason),
}

/// A part of an object's contents.
#[derive(Debug, Clone, PartialEq)]
pub enum Part<'a> {
    /// Elements.
    Seq(Vec<Value<'a>>),
    /// Items in order.
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// Instance dictionary in order.
    Attrs(Vec<(Value<'a>, Value<'a>)>),
    /// Slots and C-level fields.
    Fields(Vec<(Value<'a>, Value<'a>)>),
    /// One value.
    Scalar(Value<'a>),
    /// Raw bytes.
    Blob(&'a [u8]),
    /// The dict is the `__dict__` of this object.
    DictOf(u64),
}

/// A code object together with the globals namespace it runs in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodeDef<'a> {
    /// Id, counted from 0 in order of definition.
    pub id: u64,
    /// Object id of the globals dict (0: not recorded).
    pub globals: u64,
    /// `co_firstlineno`.
    pub first_line: u32,
    /// `co_flags`.
    pub flags: u32,
    /// Number of parameters, including keyword-only, `*args` and `**kwargs`.
    pub arg_count: u32,
    /// `co_filename`.
    pub filename: &'a [u8],
    /// `co_name`.
    pub name: &'a [u8],
    /// `co_qualname`.
    pub qualname: &'a [u8],
    /// Name and kind bits (`CO_FAST_LOCAL` 0x20, `CO_FAST_CELL` 0x40, `CO_FAST_FREE` 0x80,
    /// `CO_FAST_HIDDEN` 0x10) of each slot of `localsplus`. A slot whose kind has CELL or FREE
    /// holds a reference to a cell object.
    pub slots: Vec<(&'a [u8], u8)>,
    /// The line numbers that the code object has instructions for, sorted, each once.
    pub lines: Vec<u32>,
}

/// A frame that was there when a segment began.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FrameDef<'a> {
    /// Suspended, not on the stack.
    pub suspended: bool,
    /// Number of the activation.
    pub activation: u64,
    /// Code id.
    pub code: u64,
    /// Its line.
    pub line: u32,
    /// The namespace of a module or class body.
    pub namespace: Option<Value<'a>>,
    /// Slots that have values.
    pub locals: Vec<(u32, Value<'a>)>,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // Fields are described at the opcode, in `op.rs`.
pub enum Event<'a> {
    Line {
        delta: i64,
    },
    Lines {
        deltas: Vec<i64>,
    },
    Local {
        slot: u32,
        value: Value<'a>,
    },
    Call {
        code: u64,
        namespace: Option<Value<'a>>,
        locals: Vec<(u32, Value<'a>)>,
    },
    Return {
        value: Value<'a>,
    },
    Yield {
        value: Value<'a>,
    },
    Resume {
        activation: u64,
    },
    Throw {
        activation: u64,
    },
    Unwind,
    Raise {
        exception: Value<'a>,
    },
    At {
        delta: i64,
    },
    Handled {
        exception: Value<'a>,
    },
    CCall {
        callable: Value<'a>,
    },
    CReturn {
        raised: bool,
    },
    Thread {
        thread: u64,
    },
    ThreadStart {
        thread: u64,
        ident: u64,
        native_id: u64,
    },
    ThreadEnd {
        thread: u64,
    },
    ThreadName {
        thread: u64,
        name: &'a [u8],
    },
    Code(Box<CodeDef<'a>>),
    Source {
        filename: &'a [u8],
        part: u64,
        text: &'a [u8],
    },
    Time {
        nanos: u64,
    },
    Meta {
        key: &'a [u8],
        value: &'a [u8],
    },
    Exit {
        kind: u8,
        code: i64,
    },
    Gap {
        reason: &'a [u8],
    },
    Bookmark {
        name: &'a [u8],
    },
    Child {
        pid: u64,
        number: u64,
        how: &'a [u8],
    },
    Output {
        stream: u8,
        data: &'a [u8],
    },
    Audit {
        name: &'a [u8],
        args: Vec<Value<'a>>,
    },
    Alloc {
        domain: u8,
        address: u64,
        size: u64,
    },
    Free {
        domain: u8,
        address: u64,
    },
    Realloc {
        domain: u8,
        old: u64,
        new: u64,
        size: u64,
    },
    Segment {
        activations: u64,
        stops: u64,
        lines: u64,
        nanos: u64,
    },
    /// Something ran at least once, in a recording of coverage only (`op::SEEN`).
    Seen {
        code: u64,
        from: i64,
        lines: Vec<i64>,
    },
    Frame(Box<FrameDef<'a>>),
    Object {
        id: u64,
        kind: Kind,
        class: u64,
        parts: Vec<Part<'a>>,
    },
    Replace {
        id: u64,
        parts: Vec<Part<'a>>,
    },
    SeqSet {
        id: u64,
        index: u64,
        value: Value<'a>,
    },
    SeqSplice {
        id: u64,
        start: u64,
        deleted: u64,
        inserted: Vec<Value<'a>>,
    },
    SeqAppend {
        id: u64,
        value: Value<'a>,
    },
    SeqRemove {
        id: u64,
        value: Value<'a>,
    },
    MapSet {
        id: u64,
        key: Value<'a>,
        value: Value<'a>,
    },
    MapDel {
        id: u64,
        key: Value<'a>,
    },
    Clear {
        id: u64,
    },
    AttrSet {
        id: u64,
        key: Value<'a>,
        value: Value<'a>,
    },
    AttrDel {
        id: u64,
        key: Value<'a>,
    },
    FieldSet {
        id: u64,
        key: Value<'a>,
        value: Value<'a>,
    },
    ScalarSet {
        id: u64,
        value: Value<'a>,
    },
    BlobSplice {
        id: u64,
        start: u64,
        deleted: u64,
        data: &'a [u8],
    },
    Death {
        id: u64,
    },
    Unknown {
        id: u64,
        reason: Reason,
    },
}

/// Reads events one after the other from a slice.
#[derive(Debug, Clone)]
pub struct EventReader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

type Result<T> = std::result::Result<T, DecodeError>;

impl<'a> EventReader<'a> {
    /// A reader at the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Where the next event starts.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Goes on at `offset`, which must be the start of an event.
    pub const fn seek(&mut self, offset: usize) {
        self.offset = offset;
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// On bytes that are no event; the offset then stays at the event's start.
    #[inline]
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>> {
        if self.offset >= self.bytes.len() {
            return Ok(None);
        }
        let start = self.offset;
        match self.event() {
            Ok(event) => Ok(Some(event)),
            Err(error) => {
                self.offset = start;
                Err(error)
            }
        }
    }

    /// The change of line, if the next event is a line of the usual form; it is passed over then.
    #[inline]
    pub fn next_line(&mut self) -> Option<i64> {
        let opcode = *self.bytes.get(self.offset)?;
        (opcode >= op::LINE_FIRST).then(|| {
            self.offset += 1;
            i64::from(opcode) - i64::from(op::LINE_BIAS)
        })
    }

    /// Passes over events of memory and time, which are more than half of all, without making them.
    ///
    /// # Errors
    /// On bytes that are no event; the offset then stays at the event's start.
    #[inline]
    pub fn pass_memory(&mut self) -> Result<()> {
        while let Some(opcode @ (op::ALLOC | op::FREE | op::REALLOC | op::TIME)) =
            self.bytes.get(self.offset).copied()
        {
            let start = self.offset;
            self.offset += 1;
            let passed = match opcode {
                op::TIME => self.uv().map(|_| ()),
                op::FREE => self.block().map(|_| ()),
                op::ALLOC => self.uv().and_then(|_| self.block()).map(|_| ()),
                _ => self.uv().and_then(|_| self.block()).and_then(|_| self.block()).map(|_| ()),
            };
            if let Err(error) = passed {
                self.offset = start;
                return Err(error);
            }
        }
        Ok(())
    }

    /// A value on its own, outside any event.
    pub(crate) fn any_value(&mut self) -> Result<Value<'a>> {
        self.value()
    }

    #[inline]
    fn u8(&mut self) -> Result<u8> {
        let byte =
            *self.bytes.get(self.offset).ok_or(DecodeError::Truncated { offset: self.offset })?;
        self.offset += 1;
        Ok(byte)
    }

    #[inline]
    fn uv(&mut self) -> Result<u64> {
        let first = self.u8()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let start = self.offset - 1;
        let mut value = u64::from(first & 0x7f);
        let mut shift = 7;
        loop {
            let byte = self.u8()?;
            if shift >= 63 && byte > 1 {
                return Err(DecodeError::BadNumber { offset: start });
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    #[inline]
    fn sv(&mut self) -> Result<i64> {
        let value = self.uv()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn u32(&mut self) -> Result<u32> {
        let start = self.offset;
        u32::try_from(self.uv()?).map_err(|_| DecodeError::BadNumber { offset: start })
    }

    /// A count of things that take at least one byte each.
    fn count(&mut self) -> Result<usize> {
        let start = self.offset;
        let count = self.uv()?;
        if count > (self.bytes.len() - self.offset) as u64 {
            return Err(DecodeError::BadNumber { offset: start });
        }
        Ok(count as usize)
    }

    #[inline]
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.offset.checked_add(count).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else {
            return Err(DecodeError::Truncated { offset: self.bytes.len() });
        };
        let taken = &self.bytes[self.offset..end];
        self.offset = end;
        Ok(taken)
    }

    fn blob(&mut self) -> Result<&'a [u8]> {
        let count = self.count()?;
        self.take(count)
    }

    fn frame(&mut self) -> Result<FrameDef<'a>> {
        let offset = self.offset;
        let suspended = match self.u8()? {
            0 => false,
            1 => true,
            tag => return Err(DecodeError::BadTag { offset, tag }),
        };
        let (activation, code, line) = (self.uv()?, self.uv()?, self.u32()?);
        let namespace = Some(self.value()?).filter(|value| *value != Value::Unbound);
        let count = self.count()?;
        let locals = (0..count).map(|_| Ok((self.u32()?, self.value()?))).collect::<Result<_>>()?;
        Ok(FrameDef { suspended, activation, code, line, namespace, locals })
    }

    fn block(&mut self) -> Result<(u8, u64)> {
        Ok(super::raw::split_block(self.take(super::raw::BLOCK_LEN)?))
    }

    fn float(&mut self) -> Result<f64> {
        let mut bits = [0; 8];
        bits.copy_from_slice(self.take(8)?);
        Ok(f64::from_bits(u64::from_le_bytes(bits)))
    }

    fn reason(&mut self) -> Result<Reason> {
        let offset = self.offset;
        let tag = self.u8()?;
        Reason::from_code(tag).ok_or(DecodeError::BadTag { offset, tag })
    }

    #[inline]
    fn value(&mut self) -> Result<Value<'a>> {
        let offset = self.offset;
        let tag = self.u8()?;
        if tag >= op::V_SMALL {
            return Ok(Value::Int(i64::from(tag) - i64::from(op::V_ZERO)));
        }
        Ok(match tag {
            op::V_UNBOUND => Value::Unbound,
            op::V_NONE => Value::None,
            op::V_FALSE => Value::Bool(false),
            op::V_TRUE => Value::Bool(true),
            op::V_ELLIPSIS => Value::Ellipsis,
            op::V_NOT_IMPLEMENTED => Value::NotImplemented,
            op::V_INT => Value::Int(self.sv()?),
            op::V_BIG => Value::Big { negative: self.u8()? != 0, magnitude: self.blob()? },
            op::V_FLOAT => Value::Float(self.float()?),
            op::V_COMPLEX => Value::Complex(self.float()?, self.float()?),
            op::V_STR => Value::Str(self.blob()?),
            op::V_BYTES => Value::Bytes(self.blob()?),
            op::V_REF => Value::Ref(self.uv()?),
            op::V_UNKNOWN => Value::Unknown(self.reason()?),
            _ => return Err(DecodeError::BadTag { offset, tag }),
        })
    }

    fn values(&mut self) -> Result<Vec<Value<'a>>> {
        let count = self.count()?;
        (0..count).map(|_| self.value()).collect()
    }

    fn pairs(&mut self) -> Result<Vec<(Value<'a>, Value<'a>)>> {
        let count = self.count()?;
        (0..count).map(|_| Ok((self.value()?, self.value()?))).collect()
    }

    fn parts(&mut self) -> Result<Vec<Part<'a>>> {
        let mut parts = Vec::new();
        loop {
            let offset = self.offset;
            parts.push(match self.u8()? {
                op::P_END => return Ok(parts),
                op::P_SEQ => Part::Seq(self.values()?),
                op::P_MAP => Part::Map(self.pairs()?),
                op::P_ATTRS => Part::Attrs(self.pairs()?),
                op::P_FIELDS => Part::Fields(self.pairs()?),
                op::P_SCALAR => Part::Scalar(self.value()?),
                op::P_BLOB => Part::Blob(self.blob()?),
                op::P_DICT_OF => Part::DictOf(self.uv()?),
                tag => return Err(DecodeError::BadTag { offset, tag }),
            });
        }
    }

    fn call(&mut self, with_namespace: bool) -> Result<Event<'a>> {
        let code = self.uv()?;
        let namespace = if with_namespace { Some(self.value()?) } else { None };
        let count = self.count()?;
        let locals = (0..count).map(|_| Ok((self.u32()?, self.value()?))).collect::<Result<_>>()?;
        Ok(Event::Call { code, namespace, locals })
    }

    fn code(&mut self) -> Result<CodeDef<'a>> {
        let mut code = CodeDef {
            id: self.uv()?,
            globals: self.uv()?,
            first_line: self.u32()?,
            flags: self.u32()?,
            arg_count: self.u32()?,
            filename: self.blob()?,
            name: self.blob()?,
            qualname: self.blob()?,
            ..CodeDef::default()
        };
        let count = self.count()?;
        code.slots = (0..count).map(|_| Ok((self.blob()?, self.u8()?))).collect::<Result<_>>()?;
        let count = self.count()?;
        let mut last = i64::from(code.first_line);
        for _ in 0..count {
            let offset = self.offset;
            last = last.wrapping_add(self.sv()?);
            code.lines.push(u32::try_from(last).map_err(|_| DecodeError::BadNumber { offset })?);
        }
        Ok(code)
    }

    #[inline]
    fn event(&mut self) -> Result<Event<'a>> {
        let offset = self.offset;
        let opcode = self.u8()?;
        if opcode >= op::LINE_FIRST {
            return Ok(Event::Line { delta: i64::from(opcode) - i64::from(op::LINE_BIAS) });
        }
        if opcode >= op::LOCAL_FIRST {
            let slot = u32::from(opcode - op::LOCAL_FIRST);
            return Ok(Event::Local { slot, value: self.value()? });
        }
        self.rare_event(offset, opcode)
    }

    fn rare_event(&mut self, offset: usize, opcode: u8) -> Result<Event<'a>> {
        Ok(match opcode {
            op::LINE_FAR => Event::Line { delta: self.sv()? },
            op::LOCAL_FAR => Event::Local { slot: self.u32()?, value: self.value()? },
            op::CALL => self.call(false)?,
            op::CALL_NS => self.call(true)?,
            op::RETURN => Event::Return { value: self.value()? },
            op::YIELD => Event::Yield { value: self.value()? },
            op::RESUME => Event::Resume { activation: self.uv()? },
            op::THROW => Event::Throw { activation: self.uv()? },
            op::UNWIND => Event::Unwind,
            op::RAISE => Event::Raise { exception: self.value()? },
            op::AT => Event::At { delta: self.sv()? },
            op::HANDLED => Event::Handled { exception: self.value()? },
            op::LINES => {
                let count = self.count()?;
                Event::Lines { deltas: (0..count).map(|_| self.sv()).collect::<Result<_>>()? }
            }
            op::C_CALL => Event::CCall { callable: self.value()? },
            op::C_RETURN => Event::CReturn { raised: self.u8()? != 0 },
            op::THREAD => Event::Thread { thread: self.uv()? },
            op::THREAD_START => {
                Event::ThreadStart { thread: self.uv()?, ident: self.uv()?, native_id: self.uv()? }
            }
            op::THREAD_END => Event::ThreadEnd { thread: self.uv()? },
            op::THREAD_NAME => Event::ThreadName { thread: self.uv()?, name: self.blob()? },
            op::CODE => Event::Code(Box::new(self.code()?)),
            op::SOURCE => {
                Event::Source { filename: self.blob()?, part: self.uv()?, text: self.blob()? }
            }
            op::TIME => Event::Time { nanos: self.uv()? },
            op::META => Event::Meta { key: self.blob()?, value: self.blob()? },
            op::EXIT => Event::Exit { kind: self.u8()?, code: self.sv()? },
            op::GAP => Event::Gap { reason: self.blob()? },
            op::BOOKMARK => Event::Bookmark { name: self.blob()? },
            op::CHILD => Event::Child { pid: self.uv()?, number: self.uv()?, how: self.blob()? },
            op::OUTPUT => Event::Output { stream: self.u8()?, data: self.blob()? },
            op::AUDIT => Event::Audit { name: self.blob()?, args: self.values()? },
            op::ALLOC => {
                let size = self.uv()?;
                let (domain, address) = self.block()?;
                Event::Alloc { domain, address, size }
            }
            op::FREE => {
                let (domain, address) = self.block()?;
                Event::Free { domain, address }
            }
            op::REALLOC => {
                let size = self.uv()?;
                let ((_, old), (domain, new)) = (self.block()?, self.block()?);
                Event::Realloc { domain, old, new, size }
            }
            op::SEGMENT => Event::Segment {
                activations: self.uv()?,
                stops: self.uv()?,
                lines: self.uv()?,
                nanos: self.uv()?,
            },
            op::FRAME => Event::Frame(Box::new(self.frame()?)),
            op::SEEN => {
                let (code, from) = (self.uv()?, self.sv()?);
                let count = self.count()?;
                let lines = (0..count).map(|_| self.sv()).collect::<Result<_>>()?;
                Event::Seen { code, from, lines }
            }
            op::OBJECT => {
                let id = self.uv()?;
                let offset = self.offset;
                let tag = self.u8()?;
                let kind = Kind::from_code(tag).ok_or(DecodeError::BadTag { offset, tag })?;
                Event::Object { id, kind, class: self.uv()?, parts: self.parts()? }
            }
            op::REPLACE => Event::Replace { id: self.uv()?, parts: self.parts()? },
            op::SEQ_SET => {
                Event::SeqSet { id: self.uv()?, index: self.uv()?, value: self.value()? }
            }
            op::SEQ_SPLICE => Event::SeqSplice {
                id: self.uv()?,
                start: self.uv()?,
                deleted: self.uv()?,
                inserted: self.values()?,
            },
            op::SEQ_APPEND => Event::SeqAppend { id: self.uv()?, value: self.value()? },
            op::SEQ_REMOVE => Event::SeqRemove { id: self.uv()?, value: self.value()? },
            op::MAP_SET => {
                Event::MapSet { id: self.uv()?, key: self.value()?, value: self.value()? }
            }
            op::MAP_DEL => Event::MapDel { id: self.uv()?, key: self.value()? },
            op::CLEAR => Event::Clear { id: self.uv()? },
            op::ATTR_SET => {
                Event::AttrSet { id: self.uv()?, key: self.value()?, value: self.value()? }
            }
            op::ATTR_DEL => Event::AttrDel { id: self.uv()?, key: self.value()? },
            op::FIELD_SET => {
                Event::FieldSet { id: self.uv()?, key: self.value()?, value: self.value()? }
            }
            op::SCALAR_SET => Event::ScalarSet { id: self.uv()?, value: self.value()? },
            op::BLOB_SPLICE => Event::BlobSplice {
                id: self.uv()?,
                start: self.uv()?,
                deleted: self.uv()?,
                data: self.blob()?,
            },
            op::DEATH => Event::Death { id: self.uv()? },
            op::UNKNOWN => Event::Unknown { id: self.uv()?, reason: self.reason()? },
            _ => return Err(DecodeError::UnknownOpcode { offset, opcode }),
        })
    }
}
