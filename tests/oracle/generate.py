#!/usr/bin/env python3
"""Writes random Python programs for the comparison with the oracle; a seed always gives the same program.

generate.py SEED [SEED ...]        prints the programs

A program is put together from the tables below. A template is source text in which `$TYPE` stands for an expression that
has (most likely) a value of that type, `$@TYPE` for a name of this scope's own, `$*TYPE` for anything of that type that can be
assigned to, `$=TYPE` for a new name, and `$e $h $i $n $k $s $b` for literals: an element, a hashable one, an index, a count, a key, a string,
bytes. The same placeholder with the same digit is the same text throughout a template. A line `$body` becomes random
statements. A template whose types nothing in scope has is not used.

What a program does depends on nothing but its text: loops are bounded by numbers, functions call only those above them,
containers grow by a few elements a statement. What fails, fails inside a `try`. Some things are left out on purpose, as the
oracle's tracer or its rendering changes or cannot tell them:
- `locals()`, `vars()` and `dir()` of a running frame: reading f_locals, as the tracer does, refreshes that dict on 3.11 and 3.12;
- comprehensions in a class body: the tracer cannot read those frames on 3.13;
- throw() and close() of a generator that has not started: such an activation has no call event that would tell it from the one before;
- generators that are suspended at the end (`keep` has them closed): when the collector finds one depends on the tracer;
- addresses, default reprs (a sort goes by `kind`), the hash of None (an address on 3.11), reference counts, finalisers.
"""
import random
import re
import sys

import generate_more as more

# Constructors: what a new value of the type may be made of. The first suitable ones give each scope its stock.
VALUES = {
    "list": ["[$e, $e1, $e2]", "[3, 1, 2]", "list(range($n))", "[[1], $e]", "[$list, 5]", "$list[:]", "sorted([4, 2, 9, $n])", "[0] * $n", "list($tup)"],
    "dict": ["{$k: $e, $k1: $list}", "{'a': 1, 'b': [2]}", "dict(x=$e, y=$e1)", "dict.fromkeys([1, 2, 3], $e)", "{**$dict, $k: $e}", "dict($dict)", "{}"],
    "set": ["{$h, $h1, 7}", "set(range($n))", "set('abc')", "$set | {$h}"],
    "int": ["$n", "$i", "1 << 70", "-(3 ** 50)", "len($list)", "$int % 1000 + $n", "$int ^ (1 << 65)"],
    "float": ["1.5", "-0.0", "$n / 7", "float('inf')", "$int % 97 * 0.1"],
    "str": ["$s", "'x' * $n", "$s + 'é'", "f'{$int % 50:>4}|' + $s", "$s.upper()", "','.join(['p', $s])"],
    "bytes": ["$b", "$b + b'\\x00'", "bytes(range($n))", "$s.encode()"],
    "bytearray": ["bytearray($b)", "bytearray(range(6))", "bytearray(8)"],
    "tup": ["($list, $dict)", "([$e], {$k: $e1})"],
    "nest": ["[$list, {'k': $list1}, [$dict]]", "[[1, 2], {'k': [3]}, [{}]]"],
    "deque": ["deque([1, 2, $e])", "deque($list[:3], maxlen=4)", "deque('abcd')"],
    "ddict": ["defaultdict(list)", "defaultdict(list, {'a': [1]})"],
    "odict": ["OrderedDict(a=1, b=2, c=3)", "OrderedDict([($k, $e), ('z', $list)])"],
    "counter": ["Counter('abracadabra')", "Counter([1, 1, 2])"],
    "array": ["array('i', [5, 3, 4])", "array('d', [0.5, 1.5])", "array('B', b'xyz')"],
    "heap": ["[5, 3, 8, 1]", "[$n, 0]"],
    "ns": ["SimpleNamespace(items=[$e], map={})", "SimpleNamespace(items=$list, map=$dict)"],
    "fn": ["lambda v: [v, $e]", "lambda v, acc=[]: acc.append(v) or acc", "partial(max, $n)", "$list.count"],
}

