//! The data file of coverage.py 7: SQLite, schema 7 (`coverage/sqldata.py`).

use super::warn_of_gaps;
use crate::args::CoverageArgs;
use crate::failure::{Failure, Outcome, USAGE};
use crate::open;
use moviola_replayer::report::coverage::Options;
use moviola_replayer::report::executed::{Measured, measure, numbits};
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

/// Writes the data of all traces into one file, which replaces an older one.
pub fn run(args: &CoverageArgs, options: &Options) -> Outcome {
    let mut measured = Measured::new();
    for path in &args.traces {
        let trace = open::trace(path)?;
        warn_of_gaps(path, &trace);
        measure(&trace, options, args.contexts, &mut measured)
            .map_err(|error| open::failure(path, &error))?;
    }
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(".coverage"));
    // Complete or not at all: written beside, then put in its place.
    let mut name = path.clone().into_os_string();
    name.push(format!(".new-{}", std::process::id()));
    let new = PathBuf::from(name);
    let written = write(&new, &measured, args.branch)
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

fn write(path: &Path, measured: &Measured, branch: bool) -> rusqlite::Result<()> {
    let mut database = Connection::open(path)?;
    let all = database.transaction()?;
    all.execute_batch(SCHEMA)?;
    let mut meta = all.prepare("INSERT INTO meta (key, value) VALUES (?, ?)")?;
    meta.execute(params!["has_arcs", if branch { "1" } else { "0" }])?;
    meta.execute(params!["version", concat!("moviola ", env!("CARGO_PKG_VERSION"))])?;
    drop(meta);
    for ((file, context), executed) in measured {
        all.execute("INSERT OR IGNORE INTO file (path) VALUES (?)", [file])?;
        all.execute("INSERT OR IGNORE INTO context (context) VALUES (?)", [context])?;
        let id = |query: &str, name: &str| all.query_row(query, [name], |row| row.get::<_, i64>(0));
        let file = id("SELECT id FROM file WHERE path = ?", file)?;
        let context = id("SELECT id FROM context WHERE context = ?", context)?;
        if branch {
            let mut arc = all.prepare("INSERT INTO arc VALUES (?, ?, ?, ?)")?;
            for (from, to) in &executed.arcs {
                arc.execute(params![file, context, from, to])?;
            }
        } else {
            let bits = numbits(&executed.lines);
            all.execute("INSERT INTO line_bits VALUES (?, ?, ?)", params![file, context, bits])?;
        }
    }
    all.commit()
}
