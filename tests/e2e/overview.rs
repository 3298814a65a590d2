//! The run as a whole: the lines that called for a debugger, and the rows of `timeline`.

use crate::travel::{recorded, session};

const BOOKMARKS: &str = "\
import io, os, pdb, sys
sys.stdin = io.StringIO('c\\n' * 9)
sys.stdout = open(os.devnull, 'w')
def f(x):
    breakpoint()
    return x
f(1)
pdb.set_trace()
hook = sys.breakpointhook
sys.breakpointhook = lambda: None
f(2)
end = 1
";

#[test]
fn where_the_program_called_for_a_debugger() {
    let place = recorded(BOOKMARKS);
    let told = session(
        &place,
        &[
            "bookmarks",
            "catch bookmark",
            "c",
            "c",
            "p x",
            "c",
            "p x",
            "c",
            "rc",
            "goto",
            "rc 2",
            "goto bookmark 2",
            "goto bookmark 4",
            "goto bookmark 0",
            "catch bookmark x",
            "bookmarks",
            "catch",
        ],
    );
    let rows: Vec<&str> =
        told[0].lines().filter_map(|row| row.rsplit_once("p.py")).map(|r| r.1).collect();
    assert_eq!(rows, ["(5)f()", "(8)<module>()", "(5)f()"], "{told:?}");
    assert!(
        told[2].starts_with("Catchpoint 1: bookmark\n") && told[2].contains("p.py(5)f()"),
        "{told:?}"
    );
    assert!(told[3].contains("p.py(8)<module>()") && told[5].contains("p.py(5)f()"), "{told:?}");
    assert_eq!(told[6], "2", "the third is in the second call, with a hook of the program's own");
    assert!(told[7].contains("end of the recording"), "{told:?}");
    assert!(told[8].contains("p.py(5)f()"), "{told:?}");
    assert!(told[10].contains("p.py(5)f()") && told[11].contains("p.py(8)<module>()"), "{told:?}");
    assert_eq!(told[12], "*** Error in argument: 'bookmark 4'");
    assert_eq!(told[13], "*** Error in argument: 'bookmark 0'");
    assert!(told[14].starts_with("*** Error in argument: 'bookmark x'"), "{told:?}");
    assert!(told[15].lines().nth(1).unwrap().starts_with("-> 2 "), "{told:?}");
    assert!(told[16].contains("catchpoint   keep yes   bookmark"), "{told:?}");
    // The start of a session.
    let done = place.feed(&["replay", "--bookmark", "3", "t.moviola"], "p x\n");
    assert!(done.code == 0 && done.out.contains("(Pdb) 2\n"), "{done:?}");
    let done = place.feed(&["replay", "--bookmark", "4", "t.moviola"], "");
    assert!(
        done.code == 2 && done.err.contains("--bookmark 4: the program did not call"),
        "{done:?}"
    );
    let none = recorded("x = 1\n");
    let told = session(&none, &["bookmarks", "goto bookmark 1"]);
    assert_eq!(told[0], "The program called no breakpoint() and no pdb.set_trace()");
    assert_eq!(told[1], "*** Error in argument: 'bookmark 1'");
}

const RUN: &str = "\
def early(n):
    return n
def late(n):
    try:
        raise ValueError(n)
    except ValueError:
        pass
for i in range(50):
    early(i)
for i in range(50):
    late(i)
";

#[test]
fn the_rows_of_the_timeline() {
    let place = recorded(RUN);
    let told = session(
        &place,
        &[
            "b 11",
            "c",
            "mark half",
            "timeline",
            "timeline 60",
            "timeline half end",
            "timeline 7",
            "timeline end half",
        ],
    );
    let row = |text: &str, name: &str| -> String {
        let found = text
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name}: {text}"));
        found.split('|').nth(1).unwrap().to_owned()
    };
    let whole = &told[3];
    let (early, late) = (row(whole, "early()"), row(whole, "late()"));
    let (raised, here) = (row(whole, "exceptions"), row(whole, "here"));
    assert!(row(whole, "MainThread").chars().all(|c| c == '-'), "{whole}");
    // One is called before, the other behind this position, where there is nothing else.
    let at = here.find('^').unwrap();
    assert!(here.matches('^').count() == 1 && row(whole, "marks").find('*') == Some(at), "{whole}");
    assert!(early.rfind('#').unwrap() <= at && late.find('#').unwrap() >= at, "{whole}");
    assert!(early[..at].trim() != "" && late[at + 1..].chars().all(|c| c == '#'), "{whole}");
    assert_eq!(raised.replace('!', "#"), late, "{whole}");
    assert!(told[4].lines().skip(1).all(|line| line.len() == 59 || line.len() == 60), "{told:?}");
    assert_eq!(row(&told[5], "here").find('^'), Some(0), "{told:?}");
    assert!(!row(&told[5], "early()").contains('#'), "{told:?}");
    for wrong in [6, 7] {
        assert!(told[wrong].starts_with("*** Error in argument: "), "{told:?}");
    }
}
