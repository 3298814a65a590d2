//! `cargo xtask library`: the end-to-end test that compares the statements and branches of the standard
//! library with coverage.py's, over all of its files. `cargo xtask test` runs it over a part.

use crate::pythons::{self, VERSIONS};
use crate::{Result, build};

/// Runs the task.
pub fn task(args: &[String]) -> Result<()> {
    let pythons = match args {
        [] => pythons::find(&VERSIONS),
        [option, version] if option == "--python" => pythons::require(&[version.as_str()])?,
        _ => return Err("usage: cargo xtask library [--python 3.X]".to_owned()),
    };
    for python in &pythons {
        build::extension(python)?;
        println!("Python {}", python.named());
        let ran = build::cargo()
            .args(["test", "--quiet", "--release", "--package", "moviola-cli", "--test", "e2e"])
            .args(["--", "the_standard_library_has"])
            .env("MOVIOLA_WHOLE_LIBRARY", "1")
            .env("MOVIOLA_TEST_PYTHON", &python.exe)
            .env("MOVIOLA_RECORDER", build::extension_dir(python))
            .status();
        if !ran.is_ok_and(|status| status.success()) {
            return Err(format!("the comparison failed on Python {}", python.version));
        }
    }
    Ok(())
}
