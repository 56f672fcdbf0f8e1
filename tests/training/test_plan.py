"""How fast a run learns until it ends, in steps and by the clock, for any batch."""

import pytest

from training.plan import Plan, rate_factor, rescaled
from training.recipe_tables import OptimTable

OPTIM = OptimTable(steps=100, warmup=10, decay_from=0.5)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_learning_rate_warms_up_stays_and_decays_to_zero() -> None:
    rates = [rate_factor(OPTIM, step, step / 100) for step in range(101)]
    assert rates[0] == 0.1
    assert rates[10:51] == [1.0] * 41
    assert rates[75] == pytest.approx(0.5)
    assert rates[100] == 0
    assert rates[50:] == sorted(rates[50:], reverse=True)


def test_a_run_in_steps_does_not_look_at_the_clock() -> None:
    clock = Clock()
    plan = Plan(OPTIM, 40, None, clock)
    clock.now += 1e6
    assert plan.done(50) == 0.5
    assert plan.rate(75) == pytest.approx(0.5)
    assert plan.done(100) == 1


@pytest.mark.parametrize("seconds_a_step", [0.05, 1.0, 7.0])
@pytest.mark.parametrize("first_step", [0, 60, 5000])
def test_a_run_by_the_clock_warms_up_and_ends_decayed_however_many_steps_it_takes(
    seconds_a_step: float, first_step: int
) -> None:
    clock = Clock()
    plan = Plan(OPTIM, first_step, 10, clock)
    step, rates, times = first_step, [], []
    while plan.done(step) < 1:
        rates.append(plan.rate(step))
        times.append((clock.now - 1000) / 600)
        step += 1
        clock.now += seconds_a_step
    assert clock.now - 1000 == pytest.approx(600, abs=seconds_a_step)
    assert rates[0] <= 0.1
    assert rates[-1] < 0.01
    plateau = [r for r, t in zip(rates, times, strict=True) if 0.1 <= t <= 0.5]
    assert plateau == [1.0] * len(plateau)
    assert rates[-len(rates) // 3 :] == sorted(rates[-len(rates) // 3 :], reverse=True)


def test_a_first_step_that_takes_minutes_leaves_a_warm_up() -> None:
    clock = Clock()
    plan = Plan(OPTIM, 0, 10, clock)
    assert plan.rate(0) == 0.1
    clock.now += 90  # it was compiled
    rates = []
    for step in range(1, 40):
        rates.append(plan.rate(step))
        clock.now += 1
    assert rates[0] == pytest.approx(0.2)
    assert rates[:9] == sorted(set(rates[:9]))
    assert rates[9:] == [1.0] * 30


def test_a_first_step_that_takes_most_of_the_time_leaves_the_whole_course() -> None:
    clock = Clock()
    plan = Plan(OPTIM, 0, 10, clock)
    plan.rate(0)
    clock.now += 400
    rates = [plan.rate(1)]
    for step in range(2, 202):
        clock.now += 1
        rates.append(plan.rate(step))
    plateau = round(200 * OPTIM.decay_from)
    assert rates[plateau - 1] == 1.0
    assert rates[plateau + 2] < 1.0
    assert rates[-1] == pytest.approx(0.0, abs=1e-9)
    assert plan.done(202) == 1.0


def test_time_that_is_left_out_does_not_count() -> None:
    clock = Clock()
    plan = Plan(OPTIM, 0, 10, clock)
    clock.now += 300
    plan.leave_out(240)
    assert plan.done(0) == 0.1


def test_a_resume_by_the_clock_plans_its_own_minutes_anew() -> None:
    clock = Clock()
    first = Plan(OPTIM, 0, 10, clock)
    clock.now += 600
    assert first.done(50) == 1
    second = Plan(OPTIM, 50, 5, clock)
    assert second.done(50) == 0
    assert second.rate(50) == 0.1
    clock.now += 150
    assert second.rate(80) == 1.0


def test_numbers_meant_for_a_batch_are_taken_to_another_one() -> None:
    optim = OptimTable(
        photos=96, views=2, reference_samples=48, lr=1e-3, ema=0.99, warmup=100, frozen_steps=900
    )
    there = rescaled(optim)
    assert there.lr == pytest.approx(2e-3)
    assert there.ema == pytest.approx(0.99**4)
    assert there.beta2 == pytest.approx(0.99**4)
    assert there.warmup == 25
    assert there.frozen_steps == 225


def test_a_smaller_batch_needs_no_longer_warm_up() -> None:
    optim = OptimTable(photos=4, views=2, reference_samples=48, warmup=150, frozen_steps=900)
    there = rescaled(optim)
    assert (there.warmup, there.frozen_steps) == (150, 900)
    assert there.lr < optim.lr


def test_numbers_stay_as_published_for_their_own_batch_and_without_one() -> None:
    for samples in (0, 48):
        optim = OptimTable(photos=24, views=2, reference_samples=samples, ema=0.9999)
        assert rescaled(optim) == optim


def test_squared_gradients_are_averaged_over_ten_steps_at_least() -> None:
    optim = OptimTable(photos=1024, views=2, reference_samples=48, beta2=0.99)
    assert rescaled(optim).beta2 == 0.9
    assert rescaled(OptimTable(photos=1024, reference_samples=48, beta2=0.8)).beta2 == 0.8
