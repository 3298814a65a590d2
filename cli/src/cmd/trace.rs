//! `moviola trace`: what `python -m trace` tells, from recordings.

use crate::args::{CallsFormat, TracingArgs};
use crate::failure::{Failure, Outcome};
use crate::open;
use crate::output::Output;
use crate::ui;
use moviola_replayer::export::ExportError;
use moviola_replayer::report::pytrace::{
    self, Cover, Ignore, Layout, Options, Results, SummaryFormat, Written, report, search_path,
    thread_name,
};
use moviola_replayer::timeline::Timeline;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::ops::RangeInclusive;
use std::path::Path;

/// Runs the subcommand.
pub fn run(args: &TracingArgs) -> Outcome {
    check(args)?;
    let mut output = Output::open(None)?;
    let mut times = Vec::new();
    for path in &args.traces {
        let trace = open::full(path)?;
        for gap in trace.gaps() {
            ui::warn(&format!("`{}`: gap at @{}: {}", path.display(), gap.stop, gap.reason));
        }
        times.push(Timeline::new(trace));
    }
    let mut options = options(args);
    if let [time] = &times[..] {
        options.thread = args.thread.as_deref().map(|name| thread(name, time)).transpose()?;
        options.between = args.between.as_deref().map(|ends| between(ends, time)).transpose()?;
    }
    // By thread, if these are told apart; else all as thread 0.
    let mut found: BTreeMap<u64, Results> = BTreeMap::new();
    for (path, time) in args.traces.iter().zip(&times) {
        let mut ignore = ignore(args, time);
        let mut out: Box<dyn Write> = if std::io::stdout().is_terminal() {
            Box::new(Printable { to: output.writer(), line: Vec::new() })
        } else {
            Box::new(output.writer())
        };
        match report(time, &options, &mut ignore, &mut out) {
            Ok(some) => {
                for (thread, results) in some {
                    found.entry(thread).or_default().add(results);
                }
            }
            Err(ExportError::Trace(error)) => return Err(open::failure(path, &error)),
            Err(ExportError::Io(error)) => {
                drop(out);
                return if output.is_closed_pipe(&error) {
                    Ok(0)
                } else {
                    Err(output.failure(&error))
                };
            }
        }
    }
    if args.per_thread && !args.no_report {
        for (number, results) in &found {
            let told = tell_thread(args, *number, results, &times, output.writer());
            written(told, &output)?;
        }
    }
    let mut results = Results::default();
    found.into_values().for_each(|found| results.add(found));
    if let Some(file) = &args.file {
        results = merged(file, results, args.report)?;
    }
    if !args.no_report {
        if !args.per_thread {
            let directory = args.coverdir.as_deref();
            let told = tell(args, directory, &results, &times, output.writer());
            written(told, &output)?;
        }
        if let Some(file) = &args.file {
            save(file, &results)?;
        }
    }
    output.finish()?;
    Ok(0)
}

/// An error with the directory that it is about.
fn named(directory: &Path, error: &std::io::Error) -> std::io::Error {
    let text = format!("cannot make the directory `{}`: {error}", directory.display());
    std::io::Error::other(Unmade(text))
}

/// Why the directory for `.cover` files cannot be made.
#[derive(Debug)]
struct Unmade(String);

impl std::fmt::Display for Unmade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unmade {}

/// That nobody reads the output any more is no failure.
fn written(result: std::io::Result<()>, output: &Output) -> Result<(), Failure> {
    match result {
        Err(error) if output.is_closed_pipe(&error) => Ok(()),
        Err(error) => Err(match error.get_ref().and_then(|inner| inner.downcast_ref::<Unmade>()) {
            Some(Unmade(text)) => Failure::usage(format!("{text}; choose another with -C")),
            None => output.failure(&error),
        }),
        Ok(()) => Ok(()),
    }
}

/// Whether lines are printed.
fn prints(args: &TracingArgs) -> bool {
    args.trace || !(args.count || args.listfuncs || args.trackcalls || args.report)
}

fn options(args: &TracingArgs) -> Options {
    Options {
        print: prints(args),
        count: args.count,
        functions: args.listfuncs,
        callers: args.trackcalls,
        timing: args.timing,
        locals: args.locals_diff,
        per_thread: args.per_thread,
        ..Options::default()
    }
}

