//! `help` and the usage of commands.

use super::table::{COMMANDS, Command, find};
use super::{Engine, Output};

/// pdb's usage line.
pub fn usage(command: &Command) -> String {
    format!("      Usage: {}", command.usage.replace('\n', "\n             "))
}

impl Engine {
    /// `h(elp) [command]`.
    pub(super) fn help(&self, topic: &str, out: &mut Output) {
        if topic.is_empty() {
            out.say("");
            out.say("Documented commands (type help <topic>):");
            out.say("========================================");
            let mut names: Vec<&str> =
                COMMANDS.iter().flat_map(|command| command.names.iter().copied()).collect();
            names.sort_unstable();
            for row in names.chunks(8) {
                let row: String = row.iter().map(|name| format!("{name:<18}")).collect();
                out.say(row.trim_end());
            }
            out.say("");
            return;
        }
        match find(topic) {
            Some(command) => {
                out.say(usage(command));
                out.say("");
                for line in command.help.split('\n') {
                    out.say(format!("      {line}").trim_end());
                }
            }
            None => out.error(format!("No help for '{topic}'")),
        }
    }
}
