//! Making one complete file of a trace that was cut off and the ring beside it.

use crate::writer::new_identity;
use moviola_format::read::{Trace, TraceError};
use moviola_format::write::{Indexer, TraceFile};
use std::path::Path;

/// What was recovered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Stops in the new file.
    pub stops: u64,
    /// Line events in it.
    pub lines: u64,
    /// Bytes of events that came from the ring.
    pub ring_bytes: u64,
    /// What was wrong with the old file.
    pub warnings: Vec<String>,
}

/// Writes a complete trace to `output` (which may be `trace` itself: the old file stays until the
/// new one is whole). Up to damage, everything is taken over; indexes are made anew. The ring
/// is left for the caller to remove.
///
/// # Errors
/// If the trace cannot be opened or the new file cannot be written.
pub fn recover(trace: &Path, output: &Path) -> Result<Recovered, TraceError> {
    let old = Trace::open(trace)?;
    let mut recovered = Recovered { warnings: old.warnings().to_vec(), ..Recovered::default() };
    let mut temporary = output.as_os_str().to_owned();
    temporary.push(".recovering");
    let temporary = Path::new(&temporary);
    let io = |action: &'static str| {
        move |error: std::io::Error| TraceError::Io { action, error: error.into() }
    };
    let mut file =
        TraceFile::create(temporary, new_identity()).map_err(io("make the recovered trace"))?;
    let mut indexer = Indexer::new();
    let mut cut_off = (!old.is_complete() && old.exit().is_none())
        .then(|| "the recording was cut off".to_string());
    for number in 0..old.block_count() {
        let block = match old.block(number) {
            Ok(block) => block,
            Err(error) => {
                // What follows cannot be understood without it.
                recovered.warnings.push(format!("block {number}: {error}; recovered up to it"));
                cut_off = Some(format!("damaged from here on: {error}"));
                break;
            }
        };
        let mut raw = block.raw();
        while !raw.is_empty() {
            let (end, error) = match indexer.feed(raw, 0) {
                Ok((end, _)) => (end, None),
                Err((end, error)) => (end, Some(error)),
            };
            if end > 0 {
                let sealed = indexer.seal(&raw[..end]);
                file.append(&raw[..end], sealed).map_err(io("write the recovered trace"))?;
            }
            if let Some(error) = error {
                recovered.warnings.push(format!("block {number}: {error}; bytes left out"));
                break;
            }
            raw = &raw[end..];
        }
        if old.is_in_ring(number) {
            recovered.ring_bytes += block.raw().len() as u64;
        }
    }
    file.finish(cut_off).map_err(io("write the recovered trace"))?;
    std::fs::rename(temporary, output).map_err(io("put the recovered trace in place"))?;
    recovered.stops = indexer.stops();
    recovered.lines = indexer.lines();
    Ok(recovered)
}
