"""EXIF blocks: the little of TIFF's directory structure that turning a photo upright touches.

A block is a byte order mark, 42, the offset of the first directory (IFD0), and directories of
12-byte entries; a TIFF file is one, too. Whoever reads one raises ExifError where IFD0 lies
outside. Where a photo keeps its format the block is patched in place, so that maker notes, which
hold absolute offsets, stay valid. To and from TIFF directories are taken apart and built anew.

Sources: TIFF 6.0, section 2; CIPA DC-008 (EXIF 2.32), 4.6.
"""

import struct
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

ByteOrder = Literal["<", ">"]

ORIENTATION = 0x0112
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
SUB_IFDS = (EXIF_IFD, GPS_IFD, INTEROP_IFD)

# Pairs that speak of the two sides, exchanged when a photo is laid on its side: ImageWidth and
# ImageLength, the resolutions, PixelXDimension and PixelYDimension, the focal plane's resolutions.
_SIDES_IFD0 = ((0x0100, 0x0101), (0x011A, 0x011B))
_SIDES_EXIF = ((0xA002, 0xA003), (0xA20E, 0xA20F))

# Bytes of each field type, from 1 (BYTE) to 13 (IFD).
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SHORT, _LONG = 3, 4
_MOST_ENTRIES = 4096  # of a directory; cameras write some hundred
_WHOLE = {1: "B", _SHORT: "H", _LONG: "I"}  # as `struct` has them


class ExifError(ValueError):
    """A block whose directories do not hold together."""


@dataclass(frozen=True)
class Tag:
    """One entry of a directory: `count` values of a field type, 1 to 13, or a sub-directory."""

    code: int
    type: int
    count: int
    value: bytes = b""  # the values in the block's byte order
    children: tuple["Tag", ...] = ()  # the sub-directory's


def byte_order(block: bytes) -> ByteOrder:
    """Return "<" or ">" from the mark at the block's start; raises ExifError without one."""
    if len(block) >= 8 and block[:4] in (b"II*\0", b"MM\0*"):
        return "<" if block[:1] == b"I" else ">"
    raise ExifError("no TIFF header")


def read_tags(block: bytes) -> list[Tag]:
    """Read the first directory with its EXIF, GPS and interoperability sub-directories."""
    order = byte_order(block)
    return read_directory(block, order, _unpack(block, order, "I", 4))


def size_of(kind: int, count: int) -> int:
    """Return how many bytes values of a field type take; 0 for an unknown type."""
    return _SIZES.get(kind, 0) * count


def read_directory(
    block: bytes, order: ByteOrder, offset: int, sub_ifds: Sequence[int] = SUB_IFDS
) -> list[Tag]:
    """Read the directory at `offset`; the codes in `sub_ifds` are followed, each level once.

    Entries of unknown types are left out, as TIFF demands, and those that point outside. ExifError
    is raised where values share so many bytes that they are longer than the block.
    """
    tags, total, followed = [], 0, set[int]()
    for position in _entries(block, order, offset):
        code, kind, count = struct.unpack_from(order + "HHI", block, position)
        size = size_of(kind, count)
        start = position + 8 if size <= 4 else _unpack(block, order, "I", position + 8)
        if not size or start + size > len(block):
            continue
        total += size
        if total > len(block):
            raise ExifError("its entries share their bytes")
        if code not in SUB_IFDS:
            tags.append(Tag(code, kind, count, block[start : start + size]))
        elif code in sub_ifds and size == 4 and code not in followed:
            followed.add(code)
            inner = (INTEROP_IFD,) if code == EXIF_IFD else ()
            target = _unpack(block, order, "I", start)
            with suppress(ExifError):
                children = read_directory(block, order, target, inner)
                tags.append(Tag(code, _LONG, count, children=tuple(children)))
    return tags


def build(tags: Sequence[Tag], order: ByteOrder) -> bytes:
    """Build a block with one directory and its sub-directories; values are in `order`."""
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HI", 42, 8) + directory_bytes(tags, order, 8)


def directory_bytes(tags: Sequence[Tag], order: ByteOrder, base: int) -> bytes:
    """Lay out a directory, its values and sub-directories, to stand at offset `base` (even)."""
    tags = sorted(tags, key=lambda tag: tag.code)
    entries = struct.pack(order + "H", len(tags))
    heap = bytearray()
    heap_base = base + 2 + 12 * len(tags) + 4
    for tag in tags:
        place = heap_base + len(heap)
        value = directory_bytes(tag.children, order, place) if tag.children else tag.value
        if tag.children or len(value) > 4:
            heap += value + b"\0" * (len(value) % 2)
            value = struct.pack(order + "I", place)
        entries += struct.pack(order + "HHI", tag.code, tag.type, tag.count)
        entries += value.ljust(4, b"\0")
    return entries + b"\0\0\0\0" + bytes(heap)


