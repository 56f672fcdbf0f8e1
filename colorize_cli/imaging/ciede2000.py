"""The colour difference CIEDE2000.

The numbers of the equations are those of Sharma, Wu and Dalal, "The CIEDE2000 color-difference
formula: implementation notes, supplementary test data, and mathematical observations", 2005.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIKE = 2.0  # mean difference within which two pictures are the same to the eye


def ciede2000(lab_1: NDArray[Any], lab_2: NDArray[Any]) -> NDArray[np.float64]:
    """Measure colour differences with k_L = k_C = k_H = 1; one of 1 can just be seen side by side.

    Both are (..., 3) CIE L*, a*, b*, of shapes that broadcast. The result is (...): 0 for equal
    colours, 100 between black and white.
    """
    L_1, a_1, b_1 = np.moveaxis(np.asarray(lab_1, np.float64), -1, 0)
    L_2, a_2, b_2 = np.moveaxis(np.asarray(lab_2, np.float64), -1, 0)
    # Grey is given more chroma: eqs. 2 to 7.
    mean_chroma = (np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2
    stretch = 1.5 - 0.5 * _saturation(mean_chroma)
    C_1, C_2 = np.hypot(stretch * a_1, b_1), np.hypot(stretch * a_2, b_2)
    h_1, h_2 = np.arctan2(b_1, stretch * a_1), np.arctan2(b_2, stretch * a_2)
    # A hue difference across the branch cut is of the short way round: eqs. 8 to 11.
    product = C_1 * C_2
    turn = np.where(product > 0, np.mod(h_2 - h_1 + np.pi, 2 * np.pi) - np.pi, 0.0)
    dH = 2 * np.sqrt(product) * np.sin(turn / 2)
    # The mean hue lies half of the short way on; where a chroma is 0, it is the sum: eq. 14.
    h = np.where(product > 0, h_1 + turn / 2, h_1 + h_2)
    L, C = (L_1 + L_2) / 2, (C_1 + C_2) / 2
    T = (  # eq. 15
        1
        - 0.17 * np.cos(h - np.pi / 6)
        + 0.24 * np.cos(2 * h)
        + 0.32 * np.cos(3 * h + np.pi / 30)
        - 0.20 * np.cos(4 * h - np.radians(63))
    )
    # Eqs. 16 to 22.
    degrees = np.mod(np.degrees(h), 360)
    rotation = np.radians(60 * np.exp(-(((degrees - 275) / 25) ** 2)))
    off_middle = (L - 50) ** 2
    dL = (L_2 - L_1) / (1 + 0.015 * off_middle / np.sqrt(20 + off_middle))
    dC = (C_2 - C_1) / (1 + 0.045 * C)
    dH = dH / (1 + 0.015 * C * T)
    mixed = -np.sin(rotation) * 2 * _saturation(C) * dC * dH
    return np.asarray(np.sqrt(np.maximum(dL**2 + dC**2 + dH**2 + mixed, 0)))


def mean_difference(labs: Sequence[NDArray[Any]], others: Sequence[NDArray[Any]]) -> float:
    """Average over each pair's pixels, then over the pairs; ValueError if one lacks its other."""
    pairs = zip(labs, others, strict=True)
    return float(np.mean([ciede2000(one, other).mean() for one, other in pairs]))


def are_alike(difference: float) -> bool:
    """Tell whether two pictures of this mean difference are the same to the eye."""
    return bool(difference <= _ALIKE)


def _saturation(C: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sqrt(C^7 / (C^7 + 25^7)): 0 for grey, 1 for strong colours."""
    C_7 = C**7
    return np.asarray(np.sqrt(C_7 / (C_7 + 25.0**7)))
