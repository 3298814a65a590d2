"""A loop over floats: nothing but arithmetic and stores to locals."""
import sys
import time


def main(n):
    x, s = 0.5, 0.0
    for i in range(n):
        x = 3.7 * x * (1.0 - x)
        if x > 0.5:
            s += x
        else:
            s -= x
    return s


print(round(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3_000_000), 6))
print(time.process_time(), file=sys.stderr)
