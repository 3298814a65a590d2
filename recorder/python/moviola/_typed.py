"""What the user has typed, compiled so that `is` asks: of numbers and strings a recording has the values, not which object each is."""

import ast

from moviola._plain import NotRecorded, RecordedNan, Refused

__all__ = ["IS", "compiled", "same"]

# Under this name compiled code finds `same`.
IS = "__moviola_is__"


def compiled(text, file, mode):
    """As `compile`, whose errors it has."""
    code = compile(text, file, mode)
    asking = _Asking()
    tree = asking.visit(ast.parse(text, file, mode))
    return compile(ast.fix_missing_locations(tree), file, mode) if asking.needed else code


class _Asking(ast.NodeTransformer):
    def __init__(self):
        self.needed = False

    def _call(self, node, *args):
        self.needed = True
        return ast.copy_location(ast.Call(ast.copy_location(ast.Name(IS, ast.Load()), node), list(args), []), node)

    def visit_Compare(self, node):
        self.generic_visit(node)
        sides = [node.left, *node.comparators]
        if not any(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops) or any(map(_is_single, sides)):
            return node
        if len(node.ops) > 1:
            # What is in the middle of a chain is evaluated once.
            return self._call(node, ast.copy_location(ast.Constant("`is` in a chain of comparisons"), node))
        called = self._call(node, *sides)
        negated = isinstance(node.ops[0], ast.IsNot)
        return ast.copy_location(ast.UnaryOp(ast.Not(), called), node) if negated else called


def _is_single(node):
    """Whether it is a constant of which there is one object."""
    return isinstance(node, ast.Constant) and (node.value is None or node.value is ... or isinstance(node.value, bool))


def same(a, *b):
    """`a is b`; NotRecorded if a recording cannot tell."""
    if not b:
        raise Refused(a)
    b = b[0]
    kind, other = (float if type(value) is RecordedNan else type(value) for value in (a, b))
    if kind is not other or kind not in (int, float, complex, str, bytes):
        return a is b
    if repr(a) != repr(b):
        return False
    # CPython has these once.
    if (kind is int and -5 <= a <= 256) or (kind in (str, bytes) and len(a) <= 1):
        return True
    raise NotRecorded(f"the identity of {'an' if kind is int else 'a'} {kind.__name__}")
