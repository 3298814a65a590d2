import os, array, weakref, enum, gc
class A: k = 1
class B: k = 2
class S: __slots__ = ('a',)
def f():
    a = A()
    a.__class__ = B
    b = 1
    s = S()
    S.a.__set__(s, 7)
    b = 2
    S.a.__delete__(s)
    ose = OSError(2, 'No', 'f')
    ose.errno = 5
    se = StopIteration(5)
    se.value = 6
    se2 = SystemExit(1)
    se2.code = 3
    e = ValueError('a')
    e.add_note('n')
    e.add_note('m')
    e.extra = 1
    ue = UnicodeDecodeError('utf-8', b'ab', 0, 1, 'why')
    ue.start = 1
    ue.reason = 'x'
    sy = SyntaxError('m')
    sy.lineno = 4
    im = ImportError('x', name='q')
    im.name = 'z'
    ba = bytearray(4)
    r, w = os.pipe(); os.write(w, b"pipe"); os.readv(r, [ba]); os.close(r); os.close(w); r = w = 0
    b = 3
    wd = weakref.WeakValueDictionary()
    o = A()
    wd['o'] = o
    b = 4
    del o
    b = 5
    ws = weakref.WeakSet()
    o = A(); ws.add(o)
    wk = weakref.WeakKeyDictionary(); wk[o] = 1
    o = None
    b = 6
    D = {0: 0, 1: 1}
    class K:
        def __hash__(self): return 1
        def __eq__(self, other): D['eq'] = 2; return True
    D[K()] = 1
    b = 7
    D.pop(1)
    b = 8
    a.__dict__ = {'n': 1}
    a.n2 = 2
    x = a.__dict__
    x['n3'] = 3
    return b
f()
class E(enum.Enum):
    P = 1
    Q = 2
e = E.P
E.P.value
h = {E.P: 1}
print(1)
