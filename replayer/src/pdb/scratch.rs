//! What the user makes up: convenience variables, and variables that hide the recorded ones until
//! the session moves. The recording never changes.

use super::python::Mode;
use super::{Engine, Output};
use crate::eval::{Change, EvalError, Evaluated, Val};
use crate::serve::wire;
use crate::show::Objects;
use crate::variables::OPTIMIZED;
use rustc_hash::FxHashSet;
use serde_json::Value as Json;
use std::fmt::Write as _;

/// The name that pdb gives the dict of convenience variables.
pub(super) const VARIABLES: &str = "__pdb_convenience_variables";

/// What stands for a name.
#[derive(Debug, Clone)]
pub(super) enum Made {
    /// A value.
    Value(Val),
    /// A value that only the Python that evaluates has.
    Held,
    /// Nothing: it hides a recorded variable.
    Deleted,
}

/// Values by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    /// Of the frame with this activation.
    frame: u64,
    /// Counts how often all was forgotten.
    epoch: u64,
    locals: Vec<(String, Made)>,
    variables: Vec<(String, Made)>,
    /// Locals that the Python that evaluates has not been told of.
    untold: FxHashSet<String>,
}

impl Scratch {
    /// What stands for a name in a frame; `Some(None)`: it is deleted.
    pub fn get(&self, name: &str, frame: u64) -> Option<Option<Val>> {
        if self.frame != frame {
            return None;
        }
        let found = self.locals.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, made)| value_of(made))
    }

    fn set(&mut self, frame: u64, name: &str, made: Made) {
        self.enter(frame);
        self.locals.retain(|(known, _)| known != name);
        self.locals.push((name.to_owned(), made));
        self.untold.insert(name.to_owned());
    }

    fn set_variable(&mut self, name: &str, made: Made) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), made));
    }

    /// Belongs to this frame from now on; what was made in another is forgotten.
    pub fn enter(&mut self, frame: u64) {
        if self.frame != frame {
            self.forget();
            self.frame = frame;
        }
    }

    /// Forgets what hides recorded variables, and gives the names.
    pub fn forget(&mut self) -> Vec<String> {
        self.epoch += 1;
        self.untold.clear();
        std::mem::take(&mut self.locals).into_iter().map(|(name, _)| name).collect()
    }

    /// Forgets the convenience variables, as pdb does when the program goes on.
    pub fn forget_variables(&mut self) {
        self.variables.clear();
    }

    /// The Python that evaluates has ended: what only it had is gone. Gives the names.
    pub fn lose(&mut self) -> Vec<String> {
        let (lost, kept) = std::mem::take(&mut self.locals)
            .into_iter()
            .partition::<Vec<_>, _>(|(_, made)| matches!(made, Made::Held));
        self.locals = kept;
        self.untold = self.locals.iter().map(|(name, _)| name.clone()).collect();
        let held = |(_, made): &(String, Made)| matches!(made, Made::Held);
        let variables = self.variables.iter().filter(|made| held(made));
        let mut names: Vec<String> = variables.map(|(name, _)| format!("${name}")).collect();
        self.variables.retain(|made| !held(made));
        names.extend(lost.into_iter().map(|(name, _)| name));
        names
    }

    /// Whether a text speaks of something that only the Python that evaluates has.
    pub fn holds(&self, text: &str, frame: u64) -> bool {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let mut words = text.split(|c| !is_part(c));
        words.any(|word| {
            let held = |(name, made): &(String, Made)| name == word && matches!(made, Made::Held);
            self.frame == frame && self.locals.iter().any(held) || self.variables.iter().any(held)
        })
    }

    /// What the Python that evaluates is to know: `"frame"`, `"made"`, `"deleted"` of a request.
    pub fn tell(&mut self, out: &mut String, frame: u64, objects: &dyn Objects) {
        let own = self.frame == frame;
        let epoch = if own { self.epoch } else { u64::MAX };
        let _ = write!(out, ",\"frame\":[{frame},{epoch}],\"made\":");
        let locals = if own { self.locals.as_slice() } else { &[] };
        let told: Vec<(&String, &Val)> = locals
            .iter()
            .filter(|(name, _)| self.untold.contains(name))
            .filter_map(|(name, made)| Some((name, value_ref(made)?)))
            .collect();
        pairs(out, &told, objects);
        let deleted = locals.iter().filter(|(_, made)| matches!(made, Made::Deleted));
        let deleted: Vec<&String> = deleted.map(|(name, _)| name).collect();
        out.push_str(",\"deleted\":");
        wire::list(out, &deleted, |out, name| wire::string(out, name));
        if own {
            self.untold.clear();
        }
    }

    /// What the Python that evaluates has made of the names, after a statement: `[[name, {"value": ...} | {}]]`.
    pub fn learn(&mut self, frame: u64, made: &Json, variables: &Json) {
        let entries = |json: &Json| -> Vec<(String, Made)> {
            let entries = json.as_array().map_or(&[][..], Vec::as_slice);
            let entry = |entry: &Json| {
                let name = entry.get(0)?.as_str()?.to_owned();
                let value = entry.get(1)?.get("value").and_then(|value| wire::parse(value).ok());
                Some((name, value.map_or(Made::Held, Made::Value)))
            };
            entries.iter().filter_map(entry).collect()
        };
        for (name, made) in entries(variables) {
            self.set_variable(&name, made);
        }
        let made = entries(made);
        if self.frame != frame {
            // An expression has made something in another frame than statements did: what it has made is
            // kept as far as it is known here.
            for (name, made) in made {
                if matches!(made, Made::Value(_)) {
                    self.set(frame, &name, made);
                }
            }
        } else {
            self.locals.retain(|(_, made)| matches!(made, Made::Deleted));
            self.locals.retain(|(name, _)| made.iter().all(|(other, _)| other != name));
            self.locals.extend(made);
        }
    }

    /// A recorded variable is deleted.
    pub fn delete(&mut self, frame: u64, name: &str) {
        self.set(frame, name, Made::Deleted);
    }
}

