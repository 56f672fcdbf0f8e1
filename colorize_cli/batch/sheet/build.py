"""Make a sheet of a folder: thumbnails that are missing, pictures to zoom into, the page."""

import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fnmatch import translate
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import numpy as np

from ...errors import UsageError, reason_of
from ...imaging.thumbnail import RGB, thumbnail
from ...photos.formats import sniff
from ...photos.limits import MOST_PIXELS, Limits, limited_to
from ...photos.read import measure, read_photo
from ...photos.transparency import GREY, laid_on
from ...system.cpus import usable_cpus
from ...system.machine import usable_memory
from ...system.messages import Messages
from ...system.paths import folded, shown
from ...system.wording import count_text
from ..records.inspect_folder import open_ledgers
from .entries import Entry, entries_of
from .folder import SheetFolder
from .room import Room
from .thumbnails import SIDE, Thumbnails, encode_jpeg, name_of

_Made = TypeVar("_Made")
_MOST_THREADS = 4
_SHOWN = ("jpeg", "png", "webp", "gif", "bmp", "avif")  # what browsers show, of 8 bits
_ZOOM_QUALITY = 92


@dataclass(frozen=True)
class Built:
    """What a sheet shows."""

    page: Path
    photos: int
    failed: int  # photographs among them
    zoomed: int  # JPEGs of full size that were made
    lacking: int  # thumbnails that are still to be made


def build(
    out: Path, messages: Messages, *, zoom: Sequence[str] = (), makes_missing: bool = True
) -> Built:
    """Write the sheet of an output folder.

    Args:
        out: the folder.
        messages: who is told of progress, and of pictures that cannot be read.
        zoom: patterns of names; what a browser cannot show of photographs that match, or shows
            slowly, becomes a JPEG of full size.
        makes_missing: thumbnails that a run has not made.

    Raises:
        UsageError: The folder has no ledger, something else is in the sheet's place, or no
            photograph matches a pattern.
        OSError: The sheet cannot be written.
    """
    folder, thumbnails = SheetFolder(out), Thumbnails.of(out)
    folder.require_own()
    before = thumbnails.pictures.there()  # before the ledgers are read: what they lack is old
    with open_ledgers(out) as databases:
        entries = entries_of(databases, out)
    chosen = _matching(entries, zoom)
    folder.claim()
    maker = _Maker(out, thumbnails, folder, messages)
    todo = [entry for entry in entries if entry.pictures - before and entry.samples]
    if makes_missing and todo:
        made = maker.each(todo, lambda entry: maker.small(entry, before), "thumbnails")
        known = {entry.photo: entry for entry in made}
        entries = [known.get(entry.photo, entry) for entry in entries]
    zoomed = sum(maker.each(chosen, maker.zoom, "full size")) if chosen else 0
    there = thumbnails.pictures.there()
    needed = {name for entry in entries for name in entry.pictures}
    folder.write(entries, there)
    thumbnails.pictures.drop(before - needed)
    folder.zoomed.drop(folder.zoomed.there() - needed)
    return Built(
        page=folder.index,
        photos=len(entries),
        failed=sum(entry.state == "failed" for entry in entries),
        zoomed=zoomed,
        lacking=len(needed - there),
    )


def _matching(entries: Sequence[Entry], globs: Sequence[str]) -> list[Entry]:
    """The photographs of which a name, or the end of a path, matches."""
    found: dict[str, Entry] = {}
    for glob in globs:
        pattern = re.compile(translate(folded(f"*/{glob.removeprefix('./')}")))
        matches = [e for e in entries if pattern.match(folded(f"/{Path(e.photo).as_posix()}"))]
        if not matches:
            raise UsageError(f"--zoom {glob}: no photograph of the sheet has such a name.")
        found |= {entry.photo: entry for entry in matches}
    return list(found.values())


