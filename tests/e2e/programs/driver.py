"""A debugger of its own on top of bdb, told of a live run or of a recorded one; prints all that it is told.

    python driver.py live PLAN SCRIPT
    python driver.py replay PLAN TRACE BINARY

PLAN is JSON: the verbs to go on with, over and over, and breakpoints: line, temporary, condition, ignore.
"""

import bdb
import json
import os
import sys


class Log(bdb.Bdb):
    def __init__(self, plan, file):
        super().__init__(skip=plan.get("skip"))
        self.verbs = plan["verbs"]
        self.breaks_wanted = plan.get("breaks", [])
        self.file = file
        self.told = 0
        self.out = []

    def note(self, what, frame, *more):
        if self.told == 0:
            for line, temporary, condition, ignore in self.breaks_wanted:
                error = self.set_break(self.file, line, temporary, condition)
                if error:
                    self.out.append(error)
                else:
                    bdb.Breakpoint.bpbynumber[-1].ignore = ignore
        code = frame.f_code
        names = {} if code.co_name == "<module>" else dict(frame.f_locals)
        plain = {name: repr(value) for name, value in sorted(names.items()) if type(value) in (int, str, list, tuple)}
        stack, at = self.get_stack(frame, None)
        depth = sum(os.path.basename(entry.f_code.co_filename) != "driver.py" for entry, _ in stack)
        shown = self.format_stack_entry(stack[at]).replace("\n", " | ")
        self.out.append(f"{what} {depth} {shown} {plain} {' '.join(map(str, more))}".replace(self.file, "FILE"))
        verb = self.verbs[self.told % len(self.verbs)]
        self.told += 1
        {
            "s": self.set_step,
            "n": lambda: self.set_next(frame),
            "r": lambda: self.set_return(frame),
            "u": lambda: self.set_until(frame),
            "c": self.set_continue,
            "q": self.set_quit,
        }[verb]()

    def do_clear(self, number):
        self.clear_bpbynumber(number)

    def user_call(self, frame, arguments):
        self.note("call", frame)

    def user_line(self, frame):
        self.note("line", frame)

    def user_return(self, frame, value):
        self.note("return", frame, repr(value) if type(value) in (int, str, list, type(None)) else "")

    def user_exception(self, frame, info):
        kind, value, _ = info
        self.note("exception", frame, kind.__name__, value)


def main():
    how, plan, target = sys.argv[1:4]
    plan = json.loads(plan)
    if how == "live":
        log = Log(plan, os.path.abspath(target))
        with open(log.file) as file:
            text = file.read()
        sys.stdout = open(os.devnull, "w")
        try:
            log.run(compile(text, log.file, "exec"), {"__name__": "__main__", "__file__": log.file})
        except (Exception, SystemExit):
            pass
        sys.stdout = sys.__stdout__
    else:
        import moviola

        with moviola.open(target, executable=sys.argv[4]) as recording:
            log = Log(plan, recording.meta["script"])
            moviola.Replay(recording).run(log)
    # What bdb itself does when the program is done is no part of it.
    told = [line for line in log.out if "bdb.py(" not in line]
    hits = [bp.hits for bp in bdb.Breakpoint.bpbynumber[1:] if bp]
    print("\n".join(told), hits)


main()
