"""What a picture is known by, whatever file it lies in: a coarse grid of its lightness."""

import cv2
import numpy as np

from .frame import Frame
from .lab import Float


def picture_key(L: Float, frame: Frame, *, cells: int = 4, step: float = 8) -> bytes:
    """Return what JPEG, PNG and TIFF of one picture agree on, nearly always.

    It is the mean L* of each cell, row by row, as a number of whole steps. A copy falls on the
    other side of a step the more rarely, the fewer cells there are and the wider the steps;
    `benchmarks/picture_keys.py` counts it. Pictures that look alike this coarsely share a key.

    Args:
        L: The working image (padded_height, padded_width), L* in 0..100.
        frame: The photo's place in it; the padding does not count.
        cells: How many to a side of the photo, squashed if need be.
        step: In units of L*, above 100/256.
    """
    photo = L[: frame.work_height, : frame.work_width]
    means = cv2.resize(photo, (cells, cells), interpolation=cv2.INTER_AREA)
    return (means / step).astype(np.uint8).tobytes()
