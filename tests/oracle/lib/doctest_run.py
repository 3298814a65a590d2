"""Runs the examples of one doctest of test_pdb, as `doctest` would: in order, in one namespace, under their names.

doctest_run.py SPEC               pdb.Pdb is inert: nothing stops. This is what is recorded.
doctest_run.py --live SPEC OUT    with pdb as it is; OUT gets what the program printed after each line of input, and what pdb did

SPEC: {"examples": [{"file": name of the code, "source": text}], "post_mortem": whether the session is one of a caught exception}
"""
import ast
import json
import sys

import test.test_pdb as tested


def inert():
    """Replaces pdb.Pdb so that programs that call it run through, and its calls are calls of C functions, which no line tells of."""
    import functools
    import pdb
    import types

    # `bool` takes one argument or none, as set_trace does, and has no effect.
    pdb.Pdb = functools.partial(types.SimpleNamespace, set_trace=bool, _previous_sigint_handler=None)


def uncaught(tree):
    """The program with the handlers taken out that lead to a post-mortem session: a recording has one at the exception that ends it.

    Each becomes a `finally` at its lines, through which the exception goes on without another traceback entry.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and node.handlers:
            last = node.handlers[-1].body[-1]
            leads = any(isinstance(n, ast.Name) and n.id in ("test_function", "pdb") for n in ast.walk(node))
            if leads:
                node.handlers = []
                node.finalbody = [ast.copy_location(ast.Pass(), last)]
    return tree


def run(spec):
    namespace = dict(tested.__dict__)
    for example in spec["examples"]:
        tree = compile(example["source"], example["file"], "single", ast.PyCF_ONLY_AST, True)
        if spec["post_mortem"]:
            tree = uncaught(tree)
        exec(compile(tree, example["file"], "single", 0, True), namespace)


class Live:
    """Standard streams of a live session: what the program prints is kept apart from what pdb prints."""

    def __init__(self):
        # By line of input: what came before the first, after the first, ...
        self.program, self.pdb = [""], [""]

    def input_class(live):
        class Input:
            def __init__(self, lines):
                self.lines = list(lines)

            def readline(self):
                line = self.lines.pop(0)
                live.program.append("")
                live.pdb.append("")
                return line + "\n"

        return Input


class Stream:
    encoding = "utf-8"

    def __init__(self, kept):
        self.kept = kept

    def write(self, text):
        self.kept[-1] += text

    def flush(self):
        pass


def live(spec, out):
    import bdb
    import linecache
    import pdb

    session = Live()
    for name in ("_FakeInput", "FakeInput"):
        if hasattr(tested, name):
            setattr(tested, name, session.input_class())
    to_pdb = Stream(session.pdb)
    plain = pdb.Pdb.__init__

    def __init__(self, *args, **kwargs):
        plain(self, *args, **kwargs)
        self.use_rawinput, self.stdin, self.stdout = 0, sys.stdin, to_pdb

    def asked(prompt):
        to_pdb.write(prompt)
        return sys.stdin.readline().rstrip("\n")

    pdb.Pdb.__init__, pdb.input = __init__, asked
    for example in spec["examples"]:
        lines = example["source"].splitlines(True)
        linecache.cache[example["file"]] = (len(example["source"]), None, lines, example["file"])
    kept, error = sys.stdout, None
    sys.stdout = Stream(session.program)
    try:
        run(dict(spec, post_mortem=False))
    except BaseException as e:
        error = "%s: %s" % (type(e).__name__, e)
    sys.settrace(None)
    sys.stdout = kept
    bdb.Breakpoint.clearBreakpoints()
    with open(out, "w") as f:
        json.dump({"program": session.program, "pdb": session.pdb, "error": error}, f)


if __name__ == "__main__":
    if sys.argv[1] == "--live":
        with open(sys.argv[2]) as f:
            live(json.load(f), sys.argv[3])
    else:
        inert()
        with open(sys.argv[1]) as f:
            run(json.load(f))
