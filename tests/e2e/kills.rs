//! Kills at moments spread over a run: the program, the writer, or both. No completed event is
//! lost, and every trace opens.

use crate::util::{Place, done, python};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Counts its iterations where they outlive it; each takes some time in C.
const COUNTER: &str = r#"
import mmap, os, struct
with open("shared", "r+b") as f:
    shared = mmap.mmap(f.fileno(), 16)
struct.pack_into("<q", shared, 8, os.getpid())
pad = range(1500)
i = 0
while i < 6000:
    i += 1
    struct.pack_into("<q", shared, 0, i)
    sum(pad)
print("done", i)
"#;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Victim {
    Program,
    Writer,
    Both,
}

fn shared(place: &Place, at: usize) -> i64 {
    let bytes = std::fs::read(place.work().join("shared")).unwrap();
    i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// How long the program takes unrecorded, from the moment at which it begins to count.
fn plain_time(place: &Place) -> Duration {
    place.write("shared", &"\0".repeat(16));
    let begun = Instant::now();
    assert_eq!(place.plain(&["counter.py"]).out, "done 6000\n");
    begun.elapsed()
}

/// One kill; what is wrong with it, if anything.
fn kill_at(place: &Place, victim: Victim, after: Duration) -> Result<(), String> {
    place.write("shared", &"\0".repeat(16));
    for old in ["t.moviola", "t.moviola.ring"] {
        std::fs::remove_file(place.work().join(old)).ok();
    }
    let mut child = place
        .moviola(&["record", "-o", "t.moviola", "--python", &python(), "counter.py"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let begun = Instant::now();
    while shared(place, 0) == 0 {
        if begun.elapsed() > Duration::from_secs(20) {
            return Err("the program does not start".into());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    std::thread::sleep(after);
    let program = Pid::from_raw(i32::try_from(shared(place, 8)).unwrap());
    let writer = Pid::from_raw(i32::try_from(child.id()).unwrap());
    // Either may be gone already when the moment lies after its end.
    if victim != Victim::Program {
        kill(writer, Signal::SIGKILL).ok();
    }
    if victim != Victim::Writer {
        kill(program, Signal::SIGKILL).ok();
    }
    // Reads until the program, too, has closed its end.
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).map_err(|e| e.to_string())?;
    child.stderr.take().unwrap().read_to_string(&mut err).map_err(|e| e.to_string())?;
    let status = done(child.wait_with_output().map_err(|e| e.to_string())?);
    let count = shared(place, 0);
    if victim == Victim::Writer && out != "done 6000\n" {
        return Err(format!("the program did not go on without its writer: {out:?} {err:?}"));
    }
    if victim == Victim::Program && count < 6_000 && status.code != 137 {
        return Err(format!("exit code {} instead of 137, {err:?}", status.code));
    }
    if err.lines().any(|line| !line.starts_with("moviola: ")) {
        return Err(format!("standard error: {err:?}"));
    }
    let last = last_value(place)?;
    if (last - count).abs() > 3 {
        return Err(format!("counted {count}, the trace ends at {last}"));
    }
    Ok(())
}

/// The value of `i` at the trace's end.
fn last_value(place: &Place) -> Result<i64, String> {
    // Back from the end, which may lie in what runs at exit, to the last store to the mapping.
    let last = ["-x", "b counter.py:10", "-x", "goto end", "-x", "rc", "-x", "p i"];
    let replayed = place.run(&[&["replay", "t.moviola"][..], &last].concat());
    if replayed.code != 0 {
        return Err(format!("replay: {replayed:?}"));
    }
    let mut values =
        replayed.out.lines().filter_map(|l| l.trim().trim_start_matches("(Pdb) ").parse().ok());
    values.next_back().ok_or_else(|| format!("no value: {replayed:?}"))
}

fn series(victim: Victim, times: u32) {
    let place = Place::new();
    place.write("counter.py", COUNTER);
    let whole = plain_time(&place);
    let mut wrong = Vec::new();
    for n in 0..times {
        let after = whole * n / times;
        if let Err(e) = kill_at(&place, victim, after) {
            wrong.push(format!("{victim:?} killed after {after:?}: {e}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {times}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_program_is_killed() {
    series(Victim::Program, 20);
}

#[test]
fn the_writer_is_killed() {
    series(Victim::Writer, 15);
}

#[test]
fn both_are_killed() {
    series(Victim::Both, 15);
}

#[test]
fn recover_joins_trace_and_ring() {
    let place = Place::new();
    place.write("counter.py", COUNTER);
    kill_at(&place, Victim::Both, Duration::from_millis(60)).unwrap();
    let before = last_value(&place).unwrap();
    assert!(place.work().join("t.moviola.ring").exists());
    let done = place.run(&["recover", "t.moviola"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(!place.work().join("t.moviola.ring").exists());
    assert_eq!(last_value(&place).unwrap(), before);
    let again = place.run(&["recover", "t.moviola"]);
    assert_eq!(again.code, 0, "{again:?}");
}
