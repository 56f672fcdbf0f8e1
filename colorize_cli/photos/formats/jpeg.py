"""JPEG: OpenCV decodes and encodes, TurboJPEG tells damage, metadata are read here.

OpenCV knows no density, comments or IPTC, and hands a JPEG out whose end is missing.

Sources: ITU T.81, annexes B and H; JFIF 1.02; XMP part 3; ICC.1, annex B.
"""

import struct
from collections.abc import Iterator
from dataclasses import replace

import cv2

from ..headers import of_jpeg
from ..metadata import PER_INCH, Metadata, comment_lines, dpi_of, iptc_of, iptc_resource
from .format import Format, Page, any_size
from .jpeg_stream import LOSSLESS, Segments, damage, take_apart
from .opencv import decode, encode

JPEG_QUALITY = 95
_MAX_SEGMENT = 65_533  # bytes of a segment's content
_XMP_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"  # stands before the packet
_PHOTOSHOP = b"Photoshop 3.0\0"
_ICC_PART = b"ICC_PROFILE\0"  # then its number, from 1, and how many there are


def _read_pages(data: bytes) -> Iterator[Page]:
    data, segments, (process, width, height, components), warnings = take_apart(data)
    page = decode(data, width, height)
    warnings += [] if warnings or process in LOSSLESS else damage(data)
    warnings += ["CMYK converted without its profile"] if components == 4 else []
    yield replace(page, metadata=_metadata(segments, page.metadata), warnings=tuple(warnings))


def _metadata(segments: Segments, decoded: Metadata) -> Metadata:
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
    of_jpeg,
    _write,
    _HOLDS,
    choice="jpg",
    has_alpha=False,
    longest_side=65_500,
)
