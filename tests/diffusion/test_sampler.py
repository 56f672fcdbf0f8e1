from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from colorize_cli.diffusion.noise import SampleNoise
from colorize_cli.diffusion.sampler import Clamp, SamplerSettings, clamp_x_0, sample
from colorize_cli.diffusion.schedule import (
    Schedule,
    cosine,
    even_log_snr,
    linear_betas,
    tutorial_20,
)

METHODS = {
    "ddpm-posterior": SamplerSettings("ddpm"),
    "ddpm-beta": SamplerSettings("ddpm", variance="beta"),
    "ddim-0": SamplerSettings("ddim", eta=0.0),
    "ddim-half": SamplerSettings("ddim", eta=0.5),
    "ddim-1": SamplerSettings("ddim", eta=1.0),
}
SCHEDULES = {
    "cosine": cosine(20),
    "tutorial": tutorial_20(),
    "zero-terminal": Schedule("zero-terminal", np.linspace(1, 0, 21) ** 2),
}


# A Gaussian x_0 ~ N(mu, s^2) has an ideal denoiser, E[x_0 | x_t], that is affine in x_t. All of
# sampling is then affine in x_T and the noises, and probing it with unit vectors gives the exact
# mean and variance of what comes out, without drawing anything.


def ideal(mu: float, s: float, prediction: str) -> Callable[[Any, Any], Any]:
    def denoise(x_t: Any, gamma: Any) -> Any:
        g = gamma[:, None]
        x_0 = mu + np.sqrt(g) * s**2 / (g * s**2 + 1 - g) * (x_t - np.sqrt(g) * mu)
        eps = (x_t - np.sqrt(g) * x_0) / np.sqrt(1 - g)
        return {"x_0": x_0, "eps": eps, "v": np.sqrt(g) * eps - np.sqrt(1 - g) * x_0}[prediction]

    return denoise


def probe(
    mu: float, s: float, schedule: Schedule, settings: SamplerSettings, prediction: str
) -> tuple[list[float], list[float]]:
    """Mean and variance of x_T, ..., x_1 and of the x_0 that is returned."""
    steps = schedule.steps
    basis = np.eye(steps + 1)[:, :, None]  # row i: unit vector i; row 0 stays for the mean
    trace: list[NDArray[np.float64]] = []
    result = sample(
        ideal(mu, s, prediction),
        np.concatenate([np.zeros((1, 1)), basis[0]]),
        schedule,
        lambda t: np.concatenate([np.zeros((1, 1)), basis[steps - t + 1]]),
        settings,
        prediction=prediction,
        on_step=lambda t, x_t, x_0: trace.append(x_t),
    )
    states = [*trace, result]
    offsets = [float(x[0, 0]) for x in states]
    return offsets, [float(((x[1:] - x[:1]) ** 2).sum()) for x in states]


def recursion(
    mu: float, s: float, schedule: Schedule, settings: SamplerSettings
) -> tuple[list[float], list[float]]:
    """The same by hand: one Gaussian step after another, as the papers write them."""
    gammas = schedule.gammas.tolist()
    mean, var = 0.0, 1.0
    means, variances = [mean], [var]
    for gamma_s, gamma_t in reversed(list(pairwise(gammas))):
        k = sqrt(gamma_t) * s**2 / (gamma_t * s**2 + 1 - gamma_t)  # x_0 = k x_t + c
        c = mu - k * sqrt(gamma_t) * mu
        alpha = gamma_t / gamma_s
        posterior = (1 - gamma_s) / (1 - gamma_t) * (1 - alpha)
        if settings.method == "ddpm":  # DDPM, eq. 7
            on_x_0 = sqrt(gamma_s) * (1 - alpha) / (1 - gamma_t)
            on_x_t = sqrt(alpha) * (1 - gamma_s) / (1 - gamma_t)
            added = 1 - alpha if settings.variance == "beta" else posterior
            slope, offset = on_x_0 * k + on_x_t, on_x_0 * c
        else:  # DDIM, eq. 12: sqrt(gamma_s) x_0 + sqrt(1 - gamma_s - sigma^2) eps
            added = settings.eta**2 * posterior
            direction = sqrt(max(1 - gamma_s - added, 0.0)) / sqrt(1 - gamma_t)
            slope = sqrt(gamma_s) * k + direction * (1 - sqrt(gamma_t) * k)
            offset = sqrt(gamma_s) * c - direction * sqrt(gamma_t) * c
        if gamma_s == 1:
            added = 0.0
        mean, var = slope * mean + offset, slope**2 * var + added
        means.append(mean)
        variances.append(var)
    return means, variances


