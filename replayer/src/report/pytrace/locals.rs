//! Which locals changed from one line of a frame to its next: new, another value, gone.
//!
//! A value is compared by its `repr`, as far as it is shown: changes inside of it count, too.

use super::one_line;
use crate::eval::Val;
use crate::heap::{Heap, Seen};
use crate::machine::Frame;
use crate::show::{Limits, Objects, known, repr_value};
use crate::variables::locals;
use moviola_format::read::{CodeInfo, OwnedValue};
use rustc_hash::FxHashMap;
use std::io::{self, Write};

/// How much of a value is shown, and compared.
const LIMITS: Limits = Limits { depth: 6, items: 100, size: 1000 };
/// Characters of a text after which it is cut.
const WIDTH: usize = 1200;

/// What was told of each frame.
#[derive(Debug, Default)]
pub struct Locals {
    frames: FxHashMap<u64, Told>,
    seen: Seen,
}

#[derive(Debug, Default)]
struct Told {
    /// The frame's version and the heap's clock then.
    version: Option<u64>,
    clock: u64,
    /// The objects that were looked at to know which variables there are.
    looked: Vec<u64>,
    locals: FxHashMap<String, Variable>,
    /// Counts the looks at the frame.
    round: u64,
}

#[derive(Debug)]
struct Variable {
    value: OwnedValue,
    text: String,
    /// The objects that the text shows, and the heap's clock then.
    looked: Vec<u64>,
    clock: u64,
    /// The look at which it was there last.
    round: u64,
}

impl Locals {
    /// Writes what changed since the frame was told last; the first time, all that it has.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn tell(
        &mut self,
        frame: &Frame,
        code: &CodeInfo,
        heap: &Heap,
        minor: u32,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let told = self.frames.entry(frame.activation).or_default();
        let since =
            |clock: u64| move |id: &u64| heap.get(*id).is_some_and(|object| object.changed > clock);
        let clock = heap.clock();
        let shown = told.locals.values().flat_map(|variable| &variable.looked);
        if told.version == Some(frame.version)
            && (told.clock == clock || !told.looked.iter().chain(shown).any(since(told.clock)))
        {
            told.clock = clock;
            return Ok(());
        }
        let view = self.seen.of(heap, minor);
        let mut now = locals(&view, Some(code), frame);
        if is_unknown(frame, &view)
            && let Some(namespace) = &frame.namespace
        {
            now.push(("...".to_owned(), namespace.clone()));
        }
        told.looked = view.looked();
        told.round += 1;
        let round = told.round;
        for (name, value) in now {
            let known = told.locals.get_mut(&name);
            if let Some(known) = known {
                known.round = round;
                if known.value == value && !known.looked.iter().any(since(known.clock)) {
                    continue;
                }
                let (text, looked) = shown_as(&value, &self.seen, heap, minor);
                if text != known.text {
                    writeln!(out, "    ~ {} = {text}", one_line(&name))?;
                }
                *known = Variable { value, text, looked, clock, round };
            } else {
                let (text, looked) = shown_as(&value, &self.seen, heap, minor);
                writeln!(out, "    + {} = {text}", one_line(&name))?;
                told.locals.insert(name, Variable { value, text, looked, clock, round });
            }
        }
        let mut gone: Vec<String> = Vec::new();
        told.locals.retain(|name, variable| {
            let stays = variable.round == round;
            if !stays {
                gone.push(name.clone());
            }
            stays
        });
        gone.sort_unstable();
        for name in gone {
            writeln!(out, "    - {}", one_line(&name))?;
        }
        (told.version, told.clock) = (Some(frame.version), clock);
        Ok(())
    }

    /// Forgets a frame that is left for good.
    pub fn forget(&mut self, activation: u64) {
        self.frames.remove(&activation);
    }
}

/// The text of a value, and the objects in it.
fn shown_as(value: &OwnedValue, seen: &Seen, heap: &Heap, minor: u32) -> (String, Vec<u64>) {
    let view = seen.of(heap, minor);
    // Only the start of a long text is shown.
    if let OwnedValue::Str(text) = value
        && text.len() > 8 * WIDTH
        && let Ok(text) = std::str::from_utf8(text)
    {
        let head: String = text.chars().take(WIDTH).collect();
        let rest = text.chars().count() - WIDTH;
        let head = OwnedValue::Str(head.into_bytes().into());
        let text = repr_value(&Val::from(&head), &view, &LIMITS).text;
        return (format!("{}<+{rest} characters>", one_line(&text)), Vec::new());
    }
    let text = cut(&repr_value(&Val::from(value), &view, &LIMITS).text);
    (text, view.looked())
}

/// Whether a frame's namespace is not known.
fn is_unknown(frame: &Frame, objects: &dyn Objects) -> bool {
    match &frame.namespace {
        Some(OwnedValue::Ref(id)) => objects.object(*id).and_then(known).is_err(),
        Some(OwnedValue::Unknown(_)) => true,
        _ => false,
    }
}

/// One line of text, of bounded length.
fn cut(text: &str) -> String {
    let mut text = one_line(text).into_owned();
    if let Some((at, _)) = text.char_indices().nth(WIDTH) {
        let rest = text[at..].chars().count();
        text.truncate(at);
        text.push_str(&format!("<+{rest} characters>"));
    }
    text
}
