"""The lines of a program as they run and the locals that changed: python truth_locals.py PROGRAM."""

import builtins
import os
import sys

path = sys.argv[1]
name = os.path.basename(path)
told = {}
lines = []


def changes(frame):
    _, before = told.get(id(frame), (frame, {}))
    now = {key: repr(value) for key, value in frame.f_locals.items()}
    for key, text in now.items():
        if before.get(key) != text:
            lines.append(f"    {'~' if key in before else '+'} {key} = {text}")
    lines.extend(f"    - {key}" for key in before if key not in now)
    told[id(frame)] = frame, now


def local(frame, event, arg):
    if event in ("line", "return"):
        changes(frame)
    if event == "line":
        lines.append(f"{name}({frame.f_lineno})")
    return local


def tracer(frame, event, arg):
    return local if frame.f_code.co_filename == path else None


code = compile(open(path).read(), path, "exec")
space = {"__name__": "__main__", "__builtins__": builtins}
sys.settrace(tracer)
try:
    exec(code, space)
finally:
    sys.settrace(None)
print("\n".join(lines))
