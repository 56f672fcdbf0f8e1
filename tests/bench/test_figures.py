"""What is read out of figures: noise, the recommendation, the command line that it stands for."""

import math

import pytest
from made.benched import outcome

from colorize_cli.bench.figures import Rate, is_same, noise, options_for, rate_of, recommend
from colorize_cli.bench.network_timing import part_seconds

FASTEST = outcome("openvino bf16", 2, 3.0, difference=0.3)


def test_the_fastest_with_the_right_colours_is_recommended() -> None:
    others = [
        outcome(rate=1.0),
        outcome("cuda fp16", 8, 90.0, difference=0.51),
        outcome("cuda fp32", 8, 80.0, difference=None),
        outcome("openvino fp32", rate=2.0),
    ]
    assert recommend([*others, FASTEST]) is FASTEST
    assert recommend(others[1:3]) is None
    assert recommend([]) is None


def test_what_no_option_leads_to_is_not_recommended() -> None:
    second = outcome("openvino fp32", rate=2.0)
    assert recommend([second, FASTEST], [FASTEST.configuration]) is second


def test_a_batch_of_ones_own_is_recommended_only_where_it_is_faster() -> None:
    larger = outcome("openvino bf16", 8, 3.05, is_default_batch=False)
    assert recommend([FASTEST, larger]) is FASTEST
    faster = outcome("openvino bf16", 8, 3.3, is_default_batch=False)
    assert recommend([FASTEST, faster]) is faster
    # Another device or model with its default batch does not stand in for it.
    assert recommend([outcome("cpu fp32", 2, 3.25), faster]) is faster
    assert recommend([outcome("openvino bf16", 2, 3.25, digest="1"), faster]) is faster


def test_the_options_leave_out_what_is_the_default() -> None:
    assert options_for(FASTEST.configuration) == "--device openvino"
    other = outcome("cuda int8", 8, is_default_batch=False, model="my models/int8")
    assert options_for(other.configuration) == "--model 'my models/int8' --device cuda --batch 8"


def test_noise_is_that_of_welchs_interval() -> None:
    one = Rate(1.0, (1.1, 0.9) * 5)
    other = Rate(2.0, (0.52, 0.48) * 4)
    # scipy.stats: t.ppf(0.975, 12.4086) = 2.17088.
    variances = [0.1**2 / 9 * 10 / 10, (0.02**2 * 8 / 7) / 8 / 0.5**2]
    expected = math.expm1(2.17088 * math.sqrt(sum(variances)))
    assert noise(one, other) == pytest.approx(expected, rel=0.001)
    assert noise(one, other) == noise(other, one)


def test_steady_runs_still_differ_by_a_little() -> None:
    steady = Rate(1.0, (1.0,) * 5)
    assert noise(steady, steady) == 0.03
    assert is_same(steady, Rate(1.029, (0.97,) * 5))
    assert is_same(Rate(1.029, (0.97,) * 5), steady)
    assert not is_same(steady, Rate(1.031, (0.97,) * 5))


def test_a_run_without_parts_tells_nothing_apart() -> None:
    assert noise(Rate(1.0, (1.0,)), Rate(9.0, (0.1,) * 5)) == math.inf
    assert is_same(Rate(1.0, ()), Rate(9.0, (0.1,) * 5))


def test_the_rate_is_that_from_file_to_file() -> None:
    assert rate_of(outcome(rate=4.0)) == Rate(4.0, (0.25,) * 10)


@pytest.mark.parametrize(
    ("photos", "batch", "parts", "each"), [(4, 1, 3, 1), (8, 2, 3, 2), (41, 1, 10, 4), (2, 2, 0, 0)]
)
def test_a_run_is_cut_into_equal_parts_of_whole_batches(
    photos: int, batch: int, parts: int, each: int
) -> None:
    finished = [0.5 * number for number in range(photos)]
    assert part_seconds(finished, batch) == (0.5,) * parts
    # A part that takes longer shows where it is, divided by its photos.
    if parts:
        late = [*finished[:-1], finished[-1] + each]
        assert part_seconds(late, batch)[-1] == pytest.approx(1.5)
