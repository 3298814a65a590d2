//! The command engine's texts on a small recorded program.

mod common;

use common::{FUNCTION, Script};
use moviola_replayer::pdb::Engine;

const SOURCE: &str = "\
def work(items, limit):
    total = 0
    for item in items:
        total += item
        if total > limit:
            raise ValueError(total)
    return total

def main():
    work([1, 2], 10)
    work([5, 6, 7], 10)

main()
";

/// The run of `SOURCE`: the second call raises.
fn failing() -> Script {
    let mut script = Script::new(SOURCE);
    let module = script.code("<module>", 0, &[1, 9, 13], &[]);
    let main = script.code("main", FUNCTION, &[9, 10, 11], &[]);
    let work =
        script.code("work", FUNCTION, &[1, 2, 3, 4, 5, 6, 7], &["items", "limit", "total", "item"]);
    script.call(module);
    script.line(1).line(9).line(13);
    script.call(main);
    script.line(10);
    let first = script.list(&[1, 2]);
    script.call_with(work, &[first as i64 | common::REF, 10]);
    script.line(2).store(2, 0).line(3);
    for (item, total) in [(1, 1), (2, 3)] {
        script.store(3, item).line(4).store(2, total).line(5).line(3);
    }
    script.line(7).ret(3);
    script.line(11);
    let second = script.list(&[5, 6, 7]);
    script.call_with(work, &[second as i64 | common::REF, 10]);
    script.line(2).store(2, 0).line(3);
    script.store(3, 5).line(4).store(2, 5).line(5).line(3);
    script.store(3, 6).line(4).store(2, 11).line(5).line(6);
    let error = script.exception("ValueError", "11");
    script.raise(error).unwind();
    script.raise(error).unwind();
    script.raise(error).unwind();
    script.exit(2, 1);
    script
}

fn session(name: &str, commands: &[&str]) -> String {
    let mut engine = Engine::new(failing().trace(name, 60)).expect("a session");
    let mut out = engine.start([]).lines.join("\n");
    for command in commands {
        let reply = engine.execute(command);
        out.push_str(&format!("\n(Pdb) {command}\n"));
        out.push_str(&reply.lines.join("\n"));
        if reply.quit {
            break;
        }
    }
    out
}

fn check(name: &str, commands: &[&str], expected: &str) {
    let found = session(name, commands);
    assert_eq!(found.trim_end(), expected.trim(), "\n{found}");
}

#[test]
fn opens_at_the_exception_and_walks_back() {
    check(
        "walk",
        &["w", "p total, item", "rn", "rn", "rn", "rn", "p total", "u", "d", "d", "s", "s", "s"],
        "\
Uncaught exception. Entering post mortem debugging
ValueError: 11
> /p/main.py(6)work()
-> raise ValueError(total)
(Pdb) w
  /p/main.py(13)<module>()
-> main()
  /p/main.py(11)main()
-> work([5, 6, 7], 10)
> /p/main.py(6)work()
-> raise ValueError(total)
(Pdb) p total, item
(11, 6)
(Pdb) rn
> /p/main.py(6)work()
-> raise ValueError(total)
(Pdb) rn
> /p/main.py(5)work()
-> if total > limit:
(Pdb) rn
> /p/main.py(4)work()
-> total += item
(Pdb) rn
> /p/main.py(3)work()
-> for item in items:
(Pdb) p total
5
(Pdb) u
> /p/main.py(11)main()
-> work([5, 6, 7], 10)
(Pdb) d
> /p/main.py(3)work()
-> for item in items:
(Pdb) d
*** Newest frame
(Pdb) s
> /p/main.py(4)work()
-> total += item
(Pdb) s
> /p/main.py(5)work()
-> if total > limit:
(Pdb) s
> /p/main.py(6)work()
-> raise ValueError(total)",
    );
}

#[test]
fn an_exception_keeps_the_frames_it_has_left() {
    check(
        "left",
        &["n", "n", "w", "d"],
        "\
Uncaught exception. Entering post mortem debugging
ValueError: 11
> /p/main.py(6)work()
-> raise ValueError(total)
(Pdb) n
--Return--
> /p/main.py(6)work()->None
-> raise ValueError(total)
(Pdb) n
ValueError: 11
> /p/main.py(11)main()
-> work([5, 6, 7], 10)
(Pdb) w
  /p/main.py(13)<module>()
-> main()
> /p/main.py(11)main()
-> work([5, 6, 7], 10)
  /p/main.py(6)work()
-> raise ValueError(total)
(Pdb) d
> /p/main.py(6)work()
-> raise ValueError(total)",
    );
}

