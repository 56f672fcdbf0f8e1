"""Make the colour picture, at full size and strip by strip, of a photo and the network's ab field.

The ab field is enlarged along the photo's own L by a guided filter (He, Sun and Tang, "Guided
image filtering", 2013, and "Fast guided filter", 2015): on the grid, ab is fitted as a linear
function A L + B within small windows; A and B are enlarged bilinearly and meet the photo's L at
full size. Two things differ from the papers, for here the coarse field is the truth to keep, not
noise to smooth:

- B is corrected so that the average of the enlarged ab over each grid cell is the network's. The
  plain filter, whose windows are three cells wide, would blur colour below plain bilinear.
- L is held within the range of the surrounding cells' averages, since the fit knows nothing of
  grain, glints and fine texture beyond it.

Every pixel is computed from its own L and coefficients alone, so strips need no overlap and the
picture does not depend on how it is divided.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .area_resample import to_grid, to_working
from .frame import Frame
from .gamut import outside_gamut, shrink
from .lab import Float, Pixels, levels_from_linear, levels_of, lightness, linear_planes

# Pixels of a strip: small enough for a core's cache, large enough for NumPy's calls to be cheap.
STRIP_PIXELS = 32_768
CHUNK_PIXELS = 16_384  # of those outside the gamut, which are gathered
_WIDEST = 1 << 16  # columns at a time: the fields take 200 bytes a column and more
_PLANES = 3 + 2 + 5  # of a strip: linear light, ab, and what `linear_planes` works in
# The filter's windows are 3 x 3 cells. Where L varies by much less than 7, the root of _EPS, around
# a cell, that is taken for texture rather than for an edge of colour.
_WINDOW = (3, 3)
_EPS = 50.0
# Sharpening B may take a cell's centre beyond its neighbours' ab by this part of their distance
# from grey and by this many units: objects stay saturated, and grey ones get no fringe.
_CORRECTIONS = 2
_BEYOND_RELATIVE = 0.3
_BEYOND_ABSOLUTE = 2.0


@dataclass(frozen=True)
class _Guide:
    """What all samples of a photo share when their ab fields are enlarged."""

    working: Float  # (H, W) L of the working image, held within `low` and `high`
    cells: Float  # (h, w) its averages over the cells of the grid
    low: Float  # (h, w) smallest average among a cell and its neighbours
    high: Float  # (h, w) largest average among them


def render(
    pixels: Pixels,
    ab: Float,
    frame: Frame,
    grid: int = 4,
    *,
    working: Float | None = None,
    saturation: float = 1.0,
) -> Pixels:
    """Colour a photo with one ab field.

    Args:
        pixels: (height, width) grey or (height, width, 3) sRGB, uint8 or uint16; L is its own.
        ab: (2, padded_height / grid, padded_width / grid) float32, Lab units.
        frame: The photo's place on the working grid; ValueError is raised where it is another's.
        grid: Working pixels per cell of the ab field, along each side.
        working: The result of `to_working`, which is computed if it is not given.
        saturation: Factor on a and b of every pixel, 0 or more; 1 leaves them as they are.

    Returns:
        (height, width, 3) RGB of the dtype and the L of `pixels`; chroma that sRGB cannot show at
        that L is reduced.
    """
    fields = ab[None]
    return next(render_samples(pixels, fields, frame, grid, working=working, saturation=saturation))


def render_samples(
    pixels: Pixels,
    fields: Float,
    frame: Frame,
    grid: int = 4,
    *,
    working: Float | None = None,
    saturation: float = 1.0,
) -> Iterator[Pixels]:
    """Colour a photo with several ab fields, (samples, 2, h, w), else as `render` does.

    A picture is made when it is asked for, so that one at a time is held. What samples could share
    beyond that, a tenth of the work, is not worth more memory.
    """
    shape = (2, frame.padded_height // grid, frame.padded_width // grid)
    if pixels.shape[:2] != (frame.height, frame.width) or fields.shape[1:] != shape:
        raise ValueError(f"pixels {pixels.shape} and ab fields {fields.shape} do not fit {frame}")
    guide = _guide(to_working(pixels, frame) if working is None else working, grid)
    return (_render(pixels, _fit(ab, guide, saturation), frame, grid) for ab in fields)


def _guide(working: Float, grid: int) -> _Guide:
    cells = to_grid(working, grid)
    low, high = _range_around(cells)
    held = np.clip(working, _enlarged(low, working), _enlarged(high, working))
    return _Guide(held, cells, low, high)


def _fit(ab: Float, guide: _Guide, saturation: float) -> Float:
    """Fit both channels: the result (6, h, w) has A and B of a and b, then lowest and highest L."""
    (slope_a, offset_a), (slope_b, offset_b) = (_fit_channel(field, guide) for field in ab)
    fitted = np.stack([slope_a, slope_b, offset_a, offset_b, guide.low, guide.high])
    # Scaled here and not before: what is sharpened is the network's field, whatever the taste.
    fitted[:4] *= np.float32(saturation)
    return fitted


def _fit_channel(field: Float, guide: _Guide) -> tuple[Float, Float]:
    L, p = guide.cells.astype(np.float64), field.astype(np.float64)
    mean_L, mean_p = _mean(L), _mean(p)
    covariance = _mean(L * p) - mean_L * mean_p
    variance = _mean(L * L) - mean_L * mean_L
    slope = _mean(covariance / (variance + _EPS)).astype(np.float32)
    from_slope = _enlarged(slope, guide.working) * guide.working
    grid = len(guide.working) // len(field)
    at_centre = slope * guide.cells
    low, high = _range_around(field)
    low += _BEYOND_RELATIVE * np.minimum(low, 0) - _BEYOND_ABSOLUTE
    high += _BEYOND_RELATIVE * np.maximum(high, 0) + _BEYOND_ABSOLUTE
    offset: Float = field - to_grid(from_slope, grid)
    for _ in range(_CORRECTIONS):
        enlarged = from_slope + _enlarged(offset, guide.working)
        offset = offset + field - to_grid(enlarged, grid)
        offset = np.clip(at_centre + offset, low, high) - at_centre
    return slope, offset


def _range_around(plane: Float) -> tuple[Float, Float]:
    """Find the smallest and the largest value within the window around each cell."""
    window = np.ones(_WINDOW, np.uint8)
    low = cv2.erode(plane, window, borderType=cv2.BORDER_REFLECT)
    high = cv2.dilate(plane, window, borderType=cv2.BORDER_REFLECT)
    return np.asarray(low, np.float32), np.asarray(high, np.float32)


def _mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cv2.blur(plane, _WINDOW, borderType=cv2.BORDER_REFLECT))


def _enlarged(field: Float, working: Float) -> Float:
    large = cv2.resize(field, working.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32)


def _render(pixels: Pixels, fields: Float, frame: Frame, grid: int) -> Pixels:
    if frame.is_tall:
        turned = _render(pixels.swapaxes(0, 1), fields.swapaxes(1, 2), frame.on_its_side, grid)
        return np.ascontiguousarray(turned.swapaxes(0, 1))
    down = _positions(frame.height, frame.scale / grid, fields.shape[1])
    across = _positions(frame.width, frame.scale / grid, fields.shape[2])
    rgb = np.empty((frame.height, frame.width, 3), pixels.dtype)
    for start in range(0, frame.width, _WIDEST):
        columns = slice(start, start + _WIDEST)
        part = _Positions(across.first[columns], across.second[columns], across.share[columns])
        _render_columns(pixels[:, columns], fields, down, part, rgb[:, columns])
    return rgb


def _render_columns(
    pixels: Pixels, fields: Float, down: "_Positions", across: "_Positions", rgb: Pixels
) -> None:
    """Colour a photo, or columns of it, into `rgb`."""
    height, width = pixels.shape[:2]
    # The fields at the photo's width but the grid's height: (h, 6, width), the rows to blend.
    left, right, weight = across
    rows = fields[..., left] * (1 - weight) + fields[..., right] * weight
    rows = np.ascontiguousarray(rows.swapaxes(0, 1))
    step = min(max(1, STRIP_PIXELS // width), height)
    blended = np.empty((step, len(fields), width), np.float32)
    planes = np.empty((_PLANES, step, width), np.float32)
    for top in range(0, height, step):
        L = lightness(np.ascontiguousarray(pixels[top : top + step]))
        strip = blended[: len(L)]
        for y, blend in enumerate(strip, top):
            first, second, share = down.first[y], down.second[y], down.share[y]
            cv2.addWeighted(rows[first], 1 - share, rows[second], share, 0, blend)
        part = planes[:, : len(L)]
        rgb[top : top + step] = _colour(L, strip.swapaxes(0, 1), levels_of(pixels), part)


class _Positions(NamedTuple):
    """The cells whose centres enclose each pixel's centre, along one axis."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    share: Float  # the weight of the second


