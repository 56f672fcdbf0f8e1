"""BMP, by OpenCV, which knows no resolution; what it gets wrong is unpacked here.

OpenCV takes the filler byte of 32 bits for alpha, gives 16 bits a white of 248, and leaves black
what damage or an early end takes from run lengths.

Source: BITMAPINFOHEADER, BITMAPV4HEADER, "Bitmap Compression".
"""

import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...errors import ImageError
from ...imaging.bit_depth import full_range
from ...imaging.lab import Pixels
from ..headers import of_bmp
from ..metadata import METRES_PER_INCH, Metadata, dpi_of
from .format import TRUNCATED, Format, Page, any_size, check_size
from .opencv import decode, encode

# "BM" alone begins many a text: the header's size, 12 to 124, is looked at, too.
_START = rb"(?s)BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0"
_PLAIN, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6
_RUN_LENGTHS = {(8, 1), (4, 2)}  # bits and compression
_END_OF_LINE, _END, _JUMP = 0, 1, 2  # what may follow a count of zero
_DAMAGED = "the BMP's run lengths are damaged"
# Red, green and blue where the header has no masks; the rest of the bits is filler.
_USUAL_MASKS = {16: (0x7C00, 0x03E0, 0x001F), 32: (0xFF0000, 0x00FF00, 0x0000FF)}


def _read_pages(data: bytes) -> Iterator[Page]:
    sides = "<HH" if data[14] <= 16 else "<ii"
    if len(data) < 18 + struct.calcsize(sides):
        raise ImageError(TRUNCATED)
    width, height = struct.unpack_from(sides, data, 18)
    bits, compression = struct.unpack_from("<HI", data.ljust(34, b"\0"), 28)
    data, damage = _filled_up(data, width, height, bits, compression)
    has_masks = compression in (_BITFIELDS, _ALPHA_BITFIELDS)
    if data[14] >= 40 and bits in _USUAL_MASKS and (has_masks or compression == _PLAIN):
        masks = _masks(data, compression) if has_masks else (*_USUAL_MASKS[bits], 0)
        page = _unpacked(data, width, height, bits, masks)
    elif data[14] >= 40 and (bits, compression) in _RUN_LENGTHS:
        page = _from_palette(data, width, abs(height), bits)
    else:
        page = decode(data, width, abs(height))  # negative: rows run downwards
    x, y = struct.unpack_from("<ii", data, 38) if len(data) >= 46 and data[14] >= 40 else (0, 0)
    yield replace(page, metadata=Metadata(dpi=dpi_of(x, y, METRES_PER_INCH)), damage=damage)


def _filled_up(
    data: bytes, width: int, height: int, bits: int, compression: int
) -> tuple[bytes, str | None]:
    """Add rows that are missing at the end, in grey, and say so; run lengths stay as they are."""
    if data[14] < 40 or compression not in (_PLAIN, _BITFIELDS, _ALPHA_BITFIELDS):
        return data, None
    check_size(width, abs(height))
    (start,) = struct.unpack_from("<I", data, 10)
    row = -(-width * bits // 32) * 4
    missing = start + row * abs(height) - len(data)
    if missing <= 0 or start + row > len(data):  # not even a row
        return data, None
    return data + (b"\0" if bits <= 8 else b"\x80") * missing, TRUNCATED


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


def _from_palette(data: bytes, width: int, height: int, bits: int) -> Page:
    """Read run lengths of colours of a palette, the lowest row first."""
    check_size(width, height)
    (start,) = struct.unpack_from("<I", data, 10)
    (used,) = struct.unpack_from("<I", data.ljust(50, b"\0"), 46)
    place = 14 + int.from_bytes(data[14:18], "little")
    table = np.frombuffer(data[place : place + 4 * (used or 1 << bits)], np.uint8)
    table = table[: len(table) // 4 * 4].reshape(-1, 4)[:, 2::-1]
    indices = _expanded(data[start:], width, height, bits)[::-1]
    if indices.max() >= len(table):
        raise ImageError(_DAMAGED)
    return Page(table[indices], None, Metadata())


def _expanded(packed: bytes, width: int, height: int, bits: int) -> Pixels:
    """Write runs out as (height, width) numbers; ImageError unless they fill all of it."""
    rows = np.zeros((height, width), np.uint8)
    x = y = filled = position = 0
    while position + 1 < len(packed):
        count, value = packed[position : position + 2]
        position += 2
        if not count and value == _END_OF_LINE:
            x, y = 0, y + 1
        elif not count and value == _END:
            break
        elif not count and value == _JUMP:
            jump = packed[position : position + 2].ljust(2, b"\0")
            x, y, position = x + jump[0], y + jump[1], position + 2
        else:
            run = bytes([value]) * (count if bits == 8 else (count + 1) // 2)
            if not count:  # so many pixels as they are, in whole words
                count, size = value, (value * bits + 7) // 8
                run = packed[position : position + size]
                position += size + size % 2
            numbers = np.frombuffer(run, np.uint8)
            if bits == 4:
                numbers = np.column_stack([numbers >> 4, numbers & 15]).ravel()
            if y >= height or x + count > width or len(numbers) < count:
                raise ImageError(_DAMAGED)
            rows[y, x : x + count] = numbers[:count]
            x, filled = x + count, filled + count
    if filled < width * height:
        raise ImageError("the BMP lacks a part of its pixels")
    return rows


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


BMP = Format(
    "BMP",
    (".bmp", ".dib"),
    _START,
    _read_pages,
    _write,
    holds=any_size("dpi"),
    measure=of_bmp,
)
