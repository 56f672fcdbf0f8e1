"""A photograph in memory, and how a picture as its file holds it becomes one."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from ..imaging.lab import Pixels
from .metadata import Metadata, settle

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
class Page:
    """A picture as a file holds it, in the terms of `Photo`.

    Grey may stand in three channels, and the EXIF block says how the pixels have to be turned.
    `pages` is how many the file has.
    """

    pixels: Pixels
    alpha: Pixels | None
    metadata: Metadata
    warnings: tuple[str, ...] = ()
    compressed: bool = True
    pages: int = 1


@dataclass(frozen=True)
class Photo:
    """A photograph as read, upright.

    Attributes:
        pixels: (H, W) grey or (H, W, 3) RGB, uint8 or uint16, full range, taken for sRGB.
        alpha: (H, W) of the same type, not multiplied into the pixels; None without one.
        metadata: EXIF, XMP, ICC and so on as they hold for an upright colour picture.
        format: A name in `formats.FORMATS`.
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


def settled(page: Page, format: str, digest: bytes, tolerance: int) -> Photo:
    """Turn a page upright, make grey out of equal channels, and drop metadata that do not hold.

    Channels count as equal where they differ by at most `tolerance` levels.
    """
    pixels, is_colour = _grey_or_rgb(page.pixels, tolerance)
    alpha = page.alpha
    metadata, orientation, dropped = settle(page.metadata)
    if orientation != 1:
        pixels = np.ascontiguousarray(_UPRIGHT[orientation](pixels))
        alpha = None if alpha is None else np.ascontiguousarray(_UPRIGHT[orientation](alpha))
    warnings = (*page.warnings, *dropped)
    return Photo(pixels, alpha, metadata, format, digest, is_colour, warnings, page.compressed)


def _grey_or_rgb(pixels: Pixels, tolerance: int) -> tuple[Pixels, bool]:
    """Return grey as (H, W), colour as it is, and whether it is colour."""
    if pixels.ndim == 2:
        return pixels, False
    red, green, blue = cv2.split(pixels)
    for channel in (red, blue):
        if cv2.norm(channel, green, cv2.NORM_INF) > tolerance:
            return pixels, True
    return green, False
