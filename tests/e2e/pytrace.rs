//! `moviola trace` against `python -m trace` on the same programs: `.cover` files byte for byte, the
//! summary, the lines as they ran, functions and calls, and the counts file in both directions.

use crate::util::Place;
use std::collections::BTreeMap;
use std::path::Path;

/// Programs that run the same under `python -m trace`, which some do not survive.
const PROGRAMS: [&str; 22] = [
    "c01_alias",
    "c03_buffers",
    "c05_defaults",
    "c09_descriptors",
    "c13_weakrefs",
    "c15_async",
    "c21_exc_groups",
    "c25_sys_exit",
    "c33_bigint",
    "c35_unicode",
    "c37_big_list",
    "c39_selfref",
    "c47_oneliners",
    "c49_own_setprofile",
    "c65_hot_loops",
    "c69_memory",
    "c88_known_midway",
    "c90_odd_names",
    "c93_told_fields",
    "c94_second_init",
    "c95_hostile_special",
    "c99_c_writes",
];

const IGNORE: [&str; 2] = ["--ignore-dir", "$prefix:$exec_prefix"];

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap();
    let read = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
    };
    entries.map(|entry| read(entry.unwrap())).collect()
}

fn part<'t>(text: &'t str, from: &str) -> &'t str {
    text.find(from).map_or("", |at| &text[at..])
}

/// Rows of the summary: what the program prints at its end follows them.
fn summary(text: &str) -> Vec<&str> {
    let rows = part(text, "lines   cov%").lines();
    rows.filter(|line| line.starts_with("lines ") || line.contains('%')).collect()
}

/// Lines of `-t`: the program's own output is between them.
fn steps(text: &str) -> Vec<&str> {
    let is_step = |line: &&str| {
        let place = line.split_once("):").and_then(|(place, _)| place.split_once('('));
        line.starts_with(" --- modulename: ")
            || place.is_some_and(|(file, number)| {
                !file.contains(' ') && number.bytes().all(|byte| byte.is_ascii_digit())
            })
    };
    text.lines().filter(is_step).collect()
}

/// What concerns the program itself: `trace` has imported modules before that the program imports.
fn own<'t>(text: &'t str, program: &str, from: &str) -> Vec<&'t str> {
    let file = format!("modulename: {program}, ");
    let (called, end) = (format!("    {program}."), format!(" -> {program}."));
    let lines = part(text, from).lines();
    lines
        .filter(|line| line.contains(&file) || (line.starts_with(&called) && line.contains(&end)))
        .collect()
}

#[test]
fn all_reports_are_those_of_pythons_own_module() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
    let mut functions = 0;
    for program in PROGRAMS {
        let place = Place::new();
        let name = format!("{program}.py");
        let text = std::fs::read_to_string(corpus.join(&name)).unwrap();
        place.write(&name, &text);
        let live = |options: &[&str]| {
            let args = [&["-m", "trace"], options, &[&*name]].concat();
            place.plain(&args).out
        };
        place.record(&[&*name]);
        let told = |options: &[&str]| {
            let done = place.run(&[&["trace"], options, &["t.moviola"]].concat());
            let told = done.err.lines().all(|line| line.contains(": gap at @"));
            assert!(done.code == 0 && told, "{program}: {done:?}");
            done.out
        };
        let cover = ["-c", "-m", "-s", "-C"];
        let want = live(&[&cover[..], &["want"], &IGNORE].concat());
        let got = told(&[&cover[..], &["got"], &IGNORE].concat());
        let (wanted, found) = (files(&place.work().join("want")), files(&place.work().join("got")));
        assert_eq!(
            wanted.keys().collect::<Vec<_>>(),
            found.keys().collect::<Vec<_>>(),
            "{program}"
        );
        for (file, bytes) in wanted {
            let (want, got) =
                (String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&found[&file]));
            assert_eq!(want, got, "{program}: {file}");
        }
        assert_eq!(summary(&want), summary(&got), "{program}");
        let (want, got) =
            (live(&[&["-t"], &IGNORE[..]].concat()), told(&[&["-t"], &IGNORE[..]].concat()));
        let (want, got) = (steps(&want), steps(&got));
        assert!(!want.is_empty());
        assert_eq!(want, got, "{program}");
        for (option, from) in [("-l", "functions called:"), ("-T", "calling relationships:")] {
            let (want, got) = (live(&[option]), told(&[option]));
            functions += own(&want, program, from).len();
            assert_eq!(own(&want, program, from), own(&got, program, from), "{program} {option}");
        }
    }
    assert!(functions > 200, "{functions}");
}

