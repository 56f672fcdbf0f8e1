"""From one number of levels to another: 16 bits to 8, and any number to a whole range."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .lab import Pixels


def eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    """Round pixels of 8 or 16 bits, of any shape, to the nearest of 256 levels."""
    if pixels.dtype == np.uint8:
        return pixels
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=1 / 257), np.uint8)


def full_range(samples: Pixels, top: int) -> Pixels:
    """Stretch samples to the whole range of 8 bits, or of 16 where 8 do not hold them.

    Samples are unsigned or boolean, of any shape and byte order, and none lies above `top`, the
    level of white, 1 to 65,535. The result is in the machine's byte order, rounded down.
    """
    kind = np.uint8 if top <= 255 else np.uint16
    most = np.iinfo(kind).max
    if top == most:
        return samples.astype(kind, copy=False)
    return (samples.astype(np.uint32) * most // top).astype(kind)
