"""What recorded values are made of that asks nobody: names, sets with an order, what is missing."""

__all__ = ["Names", "NotRecorded", "RecordedFrozenSet", "RecordedNan", "RecordedSet", "Refused", "Unknown"]


class NotRecorded(BaseException):
    """What was asked for is not in the recording; the reason."""


class Refused(BaseException):
    """It would change the recording, run code of the recorded program, or ask this machine about another one; why."""


class Unknown:
    """Stands where a container holds a value that was not recorded."""

    __slots__ = ("reason",)

    def __init__(self, reason):
        self.reason = reason

    def __repr__(self):
        return f"<not recorded: {self.reason}>"

    def _refuse(self, *_):
        raise NotRecorded(self.reason)

    __bool__ = __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __len__ = __iter__ = __getitem__ = _refuse
    __add__ = __radd__ = __sub__ = __mul__ = __call__ = __hash__ = __str__ = __format__ = __getattr__ = _refuse


class Names(dict):
    """Variables, fetched when they are used; what a user makes comes on top of them.

    As a dict it holds what was fetched or made; to those who look at all of it, it is all variables but `hidden`.
    """

    def __init__(self, hidden, fetch, everything):
        super().__init__()
        self._hidden = hidden
        self._fetch = fetch
        self._everything = everything
        self.deleted = set()
        self.fetched = {}

    def __missing__(self, name):
        if name in self.deleted:
            raise KeyError(name)
        value = self.fetched[name] = self._fetch(name)
        dict.__setitem__(self, name, value)
        return value

    def __delitem__(self, name):
        self[name]
        dict.pop(self, name, None)
        self.deleted.add(name)

    def __contains__(self, name):
        try:
            self[name]
        except KeyError:
            return False
        return True

    def get(self, name, default=None):
        return self[name] if name in self else default

    def whole(self):
        """All of them, as a dict."""
        found = {name: value for name, value in self._everything() if name not in self.deleted}
        found.update((name, value) for name, value in dict.items(self) if name not in self._hidden)
        return found

    def made(self):
        """What the user has made, by name."""
        own = ((name, value) for name, value in dict.items(self) if name not in self._hidden)
        return {name: value for name, value in own if name not in self.fetched or self.fetched[name] is not value}

    def keys(self):
        return self.whole().keys()

    def values(self):
        return self.whole().values()

    def items(self):
        return self.whole().items()

    def copy(self):
        return self.whole()

    def __eq__(self, other):
        return self.whole() == other

    def __or__(self, other):
        return self.whole() | other

    def __ror__(self, other):
        return other | self.whole()

    def pop(self, name, *default):
        if name not in self and default:
            return default[0]
        value = self[name]
        del self[name]
        return value

    def setdefault(self, name, default=None):
        if name not in self:
            self[name] = default
        return self[name]

    def __iter__(self):
        return iter(self.whole())

    def __len__(self):
        return len(self.whole())

    def __repr__(self):
        return repr(self.whole())


class RecordedSet(set):
    """A recorded set: its elements come in the order that they had."""

    __slots__ = ("_order",)

    def __iter__(self):
        return iter(self._order if len(self._order) == len(self) else list(set.__iter__(self)))

    def __repr__(self):
        return "{" + ", ".join(map(repr, self)) + "}" if self else "set()"


class RecordedFrozenSet(frozenset):
    """A recorded frozenset: its elements come in the order that they had."""

    __slots__ = ("_order",)

    def __iter__(self):
        return iter(self._order)

    def __repr__(self):
        return "frozenset({" + ", ".join(map(repr, self)) + "})" if self else "frozenset()"


class RecordedNan(float):
    """A recorded NaN. Containers ask for identity first, and which NaNs are one object is not recorded: comparing it with another
    is refused, and all have the same hash, so that sets and dicts do compare."""

    __slots__ = ()
    # While recorded containers are made again: there, those that are together are different objects.
    making = False

    def __eq__(self, other):
        if isinstance(other, float) and float.__ne__(other, other) and not RecordedNan.making:
            raise NotRecorded("whether two NaNs are the same object")
        return False

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return 0

    @property
    def __class__(self):
        return float

    def __reduce_ex__(self, protocol):
        return float, (repr(self),)
