"""Find the photographs below the named paths: by content, each once, in natural order.

Nothing is decoded: the first bytes of a file say whether it is a photograph.
"""

import os
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UsageError
from ..photos.formats import SUFFIXES, listed, sniff
from ..photos.formats.format import SNIFF_BYTES
from ..photos.formats.unread import Unread, unread
from ..system.paths import absolute, natural_key, shown
from ..system.wording import count_text
from .asked.target import is_url
from .left_out import LeftOut
from .outcome import Outcome
from .picks.record import RECORD_NAME
from .records.database import is_ledger
from .records.old_records import SETTINGS_NAME

_URL = "it is a URL, and nothing is ever fetched: download the photo, and name the file"
_RECORDS = ".colorize."  # begins the names of all that is kept of a run
_OF_COLOURINGS = (SETTINGS_NAME, RECORD_NAME)  # kept in folders of colourings, beside ledgers


@dataclass(frozen=True, slots=True)
class Source:
    """A photograph that was found."""

    base: Path  # named folder that the mirrored tree starts from (absolute)
    folder: Path  # its folder, relative to `base`
    path: Path  # the file, spelled as the user spelled the path that led to it
    format: str  # by content, a name in `photos.formats.FORMATS`

    @property
    def photo(self) -> str:
        """Its absolute path, by which the ledger knows it."""
        return str(absolute(self.path))


@dataclass
class Scan:
    """What lies below the named paths."""

    trees: tuple[Path, ...] = ()  # named folders (absolute) that lie in no other named folder
    sources: list[Source] = field(default_factory=list)  # by named path, in natural order
    problems: list[Outcome] = field(default_factory=list)  # what should have been photographs
    notes: list[str] = field(default_factory=list)  # sentences that the user should see
    others: Counter[str] = field(default_factory=Counter)  # files of other kinds, by `.suffix`
    unread: Counter[Unread] = field(default_factory=Counter)  # of these, pictures of other kinds
    hidden: int = 0  # entries with a leading dot that were left out
    excluded: int = 0  # files and folders that nobody wants, and folders that programs keep
    unfollowed: int = 0  # links to folders that were visited already


def scan(
    paths: Sequence[Path], out: Path, *, recursive: bool = True, exclude: Sequence[str] = ()
) -> Scan:
    """Find the photographs below `paths`; arguments are as in `Options`.

    A folder inside another named one counts as part of that one. Symbolic links are followed,
    each real folder is visited once, and links to folders come after real folders, so that a
    photo keeps its own place. Of what is not named itself these are left out: hidden entries,
    `out`, folders in which a record shows that they hold colourings, folders that other programs
    keep for themselves, and what `exclude` names. UsageError is raised where `out` is a named
    folder or the folder of a named file.
    """
    real_out = _real(out)
    folder_of = {path: path if _is_folder(path) else path.parent for path in paths}
    if any(_is_same(_real(folder), real_out) for folder in folder_of.values()):
        raise UsageError(
            f"--out {out} is the folder of the photographs themselves. Originals and "
            "colourings are kept apart: name another folder."
        )
    named = {_real(path): path for path in reversed(paths) if folder_of[path] == path}
    scanner = _Scanner(real_out, named, recursive, LeftOut(exclude))
    # Outermost first, so that a photo belongs to the tree that mirrors most of its place.
    for real in sorted(named, key=lambda real: len(real.parts)):
        scanner.walk(named[real])
    first_named: dict[Path, int] = {}
    for path in paths:
        base, folder = scanner.place(folder_of[path])
        first_named.setdefault(base, len(first_named))
        if folder_of[path] != path:
            scanner.file(base, folder, path, _real(path.parent), named=True)
    scanner.result.sources.sort(
        key=lambda s: (first_named[s.base], natural_key(s.folder / s.path.name), str(s.path))
    )
    for kind, count in scanner.result.unread.items():
        scanner.result.notes.append(f"left out {count_text(count, 'file')}: {kind.reason}")
    return scanner.result


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_same(one: Path, other: Path) -> bool:
    """Whether two folders are one, by what the file system says: a mount may show it twice."""
    try:
        return one == other or one.samefile(other)
    except OSError:
        return False


