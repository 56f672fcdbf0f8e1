"""A folder, or a zip of it, whose files are read one by one: nothing is unpacked.

No name in it is trusted: files are plain names beside the one that lists them.
"""

import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from ..errors import ModelError

MANIFEST = "bundle.json"
AGAIN = "Copy or download the bundle again, or make it anew with `colorize export`."
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def is_plain(name: str) -> bool:
    """Tell whether a name is one of a file beside the manifest, and leads nowhere else."""
    return bool(_PLAIN_NAME.fullmatch(name)) and name != MANIFEST


def read_file(path: Path, name: str, limit: int) -> bytes:
    """Read a file of a folder or zip.

    Args:
        path: The folder or the zip.
        name: A plain file name.
        limit: Bytes that the file should have at most.

    Raises:
        ModelError: The file is missing, cannot be read, or is larger.
    """
    try:
        if path.is_dir():
            with (path / name).open("rb") as file:
                data = file.read(limit + 1)
        else:
            with zipfile.ZipFile(path) as archive:
                with archive.open(_member(path, archive.namelist(), name)) as member:
                    data = member.read(limit + 1)
    except KeyError as error:
        raise ModelError(f"{path}: {name} is missing. {AGAIN}") from error
    # What zipfile raises on damage, encryption and unknown compression has no common base.
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(f"{path}: cannot read {name} ({error}). {AGAIN}") from error
    if len(data) > limit:
        raise ModelError(f"{path}: {name} is damaged (more than {limit} bytes). {AGAIN}")
    return data


def _member(path: Path, names: Sequence[str], name: str) -> str:
    """Find a file at the top of an archive, or in the one folder that it was packed with."""
    if any(n.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", n) for n in names):
        raise ModelError(f"{path}: holds names that point outside the archive. {AGAIN}")
    manifests = [n for n in names if n.rpartition("/")[2] == MANIFEST and n.count("/") < 2]
    if len(manifests) != 1:
        raise ModelError(f"{path}: holds {len(manifests)} {MANIFEST}, not one. {AGAIN}")
    return manifests[0].removesuffix(MANIFEST) + name
