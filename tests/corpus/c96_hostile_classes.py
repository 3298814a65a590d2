# TAGS: hostile
"""Metaclasses with every hook, classes with lying names, bases and namespaces, modules that are not modules."""
import abc, collections, sys, types
called = collections.Counter()
armed = False
def note(what):
    if armed: called[what] += 1
class Namespace(dict):
    """What __prepare__ gives: a namespace that talks."""
    def __getitem__(self, k): note("ns get"); return dict.__getitem__(self, k)
    def __setitem__(self, k, v): note("ns set"); dict.__setitem__(self, k, v)
    def __delitem__(self, k): note("ns del"); dict.__delitem__(self, k)
    def __contains__(self, k): note("ns contains"); return dict.__contains__(self, k)
    def __iter__(self): note("ns iter"); return dict.__iter__(self)
    def __len__(self): note("ns len"); return 0
    def items(self): note("ns items"); return []
    def get(self, *a): note("ns get()"); return None
    def copy(self): note("ns copy"); return {}
    def __eq__(self, o): note("ns eq"); return False
class Meta(type):
    @classmethod
    def __prepare__(mcls, name, bases, **kw): note("prepare"); return Namespace()
    def __new__(mcls, name, bases, ns, **kw): note("new"); return super().__new__(mcls, name, bases, ns)
    def __init__(cls, name, bases, ns, **kw): note("init"); super().__init__(name, bases, ns)
    def __call__(cls, *a): note("call"); return super().__call__(*a)
    def __getattribute__(cls, n): note("getattribute"); return super().__getattribute__(n)
    def __setattr__(cls, n, v): note("setattr"); super().__setattr__(n, v)
    def __delattr__(cls, n): note("delattr"); super().__delattr__(n)
    def __instancecheck__(cls, o): note("instancecheck"); return True
    def __subclasscheck__(cls, o): note("subclasscheck"); return True
    def __eq__(cls, o): note("eq"); return True
    def __hash__(cls): note("hash"); return 0
    def __repr__(cls): note("repr"); return "?"
    def __len__(cls): note("len"); return 0
    def __bool__(cls): note("bool"); return False
    def __iter__(cls): note("iter"); return iter(())
    def __dir__(cls): note("dir"); return []
    def __or__(cls, o): note("or"); return int
    def mro(cls): note("mro"); return [*super().mro()]
    def __subclasses__(cls): note("subclasses"); return []
    @property
    def __mro__(cls): note("__mro__"); return ()
    @property
    def __name__(cls): note("__name__"); return 7
    @property
    def __module__(cls): note("__module__"); return 7
    @property
    def __flags__(cls): note("__flags__"); return 7
    @property
    def __annotations__(cls): note("__annotations__"); return 7
    @property
    def __class__(cls): note("__class__"); return int
armed = True
class Base(metaclass=Meta):
    shared = [1]
    other = {"k": shared}
    def __init__(self, v): self.v = v
    def go(self):
        self.w = [self.v]
        self.w.append(self)
        return self
    for i in range(2): shared.append(i)
    del i
print("class", dict(called)); called.clear()
class Derived(Base, tag=1):
    x = Base.shared
    class Inner(metaclass=Meta):
        y = [2]
print("derived", dict(called)); called.clear()
b, d = Base(1), Derived([2])
b.go(); d.go()
b.late = d
d.v.append(b)
del b.v
print("instances", dict(called)); called.clear()
Base.more = [3]
Base.more.append(Base)
Derived.x.append(Derived)
del Base.more
t = [Base, Derived, type(b), {"cls": Derived}, (Meta, Base)]
u = {1: Base}; u[2] = Derived
print("classes", dict(called)); called.clear()
def uses(cls, arg=Base, *, key=Derived):
    found = [cls, arg, key]
    for c in found:
        last = c
    return last
v = uses(Base); w = uses(Derived, Derived, key=Base)
print("arguments", dict(called)); called.clear()
class Entries:
    def __mro_entries__(self, bases): note("mro_entries"); return (Base,)
    def __eq__(self, o): note("entries eq"); return True
    __hash__ = None
class Through(Entries()): z = 1
th = Through(3); th.go()
print("mro entries", dict(called)); called.clear()
class Virtual(abc.ABC):
    @classmethod
    def __subclasshook__(cls, c): note("subclasshook"); return True
    def __init_subclass__(cls, **kw): note("init_subclass")
class Real(Virtual): pass
vs = [Virtual, Real(), Real]
print("abc", dict(called)); called.clear()
class Str(str):
    def __eq__(self, o): note("str eq"); return str.__eq__(self, o)
    def __hash__(self): note("str hash"); return str.__hash__(self)
    def __str__(self): note("str str"); return "lie"
    def __repr__(self): note("str repr"); return "lie"
    def __len__(self): note("str len"); return 0
    def encode(self, *a): note("str encode"); return b"lie"
    def __iter__(self): note("str iter"); return iter(())
Odd = type(Str("Odd"), (), {"m": lambda self: [self]})
Odd.__qualname__ = "a\0b\x1b[31m"
odd = Odd(); odd.a = 1; om = odd.m()
def named(q): return [q]
named.__name__, named.__module__ = Str("f"), Str("m")
n1 = named(odd)
code = named.__code__.replace(co_name=Str("cn"), co_qualname=Str("cq"), co_filename=Str("<cf>"))
named.__code__ = code
n2 = named(n1)
print("names", dict(called)); called.clear()
class Module(types.ModuleType):
    def __getattribute__(self, n): note("module get"); return 5
    def __setattr__(self, n, v): note("module set"); types.ModuleType.__setattr__(self, n, v)
    @property
    def __dict__(self): note("module dict"); return {}
    def __eq__(self, o): note("module eq"); return True
    __hash__ = None
mod = Module(Str("mod"))
mod.a = [mod]
sys.modules["mod_here"] = mod
holder = [mod, {"m": mod}]
del sys.modules["mod_here"]
print("module", dict(called)); called.clear()
b.v = [5]
b.__class__ = Derived
b.go()
def swapped(self): return [self, self.w]
Base.go = swapped
g1 = b.go()
print("swapped", dict(called)); called.clear()
armed = False
