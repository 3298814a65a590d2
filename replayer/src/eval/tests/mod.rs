//! The evaluator and `repr` against Python itself.

mod pretty;
mod quick;
mod recorded;
mod robust;
mod world;

use super::{EvalError, evaluate};
use crate::show::text::str_repr;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use world::World;

const NAMES: &str = include_str!("names.txt");
const EXPRESSIONS: &str = include_str!("expressions.txt");

/// Each Python at hand, once a minor version.
fn pythons() -> Vec<(PathBuf, u32)> {
    let mut candidates = vec![PathBuf::from("python3")];
    let home = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".pyenv")));
    if let Some(versions) = home.and_then(|home| std::fs::read_dir(home.join("versions")).ok()) {
        candidates.extend(versions.flatten().map(|entry| entry.path().join("bin/python3")));
    }
    let mut found: Vec<(PathBuf, u32)> = Vec::new();
    for candidate in candidates {
        let Ok(output) = Command::new(&candidate)
            .args(["-c", "import sys; print(*sys.version_info[:2])"])
            .output()
        else {
            continue;
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut parts = text.split_whitespace().filter_map(|part| part.parse::<u32>().ok());
        if let (Some(3), Some(minor @ 11..=13)) = (parts.next(), parts.next())
            && !found.iter().any(|(_, known)| *known == minor)
        {
            found.push((candidate, minor));
        }
    }
    assert!(!found.is_empty(), "no Python 3.11 to 3.13 at hand");
    found
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    str_repr(&mut out, text.as_bytes(), 11);
    super::strings::ascii(&out)
}

/// Runs a program and gives its lines.
fn python(program: &PathBuf, source: &str) -> Vec<String> {
    let mut child = Command::new(program)
        .args(["-I", "-X", "utf8", "-W", "ignore", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn outcome(source: &str, world: &World) -> String {
    match evaluate(source, world) {
        Ok(value) => value.repr(world),
        Err(error) => error.to_string(),
    }
}

/// Compares the native answers with Python's; what is refused is never wrong, but counted.
fn compare(names: &[&str], expressions: &[&str]) {
    for (program, minor) in pythons() {
        let mut world = World::new(minor);
        let mut source = String::from("import traceback\nG = {}\n");
        for line in names {
            let (name, value) = line.split_once(" = ").unwrap();
            world.assign(name, value);
            source += &format!("G[{}] = eval({}, G)\n", quoted(name), quoted(value));
        }
        for expression in expressions {
            source += &format!(
                "try:\n v = eval({0}, dict(G), dict(G)); r = repr(v)\nexcept BaseException as e:\n r = '*** ' + traceback.format_exception_only(e)[-1].strip()\nprint(ascii(r))\n",
                quoted(expression)
            );
        }
        let answers = python(&program, &source);
        assert_eq!(answers.len(), expressions.len());
        let mut wrong = Vec::new();
        let mut refused = Vec::new();
        for (expression, answer) in expressions.iter().zip(&answers) {
            let native = match evaluate(expression, &world) {
                Err(EvalError::Unsupported(why)) => {
                    refused.push(format!("{expression}  ({why})"));
                    continue;
                }
                Ok(value) => {
                    let shown = value.show(&world, &crate::show::Limits::default());
                    if !shown.exact {
                        refused.push((*expression).to_owned());
                        continue;
                    }
                    shown.text
                }
                Err(error) => error.to_string(),
            };
            let mine = quoted(&native);
            let syntax =
                answer.contains("*** SyntaxError") || answer.contains("*** IndentationError");
            let same = if syntax { mine.contains("*** SyntaxError") } else { mine == *answer };
            if !same {
                wrong.push(format!("{expression}\n    native {mine}\n    python {answer}"));
            }
        }
        assert!(wrong.is_empty(), "3.{minor}: {} wrong:\n{}", wrong.len(), wrong.join("\n"));
        assert!(
            refused.len() <= expressions.len() / 100,
            "3.{minor}: {} of {} refused:\n{}",
            refused.len(),
            expressions.len(),
            refused.join("\n")
        );
    }
}

#[test]
fn expressions_are_as_in_python() {
    let names: Vec<&str> = NAMES.lines().collect();
    let expressions: Vec<&str> = EXPRESSIONS.lines().filter(|line| !line.is_empty()).collect();
    assert!(expressions.len() > 200);
    compare(&names, &expressions);
}

#[test]
fn syntax_errors_have_pythons_words() {
    let world = World::new(11);
    for (source, message) in [
        ("1 +", "*** SyntaxError: invalid syntax"),
        ("(1, 2", "*** SyntaxError: '(' was never closed"),
        (")", "*** SyntaxError: unmatched ')'"),
        ("'abc", "*** SyntaxError: unterminated string literal (detected at line 1)"),
    ] {
        assert_eq!(outcome(source, &world), message);
    }
}