#[test]
fn counts_files_go_both_ways() {
    let place = Place::new();
    place.write(
        "p.py",
        "def f(n):\n    return n\nfor i in range(3):\n    f(i)\nif i > 5:\n    f(9)\n",
    );
    place.record(&["p.py"]);
    let run = |args: &[&str]| {
        let done = place.run(args);
        assert_eq!(done.code, 0, "{done:?}");
        done
    };
    let first = run(&["trace", "-c", "-f", "counts", "-C", "a", "t.moviola"]);
    assert!(first.err.contains("Skipping counts file"), "{first:?}");
    run(&["trace", "-c", "-f", "counts", "-C", "a", "t.moviola"]);
    // 3.14 shows a decimal.
    let format = ["--version-format", "3.14"];
    let tenths =
        run(&[&["trace", "-c", "-m", "-s", "-C", "a"], &format[..], &["t.moviola"]].concat());
    assert!(tenths.out.contains("    6   83.3%   p   (p.py)"), "{tenths:?}");
    // Python's module reads ours, and adds a run of its own.
    let python_says = place.plain(&["-m", "trace", "-r", "-f", "counts", "-m", "-s", "-C", "b"]);
    assert!(python_says.out.contains("   83%   p   (p.py)"), "{python_says:?}");
    let cover = std::fs::read_to_string(place.work().join("b/p.cover")).unwrap();
    assert!(
        cover.contains("    6:     return n\n") && cover.contains(">>>>>>     f(9)\n"),
        "{cover}"
    );
    place.plain(&["-m", "trace", "-c", "-R", "-f", "counts", "-C", "b", "p.py"]);
    place.plain(&["-m", "trace", "-c", "-f", "counts", "-C", "b", "p.py"]);
    // And we read Python's.
    run(&["trace", "-c", "-m", "-f", "counts", "-C", "c", "t.moviola"]);
    let cover = std::fs::read_to_string(place.work().join("c/p.cover")).unwrap();
    assert!(
        cover.contains("   12:     return n\n") && cover.contains(">>>>>>     f(9)\n"),
        "{cover}"
    );
}

#[test]
fn what_does_not_go_together_is_refused() {
    let place = Place::new();
    place.write("p.py", "x = 1\n");
    place.record(&["p.py"]);
    for (code, args, text) in [
        (2, &["-r"] as &[&str], "-r/--report requires -f/--file"),
        (2, &["-l", "-c", "t.moviola"], "cannot specify both --listfuncs and (--trace or --count)"),
        (2, &["-s", "-t", "t.moviola"], "--summary can only be used with --count or --report"),
        (2, &["-c"], "a recording is missing"),
        (2, &["-r", "-f", "p.py"], "it is no counts file of `trace`"),
        (3, &["-t", "p.py"], "not a Moviola trace"),
    ] {
        let done = place.run(&[&["trace"], args].concat());
        assert!(done.code == code && done.err.contains(text), "{args:?}: {done:?}");
    }
    // Without an option, the lines; and nothing of what ran before the program.
    let done = place.run(&["trace", "t.moviola"]);
    assert!(done.out.starts_with(" --- modulename: p, funcname: <module>\np.py(1):"), "{done:?}");
}

const FORKS: &str = "\
import os, time
def f(n):
    a = n
    pid = os.fork()
    if pid == 0:
        a += 1
        os._exit(a)
    os.waitpid(pid, 0)
    time.sleep(0.25)
    return a
f(2)
";

#[test]
fn a_forked_childs_lines_go_on_where_it_began() {
    let place = Place::new();
    place.write("p.py", FORKS);
    place.record(&["p.py"]);
    let lines = |args: &[&str], trace: &str| {
        let done = place.run(&[&["trace", "-t"], args, &IGNORE, &[trace]].concat());
        let places = done.out.lines().filter_map(|line| line.split_once("):"));
        places.map(|(place, _)| format!("{place})")).collect::<Vec<_>>()
    };
    assert_eq!(lines(&[], "t.child-1.moviola"), ["p.py(5)", "p.py(6)", "p.py(7)"]);
    // Seconds since the program's start.
    let times = lines(&["-g"], "t.moviola");
    let slept: Vec<f64> =
        times.iter().map(|line| line.split_once(' ').unwrap().0.parse().unwrap()).collect();
    assert_eq!(times.len(), 9, "{times:?}");
    assert!(slept.is_sorted() && slept[7] < slept[8] - 0.2 && slept[8] < 60.0, "{times:?}");
}

