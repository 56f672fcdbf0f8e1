"""BMP, by OpenCV, which knows no resolution. Source: BITMAPINFOHEADER."""

import struct
from collections.abc import Iterator
from dataclasses import replace

from ...errors import ImageError
from ..metadata import METRES_PER_INCH, Metadata, dpi_of
from .format import TRUNCATED, Format, Page, any_size
from .opencv import decode, encode

# "BM" alone begins many a text: the header's size, 12 to 124, is looked at, too.
_START = rb"(?s)BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0"


def _read_pages(data: bytes) -> Iterator[Page]:
    sides = "<HH" if data[14] <= 16 else "<ii"
    if len(data) < 18 + struct.calcsize(sides):
        raise ImageError(TRUNCATED)
    width, height = struct.unpack_from(sides, data, 18)
    page = decode(data, width, abs(height))  # negative: rows run downwards
    x, y = struct.unpack_from("<ii", data, 38) if len(data) >= 46 and data[14] >= 40 else (0, 0)
    yield replace(page, metadata=Metadata(dpi=dpi_of(x, y, METRES_PER_INCH)))


def _write(page: Page) -> bytes:
    data = bytearray(encode(".bmp", page, (), Metadata()))
    if page.metadata.dpi:
        metres = (round(number / METRES_PER_INCH) for number in page.metadata.dpi)
        struct.pack_into("<ii", data, 38, *metres)
    return bytes(data)


BMP = Format("BMP", (".bmp", ".dib"), _START, _read_pages, _write, holds=any_size("dpi"))
