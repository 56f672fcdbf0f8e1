"""BMP, by OpenCV, which knows no resolution; pixels of 16 and 32 bits are unpacked here.

OpenCV takes the filler byte of 32 bits for alpha, and gives 16 bits a white of 248.

Source: BITMAPINFOHEADER, BITMAPV4HEADER.
"""

import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...errors import ImageError
from ...imaging.bit_depth import full_range
from ...imaging.lab import Pixels
from ..metadata import METRES_PER_INCH, Metadata, dpi_of
from .format import TRUNCATED, Format, Page, any_size, check_size
from .opencv import decode, encode

# "BM" alone begins many a text: the header's size, 12 to 124, is looked at, too.
_START = rb"(?s)BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0"
_PLAIN, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6
# Red, green and blue where the header has no masks; the rest of the bits is filler.
_USUAL_MASKS = {16: (0x7C00, 0x03E0, 0x001F), 32: (0xFF0000, 0x00FF00, 0x0000FF)}


def _read_pages(data: bytes) -> Iterator[Page]:
    sides = "<HH" if data[14] <= 16 else "<ii"
    if len(data) < 18 + struct.calcsize(sides):
        raise ImageError(TRUNCATED)
    width, height = struct.unpack_from(sides, data, 18)
    bits, compression = struct.unpack_from("<HI", data.ljust(34, b"\0"), 28)
    has_masks = compression in (_BITFIELDS, _ALPHA_BITFIELDS)
    if data[14] >= 40 and bits in _USUAL_MASKS and (has_masks or compression == _PLAIN):
        masks = _masks(data, compression) if has_masks else (*_USUAL_MASKS[bits], 0)
        page = _unpacked(data, width, height, bits, masks)
    else:
        page = decode(data, width, abs(height))  # negative: rows run downwards
    x, y = struct.unpack_from("<ii", data, 38) if len(data) >= 46 and data[14] >= 40 else (0, 0)
    yield replace(page, metadata=Metadata(dpi=dpi_of(x, y, METRES_PER_INCH)))


def _masks(data: bytes, compression: int) -> tuple[int, int, int, int]:
    """Return which bits are red, green, blue and alpha; 0 where the header has no alpha."""
    if len(data) < 70:
        raise ImageError(TRUNCATED)
    red, green, blue, alpha = struct.unpack_from("<4I", data, 54)
    has_alpha = data[14] >= 56 or compression == _ALPHA_BITFIELDS
    return red, green, blue, alpha if has_alpha else 0


def _unpacked(
    data: bytes, width: int, height: int, bits: int, masks: tuple[int, int, int, int]
) -> Page:
    """Read rows of 16- or 32-bit words, each padded to 4 bytes."""
    check_size(width, abs(height))
    (start,) = struct.unpack_from("<I", data, 10)
    row = -(-width * bits // 32) * 4
    if start + row * abs(height) > len(data):
        raise ImageError(TRUNCATED)
    rows = np.frombuffer(data, np.uint8, row * abs(height), start).reshape(abs(height), row)
    words = rows.view(f"<u{bits // 8}")[:: 1 if height < 0 else -1, :width]
    pixels = np.dstack([_channel(words, mask) for mask in masks[:3]])
    return Page(pixels, _channel(words, masks[3]) if masks[3] else None, Metadata())


def _channel(words: Pixels, mask: int) -> Pixels:
    shift = (mask & -mask).bit_length() - 1
    top = mask >> shift if mask else 0
    if not 0 < top <= 255 or top & (top + 1):
        raise ImageError(
            f"a BMP with the mask {mask:#x} of a channel cannot be read: save it as PNG"
        )
    return full_range(((words & np.array(mask, words.dtype)) >> shift).astype(np.uint8), top)


def _write(page: Page) -> bytes:
    data = bytearray(encode(".bmp", page, (), Metadata()))
    if page.metadata.dpi:
        metres = (round(number / METRES_PER_INCH) for number in page.metadata.dpi)
        struct.pack_into("<ii", data, 38, *metres)
    return bytes(data)


BMP = Format("BMP", (".bmp", ".dib"), _START, _read_pages, _write, holds=any_size("dpi"))
