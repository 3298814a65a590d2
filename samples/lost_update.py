"""An inventory runs into a missing key long after the key was removed.

The bug: `merge` cleans up the dictionary that it was given, which is the caller's own.
"""


def merge(into, other):
    for name in list(other):
        into[name] = into.get(name, 0) + other.pop(name)
    return into


def restock(stock, deliveries):
    for number, delivery in enumerate(deliveries):
        merge(stock, delivery)
        yield number, sum(stock.values())


def audit(stock, deliveries):
    for delivery in deliveries:
        for name in ("bolt", "nut"):
            if delivery[name] > stock[name]:
                return False
    return True


def main():
    stock = {"bolt": 10, "nut": 20}
    deliveries = [{"bolt": n, "nut": 2 * n} for n in range(1, 6)]
    for number, items in restock(stock, deliveries):
        print("delivery", number, "makes", items)
    print("audit:", audit(stock, deliveries))


if __name__ == "__main__":
    main()
