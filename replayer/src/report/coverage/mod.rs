//! Coverage from recordings: lines, branches, hit counts and contexts, in the formats of coverage.py
//! and others.

pub mod analysis;
pub mod code;
pub mod files;
pub mod formats;
mod ini;
pub mod measure;
pub mod settings;

pub use analysis::{Analysis, Numbers, shown};
pub use files::Choice;
pub use measure::{Measured, numbits};
pub use settings::Settings;
