"""JPEG: OpenCV decodes and encodes, TurboJPEG tells damage, metadata are read here.

OpenCV knows no density, comments or IPTC, and hands a JPEG out whose end is missing.

Sources: ITU T.81, annexes B and H; JFIF 1.02; XMP part 3; ICC.1, annex B.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]

from ...errors import ImageError
from ...imaging.bit_depth import full_range
from ..headers import of_jpeg
from ..metadata import (
    PER_INCH,
    Metadata,
    comment_lines,
    dpi_of,
    iptc_of,
    iptc_resource,
    resolution_in_exif,
)
from ..xmp import XmpError, divided, merged, with_properties
from .boxed.boxes import decoder
from .format import Format, Page, any_size
from .jpeg_stream import LOSSLESS, Parts, Segments, damage, precision_of, take_apart
from .opencv import decode, encode

JPEG_QUALITY = 95
_MAX_SEGMENT = 65_533  # bytes of a segment's content
_TWELVE = 12  # bits of a sample
_SPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}
_XMP_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"  # stands before the packet
_MAX_XMP = _MAX_SEGMENT - len(_XMP_NAMESPACE)
_XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"  # a digest, the size, the offset, a part
_EXTENSION = len(_XMP_EXTENSION) + 40
_NOTE = "http://ns.adobe.com/xmp/note/"
_MAX_DPI = 65_535  # that a JFIF segment can state
_PHOTOSHOP = b"Photoshop 3.0\0"
_ICC_PART = b"ICC_PROFILE\0"  # then its number, from 1, and how many there are


def _read_pages(data: bytes) -> Iterator[Page]:
    parts = take_apart(data)
    process, width, height, components = parts.frame
    hurt, warnings = parts.damage, parts.warnings
    if not hurt and not warnings and process not in LOSSLESS:
        hurt = damage(parts.data)
    if hurt:
        page = _salvaged(parts, hurt)
    elif precision_of(parts.segments) == _TWELVE:
        page = _of_twelve_bits(parts)
    else:
        page = decode(parts.data, width, height)
    warnings += ["CMYK converted without its profile"] if components == 4 else []
    metadata, lost = _metadata(parts.segments, page.metadata)
    yield replace(
        page, metadata=metadata, warnings=(*warnings, *lost), damage=hurt, is_srgb=components == 4
    )


def _of_twelve_bits(parts: Parts) -> Page:
    """Decode grey or RGB of 12 bits, which OpenCV does not."""
    codecs = decoder("imagecodecs", "jxl", "a JPEG of 12 bits")
    try:
        pixels = codecs.jpeg8_decode(parts.data)
    except Exception as error:  # the codec's own
        raise ImageError(f"the JPEG of 12 bits cannot be decoded ({error})") from error
    if pixels.ndim == 3 and pixels.shape[2] != 3:
        raise ImageError("a JPEG of 12 bits in CMYK is not supported: save it as TIFF")
    metadata = Metadata(_exif_of(parts.segments))
    return Page(full_range(np.minimum(pixels, 4095), 4095), None, metadata)


def _salvaged(parts: Parts, hurt: str) -> Page:
    """Decode what can be of a damaged picture, without libjpeg's lines on stderr."""
    process, *_, components = parts.frame
    if process in LOSSLESS or components not in _SPACES:
        raise ImageError(hurt)
    try:
        pixels = simplejpeg.decode_jpeg(parts.data, _SPACES[components], strict=False)
    except ValueError as error:
        raise ImageError(hurt) from error
    if components == 4:  # inverted, as Adobe writes it and OpenCV takes it
        pixels = (pixels[..., :3].astype(np.uint16) * pixels[..., 3:] // 255).astype(np.uint8)
    pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    return Page(pixels, None, Metadata(_exif_of(parts.segments)))


def _exif_of(segments: Segments) -> bytes | None:
    found = (held for marker, held in segments if marker == 0xE1 and held[:6] == b"Exif\0\0")
    return next(found, None)


def _metadata(segments: Segments, decoded: Metadata) -> tuple[Metadata, list[str]]:
    """Read what the segments say, EXIF but as it was decoded; return it and warnings."""
    dpi, comments = None, list[tuple[str, str]]()
    xmp, resources = None, b""
    profile, extension = dict[int, bytes](), dict[int, bytes]()
    for marker, payload in segments:
        if marker == 0xE0 and payload.startswith(b"JFIF\0") and len(payload) >= 12:
            unit, x, y = struct.unpack_from(">BHH", payload, 7)
            dpi = dpi_of(x, y, PER_INCH.get(unit + 1))  # 1 is the inch here, and 2 the centimetre
        elif marker == 0xE1 and payload.startswith(_XMP_NAMESPACE):
            xmp = xmp or payload.removeprefix(_XMP_NAMESPACE)
        elif marker == 0xE1 and payload.startswith(_XMP_EXTENSION) and len(payload) > _EXTENSION:
            part = payload[len(_XMP_EXTENSION) :]
            extension[int.from_bytes(part[36:40], "big")] = part
        elif marker == 0xE2 and payload.startswith(_ICC_PART) and len(payload) > 13:
            profile[payload[12]] = payload[14:]
        elif marker == 0xED and payload.startswith(_PHOTOSHOP):
            resources += payload[len(_PHOTOSHOP) :]  # one stream, cut where a segment is full
        elif marker == 0xFE and payload.strip(b"\0 "):
            text = payload.rstrip(b"\0").decode("utf-8", "surrogateescape")
            comments.append(("Comment", text))
    # OpenCV takes every APP2 segment for a part of it, the index of a multi-picture file, too.
    icc = b"".join(profile[number] for number in sorted(profile)) or None
    xmp, warnings = _joined(xmp, extension)
    found = replace(decoded, xmp=xmp, iptc=iptc_of(resources), icc=icc, dpi=dpi)
    return replace(found, comments=tuple(comments)), warnings


def _joined(xmp: bytes | None, extension: dict[int, bytes]) -> tuple[bytes | None, list[str]]:
    """Put the extended packet, by offset, into the first, which names its digest."""
    if xmp is None or not extension:
        return xmp, []
    parts = [part for _, part in sorted(extension.items()) if part[:32] in xmp]
    content = b"".join(part[40:] for part in parts)
    if not parts or len(content) != int.from_bytes(parts[0][32:36], "big"):
        return xmp, ["extended XMP dropped: parts of it are missing"]
    try:
        return merged(xmp, content), []
    except XmpError as error:
        return xmp, [f"extended XMP dropped: {error}"]


def _write(page: Page) -> bytes:
    metadata = page.metadata
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    quality = (cv2.IMWRITE_JPEG_QUALITY, page.quality or JPEG_QUALITY)
    settings = (*quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling)
    # OpenCV strips nothing when it reads and adds nothing when it writes.
    xmp = metadata.xmp and _XMP_NAMESPACE + metadata.xmp
    data = bytearray(encode(".jpg", page, settings, replace(metadata, xmp=xmp)))
    segments = [(0xE1, part) for part in _extension_parts(metadata.xmp_extension or b"")]
    if metadata.iptc:
        resource = iptc_resource(metadata.iptc)
        parts = _pieces(resource, _MAX_SEGMENT - len(_PHOTOSHOP))
        segments += [(0xED, _PHOTOSHOP + part) for part in parts]
    comments = (piece for line in comment_lines(metadata) for piece in _pieces(line, _MAX_SEGMENT))
    segments += [(0xFE, piece) for piece in comments]
    end = 2
    while data[end + 1] & 0xF0 == 0xE0:  # behind JFIF, EXIF, XMP and ICC
        end += 2 + int.from_bytes(data[end + 2 : end + 4], "big")
    data[end:end] = b"".join(
        struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
        for marker, content in segments
    )
    if metadata.dpi:  # the JFIF segment comes first: unit 1 is the inch
        x, y = (max(round(number), 1) for number in metadata.dpi)
        struct.pack_into(">BHH", data, 13, 1, x, y)
    return bytes(data)


def _extension_parts(packet: bytes) -> list[bytes]:
    head = _XMP_EXTENSION + _digest(packet) + struct.pack(">I", len(packet))
    pieces = _pieces(packet, _MAX_SEGMENT - _EXTENSION)
    starts = accumulate((len(piece) for piece in pieces), initial=0)
    return [head + struct.pack(">I", at) + piece for at, piece in zip(starts, pieces, strict=False)]


def _digest(packet: bytes) -> bytes:
    return hashlib.md5(packet, usedforsecurity=False).hexdigest().upper().encode()


def _pieces(content: bytes, size: int) -> list[bytes]:
    """Cut into pieces, not in the middle of a letter of UTF-8."""
    pieces = []
    while content:
        end = min(size, len(content))
        while size - 4 < end < len(content) and content[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(content[:end])
        content = content[end:]
    return pieces


def _with_room(metadata: Metadata) -> Metadata:
    """Move to an extended packet what the first has no room for, to EXIF a large resolution."""
    if metadata.dpi and max(metadata.dpi) > _MAX_DPI:
        metadata = resolution_in_exif(metadata)
    if len(metadata.xmp or b"") <= _MAX_XMP:
        return metadata
    try:
        parts = divided(metadata.xmp or b"", _MAX_XMP - 400)  # room to name the digest
    except XmpError:
        parts = None
    if parts is None:
        return metadata
    xmp, extension = parts
    if extension:
        name = {(_NOTE, "HasExtendedXMP"): _digest(extension).decode()}
        xmp = with_properties(xmp, name, {_NOTE: "xmpNote"})
    return replace(metadata, xmp=xmp, xmp_extension=extension)


_HOLDS = {  # one segment each, behind its mark
    "exif": _MAX_SEGMENT - 6,
    "xmp": _MAX_XMP,
    "icc": _MAX_SEGMENT - 14,
    **any_size("dpi", "comments", "iptc", "xmp_extension"),
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
    has_quality=True,
    longest_side=65_500,
    adapt=_with_room,
    measure=of_jpeg,
)
