# TAGS: classes fork
"""Classes that nobody looked at die, and others come to lie where they were."""
import collections, gc, os

gc.disable()


def passing(n):
    return len(type("L%d" % n, (list,), {})([n]))


def kept():
    names = []
    for n in range(6):
        class Full(list):
            pass
        value = Full([1, 2])
        Full.me = value
        names.append(Full.__name__)
    return names


def fresh():
    made = []
    for n in range(6):
        class Plain:
            pass
        plain = Plain()
        plain.attr = "value"
        made.append(plain)
    return len(made)


for n in range(5):
    passing(n)
kept()
gc.collect()
count = fresh()
kept()

if os.fork() == 0:
    gc.collect()
    count = fresh()
    os._exit(0)
status = os.wait()[1]

# A class whose objects are first seen while an exception is on its way.
items = []
try:
    items.extend(map(collections.deque, [[1], [2], 5]))
except TypeError as error:
    message = str(error)
print(count, message, len(items))
