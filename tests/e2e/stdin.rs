//! Who reads standard input: the program in `record`, the debugger in `debug` and `replay`.

use crate::util::{Place, python};

const READER: &str = "import sys\ntext = sys.stdin.read()\nprint(len(text), repr(text[:20]))\n";

#[test]
fn record_passes_standard_input_through() {
    let place = Place::new();
    place.write("reader.py", READER);
    let args = ["record", "-o", "t.moviola", "--python", &python(), "reader.py"];
    assert_eq!(place.feed(&args, "one\ntwo").out, "7 'one\\ntwo'\n");
    let much = "x".repeat(300_000);
    assert_eq!(place.feed(&args, &much).out, "300000 'xxxxxxxxxxxxxxxxxxxx'\n");
    assert_eq!(place.record(&["reader.py"]).out, "0 ''\n");
}

#[test]
fn debug_keeps_a_pipe_for_its_own_commands() {
    let place = Place::new();
    place.write("reader.py", READER);
    let args = ["debug", "-o", "t.moviola", "--python", &python(), "reader.py"];
    let done = place.feed(&args, "b 3\nc\np text\nq\n");
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.starts_with("0 ''\n"), "the program reads nothing: {}", done.out);
    assert!(done.out.contains("(Pdb) ''"), "p text shows it: {}", done.out);
    place.write("given.txt", "from a file");
    let args =
        ["debug", "--stdin", "given.txt", "-o", "t.moviola", "--python", &python(), "reader.py"];
    let done = place.feed(&args, "q\n");
    assert!(done.out.starts_with("11 'from a file'\n"), "{}", done.out);
    let args = ["debug", "--stdin", "nothing.txt", "--python", &python(), "reader.py"];
    assert_eq!(place.run(&args).code, 2);
}

#[test]
fn the_end_of_input_quits_as_pdb_does() {
    let place = Place::new();
    assert_eq!(place.record(&["-c", "a = 1"]).code, 0);
    let done = place.feed(&["replay", "t.moviola"], "");
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.ends_with("(Pdb) \n"), "{:?}", done.out);
    let done = place.feed(&["replay", "t.moviola"], "p 1 +\n\nq\n");
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains("SyntaxError"), "{}", done.out);
}

#[test]
fn commands_from_options_come_first() {
    let place = Place::new();
    place.write("p.py", "a = 1\nb = a + 1\nc = b + 1\n");
    assert_eq!(place.record(&["p.py"]).code, 0);
    for option in ["-x", "-c"] {
        let args = ["replay", option, "b p.py:3", option, "c", "t.moviola"];
        let done = place.feed(&args, "p a, b\n");
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.out.contains("(Pdb) (1, 2)"), "{}", done.out);
    }
}
