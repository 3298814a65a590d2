//! The conversation of `debug` and `replay`: lines from options, a terminal or a pipe go to the
//! command engine, its replies go to standard output.
//!
//! Must not know what any command means.

mod pipe;
mod terminal;

use crate::ui;
use moviola_replayer::pdb::{Engine, Reply};
use std::io::IsTerminal;

/// What pdb's command table calls the end of the input.
const END_OF_INPUT: &str = "EOF";

/// Shows `greeting`, runs the commands in `first`, then those of the user until they quit or the
/// input ends.
pub fn run(engine: &mut Engine, greeting: &Reply, first: &[String]) {
    let mut last = greeting.clone();
    if !show(&last) {
        return;
    }
    for line in first {
        last = engine.execute(line);
        if !show(&last) || last.quit {
            return;
        }
    }
    let stdin_is_terminal = std::io::stdin().is_terminal();
    if stdin_is_terminal && std::io::stdout().is_terminal() {
        terminal::run(engine, last);
    } else {
        pipe::run(engine, last);
    }
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
