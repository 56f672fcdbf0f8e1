"""What the ledger of an output folder says of its photographs, and whether its files agree."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from ...errors import UsageError
from ...system.files import digest_of
from ...system.paths import shown
from .database import Database

Found: TypeAlias = Literal["as made", "missing", "altered", "unreadable", "unknown"]


class Failure(NamedTuple):
    """A photograph that failed, and why."""

    path: str
    reason: str


class Flagged(NamedTuple):
    """A photograph of which something is to be seen, and what that is."""

    path: str
    remark: str


class Overview(NamedTuple):
    """What became of the photographs of a folder, as its ledger has it."""

    counts: dict[str, int]  # photographs by state
    rate: float | None  # photographs a second of the last run, where it finished any
    failures: list[Failure]
    flagged: list[Flagged]


def open_ledger(out: Path) -> Database:
    """Open a folder's ledger for reading; UsageError where it has none."""
    database = Database(out, reads_only=True)
    if not database.is_kept:
        database.__exit__()
        raise UsageError(
            f"{shown(out)} has no ledger: name a folder that colorize has written to (one of an "
            "earlier version gets its ledger with the next run)."
        )
    return database


def overview(out: Path) -> Overview:
    """Read what became of a folder's photographs; UsageError where there is no ledger."""
    with open_ledger(out) as database:
        counts = database.rows("SELECT state, count(*) FROM photos GROUP BY state")
        failures = database.rows(
            "SELECT path, coalesce(reason, '') FROM photos WHERE state = 'failed' ORDER BY path"
        )
        return Overview(
            dict(counts), _rate(database), [Failure(*row) for row in failures], _flagged(database)
        )


def check_files(database: Database) -> Iterator[tuple[Path, Found]]:
    """Compare the files with what was written, in the order of their paths; all are read.

    "unknown" are those that an older version made, which kept no hash, and that are there. A file
    that no run has finished is left out until it is there.
    """
    folder = database.path.parent
    rows = database.rows("SELECT place, sha256, before, state FROM files ORDER BY place")
    for place, sha256, before, state in rows:
        path = folder / place
        if not path.is_file():
            if state == "placed" or path.is_symlink():
                yield path, "missing"
        elif sha256 is None:
            yield path, "unknown"
        else:
            made = (sha256,) if state == "placed" else (sha256, before)
            try:
                yield path, "as made" if digest_of(path) in made else "altered"
            except OSError:
                yield path, "unreadable"


def _rate(database: Database) -> float | None:
    ((number, done, last),) = database.rows(
        "SELECT max(run), count(*), max(ended) FROM photos "
        "WHERE run = (SELECT max(id) FROM runs) AND state IN ('done', 'copied', 'degraded')"
    )
    if not done or last is None:
        return None
    ((started,),) = database.rows("SELECT started FROM runs WHERE id = ?", (number,))
    seconds = last - datetime.fromisoformat(started).timestamp()
    return float(done / seconds) if seconds > 0 else None


def _flagged(database: Database) -> list[Flagged]:
    rows = database.rows(
        "SELECT path, grey, is_alike, warnings FROM photos "
        "WHERE state IN ('done', 'copied', 'degraded') "
        "AND (grey != '[]' OR is_alike OR warnings != '[]') ORDER BY path"
    )
    found = []
    for path, grey, is_alike, warnings in rows:
        if samples := json.loads(grey or "[]"):
            found.append(Flagged(path, f"came out grey: sample {', '.join(map(str, samples))}"))
        if is_alike:
            found.append(Flagged(path, "all alike: its samples hardly differ"))
        found.extend(Flagged(path, warning) for warning in json.loads(warnings or "[]"))
    return found
