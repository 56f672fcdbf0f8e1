"""The rows of photographs and of their colourings: reading them in bulk, writing them safely.

A file is "intended" from just before it takes its name until its photograph is settled, "placed"
from then on, and "stale" while a run is under way that is to make it again.
"""

import json
import os
import stat
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from time import time
from typing import Any, NamedTuple

from ...system.paths import composed, plain
from ..outcome import Outcome
from ..output_names import Job
from .database import TEXT, Database, as_text
from .kept_remarks import remarks_on
from .renaming import rename_first
from .run_records import Made

UNSETTLED = ("pending", "failed")  # states of photographs that a run has still to come to


class PhotoRow(NamedTuple):
    """What is known of a photograph; size and time are None where an older version knew it."""

    size: int | None
    mtime_ns: int | None
    sha256: str | None
    state: str  # "pending", "degraded", or as in `Outcome.status`


class FileRow(NamedTuple):
    """What is known of a colouring."""

    photo: str  # path of the photograph that it was made from
    sample: int | None  # its number from 1, which older versions kept in the name alone
    source: str  # SHA-256 (hex) of the photograph's bytes
    sha256: str | None  # of its own; None where an older version made it
    before: str | None  # of the file that it replaced, which is there until it is
    size: int | None
    mtime_ns: int | None
    state: str  # "intended", "placed" or "stale"
    settings: str | None = None  # SHA-256 of those that decided its pixels

    @property
    def is_degraded(self) -> bool:
        """Whether it was made with less than was asked for, for want of memory."""
        return self.settings is None and self.sha256 is not None

    def is_of(self, digest: str) -> bool:
        """Whether bytes with this SHA-256 are those that this tool wrote there."""
        return digest in (self.sha256, self.before)


class Found(NamedTuple):
    """What planning found out, for the next run to find it sooner."""

    photos: list[tuple[str, int, int, str]]  # path, size, time, SHA-256 of photographs
    moved: list[tuple[Path, str, str]]  # files whose photograph is elsewhere: its paths now, before
    placed: list[tuple[Path, str]]  # files that are there whole, of photographs that are done
    renamed: list[tuple[Path, Path]]  # single colourings, and the names of the first of several


def nothing_found() -> Found:
    """Give the lists, empty."""
    return Found([], [], [], [])


