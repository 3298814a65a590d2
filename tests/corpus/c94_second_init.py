from types import SimpleNamespace
from collections import OrderedDict
class Failed(Exception):
    def __init__(self, why, data=None):
        super().__init__(why)
        self.data = data
e = Failed("one", [1])
x = 1
f = ValueError(1)
f.__init__("new")
st = StopIteration(1); st.__init__(2)
ns = SimpleNamespace(items=[1, 2], n=0)
ns.__init__(items=[3])
x = 1
class Slot:
    __slots__ = ("n",)
s = Slot(); s.n = 1
Slot.n.__set__(s, 2)
Slot.n.__delete__(s)
e = ValueError(1)
BaseException.args.__set__(e, (2, 3))
BaseException.__cause__.__set__(e, KeyError())
x = 1
od = OrderedDict(a=1, b=2, c=3)
od.move_to_end("a")
x = 1
try:
    Slot().missing = 1
except AttributeError as e:
    print(e, e.name, type(e.obj))
try: object().x = 1
except AttributeError as e: print(e)
try: (1).x = 1
except AttributeError as e: print(e)
try: Slot.zz
except AttributeError as e: print(e)
try: del Slot().q
except AttributeError as e: print(e)
def f():
    try:
        a = [1 // x for x in (1, 0)]
    except ZeroDivisionError:
        pass
    try: a = [1 // x for x in (1, 0)]; b = {x for x in (1, 0)}
    except ZeroDivisionError: y = 1
    for i in range(3):
        try: a = {x: 1 // x for x in (1, 0)}
        except ZeroDivisionError: continue
        finally: z = 1
    while True:
        with open('/dev/null') as q: break
    return [[1 // w for w in (1,)] for v in (1, 2)]
f()
l = [y for y in (1, 2) if y]
class OE(OSError):
    def __init__(self, a, b):
        super().__init__(a, b)
        self.c = b
o = OE(2, 'x'); o.__init__(3, 'y')
print(type(OSError(2, 'q')), o, o.errno, repr(o))
class PE(PermissionError): pass
p = PE(1, 'f', 'g'); p.__init__(2, 'z')
print(p, p.filename)
class UE(UnicodeDecodeError): pass
u = UE('utf8', b'x', 0, 1, 'r'); u.__init__('ascii', b'y', 0, 1, 'q')
g = ExceptionGroup('m', [ValueError(1)]); g.__init__('n', [ValueError(2)])
k = SystemExit(1); k.__init__(2, 3); ie = ImportError('a', name='b'); ie.__init__('c', path='d')
se = SyntaxError('a', ('f', 1, 2, 't')); se.__init__('b')
print(k.code, ie.name, ie.path, se.lineno, g)
