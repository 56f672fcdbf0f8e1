"""Which colours are those of skin."""

import numpy as np
from numpy.typing import NDArray

from colorize_cli.imaging.lab import Float


def has_skin_colour(lab: Float) -> NDArray[np.bool_]:
    """Mark what of a picture (H, W, 3) in Lab has the colours of skin: (H, W).

    Skin of all kinds lies within these hues and chromas in ordinary light; so do wood, sand and
    hair.
    """
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
    is_skin: NDArray[np.bool_] = (
        (chroma > 8) & (chroma < 50) & (hue > 15) & (hue < 85) & (lab[..., 0] > 12)
    )
    return is_skin
