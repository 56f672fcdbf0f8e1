"""Decide what becomes of the files that are there already under the names of a photo's colourings.

A regular file with something in it, made from these bytes of this photograph, is done, whatever
its settings. It is made again where the photograph was edited since, or where a run was to make it
again and did not come to it, as long as the file is what this tool wrote. All else is somebody's,
and stays: the photograph fails, and the reason says what to do.
"""

import os
import stat
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..system.files import digest_of
from ..system.paths import absolute, composed, shown
from .ledger import Ledger, stays
from .output_names import Job
from .records.photo_rows import FileRow, Found

# Why a file that is there is made again, and what is said of so many photographs.
_WHY = {
    "changed": "changed since they were coloured, and are coloured again",
    "begun": "were to be coloured again by a run that ended before, and are now",
    "empty": "have files without a byte, which are made again",
}

_UNSETTLED = ("pending", "failed")
_ASKED = "asked"  # for, of which nothing is said


class Verdict(NamedTuple):
    """What is to be done for a photograph."""

    missing: tuple[int, ...] = ()  # samples to be made, from 0
    reason: str | None = None  # why nothing can be done


class _Place(NamedTuple):
    """A file that is there; whether it is a link is known from its folder's listing."""

    entry: os.DirEntry[str]
    status: os.stat_result  # links followed

    @property
    def path(self) -> Path:
        return Path(self.entry.path)


class ExistingFiles:
    """Judge the files of one photograph after the other; keep what was found out on the way."""

    def __init__(self, ledger: Ledger, overwrite: bool, is_entangled: bool) -> None:
        """Take a ledger; `is_entangled` where originals may lie among the outputs."""
        self._ledger = ledger
        self._overwrite = overwrite
        self._is_entangled = is_entangled
        self._entries_in = cache(_entries_in)
        self._reasons: Counter[str] = Counter()
        self.found = Found([], [], [])

    def notes(self) -> list[str]:
        """Say what is made again and why: a line for each kind."""
        counts = ((self._reasons[why], text) for why, text in _WHY.items())
        return [f"{count:,} of the photographs {text}" for count, text in counts if count]

    def judge(self, job: Job) -> Verdict:
        """Decide what is to be done for a photograph."""
        there = self._entries_in(job.folder)
        if not there or (self._overwrite and not self._is_entangled):
            return Verdict(job.missing)
        known = self._ledger.rows.below(job.folder)
        photo = _Photograph(job.source, self._ledger)
        missing, reasons = [], set()
        placed: list[tuple[Path, str]] = []
        try:
            for k, name in enumerate(map(composed, job.names)):
                if name not in there:
                    missing.append(k)
                    continue
                entry, row = there[name], known.get(name)
                again = self._judge_file(entry, row, photo)
                if again in _WHY or again == _ASKED:
                    missing.append(k)
                    reasons.add(again)
                elif again:
                    return Verdict(reason=again)
                elif row and (row.state == "intended" or photo.state in _UNSETTLED):
                    placed.append((Path(entry.path), photo.path))
        except OSError as error:
            return Verdict(reason=f"cannot be read: {error.strerror or error}")
        self._keep(photo, placed if not missing else [])
        self._reasons.update(reasons)
        return Verdict(tuple(missing) if len(missing) < len(job.missing) else job.missing)

    def _judge_file(
        self, entry: os.DirEntry[str], row: FileRow | None, photo: "_Photograph"
    ) -> str:
        """Say why a file is made again, or why that cannot be; nothing where it is done."""
        try:
            place = _Place(entry, entry.stat())
        except OSError:
            return f"{shown(entry.path)} is a link that leads nowhere: delete it"
        if not stat.S_ISREG(place.status.st_mode):
            return f"{shown(entry.path)} is no file: move it away"
        if self._overwrite:
            return _ASKED if row else _maybe_original(place.path)
        if not place.status.st_size:
            return "empty"
        if row is None:
            return stays(place.path, None)
        if row.source != photo.digest(row, place):
            if row.photo != photo.path:
                return _others(place.path, row)
            return "changed" if _is_ours(row, place) else stays(place.path, row)
        if row.photo != photo.path:
            self.found.moved.append((place.path, photo.path, row.photo))
        return "" if row.state == "placed" else _go_on(row, place)

    def _keep(self, photo: "_Photograph", placed: list[tuple[Path, str]]) -> None:
        if photo.learnt:
            self.found.photos.append(photo.learnt)
        self.found.placed.extend(placed)


class _Photograph:
    """A photograph, whose bytes are known by its size and time, where they are in the ledger."""

    def __init__(self, source: Path, ledger: Ledger) -> None:
        self._source = source
        self._ledger = ledger
        self._digest: str | None = None
        self.path = str(absolute(source))
        self._row = ledger.rows.photos.get(self.path)
        self.state = self._row and self._row.state
        self.learnt: tuple[str, int, int, str] | None = None

    def digest(self, row: FileRow, place: _Place) -> str:
        """SHA-256 of its bytes, to compare with that of a file's row; OSError if unreadable."""
        if self._digest is None:
            self._digest = self._find(row, place)
        return self._digest

    def _find(self, row: FileRow, place: _Place) -> str:
        known = self._row
        status = self._source.stat()
        if known and known.sha256:
            if (known.size, known.mtime_ns) == (status.st_size, status.st_mtime_ns):
                return known.sha256
            # An older version kept no time: what is older than its colouring was not edited since.
            is_older = status.st_mtime_ns <= place.status.st_mtime_ns
            if known.size is None and row.photo == self.path and is_older:
                self.learnt = (self.path, status.st_size, status.st_mtime_ns, known.sha256)
                return known.sha256
        digest = self._ledger.digest_now(self._source)
        self.learnt = (self.path, status.st_size, status.st_mtime_ns, digest)
        return digest


def _go_on(row: FileRow, place: _Place) -> str:
    """Say what becomes of a file of this photograph that no run has settled."""
    if row.state == "stale":
        return "begun" if _is_ours(row, place) else stays(place.path, row)
    digest = digest_of(place.path)
    if digest == row.sha256:
        return ""
    return "begun" if digest == row.before else stays(place.path, row)


def _is_ours(row: FileRow, place: _Place) -> bool:
    """Whether a file is what this tool wrote there."""
    if place.entry.is_symlink() or row.sha256 is None:
        return False
    is_as_written = (row.size, row.mtime_ns) == (place.status.st_size, place.status.st_mtime_ns)
    return is_as_written or row.is_of(digest_of(place.path))


def _others(path: Path, row: FileRow) -> str:
    return (
        f"{shown(path)} was made from another photograph, {shown(row.photo)}: name another --out, "
        "or --overwrite to replace it"
    )


def _maybe_original(path: Path) -> str:
    return (
        f"{shown(path)} may be an original: among them only what this tool made is overwritten. "
        "Name another --out"
    )


def _entries_in(folder: Path) -> dict[str, os.DirEntry[str]]:
    """What is in an output folder, by composed name."""
    try:
        with os.scandir(folder) as inside:
            return {composed(entry.name): entry for entry in inside}
    except OSError:  # not there yet; a folder that cannot be written to is found when writing
        return {}
