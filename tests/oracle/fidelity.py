#!/usr/bin/env python3
"""Records the corpus and the samples, exports the traces and compares them with the oracle.

fidelity.py --python 3.12=EXE --moviola BIN --recorder DIR --cache DIR [--rows] [--no-locals] [--json FILE] [NAMES]
fidelity.py ... --random N [--seed S]     generated programs instead, those of the seeds S to S+N-1

A row is printed for each program that is not as the oracle in everything (--rows: for each), then the totals. The truth and the
plain run are kept in the cache directory until a program or the oracle changes. A program passes when its exit code, standard
output and standard error are the plain run's (if not, it is perturbed) and every event and value is the oracle's, or differs
in a way that exceptions.toml allows for it with a reason: its values then do not count. A comparison of no events is a failure. `generate.py SEED` prints the program that
the row rSEED is about.
"""
import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor

import corpuslib

HERE = os.path.dirname(os.path.abspath(__file__))
ENV = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", "TERM": "dumb", "PYTHONUTF8": "1", "PATH": "/usr/local/bin:/usr/bin:/bin"}
# Programs show their environment: it must be the same today as when the truth was made.
KEPT = ["HOME", "LD_LIBRARY_PATH", "TMPDIR"]
ORACLE_FILES = ["fidelity.py", "truth_lines.py", "lib/launch.py", "lib/oracle_lines.py", "lib/oracle_out.py", "lib/oracle_render.py", "lib/_oracle_ct.c", "inject/sitecustomize.py"]
SECONDS = 300


def run(cmd, stdin=None, extra=None, cwd=None):
    env = {k: os.environ[k] for k in KEPT if k in os.environ}
    env.update(ENV)
    env.update(extra or {})
    p = subprocess.Popen(cmd, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=cwd)
    try:
        o, e = p.communicate(stdin.encode() if stdin is not None else None, timeout=SECONDS)
        rc = p.returncode
    except subprocess.TimeoutExpired:
        p.kill()
        o, e = p.communicate()
        rc = "timeout"
    return {"rc": rc, "stdout": o.decode("utf-8", "backslashreplace"), "stderr": e.decode("utf-8", "backslashreplace")}


