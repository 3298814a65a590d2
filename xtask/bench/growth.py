"""A list and a dict that grow to 100,000 elements, several times over."""
import sys
import time


def grow_list(n):
    xs = []
    for i in range(n):
        xs.append(i)
    return xs


def grow_dict(n):
    d = {}
    for i in range(n):
        d[i] = i * 2
    return d


def main(rounds):
    total = 0
    for _ in range(rounds):
        total += len(grow_list(100_000)) + len(grow_dict(100_000))
    return total


print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
print(time.process_time(), file=sys.stderr)
