//! The conversation of `debug` and `replay`: lines from options, a terminal or a pipe go to the
//! command engine, its replies go to standard output.
//!
//! Must not know what any command means.

mod pipe;
mod terminal;

use crate::ui;
use moviola_replayer::pdb::{Engine, Reply};
use std::io::IsTerminal;
use std::path::PathBuf;

/// What pdb's command table calls the end of the input.
const END_OF_INPUT: &str = "EOF";

/// Runs the commands in `first`, shows where the session stands, then runs the commands of the user
/// until they quit or the input ends.
pub fn run(engine: &mut Engine, first: &[String]) {
    let last = engine.start(rc_lines().into_iter().chain(first.iter().cloned()));
    if !show(&last) || last.quit {
        return;
    }
    let stdin_is_terminal = std::io::stdin().is_terminal();
    if stdin_is_terminal && std::io::stdout().is_terminal() {
        terminal::run(engine, last);
    } else {
        pipe::run(engine, last);
    }
}

/// The lines of `~/.pdbrc` and `./.pdbrc`, as pdb reads them, and then of `.moviolarc` in the same places.
/// One that cannot be read is passed over, as pdb does.
fn rc_lines() -> Vec<String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let mut lines = Vec::new();
    for name in [".pdbrc", ".moviolarc"] {
        let places = [home.as_ref().map(|home| home.join(name)), Some(PathBuf::from(name))];
        for place in places.into_iter().flatten() {
            if let Ok(text) = std::fs::read_to_string(place) {
                lines.extend(text.lines().map(str::to_owned));
            }
        }
    }
    lines
}

/// False when nobody reads any more.
fn show(reply: &Reply) -> bool {
    let mut text = String::new();
    for line in &reply.lines {
        text.push_str(line);
        text.push('\n');
    }
    ui::out(&ui::printable_lines(&text)) && ui::flush()
}