#[test]
fn breakpoints_forwards_and_backwards() {
    check(
        "breaks",
        &[
            "goto start",
            "b 4, total > 0",
            "b work",
            "c",
            "c",
            "c",
            "c",
            "rc",
            "rc",
            "rc",
            "rc",
            "b",
            "cl 1",
            "disable 2",
            "c",
            "c",
        ],
        "\
Uncaught exception. Entering post mortem debugging
ValueError: 11
> /p/main.py(6)work()
-> raise ValueError(total)
(Pdb) goto start
> /p/main.py(1)<module>()
-> def work(items, limit):
(Pdb) b 4, total > 0
Breakpoint 1 at /p/main.py:4
(Pdb) b work
Breakpoint 2 at /p/main.py:2
(Pdb) c
> /p/main.py(2)work()
-> total = 0
(Pdb) c
> /p/main.py(4)work()
-> total += item
(Pdb) c
> /p/main.py(2)work()
-> total = 0
(Pdb) c
> /p/main.py(4)work()
-> total += item
(Pdb) rc
> /p/main.py(2)work()
-> total = 0
(Pdb) rc
> /p/main.py(4)work()
-> total += item
(Pdb) rc
> /p/main.py(2)work()
-> total = 0
(Pdb) rc
This is the start of the recording
> /p/main.py(1)<module>()
-> def work(items, limit):
(Pdb) b
Num Type         Disp Enb   Where
1   breakpoint   keep yes   at /p/main.py:4
\tstop only if total > 0
\thit 0 of 4 in the recording
2   breakpoint   keep yes   at /p/main.py:2
\thit 0 of 2 in the recording
(Pdb) cl 1
Deleted breakpoint 1 at /p/main.py:4
(Pdb) disable 2
Disabled breakpoint 2 at /p/main.py:2
(Pdb) c
Uncaught exception. Entering post mortem debugging
ValueError: 11
> /p/main.py(6)work()
-> raise ValueError(total)
(Pdb) c
The program finished: this is the end of the recording",
    );
}

#[test]
fn ignore_counts_are_undone_backwards() {
    check(
        "ignore",
        &["goto start", "tbreak 7", "b 5", "ignore 2 2", "c", "c", "b", "rc", "rc"],
        "\
Uncaught exception. Entering post mortem debugging
ValueError: 11
> /p/main.py(6)work()
-> raise ValueError(total)
(Pdb) goto start
> /p/main.py(1)<module>()
-> def work(items, limit):
(Pdb) tbreak 7
Breakpoint 1 at /p/main.py:7
(Pdb) b 5
Breakpoint 2 at /p/main.py:5
(Pdb) ignore 2 2
Will ignore next 2 crossings of breakpoint 2.
(Pdb) c
Deleted breakpoint 1 at /p/main.py:7
> /p/main.py(7)work()
-> return total
(Pdb) c
> /p/main.py(5)work()
-> if total > limit:
(Pdb) b
Num Type         Disp Enb   Where
2   breakpoint   keep yes   at /p/main.py:5
\tbreakpoint already hit 3 times
\thit 3 of 4 in the recording
(Pdb) rc
This is the start of the recording
> /p/main.py(1)<module>()
-> def work(items, limit):
(Pdb) rc
This is the start of the recording",
    );
}

