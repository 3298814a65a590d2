# TAGS: gc fork generators
"""`gc.freeze()` hides objects from the collector; frames among them go on in a forked child."""
import gc, os


def numbers(start):
    x = start
    yield x
    y = x + 1
    yield [x, y]


first = numbers(1)
next(first)
gc.freeze()
second = numbers(5)
next(second)

if os.fork() == 0:
    a = next(first)
    b = next(second)
    os._exit(0)
print(os.wait()[1] == 0, gc.get_freeze_count() > 0)
