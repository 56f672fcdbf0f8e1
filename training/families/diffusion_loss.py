"""The forward process of diffusion and the training loss, with a continuous noise level.

The notation is that of `colorize_cli.diffusion.sampler`; the continuous gamma is from Saharia et
al. 2022 (Palette), v from Salimans and Ho 2022.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from colorize_cli.diffusion.schedule import cosine_gamma, linear_350, tutorial_20

# What `moments` gives of x_0, by which the error of its mean over many batches is known.
MOMENTS = ("x_0_a", "x_0_b", "x_0_square")
_CLEANEST = (
    1e-4  # of the noise's share of a row; below it an error of x_0 would count without bound
)


def draw_gammas(schedule: str, count: int, rng: Generator) -> NDArray[np.float32]:
    """Draw noise levels: (count,) float32 in 0..1.

    "cosine": t uniform over 0..1, stratified, so that every batch sees the whole range.
    "tutorial-20": Palette's: a step t of 2..T, gamma uniform in gamma_{t-1}..gamma_t.
    "linear-350": Color-diffusion's: a step t of 1..T.
    """
    if schedule == "linear-350":
        levels = linear_350().gammas
        return levels[rng.integers(1, len(levels), count)].astype(np.float32)
    if schedule == "cosine":
        t = (rng.permutation(count) + rng.random(count)) / count
        return cosine_gamma(t).astype(np.float32)
    gammas = tutorial_20().gammas
    step = rng.integers(2, len(gammas), count)
    return rng.uniform(gammas[step], gammas[step - 1]).astype(np.float32)


def q_sample(x_0: Tensor, gamma: Tensor, eps: Tensor) -> Tensor:
    """Noise x_0 (N, 2, h, w) to the level gamma (N,): DDPM, eq. 4."""
    g = gamma[:, None, None, None]
    return g.sqrt() * x_0 + (1 - g).sqrt() * eps


def target(prediction: str, x_0: Tensor, gamma: Tensor, eps: Tensor) -> Tensor:
    """Return what the network has to predict, in the shape of x_0."""
    if prediction == "v":
        g = gamma[:, None, None, None]
        return g.sqrt() * eps - (1 - g).sqrt() * x_0
    return eps if prediction == "eps" else x_0


def per_row_loss(predicted: Tensor, wanted: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Mean squared error of each row: (N, 2, h, w) twice -> (N,), cells weighed (N, 1, h, w)."""
    return ((predicted.float() - wanted).square() * weight).mean(dim=(1, 2, 3))


def chroma_weight(x_0: Tensor, amount: float) -> Tensor:
    """Weigh cells by the truth's chroma: (N, 2, h, w) -> (N, 1, h, w), up to their mean.

    Where colours are open the least error is a compromise, which is paler than any of them. A
    weight of 1 + amount * chroma draws it to the colourful ones. Zhang et al. 2016, section 2.2,
    do the same to a classifier, by how rare a colour is.
    """
    return 1 + amount * x_0.norm(dim=1, keepdim=True)


def row_weight(gamma: Tensor, limit: float) -> Tensor:
    """Weigh rows (N,) by noise level so that their x_0 error counts at most `limit` times: 0..1.

    Under v-prediction the error of x_0 counts SNR + 1 = 1 / (1 - gamma) times: without bound where
    hardly anything is left to decide. The limit is in the spirit of min-SNR (Hang et al. 2023),
    whose own weight would forget the last levels, where colours are chosen.
    """
    return (limit * (1 - gamma)).clamp(max=1.0)


def error_of_v(prediction: str, gamma: Tensor) -> Tensor:
    """Factor (N,) that takes the squared error of a prediction to that of v (Salimans and Ho)."""
    if prediction == "v":
        return torch.ones_like(gamma)
    return 1 / (gamma if prediction == "eps" else 1 - gamma)


def moments(x_0: Tensor) -> dict[str, Tensor]:
    """Give the means of a, b and the square of each row of x_0 (N, 2, h, w): (N,) by `MOMENTS`."""
    a, b = x_0.mean(dim=(2, 3)).unbind(1)
    return dict(zip(MOMENTS, (a, b, x_0.square().mean(dim=(1, 2, 3))), strict=True))


def loss_of_mean(prediction: str, rows: Mapping[str, Tensor], gamma: Tensor) -> Tensor:
    """Give the loss of rows, (N,), for who gives every photo the mean, whichever mean is less off.

    That of x_0, the mean colour: an error e of it is one of e sqrt(gamma / (1 - gamma)) of eps and
    e / sqrt(1 - gamma) of v. Or that of what has to be predicted: it is off by its own spread.

    Args:
        prediction: what the network predicts.
        rows: `moments` of them.
        gamma: (N,).
    """
    a, b, square = (rows[name].float() for name in MOMENTS)
    error = square - a.mean() * a - b.mean() * b + (a.mean() ** 2 + b.mean() ** 2) / 2
    noise = (1 - gamma).clamp(min=_CLEANEST)
    of_colour = error / (noise * error_of_v(prediction, 1 - noise))
    spread = {"v": gamma + noise * error, "eps": torch.ones_like(error), "x_0": error}
    return torch.minimum(of_colour, spread[prediction])


def gaussian(shape: tuple[int, ...], rng: Generator, device: torch.device) -> Tensor:
    """Draw standard normal noise, the same for the same generator on one kind of device.

    On the CPU NumPy draws it, the same everywhere; other devices draw their own, since a step
    would wait for millions of values from the CPU.
    """
    if device.type == "cpu":
        return torch.from_numpy(rng.standard_normal(shape, np.float32))
    own = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    return torch.randn(shape, generator=own, device=device)
