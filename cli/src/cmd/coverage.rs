//! `moviola coverage`: lines and hit counts of the recorded files, added up over traces.

use crate::args::{CoverageArgs, CoverageFormat};
use crate::cmd::export::names_of;
use crate::failure::Outcome;
use crate::open;
use crate::output::Output;
use crate::ui;
use moviola_replayer::report::coverage::{FileCoverage, Options, coverage, lcov, text};
use std::collections::BTreeMap;

/// Runs the subcommand.
pub fn run(args: &CoverageArgs) -> Outcome {
    let roots = args.root.as_deref().map(names_of).transpose()?.unwrap_or_default();
    let options = Options { roots };
    let mut sum = BTreeMap::new();
    for path in &args.traces {
        let trace = open::trace(path)?;
        for gap in trace.gaps() {
            ui::warn(&format!("`{}`: gap at @{}: {}", path.display(), gap.stop, gap.reason));
        }
        let files = coverage(&trace, &options).map_err(|e| open::failure(path, &e))?;
        for file in files {
            add(&mut sum, file);
        }
    }
    let files: Vec<FileCoverage> = sum.into_values().collect();
    let shown = match args.format {
        CoverageFormat::Lcov => lcov(&files),
        CoverageFormat::Text => {
            let here = std::env::current_dir().unwrap_or_default();
            ui::printable_lines(&text(&files, &here.display().to_string())).into_owned()
        }
    };
    let mut output = Output::open(args.output.as_deref())?;
    match output.writer().write_all(shown.as_bytes()) {
        Err(e) if !output.is_closed_pipe(&e) => return Err(output.failure(&e)),
        _ => {}
    }
    output.finish()?;
    Ok(0)
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
