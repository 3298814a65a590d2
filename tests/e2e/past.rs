//! What the debugger tells that pdb cannot, each against another way to the same answer; and the options
//! of `moviola replay`.

use crate::travel::{recorded, session, walk};
use crate::util::{Done, Place, feed, python};

const PROGRAM: &str = "\
def inner(xs, k=2):
    xs.append(k)
    k += 1
    return k
def outer(n):
    xs = []
    for i in range(n):
        if i == 1:
            inner(xs)
        elif i == 9:
            inner(None)
        else:
            xs.append(i)
    return len(xs)
def never():
    return 1
outer(4)
outer(2)
try:
    inner(None)
except AttributeError:
    pass
def numbers():
    yield 1
    yield 2
for number in numbers():
    number
";

#[test]
fn a_count_is_as_many_commands() {
    let place = recorded(PROGRAM);
    for points in [&["b 13"] as &[&str], &["b 8, i > 0", "b 3"], &["b 13", "watch i"]] {
        let all = walk(&place, points, "c");
        let back = |count: &str| walk(&place, &[points, &["goto end"]].concat(), count);
        assert!(all.len() >= 4, "{all:?}");
        for count in [1, 2, 3] {
            let every: Vec<u64> = all.iter().copied().skip(count - 1).step_by(count).collect();
            assert_eq!(walk(&place, points, &format!("c {count}")), every, "{points:?}");
            let all = back("rc");
            let every: Vec<u64> = all.iter().copied().skip(count - 1).step_by(count).collect();
            assert_eq!(back(&format!("rc {count}")), every, "{points:?}");
        }
    }
    let told = session(&place, &["tbreak 8", "b 13", "c 2", "b", "c 99", "goto", "c nothing"]);
    assert!(told[2].starts_with("Deleted breakpoint 1 at "), "{told:?}");
    assert!(told[2].contains("p.py(13)outer()"), "{told:?}");
    assert!(told[3].ends_with("hit 1 of 4 in the recording"), "{told:?}");
    assert!(told[4].starts_with("The program finished"), "{told:?}");
    // A condition that cannot be told stops on the way.
    let told = session(&place, &["b 13, inner(xs)", "c 3"]);
    assert!(told[1].contains("Breakpoint 1: condition inner(xs): "), "{told:?}");
}

#[test]
fn goto_line_finds_the_hits_of_a_breakpoint() {
    let place = recorded(PROGRAM);
    let hits = walk(&place, &["b 8"], "c");
    assert_eq!(hits.len(), 6);
    let goto = |from: u64, which: &str| {
        let from = format!("goto @{from}");
        let told = session(&place, &[&from, &format!("goto line 8 {which}"), "goto"]);
        (told[1].clone(), told[2][1..].parse::<u64>().unwrap())
    };
    assert_eq!(goto(hits[2], "next").1, hits[3]);
    assert_eq!(goto(hits[2], "").1, hits[3]);
    assert_eq!(goto(hits[2], "prev").1, hits[1]);
    assert_eq!(goto(hits[2], "first").1, hits[0]);
    assert_eq!(goto(hits[2], "last").1, hits[5]);
    let (told, at) = goto(hits[5], "next");
    assert!(told.ends_with("p.py:8 is not executed after this position"), "{told}");
    assert_eq!(at, hits[5]);
    assert!(goto(hits[0], "prev").0.ends_with("p.py:8 is not executed before this position"));
    assert!(goto(hits[0], "often").0.starts_with("*** Error in argument: '8 often'"));
    let told = session(&place, &["goto line 16 last", "j 16", "b 16", "b"]);
    assert!(told[0].ends_with("p.py:16 was never executed in the recording"), "{told:?}");
    assert!(told[1].contains("goto line N [next|prev|first|last]"), "{told:?}");
    assert!(told[3].ends_with("p.py:16\n\tnever executed in the recording"), "{told:?}");
}

/// What `list -c` says of each line: times, and whether this call has run it and will run it.
fn columns(listing: &str) -> Vec<(u32, Option<u64>, bool, bool)> {
    let rows = listing.lines().filter_map(|line| {
        let cells: Vec<&str> = line.splitn(3, '\t').collect();
        let number = cells[0].split_whitespace().next()?.parse().ok()?;
        let column = cells.get(1)?;
        Some((number, column[..8].trim().parse().ok(), column.contains('<'), column.contains('>')))
    });
    rows.collect()
}

