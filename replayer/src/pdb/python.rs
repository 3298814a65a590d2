//! What only a Python can evaluate: lambdas, functions of the standard library that only compute, statements, `interact`.

use super::input::Asking;
use super::world::{FrameScope, Here};
use super::{Engine, Output};
use crate::eval::{self, EvalError, Evaluated, Input};
use crate::python::{Python, Said};
use crate::serve::{Answers, stops, wire};
use crate::timeline::Timeline;
use moviola_format::read::TraceError;
use serde_json::Value as Json;
use std::cell::RefCell;
use std::fmt::Write as _;

/// What front ends send at the end of the input.
const END: &str = "EOF";

/// How a text is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// An expression, for its value.
    Expression,
    /// An expression, for its truth.
    Truth,
    /// A statement; the values of expression statements are shown.
    Statement,
    /// The lines of a statement so far.
    More,
    /// Lines of `interact`, which may be the beginning of a statement.
    Interact,
}

/// What an expression came to.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// A value that the replayer can hold.
    Value(Evaluated),
    /// A value that only the Python that evaluates has, in words.
    Text(Words),
}

/// A value in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// Its `repr`.
    pub text: String,
    /// As `pp` shows it.
    pub pretty: String,
    /// As `whatis` names it.
    pub what: String,
}

/// What a run came to.
enum Done {
    Told(Told),
    Quiet,
    /// The statement goes on in the next line.
    More,
}

impl Engine {
    /// Lets a Python evaluate what the native evaluator cannot; it is started when it is needed.
    #[must_use]
    pub fn with_python(self, python: Python) -> Self {
        *self.python.borrow_mut() = python;
        self
    }

    /// The value of an expression, or why there is none; `None` if a Python has to tell.
    pub(super) fn told_natively(&self, expression: &str) -> Option<Result<Evaluated, EvalError>> {
        let frame = self.stack.get(self.level).map_or(u64::MAX, |level| level.frame.activation);
        let wants_frame = expression.contains("[\"_frame\"]") && self.python.borrow().is_allowed();
        if wants_frame || self.scratch.holds(expression, frame) {
            return None;
        }
        let Some(scope) = self.scope() else {
            return Some(Err(EvalError::Unknown("no frame".to_owned())));
        };
        match eval::evaluate(expression, &scope) {
            Err(EvalError::Unsupported(_)) if self.python.borrow().is_allowed() => None,
            // Python has better words for it.
            Err(EvalError::Python { class, .. })
                if is_syntax(&class) && self.python.borrow_mut().is_there(self.time.minor()) =>
            {
                None
            }
            told => Some(told),
        }
    }

    /// The value of an expression: told natively if that can be, else by a Python.
    pub(super) fn tell(&mut self, expression: &str, out: &mut Output) -> Result<Told, EvalError> {
        if let Some(told) = self.told_natively(expression) {
            return told.map(Told::Value);
        }
        match self.in_python(expression, Mode::Expression, out)? {
            Done::Told(told) => Ok(told),
            Done::Quiet | Done::More => Err(EvalError::Unsupported("it has no value".to_owned())),
        }
    }

    /// Runs a statement over the recorded values.
    pub(super) fn run_in_python(&mut self, text: &str, mode: Mode, out: &mut Output) {
        if !self.python.borrow().is_allowed() {
            return match eval::classify(text) {
                Input::Expression => out.say(
                    EvalError::Unsupported("an expression that needs a Python".to_owned())
                        .to_string(),
                ),
                other => {
                    out.say(other.refusal().map_or_else(String::new, |error| error.to_string()))
                }
            };
        }
        match self.in_python(text, mode, out) {
            Ok(Done::Told(told)) => self.say_told(&told, out),
            Ok(Done::More) => {
                text.clone_into(&mut self.interaction);
                self.asking = Asking::More;
            }
            Ok(Done::Quiet) => {}
            Err(error) => out.say(error.to_string()),
        }
    }

    /// The `repr` of what an expression came to.
    pub(super) fn say_told(&self, told: &Told, out: &mut Output) {
        match told {
            Told::Value(value) => out.say_value(&value.repr(&self.here())),
            Told::Text(words) => out.say_value(&words.text),
        }
    }

