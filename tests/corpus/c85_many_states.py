"""An unpickler that makes thousands of objects, with code of their own that runs between them."""
import pickle

made = []


class Item:
    def __init__(self, n):
        self.n = n
        self.parts = [n]

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.parts.append(len(self.parts))
        made.append(self)
        if self.n % 700 == 0:
            first = made[0]
            print(first.parts)


def main():
    items = [Item(n) for n in range(1500)]
    data = pickle.dumps(items)
    again = pickle.loads(data)
    first = again[0]
    last = again[-1]
    total = sum(len(item.parts) for item in again)
    first.parts.append("more")
    first.late = last
    return first, last, total


print(main()[2])
