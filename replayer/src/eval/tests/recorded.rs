//! Recorded objects: classes, instances, exceptions, what is unknown.

use super::outcome;
use super::world::{UNKNOWN, World, blank, named, text};
use crate::eval::{Input, classify, completions};
use moviola_format::event::{Kind, Reason};
use moviola_format::read::{ObjectState, OwnedValue, Status};

fn check(world: &World, table: &[(&str, &str)]) {
    for (source, expected) in table {
        assert_eq!(outcome(source, world), *expected, "{source}");
    }
}

fn world() -> World {
    let mut world = World::new(12);
    let object = world.class("builtins", "object", &[], None);
    let list = world.class("builtins", "list", &[object], None);
    let tuple = world.class("builtins", "tuple", &[object], None);
    let int = world.class("builtins", "int", &[object], None);
    let exception = world.class("builtins", "Exception", &[object], None);

    // class C: x = 1; def m(self); @property p; __slots__-like field
    let method = world.function("C.m", "main.py");
    let getter = world.function("C.p", "main.py");
    let property = world
        .put(ObjectState { fields: Some(named(&[("fget", getter)])), ..blank(Kind::Property) });
    let inner = world.function("C.st", "main.py");
    let fixed = world.put(ObjectState {
        fields: Some(named(&[("__func__", inner)])),
        ..blank(Kind::StaticMethod)
    });
    let space = named(&[("x", OwnedValue::Int(1)), ("m", method), ("p", property), ("st", fixed)]);
    let class = world.class("__main__", "C", &[object], Some(space));
    world.set("C", OwnedValue::Ref(class));
    let items = world.literal("[1, 2]");
    let obj = world.instance(class, &[("a", OwnedValue::Int(5)), ("b", items)]);
    world.set("obj", obj.clone());
    world.set("alias", obj);
    let other = world.instance(class, &[("a", OwnedValue::Int(5))]);
    world.set("other", other);

    // A class with __eq__, __repr__, __getattr__ and __len__ of its own.
    let own: Vec<_> = ["__eq__", "__repr__", "__getattr__", "__len__", "__add__"]
        .iter()
        .map(|name| (text(name), world.function(&format!("Own.{name}"), "main.py")))
        .collect();
    let own = world.class("__main__", "Own", &[object], Some(own));
    let own = world.instance(own, &[("v", OwnedValue::Int(1))]);
    world.set("own", own.clone());
    world.set("owns", OwnedValue::None);
    let owns = world.put(ObjectState { seq: Some(vec![own]), ..blank(Kind::List) });
    world.set("owns", owns);

    // A subclass of list, and one of int.
    let my_list = world.class("__main__", "MyList", &[list, object], Some(named(&[])));
    let my_list = world.put(ObjectState {
        class: my_list,
        seq: Some(vec![OwnedValue::Int(1), OwnedValue::Int(2)]),
        attrs: Some(named(&[("tag", text("t"))])),
        ..blank(Kind::Instance)
    });
    world.set("ml", my_list);
    let my_int = world.class("__main__", "MyInt", &[int, object], Some(named(&[])));
    let my_int = world.put(ObjectState {
        class: my_int,
        scalar: Some(OwnedValue::Int(42)),
        ..blank(Kind::Instance)
    });
    world.set("mi", my_int);

    // A namedtuple.
    let names = world.literal("('x', 'y')");
    let repr = world.function("Point.__repr__", "/usr/lib/python3.12/collections/__init__.py");
    let space = named(&[("_fields", names), ("__repr__", repr)]);
    let point = world.class("__main__", "Point", &[tuple, object], Some(space));
    let point = world.put(ObjectState {
        class: point,
        seq: Some(vec![OwnedValue::Int(1), text("b")]),
        ..blank(Kind::Instance)
    });
    world.set("pt", point);

    // A dataclass.
    let described = |world: &mut World, repr, compare| {
        let fields =
            named(&[("repr", OwnedValue::Bool(repr)), ("compare", OwnedValue::Bool(compare))]);
        world.put(ObjectState { fields: Some(fields), ..blank(Kind::Instance) })
    };
    let (one, two) = (described(&mut world, true, true), described(&mut world, false, false));
    let fields =
        world.put(ObjectState { map: Some(named(&[("n", one), ("h", two)])), ..blank(Kind::Dict) });
    let repr = world.function("D.__repr__", "/usr/lib/python3.12/dataclasses.py");
    let equal = world.function("D.__eq__", "<string>");
    let space = named(&[("__dataclass_fields__", fields), ("__repr__", repr), ("__eq__", equal)]);
    let data = world.class("__main__", "D", &[object], Some(space));
    for (name, value) in [("d1", 1), ("d2", 1), ("d3", 2)] {
        let values = [("n", OwnedValue::Int(value)), ("h", OwnedValue::Int(value + 10))];
        let instance = world.instance(data, &values);
        world.set(name, instance);
    }

    // An enum.
    let enums = world.class("enum", "Enum", &[object], None);
    let meta = world.class("enum", "EnumType", &[object], None);
    let color = world.class("__main__", "Color", &[enums, object], None);
    let red = world.instance(color, &[("_value_", OwnedValue::Int(1)), ("_name_", text("RED"))]);
    let members =
        world.put(ObjectState { map: Some(named(&[("RED", red.clone())])), ..blank(Kind::Dict) });
    let names = world.literal("['RED']");
    world.change(color, |state| {
        state.class = meta;
        state.attrs = Some(named(&[("_member_map_", members), ("_member_names_", names)]));
    });
    world.set("Color", OwnedValue::Ref(color));
    world.set("red", red);

    // Exceptions.
    let error = world.class("builtins", "ValueError", &[exception, object], None);
    let key_error = world.class("builtins", "KeyError", &[exception, object], None);
    let mine = world.class("__main__", "Mine", &[exception, object], Some(named(&[])));
    for (name, class, args) in
        [("e", error, "('bad', 3)"), ("ke", key_error, "('k',)"), ("me", mine, "('oops',)")]
    {
        let args = world.literal(args);
        let value = world.put(ObjectState {
            class,
            fields: Some(named(&[("args", args), ("__cause__", OwnedValue::None)])),
            attrs: Some(named(&[])),
            ..blank(Kind::Exception)
        });
        world.set(name, value);
    }

    let function = world.function("outer.<locals>.f", "main.py");
    world.set("fn", function);
    let space = world.literal("{'v': 3}");
    let fields =
        named(&[("__name__", text("mod")), ("__file__", text("/a/mod.py")), ("__dict__", space)]);
    let module = world.put(ObjectState { fields: Some(fields), ..blank(Kind::Module) });
    world.set("mod", module);

    let holes = vec![OwnedValue::Int(1), UNKNOWN, OwnedValue::Int(3)];
    let holes = world.put(ObjectState { seq: Some(holes), ..blank(Kind::List) });
    world.set("holes", holes);
    world.set("gone", UNKNOWN);
    let lost = ObjectState { status: Status::Unknown(Reason::Suspect), ..blank(Kind::List) };
    let lost = world.put(lost);
    world.set("lost", lost);

    let seq = Some(vec![OwnedValue::Int(1), OwnedValue::Int(2)]);
    let deque = world.put(ObjectState {
        seq: seq.clone(),
        fields: Some(named(&[("maxlen", OwnedValue::Int(4))])),
        ..blank(Kind::Deque)
    });
    world.set("dq", deque);
    let map = Some(named(&[("a", OwnedValue::Int(1))]));
    let ordered = world.put(ObjectState { map: map.clone(), ..blank(Kind::OrderedDict) });
    world.set("od", ordered);
    let factory = OwnedValue::Ref(int);
    let default = world.put(ObjectState {
        map: map.clone(),
        fields: Some(named(&[("default_factory", factory)])),
        ..blank(Kind::DefaultDict)
    });
    world.set("dd", default);
    let space = world.put(ObjectState { attrs: map, ..blank(Kind::SimpleNamespace) });
    world.set("ns", space);

    let datetime = world.class("datetime", "datetime", &[object], None);
    let scalar = Some(text("datetime.datetime(2020, 1, 2, 3, 4)"));
    let date = world.put(ObjectState { class: datetime, scalar, ..blank(Kind::DateTime) });
    world.set("dt", date);
    let path = world.class("pathlib", "PosixPath", &[object], None);
    let raw = world.literal("['/a', './b/']");
    let path = world.put(ObjectState {
        class: path,
        fields: Some(named(&[("_raw_paths", raw)])),
        ..blank(Kind::Instance)
    });
    world.set("path", path);
    world
}

