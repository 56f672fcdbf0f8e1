"""Photographs in: bytes of a file to upright pixels, alpha and metadata."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import cv2
import numpy as np

from ..errors import ImageError
from ..imaging.lab import Pixels
from .colour import icc
from .colour.made import adobe_profile
from .colour.transform import srgb_pixels
from .formats import FORMATS, listed, sniff
from .formats.format import SNIFF_BYTES, Page
from .limits import check_budget
from .metadata import Metadata, bounded, settle
from .wide import Wide, is_wide, narrowed, narrowed_alpha

SALVAGE_HINT = " (--salvage colours what is left)"  # of an option that only `colorize` has


@dataclass(frozen=True)
class Photo:
    """A photograph as read, upright."""

    pixels: Pixels  # (H, W) grey or (H, W, 3) RGB, uint8 or uint16, full range, sRGB
    alpha: Pixels | None  # (H, W) of the same type, not multiplied into the pixels
    metadata: Metadata
    format: str  # a name in `formats.FORMATS`
    digest: bytes  # SHA-256 of the file's bytes
    is_colour: bool  # the channels differ; a grey photo stored as RGB is not colour
    warnings: tuple[str, ...] = ()  # what of the file could not be kept, and why
    compressed: bool = True  # as the file's pixels were; a TIFF is written as it was read
    pages: int = 1  # of the file, of which this is one
    wide: Wide | None = None  # what the file had, where that was more than 16 bits


def read_photo(data: bytes, *, salvages: bool = False, white: float | None = None) -> Photo:
    """Read a photograph from the bytes of its file, the first page where it has several.

    A warning says so then. Else as `read_pages`.
    """
    photo = next(read_pages(data, salvages=salvages, white=white))
    if photo.pages == 1:
        return photo
    return replace(photo, warnings=("only the first page is used", *photo.warnings))


def read_pages(
    data: bytes, *, salvages: bool = False, white: float | None = None
) -> Iterator[Photo]:
    """Read the photographs of a file from its bytes, one a page, each when it is asked for.

    The file is one of `FORMATS`. Of an animation the first picture is taken, with a warning. What
    is damaged or truncated raises ImageError; with `salvages` it is given as far as it decodes,
    with a warning. Floating point and 32 bits become 16, `white` being white (`wide.narrowed`).
    ImageError says, too, that the file is none of these, or without pixels or more than `limits`
    allow.
    """
    name = sniff(data)
    if name is None:
        raise ImageError(f"not a {listed('or')} file" if data else "the file is empty")
    measure(io.BytesIO(data), len(data))
    digest = hashlib.sha256(data).digest()
    for number, page in enumerate(FORMATS[name].read_pages(data), 1):
        if page.damage:
            place = f"page {number}: " if page.pages > 1 else ""
            if not salvages:
                raise ImageError(f"{place}{page.damage}{SALVAGE_HINT}")
            page = replace(page, warnings=(f"salvaged: {page.damage}", *page.warnings))
        yield _photo_of(page, name, digest, white)


def _photo_of(page: Page, name: str, digest: bytes, white: float | None) -> Photo:
    """Turn a page upright, and bring it and its metadata to sRGB."""
    page = _of_sixteen_bits(page, white) if is_wide(page.pixels) else page
    pixels, is_colour = _grey_or_rgb(page.pixels, FORMATS[name].tolerance)
    metadata, too_large = bounded(page.metadata)
    applied: list[str] = []
    profile = metadata.icc or (None if page.is_srgb else adobe_profile(metadata.exif))
    if profile:
        pixels, metadata, applied = _of_srgb(pixels, metadata, profile)
    metadata, orientation, dropped = settle(metadata)
    pixels = _upright(pixels, orientation)
    alpha = None if page.alpha is None else _upright(page.alpha, orientation)
    return Photo(
        pixels,
        alpha,
        metadata,
        name,
        digest,
        is_colour,
        warnings=(*page.warnings, *too_large, *applied, *dropped),
        compressed=page.compressed,
        pages=page.pages,
        wide=page.wide,
    )


def measure(file: BinaryIO, size: int) -> int:
    """Reckon from an open file of `size` bytes how many bytes of memory its photo takes at most.

    Little more than its header is read. ImageError says that it is more than the limits allow.
    """
    file.seek(0)
    name = sniff(file.read(SNIFF_BYTES))
    return check_budget(None if name is None else FORMATS[name].measure(file), size)


def _of_sixteen_bits(page: Page, white: float | None) -> Page:
    pixels, wide, warnings = narrowed(page.pixels, white)
    alpha = None if page.alpha is None else narrowed_alpha(page.alpha)
    said = (*page.warnings, *warnings)
    return replace(page, pixels=pixels, alpha=alpha, warnings=said, wide=wide)


def _of_srgb(
    pixels: Pixels, metadata: Metadata, profile: bytes
) -> tuple[Pixels, Metadata, list[str]]:
    """Bring pixels of a profile to sRGB, which then needs none, and say so."""
    changed = srgb_pixels(profile, pixels)
    if changed is None:
        return pixels, metadata, []
    what = "" if pixels.ndim == 3 else " to the greys"
    said = f"ICC profile {icc.name_of(profile)!r} applied{what}: the picture is sRGB now"
    return changed, replace(metadata, icc=None), [said]


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    turned = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(turned[::rows, ::columns])


def _grey_or_rgb(pixels: Pixels, tolerance: int) -> tuple[Pixels, bool]:
    """Return grey as (H, W), where channels differ by at most `tolerance`, or colour as it is."""
    if pixels.ndim == 2:
        return pixels, False
    red, green, blue = cv2.split(pixels)
    if any(cv2.norm(other, green, cv2.NORM_INF) > tolerance for other in (red, blue)):
        return pixels, True
    return green, False
