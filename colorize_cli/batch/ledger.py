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

from ..errors import ImageError, UsageError
from ..system.files import (
    NO_MORE_FILES,
    copy_times,
    delete_leftovers,
    digest_of,
    make_folders,
    sync_folder,
    take_name,
    written_beside,
)
from ..system.locks import FolderLock, require_folder
from ..system.paths import composed, quoted, shown
from .outcome import Outcome, output_error
from .output_names import Job
from .records import run_records as records
from .records.database import Database, ledgers_in
from .records.old_records import old_settings
from .records.photo_rows import FileRow, Found, PhotoRows
from .settings import RunSettings
from .shard import Shard


class Beginning(NamedTuple):
    """What a run writes down before its first photograph."""

    settings: RunSettings
    todo: Sequence[Job]
    overwrites: bool  # whatever has the names of its files
    spares_unknown: bool = False  # even then, what is not as written: it may be an original
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
        shard: Shard | None = None,
        reads_only: bool = False,
    ) -> None:
        """Take an output folder; UsageError where a file lies on the way to it, or in its place.

        `note` is told once, before the first photograph is read. A shard has a ledger of its own.
        What `reads_only` changes nothing, and goes on beside a run.
        """
        require_folder(out)
        self._out = out
        self._note = cache(note)
        self._digests: dict[str, str] = {}  # of photographs that this run has read
        self._sync_above = cache(self._sync_folders_above)  # each folder's own name, once
        self._reads_only = reads_only
        self._shard = shard.name if shard else ""
        self._run: int | None = None
        self._lock: FolderLock | None = None

    def __enter__(self) -> "Ledger":
        """Lock the folder and open the ledger; UsageError where another run has it.

        That a folder has ledgers of whole runs and of shards, or of a different number of these, is
        refused: who has a photograph would not be known.
        """
        self._require_own_kind()
        if not self._reads_only and self._out.is_dir():
            with suppress(OSError):  # where nothing can be written, a run may still find all done
                self._lock = FolderLock(self._out, self._shard)
        try:
            self._database = Database(self._out, self._shard, reads_only=self._reads_only)
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

    def digest_now(self, photo: str) -> str:
        """Read a photograph to know it again, once; say, once too, that photographs are read."""
        if photo not in self._digests:
            self._note("photographs may have moved or changed: reading them to know them again")
            self._digests[photo] = digest_of(Path(photo))
        return self._digests[photo]

    def places_of(self, photo: str) -> list[str]:
        """Where below the folder a photograph's colourings are, or were, by its absolute path.

        One whose path is not known may be one that was moved: then its bytes tell.
        """
        if photo in self.rows.photos:
            return self.rows.places_of(photo)
        with suppress(OSError):  # what cannot be read fails when its turn comes
            for before in self.rows.moved_of(Path(photo).stat().st_size):
                if self.rows.photos[before].sha256 == self.digest_now(photo):
                    return self.rows.places_of(before)
        return []

    def note_plan(
        self, problems: Iterable[Outcome], found: Found, folders: Iterable[Path] = ()
    ) -> None:
        """Keep what planning found out, where there is a ledger to keep it in.

        What killed runs were writing into the planned folders, or any known one, is deleted.
        """
        if self._lock:
            delete_leftovers({self._out, *folders, *self.rows.folders()}, self._shard)
        failed = [(problem.photo, problem.reason) for problem in problems]
        with suppress(OSError):
            if self._has_old and self._lock:
                self._database.keep()
            self.rows.note(failed, found if self._lock else found._replace(renamed=[]))

    def begin(self, beginning: Beginning) -> None:
        """Make the folder, lock it, and write down what is to be done.

        What is to be made again is marked, so that a run that goes on makes it again too.
        UsageError is raised where the folder cannot be written to, or another run has begun there.
        """
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            self._lock = self._lock or FolderLock(self._out, self._shard)
            self._database.keep()
            self._require_own_kind()
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
            if error.errno in NO_MORE_FILES or not self._is_writable():
                raise output_error(self._out, error) from error
            raise

    def _put(self, job: Job, k: int, data: bytes, digest: str, settings: str | None) -> None:
        path = job.outputs[k]
        if not self._database.is_there():  # a folder that was removed is not made anew
            raise OSError(errno.ENOENT, "the output folder has gone", str(self._out))
        make_folders(path.parent)
        with written_beside(path, data, self._shard) as temporary:
            before = self._what_gives_way(path)
            if self._beginning.keeps_times:
                copy_times(job.source, temporary)
            status = temporary.stat()
            row = FileRow(
                *(job.photo, k + 1, digest),
                sha256=sha256(data).hexdigest(),
                before=before,
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                state="intended",
                settings=settings,
            )
            self.rows.intend(path, row)
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
            raise output_error(self._out, error) from error

    def _is_writable(self) -> bool:
        """Whether the output folder is still the one that the run began in, and may be changed."""
        return self._database.is_there() and os.access(self._out, os.W_OK)

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
        if is_empty or (beginning.overwrites and not beginning.spares_unknown):
            return "" if is_link else digest_of(path)
        if row and not is_link and row.is_of(digest := digest_of(path)):
            return digest
        raise ImageError(stays(path, row))

    def _require_own_kind(self) -> None:
        there = ledgers_in(self._out)
        if not there and self._shard and old_settings(self._out):
            there = [""]
        count = self._shard.rpartition("-")[2]
        if others := [name for name in there if name.rpartition("-")[2] != count]:
            if not others[0]:
                raise UsageError(
                    f"--out {shown(self._out)} has the ledger of whole runs: go on without "
                    "--shard, which colours what is left, or name another --out."
                )
            raise UsageError(
                f"--out {shown(self._out)} has the ledger of shard {others[0]}: name another "
                f"--out, or join what is there into one ledger with `colorize merge "
                f"{quoted(self._out)}` and go on without --shard."
            )

    def _release(self) -> None:
        if self._lock:
            self._lock.release()
            self._lock = None


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
