"""What a Python runs as `sitecustomize`: starts the recorder and leaves no trace.

`moviola record` puts this file into an archive that comes first in PYTHONPATH, as text and compiled
by the very Python that is recorded. The program's children inherit the variables, and so may be
another Python: for one that the recorder was not built for this only takes the variables away.
It must not import anything that the interpreter has not loaded yet, must not write anything, and
must leave os.environ, sys.path, sys.modules and the importer caches as they would be without it.
The environment of the process as C sees it keeps the variables, for the children.
"""


def _boot():
    import sys

    modules = sys.modules
    os = modules["os"]
    environ = os.environ
    stage = environ.get("MOVIOLA_STAGE")
    if stage is None:
        # Somebody between took the variable away and left the path.
        boot = os.path.dirname(__file__)
        path = environ.get("PYTHONPATH", "")
        if path == boot:
            del environ["PYTHONPATH"]
        elif path.startswith(boot + ":"):
            environ["PYTHONPATH"] = path[len(boot) + 1 :]
        environ.pop("MOVIOLA_PARENT", None)
        environ.pop("MOVIOLA_OLDPP", None)
        _forget(boot)
        return
    path = None
    if sys.version_info >= (3, 11) and sys.implementation.name == "cpython":
        imp = modules["_imp"]
        path = stage + "/moviola/_recorder" + imp.extension_suffixes()[0]
        if not os.path.exists(path):
            path = None
    if path is None:
        take = environ.pop
    else:
        # Not by os.environ: that would change what children inherit.
        data = environ._data

        def take(key, default=None):
            value = data.pop(os.fsencode(key), None)
            return default if value is None else os.fsdecode(value)

    take("MOVIOLA_STAGE")
    parent = take("MOVIOLA_PARENT", "")
    old_path = take("MOVIOLA_OLDPP", None)
    if old_path is None:
        take("PYTHONPATH", None)
    elif path is None:
        environ["PYTHONPATH"] = old_path
    else:
        data[b"PYTHONPATH"] = os.fsencode(old_path)
    _forget(stage + "/boot.zip")
    if path is None:
        return
    try:
        frozen = modules["_frozen_importlib"]
        external = modules["_frozen_importlib_external"]
        name = "moviola._recorder"
        spec = frozen.ModuleSpec(name, external.ExtensionFileLoader(name, path), origin=path)
        recorder = imp.create_dynamic(spec)
        imp.exec_dynamic(recorder)
        modules.pop(name, None)
        problem = recorder.start(stage, parent)
    except BaseException as error:
        modules.pop("moviola._recorder", None)
        if "subinterpreters" in str(error):
            # One of a process that is recorded already.
            return
        problem = "%s: %s" % (type(error).__name__, error)
    if problem:
        text = "moviola: the recorder could not start, the program runs unrecorded: %s\n" % problem
        try:
            os.write(2, text.encode("utf-8", "backslashreplace"))
        except OSError:
            # Nobody reads it, and the program must start as it would.
            pass


def _forget(boot):
    import sys

    sys.path[:] = [p for p in sys.path if p != boot]
    sys.path_importer_cache.pop(boot, None)
    if "zipimport" in sys.modules:
        sys.modules["zipimport"]._zip_directory_cache.pop(boot, None)
    sys.modules.pop("sitecustomize", None)


_boot()
del _boot, _forget
# The user's own sitecustomize, if there is one. If there is none, the ImportError is the one that
# `site` expects, and this module is not kept either.
import sitecustomize  # noqa: E402
