#!/usr/bin/env python3
"""Counts the functions of a program that run in a recorded run and not in the plain one: none may.

hostile.py --python 3.12=EXE --moviola BIN --recorder DIR --cache DIR [--json FILE] [NAMES]
hostile.py ... --self-test                the same with a recorder that does call the program's methods; passes if that is seen

Each program is rewritten so that every function and lambda of it begins by writing its own number into a mapped file, and then
run twice, plain and recorded. What is compared is that file, so nothing that the recorder says about itself takes part.
The programs are those of the corpus that run the same way each time; most of what the hostile ones define are special methods
that a recorder could call by accident: __eq__, __hash__, __repr__, __getattribute__, metaclass hooks, lying properties.
"""
import argparse
import ast
import collections
import json
import os
import re
import sys

import corpuslib
import fidelity

LOG_BYTES = 1 << 20
# What runs differently from one plain run to the next, or starts other processes.
SKIPPED = {"threads", "fork", "subprocess"}
# Enough to see whether calls would be found out.
SELF_TEST = ("c09_descriptors", "c11_getattr", "c41_hostile_meta", "c95_hostile_special", "c96_hostile_classes", "c97_hostile_namespaces")
NAIVE = '''"""A recorder that does everything wrong: it asks the program's objects."""
import operator
import os
import sys


QUESTIONS = (
    repr, str, len, hash, bool, iter, dir, vars, callable, os.fspath, operator.index, operator.length_hint, lambda v: v == v, lambda v: v < v,
    lambda v: v in (None, v), lambda v: isinstance(v, int), lambda v: isinstance(1, v), lambda v: issubclass(v, int), lambda v: v.__class__,
    lambda v: v.__dict__, lambda v: v["key"], lambda v: getattr(v, "missing"), lambda v: v.items(),
)


def ask(value):
    for question in QUESTIONS:
        try:
            question(value)
        except BaseException:
            pass


def trace(frame, kind, argument):
    if not frame.f_code.co_filename.endswith(".py") or "/lib/python" in frame.f_code.co_filename:
        return None
    for value in list(frame.f_locals.values()):
        ask(value)
    return trace


sys.settrace(trace)
'''


class Counting(ast.NodeTransformer):
    """Has each function begin with a call that leaves its number behind."""

    def __init__(self):
        self.names = [None]
        self.inside = []

    def hit(self, node, name):
        self.names.append("%s:%d" % (".".join([*self.inside, name]), node.lineno))
        number = ast.Constant((len(self.names) - 1).to_bytes(2, "little"))
        return ast.Call(ast.Name("__hit__", ast.Load()), [number], [])

    def within(self, node, name):
        self.inside.append(name)
        self.generic_visit(node)
        self.inside.pop()
        return node

    def visit_ClassDef(self, node):
        return self.within(node, node.name)

    def visit_FunctionDef(self, node):
        call = ast.Expr(self.hit(node, node.name))
        self.within(node, node.name)
        at = 1 if ast.get_docstring(node, clean=False) is not None else 0
        node.body.insert(at, call)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        call = self.hit(node, "<lambda>")
        self.within(node, "<lambda>")
        node.body = ast.Subscript(ast.Tuple([call, node.body], ast.Load()), ast.Constant(1), ast.Load())
        return node


def rewritten(path, log):
    """-> (source that writes the numbers of its functions into `log`, what the numbers mean)."""
    with open(path, "rb") as f:
        tree = ast.parse(f.read(), path)
    counting = Counting()
    tree = counting.visit(tree)
    head = "import mmap, os\n__builtins__.__hit__ = mmap.mmap(hit := os.open(%r, os.O_RDWR), %d).write\nos.close(hit)\ndel mmap, os, hit\n" % (log, LOG_BYTES)
    at = 1 if ast.get_docstring(tree, clean=False) is not None else 0
    while at < len(tree.body) and isinstance(tree.body[at], ast.ImportFrom) and tree.body[at].module == "__future__":
        at += 1
    tree.body[at:at] = ast.parse(head).body
    text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    return text.encode("utf-8", "surrogatepass"), counting.names


def run(d, cmd, log, names, extra=None):
    """-> (calls in their order, what came out)."""
    with open(log, "wb") as f:
        f.truncate(LOG_BYTES)
    out = fidelity.run(cmd, d["stdin"], extra, cwd=os.path.dirname(log))
    with open(log, "rb") as f:
        data = f.read()
    calls = [int.from_bytes(data[i : i + 2], "little") for i in range(0, len(data.rstrip(b"\0")), 2)]
    return [names[c] for c in calls], out


