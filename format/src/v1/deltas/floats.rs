//! Floats that one arithmetic operation makes of others: `s += x` stores the sum of what the
//! variable held and what was stored just before. Such a value is coded as which operation it was.
//!
//! Only values that come out bit for bit are coded so; IEEE 754 addition, subtraction and
//! multiplication have one result on every machine, except for NaNs, which are left alone.

/// How many of the latest floats are operands.
const RECENT: usize = 4;

/// How many codes there are; see [`Floats::candidates`].
const CODES: usize = 5 * RECENT + 1;

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

    /// The values of the codes: by fours, with each of the recent ones: that one, last + it,
    /// last - it, it - last, last * it; then the last one in this place.
    #[inline]
    fn candidates(&self, last: f64) -> [f64; CODES] {
        let mut all = [last; CODES];
        for (at, other) in self.recent.into_iter().enumerate() {
            all[at] = other;
            all[RECENT + at] = last + other;
            all[2 * RECENT + at] = last - other;
            all[3 * RECENT + at] = other - last;
            all[4 * RECENT + at] = last * other;
        }
        all
    }

    /// The code of a value, if it has one.
    #[inline]
    pub fn code(&mut self, opcode: usize, field: usize, value: f64) -> Option<u8> {
        let bits = value.to_bits();
        let candidates = self.candidates(self.last[opcode][field]);
        self.note(opcode, field, value);
        // Whether there is one, in a form that vector instructions can do.
        let found = candidates.iter().fold(false, |any, found| any | (found.to_bits() == bits));
        if !found || value.is_nan() {
            return None;
        }
        candidates.iter().position(|found| found.to_bits() == bits).map(|code| code as u8)
    }

    /// The value of a code.
    pub fn value(&mut self, opcode: usize, field: usize, code: u8) -> Option<f64> {
        let candidates = self.candidates(self.last[opcode][field]);
        let value = *candidates.get(usize::from(code)).filter(|value| !value.is_nan())?;
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
