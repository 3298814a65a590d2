//! The Python that evaluates what the native evaluator cannot: a process of its own, isolated from the user's environment, that asks
//! for recorded values as it needs them.
//!
//! Which Python is run is said by whoever starts the session, never by a trace: a trace is data.

use crate::serve::wire;
use serde_json::Value as Json;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long one line of input may take.
const TIME_MAX: Duration = Duration::from_secs(60);
/// How long a Python may take to start.
const START_MAX: Duration = Duration::from_secs(20);
/// How often an interruption is looked for.
const TICK: Duration = Duration::from_millis(20);
/// The oldest Python 3 that will do.
const MINOR_MIN: u64 = 11;

/// Takes its first message for the modules to begin with.
const BOOT: &str = r#"
import json, struct, sys, types
def receive():
    return json.loads(sys.stdin.buffer.read(struct.unpack("<I", sys.stdin.buffer.read(4))[0]))
for name, text in receive()["modules"]:
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = []
    exec(compile(text, f"<{name}>", "exec"), module.__dict__)
module.main()
"#;

/// What it consists of, in this order.
const MODULES: [(&str, &str); 8] = [
    ("moviola", ""),
    ("moviola._plain", include_str!("../../../recorder/python/moviola/_plain.py")),
    ("moviola._pure", include_str!("../../../recorder/python/moviola/_pure.py")),
    ("moviola._typed", include_str!("../../../recorder/python/moviola/_typed.py")),
    ("moviola._own", include_str!("../../../recorder/python/moviola/_own.py")),
    ("moviola._values", include_str!("../../../recorder/python/moviola/_values.py")),
    ("moviola._recording", include_str!("../../../recorder/python/moviola/_recording.py")),
    ("moviola._child", include_str!("../../../recorder/python/moviola/_child.py")),
];

/// Where Pythons may be found, and the one that runs.
#[derive(Debug, Default)]
pub struct Python {
    candidates: Vec<PathBuf>,
    running: Option<Running>,
    /// Why there is none.
    missing: Option<String>,
    /// What the user is to be told once.
    note: Option<String>,
}

