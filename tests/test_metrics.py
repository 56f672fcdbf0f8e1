import math

import numpy as np
import pytest
from numpy.typing import NDArray

from training.metrics import (
    MAX_PSNR,
    Means,
    PhotoFigures,
    PictureFigures,
    colourfulness,
    means_of_photos,
    means_of_sets,
    psnr,
    ratios,
)

RNG = np.random.default_rng(0)


def noise(height: int = 9, width: int = 7) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def photo(lpips: list[float | None], psnrs: list[float], diversity: float | None) -> PhotoFigures:
    figures = [PictureFigures(lp, p, 20.0) for lp, p in zip(lpips, psnrs, strict=True)]
    off = lpips[0] is None
    return PhotoFigures(
        name="set/photo.png",
        sha256="00",
        height=1,
        width=1,
        truth_colourfulness=40.0,
        grey=PictureFigures(None if off else 0.4, 20.0, 0.0),
        mean_colour=PictureFigures(None if off else 0.3, 21.0, 5.0),
        samples=tuple(figures),
        diversity=diversity,
    )


def test_psnr_of_a_constant_error() -> None:
    truth = np.full((4, 5, 3), 100, np.uint8)
    # An error of 255 / 10 everywhere would be 20 dB; of 16, 20 log10(255 / 16).
    assert psnr(truth, truth + np.uint8(16)) == pytest.approx(20 * math.log10(255 / 16))
    assert psnr(truth + np.uint8(16), truth) == psnr(truth, truth + np.uint8(16))


def test_psnr_does_not_wrap_around() -> None:
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert psnr(black, white) == 0.0


def test_psnr_of_equal_pictures_is_finite() -> None:
    picture = noise()
    assert psnr(picture, picture) == MAX_PSNR


def test_psnr_refuses_pictures_of_different_shapes() -> None:
    with pytest.raises(ValueError, match="different shapes"):
        psnr(noise(4, 5), noise(1, 5))


def test_colourfulness_of_grey_is_zero() -> None:
    grey = np.repeat(RNG.integers(0, 256, (8, 8, 1), dtype=np.uint8), 3, axis=2)
    assert colourfulness(grey) == 0.0


def test_colourfulness_of_one_colour_is_its_offset() -> None:
    # rg = 200 - 100 = 100, yb = 150 - 30 = 120, no spread.
    flat = np.broadcast_to(np.array([200, 100, 30], np.uint8), (6, 6, 3))
    assert colourfulness(flat) == pytest.approx(0.3 * math.hypot(100, 120))


def test_colourfulness_takes_signed_differences() -> None:
    # Half red, half green: signed rg is 255 and -255 (spread 255, mean 0); the absolute one
    # would have no spread at all. yb is 127.5 everywhere.
    halves = np.zeros((4, 2, 3), np.uint8)
    halves[:2, :, 0] = 255
    halves[2:, :, 1] = 255
    assert colourfulness(halves) == pytest.approx(255 + 0.3 * 127.5)


def test_the_best_sample_is_chosen_for_each_figure() -> None:
    row = means_of_photos([photo([0.3, 0.2, 0.25], [22.0, 23.0, 24.0], 0.1)]).model
    assert (row.lpips_first, row.lpips_best) == (0.3, 0.2)
    assert (row.psnr_first, row.psnr_best) == (22.0, 24.0)
    assert row.diversity == 0.1


def test_every_set_counts_the_same_whatever_its_number_of_photos() -> None:
    small = means_of_photos([photo([0.1], [30.0], None)])
    large = means_of_photos([photo([0.3], [20.0], None)] * 9)
    overall = means_of_sets({"small": small, "large": large})
    assert overall.photos == 10
    assert overall.model.lpips_first == pytest.approx(0.2)
    assert overall.model.psnr_first == pytest.approx(25.0)
    assert overall.truth_colourfulness == pytest.approx(40.0)


def test_ratios_are_ratios_of_means() -> None:
    means: Means = means_of_photos(
        [photo([0.1, 0.1], [20.0, 21.0], 0.2), photo([0.3, 0.2], [22.0, 25.0], 0.1)]
    )
    result = ratios(means)
    assert result.lpips_first_below_grey == pytest.approx(50.0)
    assert result.lpips_best_below_grey == pytest.approx(62.5)
    assert result.psnr_first_above_grey == pytest.approx(1.0)
    assert result.psnr_best_above_grey == pytest.approx(3.0)
    assert result.colourfulness_of_truth == pytest.approx(50.0)
    assert result.diversity == pytest.approx(0.15)


def test_what_was_left_out_stays_out_of_means_and_ratios() -> None:
    means = means_of_photos([photo([None], [20.0], None)])
    assert means.model.lpips_first is None
    assert means.model.diversity is None
    assert ratios(means).lpips_first_below_grey is None
    assert ratios(means).psnr_first_above_grey == 0.0
