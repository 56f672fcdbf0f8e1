"""What the ledgers of an output folder say of its photographs, and whether its files agree.

A folder has one ledger, or one for each of the shards that share it.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from ...errors import UsageError
from ...system.files import digest_of
from ...system.paths import shown
from .database import Database, ledgers_in

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

    counts: Counter[str]  # photographs by state
    rate: float | None  # photographs a second of the last run, of the shards together
    failures: list[Failure]
    flagged: list[Flagged]


@contextmanager
def open_ledgers(out: Path) -> Iterator[list[Database]]:
    """Open a folder's ledgers for reading; UsageError where it has none."""
    with ExitStack() as opened:
        databases = [
            opened.enter_context(Database(out, shard, reads_only=True)) for shard in ledgers_in(out)
        ]
        if not any(database.is_kept for database in databases):
            raise UsageError(
                f"{shown(out)} has no ledger: name a folder that colorize has written to (one of "
                "an earlier version gets its ledger with the next run)."
            )
        yield databases


def overview(out: Path) -> Overview:
    """Read what became of a folder's photographs; UsageError where there is no ledger."""
    with open_ledgers(out) as databases:
        counts: Counter[str] = Counter()
        for database in databases:
            counts.update(dict(database.rows("SELECT state, count(*) FROM photos GROUP BY state")))
        failures = chain(*map(_failures, databases))
        rates = [rate for database in databases if (rate := _rate(database))]
        flagged = chain(*map(_flagged, databases))
        return Overview(counts, sum(rates) or None, sorted(failures), sorted(flagged, key=_path))


def _path(flagged: Flagged) -> str:
    return flagged.path


def _failures(database: Database) -> Iterator[Failure]:
    rows = database.rows("SELECT path, coalesce(reason, '') FROM photos WHERE state = 'failed'")
    return map(Failure._make, rows)


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
        "AND (grey != '[]' OR is_alike OR warnings != '[]')"
    )
    return [Flagged(path, each) for path, *seen in rows for each in remarks(*seen)]


def remarks(grey: str | None, is_alike: int | None, warnings: str | None) -> Iterator[str]:
    """Say what there is to look at, by what the ledger has of a photograph."""
    if samples := json.loads(grey or "[]"):
        yield f"came out grey: sample {', '.join(map(str, samples))}"
    if is_alike:
        yield "all alike: its samples hardly differ"
    yield from json.loads(warnings or "[]")
