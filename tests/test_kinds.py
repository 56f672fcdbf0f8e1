"""What a photograph is told to be."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from colorize_cli.images import Photo, read_photo
from colorize_cli.kinds import kind_of
from colorize_cli.lab import rgb_from_lab
from colorize_cli.synthetic import synthetic_photo

Array = NDArray[np.uint8]


@pytest.fixture(scope="module")
def grey() -> Array:
    return np.asarray(read_photo(synthetic_photo(320, 240)).pixels, np.uint8)


def read(pixels: Array, suffix: str = ".png") -> Photo:
    """Read what OpenCV wrote; pixels are grey or RGB."""
    return read_photo(
        cv2.imencode(suffix, pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1].tobytes()
    )


def toned(grey: Array, chroma: Callable[[NDArray[np.float32]], tuple[object, object]]) -> Array:
    """Give every lightness a colour of its own."""
    L = grey.astype(np.float32) / 2.55
    a, b = chroma(L)
    lab = np.stack([L, *(np.broadcast_to(np.asarray(c, np.float32), L.shape) for c in (a, b))], -1)
    return np.rint(255 * rgb_from_lab(lab).clip(0, 1)).astype(np.uint8)


def coloured(grey: Array, strength: float) -> Array:
    """Give regions colours of their own, whatever their lightness."""
    rng = np.random.default_rng(0)
    ab = rng.normal(0, strength, (4, 5, 2)).astype(np.float32)
    ab = cv2.resize(ab, grey.shape[::-1], interpolation=cv2.INTER_CUBIC)
    lab = np.dstack([grey.astype(np.float32) / 2.55, ab])
    return np.rint(255 * rgb_from_lab(lab).clip(0, 1)).astype(np.uint8)


def test_grey_is_grey_also_as_noise_in_three_channels(grey: Array) -> None:
    assert kind_of(read(grey)) == "grey"
    noise = np.random.default_rng(0).integers(-2, 3, (*grey.shape, 3))
    assert kind_of(read(np.clip(grey[..., None] + noise, 0, 255).astype(np.uint8))) == "grey"


def test_a_16_bit_grey_is_grey(grey: Array) -> None:
    assert kind_of(read(grey.astype(np.uint16) * 257)) == "grey"  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize(
    "tone",
    [
        lambda L: (5, 18),  # sepia
        lambda L: (0.2 * np.minimum(L, 100 - L), 0.5 * np.minimum(L, 100 - L)),  # neutral ends
        lambda L: (-8, -0.5 * np.minimum(L, 100 - L)),  # cyanotype
    ],
)
def test_a_tone_is_a_function_of_lightness(
    grey: Array, tone: Callable[[object], tuple[object, object]], suffix: str
) -> None:
    assert kind_of(read(toned(grey, tone), suffix)) == "toned"


@pytest.mark.parametrize("strength", [6, 15, 40])
def test_colours_of_regions_are_colour(grey: Array, strength: float) -> None:
    assert kind_of(read(coloured(grey, strength))) == "colour"
    assert kind_of(read(coloured(grey, strength), ".jpg")) == "colour"


def test_drawings_are_bilevel_and_photographs_pages_and_nights_are_not(grey: Array) -> None:
    drawing = np.full((300, 400), 250, np.uint8)
    for i in range(12):
        cv2.circle(drawing, (30 * i + 20, 150), 60 + 5 * i, 10, 2)
    assert kind_of(read(drawing)) == "bilevel"
    assert kind_of(read(np.where(grey > 128, 255, 0).astype(np.uint8))) == "bilevel"
    assert kind_of(read(np.full((300, 400), 250, np.uint8))) == "grey"
    assert kind_of(read((grey // 10).astype(np.uint8))) == "grey"
