//! Passes PyO3's `Py_3_x` cfgs on to this crate, which uses the raw C API only.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}
