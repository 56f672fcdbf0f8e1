"""Which photograph each file of an output folder was made from, kept in that folder.

Photographs of two folders may have the same names. A run that finds their files there has to know
whether they are those of its own photographs, so every run notes it: a line of JSON a file.
"""

import errno
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from ..system.paths import absolute, composed

ORIGINS_NAME = ".colorize.origins.jsonl"


class Origin(NamedTuple):
    """A photograph that files were made from: its absolute path, and SHA-256 (hex) of its bytes."""

    path: str
    digest: str


class Made(NamedTuple):
    """Files of one folder, by name, that were made from a photograph."""

    origin: Origin
    folder: Path
    names: tuple[str, ...]


class Origins:
    """What is known of the files of an output folder.

    A photograph is known again by its path, or where that is another one, by its bytes: only then
    is it read. Of files that were made before origins were noted, nothing is known.

    Attributes:
        moved: What was made from photographs that were found to be elsewhere since.
    """

    def __init__(self, out: Path, on_reading: Callable[[], None] = lambda: None) -> None:
        """Read what is known; lines that are cut off or damaged count for nothing.

        Args:
            out: The output folder; need not exist.
            on_reading: Called once, before the first photograph is read.
        """
        self.moved: list[Made] = []
        self._on_reading = cache(on_reading)
        self._below_out = cache(partial(_below, out))
        self._of_names: dict[str, dict[str, Origin]] = defaultdict(dict)
        one: dict[Origin, Origin] = {}  # one object a photo, not one a file
        with suppress(OSError), (out / ORIGINS_NAME).open("rb") as file:
            for line in file:
                with suppress(ValueError, TypeError, KeyError):
                    origin, below, names = _parse(line)
                    origin = one.setdefault(origin, origin)
                    self._of_names[below].update(dict.fromkeys(names, origin))

    def find_other(self, source: Path, folder: Path, names: Sequence[str]) -> Made | None:
        """Find files that were made from another photograph.

        Args:
            source: The photograph.
            folder: Where its files are, in the output folder.
            names: Of those that are there.

        Returns:
            A file and what it was made from; None where there is none, or none known.

        Raises:
            OSError: The photograph had to be read, and cannot be.
        """
        known = self._of_names.get(self._below_out(folder)) if names else None
        if not known:
            return None
        path = str(absolute(source))
        others = {
            name: origin
            for name in names
            if (origin := known.get(composed(name))) and origin.path != path
        }
        if not others:
            return None
        self._on_reading()
        digest = _digest(source)
        for name, origin in others.items():
            if origin.digest != digest:
                return Made(origin, folder, (name,))
        self.moved.append(Made(Origin(path, digest), folder, tuple(others)))
        return None


class OriginLog(AbstractContextManager["OriginLog"]):
    """Note what files are made from; safe in any thread, and for several runs at a time.

    That rests on O_APPEND and one call of write a line: it holds for local file systems and for
    runs on one machine. Where several machines share a folder over NFS, a line may be lost.
    """

    def __init__(self, out: Path) -> None:
        """Open the notes of an output folder, which exists.

        Raises:
            OSError: They cannot be written.
        """
        self._out = out
        self._file = (out / ORIGINS_NAME).open("ab", buffering=0)

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def add(self, made: Made) -> None:
        """Note a photograph's files, best just before they appear: a run may end at any time.

        Raises:
            OSError: The disk is full, say.
        """
        names = [composed(name) for name in made.names]
        fields = made.origin._asdict() | {"folder": _below(self._out, made.folder), "names": names}
        # The line's end comes first, so that a line that was cut off spoils no other.
        line = b"\n" + json.dumps(fields).encode()
        if self._file.write(line) != len(line):  # a full disk takes what it has room for
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._out / ORIGINS_NAME))


def _parse(line: bytes) -> tuple[Origin, str, list[str]]:
    """Read a line: a photograph, a folder below the output folder, and names in it.

    Raises:
        ValueError, TypeError, KeyError: The line is cut off or damaged.
    """
    fields = json.loads(line)
    path, digest, folder, names = (fields[key] for key in ("path", "digest", "folder", "names"))
    if not isinstance(names, list) or not all(
        isinstance(text, str) for text in (path, digest, folder, *names)
    ):
        raise TypeError(line)
    return Origin(path, digest), folder, names


def _below(out: Path, folder: Path) -> str:
    return composed(folder.relative_to(out).as_posix())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
