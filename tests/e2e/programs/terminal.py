"""Runs a command on a terminal: python terminal.py COMMAND ARGS, with the conversation on standard input.

The conversation is a JSON list of [seconds, keys, text]: so many seconds later the keys are typed, and then what
the terminal shows is read until it shows the text, and nothing more for a moment; without a text, the end is waited
for. Prints a JSON object: "shown", what came after each of the keys, and "status", the exit status of the command.
"""

import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time

PATIENCE = 30.0
QUIET = 0.15


def read(fd, text):
    """What comes until the text was shown or, if it is empty, until the terminal is closed."""
    shown = b""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = bool(text) and text.encode() in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", shown)
        ready, _, _ = select.select([fd], [], [], QUIET)
        if ready:
            try:
                part = os.read(fd, 65536)
            except OSError:
                return shown
            if not part:
                return shown
            shown += part
        elif found:
            return shown
    raise SystemExit(f"never saw {text!r} in {shown[-2000:]!r}")


def main():
    conversation = json.load(sys.stdin)
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execv(sys.argv[1], sys.argv[1:])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    shown = []
    for seconds, keys, text in conversation:
        time.sleep(seconds)
        os.write(fd, keys.encode())
        shown.append(read(fd, text).decode("utf-8", "replace"))
    _, status = os.waitpid(pid, 0)
    print(json.dumps({"shown": shown, "status": os.waitstatus_to_exitcode(status)}))


main()
