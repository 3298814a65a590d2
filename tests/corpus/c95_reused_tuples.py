# TAGS: tuples
"""C iterators that fill their last tuple again when nobody else holds it."""
import itertools, pickle, copyreg, weakref


def through(it):
    yield from it


def hold(it):
    got = []
    for a in it:
        got.append(len(a))
    return got


d = {"a": 1, "b": 2, "c": 3}
for first, second in through(zip([1, 2, 3], [4, 5, 6])):
    total = first, second
for n, item in through(enumerate("abc")):
    pair = n
for key, value in through(d.items()):
    last = key
for a, b in through(itertools.zip_longest([1, 2], [3], fillvalue=0)):
    total = a + b
for a, b in through(itertools.product([1, 2], [3, 4])):
    total = a + b
for a, b in through(itertools.combinations([1, 2, 3], 2)):
    total = a + b
for a, b in through(itertools.permutations([1, 2, 3], 2)):
    total = a + b
for a, b in through(itertools.combinations_with_replacement([1, 2], 2)):
    total = a + b
for a, b in through(itertools.pairwise([1, 2, 3])):
    total = a + b


def first_of(pair):
    x = pair[0]
    return x


firsts = list(map(first_of, zip([1, 2, 3], "xyz")))
firsts = [first_of(p) for p in enumerate("pq")]
firsts = list(map(first_of, itertools.product("ab", "cd")))
firsts = sorted(d.items(), key=first_of)


class Node:
    def __init__(self):
        self.kids = []

    def __reduce__(self):
        return (make, (self.kids, 7), {"more": self.kids})

    def __setstate__(self, state):
        self.__dict__.update(state)
        seen.append(len(self.more))


seen = []


def make(kids, n):
    node = Node()
    node.kids = kids
    return node


n = Node()
shared = [1, 2]
shared.append(n)
n.kids = shared
shared.append(5)
blob = pickle.dumps(shared)
back = pickle.loads(blob)
size = len(back)
again = back[2].kids is back
print(total, firsts, size, again, seen)
