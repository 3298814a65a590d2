# TAGS: fork
"""Forks in the middle of things: what the child knows from before, and what it changes."""
import collections
import os
import sys
import threading


def numbers(step):
    n = 0
    while True:
        n += step
        yield n


class Box:
    __slots__ = ("items",)

    def __init__(self, *items):
        self.items = list(items)


class Shelf(dict):
    pass


shared = {"box": Box(1, 2), "shelf": Shelf(a=[1]), "deque": collections.deque([1, 2], 4), "loop": []}
shared["loop"].append(shared["loop"])
ones, tens = numbers(1), numbers(10)
next(ones), next(tens)
pairs = zip(map(str, numbers(100)), numbers(7))
next(pairs)


def change(mark):
    shared["box"].items.append(mark)
    shared["shelf"]["b"] = shared["box"]
    shared["shelf"].extra = mark
    shared["deque"].appendleft(mark)
    shared["loop"].append(next(tens))
    got = next(ones), next(pairs)
    return got


def leave(code):
    sys.stdout.flush()
    os._exit(code)


def together(mark):
    if os.fork() == 0:
        seen = change(mark)
        leave(len(seen))
    return os.waitstatus_to_exitcode(os.wait()[1])


def in_generator(n):
    for i in range(n):
        yield together("generator"), i


def deep(n):
    here = [n]
    if n == 0:
        here.append(together("deep"))
        return here
    here.append(deep(n - 1))
    return here


def counter():
    total = 0

    def add(k):
        nonlocal total
        total += k
        if os.fork() == 0:
            total += 100
            inner = add
            leave(total % 50 + (inner is add))
        os.wait()
        return total

    return add


def failing():
    try:
        raise ValueError("before", [1])
    except ValueError as error:
        note = error
        if os.fork() == 0:
            note.args[1].append("child")
            leave(len(note.args[1]))
        status = os.wait()[1]
    finally:
        shared["last"] = "finally"
    return os.waitstatus_to_exitcode(status)


class Body:
    before = [0]
    code = together("class")
    after = code + 1


def in_thread(results):
    local = {"thread": True}
    if os.fork() == 0:
        local["child"] = change("thread")
        leave(3)
    results.append(os.waitstatus_to_exitcode(os.wait()[1]))


found = list(in_generator(2))
depths = deep(40)
add = counter()
sums = [add(k) for k in (1, 2)]
failed = failing()
inside = Body.code
chosen = [together(i) for i in range(2)]
ordered = sorted([3, 1], key=lambda v: together("key") + v)
if os.fork() == 0:
    chain = change("first")
    if os.fork() == 0:
        chain = change("second"), chain
        if os.fork() == 0:
            chain = change("third"), chain
            leave(7)
        leave(os.waitstatus_to_exitcode(os.wait()[1]))
    leave(os.waitstatus_to_exitcode(os.wait()[1]))
last = os.waitstatus_to_exitcode(os.wait()[1])
import warnings
warnings.simplefilter("ignore")
results = []
thread = threading.Thread(target=in_thread, args=(results,), name="forker")
thread.start()
thread.join()
print(found, len(depths), sums, failed, inside, chosen, ordered, last, results)
