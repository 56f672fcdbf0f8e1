"""The peers have in common a network, a working size, and a loop that draws ab."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Peer:
    """A peer's way from L to ab, eager PyTorch in float32.

    Attributes:
        name: Its name on the page.
        size: The side in pixels of the square that its network sees, to which photos are squashed.
        steps: The number of rounds of its sampling loop for one colouring.
        parameters: The number of parameters of all its networks.
        gflop: The operations of one colouring in 10^9, as `FlopCounterMode` counts them:
            convolutions and matrix products, two for each product that is added up.
        draw: (L, steps) -> ab. L is (1, 1, size, size) in 0..100, steps are the first rounds of the
            loop, and ab is (1, 2, size, size) in Lab units.
    """

    name: str
    size: int
    steps: int
    parameters: int
    gflop: float
    draw: Callable[[Tensor, int], Tensor]


def ancestral(
    predict: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    betas: NDArray[np.float64],
    steps: int,
    clamp: float | None,
) -> Tensor:
    """Denoise x_T by the sampler of DDPM with the posterior's variance.

    Notation (Ho et al. 2020, equations 6, 7 and 15): x -> x_t, eps -> eps_theta, gamma ->
    alpha-bar_t, before -> alpha-bar_{t-1}.

    Args:
        predict: (x_t, t) -> eps, t (1,) int64 counted from 0.
        x: x_T, (1, 2, h, w).
        betas: (T,) float64.
        steps: The number of rounds to do, from t = T - 1 down.
        clamp: The bound on the estimate of x_0, if there is one.
    """
    gammas = (1 - torch.from_numpy(betas)).cumprod(0)
    for t in reversed(range(len(betas) - steps, len(betas))):
        beta, gamma = float(betas[t]), float(gammas[t])
        before = float(gammas[t - 1]) if t else 1.0
        eps = predict(x, torch.tensor([t]))
        x_0 = (x - (1 - gamma) ** 0.5 * eps) / gamma**0.5
        if clamp is not None:
            x_0 = x_0.clamp(-clamp, clamp)
        of_x_0, of_x = beta * before**0.5, (1 - before) * (1 - beta) ** 0.5
        x = (of_x_0 * x_0 + of_x * x) / (1 - gamma)
        if t:
            variance = beta * (1 - before) / (1 - gamma)
            x = x + variance**0.5 * torch.randn_like(x)
    return x


def randomise_zeros(network: nn.Module) -> None:
    """Give the zero-initialised layers weights, so that no runtime can leave them out."""
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d) and not module.weight.any():
            module.reset_parameters()


def count_parameters(network: nn.Module) -> int:
    """Count the parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_gflop(run: Callable[[], object]) -> float:
    """Count the operations of a call of PyTorch networks in 10^9."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops()) / 1e9
