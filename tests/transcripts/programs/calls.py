"""Functions of all kinds of arguments that call each other."""


def leaf(x, y=2, *rest, flag=False, **more):
    total = x + y
    for part in rest:
        total += part
    return total


def middle(n):
    first = leaf(n)
    second = leaf(n, 3, 4, flag=True, name="z")
    return first, second


class Account:
    """Money."""

    rate = 0.5

    def __init__(self, owner, balance=0):
        self.owner = owner
        self.balance = balance

    def add(self, amount):
        self.balance += amount
        return self.balance

    @property
    def doubled(self):
        return self.balance * 2

    @staticmethod
    def twice(value):
        return value * 2

    @classmethod
    def empty(cls):
        return cls("nobody")


def main():
    values = middle(1)
    account = Account("ann")
    account.add(values[0])
    account.add(5)
    nobody = Account.empty()
    text = "line one\nline two"
    return account, nobody, text


result = main()
done = True