    fn in_python(&mut self, text: &str, mode: Mode, out: &mut Output) -> Result<Done, EvalError> {
        let request = self.request(text, mode)?;
        let frame = self.stack.get(self.level).map_or(u64::MAX, |level| level.frame.activation);
        let mut printed = String::new();
        let mut python = self.python.take();
        let done = {
            let scope = self.scope().ok_or_else(|| EvalError::Unknown("no frame".to_owned()))?;
            let answers = Answers::in_frame(&self.time, &scope);
            python.run(&request, self.time.minor(), self.time.interrupt(), |said| match said {
                Said::Asks(request) => answers.answer(request),
                Said::Out(text) => {
                    printed.push_str(&words(text));
                    String::new()
                }
                Said::Shows(shown) => {
                    flush(&mut printed, out);
                    if let Ok(Done::Told(told)) = done_of(shown) {
                        self.say_told(&told, out);
                    }
                    String::new()
                }
            })
        };
        flush(&mut printed, out);
        let note = python.note();
        self.python.replace(python);
        if let Some(note) = note {
            out.say(note);
        }
        let message = done.map_err(|why| {
            let lost = self.scratch.lose();
            let lost =
                if lost.is_empty() { String::new() } else { format!(" ({})", lost.join(", ")) };
            EvalError::Unsupported(format!("{why}{lost}"))
        })?;
        if mode != Mode::Interact {
            let part = |key: &str| message.get(key).cloned().unwrap_or(Json::Null);
            self.scratch.learn(frame, &part("made"), &part("variables"));
        }
        for kind in message.get("changed").and_then(Json::as_array).into_iter().flatten() {
            out.say(format!(
                "*** moviola: a recording cannot be changed: this changed a copy of a {}, and the copy is gone",
                words(kind)
            ));
        }
        let done = message.get("done").cloned().unwrap_or(Json::Null);
        done_of(&done)
    }

    fn request(&mut self, text: &str, mode: Mode) -> Result<String, EvalError> {
        let frame = self.stack.get(self.level).map_or(u64::MAX, |level| level.frame.activation);
        let scope = self.scope().ok_or_else(|| EvalError::Unknown("no frame".to_owned()))?;
        let mut out = request(&self.time, &scope, self.moment.stop, mode, text);
        drop(scope);
        self.tell_variables(&mut out);
        let mut scratch = std::mem::take(&mut self.scratch);
        if matches!(mode, Mode::Statement | Mode::More) {
            scratch.enter(frame);
        }
        scratch.tell(&mut out, frame, &self.here());
        self.scratch = scratch;
        out.push('}');
        Ok(out)
    }

    /// Another line of a statement.
    pub(super) fn go_on(&mut self, line: &str, out: &mut Output) {
        self.asking = Asking::Command;
        let text = std::mem::take(&mut self.interaction) + "\n" + line;
        if line == END {
            self.last.clear();
            out.say("");
        } else {
            self.run_in_python(&text, Mode::More, out);
        }
    }

    /// `interact`.
    pub(super) fn do_interact(&mut self, out: &mut Output) -> Result<bool, TraceError> {
        if !self.python.borrow().is_allowed() {
            out.error("interact needs a Python; name one with --python");
            return Ok(false);
        }
        out.say(if self.time.minor() >= 13 { "*pdb interact start*" } else { "*interactive*" });
        self.interaction = String::new();
        self.asking = Asking::Interact;
        Ok(false)
    }

    /// A line of `interact`.
    pub(super) fn interact(&mut self, line: &str, out: &mut Output) {
        let leaves = self.interaction.is_empty() && matches!(line.trim(), "exit()" | "quit()");
        if leaves || line == END {
            if line == END {
                out.say("");
            }
            self.asking = Asking::Command;
            let minor = self.time.minor();
            let words = "now exiting InteractiveConsole...";
            out.say(if minor >= 13 { "*exit from pdb interact command*" } else { words });
            return;
        }
        if !self.interaction.is_empty() {
            self.interaction.push('\n');
        }
        self.interaction.push_str(line);
        let text = self.interaction.clone();
        match self.in_python(&text, Mode::Interact, out) {
            Ok(Done::More) => return,
            Ok(_) => {}
            Err(error) => out.say(error.to_string()),
        }
        self.interaction.clear();
    }
}

