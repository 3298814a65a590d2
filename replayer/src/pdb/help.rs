//! Help texts, from the command table, and on topics that are no commands.

use super::Output;
use super::table::{COMMANDS, Command, OWN, find};

/// What `help` knows that is no command: a name and a text.
const TOPICS: &[(&str, &str)] = &[
    (
        "pdb",
        "The commands of Python's debugger, answered from a recording.\n\
         \n\
         What is shown is what happened: nothing runs.  Those that move have\n\
         twins that move back (help time).  A line that is no command is an\n\
         expression of Python, whose value is shown; ! in front keeps it from\n\
         being taken for a command (help exec).\n\
         \n\
         A blank line repeats the last command, ;; separates two on a line.\n\
         A value that the recording does not have is shown as\n\
         <not recorded: REASON>.",
    ),
    (
        "exec",
        "(!) statement\n\
         \n\
         Evaluate an expression with the recorded values.  Assignments make\n\
         variables that hide the recorded ones until the session moves, and\n\
         $name = value one that stays; the recording never changes.  The\n\
         program's own functions are not run.",
    ),
];

/// pdb's usage line.
pub fn usage(command: &Command) -> String {
    format!("      Usage: {}", command.usage.replace('\n', "\n             "))
}

/// `h(elp) [command]`.
pub fn help(topic: &str, out: &mut Output) {
    match (topic, find(topic), TOPICS.iter().find(|(name, _)| *name == topic)) {
        ("", ..) => overview(out),
        ("time", ..) => time(out),
        (_, Some(command), _) => {
            out.say(usage(command));
            out.say("");
            indented(command.help, out);
        }
        (_, None, Some((_, text))) => indented(text, out),
        (_, None, None) => out.error(format!("No help for '{topic}'")),
    }
}

fn indented(text: &str, out: &mut Output) {
    for line in text.split('\n') {
        out.say(format!("      {line}").trim_end());
    }
}

fn overview(out: &mut Output) {
    let mut names: Vec<&str> =
        COMMANDS.iter().flat_map(|command| command.names.iter().copied()).collect();
    names.sort_unstable();
    let mut topics: Vec<&str> = TOPICS.iter().map(|(name, _)| *name).collect();
    topics.push("time");
    topics.sort_unstable();
    out.say("");
    for (title, words) in [
        ("Documented commands (type help <topic>):", names),
        ("Miscellaneous help topics:", topics),
    ] {
        out.say(title);
        out.say("=".repeat(title.len()));
        for row in words.chunks(8) {
            let row: String = row.iter().map(|name| format!("{name:<18}")).collect();
            out.say(row.trim_end());
        }
        out.say("");
    }
}

/// The commands that pdb does not have: usage, and the first sentence of the help.
fn time(out: &mut Output) {
    out.say("      Every stop has a position, @N.  These move in time or ask about it:");
    out.say("");
    for command in COMMANDS.iter().filter(|command| OWN.contains(&command.names[0])) {
        let text = command.help.replace('\n', " ");
        let end = [". ", ": "].iter().filter_map(|end| text.find(end)).min();
        let first = text[..end.unwrap_or(text.len())].trim_end_matches('.');
        indented(command.usage, out);
        out.say(format!("          {first}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(topic: &str) -> Vec<String> {
        let mut out = Output::default();
        help(topic, &mut out);
        out.lines
    }

    #[test]
    fn every_command_is_listed_and_has_a_text() {
        let all = told("").join("\n");
        let words: Vec<&str> = all.split_whitespace().collect();
        for command in COMMANDS {
            for name in command.names {
                assert!(words.contains(name), "{name}");
                let text = told(name);
                assert!(text[0].starts_with("      Usage: "), "{text:?}");
                let body = text.iter().skip_while(|line| !line.is_empty()).nth(1);
                assert!(body.is_some_and(|line| line.len() > 12), "{name}: {text:?}");
                assert!(text.iter().all(|line| line.len() <= 90), "{text:?}");
            }
            assert!(command.usage.contains(command.names[0]) || command.names[0] == "rv");
        }
        for topic in ["pdb", "exec", "time"] {
            assert!(words.contains(&topic) && told(topic).len() > 4, "{topic}");
        }
        assert_eq!(told("nosuch"), ["*** No help for 'nosuch'"]);
    }

    #[test]
    fn the_manual_has_every_command() {
        let manual = include_str!("../../../docs/debugger.md");
        let is_word = |c: char| c.is_alphanumeric() || c == '-';
        // What stands in the code of the page, word by word.
        let code = manual.split('`').skip(1).step_by(2);
        let words: Vec<&str> = code.flat_map(|code| code.split(|c| !is_word(c))).collect();
        for name in COMMANDS.iter().flat_map(|command| command.names) {
            assert!(words.contains(name), "{name}");
        }
    }

    #[test]
    fn the_time_commands_are_those_that_pdb_does_not_have() {
        let text = told("time").join("\n");
        for name in OWN {
            let usage = find(name).into_iter().flat_map(|command| command.usage.split('\n'));
            assert!(usage.clone().count() > 0, "{name}");
            usage.for_each(|line| assert!(text.contains(line), "{name}"));
        }
        assert!(!text.contains("tbreak"), "{text}");
    }
}
