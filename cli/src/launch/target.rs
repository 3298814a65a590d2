//! What the user wants to run: `SCRIPT`, `-m MODULE` or `-c CODE`, and the trace's default name.
//!
//! Must not run anything.

use crate::failure::Failure;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A program and its arguments.
#[derive(Debug)]
pub struct Target {
    /// Everything after the interpreter's options, as the interpreter gets it.
    pub args: Vec<OsString>,
    /// What the trace is named for.
    stem: OsString,
}

impl Target {
    /// Takes the words after `record`'s own options.
    pub fn parse(words: &[OsString]) -> Result<Self, Failure> {
        let Some(first) = words.first() else {
            return Err(Failure::usage(
                "nothing to run: give a SCRIPT, `-m MODULE` or `-c CODE` (see `moviola record --help`)",
            ));
        };
        let bytes = first.as_bytes();
        if let Some(rest) = bytes.strip_prefix(b"-m") {
            let module = attached(rest, words.get(1), "-m", "a module's name")?;
            let last = module.as_bytes().rsplit(|&b| b == b'.').next().unwrap_or(b"module");
            let stem = OsStr::from_bytes(last).to_owned();
            return Ok(Self { args: words.to_vec(), stem });
        }
        if let Some(rest) = bytes.strip_prefix(b"-c") {
            attached(rest, words.get(1), "-c", "Python code")?;
            return Ok(Self { args: words.to_vec(), stem: "command".into() });
        }
        if bytes == b"-" {
            return Err(Failure::usage(
                "a program from standard input cannot be recorded: save it to a file first",
            ));
        }
        if bytes.first() == Some(&b'-') {
            return Err(Failure::usage(format!(
                "unknown option `{}` (options for Python itself go through `--py-opt`; see `moviola record --help`)",
                first.display()
            )));
        }
        let script = PathBuf::from(first);
        let shown = script.display();
        match std::fs::metadata(&script) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::usage(format!(
                    "no such script: `{shown}` (looked from {}); check the path",
                    here()
                )));
            }
            Err(e) => {
                return Err(Failure::usage(format!("cannot read the script `{shown}`: {e}")));
            }
            Ok(facts) if facts.is_dir() => {
                if !script.join("__main__.py").is_file() {
                    return Err(Failure::usage(format!(
                        "`{shown}` is a directory without __main__.py; name the script in it"
                    )));
                }
            }
            Ok(_) => check_readable_python(&script)?,
        }
        let stem = script.file_stem().unwrap_or(first).to_owned();
        Ok(Self { args: words.to_vec(), stem })
    }

    /// Where the trace goes, absolute. `given` is `-o`.
    pub fn trace_path(&self, given: Option<&Path>) -> Result<PathBuf, Failure> {
        let path = match given {
            Some(path) => path.to_owned(),
            None => {
                let stamp = chrono::Local::now().format("%Y%m%d-%H%M%S").to_string();
                free_name(&self.stem, &stamp)
            }
        };
        let absolute = std::path::absolute(&path).map_err(|e| {
            Failure::recorder(format!("cannot tell where `{}` is: {e}", path.display()))
        })?;
        if absolute.is_dir() {
            return Err(Failure::recorder(format!(
                "cannot write the trace: `{}` is a directory; give a file with -o",
                path.display()
            )));
        }
        let same = |word: &OsString| {
            let found = (Path::new(word).canonicalize(), absolute.canonicalize());
            matches!(found, (Ok(script), Ok(output)) if script == output)
        };
        if self.args.first().is_some_and(same) {
            return Err(Failure::usage(format!(
                "`{}` is the script itself; choose another place with -o",
                path.display()
            )));
        }
        may_replace(&absolute)?;
        Ok(absolute)
    }
}

