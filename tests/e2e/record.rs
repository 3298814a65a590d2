//! `moviola record`: the program does not notice, and a trace is there afterwards.

use crate::util::{Done, Place, done, names, python};
use std::os::unix::fs::PermissionsExt;

/// Shows what a program can see of how it was started.
const MIRROR: &str = r#"
import os, sys
skip = ("MOVIOLA_RECORDER", "_")
print([(k, v) for k, v in os.environ.items() if k not in skip])
print([(k, v) for k, v in os.environb.items() if k.decode() not in skip])
print(sys.path, sorted(sys.modules), sorted(sys.path_importer_cache))
print([getattr(finder, '__name__', type(finder).__name__) for finder in sys.meta_path])
print(sys.argv, sys.orig_argv, sys.flags, sys.executable, sys.prefix, sys.dont_write_bytecode)
print(__name__, __spec__ and __spec__.name, __builtins__, sorted(globals()))
print(os.getppid() > 0, os.listdir("/proc/self/fd"), sys.gettrace(), sys.getprofile())
import inspect, threading
print(len(inspect.stack()), threading.current_thread().name, threading.active_count())
"#;

#[test]
fn the_program_sees_nothing_of_the_recorder() {
    let place = Place::new();
    place.write("mirror.py", MIRROR);
    for args in [&["mirror.py", "a b", "--c"][..], &["-m", "mirror", "x"], &["-c", MIRROR]] {
        let plain = place.plain(args);
        let recorded = place.record(args);
        same(&plain, &recorded);
    }
}

/// Shows the first line that differs, not two whole environments.
#[track_caller]
fn same(plain: &Done, recorded: &Done) {
    for (want, got) in plain.out.lines().zip(recorded.out.lines()) {
        assert!(want == got, "plain:\n{want}\nrecorded:\n{got}");
    }
    assert_eq!(plain.out.lines().count(), recorded.out.lines().count());
    assert_eq!((plain.code, &plain.err), (recorded.code, &recorded.err));
}

#[test]
fn pythonpath_and_a_sitecustomize_of_the_users_own_work() {
    let place = Place::new();
    place.write("mirror.py", MIRROR);
    place.write("lib/sitecustomize.py", "import sys\nsys.marker = 'user'\nprint('customized')\n");
    place.write("lib/moviola/__init__.py", "here = True\n");
    place.write("p.py", "import sys, moviola\nprint(sys.marker, moviola.here, moviola.__file__)\n");
    for path in ["", "lib", "lib:", "/no/such/place:lib"] {
        for script in ["mirror.py", "p.py"] {
            if script == "p.py" && path.is_empty() {
                continue;
            }
            let plain = place.command(python()).arg(script).env("PYTHONPATH", path).output();
            let args = ["record", "-o", "t.moviola", "--python", &python(), script];
            let recorded = place.moviola(&args).env("PYTHONPATH", path).output();
            same(&done(plain.unwrap()), &done(recorded.unwrap()));
        }
    }
    assert!(names(&place.tmp()).is_empty());
}

#[test]
fn exit_codes_are_the_programs_own() {
    let place = Place::new();
    let cases = [
        ("pass", 0),
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit('text')", 1),
        ("1/0", 1),
        ("import os; os._exit(7)", 7),
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("import os; os.abort()", 134),
        ("raise KeyboardInterrupt", 130),
        ("def f(:", 1),
    ];
    for (code, want) in cases {
        let plain = place.plain(&["-c", code]);
        let recorded = place.record(&["-c", code]);
        assert_eq!(recorded.code, want, "{code}: {recorded:?}");
        assert_eq!(
            (plain.code, plain.out, plain.err),
            (want, recorded.out, recorded.err),
            "{code}"
        );
        assert_eq!(place.info("t.moviola")["argv"][1], "-c", "{code}");
    }
}

#[test]
fn the_trace_has_the_default_name_and_is_private() {
    let place = Place::new();
    place.write("my program.py", "print('hello')\n");
    for _ in 0..2 {
        let done = place.run(&["record", "--python", &python(), "my program.py"]);
        assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (0, "hello\n", ""));
    }
    let traces: Vec<String> =
        place.files().into_iter().filter(|n| n.starts_with("my program-")).collect();
    assert_eq!(traces.len(), 2, "a second run has a trace of its own: {:?}", place.files());
    for name in &traces {
        assert!(name.ends_with(".moviola"), "{name}");
        let mode = std::fs::metadata(place.work().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(place.info(name)["exit"]["code"], 0);
    }
    assert_eq!(place.files().len(), 3, "no ring is left: {:?}", place.files());
    assert!(names(&place.tmp()).is_empty(), "nothing staged is left");
}

#[test]
fn paths_with_spaces_colons_and_unicode() {
    let place = Place::new();
    place.write("größe ☃/das programm.py", "x = 'ok'\nprint(x)\n");
    let trace = "größe ☃/eine aufnahme.moviola";
    let args = ["record", "--python", &python(), "-o", trace, "größe ☃/das programm.py"];
    let odd = place.work().join("a:b c");
    std::fs::create_dir(&odd).unwrap();
    let recorded = done(place.moviola(&args).env("TMPDIR", &odd).output().unwrap());
    assert_eq!((recorded.code, recorded.out.as_str(), recorded.err.as_str()), (0, "ok\n", ""));
    assert!(place.info(trace)["events"]["line"].as_u64().unwrap() >= 2);
}

