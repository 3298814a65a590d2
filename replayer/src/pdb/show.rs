//! Commands that evaluate: p, pp, whatis, retval, bare expressions.

use super::python::{Mode, Told};
use super::words::short_repr;
use super::world::FrameScope;
use super::{Engine, Output};
use crate::eval::{self, EvalError, Input};
use crate::show::class::{Class, field, text_field};
use crate::show::{Objects, repr};
use moviola_format::event::Kind;
use moviola_format::read::OwnedValue;

impl Engine {
    /// The variables of the selected frame.
    pub(super) fn scope(&self) -> Option<FrameScope<'_>> {
        let level = self.stack.get(self.level)?;
        Some(FrameScope::new(self.here(), &self.moment, level).with(self))
    }

    fn evaluated(&mut self, expression: &str, out: &mut Output) -> Option<Told> {
        match self.tell(expression, out) {
            Ok(value) => Some(value),
            Err(error) => {
                out.say(error.to_string());
                None
            }
        }
    }

    /// `p expression`.
    pub(super) fn do_print(&mut self, expression: &str, out: &mut Output) {
        if let Some(told) = self.evaluated(expression, out) {
            self.say_told(&told, out);
        }
    }

    /// `pp expression`.
    pub(super) fn do_pretty(&mut self, expression: &str, out: &mut Output) {
        match self.evaluated(expression, out) {
            Some(Told::Value(value)) => out.say(value.pprint(&self.here())),
            Some(Told::Text(words)) => out.say(words.pretty),
            None => {}
        }
    }

    /// A bare expression or statement.
    pub(super) fn statement(&mut self, text: &str, out: &mut Output) {
        match eval::classify(text) {
            Input::Expression => {
                // As the interactive prompt does: nothing for None.
                match self.told_natively(text) {
                    Some(Ok(value)) if matches!(value.value(), eval::Val::None) => {}
                    Some(Ok(value)) => out.say_value(&value.repr(&self.here())),
                    Some(Err(error)) => out.say(error.to_string()),
                    None => self.run_in_python(text, Mode::Statement, out),
                }
            }
            Input::Change => match eval::change(text) {
                Ok(change) => self.change(text, &change, out),
                Err(_) => self.run_in_python(text, Mode::Statement, out),
            },
            Input::Statement => self.run_in_python(text, Mode::Statement, out),
            // An empty line of a command list.
            _ if text.is_empty() => {}
            Input::Invalid(EvalError::Python { .. })
                if self.python.borrow_mut().is_there(self.time.minor()) =>
            {
                self.run_in_python(text, Mode::Statement, out);
            }
            other => {
                if let Some(refusal) = other.refusal() {
                    out.say(refusal.to_string());
                }
            }
        }
    }

    /// `whatis expression`.
    pub(super) fn do_whatis(&mut self, expression: &str, out: &mut Output) {
        let value = match self.evaluated(expression, out) {
            Some(Told::Value(value)) => value,
            Some(Told::Text(words)) => return out.say(words.what),
            None => return,
        };
        let here = self.here();
        if let Some(id) = value.object_id()
            && let Ok(state) = here.object(id)
        {
            let function = match state.kind {
                Kind::Method => Some("Method"),
                Kind::Function => Some("Function"),
                _ => None,
            };
            if let Some(word) = function {
                let function = match (state.kind, field(&state, "__func__")) {
                    (Kind::Method, Some(OwnedValue::Ref(id))) => here.object(*id).ok(),
                    _ => Some(state.clone()),
                };
                let code =
                    function.as_ref().and_then(|function| match field(function, "__code__") {
                        Some(OwnedValue::Ref(id)) => here.object(*id).ok(),
                        _ => None,
                    });
                let name = code
                    .and_then(|code| text_field(&code, "co_name", &here))
                    .or_else(|| text_field(function.as_ref()?, "__name__", &here))
                    .unwrap_or_else(|| "?".to_owned());
                out.say(format!("{word} {name}"));
                return;
            }
        }
        match Class::from_val(value.value(), &here) {
            Ok(Some(class)) => {
                let meta = Class::of(value.value(), &here);
                if meta.is_ok_and(|meta| meta.is("builtins", "type")) {
                    out.say(format!("Class {}.{}", class.module(), class.qualname()));
                    return;
                }
            }
            Ok(None) => {}
            Err(reason) => return out.say(reason.to_string()),
        }
        match Class::of(value.value(), &here) {
            Ok(class) => out.say(class.shown(&here).0),
            Err(reason) => out.say(reason.to_string()),
        }
    }

    /// `retval`.
    pub(super) fn do_retval(&self, out: &mut Output) {
        let top = self.level + 1 == self.moment.stack.len();
        match &self.moment.value {
            Some(value) if top && self.moment.kind.is_return() => {
                out.say_value(&repr(value, &self.here()));
            }
            _ => out.error("Not yet returned!"),
        }
    }

    /// The short form of the value being returned.
    pub(super) fn returned(&self) -> String {
        match &self.moment.value {
            Some(value) => short_repr(value, &self.here()),
            None => EvalError::Unknown("no value".to_owned()).to_string(),
        }
    }
}

/// The last line of the block that begins at line `first` (counted from 1), by its indentation.
pub fn block_end(lines: &[String], first: usize) -> usize {
    let start = first.saturating_sub(1);
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some(head) = lines.get(start) else { return first };
    let depth = indent(head);
    let mut end = start;
    let mut open = 0_i64;
    let mut in_head = true;
    for (at, line) in lines.iter().enumerate().skip(start) {
        let code = line.split('#').next().unwrap_or_default();
        let blank = line.trim().is_empty() || line.trim_start().starts_with('#');
        if at > start && open == 0 && !blank && indent(line) <= depth && !in_head {
            break;
        }
        for c in code.chars() {
            match c {
                '(' | '[' | '{' => open += 1,
                ')' | ']' | '}' => open = (open - 1).max(0),
                _ => {}
            }
        }
        // Decorators and a head over several lines belong to the block.
        let decorated = line.trim_start().starts_with('@');
        if in_head && open == 0 && !decorated && !blank {
            in_head = false;
        }
        if !blank {
            end = at;
        }
    }
    end + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_where_the_indentation_does() {
        let text = "@deco\ndef f(a,\n      b):\n    x = 1\n\n    # no\n    return x\n\n\nf(1, 2)";
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert_eq!(block_end(&lines, 1), 7);
        assert_eq!(block_end(&lines, 2), 7);
        let lines: Vec<String> = ["x = [", "]", "y = 1"].map(str::to_owned).to_vec();
        assert_eq!(block_end(&lines, 3), 3);
    }
}
