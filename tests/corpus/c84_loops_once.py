"""Loops that never come back to their top."""


def once(n):
    for x in range(n):
        break
        x = 1
    y = 1
    return y


def found(items):
    for item in items:
        if item:
            return item
        raise KeyError(item)
    kind = "none"
    return kind


async def first(n):
    async for x in counted(n):
        return x
    rest = "rest"
    return rest


async def counted(n):
    for x in range(n):
        yield x


def run(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value


for n in range(2):
    print(once(n), run(first(n)))
print(found([]), found([3]))