def one(d, a):
    """-> row of one program."""
    work = os.path.join(a.cache, "hostile")
    os.makedirs(work, exist_ok=True)
    path, log = os.path.join(work, os.path.basename(d["path"])), os.path.join(work, "hits")
    text, names = rewritten(d["path"], log)
    with open(path, "wb") as f:
        f.write(text)
    row = {"name": d["name"], "functions": len(names) - 1, "notes": []}
    plain, out = run(d, [a.exe, path, *d["args"]], log, names)
    trace = os.path.join(work, d["name"] + ".moviola")
    if a.self_test:
        with open(os.path.join(work, "sitecustomize.py"), "w") as f:
            f.write(NAIVE)
        recorded, got = run(d, [a.exe, path, *d["args"]], log, names, {"PYTHONPATH": work})
        os.remove(os.path.join(work, "sitecustomize.py"))
    else:
        recorded, got = run(d, [a.moviola, "record", "-o", trace, "--python", a.exe, path, *d["args"]], log, names)
        if not os.path.exists(trace):
            row["notes"].append("not recorded: " + got["stderr"][-300:])
        for left in (trace, trace + ".ring"):
            if os.path.exists(left):
                os.remove(left)
    more = collections.Counter(recorded)
    more.subtract(collections.Counter(plain))
    if a.self_test:
        more = +more                            # what the tracing breaks does not count
    row["calls"] = len(plain)
    row["more"] = {name: n for name, n in more.items() if n}
    row["by recorder"] = sum(n if a.self_test else abs(n) for n in row["more"].values())
    rule = fidelity.rules(d["name"], a.version)
    if "calls" in rule.get("allow", []) and row["by recorder"]:
        print("%s: %+d calls excused: %s" % (d["name"], sum(row["more"].values()), rule["reason"]))
        row["more"], row["by recorder"] = {}, 0
    elif not a.self_test:
        if recorded != plain and not row["more"]:
            row["notes"].append("as many calls, but in another order")
        if (got["rc"], got["stdout"]) != (fidelity.shell_code(out["rc"]), out["stdout"]):
            row["notes"].append("exit code %s, plain %s; standard output: %s" % (got["rc"], out["rc"], fidelity.first_difference(out["stdout"], got["stdout"])))
    return row


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--python", "--moviola", "--recorder", "--cache"):
        p.add_argument(name, required=True)
    p.add_argument("--json")
    p.add_argument("--self-test", action="store_true")
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    a.version, a.exe = a.python.split("=", 1)
    a.cache = os.path.abspath(a.cache)
    os.makedirs(a.cache, exist_ok=True)
    a.moviola = fidelity.beside_each_other(a)
    rows = [one(d, a) for d in corpuslib.programs(a.names) if suits(d, a)]
    if not rows:
        sys.exit("no such program in the corpus: " + " ".join(a.names))
    print("Python %s, %s" % (a.version, "a recorder that calls methods" if a.self_test else "the program's functions, recorded against plain"))
    print("%-24s %9s %9s %12s" % ("program", "functions", "calls", "by recorder"))
    for r in rows:
        print("%-24s %9d %9d %12d" % (r["name"], r["functions"], r["calls"], r["by recorder"]))
        for name, n in [] if a.self_test else r["more"].items():
            print("      %s called %+d times" % (name, n))
        for note in r["notes"]:
            print("      " + note)
    total = {k: sum(r[k] for r in rows) for k in ("functions", "calls", "by recorder")}
    print("%-24s %9d %9d %12d" % ("total", total["functions"], total["calls"], total["by recorder"]))
    if a.json:
        with open(a.json, "w") as f:
            json.dump({"python": a.version, "rows": rows, "total": total}, f)
    if a.self_test:
        seen = {re.sub(r":\d+$", "", n).rpartition(".")[2] for r in rows for n in r["more"]}
        print("special methods seen to be called: " + " ".join(sorted(n for n in seen if n[:2] == "__")))
        missing = {"__repr__", "__eq__", "__hash__", "__len__", "__bool__", "__iter__", "__getattribute__", "__class__", "__dict__"} - seen
        sys.exit("the self-test saw no call of " + " ".join(sorted(missing)) if missing else 0)
    print("user-defined methods called by the recorder: %d" % total["by recorder"])
    sys.exit(1 if total["by recorder"] or any(r["notes"] for r in rows) else 0)


def suits(d, a):
    if a.self_test and not a.names and d["name"] not in SELF_TEST:
        return False
    return not d["module"] and corpuslib.applies(d, a.version) and not SKIPPED & set(d["tags"])


if __name__ == "__main__":
    main()