# A part: what it defines, the types that this gives with their constructors, and statements that use it.
PARTS = [
    ("""class Box:
    count = 0
    shared = [$e]
    def __init__(self, items=None, n=$n):
        self.items = [$e1] if items is None else items
        self.map = {$k: self.items}
        self.n = n
        Box.count += 1
    def put(self, v, *rest, **kw):
        self.items.append(v)
        self.map.update(kw)
        self.n += len(rest)
        return self
    def work(self, a, b):
        $body
        return self.items""",
     {"box": ["Box()", "Box($list)", "Box($list, n=$n)"]},
     ["$box.put($e, 1, 2, z=$list)", "$=list = $box.work($list, $dict)", "Box.shared.append($e)", "$box.shared = $list", "$box.put($e).put($e1).map.clear()",
      "Box.count += $n", "Box.extra = $dict", "setattr($box, 'fresh', $list)", "vars($box)['late'] = $e", "del $box.n\n$box.n = $n", "$box.__dict__.update(n=$n, other=$dict)",
      "object.__setattr__($box, 'n', $int)", "delattr($box, 'map')\n$box.map = {}", "$=fn = $box.put", "$box.items, $box.n = $box.items[::-1], $n", "$box.map[$k] = $box",
      "$=box = copy.copy($box)", "$=box = copy.deepcopy($box)", "type($box).shared = [$e]", "$box.n: int = $i", "$box.__dict__ = {'items': $list, 'map': {}, 'n': 0}"]),
    ("""class Sub(Box):
    def __init__(self, *args):
        super().__init__(*args)
        self.items.insert(0, 'sub')
        self.more = deque(maxlen=3)
    def put(self, v, *rest, **kw):
        self.more.append(v)
        return super().put(v, *rest, **kw)""",
     {"box": ["Sub()", "Sub($list)"], "sub": ["Sub()"]},
     ["$sub.put($e, last=$e1)", "$sub.more.extend([1, 2, $e])", "$sub.more.rotate($i)", "$u = super(Sub, $sub).put($e)", "Sub.shared = Sub.shared + [$e]", "$sub.__class__ = Box\n$sub.put(1)\n$sub.__class__ = Sub"]),
    ("""class Slot:
    __slots__ = ('left', 'right', 'n')
    def __init__(self, left, n=0):
        self.left = left
        self.n = n
    def swap(self):
        self.left, self.right = getattr(self, 'right', None), self.left
        return self""",
     {"slot": ["Slot($list)", "Slot($dict, $n)"]},
     ["$slot.swap()", "$slot.right = $list", "$slot.n += $n", "del $slot.left\n$slot.left = $list", "setattr($slot, 'right', $dict)", "$slot.right = $slot", "Slot.n.__set__($slot, $n)",
      "object.__delattr__($slot, 'n')\n$slot.n = $n", "$slot.missing = 1", "$slot.left.append($e)", "$=slot = copy.copy($slot)"]),
    ("""class Prop:
    def __init__(self):
        self._v = []
        self.seen = 0
    @property
    def v(self):
        self.seen += 1
        return self._v
    @v.setter
    def v(self, new):
        self._v = list(new)
    @v.deleter
    def v(self):
        self._v.clear()
    @classmethod
    def make(cls, *items):
        made = cls()
        made.v = items
        return made
    @staticmethod
    def twice(x):
        return [x, x]""",
     {"prop": ["Prop()", "Prop.make(1, $e)"]},
     ["$prop.v = $list", "$prop.v.append($e)", "del $prop.v", "$prop.v += [$e]", "$=list = Prop.twice($e)", "$prop.v[0:1] = [$e, $e1]", "$prop.v = $int"]),
    ("""@dataclass
class Data:
    n: int = $n
    items: list = field(default_factory=list)
    map: dict = field(default_factory=lambda: {$k: $e})
    def __post_init__(self):
        self.total = self.n + len(self.items)""",
     {"data": ["Data()", "Data($n, $list)", "Data(items=[$e])"]},
     ["$data.items.append($e)", "$=data = replace($data, n=$n)", "$data.n, $data.total = $data.total, $data.n", "$=bool = $data == Data()", "$=dict = asdict($data)", "$data.map[$k] = $data.items", "$data.items += $list[:2]"]),
    ("Pair = namedtuple('Pair', 'one two', defaults=[None])",
     {"pair": ["Pair($list)", "Pair($e, $dict)", "Pair(two=$list, one=$list)"]},
     ["$=pair = $pair._replace(one=$e)", "$u, $u1 = $pair", "$=dict = $pair._asdict()", "$pair.one.append($e)", "$pair.one = 1"]),
    ("""class Stack(list):
    depth = 0
    def push(self, v):
        self.append(v)
        self.depth += 1
    def __iadd__(self, other):
        self.extend(x for x in other if x != $e)
        return self
    def __setitem__(self, k, v):
        list.__setitem__(self, k, v)
        self.last = v""",
     {"stack": ["Stack()", "Stack([1, 2])"]},
     ["$stack.push($e)", "$@stack += [$e, $e1]", "$stack[0] = $e", "$stack[:1] = [$list]", "list.append($stack, $e)", "$stack.sort(key=kind)", "heapq.heappush($stack, $n)", "operator.setitem($stack, -1, $e)", "del $stack[:2]"]),
    ("""class Auto(dict):
    def __missing__(self, key):
        made = self[key] = [key]
        return made
    def __setitem__(self, k, v):
        dict.__setitem__(self, k, v)
        self.writes = getattr(self, 'writes', 0) + 1""",
     {"auto": ["Auto()", "Auto(a=1)"]},
     ["$auto[$k].append($e)", "$auto[$k] = $list", "$auto.update({$k: $e})", "$auto.setdefault($k, $list)", "$auto |= {$k: 2}", "$auto.pop($k, None)", "dict.clear($auto)", "operator.setitem($auto, $k, $e)"]),
    ("""class Odd:
    log = []
    def __init__(self, n):
        self.n = n
    def __eq__(self, other):
        self.log.append(self.n)
        return isinstance(other, Odd) and self.n % 2 == other.n % 2
    def __hash__(self):
        return self.n % 2
    def __lt__(self, other):
        Odd.log.append((self.n, other.n))
        return self.n < other.n""",
     {"odd": ["Odd($n)", "Odd($i)"]},
     ["$=list = [Odd(3), Odd(1), $odd]\nOdd.log.clear()\nsorted($=list)", "$=list = [Odd(1), Odd(2), Odd(3)]\n$=list.remove($odd)", "$=set = {Odd(1), Odd(2), Odd(3)}\n$=set.discard($odd)", "$=dict = {Odd(1): 'a'}\n$=dict[Odd(3)] = $list\n$=dict.pop($odd, None)",
      "$=heap = [Odd(4), Odd(2)]\nheapq.heapify($=heap)\nheapq.heappush($=heap, $odd)", "$=list = [Odd(2), Odd(9)]\nbisect.insort($=list, $odd)\n$=list.sort(reverse=True)", "$odd.n += 1"]),
    ("""class Descr:
    def __set_name__(self, owner, name):
        self.name = '_' + name
    def __get__(self, obj, owner=None):
        return self if obj is None else obj.__dict__.get(self.name, $n)
    def __set__(self, obj, value):
        obj.__dict__[self.name] = value
class Host:
    field = Descr()
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        self.__dict__[name] = made = [name]
        return made""",
     {"host": ["Host()"]},
     ["$host.field = $list", "$host.auto.append($e)", "$u = $host.field\n$host.field = [$u, $e]", "setattr($host, 'field', $dict)", "$host.one.two", "del $host.auto", "vars($host)['_field'] = $e", "Host.later = $list\n$host.later.append($e)"]),
    ("""class Guard:
    def __init__(self, items):
        self.items = items
    def __enter__(self):
        self.items.append('in')
        return self.items
    def __exit__(self, kind, value, tb):
        self.items.append(kind and kind.__name__)
        return kind is KeyError
@contextmanager
def guarded(d, key):
    d[key] = 'open'
    try:
        yield d
    except ValueError as e:
        d['error'] = e
    finally:
        d.pop(key, None)""",
     {"guard": ["Guard($list)"]},
     ["with $guard as $=list:\n    $body", "with guarded($dict, $k) as $=dict:\n    $body", "with Guard([]) as $u, guarded({}, 1) as $u1:\n    $u.append($u1)\n    $body", "with guarded($dict, 'w'):\n    raise ValueError($e)", "with $guard:\n    {}[$k]",
      "with ExitStack() as $u:\n    $u.callback($list.append, $e)\n    $u.enter_context(guarded($dict, 2))\n    $body"]),
    ("""class Failed(Exception):
    def __init__(self, why, data=None):
        super().__init__(why)
        self.data = data
class Worse(Failed, KeyError):
    pass
def fail(data, how):
    try:
        data.append('failing')
        if how == 1:
            raise Failed('one', data)
        if how == 2:
            raise Worse($e, data)
        return data[99]
    except IndexError as e:
        raise Failed('chained', data) from e
    finally:
        data.append('finally')""",
     {"error": ["Failed($s, [$e])", "Worse('w', $list)"]},
     ["try:\n    fail($list, 1)\nexcept Failed as $=error:\n    $error.data.append('caught')\n    $=list = $error.data", "try:\n    fail($list, 3)\nexcept Failed as $u:\n    $=error = $u\n    $=error.why = $u.__cause__", "try:\n    fail($list, 2)\nexcept KeyError as $u:\n    log.append(len($u.args))\nelse:\n    log.append('no')",
      "try:\n    try:\n        fail($list, $n)\n    finally:\n        $body\nexcept Failed:\n    $=tup = sys.exc_info()[:2]", "try:\n    try:\n        1 // 0\n    except ZeroDivisionError as e:\n        $body\n        raise Failed($s, $list) from None\nexcept Failed as e:\n    $=error = e",
      "try:\n    try:\n        fail($list, 1)\n    except Failed:\n        $list.append('again')\n        raise\nexcept Exception as e:\n    e.add_note('noted')\n    log.append(len(e.__notes__))", "$error.data = $dict", "$error.args += ($e,)",
      "try:\n    raise ExceptionGroup('g', [Failed('a', $list), ValueError(1)])\nexcept* Failed as $u:\n    $=error = $u.exceptions[0]\nexcept* ValueError as $u1:\n    $list.append($u1.message)"]),
    ("""def counter(start, seen=[]):
    total = start
    cells = [start]
    def add(n=1):
        nonlocal total
        total += n
        cells.append(total)
        seen.append(n)
        return total
    def reset(to=0):
        nonlocal total, cells
        total, cells = to, [to]
        return cells
    add.reset = reset
    return add""",
     {"count": ["counter($n)", "counter(0, $list)"]},
     ["$=int = $count($n)", "$=list = $count.reset($e)", "for _ in range(3):\n    $count(_)", "$count.__defaults__ = ($n,)", "$count.note = $list", "$=tup = counter.__defaults__", "$u = $count.__closure__[0]\n$u.cell_contents = [$e]", "$=list = list(map($count, [1, 2]))"]),
    ("""def deco(store):
    def outer(f):
        calls = 0
        @wraps(f)
        def inner(*args, **kw):
            nonlocal calls
            calls += 1
            store.append((f.__name__, calls, args[1:]))
            return f(*args, **kw)
        inner.store = store
        return inner
    return outer
calls = []
@deco(calls)
def decorated(a, b=$n, /, c=[], *, d=None, **rest):
    c.append(b)
    a.append(rest)
    return c, d""",
     {},
     ["$=tup = decorated($list)", "decorated($list, $n, [], d=$dict, x=$e)", "$=list = decorated($list, $e, $list1)[0]", "decorated.store.pop()", "decorated(*[$list, 1], **{'d': 2, 'y': $e})", "decorated()", "@deco($list)\ndef $u(a):\n    return a\n$u($e)", "calls.clear()"]),
    ("""def walk(tree, depth, path=()):
    found = [depth]
    if depth <= 0:
        tree.append(path)
        return found
    for side in 'lr':
        found += walk(tree, depth - 1, path + (side,))
    return found
@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)""",
     {},
     ["$=list = walk($list, 2)", "$=int = fib($n + 4)", "$=int = fib($n) << 70", "fib.cache_clear()", "walk($dict, 1)", "$=list = walk([], 1)"]),
    ("""def gen(data, n=4):
    got = None
    state = {'at': 0}
    try:
        while state['at'] < n:
            try:
                got = yield (state['at'], got)
                if got is not None:
                    data.append(got)
            except ValueError as e:
                data.append(e.args)
            state['at'] += 1
    finally:
        data.append('end')
    return data
def chain_gen(data):
    got = []
    got.append((yield from gen(got, 2)))
    data.extend(got[:2])
    yield from data[:3]""",
     {"gen": ["keep(gen($list))", "keep(gen([], 2))", "keep(chain_gen($list))"]},
     ["$=tup = next($gen)", "next($gen)\n$=tup = $gen.send($e)", "next($gen)\n$gen.throw(ValueError($e))", "next($gen)\n$gen.throw(KeyError($k))", "next($gen)\n$gen.close()", "$=list = list($gen)", "for $u in islice($gen, 3):\n    $list.append($u)", "$u, *$=list = gen([], 3)", "$=dict = dict(zip($gen, 'ab'))",
      "$u = gen($list)\nnext($u)\ndel $u", "$=list = list(chain_gen($list))", "$=gen = keep(x + 1 for x in [1, 2, $n])\n$u = next($=gen)", "for $u in gen($list):\n    $body\n    break"]),
    ("""def kw(*args, key=None, **extra):
    args = list(args)
    extra['n'] = len(args)
    if key:
        args.sort(key=key)
    return args, extra
def rank(x):
    ranked.append(x)
    return -len(kind(x)), len(str(x))
ranked = []""",
     {"fn": ["rank", "kw"]},
     ["$=tup = kw(*$list[:3], key=rank)", "$=list, $=dict = kw(1, $e, more=$list)", "$list.sort(key=rank)", "$list.sort(key=lambda v: ($list.append(v), 0)[1])", "$=list = sorted($list, key=rank)", "$u = max($list, key=rank)\nranked.clear()", "kw(**{**$dict})", "bisect.insort($list, $e, key=rank)", "$=list = heapq.nsmallest(2, $list, key=rank)"]),
    ("""def shared(a, b, n=2):
    global total
    total += n
    c = d = a
    $body
    c.append(d is a)
    b['c'] = c
    return c
total = 0""",
     {},
     ["$=list = shared($list, $dict)", "shared($list, {}, n=$n)", "$=list = shared([], $odict, $int)", "total = total * (1 << 40) % (1 << 90)"]),
    ("""def outer(a, b):
    held = [a]
    n = 0
    def inner(v, w):
        nonlocal n
        n += 1
        held.append(v)
        $body
        return held
    first = inner(a, b)
    $body
    inner(first, b)
    return inner""",
     {},
     ["$=fn = outer($list[:2], $dict)", "outer($list[:2], {})([1], $dict)"]),
]

