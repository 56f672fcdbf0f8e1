"""Colours that sRGB cannot show lose chroma at constant L and hue until it can.

Clipping red, green and blue instead would change L, by ten and more for vivid colours.

Hue and chroma are those of the taxicab norm: chroma |a| + |b|, and a hue from -2 to 2 that goes
round the circle from -b through -a, b and a back to -b. Chromas of one hue have the same ratio in
any norm, and this one needs neither arctangent nor root.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from .lab import Float, linear_planes

_L_STEPS = 256
_HUE_STEPS = 512
# Subtracted from the table's chromas, where interpolation between its nodes comes out too large.
_MARGIN = 0.25
# Linear light this far outside 0..1 is rounding, not another colour.
_ROUNDING = 1e-5
# Between white and yellow the surface of sRGB is hollow: rays of constant L and hue leave it with
# up to this much too much red, and come back at twice the chroma.
_HOLLOW_RED = 0.0305


def fit_gamut(L: Float, a: Float, b: Float) -> tuple[Float, Float]:
    """Reduce the chroma of colours outside sRGB, and leave those inside as they are.

    All planes are float32 of one shape, in Lab units. The results are new planes a and b, of the
    same L and hue, whose linear light is in 0..1 but for rounding. Lemon colours of L 91 to 99.5
    alone may have up to 0.045 too much red; when it is clipped, L changes by up to 0.4.
    """
    fitted_a, fitted_b = a.copy(), b.copy()
    outside = outside_gamut(linear_planes(L, a, b))
    fitted_a[outside], fitted_b[outside] = shrink(L[outside], a[outside], b[outside])
    return fitted_a, fitted_b


def outside_gamut(linear: Float, work: Float | None = None) -> NDArray[np.bool_]:
    """Mark linear light, (3, *shape), outside 0..1 in any channel; `work` is (2, *shape)."""
    work = np.empty((2, *linear.shape[1:]), np.float32) if work is None else work
    red, green, blue = linear
    low = np.minimum(np.minimum(red, green, out=work[0]), blue, out=work[0])
    high = np.maximum(np.maximum(red, green, out=work[1]), blue, out=work[1])
    return np.asarray((low < -_ROUNDING) | (high > 1 + _ROUNDING))


def shrink(L: Float, a: Float, b: Float) -> tuple[Float, Float]:
    """Return a and b with no more chroma than sRGB can show at each L and hue."""
    chroma = np.maximum(np.abs(a) + np.abs(b), np.float32(1e-6))
    hue = np.copysign(1 - b / chroma, a)
    factor = np.minimum(_largest_chroma(L, hue) / chroma, np.float32(1))
    return a * factor, b * factor


def _largest_chroma(L: Float, hue: Float) -> Float:
    table = chroma_table()
    columns = table.shape[1]
    y, x = L * np.float32(_L_STEPS / 100), (hue + 2) * np.float32(_HUE_STEPS / 4)
    i, j = np.floor(y), np.floor(x)
    y -= i
    x -= j
    node = (i * columns + j).astype(np.intp)  # whole numbers that float32 holds
    # Clipped because that is quicker than checked; only NaN and infinity lie outside the table.
    upper, right, lower, across = (
        table.take(node + step, mode="clip") for step in (0, 1, columns, columns + 1)
    )
    upper += x * (right - upper)
    lower += x * (across - lower)
    upper += y * (lower - upper)
    return np.asarray(upper, np.float32)


@cache
def chroma_table() -> Float:
    """Tabulate the largest chroma |a| + |b| of sRGB, (258, 514) float32.

    Rows are L from 0 to 100, columns hue from -2 to 2, with a copy of the last one behind each.
    """
    # All at once: in 257 rows, one after the other, NumPy's calls take six times as long.
    L, hue = np.meshgrid(
        np.linspace(0, 100, _L_STEPS + 1, dtype=np.float32),
        np.linspace(-2, 2, _HUE_STEPS + 1, dtype=np.float32),
        indexing="ij",
    )
    b = 1 - np.abs(hue)
    a = np.copysign(1 - np.abs(b), hue)
    return np.pad(_bisect(L, a, b), (0, 1), mode="edge")


def _bisect(L: Float, a: Float, b: Float) -> Float:
    # Lemon has -a below 0.4 b; elsewhere, and at other L, rays leave the gamut only once.
    lemon = np.clip(np.minimum((L - 91) / 5, (99.5 - L) / 2), 0, 1) * ((a < 0) & (-a < 0.4 * b))
    excess = np.float32(_HOLLOW_RED) * lemon
    chroma, step = np.zeros_like(a), 96.0  # no colour of sRGB has more than 192
    while step > 0.005:
        linear = linear_planes(L, (chroma + step) * a, (chroma + step) * b)
        linear[0] -= excess
        chroma += step * ~outside_gamut(linear)
        step /= 2
    return np.asarray(np.maximum(chroma - _MARGIN, 0), np.float32)
