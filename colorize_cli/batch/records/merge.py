"""Join the ledgers of shards, and what they made in other output folders, into one folder.

All is compared before anything is written. Files are copied and stay where they are, and so do the
ledgers of other folders; only those of shards in the folder itself go, once theirs is the only one.
A merge that ended is begun again by the same command, which finds what is there already.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import cache
from itertools import pairwise
from pathlib import Path, PurePath
from typing import NamedTuple

from ...errors import UsageError
from ...system.files import (
    copy_times,
    digest_of,
    make_folders,
    sync_folder,
    take_name,
    written_beside,
)
from ...system.locks import FolderLock
from ...system.messages import Progress
from ...system.paths import shown
from ..asked.differences import differences
from ..shard import Shard
from .database import Database, ledgers_in
from .joined_rows import FileFacts, join_rows, read_files, read_photos
from .run_records import last_settings, take_over

_SHOWN_CONFLICTS = 5
_Show = Callable[[int], AbstractContextManager[Progress]]


class Merged(NamedTuple):
    """What a merge did."""

    ledgers: int  # that were joined
    photos: int  # in the folder now
    files: int  # in the folder now
    copied: int  # files
    absent: int  # files that their own ledger knows, and that are not there
    differences: str  # of the settings of their last runs
    missing: tuple[Shard, ...]  # that belong to those that were joined


class _Copy(NamedTuple):
    source: Path
    target: Path


def merge(out: Path, others: Sequence[Path], show: _Show) -> Merged:
    """Join the ledgers of `out`, and files and ledgers of other folders, into `out`.

    UsageError is raised, and nothing is changed, where two have different files of one name, a
    photograph of one path was read as two different ones, a run is under way, or there is nothing
    to be joined.
    """
    with ExitStack() as held:
        _require_others(out, others)
        inside = [shard for shard in ledgers_in(out) if shard]
        elsewhere = [(folder, shard) for folder in others for shard in ledgers_in(folder)]
        if not inside and not elsewhere:
            raise UsageError(f"{shown(out)} has no ledgers of shards: there is nothing to join.")
        try:
            out.mkdir(parents=True, exist_ok=True)
            for folder, shard in ((out, ""), *((out, shard) for shard in inside)):
                held.enter_context(FolderLock(folder, shard))
        except OSError as error:
            raise UsageError(f"{shown(out)} cannot be written to: {error.strerror}") from error
        for folder, shard in elsewhere:
            with suppress(OSError):  # which may be read alone
                held.enter_context(FolderLock(folder, shard))
        target = held.enter_context(Database(out))
        if not target.is_kept:
            take_over(target, out)
        places = [*((out, shard) for shard in inside), *elsewhere]
        parts = [held.enter_context(Database(*place, reads_only=True)) for place in places]
        is_first = not target.is_kept
        merged = _join(target, parts, show)
    for shard in inside:
        _remove(out, shard)
    shards = [Shard.named(name) for _, name in places if name]
    # Those of earlier merges are not known any more.
    return merged._replace(missing=_missing(shards)) if is_first else merged


def _require_others(out: Path, others: Sequence[Path]) -> None:
    for folder in others:
        if not ledgers_in(folder):
            raise UsageError(
                f"{shown(folder)} has no ledger: name a folder that colorize has written to."
            )
        if out.exists() and folder.samefile(out):
            raise UsageError(f"{shown(folder)} is named twice: the first folder takes the others.")


def _join(target: Database, parts: Sequence[Database], show: _Show) -> Merged:
    out = target.path.parent
    copies, absent = _compare(target, parts)
    last = [run for each in (target, *parts) if (run := last_settings(each))]
    different = dict.fromkeys(differences(*two) for two in pairwise(last))
    with show(len(copies)) as progress:
        sync_above = cache(_sync_above)
        for copy in copies:
            _carry_out(copy)
            sync_above(copy.target.parent, out)
            progress.advance()
    try:
        target.keep()
        join_rows(target, parts)
    except OSError as error:
        raise UsageError(f"{shown(target.path)} cannot be written: {error.strerror}") from error
    ((photos, files),) = target.rows(
        "SELECT (SELECT count(*) FROM photos), (SELECT count(*) FROM files)"
    )
    said = "; ".join(filter(None, different))
    return Merged(len(parts), photos, files, len(copies), absent, said, ())


def _missing(shards: Collection[Shard]) -> tuple[Shard, ...]:
    """List those that belong to some and are not among them."""
    counts = sorted({shard.parts for shard in shards})
    whole = (Shard(number, count) for count in counts for number in range(1, count + 1))
    return tuple(shard for shard in whole if shard not in shards)


def _compare(target: Database, parts: Sequence[Database]) -> tuple[list[_Copy], int]:
    """List what is to be copied, and count what is not there; UsageError where two differ."""
    conflicts = list(_photo_conflicts([target, *parts]))
    out = target.path.parent
    known = {file.key: file for file in read_files(target)}
    copies: dict[Path, _Copy] = {}
    absent = 0
    for part in parts:
        folder = part.path.parent
        for file in read_files(part):
            source, place = folder / file.place, out / file.place
            _require_inside(part, file)
            before = known.setdefault(file.key, file)
            absent += not source.is_file()
            if before.digests.isdisjoint(file.digests) or before.source != file.source:
                conflicts.append(f"{shown(place)} is of two photographs or settings")
            elif folder == out:
                continue
            elif not source.is_file():
                if before is file and _is_there(place):
                    conflicts.append(f"{shown(place)} is not known, and {shown(source)} not there")
            elif place in copies or _is_there(place):
                rival = copies[place].source if place in copies else place
                if not _is_same(source, rival):
                    conflicts.append(f"{shown(rival)} is not {shown(source)}")
            else:
                copies[place] = _Copy(source, place)
    if conflicts:
        more = len(conflicts) - _SHOWN_CONFLICTS
        named = [*conflicts[:_SHOWN_CONFLICTS], *([f"and {more} more"] if more > 0 else [])]
        raise UsageError(
            f"nothing was joined, since what is there differs: {'; '.join(named)}. Move away what "
            "you do not want, or keep the folders apart."
        )
    return list(copies.values()), absent


def _photo_conflicts(databases: Sequence[Database]) -> Iterator[str]:
    digests: dict[str, str] = {}
    for database in databases:
        for path, row in read_photos(database).items():
            if row.sha256 and digests.setdefault(path, row.sha256) != row.sha256:
                yield f"{shown(path)} was read as two different photographs"


def _require_inside(part: Database, file: FileFacts) -> None:
    """Refuse a ledger, of whomever, by which a file would be written elsewhere."""
    place = PurePath(file.place)
    if place.is_absolute() or place.drive or ".." in place.parts or not place.parts:
        raise UsageError(f"{shown(part.path)} is damaged: {shown(file.place)} is not below it.")


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and digest_of(one) == digest_of(other)
    except OSError:
        return False


def _carry_out(copy: _Copy) -> None:
    try:
        make_folders(copy.target.parent)
        with written_beside(copy.target, copy.source.read_bytes()) as temporary:
            copy_times(copy.source, temporary)
            take_name(temporary, copy.target)
    except OSError as error:
        raise UsageError(
            f"{shown(copy.source)} could not be copied to {shown(copy.target)}: {error.strerror}. "
            "The same command goes on from here."
        ) from error


def _sync_above(folder: Path, out: Path) -> None:
    for each in (folder, *folder.parents):
        sync_folder(each)
        if each == out.parent:
            return


def _remove(out: Path, shard: str) -> None:
    path = out / f".colorize.{shard}.sqlite"
    for end in ("-shm", "-wal", ""):
        path.with_name(path.name + end).unlink(missing_ok=True)
