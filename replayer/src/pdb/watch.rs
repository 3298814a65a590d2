//! Stops that are no lines: values that change, exceptions, audit events. And where values came from:
//! `last`, `hist`, `when`.

use super::tracked::{Change, Tracked, shown};
use super::{Engine, Output};
use crate::eval::Val;
use crate::machine::StopKind;
use crate::show::class::Class;
use crate::steps::Steps;
use crate::timeline::{Record, Seek, Timeline};
use fancy_regex::Regex;
use moviola_format::event::Event;
use moviola_format::read::TraceError;

/// Lines of a page of `hist` and `calls`.
pub(super) const PAGE: usize = 40;

/// A place where `continue` stops that is no breakpoint.
#[derive(Debug)]
pub(super) struct Point {
    pub number: usize,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// The value of an expression.
    Watch(Tracked),
    /// An exception of this class or one that derives from it; `*` is any.
    Exception(String),
    /// An audit event.
    Audit(String, Regex),
    /// The lines that called for a debugger.
    Bookmarks(Vec<u64>),
}

/// A stop at a point.
#[derive(Debug)]
pub(super) struct Reached {
    pub stop: u64,
    pub number: usize,
    pub note: String,
}

impl Point {
    /// As `break` lists it.
    pub fn row(&self) -> String {
        match &self.kind {
            Kind::Watch(tracked) => {
                format!("{:<4}watchpoint   keep yes   {}", self.number, tracked.text)
            }
            Kind::Exception(name) => {
                format!("{:<4}catchpoint   keep yes   exception {name}", self.number)
            }
            Kind::Bookmarks(_) => format!("{:<4}catchpoint   keep yes   bookmark", self.number),
            Kind::Audit(name, _) => {
                format!("{:<4}catchpoint   keep yes   audit {name}", self.number)
            }
        }
    }

    /// As `clear` names it.
    pub fn short(&self) -> String {
        match &self.kind {
            Kind::Watch(tracked) => format!("watchpoint {} on {}", self.number, tracked.text),
            Kind::Exception(name) => format!("catchpoint {} on exception {name}", self.number),
            Kind::Audit(name, _) => format!("catchpoint {} on audit {name}", self.number),
            Kind::Bookmarks(_) => format!("catchpoint {} on bookmark", self.number),
        }
    }

    fn next(&self, time: &Timeline, from: u64, until: u64) -> Result<Option<Reached>, TraceError> {
        Ok(match &self.kind {
            Kind::Watch(tracked) => {
                tracked.next(time, from, until)?.map(|change| self.changed(&change))
            }
            Kind::Exception(name) => {
                let stop = time.next_begun(from + 1, until, name)?;
                stop.map(|stop| self.reached(stop, format!("exception {name}")))
            }
            Kind::Bookmarks(stops) => {
                let next = stops.iter().find(|stop| **stop > from && **stop < until);
                next.map(|stop| self.reached(*stop, "bookmark".to_owned()))
            }
            Kind::Audit(_, pattern) => time
                .next_audit(pattern, from)?
                .map(|(stop, name)| self.reached(stop, format!("audit event {name}"))),
        })
    }

    fn previous(
        &self,
        time: &Timeline,
        before: u64,
        least: u64,
    ) -> Result<Option<Reached>, TraceError> {
        Ok(match &self.kind {
            Kind::Watch(tracked) => {
                let Some(until) = before.checked_sub(1) else { return Ok(None) };
                tracked.last(time, until, least)?.map(|change| self.changed(&change))
            }
            Kind::Exception(name) => {
                let mut before = before;
                loop {
                    let Some(stop) = time.previous_raise(before, least)? else { break None };
                    if time.begins(stop)? && time.is_raised(stop, name)? {
                        break Some(self.reached(stop, format!("exception {name}")));
                    }
                    before = stop;
                }
            }
            Kind::Bookmarks(stops) => {
                let last = stops.iter().rfind(|stop| **stop < before && **stop >= least);
                last.map(|stop| self.reached(*stop, "bookmark".to_owned()))
            }
            Kind::Audit(_, pattern) => time
                .previous_audit(pattern, before, least)?
                .map(|(stop, name)| self.reached(stop, format!("audit event {name}"))),
        })
    }

