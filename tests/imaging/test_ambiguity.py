"""The spread of samples, and small pictures of any photo."""

import numpy as np
import pytest

from colorize_cli.imaging.ambiguity import SPAN, spread, spread_map
from colorize_cli.imaging.lab import lab_from_rgb
from colorize_cli.imaging.thumbnail import thumbnail

RED, BLUE, GREY = (200, 60, 60), (60, 60, 200), (120, 120, 120)


def plain(*halves: tuple[int, int, int]) -> np.ndarray:
    """A picture whose halves, left and right, each have a colour."""
    return np.stack([np.tile(np.array(half, np.uint8), (4, 5, 1)) for half in halves], 1).reshape(
        4, -1, 3
    )


def test_the_spread_is_half_the_distance_in_ab_of_two_samples() -> None:
    found = spread([plain(RED, GREY), plain(BLUE, GREY)])
    red, blue = (lab_from_rgb(np.array(colour, np.uint8))[1:] for colour in (RED, BLUE))
    assert found.shape == (4, 10)
    np.testing.assert_allclose(found[:, :5], np.linalg.norm(red - blue) / 2, rtol=1e-5)
    np.testing.assert_allclose(found[:, 5:], 0, atol=1e-3)


def test_lightness_alone_is_no_spread() -> None:
    dark, light = plain((40, 40, 40)), plain((220, 220, 220))
    assert spread([dark, light]).max() < 0.1


def test_the_map_is_black_where_samples_agree_and_brightest_from_the_span_on() -> None:
    far = [plain(RED, GREY), plain(BLUE, GREY)]
    assert spread(far).max() > SPAN
    painted = spread_map(far)
    assert painted[0, 0].sum() > 600 > 20 > painted[0, -1].sum()


def test_one_sample_or_samples_of_two_sizes_have_no_spread() -> None:
    for pictures in ([plain(RED)], [plain(RED), plain(RED, BLUE)]):
        with pytest.raises(ValueError, match="two or more pictures of one size"):
            spread(pictures)


@pytest.mark.parametrize("shape", [(60, 200), (60, 200, 3)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_thumbnail_is_small_of_eight_bits_and_of_the_same_tone(
    shape: tuple[int, ...], kind: type[np.unsignedinteger]
) -> None:
    top = np.iinfo(kind).max
    small = thumbnail(np.full(shape, top // 3, kind), 50)
    assert (small.shape, small.dtype) == ((15, 50, 3), np.uint8)
    assert np.all(small == 85)


def test_a_picture_that_is_small_keeps_its_size() -> None:
    assert thumbnail(np.zeros((3, 7), np.uint8), 50).shape == (3, 7, 3)
    assert thumbnail(np.zeros((1, 9000), np.uint8), 50).shape == (1, 50, 3)
