//! `moviola coverage`: exact hit counts.

use crate::util::{Place, feed, names, python};
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
    assert!(text.out.contains("p.py") && text.out.contains("88%   10\n"), "{}", text.out);
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
def same(where, want, got):
    if isinstance(want, dict):
        for key in want:
            assert key in got, (where, key, sorted(got))
            same(where + (key,), want[key], got[key])
    elif where[-1].endswith("branches") and isinstance(want, list):
        assert sorted(map(tuple, want)) == sorted(map(tuple, got)), (where, want, got)
    else:
        assert want == got, (where, want, got)
want, got = (json.load(open(path)) for path in sys.argv[1:3])
assert want["files"] and want["totals"]["num_statements"], want
assert want["files"].keys() == got["files"].keys(), (want["files"].keys(), got["files"].keys())
for key in ("files", "totals"):
    same((key,), want[key], got[key])
"#;

#[test]
fn programs_have_the_coverage_that_coverage_py_measures() {
    let place = Place::new();
    let Some(exe) = place.python_with("coverage==7.17.3") else { return };
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
    place.write("look.py", LOOK);
    place.write("rc", "[run]\nbranch = True\nsource = .\ncore = ctrace\n");
    let live = |args: &[&str]| {
        let mut command = place.command(&exe);
        feed(command.args(args), "")
    };
    let ours = |args: &[&str]| {
        let done = place.run(&[&["coverage", "--rcfile", "rc"], args, &["t.moviola"]].concat());
        assert_eq!(done.code, 0, "{args:?} {done:?}");
    };
    let theirs = |from: &str, to: &str, name: &str| {
        let (from, include) = (format!("--data-file={from}"), format!("--include={name}"));
        live(&["-m", "coverage", "json", "--rcfile=rc", "-q", "-o", to, &include, &from]);
    };
    for program in
        PROGRAMS.iter().chain(&["../e2e/programs/one_line", "../e2e/programs/statements"])
    {
        let name = format!("{}.py", program.rsplit('/').next().unwrap());
        let source = corpus.join(format!("{program}.py"));
        std::fs::copy(source, place.work().join(&name)).unwrap();
        live(&["-m", "coverage", "run", "--rcfile=rc", "--data-file=want", &name]);
        place.run(&["record", "--python", &exe, "-o", "t.moviola", &name]);
        // Through the data file and coverage.py's own report, and by the report of our own.
        ours(&["--format", "coverage", "-o", "got"]);
        theirs("want", "want.json", &name);
        theirs("got", "got.json", &name);
        ours(&["--format", "json", "--include", &name, "-o", "own.json"]);
        // What is recorded with nothing else says the same.
        let detail = ["record", "--detail", "coverage", "--branch", "--python", &exe];
        place.run(&[&detail[..], &["-o", "t.moviola", &name]].concat());
        ours(&["--format", "json", "--include", &name, "-o", "seen.json"]);
        ours(&["--format", "coverage", "-o", "got"]);
        theirs("got", "seen2.json", &name);
        for got in ["got.json", "own.json", "seen.json", "seen2.json"] {
            let done = live(&["look.py", "want.json", got]);
            assert_eq!(done.code, 0, "{program} {got}: {done:?}");
        }
    }
    // The data file goes where theirs go.
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

/// A package with most of what a report has to tell apart, and a program that uses a part of it.
const PACKAGE: [(&str, &str); 6] = [
    ("other.py", "def g():\n    return 1\n"),
    ("src/pkg/__init__.py", ""),
    ("src/pkg/sub/__init__.py", "x = 1\n"),
    ("src/pkg/sub/unused.py", "def f():\n    if 1:\n        return 2\n    return 3\n"),
    (
        "main.py",
        "\
import sys
sys.path.insert(0, 'src')
from pkg.core import cached, Thing, multi
import link
exec(compile('x = 1; y = 2', 'other_text.py', 'exec'))
cached(1)
t = Thing()
print(t.a, t.multi([1, 2]), t.multi({'k': 0}), multi())
if t.x > 5:
    print('big')
else:
    print('small')
",
    ),
    (
        "src/pkg/core.py",
        "\
'''Doc.'''
import functools
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import os

@functools.lru_cache(
    maxsize=None)
def cached(n):
    '''Doc
    of it.'''
    if n > 3:
        return n
    elif n == 2:  # pragma: no branch
        n += 1
    return (n +
            cached(n + 1))

class Thing:
    @property
    def a(self):
        for i in range(3):
            if i == 1:
                continue
            try:
                with open('/dev/null') as f, \\
                        open('/dev/null') as g:
                    f.read()
            except OSError:  # pragma: no cover
                return 5
            finally:
                self.x = i
        else:
            return 9
        return 3

    def never(self):
        while True:
            if self.a:
                break
        def inner(x): return x if x else [y for y in x]
        return inner

    def proto(self): ...

    def multi(self, v):
        match v:
            case [a, b]:
                return a
            case {'k': c} if c:
                return c
            case _:
                pass
        more = lambda q: (
            q + 1)
        return more(1)
def multi():
    pass
def multi():
    return 1
",
    ),
];

/// Makes reports say whether a line ran, not how often, and not who wrote them when.
const FLAT: &str = r#"
import re, sys
for path in sys.argv[1:]:
    text = open(path).read()
    text = re.sub(r"^(DA:\d+|BRDA:.*),[1-9]\d*$", r"\1,1", text, flags=re.M)
    text = re.sub(r"^FNDA:[1-9]\d*", "FNDA:1", text, flags=re.M)
    text = re.sub(r'hits="[1-9]\d*"', 'hits="1"', text)
    text = re.sub(r"<\?xml.*\?>|<!-- Generated by .*-->|(version|timestamp)=\S*", "", text)
    head = lambda found: " ".join(sorted(found[0].strip("<>").split()))
    text = re.sub(r"<coverage .*>", head, text)
    open(path, "w").write(text.strip())
"#;

#[test]
fn every_format_is_that_of_coverage_py() {
    let place = Place::new();
    let Some(exe) = place.python_with("coverage==7.17.3") else { return };
    for (name, text) in PACKAGE {
        place.write(name, text);
    }
    // A file by another name, and code that bears the name of a file it is not from.
    std::os::unix::fs::symlink("other.py", place.work().join("link.py")).unwrap();
    place.write("other_text.py", "a = 1\nb = 2\nif a:\n    c = 3\nd = 4\n");
    place.write("look.py", LOOK);
    place.write("flat.py", FLAT);
    let live = |args: &[&str]| {
        let mut command = place.command(&exe);
        let done = feed(command.args(args), "");
        assert_eq!(done.code, 0, "{args:?} {done:?}");
        done.out
    };
    let read = |name: &str| std::fs::read_to_string(place.work().join(name)).unwrap();
    place.run(&["record", "--python", &exe, "-o", "t.moviola", "main.py"]);
    for (branch, source) in [("True", "."), ("False", "src"), ("True", "pkg"), ("True", "src")] {
        let settings = format!("[run]\nbranch = {branch}\nsource = {source}\ncore = ctrace\n");
        place.write("rc", &settings);
        live(&["-m", "coverage", "run", "--rcfile=rc", "--data-file=want.data", "main.py"]);
        let theirs = |args: &[&str]| {
            live(&[&["-m", "coverage"], args, &["--rcfile=rc", "--data-file=want.data"]].concat())
        };
        let ours = |args: &[&str]| {
            let all = [&["coverage", "--rcfile", "rc", "--format"], args, &["t.moviola"]].concat();
            let done = place.run(&all);
            assert_eq!((done.code, &*done.err), (0, ""), "{all:?}");
            done.out
        };
        assert_eq!(theirs(&["report", "-m"]), ours(&["text"]));
        let options = ["--sort=-cover", "--skip-covered", "--skip-empty", "--precision=2"];
        let want = theirs(&[&["report", "-m"], &options[..]].concat());
        assert_eq!(want, ours(&[&["text"], &options[..]].concat()));
        theirs(&["json", "-q", "-o", "want.json"]);
        ours(&["json", "-o", "got.json"]);
        live(&["look.py", "want.json", "got.json"]);
        theirs(&["annotate", "-d", "want.d"]);
        ours(&["annotate", "-o", "got.d"]);
        let want = names(&place.work().join("want.d"));
        assert_eq!(want, names(&place.work().join("got.d")));
        for name in want {
            assert_eq!(read(&format!("want.d/{name}")), read(&format!("got.d/{name}")));
        }
        for format in ["lcov", "xml"] {
            let (want, got) = (format!("want.{format}"), format!("got.{format}"));
            theirs(&[format, "-q", "-o", &want]);
            ours(&[format, "-o", &got]);
            live(&["flat.py", &want, &got]);
            assert_eq!(read(&want), read(&got));
        }
        for name in ["want.d", "got.d"] {
            std::fs::remove_dir_all(place.work().join(name)).unwrap();
        }
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
for name, call in (('one', one), ('two' * 40, two)):
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
        // A name of any length.
        format!(
            "[[''], ['', 't.py::test_one|run'], ['t.py::test_{}|run']] False",
            "two".repeat(40)
        ),
        "{done:?}"
    );
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

#[test]
fn settings_thresholds_and_changed_sources() {
    let place = Place::new();
    place.write("p.py", PROGRAM);
    place.write("q.py", "import sys\nif len(sys.argv) > 1:\n    x = 1\nelse:\n    x = 2\n");
    place.write(
        "never.py",
        "# -*- coding: latin-1 -*-\nx = 1\nif x:\n    y = 2  # pragma: no cover\n",
    );
    place.record(&["p.py"]);
    for (to, args) in [("q1.moviola", &["q.py"][..]), ("q2.moviola", &["q.py", "more"])] {
        place.run(&[&["record", "--python", &python(), "-o", to], args].concat());
    }
    let run = |args: &[&str]| place.run(&[&["coverage"], args].concat());
    let row = |done: &crate::util::Done, name: &str| -> String {
        let found = done.out.lines().find(|line| line.starts_with(name));
        found.unwrap_or_default().split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    // Several recordings are one.
    assert_eq!(row(&run(&["--branch", "q1.moviola"]), "q.py"), "4 1 2 1 67% 3");
    assert_eq!(row(&run(&["--branch", "q1.moviola", "q2.moviola"]), "q.py"), "4 0 2 0 100%");
    // The source as it was recorded counts, and it is said.
    std::fs::write(place.work().join("q.py"), "x = 1\n").unwrap();
    let done = run(&["q1.moviola"]);
    assert_eq!(row(&done, "q.py"), "4 1 75% 3");
    assert!(done.err.contains("q.py` has changed since it was recorded"), "{done:?}");
    std::fs::remove_file(place.work().join("q.py")).unwrap();
    assert_eq!(run(&["q1.moviola"]).err, "");
    // Files that never ran are there with a source; exclusions and settings files count.
    let done = run(&["--source", ".", "t.moviola"]);
    assert_eq!(row(&done, "never.py"), "2 2 0% 2-3", "{done:?}");
    place.write(
        "pyproject.toml",
        "[tool.coverage.run]\nbranch = true\nsource = ['.']\n[tool.coverage.report]\nfail_under = 60\nexclude_also = ['if i > 10:']\nomit = ['nev*']\n",
    );
    let done = run(&["t.moviola"]);
    assert_eq!((row(&done, "p.py"), done.code), ("6 0 2 0 100%".to_owned(), 0), "{done:?}");
    assert!(!done.out.contains("never.py"), "{done:?}");
    let done = run(&["--omit", "x", "--fail-under", "99.5", "t.moviola"]);
    assert!(done.code == 1 && done.err.contains("is less than --fail-under 99.5"), "{done:?}");
    assert!(done.out.contains("TOTAL"), "{done:?}");
    for (args, part) in [
        (&["--rcfile", "no.rc"][..], "no.rc"),
        (&["--include", "a**b"], "a**b"),
        (&["--sort", "size"], "size"),
        (&["--fail-under", "101"], "from 0 to 100"),
        (&["--include", "no/such"], "--source or --include"),
        (&["--source", "./nodir"], "nodir"),
        (&["--format", "html", "-o", "no/such/dir.html"], "no/such/dir.html"),
        (&["--format", "coverage", "-o", "."], "is no ordinary file"),
        (&["--format", "coverage", "-o", "-"], "cannot go to standard output"),
    ] {
        let done = run(&[args, &["t.moviola"]].concat());
        assert!(done.code == 2 && done.err.contains(part), "{args:?} {done:?}");
    }
    let done = run(&["--format", "json", "-o", "-", "t.moviola"]);
    assert!(done.code == 0 && done.out.starts_with("{\"files\":"), "{done:?}");
    assert!(!place.work().join("-").exists());
    // What Python could not compile is not reported, but said.
    place.write("bad.py", "# coding: nosuch\nx = 1\n");
    let done = run(&["t.moviola"]);
    assert!(done.code == 2 && done.err.contains("bad.py` is no Python: unknown encoding: nosuch"));
    std::fs::remove_file(place.work().join("bad.py")).unwrap();
    // A reader that goes away early is no error.
    let command = format!("{} coverage t.moviola | head -1", env!("CARGO_BIN_EXE_moviola"));
    let mut shell = place.command("bash");
    let done = feed(shell.args(["-o", "pipefail", "-c", &command]), "");
    assert_eq!((done.code, &*done.err), (0, ""), "{done:?}");
}

/// Files of the standard library whose statements or moves are known to differ, with the reason.
const DIFFERENT: [(&str, &str); 4] = [
    ("/threading.py", "coverage.py measures what it runs of it itself"),
    ("/tokenize.py", "coverage.py measures what it runs of it itself"),
    (
        "/test/test_posix.py",
        "3.11: a function in code that is never reached, see `code/possible.rs`",
    ),
    ("/test/test_sys_settrace.py", "3.11: as above"),
];

/// Files that the parser takes and the compiler does not.
const NO_CODE: &str = "/test/(badsyntax_.*|.*/bad(syntax)?_.*).py$";

const LIBRARY: &str = r#"
import json, re, sys
want, got = (json.load(open(path))["files"] for path in sys.argv[1:3])
different, no_code = json.loads(sys.argv[3]), re.compile(sys.argv[4])
def facts(file):
    keys = ("missing_lines", "excluded_lines", "missing_branches")
    names = {kind: sorted(file[kind]) for kind in ("functions", "classes")}
    return {key: sorted(map(str, file[key])) for key in keys} | names
same = sum(facts(want[name]) == facts(got.get(name, want[name])) for name in want)
bad = [name for name in want if name not in got or facts(want[name]) != facts(got[name])]
bad += [name for name in got if name not in want and not no_code.search(name)]
lines = sum(len(file["missing_lines"]) for file in want.values())
ways = sum(len(file["missing_branches"]) for file in want.values())
print(f"{same} of {len(want)} files ({100 * same / len(want):.2f} %), {lines} statements, {ways} branches")
bad = [name for name in bad if not name.endswith(tuple(different))]
assert lines and ways and not bad, bad
"#;

/// With MOVIOLA_WHOLE_LIBRARY, its tests too, which takes minutes: `cargo xtask library`.
#[test]
fn the_standard_library_has_the_statements_and_branches_that_coverage_py_sees() {
    let place = Place::new();
    let Some(exe) = place.python_with("coverage==7.17.3") else { return };
    let live = |args: &[&str]| {
        let mut command = place.command(&exe);
        let done = feed(command.args(args), "");
        assert_eq!(done.code, 0, "{args:?} {done:?}");
        done.out
    };
    let library = live(&["-c", "import os; print(os.path.dirname(os.__file__))"]);
    let omit = match std::env::var_os("MOVIOLA_WHOLE_LIBRARY") {
        Some(_) => "*/site-packages/*",
        None => {
            "*/site-packages/*,*/test/*,*/tests/*,*/idlelib/*,*/lib2to3/*,*/encodings/*,*/pydoc_data/*"
        }
    };
    let settings = format!(
        "[run]\nbranch = True\nsource = {}\ncore = ctrace\ndisable_warnings = already-imported\n\
        [report]\nignore_errors = True\ninclude_namespace_packages = True\nomit = {omit}\n",
        library.trim()
    );
    place.write("rc", &settings);
    place.write("p.py", "x = 1\n");
    place.write("look.py", LIBRARY);
    live(&["-m", "coverage", "run", "--rcfile=rc", "p.py"]);
    live(&["-m", "coverage", "json", "--rcfile=rc", "-q", "-o", "want.json"]);
    place.run(&["record", "--python", &exe, "-o", "t.moviola", "p.py"]);
    let done = place.run(&[
        "coverage",
        "--rcfile",
        "rc",
        "--format",
        "json",
        "-o",
        "got.json",
        "t.moviola",
    ]);
    assert_eq!(done.code, 0, "{done:?}");
    let different: Vec<&str> = DIFFERENT.iter().map(|(name, _)| *name).collect();
    let different = serde_json::to_string(&different).unwrap();
    let share = live(&["look.py", "want.json", "got.json", &different, NO_CODE]);
    // The harness shows what a test writes to its own standard error.
    let text = format!("as coverage.py sees them: {share}");
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
}

#[test]
fn recordings_of_coverage_only_say_what_they_lack() {
    let place = Place::new();
    place.write("p.py", PROGRAM);
    let code = "\
import os, threading
def f(n):
    if n:
        return 1
    return 2
def child():
    f(0)
    os._exit(0)
if os.fork() == 0:
    child()
os.wait()
thread = threading.Thread(target=f, args=(1,))
thread.start()
thread.join()
";
    place.write("q.py", code);
    let record = |args: &[&str]| {
        let python = python();
        place.run(&[&["record", "--python", &python, "-o", "t.moviola"], args].concat())
    };
    let run = |args: &[&str]| place.run(args);
    let plain = place.plain(&["p.py"]);
    let done = record(&["--detail", "coverage", "p.py"]);
    assert_eq!((&plain.out, &plain.err, plain.code), (&done.out, &done.err, done.code));
    let done = run(&["coverage", "--format", "lcov", "t.moviola"]);
    assert!(done.err.contains("it has no hit counts"), "{done:?}");
    for line in ["DA:1,1", "DA:2,1", "DA:8,1", "DA:10,0", "LF:8", "LH:7"] {
        assert!(done.out.lines().any(|l| l == line), "{line}: {done:?}");
    }
    for (args, part) in [
        (&["coverage", "--branch"][..], "without --branch"),
        (&["replay"], "--detail coverage"),
        (&["trace", "-t"], "--detail coverage"),
        (&["export"], "--detail coverage"),
    ] {
        let done = run(&[args, &["t.moviola"]].concat());
        assert!(done.code > 1 && done.err.contains(part) && done.out.is_empty(), "{done:?}");
    }
    assert_eq!(run(&["verify", "t.moviola"]).code, 0);
    assert_eq!(place.info("t.moviola")["meta"]["detail"], "coverage");
    let done = record(&["--branch", "p.py"]);
    assert!(done.code == 2 && done.err.contains("--detail coverage"), "{done:?}");
    // Children and threads: each process has its own, and together they are the whole.
    assert_eq!(record(&["--detail", "coverage", "--branch", "q.py"]).code, 0);
    let row = |traces: &[&str]| {
        let done = run(&[&["coverage", "--branch"], traces].concat());
        let row = done.out.lines().find(|line| line.starts_with("q.py")).unwrap_or_default();
        row.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row(&["t.moviola"]), "14 4 4 2 67% 5, 7-8, 10");
    assert_eq!(row(&["t.moviola", "t.child-1.moviola"]), "14 0 4 0 100%");
}
