//! What a Python of the debugger's own evaluates: that it is the one that was named, that it runs nothing of the program's,
//! and that the recording stays as it is.

use crate::travel::{recorded, session};
use crate::util::{Place, feed, python};
use std::path::Path;

const PROGRAM: &str = "\
import json
ran = []
class Box:
    def __init__(self, x):
        self.x = x
    def __eq__(self, other):
        ran.append('eq')
        return True
    def __hash__(self):
        return 1
    def __len__(self):
        return 9
    @property
    def double(self):
        return self.x * 2
def helper(x):
    return x
words = ['b', 'a']
boxes = [Box(2), Box(1)]
done = 1
";

/// What a session that has a Python says to each command at the end of the program.
pub fn told(place: &Place, commands: &[&str]) -> Vec<String> {
    let exe = python();
    let mut command = place.command(env!("CARGO_BIN_EXE_moviola"));
    command.args(["replay", "--python", &exe, "--at", "end", "t.moviola"]);
    let done = feed(&mut command, &(commands.join("\n") + "\n"));
    assert_eq!(done.code, 0, "{done:?}");
    let told = done.out.split("(Pdb) ").skip(1).map(|part| part.trim_end().to_owned());
    told.take(commands.len()).collect()
}

#[test]
fn the_programs_own_code_is_not_run() {
    let place = recorded(PROGRAM);
    let commands = [
        "p (lambda: boxes[0] == boxes[1])()",
        "p (lambda: {boxes[0]: 1})()",
        "p list(map(len, boxes))",
        "p [b.double for b in map(lambda b: b, boxes)]",
        "p list(map(helper, words))",
        "p (lambda: Box(3))()",
        "p (lambda: boxes.index(boxes[1]))()",
    ];
    for (command, said) in commands.iter().zip(told(&place, &commands)) {
        assert!(said.starts_with("*** moviola: cannot tell offline: "), "{command}: {said}");
    }
    let fine = ["p max(boxes, key=lambda b: b.x).x", "p (lambda: boxes[0] is boxes[0])()", "p ran"];
    assert_eq!(told(&place, &fine), ["2", "True", "[]"]);
}

#[test]
fn the_recording_does_not_change() {
    let place = recorded(PROGRAM);
    let said = told(
        &place,
        &[
            "words.append('c')",
            "p words",
            "for w in words: w.upper()",
            "copy = list(words); copy.append('c')",
            "p copy, words",
            "words.sort()",
            "p words",
            "boxes[0].x = 5",
            "setattr(boxes[0], 'x', 5)",
            "p boxes[0].x",
            "words = 3",
            "p words",
            "rs",
            "p words",
        ],
    );
    assert!(said[0].contains("a recording cannot be changed"), "{said:?}");
    assert_eq!(said[1], "['b', 'a']");
    assert_eq!(said[2], "'B'\n'A'");
    assert_eq!((&*said[3], &*said[4]), ("", "(['b', 'a', 'c'], ['b', 'a'])"));
    assert!(said[5].contains("a recording cannot be changed"), "{said:?}");
    assert_eq!(said[6], "['b', 'a']");
    assert!(said[7].contains("cannot be changed"), "{said:?}");
    assert!(said[8].contains("cannot be changed"), "{said:?}");
    assert_eq!((&*said[9], &*said[10], &*said[11]), ("2", "", "3"));
    assert!(said[12].contains("words is as it was recorded"), "{said:?}");
    assert_eq!(said[13], "['b', 'a']");
}

/// A recording may say anything of itself: none of its texts is run, and its names lead nowhere.
#[test]
fn what_a_recording_calls_itself_is_no_code() {
    let hostile = "\
import datetime, dataclasses, fractions, os
@dataclasses.dataclass
class Zone(datetime.tzinfo):
    command: str = 'touch pwned'
    def utcoffset(self, moment):
        return None
Zone.__qualname__ = '__loader__.get_data.__func__.__globals__[\"sys\"].modules[\"posix\"].system'
moment = datetime.datetime(2020, 1, 1, tzinfo=Zone())
third = fractions.Fraction(1, 3)
object.__setattr__(third, '_numerator', Zone())
def system(command):
    return command
system.__module__, system.__qualname__ = 'json', 'codecs.sys.modules.get'
done = 1
";
    let place = recorded(hostile);
    told(
        &place,
        &[
            "p (lambda: moment)()",
            "p (lambda: third)()",
            "p list(map(str, [moment, third]))",
            "p list(map(system, ['touch pwned']))",
        ],
    );
    assert!(!place.work().join("pwned").exists() && !Path::new("/pwned").exists());
}

