"""What a preparation knows when it is stopped, and goes on from."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colorize_cli.errors import UsageError
from colorize_cli.system.files import write_atomic

from .near_duplicates import NearDuplicates

STATE = ".prepare.json"
TABLE = "photos.csv"
DROPPED = "dropped.csv"
COLUMNS = ("name", "part", "shard", "width", "height", "bytes", "sha256", "phash", "source")
_DROPPED_COLUMNS = ("source", "reason", "detail")


@dataclass
class Progress:
    """Counts and places up to which all is on the disk.

    Attributes:
        settings: of the preparation, which another one must have to go on.
        looked_at: candidates of the sources, in their order.
        parts: of each part its open shard, the good bytes of it, and its photographs.
        dropped: photographs by reason.
        table_bytes: good bytes of the table of photographs.
        dropped_bytes: good bytes of the table of those dropped.
    """

    settings: Mapping[str, Any]
    looked_at: int = 0
    parts: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    table_bytes: int = 0
    dropped_bytes: int = 0

    def save(self, out: Path) -> None:
        """Note all of it, at once."""
        write_atomic(out / STATE, (json.dumps(vars(self), indent=1) + "\n").encode())


def begun(out: Path, settings: Mapping[str, Any]) -> Progress:
    """Read how far a folder is, or begin in an empty one.

    Raises:
        UsageError: the folder holds something else, or was begun with other settings.
    """
    if (out / STATE).exists():
        try:
            known = json.loads((out / STATE).read_text(encoding="utf-8"))
            progress = Progress(
                **known | {"parts": {k: tuple(v) for k, v in known["parts"].items()}}
            )
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise UsageError(f"{out / STATE} is damaged ({error}): name another --out.") from error
        other = [name for name in settings if progress.settings.get(name) != settings[name]]
        if other:
            raise UsageError(
                f"{out} was begun with another {', '.join(other)}: name the same, or another --out."
            )
        return progress
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty, and not of `colorize prepare`: name another --out.")
    out.mkdir(parents=True, exist_ok=True)
    return Progress(settings)


class Table:
    """A table that grows, in CSV, cut off at what is known to be good."""

    def __init__(self, path: Path, columns: tuple[str, ...], position: int) -> None:
        """Go on behind `position` bytes; a new table gets its head."""
        self._file = path.open("r+" if position else "w", encoding="utf-8", newline="")
        self._file.truncate(position)
        self._file.seek(position)
        self._writer = csv.writer(self._file, lineterminator="\n")
        if not position:
            self._writer.writerow(columns)

    def add(self, *row: object) -> None:
        """Add a row."""
        self._writer.writerow(row)

    def position(self) -> int:
        """Bring all rows to the file, and return its bytes."""
        self._file.flush()
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def open_tables(out: Path, progress: Progress) -> tuple[Table, Table]:
    """Open the tables of the photographs taken and dropped where they were left."""
    return (
        Table(out / TABLE, COLUMNS, progress.table_bytes),
        Table(out / DROPPED, _DROPPED_COLUMNS, progress.dropped_bytes),
    )


def known_photos(out: Path, near: NearDuplicates) -> tuple[set[str], list[str]]:
    """Read the names that are taken, and their sources; fill in their perceptual hashes."""
    names, sources = set[str](), list[str]()
    with (out / TABLE).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            names.add(row["name"].rpartition(".")[0])
            sources.append(row["source"])
            near.add(int(row["phash"], 16))
    return names, sources
