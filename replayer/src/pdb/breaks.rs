//! Commands about breakpoints.

use super::{Engine, Output};
use crate::eval::{self, EvalError, Expression};
use crate::report::coverage::code::first_line_run;
use crate::show::Objects;
use crate::show::class::{field, text_field};
use crate::timeline::{Breakpoint, first_executable};
use moviola_format::event::Kind;
use moviola_format::read::{OwnedValue, TraceError};

/// `str(breakpoint)`.
pub fn short(breakpoint: &Breakpoint) -> String {
    format!("breakpoint {} at {}:{}", breakpoint.number, breakpoint.file, breakpoint.line)
}

/// `repr` of what the user typed.
pub fn quoted(text: &str) -> String {
    let mut out = String::new();
    crate::show::text::str_repr(&mut out, text.as_bytes(), 13);
    out
}

/// Where a function is: file, line and name.
type Place = (String, u32, String);

impl Engine {
    /// `b(reak)` and `tbreak`.
    pub(super) fn do_break(
        &mut self,
        argument: &str,
        temporary: bool,
        out: &mut Output,
    ) -> Result<(), TraceError> {
        if argument.is_empty() {
            return self.list_breaks(out);
        }
        let (place, condition) = match argument.find(',') {
            Some(at) if at > 0 => {
                let condition = argument[at + 1..].trim_start();
                let Some(condition) = parsed(condition, out) else { return Ok(()) };
                (argument[..at].trim_end(), Some(condition))
            }
            _ => (argument, None),
        };
        let (file, line, function) = if let Some(colon) = place.rfind(':') {
            let name = place[..colon].trim_end();
            let Some(file) = self.find_file(name) else {
                out.error(format!("{} not found from sys.path", quoted(name)));
                return Ok(());
            };
            let number = place[colon + 1..].trim_start();
            let Ok(line) = number.parse() else {
                out.error(format!("Bad lineno: {number}"));
                return Ok(());
            };
            (file, line, None)
        } else if let Ok(line) = place.parse() {
            (self.default_file(), line, None)
        } else if let Some((file, line, name)) = self.find_function(place) {
            (file, line, Some(name))
        } else {
            out.error(format!(
                "The specified object {} is not a function or was not found along sys.path.",
                quoted(place)
            ));
            return Ok(());
        };
        if !self.is_breakable(&file, line, out) {
            return Ok(());
        }
        let places = self.time.places(&file, line, function.as_deref());
        let number = self.next_break;
        self.next_break += 1;
        out.say(format!("Breakpoint {number} at {file}:{line}"));
        self.breaks.push(Breakpoint {
            number,
            file,
            line,
            temporary,
            condition,
            function,
            enabled: true,
            ignore: 0,
            ignored: std::collections::BTreeSet::new(),
            places,
        });
        Ok(())
    }

    /// Canonical name of the selected frame's file.
    pub(super) fn default_file(&self) -> String {
        self.time.canonic(&self.current_file())
    }

    /// pdb's check of a line: blank lines and comments are refused.
    fn is_breakable(&self, file: &str, line: u32, out: &mut Output) -> bool {
        let Some(lines) = self.source(file) else {
            // No source was recorded: what ran can still be broken at.
            let ran = !self.time.places(file, line, None).is_empty();
            if !ran {
                out.say("End of file");
            }
            return ran;
        };
        let text = (line as usize).checked_sub(1).and_then(|at| lines.get(at));
        let Some(text) = text else {
            out.say("End of file");
            return false;
        };
        let text = text.trim();
        let comment =
            text.starts_with('#') || text.starts_with("\"\"\"") || text.starts_with("'''");
        if text.is_empty() || comment {
            out.error("Blank or comment");
            return false;
        }
        true
    }

