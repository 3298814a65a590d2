//! What the definitions in the block summaries say: codes, threads, start facts, sources, gaps.

use super::types::{Bookmark, Child, CodeInfo, EventCounts, Exit, Gap, Segment, ThreadInfo};
use crate::event::raw::Raw;
use crate::event::read::CodeDef;
use crate::event::{Event, EventReader};
use crate::v1::{BlockSummary, count};

/// A block with parts of a source text.
#[derive(Debug, Clone)]
pub struct SourcePart {
    pub filename: Vec<u8>,
    pub block: usize,
}

/// Everything that was defined.
#[derive(Debug, Default)]
pub struct Tables {
    pub codes: Vec<CodeInfo>,
    /// The definitions again, as events.
    pub code_events: Vec<u8>,
    pub threads: Vec<ThreadInfo>,
    pub meta: Vec<(String, String)>,
    pub exit: Option<Exit>,
    pub segment: Option<Segment>,
    pub gaps: Vec<Gap>,
    pub bookmarks: Vec<Bookmark>,
    pub children: Vec<Child>,
    /// Ends of children: the number is the wait status.
    pub waits: Vec<Child>,
    pub sources: Vec<SourcePart>,
    pub counts: EventCounts,
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code_info(code: &CodeDef<'_>) -> CodeInfo {
    CodeInfo {
        id: code.id,
        globals: code.globals,
        first_line: code.first_line,
        flags: code.flags,
        arg_count: code.arg_count,
        filename: text(code.filename),
        name: text(code.name),
        qualname: text(code.qualname),
        filename_bytes: code.filename.to_vec(),
        slots: code.slots.iter().map(|(name, kind)| (text(name), *kind)).collect(),
        lines: code.lines.clone(),
    }
}

/// The place at `index`, made if it is not too far behind the end: numbers are given in order,
/// and a forged one must not cost memory.
fn place<T: Default>(items: &mut Vec<T>, index: u64) -> Option<&mut T> {
    let index = usize::try_from(index).ok()?;
    if index > items.len() + 64 {
        return None;
    }
    if index >= items.len() {
        items.resize_with(index + 1, T::default);
    }
    items.get_mut(index)
}

pub fn counts_of(counts: &[u64; count::LEN]) -> EventCounts {
    EventCounts {
        events: counts[count::EVENTS],
        line: counts[count::LINE],
        call: counts[count::CALL],
        resume: counts[count::RESUME],
        throw: counts[count::THROW],
        ret: counts[count::RETURN],
        yields: counts[count::YIELD],
        unwind: counts[count::UNWIND],
        raise: counts[count::RAISE],
        handled: counts[count::HANDLED],
        c_call: counts[count::C_CALL],
        c_return: counts[count::C_RETURN],
        local: counts[count::LOCAL],
        object: counts[count::OBJECT],
        change: counts[count::CHANGE],
        death: counts[count::DEATH],
        unknown: counts[count::UNKNOWN],
        output: counts[count::OUTPUT],
        audit: counts[count::AUDIT],
        alloc: counts[count::ALLOC],
        free: counts[count::FREE],
        time: counts[count::TIME],
    }
}

impl Tables {
    /// Of all blocks; the second value tells of definitions that make no sense.
    pub fn collect(blocks: &[BlockSummary]) -> (Self, Vec<String>) {
        let mut tables = Self::default();
        let mut warnings = Vec::new();
        let mut sums = [0_u64; count::LEN];
        for (number, block) in blocks.iter().enumerate() {
            for (sum, count) in sums.iter_mut().zip(block.counts) {
                *sum = sum.saturating_add(count);
            }
            if tables.add(number, block).is_none() {
                warnings.push(format!("block {number}: definitions that make no sense"));
            }
        }
        tables.counts = counts_of(&sums);
        (tables, warnings)
    }

    fn add(&mut self, number: usize, block: &BlockSummary) -> Option<()> {
        let bytes = &block.definitions;
        let mut at = 0;
        while at < bytes.len() {
            let mut cursor = Raw::new(bytes, at);
            let stop = block.first_stop.checked_add(cursor.uv()?)?;
            let start = cursor.at();
            let mut reader = EventReader::new(bytes);
            reader.seek(start);
            let event = reader.next_event().ok()??;
            at = reader.offset();
            match event {
                Event::Code(code) => {
                    *place(&mut self.codes, code.id)? = code_info(&code);
                    self.code_events.extend_from_slice(&bytes[start..at]);
                }
                Event::ThreadStart { thread, ident, native_id } => {
                    let first_stop = stop;
                    *place(&mut self.threads, thread)? = ThreadInfo {
                        number: thread,
                        ident,
                        native_id,
                        first_stop,
                        ..ThreadInfo::default()
                    };
                }
                Event::ThreadName { thread, name } => {
                    place(&mut self.threads, thread)?.name = Some(text(name));
                }
                Event::ThreadEnd { thread } => {
                    place(&mut self.threads, thread)?.end_stop = Some(stop);
                }
                Event::Segment { stops, lines, .. } => {
                    self.segment = Some(Segment { stops, lines })
                }
                Event::Meta { key, value } => self.meta.push((text(key), text(value))),
                Event::Exit { kind, code } => self.exit = Some(Exit { kind, code, stop }),
                Event::Gap { reason } => self.gaps.push(Gap { reason: text(reason), stop }),
                Event::Bookmark { name } => {
                    self.bookmarks.push(Bookmark { name: text(name), stop });
                }
                Event::Child { pid, number, how } => {
                    let child = Child { pid, number, how: text(how), stop };
                    let list = if how == b"wait" { &mut self.waits } else { &mut self.children };
                    list.push(child);
                }
                Event::Source { filename, .. } => {
                    self.sources.push(SourcePart { filename: filename.to_vec(), block: number })
                }
                _ => return None,
            }
        }
        Some(())
    }
}
