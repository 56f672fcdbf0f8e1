"""The greys of old photographs stay greys of the same photograph."""

import numpy as np
import pytest

from colorize_cli.imaging.lab import lab_from_rgb, lightness
from training import degrade


@pytest.fixture
def L() -> degrade.Float:
    x = np.linspace(5, 95, 64, dtype=np.float32)
    return np.repeat(x[None], 48, axis=0)


@pytest.mark.parametrize("step", [step for step, _ in degrade._STEPS])
def test_every_step_keeps_the_shape_and_most_of_the_picture(step: object, L: degrade.Float) -> None:
    for seed in range(5):
        out = step(L, np.random.default_rng(seed))  # type: ignore[operator]
        assert out.dtype == np.float32
        assert out.shape == L.shape
        assert np.corrcoef(out.ravel(), L.ravel())[0, 1] > 0.9


def test_an_old_photo_stays_in_range(L: degrade.Float) -> None:
    for seed in range(30):
        out = degrade.old_photo(L, np.random.default_rng(seed))
        assert out.min() >= 0
        assert out.max() <= 100


def test_blur_softens_and_grain_roughens(L: degrade.Float) -> None:
    rng = np.random.default_rng(0)
    edge = np.where(L > 50, 90, 10).astype(np.float32)
    assert np.abs(np.diff(degrade.blur(edge, rng), axis=1)).max() < 80
    assert degrade.grain(L, rng)[:, 30].std() > 0.5


def test_orthochromatic_film_sees_red_dark_and_blue_light() -> None:
    red, blue = np.array([[[200, 30, 30]]], np.uint8), np.array([[[30, 30, 200]]], np.uint8)
    for seed in range(10):
        film = [
            degrade.orthochromatic_lightness(rgb, np.random.default_rng(seed))[0, 0]
            for rgb in (red, blue)
        ]
        assert film[0] < lightness(red)[0, 0] - 5
        assert film[1] > lightness(blue)[0, 0] + 5


def test_neutral_grey_looks_the_same_on_every_film() -> None:
    rgb = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    film = degrade.orthochromatic_lightness(rgb, np.random.default_rng(0))
    np.testing.assert_allclose(film, lightness(rgb[..., 0]), atol=1e-2)


def test_shares_choose_between_the_greys() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    L = lab_from_rgb(rgb)[..., 0]
    np.testing.assert_array_equal(degrade.grey(rgb, L, luma=0, old=0, rng=rng), L)
    luma = degrade.grey(rgb, L, luma=1, old=0, rng=rng)
    assert 1 < np.abs(luma - L).mean() < 15
