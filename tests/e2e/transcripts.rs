//! The same commands to `python -m pdb` and to `moviola replay`: what is printed is the same, but
//! for what `DIFFERENCES` names. `tests/transcripts/NAME.pdb` has the commands, after lines that name
//! the program, the rows of the list of features, and the differences.

use crate::util::{Place, python};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a script may name under `allow`, with what is done to the text of pdb and to ours.
const DIFFERENCES: &[(&str, &str)] = &[
    // pdb starts the program anew, a recording stays at its end.
    ("end", "what follows the end of the program is left out"),
    // A breakpoint's hits are a function of the position here; pdb does not count while it is disabled.
    ("hits", "how often a breakpoint was hit is left out"),
    // pdb says how the program could go on; we say which exception it was, as there is no traceback.
    (
        "crash",
        "pdb's line about running the program again is left out, and ours with the exception",
    ),
];

#[derive(Debug)]
struct Script {
    name: String,
    program: String,
    rows: Vec<String>,
    allow: Vec<String>,
    /// The first minor version whose pdb has the command.
    since: u32,
    commands: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/transcripts")
}

fn scripts() -> Vec<Script> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "pdb"))
        .collect();
    files.sort();
    files.iter().map(|path| script(path)).collect()
}

fn script(path: &Path) -> Script {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut script = Script {
        name,
        program: String::new(),
        rows: Vec::new(),
        allow: Vec::new(),
        since: 0,
        commands: String::new(),
    };
    let mut rest = text.as_str();
    while let Some((line, after)) = rest.split_once('\n')
        && let Some((key, value)) = line.strip_prefix("# ").and_then(|line| line.split_once(": "))
    {
        let words = || value.split_whitespace().map(str::to_owned).collect();
        match key {
            "program" => script.program = value.to_owned(),
            "rows" => script.rows = words(),
            "allow" => script.allow = words(),
            "since" => script.since = value.strip_prefix("3.").unwrap().parse().unwrap(),
            _ => break,
        }
        rest = after;
    }
    script.commands = rest.to_owned();
    assert!(!script.program.is_empty() && !script.rows.is_empty(), "{path:?}");
    for name in &script.allow {
        assert!(DIFFERENCES.iter().any(|(known, _)| known == name), "{path:?}: {name}");
    }
    script
}

/// The lines of a text without what cannot be the same: addresses, and the frames that pdb itself stands in.
pub fn bare(text: &str, allow: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut own = false;
    // Prompts that stood before what is left out.
    let mut prompts = String::new();
    for line in text.lines() {
        let bare = line.trim_start_matches("(Pdb) ");
        let frame = bare.trim_start_matches(['>', ' ']);
        let library = ["/bdb.py(", "/pdb.py("].iter().any(|name| frame.contains(name));
        if library || frame.starts_with("<string>(1)<module>()") {
            prompts.push_str(&line[..line.len() - bare.len()]);
            own = true;
            continue;
        }
        if own && line.starts_with("-> ") {
            own = false;
            continue;
        }
        own = false;
        // Ours only: how often a breakpoint is hit in all.
        if bare.ends_with(" in the recording")
            && (bare.starts_with("\thit ") || bare.starts_with("\tnever executed"))
        {
            continue;
        }
        if allow.iter().any(|name| name == "end") && bare.starts_with("The program finished") {
            break;
        }
        if allow.iter().any(|name| name == "hits") && bare.starts_with("\tbreakpoint already hit ")
        {
            continue;
        }
        let after_crash =
            lines.last().is_some_and(|last| last.contains("Uncaught exception. Entering"));
        if bare.starts_with("Post mortem debugger finished") {
            // pdb begins again.
            lines.extend((!prompts.is_empty()).then_some(prompts));
            return lines;
        }
        if allow.iter().any(|name| name == "crash")
            && (bare.starts_with("Running 'cont' or") || after_crash && !bare.starts_with("> "))
        {
            continue;
        }
        lines.push(std::mem::take(&mut prompts) + &without_addresses(line));
    }
    lines
}

fn without_addresses(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(" at 0x") {
        out.push_str(&rest[..at]);
        let digits = &rest[at + 6..];
        rest = digits.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    out + rest
}

/// The first lines that differ.
pub fn difference(want: &[String], got: &[String]) -> Option<String> {
    let at = (0..want.len().max(got.len())).find(|at| want.get(*at) != got.get(*at))?;
    let part = |lines: &[String]| {
        let from = at.saturating_sub(2).min(lines.len());
        lines[from..(at + 4).min(lines.len())].join("\n    ")
    };
    Some(format!("line {}:\n  pdb:\n    {}\n  moviola:\n    {}", at + 1, part(want), part(got)))
}

#[test]
fn pdb_and_moviola_print_the_same() {
    let only = std::env::var("MOVIOLA_TRANSCRIPT").unwrap_or_default();
    let scripts: Vec<Script> =
        scripts().into_iter().filter(|script| script.name.contains(&only)).collect();
    let version = Place::new().plain(&["-c", "import sys; print(sys.version_info[1])"]).out;
    let minor: u32 = version.trim().parse().unwrap();
    let mut places: BTreeMap<&str, Place> = BTreeMap::new();
    for script in &scripts {
        places.entry(&script.program).or_insert_with(|| {
            let place = Place::new();
            let name = format!("{}.py", script.program);
            let text = std::fs::read_to_string(folder().join("programs").join(&name)).unwrap();
            place.write(&name, &text);
            place.record(&[&name]);
            place
        });
    }
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(script) = scripts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if script.since > minor {
                        continue;
                    }
                    let place = &places[&*script.program];
                    let name = format!("{}.py", script.program);
                    let mut live = place.command(python());
                    live.args(["-m", "pdb", &name]);
                    let want = crate::util::feed(&mut live, &script.commands).out;
                    let exe = python();
                    let args = ["replay", "--python", &exe, "--at", "start", "t.moviola"];
                    let got = place.feed(&args, &script.commands);
                    let want = bare(&want, &script.allow);
                    let got = bare(&got.out, &script.allow);
                    if let Some(text) = difference(&want, &got) {
                        failed.lock().unwrap().push(format!("{}: {text}", script.name));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), scripts.len(), failed.join("\n"));
}

/// The rows that the debugger has to have, without attaching.
#[test]
fn every_row_has_a_script() {
    let named: BTreeSet<String> = scripts().into_iter().flat_map(|script| script.rows).collect();
    let missing: Vec<&str> = ROWS.iter().copied().filter(|row| !named.contains(*row)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(scripts().len() >= 60);
}

/// Rows that a script can show: what pdb has.
const ROWS: &[&str] = &[
    "PDB-01", "PDB-02", "PDB-03", "PDB-04", "PDB-05", "PDB-06", "PDB-07", "PDB-08", "PDB-09",
    "PDB-10", "PDB-11", "PDB-12", "PDB-13", "PDB-15", "PDB-16", "PDB-17", "PDB-18", "PDB-19",
    "PDB-20", "PDB-21", "PDB-22", "PDB-24", "PDB-25", "PDB-26", "PDB-33",
];
