"""Locals that come, change inside and out, and go."""


def add(a, b=2):
    total = a + b
    held = {"k": [1], (1, 2): {3}, 1.5: b"x"}
    held["k"].append(total)
    held["k"], held["new"] = held["k"] * 2, None
    del held[1.5]
    del b
    return total


def count(n):
    seen = set()
    for i in range(n):
        got = yield i
        seen.add(got)
    seen.discard(1)


def outer():
    z, text = 0, "line\nend"
    def inner():
        nonlocal z
        z += 1
        return [z for z in range(2)]
    many = list(range(60))
    many[50] = inner()
    try:
        {}[z]
    except KeyError as error:
        z = error.args
    many.clear()
    if (found := z) and (data := bytearray(b"ab")):
        data += b"c"
        data[0] = 0


add(1)
add("x", "y")
generator = count(3)
next(generator)
for value in (1, 2):
    generator.send(value)
generator.close()
outer()
big = 2 ** 70

class C:
    x = 1
    y = [x]
    y.append(x)
del value
end = 1
