"""What is known of an output folder, kept in it: its runs, its photographs, whose its files are.

A photograph is known by its path while its size and time are those of before, else by its bytes. A
file counts as this tool's own where its bytes are those that were written; only then is it ever
replaced without being asked for. `records` has the database, and `docs/ledger.md` its columns.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ..errors import ImageError, OutputError, UsageError, reason_of
from ..system.files import (
    copy_times,
    digest_of,
    is_leftover,
    sync_folder,
    take_name,
    written_beside,
)
from ..system.paths import composed, shown
from .outcome import Outcome
from .output_names import Job
from .records import run_records as records
from .records.database import Database
from .records.folder_lock import FolderLock
from .records.photo_rows import FileRow, Found, PhotoRows
from .settings import RunSettings


class Beginning(NamedTuple):
    """What a run writes down before its first photograph."""

    settings: RunSettings
    todo: Sequence[Job]
    overwrites: bool  # whatever has the names of its files
    spares_unknown: bool = False  # even then, for it may be an original
    keeps_times: bool = False  # of the photographs, for their colourings
    is_part: bool = False  # its settings do not count for the folder


class Ledger(AbstractContextManager["Ledger"]):
    """Read and write what is known of an output folder, as its only run, within a `with` statement.

    Writing is safe in any thread.
    """

    def __init__(
        self,
        out: Path,
        note: Callable[[str], None] = lambda text: None,
        *,
        reads_only: bool = False,
    ) -> None:
        """Take an output folder; UsageError where a file lies on the way to it, or in its place.

        `note` is told once, before the first photograph is read. What `reads_only` changes nothing,
        and goes on beside a run.
        """
        _require_folder(out)
        self._out = out
        self._note = cache(note)
        self._sync_above = cache(self._sync_folders_above)  # each folder's own name, once
        self._reads_only = reads_only
        self._run: int | None = None
        self._lock: FolderLock | None = None

    def __enter__(self) -> "Ledger":
        """Lock the folder and open the ledger; UsageError where another run has it."""
        if not self._reads_only and self._out.is_dir():
            with suppress(OSError):  # where nothing can be written, a run may still find all done
                self._lock = FolderLock(self._out)
        try:
            self._database = Database(self._out, reads_only=self._reads_only)
            self._has_old = not self._database.is_kept and records.take_over(
                self._database, self._out
            )
        except BaseException:
            self._release()
            raise
        self.rows = PhotoRows(self._database, self._out)
        return self

    def __exit__(self, *exception: object) -> None:
        self._database.__exit__(*exception)
        self._release()

    @cached_property
    def last_settings(self) -> RunSettings | None:
        """What the last run used, if any; UsageError where its record cannot be used."""
        return records.last_settings(self._database)

    def made_otherwise(self, named: Mapping[str, object]) -> frozenset[str]:
        """The settings of earlier runs that differ from what is named, by their SHA-256."""
        return records.unlike(self._database, named)

    def digest_now(self, source: Path) -> str:
        """Read a photograph to know it again; say once that photographs are read."""
        self._note("photographs may have moved or changed: reading them to know them again")
        return digest_of(source)

    def note_plan(
        self, problems: Iterable[Outcome], found: Found, folders: Iterable[Path] = ()
    ) -> None:
        """Keep what planning found out, where there is a ledger to keep it in.

        What killed runs were writing into the planned folders, or any known one, is deleted.
        """
        if self._lock:
            _clear({self._out, *folders, *self.rows.folders()})
        failed = [(problem.photo, problem.reason) for problem in problems]
        with suppress(OSError):
            if self._has_old and self._lock:
                self._database.keep()
            for single, first in found.renamed if self._lock else ():
                self._rename(single, first)
            self.rows.note(failed, found)

    def begin(self, beginning: Beginning) -> None:
        """Make the folder, lock it, and write down what is to be done.

        What is to be made again is marked, so that a run that goes on makes it again too.
        UsageError is raised where the folder cannot be written to, or another run has begun there.
        """
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            self._lock = self._lock or FolderLock(self._out)
            self._database.keep()
            self._run = records.add_run(self._database, beginning.settings, beginning.is_part)
            self.rows.begin(beginning.todo, self._run)
        except OSError as error:
            raise UsageError(
                f"--out {shown(self._out)} cannot be written to: {error.strerror}"
            ) from error
        self._beginning = beginning
        self._settings = records.Made(beginning.settings)

    def put(self, job: Job, k: int, data: bytes, digest: str, is_degraded: bool = False) -> None:
        """Write the file of a sample, as a `Put`.

        The ledger has the file's bytes before it takes its name, and those that it replaces: where
        a run ends in between, the next one knows which of both are there.

        Raises:
            ImageError: The file's name is somebody else's.
            OutputError: No file can be written there any more: the disk is full, say.
            OSError: This file cannot be written.
        """
        try:
            self._put(job, k, data, digest, None if is_degraded else self._settings.digest)
        except OSError as error:
            if error.errno in _ENDS_RUN or not self._is_writable():
                raise self._ended(error) from error
            raise

    def _put(self, job: Job, k: int, data: bytes, digest: str, settings: str | None) -> None:
        path = job.outputs[k]
        if not self._database.is_there():  # a folder that was removed is not made anew
            raise OSError(errno.ENOENT, "the output folder has gone", str(self._out))
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_beside(path, data) as temporary:
            before = self._what_gives_way(path)
            if self._beginning.keeps_times:
                copy_times(job.source, temporary)
            status = temporary.stat()
            row = FileRow(
                photo=job.photo,
                source=digest,
                sha256=sha256(data).hexdigest(),
                before=before,
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                state="intended",
                settings=settings,
            )
            self.rows.intend(path, k, row)
            if before is not None:
                temporary.replace(path)
            else:
                self._take(temporary, path)
        sync_folder(path.parent)
        self._sync_above(path.parent)

    def settle(self, outcome: Outcome) -> None:
        """Write down what became of a photograph, once its files are there for good.

        OutputError is raised where that cannot be done: it could not be known what the run did.
        """
        if outcome.job is None or outcome.status == "there" or self._run is None:
            return
        try:
            self.rows.settle(outcome, outcome.photo, self._settings, self._run)
        except OSError as error:
            raise self._ended(error) from error

    def _is_writable(self) -> bool:
        """Whether the output folder is still the one that the run began in, and may be changed."""
        return self._database.is_there() and os.access(self._out, os.W_OK)

    def _ended(self, error: OSError) -> OutputError:
        return OutputError(
            f"--out {shown(self._out)} can be written to no more ({reason_of(error)}), so the run "
            "ends here. Once that is mended, the same command goes on."
        )

    def _rename(self, single: Path, first: Path) -> None:
        """Give a colouring the name of the first of several; both are known until it has it."""
        row = self.rows.below(single.parent)[composed(single.name)]
        self.rows.copy(single, first, "intended")
        if single.exists():
            try:
                take_name(single, first)
            except FileExistsError:
                if not first.samefile(single):
                    self.rows.forget(first)
                    return
            single.unlink(missing_ok=True)
            sync_folder(first.parent)
        self.rows.copy(single, first, row.state)
        self.rows.forget(single)

    def _sync_folders_above(self, folder: Path) -> None:
        """Make the names of a folder and of those above it durable, as far as a run makes any."""
        for above in folder.parents:
            sync_folder(above)
            if above == self._out.parent:
                return

    def _take(self, temporary: Path, path: Path) -> None:
        try:
            take_name(temporary, path)
        except FileExistsError as error:
            self.rows.forget(path)
            raise ImageError(_NOT_OURS.format(shown(path))) from error

    def _what_gives_way(self, path: Path) -> str | None:
        """SHA-256 of the file to be replaced, None where there is none; ImageError if it stays."""
        try:
            status = path.lstat()
        except FileNotFoundError:
            return None
        is_link = stat.S_ISLNK(status.st_mode)
        is_empty = stat.S_ISREG(status.st_mode) and status.st_size == 0
        row = self.rows.below(path.parent).get(composed(path.name))
        beginning = self._beginning
        if is_empty or (beginning.overwrites and (row or not beginning.spares_unknown)):
            return "" if is_link else digest_of(path)
        if row and not is_link and row.is_of(digest := digest_of(path)):
            return digest
        raise ImageError(stays(path, row))

    def _release(self) -> None:
        if self._lock:
            self._lock.release()
            self._lock = None


# What of a file that cannot be written will be so of the next one: the disk is full or has gone.
_ENDS_RUN = {
    *(errno.ENOSPC, errno.EROFS, errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOTCONN),
    *(getattr(errno, name) for name in ("EDQUOT", "ESTALE", "EHOSTDOWN") if hasattr(errno, name)),
}
_NOT_OURS = (
    "{} is there, and not known to be a colouring of this photograph: move it away, name another "
    "--out, or --overwrite to replace it"
)
_OF_EARLIER = (
    "{} was made by an earlier version, which did not keep how, so it may be altered since: "
    "move it away to keep it, or --overwrite to replace it"
)
_ALTERED = "{} was altered since it was made: move it away to keep it, or --overwrite to replace it"


def stays(path: Path, row: FileRow | None) -> str:
    """Say why a file is not replaced, and its photo fails, and what to do."""
    if row is None:
        return _NOT_OURS.format(shown(path))
    return (_ALTERED if row.sha256 else _OF_EARLIER).format(shown(path))


def _clear(folders: Iterable[Path]) -> None:
    """Delete what killed runs were writing; nobody else writes here now."""
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as inside:
            for entry in inside:
                if is_leftover(entry.name):
                    with suppress(OSError):
                        Path(entry).unlink()


def _require_folder(out: Path) -> None:
    try:
        lowest = next((place for place in (out, *out.parents) if place.exists()), None)
        if lowest and not lowest.is_dir():
            raise UsageError(f"--out {shown(out)}: {shown(lowest)} is a file; name a folder.")
    except OSError as error:
        raise UsageError(f"--out {shown(out)} cannot be used: {error.strerror}.") from error
