//! The other processes of the recording: which there are, and going into one and back.

use super::{Engine, Output};
use crate::timeline::Timeline;
use moviola_format::read::{Exit, Family, Member, Trace, TraceError};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The sessions on the other traces of the recording.
#[derive(Debug, Default)]
pub(super) struct Processes {
    family: Family,
    /// Sessions that were begun, by process.
    parked: FxHashMap<u32, Engine>,
}

impl Engine {
    /// Makes the other processes of the recording reachable.
    #[must_use]
    pub fn with_family(mut self, family: Family) -> Self {
        self.processes = Processes { family, parked: FxHashMap::default() };
        self
    }

    /// The processes of the recording, as far as this session knows.
    #[must_use]
    pub const fn family(&self) -> &Family {
        &self.processes.family
    }

    /// `processes`.
    pub(super) fn do_processes(&self, out: &mut Output) {
        for line in tree(self.family()) {
            out.say(line);
        }
    }

    /// `process [number]`.
    pub(super) fn do_process(
        &mut self,
        argument: &str,
        out: &mut Output,
    ) -> Result<(), TraceError> {
        let family = &self.processes.family;
        let own = family.own;
        if argument.is_empty() {
            match family.member(own) {
                Some(member) => out.say(describe(member)),
                None => out.say(format!("process {own}")),
            }
            return Ok(());
        }
        let number = match argument {
            "parent" => family.member(own).and_then(|member| member.parent),
            _ => argument.parse().ok(),
        };
        let Some(member) = number.and_then(|number| family.member(number)) else {
            let shown = super::breaks::quoted(argument);
            out.error(format!("No process {shown} in the recording; see processes"));
            return Ok(());
        };
        let number = member.number;
        if number == own {
            self.show_stop(out);
            return Ok(());
        }
        let other = match self.processes.parked.remove(&number) {
            Some(parked) => parked,
            None => {
                let trace = Trace::open(&member.path)?;
                Self::on(Timeline::sharing(trace, Arc::clone(self.interrupt())))?
            }
        };
        let here = std::mem::replace(self, other);
        self.take_over(here, number);
        self.show_stop(out);
        Ok(())
    }

    /// This session takes the place of `left`, as process `number`.
    fn take_over(&mut self, mut left: Self, number: u32) {
        self.processes = std::mem::take(&mut left.processes);
        let before = self.processes.family.own;
        self.processes.family.own = number;
        self.time.skip(&left.settings.skip);
        self.settings.clone_from(&left.settings);
        self.last.clone_from(&left.last);
        self.processes.parked.insert(before, left);
    }
}

impl Timeline {
    /// A timeline whose searches end when another's do.
    fn sharing(trace: Trace, interrupt: Arc<AtomicBool>) -> Self {
        let mut time = Self::new(trace);
        time.share_interrupt(interrupt);
        time
    }
}

/// The processes of a recording as a tree, one line each; the current one is marked.
#[must_use]
pub fn tree(family: &Family) -> Vec<String> {
    let mut lines = Vec::new();
    let mut roots: Vec<&Member> = family.roots().collect();
    roots.reverse();
    let mut todo: Vec<(usize, &Member)> = roots.into_iter().map(|member| (0, member)).collect();
    while let Some((depth, member)) = todo.pop() {
        let mark = if member.number == family.own { "->" } else { "  " };
        lines.push(format!("{mark} {}{}", "  ".repeat(depth), describe(member)));
        let mut children: Vec<&Member> = family.children(member.number).collect();
        children.sort_by_key(|child| (child.at, child.number));
        todo.extend(children.into_iter().rev().map(|child| (depth + 1, child)));
        for child in &member.unrecorded {
            lines.push(format!(
                "   {}-  {} at @{}, pid {}: not recorded (no Python, or one that could not be)",
                "  ".repeat(depth + 1),
                child.how,
                child.stop,
                child.pid
            ));
        }
    }
    lines
}

/// `1  fork at @12, pid 4711, exit code 0, 120 stops: python3 x.py`
fn describe(member: &Member) -> String {
    let mut text = format!("{}  ", member.number);
    if let Some(parent) = member.parent {
        let how = if member.how.is_empty() { "started" } else { &member.how };
        match member.at {
            Some(at) => text.push_str(&format!("{how} at @{at}, ")),
            None => text.push_str(&format!("{how} by a child of {parent}, ")),
        }
    }
    let ended = match member.exit {
        None => "end not seen".to_owned(),
        Some(Exit { kind: 1, code, .. }) => format!("signal {code}"),
        Some(Exit { kind: 2, .. }) => "uncaught exception".to_owned(),
        Some(Exit { code, .. }) => format!("exit code {code}"),
    };
    let argv = words(&member.argv);
    text.push_str(&format!("pid {}, {ended}, {} stops: {argv}", member.pid, member.stops));
    text
}

/// An argument list in JSON as words, cut after some length.
fn words(argv: &str) -> String {
    const MAX: usize = 100;
    let list: Vec<String> = serde_json::from_str(argv).unwrap_or_default();
    let text = list.join(" ");
    match text.char_indices().nth(MAX) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}
