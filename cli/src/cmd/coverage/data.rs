//! The data file of coverage.py 7: SQLite, schema 7 (`coverage/sqldata.py`).

use super::sources::Sources;
use crate::args::CoverageArgs;
use crate::failure::{Failure, Outcome, USAGE};
use moviola_replayer::report::coverage::{Measured, Settings, numbits};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};

const SCHEMA: &str = "
CREATE TABLE coverage_schema (version integer);
CREATE TABLE meta (key text, value text, unique (key));
CREATE TABLE file (id integer primary key, path text, unique (path));
CREATE TABLE context (id integer primary key, context text, unique (context));
CREATE TABLE line_bits (file_id integer, context_id integer, numbits blob,
    foreign key (file_id) references file (id), foreign key (context_id) references context (id),
    unique (file_id, context_id));
CREATE TABLE arc (file_id integer, context_id integer, fromno integer, tono integer,
    foreign key (file_id) references file (id), foreign key (context_id) references context (id),
    unique (file_id, context_id, fromno, tono));
CREATE TABLE tracer (file_id integer primary key, tracer text,
    foreign key (file_id) references file (id));
INSERT INTO coverage_schema (version) VALUES (7);
";

/// Writes what was measured, and the names of files in which nothing ran, into one file, which
/// replaces an older one.
pub fn run<'f>(
    args: &CoverageArgs,
    settings: &Settings,
    measured: &Measured,
    sources: &Sources,
    never: impl Iterator<Item = &'f str>,
    here: &Path,
) -> Outcome {
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from(settings.data_file.as_deref().unwrap_or(".coverage")));
    if path == Path::new("-") {
        let text = "the data file cannot go to standard output; name a file with -o";
        return Err(Failure::usage(text));
    }
    let name = |file: &str| {
        let below =
            settings.relative_files.then(|| Path::new(file).strip_prefix(here).ok()).flatten();
        below.and_then(Path::to_str).unwrap_or(file).to_owned()
    };
    let never: Vec<String> = never.map(name).collect();
    let mut measured = measured.clone();
    for (file, contexts) in &mut measured.files {
        if contexts.values().any(|executed| !executed.ways.is_empty()) {
            let lines = sources.lines(file);
            for executed in contexts.values_mut() {
                *executed = executed.resolved(&lines);
            }
        }
    }
    if std::fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
        let text =
            format!("`{}` is no ordinary file; choose another place with -o", path.display());
        return Err(Failure { code: USAGE, text });
    }
    // Complete or not at all: written beside, then put in its place.
    let mut beside = path.clone().into_os_string();
    beside.push(format!(".new-{}", std::process::id()));
    let new = PathBuf::from(beside);
    let written = write(&new, &measured, &never, &name, settings.branch)
        .map_err(|error| error.to_string())
        .and_then(|()| std::fs::rename(&new, &path).map_err(|error| error.to_string()));
    written.map_err(|error| {
        std::fs::remove_file(&new).ok();
        let text =
            format!("cannot write `{}`: {error}; choose another place with -o", path.display());
        Failure { code: USAGE, text }
    })?;
    Ok(0)
}

fn write(
    path: &Path,
    measured: &Measured,
    never: &[String],
    name: &dyn Fn(&str) -> String,
    branch: bool,
) -> rusqlite::Result<()> {
    let mut database = Connection::open(path)?;
    let all = database.transaction()?;
    all.execute_batch(SCHEMA)?;
    let mut meta = all.prepare("INSERT INTO meta (key, value) VALUES (?, ?)")?;
    meta.execute(params!["has_arcs", if branch { "1" } else { "0" }])?;
    meta.execute(params!["version", concat!("moviola ", env!("CARGO_PKG_VERSION"))])?;
    drop(meta);
    let id = |query: &str, name: &str| all.query_row(query, [name], |row| row.get::<_, i64>(0));
    let file_id = |file: &str| {
        all.execute("INSERT OR IGNORE INTO file (path) VALUES (?)", [file])?;
        id("SELECT id FROM file WHERE path = ?", file)
    };
    for file in never {
        file_id(file)?;
    }
    for (file, contexts) in &measured.files {
        let file = file_id(&name(file))?;
        for (context, executed) in contexts {
            all.execute("INSERT OR IGNORE INTO context (context) VALUES (?)", [context])?;
            let context = id("SELECT id FROM context WHERE context = ?", context)?;
            if branch {
                let mut arc = all.prepare("INSERT INTO arc VALUES (?, ?, ?, ?)")?;
                for (from, to) in executed.moves.keys() {
                    arc.execute(params![file, context, from, to])?;
                }
            } else {
                let bits = numbits(&executed.lines());
                let row = params![file, context, bits];
                all.execute("INSERT INTO line_bits VALUES (?, ?, ?)", row)?;
            }
        }
    }
    all.commit()
}
