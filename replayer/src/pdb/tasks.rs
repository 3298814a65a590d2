//! `tasks`: the asyncio tasks that there are at a position. `task`: going to one, and steps that stay in it.

use super::world::{FrameScope, Here};
use super::{Engine, Output};
use crate::machine::StopKind;
use crate::show::class::text;
use crate::show::{Objects as _, repr};
use crate::timeline::Seek;
use moviola_format::read::{ObjectState, OwnedValue, Status, TraceError};
use rustc_hash::FxHashSet;

/// The function of the standard library's event loops that makes tasks, and its local variable that holds the task.
const MAKER: (&str, &str, &str) = ("asyncio/base_events.py", "BaseEventLoop.create_task", "task");

/// A task.
struct Task {
    id: u64,
    /// The stop at which it was there first.
    born: u64,
}

/// The task that steps stay in.
#[derive(Debug, Clone)]
pub struct Stay {
    /// Its number in `tasks`.
    number: usize,
    /// Its object.
    id: u64,
    /// The frame of its coroutine.
    root: u64,
}

impl Engine {
    /// `tasks`.
    pub(super) fn do_tasks(&mut self, out: &mut Output) -> Result<bool, TraceError> {
        let here = self.here();
        let mut any = false;
        for (at, task) in self.made_tasks()?.iter().enumerate() {
            let state = self.time.object(task.id, self.moment.stop)?;
            if matches!(state.status, Status::Dead | Status::Unseen) {
                continue;
            }
            any = true;
            let text = repr(&OwnedValue::Ref(task.id), &here);
            let root = root_of(&state, &here);
            let mark = if root.is_some_and(|root| self.runs(root)) { "->" } else { "  " };
            let place = match root {
                Some(root) => self.task_place(root)?,
                None => String::new(),
            };
            out.say_value(&format!("{mark} {:<3} @{:<10} {text}{place}", at + 1, task.born));
        }
        if !any {
            out.say("There are no asyncio tasks at this position");
        }
        if let Some(stay) = &self.staying {
            out.say(format!("Steps stay in task {}; `task off` ends that", stay.number));
        }
        Ok(false)
    }

    /// `task`, `task N`, `task NAME`, `task off`.
    pub(super) fn do_task(&mut self, argument: &str, out: &mut Output) -> Result<bool, TraceError> {
        match (argument, &self.staying) {
            ("", None) | ("off", None) => {
                out.say(
                    "Steps go through all tasks; `task N` goes to one of `tasks` and stays in it",
                );
                return Ok(false);
            }
            ("", Some(stay)) => {
                out.say(format!("Steps stay in task {}; `task off` ends that", stay.number));
                return Ok(false);
            }
            ("off", Some(stay)) => {
                out.say(format!("Steps do not stay in task {} any more", stay.number));
                self.staying = None;
                return Ok(false);
            }
            _ => {}
        }
        let tasks = self.made_tasks()?;
        let here = self.here();
        let mut named = None;
        for (at, task) in tasks.iter().enumerate() {
            let state = self.time.object(task.id, self.moment.stop)?;
            let name = task_name(&state, &here);
            if (at + 1).to_string() == argument || name.as_deref() == Some(argument) {
                named = Some((at + 1, task, root_of(&state, &here)));
            }
        }
        let Some((number, task, root)) = named else {
            let shown = super::breaks::quoted(argument);
            out.error(format!("No task {shown} at this position; see tasks"));
            return Ok(false);
        };
        let Some(root) = root else {
            out.error(format!(
                "Task {number} has not begun here, or what it runs is not recorded; it was made at @{}",
                task.born
            ));
            return Ok(false);
        };
        let stay = Stay { number, id: task.id, root };
        if !self.runs(root) {
            let Some(stop) = self.task_stop(root)? else {
                out.error(format!("Task {number} has no stop before this position"));
                return Ok(false);
            };
            self.go_to(stop, out)?;
        }
        out.say(format!("Steps stay in task {number} until `task off`"));
        self.staying = Some(stay);
        Ok(false)
    }

    /// Whether a task's frame is on the stack.
    fn runs(&self, root: u64) -> bool {
        self.moment.stack.iter().any(|level| level.frame.activation == root)
    }

    /// Where a task stands that does not run at the moment: at its await, in the program's code if any of
    /// its frames is; or at its end.
    fn task_stop(&self, root: u64) -> Result<Option<u64>, TraceError> {
        let seek = Seek::Frame { activation: root };
        let last = self
            .time
            .find_backward(self.moment.stop + 1, seek, |_, record| record.activation == root)?;
        let Some(last) = last else { return Ok(None) };
        // All its frames have yielded one after the other, the innermost first.
        let mut stop = last;
        let mut depth = self.time.record(last)?.map_or(0, |record| record.depth);
        let mut own = last;
        while let Some(before) = stop.checked_sub(1)
            && let Some(record) = self.time.record(before)?
            && record.kind == StopKind::Yield
            && record.depth == depth + 1
        {
            (stop, depth) = (before, record.depth);
            if !self.time.is_library(record.code) {
                own = before;
            }
        }
        Ok(Some(own))
    }

