# TAGS: hostile builtins
"""Names, dictionaries and interpreter state of hostile types: str subclasses as keys, dict subclasses as namespaces."""
import builtins, collections, io, os, sys, types, warnings
called = collections.Counter()
armed = True
def note(what):
    if armed: called[what] += 1
def say(what):
    global armed
    armed = False
    print(what, dict(sorted(called.items()))); called.clear()
    armed = True
class Str(str):
    def __eq__(self, o): note("str eq"); return str.__eq__(self, o)
    def __hash__(self): note("str hash"); return str.__hash__(self)
    def __str__(self): note("str str"); return "lie"
    def __len__(self): note("str len"); return 0
    def __getitem__(self, i): note("str getitem"); return "l"
    def encode(self, *a): note("str encode"); return b"lie"
    def startswith(self, *a): note("str startswith"); return True
class Dict(dict):
    def __getitem__(self, k): note("dict getitem"); return dict.__getitem__(self, k)
    def __setitem__(self, k, v): note("dict setitem"); dict.__setitem__(self, k, v)
    def __delitem__(self, k): note("dict delitem"); dict.__delitem__(self, k)
    def __iter__(self): note("dict iter"); return iter(())
    def __len__(self): note("dict len"); return 0
    def __contains__(self, k): note("dict contains"); return False
    def __missing__(self, k): note("dict missing"); raise KeyError(k)
    def get(self, *a): note("dict get"); return dict.get(self, *a)
    def keys(self): note("dict keys"); return []
    def items(self): note("dict items"); return []
    def values(self): note("dict values"); return []
    def update(self, *a, **k): note("dict update")
    def pop(self, *a): note("dict pop"); return dict.pop(self, *a)
    def copy(self): note("dict copy"); return {}
    def __eq__(self, o): note("dict eq"); return False
    def __or__(self, o): note("dict or"); return {}
    def __ior__(self, o): note("dict ior"); return self
class List(list):
    def __getitem__(self, i): note("list getitem"); return self
    def __setitem__(self, i, v): note("list setitem"); list.__setitem__(self, i, v)
    def __iter__(self): note("list iter"); return iter(())
    def __len__(self): note("list len"); return 10 ** 8
    def append(self, v): note("list append"); list.append(self, v)
    def __eq__(self, o): note("list eq"); return True
    def __contains__(self, o): note("list contains"); return True
class Int(int):
    def __eq__(self, o): note("int eq"); return True
    def __hash__(self): note("int hash"); return 1
    def __index__(self): note("int index"); return 10 ** 6
    def __int__(self): note("int int"); return 10 ** 6
    def __bool__(self): note("int bool"); return True
    def __lt__(self, o): note("int lt"); return True
class Bytes(bytes):
    def __len__(self): note("bytes len"); return 0
    def __iter__(self): note("bytes iter"); return iter(())
    def __getitem__(self, i): note("bytes getitem"); return 0
class Tuple(tuple):
    def __iter__(self): note("tuple iter"); return iter(())
    def __len__(self): note("tuple len"); return 0
    def __getitem__(self, i): note("tuple getitem"); return None
    def __hash__(self): note("tuple hash"); return 1
    def __eq__(self, o): note("tuple eq"); return True
class Set(set):
    def __iter__(self): note("set iter"); return iter(())
    def __len__(self): note("set len"); return 0
    def __contains__(self, o): note("set contains"); return True
    def add(self, v): note("set add"); set.add(self, v)
values = [Str("a"), Dict(a=1), List([1]), Int(4), Bytes(b"b"), Tuple((1,)), Set([1])]
s, d, l, i, b, t, st = values
list.append(l, s); dict.__setitem__(d, "l", l); set.add(st, 2)
l.append(d); d["x"] = i; st.add(3)
s.extra, d.extra, l.extra, i.extra, t.extra, st.extra = values[:6]
say("values")
m = {Str("key"): 1, Int(3): 2, Tuple((1,)): 3}
m["key"] = [1]; m[Str("two")] = m; m["plain"] = 0
del m["plain"]
m.pop(Str("two"))
o = collections.OrderedDict(); o[Str("o")] = 1; o["p"] = 2; o.move_to_end("p")
say("keys")
globals()[Str("made_by_str")] = [1]
x = made_by_str
x.append(2)
class Plain: pass
p = Plain()
setattr(p, Str("attr"), [1]); p.attr.append(2)
vars(p)[Str("other")] = 1
p.__dict__ = Dict(y=[1])
p.y.append(2); p.z = 3; del p.z
p.__dict__[Int(5)] = "not a name"
Plain.c = List(); Plain.c.append(1)
say("attributes")
code = compile("a = [1]\ndef f(v):\n    global n\n    n = v\n    return [v, a]\nb = f(a)\nclass C:\n    z = a\ndel a\n", "<made up>", "exec")
exec(code, g := Dict(a=0))
exec(code, h := {"c": 0, "__name__": "__main__", "__file__": Str("/nowhere.py")})
exec("q = [u]\nq.append(u)\nfor w in (1, 2): q.append(w)", {"u": 1}, k := Dict())
exec("r = [1]\nr.append(2)", {"__builtins__": Dict(list=list)}, {})
fn = types.FunctionType((lambda v: [v, missing_name] if v is None else [v]).__code__, Dict(__name__="odd"))
f1 = fn(1)
say("namespaces")
kept = sys.argv, sys.path, sys.modules, os.environ, sys.stdout, sys.stderr
sys.argv, sys.path = List([Str("argv")]), List(sys.path)
def inside(v):
    w = [v]
    w.append(w)
    return w
r1 = inside(1)
sys.modules = Dict(sys.modules)
r2 = inside(2)
os.environ = Dict(HOME="x")
r3 = inside(3)
class Out(io.TextIOBase):
    def write(self, text): note("out write"); return 10 ** 9
    def flush(self): note("out flush")
    def fileno(self): note("out fileno"); return 1
sys.stdout = sys.stderr = Out()
r4 = inside(4)
print("into the object")
sys.argv, sys.path, sys.modules, os.environ, sys.stdout, sys.stderr = kept
say("interpreter")
globals()["__file__"], globals()["__spec__"], globals()["__loader__"], old = Str("/lie.py"), i, l, (__file__, __spec__, __loader__)
r5 = inside(5)
__file__, __spec__, __loader__ = old
hook = sys.excepthook, sys.unraisablehook
sys.excepthook = sys.unraisablehook = lambda *a: note("hook")
try: inside(1)[5]
except IndexError as e: r6 = e
sys.excepthook, sys.unraisablehook = hook
for name in ("len", "type", "id", "isinstance", "hash", "repr", "getattr", "iter", "next", "super", "property", "object", "__build_class__"):
    was = getattr(builtins, name)
    setattr(builtins, name, lambda *a, name=name, **k: note("builtin " + name))
    r7 = inside(name)
    setattr(builtins, name, was)
say("hooks")
def first(*a, **k): k["a"] = a; return k
r8 = first(*Tuple((1, 2)), **{Str("kw"): [1]})
r9 = first(**Dict(z=1))
def generator(v):
    while True: v = yield [v]
gen = generator(i); y = [next(gen), gen.send(d), gen.send(l)]; gen.close()
say("calls")
class Owner(Exception): pass
try: raise Owner(*values)
except Owner as e: e.args = Tuple((1,)); e.__notes__ = List(); r10 = e
try: raise KeyError(Str("k")) from r10
except KeyError as e: r11 = e.__cause__
say("exceptions")
armed = False
