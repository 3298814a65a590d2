//! The Python package on traces: bdb debuggers driven over recordings against the same debuggers live, and the API.

use crate::util::{Done, Place, python};
use std::path::{Path, PathBuf};

const BINARY: &str = env!("CARGO_BIN_EXE_moviola");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs one of the test programs that use the package.
fn run(place: &Place, name: &str, args: &[&str]) -> Done {
    let mut command = place.command(python());
    command.env("PYTHONPATH", root().join("recorder/python"));
    command.arg(root().join("tests/e2e/programs").join(name)).args(args);
    crate::util::feed(&mut command, "")
}

fn recorded(program: &str) -> Place {
    let place = Place::new();
    let text = root().join("tests/transcripts/programs").join(program);
    place.write(program, &std::fs::read_to_string(text).unwrap());
    place.record(&[program]);
    place
}

/// How the debugger goes on, and its breakpoints.
const PLANS: &[&str] = &[
    r#"{"verbs": "s"}"#,
    r#"{"verbs": "n"}"#,
    r#"{"verbs": "sn"}"#,
    r#"{"verbs": "ssssr"}"#,
    r#"{"verbs": "ssu"}"#,
    r#"{"verbs": "nnsr"}"#,
    r#"{"verbs": "c"}"#,
    r#"{"verbs": "ssssq"}"#,
    r#"{"verbs": "c", "breaks": [[8, false, null, 0], [3, false, null, 1], [2, false, null, 0]]}"#,
    r#"{"verbs": "cn", "breaks": [[8, true, null, 0], [9, false, "1 / 0", 0], [10, false, "False", 0]]}"#,
    r#"{"verbs": "cs", "breaks": [[5, false, "len(dir()) > 1", 0], [6, false, "__name__ == '__main__'", 2]]}"#,
];

#[test]
fn bdb_debuggers_are_told_the_same() {
    let programs = ["calls.py", "generators.py", "handled.py", "loops.py", "fails.py"];
    let mut wrong = Vec::new();
    for program in programs {
        let place = recorded(program);
        for plan in PLANS {
            let live = run(&place, "driver.py", &["live", plan, program]);
            let replay = run(&place, "driver.py", &["replay", plan, "t.moviola", BINARY]);
            assert!(live.out.lines().count() > 0, "{live:?}");
            if live.out != replay.out || replay.code != 0 {
                let same = live.out.lines().zip(replay.out.lines()).take_while(|(a, b)| a == b);
                let at = same.count();
                let line = |done: &Done| done.out.lines().nth(at).unwrap_or("(end)").to_owned();
                wrong.push(format!(
                    "{program} {plan}, line {}:\n  live   {}\n  replay {}\n{}",
                    at + 1,
                    line(&live),
                    line(&replay),
                    replay.err
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn traces_are_read_from_python() {
    let place = recorded("evaluate.py");
    let done = run(&place, "api.py", &["t.moviola", BINARY]);
    assert_eq!((done.code, done.out.trim()), (0, "ok"), "{}", done.err);
}
