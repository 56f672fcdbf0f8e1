"""What was put into a folder of chosen colourings, so that just that can be taken back."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ...errors import UsageError
from ...system.files import digest_of, write_atomic
from ...system.paths import shown

RECORD_NAME = ".colorize.picks.json"
_FORMAT = 1


class Put(NamedTuple):
    """A file that was put there."""

    sha256: list[str]  # of what it may hold: while one is replaced, of both
    source: str  # the absolute path of the colouring
    size: int
    mtime_ns: int


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
                raise UsageError(f"{shown(path)} is of a later version of colorize: update it.")
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

    def is_last(self, place: str) -> bool:
        """Whether what a file holds is not, or not any more, where it came from."""
        path, source = self.folder / place, Path(self.files[place].source)
        try:
            return not path.samefile(source) and digest_of(path) != digest_of(source)
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
