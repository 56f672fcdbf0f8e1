"""The bytes of a JPEG, in a file of its own or inside a TIFF: its segments, its frame, its damage.

Sources: ITU T.81, annex B.
"""

import re
import struct
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import simplejpeg  # type: ignore[import-untyped]

from ...errors import ImageError
from .format import TRUNCATED, check_size

# The next marker in entropy-coded data: neither a stuffed zero, nor a restart, nor a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_END, _SCAN, _NUMBER_OF_LINES = b"\xff\xd9", 0xDA, 0xDC
# The markers of frame headers, and of those for the lossless process.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Encoders write up to about 20 scans; each costs a walk over all coefficients.
_MOST_SCANS, _MOST_SEGMENTS = 100, 10_000
LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)

Segments = Sequence[tuple[int, bytes]]  # markers and what they hold
Frame = tuple[int, int, int, int]  # marker, width, height and components: 1 grey, 3 colour, 4 CMYK


class Parts(NamedTuple):
    """What a JPEG is made of."""

    data: bytes  # mended, so that decoders read it
    segments: Sequence[tuple[int, bytes]]
    frame: Frame
    warnings: list[str]
    damage: str | None  # why a part of the picture is missing


def take_apart(data: bytes) -> Parts:
    """Find the segments and the frame, and mend what decoders do not read.

    A missing end marker is added, and a height that stands behind the first scan is put into the
    frame. Raises ImageError where there is no picture, not even the beginning of one.
    """
    segments, broken = _segments_of(data)
    if broken is not None:
        data = data[:broken] + _END
    if broken is not None and _SCAN not in dict(segments):
        raise ImageError(TRUNCATED)
    frame = marker, width, height, components = _frame_of(segments)
    if width and not height:
        data, height = _with_height(data, segments)
        frame = marker, width, height, components
    check_size(width, height)
    if broken is None:
        return Parts(data, segments, frame, [], None)
    if marker in LOSSLESS or not _has_all_scans(segments, components) or _complaint(data):
        return Parts(data, segments, frame, [], TRUNCATED)
    said = "the JPEG may be damaged, part of the picture wrong: its end marker is missing"
    return Parts(data, segments, frame, [said], None)


def _with_height(data: bytes, segments: Segments) -> tuple[bytes, int]:
    """Put the number of lines that follows the first scan into the frame, where decoders look."""
    lines = dict(segments).get(_NUMBER_OF_LINES, b"")
    if len(lines) != 2:
        raise ImageError("the JPEG states no height: save it again with another program")
    marker, header = next(segment for segment in segments if segment[0] in _FRAMES)
    patched = _segment(marker, header[:1] + lines + header[3:])
    return data.replace(_segment(marker, header), patched, 1), int.from_bytes(lines, "big")


def damage(data: bytes) -> str | None:
    """Decode the pixels once more, at an eighth of their size, and say whether they are damaged.

    Not for a lossless frame, whose full size TurboJPEG writes into a buffer of an eighth.
    """
    complaint = _complaint(data)
    if complaint is None or _complaint(_tidied(data)) is None:
        return None
    with suppress(ValueError):  # a layout that OpenCV knows, and TurboJPEG does not
        _decode_small(data, strict=False)
        return f"the JPEG is damaged, part of the picture wrong: {complaint}"
    return None


def _tidied(data: bytes) -> bytes:
    """Leave out stray bytes between the segments, and zeros ahead of the end marker.

    Libjpeg complains of these, too, though the picture is whole.
    """
    head, position = [data[:2]], 2
    while found := _MARKER.search(data, position):
        start, position = found.start(), found.end()
        if data[start + 1] == _SCAN:
            end = data.rfind(_END)
            return b"".join((*head, data[start:end].rstrip(b"\0"), _END))
        position += int.from_bytes(data[position : position + 2], "big")
        head.append(data[start:position])
    return data


def _complaint(data: bytes) -> str | None:
    try:
        _decode_small(data)
    except ValueError as error:
        return str(error) or "it cannot be decoded"
    return None


_decode_small = partial(
    simplejpeg.decode_jpeg, colorspace="GRAY", fastdct=True, min_height=1, min_width=1
)


def _segments_of(data: bytes) -> tuple[list[tuple[int, bytes]], int | None]:
    """Follow the markers to the end, and tell where the data breaks off before, if it does.

    What comes after the end (other pictures, padding) is ignored.
    """
    segments: list[tuple[int, bytes]] = []
    position, scans = 2, 0
    while found := _MARKER.search(data, position):
        marker, position = data[found.start() + 1], found.end()
        if marker == _END[1]:
            return segments, None
        if marker in (0x01, 0xD8):  # these stand alone
            continue
        length = int.from_bytes(data[position : position + 2], "big")  # itself included
        payload = data[position + 2 : position + length]
        if length < 2 or len(payload) != length - 2:
            return segments, found.start()
        segments.append((marker, payload))
        scans += marker == _SCAN
        if len(segments) > _MOST_SEGMENTS or scans > _MOST_SCANS:
            raise ImageError("the JPEG has more scans or segments than any photo: save it anew")
        position += length
    return segments, len(data)


def _has_all_scans(segments: Segments, components: int) -> bool:
    """Tell whether the last bit of each of a component's 64 coefficients is in some scan."""
    found = set()
    for marker, header in segments:
        if marker == _SCAN and header and len(header) == 4 + 2 * header[0]:
            first, last, precision = header[-3:]
            if not precision & 15:
                bands = range(first, last + 1)
                found |= {(name, k) for name in header[1:-3:2] for k in bands}
    return len(found) >= 64 * components


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def precision_of(segments: Segments) -> int:
    """Return the bits of a sample, as the header of the first frame has them."""
    return next(header[0] for marker, header in segments if marker in _FRAMES)


def _frame_of(segments: Segments) -> Frame:
    """Read the header of the first frame."""
    frames = [(marker, header) for marker, header in segments if marker in _FRAMES]
    if not frames or _SCAN not in dict(segments):
        raise ImageError("the JPEG holds no picture")
    marker, header = frames[0]
    if len(header) < 6:
        raise ImageError("the JPEG's frame header is damaged")
    height, width, components = struct.unpack_from(">HHB", header, 1)
    return marker, width, height, components
