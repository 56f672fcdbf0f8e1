"""Whoever has something to say: to people through `Messages`, to programs on standard output."""

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # whoever takes messages can do without rich
    from rich.console import RenderableType


class Progress(Protocol):
    """Progress over a known number of photographs."""

    def advance(self) -> None:
        """Count one more photograph."""


class Course(Protocol):
    """How far something is that is not counted in photographs."""

    def show(self, done: float, text: str) -> None:
        """Show the share that is done, 0..1, and what there is to say beside it."""


class Messages(Protocol):
    """What a person is told while something runs; the terminal is one who tells it."""

    def note(self, text: str) -> None:
        """Say what a user wants to know."""

    def warn(self, text: str) -> None:
        """Say what a user has to know."""

    def error(self, text: str) -> None:
        """Say what went wrong."""

    def failure(self, path: Path, reason: str) -> None:
        """Name what failed, and why."""

    def table(self, table: "RenderableType") -> None:
        """Show a table of rich below an empty line."""

    def progress(self, total: int) -> AbstractContextManager[Progress]:
        """Show progress over `total` photographs, within a `with` statement."""


def write_stdout(lines: str) -> None:
    """Write data to standard output, file names byte for byte as they are on disk."""
    write_stdout_bytes(lines.encode("utf-8", "surrogateescape"))


def write_stdout_bytes(data: bytes) -> None:
    """Write bytes to standard output, all of them; OSError where nobody takes them."""
    sys.stdout.flush()
    left = memoryview(data)
    while left:  # without buffering (PYTHONUNBUFFERED), a write may be of a part only
        left = left[sys.stdout.buffer.write(left) :]
    sys.stdout.flush()
