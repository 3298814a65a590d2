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
