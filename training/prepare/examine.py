"""One photograph: whether it teaches colour, and what of it is kept."""

from dataclasses import dataclass

import cv2
import numpy as np

from colorize_cli.errors import ImageError
from colorize_cli.imaging.bit_depth import eight_bits
from colorize_cli.imaging.photo_kind import kind_of
from colorize_cli.photos.read import read_photo

from ..data.photos import has_colour, shrunk
from .near_duplicates import perceptual_hash

_QUALITY = 90  # of WebP
_AS_THEY_ARE = {"jpeg": "jpg", "webp": "webp"}  # suffixes of what shards may hold


@dataclass(frozen=True)
class Sizes:
    """Short sides in pixels: what is smaller is dropped, what is larger is shrunk."""

    smallest: int = 64
    largest: int = 256


@dataclass(frozen=True)
class Kept:
    """A photograph that is taken: its file, its sides in pixels, its perceptual hash."""

    data: bytes
    suffix: str
    width: int
    height: int
    phash: int


@dataclass(frozen=True)
class Dropped:
    """Why one is not taken: in one of few words, and in full."""

    reason: str
    detail: str = ""


def examine(data: bytes, sizes: Sizes) -> Kept | Dropped:
    """Look at the bytes of a file, whole, for whatever is wrong with it.

    A JPEG or WebP that needs no shrinking, turning or conversion is kept byte for byte; all others
    become WebP, upright.
    """
    try:
        photo = read_photo(data)
    except ImageError as error:
        return Dropped("cannot be read", str(error))
    height, width = photo.pixels.shape[:2]
    if min(height, width) < sizes.smallest:
        return Dropped("too small", f"{width} x {height}")
    if photo.pixels.ndim == 2:
        return Dropped("grey or of one tint", "grey")
    rgb = eight_bits(photo.pixels)
    if not has_colour(rgb):
        return Dropped("grey or of one tint", "of one tint, or hardly coloured")
    small = shrunk(rgb, sizes.largest)
    if kind_of(small, is_colour=True) == "toned":
        return Dropped("toned", "its colour follows its lightness, as in sepia prints")
    suffix = _AS_THEY_ARE.get(photo.format)
    if suffix is None or small is not rgb or not _decodes_to(data, rgb):
        suffix = "webp"
        data = _webp(small)
    return Kept(data, suffix, small.shape[1], small.shape[0], perceptual_hash(small))


def _decodes_to(data: bytes, rgb: np.ndarray) -> bool:
    """Tell whether a file, without regard to what it says of orientation and colour, is this."""
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    plain = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    return plain is not None and np.array_equal(plain, rgb)


def _webp(rgb: np.ndarray) -> bytes:
    options = [cv2.IMWRITE_WEBP_QUALITY, _QUALITY]
    return cv2.imencode(".webp", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)[1].tobytes()
