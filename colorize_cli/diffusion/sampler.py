"""Sampling: from noise to x_0 in T steps. Every sampler is a plain function over a denoiser.

Every scalar is computed before the loop, as a Python float, which leaves float32 arrays float32.

Notation, with s = t - 1:

    gamma_t            alpha-bar_t of Ho et al. 2020 (DDPM); alpha_t of Song et al. 2021 (DDIM)
    alpha, beta        alpha_t = gamma_t / gamma_s and beta_t = 1 - alpha_t of DDPM
    x_0                the estimate of the clean picture at step t
    v                  sqrt(gamma) eps - sqrt(1 - gamma) x_0 (Salimans & Ho 2022)
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from .noise import Float
from .schedule import Schedule

Prediction: TypeAlias = Literal["eps", "v", "x_0"]
Method: TypeAlias = Literal["ddpm", "ddim", "dpm"]
Variance: TypeAlias = Literal["posterior", "beta"]
# All arrays are (N, 2, h, w) unless said otherwise.
Denoise: TypeAlias = Callable[[Float, int], Float]
Noise: TypeAlias = Callable[[int], Float]


@dataclass(frozen=True)
class Clamp:
    """Bound on the estimate of x_0.

    "static" clips to -limit..limit. "dynamic" clips each sample to the percentile of its |x_0|
    where that exceeds the limit, and rescales to -limit..limit (Saharia et al. 2022, "Imagen",
    section 2.3, where limit = 1).
    """

    kind: Literal["static", "dynamic"]
    limit: float  # in the units of x_0 (ab / ab_scale)
    percentile: float = 99.5  # of "dynamic", in 0..100

    def __post_init__(self) -> None:
        if self.kind not in ("static", "dynamic"):
            raise ValueError(f"clamp must be 'static' or 'dynamic', not {self.kind!r}")
        if not self.limit > 0 or not 0 < self.percentile <= 100:
            raise ValueError("a clamp needs limit > 0 and 0 < percentile <= 100")


@dataclass(frozen=True)
class SamplerSettings:
    """How a bundle is sampled. A value that makes no sense raises ValueError."""

    method: Method = "ddim"  # a name in `SAMPLERS`
    eta: float = 1.0  # randomness of "ddim": 0 is deterministic, 1 is "ddpm" with "posterior"
    variance: Variance = "posterior"  # of "ddpm", one of the two choices of DDPM, section 3.2
    clamp: Clamp | None = None  # a step is taken from the clamped x_0
    # The factor on x_T and all noise: below 1, samples are more typical and less diverse
    # (cf. Kingma & Dhariwal 2018, "Glow", section 6).
    temperature: float = 1.0
    # The factors on the ab that comes out, of sample 0, 1, ..., over and over.
    gains: tuple[float, ...] = (1.0,)
    # The share of what a Gaussian of one cell takes away that is added to the ab that comes out.
    sharpness: float = 0.0

    def __post_init__(self) -> None:
        if self.method not in get_args(Method) or self.variance not in get_args(Variance):
            raise ValueError(f"unknown sampler: method {self.method!r}, variance {self.variance!r}")
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta must lie in 0..1, not {self.eta}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be positive, not {self.temperature}")
        if not self.gains or not min(self.gains) > 0:
            raise ValueError(f"gains must be positive, one at least, not {list(self.gains)}")
        if not self.sharpness >= 0:
            raise ValueError(f"sharpness must be at least 0, not {self.sharpness}")


class Step(NamedTuple):
    """A step to x_s = on_x_0 x_0 + on_x_t x_t + sigma z, z standard normal; sigma is tempered."""

    on_x_0: float
    on_x_t: float
    sigma: float


def sample(
    predict: Callable[[Float, Float], Float],
    x_T: Float,
    schedule: Schedule,
    noise: Noise,
    settings: SamplerSettings,
    *,
    prediction: Prediction = "v",
    on_step: Callable[[int, Float, Float], None] | None = None,
) -> Float:
    """Take x_T along the schedule to x_0 with the sampler that the settings name.

    Args:
        predict: The network, (x_t, gamma) -> prediction; gamma, (N,), is each sample's noise level.
        x_T: Standard normal.
        schedule: The noise levels to visit.
        noise: Gives the standard normal that is added on the way from t to t - 1. It is asked for
            t = T .. 2, and only where the step is random.
        settings: How to sample. The gains and the sharpness are the caller's.
        prediction: What the network predicts.
        on_step: Called with t, x_t and x_0 at each step. What it raises is passed on.

    Returns:
        x_0, the estimate of the last step; no noise is added to it.

    Raises:
        ValueError: As in `x_0_factors`, at gamma_T.
    """
    gammas = schedule.gammas.tolist()
    x_0_factors(gammas[-1], prediction)

    def denoise(x_t: Float, t: int) -> Float:
        predicted = predict(x_t, np.full(len(x_T), gammas[t], x_T.dtype))
        x_0 = predict_x_0(x_t, predicted, gammas[t], prediction)
        if settings.clamp is not None:
            x_0 = clamp_x_0(x_0, settings.clamp)
        if on_step is not None:
            on_step(t, x_t, x_0)
        return x_0

    start = x_T * settings.temperature
    return SAMPLERS[settings.method](denoise, start, schedule, noise, settings)


def sample_ddim(
    denoise: Denoise, x_T: Float, schedule: Schedule, noise: Noise, settings: SamplerSettings
) -> Float:
    """Sample by DDIM (Song et al. 2021, eq. 12), with `settings.eta` times the noise of DDPM.

    The arguments are those of `sample`, but `denoise` is (x_t, t) -> x_0, and x_T has the
    temperature in it.
    """
    return _walk(denoise, x_T, ddim_steps(schedule, settings), noise)


def sample_ddpm(
    denoise: Denoise, x_T: Float, schedule: Schedule, noise: Noise, settings: SamplerSettings
) -> Float:
    """Sample by DDPM (Ho et al. 2020, algorithm 2); the arguments are those of `sample_ddim`."""
    return _walk(denoise, x_T, ddpm_steps(schedule, settings), noise)


def sample_dpm(
    denoise: Denoise, x_T: Float, schedule: Schedule, noise: Noise, settings: SamplerSettings
) -> Float:
    """Sample by DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), like `sample_ddim`.

    It is DDIM without noise, but of second order: x_0 is carried on by how it moved in the step
    before. The last step, whose log-SNR has no end, is of first order.
    """
    steps = list(ddim_steps(schedule, SamplerSettings(eta=0.0)))
    gammas = schedule.gammas[1:]
    with np.errstate(divide="ignore"):  # a step away from pure noise has no end
        half_log_snr = np.log(gammas / (1 - gammas)) / 2  # lambda of t = 1 .. T
    lengths = -np.diff(half_log_snr)  # of the step from t + 1 to t
    x_t, before = x_T, x_T
    for t, (on_x_0, on_x_t, _) in reversed(list(enumerate(steps, start=1))):
        x_0 = denoise(x_t, t)
        ahead = x_0
        if 1 < t < len(steps):
            ahead = x_0 + float(lengths[t - 2] / (2 * lengths[t - 1])) * (x_0 - before)
        x_t, before = on_x_0 * ahead + on_x_t * x_t, x_0
    return x_0


SAMPLERS = {"ddim": sample_ddim, "ddpm": sample_ddpm, "dpm": sample_dpm}


def _walk(denoise: Denoise, x_t: Float, steps: Iterable[Step], noise: Noise) -> Float:
    for t, (on_x_0, on_x_t, sigma) in reversed(list(enumerate(steps, start=1))):
        x_0 = denoise(x_t, t)
        x_t = on_x_0 * x_0 + on_x_t * x_t
        if sigma > 0:
            x_t = x_t + sigma * noise(t)
    return x_0


def ddim_steps(schedule: Schedule, settings: SamplerSettings) -> Iterator[Step]:
    """Give the T steps of DDIM, from t = 1 on; that first one gives x_0 itself."""
    for gamma_s, gamma_t in pairwise(schedule.gammas.tolist()):
        sigma = settings.eta * sqrt(_posterior_variance(gamma_s, gamma_t))  # DDIM, eq. 16
        # eps = (x_t - sqrt(gamma_t) x_0) / sqrt(1 - gamma_t), put into DDIM, eq. 12
        on_x_t = sqrt(max(1 - gamma_s - sigma**2, 0.0) / (1 - gamma_t))
        on_x_0 = sqrt(gamma_s) - on_x_t * sqrt(gamma_t)
        yield Step(on_x_0, on_x_t, sigma * settings.temperature)


def ddpm_steps(schedule: Schedule, settings: SamplerSettings) -> Iterator[Step]:
    """Give the T steps of DDPM, like `ddim_steps`, with the variance that the settings name."""
    for gamma_s, gamma_t in pairwise(schedule.gammas.tolist()):
        alpha = gamma_t / gamma_s
        beta = 1 - alpha
        # The mean of DDPM, eq. 7.
        on_x_0 = sqrt(gamma_s) * beta / (1 - gamma_t)
        on_x_t = sqrt(alpha) * (1 - gamma_s) / (1 - gamma_t)
        is_beta = settings.variance == "beta" and gamma_s < 1
        sigma = sqrt(beta if is_beta else _posterior_variance(gamma_s, gamma_t))
        yield Step(on_x_0, on_x_t, sigma * settings.temperature)


# Those whose step looks at x_t and x_0 alone.
STEPS = {"ddim": ddim_steps, "ddpm": ddpm_steps}


def _posterior_variance(gamma_s: float, gamma_t: float) -> float:
    return (1 - gamma_t / gamma_s) * (1 - gamma_s) / (1 - gamma_t)  # DDPM, eq. 7


def x_0_factors(gamma: float, prediction: Prediction) -> tuple[float, float, float]:
    """Give p, q and r of x_0 = (p x_t + q predicted) / r at a noise level.

    ValueError is raised where the prediction is unknown, or eps with gamma = 0.
    """
    if prediction == "x_0":
        return 0.0, 1.0, 1.0
    if prediction == "v":
        return sqrt(gamma), -sqrt(1 - gamma), 1.0
    if prediction != "eps":
        raise ValueError(f"prediction must be 'eps', 'v' or 'x_0', not {prediction!r}")
    if gamma == 0:
        raise ValueError("eps-prediction cannot start at gamma = 0: use v or x_0, or gamma > 0")
    return 1.0, -sqrt(1 - gamma), sqrt(gamma)


def predict_x_0(x_t: Float, predicted: Float, gamma: float, prediction: Prediction) -> Float:
    """Read the estimate of x_0 out of what the network predicts; all arrays have one shape."""
    p, q, r = x_0_factors(gamma, prediction)
    x_0 = p * x_t + q * predicted
    x_0 /= r
    return x_0


def clamp_x_0(x_0: Float, clamp: Clamp) -> Float:
    """Bound x_0, (N, ...), as `clamp` says; dynamic limits are each sample's own."""
    if clamp.kind == "static":
        return x_0.clip(-clamp.limit, clamp.limit)
    magnitude = np.sort(abs(x_0).reshape(len(x_0), -1))
    # np.quantile interpolates from the nearer neighbour, which rounds otherwise.
    position = clamp.percentile / 100 * (magnitude.shape[1] - 1)
    low = int(position)
    below, above = magnitude[:, low], magnitude[:, min(low + 1, magnitude.shape[1] - 1)]
    threshold = below + (position - low) * (above - below)
    threshold = threshold.clip(clamp.limit).reshape([-1] + [1] * (x_0.ndim - 1))
    return np.asarray(x_0.clip(-threshold, threshold) * (clamp.limit / threshold))