/// A thread by its number or name.
fn thread(given: &str, time: &Timeline) -> Result<u64, Failure> {
    let threads = time.trace().threads();
    let named = || threads.iter().map(|thread| (thread.number, thread_name(time, thread.number)));
    if let Some((number, _)) = named().find(|(number, _)| number.to_string() == given) {
        return Ok(number);
    }
    let mut found = named().filter(|(_, name)| *name == given);
    match (found.next(), found.next()) {
        (Some((number, _)), None) => Ok(number),
        (Some((one, _)), Some((other, _))) => Err(Failure::usage(format!(
            "`{given}` can be thread {one} or thread {other}: give the number"
        ))),
        (None, _) => {
            let all: Vec<String> =
                named().map(|(number, name)| format!("{number} ({name})")).collect();
            Err(Failure::usage(format!(
                "`{given}` is no thread of this recording; there are: {}",
                all.join(", ")
            )))
        }
    }
}

/// Two positions.
fn between(ends: &[String], time: &Timeline) -> Result<RangeInclusive<u64>, Failure> {
    let last = time.len().saturating_sub(1);
    let mut positions = [0, last];
    for (position, given) in positions.iter_mut().zip(ends) {
        *position = open::position(given, last)?;
    }
    let [from, to] = positions;
    if from > to {
        let problem = format!("--between @{from} @{to}: the first is behind the second");
        return Err(Failure::usage(problem));
    }
    Ok(from..=to)
}

/// What does not go together, in the words of `python -m trace`.
fn check(args: &TracingArgs) -> Result<(), Failure> {
    let wrong = |text: &str| Err(Failure::usage(text));
    if args.report && args.file.is_none() {
        return wrong("-r/--report requires -f/--file");
    }
    if args.listfuncs && (args.count || args.trace) {
        return wrong("cannot specify both --listfuncs and (--trace or --count)");
    }
    if args.summary && !(args.count || args.report) {
        return wrong("--summary can only be used with --count or --report");
    }
    if args.locals_diff && (!prints(args) || args.listfuncs || args.trackcalls) {
        return wrong("--locals-diff can only be used with --trace");
    }
    if args.counts && !(args.listfuncs || args.trackcalls) {
        return wrong("--counts can only be used with --listfuncs or --trackcalls");
    }
    if args.counts && args.file.is_some() {
        return wrong(
            "cannot specify both --counts and --file: a counts file has no numbers of calls",
        );
    }
    if args.format != CallsFormat::Text && !args.trackcalls {
        return wrong("--format can only be used with --trackcalls");
    }
    let single = [
        ("--thread", args.thread.is_some()),
        ("--between", args.between.is_some()),
        ("--per-thread", args.per_thread),
    ];
    if let Some((option, _)) = single.iter().find(|(_, given)| *given)
        && args.traces.len() != 1
    {
        return wrong(&format!("{option} takes one recording: threads and positions are its own"));
    }
    if args.per_thread && args.report {
        return wrong(
            "cannot specify both --per-thread and --report: a counts file has no threads",
        );
    }
    if args.per_thread && args.format == CallsFormat::Mermaid {
        return wrong(
            "--per-thread and --format mermaid do not go together: a graph each; see --thread",
        );
    }
    if args.per_thread && args.count && args.coverdir.is_none() && !args.no_report {
        return wrong("--per-thread with --count requires -C/--coverdir");
    }
    if args.traces.is_empty() && !args.report {
        return wrong("a recording is missing: required with the main options");
    }
    Ok(())
}

fn ignore(args: &TracingArgs, time: &Timeline) -> Ignore {
    let modules = args.ignore_module.iter().flat_map(|list| list.split(','));
    let stdlib = time.meta("stdlib");
    let directories = args.ignore_dir.iter().flat_map(|list| list.split(':')).map(|directory| {
        let named = directory.replace("$exec_prefix", stdlib).replace("$prefix", stdlib);
        time.normal(&named)
    });
    Ignore::new(modules.map(|module| module.trim().to_owned()).collect(), directories.collect())
}

