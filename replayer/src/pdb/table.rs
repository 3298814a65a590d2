//! The table of commands.

use super::{Engine, Output};
use crate::timeline::Verb;
use moviola_format::read::TraceError;

/// Runs a command; `true` to quit.
pub type Run = fn(&mut Engine, &str, &mut Output) -> Result<bool, TraceError>;

/// A command.
pub struct Command {
    /// Its names, the usual abbreviation first.
    pub names: &'static [&'static str],
    /// How it is written.
    pub usage: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Whether anything may follow the name.
    pub takes_argument: bool,
    /// Its action.
    pub run: Run,
}

/// The command with this name.
#[must_use]
pub fn find(word: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.names.contains(&word))
}

/// Commands that pdb does not have: a name of the program that is one of these words stays reachable.
pub const OWN: &[&str] = &[
    "watch",
    "rwatch",
    "catch",
    "last",
    "hist",
    "when",
    "calls",
    "mark",
    "marks",
    "bookmarks",
    "timeline",
    "back",
    "forward",
    "task",
    "tasks",
    "threads",
    "thread",
    "goto",
    "process",
    "processes",
    "rs",
    "rn",
    "rf",
    "ru",
    "rc",
];

/// Whether a command takes this argument.
type Takes = fn(&str) -> bool;

/// What may follow commands that take nothing in pdb.
const OPTIONS: &[(&str, Takes)] = &[
    ("c", |argument| super::motion::hit_count(argument).is_some()),
    ("rc", |argument| super::motion::hit_count(argument).is_some()),
    ("w", |argument| argument == "-t"),
    ("ll", |argument| argument == "-c"),
    ("a", |argument| argument == "@entry"),
    ("rv", |argument| super::past::returned_count(argument).is_some()),
];

/// Whether this may follow a command that takes nothing in pdb.
pub fn is_own(command: &Command, argument: &str) -> bool {
    OPTIONS.iter().any(|(name, is)| command.names[0] == *name && is(argument))
}

macro_rules! command {
    ($names:expr, $usage:expr, $help:expr, $takes:expr, $run:expr) => {
        Command { names: &$names, usage: $usage, help: $help, takes_argument: $takes, run: $run }
    };
}

