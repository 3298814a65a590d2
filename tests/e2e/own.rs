//! What a program puts into modules and classes of Python's own, and its modules that are called like one of those.

use crate::evaluate::told;
use crate::travel::{recorded, session};
use crate::util::Place;

const PROGRAM: &str = "\
import fractions, json, math, os, textwrap
from json import loads
from unittest import mock
def mine(*args, **keywords):
    return 'mine'
half = fractions.Fraction(1, 2)
before = 1
json.dumps = mine
math.pi = 3
vars(json)['load'] = 7
del json.dump
textwrap.TextWrapper._split = mine
fractions.Fraction.__str__ = mine
import builtins
builtins.added = [4]
vars(os).update({'naïve': 8, 'gone': 9})
vars(os).pop('gone')
try:
    type(__import__('re').compile('a')).extra = 1
except TypeError:
    pass
builtins.oct = mine
after = 1
with mock.patch('re.escape', mine):
    inside = 1
pid = os.fork()
if pid == 0:
    math.pi = 4
    child = 1
    os._exit(0)
os.waitpid(pid, 0)
";

fn line(number: usize) -> String {
    format!("goto line {number} first")
}

#[test]
fn what_the_program_replaced_is_what_is_told() {
    let place = recorded(PROGRAM);
    let (first, inside) = (line(7), line(25));
    let commands = [
        &first[..],
        "p json.dumps((1,))",
        "p json.load is not None, math.pi, str(half), textwrap.fill('a b', 1), oct(8)",
        "goto end",
        "p math.pi, json.load, added",
        "p (lambda: math.pi + json.load)()",
        "p json.dumps",
        "p json.dump",
        "p (lambda: json.dump)()",
        "p (lambda: added)()",
        "import json, math; print(json.load, math.pi)",
        "from json import loads as typed; print(typed('[5]'))",
        "p loads('[6]')",
        "p math.sqrt(4)",
        "p os.naïve",
        "p os.gone",
        "p [re.escape('.') for re in [__import__('re')]]",
    ];
    let said = told(&place, &commands);
    assert_eq!(said[1], "'[1]'");
    assert!(said[2].starts_with("(True, 3.14159265358979"), "{}", said[2]);
    assert!(said[2].ends_with("'1/2', 'a\\nb', '0o10')"), "{}", said[2]);
    let gone = "*** AttributeError: module 'json' has no attribute 'dump'";
    let at_end = [
        "(3, 7, [4])",
        "10",
        "<function mine>",
        gone,
        gone,
        "[4]",
        "7 3",
        "[5]",
        "[6]",
        "2.0",
        "8",
        "*** AttributeError: module 'os' has no attribute 'gone'",
        "['\\\\.']",
    ];
    assert_eq!(said[4..], at_end);

    let refused = [
        &inside[..],
        "p json.dumps((1,))",
        "p (lambda: json.dumps((1,)))()",
        "p oct(8)",
        "p textwrap.fill('a b', 1)",
        "p (lambda: str(half))()",
        "import re; print(re.escape('.'))",
    ];
    for (command, said) in refused.iter().zip(told(&place, &refused)).skip(1) {
        assert!(said.starts_with("*** moviola: cannot tell offline: "), "{command}: {said}");
    }
}

#[test]
fn a_child_and_a_slice_know_what_was_replaced_before() {
    let place = recorded(PROGRAM);
    let (child, after) = (line(29), line(23));
    let commands = [
        "process 1",
        &child,
        "p math.pi, json.load, os.naïve",
        "process 0",
        "goto end",
        "p math.pi",
    ];
    let said = session(&place, &commands);
    assert_eq!((&said[2][..], &said[5][..]), ("(4, 7, 8)", "3"), "{said:?}");

    let at = session(&place, &[&after, "goto"])[1].clone();
    let cut = ["export", "--format", "trace", "--from", &at, "-o", "part.moviola", "t.moviola"];
    assert_eq!(place.run(&cut).code, 0);
    let input = "goto end\np math.pi, json.load, added\nq\n";
    let done = place.feed(&["replay", "--at", "start", "part.moviola"], input);
    assert!(done.out.contains("(3, 7, [4])"), "{done:?}");
}

#[test]
fn a_module_of_the_program_hides_one_of_pythons() {
    let place = Place::new();
    place.write(
        "json.py",
        "VALUES = [1]\nclass Thing:\n    def __str__(self):\n        return 'mine'\n",
    );
    place
        .write("p.py", "import json\nthing = json.Thing()\njson.VALUES.append(2)\njson.more = 3\n");
    let done = place.record(&["p.py"]);
    assert_eq!(done.code, 0, "{done:?}");
    let commands = [
        "p json.VALUES, json.more",
        "p json.dumps",
        "import json; print(json.VALUES)",
        "from json import more; print(more)",
        "p (lambda: json.Thing is type(thing))()",
    ];
    let missing = "*** AttributeError: module 'json' has no attribute 'dumps'";
    assert_eq!(told(&place, &commands), ["([1, 2], 3)", missing, "[1, 2]", "3", "True"]);
}