fn value_of(made: &Made) -> Option<Val> {
    match made {
        Made::Value(value) => Some(value.clone()),
        Made::Held => Some(Val::Unknown("only the Python that evaluates has it".into())),
        Made::Deleted => None,
    }
}

const fn value_ref(made: &Made) -> Option<&Val> {
    if let Made::Value(value) = made { Some(value) } else { None }
}

/// Writes named values as pairs.
fn pairs(out: &mut String, named: &[(&String, &Val)], objects: &dyn Objects) {
    wire::list(out, named, |out, (name, value)| {
        out.push('[');
        wire::string(out, name);
        out.push(',');
        wire::value(out, value, objects);
        out.push(']');
    });
}

/// The line with `$name` as pdb replaces it: outside of strings and comments; by 3.12, everywhere.
/// What stands in the replacement fields of f-strings is outside.
pub(super) fn with_variables(line: &str, minor: u32) -> String {
    const QUOTES: [&str; 4] = ["\"\"\"", "'''", "\"", "'"];
    let mut out = String::new();
    let mut rest = line;
    let mut parts = vec![Part::Code(0)];
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        let inner = parts.len() > 1;
        match parts.last_mut() {
            Some(Part::Text(end, _)) if rest.starts_with(*end) => {
                taken = end.len();
                parts.pop();
            }
            Some(Part::Text(..)) if c == '\\' => {
                taken += rest[1..].chars().next().map_or(0, char::len_utf8);
            }
            Some(Part::Text(_, true)) if rest.starts_with("{{") => taken = 2,
            Some(Part::Text(_, true) | Part::Format) if c == '{' => parts.push(Part::Code(0)),
            Some(Part::Format) if c == '}' => {
                parts.pop();
            }
            Some(Part::Text(..) | Part::Format) => {}
            Some(Part::Code(0)) if inner && c == '}' => {
                parts.pop();
            }
            Some(part @ Part::Code(0)) if inner && c == ':' => *part = Part::Format,
            _ if c == '#' && minor != 12 => break,
            Some(Part::Code(open)) => {
                let quote = QUOTES.into_iter().find(|q| minor != 12 && rest.starts_with(q));
                if let Some(quote) = quote {
                    taken = quote.len();
                    let before = out.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
                    let fields = minor >= 12 && out[before.len()..].contains(['f', 'F']);
                    parts.push(Part::Text(quote, fields));
                } else if c == '$' {
                    let name = &rest[1..];
                    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
                    let name = &name[..end.unwrap_or(name.len())];
                    if name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                        out.push_str(&format!("{VARIABLES}[\"{name}\"]"));
                        rest = &rest[1 + name.len()..];
                        continue;
                    }
                } else if matches!(c, '(' | '[' | '{') {
                    *open += 1;
                } else if matches!(c, ')' | ']' | '}') {
                    *open = open.saturating_sub(1);
                }
            }
            None => {}
        }
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out + rest
}

/// Where in a line of Python a character stands.
enum Part {
    /// In code, of the line or of a replacement field, with the brackets that are open.
    Code(u32),
    /// In a string that this ends; whether it has replacement fields.
    Text(&'static str, bool),
    /// In the format specification of a replacement field.
    Format,
}

impl Engine {
    /// What stands for a name that pdb or the user has made.
    pub(super) fn scratch_value(&self, name: &str, frame: u64) -> Option<Option<Val>> {
        if name != VARIABLES {
            return self.scratch.get(name, frame);
        }
        let named = self.variables().into_iter();
        let text = |text: &str| Val::Str(text.as_bytes().into());
        let pairs: Vec<(Val, Val)> = named.map(|(name, value)| (text(&name), value)).collect();
        Some(Some(Val::Dict(pairs.into())))
    }