    /// ` at FILE(LINE)FUNCTION` of a task that has begun.
    fn task_place(&self, root: u64) -> Result<String, TraceError> {
        let stop = if self.runs(root) { Some(self.moment.stop) } else { self.task_stop(root)? };
        let Some(moment) = stop.map(|stop| self.time.moment(stop)).transpose()?.flatten() else {
            return Ok(String::new());
        };
        let top = moment.stack.iter().rposition(|level| {
            u32::try_from(level.frame.code).is_ok_and(|code| !self.time.is_library(code))
        });
        let Some(level) = top.and_then(|at| moment.stack.get(at)).or(moment.stack.last()) else {
            return Ok(String::new());
        };
        let Some(code) = self.time.code(level.frame.code) else { return Ok(String::new()) };
        let file = code.filename.rsplit('/').next().unwrap_or_default();
        Ok(format!(" at {file}({}){}()", level.number(), code.name))
    }

    /// Where a verb leads that stays in a task: what it leads to outside is passed over.
    pub(super) fn within_task(
        &mut self,
        target: Option<u64>,
        forwards: bool,
        out: &mut Output,
    ) -> Result<Within, TraceError> {
        let Some(stay) = self.staying.clone() else { return Ok(Within::Anywhere(target)) };
        if !self.runs(stay.root) {
            out.say(format!("Not in task {} any more", stay.number));
            self.staying = None;
            return Ok(Within::Anywhere(target));
        }
        if let Some(stop) = target
            && let Some(moment) = self.time.moment(stop)?
            && moment.stack.iter().any(|level| level.frame.activation == stay.root)
        {
            return Ok(Within::Anywhere(target));
        }
        let (root, seek) = (stay.root, Seek::Frame { activation: stay.root });
        let here = self.moment.stop;
        let found = match forwards {
            true => self.time.find_forward(here + 1, seek, |_, record| {
                record.activation == root && record.kind.is_call()
            })?,
            false => self.time.find_backward(here, seek, |_, record| {
                record.activation == root && record.kind.is_return()
            })?,
        };
        if found.is_some() {
            return Ok(Within::Anywhere(found));
        }
        let state = self.time.object(stay.id, here)?;
        let name = task_name(&state, &self.here()).unwrap_or_default();
        let what = if forwards { "does nothing more" } else { "has done nothing before" };
        out.say_value(&format!("Task {} ({name}) {what}", stay.number));
        Ok(Within::Nowhere)
    }

    /// The tasks that event loops have made up to the position.
    fn made_tasks(&self) -> Result<Vec<Task>, TraceError> {
        let (file, function, variable) = MAKER;
        let codes = self.time.trace().codes();
        let makers =
            codes.iter().filter(|code| code.qualname == function && code.filename.ends_with(file));
        let mut places: Vec<(u32, u32)> =
            makers.flat_map(|code| code.lines.iter().map(|line| (code.id as u32, *line))).collect();
        places.sort_unstable();
        let (mut tasks, mut known) = (Vec::new(), FxHashSet::default());
        let mut from = 0;
        while !places.is_empty()
            && let Some(stop) =
                self.time.next_at(&places, from)?.filter(|at| *at <= self.moment.stop)
        {
            from = stop + 1;
            let Some(moment) = self.time.innermost(stop)? else { break };
            let Some(level) = moment.stack.last() else { continue };
            let scope = FrameScope::new(Here::new(&self.time, stop), &moment, level);
            let held = scope.locals().iter().find(|(name, _)| name == variable);
            if let Some((_, OwnedValue::Ref(id))) = held
                && known.insert(*id)
            {
                tasks.push(Task { id: *id, born: stop });
            }
        }
        Ok(tasks)
    }
}

/// Where a verb leads.
pub enum Within {
    /// To a stop, or to the end of the recording.
    Anywhere(Option<u64>),
    /// The task has no stop there, and this was said.
    Nowhere,
}

/// A part of a task, of one made in C or in Python.
fn part<'s>(state: &'s ObjectState, names: &[&str], here: &Here<'_>) -> Option<&'s OwnedValue> {
    let fields = state.fields.iter().chain(&state.attrs).flatten();
    let mut found =
        fields.filter(|(key, _)| text(key, here).is_some_and(|key| names.contains(&&*key)));
    found.next().map(|(_, value)| value)
}

/// The frame of a task's coroutine, once it has begun.
fn root_of(task: &ObjectState, here: &Here<'_>) -> Option<u64> {
    let OwnedValue::Ref(coroutine) = part(task, &["_coro"], here)? else { return None };
    let coroutine = here.object(*coroutine).ok()?;
    match part(&coroutine, &["<activation>"], here)? {
        OwnedValue::Int(activation) => u64::try_from(*activation).ok(),
        _ => None,
    }
}

fn task_name(task: &ObjectState, here: &Here<'_>) -> Option<String> {
    match part(task, &["<name>", "_name"], here)? {
        // A task that nobody has named has a number until somebody asks for its name.
        OwnedValue::Int(number) => Some(format!("Task-{number}")),
        name => text(name, here),
    }
}