@pytest.mark.parametrize(
    ("schedule", "prediction"),
    [
        *((name, prediction) for name in SCHEDULES for prediction in ("v", "x_0")),
        *((name, "eps") for name in SCHEDULES if name != "zero-terminal"),
    ],
)
@pytest.mark.parametrize("settings", METHODS.values(), ids=METHODS)
def test_a_gaussian_follows_the_recursion(
    settings: SamplerSettings, schedule: str, prediction: str
) -> None:
    means, variances = probe(0.3, 0.5, SCHEDULES[schedule], settings, prediction)

    expected_means, expected_variances = recursion(0.3, 0.5, SCHEDULES[schedule], settings)
    np.testing.assert_allclose(means, expected_means, rtol=0, atol=1e-6)
    np.testing.assert_allclose(variances, expected_variances, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "schedule", [cosine(1000), linear_betas(1000, 1e-4, 0.09)], ids=["cosine", "linear"]
)
@pytest.mark.parametrize("settings", METHODS.values(), ids=METHODS)
def test_a_thousand_steps_bring_the_data_back(
    settings: SamplerSettings, schedule: Schedule
) -> None:
    means, variances = probe(0.3, 0.5, schedule, settings, "v")

    assert means[-1] == pytest.approx(0.3, abs=1e-4)
    assert sqrt(variances[-1]) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize(
    ("method", "spread"), [("ddpm-posterior", 0.192), ("ddpm-beta", 0.197), ("ddim-0", 0.158)]
)
def test_the_tutorials_schedule_pales_a_global_tint(method: str, spread: float) -> None:
    _, variances = probe(0.0, 10.0, tutorial_20(), METHODS[method], "eps")

    assert sqrt(variances[-1]) / 10 == pytest.approx(spread, abs=5e-4)


@pytest.mark.parametrize("s", [0.1, 0.5, 3.0, 10.0])
def test_twenty_steps_of_second_order_even_in_log_snr_keep_more_of_the_spread(s: float) -> None:
    first = probe(0.3, s, cosine(20), SamplerSettings("ddim", eta=0.0), "v")
    second = probe(0.3, s, even_log_snr(20), SamplerSettings("dpm"), "v")

    # It begins at gamma = 1.2e-4, where a little of the mean would be in x_T.
    assert second[0][-1] == pytest.approx(0.3, abs=0.01 * max(1, s))
    kept = [sqrt(variances[-1]) / s for _, variances in (first, second)]
    assert abs(kept[1] - 1) < 0.45 * abs(kept[0] - 1)


@pytest.mark.parametrize("prediction", ["v", "x_0"])
def test_a_solver_of_second_order_starts_from_pure_noise(prediction: str) -> None:
    means, variances = probe(
        0.3, 0.5, SCHEDULES["zero-terminal"], SamplerSettings("dpm"), prediction
    )
    assert means[-1] == pytest.approx(0.3, abs=0.02)
    assert sqrt(variances[-1]) == pytest.approx(0.5, rel=0.2)


@pytest.mark.parametrize("method", METHODS)
def test_the_temperature_scales_the_spread_and_keeps_the_mean(method: str) -> None:
    settings = METHODS[method]
    means, variances = probe(5.0, 10.0, cosine(20), settings, "v")

    cool = probe(5.0, 10.0, cosine(20), replace(settings, temperature=0.7), "v")

    assert cool[0][-1] == pytest.approx(means[-1])
    assert cool[1][-1] == pytest.approx(0.7**2 * variances[-1])


def test_ddim_with_full_randomness_is_ddpm() -> None:
    noise = SampleNoise(1, [b"photo"], 2, (2, 4, 4))
    ddim, ddpm = (
        sample(wavy, noise.start(), cosine(20), noise, METHODS[name])
        for name in ("ddim-1", "ddpm-posterior")
    )

    np.testing.assert_allclose(ddim, ddpm, atol=1e-5)


def test_the_denoiser_is_told_each_samples_noise_level_from_most_to_least() -> None:
    seen: list[NDArray[np.float32]] = []

    def denoise(x_t: Any, gamma: Any) -> Any:
        seen.append(gamma)
        return x_t

    steps: list[int] = []
    x_T = np.ones((3, 2, 4, 4), np.float32)
    sample(
        denoise,
        x_T,
        cosine(5),
        np.ones_like,
        SamplerSettings(),
        on_step=lambda t, x_t, x_0: steps.append(t),
    )

    assert steps == [5, 4, 3, 2, 1]
    assert all(gamma.shape == (3,) and gamma.dtype == np.float32 for gamma in seen)
    np.testing.assert_allclose([g[0] for g in seen], cosine(5).gammas[:0:-1], rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [(METHODS["ddim-0"], []), (METHODS["ddim-1"], [4, 3, 2]), (METHODS["ddpm-beta"], [4, 3, 2])],
)
def test_noise_is_asked_for_only_where_it_is_added(
    settings: SamplerSettings, expected: list[int]
) -> None:
    asked: list[int] = []

    def noise(t: int) -> Any:
        asked.append(t)
        return np.zeros((1, 2, 4, 4), np.float32)

    sample(wavy, np.ones((1, 2, 4, 4), np.float32), cosine(4), noise, settings)

    assert asked == expected