/// Adds what a counts file has.
fn merged(file: &Path, results: Results, needed: bool) -> Result<Results, Failure> {
    let old = match std::fs::read(file) {
        Ok(bytes) => Results::from_pickle(bytes),
        Err(error) => Err(error.to_string()),
    };
    let mut all = match old {
        Ok(old) => old,
        Err(problem) if needed => {
            return Err(Failure::usage(format!(
                "cannot read the counts file `{}`: {problem}",
                file.display()
            )));
        }
        Err(problem) => {
            ui::warn(&format!("Skipping counts file `{}`: {problem}", file.display()));
            Results::default()
        }
    };
    all.add(results);
    Ok(all)
}

fn save(file: &Path, results: &Results) -> Result<(), Failure> {
    std::fs::write(file, results.to_pickle()).map_err(|error| {
        Failure::usage(format!("Can't save counts files because `{}`: {error}", file.display()))
    })
}

/// Writes recorded text, harmless if it goes to a terminal.
fn shown_to(out: &mut dyn Write, text: &str) -> std::io::Result<()> {
    if std::io::stdout().is_terminal() {
        return out.write_all(ui::printable_lines(text).as_bytes());
    }
    out.write_all(text.as_bytes())
}

/// Writes the reports of one thread under its name.
fn tell_thread(
    args: &TracingArgs,
    number: u64,
    results: &Results,
    times: &[Timeline],
    out: &mut dyn Write,
) -> std::io::Result<()> {
    if !(args.count || args.listfuncs || args.trackcalls) {
        return Ok(());
    }
    let name = times.first().map(|time| thread_name(time, number)).unwrap_or_default();
    let mark = match args.format {
        CallsFormat::Text => "",
        CallsFormat::Dot => "// ",
        CallsFormat::Mermaid => "%% ",
    };
    shown_to(out, &format!("\n{mark}thread {number} ({name}):\n"))?;
    let directory = args.coverdir.as_ref().map(|path| path.join(format!("thread-{number}")));
    tell(args, directory.as_deref(), results, times, out)
}

/// Writes the reports.
fn tell(
    args: &TracingArgs,
    directory: Option<&Path>,
    results: &Results,
    times: &[Timeline],
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let text = match args.format {
        CallsFormat::Text => results.text(args.counts),
        CallsFormat::Dot => pytrace::dot(results, args.counts),
        CallsFormat::Mermaid => pytrace::mermaid(results, args.counts),
    };
    shown_to(out, &text)?;
    let layout = Layout {
        missing: args.missing,
        directory: directory.map(|path| path.to_string_lossy().into_owned()),
        search_path: times.first().map(search_path).unwrap_or_default(),
        cwd: match times.first() {
            Some(time) => time.meta("cwd").to_owned(),
            None => std::env::current_dir().unwrap_or_default().display().to_string(),
        },
        read: args.report.then_some(ordinary),
    };
    let mut written = Vec::new();
    for cover in Cover::all(results, times, &layout) {
        match cover {
            Written::Problem(problem) => ui::warn(&problem),
            Written::Cover(cover) => {
                if let Some(directory) = directory {
                    std::fs::create_dir_all(directory).map_err(|error| named(directory, &error))?;
                }
                match std::fs::write(&cover.path, &cover.bytes) {
                    Ok(()) => written.push(cover),
                    Err(error) => ui::warn(&format!(
                        "Could not open `{}` for writing: {error} - skipping",
                        cover.path
                    )),
                }
            }
        }
    }
    if args.summary {
        let format = match args.version_format.as_deref() {
            Some("3.14") => SummaryFormat::Tenths,
            Some(_) => SummaryFormat::Whole,
            None if times.iter().any(|time| time.minor() >= 14) => SummaryFormat::Tenths,
            None => SummaryFormat::Whole,
        };
        shown_to(out, &pytrace::summary(&written, format))?;
    }
    Ok(())
}

/// The bytes of an ordinary file: a counts file can name anything.
fn ordinary(file: &str) -> Option<Vec<u8>> {
    std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file)?;
    std::fs::read(file).ok()
}

/// Makes recorded text harmless for a terminal, line by line.
struct Printable<'a> {
    to: &'a mut dyn Write,
    line: Vec<u8>,
}

impl Write for Printable<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let text = String::from_utf8_lossy(&self.line);
                self.to.write_all(ui::printable_lines(&text).as_bytes())?;
                self.line.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}
