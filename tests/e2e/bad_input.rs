//! Wrong input: one clear line that says what, where and what next, the right exit code, and
//! nothing lost.

use crate::util::{Done, Place, done, python};
use std::process::Stdio;

#[track_caller]
fn refused(done: &Done, code: i32, words: &[&str]) {
    assert_eq!(done.code, code, "{done:?}");
    let lines: Vec<&str> = done.err.lines().collect();
    assert_eq!(lines.len(), 1, "one line: {done:?}");
    assert!(lines[0].starts_with("moviola: "), "{done:?}");
    for word in words {
        assert!(lines[0].contains(word), "{word:?} is missing: {done:?}");
    }
}

#[test]
fn programs_that_cannot_be_run() {
    let place = Place::new();
    refused(&place.record(&["nosuch.py"]), 2, &["no such script", "nosuch.py"]);
    std::fs::create_dir(place.work().join("folder")).unwrap();
    refused(&place.record(&["folder"]), 2, &["folder", "directory"]);
    refused(&place.record(&["/bin/sh"]), 2, &["/bin/sh", "not a Python program"]);
    place.write("script.sh", "#!/bin/sh\necho hello\n");
    refused(&place.record(&["script.sh"]), 2, &["not a Python program"]);
    refused(&place.record(&[]), 2, &["nothing to run"]);
    refused(&place.record(&["-m"]), 2, &["-m"]);
    refused(&place.record(&["--no-such-option", "x.py"]), 2, &["--no-such-option", "--py-opt"]);
    assert!(place.files().iter().all(|n| !n.contains("moviola")), "{:?}", place.files());
}

#[test]
fn pythons_that_cannot_be_recorded() {
    let place = Place::new();
    let old = place.write(
        "old-python",
        "#!/bin/sh\ncat > /dev/null\necho MOVIOLA implementation cpython\necho MOVIOLA version 3.9.2\n",
    );
    let free = place.write(
        "free-python",
        "#!/bin/sh\ncat > /dev/null\necho MOVIOLA implementation cpython\necho MOVIOLA version 3.13.0\necho MOVIOLA gil 0\n",
    );
    let other = place.write(
        "other-python",
        "#!/bin/sh\ncat > /dev/null\necho MOVIOLA implementation pypy\necho MOVIOLA version 3.11.9\n",
    );
    for (path, word) in [(old, "3.9.2"), (free, "free-threaded"), (other, "pypy")] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let done = place.run(&["record", "--python", path.to_str().unwrap(), "-c", "pass"]);
        refused(&done, 4, &[word, "--python"]);
    }
    refused(
        &place.run(&["record", "--python", "/bin/cat", "-c", "pass"]),
        4,
        &["/bin/cat", "--python"],
    );
    refused(&place.run(&["record", "--python", "/no/python", "-c", "pass"]), 4, &["/no/python"]);
}

#[test]
fn no_recorder_is_built() {
    let place = Place::new();
    let args = ["record", "--python", &python(), "-c", "print(1)"];
    let none =
        done(place.moviola(&args).env("MOVIOLA_RECORDER", "/no/such/place").output().unwrap());
    refused(&none, 4, &["no recorder", "pip install"]);
    assert_eq!(none.out, "", "the program was not started");
    let foreign = place.write("foreign.so", "MOVIOLA-ABI:3.99;");
    let wrong = done(place.moviola(&args).env("MOVIOLA_RECORDER", foreign).output().unwrap());
    refused(&wrong, 4, &["3.99", "pip install"]);
}

#[test]
fn the_recorder_fails_inside_the_program() {
    let place = Place::new();
    let tag = place.plain(&["-c", "import sys; print('3.%d' % sys.version_info[1])"]).out;
    let broken = place.write("broken.so", &format!("MOVIOLA-ABI:{}", tag.trim()));
    let args =
        ["record", "-o", "t.moviola", "--python", &python(), "-c", "print(1); raise SystemExit(3)"];
    let done = done(place.moviola(&args).env("MOVIOLA_RECORDER", broken).output().unwrap());
    assert_eq!((done.code, done.out.as_str()), (3, "1\n"), "{done:?}");
    assert_eq!(done.err.lines().count(), 1, "{done:?}");
    assert!(done.err.starts_with("moviola: the recorder could not start"), "{done:?}");
}

