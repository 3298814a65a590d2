//! `moviola coverage`: lines, branches, hits and contexts of the recorded files, over several traces.

#[cfg(feature = "coverage-data")]
mod data;
mod sources;

use self::sources::Sources;
use crate::args::{CoverageArgs, CoverageFormat};
use crate::failure::{Failure, Outcome};
use crate::open;
use crate::output::Output;
use crate::ui;
use moviola_format::read::Trace;
use moviola_replayer::report::coverage::formats::{
    annotated, flat_name, html, json, lcov, text, total, xml,
};
use moviola_replayer::report::coverage::{Analysis, Choice, Measured, Settings, shown};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The exit code of a total below `--fail-under`.
const FINDING: u8 = 1;

/// Runs the subcommand.
pub fn run(args: &CoverageArgs) -> Outcome {
    let here = std::env::current_dir()
        .map_err(|error| Failure::usage(format!("cannot tell the working directory: {error}")))?;
    let settings = settings(args, &here)?;
    let choice = Choice::new(&settings, &here).map_err(Failure::usage)?;
    let mut measured = Measured::default();
    let mut sources = Sources::default();
    let contexts = args.contexts || settings.contexts;
    for path in &args.traces {
        let trace = open::trace(path)?;
        warn_of_gaps(path, &trace);
        check_detail(path, &trace, &settings)?;
        let files = choice.files(&trace);
        measured.add(&trace, &files, contexts).map_err(|error| open::failure(path, &error))?;
        sources.add(&trace, &files);
    }
    let never = sources.never_ran(&choice, &measured);
    #[cfg(feature = "coverage-data")]
    if args.format == CoverageFormat::Coverage {
        let files = never.iter().map(|(file, _)| file.as_str());
        return data::run(args, &settings, &measured, &sources, files, &here);
    }
    sources.warn_of_changes();
    let files = analyses(&settings, &measured, &sources, never, &here)?;
    if files.is_empty() {
        let text = "no file to report: by default, these are all but the standard library and \
             installed packages; name others with --source or --include";
        return Err(Failure::usage(text));
    }
    write(args, &settings, &files, &here)?;
    let percent = total(&files).percent();
    if falls_short(percent, &settings) {
        let decimals = decimals(settings.fail_under).max(settings.precision);
        ui::warn(&format!(
            "coverage of {} is less than --fail-under {:.decimals$}",
            shown(percent, decimals),
            settings.fail_under
        ));
        return Ok(FINDING);
    }
    Ok(0)
}

/// The settings file's, then what the command line says.
fn settings(args: &CoverageArgs, here: &Path) -> Result<Settings, Failure> {
    let variables = |name: &str| std::env::var(name).ok();
    let given =
        args.rcfile.clone().or_else(|| std::env::var_os("COVERAGE_RCFILE").map(PathBuf::from));
    let (mut settings, _, warnings) =
        Settings::find(given.as_deref(), here, &variables).map_err(Failure::usage)?;
    for warning in warnings {
        ui::warn(&warning);
    }
    settings.branch |= args.branch;
    settings.contexts |= args.contexts;
    settings.skip_covered |= args.skip_covered;
    settings.skip_empty |= args.skip_empty;
    if !args.source.is_empty() {
        settings.source.clone_from(&args.source);
        settings.source_packages.clear();
        settings.source_dirs.clear();
    }
    if !args.include.is_empty() {
        settings.report_include = Some(args.include.clone());
    }
    if !args.omit.is_empty() {
        settings.report_omit = Some(args.omit.clone());
    }
    if let Some(least) = args.fail_under {
        settings.fail_under = least;
    }
    if let Some(precision) = args.precision {
        settings.precision = precision;
    }
    if args.sort.is_some() {
        settings.sort.clone_from(&args.sort);
    }
    if !(0.0..=100.0).contains(&settings.fail_under) {
        return Err(Failure::usage("--fail-under must be from 0 to 100"));
    }
    if settings.precision > 1000 {
        return Err(Failure::usage("--precision must be from 0 to 1000"));
    }
    Ok(settings)
}

fn analyses(
    settings: &Settings,
    measured: &Measured,
    sources: &Sources,
    never: Vec<(String, Vec<u8>)>,
    here: &Path,
) -> Result<Vec<Analysis>, Failure> {
    let patterns = settings.patterns().map_err(Failure::usage)?;
    let name = |file: &str| {
        let below = Path::new(file).strip_prefix(here).ok();
        below.and_then(Path::to_str).unwrap_or(file).to_owned()
    };
    let none = BTreeMap::new();
    let never = never.into_iter().map(|(file, text)| (file, sources.unknown(text), &none));
    let ran = measured.files.iter().filter_map(|(file, contexts)| match sources.get(file) {
        Some(source) => Some((file.clone(), source, contexts)),
        None => {
            ui::warn(&format!("no source of `{file}` is recorded or on disk: it is left out"));
            None
        }
    });
    let mut files = Vec::new();
    for (file, source, contexts) in ran.chain(never) {
        match source.code(&patterns) {
            Ok(code) => {
                let executed = measured.whole(&file);
                let name = name(&file);
                files.push(Analysis::new(file, name, code, contexts, &executed, settings.branch));
            }
            // Templates and the like have code, but are no Python.
            Err(_) if !is_python(&file) => {}
            Err(error) => {
                let text = format!("`{file}` is no Python: {error}");
                if !settings.ignore_errors {
                    return Err(Failure::usage(format!("{text}; leave it out with --omit")));
                }
                ui::warn(&text);
            }
        }
    }
    files.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(files)
}

