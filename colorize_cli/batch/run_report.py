"""The report of a run: a table for people, one row a photograph, that any spreadsheet opens."""

import csv
from pathlib import Path
from typing import TextIO

from ..errors import UsageError
from ..system.locks import NO_LOCKS, lock
from ..system.paths import absolute, plain, shown
from .outcome import Observer, Outcome
from .run_log import make_room

_COLUMNS = (
    *("photograph", "became", "reason", "colourings", "seconds", "kind"),
    *("grey samples", "all alike", "warnings"),
)
_BECAME = {"there": "done before"}
_MARK = "\ufeff"  # by which Excel knows that a table is in UTF-8


class RunReport(Observer):
    """Write a row for every photograph as soon as it is known what became of it.

    Paths are absolute, so that no cell begins with a sign that a spreadsheet takes for a formula.
    """

    def __init__(self, path: Path | None, out: Path | None = None) -> None:
        """Take a file, which a new report replaces, or None for no report; `out` as of a log."""
        self.name = f"--report {shown(path or '')}"
        self._path = path
        self._out = out
        self._file: TextIO | None = None

    def __enter__(self) -> "RunReport":
        """Begin the table; UsageError where it cannot be written, or another file is there."""
        if self._path is None:
            return self
        try:
            if self._path.exists() and not _is_report(self._path):
                raise UsageError(
                    f"--report {shown(self._path)} is another file, not a report: name a new one."
                )
            make_room(self._path, self._out)
            self._file = self._path.open("a", encoding="utf-8", newline="", buffering=1)
            if not _is_locked(self._file):
                self._file.close()
                raise UsageError(
                    f"{self.name} is being written by another run: name a file for each."
                )
            self._file.truncate(0)
        except OSError as error:
            raise UsageError(
                f"--report {shown(self._path)} cannot be written: {error.strerror}"
            ) from error
        self._file.write(_MARK)
        csv.writer(self._file).writerow(_COLUMNS)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def outcome(self, outcome: Outcome) -> None:
        """Write the row of a photograph."""
        if self._file is None:
            return
        choice, there = outcome.choice, outcome.job.there if outcome.job else ()
        files = [
            path for k, path in enumerate(outcome.outputs) if k in there or k in outcome.written
        ]
        row = (
            shown(absolute(outcome.source)),
            _BECAME.get(outcome.status, outcome.status),
            outcome.reason,
            "\n".join(shown(absolute(path)) for path in files),
            f"{outcome.seconds:.1f}" if outcome.seconds else "",
            outcome.kind,
            " ".join(str(k + 1) for k in choice.grey) if choice else "",
            "yes" if choice and choice.is_alike else "",
            "\n".join(outcome.warnings),
        )
        csv.writer(self._file).writerow("" if cell is None else plain(cell) for cell in row)


def _is_locked(file: TextIO) -> bool:
    """Take a file for this run, as far as its file system can; False where another has it."""
    try:
        return lock(file.fileno())
    except OSError as error:
        if error.errno in NO_LOCKS:
            return True
        raise


def _is_report(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_HEAD)) in (b"", _HEAD)


_HEAD = (_MARK + ",".join(_COLUMNS)).encode()
