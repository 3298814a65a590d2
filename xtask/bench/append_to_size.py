"""Appends to a list that already has the given number of elements: the cost a line must not depend on it."""
import sys
import time


def main(size, n):
    xs = list(range(size))
    start = time.process_time()
    for i in range(n):
        xs.append(i)
        if i & 1:
            xs[i] = -i
    return time.process_time() - start


print(main(int(sys.argv[1]), 200_000), file=sys.stderr)
