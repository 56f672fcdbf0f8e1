"""sRGB <-> CIE Lab in float32 (D65, 2 degrees), the one conversion of training and the runtime.

Written out rather than taken from OpenCV, whose float Lab is a table that is off by up to 0.19
in L, and whose 8-bit Lab keeps only 238 of the 256 levels of a grey ramp.

Sources: IEC 61966-2-1 (sRGB transfer function and primaries), CIE 15:2004 (Lab). The white
point is the sum of the matrix rows, so that neutral grey has exactly a = b = 0 up to rounding.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

_RGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _RGB_TO_XYZ.sum(axis=1)
# Linear RGB -> XYZ / white, and back.
_TO_RELATIVE = (_RGB_TO_XYZ / _WHITE[:, None]).astype(np.float32)
_FROM_RELATIVE = np.linalg.inv(_RGB_TO_XYZ / _WHITE[:, None]).astype(np.float32)
_REC601 = np.array([0.299, 0.587, 0.114], np.float32)
_EPSILON = 216 / 24389
_KAPPA = 24389 / 27


def linear_from_srgb(value: NDArray[np.floating]) -> NDArray[np.floating]:
    """Undo the sRGB transfer function; `value` and result in 0..1, any shape and float type."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(value: Float) -> Float:
    """Apply the sRGB transfer function; negative values follow the linear part."""
    high = 1.055 * np.maximum(value, 0.0031308) ** np.float32(1 / 2.4) - 0.055
    return np.where(value <= 0.0031308, 12.92 * value, high).astype(np.float32)


@cache
def linear_table(levels: int) -> Float:
    """Linear light of every integer level: (levels,) float32 in 0..1; 256 or 65,536 levels."""
    return linear_from_srgb(np.arange(levels) / (levels - 1)).astype(np.float32)


@cache
def lightness_table(levels: int) -> Float:
    """L* of every neutral integer level: (levels,) float32 in 0..100."""
    y = linear_from_srgb(np.arange(levels) / (levels - 1))
    return np.where(y > _EPSILON, 116 * np.cbrt(y) - 16, _KAPPA * y).astype(np.float32)


def _linear(rgb: NDArray[np.generic]) -> Float:
    if rgb.dtype in (np.uint8, np.uint16):
        return np.take(linear_table(256 if rgb.dtype == np.uint8 else 65_536), rgb)
    return linear_from_srgb(rgb.astype(np.float32)).astype(np.float32)


def _f(ratio: Float) -> Float:
    linear = (_KAPPA * ratio + 16) * np.float32(1 / 116)
    return np.where(ratio > _EPSILON, np.cbrt(ratio), linear).astype(np.float32)


def lab_from_rgb(rgb: NDArray[np.generic]) -> Float:
    """Convert sRGB to Lab.

    Args:
        rgb: (..., 3) sRGB, uint8, uint16, or floating in 0..1.

    Returns:
        (..., 3) float32: L in 0..100, a and b in about -128..127.
    """
    f = _f(_linear(rgb) @ _TO_RELATIVE.T)
    fx, fy, fz = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], axis=-1)


def linear_from_lab(lab: Float) -> Float:
    """Convert Lab to linear RGB, without clipping: (..., 3) float32; in gamut where in 0..1."""
    fy = (lab[..., 0] + 16) * np.float32(1 / 116)
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
    cube = f * f * f
    ratio = np.where(cube > _EPSILON, cube, (116 * f - 16) * np.float32(1 / _KAPPA))
    return ratio.astype(np.float32) @ _FROM_RELATIVE.T


def rgb_from_lab(lab: Float) -> Float:
    """Convert Lab to sRGB, without clipping.

    Args:
        lab: (..., 3) float32, L in 0..100.

    Returns:
        (..., 3) float32 sRGB; colours that sRGB cannot show lie outside 0..1.
    """
    return srgb_from_linear(linear_from_lab(lab))


def lightness(pixels: NDArray[np.generic]) -> Float:
    """L* of a photo, grey or colour, at full depth.

    Args:
        pixels: (H, W) grey or (H, W, 3) sRGB, uint8 or uint16.

    Returns:
        (H, W) float32 in 0..100.
    """
    if pixels.ndim == 2:
        return np.take(lightness_table(256 if pixels.dtype == np.uint8 else 65_536), pixels)
    return 116 * _f(_linear(pixels) @ _TO_RELATIVE[1]) - 16


def lightness_of_luma(rgb: NDArray[np.uint8]) -> Float:
    """L* of a colour photo that was made grey by Rec. 601 luma, as scanners and editors do.

    Args:
        rgb: (H, W, 3) uint8 sRGB.

    Returns:
        (H, W) float32 in 0..100; differs from `lightness` by 5 on average.
    """
    luma = np.clip(np.rint(rgb.astype(np.float32) @ _REC601), 0, 255).astype(np.uint8)
    return np.take(lightness_table(256), luma)