/// Whether a trace may be written to a path: nothing is there, or an ordinary file.
pub fn may_replace(path: &Path) -> Result<(), Failure> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(Failure::usage(format!(
            "{} is there already and is no ordinary file; choose another place with -o",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// `STEM-STAMP.moviola`, or with `-2`, `-3`... when another recording took the name this second.
fn free_name(stem: &OsStr, stamp: &str) -> PathBuf {
    let mut n = 1;
    loop {
        let mut name = stem.to_owned();
        name.push(format!("-{stamp}"));
        if n > 1 {
            name.push(format!("-{n}"));
        }
        name.push(".moviola");
        let path = PathBuf::from(name);
        if !path.exists() {
            return path;
        }
        n += 1;
    }
}

/// The rest of a word such as `-mjson.tool`, or the next word.
fn attached<'a>(
    rest: &'a [u8],
    next: Option<&'a OsString>,
    option: &str,
    what: &str,
) -> Result<&'a OsStr, Failure> {
    if !rest.is_empty() {
        return Ok(OsStr::from_bytes(rest));
    }
    match next {
        Some(word) => Ok(word),
        None => Err(Failure::usage(format!("`{option}` needs {what} after it"))),
    }
}

fn here() -> String {
    std::env::current_dir()
        .map_or_else(|_| "a directory that is gone".into(), |d| d.display().to_string())
}

/// Stops at files that are plainly not Python, before a trace is made of the interpreter's error.
fn check_readable_python(script: &Path) -> Result<(), Failure> {
    use std::io::Read;
    let shown = script.display();
    let mut head = Vec::new();
    std::fs::File::open(script)
        .and_then(|f| f.take(4096).read_to_end(&mut head))
        .map_err(|e| Failure::usage(format!("cannot read the script `{shown}`: {e}")))?;
    let program = head.starts_with(b"\x7fELF")
        || head.starts_with(b"\x89PNG")
        || head.starts_with(b"\x1f\x8b");
    let other = head
        .strip_prefix(b"#!")
        .and_then(|rest| rest.split(|&b| b == b'\n').next())
        .is_some_and(|line| {
            let line = String::from_utf8_lossy(line).to_lowercase();
            let known = ["/sh", "bash", "perl", "ruby", "node", "zsh"];
            !line.contains("python") && known.iter().any(|k| line.contains(k))
        });
    if script.extension().is_some_and(|e| e == "moviola") {
        return Err(Failure::usage(format!(
            "`{shown}` is a Moviola trace, not a program; open it with `moviola replay {shown}`"
        )));
    }
    if program || other {
        return Err(Failure::usage(format!(
            "`{shown}` is not a Python program; give a Python script, `-m MODULE` or `-c CODE`"
        )));
    }
    Ok(())
}

/// Options that keep the interpreter from loading the recorder are refused beforehand.
pub fn check_py_opts(options: &[OsString]) -> Result<(), Failure> {
    for option in options {
        let text = option.to_string_lossy();
        let cluster = text.strip_prefix('-').filter(|c| !c.starts_with('-')).unwrap_or("");
        // -W and -X take the rest of the word as their value.
        let letters: String = cluster.chars().take_while(|c| !matches!(c, 'W' | 'X')).collect();
        if let Some(letter) = letters.chars().find(|c| matches!(c, 'I' | 'E' | 'S')) {
            return Err(Failure::recorder(format!(
                "Python's -{letter} switches off what the recorder is loaded by; leave it out of --py-opt"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Target, Failure> {
        Target::parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn modules_and_code() {
        assert_eq!(parse(&["-m", "json.tool", "x"]).unwrap().stem, "tool");
        assert_eq!(parse(&["-mjson.tool"]).unwrap().stem, "tool");
        assert_eq!(parse(&["-c", "pass", "-x"]).unwrap().args.len(), 3);
        assert_eq!(parse(&["-m"]).unwrap_err().code, 2);
        assert_eq!(parse(&["--nonsense"]).unwrap_err().code, 2);
        assert_eq!(parse(&[]).unwrap_err().code, 2);
    }

    #[test]
    fn options_that_shut_the_recorder_out() {
        let opts = |o: &str| check_py_opts(&[OsString::from(o)]);
        assert!(opts("-Xdev").is_ok());
        assert!(opts("-WError").is_ok());
        assert!(opts("-O").is_ok());
        assert_eq!(opts("-I").unwrap_err().code, 4);
        assert_eq!(opts("-bS").unwrap_err().code, 4);
    }
}
