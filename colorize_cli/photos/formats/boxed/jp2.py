"""JPEG 2000, by OpenCV, which gives the levels as they are and knows no metadata.

Sources: ITU T.800, annexes A and I; XMP part 3.
"""

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO
from uuid import UUID

import cv2

from ....errors import ImageError
from ....imaging.bit_depth import full_range
from ...limits import Header
from ...metadata import Metadata, resolution_in_exif
from ..format import TRUNCATED, Format, Page, any_size
from ..opencv import decode, encode
from .boxes import box, boxes, first_box

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_CODESTREAM = b"\xff\x4f\xff\x51"  # its start, and that of the segment with the sizes
_XMP = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_SHORTEST_SIDE = 32  # that OpenCV writes, with its six resolutions
_EXIF = b"JpgTiffExif->JP2"


def _read_pages(data: bytes) -> Iterator[Page]:
    metadata = Metadata()
    stream = data
    if data.startswith(_SIGNATURE):
        stream = b""
        for kind, content in boxes(data):
            if kind == b"jp2c":
                stream = content
            elif kind == b"jp2h":
                metadata = replace(metadata, icc=_profile(content))
            elif kind == b"uuid" and content[:16] == _XMP:
                metadata = replace(metadata, xmp=content[16:])
            elif kind == b"uuid" and content[:16] == _EXIF:
                metadata = replace(metadata, exif=content[16:].removeprefix(b"Exif\0\0"))
    if not stream.startswith(_CODESTREAM) or len(stream) < 42:
        raise ImageError(TRUNCATED)
    right, bottom, left, top = struct.unpack_from(">4I", stream, 8)
    (channels,) = struct.unpack_from(">H", stream, 40)
    depths = set(stream[42 : 42 + 3 * channels : 3])
    if channels not in (1, 3, 4) or len(depths) != 1 or not 7 <= (depth := depths.pop()) <= 15:
        raise ImageError(
            f"a JPEG 2000 of {channels} channels, signed or of other than 8 to 16 bits, cannot be "
            "read: save it as TIFF"
        )
    page = decode(data, right - left, bottom - top)
    if depth > 7:
        white = (2 << depth) - 1
        alpha = None if page.alpha is None else full_range(page.alpha, white)
        page = replace(page, pixels=full_range(page.pixels, white), alpha=alpha)
    yield replace(page, metadata=metadata)


def _profile(header: bytes) -> bytes | None:
    """Find the ICC profile in the header box, where the colours are told by one."""
    for kind, content in boxes(header):
        if kind == b"colr" and content[:1] == b"\2":
            return content[3:]
    return None


def _measure(file: BinaryIO) -> Header | None:
    """Read the size in the header box, whose first is `ihdr`, or in a codestream that is alone."""
    file.seek(0)
    start = file.read(42)
    if start.startswith(_CODESTREAM):
        if len(start) < 42:
            return None
        right, bottom, left, top = struct.unpack_from(">4I", start, 8)
        return Header(max(right - left, 0), max(bottom - top, 0), 2, 4)
    found = first_box(file, b"jp2h")
    if found is None:
        return None
    file.seek(found[1])
    head = file.read(min(found[2], 18))
    if head[4:8] != b"ihdr" or len(head) < 18:
        return None
    height, width, channels = struct.unpack_from(">IIH", head, 8)
    return Header(width, height, 2, channels)


def _write(page: Page) -> bytes:
    if min(page.pixels.shape[:2]) < _SHORTEST_SIDE:
        raise ImageError(
            f"a side of less than {_SHORTEST_SIDE} pixels is too short for jp2: choose --format png"
        )
    settings = (cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000)  # without loss
    data = encode(".jp2", page, settings, Metadata())
    parts = ((_EXIF, page.metadata.exif), (_XMP, page.metadata.xmp))
    return data + b"".join(box(b"uuid", mark + held) for mark, held in parts if held)


JP2 = Format(
    "JPEG 2000",
    (".jp2", ".j2k", ".jpf", ".jpx", ".j2c"),
    rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    _read_pages,
    _write,
    any_size("exif", "xmp"),
    is_deep=True,
    measure=_measure,
    adapt=resolution_in_exif,
)
