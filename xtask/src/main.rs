//! Development tasks (`cargo xtask ...`). Must not be needed by users of an installed Moviola.

fn main() {}
