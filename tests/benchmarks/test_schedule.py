"""The comparison of the tutorial's recipes: what is reckoned, and the tables."""

import numpy as np
import pytest

from benchmarks.schedule import spread_that_returns, text_of
from colorize_cli.diffusion.sampler import SamplerSettings, sample
from colorize_cli.diffusion.schedule import Schedule, cosine, even_log_snr, tutorial_20


@pytest.mark.parametrize("schedule", [tutorial_20(), cosine(20), even_log_snr(20)])
@pytest.mark.parametrize("deviation", [0.5, 10.0])
def test_the_spread_is_what_sampling_with_the_ideal_denoiser_gives(
    schedule: Schedule, deviation: float
) -> None:
    rng = np.random.default_rng(0)
    shape = (1, 2, 300, 300)

    def ideal(x_t: np.ndarray, gamma: np.ndarray) -> np.ndarray:
        g = float(gamma[0])
        return x_t * (np.sqrt(g) * deviation**2 / (g * deviation**2 + 1 - g))

    drawn = sample(
        ideal,
        rng.standard_normal(shape),
        schedule,
        lambda t: rng.standard_normal(shape),
        SamplerSettings(method="ddpm"),
        prediction="x_0",
    )
    assert drawn.std() / deviation == pytest.approx(
        spread_that_returns(schedule, deviation), rel=0.02
    )


def test_the_tables_have_a_row_for_each_recipe_and_for_the_truth() -> None:
    figure = {"value": 1.0, "low": 0.5, "high": 1.5}
    scope = {"colourfulness": figure, "truth": figure, "photos": 7}
    lines = text_of({"tutorial": {"faces": scope}, "tutorial-fixed": {"faces": scope}}).splitlines()
    assert lines[0] == "### faces, 7 photographs"
    assert [line.split("|")[1].strip() for line in lines[4:]] == [
        "tutorial",
        "tutorial-fixed",
        "the photographs",
    ]
    assert all("1.0 (0.5 to 1.5)" in line for line in lines[4:])
