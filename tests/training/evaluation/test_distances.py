"""Frechet and kernel distance agree with their definitions, resampled ones too."""

import numpy as np
import pytest
from numpy.typing import NDArray

from colorize_cli.imaging.lab import Float
from training.evaluation.bootstrap import interval_of, mean_draws, resample
from training.evaluation.distances import FRECHET_DRAWS, Products, frechet, kernel, kernel_parts


def made_features(n: int, d: int, shift: float = 0.5, seed: int = 0) -> tuple[Float, Float]:
    """Features of n truths, and of pictures that resemble them photo by photo: (n, d) each."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(1, 1, (n, d)).astype(np.float32)
    picture = 0.8 * truth + rng.normal(shift, 0.5, (n, d)).astype(np.float32)
    return truth, picture.astype(np.float32)


def root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def frechet_by_definition(x: Float, y: Float) -> float:
    one, other = np.cov(x.T.astype(np.float64)), np.cov(y.T.astype(np.float64))
    half = root(one)
    cross = root(half @ other @ half)
    mean = x.mean(axis=0, dtype=np.float64) - y.mean(axis=0, dtype=np.float64)
    return float(mean @ mean + np.trace(one + other - 2 * cross))


@pytest.mark.parametrize(("n", "d"), [(40, 6), (6, 40)])
def test_the_frechet_distance_is_that_of_the_definition(n: int, d: int) -> None:
    x, y = made_features(n, d)
    distance = frechet(Products.of(x, y), np.ones((1, n)))
    assert distance == pytest.approx([frechet_by_definition(x, y)], abs=1e-5)


def test_the_frechet_distance_in_one_dimension_is_known() -> None:
    x, y = made_features(30, 1)
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert frechet(Products.of(x, y), np.ones((1, 30)))[0] == pytest.approx(expected, abs=1e-5)


def test_a_photo_that_is_drawn_twice_counts_twice_in_the_frechet_distance() -> None:
    x, y = made_features(5, 3)
    counts = np.array([1, 1, 1, 1, 1.0]), np.array([2, 0, 1, 1, 1.0])
    again = [0, 0, 2, 3, 4]
    distances = frechet(Products.of(x, y), np.stack([counts[1], counts[0]]))
    assert distances[0] == pytest.approx(frechet_by_definition(x[again], y[again]), abs=1e-5)


def test_the_resampled_frechet_distance_lies_around_the_figure() -> None:
    x, y = made_features(50, 20)
    draws = frechet(Products.of(x, y), resample(["set"] * 50).counts)
    assert len(draws) == 1 + FRECHET_DRAWS
    assert draws[1:].mean() == pytest.approx(draws[0])
    interval = interval_of(draws, 50)
    assert interval.low < interval.value < interval.high


def kernel_by_definition(x: Float, y: Float, photos: list[int]) -> float:
    def k(u: Float, v: Float) -> float:
        return float((u.astype(np.float64) @ v / len(u) + 1) ** 3)

    total, pairs = 0.0, 0
    for i in photos:
        for j in photos:
            if i != j:
                total += k(x[i], x[j]) + k(y[i], y[j]) - k(x[i], y[j]) - k(x[j], y[i])
                pairs += 1
    return total / pairs


def test_the_kernel_distance_is_the_mean_over_pairs_of_different_photos() -> None:
    x, y = made_features(7, 5)
    products = Products.of(x, y)
    whole = list(range(7))
    assert kernel(products, np.ones((1, 7)))[0] == pytest.approx(kernel_by_definition(x, y, whole))
    drawn = np.array([[2, 0, 1, 0, 3, 1, 0.0]])
    again = [0, 0, 2, 4, 4, 4, 5]
    assert kernel(products, drawn)[0] == pytest.approx(kernel_by_definition(x, y, again))


def test_the_kernel_distance_of_one_distribution_is_unbiased_though_the_photos_are_paired() -> None:
    distances = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        photo = rng.normal(0, 1, (20, 8))
        # Two views of each photo: alike pair by pair, and of one distribution.
        x, y = ((photo + rng.normal(0, 0.3, photo.shape)).astype(np.float32) for _ in range(2))
        distances.append(kernel(Products.of(x, y), np.ones((1, 20)))[0])
    assert abs(np.mean(distances)) < 3 * np.std(distances) / np.sqrt(200)


def test_the_intervals_of_the_kernel_distance_hold_the_truth() -> None:
    x, y = made_features(20_000, 4, seed=9)
    # E k(x, x') by independent halves.
    halves = [lot[:10_000] for lot in (x, y)], [lot[10_000:] for lot in (x, y)]
    (x_1, y_1), (x_2, y_2) = halves

    def mean_k(u: Float, v: Float) -> float:
        return float(((u[:3000].astype(np.float64) @ v[:3000].T / 4 + 1) ** 3).mean())

    truth = mean_k(x_1, x_2) + mean_k(y_1, y_2) - mean_k(x_1, y_2) - mean_k(y_1, x_2)
    held = 0
    for trial in range(100):
        lot = slice(40 * trial, 40 * trial + 40)
        draws = kernel(Products.of(x[lot], y[lot]), resample(["set"] * 40, trial, draws=200).counts)
        interval = interval_of(draws, 40)
        held += interval.low <= truth <= interval.high
    assert held >= 85


def test_the_parts_of_the_kernel_distance_vary_as_it_does() -> None:
    x, y = made_features(60, 10)
    products, counts = Products.of(x, y), resample(["set"] * 60).counts
    parts = kernel_parts(products)
    draws = kernel(products, counts)
    by_parts = mean_draws(parts, counts)
    assert by_parts[0] == pytest.approx(draws[0])
    assert by_parts[1:].std() == pytest.approx(draws[1:].std(), rel=0.15)
    assert np.corrcoef(by_parts[1:], draws[1:])[0, 1] > 0.95


def test_one_photo_has_no_distance() -> None:
    x, y = made_features(1, 4)
    products = Products.of(x, y)
    assert np.isnan(frechet(products, np.ones((3, 1)))).all()
    assert np.isnan(kernel(products, np.ones((3, 1)))).all()
    assert np.isnan(kernel_parts(products)).all()
