"""Colours outside sRGB lose chroma only, and no more than they must."""

import numpy as np
import pytest

from colorize_cli.imaging.gamut import chroma_table, fit_gamut, outside_gamut
from colorize_cli.imaging.lab import Float, lab_from_rgb, linear_planes

Planes = tuple[Float, Float, Float]


def random_lab(sigma: float, lightest: float = 100.0, darkest: float = 0.0) -> Planes:
    rng = np.random.default_rng(int(sigma))
    L = rng.uniform(darkest, lightest, (300, 400)).astype(np.float32)
    a, b = rng.normal(0, sigma, (2, 300, 400)).astype(np.float32)
    return L, a, b


def lightness_of_clipped(L: Float, a: Float, b: Float) -> Float:
    clipped = np.clip(linear_planes(L, a, b), 0, 1)
    y = np.tensordot(np.array([0.2126729, 0.7151522, 0.0721750], np.float32), clipped, 1)
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, 24389 / 27 * y).astype(np.float32)


def every_8th_colour() -> Planes:
    steps = np.append(np.arange(0, 256, 8), 255).astype(np.uint8)
    rgb = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(33, -1, 3)
    L, a, b = np.moveaxis(lab_from_rgb(rgb), -1, 0)
    return L, a, b


def test_colours_of_srgb_are_left_as_they_are() -> None:
    L, a, b = every_8th_colour()
    fitted_a, fitted_b = fit_gamut(L, a, b)
    np.testing.assert_array_equal(fitted_a, a)
    np.testing.assert_array_equal(fitted_b, b)


@pytest.mark.parametrize("sigma", [20, 60, 200])
def test_fitted_colours_can_be_shown_without_changing_their_lightness(sigma: float) -> None:
    L, a, b = random_lab(sigma)
    change = np.abs(lightness_of_clipped(L, *fit_gamut(L, a, b)) - L)
    assert change.mean() < 0.001
    # Only lemon colours, whose reds may be a little too light, change by more than rounding.
    assert change.max() < 0.4
    assert change[L < 90].max() < 0.01


@pytest.mark.parametrize(("darkest", "lightest", "most"), [(0, 3, 0.02), (97.5, 100, 0.4)])
def test_the_darkest_and_the_lightest_colours_keep_their_lightness(
    darkest: float, lightest: float, most: float
) -> None:
    L, a, b = random_lab(50, lightest, darkest)
    change = np.abs(lightness_of_clipped(L, *fit_gamut(L, a, b)) - L)
    assert change.mean() < 0.01
    assert change.max() < most


def test_only_chroma_is_lost() -> None:
    L, a, b = random_lab(60)
    fitted_a, fitted_b = fit_gamut(L, a, b)
    np.testing.assert_allclose(fitted_a * b, fitted_b * a, rtol=1e-4, atol=1e-3)
    factor = np.hypot(fitted_a, fitted_b) / np.hypot(a, b)
    assert factor.max() <= 1
    assert ((fitted_a * a >= 0) & (fitted_b * b >= 0)).all()


def test_little_more_chroma_could_not_be_shown() -> None:
    L, a, b = random_lab(100, lightest=90, darkest=5)
    outside = outside_gamut(linear_planes(L, a, b))
    fitted_a, fitted_b = fit_gamut(L, a, b)
    chroma = np.hypot(fitted_a, fitted_b).clip(1e-3)
    room = ((chroma + 1) / chroma).astype(np.float32)
    beyond = outside_gamut(linear_planes(L, fitted_a * room, fitted_b * room))
    assert beyond[outside].mean() > 0.98


def test_fitting_again_changes_nothing_below_the_lemons() -> None:
    L, a, b = random_lab(80, lightest=90)
    once = fit_gamut(L, a, b)
    np.testing.assert_allclose(fit_gamut(L, *once), once, rtol=1e-5)


def test_black_and_white_lose_all_colour() -> None:
    L = np.array([0, 0, 100, 100], np.float32)
    a, b = np.array([[30, -5, 60, 0.5], [-30, 5, 2, -80]], np.float32)
    np.testing.assert_array_equal(fit_gamut(L, a, b), np.zeros((2, 4)))


def test_colours_just_outside_yellow_stay_yellow() -> None:
    # The surface of sRGB is hollow there: rays leave it early and come back at the yellow corner.
    (L, a, b) = lab_from_rgb(np.array([255, 255, 0], np.uint8))
    around = np.random.default_rng(0).normal(0, 1.5, (3, 500)).astype(np.float32)
    around += np.array([[L], [a], [b]], np.float32)
    fitted_a, fitted_b = fit_gamut(*around)
    kept = np.hypot(fitted_a, fitted_b) / np.hypot(around[1], around[2])
    assert np.median(kept) > 0.7


def test_a_neutral_just_outside_rounding_gives_no_nan() -> None:
    L = np.array([100.01], np.float32)
    zero = np.zeros(1, np.float32)
    assert np.isfinite(fit_gamut(L, zero, zero)).all()


def test_table_knows_the_chroma_of_the_primaries() -> None:
    # Blue is where sRGB reaches furthest; the taxicab chroma of its corner is |a| + |b|.
    assert chroma_table().max() == pytest.approx(79.19 + 107.86, abs=2.5)
    assert chroma_table().min() == 0