#[test]
fn representations() {
    check(
        &world(),
        &[
            ("obj", "<__main__.C a=5 b=[1, 2]>"),
            ("own", "<__main__.Own v=1>"),
            ("[obj]", "[<__main__.C a=5 b=[1, 2]>]"),
            ("C", "<class '__main__.C'>"),
            ("ml", "[1, 2]"),
            ("mi", "42"),
            ("pt", "Point(x=1, y='b')"),
            ("d1", "D(n=1)"),
            ("red", "<Color.RED: 1>"),
            ("Color", "<enum 'Color'>"),
            ("e", "ValueError('bad', 3)"),
            ("ke", "KeyError('k')"),
            ("me", "Mine('oops')"),
            ("fn", "<function outer.<locals>.f>"),
            ("mod", "<module 'mod' from '/a/mod.py'>"),
            ("holes", "[1, <not recorded: over the recording's limit>, 3]"),
            ("gone", "<not recorded: over the recording's limit>"),
            ("lost", "<not recorded: possibly changed by C code>"),
            ("dq", "deque([1, 2], maxlen=4)"),
            ("od", "OrderedDict({'a': 1})"),
            ("dd", "defaultdict(<class 'int'>, {'a': 1})"),
            ("ns", "namespace(a=1)"),
            ("obj.m", "<bound method C.m of <__main__.C a=5 b=[1, 2]>>"),
        ],
    );
    let mut world = world();
    world.minor = 11;
    check(&world, &[("od", "OrderedDict([('a', 1)])")]);
}

