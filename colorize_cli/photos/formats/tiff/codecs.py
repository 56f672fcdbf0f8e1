"""What unpacks a strip or a tile of a TIFF, for each compression that is known to decode rightly.

All of them tell damage and missing bytes by a `DamagedError`, and give no more bytes than are asked
for. LZW is left to
the libtiff inside OpenCV, which hears of errors in pixels of 16 bits alone; so a strip is dressed
up as a grey TIFF of these.
"""

import lzma
import struct
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress

import cv2
import numpy as np
from numpy.typing import NDArray

from ....errors import ImageError

NONE, LZW, JPEG, PACKBITS = 1, 5, 7, 32773
MISSING = "the TIFF lacks a part of its pixels"
DAMAGED = "the TIFF's compressed pixels are damaged"
_MOST_LZMA = 1 << 28  # bytes that its dictionary may take; the largest usual one is 64 MB
_MOST_PADDING = 1 << 20  # bytes that a strip may hold behind those that the picture needs
_LONGEST_SIDE = 1 << 20  # that OpenCV takes
_ROW = 1024  # pixels, where so many cannot be laid out as they are

_STEP = 1 << 12  # packed bytes at a time where damage is looked for

Bytes = NDArray[np.uint8]


class DamagedError(ImageError):
    """A strip that is damaged or ends early, with the plain bytes that come before."""

    def __init__(self, message: str, plain: bytes | bytearray = b"") -> None:
        super().__init__(message)
        self.plain = plain


def uncompressed(packed: bytes, size: int, is_exact: bool) -> Bytes:
    """Cut a strip to what the picture needs; a count that says more is no damage."""
    if len(packed) < size:
        raise DamagedError(MISSING, packed)
    return np.frombuffer(packed, np.uint8, size)


def _inflate(packed: bytes, size: int, is_exact: bool) -> Bytes:
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(packed, size)
        # The checksum is looked at when the end is met, which may lie behind some padding.
        stream.decompress(stream.unconsumed_tail, _MOST_PADDING)
    except zlib.error as error:
        raise DamagedError(DAMAGED, inflated_until_damage(packed, size)) from error
    return _whole(plain, size, is_over=stream.eof)


def inflated_until_damage(packed: bytes, size: int) -> bytearray:
    """Inflate at most `size` bytes, as far as that goes."""
    stream, plain = zlib.decompressobj(), bytearray()
    with suppress(zlib.error):
        for start in range(0, len(packed), _STEP):
            if len(plain) < size:
                plain += stream.decompress(packed[start : start + _STEP], size - len(plain))
    return plain


def _unlzma(packed: bytes, size: int, is_exact: bool) -> Bytes:
    try:
        stream = lzma.LZMADecompressor(memlimit=_MOST_LZMA)
        plain = stream.decompress(packed, size)
        if not stream.eof:
            stream.decompress(b"", _MOST_PADDING)
    except (lzma.LZMAError, EOFError) as error:
        raise DamagedError(DAMAGED) from error
    return _whole(plain, size, is_over=stream.eof)


def _unpack_bits(packed: bytes, size: int, is_exact: bool) -> Bytes:
    plain, position = bytearray(), 0
    while len(plain) < size and position < len(packed):
        head = packed[position]
        position += 1
        if head < 128:
            plain += packed[position : position + head + 1]
            position += head + 1
        elif head > 128:
            plain += packed[position : position + 1] * (257 - head)
            position += 1
    rest = packed[position:].strip(b"\0\x80")
    if position > len(packed) or (is_exact and (len(plain) > size or rest)):
        raise DamagedError(DAMAGED, plain[:size])
    return _whole(plain[:size], size)


def _unpack_lzw(packed: bytes, size: int, is_exact: bool) -> Bytes:
    # The last bytes of an odd number, by pixels of 8 bits, where libtiff is not heard.
    words = size // 2 if _sides(size // 2) else size // 2 - size // 2 % _ROW
    plain = np.empty(size, np.uint8)
    if words:
        plain[: 2 * words] = _by_libtiff(packed, words, 16)
    if size > 2 * words:
        plain[2 * words :] = _by_libtiff(packed, size, 8)[2 * words :]
    # Damage inside may make the strings longer; then there are more bytes than the strip has.
    more = size // 2 + 1 + size % 2
    more = more if _sides(more) else -(-more // _ROW) * _ROW
    if is_exact and _decoded(packed, more, 16) is not None:
        raise DamagedError(DAMAGED)
    return plain


def _by_libtiff(packed: bytes, pixels: int, bits: int) -> Bytes:
    decoded = _decoded(packed, pixels, bits)
    if decoded is None:
        raise DamagedError(DAMAGED)
    return decoded.astype(f"<u{bits // 8}", copy=False).reshape(-1).view(np.uint8)


def _sides(pixels: int) -> tuple[int, int] | None:
    """Lay out so many pixels as a picture that OpenCV takes; None where that cannot be."""
    least = -(-pixels // _LONGEST_SIDE)
    divisors = (n for n in range(max(least, 1), _LONGEST_SIDE) if pixels % n == 0)
    height = next(divisors, None)
    return None if height is None else (pixels // height, height)


def _decoded(packed: bytes, pixels: int, bits: int) -> NDArray[np.generic] | None:
    """Decode a strip of LZW as so many grey pixels; None where there are fewer, or damage."""
    sides = _sides(pixels)
    if sides is None:
        return None
    width, height = sides
    start = 8 + 2 + 9 * 12 + 4
    size = ((256, width), (257, height), (258, bits), (259, LZW), (262, 1))
    fields = (*size, (273, start), (277, 1), (278, height), (279, len(packed)))
    entries = b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in fields)
    head = b"II*\0" + struct.pack("<IH", 8, len(fields))
    dressed = np.frombuffer(head + entries + b"\0\0\0\0" + packed, np.uint8)
    try:
        decoded: NDArray[np.generic] | None = cv2.imdecode(dressed, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    return decoded if decoded is not None and decoded.shape == (height, width) else None


def _whole(plain: bytes | bytearray, size: int, is_over: bool = True) -> Bytes:
    if len(plain) < size or not is_over:
        raise DamagedError(DAMAGED, plain)
    return np.frombuffer(plain, np.uint8, size)


# By TIFF's number: from the packed bytes, how many plain ones are wanted, and whether the strip
# holds no more, to the plain ones. DamagedError is raised for damage.
CODECS: Mapping[int, Callable[[bytes, int, bool], Bytes]] = {
    NONE: uncompressed,
    LZW: _unpack_lzw,
    PACKBITS: _unpack_bits,
    8: _inflate,
    32946: _inflate,
    34925: _unlzma,
}
