//! The traces of the program's children.
//!
//! Children's rings are drained by a process of its own, this binary started again as
//! `moviola __children STAGE` when the first child appears: it may have to outlive `moviola record`,
//! which ends with the program while children go on. It ends with the last process that could still
//! bring the recorder into another, and then removes the stage. The two talk over the server's
//! standard streams: its input ends when the program has ended, its output is lines for the user.

use super::stage::Stage;
use crate::failure::{Failure, Outcome};
use moviola_format::read::{Family as Tree, Trace};
use moviola_format::ring::path_beside;
use moviola_pipeline::family::Family;
use moviola_pipeline::ring::{Process, Ring};
use moviola_pipeline::writer::{Ended, Options, Writer};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Name of the hidden subcommand.
pub const SERVER: &str = "__children";

/// Naps of the server and of a ring's thread while there is little to do.
const NAP_MIN: Duration = Duration::from_micros(500);
const NAP_MAX: Duration = Duration::from_millis(8);
/// How long children may take to end after the program before the user is told of them.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long a child may take to say which process it is after the one that took its number is gone,
/// and a ring may refuse to be read.
const BIRTH_MAX: Duration = Duration::from_secs(5);
/// How often the server is started again.
const STARTS_MAX: u32 = 4;
/// How long a ring stays closed before its trace is finished: an exec that fails opens it again.
const CLOSED_MIN: Duration = Duration::from_millis(20);

/// The recording's side: starts the server when it is needed, and hears from it at the end.
#[derive(Debug)]
pub struct Children {
    family: Family,
    server: Option<Server>,
    starts: u32,
    failed: Option<String>,
}

#[derive(Debug)]
struct Server {
    process: std::process::Child,
    lines: BufReader<ChildStdout>,
}

/// What came of the children.
#[derive(Debug, Default)]
pub struct Told {
    /// Things to tell.
    pub warnings: Vec<String>,
    /// Children that were still running when the program had ended.
    pub running: usize,
}

impl Children {
    /// No child yet.
    pub fn new(family: Family) -> Self {
        Self { family, server: None, starts: 0, failed: None }
    }

    /// To be called now and then while the program runs: one look for a file or a process.
    pub fn look(&mut self) {
        if let Some(server) = &mut self.server
            && !matches!(server.process.try_wait(), Ok(None))
        {
            // What it was reading stays where it is; the rings that nobody reads yet need another.
            self.server = None;
            if self.starts == STARTS_MAX {
                let problem = "the writer of the children's traces dies; `moviola recover` joins each with its ring";
                self.failed = Some(problem.to_owned());
            }
        }
        if self.server.is_none() && self.failed.is_none() && self.family.is_claimed(1) {
            self.start();
        }
    }

    fn start(&mut self) {
        self.starts += 1;
        // Not by its path: the binary may have been replaced meanwhile. A process group of its
        // own, for Ctrl-C at the terminal is meant for the program.
        let spawned = Command::new("/proc/self/exe")
            .arg(SERVER)
            .arg(&self.family.stage)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        match spawned {
            Ok(mut process) => {
                if let Some(lines) = process.stdout.take() {
                    self.server = Some(Server { process, lines: BufReader::new(lines) });
                }
            }
            Err(error) => self.failed = Some(format!("children's traces are not written: {error}")),
        }
    }

