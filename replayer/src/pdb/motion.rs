//! Commands that move: the verbs of pdb, their backward twins, goto.

use super::python::truth;
use super::tasks::Within;
use super::watch::Reached;
use super::world::{FrameScope, Here};
use super::{Engine, Output};
use crate::eval::EvalError;
use crate::python::Python;
use crate::timeline::{Breakpoint, Hit, Selected, Timeline, Verb, Verdict};
use moviola_format::read::TraceError;
use std::cell::RefCell;

type Moved = Result<bool, TraceError>;
/// A breakpoint and a point, whichever there is.
type Found = (Option<Hit>, Option<Reached>);

const PROGRAM_FINISHED: &str = "The program finished: this is the end of the recording";
const RECORDING_STARTS: &str = "This is the start of the recording";

impl Engine {
    /// A forward verb, breakpoints on the way included.
    pub(super) fn forward(&mut self, verb: Verb, out: &mut Output) -> Moved {
        let target = if self.level < self.moment.stack.len() {
            let at = Selected { moment: &self.moment, level: self.level };
            self.time.forward(at, verb)?
        } else {
            // A frame that the exception has left already: pdb's stack has it, time has not.
            let at = Selected { moment: &self.moment, level: self.moment.stack.len() - 1 };
            self.time.forward(at, verb)?
        };
        let Within::Anywhere(target) = self.within_task(target, true, out)? else {
            return Ok(false);
        };
        if self.run_forward(target.unwrap_or(u64::MAX), out)? {
            return Ok(false);
        }
        match target {
            Some(stop) => {
                self.arrive(stop)?;
                self.show_stop(out);
            }
            None => self.run_to_end(out)?,
        }
        Ok(false)
    }

    /// A backward verb, breakpoints on the way included.
    pub(super) fn backward(&mut self, verb: Verb, out: &mut Output) -> Moved {
        let level = self.level.min(self.moment.stack.len().saturating_sub(1));
        let at = Selected { moment: &self.moment, level };
        let target = self.time.backward(at, verb)?;
        let Within::Anywhere(target) = self.within_task(target, false, out)? else {
            return Ok(false);
        };
        if self.run_backward(target.map_or(0, |stop| stop + 1), out)? {
            return Ok(false);
        }
        match target {
            Some(stop) => {
                self.arrive(stop)?;
                self.show_stop(out);
            }
            None => self.run_to_start(out)?,
        }
        Ok(false)
    }

    /// To the first breakpoint or point before `until`, if there is one.
    fn run_forward(&mut self, until: u64, out: &mut Output) -> Moved {
        let (hit, point) = self.ahead(self.moment.stop, until, &mut 0)?;
        self.stop_at(hit, point, out)
    }

    /// To the last breakpoint or point before here, not before `least`, if there is one.
    fn run_backward(&mut self, least: u64, out: &mut Output) -> Moved {
        let (hit, point) = self.behind(self.moment.stop, least, &mut 0)?;
        self.stop_at(hit, point, out)
    }

    /// The first breakpoint behind `from` and before `until`, `pass` others passed, and a point that is not
    /// behind it.
    fn ahead(&mut self, from: u64, until: u64, pass: &mut usize) -> Result<Found, TraceError> {
        let hit = self.next_hit(from + 1, until, pass)?;
        let limit = hit.as_ref().map_or(until, |hit| hit.stop.saturating_add(1));
        let point = self.next_point(from, limit)?;
        Ok((hit, point))
    }

    /// The last breakpoint before `before`, not before `least`, and a point that is not before it.
    fn behind(&mut self, before: u64, least: u64, pass: &mut usize) -> Result<Found, TraceError> {
        // What Python does before the program is not the program.
        let least = if self.moment.stop > self.start { least.max(self.start) } else { least };
        let hit = self.previous_hit(before, least, pass)?;
        let limit = hit.as_ref().map_or(least, |hit| hit.stop);
        let point = self.previous_point(before, limit)?;
        Ok((hit, point))
    }