PARTS += more.PARTS

COMPONENTS = {                      # what can be reached from a value, and what it is
    "tup": [("[0]", "list"), ("[1]", "dict")], "nest": [("[0]", "list"), ("[1]['k']", "list"), ("[1]", "dict"), ("[2][0]", "dict")],
    "box": [(".items", "list"), (".map", "dict"), (".n", "int")], "sub": [(".more", "deque"), (".items", "list")], "data": [(".items", "list"), (".map", "dict"), (".n", "int")],
    "slot": [(".left", "list"), (".n", "int")], "ns": [(".items", "list"), (".map", "dict")], "ddict": [("['q']", "list")], "pair": [(".one", "list")], "auto": [("['q']", "list")], "prop": [("._v", "list")],
    "error": [(".data", "list")],
    **more.COMPONENTS,
}

STATEMENTS = {
    "assign": [
        "$=list = $list", "$=dict = $dict", "$=list = $=list1 = [$e]", "$=int, $=str = $n, $s", "$u, *$=list, $u1 = [1, 2, $e, 4]", "($u, [$u1, *$=list]) = $e, [$n, $e1, 3]", "$list[0], $list[1] = $list[1], $list[0]", "$*list += [$e]", "$*list *= $m\ndel $*list[9:]", "$*list += $list1[:2]",
        "$*dict |= {$k: $e}", "$*int += $n", "$*int -= $int1", "$*int **= 2\n$*int %= 1 << 100", "$*int <<= 33\n$*int &= (1 << 80) - 1", "$@str += $s\n$@str = $@str[-20:]", "$@float /= 3", "$@float *= $n", "$@set |= {$h}", "$@set &= $set1", "$@set ^= {$h, $h1}", "$@set -= {$h}", "$@tup += ($e,)", "$@bytes += $b\n$@bytes = $@bytes[-9:]",
        "if ($=int := len($list)) > 2:\n    $body", "print(len([$=int := $n]))", "$=list = []\n$u = $=list\n$u.append($e)\ndel $=list\n$=list = $u", "for $list[0] in range(2):\n    $body", "$dict[$k], $dict[$k1] = $list, $e", "$=nest = [$list, {'k': $list}, [$dict]]", "$=tup = $list, $dict", "$=list = $list + [$e]", "$@list = [$e]", "$@dict = {}", "$@int = $int",
        "$=list: list = [$e]", "$nest[0] = $list", "$nest[1]['k'] = $nest[0]", "$nest.append($nest[0])", "$=bool = $list is $list1", "$=list = [$e]\n$=list.append($=list)\n$=list[-1][0] = $e1", "$list[0] = $dict[$k] = $set", "$=float = 1e308 * $n", "$u = [[0] * 2] * 2\n$u[0][1] = $e"],
    "lists": [
        "$list.append($e)", "$list.append($list1)", "$list.insert($i, $e)", "$=el = $list.pop()", "$list.pop($i)", "$list.remove($e)", "$list.extend([$e, $e1])", "$list.extend(x for x in $list1[:3])", "$list.extend({$k: 1})", "$list.reverse()", "$list.sort()", "$list.sort(key=operator.truth)", "$list.sort(key=kind, reverse=True)", "$=list = [3, 'b', $e]\n$=list.sort(key=str)", "$list.sort(key=lambda v: len(str(v)))", "$list.clear()", "$list[$i] = $e", "$list[$i:] = [$e]", "$list[:$i] = $list1[:2]",
        "$list[1:1] = 'ab'", "$list[::2] = [$e] * len($list[::2])", "$list[::-1] = $list[:]", "$list[::3] = [1]", "del $list[$i]", "del $list[$i:]", "del $list[::2]", "$=list = $list[::-1]", "$=list = $list.copy()", "$list[-1] = $list[0]", "$list[0:2] = ()", "$list.__setitem__($i, $e)", "operator.setitem($list, $i, $e)", "operator.delitem($list, $i)", "operator.iadd($list, [$e])", "operator.imul($list, $m)\ndel $list[9:]",
        "$=bool = $e in $list", "$=int = $list.index($e)", "list.append($list, $e)", "list.extend($list, ($e,))", "$list.__init__([$e, $e1])", "$list.__iadd__([$e])", "$list.append([$e])\n$list[-1].append($e1)", "$=list = [*$list[:3], *$set]", "$nest[2].insert(0, $e)", "$=fn = $list.append\n$=fn($e)", "any(map($list.append, [$e, $e1]))", "[$list.append(x) for x in (1, 2)]", "$list.append($list.pop(0))"],
    "dicts": [
        "$dict[$k] = $e", "$dict[$k] = $list", "del $dict[$k]", "$dict.update($k2=$e)", "$dict.update({$k: $e, $k1: [$e1]})", "$dict.update([($k, $e)])", "$dict.setdefault($k, []).append($e)", "$=el = $dict.pop($k)", "$dict.pop($k, None)", "$=el = $dict.popitem()", "$dict.clear()", "$=dict = $dict | {$k: $e}", "$dict.__setitem__($k, $e)", "$dict.__delitem__($k)", "operator.setitem($dict, $k, $e)", "operator.delitem($dict, $k)",
        "$=list = list($dict)", "$=list = list($dict.items())[:3]", "$=list = list($dict.values())[:3]", "for $u in list($dict):\n    $dict[$u] = $e", "for $u in $dict:\n    $dict['grow'] = $u", "$=el = $dict.get($k, $e)", "$dict[($n, $s)] = $e", "$dict[1] = 'int'\n$dict[True] = 'bool'\n$dict[1.0] = $e", "$dict.__init__(z=$e)", "$dict.__ior__({$k: $e})", "$dict[$k] = $dict.pop($k1, $e)", "$=dict = {**$dict, **$dict1}", "$=bool = $k in $dict",
        "dict.update($dict, {$k: $e})", "dict.__setitem__($dict, $k, $e)", "$dict[$k] = $dict1", "$dict[None], $dict[b'b'] = $e, $e1", "$=dict = dict(reversed($dict.items()))", "$dict |= {}", "$u = iter($dict)\nnext($u)", "$u = $dict.keys() - {$k}"],
    "sets": [
        "$set.add($h)", "$set.discard($h)", "$set.remove($h)", "$set.update({$h, $h1})", "$set.update('abc', [$n])", "$set.intersection_update(range(9))", "$set.difference_update({$h})", "$set.symmetric_difference_update({$h, 1})", "$=el = $set.pop()", "$set.clear()", "$=set = $set | {$h}", "$=set = $set & $set1", "$=set = $set.copy()", "$=set = frozenset($set)", "operator.ior($set, {$h})", "$set.__iand__({$h, 7})", "set.add($set, $h)", "$set.add(frozenset([$h]))", "$=bool = $set <= $set1", "$set -= $set1", "$set.__init__([$h])"],
    "bytes": [
        "$bytearray.append($n)", "$bytearray.extend($b)", "$bytearray[0] = $n", "$bytearray[1:3] = $b", "$bytearray[::2] = bytes(len($bytearray[::2]))", "del $bytearray[:1]", "$@bytearray += $b", "$@bytearray *= $m\ndel $@bytearray[9:]", "$bytearray.insert(0, 65)", "$bytearray.pop()", "$bytearray.remove($n)", "$bytearray.reverse()", "$bytearray.clear()", "$=mv = memoryview($bytearray)\n$=mv[0] = $n\n$=mv.release()", "with memoryview($bytearray) as $u:\n    $u[:2] = b'ab'", "struct.pack_into('<H', $bytearray, 0, $n)", "$=tup = struct.unpack_from('<H', $bytearray)",
        "$=bytes = bytes($bytearray)", "$=bytes = $bytearray.upper()", "$=str = $bytes.hex()", "$=list = list($bytes[:4])", "$=bytes = $bytes.replace(b'a', $b)", "$=bytes = $bytes[::-1]", "$=mv = memoryview(bytearray(4))\n$=mv[1:3] = b'xy'\n$u = $=mv[::2]", "io.BytesIO(b'123456').readinto($bytearray)", "$u = memoryview($bytearray)\n$bytearray.append(1)", "$u = memoryview($array)\n$u[0] = $u[1]\ndel $u", "$bytearray[:] = $bytearray[::-1]", "operator.setitem($bytearray, 0, 9)", "$bytearray.__init__($b)", "$=bytearray = $bytearray[1:]", "$=int = int.from_bytes($bytes[:12], 'big')"],
    "text": [
        "$=str = $str + $s", "$=list = $str.split('a')", "$=str = $str[::-1]", "$=str = $str.replace('a', $s)", "$=str = '%s-%d' % ($s, $n)", "$=str = '{:>5}{}'.format($s, $n)", "$=str = f'{$str!r:.9}{$n:03d}'", "$=bytes = $str.encode('utf-8')", "$=str = re.sub('[a-c]', lambda m: $list.append(m.group()) or '#', $str)", "$=dict = dict(enumerate($str[:3]))", "$=str = $str.translate({97: $s})", "$=list = list($str[:4])", "$=str, $u, $u1 = $str.partition('b')", "$=str = ''.join(sorted($str))", "$=list = json.loads(json.dumps([$n, $s]))"],
    "numbers": [
        "$=int = $int * ($n + 2) % (1 << 120)", "$=int = ~$int", "$=int = $int // ($n + 1)", "$=int, $u = divmod($int, 7)", "$=float = $float + $n", "$=float = $float * -1", "$=int = int($float * 2)", "$=int = pow(7, $n + 40)", "$=float = $int % 1000 / ($n + 1)", "$=int = -$int >> 3", "$=list = [$int, $float]", "$=bool = $int > $float", "$=int = $int.bit_length()", "$=cplx = complex($n, 2) ** 2", "$=float = math.fsum([.1] * $n)", "$=frac = Fraction($n, 7) + 1", "$=int = functools.reduce(operator.mul, range(1, $n + 20))", "$=el = round($float, 2)"],
    "collections": [
        "$deque.append($e)", "$deque.appendleft($e)", "$=el = $deque.pop()", "$deque.popleft()", "$deque.rotate($i)", "$deque.extend([$e, $e1])", "$deque.extendleft('xy')", "$deque.insert(1, $e)", "$deque.remove($e)", "$deque[0] = $e", "del $deque[0]", "$deque.reverse()", "$deque.clear()", "$@deque += [$e]", "$deque[$i] = $list", "$@deque *= $m\nwhile len($@deque) > 7: $@deque.popleft()", "$=deque = $deque.copy()", "$ddict[$k].append($e)", "$ddict[$k] += [$e]", "$ddict['q'].extend($list[:2])", "$ddict.default_factory = dict", "$ddict.default_factory = None\n$ddict[$k]", "$=el = $ddict[$k]",
        "$ddict.pop($k, 0)", "$ddict.update({$k: [1]})", "$odict[$k] = $e", "$odict.move_to_end('a')", "$odict.move_to_end('b', last=False)", "$odict.popitem(last=False)", "$odict.popitem()", "$odict.setdefault($k, $list)", "$odict.pop('a')\n$odict['a'] = $e", "$odict.update(z=$e)", "$odict |= {$k: $e}", "del $odict[$k]", "$odict.clear()", "$counter.update('ab$n')", "$counter.update({$k: 2})", "$counter.subtract([$h])", "$counter[$h] += $n", "$=list = $counter.most_common(2)", "$@counter += Counter(a=1)", "del $counter[$h]", "$counter.clear()", "$=counter = $counter - Counter('a')",
        "$ns.items.append($e)", "$ns.fresh = $list", "del $ns.map", "vars($ns)['new'] = $e", "setattr($ns, 'x', [$e])", "$ns.__init__(items=[1])", "$=cmap = ChainMap({}, $dict)\n$=cmap[$k] = $e"],
    "modules": [
        "heapq.heappush($heap, $n)", "$=el = heapq.heappop($heap)", "heapq.heapify($list)", "heapq.heapreplace($heap, $n)", "$=el = heapq.heappushpop($heap, $n)", "bisect.insort($heap, $n)", "bisect.insort_left($list, $e)", "random.Random(1).shuffle($list)", "random.Random($n).shuffle($deque)", "$array.append($n)", "$array.extend([$n])", "$array[0] = $n", "$array[1:2] = array($array.typecode, [1, 2])", "$array.pop()", "$array.reverse()", "$array.insert(0, $n)", "$array.byteswap()", "$array.frombytes(bytes($array.itemsize))", "del $array[:1]", "$@array += $array[:2]", "$@array *= $m\ndel $@array[9:]", "$array.fromlist([$n, 2])", "$array.remove($n)",
        "struct.pack_into('B', $array, 0, $n)", "$u = iter($list)\n$=list = list(islice($u, 2))\n$u1 = next($u, None)", "$u = itertools.tee([1, 2, $e])\n$=el = next($u[1])", "deque(map($list.append, $dict), maxlen=0)", "$=list = list(itertools.chain($list[:2], $set))", "$=list = [(k, list(g)) for k, g in itertools.groupby([1, 1, $n])]", "$=list = functools.reduce(lambda a, b: a.append(b) or a, [1, $e], [])", "$=list = functools.reduce(operator.iadd, [[1], [$e]], $list)", "$=list = list(itertools.accumulate([1, 2, $n]))", "$=fn = partial(operator.setitem, $list, 0)\n$=fn($e)", "$=fn = partial($list.append)\n$=fn($e)",
        "$=el = $fn($e)", "$=list = list(map($fn, [1, $e]))", "$=list = list(filter(None, $list[:4]))", "$=list = copy.copy($list)", "$=nest = copy.deepcopy($nest)", "globals()['total_$n'] = $list", "globals()['gl'] = $list\ngl.append($e)", "globals().update(gl2=$e)\ndel globals()['gl2']", "$=list = list(zip($list[:2], $s))", "$=list = list(itertools.product([$e], 'ab'))", "$list.sort(key=functools.cmp_to_key(lambda a, b: len(str(a)) - len(str(b))))", "operator.methodcaller('append', $e)($list)", "operator.attrgetter('append')($list)($e)", "setattr(sys, 'made_here', $list)\nsys.made_here.append($e)\ndel sys.made_here"],
    "comprehensions": [
        "$=list = [x for x in $list[:4]]", "$=list = [[x, y] for x in $list[:2] for y in (1, 2)]", "$=dict = {kind(x): [x] for x in $list[:3]}", "$=set = {len(str(x)) for x in $list}", "$=list = [x for x in range(5) if x % 2]", "$=list = [[i * j for j in range(2)] for i in range($m)]", "$=list = [lambda: i for i in range(2)]\n$u = $=list[0]()", "$=gen = keep(x for x in [$e, $e1, 3])\n$=el = next($=gen)", "$=int = sum(x for x in range($n))", "$=dict = {k: v for k, v in $dict.items()}",
        "$=list = [y := $n, y ** 2]", "$=list = [$u := x for x in (1, $e)]", "$=tup = tuple([x] for x in $list[:2])", "$=list = [$list.append(x) or x for x in $list1[:2]]"],
    "flow": [
        "for $u in range($m):\n    $body", "for $u, $u1 in enumerate($list):\n    if $u > 1:\n        break\n    $body\nelse:\n    $body", "for $u, $u1 in zip(range(2), $dict.items()):\n    $body", "$u = $m\nwhile $u:\n    $u -= 1\n    $body\nelse:\n    $list.append('done')", "$u = 0\nwhile True:\n    $u += 1\n    if $u > 2: break\n    if $u == 1: continue\n    $body", "if $list:\n    $body\nelif $dict:\n    $body\nelse:\n    $body",
        "match $list:\n    case []:\n        $body\n    case [$u]:\n        $body\n    case [int($u), *$u1]:\n        $u1.append($u)\n        $body\n    case [$u, *_] as $u1:\n        $u1.append($e)", "match $dict:\n    case {'a': $u, **$u1}:\n        $u1['m'] = $u\n        $body\n    case {} if len($dict) > 1:\n        $body\n    case _:\n        $dict['a'] = $e", "match ($n, $list):\n    case (1 | 2 | 3 as $u, [$u1, *_]):\n        $body\n    case (int(), list($u)):\n        $u.append('m')",
        "try:\n    $body\nexcept (TypeError, LookupError) as e:\n    log.append(type(e).__name__)\n    $body\nelse:\n    $body\nfinally:\n    $body", "try:\n    $body\nfinally:\n    $list.append('f')", "try:\n    raise KeyError($k, $list)\nexcept KeyError as e:\n    $=list = list(e.args)\n    $=ex = e", "try:\n    [][$n]\nexcept IndexError:\n    $=bool = sys.exc_info()[0] is IndexError\n    $body", "try:\n    try:\n        {}[$k]\n    except KeyError:\n        int($s)\nexcept ValueError as e:\n    $=ex = e.__context__",
        "$=el = $e if $list else $dict", "assert $list, 'empty'", "del $list[0], $dict[$k]", "$=list = $list or [$e]", "$=el = $dict and $list", "if $int > 2 and not $set: $list.append(1)", "for $u in $set & {1, 7}: $list.append($u)", "with suppress(KeyError, IndexError):\n    $body\n    del $dict['never']", "for $dict[$k] in 'xy': $body1", "for $u in [$list, $list1]:\n    $u.append($e)\ndel $u"],
}

