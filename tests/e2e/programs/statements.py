"""Statements of most forms, in most places."""
import asyncio, contextlib, functools
class CM:
    def __enter__(self): return self
    def __exit__(self, *a): return a[0] is KeyError
def deco(*a):
    def inner(f): return f
    return inner
@deco(
    1,
    2,
)
@deco()
class K(
    object,
):
    """doc
    more"""
    x: int
    y: int = 3; z = 4
    @staticmethod
    @functools.wraps(
        len
    )
    def m(
        a,
        b=(1,
           2),
    ) -> int:
        "doc"
        return (
            a
            if a
            else b
        )
K.m(0); K.m(1)
def nest(n):
    for i in range(n):
        with CM() as a, \
             CM() as b:
            try:
                if i == 1:
                    continue
                elif i == 2: break
                else:
                    pass
            except ValueError: pass
            except (TypeError,
                    OSError) as e:
                raise
            else:
                if i: return i
            finally:
                while n > 5:
                    n -= 1
                    if n == 6: break
                else:
                    n = n
        with CM(): raise KeyError
    else:
        return -1
    return -2
nest(0); nest(1); nest(2); nest(3); nest(9)
def wits():
    with CM():
        with CM():
            return 1
def wit2(x):
    with CM():
        with CM() as y, CM():
            if x:
                raise KeyError
        if x: pass
    return 3
wits(); wit2(0); wit2(1)
def gen(n):
    try:
        while True:
            got = yield n
            if got: return got
            n += 1
    finally:
        n = 0
g = gen(0); next(g); next(g); g.close()
g = gen(0); next(g)
try: g.send(5)
except StopIteration: pass
g = gen(1); next(g)
try: g.throw(ValueError)
except ValueError: pass
def pats(v):
    match v:
        case 0 | 1: return "a"
        case [x, *rest] if rest: return "b"
        case {"k": [a, b]} if (
            a
            > b
        ):
            return "c"
        case str() as s:
            r = s
        case K(x=1) | None:
            r = None
        case _:
            r = 5
    return r
for v in (0, [1], [1, 2], {"k": [2, 1]}, {"k": [1, 2]}, "s", None, 4.5): pats(v)
x = [i for i in range(5) if i % 2 if i > 2] or [
    j
    for j in range(3)]
y = {a: b for a, b in zip("ab", "cd")}; z = (q := 5) if x else 6
if (n := len(x)) > 1 and (
    n < 3 or
    n > 5
): n = 1
elif n: n = 2
else: n = 3
fn = lambda a: (
    a + 1 if a
    else 2)
fn(0); fn(1)
assert n, "x"
try:
    assert not n, (
        "message")
except AssertionError: pass
while n:
    n -= 1
    if n > 3: continue
else: n = 9
for c in []: pass
else: c = 1
for c in [1]: break
else: c = 2
def rec(k): return k if k < 1 else rec(k - 1)
rec(3)
try:
    def bad(a=1/0): return a
except ZeroDivisionError: bad = None
if n: pass
else: pass
def unreach():
    return 1
    return 2
unreach()
def g2():
    if False: yield 1
    yield from ()
list(g2())
async def am():
    async with contextlib.AsyncExitStack() as st:
        async for i in ag(3):
            if i == 1: break
        else: return 1
    async for i in ag(2): pass
    else: i = 3
    return [i async for i in ag(2) if i] + [await asyncio.sleep(0, 1)]
async def ag(n):
    for i in range(n): yield i
asyncio.run(am())
try:
    try: raise ValueError
    finally: n = 1
except* ValueError as eg: n = 2
def cov():  # pragma: no cover
    return 1
if n == 77:  # pragma: no cover
    n = 1
else:
    n = 2
try: n
except NameError:  # pragma: no cover
    n = 3
    n = 4
else: n = 5  # pragma: no branch
@deco()  # pragma: no cover
def hidden():
    return 2
class Excl:  # pragma: no cover
    def a(self): return 1
while True:
    if n: break
exec(compile("a = 1\nif a:\n    b = 2\n", __file__, "exec"))

def me(n):
    for x in range(n):
        break
        x = 1
    y = 1
me(0)
me(1)
def d2(n=[0]):
    n[0] += 1
    if n[0] > 3: raise KeyError
def a2(x=1):
    while True:
        d2()
        pass
    else:
        x = 3
try: a2()
except KeyError: pass
def f3():
    yield from (1, 2)
    x = 1
g = f3(); next(g); next(g); g.close()
