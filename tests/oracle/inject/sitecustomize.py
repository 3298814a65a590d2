"""Injected through PYTHONPATH so that the real `python script.py` runs unchanged
(no extra frames, genuine __main__, genuine tracebacks)."""
import os as _os, sys as _sys
_mode = _os.environ.get("ORACLE_MODE")
if _mode:
    _here = _os.path.dirname(_os.path.abspath(__file__))
    _lib = _os.path.join(_os.path.dirname(_here), "lib")
    _sys.path[:] = [p for p in _sys.path if _os.path.abspath(p or ".") != _here]
    _sys.path[:0] = [_lib, _os.environ["ORACLE_EXT"]]
    try:
        import importlib as _il
        _m = _il.import_module("oracle_" + _mode)
    finally:
        del _sys.path[:2]
    _cfg = {k: v for k, v in _os.environ.items() if k.startswith("ORACLE_")}
    if not _cfg.get("ORACLE_FOLLOW"):
        for _k in _cfg:
            del _os.environ[_k]
        _old = _cfg.get("ORACLE_OLDPP")
        if _old:
            _os.environ["PYTHONPATH"] = _old
        else:
            _os.environ.pop("PYTHONPATH", None)
    _m.start(_cfg)
