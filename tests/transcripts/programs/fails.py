def parse(text):
    return int(text)


def convert(items):
    out = []
    for item in items:
        try:
            out.append(parse(item))
        except ValueError as error:
            raise RuntimeError(f"bad item {item!r}") from error
    return out


def start():
    data = ["1", "2", "x"]
    return convert(data)


start()