    /// To the breakpoint or point that is met as the `count`-th from here, or before it to one whose
    /// condition cannot be told. Temporary breakpoints on the way are used up.
    fn run_to_hit(&mut self, count: usize, forwards: bool, out: &mut Output) -> Moved {
        let mut from = self.moment.stop;
        let mut left = count - 1;
        loop {
            // Points may lie between the hits, so that these are met one by one then.
            let mut pass = if self.points.is_empty() { left } else { 0 };
            let before = pass;
            let (hit, point) = match forwards {
                true => self.ahead(from, u64::MAX, &mut pass)?,
                false => self.behind(from, 0, &mut pass)?,
            };
            left -= before - pass;
            let met = match (&hit, &point) {
                // One that is not behind the breakpoint comes first, or with it.
                (_, Some(point)) => point.stop,
                (Some(hit), None) => hit.stop,
                (None, None) => return Ok(false),
            };
            let reached = hit.as_ref().filter(|hit| hit.stop == met);
            if left == 0 || reached.is_some_and(|hit| hit.note.is_some()) {
                return self.stop_at(hit, point, out);
            }
            if let Some(hit) = reached.cloned() {
                self.use_up(&hit, out);
            }
            (from, left) = (met, left - 1);
        }
    }

    /// A temporary breakpoint is deleted when it is hit.
    fn use_up(&mut self, hit: &Hit, out: &mut Output) {
        let temporary = |breakpoint: &&Breakpoint| {
            breakpoint.number == hit.number && breakpoint.temporary && hit.note.is_none()
        };
        if let Some(found) = self.breaks.iter().find(temporary) {
            out.say(format!("Deleted {}", super::breaks::short(found)));
            self.breaks.retain(|breakpoint| breakpoint.number != hit.number);
        }
    }

    /// Stops at what was found: a point that is reached before the breakpoint, or with it.
    fn stop_at(&mut self, hit: Option<Hit>, point: Option<Reached>, out: &mut Output) -> Moved {
        match (hit, point) {
            (None, None) => return Ok(false),
            (Some(hit), None) => self.stop_at_hit(&hit, out)?,
            (Some(hit), Some(point)) if hit.stop == point.stop => {
                out.say_value(&point.note);
                self.stop_at_hit(&hit, out)?;
            }
            (_, Some(point)) => {
                let thread = self.moment.thread;
                self.arrive(point.stop)?;
                self.tell_thread(thread, out);
                out.say_value(&point.note);
                if !self.run_list(point.number, out)? {
                    self.show_stop(out);
                }
            }
        }
        Ok(true)
    }

    /// `unt(il) [lineno]`.
    pub(super) fn do_until(&mut self, argument: &str, out: &mut Output) -> Moved {
        let Some(line) = line_argument(argument, out) else { return Ok(false) };
        let current = self.current_line()?;
        if line.is_some_and(|line| line <= current) {
            out.error("\"until\" line number is smaller than current line number");
            return Ok(false);
        }
        self.forward(Verb::Until(line), out)
    }

    /// `ru [lineno]`.
    pub(super) fn do_reverse_until(&mut self, argument: &str, out: &mut Output) -> Moved {
        let Some(line) = line_argument(argument, out) else { return Ok(false) };
        let current = self.current_line()?;
        if line.is_some_and(|line| line >= current) {
            out.error("\"reverse-until\" line number is larger than current line number");
            return Ok(false);
        }
        self.backward(Verb::Until(line), out)
    }

    /// `c(ontinue) [count]`.
    pub(super) fn do_continue(&mut self, count: &str, out: &mut Output) -> Moved {
        if !self.run_to_hit(hit_count(count).unwrap_or(1), true, out)? {
            self.run_to_end(out)?;
        }
        Ok(false)
    }

    /// `rc [count]`.
    pub(super) fn do_reverse_continue(&mut self, count: &str, out: &mut Output) -> Moved {
        if !self.run_to_hit(hit_count(count).unwrap_or(1), false, out)? {
            self.run_to_start(out)?;
        }
        Ok(false)
    }