_FILES = """
SELECT name, photo, sample, source, sha256, before, size, mtime_ns, state, settings FROM files
WHERE folder = CAST(? AS TEXT)
"""
_WHERE_FILE = f"WHERE folder = {TEXT} AND name = {TEXT}"
_INTEND = f"""
INSERT OR REPLACE INTO files
(folder, name, place, photo, sample, source, sha256, before, size, mtime_ns, state, settings)
VALUES ({TEXT}, {TEXT}, {TEXT}, {TEXT}, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_COPY = f"""
INSERT OR REPLACE INTO files
(folder, name, place, photo, sample, source, sha256, before, size, mtime_ns, state, settings)
SELECT folder, {TEXT}, {TEXT}, photo, sample, source, sha256, NULL, size, mtime_ns, ?, settings
FROM files {_WHERE_FILE}
"""
_FAIL = f"""
INSERT INTO photos (path, state, reason, ended) VALUES ({TEXT}, 'failed', ?, ?)
ON CONFLICT DO UPDATE SET state = 'failed', reason = excluded.reason, ended = excluded.ended
"""
_AWAIT = f"""
INSERT INTO photos (path, state, run) VALUES ({TEXT}, 'pending', ?)
ON CONFLICT DO UPDATE SET run = excluded.run,
reason = CASE WHEN state IN ('failed', 'degraded') THEN reason END,
state = CASE WHEN state IN ('failed', 'degraded') THEN state ELSE 'pending' END
"""  # a run that ends leaves what failed to be found by `--retry-failed`, as it was""
_KNOW = f"""
INSERT INTO photos (path, size, mtime_ns, sha256, state) VALUES ({TEXT}, ?, ?, ?, 'done')
ON CONFLICT DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,
sha256 = excluded.sha256
"""
_HAS_DEGRADED = (
    "EXISTS (SELECT 1 FROM files WHERE photo = photos.path AND settings IS NULL "
    "AND sha256 IS NOT NULL)"
)
_FIND_DONE = f"""
UPDATE photos SET reason = NULL, state = CASE WHEN {_HAS_DEGRADED}
THEN 'degraded' ELSE 'done' END WHERE path = {TEXT}
"""
_FIND_DEGRADED = f"""
UPDATE photos SET state = 'degraded', reason = ?
WHERE path = {TEXT} AND state = 'done' AND {_HAS_DEGRADED}
"""
_DROP = f"""
DELETE FROM photos WHERE path = {TEXT}
AND NOT EXISTS (SELECT 1 FROM files WHERE photo = photos.path)
"""
_SETTLED = (
    *("size", "mtime_ns", "sha256", "bundle", "settings", "seed", "state", "reason", "seconds"),
    *("ended", "run", "kind", "grey", "is_alike", "warnings"),
)
_SETTLE = f"""
INSERT OR REPLACE INTO photos (path, {", ".join(_SETTLED)})
VALUES ({TEXT}, {", ".join("?" * len(_SETTLED))})
"""


class PhotoRows:
    """What a database says of photographs and files, each folder read once, and written."""

    def __init__(self, database: Database, out: Path) -> None:
        """Take the database of an output folder."""
        self._database = database
        self._out = out
        self._folders: dict[Path, dict[str, FileRow]] = {}

    @cached_property
    def photos(self) -> dict[str, PhotoRow]:
        """All photographs, by path."""
        rows = self._database.rows("SELECT path, size, mtime_ns, sha256, state FROM photos")
        return {path: PhotoRow(*row) for path, *row in rows}

    def below(self, folder: Path) -> dict[str, FileRow]:
        """Files of one folder, as planning finds them, by name in its composed form."""
        if folder not in self._folders:
            rows = self._database.rows(_FILES, (self._key(folder),))
            self._folders[folder] = {row[0]: FileRow._make(row[1:]) for row in rows}
        return self._folders[folder]

    def moved_of(self, size: int) -> list[str]:
        """Photographs of a size that are no longer at their path."""
        return [path for path in self._by_size.get(size, ()) if not _is_file(path)]

    @cached_property
    def _by_size(self) -> dict[int | None, list[str]]:
        found: dict[int | None, list[str]] = {}
        for path, row in self.photos.items():
            found.setdefault(row.size, []).append(path)
        return found

    def folders(self) -> list[Path]:
        """All folders that files were written to, as they are on disk."""
        places = self._database.rows("SELECT min(place) FROM files GROUP BY folder")
        return [(self._out / place).parent for (place,) in places]

    def places_of(self, photo: str) -> list[str]:
        """Where below the output folder a photograph's colourings are, or were."""
        query = f"SELECT place FROM files WHERE photo = {TEXT}"
        return [place for (place,) in self._database.rows(query, (as_text(photo),))]

    def has_others(self, sample: int) -> bool:
        """Whether there are colourings of another number, from 1."""
        query = "SELECT 1 FROM files WHERE sample != ? AND state = 'placed' LIMIT 1"
        return bool(self._database.rows(query, (sample,)))

    def note(self, failed: Sequence[tuple[str, str | None]], found: Found) -> None:
        """Keep what planning found out, and rename what is; OSError where that cannot be."""
        for single, first in found.renamed:
            rename_first(self, single, first)
        photos = self.photos
        named = {path for path, _ in failed}
        gone = [
            (as_text(path),)
            for path, row in photos.items()
            if row.state in UNSETTLED and path not in named and not _is_file(path)
        ]
        if not failed and not gone and not any(found):
            return
        with self._database.change() as connection:
            connection.executemany(_DROP, gone)
            connection.executemany(
                _FAIL, [(as_text(p), why and plain(why), time()) for p, why in failed]
            )
            connection.executemany(
                _KNOW, [(as_text(path), *known) for path, *known in found.photos]
            )
            connection.executemany(
                f"UPDATE files SET photo = {TEXT} {_WHERE_FILE}",
                [(as_text(photo), *self._file(path)) for path, photo, _ in found.moved],
            )
            connection.executemany(_DROP, [(as_text(before),) for *_, before in found.moved])
            connection.executemany(
                f"UPDATE files SET state = 'placed' {_WHERE_FILE}",
                [self._file(path) for path, _ in found.placed],
            )
            connection.executemany(
                _FIND_DONE,
                [
                    (as_text(photo),)
                    for photo in {photo for _, photo in found.placed}
                    if photo not in photos or photos[photo].state != "done"
                ],
            )

    def begin(self, todo: Sequence[Job], run: int) -> None:
        """Write down what is to be done, and which files are to be made again."""
        sources = [as_text(job.photo) for job in todo]
        again = [
            (self._key(job.folder), as_text(name))
            for job in todo
            for name in map(composed, (job.names[k] for k in job.missing))
            if name in self.below(job.folder)
        ]
        with self._database.change() as connection:
            connection.executemany(_AWAIT, [(source, run) for source in sources])
            connection.executemany(f"UPDATE files SET state = 'stale' {_WHERE_FILE}", again)

    def intend(self, path: Path, row: FileRow) -> None:
        """Write down a file before it takes its name; OSError where the disk is full."""
        photo, *facts = row
        values = (self._place(path), as_text(photo), *facts)
        known = self.below(path.parent).get(composed(path.name))
        with self._database.change() as connection:
            connection.execute(_INTEND, (*self._file(path), *values))
            if known and known.photo != photo:
                connection.execute(_DROP, (as_text(known.photo),))

    def forget(self, path: Path) -> None:
        """Take back what was intended, or whose name has gone."""
        with self._database.change() as connection:
            connection.execute(f"DELETE FROM files {_WHERE_FILE}", self._file(path))
        self.below(path.parent).pop(composed(path.name), None)

    def copy(self, path: Path, to: Path, state: str) -> None:
        """Write down a file under another name of its folder too."""
        values = (as_text(composed(to.name)), self._place(to), state, *self._file(path))
        with self._database.change() as connection:
            connection.execute(_COPY, values)
        known = self.below(to.parent)
        known[composed(to.name)] = known[composed(path.name)]._replace(state=state)

    def settle(self, outcome: Outcome, path: str, made: Made, run: int) -> None:
        """Write down what became of a photograph, and that the files written are in place."""
        size, mtime_ns = outcome.stamp or (None, None)
        remarks = remarks_on(self._database, path, outcome)
        values = (
            *(size, mtime_ns, outcome.digest),
            *(made.bundle, made.digest, made.seed),
            "degraded" if outcome.is_degraded and outcome.status == "done" else outcome.status,
            plain(outcome.reason or (outcome.less if outcome.is_degraded else "")) or None,
            *(outcome.seconds, time(), run, outcome.kind),
            None if remarks.grey is None else json.dumps(remarks.grey),
            remarks.is_alike,
            plain(json.dumps(remarks.warnings)),
        )
        # What a run that was killed had finished is in place too, as planning found.
        there = outcome.job.there if outcome.job else ()
        files: Iterable[Path] = (outcome.outputs[k] for k in {*outcome.written, *there})
        with self._database.change() as connection:
            connection.execute(_SETTLE, (as_text(path), *values))
            connection.executemany(
                f"UPDATE files SET state = 'placed' {_WHERE_FILE}",
                [self._file(file) for file in files],
            )
            # By files of earlier runs.
            connection.execute(_FIND_DEGRADED, (remarks.less, as_text(path)))

    def _key(self, folder: Path) -> bytes:
        return as_text(composed(folder.relative_to(self._out).as_posix()))

    def _place(self, path: Path) -> bytes:
        return as_text(path.relative_to(self._out).as_posix())

    def _file(self, path: Path) -> tuple[Any, ...]:
        return self._key(path.parent), as_text(composed(path.name))


def _is_file(path: str) -> bool:
    """Whether a photograph may still be there; one of which that cannot be known counts."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116  there may be very many
    except FileNotFoundError:
        return False
    except OSError:
        return True
