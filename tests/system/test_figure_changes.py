"""What changed: intervals, verdicts, and what differs between two machines."""

import math

import numpy as np
import pytest

from colorize_cli.errors import UsageError
from colorize_cli.system.figure_changes import (
    Change,
    Interval,
    Rate,
    check_samples,
    increase,
    noise,
    other_machine,
    other_packages,
)

WORDS = {"higher": "up", "lower": "down", "neither": "same"}


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.1, 0.3, "up"), (-0.3, -0.1, "down"), (-0.1, 0.1, "same"), (math.nan, math.nan, "same")],
)
def test_a_verdict_needs_an_interval_without_zero(low: float, high: float, word: str) -> None:
    assert Change("a figure", 1, 2, Interval(1, low, high)).verdict(**WORDS) == word


def test_noise_is_that_of_welchs_interval_or_a_little_more() -> None:
    one = Rate(1.0, (1.1, 0.9) * 5)
    other = Rate(2.0, (0.52, 0.48) * 4)
    # scipy.stats: t.ppf(0.975, 12.4086) = 2.17088, where Welch adds the two up as one variable.
    variances = [0.1**2 / 9 * 10 / 10, (0.02**2 * 8 / 7) / 8 / 0.5**2]
    expected = math.expm1(2.17088 * math.sqrt(sum(variances)))
    assert expected < noise(one, other) < 1.1 * expected
    assert noise(one, other) == pytest.approx(noise(other, one), rel=0.03)


@pytest.mark.parametrize("parts", [3, 10])
def test_equal_rates_are_called_different_in_at_most_one_run_of_twenty(parts: int) -> None:
    rng = np.random.default_rng(parts)
    different = 0
    for _ in range(200):
        runs = 1 + 0.1 * rng.standard_normal((2, parts))
        one, other = (Rate(1 / run.mean(), tuple(run)) for run in runs)
        change = increase(one, other)
        different += not change.low <= 0 <= change.high
    assert different <= 0.05 * 200


def test_steady_runs_still_differ_by_a_little() -> None:
    steady = Rate(1.0, (1.0,) * 5)
    assert noise(steady, steady) == 0.03
    for faster, is_more in ((1.029, False), (1.031, True)):
        later = Rate(faster, (0.97,) * 5)
        assert (increase(steady, later).low > 0) == is_more
        assert (increase(later, steady).high < 0) == is_more
    assert increase(steady, Rate(1.5, (0.67,) * 5)).value == pytest.approx(0.5)


def test_a_run_without_parts_tells_nothing_apart() -> None:
    assert noise(Rate(1.0, (1.0,)), Rate(9.0, (0.1,) * 5)) == math.inf
    change = increase(Rate(1.0, ()), Rate(9.0, (0.1,) * 5))
    assert change.low < 0 < change.high


def test_another_number_of_samples_is_refused() -> None:
    check_samples(4, 4)
    with pytest.raises(UsageError, match="4 samples a photo, not 2: add --samples 4"):
        check_samples(4, 2)


def test_what_differs_between_machines_is_named() -> None:
    before = {"cpu": "Abacus", "flags": [], "gpu": None, "packages": {"numpy": "1.0", "old": "1"}}
    now = {"cpu": "Abacus", "flags": ["a", "b"], "gpu": "H", "packages": {"numpy": "2.0"}}
    assert other_machine(before, before) == other_packages(now, now) == ""
    assert other_machine(before, now) == "instruction sets unknown, here a b; GPU none, here H"
    assert other_packages(before, now) == "numpy 1.0, here 2.0; old 1, here none"
    assert other_packages({}, now) == "numpy none, here 2.0"
