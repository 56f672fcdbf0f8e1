"""Small pictures of large ones, as an eye or a lens makes them from further away."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .lab import levels_from_linear, linear_table


def shrunk(picture: NDArray[np.uint8], side: int | None) -> NDArray[np.uint8]:
    """Take a picture down to `side` pixels on its short side, where it has more.

    Linear light is averaged over areas, so that a picture of the photo's lightness keeps the
    lightness of the small photo.

    Args:
        picture: (H, W) or (H, W, 3) sRGB.
        side: in pixels; None leaves it as it is.
    """
    height, width = picture.shape[:2]
    if side is None or min(height, width) <= side:
        return picture
    scale = side / min(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(cv2.LUT(picture, linear_table(256)), size, interpolation=cv2.INTER_AREA)
    planes = [levels_from_linear(np.ascontiguousarray(p), 256) for p in cv2.split(small)]
    return np.asarray(cv2.merge(planes), np.uint8)
