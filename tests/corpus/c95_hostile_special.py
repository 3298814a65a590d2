# TAGS: hostile
"""Objects whose every special method says that it was called, in every place that a value can be in."""
import collections, contextvars, functools, sys, types, weakref
called = collections.Counter()
NAMES = """__repr__ __str__ __bytes__ __format__ __lt__ __le__ __eq__ __ne__ __gt__ __ge__ __hash__ __bool__ __getattr__ __getattribute__ __setattr__ __delattr__ __dir__ __get__ __set__ __delete__ __instancecheck__
__subclasscheck__ __call__ __len__ __length_hint__ __getitem__ __setitem__ __delitem__ __missing__ __iter__ __next__ __reversed__ __contains__ __add__ __radd__ __iadd__ __neg__ __int__ __float__ __complex__ __index__ __round__
__trunc__ __enter__ __exit__ __await__ __aiter__ __anext__ __reduce__ __reduce_ex__ __getstate__ __sizeof__ __fspath__ __copy__ __deepcopy__ __buffer__ __class_getitem__ keys items values append close read write fileno""".split()
class Hostile:
    def __repr__(self): called["repr"] += 1; raise SystemExit(90)
    def __eq__(self, other): called["eq"] += 1; raise SystemExit(91)
    def __hash__(self): called["hash"] += 1; return 5
    def __len__(self): called["len"] += 1; return 10 ** 9
    def __bool__(self): called["bool"] += 1; raise KeyboardInterrupt
    def __iter__(self): called["iter"] += 1; return self
    def __next__(self): called["next"] += 1; return self
    def __getitem__(self, i): called["getitem"] += 1; return self
    def __getattribute__(self, name):
        called["getattribute"] += 1
        return object.__getattribute__(self, name)
    def __getattr__(self, name): called["getattr"] += 1; return self
    @property
    def __class__(self): called["class"] += 1; return list
    @property
    def __dict__(self): called["dict"] += 1; raise SystemExit(92)
    @property
    def __module__(self): called["module"] += 1; return self
    def __index__(self): called["index"] += 1; return 3
    def __fspath__(self): called["fspath"] += 1; return "/"
    def __call__(self, *args): called["call"] += 1; return self
    def __get__(self, obj, owner=None): called["get"] += 1; return self
    def __set__(self, obj, value): called["set"] += 1
    def __set_name__(self, owner, name): called["set_name"] += 1
    def __del__(self): called["del"] += 1
    def __str__(self): called["str"] += 1; return "x"
    def __format__(self, spec): called["format"] += 1; return "f"
    def __sizeof__(self): called["sizeof"] += 1; return -1
    def __reduce_ex__(self, n): called["reduce"] += 1; raise SystemExit(93)
    def __instancecheck__(self, o): called["instancecheck"] += 1; return True
    def __contains__(self, o): called["contains"] += 1; return True
def everything():
    """A class that defines each special method there is, all of them the same one."""
    def make(name):
        def method(self, *args, **kw):
            called[name] += 1
            raise RuntimeError(name)
        method.__name__ = name
        return method
    return type("Everything", (), {name: make(name) for name in NAMES})
Everything = everything()
class Slotted(Hostile):
    __slots__ = ("a", "b")
def say(*words): print(*words, dict(sorted(called.items())))
say("made")
h, s, e = Hostile(), Slotted(), Everything()
kept = [h, s, e]
pair = (h, [e], {"k": s})
def argument(a, b=h, *rest, c=s, **more):
    d = a
    for x in rest:
        d = x
    more["d"] = d
    return d
a1 = argument(h)
a2 = argument(e, s, h, e, c=h, z=e)
say("calls")
d = {}
d["v"] = h
d.update(x=e, y=s)
d.setdefault("z", h)
d.pop("x")
kept.append(h); kept.insert(0, e); kept[1] = s; kept[2:3] = [h, e]; kept.reverse(); kept.pop()
del kept[0]
dq = collections.deque([h, e], maxlen=2); dq.append(s); dq.rotate()
dd = collections.defaultdict(list); dd["q"].append(e)
od = collections.OrderedDict(a=h); od["b"] = e; od.move_to_end("a")
ns = types.SimpleNamespace(h=h, e=e); ns.s = s; del ns.e
say("containers")
dk = {h: 1}; st = {h}; fs = frozenset([h])
say("keys")
dk[h] = 2; st.discard(h); dk2 = {**dk}; del dk[h]
say("keys again")
def generator(v):
    got = yield v
    try:
        got = yield [got, v]
    finally:
        v = None
g = generator(h); y1 = next(g); y2 = g.send(e); g.close()
def closure(v):
    def inner(w):
        nonlocal v
        v, w = w, v
        return w
    return inner
c = closure(h); c1 = c(e); c2 = c(s)
say("frames")
class Failed(Exception):
    def __str__(self): called["exc str"] += 1; return "s"
    def __repr__(self): called["exc repr"] += 1; return "r"
    def __eq__(self, o): called["exc eq"] += 1; return True
    __hash__ = Hostile.__hash__
    @property
    def args(self): called["exc args"] += 1; return (1,)
    @property
    def __traceback__(self): called["exc tb"] += 1; return None
    @property
    def __cause__(self): called["exc cause"] += 1; return None
    @property
    def __context__(self): called["exc context"] += 1; return None
try:
    raise Failed(h, e)
except Failed as x:
    kept.append(x)
try:
    try:
        raise Failed(e)
    finally:
        kept.append(h)
except Failed:
    pass
say("exceptions")
p = functools.partial(argument, h); p1 = p(e)
m = types.MethodType(argument, h); m1 = m(e)
cv = contextvars.ContextVar("cv", default=h); t = cv.set(e); cv.reset(t)
r = weakref.ref(h, h)
pr = weakref.proxy(h)
mp = types.MappingProxyType({"h": h})
cell = types.CellType(h); cell.cell_contents = e
sl = slice(h, e, s)
say("wrapped")
globals()["late"] = h
exec("made = h\nother = [made, e]\ndel made", {"h": h, "e": e})
def fresh(): pass
fresh.h, fresh.__defaults__, fresh.__annotations__ = h, (h,), {"return": e}
say("functions")
w = argument(Hostile()); w = None
def dies():
    tmp = Slotted()
    return None
dies()
say("dead")
match s:
    case Hostile(): k = 1
say("matched")
kept.clear()
say("end")
