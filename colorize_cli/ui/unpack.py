"""Take photographs out of a zip that a stranger made: nothing in it decides where a file goes.

What a member says of its size is not believed: bytes are counted as they come.
"""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from ..errors import ColorizeError, OutputError, UsageError

MOST_FILES = 200  # of a request, those of its zips among them
MOST_BYTES = 2 << 30  # of what a request's zips unpack to
_MOST_ENTRIES = 10_000  # folders and what is left out too
_CHUNK = 1 << 20
_LONGEST_PART = 120  # characters of a name


def unpack(
    path: Path,
    folder: Path,
    room: int = MOST_BYTES,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> tuple[int, int]:
    """Unpack the files of a zip below a folder, which is new; return their number and bytes.

    Hidden files and what archivers add (`__MACOSX`) are left out. Once `is_cancelled`, it ends in
    the middle of a file.

    Raises:
        UsageError: It is no whole zip, is encrypted, has too many files, unpacks to more than
            `room` bytes, or holds a link or a name that leads out of the folder.
        OutputError: The folder cannot be written to, of a full disk, say.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > _MOST_ENTRIES:
                raise UsageError(f"{path.name} has more than {_MOST_ENTRIES:,} entries")
            members = list(_members(archive, path.name))
            if len(members) > MOST_FILES:
                raise UsageError(
                    f"{path.name} has {len(members):,} files, and {MOST_FILES} go at once: split "
                    "it, or colour the folder on the command line"
                )
            total = 0
            for member, parts in members:
                if is_cancelled():
                    break
                with archive.open(member) as source:
                    target = folder.joinpath(*parts)
                    total += _copy(source, target, room - total, path.name, is_cancelled)
            return len(members), total
    except ColorizeError:
        raise
    except Exception as error:  # what zipfile, zlib, lzma and bz2 raise of damage is of many kinds
        raise UsageError(f"{path.name} is no whole zip: {error}") from error


def _members(
    archive: zipfile.ZipFile, name: str
) -> Iterator[tuple[zipfile.ZipInfo, tuple[str, ...]]]:
    for member in archive.infolist():
        if member.is_dir():
            continue
        place = PurePosixPath(member.filename.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in member.filename:
            raise UsageError(f"{name} has a name that leads out of it, and is not unpacked")
        if (member.external_attr >> 16) & 0o170000 == 0o120000:
            raise UsageError(f"{name} has a link in it, and is not unpacked")
        if any(part.startswith(".") or part == "__MACOSX" for part in place.parts):
            continue
        # Of other methods zipfile unpacks what it has read in one go, however much it is.
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UsageError(
                f"{name} is compressed in a way that is not unpacked here: make it with Deflate, "
                "as zips usually are"
            )
        if member.flag_bits & 1:
            raise UsageError(f"{name} is encrypted: unpack it, and drop the photographs")
        if any(len(part) > _LONGEST_PART for part in place.parts):
            raise UsageError(f"{name} has names longer than {_LONGEST_PART} characters")
        yield member, place.parts


@contextmanager
def _written(name: str) -> Iterator[None]:
    """Tell what the disk refuses from what is wrong with a zip."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise UsageError(f"{name} has two files of one name, or a folder of a file's") from error
    except OSError as error:
        raise OutputError(
            f"{name} cannot be unpacked where the page is served: {error.strerror}. Ask whoever "
            "serves it, or drop less"
        ) from error


def _copy(
    source: IO[bytes], target: Path, room: int, name: str, is_cancelled: Callable[[], bool]
) -> int:
    """Write a new file, and return its bytes."""
    copied = 0
    with _written(name):
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            while not is_cancelled() and (chunk := source.read(_CHUNK)):
                copied += len(chunk)
                if copied > room:
                    raise UsageError(
                        f"{name} unpacks to more than {MOST_BYTES >> 30} GB: split it, or colour "
                        "the folder on the command line"
                    )
                file.write(chunk)
    return copied
