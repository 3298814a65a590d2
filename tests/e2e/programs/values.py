"""Values of common types; `stop:` names the expressions that are compared with live pdb there."""
import array
import collections
import contextvars
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import ipaddress
import os
import pathlib
import re
import time
import types
import uuid
import weakref
from decimal import Decimal

Point = collections.namedtuple("Point", "x y")
EAST = dt.timezone(dt.timedelta(hours=8))
VAR = contextvars.ContextVar("VAR", default=3)
BARE = contextvars.ContextVar("BARE")


class Color(enum.Enum):
    RED = 1


class Perm(enum.Flag):
    R = 4
    W = 2


@dataclasses.dataclass
class Data:
    a: int
    b: list = dataclasses.field(default_factory=list)


class Box:
    def method(self):
        pass


class MyDate(dt.datetime):
    pass


class MyDecimal(Decimal):
    pass


class MyFraction(fractions.Fraction):
    pass


def containers():
    dq = collections.deque([1, 2, 3], maxlen=5)
    dd = collections.defaultdict(list, {"a": [1]})
    od = collections.OrderedDict([("x", 1), ("y", 2)])
    co = collections.Counter("abracadabra")
    cm = collections.ChainMap({"a": 1}, {"b": 2})
    ud = collections.UserDict({"q": 1})
    ul = collections.UserList([1, 2])
    pt = Point(1, 2)
    da = Data(1, [2])
    ar = array.array("i", [1, 2, 3])
    af = array.array("d", [1.5, 2])
    ae = array.array("H")
    ba = bytearray(b"abc")
    mv = memoryview(ba)
    mp = types.MappingProxyType({"a": 1})
    ns = types.SimpleNamespace(a=1)
    pa = functools.partial(print, 1, sep=",")
    red, perm = Color.RED, Perm.R | Perm.W
    plain = {"a": 1}
    keys, values, items = plain.keys(), plain.values(), plain.items()
    okeys = od.keys()
    eg = ExceptionGroup("eg", [ValueError(1), TypeError("x")])
    every = [dq, dd, od, co, cm, pt, da, ar, ba, mp, ns, pa, keys, red, eg]
    x = 0  # stop: dq ; dd ; od ; co ; cm ; ud ; ul ; pt ; da ; ar ; af ; ae ; ba ; mp ; ns ; pa ; red ; perm ; keys ; values ; items ; okeys ; eg ; every ; range(3) ; mv ; mv[0] ; mv.nbytes ; mv.shape ; mv.format ; mv.obj ; ar[1] ; ar[-1] ; ar.typecode ; ar.itemsize ; len(ar) ; af[0] ; list(ar) ; ar.tolist() ; sum(ar) ; 2 in ar ; len(keys) ; list(items) ; "a" in keys ; ud["q"] ; ul[0] ; len(ul) ; pt.x ; red.value ; pa.func ; pa.args ; pa.keywords ; eg.exceptions ; eg.message ; dq.maxlen ; dd.default_factory
    dq.rotate(1)
    dq.appendleft(9)
    dd["z"].append(1)
    od.move_to_end("x")
    co.update("zz")
    cm["n"] = 1
    ar.append(7)
    ar[0] = -1
    ar.reverse()
    af.extend([3.0])
    mv[0] = 65
    ns.a = 2
    plain["b"] = 2
    da.b.append(5)
    x = 1  # stop: dq ; dd ; od ; co ; cm ; ar ; af ; ba ; mv[0] ; ns ; keys ; values ; items ; okeys ; da ; every
    mv.release()
    x = 2  # stop: mv


def library():
    day = dt.date(2020, 1, 2)
    clock = dt.time(3, 4, 5, 6)
    when = dt.datetime(2020, 1, 2, 3, 4, 5)
    fold = dt.datetime(2020, 1, 2, 3, 4, 5, fold=1)
    aware = dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)
    east = dt.datetime(2020, 1, 2, 3, 4, 5, 7, tzinfo=EAST)
    zoned = dt.time(1, 2, tzinfo=EAST)
    span = dt.timedelta(days=-1, seconds=4, microseconds=7)
    zone = dt.timezone(dt.timedelta(hours=-5), "EST")
    utc = dt.timezone.utc
    mine = MyDate(2020, 1, 2)
    price = Decimal("1.230")
    decimals = [Decimal(text) for text in "-1E+10 NaN sNaN12 Infinity -0 0E-10 5E-7 1E-6 0.12 123E2".split()]
    third = Decimal(1) / Decimal(3)
    large = decimal.Decimal(10) ** 27 + 1
    own = MyDecimal("1.5")
    ratio = fractions.Fraction(3, 4)
    ratio2 = MyFraction(6, 4)
    path = pathlib.Path("/tmp/a/b.txt")
    rel = pathlib.PurePosixPath("a", "b")
    here = pathlib.Path()
    ident = uuid.UUID("12345678123456781234567812345678")
    ip = ipaddress.ip_address("1.2.3.4")
    net = ipaddress.ip_network("10.0.0.0/8")
    pat = re.compile("a(b+)(?P<n>c)?(x)?", re.I | re.M)
    raw = re.compile(rb"x\d")
    flagged = re.compile("x", re.A)
    match = pat.search("\u00e9zabbC")
    bmatch = raw.match(b"x1y")
    long = re.compile("b" * 300).search("b" * 400)
    epoch = time.gmtime(0)
    size = os.terminal_size((80, 24))
    alias = list[int]
    pair = dict[str, list[int]]
    union = int | None
    token = VAR.set(5)
    bare = BARE.set([1])
    every = [day, clock, when, span, price, ratio, path, ident, match, pat, {day: price}]
    x = 0  # stop: day ; clock ; when ; fold ; aware ; east ; zoned ; span ; zone ; utc ; mine ; price ; decimals ; third ; large ; own ; ratio ; ratio2 ; path ; rel ; here ; ident ; ip ; net ; pat ; raw ; flagged ; match ; bmatch ; long ; epoch ; size ; alias ; pair ; union ; VAR ; BARE ; token ; bare ; EAST ; every ; day.year ; when.hour ; mine.year ; aware.tzinfo ; when.tzinfo ; span.days ; price == 1 ; price > 1 ; price < 2.5 ; price == price ; str(price) ; ratio == 0.75 ; ratio < 1 ; ratio.numerator ; ratio.denominator ; path.name ; path.stem ; path.suffix ; path.parts ; str(path) ; rel.parts ; ident.int ; ident.hex ; str(ident) ; match.group() ; match.group(1) ; match[2] ; match["n"] ; match.group(1, "n") ; match.groups() ; match.groupdict() ; match.span() ; match.span(1) ; match.start() ; match.end(3) ; match.string ; match.re ; match.pos ; match.lastindex ; bmatch[0] ; pat.pattern ; pat.flags ; pat.groups ; VAR.name ; token.var ; bare.var ; epoch.tm_year ; epoch[0] ; size.columns ; len(epoch) ; alias.__args__
    VAR.reset(token)
    x = 1  # stop: token ; bare


def references():
    box = Box()
    bound = box.method
    weak = weakref.ref(box)
    x = 0  # stop: weak ; weak() is box ; bound.__self__ is box ; bound.__name__
    del box, bound
    x = 1  # stop: weak ; weak() is None


queue = collections.deque("ab")
today = dt.date(2021, 5, 6)
cost = Decimal("2.50")
containers()
library()
references()
x = 0  # stop: queue ; today ; cost ; EAST