    /// The convenience variables.
    pub(super) fn variables(&self) -> Vec<(String, Val)> {
        let no_frames = "only a Python has frame objects; name one with --python";
        let mut named = vec![("_frame", Val::Unknown(no_frames.into()))];
        if let Some(value) = &self.moment.value {
            let returns = self.moment.kind.is_return();
            named.push((if returns { "_retval" } else { "_exception" }, Val::from(value)));
        } else if let Some(id) = self.crash_exception.filter(|_| self.in_chain) {
            named.push(("_exception", Val::Ref(id)));
        }
        for (name, made) in &self.scratch.variables {
            named.retain(|(known, _)| known != name);
            named.extend(value_of(made).map(|value| (name.as_str(), value)));
        }
        named.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// What the Python that evaluates is to know of the convenience variables: `"variables"` and `"held"`.
    pub(super) fn tell_variables(&self, out: &mut String) {
        let held = |name: &str| {
            let mut all = self.scratch.variables.iter();
            all.any(|(known, made)| known == name && matches!(made, Made::Held))
        };
        let (held, told): (Vec<_>, Vec<_>) =
            self.variables().into_iter().partition(|(name, _)| held(name));
        let told: Vec<(&String, &Val)> = told.iter().map(|(name, value)| (name, value)).collect();
        out.push_str(",\"variables\":");
        pairs(out, &told, &self.here());
        out.push_str(",\"held\":");
        wire::list(out, &held, |out, (name, _)| wire::string(out, name));
    }

    /// Makes a change that the user typed, in the scratch variables only.
    pub(super) fn change(&mut self, text: &str, change: &Change, out: &mut Output) {
        let Some(frame) = self.stack.get(self.level).map(|level| level.frame.activation) else {
            return;
        };
        if self.scratch.holds(text, frame) {
            return self.run_in_python(text, Mode::Statement, out);
        }
        let value = |engine: &Self, expression: &crate::eval::Expression| {
            let scope = engine.scope().ok_or_else(|| EvalError::Unknown("no frame".to_owned()))?;
            expression.evaluate(&scope).map(|value: Evaluated| value.value().clone())
        };
        match change {
            Change::Assign(targets, expression) => match value(self, expression) {
                Ok(value) => {
                    for target in targets {
                        let value = Made::Value(value.clone());
                        match variable(target) {
                            Some(name) => self.scratch.set_variable(name, value),
                            None => self.scratch.set(frame, target, value),
                        }
                    }
                }
                Err(EvalError::Unsupported(_)) => self.run_in_python(text, Mode::Statement, out),
                Err(error) => out.say(error.to_string()),
            },
            Change::Delete(names) => {
                // From 3.13 on, pdb cannot delete variables of functions.
                let level = self.stack.get(self.level);
                let code = level.and_then(|level| self.time.code(level.frame.code));
                let fixed =
                    self.time.minor() >= 13 && code.is_some_and(|code| code.flags & OPTIMIZED != 0);
                for name in names {
                    if fixed && variable(name).is_none() {
                        return out.error(format!("NameError: name '{name}' is not defined"));
                    }
                    let name_alone = crate::eval::Expression::parse(name);
                    match name_alone.and_then(|expression| value(self, &expression)) {
                        Ok(_) => match variable(name) {
                            Some(name) => {
                                self.scratch.variables.retain(|(known, _)| known != name);
                            }
                            None => self.scratch.delete(frame, name),
                        },
                        Err(error) => return out.say(error.to_string()),
                    }
                }
            }
        }
    }
}

/// The name in `__pdb_convenience_variables["name"]`.
fn variable(target: &str) -> Option<&str> {
    target.strip_prefix(VARIABLES)?.strip_prefix("[\"")?.strip_suffix("\"]")
}

#[cfg(test)]
mod tests {
    use super::with_variables;

    #[test]
    fn variables_outside_of_strings() {
        let v = |name: &str| format!("__pdb_convenience_variables[\"{name}\"]");
        assert_eq!(with_variables("p $a + $b1", 13), format!("p {} + {}", v("a"), v("b1")));
        assert_eq!(with_variables("p \"$a\" + '$b\\'$c' # $d", 13), "p \"$a\" + '$b\\'$c' # $d");
        assert_eq!(with_variables("p '''$a''' $ 1", 13), "p '''$a''' $ 1");
        assert_eq!(with_variables("p f'$a {$a!r:$b{$c}} {{$d}}'", 13), {
            format!("p f'$a {{{}!r:$b{{{}}}}} {{{{$d}}}}'", v("a"), v("c"))
        });
        let nested = format!("f'{{x[{{1: {}}}]}} $b' + {}", v("a"), v("c"));
        assert_eq!(with_variables("f'{x[{1: $a}]} $b' + $c", 13), nested);
        assert_eq!(with_variables("p '$a'", 12), format!("p '{}'", v("a")));
        assert_eq!(with_variables("$x = 'é'", 13), format!("{} = 'é'", v("x")));
    }
}