    fn changed(&self, change: &Change) -> Reached {
        let text = match &self.kind {
            Kind::Watch(tracked) => tracked.text.as_str(),
            _ => "",
        };
        let note = format!("{text}: {}  [old: {}]", shown(&change.new), shown(&change.old));
        self.reached(change.stop, note)
    }

    fn reached(&self, stop: u64, note: String) -> Reached {
        let kind = if matches!(self.kind, Kind::Watch(_)) { "Watchpoint" } else { "Catchpoint" };
        Reached { stop, number: self.number, note: format!("{kind} {}: {note}", self.number) }
    }
}

impl Engine {
    /// The first point reached behind `from` and before `until`.
    pub(super) fn next_point(&self, from: u64, until: u64) -> Result<Option<Reached>, TraceError> {
        let mut first: Option<Reached> = None;
        for point in &self.points {
            if let Some(reached) =
                point.next(&self.time, from, first.as_ref().map_or(until, |first| first.stop))?
                && reached.stop < first.as_ref().map_or(until, |first| first.stop)
            {
                first = Some(reached);
            }
        }
        Ok(first)
    }

    /// The last point reached before `before`, not before `least`.
    pub(super) fn previous_point(
        &self,
        before: u64,
        least: u64,
    ) -> Result<Option<Reached>, TraceError> {
        let mut last: Option<Reached> = None;
        for point in &self.points {
            if let Some(reached) = point.previous(&self.time, before, least)?
                && reached.stop >= least
                && last.as_ref().is_none_or(|last| last.stop < reached.stop)
            {
                last = Some(reached);
            }
        }
        Ok(last)
    }

    /// An expression in the selected frame, or its error told.
    fn tracked(&self, text: &str, out: &mut Output) -> Option<Tracked> {
        let level = self.stack.get(self.level)?;
        match Tracked::new(text, level, &self.time, &self.python) {
            Ok(tracked) => Some(tracked),
            Err(error) => {
                out.say(error.to_string());
                None
            }
        }
    }

    fn add_point(&mut self, kind: Kind, out: &mut Output) {
        let point = Point { number: self.next_break, kind };
        self.next_break += 1;
        let text = point.short();
        let mut chars = text.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        out.say(first.into_iter().chain(chars).collect::<String>());
        self.points.push(point);
    }

    /// `watch [expression]`.
    pub(super) fn do_watch(&mut self, argument: &str, out: &mut Output) -> Result<(), TraceError> {
        if argument.is_empty() {
            for point in &self.points {
                out.say(point.row());
            }
            return Ok(());
        }
        let Some(tracked) = self.tracked(argument, out) else { return Ok(()) };
        let now = tracked.at(&self.time, self.moment.stop)?;
        self.add_point(Kind::Watch(tracked), out);
        out.say_value(&format!("{argument}: {}", shown(&now)));
        Ok(())
    }

    /// `catch exception NAME`, `catch audit NAME`, `catch bookmark`.
    pub(super) fn do_catch(&mut self, argument: &str, out: &mut Output) -> Result<(), TraceError> {
        let (kind, name) = argument.split_once(char::is_whitespace).unwrap_or((argument, "*"));
        let name = name.trim();
        match kind {
            "" => {
                for point in &self.points {
                    out.say(point.row());
                }
            }
            "exception" => self.add_point(Kind::Exception(name.to_owned()), out),
            "bookmark" if name == "*" => {
                let stops = self.time.bookmarks()?;
                self.add_point(Kind::Bookmarks(stops), out);
            }
            "audit" => {
                let escaped = fancy_regex::escape(name);
                let pattern = escaped.replace("\\*", ".*").replace("\\?", ".");
                match Regex::new(&format!("(?s)^{pattern}$")) {
                    Ok(pattern) => self.add_point(Kind::Audit(name.to_owned(), pattern), out),
                    Err(error) => out.error(format!("Error in argument: {error}")),
                }
            }
            _ => out.error(format!(
                "Error in argument: {}; catch exception NAME, catch audit NAME, or catch bookmark",
                super::breaks::quoted(argument)
            )),
        }
        Ok(())
    }

