"""Averages over areas, which take a photo's L to its working image and planes to the grid."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from .frame import Frame
from .lab import Float, Pixels, lightness

# Pixels of a strip: small enough for a core's cache, large enough for NumPy's calls to be cheap.
STRIP_PIXELS = 131_072


def to_working(pixels: Pixels, frame: Frame) -> Float:
    """Take a photo's L down (a tiny photo's up) to the working image.

    Args:
        pixels: (height, width) grey or (height, width, 3) sRGB, uint8 or uint16.
        frame: From `frame_for` of this photo's size.

    Returns:
        (padded_height, padded_width) float32, L in 0..100: averages over the photo's area.

    Raises:
        ValueError: The pixels have another size than the frame.
    """
    if pixels.shape[:2] != (frame.height, frame.width):
        raise ValueError(f"pixels of shape {pixels.shape} do not fit {frame}")
    return resample(lambda top, bottom: lightness(pixels[top:bottom]), frame)


def resample(read_rows: Callable[[int, int], Float], frame: Frame) -> Float:
    """Average a plane of the photo over the area of each working pixel.

    The rows are read in strips and made narrow first, so that nothing of the photo's full size
    is held: at most about sqrt(height * width) * size values.

    Args:
        read_rows: Gives rows `top` to `bottom` of the plane, (bottom - top, width) float32.
        frame: The photo's place on the working grid.

    Returns:
        (padded_height, padded_width) float32 in the plane's own unit.
    """
    across = _Intervals.along(frame.width, frame.scale, frame.padded_width)
    down = _Intervals.along(frame.height, frame.scale, frame.padded_height)
    narrow = np.empty((frame.height, frame.padded_width), np.float32)
    step = max(1, STRIP_PIXELS // frame.width)
    for top in range(0, frame.height, step):
        strip = read_rows(top, min(top + step, frame.height))
        narrow[top : top + step] = across.average(strip)
    return np.ascontiguousarray(down.average(narrow.T).T)


def to_grid(working: Float, grid: int) -> Float:
    """Average blocks of `grid` x `grid` working pixels of one plane, (H, W) float32.

    OpenCV takes a ninth of the time of `cell_means`; from a grid of 8 on it rounds otherwise.

    Returns:
        (H / grid, W / grid) float32; cell i covers the pixels from grid * i on.
    """
    height, width = working.shape
    size = (width // grid, height // grid)
    return np.asarray(cv2.resize(working, size, interpolation=cv2.INTER_AREA), np.float32)


def cell_means(planes: Float, grid: int) -> Float:
    """Average blocks of `grid` x `grid` pixels of any planes, (..., H, W) float32.

    Returns:
        (..., H / grid, W / grid) float32.
    """
    *others, height, width = planes.shape
    blocks = planes.reshape(*others, height // grid, grid, width // grid, grid)
    return np.asarray(blocks.mean(axis=(-3, -1), dtype=np.float32))


@dataclass(frozen=True)
class _Intervals:
    """The intervals of one axis, over the photo mirrored without end, that working pixels average.

    The interval of working pixel j is centred at (j + 0.5) / scale and a working pixel wide, or a
    photo pixel where that is wider; there the average is linear interpolation, so enlarging needs
    no rule of its own. With I(x) the integral of a row from 0 to x and S = I(side), mirroring is
    I(2 side - x) = 2 S - I(x) and I(x + 2 side) = I(x) + 2 S.
    """

    count: int
    """Working pixels of the axis."""
    width: float
    """Length of every interval in photo pixels."""
    k: NDArray[np.intp]
    """(n,) photo pixel, folded into the photo, in which an end of an interval falls: the first
    `count` are the starts, the last `count` the other ends."""
    fraction: NDArray[np.float64]
    """(n,) how far into that pixel, 0..1."""
    sign: NDArray[np.float64]
    """(n,) -1 where the mirror image runs backwards, else 1."""
    wholes: NDArray[np.float64]
    """(n,) even number of S to add."""
    knots: NDArray[np.intp]
    """(m,) the different values of `k` in order, from 0 on."""
    knot_of: NDArray[np.intp]
    """(n,) index into `knots` of each `k`."""

    @classmethod
    def along(cls, side: int, scale: float, count: int) -> Self:
        width = max(1.0, 1.0 / scale)
        if scale <= 1:  # each interval ends where the next one starts
            ends = np.arange(count + 1) / scale
        else:
            starts = (np.arange(count) + 0.5) / scale - width / 2
            ends = np.concatenate([starts, starts + width])
        periods, x = np.divmod(ends, 2 * side)
        backwards = x > side
        x = np.where(backwards, 2 * side - x, x)
        k = np.minimum(x.astype(np.intp), side - 1)
        knots = np.unique(np.append(k, 0))
        return cls(
            count=count,
            width=width,
            k=k,
            fraction=x - k,
            sign=np.where(backwards, -1.0, 1.0),
            wholes=2 * (periods + backwards),
            knots=knots,
            knot_of=np.searchsorted(knots, k),
        )

    def average(self, rows: Float) -> Float:
        """Average every row over the intervals: (n, side) -> (n, count)."""
        pieces = np.add.reduceat(rows, self.knots, axis=1, dtype=np.float64)
        integral = np.cumsum(pieces, axis=1)  # at the knots but the first, and S
        whole = integral[:, -1:]
        at_knots = np.concatenate([np.zeros_like(whole), integral[:, :-1]], axis=1)
        at_ends = at_knots[:, self.knot_of] + self.fraction * rows[:, self.k]
        at_ends = self.sign * at_ends + self.wholes * whole
        difference = at_ends[:, -self.count :] - at_ends[:, : self.count]
        return np.asarray(difference / self.width, np.float32)
