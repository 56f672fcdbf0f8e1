"""What is transparent, laid on a ground of one level.

Where colours are looked at that is grey, as beside them: another ground would change how they look.
"""

import numpy as np

from ..imaging.lab import Pixels

GREY, WHITE = 128, 255  # of 255
_STRIP = 256  # rows at a time, so that it takes little memory


def is_opaque(alpha: Pixels) -> bool:
    """Whether nothing shines through."""
    return bool(alpha.min() == np.iinfo(alpha.dtype).max)


def laid_on(ground: int, pixels: Pixels, alpha: Pixels | None) -> Pixels:
    """Lay a picture on a ground, 0 to 255; without alpha, or opaque, it is given back as it is.

    `pixels` is (H, W) or (H, W, 3), uint8 or uint16, `alpha` (H, W) of the same type and not
    multiplied into them.
    """
    if alpha is None or is_opaque(alpha):
        return pixels
    top = int(np.iinfo(pixels.dtype).max)
    level = ground * top // 255
    wide = np.uint16 if pixels.dtype == np.uint8 else np.uint32
    flat = np.empty_like(pixels)
    for start in range(0, len(pixels), _STRIP):
        rows = slice(start, start + _STRIP)
        opacity = alpha[rows].astype(wide)
        if pixels.ndim == 3:
            opacity = opacity[..., None]
        flat[rows] = (pixels[rows] * opacity + level * (top - opacity) + top // 2) // top
    return flat
