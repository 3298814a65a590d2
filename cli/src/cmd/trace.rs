//! `moviola trace`: what `python -m trace` tells, from recordings.

use crate::args::TracingArgs;
use crate::failure::{Failure, Outcome};
use crate::open;
use crate::output::Output;
use crate::ui;
use moviola_replayer::export::ExportError;
use moviola_replayer::report::pytrace::{
    self, Cover, Ignore, Layout, Options, Results, SummaryFormat, Written, report, search_path,
};
use moviola_replayer::timeline::Timeline;
use std::io::{IsTerminal, Write};
use std::path::Path;

/// Runs the subcommand.
pub fn run(args: &TracingArgs) -> Outcome {
    check(args)?;
    let mut output = Output::open(None)?;
    let mut results = Results::default();
    let mut times = Vec::new();
    for path in &args.traces {
        let trace = open::full(path)?;
        for gap in trace.gaps() {
            ui::warn(&format!("`{}`: gap at @{}: {}", path.display(), gap.stop, gap.reason));
        }
        times.push(Timeline::new(trace));
    }
    let lines = args.trace || !(args.count || args.listfuncs || args.trackcalls || args.report);
    let options = Options {
        print: lines,
        count: args.count,
        functions: args.listfuncs,
        callers: args.trackcalls,
        timing: args.timing,
    };
    for (path, time) in args.traces.iter().zip(&times) {
        let mut ignore = ignore(args, time);
        let mut out: Box<dyn Write> = if std::io::stdout().is_terminal() {
            Box::new(Printable { to: output.writer(), line: Vec::new() })
        } else {
            Box::new(output.writer())
        };
        match report(time, &options, &mut ignore, &mut out) {
            Ok(found) => results.add(found),
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
    if let Some(file) = &args.file {
        results = merged(file, results, args.report)?;
    }
    if !args.no_report {
        let told = tell(args, &results, &times, output.writer());
        match told {
            Err(error) if !output.is_closed_pipe(&error) => return Err(output.failure(&error)),
            _ => {}
        }
        if let Some(file) = &args.file {
            save(file, &results)?;
        }
    }
    output.finish()?;
    Ok(0)
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
        Ok(bytes) => Results::from_pickle(&bytes),
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

/// Writes the reports.
fn tell(
    args: &TracingArgs,
    results: &Results,
    times: &[Timeline],
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let shown = |text: &str| {
        if std::io::stdout().is_terminal() {
            ui::printable_lines(text).into_owned()
        } else {
            text.to_owned()
        }
    };
    out.write_all(shown(&results.text()).as_bytes())?;
    let layout = Layout {
        missing: args.missing,
        directory: args.coverdir.as_ref().map(|path| path.to_string_lossy().into_owned()),
        search_path: times.first().map(search_path).unwrap_or_default(),
        cwd: match times.first() {
            Some(time) => time.meta("cwd").to_owned(),
            None => std::env::current_dir().unwrap_or_default().display().to_string(),
        },
    };
    let mut written = Vec::new();
    for cover in Cover::all(results, times, &layout) {
        match cover {
            Written::Problem(problem) => ui::warn(&problem),
            Written::Cover(cover) => {
                if let Some(directory) = &args.coverdir {
                    std::fs::create_dir_all(directory)?;
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
        out.write_all(shown(&pytrace::summary(&written, format)).as_bytes())?;
    }
    Ok(())
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
