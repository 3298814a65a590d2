"""Values of many kinds, for expressions that take a Python, and statements."""

import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import json
import math
import re


class Box:
    def __init__(self, x):
        self.x = x

    def __repr__(self):
        return f"Box({self.x})"


class Names(list):
    pass


class Color(enum.Enum):
    RED = 1
    GREEN = 2


@dataclasses.dataclass
class Point:
    a: int
    b: list


Pair = collections.namedtuple("Pair", "u v")
limit = 10


def work(words, scale):
    numbers = [1, 2, {"k": (3, 4)}]
    boxes = [Box(3), Box(1), Box(2)]
    names = Names(["n", "m"])
    color, point, pair = Color.RED, Point(1, [2]), Pair(1, 2)
    table = {"b": 1, "a": 2}
    price, day = decimal.Decimal("1.5"), datetime.date(2024, 2, 29)
    queue = collections.deque([1, 2], maxlen=5)
    counts = collections.Counter("hello")
    groups = collections.defaultdict(list, {"q": [1]})
    pattern, big, endless, raw = re.compile("a+"), 1 << 100, float("inf"), b"abc"
    cycle = []
    cycle.append(cycle)
    error = ValueError("bad", 3)
    return scale


work(["pear", "fig", "apple"], 2)
word = "done"