/// What the program's classes and functions say of themselves is theirs to say.
#[test]
fn what_only_the_program_could_say_is_refused() {
    let place = recorded(
        "\
import functools, json, pathlib
class Odd(int):
    def __repr__(self):
        return 'I!'
class Text(str):
    def __str__(self):
        return 'text'
class Meta(type):
    def __instancecheck__(cls, value):
        return True
class Any(metaclass=Meta):
    pass
@functools.wraps(json.dumps)
def mine(*args):
    return 'mine'
odd, text, opened, numbers = Odd(5), Text('abc'), open, iter([1, 2])
path = pathlib.Path('/x')
known = {path: 1}
done = 1
",
    );
    let commands = [
        "goto start",
        "tbreak 19",
        "c",
        "p (lambda: str([odd]))()",
        "p (lambda: f'{[odd]}')()",
        "print([odd])",
        "p '%r' % odd",
        "p '%s' % text",
        "p (lambda: '%s' % text)()",
        "p (lambda: isinstance(1, Any))()",
        "p (lambda f: f([1]))(mine)",
        "p (lambda f: f('p.py'))(opened)",
        "p (lambda i: next(i))(numbers)",
        "p (lambda p: known.get(p))(path)",
        "p (lambda p: hash(p))(path)",
    ];
    for (command, said) in commands.iter().zip(told(&place, &commands)).skip(3) {
        assert!(said.starts_with("*** moviola: cannot tell offline: "), "{command}: {said}");
    }
}

#[test]
fn what_depends_on_the_process_is_refused() {
    let place = recorded("import decimal, io, uuid\nprice = decimal.Decimal('1')\ndone = 1\n");
    let said = told(
        &place,
        &[
            "p (lambda: price / 3)()",
            "p (lambda: price / 4)()",
            "p (lambda: io.open('p.py'))()",
            "p (lambda: uuid.getnode())()",
            "p hash('a')",
            "p (lambda: __import__('time').gmtime())()",
        ],
    );
    for at in [0, 2, 3, 4, 5] {
        assert!(said[at].starts_with("*** moviola: cannot tell offline: "), "{said:?}");
    }
    assert_eq!(said[1], "Decimal('0.25')");
}

#[test]
fn the_python_is_isolated() {
    let place = recorded(PROGRAM);
    // Modules that the user's own Python would find first.
    let evil = "raise SystemExit('ran')\n";
    for name in ["re.py", "textwrap.py", "sitecustomize.py", "usercustomize.py"] {
        place.write(name, evil);
    }
    let exe = python();
    let mut command = place.command(env!("CARGO_BIN_EXE_moviola"));
    command.env("PYTHONPATH", place.work()).env("PYTHONSTARTUP", place.work().join("re.py"));
    command.args(["replay", "--python", &exe, "--at", "end", "t.moviola"]);
    let input = "import re\nre.findall('a', 'aab')\nopen('re.py')\nimport os\nos.getcwd()\nos.system('echo hi')\n";
    let done = feed(&mut command, input);
    assert!(done.out.contains("['a', 'a']"), "{done:?}");
    assert_eq!(done.out.matches("cannot tell offline").count(), 3, "{done:?}");
    assert!(!done.out.contains("hi\n") && !done.out.contains("ran"), "{done:?}");
}

