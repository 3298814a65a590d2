//! Floats that one arithmetic operation makes of others: `s += x` stores the sum of what the
//! variable held and what was stored just before. Such a value is coded as which operation it was.
//!
//! Only values that come out bit for bit are coded so; IEEE 754 addition, subtraction and
//! multiplication have one result on every machine, except for NaNs, which are left alone.

/// How many of the latest floats are operands.
const RECENT: usize = 4;

/// Codes below this are operations; see [`Floats::candidate`].
const CODES: u8 = 1 + 5 * RECENT as u8;

/// The floats seen in a block so far.
pub struct Floats {
    /// By opcode and place in the event, the last float there.
    last: Box<[[f64; super::FIELDS]; 128]>,
    /// The latest first.
    recent: [f64; RECENT],
}

impl Floats {
    pub fn new() -> Self {
        Self { last: Box::new([[0.0; super::FIELDS]; 128]), recent: [0.0; RECENT] }
    }

    /// The value of a code: 0 the last one in this place; then by fours, with each of the
    /// recent ones: that one, last + it, last - it, it - last, last * it.
    fn candidate(&self, last: f64, code: u8) -> Option<f64> {
        let Some(code) = code.checked_sub(1) else { return Some(last) };
        let other = self.recent[usize::from(code) % RECENT];
        let value = match usize::from(code) / RECENT {
            0 => other,
            1 => last + other,
            2 => last - other,
            3 => other - last,
            4 => last * other,
            _ => return None,
        };
        (!value.is_nan()).then_some(value)
    }

    /// The code of a value, if it has one.
    #[inline]
    pub fn code(&mut self, opcode: usize, field: usize, value: f64) -> Option<u8> {
        let last = self.last[opcode][field];
        let bits = value.to_bits();
        let found = (0..CODES)
            .find(|code| self.candidate(last, *code).is_some_and(|found| found.to_bits() == bits));
        self.note(opcode, field, value);
        found
    }

    /// The value of a code.
    pub fn value(&mut self, opcode: usize, field: usize, code: u8) -> Option<f64> {
        let value = self.candidate(self.last[opcode][field], code)?;
        self.note(opcode, field, value);
        Some(value)
    }

    /// A value went by.
    #[inline]
    pub fn note(&mut self, opcode: usize, field: usize, value: f64) {
        self.last[opcode][field] = value;
        self.recent.copy_within(..RECENT - 1, 1);
        self.recent[0] = value;
    }
}