IN_LOOP = ["if len($list) % 2: break", "if $k in $dict: continue", "if not $list: continue"]
IN_FUNCTION = ["if len($list) > 6: return $list", "def $u(v=[]):\n    v.append($e)\n    $list.append(v)\n    return v\n$u()\n$u()", "$=fn = lambda v: $list.append(v)\n$=fn($e)", "class $u:\n    at = $list\n    at.append($e)\n$=list = $u.at"]

PREAMBLE = """import bisect, copy, functools, heapq, io, itertools, json, math, operator, random, re, struct, sys
from array import array
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import lru_cache, partial, wraps
from itertools import islice
from types import SimpleNamespace
log = []
gl = []
kept = []
def keep(generator):
    kept.append(generator)
    return generator
def kind(v):
    return type(v).__name__"""

for theme, templates in more.STATEMENTS.items():
    STATEMENTS.setdefault(theme, []).extend(templates)
for kind, makers in more.VALUES.items():
    VALUES.setdefault(kind, []).extend(makers)
IN_FUNCTION += more.IN_FUNCTION
PREAMBLE += "\n" + more.PREAMBLE

LITERALS = {
    "e": ["0", "1", "2", "'s'", "2.5", "None", "True", "(1, 'q')", "[8]", "{'d': 4}", "-1", "2**64", "b'z'", "'a'"],
    "h": ["0", "1", "7", "'a'", "'q'", "(1, 2)", "2.5"],
    "i": ["-2", "-1", "0", "0", "1", "2", "3"], "n": ["1", "2", "3", "4", "5"], "m": ["2", "3"],
    "k": ["'a'", "'b'", "'k'", "'q'", "1", "(0, 'x')"], "s": ["'abc'", "'b'", "'x,y'", "'ünï'", "''"], "b": ["b'ab'", "b'\\xff'", "b'qrs'"],
}
PLACE = re.compile(r"\$([=@*]?)([a-z]+)(\d?)")
CONSTANT = re.compile(r"\$(e|n|s|i|k|h|m|b)(\d?)\b")