#[test]
fn without_a_python_the_rest_still_works() {
    let place = recorded(PROGRAM);
    let commands = "p words\np (lambda: 1)()\nfor w in words: w\np sorted(words)\n";
    for (exe, why) in [("/no/such/python", "No such file"), ("/bin/cat", "`/bin/cat`: ")] {
        let args = ["replay", "--python", exe, "--at", "end", "t.moviola"];
        let done = place.feed(&args, commands);
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.out.contains("(Pdb) ['b', 'a']\n"), "{done:?}");
        assert!(done.out.contains("(Pdb) ['a', 'b']\n"), "{done:?}");
        assert_eq!(done.out.matches(why).count(), 2, "{done:?}");
        assert!(done.out.contains("name one with --python"), "{done:?}");
    }
}

#[test]
fn a_python_that_ends_is_told_and_started_again() {
    let place = recorded(PROGRAM);
    let said = told(
        &place,
        &[
            "mine = lambda: 4",
            "mine()",
            "().__class__.__base__.__subclasses__()[0] and [c for c in ().__class__.__base__.__subclasses__() if c.__name__ == '_wrap_close'][0].__init__.__globals__['_exit'](3)",
            "mine()",
            "p (lambda: words)()",
            "raise SystemExit",
            "p (lambda: words)()",
        ],
    );
    assert_eq!(said[1], "4");
    assert!(said[2].contains("has ended") && said[2].contains("mine"), "{said:?}");
    assert_eq!(said[3], "*** NameError: name 'mine' is not defined");
    assert_eq!((&*said[4], &*said[6]), ("['b', 'a']", "['b', 'a']"));
}

#[test]
fn values_of_every_size_come_through() {
    let place = recorded(
        "big = list(range(100_000))\ndeep = []\nfor i in range(3000):\n    deep = [deep]\ntext = 'a\\ud800\\0b'\nhuge = 7 ** 9000\ndone = 1\n",
    );
    let said = told(
        &place,
        &[
            "p sum(map(lambda n: n, big))",
            "p (lambda d: isinstance(d[0][0], list))(deep)",
            "p (lambda: text)(), list(map(ord, text))",
            "p (lambda: huge % 1000)()",
            "p (lambda: len(str(huge // 10 ** 4000)))()",
            "for i in range(3): print(i, end='')",
            "print('\\x1b[31mred')",
        ],
    );
    assert_eq!(said[0], "4999950000");
    assert_eq!(said[1], "True");
    assert_eq!(said[2], "('a\\ud800\\x00b', [97, 55296, 0, 98])");
    let live =
        place.plain(&["-c", "print(7 ** 9000 % 1000, len(str(7 ** 9000 // 10 ** 4000)))"]).out;
    assert_eq!(format!("{} {}", said[3], said[4]), live.trim());
    assert_eq!(said[5], "012");
    assert!(said[6].contains("red") && !said[6].contains('\x1b'), "{said:?}");
    // Nothing else hears of it.
    assert_eq!(session(&place, &["p 1"]), ["1"]);
}

const FLOATS: &str = "\
nan = float('nan')
numbers, others, pair = [nan, 1.0], [nan, 1.0], (1, nan)
keys, named, again = {nan: 1}, {'a': nan}, {'a': nan}
far = [complex(nan, 0)]
class Box:
    def get(self):
        return 1
    @classmethod
    def make(cls):
        return 2
box, other = Box(), Box()
method = box.get
done = 1
";

/// Containers ask for identity before equality, and that of a number is not recorded: with a NaN it decides.
#[test]
fn what_the_identity_of_a_nan_decides_is_not_told() {
    let place = recorded(FLOATS);
    let open = [
        "nan in numbers",
        "numbers == others",
        "numbers != others",
        "numbers.index(nan)",
        "numbers.count(nan)",
        "pair < (1, nan)",
        "keys[nan]",
        "nan in keys",
        "named == again",
        "far[0] in far",
        "numbers[0] is nan",
    ];
    let mut commands: Vec<String> = open.iter().map(|one| format!("p {one}")).collect();
    // A Python of the debugger's own compares as exactly; `is` is the native evaluator's to tell.
    commands.extend(open[..8].iter().map(|one| format!("p (lambda: {one})()")));
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    for (command, said) in commands.iter().zip(told(&place, &commands)) {
        assert!(said.starts_with("<not recorded: "), "{command}: {said}");
    }
}