    /// The program has ended: waits for the traces of the children that have ended too.
    pub fn finish(mut self, stage: Stage) -> Told {
        self.look();
        let in_use = self.family.has_parents() && is_in_use(&self.family.stage);
        if self.server.is_none() && in_use && self.failed.is_none() {
            self.start();
        }
        let mut told = Told { warnings: self.failed.into_iter().collect(), running: 0 };
        let Some(mut server) = self.server else { return told };
        stage.keep();
        drop(server.process.stdin.take());
        loop {
            let mut line = String::new();
            match server.lines.read_line(&mut line) {
                Ok(0) | Err(_) => {
                    told.warnings.push(
                        "the writer of the children's traces has died; `moviola recover` joins each with its ring"
                            .to_owned(),
                    );
                    if !is_in_use(&self.family.stage) {
                        std::fs::remove_dir_all(&self.family.stage).ok();
                    }
                    break;
                }
                Ok(_) => {}
            }
            let line = line.trim_end_matches('\n');
            if let Some(count) = line.strip_prefix("running ") {
                told.running = count.parse().unwrap_or(0);
                break;
            }
            told.warnings.extend(line.strip_prefix("warning ").map(str::to_owned));
        }
        if told.running == 0 {
            // It is about to end, unless a program that is no Python still runs; either way it
            // is nobody's business any more.
            server.process.try_wait().ok();
        }
        told
    }
}

/// The children's traces of the recording that a new one is going to replace.
pub fn of_trace(trace: &Path) -> Vec<PathBuf> {
    let Ok(old) = Trace::open(trace) else { return Vec::new() };
    let members = Tree::of(trace, &old).members.into_iter();
    members.filter(|member| member.parent.is_some()).map(|member| member.path).collect()
}

/// Removes traces and what is beside them; what cannot be removed stays as it is.
pub fn remove(traces: &[PathBuf]) {
    for trace in traces {
        std::fs::remove_file(path_beside(trace)).ok();
        std::fs::remove_file(trace).ok();
    }
}

/// A child's trace in the making.
struct Job {
    thread: JoinHandle<Result<(), String>>,
    /// Its process has ended: what is left is to write.
    ended: Arc<AtomicBool>,
}

/// Runs the server.
pub fn serve(stage: &Path) -> Outcome {
    let family = Family::load(stage).map_err(|e| {
        Failure::usage(format!("{SERVER} is started by `moviola record` itself ({e})"))
    })?;
    super::child::Watch::survive_file_limit();
    let over = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&over);
    std::thread::spawn(move || {
        // Nothing comes; what matters is the end, also when `moviola record` is killed.
        std::io::stdin().lock().read_to_end(&mut Vec::new()).ok();
        ends.store(true, Ordering::Release);
    });
    let mut jobs: Vec<Job> = Vec::new();
    let mut next = 1;
    let mut ended_at: Option<Instant> = None;
    let mut told = false;
    let mut nap = NAP_MIN;
    loop {
        while family.is_claimed(next) {
            jobs.push(begin(&family, next));
            next += 1;
            nap = NAP_MIN;
        }
        let (done, running): (Vec<_>, Vec<_>) =
            jobs.into_iter().partition(|job| job.thread.is_finished());
        jobs = running;
        for job in done {
            if let Ok(Err(problem)) = job.thread.join() {
                tell(&format!("warning {problem}"));
            }
        }
        if over.load(Ordering::Acquire) {
            let since = *ended_at.get_or_insert_with(Instant::now);
            let waits = jobs.iter().any(|job| job.ended.load(Ordering::Acquire));
            if !told && (jobs.is_empty() || (!waits && since.elapsed() > PATIENCE)) {
                told = true;
                tell(&format!("running {}", jobs.len()));
            }
            // In this order: what ends between the two looks may have taken a number before.
            if jobs.is_empty() && !is_in_use(stage) && !family.is_claimed(next) {
                break;
            }
        }
        std::thread::sleep(nap);
        let slow = if told { 30 * NAP_MAX } else { NAP_MAX };
        nap = (nap * 2).min(slow);
    }
    std::fs::remove_dir_all(stage).ok();
    Ok(0)
}

/// A line for `moviola record`, which may be gone.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{}\n", line.replace('\n', " ")).as_bytes()).ok();
    out.flush().ok();
}

fn begin(family: &Family, number: u32) -> Job {
    let ended = Arc::new(AtomicBool::new(false));
    let (family, flag) = (family.clone(), Arc::clone(&ended));
    let thread = std::thread::spawn(move || write(&family, number, &flag));
    Job { thread, ended }
}

