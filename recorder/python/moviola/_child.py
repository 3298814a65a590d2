"""The Python that evaluates what the native evaluator cannot: what the user typed, over recorded values.

Started by the debugger, which sends it this text, it speaks the protocol of `moviola serve` over standard input and output: it is
sent `{"do": "run", ...}` and asks back for what it needs, until it says `{"done": ...}`.
"""

import builtins
import code
import decimal
import importlib
import io
import pprint
import re
import sys
import textwrap
import traceback
import types

from moviola import _typed
from moviola._recording import Code, Moment
from moviola._plain import Names, NotRecorded, Refused
from moviola._pure import IMPURE, PURE, PURE_PARTS, close_to_the_world
from moviola._values import Recorded, World, encode_text, is_stand_in, message, receive

_SOURCE = "<stdin>"
# pdb's name for the dict of convenience variables.
_VARIABLES = "__pdb_convenience_variables"
HIDDEN = ("__builtins__", _VARIABLES)


class Output(io.TextIOBase):
    """What is printed goes to the debugger."""

    def __init__(self, say):
        self._say = say
        self._parts = []
        self._size = 0

    def writable(self):
        return True

    def write(self, text):
        self._parts.append(str(text))
        self._size += len(text)
        if self._size > 1 << 16:
            self.send()
        return len(text)

    def send(self):
        """Sends what was printed so far."""
        text, self._parts, self._size = "".join(self._parts), [], 0
        if text:
            self._say({"out": encode_text(text)})


class Variables(dict):
    """Convenience variables; `$_frame` is made when it is used."""

    def __init__(self, values, frame):
        super().__init__(values)
        self._frame = frame

    def __missing__(self, name):
        if name != "_frame":
            raise KeyError(name)
        return self._frame()


class Here:
    """What frames need of a recording, at one position."""

    def __init__(self, world):
        self._found = world
        self._asked = None

    def _world(self, at):
        return self._found

    def _moment(self, at):
        self._asked = self._asked or self._found.ask(ask="moment")
        return self._asked

    def _code(self, id):
        return Code(self._found.ask(ask="code", id=id) if id >= 0 else None)


class Gone(BaseException):
    """The debugger does not listen any more."""


