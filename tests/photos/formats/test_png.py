import zlib

import numpy as np
import pytest
from made import pictures
from made.carriers import (
    recolored,
    source,
)

from colorize_cli.imaging.lab import srgb_from_linear
from colorize_cli.photos.metadata import Metadata
from colorize_cli.photos.read import read_photo


def test_texts_of_a_png_are_kept() -> None:
    image = pictures.opened(recolored(source("png"), "png"))
    assert image.info["Title"] == "café"
    assert image.info["Author"] == "Ωμέγα"
    assert image.info["Comment"] == "long " * 500


def test_a_bomb_of_a_text_is_dropped() -> None:
    bomb = pictures.chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(40_000_000)))
    rows = [row.tobytes() for row in pictures.grey()]
    photo = read_photo(pictures.png(rows, 8, 0, pictures.WIDTH, bomb))
    assert photo.metadata == Metadata()


def with_gamma(gamma: int, *, others: bytes = b"") -> bytes:
    rows = [row.tobytes() for row in pictures.grey()]
    extra = pictures.chunk(b"gAMA", gamma.to_bytes(4, "big")) + others
    return pictures.png(rows, 8, 0, pictures.WIDTH, extra)


def test_another_gamma_is_brought_to_srgb_with_a_warning() -> None:
    photo = read_photo(with_gamma(100_000))  # light itself
    expected = srgb_from_linear(pictures.grey() / 255) * 255
    assert np.abs(photo.pixels - expected).max() <= 0.51
    assert photo.warnings == (
        "ICC profile 'gamma 1' applied to the greys: the picture is sRGB now",
    )


@pytest.mark.parametrize("gamma", [45_455, 45_000, 0, 2_000_000_000])
def test_the_gamma_of_srgb_and_nonsense_change_nothing(gamma: int) -> None:
    photo = read_photo(with_gamma(gamma))
    np.testing.assert_array_equal(photo.pixels, pictures.grey())
    assert photo.warnings == ()


def test_a_gamma_beside_srgb_does_not_count() -> None:
    data = with_gamma(100_000, others=pictures.chunk(b"sRGB", b"\0"))
    np.testing.assert_array_equal(read_photo(data).pixels, pictures.grey())
