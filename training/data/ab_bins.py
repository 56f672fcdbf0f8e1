"""The 313 colours of "Colorful Image Colorization" (Zhang et al. 2016): a grid of ab in gamut.

The cells are 10 units wide, and those are taken that sRGB reaches. Which these are depends on how
the gamut is sampled; the ranges are those of the centres that the authors publish.
"""

import numpy as np
from numpy.typing import NDArray

CELL = 10  # Lab units
# For a = -90, -80, ... 100: the least and the greatest b.
_RANGES = (
    *((50, 90), (20, 90), (0, 90), (-20, 90), (-30, 100), (-40, 100), (-50, 100), (-50, 100)),
    *((-60, 100), (-70, 100), (-80, 90), (-80, 90), (-90, 90), (-100, 90), (-100, 80), (-110, 80)),
    *((-110, 80), (-110, 70), (-110, 70), (-90, 0)),
)
LIMIT = 110  # of a and b on the whole grid

AB_BINS: NDArray[np.float32] = np.array(
    [
        (CELL * row - 90, b)
        for row, (least, greatest) in enumerate(_RANGES)
        for b in range(least, greatest + 1, CELL)
    ],
    np.float32,
)


def _table() -> NDArray[np.intp]:
    """Make the number of the nearest bin for each cell of the grid, (23, 23)."""
    side = np.arange(-LIMIT, LIMIT + 1, CELL)
    cells = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1)
    far = ((cells[:, :, None] - AB_BINS) ** 2).sum(axis=-1)
    return np.asarray(far.argmin(axis=-1))


_NEAREST = _table()


def nearest_table() -> NDArray[np.intp]:
    """Give the number of the nearest bin for a and b of -110, -100, ... 110: (23, 23)."""
    return _NEAREST.copy()


def bin_of(ab: NDArray[np.float32]) -> NDArray[np.intp]:
    """Number the bin of each colour: (..., 2) in Lab units to (...), 0 to 312.

    a and b are rounded to the grid, each by itself; a cell out of gamut counts as the nearest one
    in it.
    """
    cell = np.rint(ab.clip(-LIMIT, LIMIT) / CELL).astype(np.intp) + LIMIT // CELL
    return _NEAREST[cell[..., 0], cell[..., 1]]
