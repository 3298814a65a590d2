//! Which crossings of a block's breakpoints deserve a closer look: one pass over the events of each
//! block, several blocks at a time, with conditions asked in their quick form.

use super::breaks::Breakpoint;
use super::view::{apply, machine_at};
use crate::eval::Quick;
use crate::machine::{Frame, StopKind};
use crate::steps::Steps;
use moviola_format::event::{Event, Value};
use moviola_format::read::{OwnedValue, Trace, TraceError};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const CELL_OR_FREE: u8 = 0xc0;
const OPTIMIZED: u32 = 1;

/// Where a name's value is.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// A slot of the frame.
    Slot(usize),
    /// An item of the module's globals: index into `Scan::globals`.
    Global(usize),
    /// Elsewhere: the evaluator is asked.
    Unknown,
}

/// A breakpoint's place with its condition.
#[derive(Debug)]
struct Want {
    place: (u32, u32),
    /// The condition and where its names are; `None`: every crossing counts.
    condition: Option<(Quick, Vec<Source>)>,
}

/// What is looked for.
#[derive(Debug)]
pub(super) struct Scan<'t> {
    trace: &'t Trace,
    /// By place.
    wants: Vec<Want>,
    /// Globals that are asked for: dict and key.
    globals: Vec<(u64, Box<[u8]>)>,
}

impl<'t> Scan<'t> {
    pub fn new(trace: &'t Trace, breaks: &[Breakpoint]) -> Self {
        let mut scan = Self { trace, wants: Vec::new(), globals: Vec::new() };
        for breakpoint in breaks.iter().filter(|breakpoint| breakpoint.enabled) {
            let quick = breakpoint.condition.as_ref().and_then(|(_, parsed)| Quick::new(parsed));
            for place in &breakpoint.places {
                let condition = quick.clone().map(|quick| {
                    let names = quick.names().to_vec();
                    let sources = names.iter().map(|name| scan.source(place.0, name)).collect();
                    (quick, sources)
                });
                scan.wants.push(Want { place: *place, condition });
            }
        }
        scan.wants.sort_by_key(|want| want.place);
        scan
    }

    /// Whether there is anything that a scan can rule out.
    pub fn is_useful(&self) -> bool {
        self.wants.iter().any(|want| want.condition.is_some())
    }

    fn source(&mut self, code: u32, name: &str) -> Source {
        let Some(info) = self.trace.codes().get(code as usize) else { return Source::Unknown };
        let optimized = info.flags & OPTIMIZED != 0;
        let slot = info.slots.iter().position(|(known, _)| known == name);
        if let Some(slot) = slot {
            let plain = optimized && info.slots[slot].1 & CELL_OR_FREE == 0;
            return if plain { Source::Slot(slot) } else { Source::Unknown };
        }
        // A class body and what `exec` runs have a namespace before the globals.
        if (!optimized && info.name != "<module>") || info.globals == 0 {
            return Source::Unknown;
        }
        let key = (info.globals, name.as_bytes().into());
        let known = self.globals.iter().position(|global| *global == key);
        Source::Global(known.unwrap_or_else(|| {
            self.globals.push(key);
            self.globals.len() - 1
        }))
    }