    /// `run` and `restart`: to the start.
    pub(super) fn do_run(&mut self, argument: &str, out: &mut Output) -> Moved {
        if !argument.is_empty() {
            out.error("a recording is not run again, so it takes no arguments: see moviola record");
            return Ok(false);
        }
        let argv: Vec<String> = serde_json::from_str(self.time.meta("argv")).unwrap_or_default();
        let script = self.time.canonic(self.time.meta("script"));
        let given = argv.iter().position(|word| {
            self.time.canonic(&crate::export::absolute(self.time.meta("cwd"), word)) == script
        });
        let rest = given.map_or(&[][..], |at| &argv[at + 1..]);
        out.say(format!("Restarting {script} with arguments:"));
        out.say(format!("\t{}", rest.join(" ")));
        // A program that is being looked at after its crash has finished before.
        if self.time.minor() >= 13 && !self.in_chain {
            out.say("The program finished and will be restarted");
        }
        let start = self.start;
        self.arrive(start)?;
        self.show_stop(out);
        Ok(false)
    }

    /// `goto @N`; alone it says where the debugger stands.
    pub(super) fn do_goto(&mut self, argument: &str, out: &mut Output) -> Moved {
        let count = self.time.len();
        if argument.is_empty() {
            out.say(format!("@{}", self.moment.stop));
            return Ok(false);
        }
        if let Some(rest) = argument.strip_prefix("line")
            && rest.starts_with(char::is_whitespace)
        {
            return self.goto_line(rest.trim(), out);
        }
        let stop = self.position_of(argument)?;
        let Some(stop) = stop else {
            let shown = super::breaks::quoted(argument);
            out.error(format!("Error in argument: {shown}"));
            return Ok(false);
        };
        if stop >= count {
            out.error(format!("No position @{stop}: the recording ends at @{}", count - 1));
            return Ok(false);
        }
        let thread = self.moment.thread;
        self.arrive(stop)?;
        self.tell_thread(thread, out);
        self.show_stop(out);
        Ok(false)
    }

    /// `goto line N [next|prev|first|last]`: to an execution of a line of the file in view.
    fn goto_line(&mut self, argument: &str, out: &mut Output) -> Moved {
        let (line, which) = argument.split_once(char::is_whitespace).unwrap_or((argument, "next"));
        let which = which.trim();
        let known = matches!(which, "next" | "prev" | "first" | "last");
        let Some(line) = line.parse().ok().filter(|_| known) else {
            let shown = super::breaks::quoted(argument);
            out.error(format!("Error in argument: {shown}; goto line N [next|prev|first|last]"));
            return Ok(false);
        };
        let file = self.default_file();
        let places = self.time.places(&file, line, None);
        let here = self.moment.stop;
        let found = match which {
            "next" => self.time.next_at(&places, here + 1)?,
            "prev" => self.time.previous_at(&places, here)?,
            "first" => self.time.next_at(&places, 0)?,
            _ => self.time.previous_at(&places, self.time.len())?,
        };
        match (found, which) {
            (Some(stop), _) => self.go_to(stop, out)?,
            (None, "next") => {
                out.error(format!("{file}:{line} is not executed after this position"))
            }
            (None, "prev") => {
                out.error(format!("{file}:{line} is not executed before this position"))
            }
            (None, _) => out.error(format!("{file}:{line} was never executed in the recording")),
        }
        Ok(false)
    }

    pub(super) fn tell_thread(&self, before: u64, out: &mut Output) {
        if self.moment.thread == before {
            return;
        }
        let threads = self.time.trace().threads();
        let name = threads
            .iter()
            .find(|thread| thread.number == self.moment.thread)
            .and_then(|thread| thread.name.clone())
            .unwrap_or_else(|| self.moment.thread.to_string());
        out.say(format!("[thread {name}]"));
    }

