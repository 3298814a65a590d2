"""Moviola, a record-and-replay time-travel debugger: the Python side of an installation.

The recording is done by the extension `moviola._recorder`, which `moviola record` loads into the
program; importing this package starts nothing.
"""

__version__ = "0.1.0"
__all__ = ["__version__", "executable"]


def executable():
    """The path of the `moviola` binary that was installed with this package, or None."""
    import os
    import sysconfig

    path = os.path.join(sysconfig.get_path("scripts"), "moviola")
    return path if os.path.exists(path) else None
