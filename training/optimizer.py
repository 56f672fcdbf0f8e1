"""AdamW by the recipe: groups, rate, clipping. Any objective takes it."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from colorize_cli.errors import UsageError

from .recipe_tables import OptimTable


def adamw(
    optim: OptimTable, groups: Sequence[tuple[Sequence[nn.Parameter], float]]
) -> torch.optim.AdamW:
    """Make an optimizer of groups of parameters, each with a factor on the rate."""
    return torch.optim.AdamW(
        [{"params": list(parameters), "peak": optim.lr * scale} for parameters, scale in groups],
        lr=optim.lr,
        betas=(0.9, optim.beta2),
        weight_decay=optim.weight_decay,
        fused=True,
    )


def set_rate(optimizers: Iterable[torch.optim.Optimizer], factor: float) -> None:
    """Set the rate of every group of `adamw` to a factor on its peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor


def descend(
    optimizer: torch.optim.AdamW, loss: Tensor, network: nn.Module, optim: OptimTable
) -> None:
    """Lower a loss by one step, or leave the weights alone where the gradient is not finite.

    The device is not waited for: `check_gradients` tells later whether steps were left out.

    Args:
        optimizer: of `adamw`.
        loss: a scalar.
        network: whose gradient's norm is clipped.
        optim: the recipe's.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(network.parameters(), optim.clip)
    lost = (~torch.isfinite(norm)).float()
    optimizer.found_inf = lost  # type: ignore[attr-defined]  # what GradScaler tells it, too
    optimizer.step()
    group = optimizer.param_groups[0]
    group["lost"] = group.get("lost", 0) + lost


def check_gradients(optimizers: Iterable[torch.optim.Optimizer]) -> None:
    """Look back at the steps of `descend`; it waits for the device.

    Raises:
        UsageError: a gradient was not finite.
    """
    lost = sum(float(optimizer.param_groups[0].get("lost", 0)) for optimizer in optimizers)
    if lost:
        raise UsageError(
            f"{lost:.0f} gradients were not finite. Go on from the last save with --resume and a "
            "lower rate: --set optim.lr=..."
        )
