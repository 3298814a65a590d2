//! Children of the recorded program: each has a trace of its own, linked to its parent's, and the
//! program sees nothing of it.

use crate::util::{Done, Place, names, python};
use serde_json::Value;
use std::time::{Duration, Instant};

/// All children in a tree of `info`'s, as (depth, child).
fn flat(children: &Value, depth: usize, into: &mut Vec<(usize, Value)>) {
    for child in children.as_array().unwrap() {
        into.push((depth, child.clone()));
        if child["children"].is_array() {
            flat(&child["children"], depth + 1, into);
        }
    }
}

fn tree(place: &Place, trace: &str) -> Vec<(usize, Value)> {
    let mut all = Vec::new();
    flat(&place.info(trace)["children"], 1, &mut all);
    all
}

#[track_caller]
fn same(place: &Place, args: &[&str]) -> Done {
    let (plain, recorded) = (place.plain(args), place.record(args));
    for (want, got) in plain.out.lines().zip(recorded.out.lines()) {
        let at =
            want.bytes().zip(got.bytes()).take_while(|(a, b)| a == b).count().saturating_sub(60);
        assert!(want == got, "plain ...{:.300}\nrecorded ...{:.300}", &want[at..], &got[at..]);
    }
    assert_eq!(
        (&plain.out, &plain.err, plain.code),
        (&recorded.out, &recorded.err, recorded.code),
        "{args:?}"
    );
    recorded
}

/// Records a script, which must do as it does alone, and gives its children.
#[track_caller]
fn children_of(script: &str, code: &str) -> (Place, Vec<(usize, Value)>) {
    let place = Place::new();
    place.write(script, code);
    same(&place, &[script]);
    let all = tree(&place, "t.moviola");
    (place, all)
}

#[track_caller]
fn verified(place: &Place, trace: &str) {
    let done = place.run(&["verify", trace]);
    assert_eq!(done.code, 0, "{done:?}");
}

const FORKS: &str = "\
import os, sys
def numbers():
    n = 0
    while True:
        n += 1
        yield n
class Box:
    pass
