"""Runs the examples of one doctest of test_pdb, as `doctest` would: in order, in one namespace, under their names.

doctest_run.py SPEC               pdb.Pdb is inert: nothing stops. This is what is recorded.
doctest_run.py --live SPEC OUT    with pdb as it is; OUT gets what was printed, and what of it by the program

SPEC: {"examples": [{"file": name of the code, "source": text}], "post_mortem": whether the session is one of a caught exception}
"""
import ast
import json
import os
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


class Session:
    """What a live session prints; what comes from the program is kept apart, too."""

    def __init__(self):
        # By line of input: what came before the first, after the first, ...
        self.program = [""]
        self.all = ""


class FakeInput:
    """Gives the lines of input, and shows them, as the class of this name in test_pdb does."""

    def __init__(self, session, lines):
        self.session, self.lines = session, list(lines)

    def readline(self):
        line = self.lines.pop(0) + "\n"
        self.session.program.append("")
        self.session.all += line
        return line


class Stream:
    encoding = "utf-8"

    def __init__(self, session, of_program):
        self.session, self.of_program = session, of_program

    def write(self, text):
        self.session.all += text
        if self.of_program:
            self.session.program[-1] += text

    def flush(self):
        pass


def live(spec):
    import functools
    import linecache
    import pdb

    session = Session()
    for name in ("_FakeInput", "FakeInput"):
        if hasattr(tested, name):
            setattr(tested, name, functools.partial(FakeInput, session))
    to_pdb = Stream(session, False)
    plain = pdb.Pdb.__init__

    def begin(self, *args, **kwargs):
        plain(self, *args, **kwargs)
        self.use_rawinput, self.stdin, self.stdout = 0, sys.stdin, to_pdb

    def asked(prompt):
        to_pdb.write(prompt)
        return sys.stdin.readline().rstrip("\n")

    pdb.Pdb.__init__, pdb.input = begin, asked
    for example in spec["examples"]:
        example["file"] = os.path.basename(example["file"])
        lines = example["source"].splitlines(True)
        linecache.cache[example["file"]] = (len(example["source"]), None, lines, example["file"])
    spec["post_mortem"] = False
    kept, error = sys.stdout, None
    sys.stdout = Stream(session, True)
    try:
        run(spec)
    except BaseException as e:
        error = "%s: %s" % (type(e).__name__, e)
    sys.settrace(None)
    sys.stdout = kept
    return {"program": session.program, "all": session.all, "error": error}


if __name__ == "__main__":
    if sys.argv[1] == "--live":
        with open(sys.argv[2]) as f:
            session = live(json.load(f))
        with open(sys.argv[3], "w") as f:
            json.dump(session, f)
    else:
        inert()
        with open(sys.argv[1]) as f:
            run(json.load(f))
