"""The size of a picture by the first bytes of its file, before the file is read.

Each function takes an open file and gives None where the bytes are too few or make no sense, which
whoever decodes them says better. TIFF, whose directories lie anywhere, has `formats.tiff.header`.

Sources: as of the files in `formats`.
"""

import re
import struct
from typing import BinaryIO

from .limits import Header

_START_BYTES = 1 << 10
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # by the type of colour
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = (0x01, *range(0xD0, 0xD9))  # markers without a length
_MOST_SEGMENTS = 4000  # ahead of the frame of a JPEG
_PNM_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_PFM = re.compile(rb"P([Ff])\s+(\d{1,10})\s+(\d{1,10})\s")
_PNM = re.compile(rb"P([2356])" + (_PNM_GAP + rb"(\d{1,10})") * 3)


def of_jpeg(file: BinaryIO) -> Header | None:
    """Read the first frame's; None where its height stands behind the picture."""
    position = 2
    for _ in range(_MOST_SEGMENTS):
        file.seek(position)
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF:
            return None
        if head[1] == 0xFF:  # a fill byte
            position += 1
            continue
        if head[1] in _ALONE:
            position += 2
            continue
        if head[1] in _FRAMES:
            frame = file.read(6)
            if len(frame) < 6:
                return None
            bits, height, width, channels = struct.unpack(">BHHB", frame)
            return Header(width, height, 1 + (bits > 8), channels) if height else None
        position += 2 + int.from_bytes(head[2:4], "big")
    return None


def of_png(file: BinaryIO) -> Header | None:
    """Read the header chunk's."""
    start = _start(file)
    if start[12:16] != b"IHDR" or len(start) < 26:
        return None
    width, height, bits, kind = struct.unpack_from(">IIBB", start, 16)
    return Header(width, height, 1 + (bits > 8), _PNG_CHANNELS.get(kind, 4))


def of_webp(file: BinaryIO) -> Header | None:
    """Read the canvas' or the frame's."""
    start = _start(file)
    kind = start[12:16]
    if len(start) < 30:
        return None
    if kind == b"VP8X":
        return Header(_little(start[24:27]) + 1, _little(start[27:30]) + 1, channels=4)
    if kind == b"VP8L":
        bits = _little(start[21:25])
        return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, channels=4)
    if kind != b"VP8 ":
        return None
    return Header(_little(start[26:28]) & 0x3FFF, _little(start[28:30]) & 0x3FFF)


def of_bmp(file: BinaryIO) -> Header | None:
    """Read the header's, whose height is negative where rows run downwards."""
    start = _start(file)
    if len(start) < 26:
        return None
    width, height = struct.unpack_from("<HH" if start[14] <= 16 else "<ii", start, 18)
    return Header(max(width, 0), abs(height), channels=4)


def of_pnm(file: BinaryIO) -> Header | None:
    """Read the first picture's."""
    found = _PNM.match(_start(file))
    if not found:
        return None
    width, height, top = map(int, found.group(2, 3, 4))
    return Header(width, height, 1 + (top > 255), 3 if found[1] in b"36" else 1)


def of_pfm(file: BinaryIO) -> Header | None:
    """Read the header's: numbers of 32 bits."""
    found = _PFM.match(_start(file))
    if not found:
        return None
    return Header(int(found[2]), int(found[3]), 4, 3 if found[1] == b"F" else 1)


def of_gif(file: BinaryIO) -> Header | None:
    """Read the screen's, on which all frames are drawn."""
    start = _start(file)
    if len(start) < 10:
        return None
    width, height = struct.unpack_from("<HH", start, 6)
    return Header(width, height, channels=4)


def _start(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(_START_BYTES)


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
