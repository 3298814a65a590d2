#!/usr/bin/env python3
"""Replays the sessions of CPython's own test_pdb, and compares the text with the one that its doctests expect.

pdb_parity.py --python 3.12=EXE --moviola BIN --recorder DIR --cache DIR [--show NAME] [--json FILE] [NAMES]

The doctests of the interpreter's test.test_pdb are data: the program, the lines of input, the expected text, the option flags. The
program is recorded with a pdb that does not stop (lib/doctest_run.py), and the input is given to `moviola replay` where pdb stops
first. doctest's own OutputChecker compares, and what passes is held against the text of a live session, too. The scripts of the class
PdbTestCase come with input, but with assertions instead of a text: they are held against `python -m pdb`. NORMALISED says what is
done to either text before, and why; pdb_parity.toml has the sessions that a recording cannot answer, each with the reason. One
that is listed and passes is a failure, too.
"""
import argparse
import ast
import difflib
import doctest
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import tomllib
import unittest
import unittest.mock
from concurrent.futures import ThreadPoolExecutor

import test.test_pdb as tested

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "lib", "doctest_run.py")
SECONDS = 60
# Calls of set_trace that are looked for; no doctest has more.
STOPS = 8

PROMPTS = ("(Pdb) ", "(com) ", "Clear all breaks? ", ">>> ", "...   ", "... ")

# What is done to the texts: (name, what, why). The functions that do it name the row.
NORMALISED = [
    ("echo", "each prompt of the replay is followed by the line of input", "the input of a doctest echoes itself"),
    ("ps1", "the prompt `>>> ` of interact is `... `", "the text of a doctest cannot have it; its input prints the other"),
    ("output", "what the program printed after a line of input in a live session stands behind that line", "a replay does not print it again; a live session with the same input tells where it belongs"),
    ("files", "the directory is taken out of the names of the examples, and put in where the input has one", "the text of a file is recorded, that of a name in angle brackets is not; so each example lies in a file"),
    ("end", "the text from `The program finished` on, and input behind it, is left out", "a doctest goes on to its next example, a recording stays at its end"),
    ("crash", "`Uncaught exception. Entering post mortem debugging` and the exception behind it are left out", "a doctest calls pdb._post_mortem in a handler; its recording ends with the exception, so that there is a session of it"),
    ("hits", "lines with the hits of a breakpoint are left out", "they are a function of the position here; pdb counts what has happened since the breakpoint was set"),
    ("runner", "entries of the stack that stand in the runner or in bdb and pdb are left out when the text is held against a live session", "the live session has its debugger on the stack, and another line of the runner"),
    ("restart", "what follows when `python -m pdb` starts a script anew is left out, and that it would", "a recording stays at its end"),
    ("printed", "what a script prints is taken out of the text of `python -m pdb`", "a replay does not print it again"),
    ("addresses", "addresses are left out when the text is held against a live session", "they differ from run to run"),
]
END = "The program finished: this is the end of the recording\n"
CRASH = re.compile(r"Uncaught exception\. Entering post mortem debugging\n.*\n")
HITS = re.compile(r"^\t(breakpoint already hit \d+ times?|hit \d+ of \d+ in the recording)\n", re.M)
RUNNER = re.compile(r"(^|(?<=^\(Pdb\) ))(  [^\n]*/(doctest_run|bdb|pdb)\.py\(\d+\)[^\n]*\n-> [^\n]*\n|  <string>\(1\)<module>\(\)\n)", re.M)
# Behind the arguments of a restart that was asked for, the sentence says nothing else.
RESTART = re.compile(r"(?<!\t\n)(The program (finished|exited)|Post mortem debugger finished).*", re.S)
WOULD = re.compile(r"^Running 'cont' or 'step' will restart the program\n", re.M)