    /// `last EXPR`: to the stop whose line gave it the value that it has.
    pub(super) fn do_last(&mut self, argument: &str, out: &mut Output) -> Result<bool, TraceError> {
        if argument.is_empty() {
            out.error("an expression is missing: last EXPR goes to where it got its value");
            return Ok(false);
        }
        let Some(tracked) = self.tracked(argument, out) else { return Ok(false) };
        match tracked.last(&self.time, self.moment.stop, 0)? {
            None => match tracked.at(&self.time, self.moment.stop)? {
                Some(now) if now.fails => out.say(now.text),
                _ => out.say(format!("{argument} has had this value since the recording began")),
            },
            Some(change) => {
                let note =
                    format!("{argument}: {}  [old: {}]", shown(&change.new), shown(&change.old));
                self.go_to(self.time.maker_of(change.stop)?, out)?;
                out.say_value(&note);
            }
        }
        Ok(false)
    }

    /// `when EXPR`, `when -r EXPR`: to the next or last stop at which it becomes true.
    pub(super) fn do_when(&mut self, argument: &str, out: &mut Output) -> Result<bool, TraceError> {
        let (text, back) = match argument.strip_prefix("-r") {
            Some(rest) if rest.starts_with(char::is_whitespace) => (rest.trim(), true),
            _ => (argument, false),
        };
        if text.is_empty() {
            out.error("an expression is missing: when [-r] EXPR goes to where it becomes true");
            return Ok(false);
        }
        let Some(tracked) = self.tracked(text, out) else { return Ok(false) };
        let mut from = self.moment.stop;
        loop {
            let change = match back {
                false => tracked.next(&self.time, from, u64::MAX)?,
                true => match from.checked_sub(1) {
                    Some(until) => tracked.last(&self.time, until, 0)?,
                    None => None,
                },
            };
            let Some(change) = change else {
                let word = if back { "before" } else { "later" };
                out.say(format!("{text} does not become true {word}"));
                return Ok(false);
            };
            let true_now = change.new.as_ref().is_some_and(|now| now.truth == Some(true));
            let true_then = change.old.as_ref().is_some_and(|old| old.truth == Some(true));
            if let Some(now) = change.new.as_ref().filter(|now| now.truth.is_none())
                && now.text.starts_with("<not recorded")
            {
                let note = format!("{text}: {}", now.text);
                self.go_to(change.stop, out)?;
                out.say_value(&note);
                return Ok(false);
            }
            if true_now && !true_then {
                self.go_to(change.stop, out)?;
                return Ok(false);
            }
            from = change.stop;
        }
    }

    /// `hist EXPR [FROM]`: the values that it had, with their positions.
    pub(super) fn do_hist(&mut self, argument: &str, out: &mut Output) -> Result<bool, TraceError> {
        let (text, skip) = match argument.rsplit_once(" #") {
            Some((text, number)) => match number.trim().parse::<usize>() {
                Ok(number) => (text.trim(), number),
                Err(_) => (argument, 0),
            },
            None => (argument, 0),
        };
        if text.is_empty() {
            out.error("an expression is missing: hist EXPR shows the values that it had");
            return Ok(false);
        }
        let Some(tracked) = self.tracked(text, out) else { return Ok(false) };
        let from = match tracked.place {
            super::tracked::Place::Module(_) => 0,
            super::tracked::Place::Frame(activation) => {
                let mine = |_: u64, record: &Record| record.activation == activation;
                let call = |stop: u64, record: &Record| {
                    mine(stop, record) && record.kind == StopKind::Call
                };
                let seek = Seek::Frame { activation };
                self.time.find_backward(self.moment.stop + 1, seek, call)?.unwrap_or(0)
            }
        };
        let mut count = 0;
        let first = tracked.at(&self.time, from)?;
        let mut next = Some(Change { stop: from, old: None, new: first });
        while let Some(change) = next {
            let stop = change.stop;
            let tells =
                change.new.as_ref().is_some_and(|now| !now.text.starts_with("*** NameError"));
            if tells {
                if count >= skip + PAGE {
                    out.say(format!("... more: hist {text} #{count}"));
                    return Ok(false);
                }
                if count >= skip {
                    let mark = if stop == self.moment.stop { "->" } else { "  " };
                    let place = self.place_of(stop)?;
                    out.say_value(&format!(
                        "{mark} @{stop:<10} {place}  {text} = {}",
                        shown(&change.new)
                    ));
                }
                count += 1;
            }
            next = tracked.next(&self.time, stop, u64::MAX)?;
        }
        if count == 0 {
            out.say(format!("{text} has no value in the recording"));
        }
        Ok(false)
    }

