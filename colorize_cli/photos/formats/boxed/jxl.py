"""JPEG XL, by imagecodecs, which the extra `jxl` brings; written without loss.

Sources: ISO/IEC 18181-1, annex D (sizes); 18181-2, 9 (boxes).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from ....errors import ImageError
from ... import exif as exif_block
from ...limits import Header
from ...metadata import Metadata, resolution_in_exif
from ..format import TRUNCATED, Format, Page, any_size, check_size
from .boxes import box, boxes, decoder, first_box

_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_HEAD = _SIGNATURE + box(b"ftyp", b"jxl \0\0\0\0jxl ")
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIZE_BITS = (9, 13, 18, 30)
_START_BYTES = 64


def _read_pages(data: bytes) -> Iterator[Page]:
    codecs = decoder("imagecodecs", "jxl", "JPEG XL")
    stream, metadata, warnings = data, Metadata(), list[str]()
    if data.startswith(_SIGNATURE):
        found = list(boxes(data))
        stream = b"".join(
            held if kind == b"jxlc" else held[4:]
            for kind, held in found
            if kind in (b"jxlc", b"jxlp")
        )
        for kind, held in found:
            if kind == b"xml ":
                metadata = replace(metadata, xmp=held)
            elif kind == b"Exif":
                metadata = replace(metadata, exif=_exif(held))
            elif kind == b"brob":
                name = held[:4].decode("latin-1").strip()
                warnings.append(f"{name} dropped: it is compressed in the JPEG XL")
    width, height, is_animated = _start_of(stream)
    check_size(width, height)
    warnings += ["only the first picture of the animation is used"] if is_animated else []
    try:
        channels = codecs.jpegxl_decode(data, index=0)
    except Exception as error:  # the codec's own, of many kinds
        raise ImageError(f"the JPEG XL file is damaged or truncated ({error})") from error
    if channels.dtype.name not in ("uint8", "uint16", "float32"):
        raise ImageError(f"a JPEG XL of {channels.dtype} is not supported: save it as TIFF")
    has_alpha = channels.ndim == 3 and channels.shape[2] in (2, 4)
    pixels = channels[..., :-1] if has_alpha else channels
    yield Page(
        np.ascontiguousarray(
            pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
        ),
        np.ascontiguousarray(channels[..., -1]) if has_alpha else None,
        metadata,
        tuple(warnings),
    )


def _exif(held: bytes) -> bytes | None:
    """Take the block out of its box, and say that the picture is upright: it is decoded so."""
    block = held[4 + int.from_bytes(held[:4], "big") :].removeprefix(b"Exif\0\0")
    try:
        return exif_block.made_upright(block)[0]
    except exif_block.ExifError:
        return block


def _start_of(stream: bytes) -> tuple[int, int, bool]:
    """Read width, height and whether it is animated from the start of a codestream."""
    if stream[:2] != b"\xff\x0a" or len(stream) < 12:
        raise ImageError(TRUNCATED)
    bits = int.from_bytes(stream[2:40], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    def size() -> tuple[int, int]:
        is_small = take(1)

        def side() -> int:
            return 8 * (take(5) + 1) if is_small else take(_SIZE_BITS[take(2)]) + 1

        height, ratio = side(), take(3)
        if not ratio:
            return side(), height
        over, under = _RATIOS[ratio - 1]
        return height * over // under, height

    width, height = size()
    if take(1) or not take(1):  # all as usual, or no extra fields
        return width, height, False
    take(3)  # the orientation
    if take(1):  # an intrinsic size
        size()
    is_animated = not take(1) and take(1)  # behind the size of a preview, which is rare
    return width, height, bool(is_animated)


def _measure(file: BinaryIO) -> Header | None:
    """Read the size of the codestream, which begins the file or stands in its first such box."""
    file.seek(0)
    start = file.read(_START_BYTES)
    if start.startswith(_SIGNATURE):
        found = first_box(file, b"jxlc", b"jxlp")
        if found is None:
            return None
        kind, place, _ = found
        file.seek(place + (4 if kind == b"jxlp" else 0))  # behind the number of the part
        start = file.read(_START_BYTES)
    with suppress(ImageError):
        width, height, _ = _start_of(start)
        return Header(width, height, sample_bytes=2, channels=4)
    return None


def _write(page: Page) -> bytes:
    codecs = decoder("imagecodecs", "jxl", "JPEG XL")
    channels = page.pixels if page.alpha is None else np.dstack([page.pixels, page.alpha])
    data: bytes = codecs.jpegxl_encode(channels, lossless=True, usecontainer=False)
    exif, xmp = page.metadata.exif, page.metadata.xmp
    stream = [(b"jxlc", data)]
    if data.startswith(_SIGNATURE):  # with 16 bits it comes in boxes
        stream = [(kind, held) for kind, held in boxes(data) if kind not in (b"JXL ", b"ftyp")]
    parts = [*stream, (b"Exif", exif and bytes(4) + exif), (b"xml ", xmp)]
    return _HEAD + b"".join(box(kind, held) for kind, held in parts if held)


JXL = Format(
    "JPEG XL",
    (".jxl",),
    rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n",
    _read_pages,
    _write,
    any_size("exif", "xmp"),
    is_deep=True,
    tolerance=2,
    measure=_measure,
    adapt=resolution_in_exif,
)
