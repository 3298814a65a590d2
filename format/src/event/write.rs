//! Encoding of events: the mirror of [`super::read`].

use super::{Kind, Reason, op};

/// Somewhere to append bytes. The recorder implements it over the ring, tests over `Vec<u8>`.
pub trait Sink {
    /// Appends one byte.
    fn u8(&mut self, byte: u8);

    /// Appends raw bytes.
    fn raw(&mut self, bytes: &[u8]);

    /// Appends an unsigned LEB128 integer.
    #[inline]
    fn uv(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.u8((value as u8) | 0x80);
            value >>= 7;
        }
        self.u8(value as u8);
    }

    /// Appends a zigzag LEB128 integer.
    #[inline]
    fn sv(&mut self, value: i64) {
        self.uv(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Appends a length and bytes.
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.uv(bytes.len() as u64);
        self.raw(bytes);
    }

    /// Appends a length and text. Also used for `str` fields of events.
    #[inline]
    fn str(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Appends a memory block of a domain (0 raw, 1 mem, 2 obj). Blocks are aligned to 8 bytes and
    /// user addresses have 48 bits (x86-64 with four levels of pages, aarch64).
    #[inline]
    fn block(&mut self, domain: u8, address: u64) {
        let [a, b, c, d, e, f, ..] = (address & !7 | u64::from(domain)).to_le_bytes();
        self.raw(&[a, b, c, d, e, f]);
    }

    /// Appends an int value.
    #[inline]
    fn v_int(&mut self, value: i64) {
        if (-32..=159).contains(&value) {
            self.u8((value + i64::from(op::V_ZERO)) as u8);
        } else {
            self.u8(op::V_INT);
            self.sv(value);
        }
    }

    /// Appends an int value outside 64 bits; `magnitude` is least significant byte first.
    fn v_big(&mut self, negative: bool, magnitude: &[u8]) {
        self.u8(op::V_BIG);
        self.u8(u8::from(negative));
        self.bytes(magnitude);
    }

    /// Appends a float value.
    #[inline]
    fn v_float(&mut self, value: f64) {
        self.u8(op::V_FLOAT);
        self.raw(&value.to_bits().to_le_bytes());
    }

    /// Appends a complex value.
    fn v_complex(&mut self, re: f64, im: f64) {
        self.u8(op::V_COMPLEX);
        self.raw(&re.to_bits().to_le_bytes());
        self.raw(&im.to_bits().to_le_bytes());
    }

    /// Appends a str value (UTF-8, surrogates as three bytes).
    #[inline]
    fn v_str(&mut self, utf8: &[u8]) {
        self.u8(op::V_STR);
        self.bytes(utf8);
    }

    /// Appends a bytes value.
    #[inline]
    fn v_bytes(&mut self, bytes: &[u8]) {
        self.u8(op::V_BYTES);
        self.bytes(bytes);
    }

    /// Appends a reference to an object.
    #[inline]
    fn v_ref(&mut self, id: u64) {
        self.u8(op::V_REF);
        self.uv(id);
    }

    /// Appends "not recorded".
    #[inline]
    fn v_unknown(&mut self, reason: Reason) {
        self.u8(op::V_UNKNOWN);
        self.u8(reason as u8);
    }

    /// Appends a value.
    fn value(&mut self, value: &super::Value<'_>) {
        use super::Value as V;
        match *value {
            V::Unbound => self.u8(op::V_UNBOUND),
            V::None => self.u8(op::V_NONE),
            V::Bool(false) => self.u8(op::V_FALSE),
            V::Bool(true) => self.u8(op::V_TRUE),
            V::Ellipsis => self.u8(op::V_ELLIPSIS),
            V::NotImplemented => self.u8(op::V_NOT_IMPLEMENTED),
            V::Int(value) => self.v_int(value),
            V::Big { negative, magnitude } => self.v_big(negative, magnitude),
            V::Float(value) => self.v_float(value),
            V::Complex(re, im) => self.v_complex(re, im),
            V::Str(utf8) => self.v_str(utf8),
            V::Bytes(bytes) => self.v_bytes(bytes),
            V::Ref(id) => self.v_ref(id),
            V::Unknown(reason) => self.v_unknown(reason),
        }
    }

    /// Appends a line event, `delta` being the new line minus the frame's line.
    #[inline]
    fn line(&mut self, delta: i64) {
        if (-64..=63).contains(&delta) {
            self.u8((delta + i64::from(op::LINE_BIAS)) as u8);
        } else {
            self.u8(op::LINE_FAR);
            self.sv(delta);
        }
    }

    /// Begins a store to a local slot; a value must follow.
    #[inline]
    fn local(&mut self, slot: u32) {
        if slot < 64 {
            self.u8(op::LOCAL_FIRST + slot as u8);
        } else {
            self.u8(op::LOCAL_FAR);
            self.uv(u64::from(slot));
        }
    }

    /// Begins a new object; parts and [`op::P_END`] must follow.
    fn object(&mut self, id: u64, kind: Kind, class: u64) {
        self.u8(op::OBJECT);
        self.uv(id);
        self.u8(kind as u8);
        self.uv(class);
    }

    /// Appends a code definition.
    fn code(&mut self, code: &super::read::CodeDef<'_>) {
        self.u8(op::CODE);
        self.uv(code.id);
        self.uv(code.globals);
        self.uv(u64::from(code.first_line));
        self.uv(u64::from(code.flags));
        self.uv(u64::from(code.arg_count));
        self.bytes(code.filename);
        self.bytes(code.name);
        self.bytes(code.qualname);
        self.uv(code.slots.len() as u64);
        for (name, kind) in &code.slots {
            self.bytes(name);
            self.u8(*kind);
        }
        self.uv(code.lines.len() as u64);
        let mut last = i64::from(code.first_line);
        for line in &code.lines {
            self.sv(i64::from(*line) - last);
            last = i64::from(*line);
        }
    }
}

impl Sink for Vec<u8> {
    #[inline]
    fn u8(&mut self, byte: u8) {
        self.push(byte);
    }

    #[inline]
    fn raw(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
