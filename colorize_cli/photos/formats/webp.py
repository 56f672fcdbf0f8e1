"""WebP, by OpenCV; losslessly, unless a quality is asked for.

Its lossy kind is 4:2:0, and colour is what this tool adds.

Source: WebP container specification.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import cv2

from ...errors import ImageError
from ..headers import of_webp
from ..metadata import resolution_in_exif
from .format import TRUNCATED, Format, Page, any_size
from .opencv import decode, encode

_number = partial(int.from_bytes, byteorder="little")


def _read_pages(data: bytes) -> Iterator[Page]:
    width, height, animated = _size_of(data)
    warnings = ("only the first picture of the animation is used",) if animated else ()
    yield replace(decode(data, width, height), warnings=warnings)


def _size_of(data: bytes) -> tuple[int, int, bool]:
    """Return width, height and whether the file is an animation."""
    if len(data) < 30 or _number(data[4:8]) + 8 > len(data):
        raise ImageError(TRUNCATED)
    kind = data[12:16]
    if kind == b"VP8X":
        return _number(data[24:27]) + 1, _number(data[27:30]) + 1, bool(data[20] & 2)
    if kind == b"VP8L":
        bits = _number(data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, False
    if kind == b"VP8 ":
        return _number(data[26:28]) & 0x3FFF, _number(data[28:30]) & 0x3FFF, False
    raise ImageError("the file is damaged (no WebP picture)")


def _write(page: Page) -> bytes:
    # Beyond 100 is lossless; colours under full transparency are kept.
    mode = cv2.IMWRITE_WEBP_LOSSLESS_PRESERVE_COLOR
    lossless = (cv2.IMWRITE_WEBP_QUALITY, 101, cv2.IMWRITE_WEBP_LOSSLESS_MODE, mode)
    settings = (cv2.IMWRITE_WEBP_QUALITY, page.quality) if page.quality else lossless
    return encode(".webp", page, settings, page.metadata)


WEBP = Format(
    "WebP",
    (".webp",),
    b"(?s)RIFF.{4}WEBP",
    _read_pages,
    _write,
    holds=any_size("exif", "xmp", "icc"),
    choice="webp",
    has_quality=True,
    longest_side=16_383,
    tolerance=1,  # the lossy kind gives back a grey picture with channels that differ by that
    adapt=resolution_in_exif,  # for there is no other field,
    measure=of_webp,
)
