//! What the user makes up: convenience variables, and variables that hide the recorded ones until
//! the session moves. The recording never changes.

use super::{Engine, Output};
use crate::eval::{Change, EvalError, Evaluated, Val};

/// The name that pdb gives the dict of convenience variables.
const VARIABLES: &str = "__pdb_convenience_variables";

/// Values by name; `None` hides a recorded variable.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    /// Of the frame with this activation.
    frame: u64,
    locals: Vec<(String, Option<Val>)>,
    variables: Vec<(String, Val)>,
}

impl Scratch {
    /// What stands for a name in a frame; `Some(None)`: it is deleted.
    pub fn get(&self, name: &str, frame: u64) -> Option<Option<Val>> {
        if self.frame != frame {
            return None;
        }
        let found = self.locals.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }

    fn set(&mut self, frame: u64, name: &str, value: Option<Val>) {
        if self.frame != frame {
            self.locals.clear();
            self.frame = frame;
        }
        self.locals.retain(|(known, _)| known != name);
        self.locals.push((name.to_owned(), value));
    }

    /// Forgets what hides recorded variables, and gives the names.
    pub fn forget(&mut self) -> Vec<String> {
        std::mem::take(&mut self.locals).into_iter().map(|(name, _)| name).collect()
    }
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

impl Scratch {
    /// Forgets the convenience variables: they are gone when the program goes on.
    pub fn forget_variables(&mut self) {
        self.variables.clear();
    }
}

impl Engine {
    /// What stands for a name that pdb or the user has made.
    pub(super) fn scratch_value(&self, name: &str, frame: u64) -> Option<Option<Val>> {
        if name != VARIABLES {
            return self.scratch.get(name, frame);
        }
        let no_frames = "a recording has no frame objects; see where, up, down, args";
        let mut named = vec![("_frame", Val::Unknown(no_frames.into()))];
        if let Some(value) = &self.moment.value {
            let returns = self.moment.kind.is_return();
            named.push((if returns { "_retval" } else { "_exception" }, Val::from(value)));
        } else if let Some(id) = self.crash_exception.filter(|_| self.in_chain) {
            named.push(("_exception", Val::Ref(id)));
        }
        for (name, value) in &self.scratch.variables {
            named.retain(|(known, _)| known != name);
            named.push((name, value.clone()));
        }
        let text = |text: &str| Val::Str(text.as_bytes().into());
        let pairs: Vec<(Val, Val)> =
            named.into_iter().map(|(name, value)| (text(name), value)).collect();
        Some(Some(Val::Dict(pairs.into())))
    }

    /// Makes a change that the user typed, in the scratch variables only.
    pub(super) fn change(&mut self, change: &Change, out: &mut Output) {
        let Some(frame) = self.stack.get(self.level).map(|level| level.frame.activation) else {
            return;
        };
        let value = |engine: &Self, expression: &crate::eval::Expression| {
            let scope = engine.scope().ok_or_else(|| EvalError::Unknown("no frame".to_owned()))?;
            expression.evaluate(&scope).map(|value: Evaluated| value.value().clone())
        };
        match change {
            Change::Assign(targets, expression) => match value(self, expression) {
                Ok(value) => {
                    for target in targets {
                        match variable(target) {
                            Some(name) => {
                                self.scratch.variables.retain(|(known, _)| known != name);
                                self.scratch.variables.push((name.to_owned(), value.clone()));
                            }
                            None => self.scratch.set(frame, target, Some(value.clone())),
                        }
                    }
                }
                Err(error) => out.say(error.to_string()),
            },
            Change::Delete(names) => {
                for name in names {
                    let name_alone = crate::eval::Expression::parse(name);
                    match name_alone.and_then(|expression| value(self, &expression)) {
                        Ok(_) => match variable(name) {
                            Some(name) => {
                                self.scratch.variables.retain(|(known, _)| known != name);
                            }
                            None => self.scratch.set(frame, name, None),
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
