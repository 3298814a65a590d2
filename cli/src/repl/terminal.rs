//! Commands from a terminal: a line editor with history and completion. Ctrl-C drops the line or
//! ends the command that runs, Ctrl-D quits.

use super::{END_OF_INPUT, show};
use crate::ui;
use moviola_replayer::pdb::{Engine, Reply};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Lines kept over sessions.
const HISTORY_LINES: usize = 1_000;

/// Lends the engine to the editor, which asks it for completions while a line is typed.
struct Words<'e> {
    engine: RefCell<&'e mut Engine>,
}

impl Helper for Words<'_> {}
impl Highlighter for Words<'_> {}
impl Validator for Words<'_> {}

impl Hinter for Words<'_> {
    type Hint = String;
}

impl Completer for Words<'_> {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.engine.borrow().complete(line, cursor))
    }
}

/// Runs commands until the user quits.
pub fn run(engine: &mut Engine, mut last: Reply) {
    let config = Config::builder()
        .max_history_size(HISTORY_LINES)
        .and_then(|config| config.history_ignore_dups(true))
        .map(|config| config.completion_type(CompletionType::List).build())
        .unwrap_or_default();
    let mut editor: Editor<Words<'_>, FileHistory> = match Editor::with_config(config) {
        Ok(editor) => editor,
        Err(e) => {
            ui::warn(&format!("no line editor: {e}"));
            return super::pipe::run(engine, last);
        }
    };
    let interrupt = Arc::clone(engine.interrupt());
    // While a line is read the editor sees Ctrl-C itself. Should this fail, Ctrl-C ends Moviola
    // during a command, as it would anyway.
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupt)).ok();
    editor.set_helper(Some(Words { engine: RefCell::new(engine) }));
    let history = history_file();
    if let Some(path) = &history {
        // There is none before the first session.
        editor.load_history(path).ok();
    }
    while !last.quit {
        let line = match editor.readline(&last.prompt) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                let Some(words) = editor.helper() else { return };
                last = words.engine.borrow_mut().break_off();
                if !show(&last) {
                    break;
                }
                continue;
            }
            Err(_) => END_OF_INPUT.to_owned(),
        };
        if !line.trim().is_empty() && line != END_OF_INPUT {
            // Only a convenience.
            editor.add_history_entry(&line).ok();
        }
        let Some(words) = editor.helper() else { return };
        interrupt.store(false, Ordering::Relaxed);
        last = words.engine.borrow_mut().execute(&line);
        if !show(&last) {
            break;
        }
    }
    if let Some(path) = &history
        && let Err(e) = editor.append_history(path)
    {
        ui::warn(&format!("cannot keep the history in {}: {e}", path.display()));
    }
}

/// `$XDG_STATE_HOME/moviola/history`, made readable by its owner only.
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|v| !v.is_empty()).map(PathBuf::from);
    let in_home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local").join("state"));
    let dir = state.or_else(in_home)?.join("moviola");
    std::fs::create_dir_all(&dir).ok()?;
    Some(dir.join("history"))
}