    fn stop_at_hit(&mut self, hit: &Hit, out: &mut Output) -> Result<(), TraceError> {
        let thread = self.moment.thread;
        self.arrive(hit.stop)?;
        self.tell_thread(thread, out);
        self.use_up(hit, out);
        if let Some(note) = &hit.note {
            out.say(format!("Breakpoint {}: {note}", hit.number));
        }
        if !self.run_list(hit.number, out)? {
            self.show_stop(out);
        }
        Ok(())
    }

    /// No stop ahead: to the exception that ended the program, or to the last stop.
    fn run_to_end(&mut self, out: &mut Output) -> Result<(), TraceError> {
        let last = self.time.finish()?;
        match self.crash {
            Some(crash) if crash > self.moment.stop => {
                self.arrive(crash)?;
                out.say("Uncaught exception. Entering post mortem debugging");
                self.show_stop(out);
            }
            _ => {
                out.say(PROGRAM_FINISHED);
                if self.moment.stop < last && self.crash.is_none() {
                    self.arrive(last)?;
                    self.show_stop(out);
                }
            }
        }
        Ok(())
    }

    fn run_to_start(&mut self, out: &mut Output) -> Result<(), TraceError> {
        out.say(RECORDING_STARTS);
        if self.moment.stop > self.start {
            let start = self.start;
            self.arrive(start)?;
            self.show_stop(out);
        }
        Ok(())
    }

    fn next_hit(
        &mut self,
        from: u64,
        until: u64,
        pass: &mut usize,
    ) -> Result<Option<Hit>, TraceError> {
        let (time, python) = (&self.time, &self.python);
        let mut judge = |breakpoint: &Breakpoint, stop| judge(time, python, breakpoint, stop);
        time.next_hit(&mut self.breaks, from, until, pass, &mut judge)
    }

    fn previous_hit(
        &mut self,
        before: u64,
        least: u64,
        pass: &mut usize,
    ) -> Result<Option<Hit>, TraceError> {
        let (time, python) = (&self.time, &self.python);
        let mut judge = |breakpoint: &Breakpoint, stop| judge(time, python, breakpoint, stop);
        time.previous_hit(&mut self.breaks, before, least, pass, &mut judge)
    }
}

/// What a breakpoint's condition says at a stop.
fn judge(
    time: &Timeline,
    python: &RefCell<Python>,
    breakpoint: &Breakpoint,
    stop: u64,
) -> Result<Verdict, TraceError> {
    let Some((text, condition)) = &breakpoint.condition else { return Ok(Verdict::True) };
    let Some(moment) = time.innermost(stop)? else { return Ok(Verdict::False) };
    let Some(level) = moment.stack.last() else { return Ok(Verdict::False) };
    let scope = FrameScope::new(Here::new(time, stop), &moment, level);
    let value = condition.evaluate(&scope).and_then(|value| value.is_true(&scope));
    let value = match value {
        Err(EvalError::Unsupported(_)) if python.borrow().is_allowed() => {
            truth(time, python, &scope, stop, text)
        }
        told => told,
    };
    Ok(match value {
        Ok(true) => Verdict::True,
        Ok(false) => Verdict::False,
        // As in bdb: a condition that fails stops, without a word.
        Err(EvalError::Python { .. }) => Verdict::True,
        Err(error) => Verdict::Unsure(format!("condition {text}: {error}")),
    })
}

/// The count of `c COUNT`.
pub(super) fn hit_count(argument: &str) -> Option<usize> {
    argument.parse().ok().filter(|count| *count > 0)
}

/// A line number or nothing; `None` after an error.
fn line_argument(argument: &str, out: &mut Output) -> Option<Option<u32>> {
    if argument.is_empty() {
        return Some(None);
    }
    match argument.parse() {
        Ok(line) => Some(Some(line)),
        Err(_) => {
            let shown = super::breaks::quoted(argument);
            out.error(format!("Error in argument: {shown}"));
            None
        }
    }
}
