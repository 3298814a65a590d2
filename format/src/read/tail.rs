//! The end of a recording that is still in the ring, as blocks in memory.

use super::trace::Trace;
use super::types::TraceError;
use crate::event::op;
use crate::event::raw::Raw;
use crate::v1::{BlockIndex, BlockSummary};
use crate::write::{Indexer, Past};
use std::sync::Arc;

/// A block that is in no file yet.
#[derive(Debug)]
pub struct TailBlock {
    pub summary: BlockSummary,
    pub index: Arc<BlockIndex>,
    pub sources: Vec<u8>,
    pub raw: Vec<u8>,
}

/// All of them. Their indexes say nothing about objects.
#[derive(Debug, Default)]
pub struct Tail {
    pub blocks: Vec<TailBlock>,
}

impl Tail {
    /// Indexes the events that follow a trace's last block; also gives a warning if they are not
    /// all good.
    pub fn index(trace: &Trace, raw: &[u8]) -> Result<(Self, Option<String>), TraceError> {
        let mut indexer = match trace.block_count() {
            0 => Indexer::resume_at_start(),
            count => {
                let mut past = Past {
                    codes: trace.tables().code_events.clone(),
                    last: trace.summaries()[count - 1].clone(),
                    ..Past::default()
                };
                trace.saved_stacks(&mut past)?;
                for activation in resumed(raw) {
                    past.suspended.extend(trace.saved_suspended(count, activation)?);
                }
                Indexer::resume(&past)
            }
        };
        let mut tail = Self::default();
        let mut warning = None;
        let mut start = 0;
        while start < raw.len() {
            let end = match indexer.feed(&raw[start..], 0) {
                Ok((end, _)) => end,
                Err((end, error)) => {
                    warning = Some(format!("ring beside the trace: {error}; opened up to there"));
                    end
                }
            };
            if end > 0 {
                let events = raw[start..start + end].to_vec();
                let sealed = indexer.seal(&events);
                tail.blocks.push(TailBlock {
                    summary: sealed.summary,
                    index: Arc::new(sealed.index),
                    sources: sealed.sources,
                    raw: events,
                });
            }
            start += end;
            if warning.is_some() || end == 0 {
                break;
            }
        }
        Ok((tail, warning))
    }
}

/// Activations that the events resume.
fn resumed(raw: &[u8]) -> Vec<u64> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&opcode) = raw.get(at) {
        let mut cursor = Raw::new(raw, at + 1);
        if opcode < op::LOCAL_FIRST {
            let mut fields = cursor;
            if cursor.skip_fields(opcode).is_none() {
                break;
            }
            if matches!(opcode, op::RESUME | op::THROW) {
                found.extend(fields.uv());
            }
        } else if opcode < op::LINE_FIRST && cursor.skip_value().is_none() {
            break;
        }
        at = cursor.at();
    }
    found.sort_unstable();
    found.dedup();
    found
}
