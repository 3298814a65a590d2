//! Time travel over a trace. Must not print and has no `unsafe`.
