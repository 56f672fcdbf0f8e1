"""What was put into a folder of chosen colourings, so that just that can be taken back."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ...errors import UsageError
from ...system.files import digest_of, write_atomic
from ...system.locks import require_folder
from ...system.paths import absolute, shown

RECORD_NAME = ".colorize.picks.json"
_FORMAT = 2


class Put(NamedTuple):
    """A file that was put there."""

    sha256: list[str]  # of what it may hold: while one is replaced, of both
    photo: str  # the absolute path of the photograph
    out: str  # that of the folder of its colourings
    colouring: str  # the place of the chosen one below that
    size: int
    mtime_ns: int

    @property
    def source(self) -> Path:
        """The path of the colouring."""
        return Path(self.out, self.colouring)


@dataclass
class Record:
    """The files that were put into a folder, by their place below it.

    Folders are those that were made for them.
    """

    folder: Path
    files: dict[str, Put] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path) -> "Record":
        """Read the record of a folder, an empty one where there is none; UsageError if damaged."""
        path = folder / RECORD_NAME
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["format"] != _FORMAT:
                raise UsageError(
                    f"{shown(path)} is of another version of colorize: use that, or move it away; "
                    "what was put there is not known then, and stays."
                )
            files = {place: Put(*put) for place, put in found["files"].items()}
            return cls(folder, files, list(found["made"]))
        except FileNotFoundError:
            return cls(folder)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{shown(path)} is damaged ({error}): move it away; what was put there is not "
                "known then, and stays."
            ) from error

    def write(self) -> None:
        """Write it; where nothing is left that it would name, delete it."""
        path = self.folder / RECORD_NAME
        if not self.files:
            path.unlink(missing_ok=True)
            return
        found = {"format": _FORMAT, "files": self.files, "made": self.made}
        write_atomic(path, json.dumps(found, indent=0).encode())

    def holds(self, place: str) -> bool:
        """Whether a file is there just as it was put there; OSError where it cannot be read.

        Only a file of its own is read: where it is the colouring by another name, nothing is lost
        with it, and its size and time tell.
        """
        path, put = self.folder / place, self.files.get(place)
        if put is None or path.is_symlink() or not path.is_file():
            return False
        status = path.stat()
        with suppress(OSError):
            if path.samefile(put.source) and status.st_size == put.size:
                return status.st_mtime_ns == put.mtime_ns
        return digest_of(path) in put.sha256

    def of_folder(self, out: Path) -> list[str]:
        """The places of what was taken from a folder of colourings, also before that was moved."""
        own, found = absolute(out), []
        known = {name: _is_same(Path(name), own) for name in {p.out for p in self.files.values()}}
        for place, put in self.files.items():
            is_own = known[put.out]
            if is_own is None and (is_own := _holds(own / put.colouring, put)):
                self.files[place] = put._replace(out=str(own))
            if is_own:
                found.append(place)
        return found

    def is_last(self, place: str) -> bool:
        """Whether what a file holds is not, or not any more, where it came from."""
        path, source = self.folder / place, self.files[place].source
        try:
            if path.samefile(source):  # one file by two names, or by two paths of one name
                return path.stat().st_nlink < 2
            return digest_of(path) != digest_of(source)
        except OSError:
            return True

    def make_folders(self, place: str) -> None:
        """Make the folders above a place, and keep which of them were not there."""
        above = [self.folder, *self._above(place)]
        for folder in above:
            with suppress(FileExistsError):
                folder.mkdir(parents=True)
                self.made.append(folder.relative_to(self.folder).as_posix())

    def remove_folders(self) -> None:
        """Delete the folders that were made, as far as nothing is left in them."""
        for place in sorted(self.made, key=lambda made: len(Path(made).parts), reverse=True):
            with suppress(OSError):
                (self.folder / place).rmdir()
                self.made.remove(place)

    def _above(self, place: str) -> Sequence[Path]:
        parts: Iterable[Path] = (self.folder / place).parents
        return [each for each in parts if self.folder in each.parents][::-1]


def require_apart(out: Path, to: Path) -> None:
    """Raise UsageError where chosen colourings would be put among those that they are chosen of."""
    require_folder(to)
    with suppress(OSError):
        if to.samefile(out):
            raise UsageError(f"--to {shown(to)} is the folder of the colourings: name another.")


def _is_same(folder: Path, other: Path) -> bool | None:
    """Whether two paths are of one folder; None where the first leads nowhere any more."""
    if folder == other:
        return True
    try:
        return folder.samefile(other)
    except OSError:
        return False if folder.exists() else None


def _holds(path: Path, put: Put) -> bool:
    with suppress(OSError):
        return digest_of(path) in put.sha256
    return False
