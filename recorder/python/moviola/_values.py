"""Recorded values as Python objects, over the protocol of `moviola serve`.

Exact built-in containers and plain values become the real thing, copied. Objects of recorded classes become stand-ins:
instances of empty classes of the same names and order of bases, whose attributes and operations are asked of the replayer,
which tells what the run had or says why it cannot. Code of the recorded program is never run.
"""

import abc
import ast
import builtins
import collections
import importlib
import json
import re
import struct
import types

from moviola._own import met
from moviola._plain import Names, NotRecorded, RecordedFrozenSet, RecordedNan, RecordedSet, Refused, Unknown
from moviola._pure import HOMES, IMPURE, built, real_named

__all__ = ["Recorded", "World", "encode_text", "is_stand_in", "message", "receive"]

# What is made again from its repr, which tells all of it.
_BY_REPR = {"DateTime"}
_REPR_CLASSES = {("decimal", "Decimal"), ("fractions", "Fraction"), ("uuid", "UUID"), ("re", "Pattern")}

# Py_TPFLAGS_HEAPTYPE: classes that Python code has made, and some of C.
_HEAP = 1 << 9
_set = object.__setattr__
_get = object.__getattribute__


def encode_text(text):
    """A str for the protocol: as it is, unless JSON has no way to say it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return {"s": text.encode("utf-8", "surrogatepass").hex()}
    return text


class _Meta(type):
    """The type of stand-ins for recorded classes."""

    def __getattribute__(cls, name):
        world = type.__dict__["__dict__"].__get__(cls).get("_world")
        if world is None or name in _OF_CLASSES:
            return type.__getattribute__(cls, name)
        return world.attribute(cls, name)

    def __setattr__(cls, name, value):
        raise Refused(f"a recording cannot be changed: {type.__getattribute__(cls, '__name__')}.{name}")

    def __delattr__(cls, name):
        raise Refused(f"a recording cannot be changed: {type.__getattribute__(cls, '__name__')}.{name}")

    def __call__(cls, *args, **keywords):
        return type.__dict__["__dict__"].__get__(cls)["_world"].call(cls, args, keywords)

    def __repr__(cls):
        return type.__dict__["__dict__"].__get__(cls)["_world"].show(cls)

    # What a metaclass of the program, or that of enum, says of the class itself.

    def __iter__(cls):
        return iter(type.__dict__["__dict__"].__get__(cls)["_world"].native("[*a]", a=cls))

    def __len__(cls):
        return type.__dict__["__dict__"].__get__(cls)["_world"].native("len(a)", a=cls)

    def __bool__(cls):
        return type.__dict__["__dict__"].__get__(cls)["_world"].native("not not a", a=cls)

    def __contains__(cls, value):
        return type.__dict__["__dict__"].__get__(cls)["_world"].native("b in a", a=cls, b=value)

    def __getitem__(cls, key):
        return type.__dict__["__dict__"].__get__(cls)["_world"].native("a[b]", a=cls, b=key)


_OF_CLASSES = frozenset(["__class__", "__mro__", "__name__", "__qualname__", "__module__", "__bases__", "__flags__"])
_OF_CLASSES |= {"__abstractmethods__", "__basicsize__", "__dictoffset__", "__subclasshook__", "mro", "__base__"}


class Recorded:
    """A recorded object that is no plain value: it has nothing of its own, everything is asked for.

    Stand-ins for instances of subclasses of built-in types have that type's contents too, for C code that looks there.
    """

    __slots__ = ()

    def __getattribute__(self, name):
        if name == "__class__":
            return _get(self, name)
        return _get(self, "_world").attribute(self, name)

    def __setattr__(self, name, value):
        raise Refused(f"a recording cannot be changed: .{name}")

    def __delattr__(self, name):
        raise Refused(f"a recording cannot be changed: .{name}")

    def __setitem__(self, key, value):
        raise Refused("a recording cannot be changed: [...]")

    def __delitem__(self, key):
        raise Refused("a recording cannot be changed: [...]")

    def __repr__(self):
        return _get(self, "_world").show(self)

    def __call__(self, *args, **keywords):
        return _get(self, "_world").call(self, args, keywords)

    def __iter__(self):
        return iter(_get(self, "_world").native("[*a]", a=self))

    def __hash__(self):
        return _get(self, "_world").hash(self)

    def __next__(self):
        raise Refused("a recorded iterator is not run on")

    def __index__(self):
        try:
            return _get(self, "_world").native("a.__index__()", a=self)
        except AttributeError:
            raise TypeError(f"'{type(self).__name__}' object cannot be interpreted as an integer") from None

    def __eq__(self, other):
        return True if self is other else _get(self, "_world").native("a == b", a=self, b=other)

    def __ne__(self, other):
        return False if self is other else _get(self, "_world").native("a != b", a=self, b=other)


def _operation(text):
    if re.search(r"\bb\b", text):
        return lambda self, other: _get(self, "_world").native(text, a=self, b=other)
    return lambda self: _get(self, "_world").native(text, a=self)


_OPERATIONS = {"len": "len(a)", "bool": "not not a", "getitem": "a[b]", "contains": "b in a", "str": "f'{a!s}'"}
_OPERATIONS.update({"int": "int(a)", "float": "float(a)", "neg": "-a", "pos": "+a"})
_OPERATIONS.update({"invert": "~a", "abs": "abs(a)", "reversed": "reversed(a)", "format": "format(a, b)"})
_OPERATIONS.update({"lt": "a < b", "le": "a <= b", "gt": "a > b", "ge": "a >= b"})
for _name, _sign in dict(
    add="+", sub="-", mul="*", matmul="@", truediv="/", floordiv="//", mod="%", pow="**", lshift="<<", rshift=">>"
).items() | {("and", "&"), ("or", "|"), ("xor", "^")}:
    _OPERATIONS[_name] = f"a {_sign} b"
    _OPERATIONS["r" + _name] = f"b {_sign} a"
for _name, _text in _OPERATIONS.items():
    setattr(Recorded, f"__{_name}__", _operation(_text))


_DELEGATED = {name: value for name, value in vars(Recorded).items() if callable(value)}


class Thing(Recorded):
    """A recorded object of a built-in type that has no contents here: a function, a module, a generator."""


class World:
    """The objects at one position, each made once.

    `ask` sends a request (a dict, without the position) and returns the answer.
    """

    def __init__(self, ask, at, displaying=False):
        self._ask = ask
        self.at = at
        self._objects = {}
        self._classes = {}
        self._ids = {}
        self._copies = {}
        self._building = False
        self._changes = self._active = None
        # Whether texts are for the user's eyes only: there, what is not told exactly is shown by its parts.
        self.displaying = displaying

    def ask(self, **request):
        """Asks at this position; errors of the program's kind are raised as such."""
        request["at"] = self.at
        answer = self._ask(request)
        error = answer.get("error")
        if error is None:
            return answer
        kind, *words = error
        if kind == "python":
            raise _said(*words)
        if kind == "unknown":
            raise NotRecorded(words[0])
        raise Refused(words[0])

    # What the program has put into modules and classes of Python's own.

    @property
    def changes(self):
        """Their names, as `module:name` and `module:Class.name`, with the values as they were sent; absent ones are deleted.
        `module:` is a module of the program that is called like one of Python's own."""
        if self._changes is None:
            found = self.ask(ask="changed")
            self._changes = {**dict(found["items"]), **{key: {"absent": True} for key in found["deleted"]}}
        return self._changes

    def change(self, module, name, *default):
        """What the program has put into a module under a name."""
        code = self.changes[f"{module}:{name}"]
        if code != {"absent": True}:
            return self.decode(code)
        if default:
            return default[0]
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    def unchanged(self, found):
        """What is given, a part of Python's own, if the program has changed nothing that it may use; Refused if it has."""
        if self.changes and isinstance(found, types.MethodType):
            # The object itself may not be hashable.
            of = found.__self__
            self.unchanged(of if isinstance(of, type) else type(of))
            self.unchanged(found.__func__)
        elif self.changes and isinstance(found, (types.FunctionType, type)):
            if self._active is None:
                # Looking at them may come back to here.
                self._active = []
                self._active = [key for key in self.changes if not self._is_back(key)]
            key = met(found, self._active)
            if key is not None:
                name = f"{found.__module__}.{found.__qualname__}"
                raise Refused(f"{name} may use {key.replace(':', '.')}, which the program has replaced")
        return found

    def _is_back(self, key):
        """Whether what is under a name is what Python had there (`mock.patch` puts it back)."""
        code = self.changes[key]
        kind = code["r"][1] if isinstance(code, dict) and "r" in code else None
        if key.endswith(":"):
            return True
        if kind == "Class":
            facts = self._class(code["r"][0])
            return not facts["open"] and key in (f"{facts['module']}:{facts['qualname']}", "{}:{}".format(*self._named(code["r"][0])))
        if kind not in ("Function", "Builtin"):
            return False
        try:
            value = self._instance(*code["r"])
            module, name = self.attribute(value, "__module__"), self.attribute(value, "__qualname__")
            if kind == "Function":
                file = self.attribute(self.native("a.__code__", a=value), "co_filename")
                if "/lib/python3." not in file or "/site-packages/" in file:
                    return False
        except (AttributeError, NotRecorded, Refused):
            return False
        return f"{HOMES.get(module, module)}:{name}" == key or f"{module}:{name}" == key

    # Operations that the replayer does.

    def native(self, text, **names):
        """The value of an expression over named values."""
        try:
            coded = {name: self.encode(value) for name, value in names.items()}
        except TypeError as error:
            raise Refused(str(error)) from None
        return self.decode(self.ask(ask="eval", text=text, names=coded)["value"])

    def attribute(self, value, name):
        """An attribute of a stand-in."""
        if not name.isidentifier():
            raise AttributeError(name)
        return self.native(f"a.{name}", a=value)

    def call(self, function, args, keywords):
        """A call, if it is one that runs nothing of the program."""
        names = {"f": function, "a": list(args)}
        given = ", ".join(f"{name}=k{at}" for at, name in enumerate(keywords))
        names.update({f"k{at}": value for at, value in enumerate(keywords.values())})
        return self.native(f"f(*a, {given})" if given else "f(*a)", **names)

    def show(self, value):
        """`repr(value)`, as far as it runs nothing of the program."""
        found = self.ask(ask="show", value=self.encode(value))
        if not found["exact"] and not self.displaying:
            raise Refused(f"the exact repr of this {type(value).__name__} would take recorded code or an address")
        return found["text"]

    def hash(self, value):
        """A hash under which stand-ins are found as the program finds them: by what they hold, or by identity."""
        if not self._building:
            code = _get(value, "_code")
            if not code.get("r"):
                raise Refused("the hash of this object is not known here")
            for name in ("__hash__", "__eq__"):
                if self._defines(code["r"][2], name):
                    raise Refused(f"{type(value).__qualname__}.{name} is recorded code and is not run")
        layout = _layout(type(value))
        return id(value) >> 4 if layout.__hash__ in (None, object.__hash__) else layout.__hash__(value)

    def _defines(self, class_id, name):
        """Whether a class that is not of the interpreter itself defines a special method, or may."""
        for of in self._class(class_id)["mro"] if class_id else ():
            facts = self._class(of)
            harmless = facts["module"] in ("builtins", "enum", "abc", "typing", "_collections_abc")
            if name in facts["defined"] if facts["open"] else not harmless:
                return True
        return False

    # Values.

    def decode(self, code):
        """A value from the protocol."""
        if code is None or isinstance(code, (bool, int, float, str)):
            return code
        ((key, inner),) = code.items()
        if key == "r":
            return self.object(*inner)
        if key == "u":
            raise NotRecorded(inner)
        if key == "f":
            found = struct.unpack(">d", bytes.fromhex(inner))[0]
            return RecordedNan(found) if found != found else found
        if key == "i":
            return int(inner, 16)
        if key == "b":
            return bytes.fromhex(inner)
        if key == "ba":
            return bytearray.fromhex(inner)
        if key == "c":
            return complex(*map(self.decode, inner))
        if key == "e":
            return {"Ellipsis": ..., "NotImplemented": NotImplemented}[inner]
        if key in "ltSF":
            items = [self.element(item) for item in inner]
            return items if key == "l" else {"t": tuple, "S": set, "F": frozenset}[key](items)
        if key == "d":
            return {self.element(k): self.element(v) for k, v in inner}
        if key == "sl":
            return slice(*map(self.decode, inner))
        if key == "ra":
            return range(*map(self.decode, inner))
        if key in ("ty", "fn"):
            module, _, name = inner.rpartition(".")
            if key == "fn" and inner in IMPURE["builtins"]:
                return self._other(code)
            found = getattr(importlib.import_module(module or "builtins"), name, None)
            if found is None:
                found = {"NoneType": type(None), "ellipsis": type(...), "NotImplementedType": type(NotImplemented)}.get(name)
            return self._other(code) if found is None else found
        if key == "m":
            receiver = self.decode(inner[0])
            return self._other(code) if isinstance(receiver, Recorded) else getattr(receiver, inner[1])
        if key == "it":
            return iter([self.element(item) for item in inner[1]])
        if key == "vw":
            items = [self.element(item) for item in inner[1]]
            if inner[0] == "dict_items":
                return dict(items).items()
            return dict.fromkeys(items).keys() if inner[0] == "dict_keys" else dict(enumerate(items)).values()
        return self._other(code)

    def element(self, code):
        """A value inside a container: what was not recorded has its place there."""
        if isinstance(code, dict) and "u" in code:
            return Unknown(code["u"])
        return self.decode(code)

    def _other(self, code):
        made = object.__new__(Thing)
        _set(made, "_world", self)
        _set(made, "_code", code)
        return made

    def object(self, id, kind, class_id):
        """A recorded object."""
        if id not in self._objects:
            make = getattr(self, "_make_" + kind, self._make_other)
            made = make(id, kind, class_id)
            self._objects.setdefault(id, made)
            self._ids.setdefault(builtins.id(made), (id, kind, class_id, made))
        return self._objects[id]

    def _keep(self, id, kind, class_id, made):
        self._objects[id] = made
        self._ids[builtins.id(made)] = (id, kind, class_id, made)

    def _states(self, id):
        found = self.ask(ask="objects", ids=[id])["objects"]
        return {int(key): state for key, state in found.items()}

    def _container(self, id, kind, class_id):
        """All containers that this one reaches, made at once."""
        states = {key: state for key, state in self._states(id).items() if key not in self._objects}
        for key, state in states.items():
            self._begin(key, state)
        building, self._building = self._building, True
        making, RecordedNan.making = RecordedNan.making, True
        try:
            # Those that cannot be filled later come from within.
            for key, state in states.items():
                self._fill(key, state, states)
        finally:
            self._building, RecordedNan.making = building, making
        return self._objects[id]

    _make_List = _make_Tuple = _make_Dict = _make_Set = _make_FrozenSet = _container
    _make_Deque = _make_OrderedDict = _make_DefaultDict = _container

    def _make_Instance(self, id, kind, class_id):
        if self._named(class_id) in _REPR_CLASSES:
            return self._make_other(id, kind, class_id)
        layout = _layout(self._real(class_id) or self._stand_in(class_id))
        if layout in _CONTAINERS:
            return self._container(id, kind, class_id)
        if layout is object:
            return self._instance(id, kind, class_id)
        state = self._states(id)[id]
        payload = [self.decode(state["payload"])] if "payload" in state else []
        return self._instance(id, kind, class_id, *payload)

    def _container_kind(self, state):
        """The kind of container that an object is, be it of a subclass."""
        if state["kind"] != "Instance":
            return state["kind"]
        return _CONTAINERS.get(_layout(self._real(state["class"]) or self._stand_in(state["class"])))

    def _begin(self, id, state):
        kind, class_id = self._container_kind(state), state["class"]
        if "why" in state:
            return self._keep(id, kind, class_id, Unknown(state["why"]))
        real = self._real(class_id) if class_id else None
        if kind in ("Tuple", "FrozenSet"):
            # Made when its elements are.
            return None
        if class_id and real is None:
            made = self._instance(id, kind, class_id)
        elif kind in ("List", "Dict", "Set", "OrderedDict", "DefaultDict"):
            types = dict(List=list, Dict=dict, Set=RecordedSet, OrderedDict=collections.OrderedDict)
            made = (real or types.get(kind, collections.defaultdict))()
        elif kind == "Deque":
            fields = {key: value for key, value in state.get("fields", []) if isinstance(key, str)}
            made = collections.deque(maxlen=self.decode(fields.get("maxlen")))
        else:
            return None
        return self._keep(id, kind, class_id, made)

    def _fill(self, id, state, states):
        if "why" in state:
            return
        kind = self._container_kind(state)
        made = self._objects.get(id)
        if made is None:
            self._within(id, state, states)
            return
        base = dict(List=list, Dict=dict, Set=set, Deque=collections.deque, OrderedDict=collections.OrderedDict)
        base = base.get(kind, dict)
        if not isinstance(made, base):
            return
        if kind in ("List", "Deque", "Set"):
            elements = [self._element(item, states) for item in state.get("seq", [])]
            if kind == "Set":
                set.update(made, elements)
                if isinstance(made, RecordedSet):
                    made._order = elements
            else:
                base.extend(made, elements)
            if not isinstance(made, Recorded):
                self._copies[id] = (made, elements)
        elif kind != "Tuple" and kind != "FrozenSet":
            items = [(self._element(k, states), self._element(v, states)) for k, v in state.get("map", [])]
            for key, value in items:
                base.__setitem__(made, key, value)
            if isinstance(made, Recorded):
                return
            if kind == "DefaultDict":
                fields = {key: value for key, value in state.get("fields", []) if isinstance(key, str)}
                made.default_factory = self.decode(fields.get("default_factory"))
            self._copies[id] = (made, items)

    def _element(self, code, states):
        if isinstance(code, dict) and "r" in code:
            id = code["r"][0]
            if id in states and id not in self._objects:
                self._within(id, states[id], states)
        return self.element(code)

    def _within(self, id, state, states):
        """A tuple or frozenset: made when its elements are."""
        due = [id]
        while due:
            at = due[-1]
            if at in self._objects:
                due.pop()
                continue
            inner = [code["r"][0] for code in states[at].get("seq", []) if isinstance(code, dict) and "r" in code]
            open_ones = [key for key in inner if key in states and key not in self._objects and key not in due]
            if open_ones:
                due.extend(open_ones)
                continue
            due.pop()
            kind, class_id = self._container_kind(states[at]), states[at]["class"]
            elements = [self.element(code) for code in states[at].get("seq", [])]
            if class_id:
                made = self._instance(at, kind, class_id, elements)
            elif kind == "Tuple":
                made = tuple(elements)
            else:
                made = RecordedFrozenSet(elements)
                made._order = elements
            self._keep(at, kind, class_id, made)

    def changed(self):
        """Names of the types of the copies that were changed since they were made. They are forgotten."""
        found = []
        for id, (made, kept) in list(self._copies.items()):
            if not _is_as_made(made, kept):
                found.append(type(made).__name__.removeprefix("Recorded").lower())
                del self._copies[id]
                self._ids.pop(builtins.id(self._objects.pop(id)), None)
        return found

    # Objects that are no containers.

    def _make_other(self, id, kind, class_id):
        if kind in _BY_REPR or (class_id and self._named(class_id) in _REPR_CLASSES):
            shown = self.ask(ask="show", value={"r": [id]})
            made = self._from_repr(shown["text"], class_id) if shown["exact"] else None
            if made is not None:
                return made
        return self._instance(id, kind, class_id)

    def _from_repr(self, text, class_id):
        home = self._named(class_id)[0].lstrip("_") if class_id else "datetime"
        if class_id and self._real(class_id) is None:
            return None
        try:
            return built(ast.parse(text, mode="eval").body, importlib.import_module(home))
        except Exception:
            # It is not of that form: values that its class shows in its own way.
            return None

    def _make_Class(self, id, kind, class_id):
        real = self._real(id)
        return self._stand_in(id) if real is None else real

    def _make_Function(self, id, kind, class_id):
        made = self._instance(id, kind, class_id)
        try:
            module, name = self.attribute(made, "__module__"), self.attribute(made, "__qualname__")
        except (AttributeError, NotRecorded, Refused):
            return made
        real = real_named(module, name)
        return made if real is None or not self._is_same(made, kind, real) else self.unchanged(real)

    def _is_same(self, made, kind, real):
        """Whether a recorded function is that of Python's own: others may have its names (`functools.wraps`)."""
        if kind != "Function" or not isinstance(real, types.FunctionType):
            return kind == "Builtin" and isinstance(real, types.BuiltinFunctionType)
        code = self.native("a.__code__", a=made)
        file, theirs = self.attribute(code, "co_filename"), real.__code__
        tail = theirs.co_filename.split("/lib/python3.")[-1].partition("/")[2]
        return file.endswith("/" + tail) and "/lib/python3." in file and self.attribute(code, "co_name") == theirs.co_name

    _make_Builtin = _make_Function

    def _instance(self, id, kind, class_id, *payload):
        made_class = self._stand_in(class_id) if class_id else Thing
        if not issubclass(made_class, Recorded):
            made_class = self._stand_in_below(class_id, made_class)
        layout = _layout(made_class)
        made = layout.__new__(made_class, *payload if layout is not object else ())
        if layout is bytearray:
            bytearray.__init__(made, *payload)
        _set(made, "_world", self)
        _set(made, "_code", {"r": [id, kind, class_id]})
        return made

    # Classes.

    def _class(self, id):
        if id not in self._classes:
            self._classes[id] = self.ask(ask="class", id=id)
        return self._classes[id]

    def _named(self, id):
        found = self._class(id)
        return HOMES.get(found["module"], found["module"]), found["qualname"]

    def _real(self, id):
        """The class itself, if it is Python's own and this process has it."""
        if self._class(id)["open"]:
            return None
        found = real_named(*self._named(id))
        if not isinstance(found, type):
            return None
        try:
            return self.unchanged(found)
        except Refused:
            # It is one that is known by name only.
            return None

    def _asks(self, id):
        """Whether a class has a metaclass that may have a say in `isinstance`."""
        meta = self._class(id)["meta"]
        return bool(meta) and self._class(meta)["module"] not in ("enum", "builtins")

    def derives(self, of, base):
        """`issubclass(of, base)` where either may be a stand-in."""
        if issubclass(of, base) and type(base) is not abc.ABCMeta:
            return True
        known = self._ids.get(builtins.id(of))
        theirs = self._ids.get(builtins.id(base))
        if isinstance(base, _Meta) and theirs and self._asks(theirs[0]):
            raise Refused(f"whether something counts as {base.__qualname__} is for recorded code to say")
        if known is None:
            return issubclass(of, base)
        above = self._class(known[0])["mro"]
        if theirs is not None and theirs[0] in above:
            return True
        # A class of the program may be called like one of Python's own.
        own = (of for of in above if not self._class(of)["open"])
        if not isinstance(base, _Meta) and (base.__module__, base.__qualname__) in map(self._named, own):
            return True
        if isinstance(base, abc.ABCMeta) or (isinstance(base, _Meta) and theirs and self._class(theirs[0])["meta"]):
            layout = _layout(of)
            if layout is not object and issubclass(layout, base):
                return True
            raise Refused(f"whether {of.__qualname__} counts as {base.__qualname__} is for recorded code to say")
        return False

    def _stand_in(self, id):
        """The class that stands for a recorded one; a built-in type stands for itself."""
        key = ("class", id)
        if key not in self._objects:
            facts = self._class(id)
            real = self._real(id) if facts["module"] == "builtins" else None
            if real in _LAYOUTS or (real and issubclass(real, BaseException) and not issubclass(real, BaseExceptionGroup)):
                made = real
            else:
                above = [self._stand_in(of) for of in facts["mro"][1:]]
                above = [of for of in above if of is not object]
                made = self._made(id, [a for a in above if not any(b is not a and issubclass(b, a) for b in above)])
            self._objects[key] = made
        return self._objects[key]

    def _stand_in_below(self, id, real):
        """For instances of a built-in type that cannot be made as they were: exceptions."""
        key = ("instances", id)
        if key not in self._objects:
            self._objects[key] = self._made(id, [real] if real is not object else [])
        return self._objects[key]

    def _made(self, id, bases):
        facts = self._class(id)
        names = {"__module__": facts["module"], "__qualname__": facts["qualname"], "_world": self, **_DELEGATED}
        names["_code"] = {"r": [id, "Class", facts["meta"]]}
        if not any(issubclass(base, Recorded) for base in bases):
            bases = [Recorded, *bases]
        try:
            made = _Meta(facts["name"], tuple(bases), names)
        except (TypeError, ValueError):
            # Bases that do not go together here: what C code would look for is left out.
            made = _Meta("".join(c for c in facts["name"] if c.isprintable()), (Recorded,), names)
        self._ids[builtins.id(made)] = (id, "Class", facts["meta"], made)
        return made

    def type_of(self, value):
        """`type(value)`."""
        if isinstance(value, Thing):
            return self.kind(value)
        if isinstance(value, _Meta):
            meta = self._class(self._ids[builtins.id(value)][0])["meta"]
            return self.object(meta, "Class", 0) if meta else type
        if isinstance(value, Recorded):
            id = _get(value, "_code")["r"][2]
            return self.object(id, "Class", self._class(id)["meta"])
        return {RecordedSet: set, RecordedFrozenSet: frozenset, RecordedNan: float}.get(type(value), type(value))

    def kind(self, value):
        """The type of Python's own that a stand-in without a class has; Refused if it is not known here."""
        if not isinstance(value, Thing):
            return None
        code = _get(value, "_code")
        found = _KINDS.get(code["r"][1]) if code.get("r") else types.MethodType if "bo" in code else None
        if found is None:
            raise Refused("the type of this object is not known here")
        return found

    def module(self, value):
        """The name of the module that a stand-in stands for, or None."""
        if not isinstance(value, Recorded):
            return None
        code = _get(value, "_code")
        if not code.get("r") or code["r"][1] != "Module":
            return None
        return self.attribute(value, "__name__")

    # And back.

    def encode(self, value, whole=False):
        """A value for the protocol; TypeError if it is none that the replayer can hold.

        With `whole`, recorded containers go by what they hold now, and not by what they are.
        """
        known = self._ids.get(builtins.id(value))
        if known is not None and known[3] is value:
            copy = self._copies.get(known[0]) if whole else None
            if copy is None or _is_as_made(*copy):
                return {"r": list(known[:3])}
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if -(1 << 63) <= value < 1 << 63 else {"i": format(value, "x")}
        if kind in (float, RecordedNan):
            return value if value - value == 0 else {"f": struct.pack(">d", value).hex()}
        if kind is str:
            return encode_text(value)
        if kind is bytes or kind is bytearray:
            return {"b" if kind is bytes else "ba": value.hex()}
        if kind is complex:
            return {"c": [self.encode(value.real), self.encode(value.imag)]}
        if value is ... or value is NotImplemented:
            return {"e": "Ellipsis" if value is ... else "NotImplemented"}
        if kind in (list, tuple):
            return {"l" if kind is list else "t": [self.encode(item, whole) for item in value]}
        if kind in (set, frozenset, RecordedSet, RecordedFrozenSet):
            return {"S" if isinstance(value, set) else "F": [self.encode(item) for item in value]}
        if kind is dict:
            return {"d": [[self.encode(k, whole), self.encode(v, whole)] for k, v in value.items()]}
        if kind is slice or kind is range:
            parts = [value.start, value.stop, value.step]
            return {"sl" if kind is slice else "ra": [self.encode(part) for part in parts]}
        if kind is Unknown:
            return {"u": value.reason}
        if isinstance(value, Recorded):
            return _get(value, "_code")
        if isinstance(kind, _Meta):
            return object.__getattribute__(value, "_code")
        if isinstance(value, type) and value.__module__ == "builtins" and getattr(builtins, value.__name__, None) is value:
            return {"ty": value.__name__}
        raise TypeError(f"a {kind.__name__} is no value of the recording")