def _is_folder(entry: Path | os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or below a folder that may not be entered
        return False


class _Scanner:
    """Walk folders and remember what was seen."""

    def __init__(
        self, real_out: Path, named: Mapping[Path, Path], recursive: bool, left_out: LeftOut
    ) -> None:
        self._real_out = real_out
        self._named = named
        self._recursive = recursive
        self._left_out = left_out
        self._bases = {
            real: absolute(path)
            for real, path in named.items()
            if named.keys().isdisjoint(real.parents)
        }
        self.result = Scan(trees=tuple(self._bases.values()))
        self._folders: set[Path] = set()
        self._files: set[tuple[Path, str]] = set()

    def place(self, folder: Path) -> tuple[Path, Path]:
        """The base that a folder's tree starts from, and where the folder lies below it."""
        real = _real(folder)
        top = next((above for above in (real, *real.parents) if above in self._bases), None)
        return (self._bases[top], real.relative_to(top)) if top else (absolute(folder), Path())

    def walk(self, start: Path) -> None:
        """Find the photographs in a named folder and below it."""
        base, relative = self.place(start)
        folders = [(relative, start, _real(start))]
        links: list[tuple[Path, Path]] = []
        while folders or links:
            is_link = not folders
            if is_link:
                folder, path = links.pop(0)
                real = _real(path)
            else:
                folder, path, real = folders.pop()
            if real in self._folders:
                self.result.unfollowed += is_link
                continue
            self._folders.add(real)
            try:
                inside = list(os.scandir(path))
            except OSError as error:
                self._problem(path, f"the folder cannot be opened: {error.strerror or error}")
                continue
            if real not in self._named and self._is_output(path, real, inside):
                continue
            for entry in inside:
                if entry.name.startswith("."):
                    self.result.hidden += not entry.name.startswith(_RECORDS)
                elif self._left_out.is_asked(folder / entry.name):
                    self.result.excluded += 1
                elif not _is_folder(entry):
                    self.file(base, folder, path / entry.name, real, named=False)
                elif self._left_out.is_of_program(path / entry.name):
                    self.result.excluded += 1
                elif self._recursive and entry.is_symlink():
                    links.append((folder / entry.name, path / entry.name))
                elif self._recursive:
                    folders.append((folder / entry.name, path / entry.name, real / entry.name))
            links.sort(key=lambda link: natural_key(link[0]))

    def _is_output(self, path: Path, real: Path, inside: list[os.DirEntry[str]]) -> bool:
        """Whether a folder that was met on the way holds colourings."""
        if real == self._real_out:
            why = "it is the output folder"
        elif any(is_ledger(entry.name) or entry.name in _OF_COLOURINGS for entry in inside):
            why = "it holds colourings (name it to take it as input)"
        else:
            return False
        self.result.notes.append(f"left out {shown(path)}: {why}")
        return True

    def file(self, base: Path, folder: Path, path: Path, real_folder: Path, *, named: bool) -> None:
        """Find the photograph at `path`, or note why there is none."""
        if (real_folder, path.name) in self._files:
            return
        self._files.add((real_folder, path.name))
        # A named file has to be a photograph; one that was met on the way only if its name says so.
        expected = named or path.suffix.lower() in SUFFIXES
        try:
            head = _head(path)
        except FileNotFoundError:
            if expected:
                link = path.is_symlink()
                why = _URL if is_url(str(path)) else "no such file"
                self._problem(path, "broken link" if link else why, missing=not link)
            return
        except OSError as error:
            self._problem(path, f"cannot be read: {error.strerror or error}")
            return
        if kind := sniff(head) if head else None:
            self.result.sources.append(Source(base, folder, path, kind))
        elif not expected:
            self.result.others[path.suffix.lower()] += 1
            if other := unread(head or b""):
                self.result.unread[other] += 1
        elif head is None:
            self._problem(path, "not a regular file")
        else:
            other = unread(head)
            none = other.reason if other else f"not a {listed('or')}"
            self._problem(path, none if head else "empty file")

    def _problem(self, path: Path, reason: str, missing: bool = False) -> None:
        self.result.problems.append(Outcome(path, "failed", reason, is_missing=missing))


def _head(path: Path) -> bytes | None:
    """The first bytes of a regular file; None for anything else, which is not opened."""
    if not stat.S_ISREG(path.stat().st_mode):
        return None
    with path.open("rb") as file:
        return file.read(SNIFF_BYTES)
