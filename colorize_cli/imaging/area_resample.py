"""Averages over areas, which take a photo's L to its working image and planes to the grid."""

from collections.abc import Callable

import cv2
import numpy as np

from .frame import Frame
from .lab import Float, Pixels, lightness

# Pixels of a strip: small enough for a core's cache, large enough for NumPy's calls to be cheap.
STRIP_PIXELS = 131_072


def to_working(pixels: Pixels, frame: Frame) -> Float:
    """Take a photo's L down (a tiny photo's up) to the working image of its frame.

    The photo is (height, width) grey or (height, width, 3) sRGB, uint8 or uint16; another size than
    the frame's raises ValueError. The result is (padded_height, padded_width) float32, L in 0..100.
    """
    if pixels.shape[:2] != (frame.height, frame.width):
        raise ValueError(f"pixels of shape {pixels.shape} do not fit {frame}")
    if frame.is_tall:
        return np.ascontiguousarray(to_working(pixels.swapaxes(0, 1), frame.on_its_side).T)
    return resample(lambda top, bottom: lightness(np.ascontiguousarray(pixels[top:bottom])), frame)


def resample(read_rows: Callable[[int, int], Float], frame: Frame) -> Float:
    """Average a plane of the photo over the area of each working pixel.

    `read_rows` gives rows `top` to `bottom` of the plane, (bottom - top, width) float32. The result
    is (padded_height, padded_width) float32 in the plane's own unit. Rows are read in strips and
    made narrow first, so that nothing of the photo's full size is held: at most about
    sqrt(height * width) * size values.
    """
    across = _averaging(frame.width, frame.scale, frame.padded_width)
    down = _averaging(frame.height, frame.scale, frame.padded_height)
    narrow = np.empty((frame.height, frame.padded_width), np.float32)
    step = max(1, STRIP_PIXELS // frame.width)
    for top in range(0, frame.height, step):
        narrow[top : top + step] = across(read_rows(top, min(top + step, frame.height)))
    return np.ascontiguousarray(down(narrow.T).T)


def to_grid(working: Float, grid: int) -> Float:
    """Average blocks of `grid` x `grid` pixels of one plane: (H, W) -> (H / grid, W / grid).

    OpenCV takes a ninth of the time of `cell_means`; from a grid of 8 on it rounds otherwise.
    """
    height, width = working.shape
    size = (width // grid, height // grid)
    return np.asarray(cv2.resize(working, size, interpolation=cv2.INTER_AREA), np.float32)


def cell_means(planes: Float, grid: int) -> Float:
    """Average blocks of `grid` x `grid` pixels of any planes, (..., H, W), as `to_grid` does."""
    *others, height, width = planes.shape
    blocks = planes.reshape(*others, height // grid, grid, width // grid, grid)
    return np.asarray(blocks.mean(axis=(-3, -1), dtype=np.float32))


def _averaging(side: int, scale: float, count: int) -> Callable[[Float], Float]:
    """Make the function that averages each row, (n, side) -> (n, count), for one axis of a frame.

    The interval of working pixel j is centred at (j + 0.5) / scale and a working pixel wide, or a
    photo pixel where that is wider; there the average is linear interpolation, so enlarging needs
    no rule of its own. With I(x) the integral of a row from 0 to x and S = I(side), mirroring is
    I(2 side - x) = 2 S - I(x) and I(x + 2 side) = I(x) + 2 S.
    """
    width = max(1.0, 1.0 / scale)
    ends = np.arange(count + 1) / scale  # each interval ends where the next one starts
    if scale > 1:
        starts = (np.arange(count) + 0.5) / scale - width / 2
        ends = np.concatenate([starts, starts + width])
    periods, x = np.divmod(ends, 2 * side)
    backwards = x > side  # in the mirror image
    x = np.where(backwards, 2 * side - x, x)
    sign, wholes = np.where(backwards, -1.0, 1.0), 2 * (periods + backwards)  # of I(x) and of S
    k = np.minimum(x.astype(np.intp), side - 1)  # the photo pixels in which the ends fall
    fraction = x - k
    knots = np.unique(np.append(k, 0))
    knot_of = np.searchsorted(knots, k)

    def average(rows: Float) -> Float:
        pieces = np.add.reduceat(rows, knots, axis=1, dtype=np.float64)
        integral = np.cumsum(pieces, axis=1)  # at the knots but the first, and S
        whole = integral[:, -1:]
        at_knots = np.concatenate([np.zeros_like(whole), integral[:, :-1]], axis=1)
        at_ends = sign * (at_knots[:, knot_of] + fraction * rows[:, k]) + wholes * whole
        return np.asarray((at_ends[:, -count:] - at_ends[:, :count]) / width, np.float32)

    return average
