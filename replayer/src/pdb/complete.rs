//! Completion candidates for a line editor.

use super::Engine;
use super::table::{COMMANDS, find};
use crate::eval;

impl Engine {
    /// Where the word before the cursor starts, and what it could be completed to.
    #[must_use]
    pub fn complete(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let before = line.get(..cursor).unwrap_or(line);
        let command = before.rfind(";;").map_or(0, |at| at + 2);
        let start = before[command..].len() - before[command..].trim_start().len() + command;
        let text = &before[start..];
        let Some((word, argument)) = text.split_once(char::is_whitespace) else {
            let mut found: Vec<String> = COMMANDS
                .iter()
                .flat_map(|command| command.names.iter())
                .filter(|name| name.starts_with(text) && !text.is_empty())
                .map(|name| (*name).to_owned())
                .collect();
            found.sort();
            if found.is_empty() {
                return self.expression(before, text);
            }
            return (start, found);
        };
        let Some(command) = find(word) else { return self.expression(before, text) };
        match command.names[0] {
            "h" => {
                let topic = argument.trim_start();
                let names = COMMANDS.iter().flat_map(|command| command.names.iter());
                let found = names.filter(|name| name.starts_with(topic));
                (before.len() - topic.len(), found.map(|name| (*name).to_owned()).collect())
            }
            "cl" | "enable" | "disable" | "ignore" | "condition" => {
                let number = argument.rsplit(char::is_whitespace).next().unwrap_or_default();
                let numbers = self.breaks.iter().map(|breakpoint| breakpoint.number.to_string());
                let found = numbers.filter(|found| found.starts_with(number)).collect();
                (before.len() - number.len(), found)
            }
            "b" | "tbreak" => {
                let place = argument.trim_start();
                let mut found: Vec<String> = self
                    .time
                    .trace()
                    .codes()
                    .iter()
                    .filter(|code| code.name.starts_with(place) && !code.name.starts_with('<'))
                    .filter(|code| self.time.canonic(&code.filename) == self.default_file())
                    .map(|code| code.name.clone())
                    .collect();
                found.sort();
                found.dedup();
                (before.len() - place.len(), found)
            }
            _ if command.takes_argument => self.expression(before, argument),
            _ => (cursor, Vec::new()),
        }
    }

    fn expression(&self, before: &str, text: &str) -> (usize, Vec<String>) {
        let Some(scope) = self.scope() else { return (before.len(), Vec::new()) };
        let word = text
            .char_indices()
            .rev()
            .take_while(|(_, c)| c.is_alphanumeric() || matches!(c, '_' | '.'))
            .last()
            .map_or(text.len(), |(at, _)| at);
        (before.len() - text.len() + word, eval::completions(text, &scope))
    }
}
