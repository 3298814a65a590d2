//! Finding the Python to record and asking it what it is, by one short run.
//!
//! The same run compiles the bootstrap with that very Python. Must not start the program.

use crate::failure::Failure;
use moviola_replayer::serve::wire::unhex;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The versions that the recorder knows, as minor numbers of Python 3.
const MINORS: std::ops::RangeInclusive<u32> = 11..=13;

/// What runs as `sitecustomize` in the recorded interpreter.
pub const BOOTSTRAP: &str = include_str!("../../../recorder/python/moviola/_bootstrap.py");

/// Answers in lines `KEY VALUE`; hexadecimal where a value may hold anything.
const PROBE: &str = r#"
import sys, marshal
src = sys.stdin.buffer.read().decode("utf-8")
v = sys.version_info
name = sys.implementation.name
gil = getattr(sys, "_is_gil_enabled", lambda: True)()
def put(k, x): sys.stdout.write("MOVIOLA " + k + " " + x + "\n")
def h(s): return s.encode("utf-8", "surrogateescape").hex()
put("implementation", name)
put("version", "%d.%d.%d" % v[:3])
put("level", v[3])
put("gil", "1" if gil and "t" not in getattr(sys, "abiflags", "") else "0")
put("executable", h(sys.executable or ""))
put("prefix", h(sys.prefix))
if name == "cpython" and v[:2] >= (3, 11):
    import _imp
    put("suffix", _imp.extension_suffixes()[0])
    # The flags say that the text is not to be compared: the archive's dates mean nothing.
    magic = sys.modules["_frozen_importlib_external"].MAGIC_NUMBER
    put("boot", (magic + b"\1" + bytes(11) + marshal.dumps(compile(src, "<moviola>", "exec"))).hex())
"#;

/// A Python that can be recorded.
#[derive(Debug)]
pub struct Python {
    /// The word to start it by; found on PATH as the user's own command would be.
    pub command: OsString,
    /// Version, e.g. 3.13.0.
    pub version: String,
    /// Minor version number: 11 for Python 3.11.
    pub minor: u32,
    /// Where it looks for installed packages: the virtual environment's root or `sys.prefix`.
    pub prefixes: Vec<PathBuf>,
    /// Suffix of extension modules.
    pub suffix: String,
    /// The bootstrap, compiled.
    pub bootstrap: Vec<u8>,
}

/// Finds the Python to record: `--python`, the one beside an installed binary, the active
/// virtual environment's, then `python3`.
///
/// # Errors
/// When there is none, or it is one that the recorder does not know.
pub fn find(given: Option<&Path>) -> Result<Python, Failure> {
    probe(&choose(given))
}

fn choose(given: Option<&Path>) -> OsString {
    let given = given.map(Path::to_owned);
    let found = given.or_else(|| usual_places().into_iter().next());
    found.map_or_else(|| "python3".into(), PathBuf::into_os_string)
}

/// Where a Python is looked for, the first the best: beside an installed binary, in the active virtual environment, on PATH.
pub fn usual_places() -> Vec<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("python3")));
    let environment = std::env::var_os("VIRTUAL_ENV").filter(|v| !v.is_empty());
    let active = environment.map(|root| Path::new(&root).join("bin/python3"));
    let files = [beside, active].into_iter().flatten().filter(|path| path.is_file());
    files.chain([PathBuf::from("python3")]).collect()
}

fn probe(command: &OsString) -> Result<Python, Failure> {
    let shown = command.display();
    let failed = |why: String| {
        Failure::recorder(format!(
            "cannot run Python as `{shown}`: {why}; name one with --python (3.11, 3.12 or 3.13)"
        ))
    };
    let mut child = Command::new(command)
        .args(["-I", "-S", "-B", "-c", PROBE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(e.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that is no Python may not read; its answer will say so.
        stdin.write_all(BOOTSTRAP.as_bytes()).ok();
    }
    let output = child.wait_with_output().map_err(|e| failed(e.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let field = |key: &str| {
        text.lines()
            .filter_map(|line| line.strip_prefix("MOVIOLA ")?.split_once(' '))
            .find(|(k, _)| *k == key)
            .map(|(_, value)| value.to_owned())
    };
    let (Some(implementation), Some(version)) = (field("implementation"), field("version")) else {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors
            .lines()
            .rfind(|l| !l.trim().is_empty())
            .unwrap_or("it does not answer as Python does");
        return Err(failed(last.trim().to_owned()));
    };
    if implementation != "cpython" {
        return Err(refused(&shown.to_string(), &format!("{implementation} {version}")));
    }
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if major != 3 || !MINORS.contains(&minor) {
        return Err(refused(&shown.to_string(), &format!("Python {version}")));
    }
    if field("gil").as_deref() != Some("1") {
        return Err(refused(&shown.to_string(), &format!("a free-threaded Python {version}")));
    }
    let broken = || failed("its answer is incomplete".to_owned());
    let executable = path(&field("executable").ok_or_else(broken)?).ok_or_else(broken)?;
    let prefix = path(&field("prefix").ok_or_else(broken)?).ok_or_else(broken)?;
    let mut prefixes = Vec::new();
    // Run with -S, Python does not say that it is a virtual environment's.
    let root = executable.parent().and_then(Path::parent);
    prefixes.extend(root.filter(|root| root.join("pyvenv.cfg").is_file()).map(Path::to_owned));
    prefixes.push(prefix);
    Ok(Python {
        command: command.clone(),
        version,
        minor,
        prefixes,
        suffix: field("suffix").ok_or_else(broken)?,
        bootstrap: unhex(&field("boot").ok_or_else(broken)?).ok_or_else(broken)?,
    })
}

fn refused(command: &str, what: &str) -> Failure {
    Failure::recorder(format!(
        "`{command}` is {what}, which this version cannot record: it records CPython 3.11, 3.12 and 3.13 \
         (not free-threaded); name one with --python"
    ))
}

fn path(hex: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(OsString::from_vec(unhex(hex)?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_else_than_python_is_refused() {
        assert_eq!(find(Some(Path::new("/bin/cat"))).unwrap_err().code, 4);
        assert_eq!(find(Some(Path::new("/no/such/python"))).unwrap_err().code, 4);
    }
}
