import copy, random, heapq, bisect, itertools, operator, array, struct, collections, functools, sys, json, pickle, weakref, gc, re, io, types
class A:
    def __init__(self): self.v = [1]; self.w = {}
a = A()
b = copy.copy(a)
b.v.append(2)
vars(a)['z'] = 3
a.__dict__.update(q=4)
object.__setattr__(a, 'r', 5)
A.cls = [a]
setattr(A, 'm', lambda self: self.v.extend([9]))
a.m()
l = [5, 3, 1]
l.sort(key=lambda x: (l2 := x))
random.Random(3).shuffle(l)
heapq.heapify(l); heapq.heappush(l, 0); heapq.heappop(l)
bisect.insort(l, 4)
l[1:2] = 'ab'
del l[::2]
l *= 2
ll = l
ll += [1]
d = dict.fromkeys('abc', [])
d['a'].append(1)
d |= {'z': 1}
d.pop('a'); d.setdefault('k', {}).update(x=1)
for k in list(d): d[k] = k
s = {1, 2}; s ^= {2, 3}; s.discard(1); s.update([7], [8])
dq = collections.deque([1,2,3], 3); dq.rotate(1); dq.appendleft(4); dq.extend('xy'); dq.insert
dd = collections.defaultdict(list); dd[1].append(2); dd[3]
od = collections.OrderedDict(a=1, b=2); od.move_to_end('a'); od.popitem(False)
ct = collections.Counter('abca'); ct.update('zz'); ct.subtract('a')
ar = array.array('i', [1,2,3]); ar.append(4); ar[0] = 9; ar.byteswap(); ar.reverse()
ba = bytearray(b'abc'); mv = memoryview(ba); mv[0] = 90; struct.pack_into('<h', ba, 1, 5); mv.release(); ba += b'd'; ba.reverse()
it = iter([1,2,3]); next(it)
ns = types.SimpleNamespace(a=1); ns.b = 2; del ns.a
part = functools.partial(int, base=2); part.x = 1
operator.setitem(d, 'n', 1); operator.iadd(l, [3]); operator.delitem(d, 'n')
io1 = io.StringIO(); io1.write('x')
e = ValueError('x'); e.args = (1,2); e.note = 1; e.add_note('n')
try:
    try: 1/0
    except ZeroDivisionError as x: raise KeyError('k') from x
except KeyError as y: ex = y; c = y.__cause__; ctx = y.__context__
cell = (lambda: a).__closure__
t = ([],); t[0].append(1)
fs = frozenset([1])
class P(list):
    def append(self, x): super().append(x * 2)
p = P(); p.append(1); p.extend([2]); list.append(p, 3); p.attr = 1
class D(dict):
    def __missing__(self, k): self[k] = v = []; return v
dm = D(); dm['x'].append(1); dict.__setitem__(dm, 'y', 2)
class S:
    __slots__ = ('a', '__dict__')
so = S(); so.a = 1; so.b = 2; del so.a
f = open('/dev/null'); f.close()
js = json.loads('{"a": [1, {"b": 2}]}'); js['a'][1]['b'] = 3
pk = pickle.loads(pickle.dumps(js)); pk['a'].clear()
r = re.sub('a', lambda m: l.append(m) or 'b', 'aa')
sys.setrecursionlimit(2000)
lru = functools.lru_cache(lambda n: [n]); lru(1).append(2); q1 = lru(1)
g = (i for i in l); next(g)
m = map(dq.append, [1, 2]); list(m)
zz = list(itertools.accumulate([1,2,3], lambda u, v: d.__setitem__(u, v) or u + v))
fin = 1
