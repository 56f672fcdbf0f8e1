"""JPEG: OpenCV decodes and encodes, TurboJPEG tells damage, and segments are read here.

OpenCV knows no density, comments or IPTC, and hands a JPEG out whose end is missing.

Sources: ITU T.81, annexes B and H; JFIF 1.02; XMP part 3; ICC.1, annex B.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import cv2
import simplejpeg  # type: ignore[import-untyped]

from ...errors import ImageError
from ..metadata import PER_INCH, Metadata, comment_lines, dpi_of, iptc_of, iptc_resource
from .format import TRUNCATED, Format, Page, any_size
from .opencv import decode, encode

JPEG_QUALITY = 95
_MAX_SEGMENT = 65_533  # bytes of a segment's content
_XMP_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"  # stands before the packet
_PHOTOSHOP = b"Photoshop 3.0\0"
_ICC_PART = b"ICC_PROFILE\0"  # then its number, from 1, and how many there are
# The next marker in entropy-coded data: neither a stuffed zero, nor a restart, nor a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
# The markers of frame headers, and of those for the lossless process.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)

_Segments = Sequence[tuple[int, bytes]]  # markers and what they hold


def _read_pages(data: bytes) -> Iterator[Page]:
    segments = list(_segments_of(data))
    process, width, height, components = _frame_of(segments)
    page = decode(data, width, height)
    warnings = ["CMYK converted without its profile"] if components == 4 else []
    if process not in _LOSSLESS:  # whose full size TurboJPEG writes into a buffer of an eighth
        warnings += _damage(data)
    yield replace(page, metadata=_metadata(segments, page.metadata), warnings=tuple(warnings))


def _segments_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Follow the markers to the end; what comes after it (other pictures, padding) is ignored."""
    position = 2
    while found := _MARKER.search(data, position):
        marker, position = data[found.start() + 1], found.end()
        if marker == 0xD9:  # end of image
            return
        if marker in (0x01, 0xD8):  # these stand alone
            continue
        length = int.from_bytes(data[position : position + 2], "big")  # itself included
        payload = data[position + 2 : position + length]
        if length < 2 or len(payload) != length - 2:
            break
        yield marker, payload
        position += length
    raise ImageError(TRUNCATED)


def _frame_of(segments: _Segments) -> tuple[int, int, int, int]:
    """Return marker, width, height and components (1 grey, 3 colour, 4 CMYK) of the first frame."""
    frames = [(marker, header) for marker, header in segments if marker in _FRAMES]
    if not frames or 0xDA not in dict(segments):
        raise ImageError("the JPEG holds no picture")
    marker, header = frames[0]
    if len(header) < 6:
        raise ImageError("the JPEG's frame header is damaged")
    height, width, components = struct.unpack_from(">HHB", header, 1)
    return marker, width, height, components


def _damage(data: bytes) -> list[str]:
    """Decode the pixels once more, at an eighth of their size, and return a warning of damage."""
    decode = partial(simplejpeg.decode_jpeg, data, "GRAY", fastdct=True, min_height=1, min_width=1)
    try:
        decode()
    except ValueError as error:
        with suppress(ValueError):  # again: a layout that OpenCV knows, and TurboJPEG does not
            decode(strict=False)
            return [f"the JPEG may be damaged, part of the picture wrong: {error}"]
    return []


def _metadata(segments: _Segments, decoded: Metadata) -> Metadata:
    dpi, iptc, comments, profile = None, None, [], {}
    for marker, payload in segments:
        if marker == 0xE0 and payload.startswith(b"JFIF\0") and len(payload) >= 12:
            unit, x, y = struct.unpack_from(">BHH", payload, 7)
            dpi = dpi_of(x, y, PER_INCH.get(unit + 1))  # 1 is the inch here, and 2 the centimetre
        elif marker == 0xE2 and payload.startswith(_ICC_PART) and len(payload) > 13:
            profile[payload[12]] = payload[14:]
        elif marker == 0xED and payload.startswith(_PHOTOSHOP):
            iptc = iptc or iptc_of(payload[len(_PHOTOSHOP) :])
        elif marker == 0xFE and payload.strip(b"\0 "):
            comments.append(("Comment", payload.rstrip(b"\0").decode("utf-8", "replace")))
    xmp = decoded.xmp.removeprefix(_XMP_NAMESPACE) if decoded.xmp else None
    # OpenCV takes every APP2 segment for a part of it, the index of a multi-picture file, too.
    icc = b"".join(profile[number] for number in sorted(profile)) or None
    return replace(decoded, xmp=xmp, iptc=iptc, icc=icc, dpi=dpi, comments=tuple(comments))


def _write(page: Page) -> bytes:
    metadata = page.metadata
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    settings = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling)
    # OpenCV strips nothing when it reads and adds nothing when it writes.
    xmp = metadata.xmp and _XMP_NAMESPACE + metadata.xmp
    data = bytearray(encode(".jpg", page, settings, replace(metadata, xmp=xmp)))
    segments = [(0xFE, text.encode()[:_MAX_SEGMENT]) for text in comment_lines(metadata)]
    if metadata.iptc:
        segments.insert(0, (0xED, _PHOTOSHOP + iptc_resource(metadata.iptc)))
    end = 2
    while data[end + 1] & 0xF0 == 0xE0:  # behind JFIF, EXIF, XMP and ICC
        end += 2 + int.from_bytes(data[end + 2 : end + 4], "big")
    data[end:end] = b"".join(
        struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
        for marker, content in segments
    )
    if metadata.dpi:  # the JFIF segment comes first: unit 1 is the inch
        x, y = (min(max(round(number), 1), 65_535) for number in metadata.dpi)
        struct.pack_into(">BHH", data, 13, 1, x, y)
    return bytes(data)


_HOLDS = {  # one segment each, behind its mark
    "exif": _MAX_SEGMENT - 6,
    "xmp": _MAX_SEGMENT - len(_XMP_NAMESPACE),
    "icc": _MAX_SEGMENT - 14,
    "iptc": _MAX_SEGMENT - len(_PHOTOSHOP) - 14,
    **any_size("dpi", "comments"),
}
JPEG = Format(
    "JPEG",
    (".jpg", ".jpeg", ".jpe", ".jfif"),
    b"\xff\xd8\xff",
    _read_pages,
    _write,
    _HOLDS,
    choice="jpg",
    has_alpha=False,
    longest_side=65_500,
)
