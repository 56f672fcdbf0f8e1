"""PNG: OpenCV decodes and encodes the pixels, all other chunks are read and written here.

libpng complains on stderr of common profiles, and OpenCV knows no resolution and no texts.

Source: PNG (third edition), 5 and 11.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from ...errors import ImageError
from ..headers import of_png
from ..metadata import METRES_PER_INCH, Metadata, dpi_of
from .format import TRUNCATED, Format, Page, any_size
from .opencv import decode, encode

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What the decoder needs; all else is metadata.
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_MAX_TEXT = 1 << 24  # bytes that one compressed text or profile may grow to

_Chunks = list[tuple[bytes, bytes]]  # types and contents


def _read_pages(data: bytes) -> Iterator[Page]:
    chunks = _chunks_of(data)
    last = dict(chunks)
    width, height, bits = struct.unpack_from(">IIB", chunks[0][1])
    kept = (_chunk(kind, content) for kind, content in chunks if kind in _PIXELS)
    page = decode(_SIGNATURE + b"".join(kept), width, height)
    transparent = last.get(b"tRNS", b"")
    if page.pixels.ndim == 2 and len(transparent) == 2:
        page = _with_key(page, int.from_bytes(transparent, "big"), bits)
    warnings = ("only the first picture of the animation is used",) if b"acTL" in last else ()
    yield replace(page, metadata=_metadata(chunks), warnings=warnings)


def _with_key(page: Page, key: int, bits: int) -> Page:
    """Add the alpha of a grey picture with one transparent level, which OpenCV overlooks."""
    top = np.iinfo(page.pixels.dtype).max
    level = key * top // ((1 << bits) - 1)
    return replace(page, alpha=np.where(page.pixels == level, 0, top).astype(page.pixels.dtype))


def _chunks_of(data: bytes) -> _Chunks:
    """Take a PNG apart; ancillary chunks with a wrong checksum are left out."""
    chunks: _Chunks = []
    position = len(_SIGNATURE)
    while not chunks or chunks[-1][0] != b"IEND":
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if end > len(data):
            raise ImageError(TRUNCATED)
        kind, content = data[position + 4 : position + 8], data[position + 8 : end - 4]
        if _checksum(kind, content) == data[end - 4 : end]:
            chunks.append((kind, content))
        elif kind in _PIXELS:
            raise ImageError(f"the file is damaged (checksum of {kind.decode('latin-1')})")
        position = end
    if chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise ImageError("the file is damaged (no PNG header)")
    return chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(content)), kind, content, _checksum(kind, content)))


def _checksum(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def _metadata(chunks: _Chunks) -> Metadata:
    found, comments = Metadata(), []
    for kind, content in chunks:
        if kind == b"eXIf":
            found = replace(found, exif=content)
        elif kind == b"iCCP":
            found = replace(found, icc=_inflate(content.partition(b"\0")[2][1:]) or None)
        elif kind == b"pHYs" and len(content) == 9:
            x, y, unit = struct.unpack(">IIB", content)
            found = replace(found, dpi=dpi_of(x, y, METRES_PER_INCH if unit == 1 else None))
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, text = _text(kind, content)
            if keyword == _XMP_KEYWORD:
                found = replace(found, xmp=text)
            # ImageMagick's hexadecimal copies of EXIF, ICC and the like would no longer be true.
            elif keyword and text and not keyword.startswith(b"Raw profile type"):
                charset = "utf-8" if kind == b"iTXt" else "latin-1"
                comments.append((keyword.decode("latin-1"), text.decode(charset, "replace")))
    return replace(found, comments=tuple(comments))


def _text(kind: bytes, content: bytes) -> tuple[bytes, bytes]:
    keyword, _, rest = content.partition(b"\0")
    if kind == b"tEXt":
        return keyword, rest
    if kind == b"zTXt":
        return keyword, _inflate(rest[1:])
    compressed, rest = rest[:1] == b"\1", rest[2:]
    text = rest.partition(b"\0")[2].partition(b"\0")[2]  # after the language, twice
    return keyword, _inflate(text) if compressed else text


def _inflate(data: bytes) -> bytes:
    """Decompress at most `_MAX_TEXT` bytes; empty where the data is damaged or larger."""
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(data, _MAX_TEXT)
    except zlib.error:
        return b""
    return text if stream.eof else b""


def _write(page: Page) -> bytes:
    # At 8 bits the run-length strategy saves a quarter of the time for 6% more bytes; at 16 it
    # would save half for 20%.
    deep = page.pixels.dtype == np.uint16
    strategy = cv2.IMWRITE_PNG_STRATEGY_DEFAULT if deep else cv2.IMWRITE_PNG_STRATEGY_RLE
    row_filter = cv2.IMWRITE_PNG_FILTER_SUB if deep else cv2.IMWRITE_PNG_FILTER_AVG
    level_and_strategy = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, strategy)
    settings = (*level_and_strategy, cv2.IMWRITE_PNG_FILTER, row_filter)
    # OpenCV would write XMP as tEXt, which is Latin-1, and libpng complain about good profiles.
    data = encode(".png", page, settings, Metadata())
    head = len(_SIGNATURE) + 25  # behind IHDR
    return b"".join((data[:head], _metadata_chunks(page.metadata), data[head:]))


def _metadata_chunks(metadata: Metadata) -> bytes:
    chunks = []
    if metadata.icc:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi:
        x, y = (round(number / METRES_PER_INCH) for number in metadata.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", x, y, 1)))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append((b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp))
    for keyword, text in metadata.comments:
        name = keyword.encode("latin-1", "replace")[:79]
        chunks.append((b"iTXt", name + b"\0\0\0\0\0" + text.encode()))
    return b"".join(_chunk(kind, content) for kind, content in chunks)


_HOLDS = any_size("exif", "xmp", "icc", "dpi", "comments")
PNG = Format(
    "PNG", (".png",), _SIGNATURE, _read_pages, of_png, _write, _HOLDS, choice="png", is_deep=True
)
