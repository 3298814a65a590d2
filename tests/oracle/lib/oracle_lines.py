"""In-process part of truth_lines.py.  Backends:
  ctrace      PyEval_SetTrace through a 30-line C shim (as sys.settrace, but without call_trampoline:
              no FastToLocals/LocalsToFast write-back, no references kept in f_locals, the
              tracer survives a RecursionError).  Default.
  settrace    plain sys.settrace + threading.settrace (cross-check; distorts finalisers and
              shared cells on <= 3.12)
  monitoring  sys.monitoring (3.12+): coexists with programs that use sys.settrace themselves
"""
import os, sys, threading, itertools, gc, types, _thread
import oracle_render as R
from oracle_out import MmapWriter
try:
    import _oracle_ct
except ImportError:
    _oracle_ct = None          # the driver compiles it

from builtins import type, id, next, list, dict, str, len, isinstance, RecursionError, AttributeError
CO_OPTIMIZED = 1
import opcode
RESUME = opcode.opmap["RESUME"]
V = sys.version_info[:2]
_dumps = R._dumps
_getid = _thread.get_ident
_active = threading._active


class Act:                      # one activation of a frame
    __slots__ = ("no", "last", "head", "code")


class Tracer:
    def __init__(self, cfg):
        self.out = cfg["ORACLE_OUT"]
        self.root = os.path.realpath(cfg["ORACLE_ROOT"]).rstrip("/") + "/"
        self.nolocals = cfg.get("ORACLE_NOLOCALS") == "1"
        self.seq = itertools.count(1)
        self.acts = itertools.count(1)
        self.forks = 0
        self.label = cfg.get("ORACLE_LABEL") or "P0"
        self.local = threading.local()
        self.tcount = itertools.count(0)
        self.writers = {}
        self.fcache = {}
        self.usermods = {}
        self.live = {}
        self.codes = {}
        R.user_module = self.user_module
        os.register_at_fork(before=self._before, after_in_child=self._child)

    def _before(self):
        self.forks += 1

    def _child(self):
        self.label += ".%d" % self.forks
        self.forks = 0
        self.local = threading.local()
        self.tcount = itertools.count(0)

    def writer(self):
        try:
            return self.local.w
        except AttributeError:
            t = dict.get(_active, _getid())
            nm = t.__dict__.get("_name", "?") if t is not None else "dummy"
            nm = "".join(c if c.isalnum() or c in "-_" else "_" for c in str(nm))
            w = MmapWriter(os.path.join(self.out, "%s.T%d.%s.mm" % (self.label, next(self.tcount), nm)))
            self.local.w = w
            return w

    def user_module(self, name):
        if name == "__main__" or name == "__mp_main__":
            return True
        r = self.usermods.get(name)
        if r:
            return True
        m = sys.modules.get(name)
        if type(m) is types.ModuleType:
            f = types.ModuleType.__getattribute__(m, "__dict__").get("__file__")
            if type(f) is str and os.path.abspath(f).startswith(self.root):
                self.usermods[name] = True
                return True
        return False

    def rel(self, fn):
        r = self.fcache.get(fn)
        if r is None:
            a = fn if fn[:1] in "/<" else os.path.abspath(fn)
            if a.startswith(self.root):
                r = a[len(self.root):]
            elif os.path.realpath(a).startswith(self.root) and fn[:1] != "<":
                r = os.path.realpath(a)[len(self.root):]
            elif a.startswith((sys.base_prefix + "/", sys.prefix + "/", os.path.dirname(__file__))) or fn.startswith("<frozen"):
                r = 0
            else:
                r = 1              # fake name: decided per globals
            self.fcache[fn] = r
        return r

    def included(self, frame):
        r = self.rel(frame.f_code.co_filename)
        if r == 1:
            g = frame.f_globals
            f = dict.get(g, "__file__")
            n = dict.get(g, "__name__")
            if (type(f) is str and os.path.abspath(f).startswith(self.root)) or n == "__main__":
                return "~" + frame.f_code.co_filename
            b = frame.f_back
            if b is not None and self.rel(b.f_code.co_filename) not in (0, 1):
                return "~" + frame.f_code.co_filename
            return 0
        return r

    def fresh(self, frame, code):
        """True when a 'call' event starts an activation, False when it resumes a generator."""
        if not code.co_flags & 0x2A0:
            return True
        c = self.codes.get(id(code))
        if c is None or c[0] is not code:
            c = self.codes[id(code)] = (code, code.co_code)
        i = frame.f_lasti
        return c[1][i] == RESUME and c[1][i + 1] & 3 == 0

    # ------------------------------------------------------------------
    def event(self, frame, kind, arg):
        key = id(frame)
        code = frame.f_code
        act = self.live.get(key)
        if act is not None and (act.code is not code or kind == "call" and self.fresh(frame, code)):
            act = None
        if act is None:
            inc = self.included(frame)
            if not inc:
                return None
            act = Act()
            act.code = code
            act.no = next(self.acts)
            act.last = None
            act.head = '"a":%d,"f":%s,"q":%s' % (act.no, _dumps(inc), _dumps(code.co_qualname))
            self.live[key] = act
        if kind == "return" and not code.co_flags & 0x2A0:
            self.live.pop(key, None)
        was = gc.isenabled()
        if was:
            gc.disable()
        try:
            try:
                self.emit(frame, kind, arg, act)
            except RecursionError:
                lim = sys.getrecursionlimit()
                sys.setrecursionlimit(lim + 400)
                try:
                    self.emit(frame, kind, arg, act)
                finally:
                    try:
                        sys.setrecursionlimit(lim)
                    except RecursionError:
                        pass
        finally:
            arg = None
            if was:
                gc.enable()
        return act

    def emit(self, frame, kind, arg, act):
        text = '{"s":%d,"k":"%s",%s,"n":%s' % (next(self.seq), kind, act.head, frame.f_lineno if frame.f_lineno is not None else "null")
        if not self.nolocals:
            snap = self.locals(frame)
            if snap == act.last:
                text += ',"=":1'
            else:
                act.last = snap
                text += "," + snap
            if kind == "return":
                text += ',"rv":{' + R.snapshot([("rv", arg)]) + "}"
        if kind == "exception":
            text += ',"ex":' + _dumps(R.class_name(arg) if R._has(R._type_mro(type(arg)), type) else "?")
        self.writer().write(text + "}\n")

    def locals(self, frame):
        d = frame.f_locals
        if V >= (3, 13) and not frame.f_code.co_flags & CO_OPTIMIZED and type(d) is not dict and type(d).__name__ == "FrameLocalsProxy":
            # 3.13.0 crashes on hidden locals of comprehensions inlined in a module or class body
            if frame.f_code.co_name == "<module>":
                d = frame.f_globals
            else:
                return '"L":{"?":"class body inside inlined comprehension"},"H":[]'
        if type(d) is dict or V >= (3, 13) and type(d).__name__ == "FrameLocalsProxy":
            items = [(k, v) for k, v in list(d.items()) if type(k) is str]
        elif R._has(R._type_mro(type(d)), dict):
            items = [(k, v) for k, v in list(dict.items(d)) if type(k) is str]
        else:
            return '"L":{"?":"exotic namespace"},"H":[]'
        opt = frame.f_code.co_flags & CO_OPTIMIZED
        if not opt:
            items = [(k, v) for k, v in items if not (k[:2] == "__" and k[-2:] == "__")]
        items.sort(key=_first)
        s = R.snapshot(items)
        items = None
        if opt and V < (3, 13) and self.clear and sys.getrefcount(d) <= 3:
            d.clear()
        return s

    clear = True