#[test]
fn the_columns_of_a_listing_are_what_a_walk_counts() {
    let place = recorded(PROGRAM);
    let told =
        session(&place, &["b 9", "c", "l -c 1,27", "ll -c", "s", "u", "l -c 5,14", "l -c 1"]);
    let all = columns(&told[2]);
    assert_eq!(all.len(), 27, "{told:?}");
    for (line, times, ..) in &all {
        let hits = walk(&place, &[&format!("b {line}")], "c").len() as u64;
        // A program's first line is where the walk begins.
        let hits = hits + u64::from(*line == 1);
        assert_eq!(times.unwrap_or(0), hits, "line {line}: {told:?}");
        assert_eq!(times.is_none(), *line == 12, "line {line}: {told:?}");
    }
    let marked = |listing: &str, wanted: fn(bool, bool) -> bool| -> Vec<u32> {
        let rows = columns(listing).into_iter();
        rows.filter(|(.., before, later)| wanted(*before, *later)).map(|row| row.0).collect()
    };
    // At line 9 of the second turn: what the call has run, and what it will run.
    assert_eq!(marked(&told[2], |before, _| before), [6, 7, 8, 10, 13]);
    assert_eq!(marked(&told[2], |_, later| later), [7, 8, 9, 10, 13, 14]);
    assert_eq!(columns(&told[3]), all[4..14], "{told:?}");
    // In the caller of what runs, line 9 has begun.
    assert_eq!(marked(&told[6], |before, _| before), [6, 7, 8, 9, 10, 13]);
    assert_eq!(marked(&told[6], |_, later| later), [7, 8, 10, 13, 14]);
    // A blank line goes on with the columns.
    let told = session(&place, &["l -c 1,2", "", "l 1,2"]);
    assert_eq!(columns(&told[1]).first().map(|row| (row.0, row.1)), Some((3, Some(2))));
    assert!(told[2].starts_with("  1  ->\tdef inner"), "{told:?}");
}

#[test]
fn where_t_a_entry_and_rv_n() {
    let place = recorded(PROGRAM);
    let told =
        session(&place, &["b 4", "c", "w -t", "a", "a @entry", "u", "a @entry", "w", "w -t"]);
    let places: Vec<u64> = told[2]
        .lines()
        .filter_map(|line| line.strip_suffix(']')?.rsplit_once("[@")?.1.parse().ok())
        .collect();
    assert_eq!(places.len(), 3, "{told:?}");
    for (place_of, line) in
        places.iter().zip(["p.py(17)<module>()", "p.py(9)outer()", "p.py(4)inner()"])
    {
        let there = session(&place, &[&format!("goto @{place_of}")]);
        assert!(there[0].contains(line), "{there:?}");
    }
    assert_eq!(told[3], "xs = [0, 2]\nk = 3");
    assert_eq!(told[4], "xs = [0]\nk = 2");
    assert_eq!(told[6], "n = 4");
    let bare: Vec<&str> =
        told[8].lines().map(|line| line.split_once("  [@").map_or(line, |two| two.0)).collect();
    assert_eq!(bare.join("\n"), told[7]);
    // A frame that the exception has left: from the module, where it was handled.
    let told = session(&place, &["goto line 21 first", "rs", "w -t", "d", "a @entry"]);
    let lines: Vec<&str> = told[2].lines().filter(|line| line.contains("  [@")).collect();
    assert_eq!(lines.len(), 2, "{told:?}");
    assert!(lines[1].contains("p.py(2)inner()"), "{told:?}");
    assert_eq!(told[4], "xs = None\nk = 2");

    let told = session(
        &place,
        &["goto line 27 last", "rv -n 3", "rv -n 99", "rv", "rv -n 0", "goto start", "rv -n 2"],
    );
    let ends: Vec<&str> = told[1].lines().map(|line| line.rsplit_once("p.py").unwrap().1).collect();
    assert_eq!(ends, ["(14)outer()->2", "(24)numbers()->1", "(25)numbers()->2"], "{told:?}");
    let all: Vec<&str> = told[2].lines().map(|line| line.rsplit_once("->").unwrap().1).collect();
    assert_eq!(all, ["3", "4", "3", "2", "1", "2"], "{told:?}");
    assert_eq!(told[6], "*** Not yet returned!");
}