#[test]
fn calls_returns_and_their_values() {
    check(
        "values",
        &[
            "goto start",
            "unt 13",
            "s",
            "s",
            "s",
            "a",
            "p items[1] + limit",
            "r",
            "retval",
            "n",
            "rs",
            "rf",
            "p nope",
            "1 +",
            "x = 2",
            "p x",
            "x.y = 1",
            "rs",
            "p x",
        ],
        "\
Uncaught exception. Entering post mortem debugging
ValueError: 11
> /p/main.py(6)work()
-> raise ValueError(total)
(Pdb) goto start
> /p/main.py(1)<module>()
-> def work(items, limit):
(Pdb) unt 13
> /p/main.py(13)<module>()
-> main()
(Pdb) s
--Call--
> /p/main.py(9)main()
-> def main():
(Pdb) s
> /p/main.py(10)main()
-> work([1, 2], 10)
(Pdb) s
--Call--
> /p/main.py(1)work()
-> def work(items, limit):
(Pdb) a
items = [1, 2]
limit = 10
(Pdb) p items[1] + limit
12
(Pdb) r
--Return--
> /p/main.py(7)work()->3
-> return total
(Pdb) retval
3
(Pdb) n
> /p/main.py(11)main()
-> work([5, 6, 7], 10)
(Pdb) rs
--Return--
> /p/main.py(7)work()->3
-> return total
(Pdb) rf
> /p/main.py(10)main()
-> work([1, 2], 10)
(Pdb) p nope
*** NameError: name 'nope' is not defined
(Pdb) 1 +
*** SyntaxError: invalid syntax
(Pdb) x = 2

(Pdb) p x
2
(Pdb) x.y = 1
*** moviola: cannot tell offline: the recorded run cannot be changed
(Pdb) rs
--Call--
> /p/main.py(9)main()
-> def main():
(Pdb) p x
*** NameError: name 'x' is not defined",
    );
}

#[test]
fn source_is_listed_as_pdb_does() {
    check(
        "list",
        &["b 4", "l", "l", "l 3, 4", "ll", "l x", ""],
        "\
Uncaught exception. Entering post mortem debugging
ValueError: 11
> /p/main.py(6)work()
-> raise ValueError(total)
(Pdb) b 4
Breakpoint 1 at /p/main.py:4
(Pdb) l
  1  \tdef work(items, limit):
  2  \t    total = 0
  3  \t    for item in items:
  4 B\t        total += item
  5  \t        if total > limit:
  6  ->\t            raise ValueError(total)
  7  \t    return total
  8  \t
  9  \tdef main():
 10  \t    work([1, 2], 10)
 11  \t    work([5, 6, 7], 10)
(Pdb) l
 12  \t
 13  \tmain()
[EOF]
(Pdb) l 3, 4
  3  \t    for item in items:
  4 B\t        total += item
(Pdb) ll
  1  \tdef work(items, limit):
  2  \t    total = 0
  3  \t    for item in items:
  4 B\t        total += item
  5  \t        if total > limit:
  6  ->\t            raise ValueError(total)
  7  \t    return total
(Pdb) l x
*** Error in argument: 'x'
(Pdb) 
  5  \t        if total > limit:
  6  ->\t            raise ValueError(total)
  7  \t    return total
  8  \t
  9  \tdef main():
 10  \t    work([1, 2], 10)
 11  \t    work([5, 6, 7], 10)
 12  \t
 13  \tmain()
[EOF]",
    );
}

#[test]
fn an_unknown_value_in_a_condition_stops_and_says_so() {
    let mut script = Script::new("x = f()\ny = x\n");
    let module = script.code("<module>", FUNCTION, &[1, 2], &["x"]);
    script.call(module);
    script.line(1).store_unknown(0).line(2).ret(0).exit(0, 0);
    let mut engine = Engine::new(script.trace("unknown", 1 << 20)).expect("a session");
    assert_eq!(engine.execute("p x").lines, ["*** NameError: name 'x' is not defined"]);
    engine.execute("b 2, x == 3");
    let reply = engine.execute("c").lines.join("\n");
    assert!(reply.contains("not recorded: over the recording's limit"), "{reply}");
    assert!(reply.ends_with("> /p/main.py(2)<module>()\n-> y = x"), "{reply}");
    let reply = engine.execute("p x").lines.join("\n");
    assert_eq!(reply, "<not recorded: over the recording's limit>");
}

#[test]
fn completion_knows_commands_and_names() {
    let engine = Engine::new(failing().trace("complete", 1 << 20)).expect("a session");
    assert_eq!(engine.complete("reverse-c", 9), (0, vec!["reverse-continue".to_owned()]));
    assert_eq!(engine.complete("p lim", 5), (2, vec!["limit".to_owned()]));
    assert_eq!(engine.complete("b wo", 4), (2, vec!["work".to_owned()]));
}
