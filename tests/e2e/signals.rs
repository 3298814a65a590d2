//! Signals and job control while a program is recorded.

use crate::util::{Place, done, python};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Says that it runs by making a file, then waits for what comes.
const WAITER: &str = r#"
import signal, sys, time
class Hit(Exception): pass
def hit(number, frame): raise Hit(signal.Signals(number).name)
signal.signal(signal.SIGTERM, hit)
signal.signal(signal.SIGHUP, hit)
try:
    open("ready", "w").close()
    time.sleep(30)
except Hit as e:
    print("got", e)
    sys.exit(5)
except KeyboardInterrupt:
    print("interrupted")
    sys.exit(6)
"#;

fn until(what: &str, mut true_now: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !true_now() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Starts the waiter, recorded, in a process group of its own.
fn start(place: &Place) -> Child {
    place.write("waiter.py", WAITER);
    let ready = place.work().join("ready");
    std::fs::remove_file(&ready).ok();
    let child = place
        .moviola(&["record", "-o", "t.moviola", "--python", &python(), "waiter.py"])
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the program starts", || ready.exists());
    child
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}

fn state(pid: Pid) -> Option<char> {
    let stat =
        std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    stat.rsplit(')').next()?.trim().chars().next()
}

#[test]
fn a_termination_request_reaches_the_program() {
    let place = Place::new();
    for (signal, name) in [(Signal::SIGTERM, "SIGTERM"), (Signal::SIGHUP, "SIGHUP")] {
        let child = start(&place);
        kill(pid(&child), signal).unwrap();
        let done = done(child.wait_with_output().unwrap());
        assert_eq!((done.code, done.out), (5, format!("got {name}\n")), "{}", done.err);
        assert_eq!(place.info("t.moviola")["exit"]["code"], 5);
    }
}

#[test]
fn an_interrupt_from_the_terminal_belongs_to_the_program() {
    let place = Place::new();
    let child = start(&place);
    // What the terminal does at Ctrl-C: the whole foreground group gets it.
    kill(Pid::from_raw(-pid(&child).as_raw()), Signal::SIGINT).unwrap();
    let done = done(child.wait_with_output().unwrap());
    assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (6, "interrupted\n", ""));
}

#[test]
fn a_stopped_program_stops_the_recording_until_it_goes_on() {
    let place = Place::new();
    place.write(
        "stopper.py",
        "import os, signal\nos.kill(os.getpid(), signal.SIGTSTP)\nprint('on')\n",
    );
    let child = place
        .moviola(&["record", "-o", "t.moviola", "--python", &python(), "stopper.py"])
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("moviola stops as well", || state(pid(&child)) == Some('T'));
    kill(Pid::from_raw(-pid(&child).as_raw()), Signal::SIGCONT).unwrap();
    let done = done(child.wait_with_output().unwrap());
    assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (0, "on\n", ""));
}