/// Waits for the ring of a child; `None` if there is nothing to be written.
fn ring_of(family: &Family, number: u32) -> std::io::Result<Option<Ring>> {
    let (trace, path) = (family.trace_of(number), family.ring_of(number));
    let is_empty = || Trace::open(&trace).is_ok_and(|trace| trace.block_count() == 0);
    let mut nap = NAP_MIN;
    let (mut failing, mut alone) = (None, None);
    loop {
        let process = family.process(number);
        let gone = match process {
            Some(process) => !process.is_alive(),
            None if family.claimant(number).is_some_and(Process::is_alive) => false,
            None => alone.get_or_insert_with(Instant::now).elapsed() > BIRTH_MAX,
        };
        // The ring is complete once it can be opened. One that is there before may be what a killed
        // recording of the same name has left.
        let ring = match process {
            Some(process) => Ring::attach(&path, Some(process.pid)),
            None => Err(ErrorKind::NotFound.into()),
        };
        match ring {
            Ok(ring) => return Ok(Some(ring)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if gone {
                    // The fork failed, or it died before there was anything to record. The name
                    // may be that of a trace of another recording.
                    if is_empty() {
                        remove(&[trace]);
                    }
                    return Ok(None);
                }
            }
            Err(error) if error.kind() == ErrorKind::ResourceBusy => return Err(error),
            Err(error) if failing.get_or_insert_with(Instant::now).elapsed() > BIRTH_MAX => {
                return Err(error);
            }
            Err(_) => {}
        }
        std::thread::sleep(nap);
        nap = (nap * 2).min(NAP_MAX);
    }
}

/// Writes the trace of one child, from its first event to its last.
fn write(family: &Family, number: u32, ended: &AtomicBool) -> Result<(), String> {
    let trace = family.trace_of(number);
    let cannot = |e: std::io::Error| format!("cannot write the trace {}: {e}", trace.display());
    if family.is_written(number) {
        // By a server before this one.
        return Ok(());
    }
    let Some(ring) = ring_of(family, number).map_err(cannot)? else { return Ok(()) };
    let mut writer = Writer::new(&trace, ring, Options::default()).map_err(cannot)?;
    let mut nap = NAP_MIN;
    let mut closed: Option<Instant> = None;
    loop {
        // What is dead or closed before a look at the ring writes nothing after it.
        let quiet = nap == NAP_MAX || closed.is_some();
        let dead = quiet && writer.ring().producer_pid() != 0 && !writer.ring().is_produced();
        let progress = writer.drain();
        closed = if writer.ring().is_closed() {
            Some(closed.unwrap_or_else(Instant::now))
        } else {
            None
        };
        let over = dead || closed.is_some_and(|since| since.elapsed() > CLOSED_MIN);
        ended.store(dead || closed.is_some(), Ordering::Release);
        if over && progress.read == 0 {
            break;
        }
        if progress.read > (64 << 10) {
            nap = NAP_MIN;
        } else {
            std::thread::sleep(nap);
            nap = (nap * 2).min(NAP_MAX);
        }
    }
    let report = writer.finish(Ended::Unknown);
    family.note_written(number);
    match report.failure {
        Some(failure) => Err(format!("the trace {} is incomplete: {failure}", trace.display())),
        None => Ok(()),
    }
}

/// Whether a process runs that was started with the stage in its environment.
fn is_in_use(stage: &Path) -> bool {
    let wanted = [b"MOVIOLA_STAGE=", stage.as_os_str().as_bytes(), b"\0"].concat();
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    processes.flatten().any(|process| {
        process.file_name().as_bytes().iter().all(u8::is_ascii_digit)
            && std::fs::read(process.path().join("environ"))
                .is_ok_and(|environ| environ.windows(wanted.len()).any(|part| part == wanted))
    })
}
