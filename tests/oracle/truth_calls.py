"""How often each function called each other one, by `trace` itself: python truth_calls.py PROGRAM.

One JSON object: "MODULE.CALLER -> MODULE.CALLED" to the number of calls, as `trace` sees calls.
"""

import collections
import json
import sys
import trace

calls = collections.Counter()


class Counting(trace.Trace):
    def globaltrace_trackcallers(self, frame, why, arg):
        if why == "call":
            caller = self.file_module_function_of(frame.f_back)
            called = self.file_module_function_of(frame)
            calls[f"{caller[1]}.{caller[2]} -> {called[1]}.{called[2]}"] += 1


path = sys.argv[1]
with open(path) as file:
    code = compile(file.read(), path, "exec")
Counting(countcallers=1).runctx(code, {"__name__": "__main__", "__file__": path})
print(json.dumps(calls))
