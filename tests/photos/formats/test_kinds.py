"""Each format in each depth, kind of colour and orientation that it has."""

import numpy as np
import pytest
from made.kinds import Kind, kinds, orientations, picture

from colorize_cli.photos.read import read_photo


@pytest.mark.parametrize("kind", kinds(), ids=str)
def test_every_kind_is_read_at_its_depth_and_upright(kind: Kind) -> None:
    for orientation in orientations(kind):
        made = picture(kind, orientation)
        photo = read_photo(made.data)
        assert photo.format == kind.format
        assert photo.pixels.dtype == made.pixels.dtype
        assert photo.pixels.shape == made.pixels.shape
        off = np.abs(photo.pixels.astype(int) - made.pixels.astype(int)).max()
        assert off <= made.tolerance
        assert (photo.alpha is None) == (made.alpha is None)
        if made.alpha is not None:
            np.testing.assert_array_equal(photo.alpha, made.alpha)
