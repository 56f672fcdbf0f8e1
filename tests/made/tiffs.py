"""TIFF files written tag by tag, of kinds that no library writes, and what spoils them."""

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tifffile
from made import pictures
from made.pictures import Array

_SIZES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 7: "B"}


def tiff_of(
    strips: Sequence[bytes],
    tags: Mapping[int, Any],
    order: str = "<",
) -> bytes:
    """A TIFF of `pictures`' size whose strips are these; tags are numbers, or (type, count, value).

    Where the tags name a tile's size they are tiles. A tag of None is left out.
    """
    entries: dict[int, tuple[int, int, bytes]] = {}
    everything = {256: pictures.WIDTH, 257: pictures.HEIGHT, 259: 1, 278: pictures.HEIGHT, **tags}
    for code, value in everything.items():
        if isinstance(value, tuple) and len(value) == 3 and isinstance(value[2], bytes):
            entries[code] = value
        elif value is not None:
            numbers = [value] if isinstance(value, int) else list(value)
            entries[code] = (4, len(numbers), struct.pack(f"{order}{len(numbers)}I", *numbers))
    start = 8 + sum(len(strip) + len(strip) % 2 for strip in strips)
    places = np.cumsum([8, *(len(strip) + len(strip) % 2 for strip in strips)])[:-1]
    where, sizes = (324, 325) if 322 in tags else (273, 279)
    for code, numbers in ((where, places), (sizes, [len(strip) for strip in strips])):
        if code not in tags:
            entries[code] = (4, len(strips), struct.pack(f"{order}{len(strips)}I", *numbers))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    body = b"".join(strip + b"\0" * (len(strip) % 2) for strip in strips)
    return head + body + _directory(entries, order, start)


def _directory(entries: Mapping[int, tuple[int, int, bytes]], order: str, start: int) -> bytes:
    table, heap = struct.pack(order + "H", len(entries)), b""
    for code, (kind, count, value) in sorted(entries.items()):
        place = start + 2 + 12 * len(entries) + 4 + len(heap)
        field = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", place)
        heap += value + b"\0" * (len(value) % 2) if len(value) > 4 else b""
        table += struct.pack(order + "HHI", code, kind, count) + field
    return table + b"\0\0\0\0" + heap


def packed(samples: Array, bits: int) -> bytes:
    """Pack rows of samples, (rows, ...), of so many bits each, the first one the highest."""
    words = samples.reshape(len(samples), -1).astype(">u2")
    each = np.unpackbits(words.view(np.uint8).reshape(*words.shape, 2), axis=-1)[..., 16 - bits :]
    return np.packbits(each.reshape(len(words), -1), axis=1).tobytes()


def strips_of(data: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where the strips or tiles of a file lie, and how long they are."""
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        page = tif.pages.first
        return page.dataoffsets, page.databytecounts


def with_tag(data: bytes, code: int, number: int, index: int = 0) -> bytes:
    """The same file with another number in a tag, the `index`-th of several."""
    patched = bytearray(data)
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        tag = tif.pages.first.tags[code]
        kind = tif.byteorder + _SIZES[int(tag.dtype)]
        struct.pack_into(kind, patched, tag.valueoffset + index * struct.calcsize(kind), number)
    return bytes(patched)
