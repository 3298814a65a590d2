//! Nothing that was committed is lost when the program, the writer or both are killed.
//!
//! The processes are children of this test: its own binary again, with a role in the environment.

#![allow(missing_docs)]

use moviola_format::event::{Event, Sink, op};
use moviola_format::read::Trace;
use moviola_format::ring::path_beside;
use moviola_pipeline::ring::{Producer, Ring};
use moviola_pipeline::{Ended, Options, Writer, new_identity, recover};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const ROLE: &str = "MOVIOLA_TEST_ROLE";
const TRACE: &str = "MOVIOLA_TEST_TRACE";

struct Files {
    trace: PathBuf,
}

impl Files {
    fn new(name: &str) -> Self {
        let name = format!("moviola-kills-{}-{name}", std::process::id());
        Self { trace: std::env::temp_dir().join(name) }
    }

    fn ring(&self) -> PathBuf {
        path_beside(&self.trace)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.trace);
        let _ = std::fs::remove_file(self.ring());
    }
}

/// Runs this binary again as `role`, which is one of the tests below.
fn spawn(role: &str, files: &Files) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([role, "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(TRACE, &files.trace)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

fn role(name: &str) -> Option<PathBuf> {
    (std::env::var(ROLE).ok()? == name).then(|| PathBuf::from(std::env::var_os(TRACE).unwrap()))
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
}

/// A value for line k that does not compress.
fn mixed(k: u64) -> i64 {
    let x = (k ^ k >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((x ^ x >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 24) as i64
}

/// The made-up program: line k has delta k mod 3 - 1 and, every seventh, a LOCAL store.
fn put_line(out: &mut Vec<u8>, k: u64) {
    if k.is_multiple_of(7) {
        out.local(0);
        out.v_int(mixed(k));
    }
    out.line(k as i64 % 3 - 1);
}

#[test]
fn role_producer() {
    let Some(trace) = role("role_producer") else { return };
    let mut producer = Producer::open(&path_beside(&trace)).unwrap();
    let mut out = Vec::new();
    for k in 0.. {
        out.clear();
        put_line(&mut out, k);
        if !producer.append(&out) {
            break;
        }
    }
    // The writer is gone and the ring is full: the program goes on without.
    std::process::exit(7);
}

#[test]
fn role_writer() {
    let Some(trace) = role("role_writer") else { return };
    let ring = Ring::attach(&path_beside(&trace), None).unwrap();
    let mut writer = Writer::new(&trace, ring, Options::default()).unwrap();
    loop {
        if writer.drain().read == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Every event is the next one: nothing is lost, doubled or torn. Gives the number of lines.
fn check(trace: &Trace) -> u64 {
    let mut k = 0;
    let mut stored = None;
    for number in 0..trace.block_count() {
        let block = trace.block(number).unwrap();
        let mut cursor = block.cursor();
        while let Some(step) = cursor.next().unwrap() {
            match step.event {
                Event::Line { delta } => {
                    assert_eq!(step.stop, k);
                    assert_eq!(delta, k as i64 % 3 - 1);
                    assert_eq!(stored.take().is_some(), k % 7 == 0);
                    k += 1;
                }
                Event::Local { value, .. } => {
                    assert_eq!(value, moviola_format::event::Value::Int(mixed(k)));
                    stored = Some(());
                }
                Event::Exit { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(trace.line_count(), k);
    k
}

fn lines_committed(ring: &Path) -> u64 {
    // What the producer has committed, from the ring's head, by counting as it wrote.
    let bytes = std::fs::read(ring).unwrap();
    let at = moviola_format::ring::OFF_HEAD;
    let head = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let (mut sum, mut k, mut out) = (0, 0, Vec::new());
    while sum < head {
        out.clear();
        put_line(&mut out, k);
        sum += out.len() as u64;
        k += 1;
    }
    assert_eq!(sum, head, "a torn event");
    k
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let clock = Instant::now();
    while !done() {
        assert!(clock.elapsed() < Duration::from_secs(60), "waiting for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn killed_program() {
    for millis in [1, 5, 20, 60, 120] {
        let files = Files::new(&format!("program-{millis}"));
        let ring = Ring::create(&files.ring(), 1 << 20, new_identity()).unwrap();
        let mut writer = Writer::new(&files.trace, ring, Options::default()).unwrap();
        let mut program = spawn("role_producer", &files);
        let clock = Instant::now();
        while writer.ring().head() == 0 || clock.elapsed() < Duration::from_millis(millis) {
            writer.drain();
        }
        kill(&mut program);
        let committed = lines_committed(&files.ring());
        let report = writer.finish(Ended::Signal(9));
        assert_eq!(report.failure, None);
        assert_eq!(report.lines, committed);
        assert!(!files.ring().exists());
        let trace = Trace::open(&files.trace).unwrap();
        assert!(trace.warnings().is_empty(), "{:?}", trace.warnings());
        assert_eq!(check(&trace), committed);
        let exit = trace.exit().unwrap();
        assert_eq!((exit.kind, exit.code, exit.stop), (1, 9, committed));
    }
}

#[test]
fn killed_writer_then_program() {
    for millis in [0, 3, 10, 40, 90] {
        let files = Files::new(&format!("both-{millis}"));
        drop(Ring::create(&files.ring(), 4 << 20, new_identity()).unwrap());
        let mut writer = spawn("role_writer", &files);
        wait_for("the trace", || files.trace.exists());
        let mut program = spawn("role_producer", &files);
        let head = |files: &Files| {
            let left = moviola_format::ring::read_leftover(&files.ring()).unwrap();
            left.start + left.bytes.len() as u64
        };
        wait_for("events", || head(&files) > 0);
        std::thread::sleep(Duration::from_millis(millis));
        // Sometimes while it writes, sometimes after.
        kill(&mut writer);
        std::thread::sleep(Duration::from_millis(millis / 2));
        let _ = program.kill();
        program.wait().unwrap();
        let committed = lines_committed(&files.ring());
        let trace = Trace::open(&files.trace).unwrap();
        assert_eq!(check(&trace), committed);
        assert!(!trace.is_complete());
        // And as one file.
        let recovered = recover(&files.trace, &files.trace).unwrap();
        assert_eq!(recovered.lines, committed);
        std::fs::remove_file(files.ring()).unwrap();
        let trace = Trace::open(&files.trace).unwrap();
        assert!(trace.is_complete() && trace.warnings().is_empty());
        assert_eq!(check(&trace), committed);
    }
}

#[test]
fn killed_writer_does_not_stop_the_program() {
    let files = Files::new("writer");
    drop(Ring::create(&files.ring(), 1 << 19, new_identity()).unwrap());
    let mut writer = spawn("role_writer", &files);
    wait_for("the trace", || files.trace.exists());
    let mut program = spawn("role_producer", &files);
    wait_for("events", || {
        moviola_format::ring::read_leftover(&files.ring())
            .is_ok_and(|left| left.start + left.bytes.len() as u64 > 0)
    });
    writer.kill().unwrap();
    // Not waited for: the zombie must count as dead.
    let status = program.wait().unwrap();
    writer.wait().unwrap();
    assert_eq!(status.code(), Some(7));
    let committed = lines_committed(&files.ring());
    let trace = Trace::open(&files.trace).unwrap();
    assert_eq!(check(&trace), committed);
    assert_eq!(trace.gaps().len(), 1, "what was lost is declared");
    assert_eq!(trace.gaps()[0].stop, committed);
}

#[test]
fn ring_of_another_recording_is_left_alone() {
    let files = Files::new("other");
    let ring = Ring::create(&files.ring(), 1 << 19, new_identity()).unwrap();
    let mut producer = Producer::open(&files.ring()).unwrap();
    let writer = Writer::new(&files.trace, ring, Options::default()).unwrap();
    assert!(producer.append(&[op::UNWIND]));
    writer.finish(Ended::Code(0));
    drop(Ring::create(&files.ring(), 1 << 19, new_identity()).unwrap());
    let trace = Trace::open(&files.trace).unwrap();
    assert_eq!(trace.stop_count(), 1);
    assert!(trace.warnings()[0].contains("another recording"));
}

#[test]
fn full_disk_ends_the_trace_not_the_program() {
    let files = Files::new("full");
    // A limit of file size stands for the full disk; the signal that comes with it is ignored
    // by whoever runs a writer.
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1200; exec \"$0\" role_full --exact"])
        .arg(std::env::current_exe().unwrap())
        .env(ROLE, "role_full")
        .env(TRACE, &files.trace)
        .output()
        .unwrap();
    let trace = Trace::open(&files.trace).unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
    assert!(trace.block_count() > 0, "whole blocks are kept");
    assert!(trace.stop_count() < 3_000_000);
    check(&trace);
    assert!(!trace.warnings().is_empty() || !trace.gaps().is_empty());
}

#[test]
fn role_full() {
    let Some(trace) = role("role_full") else { return };
    // The ring is smaller than the limit.
    let ring_path = trace.with_extension("ring-elsewhere");
    let ring = Ring::create(&ring_path, 1, new_identity());
    let ring = match ring {
        Ok(ring) => ring,
        Err(error) => panic!("ring: {error}"),
    };
    let mut producer = Producer::open(&ring_path).unwrap();
    let mut writer = Writer::new(&trace, ring, Options::default()).unwrap();
    let mut out = Vec::new();
    let mut failed = false;
    for k in 0..3_000_000 {
        out.clear();
        put_line(&mut out, k);
        // Nothing ever makes the program wait for good.
        assert!(producer.append(&out));
        if k % 50_000 == 0 {
            failed |= writer.drain().failed;
        }
    }
    producer.close();
    let report = writer.finish(Ended::Code(0));
    assert!(failed && report.failure.unwrap().contains("cannot write"));
    assert!(!ring_path.exists());
}
