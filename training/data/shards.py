"""Photographs out of tar shards (as WebDataset writes them) and folders, without unpacking.

A shard's members are named `SET/STEM.suffix`; the first folder names the set that a photo belongs
to. A folder is read the same way: `FOLDER/SET/photo.jpg` belongs to `SET`, and photos that lie
directly in `FOLDER` to `FOLDER` itself.
"""

import hashlib
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

from colorize_cli.errors import UsageError
from colorize_cli.photos.formats import SUFFIXES

Half: TypeAlias = Literal["tune", "report"]


@dataclass(frozen=True)
class Place:
    """Where a photograph's bytes lie.

    Attributes:
        path: its file, or the shard that it is in.
        offset: where it begins there.
        size: in bytes.
    """

    path: Path
    offset: int
    size: int

    def read(self) -> bytes:
        """Read the photograph once more; OSError where that is not possible."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


def iter_photos(paths: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Read the photographs of tar shards, folders and single files, as `iter_placed` does.

    Yields:
        The name and the file's bytes.

    Raises:
        UsageError: as there.
    """
    return ((name, data) for name, _, data in iter_placed(paths))


def iter_placed(paths: Sequence[Path]) -> Iterator[tuple[str, Place, bytes]]:
    """Read the photographs of tar shards, folders and single files as undecoded bytes.

    The order is fixed: paths as given, the content of a folder sorted by name, the members of a
    shard as they lie. Tar files inside a folder are read as shards. Only files with the suffix of
    a picture count; the rest, and hidden files, are passed over.

    Args:
        paths: `.tar` shards, folders (walked down to the last level) and pictures.

    Yields:
        The name `SET/.../STEM.suffix`, with `/` on every system, where it lies, and the file's
        bytes, none for a file that cannot be read. A photo without a folder of its own belongs to
        a set named after the shard or the folder.

    Raises:
        UsageError: at once where a path does not exist; while reading, where a shard is damaged
            or cut off, or none of the paths held a photo.
    """
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist; give a folder, a .tar shard or a picture.")
    return _read(paths)


def set_of(name: str) -> str:
    """Name the set of a photo that `iter_photos` named `name`."""
    return name.split("/", 1)[0]


def half_of(data: bytes) -> Half:
    """Tell the half of an evaluation set that a photo belongs to, by its content alone.

    Every choice is made on "tune", every published figure comes from "report"; a copy under
    another name stays in its half.

    Args:
        data: the bytes of the photo's file.

    Returns:
        "tune" where the first bit of their SHA-256 is 0, else "report".
    """
    return "report" if hashlib.sha256(data).digest()[0] & 0x80 else "tune"


def _read(paths: Sequence[Path]) -> Iterator[tuple[str, Place, bytes]]:
    empty = True
    for path in paths:
        for item in _read_folder(path) if path.is_dir() else _read_file(path, path.parent):
            empty = False
            yield item
    if empty:
        listed = ", ".join(str(path) for path in paths) or "nothing"
        suffixes = " ".join(sorted(SUFFIXES))
        raise UsageError(f"No photographs ({suffixes}) found in {listed}.")


def _read_folder(folder: Path) -> Iterator[tuple[str, Place, bytes]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    for path in sorted(files, key=lambda path: path.relative_to(folder).as_posix()):
        if not _hidden(path.relative_to(folder).as_posix()):
            yield from _read_file(path, folder)


def _read_file(path: Path, folder: Path) -> Iterator[tuple[str, Place, bytes]]:
    suffix = path.suffix.lower()
    if suffix == ".tar":
        yield from _read_shard(path)
    elif suffix in SUFFIXES:
        name = path.relative_to(folder).as_posix()
        try:
            data = path.read_bytes()
        except OSError:  # of one photograph, which is no reason to do without the others
            data = b""
        yield _with_set(name, folder.resolve().name), Place(path, 0, len(data)), data


def _read_shard(path: Path) -> Iterator[tuple[str, Place, bytes]]:
    try:
        # "r:" refuses compressed shards, whose end cannot be checked; photos do not compress.
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                name = PurePosixPath(member.name).as_posix().lstrip("/")
                suffix = PurePosixPath(name).suffix.lower()
                if not member.isreg() or suffix not in SUFFIXES or _hidden(name):
                    continue
                content = archive.extractfile(member)
                assert content is not None, "a regular member has content"
                place = Place(path, member.offset_data, member.size)
                yield _with_set(name, path.stem), place, content.read()
    except tarfile.TarError as error:
        raise UsageError(
            f"{path} is no uncompressed tar file, or a damaged one ({error}); get it again."
        ) from error
    # tarfile takes a shard that was cut off between two members for a whole one.
    with path.open("rb") as file:
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise UsageError(f"{path} ends too early or goes on with rubbish; get it again.")


def _with_set(name: str, default: str) -> str:
    return name if "/" in name else f"{default}/{name}"


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
