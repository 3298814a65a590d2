//! An encoded value of its own, 16 bytes; most values need no further memory.

/// Encoded bytes of one value.
#[derive(Debug, Clone)]
pub enum Packed {
    /// Up to 14 bytes in place.
    Inline(u8, [u8; 14]),
    /// More. Boxed twice so that the whole stays at 16 bytes.
    #[allow(clippy::box_collection)]
    Long(Box<Box<[u8]>>),
}

impl Packed {
    /// A copy of `bytes`.
    #[inline]
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        if bytes.len() <= 14 {
            let mut inline = [0; 14];
            inline[..bytes.len()].copy_from_slice(bytes);
            Self::Inline(bytes.len() as u8, inline)
        } else {
            Self::Long(Box::new(bytes.into()))
        }
    }

    /// The encoded bytes.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Inline(len, bytes) => &bytes[..usize::from(*len).min(14)],
            Self::Long(bytes) => bytes,
        }
    }
}

impl Default for Packed {
    fn default() -> Self {
        Self::Inline(0, [0; 14])
    }
}

impl PartialEq for Packed {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Packed {}

impl std::hash::Hash for Packed {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

impl std::borrow::Borrow<[u8]> for Packed {
    fn borrow(&self) -> &[u8] {
        self.bytes()
    }
}
