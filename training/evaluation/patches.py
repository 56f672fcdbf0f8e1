"""How patchy colours are: how much they change where the truth has one colour.

An object in two colours, or skin that is coloured in part, has edges of ab where the photograph has
none. Both are taken down to cells, 48 along the root of the photo's area, whatever grid the network
works on, so that working sizes can be compared. A cell is flat where the truth's ab
changes by less than 1.5 Lab units a cell, in it and in the eight cells around it; the figure is the
sum of the output's changes over all flat cells, over the sum of the truth's own. At 1 the output is
as even as the photograph; pale pictures are even, so it is read beside the colourfulness.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from colorize_cli.imaging.lab import Float

from .bootstrap import Draws, quotient

FLAT = 1.5
CELLS = 48  # along the root of the area: the grid of a working size of 192


@dataclass(frozen=True)
class Patches:
    """Changes of ab over the flat cells of a photo, in Lab units a cell, summed.

    Attributes:
        output: of the colouring.
        truth: of the photo itself.
        output_skin: of the colouring, where the truth has the colours of skin.
        truth_skin: of the photo itself there.
    """

    output: float
    truth: float
    output_skin: float
    truth_skin: float


def patches(truth: Float, output: Float) -> Patches:
    """Measure the changes over the flat cells of a photo.

    Args:
        truth: (H, W, 3) Lab.
        output: the same shape; the colouring.
    """
    cells = [_to_cells(lab) for lab in (truth, output)]
    of_truth, of_output = (_changes(lab[..., 1:]) for lab in cells)
    flat = cv2.dilate(of_truth, np.ones((3, 3), np.uint8)) < FLAT
    skin = flat & has_skin_colour(cells[0])
    return Patches(
        *(
            float(changes[where].sum(dtype=np.float64))
            for where in (flat, skin)
            for changes in (of_output, of_truth)
        )
    )


def patch_draws(output: list[float], truth: list[float], counts: Draws) -> Draws:
    """Divide what all photos have, in each resample.

    Args:
        output: (n,) sums of the colourings.
        truth: (n,) sums of the photos.
        counts: (1 + D, n).

    Returns:
        (1 + D,), NaN where no cell is flat.
    """
    return quotient(counts @ np.asarray(output), counts @ np.asarray(truth))


def has_skin_colour(lab: Float) -> NDArray[np.bool_]:
    """Mark what of a picture (H, W, 3) in Lab has the colours of skin: (H, W).

    Skin of all kinds lies within these hues and chromas in ordinary light; so do wood, sand and
    hair.
    """
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
    is_skin: NDArray[np.bool_] = (
        (chroma > 8) & (chroma < 50) & (hue > 15) & (hue < 85) & (lab[..., 0] > 12)
    )
    return is_skin


def _to_cells(lab: Float) -> Float:
    scale = CELLS / math.sqrt(lab.shape[0] * lab.shape[1])
    height, width = (max(2, round(side * scale)) for side in lab.shape[:2])
    return np.asarray(cv2.resize(lab, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _changes(ab: NDArray[np.float32]) -> Float:
    """Give the length of the gradient of ab in each cell: (h, w, 2) -> (h, w)."""
    down, across = np.gradient(ab, axis=(0, 1))
    squares = np.square(down) + np.square(across)
    return np.asarray(np.sqrt(squares.sum(axis=-1)), np.float32)
