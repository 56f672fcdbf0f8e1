"""What a HEIF file says of its pictures: sizes, turns and mirrors, and how they are coded.

The box `meta` alone is looked at: a title or pixels may hold the same letters by chance.

Sources: ISO/IEC 14496-12, 8.11 (meta, pitm, iprp); ISO/IEC 23008-12, 6.5 (ispe) and 9.3 (ipma).
"""

from contextlib import suppress
from struct import unpack_from
from typing import BinaryIO

from ....errors import ImageError
from ...limits import Header
from ..format import TRUNCATED
from .boxes import boxes, first_box

_MOST_BYTES = 1 << 24  # of `meta`, which holds no pixels
_MOST_ITEMS = 100_000

Property = tuple[bytes, bytes]  # type and content


def properties(file: BinaryIO) -> tuple[list[Property], list[Property]]:
    """Return the properties of all pictures, and those of the one that is shown.

    Where the file does not say whose they are, they are taken for that picture's. Raises ImageError
    for a file that is cut off.
    """
    inside = dict(boxes(_meta(file)[4:]))  # behind version and flags
    held = dict(boxes(inside.get(b"iprp", b"")))
    every = list(boxes(held.get(b"ipco", b"")))
    indices = _of_primary(inside.get(b"pitm", b""), held.get(b"ipma", b""))
    if indices is None:
        return every, every
    return every, [every[i - 1] for i in indices if 0 < i <= len(every)]


def largest_size(every: list[Property]) -> tuple[int, int]:
    """Return the largest width and height of a whole picture or a part; 0 where none is stated."""
    sizes = [unpack_from(">II", held, 4) for kind, held in every if kind == b"ispe" and held[11:]]
    return max((w for w, _ in sizes), default=0), max((h for _, h in sizes), default=0)


def of_heif(file: BinaryIO) -> Header | None:
    """Read the largest of the sizes; None where the file is cut off or states none."""
    with suppress(ImageError):
        width, height = largest_size(properties(file)[0])
        return Header(width, height, 2, 4) if width and height else None
    return None


def _meta(file: BinaryIO) -> bytes:
    """Read the content of the box `meta`, which may stand in front of the pixels or behind."""
    found = first_box(file, b"meta")
    if found is None or found[2] > _MOST_BYTES:
        raise ImageError(TRUNCATED)
    file.seek(found[1])
    return file.read(found[2])


def _of_primary(pitm: bytes, ipma: bytes) -> list[int] | None:
    """List the properties, by number from 1, of the picture that is shown; None if not told."""
    if len(pitm) < 6 or len(ipma) < 8:
        return None
    shown = int.from_bytes(pitm[4 : 8 if pitm[0] else 6], "big")
    item_bytes, step = (4 if ipma[0] else 2), (2 if ipma[3] & 1 else 1)
    position = 8
    for _ in range(min(int.from_bytes(ipma[4:8], "big"), _MOST_ITEMS)):
        count_at = position + item_bytes
        if count_at >= len(ipma):
            break
        item, start = int.from_bytes(ipma[position:count_at], "big"), count_at + 1
        position = start + ipma[count_at] * step
        if item == shown:
            mask = (1 << (8 * step - 1)) - 1  # the highest bit says that it must be understood
            entries = (ipma[at : at + step] for at in range(start, position, step))
            return [int.from_bytes(entry, "big") & mask for entry in entries]
    return None
