//! Time travel with the real binary: watchpoints against stepping by hand, the walk back against the
//! walk ahead, catchpoints, histories, marks.

use crate::util::Place;
use std::path::Path;

/// A place with a program and its recording.
pub fn recorded(text: &str) -> Place {
    let place = Place::new();
    place.write("p.py", text);
    let done = place.record(&["p.py"]);
    assert_eq!(done.code, 0, "{done:?}");
    place
}

fn changing() -> Place {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/e2e/programs");
    recorded(&std::fs::read_to_string(programs.join("changes.py")).unwrap())
}

/// What the session prints for these commands, from the start of the program.
pub fn session(place: &Place, commands: &[&str]) -> Vec<String> {
    let input = commands.join("\n") + "\n";
    let done = place.feed(&["replay", "--at", "start", "t.moviola"], &input);
    assert_eq!(done.code, 0, "{done:?}");
    let told = done.out.split("(Pdb) ").skip(1).map(|part| part.trim_end().to_owned());
    // The last prompt is answered by the end of the input.
    told.take(commands.len()).collect()
}

/// The positions that a command leads to, until the recording ends.
pub fn walk(place: &Place, first: &[&str], command: &str) -> Vec<u64> {
    let mut commands = first.to_vec();
    for _ in 0..400 {
        commands.extend([command, "goto"]);
    }
    let told = session(place, &commands);
    let mut positions = Vec::new();
    for pair in told[first.len()..].chunks(2) {
        let [moved, at] = pair else { break };
        if moved.contains("end of the recording") || moved.contains("start of the recording") {
            break;
        }
        positions.push(at.strip_prefix('@').unwrap().parse().unwrap());
    }
    positions
}

/// The stops of the program at which an expression is another than at the stop before, found by
/// looking at every stop.
fn changes_by_hand(place: &Place, first: &[&str], expression: &str) -> Vec<u64> {
    let look = format!("p {expression}");
    let mut commands = first.to_vec();
    commands.extend([&*look, "goto"]);
    for _ in 0..400 {
        commands.extend(["s", &look, "goto"]);
    }
    let told = session(place, &commands);
    let mut old = told[first.len()].clone();
    let mut found = Vec::new();
    for step in told[first.len() + 2..].chunks(3) {
        let [moved, value, at] = step else { break };
        if moved.contains("end of the recording") {
            break;
        }
        if *value != old {
            old.clone_from(value);
            found.push(at.strip_prefix('@').unwrap().parse().unwrap());
        }
    }
    found
}

#[test]
fn watchpoints_stop_at_every_change_and_nowhere_else() {
    let place = changing();
    for expression in ["value", "big", "generator is None", "[C.x, C.y]", "1"] {
        let by_hand = changes_by_hand(&place, &["b 40", "c", "cl 1"], expression);
        let watch = format!("watch {expression}");
        let ahead = walk(&place, &["b 40", "c", "cl 1", &watch], "c");
        // A change inside of Python's own code, where the session did not step, shows there.
        assert_eq!(ahead, by_hand, "{expression}");
        let mut behind = walk(&place, &["goto end", &watch], "rc");
        behind.reverse();
        behind.retain(|stop| ahead.contains(stop));
        assert_eq!(behind, ahead, "{expression}");
    }
}

#[test]
fn expressions_that_take_a_python_are_watched_at_every_change() {
    let place = changing();
    // The first answer may say which Python it is.
    let first = ["b 40", "c", "cl 1", "p (lambda: 1)()"];
    for expression in [
        "(lambda: value)()",
        "list(map(str, [C.x, C.y]))",
        "max([value, 0], key=lambda v: str(v)) is value",
        "sorted(map(str, [generator is None, big]))",
    ] {
        let by_hand = changes_by_hand(&place, &first, expression);
        assert!(!by_hand.is_empty(), "{expression}");
        let watch = format!("watch {expression}");
        let ahead = walk(&place, &[&first[..], &[&watch]].concat(), "c");
        assert_eq!(ahead, by_hand, "{expression}");
        let mut behind = walk(&place, &["goto end", "p (lambda: 1)()", &watch], "rc");
        behind.reverse();
        behind.retain(|stop| ahead.contains(stop));
        assert_eq!(behind, ahead, "{expression}");
    }
}

