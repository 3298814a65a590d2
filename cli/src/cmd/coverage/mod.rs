//! `moviola coverage`: lines and hit counts of the recorded files, added up over traces.

#[cfg(feature = "coverage-data")]
mod data;

use crate::args::{CoverageArgs, CoverageFormat};
use crate::cmd::export::names_of;
use crate::failure::{Failure, Outcome};
use crate::open;
use crate::output::Output;
use crate::ui;
use moviola_format::read::Trace;
use moviola_replayer::report::coverage::{FileCoverage, Options, coverage, lcov, text};
use std::collections::BTreeMap;
use std::path::Path;

/// Runs the subcommand.
pub fn run(args: &CoverageArgs) -> Outcome {
    let roots = args.root.as_deref().map(names_of).transpose()?.unwrap_or_default();
    let options = Options { roots };
    #[cfg(feature = "coverage-data")]
    if args.format == CoverageFormat::Coverage {
        return data::run(args, &options);
    }
    if args.branch || args.contexts {
        return Err(Failure::usage("--branch and --contexts go with --format coverage"));
    }
    let mut sum = BTreeMap::new();
    for path in &args.traces {
        let trace = open::trace(path)?;
        warn_of_gaps(path, &trace);
        let files = coverage(&trace, &options).map_err(|e| open::failure(path, &e))?;
        for file in files {
            add(&mut sum, file);
        }
    }
    let files: Vec<FileCoverage> = sum.into_values().collect();
    let shown = if args.format == CoverageFormat::Lcov {
        lcov(&files)
    } else {
        let here = std::env::current_dir().unwrap_or_default();
        ui::printable_lines(&text(&files, &here.display().to_string())).into_owned()
    };
    let mut output = Output::open(args.output.as_deref())?;
    match output.writer().write_all(shown.as_bytes()) {
        Err(e) if !output.is_closed_pipe(&e) => return Err(output.failure(&e)),
        _ => {}
    }
    output.finish()?;
    Ok(0)
}

fn warn_of_gaps(path: &Path, trace: &Trace) {
    for gap in trace.gaps() {
        ui::warn(&format!("`{}`: gap at @{}: {}", path.display(), gap.stop, gap.reason));
    }
}

fn add(sum: &mut BTreeMap<String, FileCoverage>, file: FileCoverage) {
    let Some(known) = sum.get_mut(&file.filename) else {
        sum.insert(file.filename.clone(), file);
        return;
    };
    for (line, hits) in file.lines {
        *known.lines.entry(line).or_default() += hits;
    }
    for (line, name, calls) in file.functions {
        match known.functions.iter_mut().find(|(l, n, _)| *l == line && *n == name) {
            Some((_, _, sum)) => *sum += calls,
            None => known.functions.push((line, name, calls)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_of_two_traces_are_added() {
        let file = |hits: u64| FileCoverage {
            filename: "/a.py".into(),
            lines: [(1, 1), (2, hits)].into(),
            functions: vec![(1, "f".into(), hits)],
        };
        let mut sum = BTreeMap::new();
        add(&mut sum, file(3));
        add(&mut sum, file(0));
        let all = &sum["/a.py"];
        assert_eq!(all.lines, [(1, 2), (2, 3)].into());
        assert_eq!(all.functions, [(1, "f".to_owned(), 3)]);
    }
}
