"""What a photograph is told to be."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from colorize_cli.bench.synthetic import synthetic_photo
from colorize_cli.imaging.lab import levels_from_linear, linear_planes
from colorize_cli.imaging.photo_kind import Kind, kind_of
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.runtimes.find_device import resolve

Array = NDArray[np.uint8]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def grey() -> Array:
    return np.asarray(read_photo(synthetic_photo(320, 240)).pixels, np.uint8)


def read(pixels: Array, suffix: str = ".png") -> Photo:
    """Read what OpenCV wrote; pixels are grey or RGB."""
    return read_photo(
        cv2.imencode(suffix, pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1].tobytes()
    )


def rgb_of(L: NDArray[np.float32], a: NDArray[np.float32], b: NDArray[np.float32]) -> Array:
    planes = [levels_from_linear(plane, 256) for plane in linear_planes(L, a, b)]
    return np.stack(planes, axis=-1)


def kind(photo: Photo) -> Kind:
    return kind_of(photo.pixels, photo.is_colour)


def toned(grey: Array, chroma: Callable[[NDArray[np.float32]], tuple[object, object]]) -> Array:
    """Give every lightness a colour of its own."""
    L = grey.astype(np.float32) / 2.55
    a, b = chroma(L)
    return rgb_of(L, *(np.broadcast_to(np.asarray(c, np.float32), L.shape) for c in (a, b)))


def coloured(grey: Array, strength: float) -> Array:
    """Give regions colours of their own, whatever their lightness."""
    rng = np.random.default_rng(0)
    ab = rng.normal(0, strength, (4, 5, 2)).astype(np.float32)
    ab = cv2.resize(ab, grey.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return rgb_of(grey.astype(np.float32) / 2.55, ab[..., 0], ab[..., 1])


def test_grey_is_grey_also_as_noise_in_three_channels(grey: Array) -> None:
    assert kind(read(grey)) == "grey"
    noise = np.random.default_rng(0).integers(-2, 3, (*grey.shape, 3))
    assert kind(read(np.clip(grey[..., None] + noise, 0, 255).astype(np.uint8))) == "grey"


def test_a_16_bit_grey_is_grey(grey: Array) -> None:
    assert kind(read(grey.astype(np.uint16) * 257)) == "grey"  # type: ignore[arg-type]


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
    assert kind(read(toned(grey, tone), suffix)) == "toned"


def test_of_a_toned_photo_the_network_sees_the_lightness_alone(
    grey: Array, tiny_bundle: Path
) -> None:
    colorizer = Colorizer(load_bundle(tiny_bundle), resolve("cpu"))
    neutral, sepia = (
        colorizer.prepare(read(toned(grey, lambda L, ab=ab: ab))).L for ab in ((0, 0), (5, 18))
    )
    # Near black and white sRGB has no such tone, and what is shown is lighter or darker.
    assert np.median(np.abs(sepia - neutral)) < 0.2
    assert np.abs(sepia - neutral).max() < 3


@pytest.mark.parametrize("strength", [6, 15, 40])
def test_colours_of_regions_are_colour(grey: Array, strength: float) -> None:
    assert kind(read(coloured(grey, strength))) == "colour"
    assert kind(read(coloured(grey, strength), ".jpg")) == "colour"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.*[fgp]")), ids=lambda path: path.name)
def test_real_photographs_are_grey_as_they_are_and_toned_with_a_tone(path: Path) -> None:
    photo = read_photo(path.read_bytes())
    assert kind(photo) == "grey"
    pixels = photo.pixels[..., 0] if photo.pixels.ndim == 3 else photo.pixels
    grey = (pixels // 257 if pixels.dtype == np.uint16 else pixels).astype(np.uint8)
    for tone in (
        lambda L: (0.12 * np.minimum(L, 100 - L), 0.4 * np.minimum(L, 100 - L)),
        lambda L: (-6, -0.4 * np.minimum(L, 100 - L)),
    ):
        assert kind(read(toned(grey, tone), ".jpg")) == "toned"


@pytest.mark.parametrize("name", ["astronaut", "chelsea"])
def test_real_photographs_in_colour_are_colour_also_a_brown_cat(name: str) -> None:
    data = (Path(__file__).parents[1] / "photographs" / f"{name}.jpg").read_bytes()
    assert kind(read_photo(data)) == "colour"


def test_drawings_are_bilevel_and_photographs_pages_and_nights_are_not(grey: Array) -> None:
    drawing = np.full((300, 400), 250, np.uint8)
    for i in range(12):
        cv2.circle(drawing, (30 * i + 20, 150), 60 + 5 * i, 10, 2)
    assert kind(read(drawing)) == "bilevel"
    assert kind(read(np.where(grey > 128, 255, 0).astype(np.uint8))) == "bilevel"
    assert kind(read(np.full((300, 400), 250, np.uint8))) == "grey"
    assert kind(read((grey // 10).astype(np.uint8))) == "grey"