const COMPUTED: &str = "\
def work(n):
    xs = []
    words = {}
    for i in range(n):
        xs.append(7 * i % 5)
        if i % 2:
            words[i] = f'v{i}'
    xs.sort()
    return xs
work(4)
end = 1
";

#[test]
fn histories_of_what_takes_a_python() {
    let place = recorded(COMPUTED);
    let told = session(
        &place,
        &[
            "tbreak 4",
            "c",
            "p (lambda: 1)()",
            "hist list(map(lambda x: x + 1, xs))",
            "when any(map(str.isupper, xs))",
            "when list(map(str, words.values())) == ['v1', 'v3']",
            "p words, xs",
            "last ''.join(map(str, xs))",
            "goto",
            "hist sorted(map(str, locals()))",
            "watch (lambda: nosuch)()",
            "watch def",
            "when -r not list(map(str, words))",
            "p words",
        ],
    );
    let values = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| Some(line.rsplit_once(" = ")?.1.to_owned())).collect()
    };
    assert_eq!(
        values(&told[3]),
        ["[]", "[1]", "[1, 3]", "[1, 3, 5]", "[1, 3, 5, 2]", "[1, 2, 3, 5]"]
    );
    assert_eq!(told[4], "any(map(str.isupper, xs)) does not become true later");
    assert_eq!(told[6], "({1: 'v1', 3: 'v3'}, [0, 2, 4, 1])");
    assert!(
        told[7].contains("p.py(5)work()") && told[7].ends_with("'0241'  [old: '024']"),
        "{told:?}"
    );
    // Every variable counts where none is named.
    assert_eq!(values(&told[9]).last().unwrap(), "['i', 'n', 'words', 'xs']", "{told:?}");
    assert_eq!(values(&told[9]).len(), 4, "{told:?}");
    assert!(told[10].ends_with("*** NameError: name 'nosuch' is not defined"), "{told:?}");
    assert!(told[11].starts_with("*** SyntaxError"), "{told:?}");
    assert_eq!(told[13], "{}");
}

const FRAMES: &str = "\
def outer(n):
    total = 0
    boxes = {}
    def add(k):
        nonlocal total
        total += k
        boxes[k] = total
    for i in range(n):
        add(i)
    return total
def gen():
    got = []
    while True:
        got.append((yield len(got)))
class Box:
    pass
outer(3)
g = gen()
next(g)
for k in 'ab':
    g.send(k)
outer(2)
box = Box()
box.x = box.y = 1
box.x += 1
del box.y
import threading
thread = threading.Thread(target=outer, args=(2,), name='Other')
thread.start()
thread.join()
try:
    [][1]
except LookupError:
    open('/dev/null').close()
mark = 'a variable'
";

