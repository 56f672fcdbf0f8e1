"""Laps tell work from waiting, and timings sum laps up."""

import numpy as np
import pytest
from made.benched import Clock

from colorize_cli.bench.stopwatch import Stopwatch, Timing


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_laps_tell_work_from_waiting(clock: Clock) -> None:
    with Stopwatch() as waiting:
        clock.wall += 3
    with Stopwatch() as working:
        clock.work(2)
    assert waiting.lap.tolist() == [3, 0]
    assert working.lap.tolist() == [2, 2]


def test_work_side_by_side_has_its_share_of_the_cores(clock: Clock) -> None:
    with Stopwatch(side_by_side=2) as watch:
        clock.wall += 1
        clock.core += 2
    assert watch.lap.tolist() == [1, 1]


def test_a_stopwatch_goes_on_until_the_last_look(clock: Clock) -> None:
    watch = Stopwatch()
    for _ in range(3):
        clock.work(1)
        watch.look()
    clock.work(9)
    assert watch.lap.tolist() == [3, 3]


def test_timings_sum_up_laps() -> None:
    timing = Timing.of([np.array([n / 1000, n / 500]) for n in range(101)])
    expected = Timing(runs=101, median_ms=50, p95_ms=95, min_ms=0, core_ms=100)
    for name in ("runs", "median_ms", "p95_ms", "min_ms", "core_ms"):
        assert getattr(timing, name) == pytest.approx(getattr(expected, name))
    assert Timing.of([]) == Timing(0, 0, 0, 0, 0)
