"""The parts of the standard library that tell by their arguments alone."""

import ast
import functools
import gc
import importlib
import types

__all__ = ["HOMES", "IMPURE", "PURE", "PURE_PARTS", "built", "close_to_the_world", "real_named"]

# Modules of the standard library whose functions tell by their arguments alone.
PURE = frozenset(
    """array ast base64 binascii bisect calendar cmath collections collections.abc colorsys copy csv datetime
    decimal difflib enum fnmatch fractions functools graphlib hashlib heapq html io ipaddress itertools json json.decoder
    json.encoder keyword math numbers operator pprint re reprlib shlex statistics string struct textwrap token tokenize
    types unicodedata urllib.parse uuid zlib""".split()
)
# But for these parts of them.
IMPURE = {
    "builtins": frozenset(
        """__import__ breakpoint compile dir eval exec exit globals hash help id input locals open print quit vars""".split()
    ),
    "ast": frozenset(["main"]),
    "base64": frozenset(["main"]),
    "statistics": frozenset(["kde_random"]),
    # The contexts and settings of the debugger's own process.
    "csv": frozenset(["field_size_limit", "get_dialect", "list_dialects", "register_dialect", "unregister_dialect"]),
    "decimal": frozenset(["getcontext", "localcontext", "setcontext"]),
    "io": frozenset(["open", "open_code", "FileIO"]),
    "uuid": frozenset(["getnode", "main", "uuid1", "uuid4"]),
    "tokenize": frozenset(["main", "open"]),
    "calendar": frozenset(["LocaleHTMLCalendar", "LocaleTextCalendar", "different_locale", "main", "setfirstweekday"]),
}
# Such parts of other modules.
PURE_PARTS = {
    "os": frozenset(["fspath", "sep", "linesep", "curdir", "pardir", "extsep", "pathsep", "strerror"]),
    "os.path": frozenset(["basename", "dirname", "join", "normpath", "split", "splitext", "commonprefix", "commonpath", "isabs"]),
    "urllib": frozenset(),
    "xml": frozenset(),
}
# Where C code of these modules says it is from, and the module that people name.
HOMES = {"_collections_abc": "collections.abc", "_functools": "functools", "_operator": "operator"}
HOMES.update({"_json": "json", "_struct": "struct", "_bisect": "bisect", "_heapq": "heapq", "_decimal": "decimal"})
HOMES.update({"_datetime": "datetime", "_collections": "collections", "_io": "io", "_csv": "csv"})


def real_named(module, name):
    """What a module of Python's own has under a (qualified) name, if it is one of those that only compute and it is what it is
    called. A recording may name anything."""
    module = HOMES.get(module, module)
    if (module not in PURE and module != "builtins") or name in IMPURE.get(module, ()):
        return None
    found = importlib.import_module(module)
    for part in str(name).split("."):
        if found is None or not isinstance(found, (type, types.ModuleType)):
            return None
        found = vars(found).get(part)
    home = getattr(found, "__module__", None)
    same = isinstance(found, (type, types.FunctionType, types.BuiltinFunctionType)) and found.__qualname__ == name
    return found if same and HOMES.get(home, home) == module else None


# What may be named in the repr of such a value, by module. A text of the recording is never run as it is.
_MAKERS = {
    "datetime": frozenset(["datetime", "date", "time", "timedelta", "timezone"]),
    "decimal": frozenset(["Decimal"]),
    "fractions": frozenset(["Fraction"]),
    "uuid": frozenset(["UUID"]),
    "re": frozenset(["compile"]),
}


def built(node, module):
    """The value of an expression of calls of a module's makers with constants; ValueError if it is anything else."""
    home = module.__name__
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -built(node.operand, module)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and home == "re":
        return built(node.left, module) | built(node.right, module)
    if isinstance(node, ast.Attribute):
        if home == "re" and _is_name(node.value, home):
            return module.RegexFlag[node.attr]
        if node.attr == "utc" and _maker(node.value, home) == "timezone":
            return module.timezone.utc
    if isinstance(node, ast.Call) and _maker(node.func, home):
        args = [built(one, module) for one in node.args]
        keywords = {one.arg: built(one.value, module) for one in node.keywords if one.arg}
        if len(keywords) == len(node.keywords):
            return getattr(module, _maker(node.func, home))(*args, **keywords)
    raise ValueError


def _is_name(node, name):
    return isinstance(node, ast.Name) and node.id == name


def _maker(node, home):
    """The maker that a node names, alone or behind its module."""
    name = node.id if isinstance(node, ast.Name) else None
    if isinstance(node, ast.Attribute) and _is_name(node.value, home):
        name = node.attr
    return name if name in _MAKERS[home] else None


# Methods of Python's own classes that would tell of this machine, and when: by their arguments, or always.
_WORLDLY = {
    ("datetime", "date", "today"): None,
    ("datetime", "date", "fromtimestamp"): None,
    ("datetime", "datetime", "now"): None,
    ("datetime", "datetime", "utcnow"): None,
    # Without a zone, it is that of this machine.
    ("datetime", "datetime", "fromtimestamp"): lambda cls, stamp, tz=None: tz is None,
    ("datetime", "datetime", "timestamp"): lambda moment: moment.tzinfo is None,
    ("datetime", "datetime", "astimezone"): lambda moment, tz=None: tz is None or moment.tzinfo is None,
    ("shlex", "shlex", "sourcehook"): None,
    ("statistics", "NormalDist", "samples"): None,
}


def close_to_the_world(refusal):
    """Makes such methods refuse, whoever calls them: Python code, C code (`map`), or a name that was kept.

    The classes of C cannot be assigned to. This is done once, before anybody has looked the names up, so that no cache of the
    interpreter knows of what was there.
    """
    for (module, kind, name), when in _WORLDLY.items():
        (names,) = (one for one in gc.get_referents(vars(getattr(importlib.import_module(module), kind))) if type(one) is dict)
        names[name] = _closed(f"{kind}.{name}()", names[name], when, refusal)


def _closed(shown, real, when, refusal):
    by_class = isinstance(real, (classmethod, types.ClassMethodDescriptorType))

    def method(*args, **keywords):
        if when is None or when(*args, **keywords):
            raise refusal(f"{shown} would tell of this machine, not of the recorded run")
        return real.__get__(None, args[0])(*args[1:], **keywords) if by_class else real(*args, **keywords)

    return classmethod(method) if by_class else method
