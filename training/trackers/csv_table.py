"""`log.csv`: a row for each entry of the log, a column for each figure, for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from colorize_cli.errors import UsageError
from colorize_cli.system.files import write_atomic

from .tracker import Panel, TrackedRun, flat

NAME = "log.csv"


class CsvTable:
    """Adds rows to a file; it is written anew where a figure comes for the first time."""

    def __init__(self, path: Path, step: int) -> None:
        """Go on behind the rows of the first `step` steps; later ones are dropped.

        Raises:
            UsageError: the file is another table, and none of a run.
        """
        if not _may_be_ours(path):
            raise UsageError(
                f"{path} is no table of a run, which would replace it: move it, or name another "
                "--out."
            )
        self._path = path
        rows = _rows(path)
        self._columns = list(rows[0]) if rows else ["step"]
        self._write([row for row in rows if int(row["step"]) <= step])

    def entry(self, entry: Mapping[str, Any]) -> None:
        """Add a row of the entry's numbers."""
        figures = flat(entry)
        if figures.keys() == {"step"}:
            return
        if new := [name for name in figures if name not in self._columns]:
            self._columns += new
            self._write([*_rows(self._path), figures])
            return
        with self._path.open("a", encoding="utf-8", newline="") as file:
            file.write(self._text([figures], head=False))

    def panel(self, panel: Panel) -> None:
        """Do nothing: a table holds no pictures."""

    def close(self) -> None:
        """Do nothing: every row is in the file."""

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        write_atomic(self._path, self._text(rows, head=True).encode())

    def _text(self, rows: Iterable[Mapping[str, Any]], *, head: bool) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, lineterminator="\n")
        if head:
            writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()


def begin(run: TrackedRun) -> CsvTable:
    """Begin the table of a run, or go on with it."""
    return CsvTable(run.out / NAME, run.step)


def _may_be_ours(path: Path) -> bool:
    """Tell whether there is no file, an empty one, or a table whose first column is the step."""
    if not path.exists():
        return True
    with path.open("rb") as file:
        head = file.readline()
    return not head or head.strip().split(b",")[0] == b"step"


def _rows(path: Path) -> list[dict[str, Any]]:
    """Read all rows that are whole; one that was cut off lacks cells, or its end."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    whole = text[: text.rfind("\n") + 1]
    rows = csv.DictReader(io.StringIO(whole))
    return [row for row in rows if row.get("step", "").isdecimal() and None not in row.values()]
