"""Small pictures for people to look at: of any photo, in 8 bits and three channels."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from .bit_depth import eight_bits
from .lab import Pixels

RGB: TypeAlias = NDArray[np.uint8]


def thumbnail(pixels: Pixels, side: int) -> RGB:
    """Shrink a picture into a square of `side` pixels; a smaller one keeps its size.

    `pixels` is (H, W) grey or (H, W, 3) sRGB, uint8 or uint16; the result is (h, w, 3) uint8.
    """
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = _by_whole_factor(pixels, min(width // size[0], height // size[1]))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    small = eight_bits(pixels)
    if small.ndim == 2:
        small = np.asarray(cv2.cvtColor(small, cv2.COLOR_GRAY2RGB), np.uint8)
    return small


def _by_whole_factor(pixels: Pixels, factor: int) -> Pixels:
    """Average squares of so many pixels, which OpenCV does five times as fast as any other shape.

    What is left over at two edges, less than a pixel of the small picture, is cut off.
    """
    if factor < 2:
        return pixels
    height, width = (side // factor for side in pixels.shape[:2])
    whole = pixels[: height * factor, : width * factor]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))
