"""Photographs in: bytes of a file to upright pixels, alpha and metadata.

JPEG, PNG, WebP and BMP are decoded by OpenCV from memory, TIFF by `tifffile`. Grey is (H, W)
however the file stores it. TurboJPEG tells whether the pixels of a JPEG are damaged.
"""

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]

from ..errors import ImageError
from ..imaging.lab import Pixels
from . import containers
from .containers import check_size, sniff
from .metadata import Metadata, bmp_metadata, jpeg_metadata, png_metadata, settle

__all__ = ["Photo", "Pixels", "read_photo", "sniff"]

# A damaged file becomes an ImageError with its reason; the libraries' own lines on stderr would
# tear the progress bar. (libjpeg's, of damaged pixels, cannot be turned off.)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_ANIMATION = "only the first picture of the animation is used"
_UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels.swapaxes(0, 1)[:, ::-1],
    7: lambda pixels: pixels.swapaxes(0, 1)[::-1, ::-1],
    8: lambda pixels: pixels.swapaxes(0, 1)[::-1],
}


@dataclass(frozen=True)
class Photo:
    """A photograph as read, upright.

    Attributes:
        pixels: (H, W) grey or (H, W, 3) RGB, uint8 or uint16, full range, taken for sRGB.
        alpha: (H, W) of the same type, not multiplied into the pixels; None without one.
        metadata: EXIF, XMP, ICC and so on as they hold for an upright colour picture.
        format: "jpeg", "png", "tiff", "webp" or "bmp".
        digest: SHA-256 of the file's bytes.
        is_colour: Whether the channels differ; a grey photo stored as RGB is not colour.
        warnings: What of the file could not be kept, and why.
        compressed: Whether the file's pixels were; a TIFF is written as it was read.
    """

    pixels: Pixels
    alpha: Pixels | None
    metadata: Metadata
    format: str
    digest: bytes
    is_colour: bool
    warnings: tuple[str, ...] = ()
    compressed: bool = True


def read_photo(data: bytes) -> Photo:
    """Read a photograph from the bytes of its file.

    Args:
        data: A JPEG, PNG, TIFF, WebP or BMP; 1 to 16 bits a channel; grey, RGB, palette or CMYK.
            Of an animation or a file of several pages the first is taken, with a warning.

    Raises:
        ImageError: The bytes are no such file, are damaged or truncated, or the photo has no
            pixels or more than `containers.MAX_PIXELS`.
    """
    format = sniff(data)
    if format is None:
        raise ImageError("not a JPEG, PNG, TIFF, WebP or BMP file" if data else "the file is empty")
    compressed = True
    if format == "tiff":
        from .tiff import read_tiff  # 15 ms of a start that only TIFF needs

        picture = read_tiff(data)
        pixels, alpha, metadata = picture.pixels, picture.alpha, picture.metadata
        warnings, compressed = list(picture.warnings), picture.compressed
    else:
        channels, metadata, warnings = _READERS[format](data)
        pixels, alpha = _split(channels)
    # Lossy WebP gives back a grey picture with channels that differ by one level.
    pixels, is_colour = _grey_or_rgb(pixels, tolerance=1 if format == "webp" else 0)
    metadata, orientation, dropped = settle(metadata)
    if orientation != 1:
        pixels = np.ascontiguousarray(_UPRIGHT[orientation](pixels))
        alpha = None if alpha is None else np.ascontiguousarray(_UPRIGHT[orientation](alpha))
    digest = hashlib.sha256(data).digest()
    warnings += dropped
    return Photo(pixels, alpha, metadata, format, digest, is_colour, tuple(warnings), compressed)


# What a reader returns: pixels as OpenCV orders them (grey, BGR or BGRA), metadata, warnings.
_Read = tuple[Pixels, Metadata, list[str]]


def _read_jpeg(data: bytes) -> _Read:
    jpeg = containers.read_jpeg(data)
    check_size(jpeg.width, jpeg.height)
    channels, metadata = _decode(data)
    warnings = ["CMYK converted without its profile"] if jpeg.components == 4 else []
    if not jpeg.is_lossless:  # whose full size TurboJPEG writes into a buffer of an eighth
        warnings += _jpeg_damage(data)
    return channels, jpeg_metadata(jpeg, metadata), warnings