class Session:
    """A conversation with the debugger."""

    def __init__(self, stream_in, stream_out):
        self._in = stream_in
        self._out = stream_out
        self.made = {}
        self.made_globals = {}
        self.variables = {}
        self.console = {}
        self.frame = None
        self.world = None
        self.names = None

    def say(self, what):
        self._out.write(message(what))
        self._out.flush()

    def ask(self, request):
        self.say(request)
        answer = receive(self._in)
        if answer is None:
            raise Gone
        return answer

    def serve(self):
        """Answers until the debugger is gone."""
        while (request := receive(self._in)) is not None:
            try:
                done = self.run(request)
            except Gone:
                return
            except BaseException as error:
                done = self.failed(error)
            made = [[name, self.held(value)] for name, value in self.made.items()]
            variables = [[name, self.held(value)] for name, value in self.new_variables()]
            changed = self.world.changed() if self.world else []
            self.say({"done": done, "changed": changed, "made": made, "variables": variables})

    def held(self, value):
        """A value that the user has made, for the debugger; empty if only this process can hold it."""
        try:
            return {"value": self.world.encode(value, whole=True)}
        except (TypeError, RecursionError):
            return {}

    def new_variables(self):
        """Convenience variables that are not what the debugger has told."""
        return [(k, v) for k, v in self.variables.items() if k not in self.told_variables or self.told_variables[k] is not v]

    def failed(self, error):
        """An error as the debugger tells it."""
        if isinstance(error, (NotRecorded, Refused)):
            kind = "unknown" if isinstance(error, NotRecorded) else "unsupported"
            return {"error": [kind, encode_text(str(error))]}
        if isinstance(error, decimal.Inexact):
            return {"error": ["unsupported", "how it is rounded is for the decimal context of the program to say"]}
        if isinstance(error, KeyboardInterrupt):
            return {"error": ["unsupported", "it was interrupted"]}
        if isinstance(getattr(error, "obj", None), Recorded) or is_stand_in(getattr(error, "obj", None)):
            # Names that are alike are not looked for among those of a recorded object.
            error.name = error.obj = None
        try:
            lines = traceback.format_exception_only(type(error), error)
            text = lines[-1].strip()
        except BaseException as again:
            return self.failed(again) if isinstance(again, (NotRecorded, Refused)) else {"error": ["raised", repr(again)]}
        return {"error": ["raised", encode_text(text)]}

    # Where the debugger stands.

    def place(self, request):
        """Makes the frame that the request names the one that is looked at."""
        if self.world is None or self.world.at != request["at"] or request.get("fresh"):
            self.world = World(self.ask, request["at"])
        world = self.world
        if self.frame != request["frame"]:
            self.made, self.made_globals = {}, {}
            self.frame = request["frame"]
        values = dict(request["locals"])

        def local(name):
            return world.decode(values[name])

        def a_global(name):
            found = world.ask(ask="lookup", name=name)
            if "absent" in found:
                raise KeyError(name)
            return self.module(world.decode(found["value"]))

        def all_globals():
            return [(world.decode(k), world.element(v)) for k, v in world.ask(ask="globals")["items"]]

        def all_locals():
            return [(name, world.element(value)) for name, value in request["locals"]]

        self.made.update((name, world.decode(value)) for name, value in request["made"])
        for name in request["deleted"]:
            self.made.pop(name, None)
        told = ((name, world.element(value)) for name, value in request["variables"] if name != "_frame")
        self.told_variables = dict(told)
        kept = {name: self.variables[name] for name in request["held"] if name in self.variables}
        self.variables = Variables({**self.told_variables, **kept}, lambda: self.frame_at(request))
        self.told_variables.update(kept)

        def of_frame(name):
            # Python looks names up in a namespace like this one, and then only in the globals that are there already.
            return self.module(local(name)) if name in values else below[name]

        names = self.names = Names(HIDDEN, of_frame, all_locals)
        names.deleted.update(request["deleted"])
        names.update(self.made)
        # A module's variables are its globals.
        if request["module"]:
            names._fetch = lambda name: self.module(local(name)) if name in values else a_global(name)
            below = names
        else:
            below = Names(HIDDEN, a_global, all_globals)
            below.update(self.made_globals)
        self.globals = below
        self.globals["__builtins__"] = self.builtins()
        names[_VARIABLES] = self.globals[_VARIABLES] = self.variables

    def frame_at(self, request):
        """The frame that the debugger stands in."""
        frames = Moment(Here(self.world), request["at"]).frames
        for frame in frames:
            if request["frame"] and frame._activation == request["frame"][0]:
                return frame
        raise NotRecorded("the frame is not on the stack any more")

    def module(self, value):
        """A recorded module of Python's own, with what this Python can tell of it."""
        name = self.world.module(value)
        return Module(self, name, value) if name is not None and is_own(name) else value

    def builtins(self):
        """What built-in names mean: some would answer for this process and not for the recorded one."""
        found = dict(vars(builtins))
        world = self.world
        theirs = {}
        for key in world.changes:
            module, _, name = key.partition(":")
            if module == "builtins" and "." not in name:
                theirs[name] = world.change(module, name, None)

        def refused(name, why):
            def refuse(*_, **__):
                raise Refused(f"{name}() {why}")

            refuse.__name__ = refuse.__qualname__ = name
            return refuse

        here = "would tell of this machine, not of the recorded run"
        for name in ("open", "input", "breakpoint", "help"):
            found[name] = refused(name, here)
        found["id"] = lambda value: world.native("id(a)", a=value)
        found["isinstance"] = self.isinstance
        found["issubclass"] = self.issubclass
        found["callable"] = self.callable
        found["hash"] = self.hash
        found["type"] = self.make_type()
        found["globals"] = lambda: self.globals.whole()
        found["locals"] = self.locals
        found["dir"] = self.dir
        found["vars"] = lambda *of: world.native("vars(a)", a=of[0]) if of else self.names.whole()
        found["__import__"] = self.import_module
        found[_typed.IS] = _typed.same
        for name, value in theirs.items():
            found.pop(name, None)
            if value is not None:
                found[name] = value
        return found

    def locals(self):
        """`locals()` of whoever calls it: of the recorded frame, or of a function that the user has made."""
        theirs = sys._getframe(1).f_locals
        return self.names.whole() if theirs is self.names else dict(theirs)

    def dir(self, *of):
        """`dir()`."""
        if not of:
            theirs = sys._getframe(1).f_locals
            return sorted(self.names.whole() if theirs is self.names else theirs)
        return self.world.native("dir(a)", a=of[0]) if isinstance(of[0], Recorded) else dir(*of)

    def make_type(self):
        """`type`, which is a class, and says of a stand-in what the recorded object's class is."""
        world = self.world

        class Types(type):
            def __call__(cls, *args, **keywords):
                if len(args) != 1 or keywords:
                    return type(*args, **keywords)
                found = world.type_of(args[0])
                return made if found is type else found

            def __instancecheck__(cls, value):
                return isinstance(value, type)

            def __subclasscheck__(cls, value):
                return issubclass(value, type)

            def __repr__(cls):
                return "<class 'type'>"

        made = Types("type", (type,), {"__module__": "builtins"})
        return made

    def isinstance(self, value, of):
        if isinstance(of, (tuple, types.UnionType)):
            return any(self.isinstance(value, one) for one in getattr(of, "__args__", of))
        real = self.world.kind(value)
        if isinstance(of, type) and (real or isinstance(value, Recorded) or is_stand_in(of)):
            return self.world.derives(real or type(value), of)
        return isinstance(value, of)

    def issubclass(self, value, of):
        if isinstance(of, (tuple, types.UnionType)):
            return any(self.issubclass(value, one) for one in getattr(of, "__args__", of))
        if isinstance(value, type) and isinstance(of, type):
            return self.world.derives(value, of)
        return issubclass(value, of)

    def callable(self, value):
        return self.world.native("callable(a)", a=value) if isinstance(value, Recorded) else callable(value)

    def hash(self, value):
        if isinstance(value, (int, float, complex)) and not isinstance(value, Recorded):
            return hash(value)
        raise Refused("hash() would tell of this process, not of the recorded one")

    def import_module(self, name, globals=None, locals=None, fromlist=(), level=0):
        """`import`: modules are there by name, with what of them only computes; nothing of the program is run."""
        top = name.partition(".")[0]
        if f"{top}:" in self.world.changes and not level:
            # A module of the program that is called like one of Python's own.
            found = self.world.change(top, "")
            for part in name.split(".")[1:] if fromlist else ():
                found = getattr(found, part)
            return found
        # C code that needs a module asks with a list, an import statement with a tuple.
        if isinstance(fromlist, list):
            return __import__(name, None, None, fromlist, 0)
        if level:
            raise Refused("relative imports would run code")
        return Module(self, name if fromlist else top)

    # What the user typed.

    def run(self, request):
        """Does what was asked for; what is printed and shown goes out before."""
        self.place(request)
        self.output = sys.stdout = sys.stderr = Output(self.say)
        sys.displayhook = self.show
        try:
            text = request["text"]
            if request["mode"] == "interact":
                return self.interact(text)
            try:
                if request["mode"] in ("expression", "truth"):
                    compiled = _typed.compiled(text.strip(), _SOURCE, "eval")
                    value = eval(compiled, self.globals, self.names)
                    return self.told(bool(value) if request["mode"] == "truth" else value)
                compiled = self.statement(text, request["mode"] == "more")
                if compiled is None:
                    return {"kind": "more"}
                if sys.version_info < (3, 13) or not self.in_closure(text, request):
                    exec(compiled, self.globals, self.names)
            finally:
                self.made = self.names.made()
                self.made_globals = {} if request["module"] else self.globals.made()
            return {"kind": "quiet"}
        finally:
            self.output.send()
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
            sys.displayhook = sys.__displayhook__

    def statement(self, text, is_whole):
        """A statement, compiled as pdb does: from 3.13 on it may go on in the next line, and is None until then."""
        if sys.version_info < (3, 13):
            return _typed.compiled(text + "\n", _SOURCE, "single")
        text = text if is_whole else text + "\n"
        found = code.compile_command(text, _SOURCE, "single")
        return None if found is None else _typed.compiled(text, _SOURCE, "single")

    def in_closure(self, text, request):
        """From 3.13 on: functions that are typed see the variables of the frame, as the functions of a closure do.

        The rules are those of `pdb.Pdb._exec_in_closure`. False if that is not how pdb would run it.
        """
        compiled = compile(text, "<string>", "exec")
        if request["module"] or not any(isinstance(one, types.CodeType) for one in compiled.co_consts):
            return False
        known = dict.fromkeys([*(name for name, _ in request["locals"]), *self.made])
        result = {"value": None, "names": {}}
        try:
            compile(text, "<string>", "eval")
            text = f"__moviola__['value'] = {text}"
        except SyntaxError:
            pass
        body = f"try:\n{textwrap.indent(text, '  ')}\nfinally:\n  __moviola__['names'] = __moviola__['locals']()\n"
        head = "".join(f"  {name} = None\n" for name in known)
        nonlocals = "".join(f"    nonlocal {name}\n" for name in known)
        whole = f"def __pdb_outer(__moviola__):\n{head}  def __pdb_scope():\n{nonlocals}{textwrap.indent(body, '    ')}  return __pdb_scope.__code__\n"
        namespace = {}
        try:
            exec(_typed.compiled(whole, "<string>", "exec"), namespace)
            compiled = namespace["__pdb_outer"](result)
        except (SyntaxError, TypeError):
            return False
        result["locals"] = lambda: sys._getframe(1).f_locals.copy()
        free = {name: result if name == "__moviola__" else self.names.get(name) for name in compiled.co_freevars}
        before = {name: value for name, value in free.items() if name != "__moviola__"}
        exec(compiled, self.globals, None, closure=tuple(types.CellType(value) for value in free.values()))
        for name, value in result["names"].items():
            if name != "__moviola__" and (name not in before or before[name] is not value):
                self.names[name] = value
        self.show(result["value"])
        return True

    def interact(self, text):
        """Lines of `interact`: all names of the frame in one namespace, and what is made there is there only."""
        try:
            compiled = code.compile_command(text, "<console>", "single")
        except (OverflowError, SyntaxError, ValueError) as error:
            sys.stderr.write("".join(traceback.format_exception_only(type(error), error)))
            return {"kind": "quiet"}
        if compiled is None:
            return {"kind": "more"}
        compiled = _typed.compiled(text, "<console>", "single")

        above, below = self.names, self.globals
        names = Names(HIDDEN, above.__getitem__, lambda: {**below.whole(), **above.whole()}.items())
        names.update(self.console)
        names["__builtins__"] = below["__builtins__"]
        self.names = self.globals = names
        try:
            exec(compiled, names)
        except Exception:
            # As `code.InteractiveInterpreter.showtraceback`, without the frames of this file.
            kind, error, trace = sys.exc_info()
            sys.stderr.write("".join(traceback.format_exception(kind, error, trace.tb_next)))
        finally:
            self.console = names.made()
        return {"kind": "quiet"}

    def show(self, value):
        """The display hook: nothing for None, as pdb has it."""
        if value is not None:
            told = self.told(value)
            self.output.send()
            self.say({"show": told})

    def told(self, value):
        """A value for the debugger: as one of the recording if it can be, else as text."""
        try:
            return {"kind": "value", "value": self.world.encode(value, whole=True)}
        except (TypeError, RecursionError):
            pass
        self.world.displaying = True
        try:
            return self.words(value)
        finally:
            self.world.displaying = False

    def words(self, value):
        """A value in words."""
        kind = type(value)
        what = None
        if isinstance(value, types.FunctionType):
            what = f"Function {value.__code__.co_name}"
        elif isinstance(value, types.MethodType):
            what = f"Method {value.__func__.__code__.co_name}"
        elif kind is type:
            what = f"Class {value.__module__}.{value.__qualname__}"
        # An address would be one of this process.
        text = re.sub(r" at 0x[0-9a-f]+", "", repr(value))
        return {
            "kind": "text",
            "text": encode_text(text),
            "pretty": encode_text(pprint.pformat(value)),
            "what": encode_text(what or str(kind)),
        }