    /// A recorded file by what the user calls it.
    fn find_file(&self, name: &str) -> Option<String> {
        let trace = self.time.trace();
        let mut files: Vec<String> = trace
            .codes()
            .iter()
            .map(|code| self.time.canonic(&code.filename))
            .chain(trace.source_files().iter().map(|file| self.time.canonic(file)))
            .collect();
        files.sort();
        files.dedup();
        let with_suffix = if name.ends_with(".py") || name.starts_with('<') {
            name.to_owned()
        } else if self.time.minor() >= 13 {
            // A module's name is one of a file since 3.13.
            format!("{}.py", name.replace('.', "/"))
        } else {
            format!("{name}.py")
        };
        for name in [name, &with_suffix] {
            if let Some(old) = self.before_move(name).filter(|old| files.contains(old)) {
                return Some(old);
            }
            let canonic = self.time.canonic(name);
            if files.contains(&canonic) {
                return Some(canonic);
            }
            // Beside the current file first, then anywhere.
            let ending = format!("/{}", name.trim_start_matches("./"));
            let current = self.default_file();
            let folder = current.rsplit_once('/').map_or("", |(folder, _)| folder);
            let beside = format!("{folder}{ending}");
            if files.contains(&beside) {
                return Some(beside);
            }
            if let Some(found) = files.iter().find(|file| file.ends_with(&ending)) {
                return Some(found.clone());
            }
        }
        None
    }

    /// What a file was called in the recording that is called this now.
    fn before_move(&self, name: &str) -> Option<String> {
        let absolute = |path: &str| crate::export::absolute(&self.settings.here, path);
        let name = absolute(name);
        self.settings.moved.iter().find_map(|(old, new)| {
            let rest = name.strip_prefix(absolute(new).trim_end_matches('/'))?;
            let whole = rest.is_empty() || rest.starts_with('/');
            whole.then(|| self.time.canonic(&format!("{old}{rest}")))
        })
    }

    /// A function that an expression or a name stands for.
    fn find_function(&self, name: &str) -> Option<Place> {
        if let Some(found) = self.function_object(name) {
            return Some(found);
        }
        let short = name.rsplit('.').next().unwrap_or(name);
        let current = self.default_file();
        let codes = self.time.trace().codes();
        let named = |code: &&moviola_format::read::CodeInfo| {
            code.qualname == name
                || (code.name == short && (short == name || code.qualname.ends_with(name)))
        };
        let found = codes
            .iter()
            .filter(named)
            .find(|code| self.time.canonic(&code.filename) == current)
            .or_else(|| codes.iter().find(|code| code.qualname == name));
        if let Some(code) = found {
            let line = self.reported_line(code.first_line, first_executable(code));
            return Some((self.time.canonic(&code.filename), line, code.name.clone()));
        }
        self.definition(&current, short)
    }

    /// 3.11 and 3.12 report the line of the definition, 3.13 the first line of the body.
    fn reported_line(&self, definition: u32, body: u32) -> u32 {
        if self.time.minor() >= 13 { body } else { definition }
    }

    fn function_object(&self, expression: &str) -> Option<Place> {
        let scope = self.scope()?;
        let value = eval::evaluate(expression, &scope).ok()?;
        let mut id = match value.value() {
            eval::Val::Bound(bound) => bound.1,
            _ => value.object_id()?,
        };
        let here = self.here();
        for _ in 0..2 {
            let state = here.object(id).ok()?;
            let next = match state.kind {
                Kind::Method | Kind::StaticMethod | Kind::ClassMethod => "__func__",
                Kind::Function => "__code__",
                _ => return None,
            };
            let Some(OwnedValue::Ref(inner)) = field(&state, next) else { return None };
            id = *inner;
            if next == "__code__" {
                break;
            }
        }
        let code = here.object(id).ok()?;
        let code = match code.kind {
            Kind::Code => code,
            _ => match field(&code, "__code__") {
                Some(OwnedValue::Ref(id)) => here.object(*id).ok()?,
                _ => return None,
            },
        };
        let name = text_field(&code, "co_name", &here)?;
        let file = self.time.canonic(&text_field(&code, "co_filename", &here)?);
        let Some(OwnedValue::Int(line)) = field(&code, "co_firstlineno") else { return None };
        let first = u32::try_from(*line).ok()?;
        let body = self
            .time
            .trace()
            .codes()
            .iter()
            .find(|code| {
                code.name == name
                    && code.first_line == first
                    && self.time.canonic(&code.filename) == file
            })
            .map(first_executable);
        let body = body.unwrap_or_else(|| self.body_line(&file, first));
        Some((file, self.reported_line(first, body), name))
    }

