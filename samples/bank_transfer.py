"""A report fails on an account that was valid when it was opened.

The bug: `Account` keeps the list of fees that it was given, and every account of a branch was
given the same one. A surcharge meant for one customer is charged to all of them.
"""


class Account:
    def __init__(self, owner, balance, fees):
        self.owner = owner
        self.balance = balance
        self.fees = fees  # not a copy

    def add_fee(self, amount):
        self.fees.append(amount)

    def charge(self):
        for fee in self.fees:
            self.balance -= fee


STANDARD_FEES = [2, 1]


def open_branch():
    return [
        Account("Ada", 100, STANDARD_FEES),
        Account("Grace", 40, STANDARD_FEES),
        Account("Linus", 25, STANDARD_FEES),
    ]


def transfer(source, target, amount):
    source.balance -= amount
    target.balance += amount


def month(accounts):
    ada, grace, linus = accounts
    transfer(ada, linus, 10)
    ada.add_fee(30)  # Ada asked for a new card
    transfer(grace, ada, 5)
    for account in accounts:
        account.charge()


def report(accounts):
    for account in accounts:
        if account.balance < 0:
            raise ValueError(f"{account.owner} is overdrawn: {account.balance}")
        print(f"{account.owner}: {account.balance}")


def main():
    accounts = open_branch()
    month(accounts)
    month(accounts)
    report(accounts)


main()
