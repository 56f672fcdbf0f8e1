"""Decide what becomes of the files that are there already under the names of a photo's colourings.

A regular file with something in it, made from these bytes of this photograph, is done. It is made
again where the photograph was edited since, where it was made with other settings than the user
names, or where a run was to make it again and did not come to it, as long as the file is what this
tool wrote. What somebody deleted or renamed stays away. All else is somebody's, and stays: the
photograph fails, and the reason says what to do; where it is the settings alone that differ, it
does not even fail.
"""

import os
import stat
from collections import Counter
from collections.abc import Container, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..system.files import digest_of
from ..system.paths import composed, shown
from .ledger import Ledger, stays
from .output_names import Job
from .records.photo_rows import UNSETTLED, FileRow, nothing_found

# Why a file that is there is made again, and what is said of so many photographs.
_WHY = {
    "changed": "{} of the photographs changed since they were coloured, and are coloured again",
    "settings": "{} of the photographs were coloured with other settings than are named now, and "
    "are coloured again",
    "degraded": "{} of the photographs were coloured with less than was asked for, for want of "
    "memory, and are coloured again",
    "begun": "{} of the photographs were to be coloured again by a run that ended before, and are "
    "now",
    "empty": "{} of the photographs have files without a byte, which are made again",
}
# What is said of others.
_STAYS = {
    "gone": "colourings of {} of the photographs were deleted or renamed, and stay away: --restore "
    "makes them again",
    "altered": "{} of the photographs have colourings that were made with other settings and "
    "altered since, which stay: --overwrite replaces them",
    "renamed": "the single colourings of {} of the photographs are renamed, to be the first of "
    "several",
}

_ANOTHER_SAMPLE = "{} is sample {} of {}: give another --name, or --overwrite to replace it"
_ASKED = "asked"  # for, of which nothing is said


class Wish(NamedTuple):
    """What the user wants of files that are there."""

    overwrite: bool = False
    restore: bool = False
    otherwise: frozenset[str] = frozenset()  # settings (SHA-256) that are not to stay
    is_entangled: bool = False  # originals may lie among the outputs
    retry: bool = False  # what was degraded for want of memory
    only_changed: bool = False  # photographs that were edited since


class Verdict(NamedTuple):
    """What is to be done for a photograph."""

    missing: tuple[int, ...] = ()  # samples to be made, from 0
    gone: tuple[int, ...] = ()  # samples that somebody deleted or renamed, and that stay away
    reason: str | None = None  # why nothing can be done
    is_changed: bool = False  # whether the photograph was edited since it was coloured


class _Place(NamedTuple):
    """A file that is there; whether it is a link is known from its folder's listing."""

    entry: os.DirEntry[str]
    status: os.stat_result  # links followed

    @property
    def path(self) -> Path:
        return Path(self.entry.path)