/// The program whose locals change in many ways, recorded here; and its lines without their text.
fn changes(place: &Place) -> String {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/e2e/programs");
    place.write("p.py", &std::fs::read_to_string(programs.join("changes.py")).unwrap());
    let done = place.record(&["p.py"]);
    assert_eq!(done.code, 0, "{done:?}");
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/truth_locals.py");
    place.plain(&[oracle.to_str().unwrap(), "p.py"]).out
}

/// Lines and changes, without texts of lines, calls, what every module has, and what has no text of
/// its own.
fn bare(text: &str) -> Vec<&str> {
    let plain = |line: &&str| {
        let place = line.split_once("):").map_or(*line, |(place, _)| place);
        place.starts_with("p.py(") || (line.starts_with("    ") && !line.contains(['<']))
    };
    let short = |line| match line {
        line if str::starts_with(line, "p.py(") => line.split_inclusive(')').next().unwrap(),
        line => line,
    };
    let lines = text.lines().filter(plain).map(short);
    let mut lines: Vec<&str> = lines.filter(|line| line.get(6..8) != Some("__")).collect();
    // Which variable of a frame comes first is not the same in all Pythons.
    lines.chunk_by_mut(|a, b| a.starts_with(' ') && b.starts_with(' ')).for_each(<[_]>::sort);
    lines
}

#[test]
fn changed_locals_are_those_that_a_tracer_sees() {
    let place = Place::new();
    let want = changes(&place);
    let done = place.run(&[&["trace", "--locals-diff"], &IGNORE[..], &["t.moviola"]].concat());
    let (want, got) = (bare(&want), bare(&done.out));
    let changed = want.iter().filter(|line| line.starts_with("    ")).count();
    assert!(changed > 40, "{changed}");
    assert_eq!(want, got);
}