    /// The first line of the body of a function that never ran, as far as its source tells.
    fn body_line(&self, file: &str, first: u32) -> u32 {
        let text = self.source(file).map(|lines| lines.join("\n"));
        text.and_then(|text| first_line_run(&text, first)).unwrap_or(first)
    }

    /// The definition of a function that never ran, in the source.
    fn definition(&self, file: &str, name: &str) -> Option<Place> {
        let lines = self.source(file)?;
        let at = lines.iter().position(|line| {
            let line = line.trim_start();
            let line = line.strip_prefix("async ").unwrap_or(line).trim_start();
            line.strip_prefix("def ")
                .and_then(|rest| rest.trim_start().strip_prefix(name))
                .is_some_and(|rest| rest.trim_start().starts_with('('))
        })?;
        let line = u32::try_from(at + 1).ok()?;
        let line = self.reported_line(line, self.body_line(file, line));
        Some((file.to_owned(), line, name.to_owned()))
    }

    fn list_breaks(&self, out: &mut Output) -> Result<(), TraceError> {
        if self.breaks.is_empty() && self.points.is_empty() {
            return Ok(());
        }
        out.say("Num Type         Disp Enb   Where");
        for breakpoint in &self.breaks {
            let disp = if breakpoint.temporary { "del  " } else { "keep " };
            let enabled = if breakpoint.enabled { "yes  " } else { "no   " };
            out.say(format!(
                "{:<4}breakpoint   {disp}{enabled} at {}:{}",
                breakpoint.number, breakpoint.file, breakpoint.line
            ));
            if let Some((condition, _)) = &breakpoint.condition {
                out.say(format!("\tstop only if {condition}"));
            }
            if breakpoint.ignore > 0 {
                out.say(format!("\tignore next {} hits", breakpoint.ignore));
            }
            let (hits, total) = self.time.hit_count(breakpoint, self.moment.stop)?;
            if hits > 0 {
                let plural = if hits > 1 { "s" } else { "" };
                out.say(format!("\tbreakpoint already hit {hits} time{plural}"));
            }
            if total > 0 {
                out.say(format!("\thit {hits} of {total} in the recording"));
            } else {
                out.say("\tnever executed in the recording");
            }
        }
        for point in &self.points {
            out.say(point.row());
        }
        Ok(())
    }

    /// Index of the breakpoint with this number, or pdb's error.
    fn by_number(&self, text: &str, out: &mut Output) -> Option<usize> {
        if text.is_empty() {
            out.error("Breakpoint number expected");
            return None;
        }
        let Ok(number) = text.parse::<usize>() else {
            out.error(format!("Non-numeric breakpoint number {text}"));
            return None;
        };
        let found = self.breaks.iter().position(|breakpoint| breakpoint.number == number);
        if found.is_none() {
            out.error(if number == 0 || number >= self.next_break {
                format!("Breakpoint number {number} out of range")
            } else {
                format!("Breakpoint {number} already deleted")
            });
        }
        found
    }

    /// `enable` and `disable`.
    pub(super) fn do_enable(&mut self, argument: &str, enabled: bool, out: &mut Output) {
        for number in argument.split_whitespace() {
            if let Some(at) = self.by_number(number, out) {
                self.breaks[at].enabled = enabled;
                let word = if enabled { "Enabled" } else { "Disabled" };
                out.say(format!("{word} {}", short(&self.breaks[at])));
            }
        }
    }

