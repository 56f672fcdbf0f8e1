"""The bytes of a JPEG, in a file of its own or inside a TIFF: its segments, its frame, its damage.

Sources: ITU T.81, annex B.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

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
_DAMAGE = "the JPEG may be damaged, part of the picture wrong"

Segments = Sequence[tuple[int, bytes]]  # markers and what they hold
Frame = tuple[int, int, int, int]  # marker, width, height and components: 1 grey, 3 colour, 4 CMYK


def take_apart(data: bytes) -> tuple[bytes, list[tuple[int, bytes]], Frame, list[str]]:
    """Find the segments and the frame, and mend what decoders do not read.

    A missing end marker is added where no more than that is missing, and a height that stands
    behind the first scan is put into the frame. Returns the data, which may be changed so, the
    segments, the frame and warnings; raises ImageError for what is truncated or no picture.
    """
    try:
        segments, is_whole = list(_segments_of(data)), True
    except ImageError:
        data += _END
        segments, is_whole = list(_segments_of(data)), False
    frame = marker, width, height, components = _frame_of(segments)
    if width and not height:
        data, height = _with_height(data, segments)
        frame = marker, width, height, components
    check_size(width, height)
    if is_whole:
        return data, segments, frame, []
    if marker in LOSSLESS or not _has_all_scans(segments, components) or _complaint(data):
        raise ImageError(TRUNCATED)
    return data, segments, frame, [f"{_DAMAGE}: its end marker is missing"]


def _with_height(data: bytes, segments: Segments) -> tuple[bytes, int]:
    """Put the number of lines that follows the first scan into the frame, where decoders look."""
    lines = dict(segments).get(_NUMBER_OF_LINES, b"")
    if len(lines) != 2:
        raise ImageError("the JPEG states no height: save it again with another program")
    marker, header = next(segment for segment in segments if segment[0] in _FRAMES)
    patched = _segment(marker, header[:1] + lines + header[3:])
    return data.replace(_segment(marker, header), patched, 1), int.from_bytes(lines, "big")


def damage(data: bytes) -> list[str]:
    """Decode the pixels once more, at an eighth of their size, and return a warning of damage.

    Not for a lossless frame, whose full size TurboJPEG writes into a buffer of an eighth.
    """
    if complaint := _complaint(data):
        with suppress(ValueError):  # a layout that OpenCV knows, and TurboJPEG does not
            _decode_small(data, strict=False)
            return [f"{_DAMAGE}: {complaint}"]
    return []


def _complaint(data: bytes) -> str | None:
    try:
        _decode_small(data)
    except ValueError as error:
        return str(error) or "it cannot be decoded"
    return None


_decode_small = partial(
    simplejpeg.decode_jpeg, colorspace="GRAY", fastdct=True, min_height=1, min_width=1
)


def _segments_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Follow the markers to the end; what comes after it (other pictures, padding) is ignored."""
    position, count, scans = 2, 0, 0
    while found := _MARKER.search(data, position):
        marker, position = data[found.start() + 1], found.end()
        if marker == _END[1]:
            return
        if marker in (0x01, 0xD8):  # these stand alone
            continue
        length = int.from_bytes(data[position : position + 2], "big")  # itself included
        payload = data[position + 2 : position + length]
        if length < 2 or len(payload) != length - 2:
            break
        count, scans = count + 1, scans + (marker == _SCAN)
        if count > _MOST_SEGMENTS or scans > _MOST_SCANS:
            raise ImageError("the JPEG has more scans or segments than any photo: save it anew")
        yield marker, payload
        position += length
    raise ImageError(TRUNCATED)


def _has_all_scans(segments: Segments, components: int) -> bool:
    """Tell whether the last bit of each of a component's 64 coefficients is in some scan."""
    found = set()
    for marker, header in segments:
        if marker == _SCAN and len(header) == 4 + 2 * header[0]:
            first, last, precision = header[-3:]
            if not precision & 15:
                bands = range(first, last + 1)
                found |= {(name, k) for name in header[1:-3:2] for k in bands}
    return len(found) >= 64 * components


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


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