    /// `file:line` of the line that made what shows first at a stop.
    fn place_of(&self, stop: u64) -> Result<String, TraceError> {
        let maker = self.time.maker_of(stop)?;
        let Some(record) = self.time.record(maker)? else { return Ok("?".to_owned()) };
        let code = self.time.code(u64::from(record.code));
        let file = code.map_or("?", |code| code.filename.rsplit('/').next().unwrap_or("?"));
        Ok(format!("{file}:{}", record.line))
    }
}

impl Timeline {
    /// The stop at the line that was running when what shows first at `stop` was made: the one before,
    /// or, if a frame was left there, the line of its caller.
    fn maker_of(&self, stop: u64) -> Result<u64, TraceError> {
        let before = stop.saturating_sub(1);
        let Some(moment) = self.moment(before)? else { return Ok(before) };
        let levels = moment.stack.len();
        if !moment.kind.is_return() || levels < 2 {
            return Ok(before);
        }
        let caller = moment.stack[levels - 2].frame.activation;
        let line =
            self.find_backward(before, Seek::Frame { activation: caller }, |_, record| {
                record.activation == caller
            })?;
        Ok(line.unwrap_or(before))
    }

    /// The first stop at or after `from` and before `until` at which an exception of this class is
    /// raised; `*` is any.
    pub(super) fn next_begun(
        &self,
        from: u64,
        until: u64,
        name: &str,
    ) -> Result<Option<u64>, TraceError> {
        let mut at = from;
        while let Some(stop) = self.next_raise(at, until)? {
            if self.begins(stop)? && self.is_raised(stop, name)? {
                return Ok(Some(stop));
            }
            at = stop + 1;
        }
        Ok(None)
    }

    pub(super) fn next_raise(&self, from: u64, until: u64) -> Result<Option<u64>, TraceError> {
        let mut from = from;
        while from < until.min(self.len()) {
            // A block without an exception has no raise.
            let block = self.trace().block_of_stop(from);
            let bounds = self.trace().bounds(block);
            let view = match bounds.counts.raise {
                0 => None,
                _ => Some(self.view(block)?),
            };
            let skip = usize::try_from(from - bounds.first_stop).unwrap_or(usize::MAX);
            let stops = view.iter().flat_map(|view| view.stops.iter().enumerate().skip(skip));
            let found = stops.clone().find(|(_, record)| record.kind == StopKind::Raise);
            if let Some((at, _)) = found {
                return Ok(Some(bounds.first_stop + at as u64).filter(|stop| *stop < until));
            }
            from = bounds.end_stop.max(from + 1);
        }
        Ok(None)
    }

    fn previous_raise(&self, before: u64, least: u64) -> Result<Option<u64>, TraceError> {
        let mut before = before;
        while before > least {
            let block = self.trace().block_of_stop(before - 1);
            let bounds = self.trace().bounds(block);
            if bounds.counts.raise > 0 {
                let view = self.view(block)?;
                let count = usize::try_from(before - view.first).unwrap_or(usize::MAX);
                let count = count.min(view.stops.len());
                let found = view.stops[..count].iter().rposition(|r| r.kind == StopKind::Raise);
                if let Some(at) = found {
                    return Ok(Some(view.first + at as u64).filter(|stop| *stop >= least));
                }
            }
            before = bounds.first_stop;
        }
        Ok(None)
    }