    /// `condition bpnumber [condition]`.
    pub(super) fn do_condition(&mut self, argument: &str, out: &mut Output) {
        let (number, condition) = match argument.split_once(' ') {
            Some((number, condition)) => (number, condition.trim()),
            None => (argument, ""),
        };
        let condition = if condition.is_empty() {
            None
        } else {
            let Some(parsed) = parsed(condition, out) else { return };
            Some(parsed)
        };
        let Some(at) = self.by_number(number.trim(), out) else { return };
        let number = self.breaks[at].number;
        let unconditional = condition.is_none();
        self.breaks[at].condition = condition;
        if unconditional {
            out.say(format!("Breakpoint {number} is now unconditional."));
        } else {
            out.say(format!("New condition set for breakpoint {number}."));
        }
    }

    /// `ignore bpnumber [count]`.
    pub(super) fn do_ignore(&mut self, argument: &str, out: &mut Output) {
        let words: Vec<&str> = argument.split_whitespace().collect();
        let count = match words.as_slice() {
            [] => {
                out.error("Breakpoint number expected");
                return;
            }
            [_] => Some(0),
            [_, count] => count.parse::<i64>().ok(),
            _ => None,
        };
        let Some(count) = count else {
            out.error(format!("Invalid argument: {argument}"));
            out.say("      Usage: ignore bpnumber [count]");
            return;
        };
        let Some(at) = self.by_number(words[0], out) else { return };
        let count = u64::try_from(count).unwrap_or(0);
        self.breaks[at].ignore = count;
        self.breaks[at].ignored.clear();
        let number = self.breaks[at].number;
        match count {
            0 => out.say(format!("Will stop next time breakpoint {number} is reached.")),
            1 => out.say(format!("Will ignore next 1 crossing of breakpoint {number}.")),
            count => {
                out.say(format!("Will ignore next {count} crossings of breakpoint {number}."));
            }
        }
    }

    /// `cl(ear)`.
    pub(super) fn do_clear(&mut self, argument: &str, out: &mut Output) {
        if argument.is_empty() {
            self.asking = super::Asking::ClearAll;
            return;
        }
        if let Some(colon) = argument.rfind(':') {
            let number = &argument[colon + 1..];
            let Ok(line) = number.parse::<u32>() else {
                out.error(format!("Invalid line number ({number})"));
                return;
            };
            let name = &argument[..colon];
            let file = self.find_file(name).unwrap_or_else(|| self.time.canonic(name));
            let here = |breakpoint: &Breakpoint| breakpoint.file == file && breakpoint.line == line;
            if !self.breaks.iter().any(here) {
                out.error(format!("There is no breakpoint at {file}:{line}"));
                return;
            }
            self.breaks.retain(|breakpoint| {
                let gone = here(breakpoint);
                if gone {
                    out.say(format!("Deleted {}", short(breakpoint)));
                }
                !gone
            });
            return;
        }
        for number in argument.split_whitespace() {
            if let Some(at) =
                self.points.iter().position(|point| point.number.to_string() == number)
            {
                out.say(format!("Deleted {}", self.points.remove(at).short()));
            } else if let Some(at) = self.by_number(number, out) {
                let gone = self.breaks.remove(at);
                out.say(format!("Deleted {}", short(&gone)));
            }
        }
    }

    /// The answer to "Clear all breaks?".
    pub(super) fn answer_clear_all(&mut self, answer: &str, out: &mut Output) {
        if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            for breakpoint in std::mem::take(&mut self.breaks) {
                out.say(format!("Deleted {}", short(&breakpoint)));
            }
            for point in std::mem::take(&mut self.points) {
                out.say(format!("Deleted {}", point.short()));
            }
        }
    }
}

/// A condition with its parsed form; `None` after an error.
fn parsed(condition: &str, out: &mut Output) -> Option<(String, Expression)> {
    match Expression::parse_any(condition) {
        Ok(parsed) => Some((condition.to_owned(), parsed)),
        Err(EvalError::Python { class, message }) => {
            out.error(format!("Invalid condition {condition}: {class}: {message}"));
            None
        }
        Err(error) => {
            out.say(error.to_string());
            None
        }
    }
}
