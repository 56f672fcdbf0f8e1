"""The one conversion of sRGB to CIE Lab and back, in float32 (D65, 2 degrees).

It is written out rather than taken from OpenCV, whose float Lab is a table that is off by up to
0.19 in L, and whose 8-bit Lab keeps only 238 of the 256 levels of a grey ramp.

Sources: IEC 61966-2-1 (sRGB transfer function and primaries), CIE 15:2004 (Lab). The white
point is the sum of the matrix rows, so that neutral grey has exactly a = b = 0 up to rounding.

Each step is one NumPy or OpenCV call on a whole plane and rounds the same way wherever a pixel
lies in it, so that a photo converted in strips is the same as one converted at once.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Pixels = NDArray[Any]  # uint8 or uint16, the whole range

_RGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _RGB_TO_XYZ.sum(axis=1)
# Linear RGB -> XYZ / white, and back.
TO_RELATIVE = (_RGB_TO_XYZ / _WHITE[:, None]).astype(np.float32)
FROM_RELATIVE = np.linalg.inv(_RGB_TO_XYZ / _WHITE[:, None]).astype(np.float32)
REC601 = np.array([0.299, 0.587, 0.114], np.float32)
EPSILON = 216 / 24389
KAPPA = 24389 / 27
DELTA = 6 / 29  # the cube root of EPSILON
_SLOPE = np.float32(3 * DELTA**2)
# Square roots of linear light are rounded to 16 bits on their way to a table: finer than the
# levels of 8-bit sRGB everywhere, and within 1.5 levels of 16-bit sRGB.
_ROOTS = 65_535


def linear_from_srgb(value: NDArray[np.floating]) -> NDArray[np.floating]:
    """Undo the sRGB transfer function; `value` and result in 0..1, any shape and float type."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(value: NDArray[np.floating]) -> NDArray[np.floating]:
    """Apply the sRGB transfer function; any shape and float type, beyond 0..1 too."""
    high = 1.055 * np.maximum(value, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(value <= 0.0031308, 12.92 * value, high)


@cache
def linear_table(levels: int) -> Float:
    """Tabulate linear light, (levels,) float32 in 0..1, of 256 or 65,536 integer levels."""
    return linear_from_srgb(np.arange(levels) / (levels - 1)).astype(np.float32)


@cache
def lightness_table(levels: int) -> Float:
    """Tabulate L*, (levels,) float32 in 0..100, of 256 or 65,536 neutral integer levels."""
    Y = linear_from_srgb(np.arange(levels) / (levels - 1))
    return lightness_of_luminance(Y).astype(np.float32)


@cache
def level_table(levels: int) -> Pixels:
    """Tabulate the level of sRGB, (65,536,) uint8 or uint16, by the square root of linear light."""
    share = srgb_from_linear((np.arange(_ROOTS + 1) / _ROOTS) ** 2)
    table: Pixels = np.rint(share * (levels - 1))
    return table.astype(np.uint8 if levels == 256 else np.uint16)


def levels_of(pixels: Pixels) -> int:
    """Count the levels that the type of `pixels` has: 256 or 65,536."""
    return 256 if pixels.dtype == np.uint8 else 65_536


def _linear(rgb: NDArray[Any]) -> Float:
    if rgb.dtype in (np.uint8, np.uint16):
        return np.asarray(linear_table(levels_of(rgb))[rgb])
    return linear_from_srgb(rgb.astype(np.float32)).astype(np.float32)


def _f(ratio: NDArray[np.floating]) -> NDArray[np.floating]:
    # The cube root above EPSILON, its tangent there below.
    high = np.maximum(ratio, EPSILON)
    return np.asarray(np.cbrt(high) + KAPPA / 116 * (ratio - high))


def lightness_of_luminance(Y: NDArray[np.floating]) -> NDArray[np.floating]:
    """Compute L* in 0..100 from relative luminance Y in 0..1, of any shape and float type."""
    return 116 * _f(Y) - 16


def lab_from_rgb(rgb: NDArray[Any]) -> Float:
    """Convert (..., 3) sRGB, uint8, uint16, or floating in 0..1, to Lab.

    It is (..., 3) float32: L in 0..100, a and b in about -128..127.
    """
    f = _f(_linear(rgb) @ TO_RELATIVE.T)
    fx, fy, fz = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], axis=-1)


def linear_planes(
    L: Float, a: Float, b: Float, out: Float | None = None, work: Float | None = None
) -> Float:
    """Convert planes of Lab, of any shape, to linear red, green and blue, without clipping.

    All arrays are float32. The result is (3, *shape); a colour that sRGB can show lies in 0..1 in
    all three. Callers that convert tile after tile hand over memory: `out` for the result, and
    `work`, (5, *shape), to work in.
    """
    linear = np.empty((3, *L.shape), np.float32) if out is None else out
    fx, fy, fz, scratch, square = np.empty((5, *L.shape), np.float32) if work is None else work
    np.add(L, np.float32(16), out=fy)
    fy *= np.float32(1 / 116)
    np.multiply(a, np.float32(1 / 500), out=fx)
    fx += fy
    np.multiply(b, np.float32(-1 / 200), out=fz)
    fz += fy
    for f in (fx, fy, fz):
        # The inverse of _f: the cube above DELTA, its tangent there below.
        high = np.maximum(f, np.float32(DELTA), out=scratch)
        np.multiply(high, high, out=square)
        square -= _SLOPE
        square *= high
        f *= _SLOPE
        f += square
    for plane, (mx, my, mz) in zip(linear, FROM_RELATIVE, strict=True):
        np.multiply(fx, mx, out=plane)
        plane += np.multiply(fy, my, out=scratch)
        plane += np.multiply(fz, mz, out=scratch)
    return linear


def levels_from_linear(linear: Float, levels: int) -> Pixels:
    """Make linear light, (H, W) float32, which is overwritten, 256 or 65,536 levels of sRGB."""
    cv2.threshold(linear, 0, 0, cv2.THRESH_TOZERO, linear)
    cv2.sqrt(linear, linear)
    # OpenCV's fastest way to scale, round and saturate: a sum whose second term has no weight.
    index = cv2.addWeighted(linear, _ROOTS, linear, 0, 0, dtype=cv2.CV_16U)
    return np.asarray(cv2.LUT(index, level_table(levels)))


def lightness(pixels: Pixels) -> Float:
    """Compute L*, (H, W) float32 in 0..100, of (H, W) grey or (H, W, 3) sRGB, uint8 or uint16."""
    levels = levels_of(pixels)
    if pixels.ndim == 2:
        return np.asarray(cv2.LUT(pixels, lightness_table(levels)), np.float32)
    Y = np.zeros(pixels.shape[:2], np.float32)
    for channel, weight in enumerate(TO_RELATIVE[1]):
        Y += cv2.LUT(cv2.extractChannel(pixels, channel), weight * linear_table(levels))
    return np.asarray(lightness_of_luminance(Y), np.float32)


def lightness_of_luma(rgb: NDArray[np.uint8]) -> Float:
    """Compute L* of a colour photo, (H, W, 3) uint8 sRGB, made grey by Rec. 601 luma as in editors.

    It is (H, W) float32 in 0..100, and differs from `lightness` by 5 on average.
    """
    luma = np.clip(np.rint(rgb.astype(np.float32) @ REC601), 0, 255).astype(np.uint8)
    return np.asarray(lightness_table(256)[luma])
