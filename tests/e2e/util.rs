//! Starting the binary and looking at what it did.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The Python whose recordings are tested.
pub fn python() -> String {
    std::env::var("MOVIOLA_TEST_PYTHON").unwrap_or_else(|_| "python3".into())
}

/// A sample program of the source tree.
pub fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("samples").join(name)
}

/// A place of a test's own: working directory, and a temporary directory beside it.
pub struct Place {
    root: tempfile::TempDir,
}

/// What came of a command.
#[derive(Debug)]
pub struct Done {
    /// Exit code; 128+N if a signal ended the command itself.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Place {
    /// A Python that has a package, which is no dependency of the tests: without it, or with no way
    /// to fetch it, this says so.
    pub fn python_with(&self, package: &str) -> Option<String> {
        let env = self.tmp().join("env");
        let made = self.command(python()).args(["-m", "venv"]).arg(&env).output().unwrap();
        let exe = env.join("bin/python");
        let mut pip = self.command(&exe);
        let pip = pip.args(["-m", "pip", "install", "-q", "--only-binary", ":all:", package]);
        if !made.status.success() || !pip.output().is_ok_and(|out| out.status.success()) {
            // The harness shows what a test writes to its own standard error.
            let text =
                format!("SKIPPED a test that needs {package}, which could not be installed\n");
            let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
            return None;
        }
        Some(exe.to_str().unwrap().to_owned())
    }

    /// An empty place.
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("e2e-").tempdir().unwrap();
        std::fs::create_dir(root.path().join("work")).unwrap();
        std::fs::create_dir(root.path().join("tmp")).unwrap();
        Self { root }
    }

    /// The working directory.
    pub fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// What `TMPDIR` is.
    pub fn tmp(&self) -> PathBuf {
        self.root.path().join("tmp")
    }

    /// Writes a file into the working directory.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A command that runs here, with an environment that does not depend on the machine's.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.work())
            .env("TMPDIR", self.tmp())
            .env("HOME", self.root.path())
            .env("LC_ALL", "C.UTF-8")
            .env("PYTHONHASHSEED", "0")
            .env_remove("PYTHONPATH")
            .env_remove("VIRTUAL_ENV")
            .env_remove("PYO3_PYTHON")
            .stdin(Stdio::null());
        command
    }

    /// `moviola ARGS`.
    pub fn moviola(&self, args: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_moviola"));
        command.args(args);
        command
    }

    /// Runs `moviola ARGS` to its end.
    pub fn run(&self, args: &[&str]) -> Done {
        done(self.moviola(args).output().unwrap())
    }

    /// Runs `moviola ARGS` with this text on standard input.
    pub fn feed(&self, args: &[&str], input: &str) -> Done {
        let mut command = self.moviola(args);
        feed(&mut command, input)
    }

    /// `moviola record` with the Python of this run, into `t.moviola`; then the options and the
    /// program.
    pub fn record(&self, args: &[&str]) -> Done {
        let python = python();
        let mut all = vec!["record", "--python", &python, "-o", "t.moviola"];
        all.extend(args);
        self.run(&all)
    }

    /// Runs the program without Moviola.
    pub fn plain(&self, args: &[&str]) -> Done {
        done(self.command(python()).args(args).output().unwrap())
    }

    /// `moviola info --format json` of a trace.
    pub fn info(&self, trace: &str) -> serde_json::Value {
        let done = self.run(&["info", "--format", "json", trace]);
        assert_eq!(done.code, 0, "{done:?}");
        serde_json::from_str(&done.out).unwrap()
    }

    /// Names of the files in the working directory, sorted.
    pub fn files(&self) -> Vec<String> {
        names(&self.work())
    }
}

/// Names of the entries of a directory, sorted.
pub fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs a command with this text on standard input.
pub fn feed(command: &mut Command, input: &str) -> Done {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read all of it closes the pipe.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    done(child.wait_with_output().unwrap())
}

/// Exit code and texts of an output.
pub fn done(output: Output) -> Done {
    use std::os::unix::process::ExitStatusExt;
    let code = output.status.code().or(output.status.signal().map(|s| 128 + s));
    Done {
        code: code.unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
