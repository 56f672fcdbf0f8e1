"""BMP, by OpenCV, which knows no resolution.

Source: BITMAPINFOHEADER.
"""

import struct
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from ...errors import ImageError
from ..metadata import METRES_PER_INCH, Metadata, dpi_of
from .format import TRUNCATED, Format, Page, any_size, check_size
from .opencv import decode, encode

# "BM" alone begins many a text: the header's size, 12 to 124, is looked at, too.
_START = rb"(?s)BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0"
_number = partial(int.from_bytes, byteorder="little")


def _read_pages(data: bytes) -> Iterator[Page]:
    check_size(*_size_of(data))
    yield replace(decode(data), metadata=_metadata(data))


def _size_of(data: bytes) -> tuple[int, int]:
    if _number(data[14:18]) <= 16:
        return _number(data[18:20]), _number(data[20:22])
    if len(data) < 26:
        raise ImageError(TRUNCATED)
    width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height)  # negative: rows run downwards


def _metadata(data: bytes) -> Metadata:
    if len(data) < 46 or _number(data[14:18]) < 40:
        return Metadata()
    x, y = struct.unpack_from("<ii", data, 38)
    return Metadata(dpi=dpi_of(x, y, METRES_PER_INCH))


def _write(page: Page) -> bytes:
    data = bytearray(encode(".bmp", page, (), Metadata()))
    if page.metadata.dpi:
        metres = (round(number / METRES_PER_INCH) for number in page.metadata.dpi)
        struct.pack_into("<ii", data, 38, *metres)
    return bytes(data)


BMP = Format("BMP", (".bmp", ".dib"), _START, _read_pages, _write, holds=any_size("dpi"))