#[test]
fn attributes() {
    check(
        &world(),
        &[
            ("obj.a", "5"),
            ("obj.b[0]", "1"),
            ("obj.x", "1"),
            ("C.x", "1"),
            ("obj.y", "*** AttributeError: 'C' object has no attribute 'y'"),
            ("C.y", "*** AttributeError: type object 'C' has no attribute 'y'"),
            ("obj.__class__", "<class '__main__.C'>"),
            ("obj.__dict__", "{'a': 5, 'b': [1, 2]}"),
            ("obj.__class__.__name__", "'C'"),
            ("C.m", "<function C.m>"),
            ("obj.st", "<function C.st>"),
            (
                "obj.p",
                "*** moviola: cannot tell offline: C.p is a property: recorded code is not run",
            ),
            ("obj.m()", "*** moviola: cannot tell offline: C.m is recorded code and is not run"),
            (
                "own.zz",
                "*** moviola: cannot tell offline: Own.__getattr__ is recorded code and is not run",
            ),
            ("own.v", "1"),
            ("e.args", "('bad', 3)"),
            ("e.__cause__", "None"),
            ("str(e)", "\"('bad', 3)\""),
            ("str(ke)", "\"'k'\""),
            ("f'{me}'", "'oops'"),
            ("fn.__name__", "'f'"),
            ("mod.v", "3"),
            ("mod.w", "*** AttributeError: module 'mod' has no attribute 'w'"),
            ("red.value", "1"),
            ("red.name", "'RED'"),
            ("Color.RED", "<Color.RED: 1>"),
            ("Color['RED'] is red", "True"),
            ("list(Color)", "[<Color.RED: 1>]"),
            ("ml.tag", "'t'"),
            ("ml.index(2)", "1"),
            (
                "ml.append(3)",
                "*** moviola: cannot tell offline: append() would change the recorded run",
            ),
            ("pt[1]", "'b'"),
            ("dq.maxlen", "4"),
            ("ns.a", "1"),
            ("ns.b", "*** AttributeError: 'types.SimpleNamespace' object has no attribute 'b'"),
            ("hasattr(obj, 'a')", "True"),
            ("hasattr(obj, 'zz')", "False"),
            ("getattr(obj, 'zz', 3)", "3"),
        ],
    );
}

