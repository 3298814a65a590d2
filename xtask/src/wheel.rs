//! Installs the project with pip into a fresh virtual environment and records with what was
//! installed, far from the source tree and without cargo on PATH.

use crate::build;
use crate::pythons::{self, Python};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What the installed binary records.
const PROGRAM: &str = "\
import moviola, sys
def total(xs):
    s = 0
    for x in xs:
        s += x
    return s
print(total([1, 2, 3]), moviola.__version__, sys.argv[1:])
";

/// The wheel's tests for one Python.
pub fn test(python: &Python) -> (u64, Vec<String>) {
    let dir = build::target_dir().join("wheel").join(&python.version);
    std::fs::remove_dir_all(&dir).ok();
    let mut passed = 0;
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        match step(python, &dir) {
            Ok(()) => passed += 1,
            Err(e) => {
                println!("{name}: {e}");
                failed.push(format!("{name} ({})", python.version));
                break;
            }
        }
    }
    (passed, failed)
}

type Step = fn(&Python, &Path) -> Result<(), String>;

const STEPS: [(&str, Step); 5] = [
    ("pip install", install),
    ("record with the installed binary", record),
    ("read the trace", read),
    ("an installed package does not start a recording", import),
    ("the wrong Python is refused", wrong_python),
];

fn install(python: &Python, dir: &Path) -> Result<(), String> {
    std::fs::create_dir_all(dir.join("work")).map_err(|e| e.to_string())?;
    let exe = pythons::environment(python, &dir.join("venv"))?;
    build::run(
        Command::new(exe)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg(build::root())
            // Set by cargo for this task; pip must choose its own Python.
            .env_remove("PYO3_PYTHON")
            .env_remove("MOVIOLA_RECORDER")
            .env("CARGO_TARGET_DIR", build::target_dir()),
    )
}

fn record(_: &Python, dir: &Path) -> Result<(), String> {
    std::fs::write(dir.join("work/program.py"), PROGRAM).map_err(|e| e.to_string())?;
    let output = installed(dir, &["record", "-o", "a trace.moviola", "program.py", "x y"])?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || stdout != "6 0.1.0 ['x y']\n" || !output.stderr.is_empty() {
        return Err(described(&output));
    }
    Ok(())
}

fn read(python: &Python, dir: &Path) -> Result<(), String> {
    let output = installed(dir, &["info", "--format", "json", "a trace.moviola"])?;
    let info: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|e| format!("{e}: {}", described(&output)))?;
    if info["python"] != python.full.as_str() || info["events"]["line"].as_u64().unwrap_or(0) < 10 {
        return Err(described(&output));
    }
    let output =
        installed(dir, &["replay", "a trace.moviola", "-x", "b total", "-x", "c", "-x", "p xs"])?;
    if !String::from_utf8_lossy(&output.stdout).contains("[1, 2, 3]") {
        return Err(described(&output));
    }
    Ok(())
}

fn import(_: &Python, dir: &Path) -> Result<(), String> {
    let code =
        "import moviola, sys; print(moviola.executable(), 'moviola._recorder' in sys.modules)";
    let output = Command::new(dir.join("venv/bin/python"))
        .args(["-c", code])
        .output()
        .map_err(|e| e.to_string())?;
    let want = format!("{} False\n", dir.join("venv/bin/moviola").display());
    if String::from_utf8_lossy(&output.stdout) == want { Ok(()) } else { Err(described(&output)) }
}

fn wrong_python(python: &Python, dir: &Path) -> Result<(), String> {
    let others = pythons::find(&pythons::VERSIONS);
    let Some(other) = others.iter().find(|p| p.version != python.version) else { return Ok(()) };
    let exe = other.exe.to_string_lossy();
    let output = installed(dir, &["record", "--python", &exe, "program.py"])?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let told = stderr.starts_with("moviola: ") && stderr.contains("pip install");
    if output.status.code() == Some(4) && told { Ok(()) } else { Err(described(&output)) }
}

/// Runs the installed binary with nothing of this machine's tools on PATH.
fn installed(dir: &Path, args: &[&str]) -> Result<Output, String> {
    let exe: PathBuf = dir.join("venv/bin/moviola");
    Command::new(&exe)
        .args(args)
        .current_dir(dir.join("work"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .map_err(|e| format!("{}: {e}", exe.display()))
}

fn described(output: &Output) -> String {
    format!(
        "{}\nstdout: {}\nstderr: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
