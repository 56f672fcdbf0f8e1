"""What is read out of figures: the recommendation and the rate."""

from made.benched import measurement

from colorize_cli.bench.configurations import Configuration
from colorize_cli.bench.figures import Measurement, recommend
from colorize_cli.system.figure_changes import Rate

FASTEST = measurement("openvino bf16", 2, 3.0, difference=0.3)


def best(*measurements: Measurement) -> Measurement | None:
    return recommend(measurements, lambda configuration: True)


def test_the_fastest_with_the_right_colours_is_recommended() -> None:
    others = [
        measurement(rate=1.0),
        measurement("cuda fp16", 8, 90.0, difference=0.51),
        measurement("cuda fp32", 8, 80.0, difference=None),
        measurement("openvino fp32", rate=2.0),
    ]
    assert best(*others, FASTEST) is FASTEST
    assert best(*others[1:3]) is None
    assert best() is None


def test_what_no_option_leads_to_is_not_recommended() -> None:
    second = measurement("openvino fp32", rate=2.0)

    def can_reach(one: Configuration) -> bool:
        return one.precision is None

    assert recommend([second, FASTEST], can_reach) is second
    assert recommend([FASTEST], can_reach) is None


def test_a_batch_of_ones_own_is_recommended_only_where_it_is_faster() -> None:
    larger = measurement("openvino bf16", 8, 3.05, is_default_batch=False)
    assert best(FASTEST, larger) is FASTEST
    faster = measurement("openvino bf16", 8, 3.3, is_default_batch=False)
    assert best(FASTEST, faster) is faster
    # Another device or model with its default batch does not stand in for it.
    assert best(measurement("cpu fp32", 2, 3.25), faster) is faster
    assert best(measurement("openvino bf16", 2, 3.25, digest="1"), faster) is faster


def test_the_rate_is_that_from_file_to_file() -> None:
    assert measurement(rate=4.0).rate == Rate(4.0, (0.25,) * 10)