    /// Whether an exception passes its first frame at a raise: behind it, it has left a frame.
    fn begins(&self, stop: u64) -> Result<bool, TraceError> {
        let Some(record) = self.record(stop)? else { return Ok(false) };
        let Some(before) = stop.checked_sub(1) else { return Ok(true) };
        let before = self
            .find_backward(before + 1, Seek::Anything, |_, other| other.thread == record.thread)?;
        let Some(before) = before else { return Ok(true) };
        let before = self.record(before)?;
        Ok(before.is_none_or(|before| before.kind != StopKind::Unwind))
    }

    /// Whether the exception of a raise is of this class.
    fn is_raised(&self, stop: u64, name: &str) -> Result<bool, TraceError> {
        if name == "*" {
            return Ok(true);
        }
        let Some(moment) = self.innermost(stop)? else { return Ok(false) };
        let Some(value) = &moment.value else { return Ok(false) };
        let here = super::world::Here::new(self, stop);
        let value = Val::from(value);
        let class = match Class::from_val(&value, &here) {
            Ok(Some(class)) => Ok(class),
            _ => Class::of(&value, &here),
        };
        let Ok(class) = class else { return Ok(true) };
        let named = |class: &Class| {
            let full = class.full_name();
            class.name() == name || full == name || class.qualname() == name
        };
        Ok(class.mro(&here).map_or_else(|_| named(&class), |mro| mro.iter().any(named)))
    }

    /// The first stop behind `from` whose line made an audit event, with the event's name.
    fn next_audit(&self, pattern: &Regex, from: u64) -> Result<Option<(u64, String)>, TraceError> {
        for block in self.trace().block_of_stop(from)..self.trace().block_count() {
            let found = self.audits_in(block, pattern)?;
            if let Some(found) = found.into_iter().find(|(stop, _)| *stop > from) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn previous_audit(
        &self,
        pattern: &Regex,
        before: u64,
        least: u64,
    ) -> Result<Option<(u64, String)>, TraceError> {
        let last = self.trace().block_of_stop(before);
        // Events behind a block's last stop lie in the next block.
        let last = (last + 1).min(self.trace().block_count().saturating_sub(1));
        for block in (0..=last).rev() {
            if self.trace().bounds(block).end_stop < least {
                break;
            }
            let found = self.audits_in(block, pattern)?;
            if let Some(found) = found.into_iter().rev().find(|(stop, _)| *stop < before) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    pub(super) fn audits_in(
        &self,
        number: usize,
        pattern: &Regex,
    ) -> Result<Vec<(u64, String)>, TraceError> {
        let bounds = self.trace().bounds(number);
        if bounds.counts.audit == 0 {
            return Ok(Vec::new());
        }
        let block = self.trace().block(number)?;
        let first = bounds.first_stop;
        let mut stops = 0;
        let mut steps = Steps::default();
        let mut found = Vec::new();
        let mut event = Event::Line { delta: 0 };
        while steps.next_plain(block.raw(), &mut event)? {
            if let Event::Audit { name, .. } = &event {
                let name = String::from_utf8_lossy(name);
                if pattern.is_match(&*name).unwrap_or(false) {
                    found.push(((first + stops).saturating_sub(1), name.into_owned()));
                }
            } else if is_stop(&event) {
                stops += 1;
            }
        }
        Ok(found)
    }
}

/// Whether an event is a stop.
const fn is_stop(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::Line { .. }
            | Event::Call { .. }
            | Event::Resume { .. }
            | Event::Throw { .. }
            | Event::Return { .. }
            | Event::Yield { .. }
            | Event::Unwind
            | Event::Raise { .. }
    )
}