def _jpeg_damage(data: bytes) -> list[str]:
    """Say whether the pixels of a JPEG are damaged, of which OpenCV tells nobody but stderr.

    They are decoded once more, at an eighth of their size. A warning and no error: libjpeg
    complains of files, too, whose picture is whole, and most of a picture is better than none.
    """
    decode = partial(simplejpeg.decode_jpeg, data, "GRAY", fastdct=True, min_height=1, min_width=1)
    try:
        decode()
    except ValueError as error:
        with suppress(ValueError):  # again: a layout that OpenCV knows, and TurboJPEG does not
            decode(strict=False)
            return [f"the JPEG may be damaged, part of the picture wrong: {error}"]
    return []


def _read_png(data: bytes) -> _Read:
    chunks = containers.png_chunks(data)
    header = chunks[0][1]
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    check_size(width, height)
    channels, _ = _decode(containers.png_pixels(chunks))
    transparent = dict(chunks).get(b"tRNS")
    if channels.ndim == 2 and transparent is not None and len(transparent) == 2:
        channels = _with_key(channels, int.from_bytes(transparent, "big"), bits=header[8])
    animated = any(kind == b"acTL" for kind, _ in chunks)
    return channels, png_metadata(chunks), [_ANIMATION] if animated else []


def _read_webp(data: bytes) -> _Read:
    width, height, animated = containers.webp_size(data)
    check_size(width, height)
    channels, metadata = _decode(data)
    return channels, metadata, [_ANIMATION] if animated else []


def _read_bmp(data: bytes) -> _Read:
    check_size(*containers.bmp_size(data))
    return _decode(data)[0], bmp_metadata(data), []


_READERS: dict[str, Callable[[bytes], _Read]] = {
    "jpeg": _read_jpeg,
    "png": _read_png,
    "webp": _read_webp,
    "bmp": _read_bmp,
}


def _decode(data: bytes) -> tuple[Pixels, Metadata]:
    """Decode by OpenCV, with EXIF, XMP and ICC; IMREAD_UNCHANGED leaves the orientation alone."""
    try:
        channels, kinds, blobs = cv2.imdecodeWithMetadata(
            np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED
        )
    except cv2.error as error:
        raise ImageError(f"the file is damaged ({error.err or 'it cannot be decoded'})") from error
    if channels is None or channels.size == 0:
        raise ImageError("the file is damaged: its pixels cannot be decoded")
    if channels.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"pixels of type {channels.dtype} are not supported")
    found = {int(kind): blob.tobytes() for kind, blob in zip(kinds, blobs, strict=True)}
    return channels, Metadata(
        exif=found.get(cv2.IMAGE_METADATA_EXIF),
        xmp=found.get(cv2.IMAGE_METADATA_XMP),
        icc=found.get(cv2.IMAGE_METADATA_ICCP),
    )


def _with_key(grey: Pixels, key: int, bits: int) -> Pixels:
    """Add the alpha of a grey PNG with one transparent level, which OpenCV overlooks."""
    top = np.iinfo(grey.dtype).max
    level = key * top // ((1 << bits) - 1)
    alpha = np.where(grey == level, 0, top).astype(grey.dtype)
    return np.dstack([grey, grey, grey, alpha])


def _split(channels: Pixels) -> tuple[Pixels, Pixels | None]:
    """Grey, BGR or BGRA to grey or RGB and alpha."""
    if channels.ndim == 2:
        return channels, None
    if channels.shape[2] == 4:
        return cv2.cvtColor(channels, cv2.COLOR_BGRA2RGB), cv2.extractChannel(channels, 3)
    return cv2.cvtColor(channels, cv2.COLOR_BGR2RGB), None


def _grey_or_rgb(pixels: Pixels, tolerance: int) -> tuple[Pixels, bool]:
    """Return grey as (H, W), colour as it is, and whether it is colour."""
    if pixels.ndim == 2:
        return pixels, False
    red, green, blue = cv2.split(pixels)
    for channel in (red, blue):
        if cv2.norm(channel, green, cv2.NORM_INF) > tolerance:
            return pixels, True
    return green, False