box, seen = Box(), numbers()
box.items = [1, 2]
next(seen)
for turn in numbers():
    pid = os.fork()
    if pid == 0:
        box.items.append('child')
        got = next(seen)
        if turn == 2:
            if os.fork() == 0:
                deep = got + 10
                os._exit(5)
            os.wait()
        sys.exit(turn)
    print(turn, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    if turn == 3:
        break
";

#[test]
fn a_forked_child_goes_on_in_a_trace_of_its_own() {
    let place = Place::new();
    place.write("forks.py", FORKS);
    same(&place, &["forks.py"]);
    let all = tree(&place, "t.moviola");
    let facts = |child: &Value| {
        (child["how"].as_str().unwrap().to_owned(), child["exit"]["code"].as_i64().unwrap())
    };
    let found: Vec<_> = all.iter().map(|(depth, child)| (*depth, facts(child))).collect();
    let fork = |depth, code| (depth, ("fork".to_owned(), code));
    assert_eq!(found, [fork(1, 1), fork(1, 2), fork(2, 5), fork(1, 3)]);
    for (_, child) in &all {
        verified(&place, child["trace"].as_str().unwrap());
    }
    // Into the second child, its own child, and back to where the parent was.
    let commands = "goto end\nprocess 2\nb 17\nc\np box.items, got\nprocess 3\nprocess parent\np turn\n\
                    process 0\ngoto\nprocess 9\nprocesses\n";
    let shown = place.feed(&["replay", "t.moviola"], commands).out;
    for part in ["([1, 2, 'child'], 2)", "(Pdb) 2\n", "No process '9'", "-> 0  pid "] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let end = place.feed(&["replay", "t.moviola"], "goto end\ngoto\n").out;
    let end = end.lines().rev().find_map(|line| line.strip_prefix("(Pdb) @")).unwrap().to_owned();
    assert!(shown.contains(&format!("(Pdb) @{end}\n")), "{shown}");
    // The export has the children's streams, as the oracle has them.
    let export = place.run(&["export", "--no-locals", "t.moviola"]).out;
    for stream in ["P0.T0.", "P0.1.T0.", "P0.2.T0.", "P0.2.1.T0.", "P0.3.T0."] {
        assert!(export.contains(&format!("{{\"stream\":\"{stream}")), "{stream}");
    }
}

const STARTS: &str = r#"
import os, subprocess, sys
look = "import os, sys; print(sorted(os.environ.items()), sys.path, len(sys.modules))"
def run(*args, **more):
    print(subprocess.run(args, capture_output=True, text=True, **more).stdout)
run(sys.executable, "-c", look)
run(sys.executable, "-c", look, env={"A": "b", "PYTHONPATH": "/own:"})
run(sys.executable, "-c", look, env={"PYTHONPATH": ""})
run(sys.executable, "-c", look, env=dict(os.environ, B="c"))
run("sh", "-c", "$0 -c 'print(1)'; exit 3", sys.executable)
os.environ["PYTHONPATH"] = "/other"
run(sys.executable, "-c", look)
del os.environ["PYTHONPATH"]
run(sys.executable, "-c", look, close_fds=False)
sys.stdout.flush()
os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-c", look], os.environ), 0)
os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-c", look], {b"X": b"y"}), 0)
os.system(sys.executable + " -c 'print(2)'")
for option in ("-I", "-E", "-S"):
    run(sys.executable, option, "-c", look)
    run(sys.executable, option, "-c", look, env=dict(os.environ))
run("sh", "-c", "unset MOVIOLA_STAGE; $0 -c \"$1\"", sys.executable, look)
run("/bin/echo", "no Python")
run("env")
run("env", "A=b", env={"C": "d"})
run("printenv", "PYTHONPATH")
try:
    os.execv("/no/such/program", ["x"])
except OSError as error:
    print(error)
sys.stdout.flush()
os.execve(sys.executable, [sys.executable, "-c", "import os; print(sorted(os.environ))"], {"C": "d"})
"#;

#[test]
fn started_pythons_are_recorded_and_see_nothing_of_it() {
    let (place, all) = children_of("starts.py", STARTS);
    let recorded: Vec<&Value> =
        all.iter().map(|(_, child)| child).filter(|child| child["trace"].is_string()).collect();
    assert_eq!(recorded.len(), 11, "{all:#?}");
    assert!(recorded.iter().any(|child| child["how"] == "exec"), "{all:#?}");
    for child in recorded {
        verified(&place, child["trace"].as_str().unwrap());
    }
    let gaps = place.info("t.moviola")["gaps"].to_string();
    assert!(gaps.contains("-I, -E or -S"), "{gaps}");
}

#[test]
fn a_child_forked_in_a_function_begins_there() {
    let place = Place::new();
    let code = "\
import os
def inner(n):
    box = [n]
    pid = os.fork()
    box.append(pid == 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
def outer():
    inner(3)
outer()
";
    place.write("deep.py", code);
    same(&place, &["deep.py"]);
    let shown = place.feed(&["replay", "t.moviola"], "process 1\nw\np box\ngoto start\nq\n").out;
    let start = shown.find("(Pdb) > ").unwrap();
    for part in ["(11)<module>()", "(10)outer()", "(5)inner()\n", "(Pdb) [3]\n"] {
        assert!(shown[start..].contains(part), "{part}: {shown}");
    }
    assert!(shown.trim_end().ends_with("(5)inner()\n-> box.append(pid == 0)\n(Pdb)"), "{shown}");
}

const POOLS: &str = r#"
import multiprocessing, os
def work(n):
    mine = n * n
    return mine
if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(work, range(6), chunksize=1))
    process = multiprocessing.Process(target=work, args=(3,))
    process.start()
    process.join()
    print(process.exitcode)
"#;

#[test]
fn multiprocessing_by_all_three_methods() {
    let (place, all) = children_of("pools.py", POOLS);
    // Two workers a method, the resource tracker, the fork server, and the process alone.
    assert!(all.len() >= 9, "{all:#?}");
    let mut calls = 0;
    for (_, child) in &all {
        let trace = child["trace"].as_str().unwrap();
        verified(&place, trace);
        let root = place.work().display().to_string();
        let export = place.run(&["export", "--no-locals", "--root", &root, trace]).out;
        // The fork server's own children are exported with it as well.
        let own = export.split("{\"stream\":\"P0.1").next().unwrap();
        calls += own.matches("\"q\":\"work\"").count();
    }
    assert!(calls >= 19 * 3, "{calls} events of work() in the children");
}

#[test]
fn a_child_that_outlives_the_program_is_recorded_to_its_end() {
    let place = Place::new();
    let code = "\
import os, time
if os.fork() == 0:
    os.close(0); os.close(1); os.close(2)
    for turn in range(12):
        time.sleep(0.25)
    last = turn
";
    place.write("daemon.py", code);
    let begun = Instant::now();
    let done = place.record(&["daemon.py"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let took = begun.elapsed();
    // While it runs, its trace can be opened already, and says so.
    let early = place.run(&["info", "t.child-1.moviola"]);
    assert!(early.code == 0 && early.out.contains("goes on"), "{early:?}");
    let until = Instant::now() + Duration::from_secs(20);
    while place.files().iter().any(|name| name.ends_with(".ring"))
        || !names(&place.tmp()).is_empty()
    {
        assert!(Instant::now() < until, "{:?} {:?}", place.files(), names(&place.tmp()));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(took < Duration::from_millis(3000), "record waited for the child: {took:?}");
    let all = tree(&place, "t.moviola");
    assert_eq!(all[0].1["exit"]["code"], 0, "{all:#?}");
    let shown = place.feed(&["replay", "t.child-1.moviola"], "goto end\np last\n").out;
    assert!(shown.contains("(Pdb) 11\n"), "{shown}");
}

#[test]
fn killed_children_and_a_hundred_forks() {
    let place = Place::new();
    let code = "\
import os, signal
for turn in range(100):
    pid = os.fork()
    if pid == 0:
        mine = turn
        if turn % 10 == 9:
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(turn % 7)
    print(os.waitpid(pid, 0)[1])
";
    place.write("hundred.py", code);
    same(&place, &["hundred.py"]);
    let all = tree(&place, "t.moviola");
    assert_eq!(all.len(), 100);
    for (turn, (_, child)) in all.iter().enumerate() {
        let (kind, code) = if turn % 10 == 9 { ("signal", 9) } else { ("code", turn % 7) };
        assert_eq!(child["exit"]["kind"], kind, "{child:#}");
        assert_eq!(child["exit"]["code"], code, "{child:#}");
        let trace = child["trace"].as_str().unwrap();
        let shown = place.feed(&["replay", trace], "goto end\np mine, pid\n").out;
        assert!(shown.contains(&format!("({turn}, 0)")), "{turn}: {shown}");
    }
    // A new recording in the same place takes the old children away.
    place.record(&["-c", "pass"]);
    assert_eq!(place.files(), ["hundred.py", "t.moviola"]);
}

#[test]
fn a_recording_inside_a_recording_is_its_own() {
    let place = Place::new();
    let inner = "\
import os
ours = ('MOVIOLA_STAGE', 'MOVIOLA_PARENT', 'MOVIOLA_OLDPP', 'PYTHONPATH')
print([name for name in ours if name in os.environ])";
    let outer = "import subprocess, sys; print(subprocess.run(sys.argv[1:]).returncode)";
    let binary = env!("CARGO_BIN_EXE_moviola");
    let done = place.record(&[
        "-c",
        outer,
        binary,
        "record",
        "--python",
        &python(),
        "-o",
        "inner.moviola",
        "-c",
        inner,
    ]);
    assert!(done.out.contains("[]\n0\n"), "{done:?}");
    assert_eq!(place.info("inner.moviola")["meta"]["process"], "0");
    assert_eq!(place.info("t.moviola")["children"].as_array().unwrap().len(), 1);
}

#[test]
fn threads_that_fork_at_the_same_time_make_children_of_their_own() {
    let place = Place::new();
    let code = "\
import os, threading, time, warnings
warnings.simplefilter('ignore')
os.register_at_fork(before=lambda: time.sleep(0.002))
codes = []
def work(i):
    for turn in range(4):
        pid = os.fork()
        if pid == 0:
            mine = i * 4 + turn
            os._exit(mine)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(sorted(codes))
";
    place.write("threads.py", code);
    same(&place, &["threads.py"]);
    let all = tree(&place, "t.moviola");
    let mut codes: Vec<i64> =
        all.iter().map(|(_, child)| child["exit"]["code"].as_i64().unwrap()).collect();
    for (_, child) in &all {
        let trace = child["trace"].as_str().unwrap();
        let shown = place.feed(&["replay", trace], "goto end\np mine\n").out;
        assert!(shown.contains(&format!("(Pdb) {}\n", child["exit"]["code"])), "{shown}");
        assert!(child["position"].is_string(), "{child:#}");
    }
    codes.sort_unstable();
    assert_eq!(codes, (0..16).collect::<Vec<i64>>());
}

const LONELY: &str = r#"
import os, signal, threading, time
slow = threading.Event()
os.register_at_fork(before=lambda: time.sleep(6) if slow.is_set() else None)
def child(lines):
    pid = os.fork()
    if pid == 0:
        for n in range(lines):
            x = [n]
        os._exit(0)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return "ended"
        time.sleep(.05)
    os.kill(pid, signal.SIGKILL)
    return "hangs"
def killed(name):
    count = 0
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/stat") as stat:
                parent = int(stat.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{number}/cmdline") as line:
                if parent == os.getppid() and name in line.read():
                    os.kill(int(number), signal.SIGKILL)
                    count += 1
        except OSError:
            pass
    return count
print(child(10))
time.sleep(.3)
with open("killed", "w") as file:
    file.write(str(killed("__children")))
print(child(300_000))
slow.set()
print(child(300_000))
"#;

#[test]
fn children_whose_writer_is_killed_or_late_do_not_wait_for_ever() {
    let (place, all) = children_of("lonely.py", LONELY);
    assert_eq!(all.len(), 3, "{all:#?}");
    assert_eq!(std::fs::read_to_string(place.work().join("killed")).unwrap(), "1");
    for (_, child) in &all {
        verified(&place, child["trace"].as_str().unwrap());
    }
    let lines = |child: &Value| child["stops"].as_u64().unwrap();
    assert!(all[1..].iter().all(|(_, child)| lines(child) > 600_000), "{all:#?}");
}