class _Maker:
    """Makes pictures of files; what cannot be read is counted, and said once."""

    def __init__(
        self, out: Path, thumbnails: Thumbnails, folder: SheetFolder, messages: Messages
    ) -> None:
        self._out = out
        self._thumbnails = thumbnails
        self._folder = folder
        self._messages = messages
        self._problems: list[str] = []
        # What a run has coloured was within its limits, whatever those were.
        self._limits = Limits(MOST_PIXELS, usable_memory() or Limits().memory)
        self._room = Room(self._limits.memory // 2)  # the rest is others', such as the network's

    def each(
        self, entries: Sequence[Entry], make: Callable[[Entry], _Made], what: str
    ) -> list[_Made]:
        """Make something of each, in several threads, and show how far that is."""
        self._messages.note(f"{what}: {count_text(len(entries), 'photo')}")
        pool = ThreadPoolExecutor(min(usable_cpus(), _MOST_THREADS), "sheet")
        made = []
        try:
            with limited_to(self._limits), self._messages.progress(len(entries)) as progress:
                for one in pool.map(make, entries):
                    made.append(one)
                    progress.advance()
        finally:
            pool.shutdown(cancel_futures=True)
        if self._problems:
            count = count_text(len(self._problems), "picture")
            self._messages.warn(f"{count} cannot be shown, the first: {self._problems[0]}")
            self._problems.clear()
        return made

    def small(self, entry: Entry, there: set[str]) -> Entry:
        """Make the thumbnails that an entry lacks; give it with what is in its photo's file now."""
        smalls: list[RGB] = []
        for sample in entry.samples:
            small = self._thumbnails.read(sample.thumbnail) if sample.thumbnail in there else None
            if small is None:
                small, _ = self._made(self._out / sample.place, entry.white)
            if small is not None:
                smalls.append(small)
        if entry.thumbnail not in there:
            _, digest = self._made(Path(entry.photo), entry.white)
            entry = replace(entry, source=digest or entry.source)
        if entry.map and entry.map not in there and len(smalls) == len(entry.samples):
            self._thumbnails.put_map([sample.digest for sample in entry.samples], smalls)
        return entry

    def zoom(self, entry: Entry) -> int:
        """Make JPEGs of full size of what a browser cannot show of an entry; count them."""
        places = [self._out / sample.place for sample in entry.samples]
        return sum(self._zoomed(path, entry.white) for path in (Path(entry.photo), *places))

    def _made(self, path: Path, white: float | None) -> tuple[RGB, str] | tuple[None, None]:
        """Make the thumbnail of a file; give it, and the SHA-256 of the file."""
        made = self._of(path, lambda data: _small_of(data, white))
        if made is None:
            return None, None
        small, digest = made
        self._thumbnails.put(digest, small)
        return made

    def _zoomed(self, path: Path, white: float | None) -> bool:
        made = self._of(path, lambda data: self._full_of(data, white))
        if made:
            self._folder.zoomed.put(*made)
        return bool(made)

    def _full_of(self, data: bytes, white: float | None) -> tuple[str, bytes] | None:
        """The name and the JPEG of full size of a file; None where there is no need of it."""
        name = name_of(sha256(data).hexdigest())
        if self._folder.zoomed.path_of(name).exists():
            return None
        photo = read_photo(data, salvages=True, white=white)
        if sniff(data) in _SHOWN and photo.pixels.dtype == np.uint8:
            return None
        whole = thumbnail(laid_on(GREY, photo.pixels, photo.alpha), max(photo.pixels.shape))
        return name, encode_jpeg(whole, _ZOOM_QUALITY)

    def _of(self, path: Path, make: Callable[[bytes], _Made]) -> _Made | None:
        """Make something of a file's bytes, once there is memory for its picture.

        None where that fails, for a reason of any kind: it keeps no other from being shown.
        """
        try:
            with path.open("rb") as file:
                needed = measure(file, os.fstat(file.fileno()).st_size)
            with self._room.taken(needed):
                return make(path.read_bytes())
        except Exception as error:
            self._problems.append(f"{shown(path)}: {reason_of(error)}")
            return None


def _small_of(data: bytes, white: float | None) -> tuple[RGB, str]:
    photo = read_photo(data, salvages=True, white=white)
    small = thumbnail(laid_on(GREY, photo.pixels, photo.alpha), SIDE)
    return small, sha256(data).hexdigest()
