"""CIEDE2000: how different two colours look, 1 being about the least that an eye can tell."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

_25_TO_7 = 25.0**7


def ciede2000(one: NDArray[Any], other: NDArray[Any]) -> Float64:
    """Difference of colours, with the weights k_L = k_C = k_H = 1.

    Source: Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula: implementation notes,
    supplementary test data, and mathematical observations", 2005; its equations are named below.

    Args:
        one: (..., 3) Lab, L in 0..100.
        other: The same shape.

    Returns:
        (...) float64, from 0.
    """
    L_1, a_1, b_1 = np.moveaxis(np.asarray(one, np.float64), -1, 0)
    L_2, a_2, b_2 = np.moveaxis(np.asarray(other, np.float64), -1, 0)

    # Eq. 2 to 7: a is stretched near grey; chroma and hue from there.
    mean_C7 = ((np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_C7 / (mean_C7 + _25_TO_7))
    C_1, h_1 = _polar(stretch * a_1, b_1)
    C_2, h_2 = _polar(stretch * a_2, b_2)

    # Eq. 8 to 11: differences, the hue's the short way round and none where one is grey.
    is_grey = C_1 * C_2 == 0
    turn = np.where(is_grey, 0.0, h_2 - h_1)
    turn -= np.where(np.abs(turn) > 180, 360 * np.sign(turn), 0.0)
    dL, dC = L_2 - L_1, C_2 - C_1
    dH = 2 * np.sqrt(C_1 * C_2) * np.sin(np.radians(turn) / 2)

    # Eq. 12 to 14: means; of grey's missing hue, the other's.
    L, C = (L_1 + L_2) / 2, (C_1 + C_2) / 2
    h = np.where(is_grey, h_1 + h_2, h_1 + turn / 2) % 360

    # Eq. 15 to 21.
    T = 1 - 0.17 * _cos(h - 30) + 0.24 * _cos(2 * h) + 0.32 * _cos(3 * h + 6)
    T -= 0.20 * _cos(4 * h - 63)
    C7 = C**7
    rotation = -np.sin(np.radians(60 * np.exp(-(((h - 275) / 25) ** 2))))
    rotation *= 2 * np.sqrt(C7 / (C7 + _25_TO_7))
    squared = (L - 50) ** 2
    term_L = dL / (1 + 0.015 * squared / np.sqrt(20 + squared))
    term_C = dC / (1 + 0.045 * C)
    term_H = dH / (1 + 0.015 * C * T)

    # Eq. 22; rounding can take a sum of nearly nothing below zero.
    total = term_L**2 + term_C**2 + term_H**2 + rotation * term_C * term_H
    distance: Float64 = np.sqrt(np.maximum(total, 0))
    return distance


def _polar(a: Float64, b: Float64) -> tuple[Float64, Float64]:
    """Give chroma and hue in degrees, 0..360, 0 for grey."""
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _cos(degrees: Float64) -> Float64:
    cosine: Float64 = np.cos(np.radians(degrees))
    return cosine
