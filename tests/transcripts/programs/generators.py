def numbers(n):
    for i in range(n):
        yield i * 10
    return "done"


def outer():
    got = yield from numbers(2)
    yield got


items = []
for value in numbers(2):
    items.append(value)
more = list(outer())
pairs = {key: key + 1 for key in items}
total = sum(x for x in items)
end = 1
