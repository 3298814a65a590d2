"""Exceptions that leave frames on a way of their own, and functions that never run."""

import json.decoder


def fails():
    try:
        1 / 0
    finally:
        closed = True


def calls():
    fails()
    return 1


def never(a,
          b=1):
    "A docstring."
    # A comment.
    global done
    done = (
        a + b)


def one_line(): return 1


def group():
    try:
        raise KeyError
    except* Exception as error:
        pass


def end():
    try:
        calls()
    except ZeroDivisionError:
        raise ValueError("end") from KeyError("never raised")


group()
try:
    calls()
except ZeroDivisionError:
    pass
end()
