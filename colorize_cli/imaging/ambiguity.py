"""Where a photo's colours are open: how far its samples are apart, place by place."""

from collections.abc import Sequence

import cv2
import numpy as np

from .lab import Float, lab_from_rgb
from .thumbnail import RGB

SPAN = (
    30.0  # units of ab that are shown as the brightest: a red coat in one sample, blue in another
)


def spread(pictures: Sequence[RGB]) -> Float:
    """Compute the spread of ab over the samples of a photo.

    Args:
        pictures: two or more (H, W, 3) sRGB of one size; others raise ValueError.

    Returns:
        (H, W) float32: the root of the mean squared distance of the samples' (a, b) from their
        mean, in Lab units.
    """
    if len(pictures) < 2 or len({picture.shape for picture in pictures}) > 1:
        raise ValueError("a spread takes two or more pictures of one size")
    ab = np.stack([lab_from_rgb(picture)[..., 1:] for picture in pictures])
    return np.asarray(np.sqrt(ab.var(axis=0).sum(axis=-1)), np.float32)


def spread_map(pictures: Sequence[RGB]) -> RGB:
    """Paint the spread of samples, (H, W, 3) sRGB: from black, all agree, to yellow at `SPAN`.

    The scale is the same for all photos. It is OpenCV's Inferno, whose lightness rises evenly, so
    that those who see few colours can read it.
    """
    levels = np.clip(spread(pictures) * (255 / SPAN), 0, 255).astype(np.uint8)
    painted = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)
    return np.ascontiguousarray(painted[..., ::-1], np.uint8)