def made_upright(block: bytes) -> tuple[bytes, int | None]:
    """Return the block for upright pixels, and the orientation till then; 1 for none or nonsense.

    It is None where the tag is of a type that says none. The block keeps its length. Orientation
    becomes 1, one SHORT; for a photo that lay on its side the two
    sides' tags change places; the thumbnail, which shows the grey photo as it lay, is unlinked.
    """
    order = byte_order(block)
    ifd0 = _unpack(block, order, "I", 4)
    positions = _by_code(block, order, ifd0)
    patched = bytearray(block)
    orientation: int | None = 1
    if ORIENTATION in positions:
        position = positions[ORIENTATION]
        found = _whole_number(block, order, position)
        struct.pack_into(order + "HIHH", patched, position + 2, _SHORT, 1, 1, 0)
        orientation = found if found is None or 1 <= found <= 8 else 1
    if orientation is not None and orientation >= 5:
        _exchange(patched, positions, _SIDES_IFD0)
        if EXIF_IFD in positions:
            target = _unpack(block, order, "I", positions[EXIF_IFD] + 8)
            with suppress(ExifError):  # a damaged one has no sides to exchange
                _exchange(patched, _by_code(block, order, target), _SIDES_EXIF)
    end = ifd0 + 2 + 12 * _unpack(block, order, "H", ifd0)
    if end + 4 <= len(block):
        patched[end : end + 4] = b"\0\0\0\0"
    return bytes(patched), orientation


def without(block: bytes, codes: Collection[int]) -> bytes:
    """Take entries out of the first directory and those below it.

    The block keeps its length and all else its place, values that nothing points to any more, too.
    """
    order, patched = byte_order(block), bytearray(block)
    for _, offset in _directories(block, order):
        places = _entries(block, order, offset)
        kept = [place for place in places if _unpack(block, order, "H", place) not in codes]
        if len(kept) == len(places):
            continue
        entries = b"".join(block[place : place + 12] for place in kept)
        end = min(places.stop + 4, len(block))  # the link to the next directory ends it
        table = struct.pack(order + "H", len(kept)) + entries + block[places.stop : end]
        patched[offset:end] = table.ljust(end - offset, b"\0")
    return bytes(patched)


def with_tags(block: bytes, directory: int, *tags: Tag) -> bytes:
    """Change the entries of a directory, 0 for the first, that it has; values are of 4 bytes."""
    order, patched = byte_order(block), bytearray(block)
    changed = {tag.code: tag for tag in tags}
    for code, offset in _directories(block, order):
        for place in _entries(block, order, offset) if code == directory else ():
            if tag := changed.get(_unpack(block, order, "H", place)):
                struct.pack_into(order + "HI4s", patched, place + 2, tag.type, tag.count, tag.value)
    return bytes(patched)


def _directories(block: bytes, order: ByteOrder) -> list[tuple[int, int]]:
    """Find the first directory, as 0, and the sound ones below it, by code and offset."""
    found: list[tuple[int, int]] = []
    waiting = [(0, _unpack(block, order, "I", 4))]
    while waiting:
        code, offset = waiting.pop()
        with suppress(ExifError):
            places = _by_code(block, order, offset)
            if offset not in [known for _, known in found]:
                found.append((code, offset))
                below = [inner for inner in SUB_IFDS if inner in places]
                waiting += [(sub, _unpack(block, order, "I", places[sub] + 8)) for sub in below]
    return found


def _whole_number(block: bytes, order: ByteOrder, position: int) -> int | None:
    """Return the first number of an entry, BYTE, SHORT or LONG; None for another type or count."""
    kind, count = struct.unpack_from(order + "HI", block, position + 2)
    if kind not in _WHOLE or not count:
        return None
    is_inside = _SIZES[kind] * count <= 4
    start = position + 8 if is_inside else _unpack(block, order, "I", position + 8)
    try:
        return _unpack(block, order, _WHOLE[kind], start)
    except ExifError:
        return None


def _exchange(data: bytearray, positions: dict[int, int], pairs: Sequence[tuple[int, int]]) -> None:
    for code_x, code_y in pairs:
        if code_x in positions and code_y in positions:
            # All of an entry but its code: type, count, value or its offset.
            x, y = (slice(positions[code] + 2, positions[code] + 12) for code in (code_x, code_y))
            data[x], data[y] = data[y], data[x]


def _by_code(block: bytes, order: ByteOrder, offset: int) -> dict[int, int]:
    """Return where the entries stand; of several with one code the first counts."""
    entries = reversed(_entries(block, order, offset))
    return {_unpack(block, order, "H", position): position for position in entries}


def _entries(block: bytes, order: ByteOrder, offset: int) -> range:
    start, count = offset + 2, _unpack(block, order, "H", offset)
    end = start + 12 * count
    if offset < 8 or end > len(block):
        raise ExifError("a directory lies outside")
    if count > _MOST_ENTRIES:
        raise ExifError(f"a directory of {count} entries")
    return range(start, end, 12)


def _unpack(block: bytes, order: ByteOrder, kind: str, offset: int) -> int:
    try:
        value: int = struct.unpack_from(order + kind, block, offset)[0]
    except struct.error as error:
        raise ExifError("a directory lies outside") from error
    return value
