//! An index that says something else than the events is found, whatever it is.

mod common;

use common::{Program, path, write_altered};
use moviola_format::read::Trace;
use moviola_format::write::Sealed;

/// What a check of the trace finds if `alter` is done to one of its blocks.
fn found(name: &str, alter: impl Fn(&mut Sealed)) -> Vec<String> {
    let mut program = Program::new(77);
    while program.bytes.len() < 60_000 {
        program.step();
    }
    let path = path(&format!("indexes-{name}"));
    write_altered(&path, &program.bytes, (2000, 1 << 40), true, |block, sealed| {
        if block == 7 {
            alter(sealed);
        }
    });
    let trace = Trace::open(&path).unwrap();
    assert!(trace.block_count() > 20);
    let mut problems = Vec::new();
    let checked =
        trace.check_indexes(true, |block, what| problems.push(format!("{block}: {what}")));
    problems.extend(checked.err().map(|error| error.to_string()));
    std::fs::remove_file(path).unwrap();
    problems
}

#[test]
fn a_sound_trace_has_no_problem() {
    assert_eq!(found("sound", |_| ()), [""; 0]);
}

/// What is wrong, and how it becomes so.
type Alteration = (&'static str, fn(&mut Sealed));

#[test]
fn every_part_of_an_index_is_compared() {
    let alterations: [Alteration; 9] = [
        ("event counts", |s| s.summary.counts[1] += 1),
        ("bounds", |s| s.summary.end_time += 1),
        ("memory", |s| s.summary.alloc[1].peak_bytes += 8),
        ("spans of frames", |s| s.summary.spans.push(0)),
        ("threads", |s| s.index.current_thread += 1),
        ("stacks", |s| s.index.nodes[0].line += 1),
        ("locals", |s| s.index.node_bytes.push(0)),
        ("hits", |s| s.index.hits = Default::default()),
        ("changes of objects", |s| s.index.touched = s.index.hits.clone()),
    ];
    for (what, alter) in alterations {
        let problems = found(what, alter);
        let named =
            problems.iter().any(|problem| problem.starts_with("7: ") && problem.contains(what));
        // A table of another kind may not be readable at all.
        assert!(named || problems.len() == 1, "{what}: {problems:?}");
        assert!(!problems.is_empty(), "{what}");
    }
}
