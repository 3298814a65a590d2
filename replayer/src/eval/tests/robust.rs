//! Nothing panics or overflows the stack, whatever is typed and however deep the objects are.

use super::world::{UNKNOWN, World, blank, named};
use crate::eval::{classify, completions, evaluate};
use moviola_format::event::Kind;
use moviola_format::read::{ObjectState, OwnedValue};

struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below
    }
}

#[test]
fn random_text_never_panics() {
    const PIECES: &[&str] = &[
        "xs",
        "d",
        "s",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        ".",
        "+",
        "-",
        "*",
        "**",
        "/",
        "//",
        "%",
        "<",
        "==",
        " in ",
        " is ",
        " not ",
        " and ",
        " or ",
        " if ",
        " else ",
        " for x in ",
        "lambda ",
        "'",
        "\"",
        "f'",
        "f'{",
        "}'",
        "\\",
        "\n",
        "\0",
        "1",
        "0",
        "-1",
        "99999999999",
        "1e999",
        "0x",
        "len",
        "str",
        "sorted",
        ".format",
        ".split",
        "'%d'",
        "é",
        "\u{1f600}",
        "\u{202e}",
        "!r",
        ":=",
        "await ",
        "yield ",
        "#",
        ";",
        "=",
        "@",
        "~",
        "<<",
        ">>",
        "...",
        "[::-1]",
        "x",
    ];
    let mut world = World::new(12);
    world.assign("xs", "[1, 2, 3]");
    world.assign("d", "{'a': 1}");
    world.assign("s", "'text'");
    let mut random = Random(42);
    for _ in 0..400 {
        let source: String =
            (0..random.next(12) + 1).map(|_| PIECES[random.next(PIECES.len())]).collect();
        if let Ok(value) = evaluate(&source, &world) {
            let _ = value.repr(&world);
            let _ = value.pprint(&world);
        }
        let _ = classify(&source);
        let _ = completions(&source, &world);
    }
    for _ in 0..500 {
        let source: String = (0..random.next(40))
            .filter_map(|_| char::from_u32(random.next(0x2_0000) as u32))
            .collect();
        let _ = evaluate(&source, &world);
        let _ = classify(&source);
    }
}

#[test]
fn deep_nesting_of_text_is_refused() {
    let world = World::new(12);
    for piece in [
        "(",
        "[",
        "{",
        "-",
        "not ",
        "~",
        "lambda:",
        "1**",
        "1 if 1 else ",
        "f'{",
        "1+",
        "a.",
        "a[",
        "*",
        "x for x in ",
    ] {
        for count in [50, 500, 9_990 / piece.len()] {
            let _ = evaluate(&piece.repeat(count), &world);
            let mut text = piece.repeat(count);
            text.push('1');
            let _ = evaluate(&text, &world);
            let _ = classify(&text);
        }
    }
    assert!(evaluate(&"1+".repeat(100_000), &world).is_err());
}

#[test]
fn deep_objects_are_cut() {
    let mut world = World::new(12);
    let mut inner = world.put(ObjectState { seq: Some(vec![]), ..blank(Kind::List) });
    for _ in 0..200_000 {
        inner = world.put(ObjectState { seq: Some(vec![inner]), ..blank(Kind::List) });
    }
    world.set("deep", inner);
    let shown = evaluate("deep", &world).unwrap().repr(&world);
    assert!(shown.contains("<+1 below depth 100>"), "{shown}");
    assert!(evaluate("deep == deep[0]", &world).is_err());
    assert!(evaluate("deep", &world).unwrap().pprint(&world).contains("below depth"));
    let id = world.add(blank(Kind::List));
    world.change(id, |state| state.seq = Some(vec![OwnedValue::Ref(id), OwnedValue::Int(1)]));
    world.set("cycle", OwnedValue::Ref(id));
    assert_eq!(evaluate("cycle", &world).unwrap().repr(&world), "[[...], 1]");
    assert_eq!(evaluate("cycle[0][0][1]", &world).unwrap().repr(&world), "1");
}

#[test]
fn large_results_are_refused() {
    let world = World::new(12);
    for source in [
        "'a' * 10 ** 12",
        "[0] * 10 ** 12",
        "10 ** 10 ** 10",
        "1 << 10 ** 12",
        "sum(range(10 ** 12))",
        "list(range(10 ** 12))",
        "'%1000000000000d' % 1",
        "'{:1000000000000}'.format(1)",
        "'a'.center(10 ** 12)",
        "[x for x in range(10 ** 7) for y in range(10 ** 7)]",
        "bytes(10 ** 12)",
        "(9 ** 99999) ** 99999",
    ] {
        assert!(evaluate(source, &world).is_err(), "{source}");
    }
    assert!(evaluate("len(range(10 ** 12))", &world).is_ok());
    assert!(evaluate("10 ** 5000", &world).unwrap().repr(&world).starts_with("0x"));
}

