"""A TIFF of several pages, out: files of one page each, one behind the other.

Source: TIFF 6.0, section 2.
"""

import os
import struct
from typing import IO

from ....errors import ImageError
from ... import exif

_STRIP_OFFSETS, _TILE_OFFSETS = 273, 324
_MOST = (1 << 32) - 1  # bytes that offsets of 32 bits reach


def append(file: IO[bytes], data: bytes) -> None:
    """Add the page of a file that `write` made to an empty file, or to one of such pages.

    All have one byte order (ValueError). ImageError is raised where they are too much for a TIFF.
    """
    base = file.seek(0, os.SEEK_END)
    if not base:
        file.write(data)
        return
    order = exif.byte_order(data)
    base += file.write(b"\0" * (base % 2))
    shift = base - 8  # the header is left out
    if shift + len(data) > _MOST:
        raise ImageError(
            "its pages are together more than 4 GB, which a TIFF does not hold: cut it into parts"
        )
    moved = bytearray(data)
    (first,) = struct.unpack_from(order + "I", data, 4)
    _move(moved, order, first, shift)
    file.write(memoryview(moved)[8:])
    _link(file, order, first + shift)


def _move(data: bytearray, order: exif.ByteOrder, directory: int, shift: int) -> None:
    """Add to all offsets of a directory and its sub-directories."""
    (entries,) = struct.unpack_from(order + "H", data, directory)
    for position in range(directory + 2, directory + 2 + 12 * entries, 12):
        code, kind, count = struct.unpack_from(order + "HHI", data, position)
        size, place = exif.size_of(kind, count), position + 8
        if size > 4:
            (place,) = struct.unpack_from(order + "I", data, position + 8)
            struct.pack_into(order + "I", data, position + 8, place + shift)
        if code in (_STRIP_OFFSETS, _TILE_OFFSETS):
            offsets = struct.unpack_from(f"{order}{count}I", data, place)
            struct.pack_into(f"{order}{count}I", data, place, *(n + shift for n in offsets))
        elif code in exif.SUB_IFDS:
            (inner,) = struct.unpack_from(order + "I", data, place)
            _move(data, order, inner, shift)
            struct.pack_into(order + "I", data, place, inner + shift)


def _link(file: IO[bytes], order: exif.ByteOrder, directory: int) -> None:
    """Have the last directory that others lead to lead to another one."""
    file.seek(0)
    if exif.byte_order(file.read(8)) != order:
        raise ValueError("pages of a TIFF in two byte orders")
    link = 4
    while offset := _number(file, order + "I", link):
        link = offset + 2 + 12 * _number(file, order + "H", offset)
    file.seek(link)
    file.write(struct.pack(order + "I", directory))


def _number(file: IO[bytes], kind: str, place: int) -> int:
    file.seek(place)
    number: int = struct.unpack(kind, file.read(struct.calcsize(kind)))[0]
    return number
