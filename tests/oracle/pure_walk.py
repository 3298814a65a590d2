"""Walks over what the debugger's Python takes of the standard library, and prints what would tell of the machine that it runs on.

    python pure_walk.py FOLDER-OF-THE-PACKAGE

A public function, or a method of a public class, is told if its code names a worldly module of its globals (or `open`). One line each.
"""

import importlib
import sys
import types

WORLDLY = "time _time os socket subprocess random _random locale _locale getpass platform tempfile shutil secrets threading".split()


def codes(code):
    yield code
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            yield from codes(one)


def worldly(function):
    """The worldly things that a function of Python names itself."""
    found = set()
    for code in codes(function.__code__):
        for name in code.co_names:
            value = function.__globals__.get(name)
            if (isinstance(value, types.ModuleType) and value.__name__ in WORLDLY) or (name == "open" and value in (None, open)):
                found.add(name)
            elif getattr(value, "__module__", None) in WORLDLY:
                found.add(name)
    return found


def functions(value):
    """The functions of Python that a public value has."""
    if isinstance(value, types.FunctionType):
        yield "", value
    if isinstance(value, type):
        for name, one in vars(value).items():
            one = getattr(one, "__func__", one)
            one = getattr(one, "fget", one)
            if isinstance(one, types.FunctionType):
                yield "." + name, one


def main(package):
    holder = types.ModuleType("moviola")
    holder.__path__ = [package]
    sys.modules["moviola"] = holder
    pure = importlib.import_module("moviola._pure")

    class Refused(BaseException):
        pass

    pure.close_to_the_world(Refused)
    for module in sorted(pure.PURE):
        for name, value in sorted(vars(importlib.import_module(module)).items()):
            if name.startswith("_") or name in pure.IMPURE.get(module, ()):
                continue
            for part, function in functions(value):
                if function.__module__ != "moviola._pure" and (found := worldly(function)):
                    print(f"{module}.{name}{part}", *sorted(found))


if __name__ == "__main__":
    main(sys.argv[1])
