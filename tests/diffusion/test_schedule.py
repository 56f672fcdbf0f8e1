import numpy as np
import pytest

from colorize_cli.diffusion.schedule import (
    Schedule,
    cosine,
    cosine_gamma,
    linear_betas,
    respace,
    tutorial_20,
)
from colorize_cli.errors import UsageError

# gamma_1 .. gamma_20 of 20 betas, linear from 1e-4 to 0.09, as published beside the tutorial.
TUTORIAL_GAMMAS = [
    *(0.9999, 0.9951, 0.9856, 0.9715, 0.9530, 0.9303, 0.9038, 0.8738, 0.8406, 0.8048),
    *(0.7666, 0.7266, 0.6853, 0.6431, 0.6004, 0.5577, 0.5155, 0.4739, 0.4335, 0.3945),
]


def test_the_tutorials_schedule_is_exact() -> None:
    schedule = tutorial_20()

    assert schedule.name == "tutorial-20"
    assert schedule.steps == 20
    betas = 1 - schedule.gammas[1:] / schedule.gammas[:-1]
    np.testing.assert_allclose(betas, np.linspace(1e-4, 0.09, 20), rtol=1e-12)
    np.testing.assert_allclose(schedule.gammas[1:], TUTORIAL_GAMMAS, atol=5e-5)


def test_a_schedule_that_never_reaches_noise_says_so() -> None:
    assert "0.395" in str(tutorial_20().warning)
    assert cosine(20).warning is None
    # The same range of betas does reach noise in the paper's 1,000 steps.
    thousand = linear_betas(1000, 1e-4, 0.09)
    assert thousand.warning is None
    assert thousand.gammas[-1] == pytest.approx(6.6e-21, rel=0.01)


def test_tables_are_float64_and_cannot_be_changed() -> None:
    schedule = cosine(20)

    assert schedule.gammas.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        schedule.gammas[0] = 0


def test_cosine_runs_from_clean_to_almost_pure_noise() -> None:
    schedule = cosine(20)

    assert schedule.gammas[0] == 1
    assert schedule.gammas[10] == pytest.approx(np.cos(0.9999 * np.pi / 4) ** 2, abs=1e-15)
    assert schedule.gammas[-1] == pytest.approx((0.0001 * np.pi / 2) ** 2, rel=1e-6)
    np.testing.assert_array_equal(schedule.gammas, cosine_gamma(np.arange(21) / 20))


@pytest.mark.parametrize("steps", [1, 7, 50, 1000])
def test_respacing_cosine_is_cosine_with_other_steps(steps: int) -> None:
    respaced = respace(cosine(20), steps)

    assert respaced.name == "cosine"
    np.testing.assert_allclose(respaced.gammas, cosine(steps).gammas, rtol=0, atol=1e-12)


def test_respacing_by_a_divisor_takes_every_other_level() -> None:
    np.testing.assert_allclose(respace(tutorial_20(), 10).gammas, tutorial_20().gammas[::2])


def test_respacing_a_schedule_known_by_its_numbers_alone_keeps_its_ends() -> None:
    stored = Schedule("someone's", np.array([1.0, 0.9, 0.3, 0.0]))

    assert respace(stored, 3) is stored
    respaced = respace(stored, 8)
    assert (respaced.gammas[0], respaced.gammas[-1]) == (1.0, 0.0)
    assert respaced.steps == 8


def test_respacing_to_no_steps_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        respace(cosine(20), 0)


@pytest.mark.parametrize(
    "gammas", [[1.0], [0.9, 0.5], [1.0, 0.5, 0.5], [1.0, -0.1], [1.0, float("nan")], [[1.0, 0.5]]]
)
def test_gammas_that_are_no_schedule_are_refused(gammas: list[float]) -> None:
    with pytest.raises(ValueError, match="gammas"):
        Schedule("bad", np.array(gammas))
