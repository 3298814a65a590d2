//! `source expression`: the text that defines a function, a class or a module.

use super::{Engine, Output};
use crate::eval::{self, Val};
use crate::show::Objects;
use crate::show::class::{Class, field, text_field};
use crate::variables::OPTIMIZED;
use moviola_format::event::Kind;
use moviola_format::read::OwnedValue;

/// Where something is defined: its file and first line; the whole file without one.
type Place = (String, Option<u32>);

impl Engine {
    /// `source expression`.
    pub(super) fn do_source(&self, expression: &str, out: &mut Output) {
        let Some(scope) = self.scope() else { return };
        let value = match eval::evaluate(expression, &scope) {
            Ok(value) => value,
            Err(error) => return out.say(error.to_string()),
        };
        let Some((file, first)) = self.defined(value.value()) else {
            return out.error(format!(
                "module, class, method, function, traceback, frame, or code object was expected, \
                 got {}",
                value.type_name(&self.here())
            ));
        };
        let Some(lines) = self.source(&file) else { return out.error("could not get source code") };
        let (first, last) = match first {
            None => (1, lines.len()),
            Some(first) => (first as usize, super::show::block_end(&lines, first as usize)),
        };
        self.print_plain(&lines, first, last, out);
    }

    fn defined(&self, value: &Val) -> Option<Place> {
        let here = self.here();
        let mut id = match value {
            Val::Ref(id) => *id,
            Val::Bound(bound) => bound.1,
            _ => return None,
        };
        // A method has a function, a function has code.
        for _ in 0..4 {
            let state = here.object(id).ok()?;
            let inner = match state.kind {
                Kind::Method | Kind::StaticMethod | Kind::ClassMethod => "__func__",
                Kind::Function => "__code__",
                Kind::Code => {
                    let Some(OwnedValue::Int(line)) = field(&state, "co_firstlineno") else {
                        return None;
                    };
                    let file = text_field(&state, "co_filename", &here)?;
                    return Some((file, Some(u32::try_from(*line).ok()?)));
                }
                Kind::Class => return self.class_place(&Val::Ref(id)),
                Kind::Module => {
                    let name = text_field(&state, "__name__", &here);
                    let attrs = state.attrs.iter().flatten();
                    let mut named = attrs.filter(
                        |(key, _)| matches!(key, OwnedValue::Str(key) if **key == *b"__file__"),
                    );
                    return match named.next() {
                        Some((_, OwnedValue::Str(file))) => {
                            Some((String::from_utf8_lossy(file).into_owned(), None))
                        }
                        _ => name.map(|name| (name, None)),
                    };
                }
                _ => return None,
            };
            let Some(OwnedValue::Ref(next)) = field(&state, inner) else { return None };
            id = *next;
        }
        None
    }

    /// Where a class body is, by the code that ran to make the class.
    fn class_place(&self, class: &Val) -> Option<Place> {
        let here = self.here();
        let class = Class::from_val(class, &here).ok()??;
        let body = self
            .time
            .trace()
            .codes()
            .iter()
            .find(|code| code.flags & OPTIMIZED == 0 && code.qualname == class.qualname())?;
        Some((body.filename.clone(), Some(body.first_line)))
    }
}
