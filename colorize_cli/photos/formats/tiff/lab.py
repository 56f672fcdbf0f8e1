"""Pixels of CIE L*a*b* in TIFF. Source: TIFF 6.0, section 23."""

import numpy as np

from ....imaging.lab import Pixels, levels_from_linear, levels_of, linear_planes
from ..format import UnsupportedError

CIELAB = 8
_STRIP = 256  # rows at a time


def rgb_from_lab(samples: Pixels, bits: int) -> Pixels:
    """Convert (H, W, 3) of 8 or 16 bits, L* unsigned, a* and b* signed, to sRGB of as many.

    L* is kept. The white, which is D50 in a TIFF, becomes that of sRGB; colours outside are cut to
    it. Raises ImageError for another number of bits.
    """
    if bits not in (8, 16):
        raise UnsupportedError(f"{bits}-bit Lab in a TIFF is not supported: save it as RGB or grey")
    rgb = np.empty_like(samples)
    signed = np.int8 if bits == 8 else np.int16
    unit, top = (1.0, 255) if bits == 8 else (1 / 256, 65_535)
    for start in range(0, len(samples), _STRIP):
        rows = slice(start, start + _STRIP)
        L = samples[rows, :, 0].astype(np.float32) * np.float32(100 / top)
        a, b = (samples[rows, :, i].astype(signed).astype(np.float32) * unit for i in (1, 2))
        for i, plane in enumerate(linear_planes(L, a, b)):
            rgb[rows, :, i] = levels_from_linear(plane, levels_of(samples))
    return rgb
