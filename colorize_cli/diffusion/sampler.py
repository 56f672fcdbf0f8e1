"""Sampling: from noise to x_0 in T steps, a plain function over a denoiser.

It uses only what NumPy arrays and PyTorch tensors share, so that training's pictures, export's
parity check and the command line run the same code. Every scalar is a float64 computed before
the loop and handed over as a Python float, which leaves float32 arrays float32.

Notation, with s = t - 1:

    gamma_t            alpha-bar_t of Ho et al. 2020 (DDPM); alpha_t of Song et al. 2021 (DDIM)
    alpha, beta        alpha_t = gamma_t / gamma_s and beta_t = 1 - alpha_t of DDPM
    x_0                the estimate of the clean picture at step t
    v                  sqrt(gamma) eps - sqrt(1 - gamma) x_0 (Salimans & Ho 2022)
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any, Literal, TypeAlias

from .schedule import Schedule

Array: TypeAlias = Any  # NDArray or torch.Tensor, (N, 2, h, w) float32 unless said otherwise
Prediction: TypeAlias = Literal["eps", "v", "x_0"]
Method: TypeAlias = Literal["ddpm", "ddim"]
Variance: TypeAlias = Literal["posterior", "beta"]


@dataclass(frozen=True)
class Clamp:
    """Bound on the estimate of x_0.

    Attributes:
        kind: "static" clips to -limit..limit. "dynamic" clips each sample to the given
            percentile of its |x_0| where that exceeds `limit`, and rescales to -limit..limit
            (Saharia et al. 2022, "Imagen", section 2.3, where limit = 1).
        limit: in the units of x_0 (ab / ab_scale).
        percentile: for "dynamic", in 0..100.
    """

    kind: Literal["static", "dynamic"]
    limit: float
    percentile: float = 99.5

    def __post_init__(self) -> None:
        if self.kind not in ("static", "dynamic"):
            raise ValueError(f"clamp must be 'static' or 'dynamic', not {self.kind!r}")
        if not self.limit > 0 or not 0 < self.percentile <= 100:
            raise ValueError("a clamp needs limit > 0 and 0 < percentile <= 100")


@dataclass(frozen=True)
class SamplerSettings:
    """How a bundle is sampled.

    Attributes:
        method: as `sample` takes it, like `eta`, `variance`, `clamp` and `temperature`.
        gains: factors on the ab that comes out, of sample 0, 1, ..., over and over. Above 1 for a
            network that paints paler than the photos it learned from, as all do that have seen few
            samples; several, for a photo leaves open how colourful the scene was.
        sharpness: how much of what a Gaussian of one cell takes away is added to the ab that comes
            out (unsharp masking): networks draw the edges of colours softer than the grid allows.
    """

    method: Method = "ddim"
    eta: float = 1.0
    variance: Variance = "posterior"
    clamp: Clamp | None = None
    temperature: float = 1.0
    gains: tuple[float, ...] = (1.0,)
    sharpness: float = 0.0


def sample(
    denoise: Callable[[Array, Array], Array],
    x_T: Array,
    schedule: Schedule,
    noise: Callable[[int], Array],
    *,
    prediction: Prediction = "v",
    method: Method = "ddim",
    eta: float = 1.0,
    variance: Variance = "posterior",
    clamp: Clamp | None = None,
    temperature: float = 1.0,
    callback: Callable[[int, Array, Array], None] | None = None,
) -> Array:
    """Denoise x_T along the schedule.

    Args:
        denoise: (x_t, gamma) -> prediction; gamma is (N,), the noise level of each sample.
        x_T: (N, 2, h, w) standard normal.
        schedule: noise levels to visit.
        noise: t -> standard normal like x_T, added on the way from t to t - 1; asked for
            t = T .. 2, and only where the step is random.
        prediction: what the network predicts.
        method: "ddpm" (DDPM, algorithm 2) or "ddim" (DDIM, eq. 12).
        eta: randomness of "ddim": 0 is deterministic, 1 is "ddpm" with the posterior variance.
        variance: of "ddpm": "posterior" or "beta", the two choices of DDPM, section 3.2.
        clamp: bound on x_0; the step is taken from the clamped x_0.
        temperature: factor on x_T and on all noise. Below 1 the samples are more typical and less
            diverse (cf. Kingma & Dhariwal 2018, "Glow", section 6).
        callback: (t, x_t, x_0) before each step.

    Returns:
        x_0, (N, 2, h, w): the estimate of the last step; no noise is added to it.

    Raises:
        ValueError: unknown setting, or eps-prediction with gamma_T = 0, which says nothing
            about x_0.
    """
    if prediction == "eps" and schedule.gammas[-1] == 0:
        raise ValueError("eps-prediction cannot start at gamma = 0: use v or x_0, or gamma > 0")
    gammas = schedule.gammas.tolist()
    steps = step_coefficients(schedule, method, eta, variance)
    zeros = x_T.reshape(len(x_T), -1)[:, 0] * 0.0  # (N,), of x_T's type and on its device
    x_t = x_T * temperature
    for t in range(schedule.steps, 0, -1):
        x_0 = predict_x_0(x_t, denoise(x_t, zeros + gammas[t]), gammas[t], prediction)
        if clamp is not None:
            x_0 = clamp_x_0(x_0, clamp)
        if callback is not None:
            callback(t, x_t, x_0)
        a, b, sigma = steps[t - 1]
        x_t = a * x_0 + b * x_t
        if sigma > 0:
            x_t = x_t + sigma * temperature * noise(t)
    return x_0


def step_coefficients(
    schedule: Schedule, method: Method = "ddim", eta: float = 1.0, variance: Variance = "posterior"
) -> list[tuple[float, float, float]]:
    """Reduce each step to x_s = a x_0 + b x_t + sigma z, which both methods are.

    Returns:
        T triples (a, b, sigma), entry t - 1 for the step from t; (1, 0, 0) for the last, t = 1.

    Raises:
        ValueError: unknown method or variance, or eta outside 0..1.
    """
    if method not in ("ddpm", "ddim") or variance not in ("posterior", "beta"):
        raise ValueError(f"unknown sampler: method {method!r}, variance {variance!r}")
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must lie in 0..1, not {eta}")
    table = []
    gammas = schedule.gammas.tolist()
    for gamma_s, gamma_t in pairwise(gammas):
        alpha = gamma_t / gamma_s
        beta = 1 - alpha
        posterior = beta * (1 - gamma_s) / (1 - gamma_t)  # DDPM, eq. 7
        if method == "ddpm":
            a = sqrt(gamma_s) * beta / (1 - gamma_t)
            b = sqrt(alpha) * (1 - gamma_s) / (1 - gamma_t)
            sigma = sqrt(beta if variance == "beta" and gamma_s < 1 else posterior)
        else:
            sigma = eta * sqrt(posterior)  # DDIM, eq. 16
            # eps = (x_t - sqrt(gamma_t) x_0) / sqrt(1 - gamma_t), put into DDIM, eq. 12
            b = sqrt(max(1 - gamma_s - sigma**2, 0.0) / (1 - gamma_t))
            a = sqrt(gamma_s) - b * sqrt(gamma_t)
        table.append((a, b, sigma))
    return table


def predict_x_0(x_t: Array, predicted: Array, gamma: float, prediction: Prediction) -> Array:
    """Read the estimate of x_0 out of what the network predicts; arrays of one shape."""
    if prediction == "x_0":
        return predicted
    if prediction == "v":
        return sqrt(gamma) * x_t - sqrt(1 - gamma) * predicted
    if prediction == "eps":
        return (x_t - sqrt(1 - gamma) * predicted) / sqrt(gamma)
    raise ValueError(f"prediction must be 'eps', 'v' or 'x_0', not {prediction!r}")


def clamp_x_0(x_0: Array, clamp: Clamp) -> Array:
    """Bound x_0, (N, ...), as `clamp` says; dynamic limits are each sample's own."""
    if clamp.kind == "static":
        return x_0.clip(-clamp.limit, clamp.limit)
    rows = len(x_0)
    magnitude = abs(x_0).reshape(rows, -1)
    order = magnitude.argsort()
    position = clamp.percentile / 100 * (magnitude.shape[1] - 1)
    low = int(position)
    high = min(low + 1, magnitude.shape[1] - 1)
    every = list(range(rows))
    below, above = magnitude[every, order[:, low]], magnitude[every, order[:, high]]
    threshold = below + (position - low) * (above - below)
    threshold = threshold.clip(clamp.limit).reshape([rows] + [1] * (x_0.ndim - 1))
    return x_0.clip(-threshold, threshold) * (clamp.limit / threshold)
