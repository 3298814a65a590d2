from collections.abc import Iterator
from typing import Any, NamedTuple
import bdb
import os

__version__: str

class TraceError(Exception): ...
class NotRecorded(BaseException): ...
class Refused(BaseException): ...

class Stop(NamedTuple):
    at: int
    event: str
    kind: str
    thread: int
    activation: int
    depth: int
    code: int
    line: int

class Code:
    co_filename: str
    co_name: str
    co_qualname: str
    co_firstlineno: int
    co_flags: int
    co_argcount: int
    co_varnames: tuple[str, ...]
    def co_lines(self) -> Iterator[tuple[int, int, int]]: ...

class Frame:
    f_code: Code
    f_back: Frame | None
    f_lineno: int | None
    f_lasti: int
    f_trace: Any
    f_builtins: dict[str, Any]
    @property
    def f_locals(self) -> dict[str, Any]: ...
    @property
    def f_globals(self) -> dict[str, Any]: ...

class Moment:
    at: int
    event: str
    kind: str
    thread: int
    frames: list[Frame]
    @property
    def frame(self) -> Frame: ...
    @property
    def line(self) -> int | None: ...
    @property
    def value(self) -> Any: ...
    @property
    def internal(self) -> bool: ...

class Recording:
    path: str | os.PathLike[str]
    python: str
    meta: dict[str, str]
    start: int | None
    crash: int | None
    def __init__(self, path: str | os.PathLike[str], *, executable: str | os.PathLike[str] | None = None) -> None: ...
    def __enter__(self) -> Recording: ...
    def __exit__(self, *_: object) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, at: int) -> Moment: ...
    def __iter__(self) -> Iterator[Moment]: ...
    def close(self) -> None: ...
    def stops(self, start: int = 0, stop: int | None = None) -> Iterator[Stop]: ...
    def source(self, file: str) -> str | None: ...
    def command(self, line: str) -> str: ...

class Replay:
    recording: Recording
    at: int
    def __init__(
        self, recording: Recording | str | os.PathLike[str], *, executable: str | os.PathLike[str] | None = None
    ) -> None: ...
    def run(self, debugger: bdb.Bdb, *, start: int | None = None, stop: int | None = None) -> None: ...

def open(path: str | os.PathLike[str], *, executable: str | os.PathLike[str] | None = None) -> Recording: ...
def executable() -> str | None: ...