#[test]
fn traces_that_are_none() {
    let place = Place::new();
    place.write("empty.moviola", "");
    place.write("foreign.moviola", "this is a text, not a trace\n");
    std::fs::create_dir(place.work().join("dir.moviola")).unwrap();
    for command in ["info", "replay", "recover", "export", "coverage", "verify"] {
        refused(&place.run(&[command, "nosuch.moviola"]), 3, &["nosuch.moviola"]);
        refused(&place.run(&[command, "empty.moviola"]), 3, &["empty.moviola"]);
        refused(&place.run(&[command, "foreign.moviola"]), 3, &["foreign.moviola"]);
        refused(&place.run(&[command, "dir.moviola"]), 3, &["dir.moviola"]);
    }
}

#[test]
fn a_truncated_trace_opens_up_to_the_damage() {
    let place = Place::new();
    place.write("p.py", "t = 0\nfor i in range(200000):\n    t += i\n");
    assert_eq!(place.record(&["p.py"]).code, 0);
    let whole = std::fs::read(place.work().join("t.moviola")).unwrap();
    for part in 1..20 {
        let cut = whole.len() * part / 20;
        std::fs::write(place.work().join("cut.moviola"), &whole[..cut]).unwrap();
        let done = place.run(&["info", "cut.moviola"]);
        assert!(matches!(done.code, 0 | 3), "cut at {cut}: {done:?}");
        if done.code == 3 {
            refused(&done, 3, &["cut.moviola"]);
        }
        let done = place.run(&["replay", "cut.moviola", "-x", "c", "-x", "w"]);
        assert!(matches!(done.code, 0 | 3), "cut at {cut}: {done:?}");
    }
}

#[test]
fn places_that_cannot_be_written() {
    let place = Place::new();
    let python = python();
    let record =
        |output: &str| place.run(&["record", "--python", &python, "-o", output, "-c", "print(1)"]);
    let gone = record("no/such/folder/t.moviola");
    refused(&gone, 4, &["no/such/folder", "-o"]);
    assert_eq!(gone.out, "", "the program was not started");
    place.write("file", "");
    refused(&record("file/t.moviola"), 4, &["file/t.moviola"]);
    refused(&record("/proc/t.moviola"), 4, &["/proc/t.moviola"]);
    std::fs::create_dir(place.work().join("folder")).unwrap();
    refused(&record("folder"), 4, &["folder", "directory"]);
}

#[test]
fn a_full_disk_does_not_stop_the_program() {
    let place = Place::new();
    place.write("p.py", "import random\nr = random.Random(1)\nxs = []\nfor i in range(400000):\n    xs.append(r.random())\nprint(len(xs))\n");
    // No file may grow over 20,000 blocks of 1,024 bytes; the ring fits, the trace does not.
    let script = "ulimit -f 20000; exec \"$@\"";
    let done = done(
        place
            .command("bash")
            .args([
                "-c",
                script,
                "bash",
                env!("CARGO_BIN_EXE_moviola"),
                "record",
                "--python",
                &python(),
            ])
            .args(["-o", "t.moviola", "p.py"])
            .stdout(Stdio::piped())
            .output()
            .unwrap(),
    );
    assert_eq!((done.code, done.out.as_str()), (0, "400000\n"), "{done:?}");
    if place.work().join("t.moviola").metadata().unwrap().len() > 19_000 * 1024 {
        assert!(done.err.starts_with("moviola: "), "{done:?}");
        let info = place.info("t.moviola");
        assert!(!info["gaps"].as_array().unwrap().is_empty(), "{info}");
    }
    assert!(place.info("t.moviola")["events"]["line"].as_u64().unwrap() > 1000);
}

#[test]
fn the_script_and_devices_are_not_replaced() {
    let place = Place::new();
    let script = place.write("p.py", "print('ran')\n");
    let python = python();
    for (output, said) in [("p.py", "the script"), ("/dev/null", "no ordinary file")] {
        let done = place.run(&["record", "--python", &python, "-o", output, "./p.py"]);
        refused(&done, 2, &[said, "-o"]);
        assert_eq!(done.out, "");
    }
    assert_eq!(std::fs::read_to_string(script).unwrap(), "print('ran')\n");
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_limit_on_file_sizes_is_said() {
    let place = Place::new();
    place.write("p.py", "print('ran')\n");
    let line = format!(
        "ulimit -f 50; exec {} record -o t.moviola --python {} p.py",
        env!("CARGO_BIN_EXE_moviola"),
        python()
    );
    let done = crate::util::done(place.command("bash").args(["-c", &line]).output().unwrap());
    assert_eq!(done.code, 4, "{done:?}");
    assert!(done.err.starts_with("moviola: cannot write the trace"), "{done:?}");
    assert_eq!(done.err.lines().count(), 1, "{done:?}");
}
