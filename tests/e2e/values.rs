//! Values of common types read as live pdb shows them, at first and after they were changed in
//! place: every expression that a program's `stop:` comments name is asked both.

use crate::util::{Place, feed, python};
use std::collections::BTreeMap;

/// Lines with a breakpoint, and all expressions of the program.
fn stops(program: &str) -> (Vec<usize>, Vec<&str>) {
    let mut lines = Vec::new();
    let mut names = Vec::new();
    for (at, line) in program.lines().enumerate() {
        if let Some((_, listed)) = line.split_once("# stop: ") {
            lines.push(at + 1);
            names.extend(listed.split(" ; ").map(str::trim));
        }
    }
    names.sort_unstable();
    names.dedup();
    (lines, names)
}

/// The commands for pdb: at each of so many stops, all expressions, each under its number.
fn commands(lines: &[usize], names: &[&str], verb: &str, count: usize) -> String {
    let mut text: String = lines.iter().map(|line| format!("b {line}\n")).collect();
    for stop in 0..count {
        text += "c\n";
        for (at, name) in names.iter().enumerate() {
            text += &format!("p '@@ {stop} {at}'\n{verb} {name}\n");
        }
        text += "p '@@ end'\n";
    }
    text + "q\n"
}

/// What was printed under each number until the program's end; addresses are left out.
fn answers(out: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in out.lines() {
        let line = line.trim_start_matches("(Pdb) ");
        if line.starts_with("The program finished") {
            break;
        }
        if let Some(mark) = line.strip_prefix("'@@ ").and_then(|rest| rest.strip_suffix('\'')) {
            current = (mark != "end").then(|| mark.to_owned());
            if let Some(mark) = &current {
                found.insert(mark.clone(), String::new());
            }
        } else if let Some(text) = current.as_ref().and_then(|mark| found.get_mut(mark)) {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&without_addresses(line));
        }
    }
    found
}

fn without_addresses(line: &str) -> String {
    let mut parts = line.split(" at 0x");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += part.trim_start_matches(|char: char| char.is_ascii_hexdigit());
    }
    out
}

fn same_as_live(name: &str, program: &str, verb: &str, count: usize) {
    same_as_live_with(name, program, verb, count, &python());
}

fn same_as_live_with(name: &str, program: &str, verb: &str, count: usize, python: &str) {
    let place = Place::new();
    place.write(name, program);
    let (lines, names) = stops(program);
    let input = commands(&lines, &names, verb, count);
    let mut live = place.command(python);
    let live = feed(live.args(["-m", "pdb", name]), &input);
    let recorded = place.run(&["record", "--python", python, "-o", "t.moviola", name]);
    assert_eq!(recorded.code, 0, "{recorded:?}");
    let replayed = place.feed(&["replay", "t.moviola"], &input);
    let (live, replayed) = (answers(&live.out), answers(&replayed.out));
    let mut wrong = Vec::new();
    let mut asked = 0;
    for (mark, one) in live.iter().filter(|(_, text)| !text.starts_with("*** NameError")) {
        asked += 1;
        let two = replayed.get(mark);
        if two != Some(one) {
            let at: usize = mark.split_once(' ').unwrap().1.parse().unwrap();
            wrong.push(format!("stop {mark}: {verb} {}\n  {one:?}\n  {two:?}", names[at]));
        }
    }
    assert!(asked >= names.len(), "only {asked} expressions were asked");
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
}

#[test]
fn values_are_shown_as_pdb_shows_them() {
    same_as_live("values.py", include_str!("programs/values.py"), "p", 9);
}

#[test]
fn values_are_laid_out_as_pdb_lays_them_out() {
    same_as_live("values.py", include_str!("programs/values.py"), "pp", 9);
}

#[test]
fn tasks_and_futures_are_seen_as_they_change() {
    same_as_live("tasks.py", include_str!("programs/tasks.py"), "p", 30);
}

#[test]
fn arrays_of_numpy_and_pandas_are_followed() {
    let place = Place::new();
    let Some(exe) = place.python_with("pandas") else { return };
    same_as_live_with("arrays.py", include_str!("programs/arrays.py"), "p", 9, &exe);
    same_as_live_with("frames.py", include_str!("programs/frames.py"), "p", 3, &exe);
}
