"""More tables for generate.py: classes of every kind, asynchronous code, namespaces, weak references, C functions that mutate.

The templates are as described there. Parts here need nothing but the preamble and what the program has at its top. What the
tracer would change is left out here too: finalisers run at a `del` or a store, never at the end of a frame; asynchronous
generators and coroutines are driven to their end by hand.
"""

PREAMBLE = """import contextlib, contextvars, enum, pickle, types, weakref
from collections import UserDict, UserList
from functools import cached_property, singledispatch, total_ordering
def drive(coroutine):
    try:
        while True:
            coroutine.send(None)
    except StopIteration as e:
        return e.value"""

VALUES = {
    "list": ["[*$list[:2], *$set]", "[[]] * $m", "[x for x in range($n) if x - 1]", "list(map(str, range($n)))", "list($bytearray[:5])", "sum([$list[:2], [$e]], [])"],
    "dict": ["dict(zip('abc', [$e, $list, $e1]))", "dict([('a', $e), ($k, $list)])", "{k: [] for k in 'ab'}", "dict.fromkeys('ab', $list)", "types.SimpleNamespace(a=$e, b=$list).__dict__"],
    "set": ["set($list[:0])", "{*range($n), $h}", "{x % 3 for x in range(7)}"],
    "bytearray": ["bytearray(b'0123456789')", "bytearray.fromhex('00ff7f')"],
    "ddict": ["defaultdict(lambda: [$e])", "defaultdict(list, a=[$e], q=$list)"],
    "fn": ["operator.itemgetter($i)", "$list.append", "$dict.get", "$set.add", "lambda v, d=$dict: d.setdefault('fn', v)", "partial($list.insert, 0)", "operator.attrgetter('real')"],
    "tup": ["($list, {})", "($list[:2], dict($dict))"],
}

