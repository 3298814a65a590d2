"""The parts of the standard library that tell by their arguments alone."""

import ast
import importlib
import types

__all__ = ["HOMES", "IMPURE", "PURE", "PURE_PARTS", "built", "real_named"]

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
    "io": frozenset(["open", "open_code", "FileIO"]),
    "tokenize": frozenset(["open"]),
    "uuid": frozenset(["getnode", "uuid1", "uuid4"]),
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