@pytest.mark.parametrize("prediction", ["v", "x_0"])
def test_sampling_from_exactly_no_signal_stays_finite(prediction: str) -> None:
    noise = SampleNoise(1, [b"photo"], 2, (2, 4, 4))

    x_0 = sample(
        wavy,
        noise.start(),
        SCHEDULES["zero-terminal"],
        noise,
        METHODS["ddim-1"],
        prediction=prediction,
    )

    assert np.isfinite(x_0).all()


def test_eps_prediction_from_no_signal_is_refused() -> None:
    x_T = np.ones((1, 2, 4, 4), np.float32)
    with pytest.raises(ValueError, match="gamma = 0"):
        sample(
            wavy, x_T, SCHEDULES["zero-terminal"], np.ones_like, SamplerSettings(), prediction="eps"
        )


@pytest.mark.parametrize("options", [{"method": "euler"}, {"variance": "learned"}, {"eta": 1.5}])
def test_unknown_settings_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(options.values())))):
        SamplerSettings(**options)


def test_an_unknown_prediction_is_refused() -> None:
    x_T, settings = np.ones((1, 2, 4, 4), np.float32), SamplerSettings()
    prediction: Any = "score"
    with pytest.raises(ValueError, match="score"):
        sample(wavy, x_T, cosine(2), lambda t: x_T, settings, prediction=prediction)


# Thresholding.


def test_static_clamp_clips() -> None:
    x_0 = np.array([[-5.0, 0.5, 5.0]], np.float32)

    np.testing.assert_array_equal(clamp_x_0(x_0, Clamp("static", 3.0)), [[-3.0, 0.5, 3.0]])


def test_dynamic_clamp_rescales_each_sample_by_its_own_percentile() -> None:
    rng = np.random.default_rng(3)
    x_0 = rng.standard_normal((3, 2, 8, 8)) * np.array([0.1, 1.0, 4.0])[:, None, None, None]

    clamped = clamp_x_0(x_0, Clamp("dynamic", 1.0, percentile=90))

    for given, got in zip(x_0, clamped, strict=True):
        s = max(np.percentile(abs(given), 90), 1.0)
        np.testing.assert_allclose(got, np.clip(given, -s, s) / s, atol=1e-12)
    np.testing.assert_array_equal(clamped[0], x_0[0])  # below the limit nothing is changed


@pytest.mark.parametrize(
    "values", [{"kind": "soft", "limit": 1.0}, {"kind": "static", "limit": 0.0}]
)
def test_a_clamp_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="clamp"):
        Clamp(**values)


# Golden arrays.


def wavy(x_t: Any, gamma: Any) -> Any:
    """A denoiser that is not linear and mixes the channels."""
    x = x_t / (1 + abs(x_t)) + x_t[:, [1, 0]] * 0.25
    return x * gamma.reshape(-1, 1, 1, 1) - x_t * 0.5


CASES = {
    "ddim-v-static": (SamplerSettings(clamp=Clamp("static", 1.5)), "v"),
    "ddim-0-v-dynamic": (SamplerSettings(eta=0.0, clamp=Clamp("dynamic", 1.0, 90.0)), "v"),
    "ddpm-beta-x_0": (SamplerSettings("ddpm", variance="beta"), "x_0"),
    "ddpm-posterior-eps-static": (SamplerSettings("ddpm", clamp=Clamp("static", 1.0)), "eps"),
}


@pytest.mark.parametrize(("settings", "prediction"), CASES.values(), ids=CASES)
def test_results_are_as_recorded(
    settings: SamplerSettings,
    prediction: str,
    golden: Callable[[str, NDArray[np.float32]], NDArray[np.float32]],
    request: pytest.FixtureRequest,
) -> None:
    noise = SampleNoise(7, [b"photo"], 2, (2, 4, 4))

    x_0 = sample(wavy, noise.start(), cosine(20), noise, settings, prediction=prediction)

    assert x_0.dtype == np.float32
    case = request.node.callspec.id
    np.testing.assert_allclose(x_0, golden(f"sampler-{case}", x_0), rtol=1e-4, atol=1e-4)
