//! Nothing panics or overflows the stack, whatever is typed and however deep the objects are.

use super::world::{World, blank};
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
    for _ in 0..3000 {
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
