//! Finding out what a file holds: by its footer, or by hopping from section to section.

use super::store::{Store, damaged};
use super::types::TraceError;
use crate::v1::{
    BlockSummary, FENCE_FAN, FenceRef, Footer, HEADER_LEN, Header, MAJOR, MINOR, SECTION_LEN,
    TRAILER_LEN, Trailer, from_bytes, kind,
};

/// What a file holds.
#[derive(Debug)]
pub struct Layout {
    pub header: Header,
    pub blocks: Vec<BlockSummary>,
    pub fences: Vec<FenceRef>,
    /// The trace says why it ends early.
    pub cut_off: Option<String>,
    /// There is a footer.
    pub complete: bool,
    pub warnings: Vec<String>,
}

fn header(store: &Store) -> Result<Header, TraceError> {
    let mut bytes = [0; HEADER_LEN];
    if store.len() < HEADER_LEN as u64 {
        return Err(TraceError::NotATrace);
    }
    store.read(0, &mut bytes)?;
    let header = Header::decode(&bytes).ok_or(TraceError::NotATrace)?;
    if header.major != MAJOR {
        return Err(TraceError::NewerVersion { major: header.major });
    }
    Ok(header)
}

fn footer(store: &Store) -> Result<Option<Footer>, TraceError> {
    if store.len() < (HEADER_LEN + SECTION_LEN + TRAILER_LEN) as u64 {
        return Ok(None);
    }
    let mut bytes = [0; TRAILER_LEN];
    store.read(store.len() - TRAILER_LEN as u64, &mut bytes)?;
    let Some(trailer) = Trailer::decode(&bytes) else { return Ok(None) };
    let payload = store.expect(trailer.footer_at, kind::FOOTER, 0)?;
    match from_bytes::<Footer>(&payload) {
        Some(footer) => Ok(Some(footer)),
        None => damaged(trailer.footer_at, "the footer makes no sense"),
    }
}

/// Whether a summary may follow the ones before it.
fn fits(blocks: &[BlockSummary], next: &BlockSummary) -> bool {
    let ascending = next.first_stop <= next.end_stop
        && next.first_line <= next.end_line
        && next.end_line - next.first_line <= next.end_stop - next.first_stop
        && next.first_activation <= next.end_activation
        && next.stream_start.checked_add(u64::from(next.raw_len)).is_some();
    let zero = BlockSummary::default();
    let last = blocks.last().unwrap_or(&zero);
    ascending
        && next.number as usize == blocks.len()
        && next.first_stop == last.end_stop
        && next.first_line == last.end_line
        && next.first_activation == last.end_activation
        && next.stream_start == last.stream_start + u64::from(last.raw_len)
}

/// Reads the header and finds all blocks.
pub fn layout(store: &Store) -> Result<Layout, TraceError> {
    let header = header(store)?;
    let mut layout = Layout {
        header,
        blocks: Vec::new(),
        fences: Vec::new(),
        cut_off: None,
        complete: false,
        warnings: Vec::new(),
    };
    if header.minor > MINOR {
        layout.warnings.push(format!(
            "written by a later version ({}.{}); what this version does not know is left out",
            header.major, header.minor
        ));
    }
    match footer(store) {
        Ok(Some(footer)) => {
            let mut blocks = Vec::with_capacity(footer.blocks.len());
            for block in footer.blocks {
                if !fits(&blocks, &block) {
                    let number = block.number;
                    layout
                        .warnings
                        .push(format!("block {number} does not follow; opened up to it"));
                    break;
                }
                blocks.push(block);
            }
            layout.fences = footer.fences;
            layout.fences.retain(|fence| fence_fits(fence, blocks.len()));
            layout.blocks = blocks;
            layout.cut_off = footer.cut_off;
            layout.complete = true;
        }
        Ok(None) => hop(store, &mut layout),
        Err(error) => {
            layout.warnings.push(format!("footer: {error}; its contents were found again"));
            hop(store, &mut layout);
        }
    }
    Ok(layout)
}

fn fence_fits(fence: &FenceRef, blocks: usize) -> bool {
    let span = match fence.level {
        1 => FENCE_FAN,
        2 => FENCE_FAN * FENCE_FAN,
        _ => return false,
    };
    fence.first_block.is_multiple_of(span)
        && u64::from(fence.first_block) + u64::from(span) <= blocks as u64
}

/// Goes through the file by section headers; only summaries are read.
fn hop(store: &Store, layout: &mut Layout) {
    let mut at = HEADER_LEN as u64;
    while at < store.len() {
        let section = match store.section(at) {
            Ok(section) => section,
            Err(error) => {
                layout.warnings.push(format!("{error}; opened up to there"));
                return;
            }
        };
        match section.kind {
            kind::SUMMARY => {
                let summary =
                    store.payload(at, &section).map(|payload| from_bytes::<BlockSummary>(&payload));
                match summary {
                    Ok(Some(summary)) if fits(&layout.blocks, &summary) => {
                        layout.blocks.push(summary);
                    }
                    Ok(_) => {
                        layout.warnings.push(format!(
                            "damaged at byte {at}: a block that does not follow; opened up to it"
                        ));
                        return;
                    }
                    Err(error) => {
                        layout.warnings.push(format!("{error}; opened up to there"));
                        return;
                    }
                }
            }
            kind::FENCE => {
                // The level follows from how many blocks there are: both may end here.
                let blocks = layout.blocks.len() as u32;
                let span = blocks.saturating_sub(section.number);
                let level = match span {
                    FENCE_FAN => 1,
                    span if span == FENCE_FAN * FENCE_FAN => 2,
                    _ => 0,
                };
                let fence = FenceRef { level, first_block: section.number, at };
                if fence_fits(&fence, layout.blocks.len()) {
                    layout.fences.push(fence);
                }
            }
            _ => {}
        }
        at += SECTION_LEN as u64 + section.len;
    }
}
