"""What is transparent, laid on a ground."""

import numpy as np
import pytest

from colorize_cli.photos.transparency import GREY, WHITE, laid_on


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("ground", [GREY, WHITE])
def test_the_ground_is_seen_whatever_lies_below_what_is_transparent(
    kind: type, channels: tuple[int, ...], ground: int
) -> None:
    top = np.iinfo(kind).max
    pixels = np.zeros((600, 40, *channels), kind)
    pixels[:, 20:] = top
    alpha = np.zeros((600, 40), kind)
    alpha[300:] = top
    laid = laid_on(ground, pixels, alpha)
    assert laid.dtype == kind
    assert (laid[:300] == ground * (top // 255)).all()
    assert np.array_equal(laid[300:], pixels[300:])


def test_what_is_half_transparent_lets_half_of_the_ground_through() -> None:
    half = np.full((4, 4), 128, np.uint8)
    assert (laid_on(GREY, np.full((4, 4, 3), 28, np.uint8), half) == 78).all()
