//! The `moviola` binary: the only crate that prints or speaks a protocol.

fn main() {}
