"""Intervals hold what they promise: how often they take in the truth, and what is resampled."""

import numpy as np
import pytest

from training.evaluation.bootstrap import interval_of, mean_draws, resample


def test_95_percent_intervals_of_a_mean_hold_the_truth_as_often() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(400):
        values = rng.gamma(2.0, 1.0, 60)  # skewed, mean 2
        resamples = resample(["set"] * 60, seed=trial, draws=400)
        interval = interval_of(mean_draws(values, resamples.counts), 60)
        held += interval.low <= 2 <= interval.high
    # Three standard deviations of 400 trials are 3.3%; the percentile interval is a little short.
    assert 0.90 <= held / 400 <= 0.985


def test_a_normal_mean_has_the_interval_of_the_textbook() -> None:
    values = np.random.default_rng(1).normal(5, 2, 500)
    interval = interval_of(mean_draws(values, resample(["set"] * 500).counts), 500)
    half = 1.96 * values.std() / np.sqrt(500)
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_photos_are_drawn_within_their_set() -> None:
    resamples = resample(["b", "a", "b", "b", "a"], draws=50)
    assert list(resamples.members) == ["a", "b"]
    assert np.all(resamples.counts[0] == 1)
    assert np.all(resamples.of_set("a").sum(axis=1) == 2)
    assert np.all(resamples.of_set("b").sum(axis=1) == 3)
    assert len(np.unique(resamples.counts, axis=0)) > 20


def test_the_seed_decides_the_draws() -> None:
    one, same, other = (resample(["a"] * 9, seed).counts for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_figures_of_the_same_photos_are_resampled_together() -> None:
    """A difference that every photo has is certain, however much the photos differ."""
    values = np.random.default_rng(2).normal(0, 10, 40)
    counts = resample(["set"] * 40).counts
    difference = mean_draws(values + 1, counts) - mean_draws(values, counts)
    interval = interval_of(difference, 40)
    assert (interval.low, interval.high) == pytest.approx((1, 1))


def test_there_is_no_interval_of_few_photos_and_none_of_a_missing_figure() -> None:
    few = interval_of(mean_draws([0.5, 1, 0, 0.5], resample(["set"] * 4).counts), 4)
    assert few.value == 0.5
    assert np.isnan([few.low, few.high]).all()
    missing = interval_of(mean_draws([0.5, np.nan] * 3, resample(["set"] * 6).counts), 6)
    assert np.isnan([missing.value, missing.low, missing.high]).all()


def test_resamples_without_the_figure_are_passed_over() -> None:
    interval = interval_of(np.array([1.0, np.nan, 0.9, 1.1]), 5)
    assert 0.9 <= interval.low < interval.high <= 1.1