#[test]
fn values_are_shown_in_one_line_of_bounded_length() {
    let place = Place::new();
    place.write(
        "p.py",
        "text = 'a' * 5000\nmany = list(range(5000))\nby = dict.fromkeys(many)\n\
         class Odd(Exception):\n    pass\nodd = Odd('x\\ny\\x1b[31m')\nmany[4000] = 1\nodd = 1\n",
    );
    place.record(&["p.py"]);
    let done = place.run(&[&["trace", "--locals-diff"], &IGNORE[..], &["t.moviola"]].concat());
    let told = |name: &str| {
        let start = format!(" {name} = ");
        let lines = done.out.lines().filter(|line| line.get(5..).unwrap_or("").starts_with(&start));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(done.out.lines().all(|line| line.len() < 1400), "{done:?}");
    assert_eq!(told("text"), [format!("    + text = '{}<+3802 characters>", "a".repeat(1199))]);
    let [many] = &told("many")[..] else { panic!("{done:?}") };
    assert!(many.ends_with(" 98, 99, <+4900 more>]"), "{many}");
    let [by] = &told("by")[..] else { panic!("{done:?}") };
    assert!(by.starts_with("    + by = {0: None, ") && by.ends_with("<+4900 more>}"), "{by}");
    assert_eq!(told("odd")[0], "    + odd = Odd('x\\ny\\x1b[31m')");
}

#[test]
fn calls_are_counted_and_drawn() {
    let place = Place::new();
    changes(&place);
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/truth_calls.py");
    let want = place.plain(&[oracle.to_str().unwrap(), "p.py"]).out;
    let want: BTreeMap<String, u64> = serde_json::from_str(&want).unwrap();
    let run = |args: &[&str]| {
        let done = place.run(&[&["trace"], args, &["t.moviola"]].concat());
        assert_eq!(done.code, 0, "{done:?}");
        done.out
    };
    let text = run(&["-T", "--counts"]);
    let got: BTreeMap<String, u64> = text
        .lines()
        .filter_map(|line| {
            let (pair, calls) = line.strip_prefix("    ")?.strip_suffix(')')?.rsplit_once(" (")?;
            Some((pair.to_owned(), calls.parse().unwrap()))
        })
        .collect();
    assert!(want.len() > 5 && want["p.<module> -> p.count"] >= 3, "{want:?}");
    assert_eq!(want, got);
    let functions = run(&["-l", "--counts"]);
    assert!(functions.contains("modulename: p, funcname: add, calls: 2\n"), "{functions}");
    let dot = run(&["-T", "--counts", "--format", "dot"]);
    let arrows = dot.lines().filter(|line| line.contains(" -> ")).count();
    assert!(dot.starts_with("digraph calls {\n") && arrows == want.len(), "{dot}");
    assert!(dot.contains("label=\"p.<module>\"") && dot.contains("[label=\"2\"];"), "{dot}");
    let mermaid = run(&["-T", "--format", "mermaid"]);
    let arrows = mermaid.lines().filter(|line| line.contains(" --> ")).count();
    assert!(mermaid.starts_with("flowchart LR\n") && arrows == want.len(), "{mermaid}");
    assert!(mermaid.contains("[\"p.#60;module#62;\"]"), "{mermaid}");
}

const THREADS: &str = "\
import threading
def work(n):
    for i in range(n):
        step(i)
def step(i):
    return i
for n in (1, 2):
    thread = threading.Thread(target=work, args=(n,), name=f'W\\n{n}')
    thread.start()
    thread.join()
step(9)
";

#[test]
fn threads_and_parts_by_themselves() {
    let place = Place::new();
    place.write("p.py", THREADS);
    place.record(&["p.py"]);
    let run = |args: &[&str]| {
        let done = place.run(&[&["trace"], args, &IGNORE[..], &["t.moviola"]].concat());
        assert_eq!(done.code, 0, "{done:?}");
        done.out
    };
    let lines = |args: &[&str]| {
        let text = run(args);
        let lines = text.lines().filter_map(|line| line.strip_prefix("p.py("));
        lines.map(|line| line.split_once(')').unwrap().0.parse().unwrap()).collect::<Vec<u32>>()
    };
    let all = lines(&["-t"]);
    assert_eq!(lines(&["-t", "--per-thread"]), all);
    assert_eq!(lines(&["--thread", "2"]), [3, 4, 6, 3, 4, 6, 3]);
    assert_eq!(lines(&["--thread", "W\\n1"]), [3, 4, 6, 3]);
    let main = lines(&["--thread", "MainThread"]);
    assert_eq!(main.len() + 7 + 4, all.len());
    let marked = run(&["--per-thread"]);
    let marks: Vec<_> = marked.lines().filter(|line| line.starts_with(" --- thread: ")).collect();
    assert!(marks.len() >= 5 && marks[1] == " --- thread: 1, name: W\\n1", "{marks:?}");
    // Parts join without a gap and without an overlap.
    let parts = [["start", "@2000"], ["@2001", "end"]];
    let parts: Vec<u32> =
        parts.iter().flat_map(|[from, to]| lines(&["--between", from, to])).collect();
    assert_eq!(parts, all);
    // The position of the last line: the first that a part must reach to have it.
    let (mut before, mut last) = (0, 1_000_000);
    while last - before > 1 {
        let middle = (before + last) / 2;
        let part = [
            "trace",
            "--between",
            "start",
            &format!("@{middle}"),
            IGNORE[0],
            IGNORE[1],
            "t.moviola",
        ];
        let done = place.run(&part);
        let whole = done.code == 2 || done.out.contains("p.py(11):");
        (before, last) = if whole { (before, middle) } else { (middle, last) };
    }
    assert_eq!(lines(&["--between", &format!("@{last}"), &format!("@{last}")]), [11]);
    // Reports of each thread, in files of its own.
    let text = run(&["-c", "-s", "--per-thread", "-C", "out", "-f", "counts"]);
    assert!(text.contains("\nthread 2 (W\\n2):\n"), "{text}");
    let cover = |thread: u32| {
        let path = place.work().join(format!("out/thread-{thread}/p.cover"));
        std::fs::read_to_string(path).unwrap()
    };
    assert!(cover(2).contains("    3:     for i in range(n):"), "{}", cover(2));
    assert!(cover(0).contains("    1: step(9)"), "{}", cover(0));
    // The counts file has all of them.
    let sum = place.run(&["trace", "-r", "-f", "counts", "-C", "sum"]);
    assert_eq!(sum.code, 0, "{sum:?}");
    let cover = std::fs::read_to_string(place.work().join("sum/p.cover")).unwrap();
    assert!(cover.contains("    4:     return i") && cover.contains("    1: step(9)"), "{cover}");
    for (args, text) in [
        (&["--thread", "7"] as &[&str], "there are: 0 (MainThread), 1 (W\\n1), 2 (W\\n2)"),
        (&["--between", "@9", "@3"], "the first is behind the second"),
        (&["--between", "@1", "@99999999"], "is no position of this trace"),
        (&["--per-thread", "t.moviola"], "--per-thread takes one recording"),
        (&["--per-thread", "-c"], "--per-thread with --count requires -C/--coverdir"),
        (&["--locals-diff", "-c"], "--locals-diff can only be used with --trace"),
        (&["--counts"], "--counts can only be used with --listfuncs or --trackcalls"),
        (&["-T", "--counts", "-f", "x"], "cannot specify both --counts and --file"),
        (&["--format", "dot", "-l"], "--format can only be used with --trackcalls"),
    ] {
        let done = place.run(&[&["trace"], args, &["t.moviola"]].concat());
        assert!(done.code == 2 && done.err.contains(text), "{args:?}: {done:?}");
    }
}

const ODD_THREADS: &str = "\
import functools, os, threading, time
def work(n=1):
    return n
class Lambda(threading.Thread):
    run = lambda self: work(2)
class Wrapped(threading.Thread):
    @functools.wraps(work)
    def run(self):
        work(3)
partial = threading.Thread()
partial.run = functools.partial(work, 4)
for thread in (Lambda(), Wrapped(), partial):
    thread.start()
    thread.join()
def child():
    return 5
def forks():
    if os.fork() == 0:
        child()
        os._exit(0)
    os.wait()
thread = threading.Thread(target=forks)
thread.start()
thread.join()
";

#[test]
fn threads_begin_where_they_run_whatever_runs() {
    let place = Place::new();
    place.write("p.py", ODD_THREADS);
    place.record(&["p.py"]);
    let lines = |trace: &str| {
        let done = place.run(&[&["trace", "-t"], &IGNORE[..], &[trace]].concat());
        let lines = done.out.lines().filter_map(|line| line.strip_prefix("p.py("));
        lines.map(|line| line.split_once(')').unwrap().0.parse().unwrap()).collect::<Vec<u32>>()
    };
    let all = lines("t.moviola");
    assert_eq!(all.iter().filter(|line| **line == 3).count(), 3, "{all:?}");
    assert_eq!(lines("t.child-1.moviola"), [19, 16, 20]);
}

#[test]
fn odd_names_and_counts_files_break_nothing() {
    let place = Place::new();
    place.write(
        "p.py",
        "globals()['x\\n    + fake = 1'] = 1\nglobals()['\\ud800'] = 1\nglobals()['\\udfff'] = 2\n\
         def f():\n    pass\nf.__code__ = f.__code__.replace(co_name=\"%%{init: 1}%%\\n&lt;\")\nf()\n",
    );
    place.record(&["p.py"]);
    let run = |args: &[&str]| place.run(&[&["trace"], args, &["t.moviola"]].concat());
    let told = run(&[&["--locals-diff"], &IGNORE[..]].concat()).out;
    assert!(told.contains("    + x\\n    + fake = 1 = 1\n"), "{told}");
    assert!(told.contains("    + \\ud800 = 1\n") && told.contains("    + \\udfff = 2\n"), "{told}");
    assert!(told.contains("funcname: %%{init: 1}%%\\n&lt;\n"), "{told}");
    let mermaid = run(&["-T", "--format", "mermaid"]).out;
    assert!(!mermaid.contains("%%") && !mermaid.contains('{'), "{mermaid}");
    assert!(run(&["-T", "--format", "dot"]).out.contains("&amp;lt;"));
    let nested = [b"\x80\x02N".to_vec(), vec![0x85; 200_000], b".".to_vec()].concat();
    std::fs::write(place.work().join("deep"), nested).unwrap();
    let done = place.run(&["trace", "-r", "-f", "deep"]);
    assert!(done.code == 2 && done.err.contains("no counts file"), "{done:?}");
}
