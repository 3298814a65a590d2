//! The traces of one recording: which processes there were, who made them, and where.
//!
//! Looks at the names beside a trace and at the facts inside; a file that only has the name, and is of
//! another recording, is none.

use super::trace::Trace;
use super::types::{Child, Exit};
use crate::family::{child_trace, split_child};
use std::path::{Path, PathBuf};

/// A recorded process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its number; 0 is the program that `moviola record` started.
    pub number: u32,
    /// Its trace.
    pub path: PathBuf,
    /// Number of the nearest recorded process that it comes from; `None` for the program.
    pub parent: Option<u32>,
    /// Process id.
    pub pid: u64,
    /// `fork`, `forkpty`, `subprocess`, `posix_spawn`, `exec`; empty if it is not known.
    pub how: String,
    /// The position in the parent's trace at which the parent knew of it.
    pub at: Option<u64>,
    /// How it ended.
    pub exit: Option<Exit>,
    /// Stops in its trace.
    pub stops: u64,
    /// Its argument list, JSON.
    pub argv: String,
    /// Children that its trace names and that have no trace.
    pub unrecorded: Vec<Child>,
}

/// The processes of a recording, by number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Family {
    /// Those with a trace. Never empty: the one that was asked about is there.
    pub members: Vec<Member>,
    /// The number of the one that was asked about.
    pub own: u32,
    /// What was wrong with traces that should belong here.
    pub warnings: Vec<String>,
}

impl Family {
    /// The processes recorded together with `trace`, which is the file at `path`.
    #[must_use]
    pub fn of(path: &Path, trace: &Trace) -> Self {
        let own: u32 = fact(trace, "process").parse().unwrap_or(0);
        let mut found = vec![Raw::new(own, path, trace)];
        let mut warnings = Vec::new();
        let family = fact(trace, "family");
        if !family.is_empty() {
            for (number, other) in beside(path, own) {
                match Trace::open(&other) {
                    Ok(trace) if fact(&trace, "family") == family => {
                        found.push(Raw::new(number, &other, &trace));
                    }
                    Ok(_) => {}
                    Err(error) => warnings.push(format!("{}: {error}", other.display())),
                }
            }
        }
        found.sort_by_key(|raw| raw.member.number);
        found.dedup_by_key(|raw| raw.member.number);
        Self { members: link(found), own, warnings }
    }

    /// A process by its number.
    #[must_use]
    pub fn member(&self, number: u32) -> Option<&Member> {
        self.members.iter().find(|member| member.number == number)
    }

    /// The recorded children of a process, in order.
    pub fn children(&self, number: u32) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.parent == Some(number))
    }

    /// The processes at which a tree begins: the program, and those whose parent's trace is
    /// not there.
    pub fn roots(&self) -> impl Iterator<Item = &Member> {
        self.members
            .iter()
            .filter(|member| member.parent.is_none_or(|parent| self.member(parent).is_none()))
    }
}

fn fact<'t>(trace: &'t Trace, key: &str) -> &'t str {
    trace.meta().iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
}

/// A process before its place is known.
struct Raw {
    member: Member,
    children: Vec<Child>,
    waits: Vec<Child>,
    parent_pid: u64,
    forked: bool,
}

impl Raw {
    fn new(number: u32, path: &Path, trace: &Trace) -> Self {
        let parent = (number > 0).then(|| fact(trace, "parent").parse().unwrap_or(0));
        let member = Member {
            number,
            path: path.to_owned(),
            parent: parent.filter(|parent| *parent != number),
            pid: fact(trace, "pid").parse().unwrap_or(0),
            how: String::new(),
            at: None,
            exit: trace.exit(),
            stops: trace.stop_count(),
            argv: fact(trace, "argv").to_owned(),
            unrecorded: Vec::new(),
        };
        Self {
            member,
            children: trace.children().to_vec(),
            waits: trace.waits().to_vec(),
            parent_pid: fact(trace, "parent_pid").parse().unwrap_or(0),
            forked: fact(trace, "born") == "fork",
        }
    }
}

/// The files beside a trace that are named as others of its recording.
fn beside(path: &Path, own: u32) -> Vec<(u32, PathBuf)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // What the names of all children begin with, and what the program's trace may be called.
    let (prefix, programs) = if own == 0 {
        let child = child_trace(path, 1);
        (split_child(&child).map(|(prefix, _)| prefix.to_owned()), Vec::new())
    } else {
        let prefix = split_child(path).map(|(prefix, _)| prefix.to_owned());
        let mut full = prefix.clone().unwrap_or_default();
        full.push(".moviola");
        (prefix.clone(), [Some(full), prefix].into_iter().flatten().collect())
    };
    let mut found: Vec<(u32, PathBuf)> =
        programs.iter().map(|name| (0, folder.join(name))).filter(|(_, p)| p.is_file()).collect();
    let Some(prefix) = prefix else { return found };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if let Some((name, number)) = split_child(&path)
            && name == prefix
            && number != own
        {
            found.push((number, path));
        }
    }
    found
}

/// How a process ended, as its parent was told.
fn ended(parent: &Raw, child: &Member) -> Option<Exit> {
    let wait = parent.waits.iter().find(|wait| wait.pid == child.pid)?;
    let status = i64::try_from(wait.number).ok()?;
    let (kind, code) = match status & 0x7f {
        0 => (0, status >> 8 & 0xff),
        signal => (1, signal),
    };
    Some(Exit { kind, code, stop: child.stops })
}

/// Finds for each process the event in its parent's trace that tells of it.
fn link(mut found: Vec<Raw>) -> Vec<Member> {
    for index in 0..found.len() {
        let Some(parent) = found[index].member.parent else { continue };
        let Some(at) = found.iter().position(|raw| raw.member.number == parent) else { continue };
        if found[index].member.exit.is_none() {
            found[index].member.exit = ended(&found[at], &found[index].member);
        }
        let child = &found[index];
        let (number, pid, parent_pid) =
            (u64::from(child.member.number), child.member.pid, child.parent_pid);
        let events = &found[at].children;
        let event = if child.forked {
            events.iter().position(|event| event.number == number)
        } else {
            // Perhaps a shell stands between the two. Process ids come again: the last one that
            // has none yet.
            let find =
                |pid: u64| events.iter().position(|event| event.number == 0 && event.pid == pid);
            find(pid).or_else(|| find(parent_pid))
        };
        if let Some(event) = event {
            let direct = child.forked || events[event].pid == pid;
            let event =
                if direct { found[at].children.remove(event) } else { events[event].clone() };
            found[index].member.how = event.how;
            found[index].member.at = Some(event.stop);
        } else if found[at].member.pid == pid {
            found[index].member.how = "exec".to_owned();
            found[index].member.at = Some(found[at].member.stops);
        }
    }
    for raw in &mut found {
        raw.member.unrecorded = std::mem::take(&mut raw.children);
    }
    found.into_iter().map(|raw| raw.member).collect()
}
