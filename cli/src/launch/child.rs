//! The program's process: starting it, passing signals and job control on, waiting for its end.
//!
//! SIGINT and SIGQUIT belong to the program: the terminal sends them to it as well, and Moviola
//! only outlives them. Must not read the program's output or write to its descriptors.

use super::python::Python;
use super::stage::FOREIGN;
use super::target::Target;
use crate::failure::Failure;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::{Handle, Signals};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the program reads from its standard input.
#[derive(Debug, Clone)]
pub enum Stdin {
    /// What Moviola itself was given.
    Inherit,
    /// Nothing.
    Empty,
    /// A file.
    File(PathBuf),
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It is not known: its end was not seen.
    Unknown,
}

impl End {
    /// The exit code that a shell would show.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Code(code) => u8::try_from(code & 0xff).unwrap_or(1),
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(255),
            Self::Unknown => 1,
        }
    }
}

/// The running program.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    end: Option<End>,
}

impl Child {
    /// Its process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// How it ended, if it has. Never waits. A program that was stopped stops Moviola too, so
    /// that the shell gets the terminal back.
    pub fn poll(&mut self) -> Option<End> {
        self.look(WaitPidFlag::WNOHANG);
        self.end
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> End {
        loop {
            if let Some(end) = self.end {
                return end;
            }
            self.look(WaitPidFlag::empty());
        }
    }

    fn look(&mut self, how: WaitPidFlag) {
        if self.end.is_some() {
            return;
        }
        match waitpid(self.pid, Some(how | WaitPidFlag::WUNTRACED)) {
            Ok(WaitStatus::Exited(_, code)) => self.end = Some(End::Code(code)),
            Ok(WaitStatus::Signaled(_, signal, _)) => self.end = Some(End::Signal(signal as i32)),
            Ok(WaitStatus::Stopped(..)) => self.stop_with_it(),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(_) => self.end = Some(End::Unknown),
        }
    }

    /// The program was stopped: so is this process, or the shell would never get the terminal.
    fn stop_with_it(&self) {
        // The terminal may have stopped both, and just wakes both: the program last.
        std::thread::sleep(Duration::from_millis(20));
        if state(self.pid) == Some('T') {
            // SIGSTOP rather than the same signal: it cannot be lost to a handler.
            raise(Signal::SIGSTOP).ok();
        }
    }
}

/// The letter that `/proc` shows for what a process does: T when it is stopped.
fn state(pid: Pid) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

/// Starts the program by the command that the user would give.
pub fn spawn(
    python: &Python,
    py_opts: &[OsString],
    target: &Target,
    env: &[(&'static str, OsString)],
    stdin: &Stdin,
) -> Result<Child, Failure> {
    let failed = |what: &str, e: io::Error| Failure::recorder(format!("cannot start {what}: {e}"));
    let shown = python.command.display().to_string();
    let mut command = base_command(&python.command, env);
    command.args(py_opts).args(&target.args);
    match stdin {
        Stdin::Inherit => {}
        Stdin::Empty => {
            command.stdin(Stdio::null());
        }
        Stdin::File(path) => {
            let file = std::fs::File::open(path).map_err(|e| {
                Failure::usage(format!("cannot read `{}` given with --stdin: {e}", path.display()))
            })?;
            command.stdin(file);
        }
    }
    let child = command.spawn().map_err(|e| failed(&format!("`{shown}`"), e))?;
    let pid =
        i32::try_from(child.id()).map_err(|_| failed(&shown, io::ErrorKind::InvalidData.into()))?;
    Ok(Child { pid: Pid::from_raw(pid), end: None })
}

/// `Command` hands an environment that was changed on in alphabetical order; a program can see
/// the order, so the variables are added by `env`, which keeps it.
fn base_command(python: &OsString, env: &[(&'static str, OsString)]) -> Command {
    let tool = Path::new("/usr/bin/env");
    let foreign = FOREIGN.iter().filter(|name| std::env::var_os(name).is_some());
    if !tool.is_file() || python.to_string_lossy().contains('=') {
        let mut command = Command::new(python);
        foreign.for_each(|name| {
            command.env_remove(name);
        });
        command.envs(env.iter().map(|(k, v)| (k, v)));
        return command;
    }
    let mut command = Command::new(tool);
    for name in foreign {
        command.arg("-u").arg(name);
    }
    for (key, value) in env {
        let mut word = OsString::from(key);
        word.push("=");
        word.push(value);
        command.arg(word);
    }
    command.arg(python);
    command
}

/// Handles this process's signals while the program runs.
#[derive(Debug)]
pub struct Watch {
    pid: Arc<AtomicI32>,
    handle: Handle,
    thread: JoinHandle<()>,
}

impl Watch {
    /// Before the program starts: from here on SIGINT and SIGQUIT do not end Moviola.
    pub fn begin() -> io::Result<Self> {
        // What is ignored already (nohup, `&` of a shell script) stays ignored for both.
        let ignored = ignored_signals();
        let wanted = [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCONT, SIGXFSZ];
        let signals = wanted.into_iter().filter(|s| ignored & (1 << (s - 1)) == 0);
        let mut signals = Signals::new(signals.collect::<Vec<_>>())?;
        let handle = signals.handle();
        let pid = Arc::new(AtomicI32::new(0));
        let child = Arc::clone(&pid);
        let thread = std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                forward(signal, child.load(Ordering::Acquire));
            }
        })?;
        Ok(Self { pid, handle, thread })
    }

    /// A file over `ulimit -f` must fail to be written, not end this process. Not by ignoring the
    /// signal: the program would inherit that.
    pub fn survive_file_limit() {
        // Registering fails for no signal that exists.
        signal_hook::flag::register(SIGXFSZ, Arc::default()).ok();
    }

    /// The program runs: pass signals on to it.
    pub fn follow(&self, child: &Child) {
        self.pid.store(child.pid().as_raw(), Ordering::Release);
    }

    /// The program has ended: its process id may soon be another's.
    pub fn finish(self) {
        self.pid.store(0, Ordering::Release);
        self.handle.close();
        // The thread only forwards; nothing of it is needed.
        self.thread.join().ok();
    }
}

fn forward(signal: i32, pid: i32) {
    // SIGXFSZ is the writer's own: the write fails and says so.
    if pid == 0 || matches!(signal, SIGINT | SIGQUIT | SIGXFSZ) {
        return;
    }
    if let Ok(signal) = Signal::try_from(signal) {
        // It may have ended by itself meanwhile.
        kill(Pid::from_raw(pid), signal).ok();
    }
}

/// The mask of ignored signals, bit N-1 for signal N.
fn ignored_signals() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find_map(|l| l.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(line.trim(), 16).ok()
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_shell_s() {
        assert_eq!(End::Code(3).exit_code(), 3);
        assert_eq!(End::Signal(9).exit_code(), 137);
    }
}