/// Whether a condition is true at a stop, told by a Python.
pub(super) fn truth(
    time: &Timeline,
    python: &RefCell<Python>,
    scope: &FrameScope<'_>,
    stop: u64,
    text: &str,
) -> Result<bool, EvalError> {
    match asked(time, python, scope, stop, Mode::Truth, text)? {
        Done::Told(Told::Value(value)) => Ok(matches!(value.value(), eval::Val::Bool(true))),
        _ => Err(EvalError::Unsupported("it has no truth".to_owned())),
    }
}

/// The value of an expression at a stop, told by a Python that knows nothing of it yet: so it asks for every
/// object that the value depends on.
pub(super) fn value(
    time: &Timeline,
    python: &RefCell<Python>,
    scope: &FrameScope<'_>,
    stop: u64,
    text: &str,
) -> Result<Told, EvalError> {
    match asked(time, python, scope, stop, Mode::Expression, text)? {
        Done::Told(told) => Ok(told),
        Done::Quiet | Done::More => Err(EvalError::Unsupported("it has no value".to_owned())),
    }
}

/// What a Python says of an expression, without anything that the user has made.
fn asked(
    time: &Timeline,
    python: &RefCell<Python>,
    scope: &FrameScope<'_>,
    stop: u64,
    mode: Mode,
    text: &str,
) -> Result<Done, EvalError> {
    let mut out = request(time, scope, stop, mode, text);
    out.push_str(
        ",\"frame\":null,\"made\":[],\"deleted\":[],\"variables\":[],\"held\":[],\"fresh\":true}",
    );
    let answers = Answers::in_frame(time, scope);
    let answer = |said: &Said<'_>| match said {
        Said::Asks(request) => answers.answer(request),
        Said::Out(_) | Said::Shows(_) => String::new(),
    };
    let message = python.borrow_mut().run(&out, time.minor(), time.interrupt(), answer);
    let message = message.map_err(EvalError::Unsupported)?;
    done_of(message.get("done").unwrap_or(&Json::Null))
}

/// The beginning of a request: what is to be run, and where.
fn request(time: &Timeline, scope: &FrameScope<'_>, stop: u64, mode: Mode, text: &str) -> String {
    let mode = match mode {
        Mode::Expression => "expression",
        Mode::Truth => "truth",
        Mode::Statement => "statement",
        Mode::More => "more",
        Mode::Interact => "interact",
    };
    let mut out = format!("{{\"do\":\"run\",\"mode\":\"{mode}\",\"at\":{stop},\"text\":");
    wire::string(&mut out, text);
    let is_module = scope.code().is_some_and(|code| code.name == "<module>");
    let _ = write!(out, ",\"module\":{is_module},\"locals\":");
    stops::locals(&mut out, scope, &Here::new(time, stop));
    out
}

/// What the Python that evaluates says a run came to.
fn done_of(done: &Json) -> Result<Done, EvalError> {
    if let Some(error) = done.get("error") {
        let said = error.get(1).map_or_else(String::new, words);
        return Err(match error.get(0).and_then(Json::as_str) {
            Some("unknown") => EvalError::Unknown(said),
            Some("raised") => match said.split_once(": ") {
                Some((class, message)) => {
                    EvalError::Python { class: class.to_owned(), message: message.to_owned() }
                }
                None => EvalError::Python { class: said, message: String::new() },
            },
            _ => EvalError::Unsupported(said),
        });
    }
    let part = |key: &str| done.get(key).map_or_else(String::new, words);
    match done.get("kind").and_then(Json::as_str) {
        Some("value") => {
            let value = done.get("value").unwrap_or(&Json::Null);
            let value = wire::parse(value).map_err(EvalError::Unsupported)?;
            Ok(Done::Told(Told::Value(Evaluated::made(value))))
        }
        Some("text") => Ok(Done::Told(Told::Text(Words {
            text: part("text"),
            pretty: part("pretty"),
            what: part("what"),
        }))),
        Some("more") => Ok(Done::More),
        _ => Ok(Done::Quiet),
    }
}

fn is_syntax(class: &str) -> bool {
    matches!(class, "SyntaxError" | "IndentationError")
}

/// A text of the protocol.
fn words(json: &Json) -> String {
    match wire::parse(json) {
        Ok(eval::Val::Str(text)) => String::from_utf8_lossy(&text).into_owned(),
        _ => String::new(),
    }
}

/// Shows what was printed.
fn flush(printed: &mut String, out: &mut Output) {
    if !printed.is_empty() {
        out.say(printed.strip_suffix('\n').unwrap_or(printed));
        printed.clear();
    }
}
