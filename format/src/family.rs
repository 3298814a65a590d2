//! Names of the traces of one recording: the program's own, and one for each of its children.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

/// `NAME.child-K.moviola` for the trace `NAME.moviola`, the trace itself for number 0.
#[must_use]
pub fn child_trace(trace: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return trace.to_owned();
    }
    let mut name = match trace.extension() {
        Some(extension) if extension == "moviola" => trace.file_stem().unwrap_or_default(),
        _ => trace.file_name().unwrap_or_default(),
    }
    .to_owned();
    name.push(format!(".child-{number}.moviola"));
    trace.with_file_name(name)
}

/// The reverse of [`child_trace`]: the part of the name that all traces of a family have in common,
/// and the number.
#[must_use]
pub fn split_child(trace: &Path) -> Option<(&OsStr, u32)> {
    let name = trace.file_name()?.as_bytes().strip_suffix(b".moviola")?;
    let dot = name.windows(7).rposition(|part| part == b".child-")?;
    let number = std::str::from_utf8(&name[dot + 7..]).ok()?;
    let plain = !number.starts_with(['0', '+']);
    Some((OsStr::from_bytes(&name[..dot]), number.parse().ok().filter(|_| plain)?))
}

/// An identity as text.
#[must_use]
pub fn hex(identity: &[u8; 16]) -> String {
    identity.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let base = Path::new("/t/x.y.moviola");
        assert_eq!(child_trace(base, 0), base);
        assert_eq!(child_trace(base, 12), Path::new("/t/x.y.child-12.moviola"));
        assert_eq!(child_trace(Path::new("x.tr"), 1), Path::new("x.tr.child-1.moviola"));
        assert_eq!(split_child(&child_trace(base, 12)), Some((OsStr::new("x.y"), 12)));
        for name in ["x.moviola", "x.child-.moviola", "x.child-01.moviola", "x.child-1.txt"] {
            assert_eq!(split_child(Path::new(name)), None, "{name}");
        }
    }
}
