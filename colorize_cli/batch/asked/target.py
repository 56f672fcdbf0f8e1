"""Where colourings are to go, by the words of the command line: a folder, a file, or a stream."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import UsageError
from ...photos.formats import FORMATS, SUFFIXES
from ...system.paths import shown

STREAM = "-"  # what standard input and output are called
# A drive of Windows has one letter.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+\S")


class Target(NamedTuple):
    """Where colourings go."""

    out: Path  # a folder, or the file of a single colouring; `-` for standard output
    is_single: bool  # whether it is no folder


def is_url(word: str) -> bool:
    """Whether a word is an address rather than a path, also once `Path` has merged its slashes."""
    return _URL.match(word) is not None


def target_of(out: str | None, paths: Sequence[str]) -> Target:
    """Say what `--out` means for the paths that are named.

    A file is what has the suffix of a photograph, is no folder, and does not end with a slash.

    Raises:
        UsageError: Nothing is named where something must be, or what is named cannot be.
    """
    is_from_stream = STREAM in paths
    if is_from_stream and len(paths) > 1:
        raise UsageError("- is the photo on standard input, and comes alone; a file is ./-")
    if out is None:
        if not is_from_stream:
            raise UsageError(
                "name where the colourings go, with --out: a folder, a file for one photo, or - "
                "for standard output"
            )
        out = STREAM
    if out == STREAM:
        return Target(Path(STREAM), is_single=True)
    if is_url(out):
        raise UsageError(f"--out {shown(out)} is a URL: nothing is ever sent. Name a folder here")
    path, is_slashed = Path(out), out.endswith(("/", os.sep))
    if is_folder(path) or is_slashed or path.suffix.lower() not in SUFFIXES:
        if is_from_stream:
            raise UsageError(
                "a photo on standard input has no name of its own: name a file with --out, "
                f"{shown(path / 'photo.png')} say, or leave --out out for standard output"
            )
        return Target(path, is_single=False)
    return Target(path, is_single=True)


def is_folder(path: Path) -> bool:
    """Whether a folder is there; a name that is too long is none, where `Path` would raise."""
    return os.path.isdir(path)  # noqa: PTH112


def format_of(path: Path) -> str:
    """Name the format, as in `FORMATS`, that a colouring has by its file's suffix.

    UsageError is raised for formats that are read alone, or that hold no colour.
    """
    suffix = path.suffix.lower()
    name = next(name for name, each in FORMATS.items() if suffix in each.suffixes)
    format = FORMATS[name]
    if format.becomes or suffix in format.grey_suffixes:
        other = FORMATS[format.becomes or name].suffixes[0]
        raise UsageError(
            f"--out {shown(path)}: a colouring cannot be written as {suffix}; name a file that "
            f"ends with {other} instead"
        )
    return name
