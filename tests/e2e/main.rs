//! The real binary, from outside: every test starts `moviola` as a user would.
//!
//! `MOVIOLA_TEST_PYTHON` names the Python to record (default `python3`); `MOVIOLA_RECORDER` the
//! extension built for it (default: beside the binary, where `cargo build` puts it).

mod api;
mod bad_input;
mod children;
mod coverage;
mod debug;
mod evaluate;
mod kills;
mod overview;
mod own;
mod page;
mod past;
mod pytrace;
mod record;
mod signals;
mod slices;
mod stdin;
mod terminal;
mod transcripts;
mod travel;
mod util;
mod values;
