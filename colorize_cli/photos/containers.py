"""File formats without their pixels: what a file is, how large, whether whole, and its parts.

OpenCV decodes; this module reads what OpenCV does not tell. It knows no density, no comments and
no IPTC, hands a JPEG out whose end is missing, and lets libpng write to stderr about profiles
that half the world's PNG files carry, which is why PNG is taken apart here.

Sources: ITU T.81 (JPEG), annex B; JFIF 1.02; PNG (third edition), 5 and 11; WebP container
specification; BITMAPINFOHEADER.
"""

import re
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import ImageError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 1 << 28  # 268 megapixels: 16,384 squared; three 16-bit channels are 1.6 GB
SNIFF_BYTES = 32

_BMP_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)
# What the decoder needs of a PNG; all else is metadata.
_PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
# The next marker in entropy-coded data: neither a stuffed zero, nor a restart, nor a fill byte.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_JPEG_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
TRUNCATED = "the file is truncated: copy or scan it again"


@dataclass(frozen=True)
class Jpeg:
    """What the markers of a JPEG say.

    Attributes:
        width: Pixels, before EXIF orientation.
        height: Pixels.
        components: 1 grey, 3 colour, 4 CMYK.
        is_lossless: Whether it is of the lossless process (ITU T.81, annex H).
        segments: Marker (0xE0..0xEF and 0xFE) and payload of the application and comment segments.
    """

    width: int
    height: int
    components: int
    is_lossless: bool
    segments: tuple[tuple[int, bytes], ...]


def sniff(head: bytes) -> str | None:
    """Name the format by the file's first bytes.

    Args:
        head: The first `SNIFF_BYTES` bytes or more.

    Returns:
        "jpeg", "png", "tiff", "webp", "bmp", or None for anything else.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(PNG_SIGNATURE):
        return "png"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    # "BM" alone begins many a text.
    if head[:2] == b"BM" and len(head) >= 18 and _u32(head, 14) in _BMP_HEADER_SIZES:
        return "bmp"
    return None


def check_size(width: int, height: int) -> None:
    """Raise ImageError for a photo without pixels or with more than `MAX_PIXELS`."""
    if width <= 0 or height <= 0:
        raise ImageError(f"the picture has no pixels ({width} x {height})")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{width} x {height} is {width * height / 1e6:,.0f} megapixels; "
            f"up to {MAX_PIXELS / 1e6:,.0f} can be read: make it smaller or cut it into parts"
        )


def read_jpeg(data: bytes) -> Jpeg:
    """Follow the markers of a JPEG to its end.

    Bytes after the end (other pictures of a multi-picture file, padding) are ignored.

    Raises:
        ImageError: The end of the picture is missing, or a marker makes no sense.
    """
    position, frame, segments, scanned = 2, None, [], False
    while True:
        found = _JPEG_MARKER.search(data, position)
        if found is None:
            raise ImageError(TRUNCATED)
        marker, position = data[found.start() + 1], found.end()
        if marker == 0xD9:  # end of image
            if frame is None or not scanned:
                raise ImageError("the JPEG holds no picture")
            return Jpeg(*frame, tuple(segments))
        if marker in (0x01, 0xD8):  # these stand alone
            continue
        if position + 2 > len(data):
            raise ImageError(TRUNCATED)
        length = int.from_bytes(data[position : position + 2], "big")
        payload = data[position + 2 : position + length]
        if length < 2 or len(payload) != length - 2:
            raise ImageError(TRUNCATED)
        position += length
        if 0xE0 <= marker <= 0xEF or marker == 0xFE:
            segments.append((marker, payload))
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and frame is None:
            if len(payload) < 6:
                raise ImageError("the JPEG's frame header is damaged")
            height, width, components = struct.unpack_from(">HHB", payload, 1)
            frame = (width, height, components, marker in _JPEG_LOSSLESS)
        elif marker == 0xDA:
            scanned = True


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Take a PNG apart into chunk types and contents.

    Ancillary chunks with a wrong checksum are left out.

    Raises:
        ImageError: The file ends early, or the header or the pixels have a wrong checksum.
    """
    chunks: list[tuple[bytes, bytes]] = []
    position = len(PNG_SIGNATURE)
    while not chunks or chunks[-1][0] != b"IEND":
        if position + 12 > len(data):
            raise ImageError(TRUNCATED)
        length = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        end = position + 8 + length
        if end + 4 > len(data):
            raise ImageError(TRUNCATED)
        content = data[position + 8 : end]
        if zlib.crc32(content, zlib.crc32(kind)) == int.from_bytes(data[end : end + 4], "big"):
            chunks.append((kind, content))
        elif kind in _PNG_PIXELS:
            raise ImageError(f"the file is damaged (checksum of {kind.decode('latin-1')})")
        position = end + 4
    if chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise ImageError("the file is damaged (no PNG header)")
    return chunks


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return one chunk with its length and checksum."""
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png_pixels(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a PNG of those chunks that make the pixels, so that libpng finds no cause to talk."""
    kept = (png_chunk(kind, content) for kind, content in chunks if kind in _PNG_PIXELS)
    return PNG_SIGNATURE + b"".join(kept)


def webp_size(data: bytes) -> tuple[int, int, bool]:
    """Return width, height and whether the file is an animation.

    Raises:
        ImageError: The file ends early or its first chunk is unknown.
    """
    if len(data) < 30 or _u32(data, 4) + 8 > len(data):
        raise ImageError(TRUNCATED)
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        return width, int.from_bytes(data[27:30], "little") + 1, bool(data[20] & 2)
    if kind == b"VP8L":
        bits = _u32(data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, False
    if kind == b"VP8 ":
        return _u16(data, 26) & 0x3FFF, _u16(data, 28) & 0x3FFF, False
    raise ImageError("the file is damaged (no WebP picture)")


def bmp_size(data: bytes) -> tuple[int, int]:
    """Return width and height."""
    if _u32(data, 14) <= 16:
        return _u16(data, 18), _u16(data, 20)
    if len(data) < 26:
        raise ImageError(TRUNCATED)
    width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height)  # negative: rows run downwards


def _u16(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "little")


def _u32(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "little")