class Session:
    """One doctest: its examples, and the one that has the input."""

    def __init__(self, test, work):
        self.name = test.name.rpartition(".")[2]
        self.work = os.path.join(work, self.name)
        self.examples = [{"file": os.path.join(self.work, "<doctest %s[%d]>" % (test.name, i)), "source": e.source} for i, e in enumerate(test.examples)]
        self.post_mortem = any("_post_mortem(" in e.source for e in test.examples)
        inputs = [(given(e.source), e) for e in test.examples if "PdbTestInput(" in e.source]
        self.input, self.example = inputs[0]
        self.problem = None
        if len(inputs) != 1:
            self.problem = "%d sessions" % len(inputs)
        elif self.input is None:
            self.problem = "the input is no list of texts"
        self.flags = 0
        for flag, on in self.example.options.items():
            self.flags = self.flags | flag if on else self.flags & ~flag

    def stopping_lines(self):
        """(file, line) of each call of set_trace."""
        for e in self.examples:
            for node in ast.walk(ast.parse(e["source"])):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "set_trace":
                    yield e["file"], node.func.end_lineno


def given(source):
    """The lines of input in `with PdbTestInput([...]):`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.withitem) and isinstance(node.context_expr, ast.Call) and node.context_expr.args:
            try:
                return ast.literal_eval(node.context_expr.args[0])
            except ValueError:
                return None
    return None


class Script:
    """One call of run_pdb_script: the files that are there, the lines of input, what is in .pdbrc."""

    def __init__(self, name, work, files, commands):
        self.name, self.files, self.commands = name, files, textwrap.dedent(commands)
        self.work = os.path.join(work, name)
        self.trace = os.path.join(self.work, "t.moviola")


def run(cmd, stdin="", env=None, cwd=None):
    kept = {k: os.environ[k] for k in ("HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR") if k in os.environ}
    kept.update(PYTHONDONTWRITEBYTECODE="1", PYTHONUTF8="1", TERM="dumb", LC_ALL="C.UTF-8", **(env or {}))
    p = subprocess.run(cmd, input=stdin.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=kept, cwd=cwd, timeout=SECONDS)
    return p.returncode, p.stdout.decode("utf-8", "backslashreplace"), p.stderr.decode("utf-8", "backslashreplace")


def typed(session, line):
    """NORMALISED files: a line of input with the names of the files that the examples are in."""
    for e in session.examples:
        line = line.replace(os.path.basename(e["file"]), e["file"])
    return line


def our_text(session, text):
    """NORMALISED files, crash and hits."""
    return HITS.sub("", CRASH.sub("", text.replace(session.work + os.sep, "")))


def alike(text):
    """NORMALISED hits, runner, restart and addresses: a text to hold against that of a live session."""
    text = WOULD.sub("", RESTART.sub("", RUNNER.sub("", HITS.sub("", text))))
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def transcript(lines, text, program):
    """NORMALISED echo, output and end: what a terminal would have shown."""
    out, count, ended = [program[0]], 0, False
    for line in text.splitlines(True):
        while prompt := next((p for p in PROMPTS if line.startswith(p)), None):
            if ended or count == len(lines):
                return "".join(out)
            out.append(("... " if prompt == ">>> " else prompt) + lines[count] + "\n")
            count += 1
            out.append(program[count] if count < len(program) else "")
            line = line[len(prompt):]
        ended = ended or line == END
        if not ended:
            out.append(line)
    return "".join(out)


def first_stop(session, a, trace):
    """The position at which pdb stops first, and the lines at which it stops again: [] if nowhere."""
    if session.post_mortem:
        return None, []
    breaks = ["break %s:%d" % place for place in session.stopping_lines()]
    # Up to 3.12, set_trace stops at what comes next in the frame.
    after = [] if a.minor >= 13 else ["step"]
    moves = ["continue", *after, "goto", "p 'goto'"] * STOPS
    text = run([a.moviola, "replay", "--python", a.exe, "--at", "start", trace], "\n".join(breaks + moves + ["q"]))[1]
    stops, again = [], []
    for part in text.split("(Pdb) 'goto'\n")[:-1]:
        if END in part:
            break
        at = re.findall(r"^\(Pdb\) @(\d+)$", part, re.M)
        place = re.findall(r"> (.*)\((\d+)\)", part)
        if at and place:
            stops.append("@" + at[-1])
            again.append(place[-1])
    return (stops[0] if stops else ""), again[1:]


def one(session, a):
    """-> row."""
    row = {"name": session.name, "problem": session.problem, "diff": ""}
    if row["problem"]:
        return row
    os.makedirs(session.work, exist_ok=True)
    spec = os.path.join(session.work, "spec.json")
    trace = os.path.join(session.work, "t.moviola")
    for e in session.examples:
        with open(e["file"], "w") as f:
            f.write(e["source"])
    with open(spec, "w") as f:
        json.dump({"examples": session.examples, "post_mortem": session.post_mortem}, f)
    lived = os.path.join(session.work, "live.json")
    code, _, err = run([a.exe, PROGRAM, "--live", spec, lived], cwd=session.work)
    if code != 0:
        return dict(row, problem="no live session: " + err[-300:])
    with open(lived) as f:
        live = json.load(f)
    checker = doctest.OutputChecker()
    want = session.example.want
    if not checker.check_output(want, live["all"], session.flags):
        return dict(row, problem="a live session is not as expected", diff=difference(want, live["all"], "live"))
    if os.path.exists(trace):
        os.remove(trace)
    code, _, err = run([a.moviola, "record", "-o", trace, "--python", a.exe, PROGRAM, spec], env={"MOVIOLA_RECORDER": a.recorder}, cwd=session.work)
    if code != (1 if session.post_mortem else 0):
        return dict(row, problem="the program fails: " + err[-300:])
    at, again = first_stop(session, a, trace)
    if at == "":
        return dict(row, problem="set_trace is not called")
    lines = [typed(session, line) for line in session.input]
    own = any(re.match(r"\s*t?b(reak)?\b|cl(ear)?\b", line) for line in lines)
    if again and own:
        return dict(row, problem="breakpoints and a second set_trace")
    places = ["-x=break %s:%s" % place for place in dict.fromkeys(again)]
    code, text, err = run([a.moviola, "replay", "--python", a.exe, *(["--at", at] if at else []), *places, trace], "".join(line + "\n" for line in lines))
    if code != 0:
        return dict(row, problem="replay fails: " + err[-300:])
    got = our_text(session, transcript(session.input, text, live["program"]))
    if places:
        # What setting them said.
        got = re.sub(r"\A(Breakpoint \d+ at .*\n)+", "", got)
    if not checker.check_output(want, got, session.flags):
        return dict(row, problem="differs", diff=difference(want, got, "moviola"))
    if alike(live["all"]) != alike(got):
        return dict(row, problem="differs from a live session", diff=difference(alike(live["all"]), alike(got), "moviola"))
    return row


def script(session, a):
    """-> row."""
    row = {"name": session.name, "problem": None, "diff": ""}
    os.makedirs(session.work, exist_ok=True)
    for name, text in session.files.items():
        with open(os.path.join(session.work, name), "w") as f:
            f.write(text)
    # The user's own .pdbrc must not take part.
    env = {"HOME": session.work, "PYTHONIOENCODING": "utf-8"}
    live = run([a.exe, "-m", "pdb", "main.py"], session.commands, env, session.work)[1]
    printed = run([a.exe, "main.py"], "", env, session.work)[1]
    if os.path.exists(session.trace):
        os.remove(session.trace)
    run([a.moviola, "record", "-o", session.trace, "--python", a.exe, "main.py"], "", dict(env, MOVIOLA_RECORDER=a.recorder), session.work)
    code, text, err = run([a.moviola, "replay", "--python", a.exe, "--at", "start", session.trace], session.commands, env, session.work)
    if code != 0:
        return dict(row, problem="replay fails: " + err[-300:])
    want, got = alike(unprinted(live, printed)), alike(CRASH.sub("Uncaught exception. Entering post mortem debugging\n", text))
    if want != got:
        row.update(problem="differs from a live session", diff=difference(want, got, "moviola"))
    return row


def unprinted(text, printed):
    """NORMALISED printed."""
    at = 0
    for line in printed.splitlines(True):
        found = text.find(line, at)
        if found >= 0:
            text, at = text[:found] + text[found + len(line):], found
    return text


def difference(want, got, whose):
    return "\n".join(difflib.unified_diff(want.splitlines(), got.splitlines(), "expected", whose, lineterm="", n=30))


def excluded(version):
    with open(os.path.join(HERE, "pdb_parity.toml"), "rb") as f:
        found = tomllib.load(f).get("excluded", [])
    return {r["session"]: r["reason"] for r in found if version in r.get("python", [version])}


def sessions(work):
    """The doctests that have input."""
    found = doctest.DocTestFinder().find(tested)
    return [Session(t, work) for t in found if t.examples and any("PdbTestInput(" in e.source for e in t.examples)]


def scripts(work):
    """The scripts of PdbTestCase: its methods run up to where pdb would be started."""
    found = []

    def instead(name):
        def run_pdb_script(self, script, commands, *args, **options):
            files = {"main.py": textwrap.dedent(script)}
            for other in filter(os.path.isfile, os.listdir(".")):
                with open(other, encoding="utf-8", errors="surrogateescape") as f:
                    files.setdefault(other, f.read())
            if options.get("pdbrc"):
                files[".pdbrc"] = textwrap.dedent(options["pdbrc"])
            found.append(Script(name, work, files, commands))
            raise unittest.SkipTest

        return run_pdb_script

    def not_started(*args, **options):
        raise unittest.SkipTest

    before = os.getcwd()
    for name in unittest.defaultTestLoader.getTestCaseNames(tested.PdbTestCase):
        with tempfile.TemporaryDirectory() as here:
            os.chdir(here)
            changed = {"run_pdb_script": instead(name), "_run_pdb": not_started}
            with unittest.mock.patch.multiple(tested.PdbTestCase, **changed):
                tested.PdbTestCase(name).run(unittest.TestResult())
            os.chdir(before)
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--python", required=True, help="VERSION=EXE")
    p.add_argument("--moviola", required=True)
    p.add_argument("--recorder", required=True)
    p.add_argument("--cache", required=True)
    p.add_argument("--json")
    p.add_argument("--show", action="append", default=[], metavar="NAME", help="how the text differs")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    version, a.exe = a.python.split("=", 1)
    a.minor = int(version.split(".")[1])
    names = a.names + a.show
    work = os.path.join(os.path.abspath(a.cache), "pdb")
    todo = [s for s in [*sessions(work), *scripts(work)] if not names or any(n in s.name for n in names)]
    if not todo:
        sys.exit("no such session in test_pdb: " + " ".join(names))
    with ThreadPoolExecutor(a.jobs) as pool:
        rows = list(pool.map(lambda s: (script if isinstance(s, Script) else one)(s, a), todo))
    left_out = excluded(version)
    for name in sorted(set(left_out) - {s.name for s in todo} if not names else ()):
        rows.append({"name": name, "problem": "pdb_parity.toml names it, test_pdb does not", "diff": "", "bad": True})
    for row in rows:
        row["excluded"] = left_out.get(row["name"])
        if row["excluded"] is None:
            row["bad"] = row["problem"] is not None
        elif row["problem"] is None:
            row.update(bad=True, problem="passes: remove it from pdb_parity.toml")
        else:
            row.setdefault("bad", False)
    for row in rows:
        if row["bad"]:
            print("FAIL %s: %s" % (row["name"], row["problem"]))
        if row["diff"] and any(n in row["name"] for n in a.show):
            print(row["diff"])
    bad = [r["name"] for r in rows if r["bad"]]
    good = [r for r in rows if not r["bad"] and not r["excluded"]]
    out = [r for r in rows if not r["bad"] and r["excluded"]]
    print("%s: %d of %d sessions pass, %d excluded, %d fail%s" % (version, len(good), len(rows), len(out), len(bad), ": " + " ".join(bad) if bad else ""))
    if a.json:
        with open(a.json, "w") as f:
            json.dump({"python": version, "rows": rows}, f)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