PARTS = [
    ("""class Meta(type):
    made = []
    def __new__(mcls, name, bases, ns, **kw):
        ns = dict(ns, tag=kw.get('tag', name.lower()))
        cls = super().__new__(mcls, name, bases, ns)
        mcls.made.append(name)
        return cls
    def __init__(cls, name, bases, ns, **kw):
        super().__init__(name, bases, ns)
        cls.registry = {}
    def __call__(cls, *args):
        self = super().__call__(*args)
        cls.registry[len(cls.registry)] = args
        return self
    def __getitem__(cls, key):
        return cls.registry.setdefault(key, [key])
class Made(metaclass=Meta, tag=$s):
    items = [$e]
    def __init__(self, *args):
        self.items = list(args)
    def __init_subclass__(cls, **kw):
        super().__init_subclass__()
        cls.options = kw
class MadeToo(Made, tag=$k):
    pass""",
     {"made": ["Made($e)", "MadeToo($list, $e)"]},
     ["Made[$k].append($e)", "$made.items.append($e)", "Made.items.append($e)", "Meta.made.clear()", "$u = Meta('Dyn', (Made,), {'x': $list}, tag=$n)\n$u.x.append($e)", "Made.registry[$k] = $list", "type($made).late = $dict", "MadeToo.items = $list", "del $made.items\n$made.items.append($e)\n$made.items = []",
      "$=list = list(Made.registry.values())", "Made.__init__($made, $e, $e1)", "$u = type('Plain', (), {'at': $list, 'get': lambda self: self.at})()\n$u.get().append($e)", "MadeToo.options[$k] = $e", "$made.__class__ = MadeToo"]),
    ("""@total_ordering
class Num:
    __slots__ = ('v', 'log', '__weakref__')
    def __init__(self, v, log=None):
        self.v, self.log = v, [] if log is None else log
    def __add__(self, other):
        self.log.append('add')
        return Num(self.v + getattr(other, 'v', other), self.log)
    __radd__ = __add__
    def __iadd__(self, other):
        self.v += getattr(other, 'v', other)
        return self
    def __imul__(self, other):
        return Num(self.v * other)
    def __neg__(self):
        return Num(-self.v)
    def __eq__(self, other):
        return self.v == getattr(other, 'v', other)
    def __lt__(self, other):
        self.log.append('lt')
        return self.v < getattr(other, 'v', other)
    def __hash__(self):
        return hash(self.v)
    def __bool__(self):
        self.log.append('bool')
        return self.v > 2
    def __index__(self):
        return self.v
    def __len__(self):
        return abs(self.v)
    def __contains__(self, x):
        self.log.append(x)
        return x == self.v
    def __getitem__(self, i):
        if i >= 3:
            raise IndexError(i)
        self.log.append(i)
        return self.v + i
    def __call__(self, *args, **kw):
        self.log.extend(args)
        return kw""",
     {"num": ["Num($n)", "Num($n, $list)"]},
     ["$=num = $num + $n", "$=num = $n + $num", "$@num += $n", "$@num *= $m", "$=num = sum([Num(1), Num($n)], $num)", "$list[$num] = $e", "$=list = [*$num]", "$=bool = $n in $num", "if $num:\n    $body", "$=num = -$num", "$=list = sorted([Num(3), $num, Num(1)])", "$=num = max(Num(2), $num)",
      "$=dict = $num($e, $e1, z=$list)", "$=list = list(map($num, [1, $e]))", "$list.insert($num, $e)", "$=list = [0] * 4\ndel $=list[$num]", "for $u in $num:\n    $list.append($u)", "$u, $u1, $u2 = $num", "heapq.heapify($=list := [Num(3), $num, Num(0)])", "$=dict = {Num($n): $list}\n$=dict[Num($n)].append($e)",
      "$num.log.clear()", "$num.v, $num.log = $n, $list", "while $num:\n    $num.v -= 1", "$=str = 'abcdef'[$num:]"]),
    ("""class Ints(int):
    def __new__(cls, v, note=None):
        self = super().__new__(cls, v)
        self.note = [] if note is None else note
        return self
class Text(str):
    def shout(self):
        self.times = getattr(self, 'times', 0) + 1
        return Text(self.upper())
class Trip(tuple):
    def __new__(cls, *parts):
        return super().__new__(cls, parts)
class Bag(set):
    def add(self, x):
        self.last = x
        set.add(self, x)
class Ring(deque):
    spins = 0
    def rotate(self, n=1):
        self.spins += n
        super().rotate(n)
class Order(OrderedDict):
    def __setitem__(self, k, v):
        super().__setitem__(k, v)
        self.move_to_end(k, last=False)
class Grow(defaultdict):
    def __missing__(self, k):
        self.asked = k
        return super().__missing__(k)
class Buf(bytearray):
    def put(self, b):
        self += b
        self.size = len(self)
class Tally(Counter):
    pass""",
     {"ints": ["Ints($n)", "Ints($i, $list)"], "text": ["Text($s)"], "trip": ["Trip($list, $e)"], "bag": ["Bag([1, $h])"], "ring": ["Ring([1, $e, 3], 5)"], "order": ["Order(a=1, b=$e)"], "grow": ["Grow(list)"], "buf": ["Buf(b'ab')"], "tally": ["Tally('aab')"]},
     ["$ints.note.append($e)", "$ints.more = $list", "$=int = $ints + 1", "$=text = $text.shout()", "$text.data = $dict", "$trip.extra = $list", "$trip[0].append($e)", "$bag.add($h)", "$bag.update([$h, $h1])", "$@bag |= {$h}", "$ring.rotate($n)", "$ring.append($e)", "$ring.extendleft([$e, $e1])", "$@ring += [$e]", "$order[$k] = $e", "$order.update({$k: $list})",
      "$order.popitem(False)", "$order.setdefault($k, $e)", "$order.move_to_end('a')", "$grow[$k].append($e)", "$grow.update(a=[$e])", "$grow |= {$k: [2]}", "$buf.put($b)", "$buf.extend($b)", "$buf[0:1] = b'zz'", "del $buf[:1]", "$tally.update('ab')", "$tally.update($s)", "$tally[$h] += 1", "$tally.total_seen = $n", "$=tally = $tally + Tally('b')", "$tally.subtract('a')", "+$tally",
      "$=list = list($order.items())", "$=bag = copy.copy($bag)", "$=ring = copy.copy($ring)", "$=el = $ring.pop()", "$trip.__dict__.update(n=$n)", "$order.clear()", "del $order['a']", "$=order = copy.copy($order)"]),
    ("""async def co_leaf(v, log):
    log.append(v)
    await pause(v)
    return [v]
@types.coroutine
def pause(v):
    got = yield v
    return got
async def co_sum(values, log):
    total = []
    for v in values:
        total += await co_leaf(v, log)
    async with Lock(log) as held:
        held.append(len(total))
    return total
async def co_fail(log):
    try:
        await co_leaf('f', log)
        raise LookupError($e)
    except LookupError as e:
        log.append(e.args)
    finally:
        await co_leaf('fin', log)
class Lock:
    def __init__(self, log):
        self.log = log
    async def __aenter__(self):
        await pause(1)
        self.log.append('enter')
        return self.log
    async def __aexit__(self, kind, value, tb):
        self.log.append(kind and kind.__name__)
        return True
class Rows:
    def __init__(self, n):
        self.n = n
    def __aiter__(self):
        return self
    async def __anext__(self):
        if self.n <= 0:
            raise StopAsyncIteration
        self.n -= 1
        await pause(self.n)
        return self.n
async def agen(data, n):
    try:
        for i in range(n):
            got = yield i
            data.append(got)
            await pause(i)
    finally:
        data.append('aend')
async def use_agen(data):
    out = [x async for x in agen(data, 2)]
    async for x in Rows(3):
        out.append(x)
    out += [await co_leaf(x, data) for x in (1, $e)]
    return out, {x: [x] async for x in Rows(2)}
async def hand(data):
    g = agen(data, 4)
    out = [await g.asend(None), await g.asend($e)]
    try:
        await g.athrow(ValueError($e))
    except ValueError as e:
        out.append(e.args)
    g = agen(data, 3)
    out.append(await g.__anext__())
    await g.aclose()
    return out""",
     {},
     ["$=list = drive(co_sum($list[:3], $list1))", "drive(co_fail($list))", "$=tup = drive(use_agen($list))", "$=list = drive(hand($list))", "$u = co_sum([1, $e], [])\n$=el = $u.send(None)\n$u.close()", "$u = co_leaf($e, $list)\n$u.send(None)\ntry:\n    $u.send($e)\nexcept StopIteration as e:\n    $=list = e.value",
      "$u = co_fail($list)\n$u.send(None)\ntry:\n    $u.throw(KeyError($k))\nexcept StopIteration as e:\n    log.append('stopped')\nfinally:\n    $u.close()", "$u = agen($list, 2)\n$u1 = $u.asend(None)\ntry:\n    $u1.send(None)\nexcept StopIteration as e:\n    $=el = e.value\ndrive($u.aclose())"]),
    ("""class It:
    def __init__(self, n, log):
        self.n, self.log = n, log
    def __iter__(self):
        self.log.append('iter')
        return self
    def __next__(self):
        if not self.n:
            raise StopIteration
        self.n -= 1
        self.log.append(self.n)
        return self.n
    def __length_hint__(self):
        self.log.append('hint')
        return 3""",
     {"it": ["It($n, $list)", "It($n, [])"]},
     ["$=list = list($it)", "$list.extend(It($n, $list1))", "$list[1:1] = It(2, [])", "$u, *$=list = It(3, $list)", "$=set = set(It($n, []))", "$=dict = dict(zip(It(3, []), It(3, [])))", "$set.update(It($n, $list))", "$deque.extend(It(2, $list))", "$=tup = [*It(2, [])], {**$dict}", "$=int = sum(It($n, []))", "for $u in It($n, []):\n    $body", "$=list = sorted(It(3, $list))",
      "$bytearray.extend(It(3, []))", "$array.extend(It(2, []))", "$dict.update(zip(It(2, []), $list))", "$=list = [a for a, *b in zip(It(2, []), It(2, []))]", "heapq.heapify($=heap := list(It(4, [])))", "$=list = list(heapq.merge(It(2, [])))", "$list += It(2, [])", "$u = iter(It(2, []).__next__, 0)\n$=list = list($u)", "$=list = list(zip(It(2, []), 'abc', strict=True))", "min(It(0, []))"]),
    ("""def late(a, how):
    b = []
    try:
        b.append(how)
        if how == 1:
            return b
        if how == 2:
            raise KeyError(how)
        for x in a[:3]:
            try:
                if how == 3:
                    continue
                if how == 4:
                    break
                b.append(x)
            finally:
                b.append('f')
        else:
            b.append('else')
    except KeyError as e:
        a.append(e.args)
        return [b]
    finally:
        a.append('late')
        if how == 5:
            return a
        b = b + ['rebound']
    return b
def wipe(a, b):
    def inner():
        nonlocal a, b
        del b
        a = [a]
        try:
            return b
        except NameError as e:
            a.append(type(e).__name__)
        b = {}
        return a
    c = inner()
    b['w'] = c
    del a
    return b, c
def deep(n, acc):
    def down(k):
        def bottom():
            nonlocal k
            acc.append(k)
            k -= 1
            return k
        return down(bottom()) if k > 0 else bottom
    return down(n)
def make(n):
    fs = []
    for i in range(n):
        fs.append(lambda v=None, j=i: (fs.append(i), j, v)[1:])
    return fs
def globs(v):
    global fresh, fresh2
    fresh = [v]
    fresh2 = fresh
    fresh2.append(fresh)
    del fresh2
    return fresh""",
     {},
     ["$=list = late($list, $n)", "late($list, 5).append($e)", "$=list = late($list, 2)", "$u = wipe($list, $dict)", "$u = deep($n, $list)", "$=int = deep(2, $list)()", "$u = make(3)\n$=tup = $u[0]($e)\n$u[1](v=$list)", "$=list = globs($e)", "globs($list)\nfresh.append($e)", "del fresh", "$=list = globs($list)[:1]"]),
    ("""ns = {'given': [$e], 'n': $n}
source = '''
made = [given, n]
def inside(x, y=made):
    y.append(x)
    global n
    n += 1
    return y
class Inner:
    z = given
    def go(self):
        self.w = inside(n)
        return self
for i in range(2):
    made.append(i)
'''
code = compile(source, '<made>', 'exec')
exec(code, ns)""",
     {},
     ["exec(code, ns)", "exec('given.append(n)\\nn = [n]\\n', ns)\nns['n'] = $n", "exec('a = [1]\\na.append(b)', {'b': $list}, $=dict := {})", "$=list = eval('[x for x in a] + b', {'a': $list[:2], 'b': [$e]})", "$=list = ns['inside']($e)", "ns['given'] = $list", "$u = ns['Inner']().go()\n$u.z.append($e)", "exec('def $u(v): return [v]\\n$u1 = $u(2)')", "$=int = eval('(lambda q: q + n)(3)', ns)", "ns['Inner'].z = $dict", "exec('del made[:1]', ns)",
      "$u = types.ModuleType('mod')\n$u.at = $list\nexec('at.append(1)\\nhere = at[:]', $u.__dict__)\n$=list = $u.here", "$u = types.FunctionType(ns['inside'].__code__, ns, 'f', ([$e],))\n$=list = $u(1)", "exec($s)"]),
    ("""class Node:
    def __init__(self, name, log):
        self.name, self.log, self.kids = name, log, []
    def __del__(self):
        self.log.append(('del', self.name))
    def back(self, ref):
        self.log.append('back')
dying = []
def make_node(n):
    node = Node(n, dying)
    node.kids.append(Node(n + 1, dying))
    return node
node = make_node(0)
watched = weakref.ref(node, lambda r: dying.append('ref'))
weak = weakref.WeakValueDictionary()
weakset = weakref.WeakSet()""",
     {},
     ["node = make_node($n)", "node.kids.clear()", "node.kids[0:1] = [Node('k', $list)]", "weak[$k] = node", "weakset.add(node)", "$u = Node($s, $list)\n$u1 = weakref.ref($u)\n$u = None\n$list.append($u1() is None)", "$u = weakref.proxy(node)\n$u.name = $e", "$u = weakref.WeakMethod(node.back)\n$u()(1)", "$u = Node($n, $list)\ndel $u", "$u = [Node(1, $list), Node(2, $list)]\ndel $u[:]", "$u = {'n': Node(3, $list)}\n$u['n'] = $e", "$u = Node(1, $list)\n$u1 = weakref.finalize($u, $list.append, 'fin')\n$u = $e",
      "$u = deque([Node(4, $list)], maxlen=1)\n$u.append($e)", "$=list = list(weak)", "$u = {Node(5, $list)}\n$u.clear()", "dying.clear()", "$u = SimpleNamespace(n=Node(6, $list))\n$u.n = 1", "def $u(a):\n    a = None\n    $list.append('after')\n    return a\n$u2 = [Node(7, $list)]\n$u($u2.pop())", "$u = node\nnode = make_node(8)\n$u = None"]),
    ("""class Color(enum.Enum):
    RED = 1
    BLUE = [$e]
    def paint(self, on):
        on.append(self.name)
        return self
class Perm(enum.IntFlag):
    R = 4
    W = 2
@singledispatch
def show(x):
    return [x]
@show.register
def _(x: list):
    x.append('list')
    return x
@show.register(dict)
@show.register(str)
def _(x):
    return ['d', len(x)]
class Lazy:
    def __init__(self, base):
        self.base = base
    @cached_property
    def value(self):
        self.base.append('computed')
        return [len(self.base)]
    @lru_cache(maxsize=2)
    def memo(self, n):
        return [n]
    def __eq__(self, other):
        return self is other
    def __hash__(self):
        return 3
var = contextvars.ContextVar('var', default=())
def in_context(v, log):
    old = var.get()
    token = var.set(old + (v,))
    log.append(var.get())
    if len(var.get()) < 3:
        in_context(v, log)
    var.reset(token)""",
     {"lazy": ["Lazy($list)", "Lazy([])"]},
     ["Color.RED.paint($list)", "Color.BLUE.value.append($e)", "$=el = Color($n)", "$=list = [c.name for c in Color]", "$=el = Perm.R | Perm.W", "$=dict = {Color.RED: $list}", "match Color.RED:\n    case Color.BLUE:\n        $body\n    case Color.RED:\n        $list.append('red')", "$=list = show($list)", "$=list = show($e)", "$=list = show($dict)", "show.register(int, lambda x: [x, 'int'])", "$=list = $lazy.value", "$lazy.value.append($e)",
      "del $lazy.value", "$=list = $lazy.memo($n)", "$lazy.memo($n).append($e)", "Lazy.memo.cache_clear()", "$lazy.base = $list", "in_context($e, $list)", "contextvars.copy_context().run(in_context, $e, $list)", "var.set((1, 2))\n$list.append(var.get())"]),
    ("""class Point:
    __match_args__ = ('x', 'y')
    kinds = {}
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __eq__(self, other):
        return NotImplemented
    def __setattr__(self, name, value):
        Point.kinds[name] = kind(value)
        super().__setattr__(name, value)
    def __delattr__(self, name):
        object.__setattr__(self, name + '_was', self.__dict__.get(name))
        super().__delattr__(name)
    def __getstate__(self):
        return {'x': [self.x], 'y': self.y}
    def __setstate__(self, state):
        self.__dict__.update(state, restored=True)
def which(p, out):
    match p:
        case Point(x=0, y=y):
            out.append(('axis', y))
        case Point(int() as x, [y, *rest]):
            rest.append(x)
            out += rest
        case Point(x, {'a': a, **rest}) if (z := a):
            out.append([x, z, rest])
        case Point(x, y) | [x, y]:
            out.append((x, y))
        case {'k': str() | None as x}:
            out.append(x)
        case (1 | 2.5 | 'a' | None | True) as x:
            out.append(x)
        case [_, _, *tail] as whole:
            tail.append(len(whole))
            out.append(tail)
        case _:
            out.append('none')
    return out""",
     {"point": ["Point($n, $list)", "Point(0, $e)", "Point($e, $dict)"]},
     ["$=list = which($point, $list)", "which($e, $list)", "which($list, [])", "which($dict, $list)", "which({'k': $s}, $list)", "$point.x += $n", "$point.x, $point.y = $point.y, $point.x", "del $point.x\n$point.x = $e", "$=point = copy.copy($point)", "$=point = copy.deepcopy($point)", "$=point = pickle.loads(pickle.dumps($point))", "$point.y.append($e)", "$point.y[$k] = $point", "$=bool = $point == $point1", "Point.kinds.clear()", "setattr($point, $k, $e)" ]),
    ("""class Under(UserDict):
    def __setitem__(self, k, v):
        super().__setitem__(k, [v])
class Seq(UserList):
    pass
class Chain:
    def __init__(self):
        self.parts = []
    def __getattr__(self, name):
        if name[:2] == '__':
            raise AttributeError(name)
        self.parts.append(name)
        return self
    def __call__(self, *args):
        self.parts.append(args)
        return self
    def __getitem__(self, k):
        self.parts.append([k])
        return self
    def __setitem__(self, k, v):
        self.parts.insert(0, (k, v))
    def __delitem__(self, k):
        self.parts.pop()
    def __enter__(self):
        return self.parts
    def __exit__(self, *a):
        self.parts.clear()
        return $n > 2""",
     {"under": ["Under(a=1)", "Under({$k: $e})"], "seq": ["Seq([1, $e])"], "chain": ["Chain()"]},
     ["$under[$k] = $e", "$under.data[$k] = $list", "$under.update(z=$e)", "$under.pop($k, 0)", "$under |= {$k: $e}", "$seq.append($e)", "$seq.data.extend([1, $e])", "$seq[0:1] = [$e, $e1]", "$@seq += [$e]", "$seq.sort(key=kind)", "$chain.one.two($e)[1:2, ...].three", "$chain[$k] = $e", "del $chain[0]", "$chain[$n] += 1", "with $chain as $=list:\n    $body\n    1 // 0", "$chain.x.y = $list", "$chain(*$list[:2])", "$chain[1:2] = $list", "$chain.parts.append($e)"]),
]