    /// The crossings of each block that may be hits, for blocks in any order.
    ///
    /// # Errors
    /// If a block cannot be read.
    pub fn blocks(&self, numbers: &[usize]) -> Result<Vec<Vec<u64>>, TraceError> {
        let threads =
            std::thread::available_parallelism().map_or(1, usize::from).min(numbers.len());
        if threads <= 1 {
            return numbers.iter().map(|number| self.block(*number)).collect();
        }
        let next = AtomicUsize::new(0);
        let found = Mutex::new(Vec::with_capacity(numbers.len()));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let crossings = self.block(*number);
                        let mut found =
                            found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        found.push((*number, crossings));
                    }
                });
            }
        });
        let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        found.sort_by_key(|(number, _)| numbers.iter().position(|other| other == number));
        found.into_iter().map(|(_, crossings)| crossings).collect()
    }

    fn block(&self, number: usize) -> Result<Vec<u64>, TraceError> {
        let block = self.trace.block(number)?;
        let first = self.trace.bounds(number).first_stop;
        let mut globals = self.globals_before(first)?;
        let mut machine = machine_at(self.trace, number)?;
        let mut steps = Steps::default();
        let mut found = Vec::new();
        let mut event = Event::Line { delta: 0 };
        while steps.next_plain(block.raw(), &mut event)? {
            self.note_global(&event, &mut globals);
            apply(self.trace, number, &mut machine, &event, |machine, event| {
                let stop = machine.apply(event);
                let Some(stop) = &stop else { return };
                if stop.kind != StopKind::Line {
                    return;
                }
                let Some(top) = machine.stack(machine.thread()).last() else { return };
                let (Ok(code), Ok(line)) = (u32::try_from(top.code), u32::try_from(stop.line))
                else {
                    return;
                };
                if self.may_hit((code, line), top, &globals) {
                    found.push(machine.next_stop() - 1);
                }
            })?;
        }
        Ok(found)
    }

    fn may_hit(&self, place: (u32, u32), frame: &Frame, globals: &[Option<OwnedValue>]) -> bool {
        let from = self.wants.partition_point(|want| want.place < place);
        self.wants[from..].iter().take_while(|want| want.place == place).any(|want| {
            let Some((quick, sources)) = &want.condition else { return true };
            let value = |at: usize| match sources[at] {
                Source::Slot(slot) => frame.locals.get(slot),
                Source::Global(global) => globals[global].as_ref(),
                Source::Unknown => None,
            };
            quick.ask(&value) != Some(false)
        })
    }

    /// The globals as they are at the stop before `first`; `None` if they are not known.
    fn globals_before(&self, first: u64) -> Result<Vec<Option<OwnedValue>>, TraceError> {
        let mut values = Vec::with_capacity(self.globals.len());
        for (dict, key) in &self.globals {
            let value = match first.checked_sub(1) {
                None => None,
                Some(stop) => {
                    let state = self.trace.object_at(*dict, stop)?;
                    let items = state.map.or(state.attrs).unwrap_or_default();
                    items.into_iter().find_map(|(known, value)| {
                        let is_it = matches!(&known, OwnedValue::Str(text) if **text == **key);
                        is_it.then_some(value)
                    })
                }
            };
            values.push(value.filter(|value| *value != OwnedValue::Unbound));
        }
        Ok(values)
    }

    fn note_global(&self, event: &Event<'_>, values: &mut [Option<OwnedValue>]) {
        let mut note = |id: u64, key: Option<&Value<'_>>, value: Option<OwnedValue>| {
            for ((dict, name), place) in self.globals.iter().zip(values.iter_mut()) {
                let same = match key {
                    None => true,
                    Some(Value::Str(text)) => **text == **name,
                    // Perhaps a text that is an object: what it is worth is asked again.
                    Some(_) => true,
                };
                if *dict == id && same {
                    place.clone_from(&value);
                }
            }
        };
        if self.globals.is_empty() {
            return;
        }
        match event {
            Event::MapSet { id, key: key @ Value::Str(_), value }
            | Event::AttrSet { id, key: key @ Value::Str(_), value } => {
                note(*id, Some(key), Some(OwnedValue::from(*value)));
            }
            Event::MapSet { id, key, .. }
            | Event::AttrSet { id, key, .. }
            | Event::MapDel { id, key }
            | Event::AttrDel { id, key } => note(*id, Some(key), None),
            Event::Clear { id }
            | Event::Replace { id, .. }
            | Event::Unknown { id, .. }
            | Event::Object { id, .. } => note(*id, None, None),
            _ => {}
        }
    }
}