/// Whether a file should be Python, by its name.
fn is_python(file: &str) -> bool {
    let extension = Path::new(file).extension().and_then(|extension| extension.to_str());
    extension.is_none_or(|extension| extension.starts_with("py"))
}

fn write(
    args: &CoverageArgs,
    settings: &Settings,
    files: &[Analysis],
    here: &Path,
) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let now = chrono::Local::now();
    let mut place = args.output.clone();
    let report = match args.format {
        CoverageFormat::Text => {
            ui::printable_lines(&text(files, settings).map_err(Failure::usage)?).into_owned()
        }
        CoverageFormat::Lcov => lcov(files, settings.skip_empty),
        CoverageFormat::Json => {
            json(files, settings, version, &now.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()) + "\n"
        }
        CoverageFormat::Xml => {
            let roots = settings.source.iter().map(|source| here.join(source));
            let roots = roots.filter_map(|root| root.canonicalize().ok());
            let roots: Vec<String> = roots.map(|root| root.display().to_string()).collect();
            let now = u128::try_from(now.timestamp_millis()).unwrap_or_default();
            xml(files, settings, &roots, version, now)
                .map_err(|error| Failure::usage(format!("cannot make XML: {error}")))?
        }
        CoverageFormat::Html => {
            place.get_or_insert_with(|| PathBuf::from("coverage.html"));
            let traces: Vec<String> =
                args.traces.iter().map(|path| path.display().to_string()).collect();
            html(files, settings, &traces, &now.format("%Y-%m-%d %H:%M %z").to_string())
        }
        CoverageFormat::Annotate => return annotate(args.output.as_deref(), files),
        #[cfg(feature = "coverage-data")]
        CoverageFormat::Coverage => return Ok(()),
    };
    let mut output = Output::open(place.as_deref())?;
    match output.writer().write_all(report.as_bytes()) {
        Err(e) if !output.is_closed_pipe(&e) => return Err(output.failure(&e)),
        _ => {}
    }
    output.finish()
}

/// A file each: beside the source, or in a directory by a name without directories.
fn annotate(directory: Option<&Path>, files: &[Analysis]) -> Result<(), Failure> {
    if let Some(directory) = directory {
        std::fs::create_dir_all(directory).map_err(|error| {
            Failure::usage(format!("cannot make the directory `{}`: {error}", directory.display()))
        })?;
    }
    for file in files {
        let place = match directory {
            Some(directory) => directory.join(flat_name(&file.name)),
            None => PathBuf::from(format!("{},cover", file.file)),
        };
        std::fs::write(&place, annotated(file)).map_err(|error| {
            let text =
                format!("cannot write `{}`: {error}; choose a directory with -o", place.display());
            Failure::usage(text)
        })?;
    }
    Ok(())
}

/// By coverage.py's rule: 100 is met by all only, else the shown value counts.
fn falls_short(percent: f64, settings: &Settings) -> bool {
    if settings.fail_under == 100.0 {
        return percent < 100.0;
    }
    let decimals = decimals(settings.fail_under).max(settings.precision);
    let rounded = format!("{percent:.decimals$}").parse::<f64>().unwrap_or(percent);
    rounded < settings.fail_under
}

/// How many decimals a number has.
fn decimals(number: f64) -> usize {
    let text = number.to_string();
    text.split_once('.').map_or(0, |(_, decimals)| decimals.len())
}

/// What a recording of coverage lacks is said.
fn check_detail(path: &Path, trace: &Trace, settings: &Settings) -> Result<(), Failure> {
    if !open::is_coverage(trace) {
        return Ok(());
    }
    let shown = path.display();
    if settings.branch && open::Facts::of(trace).get("detail") == "coverage" {
        return Err(Failure::usage(format!(
            "`{shown}` has no branches: it was recorded with --detail coverage and without --branch"
        )));
    }
    let lacks = if settings.contexts { "hit counts and no contexts" } else { "hit counts" };
    ui::warn(&format!("`{shown}` was recorded with --detail coverage: it has no {lacks}"));
    Ok(())
}

fn warn_of_gaps(path: &Path, trace: &Trace) {
    for gap in trace.gaps() {
        ui::warn(&format!("`{}`: gap at @{}: {}", path.display(), gap.stop, gap.reason));
    }
}