const RAISING: &str = "\
def check(n):
    if n == 1:
        raise ValueError('one')
    return n
for n in range(3):
    try:
        check(n)
    except ValueError as error:
        kept = error
try:
    {}['key']
except KeyError:
    pass
";

fn replay(place: &Place, options: &[&str]) -> Done {
    place.feed(&[&["replay"], options, &["t.moviola"]].concat(), "goto\n")
}

#[test]
fn every_exception_of_the_run() {
    let place = recorded(RAISING);
    let caught = walk(&place, &["catch exception"], "c");
    let told = session(&place, &["exceptions --all", "exceptions --all #1", "exceptions --all x"]);
    let position = |line: &str| -> u64 {
        let at = line.split_once('@').unwrap().1;
        at.split_whitespace().next().unwrap().parse().unwrap()
    };
    let positions: Vec<u64> = told[0].lines().map(position).collect();
    assert_eq!(positions, caught, "{told:?}");
    // Python may raise some of its own when it ends.
    let own = told[0].lines().filter(|line| line.contains("p.py("));
    let texts: Vec<&str> = own.map(|line| line.rsplit_once("  ").unwrap().1).collect();
    assert_eq!(texts, ["ValueError: one", "KeyError: 'key'"], "{told:?}");
    assert_eq!(told[1].lines().count() + 1, caught.len(), "{told:?}");
    assert!(told[2].starts_with("*** Error in argument: 'x'"), "{told:?}");

    let done = replay(&place, &["--exception", "1"]);
    assert!(done.out.starts_with("KeyError: 'key'\n> "), "{done:?}");
    assert!(done.out.contains(&format!("(Pdb) @{}\n", caught[1])), "{done:?}");
    let done = replay(&place, &["--exception", "99"]);
    let problem = format!("raised {} exceptions, counted from 0", caught.len());
    assert!(done.code == 2 && done.err.contains(&problem), "{done:?}");
    let done = replay(&place, &["--post-mortem"]);
    assert!(
        done.code == 2 && done.err.contains("did not end in an uncaught exception"),
        "{done:?}"
    );
    assert_eq!(replay(&place, &["--post-mortem", "--at", "start"]).code, 2);

    let place = Place::new();
    place.write("p.py", "def f():\n    1 / 0\nf()\n");
    assert_eq!(place.record(&["p.py"]).code, 1);
    let done = replay(&place, &["--post-mortem"]);
    assert!(done.out.contains("ZeroDivisionError: division by zero\n> "), "{done:?}");
    assert_eq!(done.out, replay(&place, &[]).out);
}

const HELPER: &str = "\
import other
def call(f, x):
    y = f(x)
    return y + 1
def count(n):
    for i in range(n):
        yield i
def fail():
    raise KeyError('k')
";

const SKIPPING: &str = "\
import helper
import other
def back(x):
    z = x + 1
    return z
a = helper.call(back, 1)
b = other.plain(a)
for g in helper.count(2):
    c = g
try:
    helper.fail()
except KeyError:
    d = 1
def last():
    return [helper.call(other.plain, 3)]
e = last()
a = 5
";

/// pdb with `skip=`, on a program.
const LIVE: &str = "\
import pdb, sys
sys.argv[:] = ['p.py']
target = pdb._ScriptTarget('p.py')
getattr(target, 'check', str)()
pdb.Pdb(skip=SKIP.split())._run(target)
";

