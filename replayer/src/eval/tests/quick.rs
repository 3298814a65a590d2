//! The quick form of a condition has no opinion of its own: what it says, the evaluator says.

use super::world::{World, text};
use crate::eval::{Expression, Quick};
use moviola_format::event::Reason;
use moviola_format::read::OwnedValue;

struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below
    }

    fn pick<'p>(&mut self, all: &[&'p str]) -> &'p str {
        all[self.next(all.len())]
    }

    fn value(&mut self) -> OwnedValue {
        match self.next(12) {
            0 => OwnedValue::None,
            1 => OwnedValue::Bool(self.next(2) == 0),
            2 => OwnedValue::Int(self.next(5) as i64 - 2),
            3 => OwnedValue::Int([i64::MAX, i64::MIN, 1 << 53, (1 << 53) + 1][self.next(4)]),
            4 => OwnedValue::Float([0.0, -0.0, 1.5, -2.0][self.next(4)]),
            5 => OwnedValue::Float(
                [f64::NAN, f64::INFINITY, 9_007_199_254_740_992.0, 1e300][self.next(4)],
            ),
            6 => text(["", "a", "ab", "é"][self.next(4)]),
            7 => OwnedValue::Ref(1),
            8 => OwnedValue::Unknown(Reason::Detail),
            9 => OwnedValue::Unbound,
            10 => OwnedValue::Bytes(b"a"[..].into()),
            _ => OwnedValue::Int(self.next(100) as i64),
        }
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 {
            let leaf = ["a", "b", "c", "0", "1", "-3", "2.5", "'a'", "''", "None", "True", "False"];
            return self.pick(&leaf).to_owned();
        }
        let mut part = || self.expression(depth - 1);
        let (left, right) = (part(), part());
        match self.next(9) {
            0 => format!("({left} and {right})"),
            1 => format!("({left} or {right})"),
            2 => format!("(not {left})"),
            3 => format!("(-{left})"),
            4 => format!("({left} {} {right})", self.pick(&["+", "-", "*", "%", "//"])),
            5 => format!("({left} {} None)", self.pick(&["is", "is not"])),
            6 => format!("({left} < {right} <= {})", self.expression(depth - 1)),
            _ => {
                let cmp = self.pick(&["==", "!=", "<", "<=", ">", ">="]);
                format!("({left} {cmp} {right})")
            }
        }
    }
}

#[test]
fn the_quick_form_agrees_with_the_evaluator() {
    let mut random = Random(7);
    let (mut answers, mut none) = (0, 0);
    for round in 0..12_000 {
        let source = random.expression(1 + round % 3);
        let parsed = Expression::parse(&source).unwrap();
        let Some(quick) = Quick::new(&parsed) else { continue };
        let mut world = World::new(12);
        assert!(matches!(world.literal("[1]"), OwnedValue::Ref(1)));
        for name in ["a", "b", "c"] {
            let value = random.value();
            world.names.insert(name.to_owned(), value);
        }
        let value = |at: usize| world.names.get(&*quick.names()[at]);
        match quick.ask(&value) {
            None => none += 1,
            Some(said) => {
                answers += 1;
                let full = parsed.evaluate(&world).and_then(|value| value.is_true(&world));
                assert_eq!(full, Ok(said), "{source} with {:?}", world.names);
            }
        }
    }
    assert!(answers > 3_000 && none > 1_000, "{answers} {none}");
}
