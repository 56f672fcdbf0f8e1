"""How far colour runs over edges: the widths of the steps of ab.

Edges are taken from the truth, along each row and each column: where ab, smoothed by a Gaussian of
a quarter of a cell of the network's grid, changes fastest within two cells to either side, and
changes by more than 10 from two cells before to two cells after, in the truth and in the output
alike. The width of a field's edge is how far it takes to go from 10% to 90% of its own change
between these two ends, along the line between the two colours: from where it is last below 10% to
where it is first above 90%, interpolated. Widths are in pixels of the working size, so that photos
of all sizes can be put together; a cell has `grid` of them, four in the default model.
"""

from dataclasses import dataclass
from functools import partial
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from colorize_cli.imaging.area_resample import resample, to_grid
from colorize_cli.imaging.frame import Frame
from colorize_cli.imaging.lab import Float
from colorize_cli.imaging.render import render

from .bootstrap import Draws
from .metrics import RGB

THRESHOLD = 10.0
_REACH = 2.0  # cells to either side
_SMOOTH = 0.25  # cells
# Widths are counted in bins of this many working pixels, within which medians are interpolated.
_BIN = 0.05


@dataclass(frozen=True, eq=False)
class Widths:
    """Widths of the edges of a photo.

    Attributes:
        output: (bins,) how many edges of the colouring have a width of that bin.
        reference: (bins,) the same for the truth's own ab, taken down to the grid and up again.
    """

    output: Draws
    reference: Draws

    @property
    def edges(self) -> int:
        """Number of edges that were measured."""
        return round(float(self.output.sum()))

    @classmethod
    def counted(cls, output: Float, reference: Float, grid: int) -> Self:
        """Count widths in working pixels: (E,) each."""
        # No width exceeds the distance between the two ends but by rounding to whole pixels.
        bins = round(2 * (_REACH * grid + 1) / _BIN)

        def count(widths: Float) -> Draws:
            index = np.minimum((widths / _BIN).astype(np.intp), bins - 1)
            return np.bincount(index, minlength=bins).astype(np.float64)

        return cls(count(output), count(reference))


def down_and_up(
    truth: Float, grey: NDArray[np.uint8], frame: Frame, working: Float, grid: int
) -> RGB:
    """Take the truth's ab down to the grid, and render it as a network's field is.

    Args:
        truth: (H, W, 3) Lab.
        grey: (H, W) the input.
        frame: the photo's place on the working grid.
        working: the input's L there.
        grid: working pixels per cell.

    Returns:
        (H, W, 3) sRGB.
    """

    def rows(plane: Float, top: int, bottom: int) -> Float:
        return plane[top:bottom]

    ab = [np.ascontiguousarray(truth[..., channel]) for channel in (1, 2)]
    field = np.stack([to_grid(resample(partial(rows, plane), frame), grid) for plane in ab])
    return render(grey, field, frame, grid, working=working).astype(np.uint8, copy=False)


def edge_widths(
    truth: Float, output: Float, reference: Float, *, scale: float, grid: int
) -> Widths:
    """Measure the widths of the edges of a photo.

    Args:
        truth: (H, W, 3) Lab.
        output: the same shape; the colouring.
        reference: the same shape; the truth after `down_and_up`.
        scale: working pixels per photo pixel.
        grid: working pixels per cell.
    """
    fields = [np.ascontiguousarray(lab[..., 1:]) for lab in (truth, output, reference)]
    across = _along_rows(*fields, cell=grid / scale)
    down = _along_rows(*(field.transpose(1, 0, 2).copy() for field in fields), cell=grid / scale)
    of_output, of_reference = (
        np.concatenate(pair) * scale for pair in zip(across, down, strict=True)
    )
    return Widths.counted(of_output, of_reference, grid)


def _along_rows(
    truth: Float, output: Float, reference: Float, *, cell: float
) -> tuple[Float, Float]:
    """Widths along the rows of (H, W, 2) fields, in pixels: (E,) of output and reference."""
    reach = max(2, round(_REACH * cell))
    y, x = np.nonzero(_edges(truth, output, reach, cell))
    window = np.arange(2 * reach + 1)
    profiles = (field[y[:, None], x[:, None] + window] for field in (output, reference))
    of_output, of_reference = (_rise(profile) for profile in profiles)
    return of_output, of_reference


def _edges(truth: Float, output: Float, reach: int, cell: float) -> NDArray[np.bool_]:
    """Mark the left ends of the windows around edges: (H, W - 2 reach)."""
    if truth.shape[1] <= 2 * reach:
        return np.zeros((len(truth), 0), np.bool_)
    smooth = cv2.GaussianBlur(truth, (0, 0), _SMOOTH * cell, borderType=cv2.BORDER_REFLECT)
    slope = np.zeros(truth.shape[:2], np.float32)
    slope[:, 1:-1] = _length(smooth[:, 2:] - smooth[:, :-2])
    steepest = cv2.dilate(slope, np.ones((1, 2 * reach + 1), np.uint8))
    marked: NDArray[np.bool_] = (slope == steepest)[:, reach:-reach]
    for field in (truth, output):
        marked &= _length(field[:, 2 * reach :] - field[:, : -2 * reach]) > THRESHOLD
    return marked


def _length(ab: Float) -> Float:
    return np.asarray(np.hypot(ab[..., 0], ab[..., 1]), np.float32)


def _rise(profiles: Float) -> Float:
    """Distance from 10% to 90% of the change between the ends: (E, N, 2) -> (E,), in samples."""
    change = profiles[:, -1] - profiles[:, 0]
    # The grid may lose what is small, and the reference not change at all there: no division by 0.
    squared = np.maximum(np.square(change).sum(axis=1), 1e-6)
    s = np.einsum("enc,ec->en", profiles - profiles[:, :1], change) / squared[:, None]
    s[:, -1] = 1
    each = np.arange(len(s))
    first = np.argmax(s >= 0.9, axis=1)
    low = (s <= 0.1) & (np.arange(s.shape[1]) < first[:, None])
    last = s.shape[1] - 1 - np.argmax(low[:, ::-1], axis=1)
    end = first - 1 + _crossing(s[each, first - 1], s[each, first], 0.9)
    start = last + _crossing(s[each, last], s[each, last + 1], 0.1)
    return np.asarray(end - start, np.float32)


def _crossing(before: Float, after: Float, level: float) -> Float:
    return np.asarray((level - before) / (after - before), np.float32)


def median_draws(histograms: Draws, counts: Draws) -> Draws:
    """Median width over all edges of the photos, in each resample.

    Args:
        histograms: (n, bins), a photo a row, as `Widths` has them.
        counts: (1 + D, n).

    Returns:
        (1 + D,) in working pixels, NaN where there is no edge.
    """
    pooled = counts @ histograms
    up_to = np.cumsum(pooled, axis=1)
    half = up_to[:, -1] / 2
    index = np.argmax(up_to >= half[:, None], axis=1)
    each = np.arange(len(pooled))
    inside = pooled[each, index]
    missing = half - (up_to[each, index] - inside)
    fraction = np.divide(missing, inside, out=np.full(len(pooled), np.nan), where=inside > 0)
    return np.asarray((index + fraction) * _BIN, np.float64)
