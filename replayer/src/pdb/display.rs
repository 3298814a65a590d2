//! `display` and `undisplay`: expressions that are told at every stop of a frame, if they changed.

use super::python::{Told, Words};
use super::{Engine, Output};
use crate::eval::{EvalError, Evaluated, Expression, Val};
use crate::show::{Objects, known};

/// An expression that is displayed, with the value told last.
#[derive(Debug, Clone)]
pub(super) struct Display {
    text: String,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    /// A value, and its text when it was told.
    Known(Evaluated, String),
    /// A value that only the Python that evaluates has.
    Text(Words),
    /// Why there was none.
    Error(String),
}

impl Engine {
    /// The frame that displays belong to.
    fn frame(&self) -> u64 {
        self.stack.get(self.level).map_or(u64::MAX, |entry| entry.frame.activation)
    }

    /// `display [expression]`.
    pub(super) fn do_display(&mut self, argument: &str, out: &mut Output) {
        let frame = self.frame();
        if argument.is_empty() {
            if self.displays.is_empty() && self.time.minor() >= 12 {
                out.say("No expression is being displayed");
                return;
            }
            out.say("Currently displaying:");
            for display in self.displays.get(&frame).into_iter().flatten() {
                out.say_value(&format!("{}: {}", display.text, self.shown(&display.value)));
            }
            return;
        }
        if self.time.minor() >= 12
            && let Err(EvalError::Python { class, message }) = Expression::parse(argument)
            && class == "SyntaxError"
        {
            out.error(format!("Unable to display {argument}: {class}: {message}"));
            return;
        }
        let value = self.value_of(argument, out);
        out.say_value(&format!("display {argument}: {}", self.shown(&value)));
        let displays = self.displays.entry(frame).or_default();
        match displays.iter_mut().find(|display| display.text == argument) {
            Some(display) => display.value = value,
            None => displays.push(Display { text: argument.to_owned(), value }),
        }
    }

    /// `undisplay [expression]`.
    pub(super) fn do_undisplay(&mut self, argument: &str, out: &mut Output) {
        let frame = self.frame();
        if argument.is_empty() {
            self.displays.remove(&frame);
            return;
        }
        let displays = self.displays.get_mut(&frame);
        let found = displays.and_then(|displays| {
            let at = displays.iter().position(|display| display.text == argument)?;
            Some(displays.remove(at))
        });
        if found.is_none() {
            out.error(format!("not displaying {argument}"));
        }
    }

    /// Tells what changed of the frame's displays.
    pub(super) fn show_displays(&mut self, out: &mut Output) {
        let frame = self.frame();
        let Some(mut displays) = self.displays.remove(&frame) else { return };
        for display in &mut displays {
            let value = self.value_of(&display.text, out);
            if self.is_same(&display.value, &value) {
                continue;
            }
            let (new, old) = (self.shown(&value), self.shown(&display.value));
            out.say_value(&format!("display {}: {new}  [old: {old}]", display.text));
            display.value = value;
        }
        self.displays.insert(frame, displays);
    }

    fn value_of(&mut self, expression: &str, out: &mut Output) -> Value {
        match self.tell(expression, out) {
            Ok(Told::Text(words)) => Value::Text(words),
            Ok(Told::Value(value)) => {
                let text = value.repr(&self.here());
                Value::Known(value, text)
            }
            Err(EvalError::Python { class, message }) if message.is_empty() => {
                Value::Error(format!("** raised {class} **"))
            }
            Err(EvalError::Python { class, message }) => {
                Value::Error(format!("** raised {class}: {message} **"))
            }
            Err(error) => Value::Error(error.to_string()),
        }
    }

    /// Whether pdb would take two values for the same: the same object, or equal ones.
    fn is_same(&self, old: &Value, new: &Value) -> bool {
        match (old, new) {
            (Value::Error(old), Value::Error(new)) => old == new,
            (Value::Text(old), Value::Text(new)) => old == new,
            (Value::Known(old, before), Value::Known(new, after)) => {
                if let (Val::Ref(old), Val::Ref(new)) = (old.value(), new.value())
                    && old == new
                {
                    return true;
                }
                let Some(scope) = self.scope() else { return before == after };
                // What cannot be compared without the program's code is compared by what is shown.
                old.equals(new, &scope).unwrap_or(before == after)
            }
            _ => false,
        }
    }

    /// The text of a value now; that of an object that is not there now, when it was told.
    fn shown(&self, value: &Value) -> String {
        match value {
            Value::Error(text) => text.clone(),
            Value::Text(words) => words.text.clone(),
            Value::Known(value, text) => {
                let here = self.here();
                match value.object_id() {
                    Some(id) if here.object(id).and_then(known).is_ok() => value.repr(&here),
                    _ => text.clone(),
                }
            }
        }
    }
}
