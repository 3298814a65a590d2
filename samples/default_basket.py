"""A customer pays for things that somebody else put into the basket.

The bug: the default basket is one list for all calls.
"""

PRICES = {"tea": 4, "bread": 3, "jam": 5}


def basket_for(customer, items, basket=[]):
    for item in items:
        basket.append(item)
    return {"customer": customer, "items": basket}


def total(order):
    return sum(PRICES[item] for item in order["items"])


def main():
    orders = [basket_for("Ada", ["tea", "bread"]), basket_for("Grace", ["jam"])]
    for order in orders:
        print(order["customer"], "pays", total(order))
    assert total(orders[0]) == 7, f"Ada pays {total(orders[0])}, not 7"


if __name__ == "__main__":
    main()
