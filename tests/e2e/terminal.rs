//! The debugger on a terminal: the line editor, its history and completions, Ctrl-C and Ctrl-D.

use crate::util::{Place, feed, python};
use std::path::Path;

const PROGRAM: &str = "\
class Box:
    pass
def count(n):
    total = 0
    for i in range(n):
        total += i
    return total
text = 'red \\x1b[31m and \\u202e back'
numbers = list(range(3000))
box = Box()
box.width = 3
count(400_000)
";

/// What is typed so many seconds later, and a text that the terminal shows then; none: it is closed.
type Typed<'t> = (f64, &'t str, &'t str);

const PROMPT: &str = "(Pdb) ";
const UP: &str = "\x1b[A";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

/// What the terminal shows after each of these, and the exit status.
fn conversation(place: &Place, typed: &[Typed<'_>]) -> (Vec<String>, i64) {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/e2e/programs/terminal.py");
    let mut command = place.command(python());
    command.env_remove("XDG_STATE_HOME").arg(driver).arg(env!("CARGO_BIN_EXE_moviola"));
    command.args(["replay", "--python", &python(), "--at", "start", "t.moviola"]);
    let done = feed(&mut command, &serde_json::to_string(typed).unwrap());
    assert_eq!(done.code, 0, "{done:?}");
    let told: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    let shown = told["shown"].as_array().unwrap().iter();
    let shown: Vec<String> = shown.map(|text| bare(text.as_str().unwrap())).collect();
    assert_eq!(shown.len(), typed.len());
    (shown, told["status"].as_i64().unwrap())
}

/// What a terminal shows without what moves the cursor.
fn bare(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        out.push_str(&rest[..at]);
        rest = rest[at + 2..].trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        rest = &rest[1..];
    }
    (out + rest).replace('\r', "")
}

#[test]
fn a_session_on_a_terminal() {
    let place = Place::new();
    place.write("p.py", PROGRAM);
    assert_eq!(place.record(&["p.py"]).code, 0);
    let (shown, status) = conversation(
        &place,
        &[
            (0.0, "", PROMPT),
            (0.0, "n\r", PROMPT),
            // A blank line repeats.
            (0.0, "\r", PROMPT),
            (0.0, "p 40 + 2\r", "42"),
            // History.
            (0.0, UP, "p 40 + 2"),
            (0.0, "\r", "42"),
            // Completion of a command, a variable, an attribute.
            (0.0, "undisp\t", "undisplay"),
            (0.0, "\r", PROMPT),
            (0.0, "tbreak 12\r", PROMPT),
            (0.0, "c\r", PROMPT),
            (0.0, "p len(numb\t", "numbers"),
            (0.0, ")\r", "3000"),
            (0.0, "p box.wi\t", "width"),
            (0.0, "\r", "3\r\n"),
            // What is recorded cannot steer the terminal.
            (0.0, "p text\r", "back'"),
            (0.0, "p numbers\r", "2999]"),
            // Ctrl-C drops the line.
            (0.0, "p 'dropped'\x03", PROMPT),
            (0.0, "p 'kept'\r", "'kept'\r\n"),
            // And what is asked in between.
            (0.0, "b 7\r", PROMPT),
            (0.0, "commands 2\r", "(com) "),
            (0.0, "p 'broken'\r", "(com) "),
            (0.0, CTRL_C, PROMPT),
            (0.0, "c\r", PROMPT),
            (0.0, "clear\r", "breaks? "),
            (0.0, CTRL_C, PROMPT),
            (0.0, "cl 2\r", PROMPT),
            (0.0, "rf\r", PROMPT),
            // Ctrl-C ends a search, here one that no scan by numbers can shorten.
            (0.0, "b 6, len(str(i)) == 99\r", "Breakpoint 3"),
            (0.0, "c\r", "c"),
            (0.3, CTRL_C, PROMPT),
            (0.0, "p 'on'\r", "'on'\r\n"),
            (0.0, "b 6\r", PROMPT),
            (0.0, "c\r", PROMPT),
            (0.0, "hist i\r", PROMPT),
            (0.0, CTRL_D, ""),
        ],
    );
    assert_eq!(status, 0);
    assert!(shown[0].contains("p.py(1)<module>()\n-> class Box:\n"), "{shown:?}");
    assert!(shown[1].contains("p.py(3)<module>()\n"), "{shown:?}");
    assert!(shown[2].contains("p.py(8)<module>()\n"), "{shown:?}");
    assert!(shown[14].contains(r"'red \x1b[31m and \u202e back'"), "{shown:?}");
    let numbers: Vec<String> = (0..3000).map(|number| number.to_string()).collect();
    assert!(shown[15].contains(&format!("\n[{}]\n", numbers.join(", "))), "{}", shown[15]);
    assert!(shown[16].ends_with(&format!("\n{PROMPT}")), "{shown:?}");
    assert!(!shown[17].contains("dropped"), "{shown:?}");
    let aborted = "*** command definition aborted, old commands restored\n(Pdb) ";
    assert!(shown[21].ends_with(aborted), "{shown:?}");
    assert!(shown[22].contains("p.py(7)count()\n") && !shown[22].contains("broken"), "{shown:?}");
    assert!(shown[25].contains("Deleted breakpoint 2"), "{shown:?}");
    // Where the session stood before the search, it stands still.
    assert!(shown[29].contains("--KeyboardInterrupt--\n> "), "{shown:?}");
    assert!(shown[29].contains("p.py(12)<module>()\n-> count(400_000)\n"), "{shown:?}");
    assert!(shown[32].contains("p.py(6)count()\n"), "{shown:?}");
    assert!(shown[33].contains("i = 39\n... more: hist i #40\n"), "{shown:?}");

    // Another session knows what was typed, but not what was dropped.
    let (shown, status) = conversation(
        &place,
        &[
            (0.0, "", PROMPT),
            (0.0, UP, "hist i"),
            (0.0, UP, "c"),
            (0.0, UP, "b 6"),
            (0.0, "\r", PROMPT),
            (0.0, "q\r", ""),
        ],
    );
    assert!(shown[4].contains("Breakpoint 1 at "), "{shown:?}");
    assert_eq!(status, 0);
    let history = place.work().parent().unwrap().join(".local/state/moviola/history");
    let history = std::fs::read_to_string(history).unwrap();
    assert!(history.contains("p 'kept'") && !history.contains("dropped"), "{history}");
}

#[test]
fn an_interrupt_and_the_python_that_evaluates() {
    let place = Place::new();
    place.write("p.py", "one = 1\ntwo = 2\n");
    assert_eq!(place.record(&["p.py"]).code, 0);
    let (shown, status) = conversation(
        &place,
        &[
            (0.0, "", PROMPT),
            (0.0, "n\r", PROMPT),
            (0.0, "add = lambda n: n + 1\r", PROMPT),
            // At the prompt it drops the line, and nothing else.
            (0.0, "p 'dropped'\x03", PROMPT),
            (0.0, "add(one)\r", "2\r\n"),
            (0.0, "while True: pass\r", "pass"),
            (0.5, CTRL_C, PROMPT),
            (0.0, "add(one)\r", PROMPT),
            (0.0, "(lambda: one)()\r", "1\r\n"),
            (0.0, "interact\r", ">>> "),
            (0.0, "one + 1\r", "2\r\n"),
            (0.0, CTRL_D, PROMPT),
            (0.0, CTRL_D, ""),
        ],
    );
    assert_eq!(status, 0);
    assert!(shown[6].contains("it was interrupted (add)"), "{shown:?}");
    assert!(shown[7].contains("name 'add' is not defined"), "{shown:?}");
}