def _first(p):
    return p[0]


def start(cfg):
    T = Tracer(cfg)
    globals()["_T"] = T
    be = cfg.get("ORACLE_BACKEND") or "ctrace"
    if be == "ctrace":

        install = _oracle_ct.install
        event = T.event
        rel = T.rel

        def cb(frame, what, arg):
            if rel(frame.f_code.co_filename) == 0:
                return
            if what == "exception":
                arg = arg[0] if type(arg) is tuple else None
            event(frame, what, arg)
        T.keep = cb

        def boot(frame, ev, arg):
            install(cb)
            return None
        threading.settrace(boot)
        install(cb)
    elif be == "settrace":
        T.clear = False

        def g(frame, ev, arg):
            if T.rel(frame.f_code.co_filename) == 0:
                return None
            if ev == "exception":
                arg = arg[0]
            if T.event(frame, ev, arg) is None:
                return None
            return loc

        def loc(frame, ev, arg):
            if ev == "exception":
                arg = arg[0]
            T.event(frame, ev, arg)
            return loc
        threading.settrace(g)
        sys.settrace(g)
    elif be == "monitoring":
        M = sys.monitoring
        E = M.events
        M.use_tool_id(4, "oracle")
        event, rel, get, DIS = T.event, T.rel, sys._getframe, M.DISABLE

        def mk(kind, has_arg):
            def f(code, *a):
                if rel(code.co_filename) == 0:
                    return DIS if kind != "exc" else None
                event(get(1), kind, a[-1] if has_arg else None)
            return f

        def exc(code, off, e):
            if rel(code.co_filename) != 0:
                event(get(1), "exception", type(e))

        def unwind(code, off, e):
            if rel(code.co_filename) != 0:
                event(get(1), "return", None)

        def throw(code, off, e):
            if rel(code.co_filename) != 0:
                event(get(1), "call", None)
        reg = M.register_callback
        reg(4, E.PY_START, mk("call", False))
        reg(4, E.PY_RESUME, mk("call", False))
        reg(4, E.PY_THROW, throw)
        reg(4, E.LINE, mk("line", False))
        reg(4, E.PY_RETURN, mk("return", True))
        reg(4, E.PY_YIELD, mk("return", True))
        reg(4, E.PY_UNWIND, unwind)
        reg(4, E.RAISE, exc)
        M.set_events(4, E.PY_START | E.PY_RESUME | E.PY_THROW | E.LINE | E.PY_RETURN | E.PY_YIELD | E.PY_UNWIND | E.RAISE)