/// All commands.
pub static COMMANDS: &[Command] = &[
    command!(
        ["h", "help"],
        "h(elp) [command]",
        "Without argument, print the list of available commands.\nWith a command name as argument, print help about that command.",
        true,
        |_, arg, out| {
            super::help::help(arg, out);
            Ok(false)
        }
    ),
    command!(
        ["interact"],
        "interact",
        "Start an interactive interpreter whose global namespace contains\nall the (global and local) names found in the current scope.  It\nruns in a Python of its own: the recording does not change.",
        false,
        |engine, _, out| engine.do_interact(out)
    ),
    command!(
        ["w", "where", "bt"],
        "w(here)",
        "Print a stack trace, with the most recent frame at the bottom.\nAn arrow indicates the \"current frame\", which determines the\ncontext of most commands.  'bt' is an alias for this command.\n\nw -t also shows the position at which each frame's line began.",
        false,
        |engine, arg, out| {
            match arg {
                "-t" => engine.do_where_times(out)?,
                _ => engine.do_where(out),
            }
            Ok(false)
        }
    ),
    command!(
        ["u", "up"],
        "u(p) [count]",
        "Move the current frame count (default one) levels up in the\nstack trace (to an older frame).",
        true,
        |engine, arg, out| {
            engine.do_up(arg, out);
            Ok(false)
        }
    ),
    command!(
        ["d", "down"],
        "d(own) [count]",
        "Move the current frame count (default one) levels down in the\nstack trace (to a newer frame).",
        true,
        |engine, arg, out| {
            engine.do_down(arg, out);
            Ok(false)
        }
    ),
    command!(
        ["l", "list"],
        "l(ist) [first[, last] | .]",
        "List source code for the current file.  Without arguments,\nlist 11 lines around the current line or continue the previous\nlisting.  With . as argument, list 11 lines around the current\nline.  With one argument, list 11 lines starting at that line.\nWith two arguments, list the given range; if the second\nargument is less than the first, it is a count.\n\nl -c also shows how often each line runs in the whole recording, with\n< at lines that this call has run already and > at those that it is\ngoing to run.",
        true,
        |engine, arg, out| {
            engine.do_list(arg, out)?;
            Ok(false)
        }
    ),
    command!(
        ["ll", "longlist"],
        "ll | longlist",
        "List the whole source code for the current function or frame.\n\nll -c also shows how often each line runs, as l -c does.",
        false,
        |engine, arg, out| {
            engine.do_longlist(arg == "-c", out)?;
            Ok(false)
        }
    ),
    command!(
        ["a", "args"],
        "a(rgs)",
        "Print the argument list of the current function.\n\na @entry prints the arguments as they were at the call (of a\ngenerator: when it first ran).",
        false,
        |engine, arg, out| {
            match arg {
                "@entry" => engine.do_args_at_entry(out)?,
                _ => engine.do_args(out),
            }
            Ok(false)
        }
    ),
    command!(
        ["p"],
        "p expression",
        "Print the value of the expression.",
        true,
        |engine, arg, out| {
            engine.do_print(arg, out);
            Ok(false)
        }
    ),
    command!(
        ["pp"],
        "pp expression",
        "Pretty-print the value of the expression.",
        true,
        |engine, arg, out| {
            engine.do_pretty(arg, out);
            Ok(false)
        }
    ),
    command!(
        ["whatis"],
        "whatis expression",
        "Print the type of the argument.",
        true,
        |engine, arg, out| {
            engine.do_whatis(arg, out);
            Ok(false)
        }
    ),
    command!(
        ["rv", "retval"],
        "retval",
        "Print the return value for the last return of a function.\n\nrv -n 5 shows the last five values that functions returned or yielded\nin this thread, with their positions.",
        false,
        |engine, arg, out| {
            match super::past::returned_count(arg) {
                Some(count) => engine.do_returned(count, out)?,
                None => engine.do_retval(out),
            }
            Ok(false)
        }
    ),
    command!(
        ["s", "step"],
        "s(tep)",
        "Go on to the first possible occasion (either in a function that\nis called or in the current function).",
        false,
        |engine, _, out| engine.forward(Verb::Step, out)
    ),
    command!(
        ["n", "next"],
        "n(ext)",
        "Go on until the next line in the current function is reached or\nit returns.",
        false,
        |engine, _, out| engine.forward(Verb::Next, out)
    ),
    command!(
        ["r", "return"],
        "r(eturn)",
        "Go on until the current function returns.",
        false,
        |engine, _, out| engine.forward(Verb::Return, out)
    ),
    command!(
        ["unt", "until"],
        "unt(il) [lineno]",
        "Without argument, go on until the line with a number greater\nthan the current one is reached.  With a line number, go on\nuntil a line with a number greater or equal to that is reached.\nIn both cases, also stop when the current frame returns.",
        true,
        |engine, arg, out| engine.do_until(arg, out)
    ),
    command!(
        ["c", "cont", "continue"],
        "c(ont(inue))",
        "Go on, only stop when a breakpoint is encountered.\n\nc 3 stops at the third from here.",
        false,
        |engine, arg, out| engine.do_continue(arg, out)
    ),
    command!(
        ["rs", "reverse-step"],
        "rs | reverse-step",
        "Go back to the stop before this one: the twin of step.",
        false,
        |engine, _, out| engine.backward(Verb::Step, out)
    ),
    command!(
        ["rn", "reverse-next"],
        "rn | reverse-next",
        "Go back to the previous line of this function; from its first\nline, to the line that called it: the twin of next.",
        false,
        |engine, _, out| engine.backward(Verb::Next, out)
    ),
    command!(
        ["rf", "reverse-finish"],
        "rf | reverse-finish",
        "Go back to the line that called this function: the twin of\nreturn.",
        false,
        |engine, _, out| engine.backward(Verb::Return, out)
    ),
    command!(
        ["ru", "reverse-until"],
        "ru | reverse-until [lineno]",
        "Without argument, go back to a line with a number smaller than\nthe current one.  With a line number, go back to a line with a\nnumber smaller or equal to that.  In both cases, also stop where\nthe current frame was called.",
        true,
        |engine, arg, out| engine.do_reverse_until(arg, out)
    ),
    command!(
        ["rc", "reverse-continue"],
        "rc | reverse-continue",
        "Go back, only stop when a breakpoint is encountered: the twin of\ncontinue.  rc 3 stops at the third from here.",
        false,
        |engine, arg, out| engine.do_reverse_continue(arg, out)
    ),
    command!(
        ["b", "break"],
        "b(reak) [ ([filename:]lineno | function) [, condition] ]",
        "Without argument, list all breaks.\n\nWith a line number argument, set a break at this line in the\ncurrent file.  With a function name, set a break at the first\nexecutable line of that function.  If a second argument is\npresent, it is a string specifying an expression which must\nevaluate to true before the breakpoint is honored.",
        true,
        |engine, arg, out| {
            engine.do_break(arg, false, out)?;
            Ok(false)
        }
    ),
    command!(
        ["tbreak"],
        "tbreak [ ([filename:]lineno | function) [, condition] ]",
        "Same arguments as break, but sets a temporary breakpoint: it\nis automatically deleted when first hit.",
        true,
        |engine, arg, out| {
            engine.do_break(arg, true, out)?;
            Ok(false)
        }
    ),
    command!(
        ["cl", "clear"],
        "cl(ear) [filename:lineno | bpnumber ...]",
        "With a space separated list of breakpoint numbers, clear\nthose breakpoints.  Without argument, clear all breaks (but\nfirst ask confirmation).  With a filename:lineno argument,\nclear all breaks at that line in that file.",
        true,
        |engine, arg, out| {
            engine.do_clear(arg, out);
            Ok(false)
        }
    ),
    command!(
        ["enable"],
        "enable bpnumber [bpnumber ...]",
        "Enables the breakpoints given as a space separated list of\nbreakpoint numbers.",
        true,
        |engine, arg, out| {
            engine.do_enable(arg, true, out);
            Ok(false)
        }
    ),
    command!(
        ["disable"],
        "disable bpnumber [bpnumber ...]",
        "Disables the breakpoints given as a space separated list of\nbreakpoint numbers.",
        true,
        |engine, arg, out| {
            engine.do_enable(arg, false, out);
            Ok(false)
        }
    ),
    command!(
        ["ignore"],
        "ignore bpnumber [count]",
        "Set the ignore count for the given breakpoint number.  If\ncount is omitted, the ignore count is set to 0.",
        true,
        |engine, arg, out| {
            engine.do_ignore(arg, out);
            Ok(false)
        }
    ),
    command!(
        ["condition"],
        "condition bpnumber [condition]",
        "Set a new condition for the breakpoint, an expression which\nmust evaluate to true before the breakpoint is honored.  If\ncondition is absent, any existing condition is removed; i.e.,\nthe breakpoint is made unconditional.",
        true,
        |engine, arg, out| {
            engine.do_condition(arg, out);
            Ok(false)
        }
    ),
    command!(
        ["goto"],
        "goto [@N | start | end | %50 | time 1.2s | mark | bookmark N]\ngoto line N [next|prev|first|last]",
        "Go to a position; also selects the thread of that stop.  With line,\ngo to the next, previous, first or last execution of that line of the\ncurrent file.  Alone, print the position of the current stop.",
        true,
        |engine, arg, out| engine.do_goto(arg, out)
    ),
    command!(
        ["commands"],
        "(Pdb) commands [bpnumber]\n(com) ...\n(com) end\n(Pdb)",
        "Give commands that run when the breakpoint is hit, one a line, with\nend behind the last; without a number, for the breakpoint that was\nset last.  With silent among them, the stop is not shown.  A command\nthat moves ends the list, so that continue at its end prints at every\nhit and goes on.  They run in both directions.",
        true,
        |engine, arg, out| {
            engine.do_commands(arg, out);
            Ok(false)
        }
    ),
    command!(
        ["display"],
        "display [expression]",
        "Show the value of the expression whenever it has changed at a stop\nin this frame.  Without one, list the expressions of this frame.",
        true,
        |engine, arg, out| {
            engine.do_display(arg, out);
            Ok(false)
        }
    ),
    command!(
        ["undisplay"],
        "undisplay [expression]",
        "Do not show the expression any more in this frame; without one,\nnone of this frame.",
        true,
        |engine, arg, out| {
            engine.do_undisplay(arg, out);
            Ok(false)
        }
    ),
    command!(
        ["exceptions"],
        "exceptions [number]",
        "List the exception that ended the program and those that it came\nfrom; with a number, go to where that one was raised.\n\nexceptions --all lists every exception of the run, also those that\nwere handled, with the positions at which they were raised.",
        true,
        |engine, arg, out| {
            engine.do_exceptions(arg, out)?;
            Ok(false)
        }
    ),
    command!(
        ["source"],
        "source expression",
        "Show the source of a function, a class, a method or a module.",
        true,
        |engine, arg, out| {
            engine.do_source(arg, out);
            Ok(false)
        }
    ),
    command!(
        ["alias"],
        "alias [name [command]]",
        "Make name stand for a command, in which %1 to %9 stand for the words\nthat follow it and %* for all of them.  Without a command, show the\nalias; without a name, all of them.",
        true,
        |engine, arg, out| {
            engine.do_alias(arg, out);
            Ok(false)
        }
    ),
    command!(["unalias"], "unalias name", "Delete an alias.", true, |engine, arg, out| {
        engine.do_unalias(arg, out);
        Ok(false)
    }),
    command!(
        ["run", "restart"],
        "run | restart",
        "Go back to the start; breakpoints stay.  The recorded program is\nnot run again, so it takes no arguments.",
        true,
        |engine, arg, out| engine.do_run(arg, out)
    ),
    command!(
        ["debug"],
        "debug code",
        "Not possible in a recording: it would run code.",
        true,
        |_, _, out| {
            out.error(
                "a recording runs no code: use goto, step and reverse-step to look at what ran",
            );
            Ok(false)
        }
    ),
    command!(
        ["watch"],
        "watch [expression]",
        "Stop, in both directions, where the value of the expression has\nchanged: by an assignment, or inside of its objects.  An expression\nwith local variables belongs to this frame.  Without one, list.",
        true,
        |engine, arg, out| {
            engine.do_watch(arg, out)?;
            Ok(false)
        }
    ),
    command!(
        ["rwatch"],
        "rwatch expression",
        "Watch an expression and go back to where it changed last.  Reads\nare not recorded.",
        true,
        |engine, arg, out| {
            if !arg.is_empty() {
                engine.do_watch(arg, out)?;
            }
            engine.do_reverse_continue("", out)
        }
    ),
    command!(
        ["catch"],
        "catch [exception NAME | audit NAME | bookmark]",
        "Stop, in both directions, where an exception of this class is\nraised (* for any), at an audit event (as in socket.*), or where the\nprogram called breakpoint() or pdb.set_trace().  Without an argument,\nlist.",
        true,
        |engine, arg, out| {
            engine.do_catch(arg, out)?;
            Ok(false)
        }
    ),
    command!(
        ["last"],
        "last expression",
        "Go to the line that gave the expression its value.",
        true,
        |engine, arg, out| engine.do_last(arg, out)
    ),
    command!(
        ["hist"],
        "hist expression [#from]",
        "Show the values that the expression had in this frame (or, of\nglobals, in the recording), with the positions where they show and\nthe lines that made them.",
        true,
        |engine, arg, out| engine.do_hist(arg, out)
    ),
    command!(
        ["when"],
        "when [-r] expression",
        "Go to the next position at which the expression becomes true; with\n-r, to the last one before.",
        true,
        |engine, arg, out| engine.do_when(arg, out)
    ),
    command!(
        ["calls"],
        "calls function [#from]",
        "Show all calls of a function with their positions and arguments.",
        true,
        |engine, arg, out| {
            engine.do_calls(arg, out)?;
            Ok(false)
        }
    ),
    command!(
        ["mark"],
        "mark [name]",
        "Give this position a name for goto.",
        true,
        |engine, arg, out| {
            engine.do_mark(arg, out);
            Ok(false)
        }
    ),
    command!(["marks"], "marks", "List the marks.", false, |engine, _, out| {
        engine.do_marks(out)?;
        Ok(false)
    }),
    command!(
        ["bookmarks"],
        "bookmarks",
        "List the lines at which the program called breakpoint() or\npdb.set_trace(); goto bookmark N goes to one.",
        false,
        |engine, _, out| {
            engine.do_bookmarks(out)?;
            Ok(false)
        }
    ),
    command!(
        ["timeline"],
        "timeline [columns | from to]",
        "Show the run, or the part between two positions, in rows from left to\nright: threads (- while they live), the program's functions that are\ncalled most (# where they are called), exceptions (! where one passes a\nline of the program), marks and bookmarks (*), and where the session\nstands (^).",
        true,
        |engine, arg, out| {
            engine.do_timeline(arg, out)?;
            Ok(false)
        }
    ),
    command!(
        ["back"],
        "back",
        "Go back to where the session stood before.",
        false,
        |engine, _, out| engine.do_back(true, out)
    ),
    command!(["forward"], "forward", "Undo back.", false, |engine, _, out| engine
        .do_back(false, out)),
    command!(
        ["tasks"],
        "tasks",
        "List the asyncio tasks that there are here: number, where each was\nmade, its state, name, coroutine, what it waits for or what came of it,\nand where it stands.  Tasks of event loops of the standard library only.",
        false,
        |engine, _, out| engine.do_tasks(out)
    ),
    command!(
        ["task"],
        "task [number | name | off]",
        "Go to where an asyncio task stands at this time, and stay in it: steps,\nboth ways, pass over what others do.  Breakpoints still stop anywhere.\nAlone, say which task steps stay in; off: in none.",
        true,
        |engine, arg, out| engine.do_task(arg, out)
    ),
    command!(
        ["threads"],
        "threads",
        "List the threads of the recording.",
        false,
        |engine, _, out| engine.do_threads("", out)
    ),
    command!(
        ["thread"],
        "thread [number | name]",
        "Go to where another thread stands at this time.",
        true,
        |engine, arg, out| engine.do_threads(arg, out)
    ),
    command!(
        ["processes"],
        "processes",
        "Show the processes of the recording as a tree: number, how and\nwhere its parent made it, process id, how it ended.",
        false,
        |engine, _, out| {
            engine.do_processes(out);
            Ok(false)
        }
    ),
    command!(
        ["process"],
        "process [number | parent]",
        "Go into another process of the recording; 0 is the program.\nEach keeps its own position and breakpoints.  Alone, say which\nprocess this is.",
        true,
        |engine, arg, out| {
            engine.do_process(arg, out)?;
            Ok(false)
        }
    ),
    command!(
        ["j", "jump"],
        "j(ump) lineno",
        "The past cannot be changed: a line that was not run next is not run\nnow.  To see the line run at another time: goto line N\n[next|prev|first|last].",
        true,
        |_, _, out| {
            out.error(
                "the past cannot be changed: goto line N [next|prev|first|last] goes to where that line runs",
            );
            Ok(false)
        }
    ),
    command!(
        ["q", "quit", "exit"],
        "q(uit) | exit",
        "Quit from the debugger.",
        true,
        |_, _, _| Ok(true)
    ),
    command!(["EOF"], "EOF", "Handles the receipt of EOF as a command.", true, |_, _, out| {
        out.say("");
        Ok(true)
    }),
];
