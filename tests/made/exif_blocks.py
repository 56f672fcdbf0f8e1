"""EXIF blocks that Pillow cannot make."""

import struct
from typing import Any

from colorize_cli.photos.exif import EXIF_IFD, GPS_IFD, INTEROP_IFD, Tag, build


def block_of_adobe_rgb(order: Any) -> bytes:
    """EXIF of a grey photo from a camera that was set to Adobe RGB, with a maker note behind."""

    def shorts(code: int, *values: int) -> Tag:
        return Tag(code, 3, len(values), struct.pack(f"{order}{len(values)}H", *values))

    def ratios(code: int, *values: int) -> Tag:
        pairs = [number for value in values for number in (value, 10_000)]
        return Tag(code, 5, len(values), struct.pack(f"{order}{len(pairs)}I", *pairs))

    index = (Tag(1, 2, 4, b"R03\0"), Tag(2, 7, 4, b"0100"))
    inner = (
        Tag(0x9003, 2, 20, b"2004:05:06 07:08:09\0"),
        ratios(0x9102, 40_000),
        Tag(0x927C, 7, 8, b"NOTE1234"),
        shorts(0xA001, 0xFFFF),
        Tag(INTEROP_IFD, 4, 1, children=index),
        ratios(0xA500, 22_000),
    )
    tags = [
        shorts(0x0102, 8),
        shorts(0x0106, 1),
        Tag(0x010F, 2, 6, b"Maker\0"),
        shorts(0x0115, 1),
        ratios(0x013E, 3127, 3290),
        ratios(0x013F, 6400, 3300, 2100, 7100, 1500, 600),
        Tag(EXIF_IFD, 4, 1, children=inner),
        Tag(GPS_IFD, 4, 1, children=(Tag(1, 2, 2, b"N\0"),)),
    ]
    return build(tags, order)
