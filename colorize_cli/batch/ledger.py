"""What is known of an output folder, kept in it: settings of its runs, and what files are of.

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
from dataclasses import asdict, replace
from functools import cache, cached_property
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError
from ..system.files import write_atomic
from ..system.paths import absolute, composed, shown
from .settings import RunSettings

if TYPE_CHECKING:
    from .output_names import Job

SETTINGS_NAME = ".colorize.json"
ORIGINS_NAME = ".colorize.origins.jsonl"
_FORMAT = 1
# The shipped default's digests, before and since they are taken from canonical JSON: folders that
# were begun before hold colourings of the same model.
_OLD_DIGEST = "375c6c39f69054e308269d1bd10b5f4197009b0cde4f308923a645cb502f7738"
_DIGEST = "6c01fdcc448038179b842e484727e63c011a0e200bfca0fc91a0ca87d1ef2e0a"


class Origin(NamedTuple):
    """A photograph that files were made from: its absolute path, and SHA-256 (hex) of its bytes."""

    path: str
    digest: str


class Made(NamedTuple):
    """Files of one folder, by name, that were made from a photograph."""

    origin: Origin
    folder: Path
    names: tuple[str, ...]


class Ledger(AbstractContextManager["Ledger"]):
    """Read what is known of an output folder, each file once, and write to the folder.

    A photograph is known again by its path, or where that is another one, by its bytes: only then
    is it read. Writing is safe in any thread, and for several runs at a time. That rests on
    O_APPEND and one call of write a line: over NFS, several machines may lose a line.
    """

    def __init__(self, out: Path, note: Callable[[str], None] = lambda text: None) -> None:
        """Take an output folder; UsageError where a file lies on the way to it, or in its place.

        `note` is told once, before the first photograph is read.
        """
        lowest = next((place for place in (out, *out.parents) if place.exists()), None)
        if lowest and not lowest.is_dir():
            raise UsageError(f"--out {shown(out)}: {shown(lowest)} is a file; name a folder.")
        self._out = out
        self._note = cache(note)
        self._below = cache(lambda folder: composed(folder.relative_to(out).as_posix()))
        self._moved: list[Made] = []
        self._file: FileIO | None = None
        self._opening = Lock()

    def __exit__(self, *exception: object) -> None:
        if self._file:
            self._file.close()

    def last_settings(self) -> RunSettings | None:
        """Return what the last run used, if any; UsageError where its record cannot be used."""
        return self._record[0]

    def find_other(self, source: Path, folder: Path, names: Sequence[str]) -> Made | None:
        """Find a file that is known to be another photo's; OSError where `source` is unreadable."""
        path = str(absolute(source))
        known = self._origins.get(self._below(folder), {}) if names else {}
        found = {name: known.get(composed(name)) for name in names}
        others = {name: origin for name, origin in found.items() if origin and origin.path != path}
        if not others:
            return None
        self._note("photographs may have moved: reading them to know them again")
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        for name, origin in others.items():
            if origin.digest != digest:
                return Made(origin, folder, (name,))
        self._moved.append(Made(Origin(path, digest), folder, tuple(others)))
        return None

    def problem(self, source: Path, folder: Path, names: Sequence[str]) -> str | None:
        """Say why a photo fails where a file in its place is known to be another photo's."""
        try:
            other = self.find_other(source, folder, names)
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        return other and (
            f"{shown(folder / other.names[0])} was made from another photograph, "
            f"{shown(other.origin.path)}: name another --out, or --overwrite to replace it"
        )

    def note_moved(self) -> None:
        """Spare the next run the reading of photographs that were found to be elsewhere since."""
        with suppress(OSError):
            for made in self._moved:
                self.note(made)

    def begin(self, settings: RunSettings) -> None:
        """Make the folder and write the settings, after earlier ones; UsageError where it fails."""
        last, earlier = self._record
        if last and last != settings and asdict(last) not in earlier:
            earlier = [*earlier, asdict(last)]
        record = {"format": _FORMAT, "settings": asdict(settings), "earlier": earlier}
        text = json.dumps(record, indent=2) + "\n"
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            self._open()
            write_atomic(self._out / SETTINGS_NAME, text.encode())
        except OSError as error:
            raise UsageError(
                f"--out {shown(self._out)} cannot be written to: {error.strerror}"
            ) from error

    def put(self, job: "Job", k: int, data: bytes, digest: str) -> None:
        """Write the file of a sample, as a `Put`; OSError where the disk is full, say.

        A file to be replaced may be another photo's. It goes before this photo is noted: an end
        between the two would leave it under this photo's name, done for the next run.
        """
        path = job.outputs[k]
        origin = Origin(str(absolute(job.source)), digest)

        def give_way() -> None:
            path.unlink(missing_ok=True)
            self.note(Made(origin, job.folder, (path.name,)))

        write_atomic(path, data, give_way)

    def note(self, made: Made) -> None:
        """Note a photograph's files, just before they appear; OSError where the disk is full."""
        names = [composed(name) for name in made.names]
        fields = made.origin._asdict() | {"folder": self._below(made.folder), "names": names}
        # The line's end comes first, so that a line that was cut off spoils no other.
        line = b"\n" + json.dumps(fields).encode()
        if self._open().write(line) != len(line):  # a full disk takes what it has room for
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._out / ORIGINS_NAME))

    def _open(self) -> FileIO:
        with self._opening:
            self._file = self._file or (self._out / ORIGINS_NAME).open("ab", buffering=0)
        return self._file

    @cached_property
    def _origins(self) -> dict[str, dict[str, Origin]]:
        """Origins by name of file and by folder; damaged lines count for nothing."""
        found: dict[str, dict[str, Origin]] = defaultdict(dict)
        one: dict[Origin, Origin] = {}  # one object a photo, not one a file
        with suppress(OSError), (self._out / ORIGINS_NAME).open("rb") as file:
            for line in file:
                with suppress(ValueError, TypeError, KeyError):
                    origin, below, names = _parse(line)
                    origin = one.setdefault(origin, origin)
                    found[below].update(dict.fromkeys(names, origin))
        return found

    @cached_property
    def _record(self) -> tuple[RunSettings | None, list[dict[str, Any]]]:
        """Settings of the last run, and those that they replaced."""
        path = self._out / SETTINGS_NAME
        try:
            found = json.loads(path.read_bytes())
            if found["format"] != _FORMAT:
                raise UsageError(f"{path} is of a later version of colorize: update colorize.")
            last = RunSettings(**found["settings"])
            if last.model_digest == _OLD_DIGEST:
                last = replace(last, model_digest=_DIGEST)
            return last, list(found["earlier"])
        except FileNotFoundError:
            return None, []
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(
                f"{path} is damaged ({error}). Delete it to begin a new record; the photographs "
                "in the folder stay."
            ) from error


def _parse(line: bytes) -> tuple[Origin, str, list[str]]:
    """Read a line: ValueError, TypeError or KeyError where it is cut off or damaged."""
    fields = json.loads(line)
    path, digest, folder, names = (fields[key] for key in ("path", "digest", "folder", "names"))
    if not isinstance(names, list) or not all(
        isinstance(text, str) for text in (path, digest, folder, *names)
    ):
        raise TypeError(line)
    return Origin(path, digest), folder, names
