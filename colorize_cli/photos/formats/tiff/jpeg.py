"""JPEG compression in TIFF: each strip or tile is a JPEG whose tables may stand in a tag.

Sources: Adobe Photoshop TIFF technical note 2 (TIFF 6.0, section 22, is another, older way).
"""

import struct

import simplejpeg  # type: ignore[import-untyped]

from ....errors import ImageError
from ....imaging.lab import Pixels
from ..format import UnsupportedError
from ..jpeg_stream import damage, take_apart
from .codecs import DAMAGED

_SPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}
_ADOBE, _JFIF, _COMMENT, _SCAN = 0xEE, 0xE0, 0xFE, 0xDA
_END = b"\xff\xd9"
# Says what the samples are, which TIFF does in a tag and a decoder would guess: 1 follows for
# YCbCr, 0 for RGB and CMYK as they are.
_ADOBE_SEGMENT = struct.pack(">BBH5sHHH", 0xFF, _ADOBE, 14, b"Adobe", 100, 0, 0)
_SEQUENTIAL_OR_PROGRESSIVE = (0xC0, 0xC1, 0xC2)


def unjpeg(
    packed: bytes, tables: bytes, sides: tuple[int, int], samples: int, is_ycbcr: bool
) -> tuple[Pixels, str | None]:
    """Decode a strip or a tile to (rows, columns, samples), YCbCr as RGB, and say what is damaged.

    `tables` is the tag JPEGTables, and `sides` the rows and columns that there are at least. Raises
    ImageError where nothing of it can be decoded.
    """
    rows, columns = sides
    if samples not in _SPACES or (is_ycbcr and samples != 3):
        raise UnsupportedError(
            f"JPEG of {samples} channels in a TIFF is not supported: save it with LZW"
        )
    if packed[:2] != b"\xff\xd8":
        raise ImageError(DAMAGED)
    head = _ADOBE_SEGMENT + bytes([is_ycbcr]) + _without_claims(tables[2:].removesuffix(_END))
    stream = b"\xff\xd8" + head + _without_claims(packed[2:])
    parts = take_apart(stream)
    process, width, height, components = parts.frame
    if process not in _SEQUENTIAL_OR_PROGRESSIVE:
        raise UnsupportedError(
            "lossless and arithmetic JPEG in a TIFF are not supported: save it with LZW"
        )
    if components != samples or width != columns or height < rows:
        raise ImageError(DAMAGED)
    hurt = parts.damage or damage(parts.data)
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(parts.data, _SPACES[samples], strict=False)
    except ValueError as error:
        raise ImageError(DAMAGED) from error
    return pixels[:rows], hurt


def _without_claims(stream: bytes) -> bytes:
    """Make comments of the segments ahead of the first scan that say what the samples are."""
    patched, position = bytearray(stream), 0
    while position + 1 < len(patched) and patched[position] == 0xFF:
        if patched[position + 1] == _SCAN:
            break
        if patched[position + 1] in (_ADOBE, _JFIF):
            patched[position + 1] = _COMMENT
        position += 2 + int.from_bytes(patched[position + 2 : position + 4], "big")
    return bytes(patched)