#[test]
fn comparisons_and_truth() {
    check(
        &world(),
        &[
            ("obj == alias", "True"),
            ("obj == other", "False"),
            ("obj is alias", "True"),
            ("obj != other", "True"),
            ("obj == 5", "False"),
            ("obj in [1, obj]", "True"),
            ("d1 == d2", "True"),
            ("d1 == d3", "False"),
            (
                "d1 == 1",
                "*** moviola: cannot tell offline: D.__eq__ is recorded code and is not run",
            ),
            (
                "own == 1",
                "*** moviola: cannot tell offline: Own.__eq__ is recorded code and is not run",
            ),
            ("own is None", "False"),
            ("own in owns", "True"),
            (
                "len(own)",
                "*** moviola: cannot tell offline: Own.__len__ is recorded code and is not run",
            ),
            (
                "bool(own)",
                "*** moviola: cannot tell offline: Own.__len__ is recorded code and is not run",
            ),
            (
                "own + 1",
                "*** moviola: cannot tell offline: Own.__add__ is recorded code and is not run",
            ),
            ("1 + obj", "*** TypeError: unsupported operand type(s) for +: 'int' and 'C'"),
            ("obj < obj", "*** TypeError: '<' not supported between instances of 'C' and 'C'"),
            ("bool(obj)", "True"),
            ("len(obj)", "*** TypeError: object of type 'C' has no len()"),
            ("obj[0]", "*** TypeError: 'C' object is not subscriptable"),
            ("obj()", "*** TypeError: 'C' object is not callable"),
            ("isinstance(obj, C)", "True"),
            ("isinstance(ml, list)", "True"),
            ("isinstance(ke, KeyError)", "True"),
            ("isinstance(ke, (int, Exception))", "True"),
            ("isinstance(me, ValueError)", "False"),
            ("type(obj) is C", "True"),
            ("type(e) is ValueError", "True"),
            ("type(e)", "<class 'ValueError'>"),
            ("mi + 1", "43"),
            ("mi == 42", "True"),
            ("ml + [3]", "[1, 2, 3]"),
            ("ml == [1, 2]", "True"),
            ("ml[::-1]", "[2, 1]"),
            ("pt == (1, 'b')", "True"),
            ("len(pt)", "2"),
            ("red == Color.RED", "True"),
            ("red in {red: 1}", "True"),
            ("obj in {obj: 1}", "True"),
            (
                "dd['zz']",
                "*** moviola: cannot tell offline: there is no key 'zz', and default_factory is not called",
            ),
            ("dd.get('zz')", "None"),
            ("dt == dt", "True"),
            ("dt == 1", "False"),
            ("dt.year", "2020"),
            ("dt < dt", "False"),
            ("f'{dt}'", "'2020-01-02 03:04:00'"),
            ("path", "PosixPath('/a/b')"),
            ("dd['a']", "1"),
            ("dq[0] + dq[-1]", "3"),
            ("dq[0:1]", "*** TypeError: sequence index must be integer, not 'slice'"),
        ],
    );
}

#[test]
fn the_unknown_poisons() {
    check(
        &world(),
        &[
            ("holes[0]", "1"),
            ("len(holes)", "3"),
            ("holes[1]", "<not recorded: over the recording's limit>"),
            ("gone + 1", "<not recorded: over the recording's limit>"),
            ("gone is None", "<not recorded: over the recording's limit>"),
            ("sum(holes)", "<not recorded: over the recording's limit>"),
            ("holes == [1, 2, 3]", "<not recorded: over the recording's limit>"),
            ("3 in holes", "<not recorded: over the recording's limit>"),
            ("[x for x in holes]", "<not recorded: over the recording's limit>"),
            ("len(lost)", "<not recorded: possibly changed by C code>"),
            ("lost[0]", "<not recorded: possibly changed by C code>"),
            ("type(lost)", "<class 'list'>"),
            ("lost is None", "False"),
            ("0 and gone", "0"),
        ],
    );
}

#[test]
fn input_is_classified() {
    assert_eq!(classify("x + 1"), Input::Expression);
    for change in ["x = 1", "x += 1", "x: int = 1", "a.b = 2", "a[0] = 1", "del x"] {
        assert_eq!(classify(change), Input::Change, "{change}");
    }
    for statement in ["import os", "for x in y: pass", "if x: y", "a; b", "pass"] {
        assert_eq!(classify(statement), Input::Statement, "{statement}");
    }
    assert!(matches!(classify("x +"), Input::Invalid(_)));
    assert!(matches!(classify(""), Input::Invalid(_)));
}

#[test]
fn names_are_completed() {
    let world = world();
    assert_eq!(
        completions("obj.", &world),
        ["obj.a", "obj.b", "obj.m", "obj.p", "obj.st", "obj.x"]
    );
    assert_eq!(completions("1 + al", &world), ["alias", "all"]);
    assert_eq!(completions("mod.v", &world), ["mod.v"]);
    assert!(completions("ml.in", &world).contains(&"ml.index".to_owned()));
    assert_eq!(completions("nothing.x", &world), Vec::<String>::new());
}
