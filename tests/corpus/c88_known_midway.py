# TAGS: containers
"""Containers that become known while C code changes them."""
import heapq
class N:
    def __init__(self, v): self.v = v
    def __lt__(self, o):
        x = self.v
        return x < o.v
def f():
    heapq.heapify(a := [N(3), N(1), N(2), N(0)])
    n = len(a)
    (b := [N(3), N(1), N(2)]).sort()
    n = len(b)
    return a, b
heapq.heapify(c := [N(3), N(1), N(2), N(0)])
def gen():
    for i in range(3):
        yield i
(d := [9]).extend(gen())
n = len(d)
def g():
    (e := [9]).extend(gen())
    (s := {9}).update(gen())
    (k := {"a": 1}).update((str(i), i) for i in gen())
    n = len(e)
    return e
r = f(), g()
