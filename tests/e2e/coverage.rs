//! `moviola coverage`: exact hit counts.

use crate::util::{Place, feed};
use std::path::Path;

const PROGRAM: &str = "\
def f(x):
    if x > 2:
        return 'big'
    return 'small'


for i in range(5):
    f(i)
if i > 10:
    print('never')
";

#[test]
fn hit_counts_in_both_formats() {
    let place = Place::new();
    place.write("p.py", PROGRAM);
    assert_eq!(place.record(&["p.py"]).code, 0);
    let lcov = place.run(&["coverage", "--format", "lcov", "t.moviola"]);
    assert_eq!(lcov.code, 0, "{lcov:?}");
    for line in ["DA:1,1", "DA:2,5", "DA:3,2", "DA:4,3", "DA:7,6", "DA:8,5", "DA:9,1", "DA:10,0"] {
        assert!(lcov.out.lines().any(|l| l == line), "{line}: {}", lcov.out);
    }
    assert!(lcov.out.contains("LF:8\nLH:7\n") || lcov.out.contains("LH:7\nLF:8\n"), "{}", lcov.out);
    let text = place.run(&["coverage", "t.moviola"]);
    assert!(text.out.contains("p.py") && text.out.contains("88%"), "{}", text.out);
    let both = place.run(&["coverage", "--format", "lcov", "t.moviola", "t.moviola"]);
    assert!(both.out.lines().any(|l| l == "DA:8,10"), "{}", both.out);
}

/// Programs of the corpus that end by themselves: coverage.py stops measuring at the main module's end.
const PROGRAMS: [&str; 26] = [
    "c01_alias",
    "c03_buffers",
    "c05_defaults",
    "c07_globals",
    "c09_descriptors",
    "c11_getattr",
    "c13_weakrefs",
    "c15_async",
    "c17_contextvars",
    "c21_exc_groups",
    "c33_bigint",
    "c35_unicode",
    "c37_big_list",
    "c39_selfref",
    "c41_hostile_meta",
    "c43_match",
    "c45_exec_fake",
    "c47_oneliners",
    "c59_uncaught",
    "c65_hot_loops",
    "c67_source_oddities",
    "c88_known_midway",
    "c92_in_place",
    "c94_second_init",
    "c95_hostile_special",
    "c98_reused_tuples",
];

const LOOK: &str = r#"
import json, sys
want, got = ({name: {key: file[key] for key in file if key.startswith(("executed", "missing"))}
              for name, file in json.load(open(path))["files"].items()} for path in sys.argv[1:])
assert want and all(file["executed_lines"] and "executed_branches" in file for file in want.values()), want
for name in want:
    for key in want[name]:
        assert want[name][key] == got[name][key], (name, key, want[name][key], got[name][key])
"#;

#[test]
fn the_data_file_is_what_coverage_py_measures() {
    let place = Place::new();
    let Some(exe) = place.python_with("coverage==7.17.3") else { return };
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
    place.write("look.py", LOOK);
    place.write("rc", "[run]\nbranch = True\nsource = .\ncore = ctrace\n");
    let live = |args: &[&str]| {
        let mut command = place.command(&exe);
        feed(command.args(args), "")
    };
    for program in PROGRAMS {
        let name = format!("{program}.py");
        std::fs::copy(corpus.join(&name), place.work().join(&name)).unwrap();
        live(&["-m", "coverage", "run", "--rcfile=rc", "--data-file=want", &name]);
        place.run(&["record", "--python", &exe, "-o", "t.moviola", &name]);
        let args = ["coverage", "--format", "coverage", "--branch", "-o", "got", "t.moviola"];
        let done = place.run(&args);
        assert_eq!(done.code, 0, "{program}: {done:?}");
        for data in ["want", "got"] {
            let (from, to) = (format!("--data-file={data}"), format!("{data}.json"));
            let include = format!("--include={name}");
            live(&["-m", "coverage", "json", "--rcfile=rc", "-q", "-o", &to, &include, &from]);
        }
        let done = live(&["look.py", "want.json", "got.json"]);
        assert_eq!(done.code, 0, "{program}: {done:?}");
    }
    // It goes where theirs go.
    for args in [
        &["-m", "coverage", "combine", "--rcfile=rc", "--data-file=both", "want", "got"]
            as &[&str],
        &["-m", "coverage", "report", "--rcfile=rc", "--data-file=both", "-m"],
        &["-m", "coverage", "html", "--rcfile=rc", "--data-file=both", "-q"],
        &["-m", "coverage", "xml", "--rcfile=rc", "--data-file=both", "-q"],
    ] {
        let done = live(args);
        assert_eq!(done.code, 0, "{done:?}");
    }
}

#[test]
fn contexts_are_the_tests_that_pytest_names() {
    let place = Place::new();
    let Some(exe) = place.python_with("coverage==7.17.3") else { return };
    let code = "\
import os
def one():
    return 1
def two():
    return 2
for name, call in (('one', one), ('two', two)):
    os.environ['PYTEST_CURRENT_TEST'] = f't.py::test_{name} (call)'
    call()
del os.environ['PYTEST_CURRENT_TEST']
one()
";
    place.write("t.py", code);
    place.run(&["record", "--python", &exe, "-o", "t.moviola", "t.py"]);
    let done = place.run(&["coverage", "--format", "coverage", "--contexts", "t.moviola"]);
    assert_eq!((done.code, &*done.err), (0, ""), "{done:?}");
    let look = "from coverage import CoverageData as D; d = D(); d.read()\n\
        [file] = d.measured_files()\n\
        lines = d.contexts_by_lineno(file)\n\
        print([sorted(lines[n]) for n in (1, 3, 5)], d.has_arcs())";
    let mut command = place.command(&exe);
    let done = feed(command.args(["-c", look]), "");
    assert_eq!(
        done.out.trim(),
        "[[''], ['', 't.py::test_one|run'], ['t.py::test_two|run']] False",
        "{done:?}"
    );
    let done = place.run(&["coverage", "--branch", "t.moviola"]);
    assert!(done.code == 2 && done.err.contains("--format coverage"), "{done:?}");
    let done = place.run(&["coverage", "--format", "coverage", "-o", "no/such/x", "t.moviola"]);
    assert!(done.code == 2 && done.err.contains("no/such/x"), "{done:?}");
}

#[test]
fn the_moves_of_a_forked_child_go_on_where_it_began() {
    let place = Place::new();
    let code = "\
import os
def f(n):
    pid = os.fork()
    if pid == 0:
        os._exit(n)
    os.waitpid(pid, 0)
f(2)
";
    place.write("p.py", code);
    place.record(&["p.py"]);
    let args = ["coverage", "--format", "coverage", "--branch", "-o", "got", "t.child-1.moviola"];
    assert_eq!(place.run(&args).code, 0);
    let look = "import sqlite3; print(sorted(sqlite3.connect('got').execute('select fromno, tono from arc')))";
    assert_eq!(place.plain(&["-c", look]).out.trim(), "[(3, 4), (4, 5)]");
}
