"""A tokenizer that goes through a text character by character."""
import sys
import time

TEXT = """
def fact(n): return 1 if n < 2 else n * fact(n - 1)
total = 0
while total < 1000: total = total + fact(5) # add
name = "some text" + 'more'
"""


def tokens(text):
    i, n = 0, len(text)
    while i < n:
        c = text[i]
        if c.isspace():
            i += 1
        elif c.isalpha() or c == "_":
            j = i
            while j < n and (text[j].isalnum() or text[j] == "_"):
                j += 1
            yield "name", text[i:j]
            i = j
        elif c.isdigit():
            j = i
            while j < n and text[j].isdigit():
                j += 1
            yield "number", int(text[i:j])
            i = j
        elif c in "\"'":
            j = text.index(c, i + 1)
            yield "string", text[i + 1:j]
            i = j + 1
        elif c == "#":
            i = text.index("\n", i)
        else:
            yield "op", c
            i += 1


def main(rounds):
    counts = {}
    for _ in range(rounds):
        for kind, _value in tokens(TEXT):
            counts[kind] = counts.get(kind, 0) + 1
    return sorted(counts.items())


print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
print(time.process_time(), file=sys.stderr)