def _positions(side: int, cells_per_pixel: float, cells: int) -> _Positions:
    position = np.clip((np.arange(side) + 0.5) * cells_per_pixel - 0.5, 0, cells - 1)
    first = position.astype(np.intp)
    return _Positions(
        first, np.minimum(first + 1, cells - 1), (position - first).astype(np.float32)
    )


def _colour(L: Float, fields: Float, levels: int, planes: Float) -> Pixels:
    """Turn L (n, m) and enlarged fields (6, n, m) into RGB, working in `planes` (_PLANES, n, m)."""
    slopes, offsets, (low, high) = fields[:2], fields[2:4], fields[4:]
    linear, ab, work = planes[:3], planes[3:5], planes[5:]  # each call below has `work` to itself
    held = np.minimum(np.maximum(L, low, out=work[0]), high, out=work[0])
    np.multiply(slopes, held, out=ab)
    ab += offsets
    linear_planes(L, ab[0], ab[1], out=linear, work=work)
    outside = np.flatnonzero(outside_gamut(linear, work[:2]))
    flat = linear.reshape(3, -1)  # a view: the rows of each plane lie behind each other
    for start in range(0, len(outside), CHUNK_PIXELS):
        chunk = outside[start : start + CHUNK_PIXELS]
        chunk_L, a, b = (plane.take(chunk) for plane in (L, *ab))
        fitted = linear_planes(chunk_L, *shrink(chunk_L, a, b))
        for plane, values in zip(flat, fitted, strict=True):
            plane[chunk] = values
    return np.asarray(cv2.merge([levels_from_linear(plane, levels) for plane in linear]))
