"""Debuggers written for `bdb`, driven over a recorded run."""

import bdb
import linecache
import sys

from moviola._recording import Code, Frame, Recording
from moviola._values import Recorded


class Replay:
    """Drives an unmodified `bdb.Bdb` over a trace: it is told the events that it would be told of the live run.

        moviola.Replay("t.moviola").run(MyDebugger())

    is what `MyDebugger().run(...)` was. Frames are stand-ins (`moviola.Frame`) with the recorded values; commands that would
    change the run change nothing.
    """

    def __init__(self, recording, *, executable=None):
        is_open = isinstance(recording, Recording)
        self.recording = recording if is_open else Recording(recording, executable=executable)
        self.at = self.recording.start or 0

    def run(self, debugger, *, start=None, stop=None):
        """Tells the debugger all events of the main module, from its call to its end, on its thread.

        `start` and `stop` are other positions to begin and to end at. Ends when the debugger quits.
        """
        recording = self.recording
        if start is None:
            start = self._beginning()
        debugger.reset()
        self._trace = debugger.trace_dispatch
        self._frames = {}
        self._stack = []
        self._sources = set()
        settrace = sys.settrace
        sys.settrace = self._settrace
        try:
            self._tell(recording.stops(start, stop))
        except bdb.BdbQuit:
            pass
        finally:
            sys.settrace = settrace
            debugger.quitting = True

    def _settrace(self, function):
        # What the debugger asks of the interpreter is asked of the recorded one.
        self._trace = function

    def _beginning(self):
        """The call of the main module's frame."""
        recording = self.recording
        at = recording.start or 0
        first = recording[at].frame._activation
        while at > 0 and (row := next(recording.stops(at - 1, at))).activation == first:
            at = row.at
        return at

    def _tell(self, stops):
        thread = outermost = None
        for stop in stops:
            if thread is None:
                thread, outermost = stop.thread, stop.depth
                self._begin(stop)
            if stop.thread != thread:
                continue
            self.at = stop.at
            if stop.event == "call":
                self._enter(stop)
            frame = self._stack[-1]
            frame.f_lineno = stop.line
            self._event(frame, stop)
            if stop.event == "return":
                self._stack.pop()
                if stop.kind != "Yield":
                    self._frames.pop(stop.activation, None)
                if stop.depth == outermost and stop.kind != "Yield":
                    return

    def _begin(self, stop):
        """The frames below the first: one more stands for the debugger's own."""
        recording = self.recording
        bottom = Code({"filename": bdb.__file__, "name": "run", "qualname": "Bdb.run", "first_line": 1, "flags": 0, "args": 0})
        below = Frame(recording, self, -1, bottom, None)
        moment = recording[stop.at]
        keep = moment.frames if stop.event != "call" else moment.frames[:-1]
        for frame in keep:
            below = self._frame(frame._activation, frame.f_code, below)
            below.f_lineno = frame.f_lineno
        self._bottom = below

    def _frame(self, activation, code, back):
        frame = self._frames.get(activation)
        if frame is None:
            frame = self._frames[activation] = Frame(self.recording, self, activation, code, back)
            self._keep_source(code.co_filename)
        frame.f_back = back
        self._stack.append(frame)
        return frame

    def _enter(self, stop):
        back = self._stack[-1] if self._stack else self._bottom
        self._frame(stop.activation, self.recording._code(stop.code), back)

    def _event(self, frame, stop):
        if self._trace is None:
            return
        function = self._trace if stop.event == "call" else frame.f_trace
        if function is None or (stop.event == "line" and not frame.f_trace_lines):
            return
        argument = None
        if stop.event == "exception":
            argument = self._exception(frame, stop)
        elif stop.event == "return" and stop.kind != "Unwind":
            argument = self.recording[stop.at].value
        result = function(frame, stop.event, argument)
        if result is not None:
            frame.f_trace = result

    def _exception(self, frame, stop):
        moment = self.recording[stop.at]
        value = moment.value
        kind = type(value)
        # A stand-in is of a class made for it; the debugger compares with the one that it knows.
        real = next((of for of in kind.__mro__ if not issubclass(of, Recorded)), kind)
        kind = real if real.__name__ == kind.__name__ else kind
        return kind, value, None if moment.internal else Traceback(frame)

    def _keep_source(self, file):
        """Lines are shown as they were when the program ran."""
        if file in self._sources:
            return
        self._sources.add(file)
        text = self.recording.source(file)
        if text is not None:
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)


class Traceback:
    """A traceback with the one frame that the exception passes."""

    tb_next = None

    def __init__(self, frame):
        self.tb_frame = frame
        self.tb_lineno = frame.f_lineno
        self.tb_lasti = -1
