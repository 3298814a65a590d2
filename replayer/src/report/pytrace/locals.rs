//! Which locals changed from one line of a frame to its next: new, another value, gone.
//!
//! A value is compared by its `repr`, as far as it is shown: changes inside of it count, too.

use super::one_line;
use crate::eval::Val;
use crate::heap::{Heap, Seen};
use crate::machine::Frame;
use crate::show::{Limits, Objects, Unavailable, known, repr_value};
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
    /// The objects that were looked at.
    looked: Vec<u64>,
    locals: Vec<(String, String)>,
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
        let since = told.clock;
        let changed = |id: &u64| heap.get(*id).is_some_and(|object| object.changed > since);
        if told.version == Some(frame.version)
            && (since == heap.clock() || !told.looked.iter().any(changed))
        {
            told.clock = heap.clock();
            return Ok(());
        }
        let view = self.seen.of(heap, minor);
        let mut now: Vec<(String, String)> = locals(&view, Some(code), frame)
            .into_iter()
            .map(|(name, value)| {
                let shown = repr_value(&Val::from(&value), &view, &LIMITS);
                (name, cut(&shown.text))
            })
            .collect();
        if let Some(unknown) = unknown(frame, &view) {
            now.push(("...".to_owned(), unknown));
        }
        told.looked = view.looked();
        (told.version, told.clock) = (Some(frame.version), heap.clock());
        let before = std::mem::replace(&mut told.locals, now);
        difference(&before, &told.locals, out)
    }

    /// Forgets a frame that is left for good.
    pub fn forget(&mut self, activation: u64) {
        self.frames.remove(&activation);
    }
}

/// What is said of a frame whose namespace is not known.
fn unknown(frame: &Frame, objects: &dyn Objects) -> Option<String> {
    match frame.namespace.as_ref()? {
        OwnedValue::Ref(id) => {
            objects.object(*id).and_then(known).err().map(|reason| reason.to_string())
        }
        OwnedValue::Unknown(reason) => Some(Unavailable(reason.text().to_owned()).to_string()),
        _ => None,
    }
}

fn difference(
    before: &[(String, String)],
    now: &[(String, String)],
    out: &mut dyn Write,
) -> io::Result<()> {
    let old: FxHashMap<&str, &str> = before.iter().map(|(name, text)| (&**name, &**text)).collect();
    for (name, text) in now {
        match old.get(&**name) {
            Some(same) if same == text => {}
            Some(_) => writeln!(out, "    ~ {name} = {text}")?,
            None => writeln!(out, "    + {name} = {text}")?,
        }
    }
    let names: rustc_hash::FxHashSet<&str> = now.iter().map(|(name, _)| &**name).collect();
    for (name, _) in before.iter().filter(|(name, _)| !names.contains(&**name)) {
        writeln!(out, "    - {name}")?;
    }
    Ok(())
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
