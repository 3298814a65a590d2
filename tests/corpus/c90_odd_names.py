# TAGS: hostile
"""Names and keys of subclasses of str; a dict subclass as namespace."""
class Str(str):
    pass
class P: pass
p = P()
vars(p)[Str("a")] = 1
n = len(vars(p))
del p.a
n = len(vars(p))
vars(p)[Str("b")] = 1
p.b = 2
n = p.b
def f(): pass
f.__qualname__ = Str("Odd")
f.__name__ = Str("odd")
g = f
class D(dict): pass
ns = D()
exec("def f(v):\n global n\n n=v\n m = v\n return m\nx = f(3)\ny = n\n", ns)
k = ns["n"]
