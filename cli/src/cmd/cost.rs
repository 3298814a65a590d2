//! What debugger commands cost on a trace: blocks decoded and time, at places spread over it.

use crate::cmd::replay;
use crate::failure::Failure;
use moviola_replayer::pdb::Engine;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Places at which each command is tried.
const PLACES: u64 = 20;
const COMMANDS: [&str; 6] = ["p", "w", "s", "n", "rs", "rn"];

/// One command's cost over all places.
#[derive(Debug, Default, Clone)]
struct Row {
    command: String,
    times: u64,
    blocks_max: u64,
    blocks: u64,
    took: Duration,
    longest: Duration,
}

/// What was measured.
#[derive(Debug)]
pub struct Cost {
    open: Duration,
    rows: Vec<Row>,
}

/// Tries commands on a trace. Each place is far from the one before, so that little of what a
/// command needs is decoded already.
pub fn measure(path: &Path) -> Result<Cost, Failure> {
    let begun = Instant::now();
    let mut engine = replay::engine(path, None)?;
    let open = begun.elapsed();
    let stops = engine.trace().stop_count();
    let mut rows: Vec<Row> = std::iter::once("goto")
        .chain(COMMANDS)
        .map(|command| Row { command: command.to_owned(), ..Row::default() })
        .collect();
    for (number, command) in COMMANDS.iter().enumerate() {
        for place in 0..PLACES {
            // 7 and 20 have no common factor: every place once, with long jumps.
            let stop = stops * ((place * 7 + number as u64) % PLACES) / PLACES;
            rows[0].time(&mut engine, &format!("goto @{stop}"));
            let line = match *command {
                "p" => match name_in_sight(&engine) {
                    Some(name) => format!("p {name}"),
                    None => continue,
                },
                other => other.to_owned(),
            };
            rows[number + 1].time(&mut engine, &line);
        }
    }
    Ok(Cost { open, rows })
}

/// A variable of the current frame.
fn name_in_sight(engine: &Engine) -> Option<String> {
    let (_, mut names) = engine.complete("p ", 2);
    names.retain(|name| !name.starts_with("__"));
    names.into_iter().next()
}

impl Row {
    fn time(&mut self, engine: &mut Engine, line: &str) {
        let before = engine.trace().blocks_decoded();
        let begun = Instant::now();
        engine.execute(line);
        let took = begun.elapsed();
        let blocks = engine.trace().blocks_decoded() - before;
        self.times += 1;
        self.blocks += blocks;
        self.blocks_max = self.blocks_max.max(blocks);
        self.took += took;
        self.longest = self.longest.max(took);
    }

    fn mean(&self) -> Duration {
        self.took.checked_div(u32::try_from(self.times).unwrap_or(u32::MAX)).unwrap_or_default()
    }
}

impl Cost {
    /// For `--format json`.
    pub fn as_json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "command": row.command,
                "times": row.times,
                "blocks_max": row.blocks_max,
                "blocks_mean": row.blocks as f64 / row.times.max(1) as f64,
                "mean_us": row.mean().as_micros() as u64,
                "max_us": row.longest.as_micros() as u64,
            })
        };
        json!({
            "open_us": self.open.as_micros() as u64,
            "commands": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }

    /// A table.
    pub fn as_text(&self) -> String {
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        let mut text = format!("cost         open {:.2} ms\n", ms(self.open));
        for row in &self.rows {
            // Writing to a String cannot fail.
            writeln!(
                text,
                "  {:<10} {:>3} times, at most {} blocks decoded, {:.2} ms on average, {:.2} ms at most",
                row.command,
                row.times,
                row.blocks_max,
                ms(row.mean()),
                ms(row.longest)
            )
            .ok();
        }
        text
    }
}