#[test]
fn a_watchpoint_on_a_local_belongs_to_its_frame() {
    let place = recorded(FRAMES);
    let hits = |first: &[&str], expression: &str| {
        let watch = format!("watch {expression}");
        let mut commands = first.to_vec();
        commands.push(&watch);
        commands.extend(["c"; 12]);
        let told = session(&place, &commands);
        let hits = told.iter().filter_map(|text| text.strip_prefix("Watchpoint "));
        let hits = hits.filter_map(|text| text.lines().next()?.split_once(": "));
        hits.map(|(_, text)| text.to_owned()).collect::<Vec<_>>()
    };
    let gone = "<its frame is not there>";
    let outer = ["tbreak 8", "c"];
    assert_eq!(
        hits(&outer, "total"),
        ["total: 1  [old: 0]", "total: 3  [old: 1]", &format!("total: {gone}  [old: 3]")]
    );
    let boxes = ["{}", "{0: 0}", "{0: 0, 1: 1}", "{0: 0, 1: 1, 2: 3}", gone];
    let want: Vec<String> =
        boxes.windows(2).map(|two| format!("boxes: {}  [old: {}]", two[1], two[0])).collect();
    assert_eq!(hits(&outer, "boxes"), want);
    // While the generator is suspended, too, and to its end.
    let got = ["[]", "['a']", "['a', 'b']"];
    let want: Vec<String> =
        got.windows(2).map(|two| format!("got: {}  [old: {}]", two[1], two[0])).collect();
    let found = hits(&["tbreak 13", "c"], "got");
    assert_eq!(found[..2], want[..], "{found:?}");
    assert_eq!(
        hits(&["tbreak 24", "c"], "box.__dict__"),
        [
            "box.__dict__: {'x': 1, 'y': 1}  [old: {}]",
            "box.__dict__: {'x': 2, 'y': 1}  [old: {'x': 1, 'y': 1}]",
            "box.__dict__: {'x': 2}  [old: {'x': 2, 'y': 1}]",
        ]
    );
}

#[test]
fn the_walk_back_is_the_walk_ahead_reversed() {
    let place = recorded(FRAMES);
    for points in [
        &["b 6"] as &[&str],
        &["b 6, k == 1", "b 9"],
        &["b 9, total > 0", "b Box", "watch box"],
        &["catch exception LookupError", "b 35"],
        &["catch audit open", "b 9, i == 1"],
    ] {
        let ahead = walk(&place, &[&["goto start"], points].concat(), "c");
        let mut behind = walk(&place, &[points, &["goto end"]].concat(), "rc");
        behind.reverse();
        assert!(!ahead.is_empty(), "{points:?}");
        assert_eq!(ahead, behind, "{points:?}");
    }
}

#[test]
fn histories_marks_and_threads() {
    let place = recorded(FRAMES);
    let told =
        session(&place, &["tbreak 10", "c", "hist total", "last total", "p k", "hist nothing"]);
    let values: Vec<&str> =
        told[2].lines().filter_map(|line| line.split_once("  total = ")).map(|two| two.1).collect();
    assert_eq!(values, ["0", "1", "3"], "{told:?}");
    assert!(told[2].lines().all(|line| line.contains("p.py:2 ") || line.contains("p.py:6 ")));
    assert!(
        told[3].contains("p.py(6)add()") && told[3].ends_with("total: 3  [old: 1]"),
        "{told:?}"
    );
    assert_eq!(told[4], "2");
    assert_eq!(told[5], "nothing has no value in the recording");
    let told = session(
        &place,
        &[
            "calls outer",
            "calls nosuch",
            "when box.x == 2",
            "p box.x",
            "when -r 'box' not in globals()",
        ],
    );
    let calls: Vec<&str> = told[0].lines().map(|line| line.rsplit_once("  ").unwrap().1).collect();
    assert_eq!(calls.len(), 3, "{told:?}");
    assert!(told[0].contains("p.py(1)outer(n=3)"), "{told:?}");
    assert!(told[1].starts_with("*** The function 'nosuch' was not called"), "{told:?}");
    assert_eq!(told[3], "2");
    let told = session(
        &place,
        &[
            "n",
            "n",
            "mark here",
            "n",
            "mark",
            "marks",
            "goto here",
            "goto",
            "back",
            "goto",
            "forward",
            "goto",
            "forward",
        ],
    );
    assert!(
        told[2].starts_with("Mark here at @") && told[4].starts_with("Mark 1 at @"),
        "{told:?}"
    );
    assert_eq!(told[5].lines().count(), 2, "{told:?}");
    let at = told[2].rsplit_once(' ').unwrap().1;
    assert_eq!((&*told[7], &*told[11]), (at, at), "{told:?}");
    assert_eq!(told[9], told[4].rsplit_once(' ').unwrap().1, "{told:?}");
    assert_eq!(told[12], "*** No position after this one");
    // A name that is the program's stays reachable.
    let told = session(&place, &["goto end", "mark", "mark = 5", "mark", "p mark"]);
    assert_eq!(told[1..], ["'a variable'", "", "5", "5"], "{told:?}");
    let told =
        session(&place, &["b 6", "c", "threads", "goto end", "thread Other", "w", "thread 9"]);
    assert!(told[2].contains("-> 0   MainThread") && told[2].contains("not begun"), "{told:?}");
    assert!(told[4].contains("[thread Other]"), "{told:?}");
    assert_eq!(told[6], "*** No thread '9' in the recording; see threads");
    let told = session(
        &place,
        &[
            "goto %0",
            "goto",
            "goto %100",
            "goto",
            "goto time 1h",
            "goto time 0s",
            "goto",
            "goto %101",
        ],
    );
    assert_eq!((&*told[1], &*told[6]), ("@0", "@0"), "{told:?}");
    assert!(
        told[4].starts_with("*** Error in argument") && told[7].starts_with("*** Error in"),
        "{told:?}"
    );
}