# Types whose instances hold others, as the recording names their kinds.
_CONTAINERS = {list: "List", tuple: "Tuple", dict: "Dict", set: "Set", frozenset: "FrozenSet"}
# Built-in types whose instances can be made with what they hold.
_LAYOUTS = frozenset([object, list, tuple, dict, set, frozenset, int, float, complex, str, bytes, bytearray])
_CONTAINERS.update({collections.deque: "Deque", collections.OrderedDict: "OrderedDict", collections.defaultdict: "DefaultDict"})


def _layout(of):
    """The first class of Python's own in C among the bases: it says what instances hold."""
    return next(one for one in of.__mro__ if not issubclass(one, Recorded) and not one.__flags__ & _HEAP or one in _CONTAINERS)


_KINDS = {"Function": types.FunctionType, "Method": types.MethodType, "Builtin": types.BuiltinFunctionType}
_KINDS.update({"Module": types.ModuleType, "Cell": types.CellType, "Code": types.CodeType, "MappingProxy": types.MappingProxyType})


def _said(name, text):
    """An exception that the replayer says Python would raise, with that very text: that of a KeyError is a repr already."""
    base = getattr(builtins, name, None)
    if not (isinstance(base, type) and issubclass(base, BaseException)):
        return Refused(f"{name}: {text}")
    kind = type(name, (base,), {"__module__": "builtins", "__qualname__": name, "__str__": lambda self: text})
    return base.__new__(kind)


def is_stand_in(of):
    """Whether a class is the stand-in of a recorded one."""
    return isinstance(of, _Meta)


def _is_as_made(made, kept):
    """Whether a copy of a container holds what it was made with."""
    if isinstance(made, dict):
        now = list(dict.items(made))
        return len(now) == len(kept) and all(a is c and b is d for (a, b), (c, d) in zip(now, kept, strict=True))
    if isinstance(made, set):
        return len(made) == len(kept) and all(set.__contains__(made, one) for one in kept)
    return len(made) == len(kept) and all(map(_is, made, kept))


def _is(a, b):
    return a is b


def message(text):
    """A message of the protocol."""
    body = json.dumps(text, separators=(",", ":")).encode("ascii")
    return struct.pack("<I", len(body)) + body


def receive(stream):
    """The next message of a stream; None at its end."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    body = stream.read(struct.unpack("<I", head)[0])
    return json.loads(body)