class Module(types.ModuleType):
    """A module of the run. What the recording knows of it is as recorded; of Python's own modules, the parts that tell by their
    arguments alone are this Python's; all else would be this machine's, or would have to be run."""

    def __init__(self, session, name, recorded=None):
        super().__init__(name)
        self.__dict__.update(_session=session, _recorded=recorded)

    def __getattribute__(self, name):
        if name in ("__dict__", "__class__", "__name__", "_session", "_recorded", "_public"):
            return object.__getattribute__(self, name)
        module, world = self.__name__, self._session.world
        if self._recorded is not None:
            try:
                return world.attribute(self._recorded, name)
            except (Refused, NotRecorded):
                pass
        if f"{module}:{name}" in world.changes:
            return world.change(module, name)
        if (module in PURE and name not in IMPURE.get(module, ())) or name in PURE_PARTS.get(module, ()):
            real = importlib.import_module(module)
            if name == "__all__":
                return self._public(real)
            found = world.unchanged(getattr(real, name))
            if not isinstance(found, types.ModuleType) and (not name.startswith("_") or name in ("__doc__", "__file__")):
                return found
        if f"{module}.{name}" in (*PURE, *PURE_PARTS):
            return Module(self._session, f"{module}.{name}")
        if is_own(module):
            raise Refused(f"{module}.{name} would tell of this machine, not of the recorded run")
        raise Refused(f"{module}.{name}: what the module holds is not known here")

    @staticmethod
    def _public(real):
        """What `import *` takes of a module."""
        names = getattr(real, "__all__", [name for name in vars(real) if not name.startswith("_")])
        left_out = IMPURE.get(real.__name__, ())
        return [name for name in names if name not in left_out and not isinstance(getattr(real, name), types.ModuleType)]

    def __setattr__(self, name, value):
        raise Refused(f"a recording cannot be changed: {self.__name__}.{name}")

    def __repr__(self):
        return f"<module {self.__name__!r}>" if self._recorded is None else repr(self._recorded)


def is_own(module):
    """Whether a module is Python's own."""
    return module in sys.builtin_module_names or module.partition(".")[0] in sys.stdlib_module_names


def main():
    sys.setrecursionlimit(20_000)
    # The context of the program is not recorded: what depends on it is not told.
    decimal.getcontext().traps[decimal.Inexact] = True
    close_to_the_world(Refused)
    stream_in, stream_out = sys.stdin.buffer, sys.stdout.buffer
    # What is typed may read standard input: that is the debugger's.
    sys.stdin = io.StringIO()
    session = Session(stream_in, stream_out)
    session.say({"hello": list(sys.version_info[:3])})
    session.serve()
