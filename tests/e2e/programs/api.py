"""Looks at a trace through the package: python api.py TRACE BINARY. Fails if something is not as it should be."""

import sys

import moviola

trace, binary = sys.argv[1:]
try:
    moviola.open("no-such.moviola", executable=binary)
except moviola.TraceError as error:
    assert "no such trace" in str(error), error
else:
    raise AssertionError("opened a trace that is not there")

with moviola.open(trace, executable=binary) as recording:
    assert recording.python == sys.version.split()[0]
    start = recording[recording.start]
    assert (start.event, start.frame.f_code.co_name) == ("line", "<module>"), start
    assert 'def work(words, scale):' in recording.source(start.frame.f_code.co_filename)

    # Every stop is a moment, and says the same.
    rows = list(recording.stops(recording.start, recording.start + 200))
    assert [row.at for row in rows] == list(range(recording.start, recording.start + 200))
    for row in rows[:60]:
        moment = recording[row.at]
        assert (moment.event, moment.line, moment.thread) == (row.event, row.line, row.thread), (row, moment)
        assert len(moment.frames) == row.depth

    # The return of work().
    last = [row for row in recording.stops(recording.start) if row.event == "return"]
    (done,) = [recording[row.at] for row in last if recording[row.at].frame.f_code.co_name == "work"]
    frame = done.frame
    assert done.value == 2 and frame.f_back.f_code.co_name == "<module>"
    assert frame.f_code.co_argcount == 2 and frame.f_code.co_varnames[:2] == ("words", "scale")
    names = frame.f_locals
    assert names["words"] == ["pear", "fig", "apple"] and names["words"] is names["words"]
    assert names["big"] == 1 << 100 and names["raw"] == b"abc" and names["cycle"][0] is names["cycle"]
    assert isinstance(names["pair"], tuple) and names["pair"].u == 1 and names["queue"].maxlen == 5
    assert names["counts"].most_common(1) == [("l", 2)] and names["groups"]["q"] == [1]
    box = names["boxes"][0]
    assert (type(box).__name__, box.x) == ("Box", 3) and "numbers" in names and "nothing" not in names
    assert "limit" not in list(names) and frame.f_globals["limit"] == 10
    assert eval("limit + scale + len(words)", frame.f_globals, names) == 15
    assert type(names["error"]).__name__ == "ValueError" and names["error"].args == ("bad", 3)
    for change in (lambda: setattr(box, "x", 5), lambda: names["point"].nothing):
        try:
            change()
        except (moviola.Refused, AttributeError):
            pass
        else:
            raise AssertionError("it went through")
    try:
        box()
    except TypeError as error:
        assert "not callable" in str(error)

    # Positions are the debugger's.
    assert recording.command(f"goto @{done.at}").startswith("--Return--\n> ")
    assert recording.command("p scale, words[0]") == "(2, 'pear')"
    for wrong in (len(recording), -len(recording) - 1):
        try:
            recording[wrong]
        except IndexError as error:
            assert "is not in the trace" in str(error)
        else:
            raise AssertionError("a position beyond the trace")
try:
    recording[0]
except moviola.TraceError as error:
    assert str(error) == "the trace is closed"

# The stubs speak of what there is.
import ast
import os

with open(os.path.join(os.path.dirname(moviola.__file__), "__init__.pyi")) as file:
    stubs = {node.name: node for node in ast.parse(file.read()).body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
assert set(moviola.__all__) <= set(stubs), set(moviola.__all__) - set(stubs)
for name in moviola.__all__:
    for part in getattr(stubs[name], "body", []) if isinstance(stubs[name], ast.ClassDef) else []:
        if isinstance(part, ast.FunctionDef):
            assert hasattr(getattr(moviola, name), part.name), (name, part.name)
print("ok")
