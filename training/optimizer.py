"""One step of AdamW by the recipe: rate, gradient, clipping. Any objective takes it."""

from collections.abc import Sequence
from math import cos, pi

import torch
from torch import Tensor, nn

from colorize_cli.errors import UsageError

from .recipe_tables import OptimTable


def learning_rate(optim: OptimTable, step: int) -> float:
    """Factor on the peak rate: linear warm-up, a plateau, cosine decay to zero at the end."""
    if step < optim.warmup:
        return (step + 1) / optim.warmup
    done = step / optim.steps
    if done <= optim.decay_from:
        return 1.0
    return 0.5 * (1 + cos(pi * min(1.0, (done - optim.decay_from) / (1 - optim.decay_from))))


def adamw(
    optim: OptimTable, groups: Sequence[tuple[Sequence[nn.Parameter], float]]
) -> torch.optim.AdamW:
    """Make an optimizer of groups of parameters, each with a factor on the rate."""
    return torch.optim.AdamW(
        [{"params": list(parameters), "scale": scale} for parameters, scale in groups],
        lr=optim.lr,
        betas=(0.9, optim.beta2),
        weight_decay=optim.weight_decay,
        fused=True,
    )


def descend(
    optimizer: torch.optim.Optimizer,
    loss: Tensor,
    network: nn.Module,
    optim: OptimTable,
    step: int,
) -> None:
    """Lower a loss by one step.

    Args:
        optimizer: of `adamw`.
        loss: a scalar.
        network: whose gradient's norm is clipped.
        optim: the recipe's.
        step: steps that were taken before.

    Raises:
        UsageError: the gradient is not finite.
    """
    for group in optimizer.param_groups:
        group["lr"] = optim.lr * group["scale"] * learning_rate(optim, step)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(network.parameters(), optim.clip)
    if not torch.isfinite(norm):
        raise UsageError(
            f"The gradient of step {step} is not finite. Go on from the last save with "
            "--resume and a lower rate: --set optim.lr=..."
        )
    optimizer.step()
