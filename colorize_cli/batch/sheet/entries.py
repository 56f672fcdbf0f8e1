"""What a sheet shows of each photograph, as the ledgers of an output folder have it."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from ...system.files import digest_of
from ...system.paths import natural_key
from ..records.database import Database
from ..records.inspect_folder import remarks
from .thumbnails import map_name, name_of

_FILES = "SELECT photo, place, sample, source, sha256, size, mtime_ns FROM files"
_PHOTOS = "SELECT path, run, state, reason, grey, is_alike, warnings FROM photos"
_RUNS = "SELECT id, settings FROM runs ORDER BY id"
_NUMBER = re.compile(r".*\.(\d+)\.[^.]*")  # of a sample, in the name of its file


@dataclass(frozen=True)
class Sample:
    """A colouring that is there."""

    number: int  # from 1
    place: str  # below the output folder
    made: str  # SHA-256 (hex) of its file as it was written; empty where that is not known
    digest: str  # SHA-256 (hex) of its file as it is

    @property
    def thumbnail(self) -> str:
        """The name of its thumbnail."""
        return name_of(self.digest)


@dataclass(frozen=True)
class Entry:
    """A photograph on a sheet."""

    photo: str  # its absolute path
    source: str | None  # SHA-256 (hex) of its bytes, as they were coloured; None without samples
    state: str  # as in the ledger
    reason: str | None
    remarks: tuple[str, ...]  # what there is to look at
    samples: tuple[Sample, ...] = ()
    white: float | None = None  # of wide samples, as its run had it; None for the usual one

    @property
    def thumbnail(self) -> str | None:
        """The name of its own thumbnail, where it may have one."""
        return name_of(self.source) if self.source else None

    @property
    def map(self) -> str | None:
        """The name of the map of its samples, where there are several."""
        digests = [sample.digest for sample in self.samples]
        return map_name(digests) if len(digests) > 1 else None

    @property
    def pictures(self) -> set[str]:
        """The names of all thumbnails that it may have."""
        own = (self.thumbnail, self.map, *(sample.thumbnail for sample in self.samples))
        return {name for name in own if name}


@dataclass(frozen=True)
class _File:
    """A row of a colouring."""

    photo: str
    place: str
    sample: int | None
    source: str
    sha256: str | None
    size: int | None
    mtime_ns: int | None

    @property
    def number(self) -> int:
        """The number of the sample, which older versions kept in the name alone."""
        found = _NUMBER.fullmatch(self.place)
        return self.sample or (int(found[1]) if found else 1)


def entries_of(databases: Sequence[Database], out: Path) -> list[Entry]:
    """Read what there is to see of an output folder, in natural order of the photographs.

    That is each photograph of which a colouring is there, and each that failed. Of colourings of
    one number, as of two formats, the one written last is taken.
    """
    files: dict[str, dict[int, _File]] = {}
    for row in chain(*(database.rows(_FILES) for database in databases)):
        file = _File(*row)
        known = files.setdefault(file.photo, {})
        before = known.get(file.number)
        if before is None or (before.mtime_ns or 0) < (file.mtime_ns or 0):
            known[file.number] = file
    found = list(_entries(databases, files, out))
    return sorted(found, key=lambda entry: (natural_key(Path(entry.photo)), entry.photo))


def _entries(
    databases: Sequence[Database], files: Mapping[str, Mapping[int, _File]], out: Path
) -> Iterator[Entry]:
    for database in databases:
        whites = _whites(database)
        for path, run, state, reason, *seen in database.rows(_PHOTOS):
            own = files.get(path, {})
            samples = tuple(filter(None, (_sample(own[number], out) for number in sorted(own))))
            source = own[samples[0].number].source if samples else None
            if samples or state == "failed":
                white = whites.get(run, whites.get(None))
                entry = Entry(path, source, state, reason, (), samples, white)
                yield entry if state == "failed" else replace(entry, remarks=tuple(remarks(*seen)))


def _whites(database: Database) -> dict[int | None, float | None]:
    """What each run took for white, by its number, and the last run by None.

    A photograph that was moved since has no run. Of settings no more is read than this, so those of
    other versions will do; where there is none in them, it is the usual white.
    """
    whites: dict[int | None, float | None] = {}
    for number, text in database.rows(_RUNS):
        try:
            white = json.loads(text)["white"]
        except (ValueError, TypeError, KeyError):
            white = None
        whites[number] = whites[None] = white if isinstance(white, int | float) else None
    return whites


def _sample(file: _File, out: Path) -> Sample | None:
    """A colouring, where its file is there; it is read only where it was altered, or may be."""
    path = os.path.join(out, file.place)  # noqa: PTH118  there may be very many
    try:
        status = os.stat(path)  # noqa: PTH116
        is_as_made = (status.st_size, status.st_mtime_ns) == (file.size, file.mtime_ns)
        digest = file.sha256 if file.sha256 and is_as_made else digest_of(Path(path))
    except OSError:
        return None
    return Sample(file.number, file.place, file.sha256 or "", digest)