const CONDITIONS: &str = "\
step = 3
name = 'a'
def counts(n):
    seen = None
    total = 0
    def inner(k):
        nonlocal total
        total += k
        return total
    for i in range(n):
        part = i % 4 / 2
        if i == 5:
            seen = [i]
            global step
            step = 7
        inner(i)
    return total
counts(12)
class Body:
    for j in range(4):
        twice = j * 2
for j in range(6):
    name = 'ab'[j % 2]
    big = 2 ** 62 * j
del name
";

/// Where a breakpoint with a condition stops, and where one without stops and the condition holds.
#[test]
fn conditions_hold_where_the_expression_does() {
    let place = recorded(CONDITIONS);
    for (line, condition) in [
        (16, "i > 3 and i % 2 == 0"),
        (16, "seen is not None and step == 7"),
        (16, "part == 1 or not i"),
        (16, "total > 10"),
        (16, "i * step > 20"),
        (16, "len(name) == 1 and i == 2"),
        (16, "name == 'a'"),
        (16, "seen"),
        (9, "k == total or step > k > 3"),
        (21, "j == 1"),
        (24, "name == 'b'"),
        (24, "big // 2 > 0"),
        (24, "big < 0 - 1 or big > 9_000_000_000_000_000_000"),
        (24, "twice"),
    ] {
        let set = format!("b {line}, {condition}");
        let ahead = walk(&place, &[&set], "c");
        let (bare, look) = (format!("b {line}"), format!("p bool({condition})"));
        let mut commands = vec![bare.as_str()];
        for _ in 0..30 {
            commands.extend(["c", &look, "goto"]);
        }
        let told = session(&place, &commands);
        let mut by_hand: Vec<u64> = Vec::new();
        for step in told[1..].chunks(3) {
            let [moved, value, at] = step else { break };
            if moved.contains("end of the recording") {
                break;
            }
            // A condition that fails stops, as in bdb.
            if value == "True" || value.starts_with("***") {
                by_hand.push(at.strip_prefix('@').unwrap().parse().unwrap());
            }
        }
        assert_eq!(ahead, by_hand, "{line}: {condition}");
        let mut behind = walk(&place, &["goto end", &set], "rc");
        behind.reverse();
        assert_eq!(behind, ahead, "{line}: {condition}");
    }
}

