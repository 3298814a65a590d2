import collections
import dataclasses

number = 42
big = 2 ** 100
ratio = 0.1
text = "tab\there 'quoted' \"both\""
raw = b"\x00bytes"
empty = []
nested = {"list": [1, [2, [3]]], "tuple": (1,), "set": {1}, "none": None}
long = list(range(40))
wide = {f"key number {i}": "value " * 3 for i in range(6)}
counter = collections.Counter("hello")
queue = collections.deque([1, 2], maxlen=3)
default = collections.defaultdict(list, a=[1])
Point = collections.namedtuple("Point", "x y")
point = Point(1, 2)


@dataclasses.dataclass
class Item:
    name: str
    price: float = 1.5


item = Item("pen")
cycle = [1]
cycle.append(cycle)
func = len
flag = True
end = 1