class Unsuitable(Exception):
    """Nothing in scope has a type that the template wants."""


class Scope:
    """The expressions that can be used at a place, by type."""

    def __init__(self, outer=None, function=False):
        self.outer, self.function, self.loops, self.own = outer, function, 0, {}

    def add(self, kind, expression):
        self.own.setdefault(kind, []).append(expression)
        for suffix, part in COMPONENTS.get(kind, ()):
            self.own.setdefault(part, []).append(expression + suffix)

    def find(self, kind, mark):
        """What `$kind` may stand for; a function cannot assign to a name that is not its own."""
        found = list(self.own.get(kind, ()))
        if mark == "@":
            return [x for x in found if x.isidentifier()]
        if self.outer is not None:
            outside = self.outer.find(kind, "")
            found = found * 3 + [x for x in outside if mark != "*" or not x.isidentifier()]
        return found

    def snapshot(self):
        return {kind: list(found) for kind, found in self.own.items()}


class Program:
    """One program under construction."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = 0
        self.values = {kind: list(makers) for kind, makers in VALUES.items()}
        self.statements = {theme: list(templates) for theme, templates in STATEMENTS.items()}
        self.top = Scope()
        self.seed = seed

    def text(self):
        lines = ["# seed %d" % self.seed, *PREAMBLE.split("\n")]
        for kind in ("list", "list", "dict", "set", "int", "str"):
            lines += self.new(kind, self.top)
        parts = sorted(self.random.sample(range(len(PARTS)), self.random.randint(3, 6)))
        if 1 in parts and 0 not in parts:
            parts.insert(0, 0)                         # Sub is a Box
        for source, made, uses in (PARTS[i] for i in parts):
            lines += self.part(source)
            for kind, makers in made.items():
                self.values.setdefault(kind, []).extend(makers)
            self.statements.setdefault("own", []).extend(uses * 2)
            for kind in made:
                lines += self.new(kind, self.top)
        for kind in self.random.sample(["float", "bytes", "bytearray", "tup", "nest", "deque", "ddict", "odict", "counter", "array", "heap", "ns", "fn"], 7):
            lines += self.new(kind, self.top)
        size = self.random.randint(110, 190)
        while len(lines) < size:
            lines += self.guarded(self.top, self.random.randint(2, 5), 0)
        return "\n".join([*lines, "for k in kept:", "    next(k, None)", "    k.close()", "print(log)", "print(len(%s))" % self.top.own["list"][0]]) + "\n"

    def part(self, source):
        """A part's definitions. Its `$body` see the parameters by the names a and b (or v and w) and everything above."""
        source = CONSTANT.sub(lambda m: self.literal(m[1]), source)
        lines = []
        for line in source.split("\n"):
            if line.strip() != "$body":
                lines.append(line)
                continue
            scope = Scope(self.top, function=True)
            within = next(d for d in reversed(lines) if d.lstrip().startswith("def ") and len(d) - len(d.lstrip()) < len(line) - len(line.lstrip()))
            names = re.findall(r"\b([ab]|v|w)\b", within[within.index("("):])
            for name in names:
                scope.add("list" if name in "av" else "dict", name)
            if "self" in within:
                scope.add("list", "self.items")
                scope.add("dict", "self.map")
                scope.add("int", "self.n")
            elif "inner" in within:
                scope.add("list", "held")
            body = self.new("list", scope) + self.new("int", scope)
            for _ in range(self.random.randint(1, 2)):
                body += self.guarded(scope, self.random.randint(1, 3), 1) if self.random.random() < 0.5 else self.block(scope, 2, 1)
            lines += [line.replace("$body", x) for x in body]
        return lines

    def new(self, kind, scope):
        """A statement that makes a value of a kind."""
        while True:
            try:
                return self.fill("$=%s = %s" % (kind, self.random.choice(self.values[kind])), scope, 2)
            except Unsuitable:
                continue

    def guarded(self, scope, count, depth):
        """Statements of which one may fail without the program's end."""
        lines = ["try:"] + ["    " + x for x in self.block(scope, count, depth)]
        lines += self.random.choice([["except Exception as e:", "    log.append(type(e).__name__)"], ["except Exception:", "    log.append(sys.exc_info()[0].__name__)"]])
        return lines

    def block(self, scope, count, depth):
        """Some statements; names that they make are mostly forgotten after them, as they may not have come to be."""
        before = scope.snapshot()
        lines = []
        for _ in range(count):
            lines += self.statement(scope, depth)
        if depth or self.random.random() < 0.6:
            scope.own = before
        return lines

    def statement(self, scope, depth):
        while True:
            extra = self.random.random()
            if extra < 0.05 and scope.loops:
                template = self.random.choice(IN_LOOP)
            elif extra < 0.15 and scope.function:
                template = self.random.choice(IN_FUNCTION)
            else:
                theme = "own" if extra > 0.75 and "own" in self.statements else self.random.choice(list(self.statements))
                template = self.random.choice(self.statements[theme])
            if "$body" in template and depth >= 2:
                continue
            try:
                return self.fill(template, scope, depth)
            except Unsuitable:
                continue

    def fill(self, template, scope, depth):
        """-> lines: the template with everything it asks for put in."""
        chosen, made, lines, header = {}, [], [], ""

        def put(match):
            mark, kind, digit = match.groups()
            if kind == "body":
                return match[0]
            key = (mark == "=", kind, digit) if mark else (False, kind, digit)
            if key in chosen:
                return chosen[key]
            if mark == "=" or kind == "u":
                self.names += 1
                text = "%s%d" % (kind, self.names)
                if mark:
                    made.append((kind, text))
            elif kind == "k" and digit == "2":
                text = self.random.choice(["a", "b", "q"])            # a keyword
            elif kind in LITERALS:
                text = self.literal(kind)
            else:
                found = scope.find(kind, mark)
                if not found:
                    raise Unsuitable(kind)
                text = self.random.choice(found)
            chosen[key] = text
            return text

        for line in PLACE.sub(put, template).split("\n"):
            indent = line[: len(line) - len(line.lstrip())]
            if not indent:
                header = line
            if "$body" not in line:
                lines.append(line)
                continue
            if line.strip() == "$body":
                loop = header.startswith(("for ", "while "))
                scope.loops += loop
                lines += [indent + x for x in self.block(scope, self.random.randint(1, 2), depth + 1)]
                scope.loops -= loop
            else:
                lines.append(line.replace("$body1", "log.append('once')"))
        for kind, name in made:
            scope.add(kind, name)
        return lines

    def literal(self, kind):
        return self.random.choice(LITERALS[kind])


def program(seed):
    """The program of a seed: of the first made from it that Python compiles (a template may declare a
    name `global` that another has used)."""
    for attempt in range(100):
        text = Program(seed + attempt * 1_000_003).text()
        try:
            compile(text, "generated", "exec")
        except SyntaxError:
            continue
        return text
    raise RuntimeError("no program of seed %d compiles" % seed)


if __name__ == "__main__":
    for word in sys.argv[1:]:
        sys.stdout.write(program(int(word)))