/// Objects as no recorder writes them: any parts, any classes, references anywhere.
#[test]
fn hostile_objects_never_panic() {
    const NAMES: &[&str] = &[
        "__name__",
        "__qualname__",
        "__module__",
        "mro",
        "bases",
        "base_kind",
        "args",
        "__func__",
        "__self__",
        "__code__",
        "co_filename",
        "start",
        "stop",
        "step",
        "maxlen",
        "mapping",
        "default_factory",
        "typecode",
        "itemsize",
        "func",
        "keywords",
        "fget",
        "__dict__",
        "__file__",
        "_value_",
        "_name_",
        "_fields",
        "__repr__",
        "__eq__",
        "__dataclass_fields__",
        "__wrapped__",
        "_member_map_",
        "_member_names_",
        "repr",
        "compare",
        "_parts",
        "_raw_paths",
        "a",
        "b",
    ];
    const EXPRESSIONS: &[&str] = &[
        "o0.a",
        "o1.b",
        "o0.__class__",
        "o2.args",
        "o0 == o1",
        "o0 < o1",
        "o0 in o1",
        "len(o0)",
        "o0[0]",
        "o0['a']",
        "o0[1:3]",
        "list(o0)",
        "sorted(o0)",
        "str(o0)",
        "f'{o0}'",
        "repr(o1)",
        "isinstance(o0, o1)",
        "o0 + o1",
        "o0 * 2",
        "'%s' % o0",
        "{o0: 1}",
        "{o0, o1}",
        "not o0",
        "o0 is o1",
        "o0()",
        "o0.__name__",
        "o0.a()",
        "sum(o0)",
        "max(o0)",
        "dict(o0)",
        "hasattr(o0, 'a')",
        "o0.keys()",
        "o0.index(1)",
        "[*o0]",
        "{**o0}",
        "type(o0)",
        "callable(o0)",
        "int(o0)",
        "float(o0)",
        "abs(o0)",
        "o0 % 2",
        "-o0",
        "bytes(o0)",
        "range(o0)",
        "round(o0)",
        "o0.value",
        "issubclass(o0, o1)",
        "'{.a}'.format(o0)",
        "o0.year",
        "o0.upper()",
        "dict([o0])",
        "o0 | o1",
        "any(o0)",
        "getattr(o0, 'b', 1)",
    ];
    let mut random = Random(7);
    for round in 0..400 {
        let mut world = World::new(11 + (round % 3));
        let texts =
            ["enum", "Enum", "builtins", "tuple", "collections", "Counter", "datetime", "x"];
        let ids = 12;
        let value = |random: &mut Random| match random.next(12) {
            0 => OwnedValue::None,
            1 => OwnedValue::Int(random.next(300) as i64 - 20),
            2 => UNKNOWN,
            3 => OwnedValue::Unbound,
            4 => OwnedValue::Str(b"\xed\xa0\x80\xff"[..].into()),
            5 | 6 => super::world::text(texts[random.next(texts.len())]),
            7 => OwnedValue::Bool(random.next(2) == 0),
            _ => OwnedValue::Ref(random.next(ids + 2) as u64),
        };
        for _ in 0..ids {
            let kind = Kind::from_code(1 + random.next(37) as u8).unwrap();
            let mut state = blank(kind);
            if random.next(3) == 0 {
                state.class = random.next(ids + 2) as u64;
            }
            if random.next(2) == 0 {
                state.seq = Some((0..random.next(4)).map(|_| value(&mut random)).collect());
            }
            if random.next(2) == 0 {
                let pairs = (0..random.next(3)).map(|_| (value(&mut random), value(&mut random)));
                state.map = Some(pairs.collect());
            }
            for part in [&mut state.attrs, &mut state.fields] {
                if random.next(3) > 0 {
                    let count = random.next(12);
                    let names: Vec<_> = (0..count)
                        .map(|_| (NAMES[random.next(NAMES.len())], value(&mut random)))
                        .collect();
                    *part = Some(named(&names));
                }
            }
            if random.next(3) == 0 {
                state.scalar = Some(value(&mut random));
            }
            if random.next(3) == 0 {
                state.blob = Some((0..random.next(9)).map(|_| random.next(256) as u8).collect());
            }
            if random.next(8) == 0 {
                state.dict_of = Some(random.next(ids + 2) as u64);
            }
            world.add(state);
        }
        for at in 0..3 {
            world.set(&format!("o{at}"), OwnedValue::Ref(1 + random.next(ids) as u64));
        }
        for id in 0..ids as u64 + 2 {
            let _ = crate::show::repr(&OwnedValue::Ref(id), &world);
            let _ = crate::show::pprint(&OwnedValue::Ref(id), &world);
        }
        for expression in EXPRESSIONS {
            if let Ok(value) = evaluate(expression, &world) {
                let _ = value.repr(&world);
                let _ = value.is_true(&world);
            }
        }
        let _ = completions("o0.", &world);
    }
}