class ExistingFiles:
    """Judge the files of one photograph after the other; keep what was found out on the way."""

    def __init__(self, ledger: Ledger, wish: Wish) -> None:
        """Take a ledger, and what is wanted."""
        self._ledger = ledger
        self._wish = wish
        self._entries_in = cache(_entries_in)
        self._reasons: Counter[str] = Counter()
        self.found = nothing_found()

    def notes(self) -> list[str]:
        """Say what is made again, and what is not, and why: a line for each kind."""
        counts = ((self._reasons[why], text) for why, text in (_WHY | _STAYS).items())
        return [text.format(f"{count:,}") for count, text in counts if count]

    def judge(self, job: Job) -> Verdict:
        """Decide what is to be done for a photograph."""
        there, known = self._entries_in(job.folder), self._ledger.rows.below(job.folder)
        is_all_asked = self._wish.overwrite and not self._wish.is_entangled
        if not known and (not there or is_all_asked):
            return Verdict(job.missing)
        photo = _Photograph(job, self._ledger)
        names = self._find_first(job, photo, there, known)
        missing: list[int] = []
        gone: list[int] = []
        reasons: set[str] = set()
        placed: list[tuple[Path, str]] = []
        try:
            for k in job.asked:
                name = names[k]
                entry, row = there.get(name), known.get(name)
                if entry is None:
                    is_gone = row is not None and self._is_gone(row, photo, job.outputs[k], k)
                    (gone if is_gone else missing).append(k)
                    continue
                again = self._judge_file(entry, row, photo, k)
                if again in _WHY or again == _ASKED:
                    missing.append(k)
                    reasons.add(again)
                elif again:
                    return Verdict(reason=again)
                elif row and (row.state == "intended" or photo.state in UNSETTLED):
                    placed.append((job.outputs[k], photo.path))
        except OSError as error:
            return Verdict(reason=f"cannot be read: {error.strerror or error}")
        self._keep(photo, placed if not missing else [])
        self._reasons.update(reasons | ({"gone"} if gone else set()))
        is_whole = len(missing) == len(job.missing)
        return Verdict(
            job.missing if is_whole else tuple(missing), tuple(gone), None, "changed" in reasons
        )

    def _judge_file(
        self, entry: os.DirEntry[str], row: FileRow | None, photo: "_Photograph", k: int
    ) -> str:
        """Say why a file is made again, or why that cannot be; nothing where it is done."""
        wish = self._wish
        if wish.overwrite and not wish.is_entangled:
            return self._asked(row, photo)
        try:
            place = _Place(entry, entry.stat())
        except OSError:
            return f"{shown(entry.path)} is a link that leads nowhere: delete it"
        if not stat.S_ISREG(place.status.st_mode):
            return f"{shown(entry.path)} is no file: move it away"
        if not place.status.st_size:
            return "empty"
        if wish.overwrite:  # an original may have taken the name of a colouring since
            is_ours = row and _is_ours(row, place)
            return self._asked(row, photo) if is_ours else _maybe_original(place.path)
        if row is None:
            return stays(place.path, None)
        is_source = row.source == photo.digest(row, place)
        if not is_source and row.photo != photo.path:
            return _others(place.path, row)
        if not _is_sample(row, k):
            return _ANOTHER_SAMPLE.format(shown(place.path), row.sample, shown(row.photo))
        if not is_source:
            return "changed" if _is_ours(row, place) else stays(place.path, row)
        if row.photo != photo.path:
            self.found.moved.append((place.path, photo.path, row.photo))
        again = "" if row.state == "placed" else _go_on(row, place)
        return again or self._judge_settings(row, place)

    def _asked(self, row: FileRow | None, photo: "_Photograph") -> str:
        """Say why a file is made again on demand: for an edit, where only that counts."""
        is_known = self._wish.only_changed and row is not None and row.photo == photo.path
        return "changed" if is_known and row and row.source != photo.digest(row) else _ASKED

    def _judge_settings(self, row: FileRow, place: _Place) -> str:
        """Say whether a file is made again for its settings, or nothing."""
        is_retried = self._wish.retry and row.is_degraded
        if not is_retried and row.settings not in self._wish.otherwise:
            return ""
        if _is_ours(row, place):
            return "degraded" if is_retried else "settings"
        self._reasons["altered"] += 1
        return ""

    def _is_gone(self, row: FileRow, photo: "_Photograph", path: Path, k: int) -> bool:
        """Whether a file that is not there was made for this photograph, and taken away since."""
        is_settled = row.state == "placed" and photo.state not in UNSETTLED
        if self._wish.restore or not is_settled or not _is_sample(row, k):
            return False
        if row.photo != photo.path:
            if row.source != photo.digest(row):
                return False
            self.found.moved.append((path, photo.path, row.photo))
        return True

    def _find_first(
        self, job: Job, photo: "_Photograph", there: Container[str], known: Mapping[str, FileRow]
    ) -> list[str]:
        """The names to look for: the first of several may be a single one until now."""
        first, *others = map(composed, job.names)
        single = composed(job.stem + job.suffix)
        row, new = known.get(single), known.get(first)
        if single == first or job.asked[0] != 0 or row is None:
            return [first, *others]
        if row.photo != photo.path or not _is_sample(row, 0):
            return [first, *others]
        is_unsettled = new and (new.state == "intended" or single not in there)
        is_half_renamed = new and is_unsettled and new.sha256 == row.sha256
        if not is_half_renamed and (first in there or single not in there):
            return [first, *others]
        self.found.renamed.append((job.folder / (job.stem + job.suffix), job.outputs[0]))
        self._reasons["renamed"] += 1
        return [first if first in there else single, *others]

    def _keep(self, photo: "_Photograph", placed: list[tuple[Path, str]]) -> None:
        if photo.learnt:
            self.found.photos.append(photo.learnt)
        self.found.placed.extend(placed)


class _Photograph:
    """A photograph, whose bytes are known by its size and time, where they are in the ledger."""

    def __init__(self, job: Job, ledger: Ledger) -> None:
        self._source = job.source
        self._ledger = ledger
        self._digest: str | None = None
        self.path = job.photo
        self._row = ledger.rows.photos.get(self.path)
        self.state = self._row and self._row.state
        self.learnt: tuple[str, int, int, str] | None = None

    def digest(self, row: FileRow, place: _Place | None = None) -> str:
        """SHA-256 of its bytes, to compare with that of a file's row; OSError if unreadable."""
        if self._digest is None:
            self._digest = self._find(row, place)
        return self._digest

    def _find(self, row: FileRow, place: _Place | None) -> str:
        known = self._row
        status = self._source.stat()
        if known and known.sha256:
            if (known.size, known.mtime_ns) == (status.st_size, status.st_mtime_ns):
                return known.sha256
            # An older version kept no time: what is older than its colouring was not edited since.
            is_older = place and status.st_mtime_ns <= place.status.st_mtime_ns
            if known.size is None and row.photo == self.path and is_older:
                self.learnt = (self.path, status.st_size, status.st_mtime_ns, known.sha256)
                return known.sha256
        digest = self._ledger.digest_now(self.path)
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


def _is_sample(row: FileRow, k: int) -> bool:
    return row.sample in (None, k + 1)  # None of older versions


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