/// Where no identity is asked for, or it is known, a NaN and a bound method are as live.
#[test]
fn nans_and_bound_methods_compare_as_live() {
    let place = recorded(FLOATS);
    let same = [
        "nan == nan, nan != nan, nan < 1",
        "numbers == numbers, named == named, 1.0 in others",
        "nan in [1, 2], 5 in keys, keys.get(5)",
        "numbers[:1] == [2.0], len(keys), numbers.index(1.0)",
        "method == box.get, method == other.get, method is method",
        "box.get == box.get, Box.make == box.make, box.get != other.get",
        "method in [other.get, box.get], box.get is box.get",
        "numbers.append == numbers.append, numbers.append == others.append",
        "(lambda: (nan == 1, nan + 1, type(nan), isinstance(nan, float), str(nan)))()",
        "(lambda: (5 in keys, keys.get(0), sorted(map(str, numbers))))()",
        "(lambda: (method == box.get, method == other.get))()",
    ];
    let commands: Vec<String> = same.iter().map(|one| format!("p {one}")).collect();
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    for (one, said) in same.iter().zip(told(&place, &commands)) {
        let live = place.plain(&["-c", &format!("{FLOATS}print(({one}))")]).out;
        assert_eq!(said, live.trim(), "{one}");
    }
}

/// The time of day, the zone and chance are those of the debugger's machine, whoever asks for them and how.
#[test]
fn what_tells_of_this_machine_is_refused() {
    let place = recorded(
        "import datetime\nutc = datetime.timezone.utc\nwhen = datetime.datetime(2020, 1, 1)\naware = when.replace(tzinfo=utc)\ndone = 1\n",
    );
    let worldly = [
        "when.now()",
        "type(when).today()",
        "(lambda: datetime.datetime.now())()",
        "(lambda: datetime.date.today())()",
        "list(map(datetime.datetime.now, [None]))",
        "(lambda: getattr(datetime.datetime, 'utc' + 'now')())()",
        "(lambda: when.timestamp())()",
        "(lambda: when.astimezone())()",
        "(lambda: datetime.datetime.fromtimestamp(0))()",
        "(lambda: __import__('statistics').NormalDist().samples(1))()",
        "(lambda: __import__('uuid').uuid4())()",
        "(lambda: __import__('enum').sys.path)()",
        "(lambda: __import__('io').open('t.moviola'))()",
        "(lambda: __import__('calendar').LocaleTextCalendar())()",
    ];
    let commands: Vec<String> = worldly.iter().map(|one| format!("p {one}")).collect();
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    for (command, said) in commands.iter().zip(told(&place, &commands)) {
        assert!(said.starts_with("*** moviola: cannot tell offline: "), "{command}: {said}");
    }
    let fine = told(
        &place,
        &[
            "p (lambda: aware.timestamp())()",
            "p (lambda: datetime.datetime.fromtimestamp(0, datetime.timezone.utc).isoformat())()",
            "from json.decoder import *",
            "p JSONDecoder().decode('[1]')",
            "import collections.abc, re as expressions",
            "p expressions.findall('a', 'aba')",
        ],
    );
    let wanted = ["1577836800.0", "'1970-01-01T00:00:00+00:00'", "", "[1]", "", "['a', 'a']"];
    assert_eq!(fine, wanted);
}

/// No function that is let through names a part of the world: the clock, files, the network, chance.
#[test]
fn what_is_run_of_the_standard_library_does_not_look_around() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let walk = root.join("tests/oracle/pure_walk.py");
    let package = root.join("recorder/python/moviola");
    let place = Place::new();
    let done = place.plain(&["-I", walk.to_str().unwrap(), package.to_str().unwrap()]);
    assert_eq!(done.code, 0, "{done:?}");
    // `os.path.normcase`, which is nothing on POSIX.
    let allowed = ["fnmatch.filter os", "fnmatch.fnmatch os"];
    assert_eq!(done.out.lines().collect::<Vec<_>>(), allowed);
}
