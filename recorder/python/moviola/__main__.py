"""`python -m moviola ARGS` is `moviola ARGS`; the program itself is still started as its own process."""

import os
import sys

from moviola import executable


def main():
    """Replaces this process by the installed binary."""
    path = executable()
    if path is None:
        sys.stderr.write("moviola: the binary is not installed beside this Python; run `pip install .` again\n")
        return 4
    os.execv(path, [path, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
