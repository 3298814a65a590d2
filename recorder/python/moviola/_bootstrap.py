"""What the recorded interpreter runs as `sitecustomize`: starts the recorder and leaves no trace.

`moviola record` compiles this file with the very Python that is recorded and puts the result, as
`sitecustomize.pyc` beside the extension, into a private directory that comes first in PYTHONPATH.
It must not import anything that the interpreter has not loaded yet, must not write anything
beside itself, and must leave os.environ, sys.path, sys.modules and the importer cache as they
would be without it.
"""


def _boot():
    import sys

    modules = sys.modules
    os = modules["os"]
    environ = os.environ
    take = environ.pop
    boot = take("MOVIOLA_BOOT", None)
    ring = take("MOVIOLA_RING", None)
    trace = take("MOVIOLA_TRACE", None)
    options = take("MOVIOLA_OPTIONS", "")
    old_path = take("MOVIOLA_OLDPP", None)
    if boot is None:
        return
    if old_path is None:
        take("PYTHONPATH", None)
    else:
        environ["PYTHONPATH"] = old_path
    sys.path[:] = [p for p in sys.path if p != boot]
    sys.path_importer_cache.pop(boot, None)
    modules.pop("sitecustomize", None)
    if ring is None:
        return
    try:
        imp = modules["_imp"]
        frozen = modules["_frozen_importlib"]
        external = modules["_frozen_importlib_external"]
        name = "moviola._recorder"
        path = boot + "/moviola/_recorder" + imp.extension_suffixes()[0]
        spec = frozen.ModuleSpec(name, external.ExtensionFileLoader(name, path), origin=path)
        recorder = imp.create_dynamic(spec)
        imp.exec_dynamic(recorder)
        modules.pop(name, None)
        problem = recorder.start(ring, trace, options)
    except BaseException as error:
        modules.pop("moviola._recorder", None)
        problem = "%s: %s" % (type(error).__name__, error)
    if problem:
        text = "moviola: the recorder could not start, the program runs unrecorded: %s\n" % problem
        os.write(2, text.encode("utf-8", "backslashreplace"))


_boot()
del _boot
# The user's own sitecustomize, if there is one. If there is none, the ImportError is the one that
# `site` expects, and this module is not kept either.
import sitecustomize  # noqa: E402
