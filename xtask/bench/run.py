"""Plain against recorded, interleaved, medians: run by `cargo xtask bench`.

run.py --python 3.12=EXE --moviola BIN --recorder DIR [--repeat N] [--json FILE] [WORKLOADS]

own: CPU time of the recorded process by its own clock; tree: CPU time of everything that was started, the writer
included; wall: elapsed time. Each is a ratio against the plain run. B/line: bytes of the trace a line event.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WORKLOADS = ["float_loop", "simulation", "tokenizer", "growth", "long_function"]
# Of coverage alone: from 3.12 on what has run costs nothing more; with ways, forks of which one way is never gone do.
COVERAGE_LIMITS = {
    "coverage": {"3.11": (8.0, None), "3.12": (1.1, 1.1), "3.13": (1.1, 1.1)},
    "branches": {"3.11": (12.0, None), "3.12": (4.0, None), "3.13": (4.0, None)},
}
DETAILS = {"full": [], "coverage": ["--detail", "coverage"], "branches": ["--detail", "coverage", "--branch"]}
# Coverage costs once for each line, and a little at the start: runs of seconds tell what a program pays.
LONGER = {"float_loop": "15000000", "simulation": "80000", "tokenizer": "50000", "growth": "80", "long_function": "10000"}
# The limits of the first version: own and tree by Python version, bytes a line event.
LIMITS = {"3.11": (10.0, None), "3.12": (5.0, 8.0), "3.13": (5.0, 8.0)}
BYTES_MAX = 3.0


def long_function(path):
    """A function of 2,000 lines that is called in a loop."""
    body = ["def f(a, b):"]
    for i in range(1998):
        body.append("    %s = (%s + %d) %% 1000003" % ("ab"[i % 2], "ab"[(i + 1) % 2], i))
    body.append("    return a + b")
    text = "import sys, time\n" + "\n".join(body) + "\n\ns = 0\nfor k in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1000):\n    s += f(k, s)\nprint(s)\nprint(time.process_time(), file=sys.stderr)\n"
    with open(path, "w") as f:
        f.write(text)


def measure(cmd, env, cwd):
    """-> (own, tree, wall) in seconds, or exits with what the program said."""
    t = time.perf_counter()
    p = subprocess.Popen(cmd, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    out, err = p.stdout.read(), p.stderr.read()
    _, status, usage = os.wait4(p.pid, 0)
    wall = time.perf_counter() - t
    if status:
        sys.exit("%s failed: %s" % (cmd, err.decode()[-800:]))
    return float(err.split()[-1]), usage.ru_utime + usage.ru_stime, wall, out


def info(a, trace, env):
    r = subprocess.run([a.moviola, "info", "--format", "json", trace], capture_output=True, env=env)
    return json.loads(r.stdout) if r.returncode == 0 else {}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--python", required=True)
    p.add_argument("--moviola", required=True)
    p.add_argument("--recorder", required=True)
    p.add_argument("--repeat", type=int, default=5)
    p.add_argument("--detail", choices=["full", "coverage", "branches"], default="full")
    p.add_argument("--json")
    p.add_argument("workloads", nargs="*")
    a = p.parse_args()
    version, exe = a.python.split("=", 1)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CARGO", "RUST", "PYTHON", "MOVIOLA"))}
    env.update(PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1", MOVIOLA_RECORDER=a.recorder)
    own_max, tree_max = LIMITS[version] if a.detail == "full" else COVERAGE_LIMITS[a.detail][version]
    rows, late = [], []
    print("Python %s, %d runs each, medians" % (version, a.repeat))
    print("%-16s %8s %6s %6s %6s %10s %7s" % ("workload", "plain s", "own", "tree", "wall", "lines", "B/line"))
    with tempfile.TemporaryDirectory(prefix="moviola-bench-") as tmp:
        for name in a.workloads or WORKLOADS:
            script = os.path.join(HERE, name + ".py")
            if name == "long_function":
                script = os.path.join(tmp, "long_function.py")
                long_function(script)
            program = [script] if a.detail == "full" else [script, LONGER[name]]
            trace = os.path.join(tmp, name + ".moviola")
            plain, recorded = [], []
            for _ in range(a.repeat):
                plain.append(measure([exe, *program], env, tmp))
                recorded.append(measure([a.moviola, "record", *DETAILS[a.detail], "-o", trace, "--python", exe, *program], env, tmp))
                if plain[-1][3] != recorded[-1][3]:
                    sys.exit("%s: another output when recorded" % name)
            med = lambda runs, i: statistics.median(r[i] for r in runs)
            facts = info(a, trace, env)
            lines = facts.get("events", {}).get("line", 0)
            row = {"workload": name, "plain": med(plain, 0), "lines": lines, "bytes": os.path.getsize(trace)}
            for i, key in enumerate(("own", "tree", "wall")):
                row[key] = med(recorded, i) / med(plain, i)
            row["bytes_per_line"] = row["bytes"] / lines if lines else float("nan")
            rows.append(row)
            print("%-16s %8.3f %6.2f %6.2f %6.2f %10d %7.2f" % (name, row["plain"], row["own"], row["tree"], row["wall"], lines, row["bytes_per_line"]), flush=True)
            if row["own"] > own_max or (tree_max and row["tree"] > tree_max) or a.detail == "full" and not row["bytes_per_line"] < BYTES_MAX:
                late.append(name)
        if not a.workloads and a.detail == "full":
            costs = []
            for size in (1_000, 1_000_000):
                trace = os.path.join(tmp, "append.moviola")
                cmd = [a.moviola, "record", "-o", trace, "--python", exe, os.path.join(HERE, "append_to_size.py"), str(size)]
                costs.append(statistics.median(measure(cmd, env, tmp)[0] for _ in range(a.repeat)))
            ratio = costs[1] / costs[0]
            print("append to a list of 1,000,000 against one of 1,000: %.2f times the cost a line" % ratio)
            if ratio > 1.5:
                late.append("append_to_size")
    if a.json:
        with open(a.json, "w") as f:
            json.dump({"python": version, "rows": rows}, f, indent=1)
    if late:
        sys.exit("over the limits: " + ", ".join(late))


if __name__ == "__main__":
    main()
