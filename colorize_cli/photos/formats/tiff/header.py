"""The sizes of a TIFF's pages by its directories alone, and directories made to do harm.

`tifffile` takes what a directory says for true and reads tags of any length, so they are looked at
here first. Source: TIFF 6.0, section 2; BigTIFF.
"""

import struct
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal

from ....errors import ImageError
from ...limits import Header, memory_of

_WIDTH, _LENGTH, _BITS, _SAMPLES = 256, 257, 258, 277
_PHOTOMETRIC, _INNER, _DNG_VERSION = 262, 330, 50_706
_WANTED = (_WIDTH, _LENGTH, _BITS, _SAMPLES, _PHOTOMETRIC)
_SENSOR = (32_803, 34_892)  # the samples of a raw file
_WORD = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}  # by the type of a tag
_NUMBERS = (3, 4, 5, 8, 9, 10, 11, 12, 13, 16, 17, 18)  # the types that become numbers
_MOST_NUMBERS = 1 << 18  # of a tag; a curve for each of 16 bits and 3 channels has 196,608
_MOST_BYTES = 8  # of a number
_MOST_ENTRIES, _MOST_PAGES = 4096, 10_000

_CANON = b"\x10\0\0\0CR\2"  # stands ahead of the previews of Canon's raw files


@dataclass(frozen=True)
class _Layout:
    """The field sizes of a file: of 32 bits, or of 64 in a BigTIFF."""

    order: Literal["<", ">"]
    count: str  # of entries
    offset: str
    first: int  # where the first offset stands

    @property
    def entry(self) -> str:
        return f"{self.order}HH{self.offset}{struct.calcsize(self.offset)}s"


def measure(file: BinaryIO) -> Header | None:
    """Give the page that takes most memory, and the pixels of all.

    None is given where the first directory is damaged. ImageError is raised for a tag of more
    numbers than a photograph has any use for.
    """
    file.seek(0)
    start = file.read(16)
    layout = _layout(start)
    if layout is None or len(start) < 16:
        return None
    (offset,) = struct.unpack_from(layout.order + layout.offset, start, layout.first)
    largest, pixels, seen = None, 0, set[int]()
    is_preview = start[4:11] == _CANON
    while offset and offset not in seen and len(seen) < _MOST_PAGES:
        seen.add(offset)
        found = _page(file, layout, offset)
        if found is None:
            break
        page, offset = found
        pixels += page.pixels
        is_preview = is_preview or page.is_preview
        if largest is None or memory_of(page, 0) > memory_of(largest, 0):
            largest = page
    if largest is None or not largest.pixels:
        return None
    return replace(largest, all_pixels=pixels, is_preview=is_preview)


def _layout(start: bytes) -> _Layout | None:
    order: Literal["<", ">"] = "<" if start[:1] == b"I" else ">"
    kind = int.from_bytes(start[2:4], "little" if order == "<" else "big")
    layouts = {42: _Layout(order, "H", "I", 4), 43: _Layout(order, "Q", "Q", 8)}
    return layouts.get(kind)


def _page(file: BinaryIO, layout: _Layout, offset: int) -> tuple[Header, int] | None:
    """Read a directory: its page, and where the next one lies, 0 for none."""
    word = layout.order + layout.count
    if offset >= 1 << 62:
        return None
    file.seek(offset)
    head = file.read(struct.calcsize(word))
    if len(head) < struct.calcsize(word):
        return None
    (count,) = struct.unpack(word, head)
    size = struct.calcsize(layout.entry)
    if count > _MOST_ENTRIES:
        return None
    table = file.read(count * size)
    link = file.read(struct.calcsize(layout.offset)).ljust(8, b"\0")
    tags: dict[int, int] = {}
    is_preview = False
    whole = table[: len(table) // size * size]
    for code, kind, number, field in struct.iter_unpack(layout.entry, whole):
        if kind in _NUMBERS and number > _MOST_NUMBERS:
            raise ImageError(f"the TIFF's tag {code} is of {number:,} numbers: save it anew")
        is_preview = is_preview or code in (_INNER, _DNG_VERSION)
        if code in _WANTED and (value := _value(file, layout, kind, number, field)) is not None:
            tags.setdefault(code, value)
    (following,) = struct.unpack_from(layout.order + layout.offset, link)
    page = Header(
        tags.get(_WIDTH, 0),
        tags.get(_LENGTH, 0),
        min(max(-(-tags.get(_BITS, 1) // 8), 1), _MOST_BYTES),
        min(max(tags.get(_SAMPLES, 1), 1), 64),
        is_preview=is_preview or tags.get(_PHOTOMETRIC) in _SENSOR,
    )
    return page, following


def _value(file: BinaryIO, layout: _Layout, kind: int, number: int, field: bytes) -> int | None:
    """Return the first of a tag's whole numbers."""
    if kind not in _WORD or not number:
        return None
    word = layout.order + _WORD[kind]
    size = struct.calcsize(word)
    if size * number > len(field):
        (place,) = struct.unpack(layout.order + layout.offset, field)
        if place >= 1 << 62:
            return None
        file.seek(place)
        field = file.read(size)
    if len(field) < size:
        return None
    found: int = struct.unpack_from(word, field)[0]
    return max(found, 0)
