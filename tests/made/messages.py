"""Messages that a test can read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from colorize_cli.system.messages import Progress


class Told:
    """`Messages` that keeps what was said: pairs of how and what."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def note(self, text: str) -> None:
        self.said.append(("note", text))

    def warn(self, text: str) -> None:
        self.said.append(("warn", text))

    def error(self, text: str) -> None:
        self.said.append(("error", text))

    def failure(self, path: Path, reason: str) -> None:
        self.said.append(("failure", f"{path}: {reason}"))

    def table(self, table: Any) -> None:
        self.said.append(("table", str(table)))

    @contextmanager
    def progress(self, total: int) -> Iterator[Progress]:
        self.said.append(("progress", str(total)))
        yield self

    def advance(self) -> None:
        self.said.append(("advance", ""))
