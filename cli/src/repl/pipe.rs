//! Commands from a pipe or a file: the prompt is printed before each line is read, as pdb does,
//! and the line itself is not.

use super::{END_OF_INPUT, show};
use crate::ui;
use moviola_replayer::pdb::{Engine, Reply};
use std::io::BufRead;

/// Runs commands until the user quits or the input ends.
pub fn run(engine: &mut Engine, mut last: Reply) {
    let mut input = std::io::stdin().lock();
    while ui::out(&last.prompt) && ui::flush() {
        let mut bytes = Vec::new();
        let line = match input.read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => END_OF_INPUT.to_owned(),
            Ok(_) => String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned(),
        };
        last = engine.execute(&line);
        if !show(&last) || last.quit {
            return;
        }
    }
}
