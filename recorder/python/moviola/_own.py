"""What the program has put into modules and classes of Python's own, and which of their functions may meet it."""

import functools
import sys
import types

__all__ = ["met"]

# What is printed here goes to the debugger, whatever the program has put there.
_HARMLESS = frozenset(["sys:stdout", "sys:stderr", "sys:stdin", "sys:displayhook", "sys:excepthook"])


def met(found, changed):
    """The first of the changed names (`module:name`, `module:Class.name`) that a function or class of Python's own may look
    up when it runs, or None. It goes by names, modules and classes that the code reaches, so it may say too much."""
    for key in changed:
        if key in _HARMLESS:
            continue
        names, modules, classes = _reached(found)
        module, _, path = key.partition(":")
        owner, _, name = path.rpartition(".")
        if (module, owner) in classes or (module in modules and name in names and not (owner and name.startswith("__"))):
            return key
    return None


@functools.cache
def _reached(found):
    """What the code of a function or class may look up, or the code that it calls: names, modules, and classes as pairs of
    module and qualified name."""
    names, modules, classes, seen, due = set(), set(), set(), {}, [found]
    while due:
        one = due.pop()
        if id(one) in seen or one is sys.modules:
            continue
        seen[id(one)] = one
        if isinstance(one, types.FunctionType):
            used = _of_code(one.__code__)
            names |= used
            modules.add(one.__globals__.get("__name__"))
            for name in used:
                value = one.__globals__.get(name)
                due.append(value)
                if isinstance(value, types.ModuleType):
                    due.extend(vars(value)[inner] for inner in used if inner in vars(value))
            due.extend(cell.cell_contents for cell in one.__closure__ or () if _is_full(cell))
            due.extend([*(one.__defaults__ or ()), *(one.__kwdefaults__ or {}).values(), *vars(one).values()])
        elif isinstance(one, type):
            classes.update((base.__module__, base.__qualname__) for base in one.__mro__)
            if one.__flags__ & 1 << 9:  # a class made by Python code
                for base in one.__mro__:
                    due.extend(vars(base).values())
                due.append(type(one))
        elif isinstance(one, (classmethod, staticmethod)):
            due.append(one.__func__)
        elif isinstance(one, types.MethodType):
            due.extend([one.__func__, one.__self__])
        elif isinstance(one, property):
            due.extend([one.fget, one.fset, one.fdel])
        elif isinstance(one, functools.partial):
            due.extend([one.func, *one.args, *one.keywords.values()])
        elif isinstance(one, (dict, list, tuple, set, frozenset)):
            due.extend(one.values() if isinstance(one, dict) else one)
        elif isinstance(one, types.ModuleType):
            modules.add(one.__name__)
        else:
            due.append(type(one))
            due.append(getattr(one, "__wrapped__", None))
    return names, modules, classes


def _of_code(code):
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _of_code(constant)
    return names


def _is_full(cell):
    try:
        cell.cell_contents
    except ValueError:
        return False
    return True
