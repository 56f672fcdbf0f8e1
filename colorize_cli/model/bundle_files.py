"""The files of a bundle, in a folder or a zip of it, read within what they may take.

Nothing is unpacked. What a stranger's archive says of itself is not believed: an archive of a few
kilobytes can declare gigabytes, millions of members, or names that lead elsewhere.
"""

import re
import stat
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelError

MANIFEST = "bundle.json"
AGAIN = "Copy or download the bundle again, or make it anew with `colorize export`."

_DIRECTORY_BYTES = 1 << 20  # of an archive, where each member takes 46 or more
_END, _END_BYTES, _LONGEST_COMMENT = b"PK\5\6", 22, (1 << 16) - 1
_BIG_LOCATOR, _BIG_LOCATOR_BYTES = b"PK\6\7", 20
# Weights hardly shrink. So many bytes for each of the archive, and some for text, are plenty.
_MOST_GROWTH, _FREE_BYTES = 20, 1 << 24
_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class BundleFile:
    """SHA-256 (hex) and size of a file in a bundle."""

    sha256: str
    bytes: int


def read_file(path: Path, name: str, limit: int) -> bytes:
    """Read a file of a folder or zip, which should have at most `limit` bytes; else ModelError."""
    try:
        data = _of_folder(path, name, limit) if path.is_dir() else _of_archive(path, name, limit)
    except KeyError as error:
        raise ModelError(f"{path}: {name} is missing. {AGAIN}") from error
    # What zipfile raises on damage, encryption and unknown compression has no common base.
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(f"{path}: cannot read {name} ({error}). {AGAIN}") from error
    if len(data) > limit:
        raise ModelError(f"{path}: {name} is damaged (more than {limit} bytes). {AGAIN}")
    return data


def require_plausible(path: Path, total: int) -> None:
    """Raise ModelError for an archive that cannot honestly hold so many bytes."""
    if path.is_dir():
        return
    most = _FREE_BYTES + _MOST_GROWTH * path.stat().st_size
    if total > most:
        raise ModelError(
            f"{path}: its files would unpack to {total} bytes, far more than an archive of weights "
            f"does. {AGAIN}"
        )


def _of_folder(path: Path, name: str, limit: int) -> bytes:
    # A pipe would be waited for, and a device has no end.
    if not stat.S_ISREG((path / name).stat().st_mode):
        raise ValueError("it is no regular file")
    with (path / name).open("rb") as file:
        return file.read(limit + 1)


def _of_archive(path: Path, name: str, limit: int) -> bytes:
    _require_small_directory(path)
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(_member(path, archive.namelist(), name))
        if member.compress_type not in _KINDS:
            raise ValueError("pack the bundle with deflate, the usual way of zip files")
        if member.file_size > limit:
            raise ModelError(f"{path}: {name} is damaged (more than {limit} bytes). {AGAIN}")
        require_plausible(path, member.file_size)
        with archive.open(member) as file:
            return file.read(limit + 1)


def _require_small_directory(path: Path) -> None:
    """Raise ModelError for an archive with more members than a bundle has, before any is listed."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - _END_BYTES - _LONGEST_COMMENT - _BIG_LOCATOR_BYTES, 0))
        tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or end + _END_BYTES > len(tail):
        raise zipfile.BadZipFile("it is not a zip file")
    directory = int.from_bytes(tail[end + 12 : end + 16], "little")
    is_big = _BIG_LOCATOR in tail[max(end - _BIG_LOCATOR_BYTES, 0) : end]
    if is_big or directory > _DIRECTORY_BYTES:
        raise ModelError(f"{path}: holds far more files than a bundle has. {AGAIN}")


def _member(path: Path, names: Sequence[str], name: str) -> str:
    """Find a file at the top of an archive, or in the one folder that it was packed with."""
    if any(n.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", n) for n in names):
        raise ModelError(f"{path}: holds names that point outside the archive. {AGAIN}")
    manifests = [n for n in names if n.rpartition("/")[2] == MANIFEST and n.count("/") < 2]
    if len(manifests) != 1:
        raise ModelError(f"{path}: holds {len(manifests)} {MANIFEST}, not one. {AGAIN}")
    return manifests[0].removesuffix(MANIFEST) + name
