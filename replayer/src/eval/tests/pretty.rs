//! `pprint` against Python's.

use super::world::World;
use super::{python, pythons, quoted};
use crate::eval::evaluate;

const VALUES: &[&str] = &[
    "1",
    "'a' * 100",
    "'word ' * 40",
    "['word ' * 40]",
    "{'k': 'lorem ipsum ' * 12, 'l': 1}",
    "'line one\\nline two\\n' * 8",
    "list(range(50))",
    "[list(range(10)) for x in range(10)]",
    "{'b': 1, 'a': 2}",
    "{'zz': list(range(30)), 'aa': {'x': 'y' * 70, 'c': 2}}",
    "tuple(['elephant'] * 12)",
    "('x' * 100,)",
    "{2: 'x' * 50, 1: 'y' * 50, 'a': 'z' * 50}",
    "[{'name': 'n' * 20, 'items': ['aaaa', 'bbbb'] * 5, 'nested': {'deep': ['cccc'] * 12}}] * 2",
    "set(range(100, 140))",
    "frozenset(range(100, 140))",
    "[set(range(100, 140))]",
    "[frozenset(range(100, 140)), 1]",
    "b'x' * 100",
    "[b'0123456789' * 10]",
    "bytearray(b'x' * 100)",
    "{'q': b'ab' * 60}",
    "[[], {}, (), 'x' * 80]",
    "{'key' * 10: {'other' * 8: ['v' * 30, 'w' * 30]}}",
    "[[[[['deep' * 10, 'deeper' * 10]]]]]",
    "'\\u20ac' * 90",
    "{(1, 2): 'a' * 40, (0, 5): 'b' * 40}",
    "[None, True, 1.5, 10 ** 60, 1j, ...] * 3",
];

#[test]
fn pprint_is_as_in_python() {
    for (program, minor) in pythons() {
        let mut source = String::from("import pprint\n");
        for value in VALUES {
            source += &format!("print(ascii(pprint.pformat(eval({}))))\n", quoted(value));
        }
        let answers = python(&program, &source);
        for (value, answer) in VALUES.iter().zip(answers) {
            let mut world = World::new(minor);
            let made = evaluate(value, &world).unwrap();
            assert_eq!(quoted(&made.pprint(&world)), answer, "made: {value}");
            let recorded = world.literal(value);
            assert_eq!(quoted(&crate::show::pprint(&recorded, &world)), answer, "{value}");
        }
    }
}
