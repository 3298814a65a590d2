"""Traces from Python: `moviola.open`, positions, frames, values. Talks to the installed binary by `moviola serve`."""

import collections

from moviola._plain import Names, NotRecorded
from moviola._values import World, message, receive


class TraceError(Exception):
    """The trace cannot be opened, or a question about it is none."""


class Recording:
    """An open trace. Positions are the numbers that the debugger shows as `@N`.

    `executable` is the binary; without it, the one that was installed with this package, then `moviola` on PATH.
    """

    def __init__(self, path, *, executable=None):
        # Not where frames are only looked at.
        import subprocess

        import moviola

        command = executable or moviola.executable() or "moviola"
        try:
            self._process = subprocess.Popen(
                [command, "serve", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except OSError as error:
            raise TraceError(f"cannot run {command}: {error}; give the binary as executable=") from error
        self.path = path
        self._codes = {}
        self._worlds = collections.OrderedDict()
        self._moments = collections.OrderedDict()
        info = self._ask({"ask": "info"})
        self.python = info["python"]
        self.meta = info["meta"]
        self.start = info["start"]
        self.crash = info["crash"]
        self._stops = info["stops"]

    def close(self):
        """Ends the process that reads the trace."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            pipe.close()
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __len__(self):
        """The number of positions."""
        return self._stops

    def __getitem__(self, at):
        """What the run was at a position."""
        if at < 0:
            at += self._stops
        if not 0 <= at < self._stops:
            raise IndexError(f"@{at} is not in the trace: it has @0 to @{self._stops - 1}")
        return Moment(self, at)

    def __iter__(self):
        return (Moment(self, at) for at in range(self._stops))

    def stops(self, start=0, stop=None):
        """`(position, event, kind, thread, activation, depth, code, line)` of each stop, in order: cheaper than moments."""
        end = self._stops if stop is None else min(stop, self._stops)
        while start < end:
            found = self._ask({"ask": "stops", "at": start, "count": min(20_000, end - start)})["stops"]
            for at, row in enumerate(found, start):
                yield Stop(at, *row)
            start += len(found)

    def source(self, file):
        """The source of a file as it was when the program ran; None if it was not recorded."""
        return self._ask({"ask": "source", "file": file})["source"]

    def command(self, line):
        """Runs a debugger command; what it prints. The session has a position of its own, from one command to the next."""
        return "\n".join(self._ask({"ask": "command", "text": line})["lines"])

    def _ask(self, request):
        try:
            self._process.stdin.write(message(request))
            self._process.stdin.flush()
            answer = receive(self._process.stdout)
        except (OSError, ValueError):
            answer = None
        if answer is None:
            said = b"" if self._process.stderr.closed else self._process.stderr.read()
            words = said.decode("utf-8", "replace").strip().removeprefix("moviola: ")
            raise TraceError(words or "the trace is closed")
        if answer.get("error", [""])[0] == "request":
            raise TraceError(answer["error"][1])
        return answer

    def _world(self, at):
        return _kept(self._worlds, at, lambda: World(self._ask, at, displaying=True))

    def _moment(self, at):
        return _kept(self._moments, at, lambda: self._world(at).ask(ask="moment"))

    def _code(self, id):
        if id not in self._codes:
            self._codes[id] = Code(self._ask({"ask": "code", "id": id}) if id >= 0 else None)
        return self._codes[id]


Stop = collections.namedtuple("Stop", "at event kind thread activation depth code line")


class Moment:
    """What the run was at a position."""

    def __init__(self, recording, at):
        self._recording = recording
        self.at = at
        found = recording._moment(at)
        self.event = found["event"]
        self.kind = found["kind"]
        self.thread = found["thread"]
        self.frames = []
        back = None
        for level in found["frames"]:
            back = Frame(recording, self, level["activation"], recording._code(level["code"]), back)
            back.f_lineno = level["line"]
            self.frames.append(back)

    @property
    def frame(self):
        """The innermost frame."""
        return self.frames[-1]

    @property
    def line(self):
        """The line of the innermost frame."""
        return self.frame.f_lineno

    @property
    def value(self):
        """What is returned, handed out or raised here; None at other stops."""
        found = self._recording._moment(self.at)
        return self._recording._world(self.at).decode(found.get("value"))

    @property
    def internal(self):
        """Whether this is a StopIteration that the interpreter makes to end a loop, and nobody raises."""
        return self._recording._moment(self.at)["internal"]

    def __repr__(self):
        code = self.frame.f_code
        return f"<moment @{self.at}: {self.event} in {code.co_filename}:{self.line} {code.co_name}>"


class Code:
    """A code object, as far as it was recorded."""

    def __init__(self, found):
        found = found or {"filename": "?", "name": "?", "qualname": "?", "first_line": 0, "flags": 0, "args": 0}
        self.co_filename = found["filename"]
        self.co_name = found["name"]
        self.co_qualname = found["qualname"]
        self.co_firstlineno = found["first_line"]
        self.co_flags = found["flags"]
        names = [name for name, kind in found.get("slots", []) if not kind & 0x80]
        # The parameters come first; *args and **kwargs are not counted among them.
        plain = found["args"] - bool(self.co_flags & 0x04) - bool(self.co_flags & 0x08)
        self.co_argcount = plain
        self.co_varnames = tuple(names)
        self._lines = found.get("lines", [])

    def co_lines(self):
        """`(start, end, line)` as of a code object; the offsets are only places in this list."""
        return ((at, at + 1, line) for at, line in enumerate(self._lines))

    def __repr__(self):
        return f"<code object {self.co_name}, file {self.co_filename!r}, line {self.co_firstlineno}>"


class Frame:
    """A frame of the recorded run: what a debugger looks at of a frame."""

    f_lasti = -1
    f_trace_lines = True
    f_trace_opcodes = False

    def __init__(self, recording, place, activation, code, back):
        self._recording = recording
        self._place = place
        self._activation = activation
        self.f_code = code
        self.f_back = back
        self.f_lineno = code.co_firstlineno
        self.f_trace = None
        self.f_builtins = __builtins__ if isinstance(__builtins__, dict) else vars(__builtins__)

    def __delattr__(self, name):
        # As of a real frame: deleting the trace function takes it away.
        if name == "f_trace":
            self.f_trace = None
        else:
            super().__delattr__(name)

    def _level(self):
        for level in self._recording._moment(self._place.at)["frames"]:
            if level["activation"] == self._activation:
                return level
        raise NotRecorded(f"the frame is not on the stack at @{self._place.at}")

    @property
    def f_locals(self):
        """The local variables at the position, fetched when they are used."""
        names = _names(self._recording._world(self._place.at), self._level()["locals"])
        # Python looks in the globals itself only for what is there already.
        local, below = names._fetch, self.f_globals
        known = dict(self._level()["locals"])
        names._fetch = lambda name: local(name) if name in known else below[name]
        names.__class__ = Locals
        names.known = known
        return names

    @property
    def f_globals(self):
        """The global variables at the position, fetched when they are used."""
        at, id = self._place.at, self._level()["globals"]
        world = self._recording._world(at)
        pairs = world.ask(ask="objects", ids=[id])["objects"][str(id)].get("map", []) if id else []
        return _names(world, [(key, code) for key, code in pairs if isinstance(key, str)])

    def __repr__(self):
        return f"<frame at @{self._place.at}, file {self.f_code.co_filename!r}, line {self.f_lineno}, code {self.f_code.co_name}>"


def _names(world, pairs):
    codes = dict(pairs)

    def everything():
        return [(name, world.element(code)) for name, code in codes.items()]

    return Names((), lambda name: world.decode(codes[name]), everything)


class Locals(Names):
    """Local variables, through which an expression also finds the global ones."""

    def __contains__(self, name):
        return name in self.known or dict.__contains__(self, name)


def _kept(cache, key, make, most=16):
    if key in cache:
        cache.move_to_end(key)
    else:
        cache[key] = make()
        if len(cache) > most:
            cache.popitem(last=False)
    return cache[key]