/// A process.
#[derive(Debug)]
struct Running {
    process: Child,
    input: ChildStdin,
    messages: Receiver<std::io::Result<Option<Json>>>,
    version: [u64; 3],
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be at work; nothing of it is kept.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// What comes from the process before it is done.
#[derive(Debug)]
pub enum Said<'m> {
    /// It asks; the answer is the result.
    Asks(&'m Json),
    /// The program that the user typed has printed this.
    Out(&'m Json),
    /// The value of an expression statement.
    Shows(&'m Json),
}

impl Python {
    /// Looks for a Python under these names or paths, in this order.
    #[must_use]
    pub fn new(candidates: Vec<PathBuf>) -> Self {
        Self { candidates, ..Self::default() }
    }

    /// Whether any may be started.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        !self.candidates.is_empty()
    }

    /// Whether there is one of the recorded version; it is started.
    pub fn is_there(&mut self, minor: u32) -> bool {
        if self.running.is_none() && self.is_allowed() {
            self.running = self.start(minor).ok();
        }
        self.running.as_ref().is_some_and(|running| running.version[1] == u64::from(minor))
    }

    /// What the user is to be told once: that another version evaluates.
    pub fn note(&mut self) -> Option<String> {
        self.note.take()
    }

    /// Has a request run to its end; `on` gives the answers to what is asked meanwhile.
    ///
    /// # Errors
    /// Why it could not be run, or was ended: what the user has made there is gone then.
    pub fn run(
        &mut self,
        request: &str,
        minor: u32,
        interrupt: &AtomicBool,
        mut on: impl FnMut(&Said<'_>) -> String,
    ) -> Result<Json, String> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start(minor)?,
        };
        wire::write(&mut running.input, request).map_err(|e| ended(&e.to_string()))?;
        let until = Instant::now() + TIME_MAX;
        loop {
            let message = running.next(until, Some(interrupt))?;
            let said = if message.get("ask").is_some() {
                Said::Asks(&message)
            } else if let Some(out) = message.get("out") {
                Said::Out(out)
            } else if let Some(shown) = message.get("show") {
                Said::Shows(shown)
            } else if message.get("done").is_some() {
                self.running = Some(running);
                return Ok(message);
            } else {
                return Err(ended("it does not answer as it should"));
            };
            let answer = on(&said);
            if matches!(said, Said::Asks(_)) {
                wire::write(&mut running.input, &answer).map_err(|e| ended(&e.to_string()))?;
            }
        }
    }

    fn start(&mut self, minor: u32) -> Result<Running, String> {
        if let Some(why) = &self.missing {
            return Err(why.clone());
        }
        let mut other: Option<(Running, PathBuf)> = None;
        let mut tried = Vec::new();
        for candidate in &self.candidates {
            match Running::start(candidate) {
                Ok(running) if running.version[1] == u64::from(minor) => {
                    return Ok(running);
                }
                Ok(running) if running.version[1] >= MINOR_MIN => {
                    other.get_or_insert((running, candidate.clone()));
                }
                Ok(running) => {
                    let [major, minor, micro] = running.version;
                    tried.push(format!("`{}` is {major}.{minor}.{micro}", candidate.display()));
                }
                Err(why) => tried.push(format!("`{}`: {why}", candidate.display())),
            }
        }
        if let Some((running, path)) = other {
            let [major, other, micro] = running.version;
            self.note = Some(format!(
                "Python 3.{minor} was recorded; what only a Python can evaluate is evaluated by {major}.{other}.{micro} (`{}`)",
                path.display()
            ));
            return Ok(running);
        }
        let tried =
            if tried.is_empty() { String::new() } else { format!(": {}", tried.join("; ")) };
        let why = format!(
            "no Python 3.{minor} to evaluate this was found{tried}; name one with --python"
        );
        self.missing = Some(why.clone());
        Err(why)
    }
}

fn ended(why: &str) -> String {
    format!("the Python that evaluated this has ended, and what it held is gone: {why}")
}

impl Running {
    fn start(path: &PathBuf) -> Result<Self, String> {
        let mut process = Command::new(path)
            .args(["-I", "-S", "-B", "-c", BOOT])
            .current_dir("/")
            // Ctrl-C in a terminal is for the debugger, which ends what runs here if it is to end.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| e.to_string())?;
        let (Some(input), Some(mut output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("it has no pipes".to_owned());
        };
        let (sender, messages) = channel();
        // Ends when the process does.
        std::thread::Builder::new()
            .name("python".to_owned())
            .spawn(move || {
                loop {
                    let message = wire::read(&mut output);
                    let last = !matches!(message, Ok(Some(_)));
                    if sender.send(message).is_err() || last {
                        break;
                    }
                }
            })
            .map_err(|e| e.to_string())?;
        let mut running = Self { process, input, messages, version: [0; 3] };
        let modules: Vec<Json> =
            MODULES.iter().map(|(name, text)| serde_json::json!([name, text])).collect();
        let first = serde_json::json!({ "modules": modules }).to_string();
        wire::write(&mut running.input, &first).map_err(|e| e.to_string())?;
        let hello = running.next(Instant::now() + START_MAX, None)?;
        let version = hello.get("hello").and_then(Json::as_array).map(|numbers| {
            let number = |at: usize| numbers.get(at).and_then(Json::as_u64).unwrap_or(0);
            [number(0), number(1), number(2)]
        });
        running.version = version.ok_or_else(|| ended("it does not answer as it should"))?;
        Ok(running)
    }

    /// The next message.
    fn next(&self, until: Instant, interrupt: Option<&AtomicBool>) -> Result<Json, String> {
        loop {
            match self.messages.recv_timeout(TICK) {
                Ok(Ok(Some(message))) => return Ok(message),
                Ok(Ok(None)) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(ended("it stopped by itself"));
                }
                Ok(Err(e)) => return Err(ended(&e.to_string())),
                Err(RecvTimeoutError::Timeout) => {
                    if interrupt.is_some_and(|interrupt| interrupt.load(Ordering::Relaxed)) {
                        return Err(ended("it was interrupted"));
                    }
                    if Instant::now() >= until {
                        let limit = TIME_MAX.as_secs();
                        return Err(ended(&format!("it took longer than {limit} s")));
                    }
                }
            }
        }
    }
}
