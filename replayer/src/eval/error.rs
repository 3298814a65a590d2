//! Why an expression has no value.

use crate::show::Unavailable;

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvalError {
    /// What Python would raise.
    Python {
        /// Name of the exception class.
        class: String,
        /// `str` of the exception.
        message: String,
    },
    /// The value depends on something that was not recorded; the reason.
    Unknown(String),
    /// It cannot be told without running recorded code, or is beyond this evaluator; why.
    Unsupported(String),
}

impl std::fmt::Display for EvalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Python { class, message } if message.is_empty() => write!(f, "*** {class}"),
            Self::Python { class, message } => write!(f, "*** {class}: {message}"),
            Self::Unknown(reason) => write!(f, "<not recorded: {reason}>"),
            Self::Unsupported(why) => write!(f, "*** moviola: cannot tell offline: {why}"),
        }
    }
}

impl std::error::Error for EvalError {}

impl From<Unavailable> for EvalError {
    fn from(reason: Unavailable) -> Self {
        Self::Unknown(reason.0)
    }
}

/// What everything in the evaluator returns.
pub(super) type R<T> = Result<T, EvalError>;

pub(super) fn python<T>(class: &str, message: impl Into<String>) -> R<T> {
    Err(EvalError::Python { class: class.to_owned(), message: message.into() })
}

pub(super) fn type_error<T>(message: impl Into<String>) -> R<T> {
    python("TypeError", message)
}

pub(super) fn value_error<T>(message: impl Into<String>) -> R<T> {
    python("ValueError", message)
}

pub(super) fn unsupported<T>(why: impl Into<String>) -> R<T> {
    Err(EvalError::Unsupported(why.into()))
}

pub(super) fn unknown<T>(reason: &str) -> R<T> {
    Err(EvalError::Unknown(reason.to_owned()))
}
