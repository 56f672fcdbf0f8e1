"""Standard error that may be gone: what is told to people never stops the work.

The terminal was closed, the reader of a pipe went away, or the disk of a log is full.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


class _Forgiving:
    """A stream on which what cannot be written is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def forgiving_stderr() -> Iterator[None]:
    """Let nothing fail within because `sys.stderr` does."""
    before = sys.stderr
    forgiving: Any = _Forgiving(before)
    sys.stderr = forgiving
    try:
        yield
    finally:
        sys.stderr = before
