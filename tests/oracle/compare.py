#!/usr/bin/env python3
"""Compare an exported trace with the truth, event by event and value by value.

compare.py TRUTH.jsonl[.gz] EXPORT.jsonl[.gz] [--no-locals] [--show=N] [--json] [--only=PREFIX] [--ignore=NAME,...]

Both files are in the format that truth_lines.py writes. Streams are matched by their label's thread part; within a stream
events must match in order (kind, file, qualified name, line, activation up to renumbering). Values are compared as
graphs: labels may be numbered differently, identity and aliasing may not differ. {"unknown": REASON} in the export is
counted as unknown, anything else that differs as wrong. --only takes the streams whose label begins so, --ignore leaves
out variables whose values differ from run to run. Exit 0: everything identical; 1: unknown only; 2: wrong values or
events.
"""
import gzip, json, re, sys

TMP = re.compile(r"/tmp/tmp[a-z0-9_]{8}\b")      # tempfile's names differ from run to run


def events(path):
    """-> {stream label: [event, ...]}; "=" (same as the activation's last snapshot) is resolved."""
    op = gzip.open if path.endswith(".gz") else open
    streams, cur, last = {}, None, {}
    with op(path, "rt", encoding="utf-8", errors="surrogatepass") as f:
        for line in f:
            e = json.loads(TMP.sub("/tmp/tmp*", line))
            if "stream" in e:
                cur = streams.setdefault(e["stream"], [])
                last = {}
            elif "end" in e:
                break
            else:
                if "L" in e:
                    last[e["a"]] = (e["L"], e.get("H", []))
                elif e.get("=") and e["a"] in last:
                    e["L"], e["H"] = last[e["a"]]
                cur.append(e)
    return streams


class Diff(Exception):
    pass


def compare_graph(tl, th, el, eh):
    """-> (unknown count); raises Diff(path) on a wrong value."""
    fwd, back, unknown, todo = {}, {}, 0, []

    def value(path, t, e):
        nonlocal unknown
        if t is e:
            return
        if isinstance(e, dict) and "unknown" in e:
            unknown += 1
            return
        if isinstance(t, dict) and isinstance(e, dict):
            if "r" in t or "r" in e:
                if "r" not in t or "r" not in e:
                    raise Diff("%s: %s against %s" % (path, short(t), short(e)))
                a, b = t["r"], e["r"]
                if a in fwd or b in back:
                    if fwd.get(a) != b or back.get(b) != a:
                        raise Diff("%s: identity differs" % path)
                    return
                fwd[a], back[b] = b, a
                todo.append((path, a, b))
                return
            if t.keys() != e.keys():
                raise Diff("%s: %s against %s" % (path, short(t), short(e)))
            for k in t:
                value(path + "." + str(k), t[k], e[k])
            return
        if isinstance(t, list) and isinstance(e, list):
            if len(t) != len(e):
                raise Diff("%s: %d items against %d" % (path, len(t), len(e)))
            for i, (x, y) in enumerate(zip(t, e)):
                value("%s[%d]" % (path, i), x, y)
            return
        if type(t) is not type(e) or t != e:
            raise Diff("%s: %s against %s" % (path, short(t), short(e)))

    if tl.keys() != el.keys():
        raise Diff("names %s against %s" % (sorted(set(tl) - set(el)), sorted(set(el) - set(tl))))
    for k in tl:
        value(k, tl[k], el[k])
    while todo:
        path, a, b = todo.pop()
        value(path, th[a], eh[b])
    return unknown


def kept(names, ignore):
    return {k: v for k, v in names.items() if k not in ignore}


def short(v):
    s = json.dumps(v)
    return s if len(s) <= 90 else s[:87] + "..."


def match(truth, export):
    """pair streams: same label, else same process part and thread name in order."""
    pairs, left = [], dict(export)
    for n in list(truth):
        if n in left:
            pairs.append((n, truth[n], left.pop(n)))
    for n in truth:
        if any(p[0] == n for p in pairs):
            continue
        key = n.split(".T")[0], n.split(".")[-1]
        m = next((x for x in left if (x.split(".T")[0], x.split(".")[-1]) == key), None)
        pairs.append((n, truth[n], left.pop(m) if m else []))
    return pairs, left


def main():
    a = [x for x in sys.argv[1:] if not x.startswith("--")]
    opt = dict((x.split("=") + ["1"])[:2] for x in sys.argv[1:] if x.startswith("--"))
    show = int(opt.get("--show", 5))
    t, e = events(a[0]), events(a[1])
    only, ignore = opt.get("--only", ""), set(opt.get("--ignore", "").split(","))
    t, e = ({n: v for n, v in s.items() if n.startswith(only)} for s in (t, e))
    r = {"lines": 0, "identical": 0, "unknown": 0, "wrong": 0, "events": 0, "order": 0, "notes": []}
    pairs, extra = match(t, e)
    for n in extra:
        r["order"] += len(extra[n])
        r["notes"].append("stream %s is not in the truth (%d events)" % (n, len(extra[n])))
    for name, te, ee in pairs:
        ren = {}
        for i, x in enumerate(te):
            r["events"] += 1
            isline = x["k"] == "line"
            r["lines"] += isline
            if i >= len(ee):
                r["order"] += len(te) - i
                r["lines"] += sum(y["k"] == "line" for y in te[i + 1:])
                r["notes"].append("%s: export ends after %d of %d events" % (name, i, len(te)))
                break
            y = ee[i]
            kx = (x["k"], x["f"], x["q"], x["n"], x.get("ex"))
            ky = (y["k"], y["f"], y["q"], y["n"], y.get("ex"))
            if kx != ky or ren.setdefault(x["a"], y["a"]) != y["a"]:
                r["order"] += len(te) - i
                r["lines"] += sum(z["k"] == "line" for z in te[i + 1:])
                r["notes"].append("%s event %d: %s against %s" % (name, i, kx + (x["a"],), ky + (y["a"],)))
                break
            if "--no-locals" in opt or "L" not in x:
                r["identical"] += isline
                continue
            try:
                u = compare_graph(kept(x["L"], ignore), x["H"], kept(y.get("L", {}), ignore), y.get("H", []))
                if "rv" in x:
                    u += compare_graph(x["rv"]["L"], x["rv"]["H"], y.get("rv", {}).get("L", {}), y.get("rv", {}).get("H", []))
                r["unknown" if u else "identical"] += isline
            except Diff as d:
                r["wrong"] += 1
                if len(r["notes"]) < show:
                    r["notes"].append("%s event %d %s:%s %s" % (name, i, x["f"], x["n"], d))
        if len(ee) > len(te):
            r["order"] += len(ee) - len(te)
            r["notes"].append("%s: %d events more than the truth" % (name, len(ee) - len(te)))
    if "--json" in opt:
        print(json.dumps(r))
    else:
        print("lines %(lines)d identical %(identical)d unknown %(unknown)d wrong %(wrong)d, events out of order or missing %(order)d" % r)
        for n in r["notes"][:show]:
            print("  " + n)
    sys.exit(2 if r["wrong"] or r["order"] else 1 if r["unknown"] else 0)


main()
