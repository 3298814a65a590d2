"""Ways between statements of one line, some of which fail in the middle."""
import asyncio
def boom(x=1): raise KeyError(x)
def f(x):
    try:
        if x: boom()
        else: x = 1
        y = 2
    except KeyError: y = 3
    return y
def g(x):
    try:
        if x: return boom()
        y = 2
    except KeyError: y = 3
    return y
def h(x):
    for i in range(3):
        if x: str(i)
        else: int(i)
    return i
async def a(n):
    async for q in It(n): print(q)
class It:
    def __init__(self, n): self.n = n
    def __aiter__(self): return self
    async def __anext__(self):
        if self.n == 0: raise ValueError
        self.n -= 1
        return self.n
def k(x):
    if x: raise KeyError(boom)
    return 2
f(1); f(1); g(1); g(1); h(0); h(1); h(1)
try: asyncio.run(a(2))
except ValueError: pass
try: asyncio.run(a(0))
except ValueError: pass
try: k(1)
except KeyError: pass
def w(x):
    while x: x = dec(x)
    else: x = 5
    return x
def dec(x):
    if x == 2: raise KeyError
    return x - 1
try: w(3)
except KeyError: pass
try: w(2)
except KeyError: pass

def last(x, p):
    try:
        if x:
            raise KeyError
        return 3
    finally:
        if p:
            p = 0
last(0, 0)
last(0, 1)
try: last(1, 0)
except KeyError: pass
def closed():
    yield from (1, 2)
    n = 1
g = closed()
next(g)
g.close()