#[test]
fn tasks_are_listed_with_their_states() {
    let place = recorded(
        "import asyncio\nasync def child(n):\n    await asyncio.sleep(0)\n    x = n\n    await asyncio.sleep(0.01 * n)\n    return x\n\
         async def main():\n    jobs = [asyncio.create_task(child(i), name=f'job {i}') for i in range(3)]\n    \
         r = await asyncio.gather(*jobs)\n    return r\nasyncio.run(main())\ndone = 1\n",
    );
    let told =
        session(&place, &["tasks", "b 4", "c", "tasks", "clear 1", "b 6, n == 1", "c", "tasks"]);
    assert_eq!(told[0], "There are no asyncio tasks at this position");
    let rows: Vec<&str> = told[3].lines().collect();
    assert_eq!(rows.len(), 4, "{told:?}");
    assert!(rows[0].contains("<Task pending name='Task-1' coro=<main()>"), "{told:?}");
    for (at, row) in rows[1..].iter().enumerate() {
        assert!(row.contains(&format!("<Task pending name='job {at}' coro=<child()>")), "{row}");
    }
    assert!(told[7].contains("<Task finished name='job 0' coro=<child()> result=0>"), "{told:?}");
}

const TWO_TASKS: &str = "\
import asyncio
async def inner(n):
    await asyncio.sleep(0.001)
    y = n * 2
    await asyncio.sleep(0.001)
    return y
async def worker(n):
    total = 0
    for i in range(2):
        total += await inner(i + n)
    return total
async def main():
    async with asyncio.timeout(60):
        a = asyncio.create_task(worker(1), name='a')
        b = asyncio.create_task(worker(10), name='b')
        r = await asyncio.gather(a, b)
    return r
asyncio.run(main())
x = 1
";

/// Goes into task `a` in the middle of the run.
const INTO_A: [&str; 4] = ["b 4, n == 10", "c", "clear 1", "task a"];

#[test]
fn steps_stay_in_a_task() {
    let place = recorded(TWO_TASKS);
    let look = "p n if 'n' in locals() else i";
    let mut commands = INTO_A.to_vec();
    for _ in 0..40 {
        commands.extend(["n", "w"]);
    }
    let told = session(&place, &commands);
    assert!(told[3].ends_with("Steps stay in task 2 until `task off`"), "{look}: {told:?}");
    let stacks: Vec<&String> = told[INTO_A.len()..].iter().skip(1).step_by(2).collect();
    let of_a = |stack: &str| stack.contains(")worker()") && !stack.contains(")main()");
    assert!(stacks.iter().all(|stack| of_a(stack)), "{stacks:#?}");
    let ended = "Task 2 (a) does nothing more";
    assert!(told.iter().any(|said| said == ended), "{told:#?}");
    assert!(stacks[39].ends_with("(11)worker()\n-> return total"), "{}", stacks[39]);

    // The other task is met without.
    let mut commands = [&INTO_A[..], &["task off", "b 4", "c", "p n"]].concat();
    let told = session(&place, &commands);
    assert_eq!(told[commands.len() - 1], "10");
    commands.extend([
        "c",
        "p n",
        "task b",
        "p n",
        "task nope",
        "tasks",
        "task Task-1",
        "p a.done()",
    ]);
    let told = session(&place, &commands);
    assert_eq!((&told[9][..], &told[11][..]), ("2", "11"), "{told:#?}");
    assert_eq!(told[12], "*** No task 'nope' at this position; see tasks");
    assert!(told[13].ends_with("Steps stay in task 3; `task off` ends that"), "{}", told[13]);
    assert!(told[14].contains(")main()") && told[14].contains("stay in task 1"), "{}", told[14]);
    assert_eq!(told[15], "False");
}

#[test]
fn steps_within_a_task_have_their_mirror() {
    let place = recorded(TWO_TASKS);
    let mut commands = INTO_A.to_vec();
    commands.extend(["goto"]);
    for _ in 0..25 {
        commands.extend(["s", "goto"]);
    }
    for _ in 0..25 {
        commands.extend(["rs", "goto"]);
    }
    let told = session(&place, &commands);
    let at: Vec<&String> = told[INTO_A.len()..].iter().step_by(2).collect();
    let (there, back) = at.split_at(26);
    assert!(there.windows(2).all(|pair| pair[0] != pair[1]), "{there:?}");
    assert!(there[..25].iter().eq(back.iter().rev()), "{there:?} {back:?}");
}
