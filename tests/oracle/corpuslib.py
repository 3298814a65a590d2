"""The corpus programs and the generated ones: what to run, with which arguments, and what must come of it."""
import glob
import os
import re
import shlex

import generate

ROOT = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(os.path.dirname(ROOT), "corpus")
SAMPLES = os.path.join(os.path.dirname(os.path.dirname(ROOT)), "samples")


def programs(only=None, corpus=CORPUS):
    """Every program whose name contains one of the words in `only`, described by its header comments."""
    for p in sorted(glob.glob(os.path.join(corpus, "c[0-9][0-9]_*.py"))):
        with open(p, encoding="latin-1") as f:
            head = f.read(600)
        d = {"name": os.path.basename(p)[:-3], "path": p, "args": [], "stdin": None, "rc": 0, "min": "3.11", "module": None, "tags": [], "root": corpus}
        for k, v in re.findall(r"^# (TAGS|ARGS|STDIN|RC|MIN|MODULE): (.*)$", head, re.M):
            v = v.encode("latin-1").decode("utf-8") if k in ("ARGS", "STDIN") else v
            if k == "TAGS":
                d["tags"] = v.split()
            elif k == "ARGS":
                d["args"] = shlex.split(v)
            elif k == "STDIN":
                d["stdin"] = v.encode().decode("unicode_escape")
            elif k == "RC":
                d["rc"] = int(v)
            elif k == "MIN":
                d["min"] = v
            elif k == "MODULE":
                d["module"] = v
        if d["module"]:
            d["args"] = ["one", "two"]
        if only and not any(o in d["name"] for o in only):
            continue
        yield d


def samples(only=None):
    """The programs of `samples/`, described as those of the corpus."""
    for path in sorted(glob.glob(os.path.join(SAMPLES, "*.py"))):
        name = os.path.basename(path)[:-3]
        if not only or any(o in name for o in only):
            yield {"name": name, "path": path, "args": [], "stdin": None, "rc": None, "min": "3.11", "module": None, "tags": [], "root": SAMPLES}


def generated(seeds, root):
    """Random programs, described as those of the corpus; they are written into `root`."""
    for seed in seeds:
        path = os.path.join(root, "r%d.py" % seed)
        with open(path, "w", encoding="utf-8") as f:
            f.write(generate.program(seed))
        yield {"name": "r%d" % seed, "path": path, "args": [], "stdin": None, "rc": 0, "min": "3.11", "module": None, "tags": [], "root": root}


def applies(d, ver):
    return tuple(map(int, ver.split("."))) >= tuple(map(int, d["min"].split(".")))


def target(d):
    return (["-m", d["module"]] if d["module"] else [d["path"]]) + d["args"]
