"""Where a photo lies on the network's working grid, and the photo's L taken down to it.

One scale factor serves both axes, so a photo is never squashed, not even by the rounding of its
sides: working pixel j covers exactly the photo's interval [j, j + 1) / scale. Beyond its edges
the photo goes on as its own mirror image, which fills the last, partly covered working pixel and
the padding up to the network's multiple alike. The scale gives way by some per cent so that there
is little to fill.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from .lab import Float, Pixels, lightness

# Pixels of a strip: small enough for a core's cache, large enough for NumPy's calls to be cheap.
STRIP_PIXELS = 131_072
# A side of 50.000000001 working pixels, which is rounding, does not get a 51st.
_SLACK = 1e-6
# By how much the scale may differ from the one that gives just size * size pixels, either way.
_MAX_STRETCH = 1.08


@dataclass(frozen=True)
class Frame:
    """A photo's place on the working grid; a function of the photo's size alone."""

    height: int
    """Height of the photo in pixels."""
    width: int
    """Width of the photo in pixels."""
    scale: float
    """Working pixels per photo pixel, the same for both axes; above 1 for tiny photos."""
    work_height: int
    """Rows of the working image that the photo covers, the last one perhaps in part."""
    work_width: int
    """Columns of the working image that the photo covers, the last one perhaps in part."""
    padded_height: int
    """Rows that the network sees; those from `work_height` on are the photo mirrored."""
    padded_width: int
    """Columns that the network sees; those from `work_width` on are the photo mirrored."""


def frame_for(height: int, width: int, size: int, multiple: int = 32) -> Frame:
    """Place a photo of any shape on a working image of about `size` x `size` pixels in area.

    The scale is within 8% of the nominal one, which gives just that area. The padded sides are
    never larger than at the nominal scale, and the photo's share of them never smaller.

    Args:
        height: Height of the photo in pixels, from 1.
        width: Width of the photo in pixels, from 1.
        size: Square root of the nominal area in pixels. A smaller photo is enlarged to it.
        multiple: Both padded sides are multiples of this.

    Raises:
        ValueError: One of the numbers is below 1.
    """
    if min(height, width, size, multiple) < 1:
        raise ValueError(f"sides, size and multiple start at 1: {(height, width, size, multiple)}")
    nominal = size / math.sqrt(height * width)
    frames = [
        _at_scale(height, width, scale, multiple)
        for scale in _scales(height, width, nominal, multiple)
    ]
    # Rounded, so that photos of one shape and different sizes agree where two scales are as good.
    return max(frames, key=lambda frame: (round(_merit(frame, nominal), 9), frame.scale))


def _scales(height: int, width: int, nominal: float, multiple: int) -> list[float]:
    """List the scales at which nothing more of the photo fits into the same padded sides.

    They are the largest one that the nominal padding has room for, and below the nominal scale
    those at which a side is a multiple.
    """
    frame = _at_scale(height, width, nominal, multiple)
    room = min(frame.padded_height / height, frame.padded_width / width)
    scales = [min(room, _MAX_STRETCH * nominal)]
    for side in (height, width):
        fewest = math.ceil(side * nominal / _MAX_STRETCH / multiple)
        most = math.floor(side * nominal / multiple)
        scales += [count * multiple / side for count in range(fewest, most + 1)]
    return scales


def _at_scale(height: int, width: int, scale: float, multiple: int) -> Frame:
    work_height, work_width = (math.ceil(side * scale - _SLACK) for side in (height, width))
    return Frame(
        height=height,
        width=width,
        scale=scale,
        work_height=work_height,
        work_width=work_width,
        padded_height=math.ceil(work_height / multiple) * multiple,
        padded_width=math.ceil(work_width / multiple) * multiple,
    )


def _merit(frame: Frame, nominal: float) -> float:
    """Divide the photo's share of the padded area by how far its scale is from the nominal one."""
    photo = frame.height * frame.width * frame.scale**2
    stretch = max(frame.scale / nominal, nominal / frame.scale)
    return photo / (frame.padded_height * frame.padded_width) / stretch


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
    """Average blocks of `grid` x `grid` working pixels: cell i covers pixels grid * i and on."""
    height, width = working.shape
    size = (width // grid, height // grid)
    return np.asarray(cv2.resize(working, size, interpolation=cv2.INTER_AREA), np.float32)


@dataclass(frozen=True)
class _Intervals:
    """What each working pixel of one axis averages, over the photo mirrored without end.

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
