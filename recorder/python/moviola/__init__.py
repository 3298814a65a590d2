"""Moviola, a record-and-replay time-travel debugger: the Python side of an installation.

The recording is done by the extension `moviola._recorder`, which `moviola record` loads into the
program; importing this package starts nothing.
"""

__version__ = "0.1.0"
__all__ = ["Frame", "Moment", "NotRecorded", "Recording", "Refused", "Replay", "TraceError", "executable", "open"]

_PLACES = {"Frame": "_recording", "Moment": "_recording", "Recording": "_recording", "TraceError": "_recording"}
_PLACES.update({"NotRecorded": "_plain", "Refused": "_plain", "Replay": "_replay"})


def __getattr__(name):
    # Loaded when they are used: in a recorded program this package is to cost nothing.
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def open(path, *, executable=None):
    """Opens a trace: a `Recording`."""
    return __getattr__("Recording")(path, executable=executable)


def executable():
    """The path of the `moviola` binary that was installed with this package, or None."""
    import os
    import sysconfig

    path = os.path.join(sysconfig.get_path("scripts"), "moviola")
    return path if os.path.exists(path) else None