/// Steps over some modules, against pdb's own.
#[test]
fn steps_pass_over_modules_as_in_bdb() {
    let place = Place::new();
    place.write("helper.py", HELPER);
    place.write("other.py", "def plain(x):\n    return x * 2\n");
    place.write("p.py", SKIPPING);
    assert_eq!(place.record(&["p.py"]).code, 0);
    // Live, the modules that import are those of pdb's own start.
    let imports = "importlib* _frozen* zipimport encodings* ";
    let step = "s\n".repeat(34);
    let mut failed = Vec::new();
    for (skip, commands) in [
        ("help[a-f]r", step.as_str()),
        ("helper", &step),
        ("*help??", &step),
        // Not to where the generator goes on: up to 3.12, pdb shows its last value there still.
        ("nothing [!h]elper", &step[..2 * 24]),
        ("helper", "b 4\nb helper:3\nc\nw\nn\nn\nr\nw\nn\nr\ns\ns\ns\n"),
        ("helper", "b helper:3\nc\nr\n"),
        ("helper", "b helper:3\nc\nunt\nw\n"),
        ("other", "b 7\nc\ns\ns\ns\ns\nw\nn\n"),
        ("helper other", "b back\nc\nr\nr\nw\nn\nn\n"),
    ] {
        let skip = imports.to_owned() + skip;
        let mut live = place.command(python());
        live.arg("-c").arg(LIVE.replace("SKIP", &format!("'{skip}'")));
        let commands = format!("{commands}p 'done'\n");
        let want = feed(&mut live, &commands).out;
        let mut args = vec!["replay", "--at", "start"];
        skip.split(' ').for_each(|pattern| args.extend(["--skip", pattern]));
        args.push("t.moviola");
        let got = place.feed(&args, &commands).out;
        let bare = |text: &str| {
            let lines = crate::transcripts::bare(text, &["end".to_owned()]).into_iter();
            let until = |line: &String| !line.contains("'done'") && !line.contains("BdbQuit");
            let mut lines: Vec<String> = lines.take_while(until).collect();
            // Prompts before frames of pdb's own.
            while lines.last().is_some_and(|line| line.replace("(Pdb) ", "").is_empty()) {
                lines.pop();
            }
            lines
        };
        if let Some(text) = crate::transcripts::difference(&bare(&want), &bare(&got)) {
            failed.push(format!("{skip}: {commands}: {text}"));
        }
        assert!(bare(&got).len() > 4, "{got}");
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    // Backwards, the same stops.
    let args =
        ["replay", "--at", "start", "--skip", "helper", "--skip", "*importlib*", "t.moviola"];
    let stops = |commands: &str| -> Vec<u64> {
        let out = place.feed(&args, commands).out;
        out.lines().filter_map(|line| line.strip_prefix("(Pdb) @")?.parse().ok()).collect()
    };
    let ahead = stops(&"goto\ns\n".repeat(30));
    let mut behind = stops(&format!("goto @{}\n{}", ahead[29], "goto\nrs\n".repeat(30)));
    behind.reverse();
    assert_eq!((ahead.len(), behind), (30, ahead.clone()));
}

#[test]
fn breakpoints_are_found_in_sources_that_have_moved() {
    let place = Place::new();
    place.write("src/pkg/mod.py", "def f():\n    return 1\nf()\n");
    place.write("src/p.py", "import pkg.mod\n");
    assert_eq!(place.record(&["src/p.py"]).code, 0);
    let work = place.work();
    let (old, new) = (work.join("src"), work.join("elsewhere/new"));
    std::fs::create_dir_all(work.join("elsewhere")).unwrap();
    std::fs::rename(&old, &new).unwrap();
    let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
    let told = |maps: &[&str], file: &str| {
        let mut args = vec!["replay", "--at", "start"];
        maps.iter().for_each(|map| args.extend(["--path-map", map]));
        args.push("t.moviola");
        place.feed(&args, &format!("b {file}:2\nc\nl\ncl {file}:2\n")).out
    };
    let want = format!("Breakpoint 1 at {old}/pkg/mod.py:2\n");
    let absolute = format!("{new}/pkg/mod.py");
    for (map, file) in [
        (format!("{old}={new}"), absolute.as_str()),
        (format!("{old}/=elsewhere/new/"), &absolute),
        (format!("src={new}"), "elsewhere/new/pkg/mod.py"),
        (format!("{old}/pkg/mod.py={absolute}"), &absolute),
        (format!("{old}={new}"), "elsewhere/new/pkg/mod"),
    ] {
        let out = told(&["/no/where=/at/all", &map], file);
        assert!(out.contains(&want), "{map} {file}: {out}");
        assert!(out.contains("mod.py(2)f()") && out.contains("  2 B->\t    return 1"), "{out}");
        assert!(out.contains("Deleted breakpoint 1"), "{out}");
    }
    assert!(told(&[], &absolute).contains("not found from sys.path"));
    assert!(told(&[&format!("{old}={new}x")], &absolute).contains("not found from sys.path"));
    let done = place.run(&["replay", "--path-map", "nothing", "t.moviola"]);
    assert!(done.code == 2 && done.err.contains("--path-map nothing: give OLD=NEW"), "{done:?}");
}
