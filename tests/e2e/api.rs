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

#[test]
fn the_guide_runs_as_written() {
    let place = Place::new();
    let sample = crate::util::sample("bank_transfer.py");
    place.write("bank_transfer.py", &std::fs::read_to_string(sample).unwrap());
    let exe = python();
    let trace = "bank_transfer.moviola";
    let done = place.run(&["record", "--python", &exe, "-o", trace, "bank_transfer.py"]);
    assert_eq!(done.code, 1, "{done:?}");
    let guide = std::fs::read_to_string(root().join("docs/python.md")).unwrap();
    let block = guide.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let mut command = place.command(python());
    let path = std::env::var("PATH").unwrap();
    let binary = Path::new(BINARY).parent().unwrap().display();
    command.env("PATH", format!("{binary}:{path}"));
    command.env("PYTHONPATH", root().join("recorder/python")).args(["-c", block]);
    let done = crate::util::feed(&mut command, "");
    assert_eq!(done.code, 0, "{}", done.err);
    // The frames that the exception left.
    assert_eq!(done.out.lines().filter(|line| line.contains("'account'")).count(), 1, "{done:?}");
}

#[test]
fn the_protocol_refuses_what_it_does_not_know() {
    let place = recorded("loops.py");
    let message = |text: &str| {
        let mut bytes = (text.len() as u32).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        String::from_utf8(bytes).unwrap()
    };
    let wrong = [
        r#"{}"#,
        r#"[1]"#,
        r#"{"ask": "nothing"}"#,
        r#"{"ask": "moment", "at": -1}"#,
        r#"{"ask": "moment", "at": 99999999}"#,
        r#"{"ask": "objects", "ids": "x"}"#,
        r#"{"ask": "class", "id": 0}"#,
        r#"{"ask": "code", "id": 99999999}"#,
        r#"{"ask": "eval", "text": "a", "names": {"a": {"zz": 1}}}"#,
        r#"{"ask": "lookup", "name": "i"}"#,
    ];
    let input: String = wrong.iter().map(|text| message(text)).collect();
    let done = place.feed(&["serve", "t.moviola"], &input);
    assert_eq!((done.code, &*done.err), (0, ""));
    assert_eq!(done.out.matches(r#"{"error":["request","#).count(), wrong.len(), "{done:?}");
    // Objects that are not there are not there, and no error.
    let done =
        place.feed(&["serve", "t.moviola"], &message(r#"{"ask": "objects", "ids": [99999999]}"#));
    assert!(done.out.contains("\"why\":"), "{done:?}");
    for input in ["hello, world", "\u{1}\0\0\0{", "\u{ff}\u{ff}\u{ff}\u{ff}"] {
        let done = place.feed(&["serve", "t.moviola"], input);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.contains("not the protocol of `moviola serve`"), "{done:?}");
    }
}