def build_shim(python, cache):
    """Compiles the C part of the oracle for this Python, into the cache."""
    code = "import sysconfig;print(sysconfig.get_path('include'));print(sysconfig.get_config_var('EXT_SUFFIX'))"
    include, suffix = subprocess.check_output([python, "-c", code], text=True).split()
    src = os.path.join(HERE, "lib", "_oracle_ct.c")
    out = os.path.join(cache, "_oracle_ct" + suffix)
    if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(src):
        subprocess.check_call([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", "-w", "-I" + include, src, "-o", out])


def beside_each_other(a):
    """Puts the binary beside the extension, where it looks first: no variable that the program could see."""
    place = os.path.join(a.cache, "bin")
    os.makedirs(place, exist_ok=True)
    name = "libmoviola_recorder.so"
    for source, target in ((a.moviola, "moviola"), (os.path.join(a.recorder, name), name)):
        target = os.path.join(place, target)
        shutil.copy2(source, target + ".new")
        os.replace(target + ".new", target)
    return os.path.join(place, "moviola")


def truth(d, a):
    """-> (path of the truth, plain run); made again only when something that it depends on is newer."""
    path = os.path.join(a.kept, d["name"] + (".events" if a.no_locals else ".lines") + ".jsonl.gz")
    plain = os.path.join(a.kept, d["name"] + ".plain.json")
    sources = [os.path.join(HERE, f) for f in ORACLE_FILES] + [d["path"]]
    newest = max(map(os.path.getmtime, sources))
    if not os.path.exists(plain) or os.path.getmtime(plain) < newest:
        r = run([a.exe] + corpuslib.target(d), d["stdin"], cwd=d["root"])
        with open(plain, "w") as f:
            json.dump(r, f)
    if not os.path.exists(path) or os.path.getmtime(path) < newest:
        cmd = [a.exe, os.path.join(HERE, "truth_lines.py"), "--python", a.exe, "-o", path + ".new", "--cwd", d["root"], "--root", d["root"], "--timeout", str(SECONDS - 10)]
        if a.no_locals:
            cmd.append("--no-locals")
        if d["stdin"] is not None:
            given = os.path.join(a.kept, d["name"] + ".stdin")
            with open(given, "w") as f:
                f.write(d["stdin"])
            cmd += ["--stdin", given]
        cmd += (["-m", d["module"]] if d["module"] else [d["path"]]) + d["args"]
        r = run(cmd, extra={"ORACLE_EXT": a.cache})
        if not os.path.exists(path + ".new"):
            raise RuntimeError("no truth for %s: %s" % (d["name"], r["stderr"][-500:]))
        os.replace(path + ".new", path)
    with open(plain) as f:
        return path, json.load(f)


def shell_code(rc):
    return 128 - rc if isinstance(rc, int) and rc < 0 else rc


def one(d, a):
    """Runs one program; -> row."""
    row = {"name": d["name"], "lines": 0, "identical": 0, "unknown": 0, "wrong": 0, "order": 0, "events": 0, "notes": [], "bad": [], "perturbed": [], "ms": 0}
    want_file, plain = truth(d, a)
    work = os.path.join(a.kept, "run")
    os.makedirs(work, exist_ok=True)
    trace = os.path.join(work, d["name"] + ".moviola")
    export = os.path.join(work, d["name"] + ".jsonl")
    for old in (trace, trace + ".ring", export):
        if os.path.exists(old):
            os.remove(old)
    t = time.time()
    r = run([a.moviola, "record", "-o", trace, "--python", a.exe] + corpuslib.target(d), d["stdin"], cwd=d["root"])
    row["ms"] = round((time.time() - t) * 1000)
    if r["rc"] != shell_code(plain["rc"]):
        row["perturbed"].append("exit code")
        row["notes"].append("exit code %s, plain %s; stderr: %s" % (r["rc"], plain["rc"], r["stderr"][-600:]))
    for name, fold in (("stdout", str), ("stderr", folded)):
        want, got = fold(plain[name]), fold(r[name])
        if want != got:
            row["perturbed"].append(name)
            row["notes"].append("%s differs: %s" % (name, first_difference(want, got)))
    if row["perturbed"]:
        row["bad"].append("output")
    cmd = [a.moviola, "export", "--format", "jsonl", "--root", d["root"], "-o", export]
    e = run(cmd + (["--no-locals"] if a.no_locals else []) + [trace])
    if e["rc"] != 0 or not os.path.exists(export):
        row["bad"].append("export")
        row["notes"].append("export failed (%s): %s" % (e["rc"], e["stderr"][-600:]))
        return row
    cmd = [sys.executable, os.path.join(HERE, "compare.py"), want_file, export, "--json", "--show=%d" % a.show]
    rule = rules(d["name"], a.version)
    cmd += ["--only=" + rule["only"]] if "only" in rule else []
    cmd += ["--ignore=" + ",".join(rule["ignore"])] if "ignore" in rule else []
    c = run(cmd + (["--no-locals"] if a.no_locals else []))
    try:
        got = json.loads(c["stdout"])
    except ValueError:
        row["bad"].append("compare")
        row["notes"].append("compare failed: " + c["stderr"][-600:])
        return row
    row["notes"] += got.pop("notes")
    row.update(got)
    if not row["events"]:
        row["bad"].append("empty")
        row["notes"].append("no events were compared")
    row["bad"] += [k for k in ("wrong", "order", "unknown") if row[k]]
    return row


def folded(text):
    """Without what differs from run to run: addresses, thread ids, names of temporary files, process ids in messages."""
    text = re.sub(r"0x[0-9a-f]{6,}", "0x*", text)
    text = re.sub(r"/tmp/tmp[a-z0-9_]{8}\b", "/tmp/tmp*", text)
    return re.sub(r"\bpid[ =:]+\d+", "pid *", text)


def first_difference(want, got):
    w, g = want.splitlines(), got.splitlines()
    for i in range(max(len(w), len(g))):
        x, y = w[i] if i < len(w) else "<end>", g[i] if i < len(g) else "<end>"
        if x != y:
            return "line %d: %r, plain %r" % (i + 1, y[:150], x[:150])
    return "line ends"


def rules(name, version):
    """What exceptions.toml says about a program, or {}."""
    with open(os.path.join(HERE, "exceptions.toml"), "rb") as f:
        found = tomllib.load(f).get("exception", [])
    return next((r for r in found if r["program"] == name and version in r.get("python", [version])), {})


def allowed(rows, version):
    """Moves what exceptions.toml allows from `bad` to `excused`."""
    for row in rows:
        rule = rules(row["name"], version)
        row["excused"] = {k: rule["reason"] for k in rule.get("allow", []) if k in row["bad"]}
        # A value that is marked as not recorded keeps the promise "exact or unknown".
        row["bad"] = [k for k in row["bad"] if k not in row["excused"] and k != "unknown"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--python", required=True, help="VERSION=EXE")
    p.add_argument("--moviola", required=True)
    p.add_argument("--recorder", required=True)
    p.add_argument("--cache", required=True)
    p.add_argument("--no-locals", action="store_true")
    p.add_argument("--json")
    p.add_argument("--rows", action="store_true", help="a row for each program")
    p.add_argument("--show", type=int, default=3)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--random", type=int, metavar="N", help="compare N generated programs")
    p.add_argument("--seed", type=int, help="the first one's seed (default: another one each time)")
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    version, a.exe = a.python.split("=", 1)
    a.version = version
    a.cache = os.path.abspath(a.cache)
    os.makedirs(a.cache, exist_ok=True)
    build_shim(a.exe, a.cache)
    a.moviola = beside_each_other(a)
    a.kept = a.cache
    if a.random:
        first = a.seed if a.seed is not None else random.randrange(10**9)
        with tempfile.TemporaryDirectory(prefix="moviola-random-") as a.kept:
            bad = table(corpuslib.generated(range(first, first + a.random), a.kept), a, "seeds %d to %d" % (first, first + a.random - 1))
    else:
        todo = [*corpuslib.programs(a.names), *corpuslib.samples(a.names)]
        bad = table((d for d in todo if corpuslib.applies(d, version)), a, "the corpus and the samples")
    sys.exit(1 if bad else 0)


def table(todo, a, what):
    """Compares programs and prints the table; -> those that fail."""
    todo = list(todo)
    if not todo:
        sys.exit("no such program in the corpus: " + " ".join(a.names))
    with ThreadPoolExecutor(a.jobs) as pool:
        rows = list(pool.map(lambda d: one(d, a), todo))
    allowed(rows, a.version)
    print("Python %s, %s%s" % (a.version, what, ", without locals" if a.no_locals else ""))
    row = "%-24s %9s %9s %8s %7s %7s %7s  %s"
    print(row % ("program", "lines", "identical", "unknown", "wrong", "order", "ms", ""))
    for r in rows:
        mark = "FAIL " + ",".join(r["bad"]) if r["bad"] else "excused" if r["excused"] else "ok"
        if mark == "ok" and not r["unknown"] and not a.rows:
            continue
        print(row % (r["name"], r["lines"], r["identical"], r["unknown"], r["wrong"], r["order"], r["ms"], mark))
        for n in r["notes"][: a.show]:
            print("      " + n[:700].replace("\n", "\n      "))
    bad = [r for r in rows if r["bad"]]
    counted = [r for r in rows if not r["excused"]]
    total = {k: sum(r[k] for r in counted) for k in ("lines", "identical", "unknown", "wrong", "order", "events")}
    total["programs"] = len(rows)
    total["perturbed"] = {r["name"]: r["perturbed"] for r in rows if r["perturbed"] and "output" not in r["excused"]}
    total["excused"] = {r["name"]: r["excused"] for r in rows if r["excused"]}
    passed = "%d of %d programs as the oracle, %d events" % (len(rows) - len(bad), len(rows), total["events"])
    print(row % ("total", total["lines"], total["identical"], total["unknown"], total["wrong"], total["order"], "", passed))
    print("perturbed programs: " + (", ".join("%s (%s)" % (n, ", ".join(w)) for n, w in total["perturbed"].items()) or "none"))
    if a.json:
        with open(a.json, "w") as f:
            json.dump({"python": a.version, "rows": rows, "total": total}, f)
    return bad


if __name__ == "__main__":
    main()