COMPONENTS = {
    "made": [(".items", "list")], "num": [(".log", "list")], "ints": [(".note", "list")], "trip": [("[0]", "list")], "it": [(".log", "list")], "lazy": [(".base", "list")],
    "chain": [(".parts", "list")], "under": [(".data", "dict")], "seq": [(".data", "list")],
}

STATEMENTS = {
    "assign": ["$list[0] += $n", "$dict[$k] += [$e]", "$dict[$k] = $dict.get($k, 0) or []\n$dict[$k] += [$e]", "$dict['n'] = $n\n$dict['n'] -= 1\n$dict['n'] **= 2", "$list[-1], $list[0:2], *$u = $e, [$e1], $n, 4", "[$u, ($u1, *$=list), $u2] = 1, 'abc', $list", "*$list[:1], $u = [$e, $n]", "$u = $u1 = $u2 = $list\n$u += [$e]\ndel $u, $u1", "$dict[$k], *$dict[$k1] = $list", "$list[:], $u = $list[::-1], 1", "$=int = $int",
               "$nest[1]['k'][0:0] = $list", "$nest[2][0][$k] = $nest", "$list[len($list):] = [$e]", "del $dict[$k], $list[0:1]", "$list[0:1] += $list1", "$tup[0].append($e)", "$tup[0] += [$e]", "$@tup *= 2\n$@tup = $@tup[:2]", "($u := $list).append($e)", "$=list = [($u := $e), $u]"],
    "mutators": ["$list[:] = sorted($list, key=str)", "$list.sort(key=lambda v: $list1.append(v) or 0)", "$list.sort(key=lambda v: 1 // 0)", "list(map($list.append, $set))", "list(map($list.__setitem__, [0, 1], $s))", "list(map($dict.__setitem__, 'ab', [$list, $e]))", "list(map($dict.setdefault, 'pq', $list))", "list(filter($set.add, $s))", "all(map($deque.append, $s))", "max($list, key=$list1.append)", "sorted($s, key=$list.append)", "$list.extend(map($list1.append, [1, $e]))",
                 "$=list = [$list.pop() for _ in range(2)]", "$list.extend($list)\ndel $list[9:]", "$list[2:] = reversed($list[2:])", "$=list = list(iter($list.pop, $e))", "$=dict = dict(map(lambda k: (k, $list), 'ab'))", "functools.reduce(lambda d, k: d.setdefault(k, {}), 'abc', $dict)", "functools.reduce(operator.iconcat, [[1], $s], $list)", "list(itertools.starmap($dict.__setitem__, [('s', $e), ('t', $list)]))", "deque(itertools.accumulate([1, 2], lambda a, b: $list.append(b) or b), 0)", "list(itertools.takewhile(lambda v: $list.append(v), [1, 2]))", "$u = itertools.count()\n$=list = [next($u), next($u)]",
                 "heapq.heappushpop($heap, $n)", "$=list = heapq.nlargest(2, $heap, key=$list.append)", "$=list = list(heapq.merge($heap, [2, $n]))", "bisect.insort_right($heap, $n, 0, 2)", "bisect.insort($heap, $n, key=operator.neg)", "random.Random($n).shuffle($bytearray)", "$list[:] = random.Random($n).sample($list, len($list))", "random.seed($n)\nrandom.shuffle($list)", "$=list = random.Random(3).choices($list, k=2)", "operator.iadd($bytearray, $b)", "operator.ior($dict, {$k: $e})", "operator.isub($set, {$h})", "operator.ixor($set, {$h, 3})", "operator.iand($set, {$h, 7})", "$=list = operator.concat($list, [$e])", "operator.setitem($list, slice(0, 1), $s)", "operator.delitem($dict, $k)", "operator.setitem($bytearray, slice(0, 2), $b)",
                 "memoryview($bytearray)[:2] = b'zz'", "memoryview($bytearray).cast('b')[0] = -$n", "memoryview($array).cast('B')[0] = $n", "$u = memoryview($bytearray)[2:]\n$u[0] = 33\n$u.release()", "io.BytesIO(b'abcdef').readinto(memoryview($bytearray)[1:3])", "struct.pack_into('>hh', $bytearray, 1, $n, -$n)", "$array[:] = $array[::-1]", "$array[::2] = $array[::2]", "$array.fromlist([1, 'x'])", "$array.extend($array)\ndel $array[6:]", "$array.frombytes($b)", "$array.tobytes()", "$=array = copy.copy($array)", "$=array = array('u', 'abc')\n$=array.append('d')", "$=bytearray = bytearray($bytearray)\n$=bytearray.extend([1, 2])", "$bytearray.translate(None, b'a')", "$bytearray.resize(3)", "$bytearray[len($bytearray):] = $b",
                 "$dict.update(dict($dict1), a=$e)", "$dict.update(zip('ab', $list))", "$dict.update([('p', 1), 5])", "$dict.update($odict)", "$dict.update($ddict, $k2=$e)", "dict.setdefault($dict, $k, $list)", "$=dict = $dict.copy()", "dict.__ior__($dict, [('i', $e)])", "$=dict = $dict.fromkeys('xy', $e)", "$odict.update($dict)", "$odict.__init__($dict)", "OrderedDict.__setitem__($odict, $k, $e)", "$=odict = $odict | {$k: $e}", "$=odict = OrderedDict.fromkeys('ab', $list)", "$odict.move_to_end($k)", "$=list = list(reversed($odict))", "for $u in $odict:\n    del $odict[$u]",
                 "$ddict.setdefault($k, [])", "$ddict[$k][$i]", "$ddict.__missing__($k)", "$=ddict = $ddict.copy()", "$=ddict = copy.deepcopy($ddict)", "$ddict.default_factory = lambda: $list\n$ddict[$k].append($e)", "$ddict |= {$k: [$e]}", "$ddict.clear()\n$ddict['q']", "$counter.update($counter)", "$counter.update(a=$n)", "$@counter += Counter(b=1)", "$@counter |= Counter('ab')", "$@counter &= Counter('ab')", "$@counter -= Counter('a')", "$counter.setdefault($h, 1)", "$=list = list($counter.elements())", "$deque.insert($i, $e)", "$deque.insert(0, $list)", "$deque.__imul__(1)", "$deque.rotate($i)\n$deque.rotate(-1)", "deque.append($deque, $e)", "$deque.extend($deque)\nwhile len($deque) > 7: $deque.pop()", "$deque[0], $deque[-1] = $deque[-1], $deque[0]", "for $u in $deque:\n    $deque.append($u)", "$deque.__init__([$e, 2], 3)", "operator.iadd($deque, $s)", "$=list = list(islice($deque, 1, 3))", "$=deque = $deque + deque([$e])", "$deque.index($e)",
                 "$set.update($set1)", "$set.update(map(str, range($n)))", "$set.intersection_update($list)", "$set.symmetric_difference_update($set1)", "$set.difference_update($set1, [1])", "$@set |= set() | {$h}", "set.update($set, [$h])", "$set.add([])", "$set.discard({$h})", "for $u in $set:\n    $set.add(99)", "$=list = [$set.pop(), $set.pop()]", "set.__ior__($set, {$h})"],
    "loops": ["for $u in $list[:3]:\n    $list.remove($u)", "for $u, $u1 in list($dict.items()):\n    if $u1 is $u: continue\n    $dict.pop($u)\n    $dict[$u] = [$u1]", "for $u, $dict[$k] in enumerate($s): pass", "for $u in range($n): $list.append($u) if $u % 2 else $dict.update(u=$u)", "for $u in (x for x in $list[:3]):\n    $body", "while len($list) > 4: del $list[-2:]", "for $u in range(2):\n    for $u1 in range(2):\n        if $u == $u1: break\n        $list.append(($u, $u1))\n    else:\n        continue\n    $body", "for $u in reversed($list[:3]): $list.append($u)", "for $u in range(3):\n    try:\n        if $u: continue\n        $body\n    finally:\n        $list.append($u)", "for $u in 'ab':\n    with contextlib.suppress(Exception):\n        $body\n        continue\n    break",
              "$=list = [a for a in (b for b in (c for c in range($n)))]", "$=list = [f() for f in [lambda: x for x in range($m)]]", "$=dict = {a: {b: [a, b] for b in range(2)} for a in range($m)}", "$=list = [x for x in $list[:3] if (y := x)]", "$=list = [(a, b) for a, *b in [(1, 2, $e), 'xyz']]", "$=list = [x for r in [$list[:2], $s] for x in r if x != $e]"],
    "namespaces": ["globals()['made_$n'] = $list\nmade_$n.append($e)\ndel made_$n", "import math as $u\n$=el = $u.floor($n / 2)", "from itertools import repeat as $u\n$=list = list($u($e, 2))", "$=fn = (lambda: $list) and (lambda v: $dict.update(v=v))\n$=fn($e)", "def $u(*, a, b=$list): b.append(a); return b\n$=list = $u(a=$e)", "def $u(*a, **k): a[0].append(k); k['x'] = a\n$u($list, $n, z=$e)", "def $u(): yield from $list[:2]; $list.append('y')\n$=list = [*$u()]", "class $u:\n    a = [$e]\n    b = a\n    def f(self, x=a): x.append(self); return x[:1]\n    a = b + [$n]\n$u().f()\n$u.a.append($e)", "class $u(Exception):\n    def __init__(self, *a): self.seen = $list\ntry:\n    raise $u($e)\nexcept $u as e:\n    e.seen.append(e.args)",
                   "$u = contextlib.nullcontext($list)\nwith $u as $=list:\n    $body", "with contextlib.redirect_stdout(io.StringIO()) as $u:\n    print($n, $s)\n    $=str = $u.getvalue()", "$=list = copy.deepcopy([$list, $list])\n$=list[0].append($e)", "$=nest = pickle.loads(pickle.dumps($nest))", "$=dict = copy.copy($dict)\n$=dict['c'] = $=dict", "$u = json.loads(json.dumps($dict), object_hook=lambda d: $list.append(1) or d)"],
}

IN_FUNCTION = ["try:\n    return $list\nfinally:\n    $list.append('ret')", "for $u in range(3):\n    try:\n        if $u: return $list[:2]\n    finally:\n        $list.append($u)", "with suppress(Exception):\n    return [$list, $dict[$k]]", "match $list:\n    case [$u, *_]:\n        return [$u]", "global gl3\ngl3 = $list", "if not $dict: return [$e]", "def $u():\n    nonlocal_ = [$list]\n    def deeper():\n        nonlocal nonlocal_\n        nonlocal_ = [nonlocal_, $e]\n        return nonlocal_\n    return deeper\n$=list = $u()()"]
