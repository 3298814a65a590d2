//! `moviola debug`: from the exception back to its cause.

use crate::util::{Place, python, sample};

#[test]
fn from_the_exception_back_to_the_cause() {
    let place = Place::new();
    let script = sample("bank_transfer.py");
    let args = ["debug", "-o", "t.moviola", "--python", &python(), script.to_str().unwrap()];
    let commands = include_str!("bank_transfer.in");
    let done = place.feed(&args, commands);
    assert_eq!(done.code, 0, "{done:?}");
    // The pdb of 3.13 names the first line of a function's body, earlier ones its `def`.
    let shown = done
        .out
        .replace(script.to_str().unwrap(), "bank_transfer.py")
        .replace("py:17\n", "py:18\n");
    let want = include_str!("bank_transfer.out");
    assert!(shown == want, "got:\n{shown}\nwant:\n{want}");
}

#[test]
fn the_failure_is_where_debug_opens() {
    let place = Place::new();
    let last_lines = [
        ("default_basket.py", "AssertionError: Ada pays 12, not 7"),
        ("lost_update.py", "KeyError: 'bolt'"),
    ];
    for (name, error) in last_lines {
        let script = sample(name);
        let args = ["debug", "-o", "t.moviola", "--python", &python(), script.to_str().unwrap()];
        let done = place.feed(&args, "q\n");
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.err.trim_end().ends_with(error), "the program's own traceback: {done:?}");
        assert!(done.out.contains(&format!("\n{error}\n> ")), "{done:?}");
    }
}

#[test]
fn a_position_can_be_opened() {
    let place = Place::new();
    place.write("p.py", "a = 1\nb = 2\nimport os; os._exit(0)\n");
    assert_eq!(place.record(&["p.py"]).code, 0);
    let shown = place.run(&["replay", "t.moviola", "--at", "end", "-x", "p b"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.out.starts_with("2\n> "), "{shown:?}");
    assert_eq!(place.run(&["replay", "t.moviola", "--at", "nonsense"]).code, 2);
}

#[test]
fn commands_decode_few_blocks_of_a_long_trace() {
    let place = Place::new();
    place.write("long.py", LONG);
    assert_eq!(place.record(&["long.py"]).code, 0);
    let done = place.run(&["info", "--cost", "--format", "json", "t.moviola"]);
    let info: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert!(info["events"]["line"].as_u64().unwrap() >= 10_000_000, "{}", info["events"]);
    let commands = info["cost"]["commands"].as_array().unwrap();
    assert_eq!(commands.len(), 7);
    for command in commands {
        assert!(command["times"].as_u64().unwrap() > 0, "{command}");
        assert!(command["blocks_max"].as_u64().unwrap() <= 3, "{command}");
    }
}

/// Ten million lines in calls, loops and changes of containers.
const LONG: &str = "\
def step(state, i):
    state['n'] = i
    state['log'].append(i & 7)
    return state

def inner(k):
    total = 0
    state = {'n': 0, 'log': []}
    for i in range(k):
        total += i
        step(state, i)
        if len(state['log']) > 100:
            state['log'].clear()
    return total

for round in range(1500):
    inner(1000)
";

#[test]
fn a_script_that_does_not_compile_is_said() {
    let place = Place::new();
    place.write("p.py", "print(1\n");
    let debugged = place.feed(&["debug", "--python", &python(), "-o", "t.moviola", "p.py"], "q\n");
    assert_eq!(debugged.code, 0, "{debugged:?}");
    assert!(debugged.err.contains("SyntaxError") && debugged.err.contains("no line of the script"));
    place.write("p.py", "print(1)\n");
    let debugged = place.feed(&["debug", "--python", &python(), "-o", "t.moviola", "p.py"], "q\n");
    assert!(!debugged.err.contains("no line of the script"), "{debugged:?}");
    for module in [&["-m", "p"][..], &["-c", "x = 1"]] {
        let python = python();
        let all = [&["debug", "--python", &python, "-o", "t.moviola"], module].concat();
        let debugged = place.feed(&all, "q\n");
        assert!(!debugged.err.contains("no line of the script"), "{debugged:?}");
    }
}