#[test]
fn output_file_is_replaced() {
    let place = Place::new();
    place.write("t.moviola", "an older file");
    assert_eq!(place.record(&["-c", "a = 1"]).code, 0);
    assert_eq!(place.record(&["-c", "b = 2"]).code, 0);
    assert_eq!(place.info("t.moviola")["argv"][2], "b = 2");
}

#[test]
fn info_counts_what_happened() {
    let place = Place::new();
    place.write("p.py", "def f(x):\n    return x\n\nfor i in range(10):\n    f(i)\n");
    assert_eq!(place.record(&["p.py"]).code, 0);
    let info = place.info("t.moviola");
    // 1 def, 11 for, 10 calls of f with one line each and their 10 lines at the module.
    assert!(info["events"]["line"].as_u64().unwrap() >= 32, "{info}");
    assert!(info["events"]["call"].as_u64().unwrap() >= 11, "{info}");
    assert!(info["python"].as_str().unwrap().starts_with("3."));
    assert!(info["gaps"].is_array() && info["children"].is_array());
    assert!(info["bytes"].as_u64().unwrap() > 100);
    assert!(place.run(&["info", "t.moviola"]).out.contains("p.py"));
}

#[test]
fn options_for_python_itself() {
    let place = Place::new();
    let done = place.record(&[
        "--py-opt",
        "-O",
        "--py-opt=-Xutf8",
        "-c",
        "import sys; assert 0; print(sys.flags.optimize, sys.flags.utf8_mode)",
    ]);
    assert_eq!((done.code, done.out.as_str()), (0, "1 1\n"), "{done:?}");
    let done = place.record(&["--py-opt", "-I", "-c", "print(1)"]);
    assert_eq!(done.code, 4, "{done:?}");
    assert!(done.err.contains("-I"), "{}", done.err);
}

#[test]
fn a_fault_of_the_recorder_does_not_reach_the_program() {
    let place = Place::new();
    let program = "\
import threading
def f(n):
    d = {i: str(i) for i in range(n)}
    d.update(a=[n]); d['a'].append(n)
    return len(d)
def many():
    for k in range(300): f(k % 40)
t = threading.Thread(target=many); t.start(); many(); t.join()
print('done', f(5))
";
    place.write("p.py", program);
    let plain = place.plain(&["p.py"]);
    for moment in [0, 1, 7, 60, 200] {
        let mut command =
            place.moviola(&["record", "--python", &python(), "-o", "t.moviola", "p.py"]);
        let done = done(command.env("MOVIOLA_FAULT", format!("panic:{moment}")).output().unwrap());
        assert_eq!((done.code, &done.out), (plain.code, &plain.out), "{done:?}");
        assert_eq!(done.err.matches("moviola: the recorder failed").count(), 1, "{done:?}");
        assert_eq!(done.err.lines().count(), 1, "{done:?}");
        let info = place.info("t.moviola");
        assert_eq!(info["gaps"][0]["reason"], "the recorder failed", "{info}");
    }
}

#[test]
fn busy_daemon_threads_end_with_the_program() {
    let place = Place::new();
    let code = r#"
import os, threading, time
def prints():
    while True:
        print("x" * 2000)
def lists():
    some = []
    while True:
        some.append(1)
        if len(some) > 100:
            some.clear()
        time.sleep(0)
def writes():
    while True:
        os.write(1, b"y" * 3000)
        os.listdir(".")
def sorts():
    some = list(range(3000))
    while True:
        some.sort(key=lambda value: -value)
for function in (prints, lists, writes, sorts):
    for _ in range(3):
        threading.Thread(target=function, daemon=True).start()
time.sleep(0.1)
"#;
    place.write("busy.py", code);
    for _ in 0..3 {
        let done = place.record(&["busy.py"]);
        assert_eq!((done.code, done.err.as_str()), (0, ""));
        assert_eq!(place.run(&["verify", "t.moviola"]).code, 0);
    }
}

#[test]
fn a_sub_interpreter_sees_nothing_and_is_declared() {
    let place = Place::new();
    let code = r#"
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
ours = ("MOVIOLA_STAGE", "MOVIOLA_PARENT", "MOVIOLA_OLDPP", "PYTHONPATH")
look = f"import os, sys; print([n for n in {ours} if n in os.environ], sys.path, len(sys.modules))"
made = interpreters.create()
interpreters.run_string(made, look)
interpreters.destroy(made)
"#;
    place.write("sub.py", code);
    let (plain, recorded) = (place.plain(&["sub.py"]), place.record(&["sub.py"]));
    same(&plain, &recorded);
    assert_eq!(recorded.code, 0, "{recorded:?}");
    let gaps = place.info("t.moviola")["gaps"].to_string();
    assert!(gaps.contains("sub-interpreters"), "{gaps}");
}
